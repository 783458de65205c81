"""A step as a job for napari's worker threads, which only watch the process that does the work."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from typing import Any

from napari.qt.threading import GeneratorWorker, create_worker

from napari_cathode.kept_process import KeptProcess
from napari_cathode.process import StepFailed, iter_in_process
from napari_cathode.progress import Progress, Steps
from napari_cathode.work import Work

_BETWEEN_REPORTS_S = 0.05


class Job:
    """A step with its arguments, to be run in a process of its own.

    Parameters
    ----------
    name : str
        What is done, as napari's own messages show it ("Find particles").
    function : callable
        An importable generator function of `Progress`.
    *args, **kwargs
        Its arguments.

    Attributes
    ----------
    prepare : callable
        Done in the worker's thread meanwhile: what would hold the window up when the result is to be shown, such as
        importing matplotlib.
    kept : KeptProcess or None
        The process that stays and does it; None for one of its own.
    work : Work
        What it is to other steps.
    """

    def __init__(self, name: str, function: Callable[..., Steps[Any]], *args: Any, **kwargs: Any) -> None:
        self._name = name
        self.prepare: Callable[[], Any] = lambda: None
        self.kept: KeptProcess | None = None
        self.work = Work(name)
        self._call = (function, args, kwargs)

    def __str__(self) -> str:
        return self._name

    def on(self, about: Any, name: str = "", needs: Iterable[Any] = ()) -> Job:
        """Say what it is about, what kind of step it is where its name does not tell, and what else it needs.

        See `napari_cathode.work.Work`.
        """
        self.work = Work(name or self._name, about, tuple(needs))
        return self

    def steps(self) -> Generator[Progress, None, Any]:
        """Run the step, reporting no more often than a person can see."""
        function, args, kwargs = self._call
        run = iter_in_process if self.kept is None else self.kept.iter_call
        inner = run(function, *args, **kwargs)
        told = 0.0
        try:
            yield next(inner)
            self.prepare()
            while True:
                try:
                    report = next(inner)
                except StopIteration as stop:
                    return stop.value
                if report.numbers or time.monotonic() - told >= _BETWEEN_REPORTS_S:
                    told = time.monotonic()
                    yield report
        finally:
            inner.close()


class _StepWorker(GeneratorWorker):
    """A worker that closes its generator, and with it the process, as soon as it is told to stop.

    napari leaves the generator suspended; its ``finally`` would run when Python happens to collect it.
    """

    def __init__(self, job: Job) -> None:
        super().__init__(self._run)
        self._gen = self._steps = job.steps()

    def _run(self) -> Generator[Progress, None, Any]:
        yield from ()

    def work(self) -> Any:
        try:
            outcome = super().work()
            if isinstance(outcome, StepFailed):
                raise outcome  # what is a RuntimeError was taken for a sign that the window is gone
            return outcome
        finally:
            self._steps.close()


def make_worker(job: Job) -> GeneratorWorker:
    """Make napari's worker for a step; errors arrive in its ``errored`` signal only."""
    return create_worker(job, _worker_class=_StepWorker, _ignore_errors=True)
