"""The canvas of a figure, drawn in a turn of its own; imports matplotlib, and so is imported where a figure is made."""

from __future__ import annotations

from matplotlib.backends.backend_qtagg import FigureCanvasQTAgg
from matplotlib.figure import Figure
from qtpy.QtGui import QPaintEvent

from .plots import TURN_MS
from .turns import Turn


class FigureCanvas(FigureCanvasQTAgg):
    """Draws later rather than with the window around it.

    matplotlib draws at the latest when Qt paints the canvas, in the same turn in which a dock is laid out.
    """

    _draw_pending = False

    def __init__(self, figure: Figure) -> None:
        super().__init__(figure)
        self._turn = Turn(self, self._draw_idle, TURN_MS)

    @property
    def pending(self) -> bool:
        """Whether it is to be drawn in a later turn."""
        return self._draw_pending

    def draw_idle(self) -> None:
        """Draw in a later turn."""
        if not self._draw_pending and not self._is_drawing:
            self._draw_pending = True
            self._turn.start()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Show what was drawn last."""
        pending, self._draw_pending = self._draw_pending, False
        super().paintEvent(event)
        self._draw_pending = pending
