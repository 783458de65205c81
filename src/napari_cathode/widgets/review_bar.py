"""The review in a few lines, for the panel in which particles are corrected."""

from __future__ import annotations

import weakref
from typing import Any

from qtpy.QtGui import QHideEvent, QShowEvent
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_cathode.plugin.link import Link
from napari_cathode.session import ParticleSet

from .parts import Connections, Heading, Text, rule
from .review import LettingKeysGo, describe, progress_words


class ReviewBar(QWidget):
    """Shows where one is in the review, where there is one, and goes on in it.

    Parameters
    ----------
    viewer : napari.Viewer
        The keys of the review work on its canvas while this part is visible.
    link : Link
        The viewer's link.
    """

    def __init__(self, viewer: Any, link: Link) -> None:
        super().__init__()
        self._viewer = weakref.ref(viewer)
        self._session = link.session
        self._walk = link.reviewing
        self._words = Text()
        self._particle = Text()
        self.accept_button = QPushButton("Accept (A)")
        self.accept_button.setToolTip("The particle is fine as it is now; goes to the next. Key: A, on the picture.")
        self.exclude_button = QPushButton("Exclude (D)")
        self.exclude_button.setToolTip(
            "<p>Leaves the particle out of statistics, plots and explanations; goes to the next. "
            "Key: D, on the picture.</p>"
        )
        self.next_button = QPushButton("Next (N)")
        self.next_button.setToolTip("Goes to the next particle that nobody has looked at. Key: N, on the picture.")
        row = QHBoxLayout()
        row.setSpacing(6)
        for button in (self.accept_button, self.exclude_button, self.next_button):
            row.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for widget in (rule(), Heading("Review"), self._words, self._particle):
            column.addWidget(widget)
        column.addLayout(row)
        self.accept_button.clicked.connect(lambda: self._walk.say("accepted"))
        self.exclude_button.clicked.connect(lambda: self._walk.say("excluded"))
        self.next_button.clicked.connect(self._walk.go_on)
        self._connections = Connections(self)
        self._connections.connect(self._session.current_changed, self._refresh)
        self._connections.connect(self._session.selection_changed, self._refresh)
        self._connections.connect(self._session.changed, self._on_changed)
        self._connections.connect(self._walk.moved, self._refresh)
        self.destroyed.connect(LettingKeysGo(viewer, self._walk, self))
        self._refresh()

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        if particles is self._session.current and what in ("labels", "agreement", "review"):
            self._refresh()

    def _refresh(self, *_what: Any) -> None:
        particles, queue, at = self._session.current, self._walk.queue(), self._walk.at
        self.setVisible(bool(queue))
        if particles is None or not queue:
            return
        self._words.say(progress_words(particles, queue))
        self._particle.say("" if at is None else describe(particles, at, self._walk.state_of(at)))
        for button in (self.accept_button, self.exclude_button):
            button.setEnabled(at is not None)
        self.next_button.setEnabled(bool(set(self._walk.waiting()) - {at}))

    def _hold_keys(self, wanted: bool) -> None:
        viewer = self._viewer()
        if viewer is not None:
            self._walk.hold_keys(viewer, id(self), wanted)

    def showEvent(self, event: QShowEvent) -> None:
        """Take the keys."""
        super().showEvent(event)
        self._hold_keys(True)

    def hideEvent(self, event: QHideEvent) -> None:
        """Give the keys back."""
        super().hideEvent(event)
        self._hold_keys(False)
