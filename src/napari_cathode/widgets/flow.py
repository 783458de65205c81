"""The steps from a tomogram to an explanation: how far each is, and running those that are left, one by one."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from napari_cathode.errors import InputError
from napari_cathode.explain import ExplainParameters
from napari_cathode.fuse import FuseParameters
from napari_cathode.identify import IdentifyParameters
from napari_cathode.kept_process import KeptProcess
from napari_cathode.measure import MeasureParameters, check_scale
from napari_cathode.parameters import to_dict
from napari_cathode.plugin.finding_steps import Found, iter_find_layer
from napari_cathode.plugin.layers import full_data, prepare_labels, shows, tomogram_of
from napari_cathode.plugin.link import Link
from napari_cathode.plugin.steps import ViewsToFuse, iter_explain_table, iter_fuse_layers, iter_measure_layers
from napari_cathode.session import ParticleSet, Predictions
from napari_cathode.tomogram import Region, Tomogram
from napari_cathode.whole_run import EXPLAIN, FIND, FUSE, MEASURE
from napari_cathode.words import particles_in_words

from .grey_values import check_same_spacing
from .job import Job
from .parts import Connections
from .plots import TURN_MS, prepare_plots
from .runner import Runner, Showing
from .time_left import TimeLeft
from .turns import Turn

STEPS = (FIND, FUSE, MEASURE, EXPLAIN)
TO_DO, RUNNING, DONE, STALE, NOT_NEEDED = "to do", "running", "done", "out of date", "not needed"
VIEWS = ("xy", "xz", "yz")


@dataclass(frozen=True)
class Reached:
    """What there is of a tomogram.

    Attributes
    ----------
    predictions : Predictions, optional
        What its views saw.
    particles : ParticleSet, optional
        Its particles: those shown, where they lie on its grid, whatever tool made them.
    states : dict of str to str
        For each step one of the words above.
    """

    predictions: Predictions | None
    particles: ParticleSet | None
    states: dict[str, str]


def reached(link: Link, layer: Any) -> Reached:
    """Say how far the steps are for the tomogram that a layer shows."""
    if layer is None:
        return Reached(None, None, dict.fromkeys(STEPS, TO_DO))
    tomogram = tomogram_of(layer)
    known = [found for found in link.session.predictions if shows(layer, found.tomogram)]
    predictions = known[-1] if known else None
    particles = link.session.current
    if particles is not None and not _of(particles, layer, tomogram):
        particles = None
    there = particles is not None
    states = {
        FIND: DONE if there or predictions is not None else TO_DO,
        FUSE: NOT_NEEDED if tomogram.is_slice else DONE if there else TO_DO,
        MEASURE: TO_DO,
        EXPLAIN: TO_DO,
    }
    if particles is not None and particles.table is not None:
        states[MEASURE] = STALE if particles.out_of_date else DONE
    if particles is not None and particles.explanation is not None:
        states[EXPLAIN] = STALE if particles.explanation_out_of_date else DONE
    return Reached(predictions, particles, states)


def steps_left(states: dict[str, str], again: bool = False) -> list[str]:
    """Give the steps that a run does: what is left, everything anew where nothing is or where it is asked for."""
    left = [step for step in STEPS if states[step] not in (DONE, NOT_NEEDED)]
    if again or not left:
        left = [step for step in STEPS if states[step] != NOT_NEEDED]
    if MEASURE in left and EXPLAIN not in left:
        left.append(EXPLAIN)  # what is explained is measured anew
    return left


def _of(particles: ParticleSet, layer: Any, tomogram: Tomogram) -> bool:
    """Whether particles are those of a layer's tomogram: labels from elsewhere may be, where the shape is the same."""
    if tuple(particles.labels.shape) != tomogram.shape:
        return False
    lazy_slice = tomogram.is_slice and not isinstance(full_data(layer), np.ndarray)  # its volume is made anew each time
    return particles.tomogram is None or lazy_slice or shows(layer, particles.tomogram)


def settled(tomogram: Tomogram, region: Region) -> Tomogram:
    """Give the part of a tomogram that results belong to; what was to be learnt from the whole is learnt."""
    if all(side == (0, size) for side, size in zip(region, tomogram.shape, strict=True)):
        return tomogram
    return replace(tomogram.part(region), whole=None)


