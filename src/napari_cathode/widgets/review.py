"""The review queue: particles on which the views disagree, the worst first, each accepted or excluded by a key."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QHideEvent, QKeySequence, QShortcut, QShowEvent
from qtpy.QtWidgets import QCheckBox, QGridLayout, QPushButton, QVBoxLayout, QWidget

from napari_cathode.judging import VERDICTS, verdict_of
from napari_cathode.plugin.layers import is_particles
from napari_cathode.plugin.link import Link
from napari_cathode.session import Colouring, ParticleSet
from napari_cathode.words import particles_in_words

from .docks import EDIT, open_dock
from .parts import Connections, Heading, LayerChoice, Text, form_layout, rule

_COLOURING = Colouring("view_agreement")
_VIEWS = ("xy", "xz", "yz")
_UNKNOWN = "How far the views agree on these particles is not known. Compare them with the views chosen above."
_NO_VIEWS = "No views are chosen above that these particles could be compared with; go through them by size."
_NONE = "Fuse the views first, or choose 3D labels of any tool; then you can go through the doubtful particles."
_STALE = "The labels were changed since; compare again to see how far the views agree with them now."
_SAID = {"": "", **{verdict: f" · {verdict}" for verdict in VERDICTS}}


class Review(QWidget):
    """Goes through the current particles; what a person says of them is kept in the session.

    Parameters
    ----------
    viewer : napari.Viewer
        Keys pressed on its canvas work as the buttons do while this part is visible.
    link : Link
        The viewer's link.

    Attributes
    ----------
    check_button : QPushButton
        Asks whoever knows the views to compare the current particles with them.
    """

    def __init__(self, viewer: Any, link: Link) -> None:
        super().__init__()
        self._viewer = weakref.ref(viewer)
        self._link = link
        self._session = link.session
        self._views_chosen = False
        self.labels = LayerChoice(viewer, is_particles, "none")
        self.labels.setToolTip("<p>The 3D labels to go through: fused here, found by a 3D network, or of any tool.</p>")
        self._walk = link.reviewing
        self._state = Text()
        self._particle = Text()
        self._colour = QCheckBox("Colour by agreement")
        self.check_button = QPushButton("Compare with the views")
        self.next_button = _button("Next", "N", "Goes to the next particle that nobody has looked at, the worst first.")
        self.back_button = _button("Back", "Shift+N", "Goes back to the particle before in this order.")
        self.accept_button = _button("Accept", "A", "The particle is fine; goes to the next.")
        self.exclude_button = _button(
            "Exclude", "D", "Leaves the particle out of statistics, plots and explanations; goes to the next."
        )
        self.fix_button = QPushButton("Fix …")
        self.fix_button.setToolTip(
            "<p>Opens Edit particles: merge, split, draw or delete, then go on here or there with the same keys.</p>"
        )
        self._lay_out()
        for key, button, act in (
            ("N", self.next_button, self._walk.go_on),
            ("Shift+N", self.back_button, self._walk.go_back),
            ("A", self.accept_button, lambda: self._walk.say("accepted")),
            ("D", self.exclude_button, lambda: self._walk.say("excluded")),
        ):
            button.clicked.connect(lambda _on=False, act=act: act())
            shortcut = QShortcut(QKeySequence(key), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(button.click)
        self.fix_button.clicked.connect(lambda: open_dock(self._viewer(), EDIT))
        self._colour.clicked.connect(self._on_colour)
        self.labels.layer_changed.connect(self._adopt)
        self._connections = Connections(self)
        self._connections.connect(self._session.current_changed, self._on_current)
        self._connections.connect(self._session.changed, self._on_changed)
        self._connections.connect(self._session.selection_changed, lambda _ids: self._refresh())
        self._connections.connect(self._walk.moved, self._refresh)
        self.destroyed.connect(LettingKeysGo(viewer, link.reviewing, self))
        self._on_current(self._session.current)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        column.addWidget(rule())
        column.addWidget(Heading("Review"))
        form = form_layout()
        form.addRow("Particles", self.labels)
        column.addLayout(form)
        column.addWidget(self._state)
        column.addWidget(self._particle)
        grid = QGridLayout()
        grid.setSpacing(6)
        for place, button in enumerate((self.accept_button, self.exclude_button, self.back_button, self.next_button)):
            grid.addWidget(button, place // 2, place % 2)
        column.addLayout(grid)
        column.addWidget(self.fix_button)
        column.addWidget(self._colour)
        column.addWidget(self.check_button)

    def know_views(self, chosen: bool) -> None:
        """Note whether views are chosen that particles can be compared with."""
        self._views_chosen = chosen
        self.check_button.setText("Compare with the views" if chosen else "List by size")
        self.check_button.setToolTip(
            "Compares the particles as they are now with what each chosen view saw."
            if chosen
            else "Lists the particles as they are now, the smallest first: fragments are the most frequent fault."
        )
        self._refresh()

    # ---- the queue -----------------------------------------------------------------------------------

    def queue(self) -> list[int]:
        """Give the labels of the current particles in the order in which they are gone through."""
        return self._walk.queue()

    # ---- what is shown -------------------------------------------------------------------------------

    def _adopt(self, layer: Any) -> None:
        """Make the chosen labels the current particles."""
        if layer is not None:
            particles = self._link.adopt(layer)
            if particles in self._session.particle_sets:
                self._session.current = particles

    def _on_current(self, particles: ParticleSet | None) -> None:
        self.labels.layer = None if particles is None else self._link.layer_of(particles)
        self._refresh()

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        if particles is self._session.current and what in ("labels", "agreement", "review", "colouring"):
            self._refresh()

    def _on_colour(self, on: bool) -> None:
        particles = self._session.current
        if particles is not None:
            self._session.set_colouring(particles, _COLOURING if on else None)

    def _refresh(self) -> None:
        particles = self._session.current
        queue, at = self.queue(), self._walk.at
        known = bool(queue)
        for button in (self.next_button, self.back_button):
            button.setEnabled(known)
        for button in (self.accept_button, self.exclude_button, self.fix_button):
            button.setEnabled(at is not None)
        compared = known and particles is not None and _COLOURING.column in particles.agreement
        self._colour.setVisible(compared)
        self._colour.setChecked(
            particles is not None
            and particles.colouring is not None
            and particles.colouring.column == _COLOURING.column
        )
        self._state.say(self._describe(particles, queue))
        self._particle.say("" if particles is None or at is None else describe(particles, at, self._walk.state_of(at)))
        stale = particles is not None and (not known or particles.agreement_revision != particles.revision)
        self.check_button.setVisible(stale)
        self._bind(known and self.isVisible())

    def _describe(self, particles: ParticleSet | None, queue: list[int]) -> str:
        if particles is None:
            return _NONE
        if particles.agreement is None:
            return _UNKNOWN if self._views_chosen else _NO_VIEWS
        if not queue:
            return "There are no particles to look at."
        stale = particles.agreement_revision != particles.revision
        said = [verdict for label in queue if (verdict := verdict_of(particles.review, label))]
        if not said:
            compared = _COLOURING.column in particles.agreement
            first = "those that the views agree on least come" if compared else "the smallest comes"
            words = f"{particles_in_words(len(queue))}; {first} first."
        else:
            words = progress_words(particles, queue)
        return f"{words} {_STALE}" if stale else words

    # ---- keys ----------------------------------------------------------------------------------------

    def _bind(self, bound: bool) -> None:
        viewer = self._viewer()
        if viewer is not None:
            self._walk.hold_keys(viewer, id(self), bound)

    def showEvent(self, event: QShowEvent) -> None:
        """Take the keys."""
        super().showEvent(event)
        self._bind(bool(self.queue()))

    def hideEvent(self, event: QHideEvent) -> None:
        """Give the keys back."""
        super().hideEvent(event)
        self._bind(False)


class LettingKeysGo:
    """Gives the keys back when a panel goes; outlives it."""

    def __init__(self, viewer: Any, walk: Any, holder: Any) -> None:
        self._viewer, self._walk, self._holder = weakref.ref(viewer), weakref.ref(walk), id(holder)

    def __call__(self, _widget: QWidget | None = None) -> None:
        """Give them back."""
        if not vars(self):
            return  # the garbage collector, which ends the widget, has cleared this already
        viewer, walk = self._viewer(), self._walk()
        if viewer is not None and walk is not None:
            walk.hold_keys(viewer, self._holder, False)


def progress_words(particles: ParticleSet, queue: list[int]) -> str:
    """Say how far one is with the queue."""
    said = [verdict for label in queue if (verdict := verdict_of(particles.review, label))]
    done = f"{len(said)} of {len(queue)} looked at, {said.count('excluded')} excluded"
    return f"{done}: all done." if len(said) == len(queue) else f"{done}."


def describe(particles: ParticleSet, label: int, state: str) -> str:
    """Say how far the views agree on a particle; ``state`` is whether it is "new" or was "edited" since."""
    name = f"<b>Particle {label}</b>{_SAID[verdict_of(particles.review, label)]}"
    found = particles.agreement
    rows = None if found is None else found[found["label"] == label]
    if rows is None or state == "new" or len(rows) == 0:
        return f"{name} · new, not compared with the views yet" if state == "new" else name
    row = rows.iloc[0]
    views = [view for view in _VIEWS if f"view_iou_{view}" in row]
    ious = [
        f"{view} {row[f'view_iou_{view}']:.2f}" if row[f"view_iou_{view}"] > 0 else f"{view} nothing" for view in views
    ]
    lines = [f"{name} · edited since it was compared" if state == "edited" else name]
    if views:
        lines.append(f"Agreement {row['view_agreement']:.2f} · seen by {int(row['view_count'])} of {len(views)} views")
        lines.append("IoU " + " · ".join(ious))
    if views and np.isfinite(row["view_volume_spread"]):
        lines.append(f"Volumes differ by {100 * row['view_volume_spread']:.0f} %")
    return "<br>".join(lines)


def _button(text: str, key: str, tooltip: str) -> QPushButton:
    button = QPushButton(f"{text} ({key})")
    button.setToolTip(f"{tooltip} Key: {key}, here and on the picture.")
    return button
