"""The colour bar: which value each colour means, how many particles have it, and limits that can be dragged."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QLinearGradient, QMouseEvent, QPainter, QPaintEvent, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from napari_cathode.plugin.colours import ColourScale

_STOPS = 33
_BINS = 48
_HIST, _BAR, _NEAR_PX = 20, 10, 8
_TAIL = 0.5
"""Percent of the particles at each end that may lie outside the bar; an outlier must not squeeze the rest."""
_HELP = (
    "<p>Drag the ends to choose which values get the first and the last colour. Double-click goes back to the 2nd and "
    "98th percentile.</p>"
)


class ColourBar(QWidget):
    """A colour map over the values of the particles, with their histogram.

    Signals
    -------
    limits_changed : (tuple of (float, float) or None)
        A person dragged an end; None asks for the usual limits.
    """

    limits_changed = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setMouseTracking(True)
        self._scale: ColourScale | None = None
        self._values: np.ndarray[Any, Any] = np.zeros(0)
        self._counts: np.ndarray[Any, Any] = np.zeros(0)
        self._domain = (0.0, 1.0)
        self._dragged: int | None = None
        self._title = ""

    @property
    def limits(self) -> tuple[float, float] | None:
        """Values at the ends, None while nothing is shown."""
        return None if self._scale is None else self._scale.limits

    def show_scale(
        self,
        scale: ColourScale | None,
        values: np.ndarray[Any, Any] | None = None,
        title: str = "",
    ) -> None:
        """Show a scale.

        Parameters
        ----------
        scale : ColourScale, optional
            None shows nothing.
        values : ndarray of float, optional
            Those of the particles, for the histogram.
        title : str
            What the values are.
        """
        self._scale, self._title = scale, title
        self.setVisible(scale is not None)
        if scale is None:
            return
        finite = np.zeros(0) if values is None else values[np.isfinite(values)]
        self._values = np.sort(finite)
        if self._dragged is None:  # else the bar would move under the mouse
            self._domain = _domain(self._values, scale.limits)
        self._counts = np.histogram(np.clip(self._values, *self._domain), _BINS, self._domain)[0]
        self.setToolTip(self._describe())
        self.updateGeometry()
        self.update()

    def _describe(self) -> str:
        if self._scale is None or self._scale.classes:
            return self._title
        low, high = self._scale.limits
        span = high - low
        text = f"<p><b>{self._title}</b>, from {tick(low, span)} to {tick(high, span)}"
        if self._values.size:
            below, above = (100 * np.searchsorted(self._values, (low, high)) / self._values.size).round()
            text += f" (percentiles {below:.0f} and {above:.0f})"
        return f"{text}.</p>{_HELP}"

    def sizeHint(self) -> QSize:
        """Ask for a histogram, a bar and a line of text."""
        room = 0 if self._scale is not None and self._scale.classes else _HIST
        return QSize(200, room + _BAR + 8 + self.fontMetrics().height())

    def minimumSizeHint(self) -> QSize:
        """Ask for room for the numbers."""
        return QSize(96, self.sizeHint().height())

    # ---- drawing -----------------------------------------------------------------------------------

    def _area(self) -> QRectF:
        """Give where the bar is."""
        return QRectF(5, _HIST, self.width() - 10, _BAR)

    def _x(self, value: float) -> float:
        low, high = self._domain
        area = self._area()
        return float(area.left() + area.width() * (value - low) / (high - low))

    def _value(self, x: float) -> float:
        low, high = self._domain
        area = self._area()
        return low + (high - low) * (x - area.left()) / max(area.width(), 1.0)

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it."""
        if self._scale is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self.palette().windowText().color()
        if self._scale.classes:
            self._paint_classes(painter, ink)
        else:
            self._paint_amounts(painter, ink)
        painter.end()

    def _paint_amounts(self, painter: QPainter, ink: QColor) -> None:
        area, (low, high) = self._area(), self._scale.limits
        self._paint_histogram(painter, area, ink)
        gradient = QLinearGradient(self._x(low), 0, self._x(high), 0)
        shares = np.linspace(0, 1, _STOPS)
        for share, colour in zip(shares, self._scale.colormap.map(shares), strict=True):
            gradient.setColorAt(float(share), QColor.fromRgbF(*(float(part) for part in colour[:3])))
        painter.fillRect(area, gradient)
        painter.setPen(ink)
        painter.setBrush(ink)
        for value in (low, high):
            x = self._x(value)
            painter.drawPolygon(
                QPolygonF(
                    [
                        QPointF(x, area.bottom() - 2),
                        QPointF(x - 4, area.bottom() + 5),
                        QPointF(x + 4, area.bottom() + 5),
                    ]
                )
            )
            painter.drawLine(QPointF(x, area.top() - 4), QPointF(x, area.bottom()))
        self._paint_numbers(painter, area, low, high)

    def _paint_histogram(self, painter: QPainter, area: QRectF, ink: QColor) -> None:
        if not self._counts.any():
            return
        shade = QColor(ink)
        shade.setAlphaF(0.4)
        wide = area.width() / _BINS
        for place, share in enumerate(self._counts / self._counts.max()):
            if share:
                high = max(1.0, (_HIST - 3) * float(share))
                painter.fillRect(QRectF(area.left() + place * wide, area.top() - high, max(1.0, wide - 1), high), shade)

    def _paint_numbers(self, painter: QPainter, area: QRectF, low: float, high: float) -> None:
        """Write the limits below their handles, where they fit beside each other."""
        metrics = self.fontMetrics()
        texts = [tick(value, high - low) for value in (low, high)]
        if sum(map(metrics.horizontalAdvance, texts)) + 8 > area.width() + 8:  # a cut minus sign would lie
            texts = [f"{value:.1g}".replace("-", "\N{MINUS SIGN}") for value in (low, high)]
        wide = [metrics.horizontalAdvance(text) for text in texts]
        end = area.right() + 4
        first = min(max(area.left() - 4, self._x(low) - wide[0] / 2), end - wide[0] - wide[1] - 8)
        second = min(max(first + wide[0] + 8, self._x(high) - wide[1] / 2), end - wide[1])
        for left, width, text in zip((max(first, 0.0), second), wide, texts, strict=True):
            place = QRectF(left, area.bottom() + 6, width + 1, metrics.height())
            painter.drawText(place, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), text)

    def _paint_classes(self, painter: QPainter, ink: QColor) -> None:
        """Draw a box with its name for each group."""
        scale = self._scale
        width = self.width() / len(scale.classes)
        metrics = self.fontMetrics()
        names = scale.names or tuple(map(str, scale.classes))
        for place, (number, colour) in enumerate(zip(scale.classes, scale.map(np.array(scale.classes)), strict=True)):
            box = QRectF(place * width + 1, 1, max(2.0, width - 4), _BAR + 2)
            painter.fillRect(box, QColor.fromRgbF(*(float(part) for part in colour[:3])))
            painter.setPen(ink)
            name = names[place] if scale.names else str(number)
            text = metrics.elidedText(name, Qt.TextElideMode.ElideRight, int(box.width()))
            place_of_text = QRectF(box.left(), _BAR + 5, box.width(), metrics.height())
            painter.drawText(place_of_text, int(Qt.AlignmentFlag.AlignHCenter), text)

    # ---- the mouse ---------------------------------------------------------------------------------

    def _handle_at(self, x: float) -> int | None:
        if self._scale is None or self._scale.classes:
            return None
        away = [abs(self._x(value) - x) for value in self._scale.limits]
        nearest = int(np.argmin(away))
        return nearest if away[nearest] <= _NEAR_PX else None

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Take an end."""
        if event.button() == Qt.MouseButton.LeftButton:
            self._dragged = self._handle_at(event.position().x())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Move the end that was taken, or say that it can be."""
        if self._dragged is None:
            near = self._handle_at(event.position().x()) is not None
            self.setCursor(Qt.CursorShape.SplitHCursor if near else Qt.CursorShape.ArrowCursor)
            return
        self.limits_changed.emit(self._moved(self._value(event.position().x())))

    def mouseReleaseEvent(self, _event: QMouseEvent) -> None:
        """Leave the end where it is."""
        if self._dragged is not None:
            self._dragged = None
            if self._scale is not None:
                self.show_scale(self._scale, self._values, self._title)

    def mouseDoubleClickEvent(self, _event: QMouseEvent) -> None:
        """Ask for the usual limits."""
        self._dragged = None
        if self._scale is not None and not self._scale.classes:
            self.limits_changed.emit(None)

    def _moved(self, value: float) -> tuple[float, float]:
        """Give the limits with the taken end at a value; zero stays in the middle of a diverging scale."""
        low, high = self._scale.limits
        least = (self._domain[1] - self._domain[0]) / 200
        value = min(max(value, self._domain[0]), self._domain[1])
        if self._scale.centred:
            reach = max(abs(value), least)
            return -reach, reach
        return (min(value, high - least), high) if self._dragged == 0 else (low, max(value, low + least))


def _domain(values: np.ndarray[Any, Any], limits: tuple[float, float]) -> tuple[float, float]:
    """Choose the range of values that the bar spans: nearly all particles, and the limits."""
    low, high = limits
    if values.size:
        first, last = np.percentile(values, (_TAIL, 100 - _TAIL))
        low, high = min(low, float(first)), max(high, float(last))
    room = 0.02 * (high - low) or 1.0
    return low - room, high + room


def tick(value: float, span: float) -> str:
    """Write a value on an axis of some length: three digits of the length, no more."""
    if 1e-4 <= span < 1e6:
        text = f"{value:.{max(0, 2 - math.floor(math.log10(span)))}f}"
    else:
        text = f"{value:.3g}"
    return "0" if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")
