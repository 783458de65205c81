"""What fusing made on the way, kept so that fusing the same views again begins where the parameters differ."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, TypeVar

from napari_cathode.progress import Steps

T = TypeVar("T")


class Kept:
    """The newest result of each stage, with what it depends on.

    Parameters
    ----------
    keep : bool
        False keeps nothing: each stage is made whenever it is asked for, and its memory is the caller's to give back.
    """

    def __init__(self, keep: bool = True) -> None:
        self.keep = keep
        self._known: dict[str, tuple[Hashable, Any]] = {}

    def iter_get(self, stage: str, key: Hashable, make: Callable[[], Steps[T]]) -> Steps[T]:
        """Give the result of a stage: the kept one where it depends on the same, else a new one.

        Parameters
        ----------
        stage : str
            Its name; one result of each stage is kept.
        key : hashable
            All that the result depends on, but for the views.
        make : callable
            Starts the stage.
        """
        known = self._known.get(stage)
        if known is not None and known[0] == key:
            result: T = known[1]
            return result
        self._known.pop(stage, None)  # its memory is needed
        result = yield from make()
        if self.keep:
            self._known[stage] = (key, result)
        return result
