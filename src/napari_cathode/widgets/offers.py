"""Offers to recover what earlier sessions left without saving."""

from __future__ import annotations

import html
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_cathode.project import Recoverable

from .parts import Heading, Text, primary_button, rule

if TYPE_CHECKING:
    from .keeper import Keeper


class Offers(QWidget):
    """What was left, the newest first; takes no room where there is nothing.

    Parameters
    ----------
    most : int
        So many are shown; the Project panel has the others.
    """

    def __init__(self, most: int = 100) -> None:
        super().__init__()
        self._most = most
        self._keeper: Callable[[], Keeper | None] = lambda: None  # it holds the window
        self._shown: list[Recoverable] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(6)
        self.hide()

    def watch(self, keeper: Keeper) -> None:
        """Show what the keeper of the window offers."""
        if self._keeper() is None:
            self._keeper = weakref.ref(keeper)
            keeper.changed.connect(self.refresh)
            self.refresh()

    @property
    def offers(self) -> list[Offer]:
        """Those that are shown."""
        found = (self._column.itemAt(place).widget() for place in range(self._column.count()))
        return [widget for widget in found if isinstance(widget, Offer)]

    def refresh(self) -> None:
        """Show what there is now."""
        keeper = self._keeper()
        if keeper is None or keeper.recoverable == self._shown:
            return
        self._shown = list(keeper.recoverable)
        while self._column.count():
            item = self._column.takeAt(0).widget()
            if item is not None:
                item.hide()
                item.deleteLater()
        self.setVisible(bool(self._shown))
        if not self._shown:
            return
        self._column.addWidget(Heading("Recover work that was not saved"))
        for left in self._shown[: self._most]:
            self._column.addWidget(Offer(left, keeper))
        others = len(self._shown) - self._most
        if others > 0:
            more = QPushButton(f"{others} more …")
            more.setToolTip("Opens the Project panel, which lists all of them.")
            more.clicked.connect(keeper.show_panel)
            self._column.addWidget(more, 0, Qt.AlignmentFlag.AlignLeft)
        self._column.addWidget(rule())


class Offer(QFrame):
    """One piece of work that was left, and what can be done about it."""

    def __init__(self, left: Recoverable, keeper: Keeper) -> None:
        super().__init__()
        self._left, self._keeper = left, weakref.ref(keeper)
        names, when = left.describe()
        text = Text(f"<b>{html.escape(names)}</b><br>{html.escape(when)}")
        self.recover_button = primary_button("Recover", "Opens it in the place of what is open, which is kept.")
        self.discard_button = QPushButton("Discard")
        self.discard_button.setStyleSheet("padding: 6px 12px;")
        self.discard_button.setToolTip("Removes it for good. Asks once more.")
        self._sure = False
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(text, 1)
        row.addWidget(self.recover_button, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(self.discard_button, 0, Qt.AlignmentFlag.AlignTop)
        self.recover_button.clicked.connect(self._recover)
        self.discard_button.clicked.connect(self._discard)

    def _recover(self) -> None:
        keeper = self._keeper()
        if keeper is not None:
            keeper.recover(self._left)
            keeper.show_panel()

    def _discard(self) -> None:
        """Discard at the second click."""
        keeper = self._keeper()
        if self._sure and keeper is not None:
            keeper.discard(self._left)
            return
        self._sure = True
        self.discard_button.setText("Really discard")
