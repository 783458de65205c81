"""Titles of columns with a tiny histogram below each, in which a range is dragged."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QEvent, QPoint, QRect, QRectF, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QColor, QMouseEvent, QPainter, QPalette
from qtpy.QtWidgets import QHeaderView, QToolTip

from napari_cathode.filtering import Filter

from .names import display_name
from .table_model import ParticleTable, Spread, cell_text

STRIP_PX = 26
_EDGE_PX = 4
_RESIZE_PX = 4
_CLICK_PX = 3
_LIVE_MS = 40
_ACCENT = QColor("#3680c9")


class RangeHeader(QHeaderView):
    """The header of a table: a click on a title sorts, a drag in its histogram keeps the values between.

    Signals
    -------
    range_dragged : (str, object)
        A column, and the (least, greatest) value that a person dragged, or None where all pass again.
    """

    range_dragged = Signal(str, object)

    def __init__(self, model: ParticleTable) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self._table = model
        self._strips = False
        self._filter = Filter()
        self._dragged: int | None = None
        self._fixed = self._moving = 0.0
        self._pressed = QPoint()
        self._live = QTimer(self)
        self._live.setSingleShot(True)
        self._live.setInterval(_LIVE_MS)
        self._live.timeout.connect(self._tell)
        self.setSectionsClickable(True)
        self.setSortIndicatorShown(True)
        self.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        self.setSectionsMovable(True)
        self.setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        self.setMouseTracking(True)

    def show_strips(self, shown: bool) -> None:
        """Show the histograms, or titles alone."""
        self._strips = shown
        self.headerDataChanged(Qt.Orientation.Horizontal, 0, max(0, self.count() - 1))  # forget the former height
        self.geometriesChanged.emit()
        self.viewport().update()

    def show_filter(self, wanted: Filter) -> None:
        """Show which ranges pass."""
        self._filter = wanted
        self.viewport().update()

    def sectionSizeFromContents(self, section: int) -> QSize:
        """Ask for a title of two lines, and a strip."""
        size = super().sectionSizeFromContents(section)
        return QSize(size.width(), size.height() + (STRIP_PX if self._strips else 0))

    def strip_of(self, section: int) -> QRect:
        """Give the place of a column's histogram."""
        return QRect(
            self.sectionViewportPosition(section) + 3,
            self.height() - STRIP_PX,
            max(1, self.sectionSize(section) - 6),
            STRIP_PX - 3,
        )

    # ---- drawing -----------------------------------------------------------------------------------

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:
        """Draw title and histogram."""
        if not self._strips:
            super().paintSection(painter, rect, section)
            return
        painter.save()
        super().paintSection(painter, rect.adjusted(0, 0, 0, -STRIP_PX), section)
        painter.restore()
        painter.fillRect(
            rect.adjusted(0, rect.height() - STRIP_PX, 0, 0), self.palette().color(QPalette.ColorRole.Base)
        )
        spread = self._table.spread(section)
        if spread is not None:
            self._paint_spread(painter, QRectF(self.strip_of(section)), spread, self._range(section))

    def _paint_spread(
        self, painter: QPainter, place: QRectF, spread: Spread, chosen: tuple[float, float] | None
    ) -> None:
        text = self.palette().color(QPalette.ColorRole.Text)
        quiet, usual = QColor(text), QColor(text)
        quiet.setAlpha(60)
        usual.setAlpha(150)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, True)
        width = place.width() / len(spread.counts)
        most = max(1, int(spread.counts.max()))
        for number, count in enumerate(spread.counts):
            if not count:
                continue
            height = max(1.5, float(np.sqrt(count / most)) * (place.height() - 2))
            bar = QRectF(place.left() + number * width, place.bottom() - height, width, height)
            middle = spread.low + (number + 0.5) * (spread.high - spread.low) / len(spread.counts)
            kept = chosen is None or chosen[0] <= middle <= chosen[1]
            painter.fillRect(bar, (_ACCENT if chosen is not None else usual) if kept else quiet)
        if chosen is not None:
            painter.setPen(_ACCENT)
            for value in chosen:
                x = place.left() + spread.share(value) * place.width()
                painter.drawLine(int(x), int(place.top()), int(x), int(place.bottom()))

    def _range(self, section: int) -> tuple[float, float] | None:
        if self._dragged == section:
            return min(self._fixed, self._moving), max(self._fixed, self._moving)
        return self._filter.range_of(self._table.names[section])

    # ---- dragging ----------------------------------------------------------------------------------

    def _section_below(self, place: QPoint) -> int | None:
        """Give the column whose histogram is below the mouse."""
        section = self.logicalIndexAt(place)
        if not self._strips or section < 0 or place.y() < self.height() - STRIP_PX:
            return None
        left = self.sectionViewportPosition(section)
        near = min(abs(place.x() - left), abs(place.x() - left - self.sectionSize(section)))
        return section if near > _RESIZE_PX and self._table.spread(section) is not None else None

    def _value_at(self, section: int, x: int) -> float:
        spread, strip = self._table.spread(section), self.strip_of(section)
        assert spread is not None
        share = float(np.clip((x - strip.left()) / strip.width(), 0, 1))
        return spread.low + share * (spread.high - spread.low)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """Begin a range, or move an end of one."""
        place = event.pos()
        section = self._section_below(place) if event.button() == Qt.MouseButton.LeftButton else None
        if section is None:
            super().mousePressEvent(event)
            return
        self._pressed = place
        known = self._filter.range_of(self._table.names[section])
        self._fixed = self._moving = self._value_at(section, place.x())
        if known is not None:
            spread, strip = self._table.spread(section), self.strip_of(section)
            ends = [strip.left() + spread.share(value) * strip.width() for value in known]
            nearest = int(np.argmin([abs(place.x() - end) for end in ends]))
            if abs(place.x() - ends[nearest]) <= _EDGE_PX:
                self._fixed = known[1 - nearest]
        self._dragged = section

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        """Follow the mouse."""
        if self._dragged is None:
            if self._section_below(event.pos()) is None:
                super().mouseMoveEvent(event)
            else:
                self.setCursor(Qt.CursorShape.SplitHCursor)
            return
        self._moving = self._value_at(self._dragged, event.pos().x())
        self.viewport().update()
        if not self._live.isActive():
            self._live.start()
        low, high = sorted((self._fixed, self._moving))
        QToolTip.showText(event.globalPosition().toPoint(), f"{cell_text(low)} – {cell_text(high)}", self)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        """Keep the range; a click takes it away."""
        if self._dragged is None:
            super().mouseReleaseEvent(event)
            return
        section, self._dragged = self._dragged, None
        self._live.stop()
        name = self._table.names[section]
        if abs(event.pos().x() - self._pressed.x()) <= _CLICK_PX:
            self.range_dragged.emit(name, None)
            return
        self._moving = self._value_at(section, event.pos().x())
        self.range_dragged.emit(name, self._dragged_range(section))

    def _dragged_range(self, section: int) -> tuple[float, float]:
        """Give what was dragged; an end of the histogram lets everything beyond pass, too."""
        low, high = sorted((self._fixed, self._moving))
        spread = self._table.spread(section)
        assert spread is not None
        return (-np.inf if low <= spread.low else low), (np.inf if high >= spread.high else high)

    def _tell(self) -> None:
        if self._dragged is not None:
            self.range_dragged.emit(self._table.names[self._dragged], self._dragged_range(self._dragged))

    def viewportEvent(self, event: QEvent) -> bool:
        """Say what the histogram is for where the mouse rests on one."""
        if event.type() == QEvent.Type.ToolTip:
            help_event: Any = event
            section = self._section_below(help_event.pos())
            if section is not None:
                QToolTip.showText(help_event.globalPos(), self._tell_of(section), self)
                return True
        return bool(super().viewportEvent(event))

    def _tell_of(self, section: int) -> str:
        name = self._table.names[section]
        chosen, spread = self._filter.range_of(name), self._table.spread(section)
        assert spread is not None
        ends = f"{cell_text(spread.smallest)} to {cell_text(spread.largest)}"
        if chosen is None:
            return f"<p>{display_name(name)}: {ends}. Drag here to keep only the particles between.</p>"
        kept = f"{cell_text(max(chosen[0], spread.smallest))} to {cell_text(min(chosen[1], spread.largest))}"
        return f"<p>{display_name(name)}: {kept} of {ends}. Drag an end to move it, click to take the range away.</p>"
