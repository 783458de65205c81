"""The numbers that describe all particles together: sizes, solid fraction, and the mean of each feature."""

from __future__ import annotations

import math
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import QApplication, QHeaderView, QTableWidget, QTableWidgetItem

from napari_cathode.measure import FEATURES, population_table

from .names import tooltip

_TITLES = ("", "Value", "± SD", "n")
_TIPS = (
    "",
    "Of a feature, the mean over the particles.",
    "Sample standard deviation over the particles.",
    "Number of particles that the value rests on.",
)
_ROW_HEIGHT = 22


class Population(QTableWidget):
    """A table of the population; Ctrl+C copies the selected rows, or all, for a spreadsheet."""

    def __init__(self) -> None:
        super().__init__(0, len(_TITLES))
        self.setHorizontalHeaderLabels(list(_TITLES))
        for column, tip in enumerate(_TIPS):
            self.horizontalHeaderItem(column).setToolTip(tip)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.verticalHeader().hide()
        self.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        self.verticalHeader().setDefaultSectionSize(_ROW_HEIGHT)
        self.setShowGrid(False)
        self._shown: tuple[Any, Any] | None = None

    def show_particles(self, table: Any, summary: Any) -> None:
        """Show the population of a feature table.

        Parameters
        ----------
        table : DataFrame
            As `measure` returns it.
        summary : Summary
            Of it.
        """
        if self._shown is not None and self._shown[0] is table and self._shown[1] is summary:
            return
        self._shown = (table, summary)
        rows = population_table(table, summary)
        self.setRowCount(len(rows))
        for number, row in enumerate(rows.itertuples(index=False)):
            name = f"{row.name} ({row.unit})" if row.unit else row.name
            texts = (name, _number(row.value), _number(row.sd), str(row.particles))
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column:
                    item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                if row.quantity in FEATURES:
                    item.setToolTip(tooltip(row.quantity))
                self.setItem(number, column, item)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Copy rows instead of one cell."""
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy()
        else:
            super().keyPressEvent(event)

    def copy(self) -> None:
        """Put the selected rows, or all, on the clipboard, parted by tabs."""
        chosen = sorted({index.row() for index in self.selectedIndexes()}) or range(self.rowCount())
        lines = [("Quantity", *_TITLES[1:])]
        lines += [tuple(self.item(row, column).text() for column in range(len(_TITLES))) for row in chosen]
        QApplication.clipboard().setText("\n".join("\t".join(line) for line in lines))


def _number(value: float) -> str:
    """Write a number with four digits that count, and nothing where there is none."""
    if not math.isfinite(value):
        return ""
    return f"{value:.0f}" if value == round(value) and abs(value) < 1e6 else f"{value:.4g}"
