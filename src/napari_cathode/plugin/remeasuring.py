"""After an edit, measures what depends on it again, beside the window, so that the table follows the labels."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
from napari.qt.threading import GeneratorWorker, create_worker
from psygnal import Signal
from qtpy.QtWidgets import QApplication

from napari_cathode.errors import InputError
from napari_cathode.progress import Steps, drain
from napari_cathode.session import Measurement, ParticleSet, Session
from napari_cathode.work import FOLLOW, Work

from .steps import iter_measure_edit

Result = tuple[pd.DataFrame, Any, Measurement]


class Remeasuring:
    """Keeps the tables of a session's particles up to date while their labels are edited.

    Parameters
    ----------
    session : Session
        Whose particles.
    update : callable
        Called on the main thread with the particle set, and its new table, summary and measurement.

    Signals
    -------
    state_changed : ()
        It began, ended, or failed.

    Attributes
    ----------
    problem : str
        Why a table could not be brought up to date, "" while it could.
    """

    state_changed = Signal()

    def __init__(self, session: Session, update: Callable[[ParticleSet, pd.DataFrame, Any, Measurement], None]) -> None:
        self._update = update
        self._workers: dict[ParticleSet, GeneratorWorker] = {}
        self._works: dict[ParticleSet, Work] = {}
        self.problem = ""
        session.changed.connect(self._on_changed)
        self._session = session

    def running(self, particles: ParticleSet | None) -> bool:
        """Whether particles are being measured again."""
        return particles in self._workers

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        if what == "history":
            self._cancel(particles)
            if particles.out_of_date and particles.measurement is not None:
                self._start(particles, particles.measurement)
        elif what in ("labels", "table") and not particles.out_of_date:
            self._cancel(particles)

    def _start(self, particles: ParticleSet, known: Measurement) -> None:
        revision = particles.revision
        if QApplication.instance() is None:  # a script without a window
            self._on_result(particles, revision, drain(_iter_again(particles.labels, known)))
            return
        worker = create_worker(_iter_again, particles.labels, known, _ignore_errors=True)
        worker.returned.connect(lambda result: self._is_current(particles, worker, revision, result))
        worker.errored.connect(lambda error: self._on_error(particles, worker, revision, error))
        self._workers[particles] = worker
        self._works[particles] = Work(FOLLOW, particles)
        self._session.begin(self._works[particles])
        self.problem = ""
        self.state_changed.emit()
        worker.start()

    def _is_current(self, particles: ParticleSet, worker: GeneratorWorker, revision: int, result: Result) -> None:
        if self._workers.get(particles) is worker:
            self._end(particles)
            self._on_result(particles, revision, result)
            self.state_changed.emit()

    def _on_result(self, particles: ParticleSet, revision: int, result: Result) -> None:
        if particles in self._session.particle_sets and particles.revision == revision:
            self._update(particles, *result)

    def _on_error(self, particles: ParticleSet, worker: GeneratorWorker, revision: int, error: Exception) -> None:
        """Leave the table marked as out of date; labels that change while they are read are no error."""
        if self._workers.get(particles) is not worker:
            return
        self._end(particles)
        if particles.revision == revision:
            reason = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
            self.problem = f"The table could not follow this edit: {reason}"
        self.state_changed.emit()

    def _cancel(self, particles: ParticleSet) -> None:
        worker = self._end(particles)
        if worker is not None:
            worker.quit()
            self.state_changed.emit()

    def _end(self, particles: ParticleSet) -> GeneratorWorker | None:
        """Forget who measures particles again."""
        work = self._works.pop(particles, None)
        if work is not None:
            self._session.end(work)
        return self._workers.pop(particles, None)


def _iter_again(labels: Any, known: Measurement) -> Steps[Result]:
    """Measure what depends on the regions that changed."""
    changed = [((z.start, z.stop), (y.start, y.stop), (x.start, x.stop)) for z, y, x in known.changed]
    image = None if known.tomogram is None else known.tomogram.data
    table, summary = yield from iter_measure_edit(labels, image, known.state, changed)
    return table, summary, Measurement(table.attrs.pop("state"), known.tomogram)
