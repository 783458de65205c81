"""Turns of the event loop: what takes long there is done by itself, so that the window answers before the next."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, QTimer

_BETWEEN_MS = 20
"""So long the window has for itself between two."""

_LEAST_MS = 1
"""With none Qt would not look at its timers before, among which are those of other turns."""


class _Clock:
    """When the last of them ended, in the whole program."""

    ended = 0.0

    @classmethod
    def take(cls, act: Callable[[], Any]) -> bool:
        """Do something unless another has only just been done; say whether it was done."""
        if 1000 * (time.monotonic() - cls.ended) < _BETWEEN_MS:
            return False
        try:
            act()
        finally:
            cls.ended = time.monotonic()
        return True


def later(act: Callable[[], Any], milliseconds: int) -> None:
    """Do something in a turn of its own.

    Parameters
    ----------
    act : callable
        Does it.
    milliseconds : int
        How long from now, at least.
    """

    def take() -> None:
        if not _Clock.take(act):
            QTimer.singleShot(_BETWEEN_MS, take)

    QTimer.singleShot(max(_LEAST_MS, milliseconds), take)


class Turn(QTimer):
    """Calls a method of a widget in a turn of its own, after `start`; not when the widget is gone.

    Parameters
    ----------
    parent : QObject
        With which it goes.
    act : method
        What is done; it is not kept alive.
    milliseconds : int
        How long after `start`, at least.
    """

    def __init__(self, parent: QObject, act: Callable[[], Any], milliseconds: int) -> None:
        super().__init__(parent)
        self._act = weakref.WeakMethod(act)
        self.setSingleShot(True)
        self.setInterval(max(_LEAST_MS, milliseconds))
        self.timeout.connect(self._take)

    def _take(self) -> None:
        act = self._act()
        if act is not None and not _Clock.take(act):
            self.start(_BETWEEN_MS)