class Flow(QObject):
    """Runs the steps that are left, each in its process; what a step found is on the screen before the next begins.

    So a step that fails, or that is cancelled, takes nothing with it.

    Parameters
    ----------
    viewer : napari.Viewer
        Shows the results.
    link : Link
        The viewer's link.
    runner : Runner
        Runs one step at a time, and says how far it is.
    """

    changed = Signal()
    measured = Signal()
    """Particles have a table, and the colours of their damage; more steps may follow."""
    completed = Signal()

    def __init__(self, parent: QObject, viewer: Any, link: Link, runner: Runner, kept: KeptProcess) -> None:
        super().__init__(parent)
        self._viewer = weakref.ref(viewer)
        self._link = link
        self._runner = runner
        self._kept = kept
        self._telling = Turn(self, self._tell_measured, TURN_MS)
        self._left: list[str] = []
        self._layer: Any = None
        self._whole: Tomogram | None = None
        self._region: Region = ()
        self._identify = IdentifyParameters()
        self._views: tuple[str, ...] = VIEWS
        self._tomogram: Tomogram | None = None
        self._predictions: Predictions | None = None
        self._particles: ParticleSet | None = None
        self._went_well = False
        self._time = TimeLeft()
        self._said = ("", "")
        self.step = ""
        runner.finished.connect(self._on_finished)
        self._connections = Connections(self)
        self._connections.connect(link.session.changed, self._on_changed)

    def _tell_measured(self) -> None:
        self.measured.emit()

    @staticmethod
    def check(tomogram: Tomogram) -> None:
        """Raise `InputError` when the voxel size of a tomogram is not known or cannot be right."""
        check_scale(tomogram.shape, tomogram.require_spacing(), MeasureParameters())

    def start(
        self,
        layer: Any,
        tomogram: Tomogram,
        identify: IdentifyParameters | None = None,
        views: tuple[str, ...] = VIEWS,
        region: Region | None = None,
        again: bool = False,
        expected: Mapping[str, float] | None = None,
    ) -> None:
        """Run what is left to do with a tomogram; everything anew where nothing is.

        Parameters
        ----------
        layer : Image
            Shows the tomogram.
        tomogram : Tomogram
            With a voxel size.
        identify : IdentifyParameters, optional
            How particles are found; the other steps use their defaults.
        views : tuple of str
            Where they are looked for; a single slice has no choice.
        region : region, optional
            The part of the tomogram that is analysed; all of it without one.
        again : bool
            Run all steps, whatever there is.
        expected : mapping of str to float, optional
            Seconds that each step will take, from which the time that is left of all is told.

        Raises
        ------
        InputError
            When the voxel size is not known or cannot be right.
        """
        self.check(tomogram)
        found = reached(self._link, layer)
        left = steps_left(found.states, again)
        again = again or FIND in left
        self._identify = identify or IdentifyParameters()
        if FIND in left and FUSE in left and self._identify.method == "stardist3d":
            left.remove(FUSE)  # a 3D network looks at all of it at once
        known = expected or {}
        self._time = TimeLeft([known[step] for step in left] if set(left) <= set(known) else ())
        self._views = ("xy",) if tomogram.is_slice else views
        self._region = region or tuple((0, size) for size in tomogram.shape)
        self._whole, self._tomogram = tomogram, settled(tomogram, self._region)
        self._layer, self._left = layer, left
        self._predictions = None if again else found.predictions
        self._particles = None if again else found.particles
        self._next()

    def _next(self) -> None:
        if not self._left:
            self.step = ""
            self.changed.emit()
            self.completed.emit()
            return
        self.step = self._left.pop(0)
        self._went_well = False
        try:
            job, on_result = {
                FIND: self._find,
                FUSE: self._fuse,
                MEASURE: self._measure,
                EXPLAIN: self._explain,
            }[self.step]()
        except InputError as error:
            self._stop()
            self._runner.fail(str(error))
            return
        self.changed.emit()
        self._runner.start(job, on_result, self._time)
        if not self._runner.running:  # another panel works on the same; the runner says so
            self._stop()

    def _on_finished(self) -> None:
        """Go on to the next step, or leave it at what was reached."""
        if not self.step:
            return
        self._said = (self._runner.status, self._runner.error)
        if self._went_well:
            QTimer.singleShot(0, self._next)
        else:
            self._stop()

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        """Take back what the last step came to, when its particles are others or are not explained any more."""
        gone = what == "labels" or (what == "explanation" and particles.explanation is None)
        if not gone or self.step or self._runner.running or particles is not self._particles:
            return
        if (self._runner.status, self._runner.error) == self._said:
            self._runner.say("")

    def _stop(self) -> None:
        self._left = []
        self.step = ""
        self.changed.emit()

    def _job(self, name: str, function: Any, *arguments: Any) -> Job:
        job = Job(name, function, *arguments)
        job.kept = self._kept
        return job

    # ---- the steps ---------------------------------------------------------------------------------

    def _find(self) -> tuple[Job, Any]:
        job = self._job(
            "Find particles", iter_find_layer, self._whole, self._identify, self._views, self._region, False, None
        ).on(self._whole, needs=[self._layer])
        job.prepare = prepare_labels
        return job, self._on_found

    def _first(self) -> tuple[int, int, int]:
        """Give the first voxel of what is analysed."""
        z, y, x = (side[0] for side in self._region)
        return z, y, x

    def _on_found(self, found: Found) -> Showing:
        self._check_open()
        if self._tomogram.is_slice or found.volume is not None:
            prediction = found.volume or found.views["xy"]
            how = {"identify": to_dict(prediction.parameters or self._identify)}
            self._show(prediction.labels, how)
            self._went_well = True
            return f"Found {particles_in_words(int(prediction.labels.max(initial=0)))}."
        self._predictions = Predictions(self._tomogram.name, dict(found.views), self._tomogram)
        yield from self._link.views.iter_show(self._predictions, self._layer, self._first())
        yield
        self._link.views.look_at(self._predictions)
        self._went_well = True
        return f"Found particles in {len(found.views)} views."

    def _fuse(self) -> tuple[Job, Any]:
        self._check_open()
        parameters = FuseParameters()
        spacing = self._tomogram.require_spacing()
        views = ViewsToFuse("all steps", dict(self._predictions.views))
        job = Job("Fuse views", iter_fuse_layers, views, parameters, spacing)  # the process goes, with what it keeps
        job.on(self._predictions.tomogram, needs=[self._layer])
        job.prepare = prepare_labels
        return job, self._on_fused

    def _on_fused(self, fusion: Any) -> str:
        self._check_open()
        self._link.views.hide()
        particles = self._show(fusion.labels, {"fuse": to_dict(fusion.parameters), "views": list(fusion.views)})
        self._link.session.set_agreement(particles, fusion.agreement)
        self._went_well = True
        return f"Made {particles_in_words(int(fusion.labels.max(initial=0)))}."

    def _show(self, labels: Any, how: dict[str, Any]) -> ParticleSet:
        tomogram = self._tomogram
        name = f"{tomogram.name} particles"
        self._particles = ParticleSet(labels, name, tomogram.spacing_um, tomogram, provenance=how)
        self._link.show(self._particles, self._layer, self._first())
        return self._particles

    def _measure(self) -> tuple[Job, Any]:
        particles, parameters = self._there(), MeasureParameters()
        tomogram = self._tomogram
        if particles.spacing_um is None:
            particles.spacing_um = tomogram.spacing_um
        check_same_spacing(particles, tomogram)
        job = self._job(
            "Measure particles", iter_measure_layers, particles.labels, tomogram, particles.spacing_um, parameters
        ).on(particles, needs=[self._layer])
        revision = particles.revision

        def on_result(result: Any) -> str:
            self._there()
            if particles.revision != revision:
                raise InputError("The labels were changed while they were measured; run the rest again.")
            self._link.show_measured(particles, result, tomogram, to_dict(parameters))
            self._went_well = True
            self._telling.start()  # what opens then has a turn of its own
            return f"Measured {particles_in_words(len(result[0]))}."

        return job, on_result

    def _explain(self) -> tuple[Job, Any]:
        particles, parameters = self._there(), ExplainParameters()
        table = particles.table
        job = self._job("Explain", iter_explain_table, table, parameters).on(particles, needs=[self._layer])
        job.prepare = prepare_plots
        revision, epoch, without = particles.table_revision, particles.epoch, particles.excluded

        def on_result(explanation: Any) -> str:
            self._there()
            if particles.table is None or particles.epoch != epoch:
                raise InputError("Another table was measured or loaded meanwhile; run the rest again.")
            particles.provenance["explain"] = to_dict(parameters)
            self._link.session.set_explanation(particles, explanation, without, revision)
            self._went_well = True
            since = " Labels were edited since." if particles.explanation_out_of_date else ""
            return f"Found, measured and explained {particles_in_words(len(table))}.{since}"

        return job, on_result

    def _check_open(self) -> None:
        viewer = self._viewer()
        if viewer is None or self._layer not in viewer.layers:
            raise InputError("The image was closed meanwhile; open it again to go on.")

    def _there(self) -> ParticleSet:
        self._check_open()
        if self._particles is None or self._particles not in self._link.session.particle_sets:
            raise InputError("The particles were closed meanwhile; run the steps again to find them anew.")
        return self._particles
