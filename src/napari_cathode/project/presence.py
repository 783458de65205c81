"""Tells those that have the same project open of each other."""

from __future__ import annotations

import os
from pathlib import Path

from .manifest import PARTS

_OPEN = ".open"


class Presence:
    """Says that a project is open here, as long as it is kept; it ends with the process, however that ends.

    Parameters
    ----------
    folder : path
        Of the project.

    Attributes
    ----------
    others : bool
        Whether it was open elsewhere already; False where that cannot be found out.
    """

    def __init__(self, folder: Path) -> None:
        self.others = False
        self._handle: int | None = None
        try:
            self._handle = os.open(folder / PARTS / _OPEN, os.O_RDWR | os.O_CREAT)
            self.others = not _take(self._handle)
        except OSError:
            pass  # nobody can be told in a folder that cannot be written to

    def leave(self) -> None:
        """Say it no more."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


def _take(handle: int) -> bool:
    """Join those that have a file locked; tells whether there was nobody."""
    if os.name == "nt":  # knows no locks that are shared: the third of three is told of the first alone
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        alone = True
    except BlockingIOError:
        alone = False
    fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    return alone
