"""What a panel says while there are no particles: that they are being found, or how to find them."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QWidget

from .parts import Text
from .runner import Runner

_POLL_MS = 500
_MAKING = ("Survey", "Find particles", "Fuse views")
BEING_FOUND = "The particles are being found. They can be looked at as soon as Start says that they are there."


def being_found(window: QWidget) -> bool:
    """Whether a step that will make particles runs in any panel of a window."""
    return any(runner.running and runner.job_name in _MAKING for runner in window.findChildren(Runner))


class NoParticles(Text):
    """A sentence that follows what runs, while it is shown.

    Parameters
    ----------
    usual : str
        What is said while nothing runs.
    """

    def __init__(self, usual: str) -> None:
        super().__init__()
        self._usual = usual
        self.setText(usual)
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._timer.timeout.connect(self._look)

    def _look(self) -> None:
        text = BEING_FOUND if being_found(self.window()) else self._usual
        if text != self.text():
            self.setText(text)

    def showEvent(self, event: Any) -> None:
        """Follow what runs."""
        super().showEvent(event)
        self._look()
        self._timer.start()

    def hideEvent(self, event: Any) -> None:
        """Rest."""
        super().hideEvent(event)
        self._timer.stop()
