"""The table of particles, with its filter, linked to the selection."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QItemSelection, QItemSelectionModel, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QGuiApplication, QKeyEvent, QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_cathode.errors import InputError
from napari_cathode.filtering import matching_rows
from napari_cathode.session import ParticleSet, Session

from .parts import Connections, Text
from .table_model import ParticleTable

_FILTER_DELAY_MS = 200
_FIRST_SORT = "damage"
"""The most damaged particle comes first."""


class TableView(QTableView):
    """The rows; Escape clears the selection, Ctrl+C copies the selected rows for a spreadsheet."""

    escaped = Signal()

    def __init__(self, model: ParticleTable) -> None:
        super().__init__()
        self.setModel(model)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setWordWrap(False)
        self.setAlternatingRowColors(False)
        self.setShowGrid(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(22)
        header = self.horizontalHeader()
        header.setSectionsClickable(True)
        header.setSortIndicatorShown(True)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)
        header.setSectionsMovable(True)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)

    def fit_columns(self) -> None:
        """Give each column the width of its title or of a usual number."""
        header, metrics = self.horizontalHeader(), self.fontMetrics()
        for section in range(self.model().columnCount()):
            title = str(self.model().headerData(section, Qt.Orientation.Horizontal))
            widest = max(metrics.horizontalAdvance(part) for part in [*title.split("\n"), "0.00000"])
            header.resizeSection(section, widest + 26)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Clear the selection, or copy."""
        if event.key() == Qt.Key.Key_Escape:
            self.escaped.emit()
        elif event.matches(QKeySequence.StandardKey.Copy):
            self._copy()
        else:
            super().keyPressEvent(event)

    def sizeHint(self) -> QSize:
        """Ask for little; the layout gives what there is."""
        return QSize(320, 180)

    def _copy(self) -> None:
        model = self.model()
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        lines = ["\t".join(model.names)]
        for row in rows:
            lines.append("\t".join(str(model.data(model.index(row, column))) for column in range(model.columnCount())))
        QGuiApplication.clipboard().setText("\n".join(lines))


class LinkedTable(QWidget):
    """The table of the session's current particles: its selection is the session's."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.model = ParticleTable()
        self.view = TableView(self.model)
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter: damage > 0.2 and volume_um3 < 500, or labels")
        self.filter.setClearButtonEnabled(True)
        self._count = QLabel()
        self._problem = Text()
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(_FILTER_DELAY_MS)
        self._delay.timeout.connect(self.apply_filter)
        self._lay_out()
        self.filter.textChanged.connect(lambda _text: self._delay.start())
        self.filter.returnPressed.connect(self.apply_filter)
        self.view.horizontalHeader().sortIndicatorChanged.connect(self._on_sort)
        self.view.selectionModel().selectionChanged.connect(self._on_view_selection)
        self.view.escaped.connect(self._clear)
        self._connections = Connections(self)
        self._connections.connect(session.current_changed, self._on_current)
        self._connections.connect(session.changed, self._on_changed)
        self._connections.connect(session.selection_changed, self._on_session_selection)
        self._show(session.current)

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addWidget(self.filter, 1)
        row.addWidget(self._count)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self._problem)
        layout.addWidget(self.view, 1)

    def apply_filter(self) -> None:
        """Show the rows that match what is typed."""
        self._delay.stop()
        try:
            matching = matching_rows(self.filter.text(), self.model.columns)
        except InputError as error:
            self._problem.say(str(error))
            return
        self._problem.say("")
        self.model.set_matching(matching)
        self._count_rows()
        self._select_rows()

    def _show(self, particles: ParticleSet | None) -> None:
        self.model.set_table(None if particles is None else particles.table)
        names = self.model.names
        first = names.index(_FIRST_SORT) if _FIRST_SORT in names else -1
        header = self.view.horizontalHeader()
        header.setSortIndicator(first, Qt.SortOrder.DescendingOrder)
        self.model.sort(first, Qt.SortOrder.DescendingOrder)  # the header is silent when it shows that already
        self.view.fit_columns()
        self.apply_filter()

    def _count_rows(self) -> None:
        shown, total = self.model.rowCount(), len(self.model.columns["label"])
        self._count.setText(f"{shown} of {total}" if shown != total else f"{total} particles")

    def _on_current(self, particles: ParticleSet | None) -> None:
        self._show(particles)

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        if particles is self._session.current and what == "table":
            self._show(particles)

    def _on_sort(self, section: int, order: Qt.SortOrder) -> None:
        self.model.sort(section, order)
        self._select_rows()

    def _clear(self) -> None:
        self._session.selection = ()

    # Loops stop by equality: what the view shows of the selection is compared with what it could show of it.

    def _view_selection(self) -> frozenset[int]:
        labels = self.model.labels
        chosen: set[int] = set()
        for part in self.view.selectionModel().selection():
            chosen.update(labels[part.top() : part.bottom() + 1].tolist())
        return frozenset(chosen)

    def _visible_selection(self) -> frozenset[int]:
        return frozenset(label for label in self._session.selection if self.model.row_of(label) is not None)

    def _on_view_selection(self, *_: Any) -> None:
        chosen = self._view_selection()
        if chosen == self._visible_selection():
            return
        self._session.selection = chosen
        current = self.view.currentIndex()
        if len(chosen) == 1:
            self._session.focus(next(iter(chosen)))
        elif current.isValid() and int(self.model.labels[current.row()]) in chosen:
            self._session.focus(int(self.model.labels[current.row()]))

    def _on_session_selection(self, _ids: frozenset[int]) -> None:
        self._select_rows()

    def _select_rows(self) -> None:
        """Show the session's selection, scrolled to when none of it is in sight."""
        wanted = self._visible_selection()
        if wanted == self._view_selection():
            return
        rows = np.array(sorted(self.model.row_of(label) for label in wanted), dtype=np.int64)
        selection = QItemSelection()
        last = self.model.columnCount() - 1
        for run in np.split(rows, np.flatnonzero(np.diff(rows) != 1) + 1):
            if len(run):
                selection.select(self.model.index(int(run[0]), 0), self.model.index(int(run[-1]), last))
        chooser = self.view.selectionModel()
        if len(rows):
            chooser.setCurrentIndex(self.model.index(int(rows[0]), 0), QItemSelectionModel.SelectionFlag.NoUpdate)
        chooser.select(selection, QItemSelectionModel.SelectionFlag.ClearAndSelect)
        if len(rows):
            self.view.scrollTo(self.model.index(int(rows[0]), 0))
