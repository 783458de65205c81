"""Matplotlib figures in a dock: made at first use, in the colours of the window, with points that can be clicked."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection
from functools import cache
from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QPoint, Qt, Signal
from qtpy.QtGui import QPainter, QPaintEvent, QPalette, QResizeEvent
from qtpy.QtWidgets import QSizePolicy, QToolTip, QVBoxLayout, QWidget

from napari_cathode.measure import FEATURES

from .names import tooltip
from .turns import Turn

_ACCENT = {True: "#4cb4e0", False: "#0b6e99"}
_CLICK_PX = 4
_LABEL_PT = 8.5
_TALLEST = 1.4
"""Height of a figure in its widths, at most."""
_COMING = "The figure is being drawn …"
TURN_MS = 20
"""Figures are made in turns of their own, after so long a pause; what brings their dock has enough to do."""


def prepare_plots() -> None:
    """Load what a plot needs, with its fonts, from any thread: half a second, and a tenth for the first text."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    import napari_cathode.explain.plots  # noqa: F401

    from . import canvas  # noqa: F401

    figure = Figure(figsize=(1, 1))
    figure.text(0.5, 0.5, "0")
    FigureCanvasAgg(figure).draw()


@cache
def _importing() -> threading.Thread:
    """Give the thread that imports what plots need."""
    thread = threading.Thread(target=prepare_plots, daemon=True)
    thread.start()
    return thread


def with_shift(event: Any) -> bool:
    """Whether Shift was held; matplotlib's ``key`` knows it only while the figure has the focus."""
    return event.key == "shift" or bool(event.guiEvent.modifiers() & Qt.KeyboardModifier.ShiftModifier)


