"""Progress on the standard error: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager

from napari_cathode.cores import usable_cores
from napari_cathode.progress import Progress, Steps, T, drain

_LINE_EVERY_S = 15.0


def follow(steps: Steps[T], quiet: bool = False) -> T:
    """Run long work to its end and show how far it has come.

    Parameters
    ----------
    steps : generator of Progress
        The work.
    quiet : bool
        Show nothing.

    Returns
    -------
    object
        What the work returns.
    """
    try:
        if quiet:
            return drain(steps)
        return _with_bar(steps) if sys.stderr.isatty() else _with_lines(steps)
    finally:
        steps.close()


@contextmanager
def threads() -> Iterator[Executor]:
    """Give threads for a step that can use several; work that has not begun falls away when it is left early."""
    executor = ThreadPoolExecutor(usable_cores())
    try:
        yield executor
    finally:
        executor.shutdown(wait=False, cancel_futures=True)


def _with_bar(steps: Steps[T]) -> T:
    from tqdm import tqdm

    layout = "{desc} {percentage:3.0f}% |{bar}| {elapsed}"
    with tqdm(total=1000, file=sys.stderr, bar_format=layout, dynamic_ncols=True, leave=False) as bar:

        def show(progress: Progress) -> None:
            text = f"{progress.what[:44]:<44}"
            bar.set_description_str(text, refresh=text != bar.desc)
            share = progress.done / progress.total if progress.total else 0.0
            bar.update(round(1000 * min(share, 1.0)) - bar.n)

        return drain(steps, show)


def _with_lines(steps: Steps[T]) -> T:
    last = -_LINE_EVERY_S

    def show(progress: Progress) -> None:
        nonlocal last
        now = time.monotonic()
        if progress.what and now - last >= _LINE_EVERY_S:
            last = now
            share = f" ({100 * progress.done // progress.total} %)" if progress.total else ""
            print(f"{progress.what}{share}", file=sys.stderr, flush=True)

    return drain(steps, show)
