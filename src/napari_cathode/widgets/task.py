"""A function in a thread beside the window."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from qtpy.QtCore import QObject, Signal


class Task(QObject):
    """A function in a thread; its end is told on the main thread.

    Attributes
    ----------
    over : bool
        Whether it has come to its end.
    result : object
        What it gave.
    error : Exception or None
        What it raised.
    """

    done = Signal()

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__()
        self.over = False
        self.result: Any = None
        self.error: Exception | None = None
        self._function = function
        self._thread = threading.Thread(target=self._work, name="napari-cathode project")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wait(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def _work(self) -> None:
        try:
            self.result = self._function()
        except Exception as caught:
            self.error = caught
        self.over = True
        with suppress(RuntimeError):  # the window is gone
            self.done.emit()
