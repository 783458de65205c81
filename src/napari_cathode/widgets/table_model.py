"""The feature table as Qt sees it: NumPy columns behind an array that gives their order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt, Signal
from qtpy.QtGui import QColor, QFont

from napari_cathode.plugin.walking import sort_order

from .names import display_name, shown_order, tooltip, unit_of

_ROOT = QModelIndex()
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
_LEFT = int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
_TYPED = ("review_class", "review_note")
_BINS = 28
_EXCLUDED = QColor(128, 128, 128)
_FLAGGED = QColor("#d0921f")


@dataclass(frozen=True, eq=False)
class Spread:
    """How the values of a column spread.

    Attributes
    ----------
    counts : ndarray of int
        Particles in each of the bins of equal width between ``low`` and ``high``.
    low, high : float
        Ends of the bins.
    smallest, largest : float
        Ends of the values.
    """

    counts: npt.NDArray[np.int64]
    low: float
    high: float
    smallest: float
    largest: float

    def share(self, value: float) -> float:
        """Give the place of a value between the ends, 0 … 1."""
        return float(np.clip((value - self.low) / (self.high - self.low), 0, 1))


class ParticleTable(QAbstractTableModel):
    """Rows are particles; everything outside goes by their label ids.

    Attributes
    ----------
    table : DataFrame, optional
        What is shown.
    columns : dict of str to ndarray
        The table, in its own order.

    Signals
    -------
    typed : (int, str, str)
        Somebody typed into a cell: the particle, the column, the text.
    """

    typed = Signal(int, str, str)

    def __init__(self) -> None:
        super().__init__()
        self.columns: dict[str, npt.NDArray[Any]] = {"label": np.zeros(0, np.int64)}
        self.table: pd.DataFrame | None = None
        self._names: list[str] = ["label"]
        self._matching = np.zeros(0, np.bool_)
        self._order = np.zeros(0, np.int64)
        self._row_of: dict[int, int] = {}
        self._sorted_by: tuple[int, Qt.SortOrder] | None = None
        self._excluded = self._flagged = np.zeros(0, np.bool_)
        self._spreads: dict[int, Spread | None] = {}

    def set_table(self, table: pd.DataFrame | None) -> None:
        """Show another table, unfiltered, in its own order."""
        self.beginResetModel()
        self.table = table
        if table is None:
            self.columns = {"label": np.zeros(0, np.int64)}
        else:
            self.columns = {name: table[name].to_numpy() for name in shown_order(map(str, table.columns))}
        self._names = list(self.columns)
        self._matching = np.ones(len(self.columns["label"]), np.bool_)
        self._sorted_by = None
        count = len(self._matching)
        nobody = np.zeros(count, np.bool_)
        self._excluded = self.columns.get("review_excluded", nobody)
        self._flagged = self.columns.get("review_flagged", nobody)
        self._spreads = {}
        self._arrange()
        self.endResetModel()

    def set_matching(self, matching: npt.NDArray[np.bool_]) -> None:
        """Show only some rows; ``matching`` is in the table's own order."""
        self.beginResetModel()
        self._matching = matching
        self._arrange()
        self.endResetModel()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; particles without a value come last either way."""
        self.beginResetModel()
        self._sorted_by = (column, order) if 0 <= column < len(self._names) else None
        self._arrange()
        self.endResetModel()

    def _arrange(self) -> None:
        rows = np.flatnonzero(self._matching)
        if self._sorted_by is not None:
            column, direction = self._sorted_by
            values = self.columns[self._names[column]][rows]
            rows = rows[sort_order(values, direction == Qt.SortOrder.DescendingOrder)]
        self._order = rows
        self._row_of = {int(label): row for row, label in enumerate(self.columns["label"][rows])}

    def spread(self, column: int) -> Spread | None:
        """Give how the values of a column spread over the particles that count, None where it holds no numbers."""
        if column not in self._spreads:
            self._spreads[column] = _spread(self._names[column], self.columns[self._names[column]], ~self._excluded)
        return self._spreads[column]

    @property
    def sorted_by(self) -> tuple[str, Qt.SortOrder] | None:
        """The column that gives the order, and its direction."""
        return None if self._sorted_by is None else (self._names[self._sorted_by[0]], self._sorted_by[1])

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Label ids in the order of the rows shown."""
        return np.asarray(self.columns["label"][self._order], np.int64)

    @property
    def names(self) -> tuple[str, ...]:
        """Columns from left to right."""
        return tuple(self._names)

    def row_of(self, label: int) -> int | None:
        """Give the row that shows a particle, None when the filter hides it."""
        return self._row_of.get(label)

    def rows(self, first: int, last: int) -> tuple[QModelIndex, QModelIndex]:
        """Give the corners of some rows; Qt's own way asks for the size of the table each time."""
        return self.createIndex(first, 0), self.createIndex(last, len(self._names) - 1)

    def rowCount(self, parent: QModelIndex = _ROOT) -> int:
        """Count the rows shown."""
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex = _ROOT) -> int:
        """Count the columns."""
        return 0 if parent.isValid() else len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give the text of a cell; excluded particles are grey and struck out, flagged ones have an amber label."""
        name, row = self._names[index.column()], self._order[index.row()]
        if role in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.EditRole):
            return cell_text(self.columns[name][row])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _LEFT if self.columns[name].dtype.kind == "O" else _RIGHT
        if role == Qt.ItemDataRole.ForegroundRole:
            if self._excluded[row]:
                return _EXCLUDED
            return _FLAGGED if name == "label" and self._flagged[row] else None
        if role == Qt.ItemDataRole.FontRole and name == "label" and (self._excluded[row] or self._flagged[row]):
            font = QFont()
            font.setStrikeOut(bool(self._excluded[row]))
            font.setBold(not self._excluded[row])
            return font
        if role == Qt.ItemDataRole.ToolTipRole and self.columns[name].dtype.kind == "O":
            return str(self.columns[name][row]) or None
        return None

    def flags(self, index: QModelIndex) -> Qt.ItemFlag:
        """Let class and note be typed into the table."""
        flags = super().flags(index)
        typed = index.isValid() and self._names[index.column()] in _TYPED
        return flags | Qt.ItemFlag.ItemIsEditable if typed else flags

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        """Tell what was typed; whoever holds the table changes it."""
        if role != Qt.ItemDataRole.EditRole or not self.flags(index) & Qt.ItemFlag.ItemIsEditable:
            return False
        name, row = self._names[index.column()], self._order[index.row()]
        self.typed.emit(int(self.columns["label"][row]), name, str(value))
        return True

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give the name of a column with its unit, or its definition."""
        if orientation == Qt.Orientation.Vertical:
            return None
        name = self._names[section]
        if role == Qt.ItemDataRole.DisplayRole:
            unit = unit_of(name)
            return f"{display_name(name)}\n{unit}" if unit else f"{display_name(name)}\n"
        if role == Qt.ItemDataRole.ToolTipRole:
            return tooltip(name)
        return None


def _spread(name: str, values: npt.NDArray[Any], counted: npt.NDArray[np.bool_]) -> Spread | None:
    if values.dtype.kind not in "biuf" or name == "label":
        return None
    known = values[counted].astype(np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return None
    smallest, largest = float(known.min()), float(known.max())
    if values.dtype.kind in "biu" and largest - smallest < _BINS:
        low, high = smallest - 0.5, largest + 0.5
        bins = round(high - low)
    else:
        margin = 0.5 * (abs(smallest) or 1.0) if largest <= smallest else 0.0
        low, high, bins = smallest - margin, largest + margin, _BINS
    return Spread(np.histogram(known, bins, (low, high))[0], low, high, smallest, largest)


def cell_text(value: Any) -> str:
    """Write a value with four digits; a dash where there is none."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        if not np.isfinite(value):
            return "–"
        return f"{value:.0f}" if 1000 <= abs(value) < 1e7 else f"{value:.4g}"
    return "–" if value is None else str(value)