class Plot(QWidget):
    """One figure.

    Parameters
    ----------
    draw : callable
        Draws into a figure: called with ``theme`` and ``figure``, gives `explain.plots.Points`, `explain.plots.Bars` or
        `explain.plots.Curve`, or None when there is nothing to draw. It is called again when the window's colours
        change.
    height : int
        Least height in pixels.
    """

    particle_clicked = Signal(int, bool)
    feature_clicked = Signal(str)

    def __init__(self, draw: Callable[..., Any], height: int = 280) -> None:
        super().__init__()
        self._draw = draw
        self._canvas: Any = None
        self._drawn: Any = None
        self._ring: Any = None
        self._bare: Any = None
        self._background: Any = None
        self._pressed: tuple[float, float] | None = None
        self._selected: frozenset[int] = frozenset()
        self._wanted = False
        self._marked: tuple[float, float] | None = None
        self._turn = Turn(self, self._draw_now, TURN_MS)
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self.setMinimumHeight(height)

    def redraw(self) -> None:
        """Draw anew, in the next turn or as soon as it is visible."""
        self._wanted = True
        if self.isVisible():
            self._turn.start()

    def show_selection(self, labels: Collection[int]) -> None:
        """Ring the points of some particles."""
        self._selected = frozenset(labels)
        if self._ring is not None and self._background is not None and hasattr(self._drawn, "label"):
            self._place_ring()
            self._blit()

    def mark(self, x: float, y: float) -> None:
        """Put the ring of a curve at a place."""
        self._marked = (x, y)
        if self._ring is not None and self._background is not None and not hasattr(self._drawn, "label"):
            self._place_ring()
            self._blit()

    def draw_anew(self) -> Any:
        """Draw into a figure of its own in light colours, for a file; None when there is nothing to draw."""
        return self._draw()

    @property
    def pending(self) -> bool:
        """Whether something is to be drawn in a later turn."""
        return self.isVisible() and (self._wanted or (self._canvas is not None and self._canvas.pending))

    @property
    def drawn(self) -> Any:
        """What the figure shows, None before it was drawn."""
        return self._drawn

    def event(self, event: QEvent) -> bool:
        """Explain the name below the mouse."""
        if event.type() == QEvent.Type.ToolTip:
            name = self.name_at(event.pos())
            if name:
                words = tooltip(name) if name in FEATURES else "".join(map(tooltip, name.split(" × ")))  # a pair
                QToolTip.showText(event.globalPos(), words, self)
                return True
        return bool(super().event(event))

    def name_at(self, place: QPoint) -> str:
        """Give the column that is named at a place of this widget, "" where none is."""
        if self._canvas is None or self._drawn is None:
            return ""
        point, ratio = self._canvas.mapFrom(self, place), self._canvas.device_pixel_ratio
        x, y = point.x() * ratio, (self._canvas.height() - point.y()) * ratio
        for axes in self._canvas.figure.axes:
            for text in (axes.xaxis.label, axes.yaxis.label, *axes.get_yticklabels()):
                if text.get_gid() and text.get_text() and text.get_window_extent().contains(x, y):
                    return str(text.get_gid())
        return ""

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Stay readable on a large screen: a narrow figure is not drawn out over all of its height."""
        super().resizeEvent(event)
        self.setMaximumHeight(max(self.minimumHeight(), round(_TALLEST * event.size().width())))

    def showEvent(self, event: Any) -> None:
        """Draw what was asked for while hidden."""
        super().showEvent(event)
        if self._wanted:
            self._turn.start()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Say what will be here."""
        super().paintEvent(event)
        if self._canvas is None and self._wanted:
            painter = QPainter(self)
            painter.setPen(self.palette().placeholderText().color())
            painter.drawText(self.rect(), int(Qt.AlignmentFlag.AlignCenter), _COMING)
            painter.end()

    def changeEvent(self, event: QEvent) -> None:
        """Follow the window's colours."""
        super().changeEvent(event)
        kinds = (QEvent.Type.PaletteChange, QEvent.Type.StyleChange)
        if self._drawn is not None and event.type() in kinds and self._theme() != self._used_theme:
            self.redraw()

    def _theme(self) -> dict[str, str]:
        palette = self.palette()
        background = palette.color(QPalette.ColorRole.Window)
        foreground = palette.color(QPalette.ColorRole.WindowText)
        dark = background.lightness() < foreground.lightness()
        return {"background": background.name(), "foreground": foreground.name(), "accent": _ACCENT[dark]}

    def _draw_now(self) -> None:
        if not self._wanted or not self.isVisible():
            return
        if _importing().is_alive():
            self._turn.start()
            return
        self._wanted = False
        if self._canvas is None:
            self._make_canvas()
        self._used_theme, former = self._theme(), self._drawn
        self._background = None
        self._drawn = self._draw(theme=self._used_theme, figure=self._canvas.figure)
        for points in self._points():
            points.set_animated(True)
        self._canvas.setVisible(self._drawn is not None)
        if self._drawn is None:
            return
        if former is not None and former.axes is self._drawn.axes:
            # Laying axes out takes as long as drawing them; what was laid out already stays where it is.
            self._canvas.figure.set_layout_engine("none" if self._drawn.laid_out else "constrained")
            self._place_ring()
            if self._drawn.only_points and self._bare is not None and not self._canvas.pending:
                self._draw_points()
                self._canvas.update()
            else:
                self._canvas.draw_idle()
            return
        self._ring = self._bare = None
        for axes in self._canvas.figure.axes:
            axes.xaxis.label.set_fontsize(_LABEL_PT)  # panels are narrower than pages
        if not hasattr(self._drawn, "features"):
            self._ring = self._make_ring()
            self._place_ring()
        self._canvas.draw_idle()

    def _make_ring(self) -> Any:
        return self._drawn.axes.scatter(
            [], [], s=48, facecolors="none", edgecolors=self._used_theme["foreground"], linewidths=1.6, zorder=5,
            animated=True,
        )  # fmt: skip

    def _make_canvas(self) -> None:
        from matplotlib.figure import Figure

        from .canvas import FigureCanvas

        self._canvas = FigureCanvas(Figure())
        self._canvas.mpl_connect("button_press_event", self._on_press)
        self._canvas.mpl_connect("button_release_event", self._on_release)
        self._canvas.mpl_connect("draw_event", self._on_drawn)
        self._canvas.mpl_connect("resize_event", lambda event: event.canvas.figure.set_layout_engine("constrained"))
        self._canvas.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self._layout.addWidget(self._canvas)

    # The ring is drawn over a copy of the rest, so that a click does not draw thousands of points again; the points of
    # a scatter plot over one without them, so that a filter does not draw axes and colour bar again.

    def _points(self) -> tuple[Any, ...]:
        """Give what is drawn over the axes when these are there."""
        return getattr(self._drawn, "drawn", ())

    def _on_drawn(self, _event: Any) -> None:
        if self._ring is not None and self._drawn is not None:
            self._bare = self._canvas.copy_from_bbox(self._drawn.axes.bbox)
            self._draw_points()

    def _draw_points(self) -> None:
        axes = self._drawn.axes
        if self._points():
            self._canvas.restore_region(self._bare)
            for points in self._points():
                axes.draw_artist(points)
            self._background = self._canvas.copy_from_bbox(axes.bbox)
        else:
            self._background = self._bare
        axes.draw_artist(self._ring)

    def _place_ring(self) -> None:
        points = self._drawn
        if not hasattr(points, "label"):
            self._ring.set_offsets(np.empty((0, 2)) if self._marked is None else [self._marked])
            return
        chosen = np.isin(points.label, list(self._selected))
        self._ring.set_offsets(np.column_stack([points.x[chosen], points.y[chosen]]))

    def _blit(self) -> None:
        self._canvas.restore_region(self._background)
        self._drawn.axes.draw_artist(self._ring)
        self._canvas.update()  # matplotlib's own blit has the window drawn at once, the picture with it

    def _on_press(self, event: Any) -> None:
        self._pressed = (event.x, event.y)

    def _on_release(self, event: Any) -> None:
        pressed, self._pressed = self._pressed, None
        if (
            pressed is None
            or self._drawn is None
            or max(abs(event.x - pressed[0]), abs(event.y - pressed[1])) > _CLICK_PX
        ):
            return
        if hasattr(self._drawn, "label"):
            point = self._drawn.nearest(event.x, event.y)
            if point is not None:
                self.particle_clicked.emit(int(self._drawn.label[point]), with_shift(event))
        elif hasattr(self._drawn, "features") and event.inaxes in (self._drawn.axes, *self._drawn.beside):
            feature = self._drawn.feature_at(event.ydata)
            if feature is not None:
                self.feature_clicked.emit(feature)
