"""Dock widget: find the particles of a tomogram, or do all steps at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtWidgets import QHBoxLayout, QPushButton

from napari_cathode.errors import InputError
from napari_cathode.identify import IdentifyParameters, VolumePrediction
from napari_cathode.identify.models import list_models
from napari_cathode.parameters import to_dict
from napari_cathode.plugin.layers import is_image, prepare_labels, tomogram_of
from napari_cathode.plugin.link import link_of
from napari_cathode.plugin.steps import iter_identify_layer
from napari_cathode.session import ParticleSet, Predictions
from napari_cathode.tomogram import Tomogram

from .docks import FEATURES, FUSE, Docked, open_dock, open_results
from .forms import Form
from .job import Job
from .parts import LayerChoice, Panel, Text, choice_box, form_layout, primary_button
from .run_all import all_steps, iter_show
from .runner import Runner, Showing
from .voxel_size import VoxelSize

_METHODS = {
    "stardist2d": "StarDist 2D network, slice by slice",
    "stardist3d": "StarDist 3D network",
    "watershed": "grey threshold, watershed",
}
ALL_VIEWS = ("xy", "xz", "yz")
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
        self.image = LayerChoice(self._viewer, is_image)
        self.voxel_size = VoxelSize(self._viewer)
        self.views = choice_box()
        self.form = Form(IdentifyParameters, choices={"method": _METHODS, "model": _models(2), "model_3d": _models(3)})
        self.button = primary_button("Find particles", "Finds the particles in each slice of the chosen views.")
        self.all_button = QPushButton("Run all steps")
        self.all_button.setToolTip(
            "Finds, fuses, measures and explains the particles, with default settings after this."
        )
        self.next_button = QPushButton()
        self._open_next: Callable[[], Any] = lambda: None
        self.runner = Runner()
        self._empty = Text(_EMPTY)
        self._size = Text()
        self._lay_out()
        self.align_labels()
        self.image.layer_changed.connect(self._on_image)
        self.form.field("method").changed.connect(self._on_method)
        self.button.clicked.connect(self.identify)
        self.all_button.clicked.connect(self.run_all)
        self.next_button.clicked.connect(lambda: self._open_next())
        self.runner.started.connect(self._refresh)
        self.runner.finished.connect(self._refresh)
        self._on_image(self.image.layer)
        self._on_method()

    def _lay_out(self) -> None:
        form = form_layout()
        form.addRow("Tomogram", self.image)
        form.addRow("", self._size)
        form.addRow("Voxel size", self.voxel_size)
        form.addRow("Look in", self.views)
        self.column.addWidget(self._empty)
        self.column.addLayout(form)
        self.column.addWidget(self.form)
        buttons = QHBoxLayout()
        buttons.addWidget(self.button, 2)
        buttons.addWidget(self.all_button, 1)
        self.column.addLayout(buttons)
        self.column.addWidget(self.runner)
        self.column.addWidget(self.next_button)
        self.column.addStretch(1)
        self.next_button.hide()

    def _on_image(self, layer: Any) -> None:
        self.voxel_size.show_layer(layer)
        self._offer_views()
        self._empty.setVisible(layer is None)
        shape = () if layer is None else tomogram_of(layer).shape[-layer.ndim :]
        self._size.say(" × ".join(map(str, shape)) + (" voxels" if len(shape) == 3 else " pixels") if shape else "")
        self._refresh()

    def _on_method(self) -> None:
        method = self.form.field("method").value()
        self.form.show_field("model", method == "stardist2d")
        self.form.show_field("model_3d", method == "stardist3d")
        for name in ("prob_threshold", "nms_threshold"):
            self.form.show_field(name, method != "watershed")
        for name in ("seed_depth", "smallest_share"):
            self.form.show_field(name, method == "watershed")
        self._offer_views()

    def _offer_views(self) -> None:
        """Offer what the method can look at in the image."""
        layer = self.image.layer
        offered: list[tuple[str, tuple[str, ...]]] = [("this image", ())]
        if layer is not None and layer.ndim == 3:
            offered = [("all three views", ALL_VIEWS)]
            offered += [(f"{view} slices", (view,)) for view in ALL_VIEWS]
            offered.append(("only the slice shown", ()))
            if self.form.field("method").value() == "stardist3d":
                offered = [("the whole volume", ALL_VIEWS)]
        if offered != [(self.views.itemText(i), self.views.itemData(i)) for i in range(self.views.count())]:
            self.views.clear()
            for text, views in offered:
                self.views.addItem(text, views)

    def _refresh(self) -> None:
        ready = self.image.layer is not None and not self.runner.running
        self.button.setEnabled(ready)
        self.all_button.setEnabled(ready)

    def identify(self) -> None:
        """Find the particles in the views that are chosen."""
        self.next_button.hide()
        try:
            layer, tomogram, parameters = self._input()
        except InputError as error:
            self.runner.fail(str(error))
            return
        views = self.views.currentData()
        first = 0
        if not views and not tomogram.is_slice:
            tomogram, first = self._shown_slice(layer, tomogram)
        job = Job("Find particles", iter_identify_layer, tomogram, parameters, views or ("xy",))
        job.prepare = prepare_labels
        self.runner.start(job, lambda found: self._on_found(found, tomogram, layer, first, parameters))

    def run_all(self) -> None:
        """Do all steps, and show their results."""
        self.next_button.hide()
        try:
            layer, tomogram, parameters = self._input()
            views = self.views.currentData()
            if not views and not tomogram.is_slice:
                raise InputError('All steps need the volume: choose views instead of "only the slice shown".')
            job = all_steps(tomogram, parameters, views or ("xy",))
        except InputError as error:
            self.runner.fail(str(error))
            return
        self.runner.start(job, lambda outcome: self._on_all_done(layer, tomogram, outcome))

    def _input(self) -> tuple[Any, Tomogram, IdentifyParameters]:
        layer = self.image.layer
        if layer is None:
            raise InputError("No image is open; open a tomogram first.")
        parameters = self.form.value()
        spacing = self.voxel_size.spacing()
        return layer, tomogram_of(layer).with_spacing(spacing), parameters

    def _shown_slice(self, layer: Any, tomogram: Tomogram) -> tuple[Tomogram, int]:
        """Give the slice that the window shows, and its number."""
        point = layer.world_to_data(self._viewer.dims.point)
        first = int(np.clip(round(float(point[-3])), 0, tomogram.shape[0] - 1))
        seen = tomogram.field_of_view
        if seen is not None and seen.shape[0] > 1:
            seen = seen[first : first + 1]
        grey = np.asarray(tomogram.data[first : first + 1])
        return Tomogram(grey, tomogram.spacing_um, f"{tomogram.name} slice {first}", tomogram.source, seen), first

    def _on_found(self, found: Any, tomogram: Tomogram, layer: Any, first: int, parameters: Any) -> Showing:
        if layer not in self._viewer.layers:
            return "The image was closed meanwhile; the result was dropped."
        whole = isinstance(found, VolumePrediction)
        if whole or tomogram.is_slice:
            labels = found.labels if whole else found["xy"].labels
            how = {"identify": to_dict(found.parameters if whole else parameters)}
            particles = ParticleSet(labels, f"{tomogram.name} particles", tomogram.spacing_um, tomogram, provenance=how)
            self._link.show(particles, layer, (first, 0, 0))
            self._offer("Next: measure the particles", lambda: open_dock(self._viewer, FEATURES))
            return f"Found {_count(labels)} particles."
        yield from self._link.iter_show_predictions(Predictions(tomogram.name, dict(found), tomogram), layer)
        self._offer("Next: fuse the views", lambda: open_dock(self._viewer, FUSE))
        return f"Found particles in {_views(found)}; their layers are there, hidden."

    def _on_all_done(self, layer: Any, tomogram: Tomogram, outcome: Any) -> Showing:
        sentence = yield from iter_show(self._link, layer, tomogram, outcome)
        if self._link.session.current is not None:
            self._offer("Show table and explanation", lambda: open_results(self._viewer))
        return sentence

    def _offer(self, text: str, action: Callable[[], Any]) -> None:
        """Show the button that leads on."""
        self._open_next = action
        self.next_button.setText(text)
        self.next_button.show()


def _views(found: dict[str, Any]) -> str:
    return f"the {next(iter(found))} slices" if len(found) == 1 else f"{len(found)} views"


def _count(labels: Any) -> int:
    return len(np.setdiff1d(np.unique(labels), 0))


def _models(dimensions: int) -> list[str]:
    return [info.name for info in list_models() if info.dimensions == dimensions]
