"""The feature table as Qt sees it: NumPy columns behind an array that gives their order."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from qtpy.QtCore import QAbstractTableModel, QModelIndex, Qt

from .names import display_name, shown_order, tooltip, unit_of

_ROOT = QModelIndex()
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


class ParticleTable(QAbstractTableModel):
    """Rows are particles; everything outside goes by their label ids.

    Attributes
    ----------
    columns : dict of str to ndarray
        The table, in its own order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.columns: dict[str, npt.NDArray[Any]] = {"label": np.zeros(0, np.int64)}
        self._names: list[str] = ["label"]
        self._matching = np.zeros(0, np.bool_)
        self._order = np.zeros(0, np.int64)
        self._row_of: dict[int, int] = {}
        self._sorted_by: tuple[int, Qt.SortOrder] | None = None

    def set_table(self, table: pd.DataFrame | None) -> None:
        """Show another table, unfiltered, in its own order."""
        self.beginResetModel()
        if table is None:
            self.columns = {"label": np.zeros(0, np.int64)}
        else:
            self.columns = {name: table[name].to_numpy() for name in shown_order(map(str, table.columns))}
        self._names = list(self.columns)
        self._matching = np.ones(len(self.columns["label"]), np.bool_)
        self._sorted_by = None
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
            rows = rows[_sort_order(self.columns[self._names[column]][rows], direction)]
        self._order = rows
        self._row_of = {int(label): row for row, label in enumerate(self.columns["label"][rows])}

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

    def rowCount(self, parent: QModelIndex = _ROOT) -> int:
        """Count the rows shown."""
        return 0 if parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex = _ROOT) -> int:
        """Count the columns."""
        return 0 if parent.isValid() else len(self._names)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Give the text of a cell."""
        if role == Qt.ItemDataRole.DisplayRole:
            return cell_text(self.columns[self._names[index.column()]][self._order[index.row()]])
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT
        return None

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


def _sort_order(values: npt.NDArray[Any], direction: Qt.SortOrder) -> npt.NDArray[np.int64]:
    if values.dtype.kind not in "biuf":
        values = np.unique([str(value) for value in values], return_inverse=True)[1]
    keys = values.astype(np.float64)
    if direction == Qt.SortOrder.DescendingOrder:
        keys = -keys
    return np.argsort(keys, kind="stable")  # NaN comes last
