"""A figure of particles in which they are chosen by a click, a lasso, a box or a range; hovering shows the label."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
from qtpy.QtCore import Signal
from qtpy.QtGui import QCursor
from qtpy.QtWidgets import QToolTip

from napari_cathode.explain.plots import Histogram
from napari_cathode.words import particles_in_words

from .plots import Plot, with_shift

_DRAG_PX = 4


class ChoosingPlot(Plot):
    """A histogram or a scatter plot.

    Parameters
    ----------
    draw : callable
        See `Plot`; gives `Histogram` or `Points`.
    describe : callable
        Gives the text that shows over a particle.

    Signals
    -------
    particles_chosen : (object, bool)
        Labels of the particles that were dragged over or clicked, and whether they come to those chosen before.
    area_dragged : (object)
        What was dragged: ((low, high), None) for a range of x, ((low, high), (low, high)) for a box, None for a lasso.
    """

    particles_chosen = Signal(object, bool)
    area_dragged = Signal(object)

    def __init__(self, draw: Callable[..., Any], describe: Callable[[int], str], height: int = 240) -> None:
        super().__init__(draw, height)
        self.lasso = True
        self._describe = describe
        self._path: list[tuple[float, float]] = []
        self._trail: Any = None

    def _make_canvas(self) -> None:
        super()._make_canvas()
        self._canvas.mpl_connect("motion_notify_event", self._on_motion)
        self._canvas.mpl_connect("figure_leave_event", lambda _event: QToolTip.hideText())

    def _make_ring(self) -> Any:
        from matplotlib.patches import Polygon

        axes, colour = self._drawn.axes, self._used_theme["foreground"]
        place = np.zeros((2, 2))
        self._trail = Polygon(place, facecolor=(*_rgb(colour), 0.12), edgecolor=colour, zorder=6, animated=True)
        self._trail.set_visible(False)
        axes.add_artist(self._trail)  # which, unlike a patch, leaves the limits of the axes alone
        if isinstance(self._drawn, Histogram):
            nobody = np.zeros(len(self._drawn.counts))
            return axes.stairs(nobody, self._drawn.edges, fill=True, color=colour, alpha=0.8, zorder=4, animated=True)
        # As markers of a line, which are stamped: thousands of circles of a scatter plot take ten times as long.
        return axes.plot([], [], "o", markerfacecolor="none", markeredgecolor=colour, markersize=7, markeredgewidth=1.4,
                         zorder=5, animated=True, scalex=False, scaley=False)[0]  # fmt: skip

    def _place_ring(self) -> None:
        drawn = self._drawn
        chosen = np.isin(drawn.label, list(self._selected))
        if isinstance(drawn, Histogram):
            self._ring.set_data(np.histogram(drawn.x[chosen], drawn.edges)[0], drawn.edges)
        else:
            self._ring.set_data(drawn.x[chosen], drawn.y[chosen])

    def _blit(self) -> None:
        if self._background is None:
            return
        self._canvas.restore_region(self._background)
        self._drawn.axes.draw_artist(self._ring)
        if self._trail.get_visible():
            self._drawn.axes.draw_artist(self._trail)
        self._canvas.update()

    # ---- the mouse ---------------------------------------------------------------------------------

    def _on_press(self, event: Any) -> None:
        drawable = self._drawn is not None and event.inaxes is self._drawn.axes
        self._pressed = (event.x, event.y) if drawable and event.button == 1 else None
        self._path = [self._pressed] if self._pressed else []

    def _on_motion(self, event: Any) -> None:
        if self._drawn is None:
            return
        if self._pressed is None:
            self._tell(event)
            return
        self._path.append((event.x, event.y))
        if self._is_drag():
            axes = self._drawn.axes
            self._trail.set_xy(axes.transData.inverted().transform(self._outline()))
            self._trail.set_visible(True)
            self._blit()

    def _is_drag(self) -> bool:
        far = np.abs(np.asarray(self._path) - self._path[0]).max() if self._path else 0
        return bool(far > _DRAG_PX)

    def _outline(self) -> npt.NDArray[np.float64]:
        """Give the corners, in pixels, of what is dragged."""
        box = self._drawn.axes.bbox
        path = np.clip(np.asarray(self._path, float), (box.x0, box.y0), (box.x1, box.y1))
        if self.lasso and not isinstance(self._drawn, Histogram):
            return path
        (left, low), (right, high) = path[0], path[-1]
        if isinstance(self._drawn, Histogram):
            low, high = box.y0, box.y1
        return np.array([(left, low), (right, low), (right, high), (left, high)])

    def _on_release(self, event: Any) -> None:
        if self._pressed is None or self._drawn is None:
            return
        add = with_shift(event)
        if not self._is_drag():
            self._pressed = None
            self._on_click(event, add)
            return
        outline, self._pressed = self._outline(), None
        self._trail.set_visible(False)
        self.particles_chosen.emit(self._inside(outline), add)
        self._blit()

    def _on_click(self, event: Any, add: bool) -> None:
        """Choose the particle at a point, or those of a bar; nothing beside clears."""
        if isinstance(self._drawn, Histogram):
            number = self._drawn.bin_at(event.xdata)
            labels = [] if number is None else self._drawn.labels_in(number).tolist()
            self.area_dragged.emit(None)
            self.particles_chosen.emit(labels, add)
            return
        point = self._drawn.nearest(event.x, event.y)
        if point is not None:
            self.particle_clicked.emit(int(self._drawn.label[point]), add)
        elif not add:
            self.particles_chosen.emit([], False)

    def _inside(self, outline: npt.NDArray[np.float64]) -> list[int]:
        from matplotlib.path import Path

        drawn, axes = self._drawn, self._drawn.axes
        ends = axes.transData.inverted().transform(outline)
        (left, low), (right, high) = ends.min(axis=0).tolist(), ends.max(axis=0).tolist()
        if isinstance(drawn, Histogram):
            self.area_dragged.emit(((left, right), None))
            found = (drawn.x >= left) & (drawn.x <= right)
        elif self.lasso:
            self.area_dragged.emit(None)
            pixels = axes.transData.transform(np.column_stack([drawn.x, drawn.y]))
            found = Path(outline).contains_points(pixels)
        else:
            self.area_dragged.emit(((left, right), (low, high)))
            found = (drawn.x >= left) & (drawn.x <= right) & (drawn.y >= low) & (drawn.y <= high)
        return [int(label) for label in drawn.label[found]]

    def _tell(self, event: Any) -> None:
        """Say what is below the mouse."""
        text = ""
        if event.inaxes is self._drawn.axes:
            if isinstance(self._drawn, Histogram):
                number = self._drawn.bin_at(event.xdata)
                if number is not None and self._drawn.counts[number]:
                    low, high = self._drawn.edges[number : number + 2]
                    text = f"{particles_in_words(self._drawn.counts[number])}\n{low:.4g} – {high:.4g}"
            else:
                point = self._drawn.nearest(event.x, event.y)
                text = "" if point is None else self._describe(int(self._drawn.label[point]))
        if text:
            QToolTip.showText(QCursor.pos(), text, self)
        else:
            QToolTip.hideText()


def _rgb(colour: str) -> tuple[float, float, float]:
    from matplotlib.colors import to_rgb

    return to_rgb(colour)
