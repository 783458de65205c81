"""Progress of long work: every long step is a generator that yields these and returns its result."""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far a step has come.

    Attributes
    ----------
    done, total : int
        Units of work finished and in all; ``total`` 0 means that nobody knows yet.
    what : str
        What is being done, as a person would say it ("Finding particles in xz slices").
    numbers : dict, optional
        Numbers to be plotted meanwhile (the loss of a training); plain values that JSON can hold.
    """

    done: int
    total: int
    what: str
    numbers: dict[str, Any] | None = None


Steps: TypeAlias = Generator[Progress, None, T]
"""A generator of `Progress` that returns a ``T``: the form of all long work."""


def drain(steps: Steps[T], on_progress: Callable[[Progress], None] | None = None) -> T:
    """Run a generator of long work to its end and give back what it returns.

    Parameters
    ----------
    steps : generator of Progress
        The work.
    on_progress : callable, optional
        Called with every `Progress` that comes by.

    Returns
    -------
    object
        The generator's return value.
    """
    while True:
        try:
            progress = next(steps)
        except StopIteration as stop:
            result: T = stop.value
            return result
        if on_progress is not None:
            on_progress(progress)


def within(steps: Steps[T], done: int, total: int, what: str = "") -> Steps[T]:
    """Show the progress of one step as a part of a longer way.

    Parameters
    ----------
    steps : generator of Progress
        The inner work.
    done, total : int
        The inner work is number ``done`` (from 0) of ``total`` equally long parts.
    what : str
        Put before the inner description.

    Yields
    ------
    Progress
        In thousandths of the whole way.

    Returns
    -------
    object
        What the inner work returns.
    """
    try:
        while True:
            try:
                inner = next(steps)
            except StopIteration as stop:
                result: T = stop.value
                return result
            fraction = inner.done / inner.total if inner.total else 0.0
            text = f"{what}: {inner.what}" if what and inner.what else what or inner.what
            yield Progress(round(1000 * (done + min(fraction, 1.0)) / total), 1000, text)
    finally:
        steps.close()


def stretch(steps: Steps[T], first: int, last: int) -> Steps[T]:
    """Show the progress of a step as the stretch from ``first`` to ``last`` thousandths of a longer way."""
    try:
        while True:
            try:
                inner = next(steps)
            except StopIteration as stop:
                result: T = stop.value
                return result
            share = min(inner.done / inner.total, 1.0) if inner.total else 0.0
            yield Progress(first + round((last - first) * share), 1000, inner.what)
    finally:
        steps.close()
