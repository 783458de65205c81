"""The values of one particle, each with where it stands among all particles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QHelpEvent, QPainter, QPaintEvent
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_cathode.measure.features import FEATURES, GROUPS
from napari_cathode.plugin.highlight import COLOUR

from .names import display_name, shown_order, tooltip, unit_of
from .table_model import cell_text

_ROW, _HEAD = 20, 24
_MARKER = QColor.fromRgbF(*COLOUR)


@dataclass(frozen=True)
class Standing:
    """One value of a particle.

    Attributes
    ----------
    column : str
        "" for the title of a group.
    text : str
        The value, with its unit.
    share : float
        Share of the particles with a smaller value (half of those with the same); NaN where it has none.
    count : int
        Particles with a value.
    median : float
        Of these.
    """

    column: str
    text: str
    share: float = float("nan")
    count: int = 0
    median: float = float("nan")


def standings(table: pd.DataFrame, label: int) -> list[Standing]:
    """Say where each value of a particle stands; empty when the table does not know it."""
    rows = np.flatnonzero(table["label"].to_numpy() == label)
    if not len(rows):
        return []
    found: list[Standing] = []
    group = None
    for column in shown_order(map(str, table.columns)):
        if column == "label":
            continue
        belongs = FEATURES[column].group if column in FEATURES else ""
        if column != "damage" and belongs != group:
            group = belongs
            found.append(Standing("", GROUPS.get(group, "")))
        found.append(_standing(table[column], int(rows[0]), column))
    return found


def _standing(values: pd.Series, row: int, column: str) -> Standing:
    own = values.iloc[row]
    unit = unit_of(column)
    text = cell_text(own)
    if unit and text != "–":
        text = f"{text} {unit}"
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        return Standing(column, text)
    numbers = values.to_numpy(np.float64)
    numbers = numbers[np.isfinite(numbers)]
    if not len(numbers) or not np.isfinite(own):
        return Standing(column, text, count=len(numbers))
    share = ((numbers < own).sum() + 0.5 * (numbers == own).sum()) / len(numbers)
    return Standing(column, text, float(share), len(numbers), float(np.median(numbers)))


class ValueRows(QWidget):
    """A row for each value: its name, the value, and a bar from the smallest to the largest particle."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.rows: list[Standing] = []

    def show_rows(self, rows: list[Standing]) -> None:
        """Show other values."""
        self.rows = rows
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Ask for all rows; the panel scrolls."""
        return QSize(300, int(sum(map(self._height, self.rows))))

    def minimumSizeHint(self) -> QSize:
        """Ask for all rows in any width."""
        return QSize(200, self.sizeHint().height())

    def _height(self, row: Standing) -> int:
        least = self.fontMetrics().height() + 2
        return max(least, _ROW) if row.column else max(least + 4, _HEAD)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw the rows in sight."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        width, top = self.width(), 0
        name, value = 0.4 * width, 0.28 * width
        ink = self.palette().windowText().color()
        for row in self.rows:
            high = self._height(row)
            if event.rect().top() - high <= top <= event.rect().bottom():
                self._paint_row(painter, row, QRectF(0, top, width, high), name, value, ink)
            top += high
        painter.end()

    def _paint_row(
        self, painter: QPainter, row: Standing, area: QRectF, name: float, value: float, ink: QColor
    ) -> None:
        middle = Qt.AlignmentFlag.AlignVCenter
        painter.setPen(ink)
        font = painter.font()
        font.setBold(not row.column or row.column == "damage")
        painter.setFont(font)
        if not row.column:
            painter.drawText(area, int(middle | Qt.AlignmentFlag.AlignLeft), row.text)
            return
        metrics = painter.fontMetrics()
        cut = Qt.TextElideMode.ElideRight
        words = metrics.elidedText(display_name(row.column), cut, int(name - 6))
        painter.drawText(QRectF(0, area.top(), name, area.height()), int(middle | Qt.AlignmentFlag.AlignLeft), words)
        number = metrics.elidedText(row.text, cut, int(value))
        place = QRectF(name, area.top(), value, area.height())
        painter.drawText(place, int(middle | Qt.AlignmentFlag.AlignRight), number)
        if not np.isnan(row.share):
            _paint_bar(
                painter,
                QRectF(name + value + 12, area.top(), area.width() - name - value - 18, area.height()),
                row,
                ink,
            )

    def _row_at(self, y: float) -> Standing | None:
        top = 0
        for row in self.rows:
            top += self._height(row)
            if y < top:
                return row
        return None

    def event(self, event: Any) -> bool:
        """Explain the row below the mouse."""
        if isinstance(event, QHelpEvent):
            row = self._row_at(event.pos().y())
            if row is not None and row.column:
                QToolTip.showText(event.globalPos(), describe(row), self)
            else:
                QToolTip.hideText()
            return True
        return bool(super().event(event))


def describe(row: Standing) -> str:
    """Say in words what a row shows."""
    text = tooltip(row.column)
    if np.isnan(row.share):
        return text
    return (
        f"{text}<p>Larger than that of {100 * row.share:.0f} % of {row.count} particles; "
        f"their median is {cell_text(row.median)}.</p>"
    )


def _paint_bar(painter: QPainter, area: QRectF, row: Standing, ink: QColor) -> None:
    """Draw ranks from the smallest to the largest value, the middle half thicker, and the particle on it."""
    line = QColor(ink)
    line.setAlphaF(0.22)
    y = area.center().y()
    painter.fillRect(QRectF(area.left(), y - 1, area.width(), 2), line)
    painter.fillRect(QRectF(area.left() + area.width() / 4, y - 4, area.width() / 2, 8), line)
    painter.fillRect(QRectF(area.center().x() - 0.5, y - 5, 1, 10), line)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(_MARKER)
    painter.drawEllipse(QRectF(area.left() + row.share * area.width() - 4, y - 4, 8, 8))
    painter.setBrush(Qt.BrushStyle.NoBrush)
