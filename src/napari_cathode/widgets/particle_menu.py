"""What can be said of the selected particles: a context menu for table and picture, and a dialog for class and note."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QInputDialog,
    QMenu,
    QPlainTextEdit,
    QVBoxLayout,
    QWidget,
)

from napari_cathode.judging import Judgement, classes_of, judgement
from napari_cathode.session import ParticleSet, Session
from napari_cathode.words import particles_in_words

from .parts import form_layout

_VERDICTS = (
    ("", "Nothing", "Nobody said anything."),
    ("accepted", "Accept", "Looked at, and fine."),
    ("flagged", "Flag", "To be looked at again; it counts everywhere."),
    ("excluded", "Exclude", "Left out of statistics, plots and explanations; it stays in the labels."),
)


def particle_menu(session: Session, parent: QWidget) -> QMenu | None:
    """Make the context menu for the selected particles; None while there are none.

    Parameters
    ----------
    session : Session
        Whose current particles and selection.
    parent : QWidget
        Over which it opens; it goes with it at the latest.
    """
    particles, labels = session.current, sorted(session.selection)
    if particles is None or not labels:
        return None
    known = _common(particles, labels)
    menu = QMenu(parent)
    menu.setObjectName("particle")
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.setToolTipsVisible(True)
    menu.addAction(_name(labels)).setEnabled(False)
    menu.addSeparator()
    for verdict, text, tip in _VERDICTS[1:]:
        action = menu.addAction(text)
        action.setToolTip(tip)
        action.setCheckable(True)
        action.setChecked(known["verdict"] == verdict)
        action.triggered.connect(
            lambda checked, verdict=verdict: session.judge(particles, labels, verdict=verdict if checked else "")
        )
    menu.addMenu(_class_menu(session, particles, labels, known["class"], menu))
    menu.addAction("Class and note …", lambda: ask_judgement(session, parent))
    clear = menu.addAction(
        "Take back all of this", lambda: session.judge(particles, labels, verdict="", kind="", note="")
    )
    clear.setEnabled(any(label in particles.review for label in labels))
    menu.addSeparator()
    menu.addAction("Bring into view", lambda: session.focus(labels[0]))
    copied = ", ".join(map(str, labels))
    menu.addAction(
        "Copy label" if len(labels) == 1 else "Copy labels", lambda: QGuiApplication.clipboard().setText(copied)
    )
    return menu


def _class_menu(session: Session, particles: ParticleSet, labels: Sequence[int], current: str, parent: QMenu) -> QMenu:
    menu = QMenu("Class", parent)

    def give(kind: str) -> None:
        session.judge(particles, labels, kind=kind)

    def ask() -> None:
        kind, given = QInputDialog.getText(parent.parentWidget(), "New class", f"Class of {_name(labels).lower()}:")
        if given:
            give(kind)

    for kind in classes_of(particles.review):
        action = menu.addAction(kind.replace("&", "&&"))
        action.setCheckable(True)
        action.setChecked(kind == current)
        action.triggered.connect(lambda checked, kind=kind: give(kind if checked else ""))
    menu.addAction("New class …", ask)
    return menu


def open_particle_menu(session: Session, parent: QWidget, place: QPoint) -> QMenu | None:
    """Open the context menu at a place of the screen."""
    menu = particle_menu(session, parent)
    if menu is not None:
        menu.popup(place)
    return menu


class JudgementDialog(QDialog):
    """Asks for verdict, class and note of some particles.

    Parameters
    ----------
    labels : sequence of int
        The particles.
    known : Judgement
        What all of them have in common.
    classes : sequence of str
        Classes that were given before.
    """

    def __init__(
        self, labels: Sequence[int], known: Judgement, classes: Sequence[str], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(_name(labels))
        self.setMinimumWidth(340)
        self.verdict = QComboBox()
        for verdict, text, tip in _VERDICTS:
            self.verdict.addItem(text, verdict)
            self.verdict.setItemData(self.verdict.count() - 1, tip, Qt.ItemDataRole.ToolTipRole)
        self.verdict.setCurrentIndex(self.verdict.findData(known["verdict"]))
        self.kind = QComboBox()
        self.kind.setEditable(True)
        self.kind.addItems(["", *classes])
        self.kind.setCurrentText(known["class"])
        self.kind.lineEdit().setPlaceholderText("such as broken, pore, binder")
        self.note = QPlainTextEdit(known["note"])
        self.note.setTabChangesFocus(True)
        self.note.setMaximumHeight(90)
        form = form_layout()
        for text, field in (("Verdict", self.verdict), ("Class", self.kind), ("Note", self.note)):
            form.addRow(text, field)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addLayout(form)
        column.addWidget(buttons)
        self.note.setFocus()

    @property
    def said(self) -> dict[str, Any]:
        """What `Session.judge` takes."""
        return {
            "verdict": self.verdict.currentData(),
            "kind": self.kind.currentText(),
            "note": self.note.toPlainText(),
        }


def ask_judgement(session: Session, parent: QWidget) -> JudgementDialog | None:
    """Open the dialog for the selected particles; what they do not have in common stays unless it is changed."""
    particles, labels = session.current, sorted(session.selection)
    if particles is None or not labels:
        return None
    known = _common(particles, labels)
    dialog = JudgementDialog(labels, known, classes_of(particles.review), parent)
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    before = dialog.said

    def keep() -> None:
        said = {part: value for part, value in dialog.said.items() if len(labels) == 1 or value != before[part]}
        session.judge(particles, labels, **said)

    dialog.accepted.connect(keep)
    dialog.open()
    return dialog


def _common(particles: ParticleSet, labels: Sequence[int]) -> Judgement:
    """Give what was said of all of some particles alike."""
    said = [particles.review.get(label, judgement()) for label in labels]
    first = said[0]
    return judgement(
        first["verdict"] if all(one["verdict"] == first["verdict"] for one in said) else "",
        first["class"] if all(one["class"] == first["class"] for one in said) else "",
        first["note"] if all(one["note"] == first["note"] for one in said) else "",
    )


def _name(labels: Sequence[int]) -> str:
    return f"Particle {labels[0]}" if len(labels) == 1 else particles_in_words(len(labels))
