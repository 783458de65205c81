"""The table of particles, with its filter, linked to the selection."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from qtpy.QtCore import QItemSelection, QItemSelectionModel, QItemSelectionRange, QPoint, QSize, Qt, QTimer, Signal
from qtpy.QtGui import QGuiApplication, QKeyEvent, QKeySequence, QResizeEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QBoxLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from napari_cathode.errors import InputError
from napari_cathode.filtering import Filter
from napari_cathode.session import ParticleSet, Session

from .column_choice import ColumnChoice, ColumnChooser
from .names import display_name
from .particle_menu import open_particle_menu
from .parts import Connections, Text
from .table_header import RangeHeader
from .table_model import ParticleTable

_FILTER_DELAY_MS = 200
_FIRST_SORT = "damage"
"""The most damaged particle comes first."""
_ROW_PX = 22
_MOST_PINNED = 0.6
_MANY_RUNS = 50
_FILTER_HINT = "Filter, e.g. damage > 0.2"
_FILTER_HELP = (
    "<p>Labels, such as 3, 17, or a condition on columns: damage > 0.2 and volume_um3 &lt; 500. Also: or, not, "
    "not touches_border, isnan(damage), arithmetic, abs, log and sqrt. The tooltip of a title says what its column is "
    "called.</p>"
)
"""So much of a condition is to be seen at once."""


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


class LinkedTable(QWidget):
    """The table of the session's current particles: its selection and its filter are the session's.

    Signals
    -------
    plot_requested : (str)
        Somebody wants to see how the values of a column spread.
    """

    plot_requested = Signal(str)

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.model = ParticleTable()
        self.view = TableView(self.model)
        self.pinned = TableView(self.model)
        self.columns = ColumnChoice()
        self.filter = QLineEdit()
        self.filter.setPlaceholderText(_FILTER_HINT)
        self.filter.setToolTip(_FILTER_HELP)
        self.filter.setClearButtonEnabled(True)
        self.ranges_button = _toggle(
            "Ranges", "Shows a histogram below each title; drag in it to keep what is between."
        )
        self.hide_button = _toggle("Hide others", "Shows only the particles of the filter in the picture, too.")
        self.columns_button = QPushButton("Columns …")
        self.columns_button.setToolTip("Chooses, pins and orders the columns.")
        self._count = QLabel()
        self._problem = Text()
        self._placing = self._showing = False
        self._moved = QTimer(self)  # a header may not be changed while it tells of a move
        self._moved.setSingleShot(True)
        self._moved.setInterval(0)
        self._moved.timeout.connect(self._keep_order)
        self._delay = QTimer(self)
        self._delay.setSingleShot(True)
        self._delay.setInterval(_FILTER_DELAY_MS)
        self._delay.timeout.connect(self.apply_filter)
        self._lay_out()
        self._connect()
        self.model.modelReset.connect(self._tell_order)
        self.destroyed.connect(_Forgetting(session))
        self._connections = Connections(self)
        self._connections.connect(session.current_changed, self._on_current)
        self._connections.connect(session.changed, self._on_changed)
        self._connections.connect(session.selection_changed, self._on_session_selection)
        self._show(session.current)

    def _lay_out(self) -> None:
        # The filter has a row of its own where it would be too short to be read.
        self._bar = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._bar.addWidget(self.filter, 1)
        row = QHBoxLayout()
        row.addWidget(self._count, 1)
        for widget in (self.ranges_button, self.hide_button, self.columns_button):
            row.addWidget(widget)
        self._bar.addLayout(row)
        self._below_pinned = QWidget()
        self._below_pinned.setFixedHeight(0)
        left = QVBoxLayout()
        left.setSpacing(0)
        left.addWidget(self.pinned, 1)
        left.addWidget(self._below_pinned)
        rows = QHBoxLayout()
        rows.setSpacing(0)
        rows.addLayout(left)
        rows.addWidget(self.view, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._bar)
        layout.addWidget(self._problem)
        layout.addLayout(rows, 1)
        self.pinned.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.pinned.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the filter beside the buttons where there is room for what it is to say."""
        super().resizeEvent(event)
        buttons = (self._count, self.ranges_button, self.hide_button, self.columns_button)
        beside = sum(widget.sizeHint().width() + self._bar.spacing() for widget in buttons)
        wanted = self.filter.fontMetrics().horizontalAdvance(_FILTER_HINT) + 24
        way = QBoxLayout.Direction.LeftToRight if self.width() >= beside + wanted else QBoxLayout.Direction.TopToBottom
        if self._bar.direction() != way:
            self._bar.setDirection(way)

    def _connect(self) -> None:
        self.filter.textChanged.connect(lambda _text: self._delay.start())
        self.filter.returnPressed.connect(self.apply_filter)
        self.ranges_button.toggled.connect(self._on_ranges)
        self.hide_button.clicked.connect(self.apply_filter)
        self.columns_button.clicked.connect(self.choose_columns)
        self.columns.changed.connect(self._place_columns)
        self.model.typed.connect(self._on_typed)
        # Both views show one selection; with the model it goes after them when the window closes.
        self._chooser = QItemSelectionModel(self.model, self)
        self.model.setParent(self)
        for view in (self.view, self.pinned):
            view.setSelectionModel(self._chooser)
        self.view.selectionModel().selectionChanged.connect(self._on_view_selection)
        for view, other in ((self.view, self.pinned), (self.pinned, self.view)):
            view.header.sortIndicatorChanged.connect(self._on_sort)
            view.header.range_dragged.connect(self._on_range)
            view.header.sectionMoved.connect(self._on_moved)
            view.header.sectionResized.connect(self._on_resized)
            view.header.customContextMenuRequested.connect(lambda place, view=view: self._open_column_menu(view, place))
            view.customContextMenuRequested.connect(lambda place, view=view: self._open_menu(view, place))
            view.verticalScrollBar().valueChanged.connect(other.verticalScrollBar().setValue)
            view.escaped.connect(self._clear)
            view.copied.connect(self.copy)
        self.view.horizontalScrollBar().rangeChanged.connect(self._match_heights)

    # ---- the filter --------------------------------------------------------------------------------

    def apply_filter(self) -> None:
        """Show the rows that match what is typed and dragged."""
        particles = self._session.current
        if particles is not None:
            text, hide = self.filter.text(), self.hide_button.isChecked()
            self._set_filter(particles, replace(particles.filter, text=text, hide_others=hide))

    def _on_range(self, column: str, limits: tuple[float, float] | None) -> None:
        particles = self._session.current
        if particles is not None:
            self._set_filter(particles, particles.filter.with_range(column, limits))

    def _set_filter(self, particles: ParticleSet, wanted: Filter) -> None:
        self._delay.stop()
        try:
            self._session.set_filter(particles, wanted)
        except InputError as error:
            self._problem.say(str(error))
            return
        self._problem.say("")

    def clear_filter(self) -> None:
        """Show all rows."""
        particles = self._session.current
        if particles is not None:
            self._set_filter(particles, Filter(hide_others=particles.filter.hide_others))

    def _show_filter(self, particles: ParticleSet | None) -> None:
        """Show the session's filter and the rows that pass it."""
        known = Filter() if particles is None else particles.filter
        if known.text != self.filter.text() and not self._delay.isActive():
            self.filter.setText(known.text)  # with its signals, by which its button for clearing comes and goes
            self._delay.stop()
        self.hide_button.setChecked(known.hide_others)
        for view in (self.view, self.pinned):
            view.header.show_filter(known)
        if particles is not None and particles.table is not None:
            labels = self.model.columns["label"]
            shown = particles.shown
            self.model.set_matching(np.ones(len(labels), bool) if shown is None else np.isin(labels, shown))
        self._count_rows()
        self._select_rows()

    def _tell_order(self) -> None:
        """Let keys walk the particles in the order of the rows."""
        particles = self._session.current
        if particles is not None:
            particles.order = self.model.labels if self.model.table is particles.table else None

    def _count_rows(self) -> None:
        shown, total = self.model.rowCount(), len(self.model.columns["label"])
        self._count.setText(f"{shown} of {total}" if shown != total else f"{total} particles")

    def _on_ranges(self, shown: bool) -> None:
        for view in (self.view, self.pinned):
            view.header.show_strips(shown)

    # ---- the rows ----------------------------------------------------------------------------------

    def _show(self, particles: ParticleSet | None) -> None:
        known, former = self.model.sorted_by, self.model.names
        self.model.set_table(None if particles is None else particles.table)
        names = self.model.names
        column, order = (known[0], known[1]) if known is not None else (_FIRST_SORT, Qt.SortOrder.DescendingOrder)
        self._sort(names.index(column) if column in names else -1, order)
        if names != former:
            for view in (self.view, self.pinned):
                view.fit_columns()
            self._place_columns()
        self._show_filter(particles)

    def _on_current(self, particles: ParticleSet | None) -> None:
        self._problem.say("")
        self._delay.stop()
        self._show(particles)

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        if particles is not self._session.current:
            return
        if what == "table":
            dropped = self.filter.text().strip() and not particles.filter.text and not self._delay.isActive()
            if dropped and particles.table is not None:
                self._problem.say(f"The filter {self.filter.text()} does not fit this table; all particles are shown.")
            self._show(particles)
        elif what == "filter":
            self._show_filter(particles)

    def _on_sort(self, section: int, order: Qt.SortOrder) -> None:
        self._sort(section, order)
        self._select_rows()

    def _sort(self, section: int, order: Qt.SortOrder) -> None:
        for view in (self.view, self.pinned):
            view.header.blockSignals(True)
            view.header.setSortIndicator(section, order)
            view.header.blockSignals(False)
            view.header.viewport().update()
        self.model.sort(section, order)

    def _on_typed(self, label: int, column: str, text: str) -> None:
        particles = self._session.current
        if particles is not None:
            part = "kind" if column == "review_class" else "note"
            self._session.judge(particles, (label,), **{part: text})

    def copy(self) -> None:
        """Copy the selected rows, in the columns shown, for a spreadsheet."""
        rows = sorted(index.row() for index in self.view.selectionModel().selectedRows())
        names = [name for name in self.columns.arrange(self.model.names) if not self.columns.is_hidden(name)]
        places = [self.model.names.index(name) for name in names]
        lines = ["\t".join(names)]
        for row in rows:
            cells = (str(self.model.data(self.model.index(row, place))) for place in places)
            lines.append("\t".join(" ".join(cell.split()) for cell in cells))
        QGuiApplication.clipboard().setText("\n".join(lines))

    def _open_menu(self, view: TableView, place: QPoint) -> None:
        """Open the context menu of the particle below the mouse, or of all selected ones where it is one of them."""
        index = view.indexAt(place)
        if index.isValid():
            label = int(self.model.labels[index.row()])
            if label not in self._session.selection:
                self._session.selection = {label}
            open_particle_menu(self._session, self, view.viewport().mapToGlobal(place))

    # ---- the columns -------------------------------------------------------------------------------

    def choose_columns(self) -> None:
        """Open the list of columns below its button."""
        chooser = ColumnChooser(self.columns, self.model.names, self)
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.move(self.columns_button.mapToGlobal(QPoint(0, -chooser.height())))
        chooser.show()

    def _place_columns(self) -> None:
        """Put the columns where the person wants them."""
        self._placing = True
        names, pinned = self.model.names, self.columns.pinned
        for view in (self.view, self.pinned):
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

    def _match_heights(self, _least: int, most: int) -> None:
        """Leave the room of the scroll bar free below the pinned columns, too, so that rows stay side by side."""
        bar = self.view.horizontalScrollBar()
        self._below_pinned.setFixedHeight(bar.sizeHint().height() if most > 0 else 0)

    def _open_column_menu(self, view: TableView, place: QPoint) -> None:
        section = view.header.logicalIndexAt(place)
        if section >= 0:
            self.column_menu(self.model.names[section]).popup(view.header.viewport().mapToGlobal(place))

    def column_menu(self, name: str) -> QMenu:
        """Make the context menu of a column."""
        particles, pinned = self._session.current, name in self.columns.pinned
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction(display_name(name)).setEnabled(False)
        menu.addSeparator()
        if particles is not None and particles.filter.range_of(name) is not None:
            menu.addAction("Take the range away", lambda: self._on_range(name, None))
        menu.addAction("Let it scroll" if pinned else "Pin at the left", lambda: self.columns.pin(name, not pinned))
        menu.addAction("Hide", lambda: self.columns.hide([name]))
        menu.addAction("Columns …", self.choose_columns)
        if self.model.spread(self.model.names.index(name)) is not None:
            menu.addSeparator()
            menu.addAction("Show in the plot", lambda: self.plot_requested.emit(name))
        return menu

    # ---- the selection -----------------------------------------------------------------------------

    def _clear(self) -> None:
        self._session.selection = ()

    # Loops stop by equality: what the view shows of the selection is compared with what it could show of it.

    def _view_rows(self) -> np.ndarray[Any, Any]:
        """Give the rows that are selected here, in rising order."""
        runs = self._chooser.selection()
        chosen = np.zeros(len(self.model.labels), bool)
        for run in runs:
            chosen[run.top() : run.bottom() + 1] = True
        return np.flatnonzero(chosen)

    def _wanted_rows(self) -> np.ndarray[Any, Any]:
        """Give the rows that show the session's selection, in rising order."""
        wanted = self._session.selection
        return np.flatnonzero(np.isin(self.model.labels, np.fromiter(wanted, np.int64, len(wanted))))

    def _on_view_selection(self, *_: Any) -> None:
        if self._showing:
            return
        rows = self._view_rows()
        if np.array_equal(rows, self._wanted_rows()):
            return
        labels = self.model.labels
        self._session.selection = chosen = frozenset(labels[rows].tolist())
        current = self.view.currentIndex()
        if len(chosen) == 1:
            self._session.focus(next(iter(chosen)))
        elif current.isValid() and int(labels[current.row()]) in chosen:
            self._session.focus(int(labels[current.row()]))

    def _on_session_selection(self, _ids: frozenset[int]) -> None:
        self._select_rows()

    def _select_rows(self) -> None:
        """Show the session's selection, scrolled to when none of it is in sight."""
        rows = self._wanted_rows()
        if np.array_equal(rows, self._view_rows()):
            return
        selection = QItemSelection()
        gaps = np.flatnonzero(np.diff(rows) != 1)
        for first, last in zip(rows[np.append([0], gaps + 1)[: len(rows)]].tolist(),
                               rows[np.append(gaps, -1)[: len(rows)]].tolist(), strict=True):  # fmt: skip
            selection.append(QItemSelectionRange(*self.model.rows(first, last)))
        chooser = self._chooser
        shown = self.view.first_shown() or 0
        chooser.reset()  # silently: Qt compares each new run of rows with each former one
        if len(rows):
            chooser.setCurrentIndex(self.model.index(int(rows[0]), shown), QItemSelectionModel.SelectionFlag.NoUpdate)
        self._showing = True
        chooser.select(selection, QItemSelectionModel.SelectionFlag.Select)
        self._showing = False
        for view in (self.view, self.pinned):
            view.viewport().update()
        if len(rows):
            self.view.scrollTo(self.model.index(int(rows[0]), shown))


def _toggle(text: str, tooltip: str) -> QPushButton:
    button = QPushButton(text)
    button.setCheckable(True)
    button.setToolTip(tooltip)
    return button


class _Forgetting:
    """Takes the order of the rows back when the table goes; outlives it."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __call__(self, _widget: Any = None) -> None:
        if not vars(self):
            return  # the garbage collector, which ends the widget, has cleared this already
        for particles in self._session.particle_sets:
            particles.order = None
