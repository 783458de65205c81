"""Several pieces of long work at once, each in a process of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from .cores import usable_cores
from .process import iter_in_process
from .progress import Progress, Steps

T = TypeVar("T")

_MOST_WORKERS = 8


def default_workers() -> int:
    """Say how many processes work at a time: as many as there are usable cores, at most 8."""
    return min(usable_cores(), _MOST_WORKERS)


def iter_side_by_side(
    function: Callable[..., Steps[T]], calls: Sequence[tuple[Any, ...]], workers: int | None = None
) -> Steps[list[T]]:
    """Run a generator of long work with several sets of arguments, some at a time.

    The processes are those of `process.iter_in_process`: they end with this generator, and with this process however
    it ends, which the workers of `concurrent.futures` do not.

    Parameters
    ----------
    function : callable
        An importable generator function that yields `Progress` and returns a picklable value.
    calls : sequence of tuple
        Its arguments.
    workers : int, optional
        Processes at a time; as many as there are cores, at most 8, without it. With 1 the work is done in this
        process.

    Yields
    ------
    Progress
        In thousandths of all calls.

    Returns
    -------
    list
        What each call returns, in the order of the calls.
    """
    workers = workers or default_workers()
    results: dict[int, T] = {}
    shares = [0.0] * len(calls)
    waiting = list(range(len(calls)))
    running: dict[int, Steps[T]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                at = waiting.pop(0)
                running[at] = function(*calls[at]) if workers == 1 else iter_in_process(function, *calls[at])
            for at, steps in list(running.items()):
                try:
                    inner = next(steps)
                except StopIteration as stop:
                    results[at], shares[at] = stop.value, 1.0
                    del running[at]
                    continue
                shares[at] = max(shares[at], inner.done / inner.total if inner.total else 0.0)
                yield Progress(round(1000 * sum(shares)), 1000 * len(calls), inner.what)
    finally:
        for steps in running.values():
            steps.close()
    return [results[at] for at in range(len(calls))]
