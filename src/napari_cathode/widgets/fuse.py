"""Dock widget: make 3D particles of what the views saw."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

from qtpy.QtWidgets import QHBoxLayout, QPushButton

from napari_cathode import work
from napari_cathode.errors import InputError
from napari_cathode.fuse import FuseParameters
from napari_cathode.kept_process import KeptProcess
from napari_cathode.parameters import to_dict
from napari_cathode.plugin.layers import prepare_labels, shape_of, spacing_of
from napari_cathode.plugin.link import link_of
from napari_cathode.plugin.steps import Fused, iter_compare_layers, iter_fuse_layers
from napari_cathode.session import ParticleSet
from napari_cathode.tomogram import Region
from napari_cathode.whole_run import expect_fusing
from napari_cathode.words import particles_in_words

from .background import Background, Closing
from .docks import FEATURES, Docked, open_dock
from .forecast import Forecast
from .fuse_form import FuseForm
from .job import Job
from .kept_views import KeptViews, box_in_view
from .parts import BUSY, Connections, Panel, Text, allow, primary_button
from .preview import PreviewLayer
from .review import Review
from .runner import Runner
from .view_choices import ViewChoices

_EMPTY = (
    "Particles that were found slice by slice become 3D particles here. Find them first (Identify particles), "
    "or open Labels layers of another tool, one for each view."
)
_NO_VIEW = "Choose above which Labels layer shows the slices of at least one view."
_WORDS = re.compile(r"[\s_·.:-]+")
_VIEW_WORDS = ("xy", "xz", "yz", "slices", "view")
# Settings whose effect shows at once after a run, since what takes time does not depend on them.
_QUICK = ("split_merge", "outline_smoothing", "minimal_diameter_um", "maximal_diameter_um")


@dataclass
class _Shown:
    """What the newest run shows, and with which settings it was made.

    Attributes
    ----------
    particles : ParticleSet or None
        None where it is the preview.
    revision : int
        Of the particles, when they were shown.
    """

    region: Region | None
    parameters: FuseParameters
    particles: ParticleSet | None = None
    revision: int = 0


class FuseWidget(Docked, Panel):
    """Choose a Labels layer for each view; they become one Labels layer of 3D particles."""

    takes_clicks = True

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._link = link_of(napari_viewer)
        self.views = ViewChoices(self._viewer, self._link)
        self.form = FuseForm()
        self.slider = self.form.slider
        self.preview_button = QPushButton("Preview box")
        self.preview_button.setToolTip(
            "<p>Fuses a box of 128 voxels around the middle of the picture only, to try the settings out; it follows "
            "the settings.</p>"
        )
        self.button = primary_button("Fuse views", "Makes 3D particles of the chosen views.")
        self.next_button = QPushButton("Next: measure the particles")
        self.runner = Runner(self._link.session)
        self.preview = PreviewLayer(self._viewer)
        self._process = KeptProcess()
        self.destroyed.connect(Closing(self._process))
        self._kept = KeptViews(self._process)
        self._again = Background(self, finish=True)
        self._newest: _Shown | None = None
        self.review = Review(self._viewer, self._link)
        self._empty = Text(_EMPTY)
        self._no_view = Text(_NO_VIEW)
        self.forecast = Forecast()
        self._lay_out()
        self.align_labels()
        self.button.clicked.connect(self.fuse)
        self.preview_button.clicked.connect(self.show_preview)
        self.next_button.clicked.connect(lambda: open_dock(self._viewer, FEATURES))
        self.review.check_button.clicked.connect(self.check)
        self.form.changed.connect(self._fuse_again)
        self.form.changed.connect(self._expect)
        self.views.changed.connect(self._on_views)
        self.runner.started.connect(self._refresh)
        self.runner.finished.connect(self._refresh)
        self.runner.finished.connect(self._fuse_again)  # settings that were changed meanwhile
        self._connections = Connections(self)
        session = self._link.session
        self._connections.connect(session.predictions_changed, self.views.choose_newest)
        for signal in (session.running_changed, session.current_changed):
            self._connections.connect(signal, self._on_running)
        for signal in (self._viewer.layers.events.inserted, self._viewer.layers.events.removed):
            self._connections.connect(signal, lambda _event: self._refresh())
        self.views.choose_newest()
        self._refresh()

    def _lay_out(self) -> None:
        self.column.addWidget(self._empty)
        self.column.addWidget(self.views)
        self.column.addWidget(self.form)
        buttons = QHBoxLayout()
        buttons.addWidget(self.preview_button, 1)
        buttons.addWidget(self.button, 1)
        self.column.addWidget(self._no_view)
        self.column.addWidget(self.forecast)
        self.column.addLayout(buttons)
        self.column.addWidget(self.runner)
        self.column.addWidget(self.next_button)
        self.column.addWidget(self.review)
        self.column.addStretch(1)
        self.next_button.hide()

    def _on_running(self, _particles: Any = None) -> None:
        self._refresh()

    def _on_views(self) -> None:
        """Leave what is shown as it is: it was not made of these views."""
        self._newest = None
        self._refresh()

    def _refresh(self) -> None:
        self._empty.setVisible(not self.views.chosen() and not self.views.offers_layers())
        chosen, session = bool(self.views.chosen()), self._link.session
        why = session.why_not(work.FUSE, self._tomogram())
        for button in (self.button, self.preview_button):
            allow(button, (not chosen, _NO_VIEW), (self.runner.running, BUSY), (bool(why), why))
        self._no_view.setVisible(not chosen and self.views.offers_layers())
        why = session.why_not(work.COMPARE, session.current)
        allow(self.review.check_button, (self.runner.running, BUSY), (bool(why), why))
        self.review.know_views(bool(self.views.chosen()))
        self._expect()

    def _tomogram(self) -> Any:
        """Give the tomogram whose views are chosen, None where another tool made them."""
        known = (self._link.views.known(layer) for layer in self.views.chosen().values())
        return next((found[0].tomogram for found in known if found is not None), None)

    def _expect(self) -> None:
        """Say what fusing the chosen views takes."""
        layers = self.views.chosen()
        try:
            parameters = self.form.value()
        except InputError:
            layers = {}
        if not layers or self.runner.running:
            self.forecast.tell(None)
            return
        voxels = math.prod(shape_of(next(iter(layers.values()))))
        self.forecast.tell(expect_fusing(voxels, parameters.method, parameters.working_scale))

    # ---- runs ----------------------------------------------------------------------------------------

    def fuse(self) -> None:
        """Fuse the chosen views."""
        self.next_button.hide()
        try:
            layers, parameters = self.views.chosen(), self.form.value()
            job = self._job("Fuse views", layers, None)
        except InputError as error:
            self.runner.fail(str(error))
            return
        like = next(iter(layers.values()))
        known = self._link.views.known(like)
        tomogram = None if known is None else known[0].tomogram
        name = fused_name(layers.values()) if tomogram is None else f"{tomogram.name} particles"
        spacing = spacing_of(like)

        def on_result(fused: Fused) -> str:
            self._kept.on_fused(fused.kept)
            self.preview.remove()
            self._link.views.hide()
            particles = ParticleSet(fused.labels, name, spacing, tomogram, provenance=_how(fused))
            layer = self._link.show(particles, like)
            layer.metadata.update(_how(fused))  # goes with the layer, whoever saves it
            self._link.session.set_agreement(particles, fused.agreement)
            if fused.kept:
                self._newest = _Shown(None, parameters, particles, particles.revision)
            self.next_button.show()
            return f"Made {particles_in_words(_count(fused))} of {len(fused.views)} views."

        self.runner.start(job, on_result)

    def show_preview(self) -> None:
        """Fuse a box around the middle of the picture, and show it as a layer that no step takes for particles."""
        try:
            layers = self.views.chosen()
            spacing = self.views.spacing(layers)
            like = next(iter(layers.values()))
            region, parameters = box_in_view(self._viewer, like, spacing), self.form.value()
            job = self._job("Preview", layers, region)
        except InputError as error:
            self.runner.fail(str(error))
            return

        def on_result(fused: Fused) -> str:
            self._kept.on_fused(fused.kept)
            self._link.views.hide()
            self.preview.show(fused.labels, like, region, None, 0)
            self._newest = _Shown(region, parameters)
            return _previewed(fused)

        self.runner.start(job, on_result)

    def _job(self, name: str, layers: dict[str, Any], region: Region | None) -> Job:
        spacing = self.views.spacing(layers)
        parameters = self.form.value()
        inputs = self.views.inputs(layers)
        self._again.cancel()
        self._newest = None
        job = Job(name, iter_fuse_layers, self._kept.to_fuse(layers, inputs, region), parameters, spacing)
        job.on(self._tomogram(), work.FUSE, layers.values())
        job.prepare, job.kept = prepare_labels, self._process
        return job

    def _fuse_again(self) -> None:
        """Let what the newest run shows follow the settings: a preview all of them, particles those that are quick."""
        shown = self._newest
        if shown is None or self.runner.running or not self._still_there(shown):
            return
        try:
            parameters = self.form.value()
            if parameters == shown.parameters:
                return
            if shown.particles is not None:
                slow = {name: getattr(parameters, name) for name in to_dict(parameters) if name not in _QUICK}
                if replace(shown.parameters, **slow) != shown.parameters:
                    return
                why = self._link.session.why_not(work.REDRAW_PARTICLES, shown.particles)
                if why:
                    self.runner.say(why)
                    return
                if not shown.particles.untouched_since(shown.revision):
                    self.runner.say("These particles were edited, reviewed or measured; Fuse views makes new ones.")
                    return
            layers = self.views.chosen()
            spacing = self.views.spacing(layers)
            inputs = self.views.inputs(layers)
            views = self._kept.to_fuse(layers, inputs, shown.region)
        except InputError as error:
            self.runner.fail(str(error))
            return
        job = Job("Fuse again", iter_fuse_layers, views, parameters, spacing)
        job.kept = self._process
        self._again.start(job, lambda fused: self._on_fused_again(fused, shown, parameters), self._on_failed)

    def _on_fused_again(self, fused: Fused, shown: _Shown, parameters: FuseParameters) -> None:
        self._kept.on_fused(fused.kept)
        if shown is not self._newest or not self._still_there(shown):
            return
        particles = shown.particles
        if particles is None:
            self.preview.redraw(fused.labels)
            shown.parameters = parameters
            self.runner.say(_previewed(fused))
        elif self._link.session.why_not(work.REDRAW_PARTICLES, particles):
            self.runner.say(self._link.session.why_not(work.REDRAW_PARTICLES, particles))
        elif particles.untouched_since(shown.revision):
            session, colouring = self._link.session, particles.colouring
            session.set_labels(particles, fused.labels)
            session.set_agreement(particles, fused.agreement)
            if colouring is not None and colouring.column in fused.agreement:
                session.set_colouring(particles, colouring)
            particles.provenance.update(_how(fused))
            layer = self._link.layer_of(particles)
            if layer is not None:
                layer.metadata.update(_how(fused))
            shown.parameters, shown.revision = parameters, particles.revision
            self.runner.say(f"Now {particles_in_words(_count(fused))}.")

    def _on_failed(self, error: Exception) -> None:
        self._kept.forget()
        self.runner.fail(str(error))

    def _still_there(self, shown: _Shown) -> bool:
        if shown.particles is None:
            return self.preview.layer is not None and self.preview.layer in self._viewer.layers
        return shown.particles in self._link.session.particle_sets

    def check(self) -> None:
        """Compare the current particles, whatever made them, with the chosen views; without views list them by size."""
        particles = self._link.session.current
        if particles is None:
            return
        try:
            layers = self.views.chosen()
            spacing = self.views.spacing(layers) if layers else (1.0, 1.0, 1.0)
            inputs = self.views.inputs(layers)
        except InputError as error:
            self.runner.fail(str(error))
            return
        revision = particles.revision

        def on_result(found: Any) -> str:
            if particles.revision != revision:
                raise InputError("The labels were changed while they were compared; compare again.")
            self._link.session.set_agreement(particles, found)
            views = "one view" if len(inputs) == 1 else f"{len(inputs)} views"
            counted = particles_in_words(len(found))
            return f"Compared {counted} with {views}." if inputs else f"Listed {counted}."

        job = Job("Compare with views", iter_compare_layers, particles.labels, inputs, spacing).on(particles)
        self.runner.start(job, on_result)


def fused_name(layers: Iterable[Any]) -> str:
    """Name the particles made of views of another tool: "scan xy" and "scan xz" become "scan particles"."""
    words = _WORDS.split(next(iter(layers)).name)
    kept = [word for word in words if word and word.lower() not in _VIEW_WORDS]
    if not kept:
        return "fused particles"
    return " ".join([*kept, "fused" if kept[-1].lower() in ("particles", "labels") else "particles"])


def _how(fused: Fused) -> dict[str, Any]:
    return {"fuse": to_dict(fused.parameters), "views": list(fused.views)}


def _count(fused: Fused) -> int:
    return int(fused.labels.max(initial=0))


def _previewed(fused: Fused) -> str:
    size = " × ".join(map(str, fused.labels.shape))
    return f"{particles_in_words(_count(fused))} in a box of {size} voxels, those cut by its faces included."
