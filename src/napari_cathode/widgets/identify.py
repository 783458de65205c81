"""Dock widget: find the particles of a tomogram, or do all steps at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtWidgets import QHBoxLayout, QPushButton

from napari_cathode import work
from napari_cathode.errors import InputError
from napari_cathode.identify import IdentifyParameters
from napari_cathode.identify.models import list_models
from napari_cathode.identify.parameters import DEFAULT_MODEL, DEFAULT_MODEL_3D
from napari_cathode.kept_process import KeptProcess
from napari_cathode.parameters import to_dict
from napari_cathode.plugin.finding_steps import Found, iter_find_layer
from napari_cathode.plugin.layers import is_image, prepare_labels, spacing_of, tomogram_of, why_no_image
from napari_cathode.plugin.link import link_of
from napari_cathode.session import ParticleSet, Predictions
from napari_cathode.tomogram import Region, Tomogram
from napari_cathode.words import particles_in_words

from .adjust import Adjust
from .background import Closing, ScratchFolder
from .beforehand import Beforehand
from .diameter_line import DiameterLine
from .docks import FEATURES, FUSE, Docked, open_dock, open_results, open_table
from .flow import FIND, VIEWS, Flow, settled
from .forms import Form
from .job import Job
from .model_choice import ModelFacts
from .parts import (
    BUSY,
    Connections,
    LayerChoice,
    Panel,
    Text,
    add_choice,
    allow,
    choice_box,
    form_layout,
    primary_button,
)
from .preview import PreviewLayer, ShownSlice, shown_slice
from .redrawing import Redrawing
from .region_choice import RegionChoice
from .runner import Runner, Showing
from .time_left import TimeLeft
from .voxel_size import VoxelSize

_METHODS = {
    "stardist2d": "StarDist 2D, by slices",
    "stardist3d": "StarDist 3D",
    "watershed": "grey threshold, watershed",
}
_LOOKS = {"filled areas": (0, "Each particle is filled with its colour."), "outlines": (2, "The image stays visible.")}
_EMPTY = (
    "Open a tomogram first: drop a TIFF stack, an HDF5 file or a folder of slices onto the window, "
    "or take one from File ▸ Open Sample ▸ Cathode."
)


class IdentifyWidget(Docked, Panel):
    """Choose an image, say how large its voxels are, find its particles."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._link = link_of(napari_viewer)
        self._kept = KeptProcess()
        self.destroyed.connect(Closing(self._kept))
        self.image = LayerChoice(self._viewer, is_image)
        self.voxel_size = VoxelSize(self._viewer)
        self.views = choice_box()
        self.region = RegionChoice(self._viewer)
        other = {"": "the same as for xy"} | {name: name for name in _models(2)}
        offered = {"model": _models(2), "model_xz": other, "model_yz": other, "model_3d": _models(3)}
        self.form = Form(IdentifyParameters, choices={"method": _METHODS, **offered})
        self.model_facts = {
            method: ModelFacts(self.form.field(name).editor, dimensions)
            for method, name, dimensions in (("stardist2d", "model", 2), ("stardist3d", "model_3d", 3))
        }
        self.line = DiameterLine(self._viewer, self._measurable)
        self.before = Beforehand(self._kept)
        self.preview_button = QPushButton("Preview slice")
        self.preview_button.setToolTip(
            "<p>Finds the particles of the slice shown, along whichever axis, to try the settings out.</p>"
        )
        self.button = primary_button("Find particles", "Finds the particles in each slice of the chosen views.")
        self.all_button = QPushButton("Run all steps")
        self.all_button.setToolTip(
            "Finds, fuses, measures and explains the particles, with default settings after this."
        )
        self.next_button = QPushButton()
        self._open_next: Callable[[], Any] = lambda: None
        self.runner = Runner(self._link.session)
        self.flow = Flow(self, self._viewer, self._link, self.runner, self._kept)
        self.preview = PreviewLayer(self._viewer)
        self.adjust = Adjust()
        self.look = choice_box()
        for text, (contour, tip) in _LOOKS.items():
            add_choice(self.look, text, contour, tip)
        self._results: list[Any] = []
        self._redrawing = Redrawing(self._link, self.runner, self.adjust)
        self._empty = Text()
        self._size = Text()
        self._lay_out()
        self.align_labels()
        self._connect()
        self._on_image(self.image.layer)
        self._on_method()

    def _connect(self) -> None:
        self.image.layer_changed.connect(self._on_image)
        self.form.field("method").changed.connect(self._on_method)
        for signal in (self.form.changed, self.views.currentIndexChanged, self.region.currentIndexChanged):
            signal.connect(lambda *_: self._look_ahead())
        for facts in self.model_facts.values():
            facts.refused.connect(self._on_refused)
        self.model_facts["stardist2d"].opened.connect(self._offer_for_views)
        self.line.measured.connect(self._on_measured)
        self.preview_button.clicked.connect(self.show_preview)
        self.button.clicked.connect(self.identify)
        self.all_button.clicked.connect(self.run_all)
        self.flow.measured.connect(lambda: open_table(self._viewer))  # with it the key to the colours
        self.flow.completed.connect(self._on_all_done)
        self.flow.changed.connect(self._refresh)
        self.next_button.clicked.connect(lambda: self._open_next())
        self.look.currentIndexChanged.connect(self._on_look)
        self.adjust.changed.connect(self._on_adjusted)
        self.runner.started.connect(self._refresh)
        self.runner.finished.connect(self._refresh)
        self.runner.finished.connect(self._look_ahead)
        self._connections = Connections(self)
        self._connections.connect(self._link.session.models_changed, self._offer_new_models)
        self._connections.connect(self._link.session.running_changed, self._refresh)
        for signal in (self._viewer.layers.events.inserted, self._viewer.layers.events.removed):
            self._connections.connect(signal, self._say_why_none)

    def _offer_new_models(self) -> None:
        """Add models that came since the panel was opened."""
        for field in ("model", "model_xz", "model_yz"):
            box = self.form.field(field).editor
            for name in _models(2):
                if box.findData(name) < 0:
                    box.addItem(name, name)

    def _offer_for_views(self, name: str, folder: str) -> None:
        """Offer a folder that was opened for the other views too."""
        for field in ("model_xz", "model_yz"):
            box = self.form.field(field).editor
            if box.findData(folder) < 0:
                box.addItem(f"{name} (folder)", folder)

    def _lay_out(self) -> None:
        form = form_layout()
        form.addRow("Tomogram", self.image)
        form.addRow("", self._size)
        form.addRow("Voxel size", self.voxel_size)
        form.addRow("Look in", self.views)
        form.addRow("Region", self.region)
        self.column.addWidget(self._empty)
        self.column.addLayout(form)
        self.column.addWidget(self.form)
        for facts in self.model_facts.values():
            self.column.addWidget(facts)
        self.form.field("diameter_um").layout().addWidget(self.line)
        self.column.addWidget(self.before)
        buttons = QHBoxLayout()
        buttons.addWidget(self.preview_button, 1)
        buttons.addWidget(self.button, 1)
        self.column.addLayout(buttons)
        self.column.addWidget(self.all_button)
        self.column.addWidget(self.runner)
        self.column.addWidget(self.next_button)
        self.column.addWidget(self.adjust)
        look = form_layout()
        look.addRow("Show as", self.look)
        self.column.addLayout(look)
        self.column.addStretch(1)
        self.next_button.hide()

    def showEvent(self, event: Any) -> None:
        """Look at the image as soon as somebody looks at the panel."""
        super().showEvent(event)
        self._look_ahead()

    def _on_image(self, layer: Any) -> None:
        self.voxel_size.show_layer(layer)
        self._offer_views()
        self._show_view_models()
        self._say_why_none()
        shape = () if layer is None else tomogram_of(layer).shape[-layer.ndim :]
        self._size.say(" × ".join(map(str, shape)) + (" voxels" if len(shape) == 3 else " pixels") if shape else "")
        self.line.setEnabled(layer is not None)
        self.line.setChecked(False)
        self._refresh()
        self._look_ahead()

    def _say_why_none(self, _event: Any = None) -> None:
        """Say what to open, or what is wrong with what is open, while there is no image to choose."""
        self._empty.say("" if self.image.layer is not None else why_no_image(self._viewer.layers) or _EMPTY)

    def _on_method(self) -> None:
        method = self.form.field("method").value()
        self.form.show_field("model", method == "stardist2d")
        self._show_view_models()
        self.form.show_field("model_3d", method == "stardist3d")
        for name in ("prob_threshold", "nms_threshold"):
            self.form.show_field(name, method != "watershed")
        for name in ("seed_depth", "smallest_share"):
            self.form.show_field(name, method == "watershed")
        for known, facts in self.model_facts.items():
            facts.setVisible(known == method)
        self._offer_views()
        self._refresh()

    def _show_view_models(self) -> None:
        """Other views than xy are there in volumes only."""
        layer = self.image.layer
        shown = self.form.field("method").value() == "stardist2d" and layer is not None and layer.ndim == 3
        for name in ("model_xz", "model_yz"):
            self.form.show_field(name, shown)

    def _offer_views(self) -> None:
        """Offer what the method can look at in the image."""
        layer = self.image.layer
        offered: list[tuple[str, tuple[str, ...], str]] = [("this image", (), "The image is a single slice.")]
        if layer is not None and layer.ndim == 3:
            offered = [("all three views", VIEWS, "Slices across each axis; Fuse views makes 3D particles of them.")]
            offered += [(f"{view} slices", (view,), f"All {view} slices and no others.") for view in VIEWS]
            offered.append(("only the slice shown", (), "The slice in the picture; its particles are kept as such."))
            if self.form.field("method").value() == "stardist3d":
                offered = [("the whole volume", VIEWS, "A 3D network looks at all of it at once.")]
        known = [(self.views.itemText(i), self.views.itemData(i)) for i in range(self.views.count())]
        if [(text, views) for text, views, _ in offered] != known:
            self.views.clear()
            for text, views, tip in offered:
                add_choice(self.views, text, views, tip)

    def _on_refused(self, sentence: str) -> None:
        if sentence:
            self.runner.fail(sentence)
        else:
            self.runner.say("")

    def _refresh(self) -> None:
        layer = self.image.layer
        busy = self.runner.running or bool(self.flow.step)
        obstacles = [(layer is None, "Open a tomogram first."), (busy, BUSY)]
        why = "" if layer is None else self._link.session.why_not(work.FIND, tomogram_of(layer))
        for button in (self.button, self.all_button):
            allow(button, *obstacles, (bool(why), why))
        self.voxel_size.setEnabled(layer is not None and not busy and not why)  # a run goes by what it began with
        in_3d = self.form.field("method").value() == "stardist3d"
        allow(self.preview_button, *obstacles, (in_3d, "A 3D network looks at the whole volume, not at a slice."))
        self.adjust.setEnabled(not self.runner.running)
        self.before.set_running(busy)

    # ---- before a run ------------------------------------------------------------------------------

    def _look_ahead(self) -> None:
        """Estimate time and memory of what is chosen, as far as that is possible."""
        layer = self.image.layer
        if self.runner.running or not self.isVisible():
            return
        spacing = None if layer is None else spacing_of(layer)
        if spacing is None:
            self.before.look(None, None)
            return
        try:
            tomogram, parameters = tomogram_of(layer).with_spacing(spacing), self.form.value()
            planned, views = self._plan(layer, tomogram)
            self.before.look(tomogram, parameters)
            self.before.plan(planned, views)
        except InputError:
            self.before.look(None, None)

    def _plan(self, layer: Any, tomogram: Tomogram) -> tuple[Tomogram, tuple[str, ...]]:
        views, region = self.views.currentData() or (), self.region.region(layer)
        if not views and not tomogram.is_slice:
            shown = shown_slice(self._viewer, layer)
            views, region = (shown.view,), shown.within(region)
        return tomogram.part(region), views or ("xy",)

    def _measurable(self) -> tuple[Any, Any] | None:
        """Give the layer that a line is drawn on, with its voxel size; says why there is none."""
        layer = self.image.layer
        try:
            if layer is None:
                raise InputError("No image is open; open a tomogram first.")
            if self._viewer.dims.ndisplay == 3:
                raise InputError("A diameter is drawn in a slice; leave the 3D display.")
            return layer, self.voxel_size.spacing()
        except InputError as error:
            self.runner.fail(str(error))
            return None

    def _on_measured(self, length_um: float) -> None:
        self.form.field("diameter_um").set_value(length_um)
        self.runner.say(f"The particle diameter is {length_um:.3g} µm.")

    # ---- runs --------------------------------------------------------------------------------------

    def show_preview(self) -> None:
        """Find the particles of the slice that is shown, within the region that is chosen."""
        try:
            layer, tomogram, parameters = self._input()
            shown = shown_slice(self._viewer, layer)
            region = shown.within(self.region.region(layer))
        except InputError as error:
            self.runner.fail(str(error))
            return
        fused = len(self.views.currentData() or ()) > 1
        parameters = self.before.filled_in(tomogram, parameters)
        job = self._job("Preview", tomogram, parameters, (shown.view,), region, fused, None)
        self.runner.start(job, lambda found: self._on_preview(found, layer, region, shown))

    def _on_preview(self, found: Found, layer: Any, region: Region, shown: ShownSlice) -> str:
        prediction = found.views[shown.view]
        self.preview.show(prediction.labels, layer, region, shown, self.look.currentData())
        self.before.tell_notes(prediction.notes)
        self._redrawing.forget()
        self.adjust.show_found(found, prediction.parameters, self.preview.redraw)
        return f"{particles_in_words(_count(prediction.labels))} in {shown.view} slice {shown.index}."

    def identify(self) -> None:
        """Find the particles in the views that are chosen."""
        self.next_button.hide()
        try:
            layer, tomogram, parameters = self._input()
            views, region = self.views.currentData(), self.region.region(layer)
            if not views and not tomogram.is_slice:
                shown = shown_slice(self._viewer, layer)
                if shown.view != "xy":
                    raise InputError(
                        f"The window shows an {shown.view} slice; a single slice is kept as particles in xy only. "
                        "Look at it with Preview slice, or choose all slices of the view."
                    )
                region = shown.within(region)
        except InputError as error:
            self.runner.fail(str(error))
            return
        parameters = self.before.filled_in(tomogram, parameters)
        folder, expected = ScratchFolder(), self.before.expected.get(FIND)
        job = self._job("Find particles", tomogram, parameters, views or ("xy",), region, False, folder.path)
        self.runner.start(
            job,
            lambda found: self._on_found(found, settled(tomogram, region), layer, region, parameters, folder),
            None if expected is None else TimeLeft([expected]),
        )

    def _job(
        self,
        name: str,
        tomogram: Tomogram,
        parameters: Any,
        views: tuple[str, ...],
        region: Region,
        fused: bool,
        folder: Path | None,
    ) -> Job:
        self.before.stop()
        self.line.setChecked(False)
        self.adjust.forget()
        job = Job(name, iter_find_layer, tomogram, parameters, views, region, fused, folder)
        job.on(tomogram, needs=[self.image.layer])
        job.prepare, job.kept = prepare_labels, self._kept
        return job

    def run_all(self) -> None:
        """Do all steps, and show their results."""
        self.next_button.hide()
        try:
            layer, tomogram, parameters = self._input()
            views, region = self.views.currentData(), self.region.region(layer)
            if not views and not tomogram.is_slice:
                raise InputError('All steps need the volume: choose views instead of "only the slice shown".')
            self.before.stop()
            self.adjust.forget()
            self.preview.remove()
            parameters = self.before.filled_in(tomogram, parameters)
            expected = self.before.expected
            self.flow.start(layer, tomogram, parameters, views or ("xy",), region, again=True, expected=expected)
        except InputError as error:
            self.runner.fail(str(error))

    def _input(self) -> tuple[Any, Tomogram, IdentifyParameters]:
        layer = self.image.layer
        if layer is None:
            raise InputError("No image is open; open a tomogram first.")
        parameters = self.form.value()
        spacing = self.voxel_size.spacing()
        return layer, tomogram_of(layer).with_spacing(spacing), parameters

    def _on_found(
        self, found: Found, tomogram: Tomogram, layer: Any, region: Region, parameters: Any, folder: Any
    ) -> Showing:
        self.preview.remove()
        first = tuple(side[0] for side in region)
        prediction = found.volume or next(iter(found.views.values()))
        self.before.tell_notes(getattr(prediction, "notes", ()))
        self._redrawing.keep(found.stored, folder)
        if tomogram.is_slice or found.volume is not None:
            labels = prediction.labels
            how = {"identify": to_dict(prediction.parameters or parameters)}
            particles = ParticleSet(labels, f"{tomogram.name} particles", tomogram.spacing_um, tomogram, provenance=how)
            self._keep_look(self._link.show(particles, layer, first))
            follow = self._redrawing.follow_slice if found.volume is None else self._redrawing.follow_volume
            follow(found, particles, prediction.parameters)
            self._offer("Next: measure the particles", lambda: open_dock(self._viewer, FEATURES))
            count = _count(labels) if found.volume is None else len(found.volume.probability)
            return f"Found {particles_in_words(count)}."
        predictions = Predictions(tomogram.name, dict(found.views), tomogram)
        yield from self._link.views.iter_show(predictions, layer, first)
        for shown in self._link.views.layers(predictions).values():
            self._keep_look(shown)
        yield
        view = self._link.views.look_at(predictions)
        self._redrawing.follow_views(found, predictions, prediction.parameters)
        self._offer("Next: fuse the views", lambda: open_dock(self._viewer, FUSE))
        if len(found.views) == 1:
            return f"Found particles in the {next(iter(found.views))} slices."
        shown = f"; the picture shows those of the {view} slices" if view else ""
        return f"Found particles in {len(found.views)} views{shown}."

    # ---- after a run -------------------------------------------------------------------------------

    def _on_adjusted(self, probability: float, overlap: float) -> None:
        """Take the thresholds into the form, so that the next run uses them."""
        self.form.field("prob_threshold").set_value(probability)
        self.form.field("nms_threshold").set_value(overlap)
        if not self.runner.running:
            self.runner.say("")  # how many there were before; those there are now are counted beside the sliders

    def _keep_look(self, layer: Any) -> None:
        self._results.append(layer)
        layer.contour = self.look.currentData()

    def _on_look(self) -> None:
        """Show what was found as areas or as outlines."""
        self._results = [layer for layer in self._results if layer in self._viewer.layers]
        for layer in [*self._results, self.preview.layer]:
            if layer is not None:
                layer.contour = self.look.currentData()

    def _on_all_done(self) -> None:
        self._offer("Show table and explanation", lambda: open_results(self._viewer))

    def _offer(self, text: str, action: Callable[[], Any]) -> None:
        """Show the button that leads on."""
        self._open_next = action
        self.next_button.setText(text)
        self.next_button.show()


def _count(labels: Any) -> int:
    return len(np.setdiff1d(np.unique(labels), 0))


def _models(dimensions: int) -> list[str]:
    """Give the models on offer; without any the default, which then says what is missing."""
    found = [info.name for info in list_models() if info.dimensions == dimensions]
    return found or [DEFAULT_MODEL if dimensions == 2 else DEFAULT_MODEL_3D]
