"""The list of edits: what was done, where one stands, and a way back and forth."""

from __future__ import annotations

from typing import Any

from qtpy.QtGui import QFont
from qtpy.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from napari_cathode.edit.history import History
from napari_cathode.errors import InputError
from napari_cathode.session import ParticleSet, Session

from .parts import Connections, Text, allow


class HistoryList(QWidget):
    """The edits of the current particles, the first on top; a click goes to the labels as they were after one.

    Parameters
    ----------
    session : Session
        The state.

    Attributes
    ----------
    undo_button, redo_button, export_button : QPushButton
        Act by whoever holds this part.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self._why = ""
        self.undo_button = QPushButton("Undo")
        self.undo_button.setToolTip("Takes the last edit back (Ctrl+Z), with all that it changed.")
        self.redo_button = QPushButton("Redo")
        self.redo_button.setToolTip("Repeats the edit that was undone last (Ctrl+Shift+Z).")
        self.export_button = QPushButton("Export log …")
        self.export_button.setToolTip("Writes what was changed by hand to a CSV or JSON file.")
        self.list = QListWidget()
        self.list.setMinimumHeight(90)
        self.words = Text()
        row = QHBoxLayout()
        row.setSpacing(6)
        for button in (self.undo_button, self.redo_button, self.export_button):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addLayout(row)
        column.addWidget(self.list, 1)
        column.addWidget(self.words)
        self.list.itemClicked.connect(lambda item: self.go_to(self.list.row(item)))
        self._connections = Connections(self)
        self._connections.connect(session.current_changed, lambda _particles: self.refresh())
        self._connections.connect(session.changed, self._on_changed)
        self.refresh()

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        if what == "history" and particles is self._session.current:
            self.refresh()

    def go_to(self, row: int) -> None:
        """Undo or redo until so many edits are done."""
        particles = self._session.current
        if particles is None or self._why:
            self.words.say(self._why)
            return
        try:
            while len(particles.history.done) > row and self._session.undo(particles):
                pass
            while len(particles.history.done) < row and self._session.redo(particles):
                pass
        except InputError as error:
            self.words.say(str(error))

    def allow(self, why: str) -> None:
        """Let one go back and forth unless there is a reason why not."""
        if why != self._why:
            self._why = why
            self.refresh()

    def refresh(self) -> None:
        """Show the edits as they are."""
        particles = self._session.current
        history = None if particles is None else particles.history
        self.list.clear()
        done = [] if history is None else list(history.done)
        undone = [] if history is None else list(history.undone)
        if history is not None:
            self.list.addItem("Before the edits that can be undone" if history.earlier else "As found")
        for step in (*done, *undone):
            self.list.addItem(step.describe())
        for row in range(self.list.count()):
            self._style(self.list.item(row), now=row == len(done), later=row > len(done))
        if self.list.count():
            self.list.scrollToItem(self.list.item(len(done)))
        known = (bool(self._why), self._why)
        allow(self.undo_button, known, (not done, "There is nothing to undo."))
        allow(self.redo_button, known, (not undone, "There is nothing to redo."))
        self.export_button.setEnabled(history is not None and bool(history.log()))
        self.words.say("" if history is None else _what_is_gone(history))

    def _style(self, item: QListWidgetItem | None, *, now: bool, later: bool) -> None:
        if item is None:
            return
        font = QFont(item.font())
        font.setBold(now)
        font.setItalic(later)
        item.setFont(font)
        text: Any = " · undone" if later else ""
        item.setText(item.text() + text)


def _what_is_gone(history: History) -> str:
    """Say which edits cannot be undone any more."""
    if not history.earlier:
        return ""
    first = "first edit" if history.earlier == 1 else f"first {history.earlier} edits"
    why = "they would take too much memory" if history.dropped else "they were made before the project was opened"
    return f"The {first} cannot be undone any more ({why}); the log has them."
