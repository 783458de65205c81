"""Which columns the table shows, in which order, and which of them stay in sight; remembered by their names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from .names import axis_title, display_name, shown_order, tooltip
from .remembered import remember_names, remembered_names

_NAME = Qt.ItemDataRole.UserRole
_ALWAYS_PINNED = ["label"]


class ColumnChoice(QObject):
    """The choice, kept in the settings under ``table/…``; columns that nobody chose yet are shown."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._order = remembered_names("table/order") or []
        self._hidden = set(remembered_names("table/hidden") or [])
        self._pinned = remembered_names("table/pinned")

    def arrange(self, columns: Iterable[str]) -> list[str]:
        """Put columns into the chosen order, pinned ones first; new ones follow those that usually precede them."""
        usual = shown_order(columns)
        placed = [name for name in self._order if name in usual]
        for before, name in zip([None, *usual], usual, strict=False):
            if name not in placed:
                placed.insert(placed.index(before) + 1 if before in placed else 0, name)
        pinned = [name for name in self.pinned if name in placed]
        return pinned + [name for name in placed if name not in pinned]

    @property
    def pinned(self) -> list[str]:
        """Columns that stay in sight at the left."""
        return list(_ALWAYS_PINNED if self._pinned is None else self._pinned)

    def is_hidden(self, name: str) -> bool:
        """Whether a column is not shown."""
        return name in self._hidden

    def pin(self, name: str, pinned: bool) -> None:
        """Let a column stay in sight at the left, or scroll with the others."""
        others = [known for known in self.pinned if known != name]
        self._pinned = [*others, name] if pinned else others
        self._hidden.discard(name)
        self._keep()

    def hide(self, names: Iterable[str], hidden: bool = True) -> None:
        """Hide columns, or show them again."""
        self._hidden = self._hidden | set(names) if hidden else self._hidden - set(names)
        self._keep()

    def set_order(self, names: Sequence[str]) -> None:
        """Put columns into an order; those that are not there at the moment keep theirs behind."""
        order = [*names, *(name for name in self._order if name not in names)]
        if order != self._order:
            self._order = order
            self._keep()

    def forget(self) -> None:
        """Show all columns in their usual order."""
        self._order, self._hidden, self._pinned = [], set(), None
        self._keep()

    def _keep(self) -> None:
        remember_names("table/order", self._order or None)
        remember_names("table/hidden", sorted(self._hidden) or None)
        remember_names("table/pinned", self._pinned)
        self.changed.emit()


class ColumnChooser(QDialog):
    """A list of the columns: ticked ones are shown, dragging changes the order, pinned ones stay in sight."""

    def __init__(self, choice: ColumnChoice, columns: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Columns of the table")
        self._choice = choice
        self._columns = list(columns)
        self._filling = False
        self.search = QLineEdit()
        self.search.setPlaceholderText("Find a column")
        self.search.setClearButtonEnabled(True)
        self.list = QListWidget()
        self.list.setDragDropMode(QAbstractItemView.DragDropMode.InternalMove)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.pin_button = QPushButton("Pin")
        self.pin_button.setToolTip("Keeps the chosen columns in sight at the left, or lets them go.")
        self._lay_out()
        self._fill()
        self.search.textChanged.connect(self._find)
        self.list.itemChanged.connect(self._on_ticked)
        self.list.model().rowsMoved.connect(self._on_moved)
        self.pin_button.clicked.connect(self._pin)
        choice.changed.connect(self._fill)
        self.resize(320, 420)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.addWidget(self.search)
        column.addWidget(self.list, 1)
        column.addWidget(QLabel("Tick to show. Drag to reorder."))
        row = QHBoxLayout()
        row.addWidget(self.pin_button)
        for text, tip, action in (
            ("All", "Shows all columns.", lambda: self._choice.hide(self._columns, False)),
            ("None", "Hides all but the pinned columns.", self._hide_all),
            ("Reset", "All columns in their usual order, the label pinned.", self._choice.forget),
        ):
            button = QPushButton(text)
            button.setToolTip(tip)
            button.setAutoDefault(False)
            button.clicked.connect(action)
            row.addWidget(button)
        self.pin_button.setAutoDefault(False)
        column.addLayout(row)

    def _fill(self) -> None:
        self._filling = True
        chosen = {item.data(_NAME) for item in self.list.selectedItems()}
        place = self.list.verticalScrollBar().value()
        self.list.clear()
        pinned = self._choice.pinned
        for name in self._choice.arrange(self._columns):
            item = QListWidgetItem(f"{axis_title(name)}{'  · pinned' if name in pinned else ''}")
            item.setData(_NAME, name)
            item.setToolTip(tooltip(name))
            item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsDropEnabled | Qt.ItemFlag.ItemIsUserCheckable)
            shown = not self._choice.is_hidden(name)
            item.setCheckState(Qt.CheckState.Checked if shown else Qt.CheckState.Unchecked)
            self.list.addItem(item)
            item.setSelected(name in chosen)
        self.list.verticalScrollBar().setValue(place)
        self._find(self.search.text())
        self._filling = False

    def _find(self, text: str) -> None:
        wanted = text.casefold().strip()
        for row in range(self.list.count()):
            item = self.list.item(row)
            name = str(item.data(_NAME))
            item.setHidden(wanted not in name.casefold() and wanted not in display_name(name).casefold())

    def _on_ticked(self, item: QListWidgetItem) -> None:
        if not self._filling:
            self._choice.hide([item.data(_NAME)], item.checkState() != Qt.CheckState.Checked)

    def _on_moved(self, *_: object) -> None:
        if not self._filling:
            self._choice.set_order([self.list.item(row).data(_NAME) for row in range(self.list.count())])

    def _pin(self) -> None:
        names = [str(item.data(_NAME)) for item in self.list.selectedItems()]
        pinned = self._choice.pinned
        for name in names:
            self._choice.pin(name, name not in pinned)

    def _hide_all(self) -> None:
        self._choice.hide([name for name in self._columns if name not in self._choice.pinned])

    def changeEvent(self, event: QEvent) -> None:
        """Go away with a click elsewhere."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ActivationChange and not self.isActiveWindow() and self.isVisible():
            self.close()
