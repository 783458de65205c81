"""Rows of a table side by side in two views: the pinned columns stay at the left, the others scroll."""

from __future__ import annotations

from qtpy.QtCore import QItemSelection, QItemSelectionModel, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QKeyEvent, QKeySequence
from qtpy.QtWidgets import QAbstractItemView, QHBoxLayout, QTableView, QVBoxLayout, QWidget

from .column_choice import ColumnChoice
from .table_header import RangeHeader
from .table_model import ParticleTable

_ROW_PX = 22
_MOST_PINNED = 0.6
_MANY_RUNS = 50


class TableView(QTableView):
    """The rows, or some columns of them; Escape clears the selection, Ctrl+C copies the selected rows."""

    escaped = Signal()
    copied = Signal()

    def __init__(self, model: ParticleTable) -> None:
        super().__init__()
        self.setModel(model)
        self.header = RangeHeader(model)
        self.setHorizontalHeader(self.header)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerItem)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.setWordWrap(False)
        self.setAlternatingRowColors(False)
        self.setShowGrid(False)
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(_ROW_PX)

    def fit_columns(self) -> None:
        """Give each column the width of its title or of a usual number."""
        metrics = self.fontMetrics()
        for section in range(self.model().columnCount()):
            title = str(self.model().headerData(section, Qt.Orientation.Horizontal))
            widest = max(metrics.horizontalAdvance(part) for part in [*title.split("\n"), "0.00000"])
            self.header.resizeSection(section, widest + 26)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Clear the selection, or copy."""
        if event.key() == Qt.Key.Key_Escape:
            self.escaped.emit()
        elif event.matches(QKeySequence.StandardKey.Copy):
            self.copied.emit()
        else:
            self._find_current()
            super().keyPressEvent(event)

    def selectionChanged(self, selected: QItemSelection, deselected: QItemSelection) -> None:
        """Draw all anew where many rows changed: Qt would ask for the place of each run of them."""
        if len(selected) + len(deselected) > _MANY_RUNS:
            self.viewport().update()
        else:
            super().selectionChanged(selected, deselected)

    def _find_current(self) -> None:
        """Let keys go on from the current row where its current cell is in a column that is not shown here."""
        current = self.currentIndex()
        shown = self.first_shown()
        if current.isValid() and self.isColumnHidden(current.column()) and shown is not None:
            place = self.model().index(current.row(), shown)
            self.selectionModel().setCurrentIndex(place, QItemSelectionModel.SelectionFlag.NoUpdate)

    def first_shown(self) -> int | None:
        """Give the leftmost column that is shown here."""
        sections = (self.header.logicalIndex(place) for place in range(self.header.count()))
        return next((section for section in sections if not self.isColumnHidden(section)), None)

    def sizeHint(self) -> QSize:
        """Ask for little; the layout gives what there is."""
        return QSize(320, 180)


class PinnedTable(QWidget):
    """A table of particles, whose columns are placed, hidden and pinned as the person wants them."""

    def __init__(self) -> None:
        super().__init__()
        self.model = ParticleTable()
        self.view = TableView(self.model)
        self.pinned = TableView(self.model)
        self.views = (self.view, self.pinned)
        self.columns = ColumnChoice()
        self._placing = False
        self._moved = QTimer(self)  # a header may not be changed while it tells of a move
        self._moved.setSingleShot(True)
        self._moved.setInterval(0)
        self._moved.timeout.connect(self._keep_order)
        self._below_pinned = QWidget()
        self._below_pinned.setFixedHeight(0)
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(self.pinned, 1)
        left.addWidget(self._below_pinned)
        rows = QHBoxLayout(self)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setSpacing(0)
        rows.addLayout(left)
        rows.addWidget(self.view, 1)
        self.pinned.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.pinned.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        # Both views show one selection; with the model it goes after them when the window closes.
        self.chooser = QItemSelectionModel(self.model, self)
        self.model.setParent(self)
        for view in self.views:
            view.setSelectionModel(self.chooser)
        self.columns.changed.connect(self.place_columns)
        for view, other in ((self.view, self.pinned), (self.pinned, self.view)):
            view.header.sectionMoved.connect(self._on_moved)
            view.header.sectionResized.connect(self._on_resized)
            view.verticalScrollBar().valueChanged.connect(other.verticalScrollBar().setValue)
        # A bar that is set before its range has grown stops at the old end: rows would stand beside others.
        self.pinned.verticalScrollBar().rangeChanged.connect(self._align)
        self.view.horizontalScrollBar().rangeChanged.connect(self._match_heights)

    def sort(self, section: int, order: Qt.SortOrder) -> None:
        """Sort the rows by a column, and say so in both headers."""
        for view in self.views:
            view.header.blockSignals(True)
            view.header.setSortIndicator(section, order)
            view.header.blockSignals(False)
            view.header.viewport().update()
        self.model.sort(section, order)

    def place_columns(self) -> None:
        """Put the columns where the person wants them."""
        self._placing = True
        names, pinned = self.model.names, self.columns.pinned
        for view in self.views:
            for place, name in enumerate(self.columns.arrange(names)):
                section = names.index(name)
                if view.header.visualIndex(section) != place:
                    view.header.moveSection(view.header.visualIndex(section), place)
            for section, name in enumerate(names):
                elsewhere = (name in pinned) != (view is self.pinned)
                view.header.setSectionHidden(section, elsewhere or self.columns.is_hidden(name))
        self._placing = False
        self._fit_pinned()

    def _on_moved(self, *_: int) -> None:
        """Keep the order that was dragged."""
        if not self._placing:
            self._moved.start()

    def _keep_order(self) -> None:
        names = self.model.names
        order: list[str] = []
        for view, is_pinned in ((self.pinned, True), (self.view, False)):
            by_place = sorted(range(len(names)), key=view.header.visualIndex)
            order += [names[section] for section in by_place if (names[section] in self.columns.pinned) == is_pinned]
        self.columns.set_order(order)

    def _on_resized(self, section: int, _old: int, new: int) -> None:
        if not self._placing and new:
            self._fit_pinned()

    def _fit_pinned(self) -> None:
        """Give the pinned columns their width, at most most of the table's."""
        wanted = self.pinned.header.length() + 2 * self.pinned.frameWidth()
        self.pinned.setVisible(self.pinned.header.length() > 0)
        self.pinned.setFixedWidth(max(1, min(wanted, round(_MOST_PINNED * max(self.width(), 200)))))

    def _align(self, *_: int) -> None:
        """Scroll the pinned columns to where the others are."""
        self.pinned.verticalScrollBar().setValue(self.view.verticalScrollBar().value())

    def _match_heights(self, _least: int, most: int) -> None:
        """Leave the room of the scroll bar free below the pinned columns, too, so that rows stay side by side."""
        bar = self.view.horizontalScrollBar()
        self._below_pinned.setFixedHeight(bar.sizeHint().height() if most > 0 else 0)
