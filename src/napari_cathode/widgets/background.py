"""Small jobs beside the window, without a progress bar: the newest wins, and nobody waits for an older one."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject

from napari_cathode.kept_process import KeptProcess
from napari_cathode.progress import Progress, Steps

from .job import Job, make_worker


class Background(QObject):
    """Runs one job at a time and forgets it as soon as another is asked for.

    Parameters
    ----------
    parent : QWidget
        With which it ends.
    finish : bool
        Let a job that is under way come to its end before the next one starts, so that a row of requests shows each
        time what was the newest when it began; otherwise it is ended at once.
    """

    def __init__(self, parent: QObject, finish: bool = False) -> None:
        super().__init__(parent)
        self._finish = finish
        self._worker: Any = None
        self._next: tuple[Job, Callable[[Any], None], Callable[[Exception], None]] | None = None
        # What comes later has nobody to be shown to. A bound method, which Qt holds weakly: where the garbage collector
        # ends a widget it has begun to clear a function or an object by then, and calling that crashes.
        parent.destroyed.connect(self._forget)

    @property
    def running(self) -> bool:
        """Whether a job is under way or waits."""
        return self._worker is not None or self._next is not None

    def start(self, job: Job, on_result: Callable[[Any], None], on_error: Callable[[Exception], None]) -> None:
        """Run a job; what it returns or raises is handed over on the main thread unless another came in between."""
        if self._worker is not None and self._finish:
            self._next = (job, on_result, on_error)
            return
        self.cancel()
        worker = make_worker(job)
        worker.returned.connect(lambda result: self._is_current(worker) and on_result(result))
        worker.errored.connect(lambda error: self._is_current(worker) and on_error(error))
        worker.finished.connect(lambda: self._on_finished(worker))
        self.destroyed.connect(worker.quit)
        self._worker = worker
        worker.start()

    def cancel(self) -> None:
        """End what is under way; its result is dropped."""
        self._next = None
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.quit()

    def _forget(self, _parent: Any = None) -> None:
        self._next = self._worker = None

    def _is_current(self, worker: Any) -> bool:
        return worker is self._worker

    def _on_finished(self, worker: Any) -> None:
        if worker is not self._worker:
            return
        self._worker = None
        if self._next is not None:
            following, self._next = self._next, None
            self.start(*following)


class Here(Job):
    """A short job in the worker's thread, where what takes time is a disk and a process of its own would take more.

    Parameters
    ----------
    name : str
        What is done.
    call : callable
        Does it; the thread ends only when it returns.
    """

    def __init__(self, name: str, call: Callable[[], Any]) -> None:
        super().__init__(name, _nothing)
        self._here = call

    def steps(self) -> Generator[Progress, None, Any]:
        """Do it."""
        yield Progress(0, 0, str(self))
        self.prepare()
        return self._here()


class Closing:
    """Ends a process when its widget goes; outlives the widget."""

    def __init__(self, kept: KeptProcess) -> None:
        self._kept = kept

    def __call__(self, _widget: Any = None) -> None:
        """End it."""
        if vars(self):  # else the garbage collector, which ends the widget, has cleared this already
            self._kept.close()


class ScratchFolder:
    """An empty folder for temporary files that goes with the last one who holds this.

    Attributes
    ----------
    path : Path
        Where it is.
    """

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="napari-cathode-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


def _nothing() -> Steps[None]:
    """Stand in for a step."""
    yield Progress(0, 0, "")
