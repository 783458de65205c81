"""The table of particles, with its filter, linked to the selection."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from qtpy.QtCore import QItemSelection, QItemSelectionModel, QItemSelectionRange, QPoint, Qt, QTimer, Signal
from qtpy.QtGui import QGuiApplication, QResizeEvent
from qtpy.QtWidgets import (
    QBoxLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_cathode.errors import InputError
from napari_cathode.filtering import Filter
from napari_cathode.session import ParticleSet, Session
from napari_cathode.words import particles_in_words

from .column_choice import ColumnChooser
from .names import display_name
from .particle_menu import open_particle_menu
from .parts import Connections, Text
from .pinned_table import PinnedTable, TableView

_FILTER_DELAY_MS = 200
_LONGEST = 10_000_000
"""Letters of a filter: it may name thousands of particles."""
_NONE_PASSES = "No particle passes the filter. Change it above, or in the ranges below the titles."
_NONE_AT_ALL = "This table has no particles. Find particles first (Identify particles), or open other labels."
_FILTER_HINT = "Filter, e.g. damage > 0.2"
_FILTER_HELP = (
    "<p>Labels, such as 3, 17, or a condition on columns: damage > 0.2 and volume_um3 &lt; 500. Also: or, not, "
    "not touches_border, isnan(damage), arithmetic, abs, log and sqrt. The tooltip of a title says what its column is "
    "called.</p>"
)


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
        self._rows = PinnedTable()
        self.model, self.columns = self._rows.model, self._rows.columns
        self.view, self.pinned = self._rows.views
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
        self.filter.setMaxLength(_LONGEST)
        self._count = QLabel()
        self._problem = Text()
        self._nobody = Text()
        self._nobody.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.all_button = QPushButton("Show all particles")
        self.all_button.setToolTip("Takes the filter away, with all ranges.")
        self._showing = False
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
        # A range that hides particles is seen, also by who opens the table again.
        self.ranges_button.setChecked(session.current is not None and bool(session.current.filter.ranges))

    def _lay_out(self) -> None:
        # The filter has a row of its own where it would be too short to be read.
        self._bar = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._bar.addWidget(self.filter, 1)
        row = QHBoxLayout()
        row.addWidget(self._count, 1)
        for widget in (self.ranges_button, self.hide_button, self.columns_button):
            row.addWidget(widget)
        self._bar.addLayout(row)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._bar)
        layout.addWidget(self._problem)
        layout.addWidget(self._rows, 1)
        inside = QVBoxLayout(self.view.viewport())  # below the titles, in which ranges can still be changed
        inside.addStretch(1)
        inside.addWidget(self._nobody)
        inside.addWidget(self.all_button, 0, Qt.AlignmentFlag.AlignCenter)
        inside.addStretch(1)

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
        self.all_button.clicked.connect(self.clear_filter)
        self.model.typed.connect(self._on_typed)
        self.view.selectionModel().selectionChanged.connect(self._on_view_selection)
        for view in self._rows.views:
            view.header.sortIndicatorChanged.connect(self._on_sort)
            view.header.range_dragged.connect(self._on_range)
            view.header.customContextMenuRequested.connect(lambda place, view=view: self._open_column_menu(view, place))
            view.customContextMenuRequested.connect(lambda place, view=view: self._open_menu(view, place))
            view.escaped.connect(self._clear)
            view.copied.connect(self.copy)

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
            self.filter.clear()  # what is typed there may be no condition yet
            self._set_filter(particles, Filter(hide_others=particles.filter.hide_others))

    def _show_filter(self, particles: ParticleSet | None) -> None:
        """Show the session's filter and the rows that pass it."""
        known = Filter() if particles is None else particles.filter
        if known.text != self.filter.text() and not self._delay.isActive():
            self.filter.setText(known.text)  # with its signals, by which its button for clearing comes and goes
            self.filter.home(False)
            self._delay.stop()
        self.hide_button.setChecked(known.hide_others)
        for view in self._rows.views:
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
        self._count.setText(f"{shown} of {total}" if shown != total else particles_in_words(total))
        self.all_button.setVisible(total > shown == 0)
        self._nobody.say("" if shown or self.model.table is None else _NONE_PASSES if total else _NONE_AT_ALL)

    def _on_ranges(self, shown: bool) -> None:
        for view in self._rows.views:
            view.header.show_strips(shown)

    # ---- the rows ----------------------------------------------------------------------------------

    def _show(self, particles: ParticleSet | None) -> None:
        former = self.model.names
        self.model.set_table(None if particles is None else particles.table)
        names = self.model.names
        column, falling = self._session.sorting
        order = Qt.SortOrder.DescendingOrder if falling else Qt.SortOrder.AscendingOrder
        self._rows.sort(names.index(column) if column in names else -1, order)
        if names != former:
            for view in self._rows.views:
                view.fit_columns()
            self._rows.place_columns()
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
        names = self.model.names
        column = names[section] if 0 <= section < len(names) else None
        self._session.sorting = (column, order == Qt.SortOrder.DescendingOrder)
        self._rows.sort(section, order)
        self._select_rows()

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
        runs = self._rows.chooser.selection()
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
        chooser = self._rows.chooser
        shown = self.view.first_shown() or 0
        chooser.reset()  # silently: Qt compares each new run of rows with each former one
        if len(rows):
            chooser.setCurrentIndex(self.model.index(int(rows[0]), shown), QItemSelectionModel.SelectionFlag.NoUpdate)
        self._showing = True
        chooser.select(selection, QItemSelectionModel.SelectionFlag.Select)
        self._showing = False
        for view in self._rows.views:
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
