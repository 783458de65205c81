"""Going through the particles on which the views disagree, the worst first, while they are corrected."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from psygnal import Signal

from napari_cathode.edit import Step
from napari_cathode.judging import verdict_of
from napari_cathode.session import ParticleSet, Session

AGREEMENT = "view_agreement"


class Reviewing:
    """The queue of the current particles, and where one is in it.

    Particles that edits removed since they were compared leave the queue; those that edits made come right after the
    one that they were made of.

    Parameters
    ----------
    session : Session
        The state; what a person says of particles is kept there.

    Attributes
    ----------
    at : int or None
        The particle that is looked at.

    Signals
    -------
    moved : ()
        Another particle is looked at.
    """

    moved = Signal()

    def __init__(self, session: Session) -> None:
        self._session = session
        self.at: int | None = None
        self._last: int | None = None
        self._known: tuple[Any, int, list[int], list[int]] | None = None
        self._holders: set[int] = set()
        session.current_changed.connect(self._on_current)
        session.selection_changed.connect(self._on_selection)
        session.changed.connect(self._on_changed)

    # ---- the queue -----------------------------------------------------------------------------------

    def queue(self) -> list[int]:
        """Give the labels to go through, those that the views agree on least (or the smallest) first."""
        return self._orders()[1]

    def waiting(self) -> list[int]:
        """Give those of them that nobody has said anything of."""
        particles = self._session.current
        return [] if particles is None else [one for one in self.queue() if not verdict_of(particles.review, one)]

    def state_of(self, label: int) -> str:
        """Say whether a particle is "new" or was "edited" since the particles were compared, "" where it was not."""
        particles = self._session.current
        if particles is None or particles.agreement is None:
            return ""
        if label not in set(particles.agreement["label"].tolist()):
            return "new"
        steps = steps_since(particles, particles.agreement_revision)
        return "edited" if steps and any(label in step.change.labels for step in steps) else ""

    def _orders(self) -> tuple[list[int], list[int]]:
        """Give the order of all particles that were in the queue, and of those that there are."""
        particles = self._session.current
        if particles is None or particles.agreement is None:
            return [], []
        known = self._known
        if known is None or known[0] is not particles.agreement or known[1] != particles.revision:
            steps = steps_since(particles, particles.agreement_revision)
            order = _with_new(_by_agreement(particles), steps)
            there = _existing(particles, order, steps is None)
            self._known = known = (particles.agreement, particles.revision, order, there)
        return known[2], known[3]

    # ---- going through it ----------------------------------------------------------------------------

    def go_on(self) -> None:
        """Go to the next particle that nobody has said anything of, also from one that an edit removed."""
        order, _ = self._orders()
        start = order.index(self._last) + 1 if self._last in order else 0
        waiting = set(self.waiting()) - {self.at}
        following = next((label for label in order[start:] + order[:start] if label in waiting), None)
        if following is not None:
            self.show(following)
        else:
            self.moved.emit()

    def go_back(self) -> None:
        """Go to the particle before, whether or not somebody said something of it."""
        order, there = self._orders()
        place = order.index(self._last) if self._last in order else len(order)
        before = [label for label in order[:place] if label in there] or there[:1]
        if before:
            self.show(before[-1])

    def say(self, verdict: str) -> None:
        """Accept or exclude the particle that is looked at, and go to the next; said twice, it is taken back."""
        particles, label = self._session.current, self.at
        if particles is None or label is None or not self.queue():
            return
        again = verdict_of(particles.review, label) == verdict
        self._session.set_review(particles, label, None if again else verdict)
        if not again:
            self.go_on()

    def show(self, label: int) -> None:
        """Look at a particle."""
        self.at = self._last = label
        self._session.selection = {label}
        self._session.focus(label)
        self.moved.emit()

    def _on_current(self, _particles: ParticleSet | None) -> None:
        self.at = self._last = self._known = None

    def _on_selection(self, ids: frozenset[int]) -> None:
        """Take a particle that was clicked anywhere for the one to say something of."""
        if len(ids) == 1 and next(iter(ids)) in self.queue():
            self.at = self._last = next(iter(ids))
        elif self.at is not None and self.at not in ids:
            self.at = self._last = None  # a person let go of it; what an edit removed is gone from here already

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        if particles is self._session.current and what in ("labels", "agreement") and self.at is not None:
            if self.at not in self.queue():
                self.at = None

    # ---- keys ----------------------------------------------------------------------------------------

    def hold_keys(self, viewer: Any, holder: int, wanted: bool) -> None:
        """Let the keys on the picture go through the queue as long as some panel, told by its id, wants it."""
        before = bool(self._holders)
        (self._holders.add if wanted else self._holders.discard)(holder)
        if bool(self._holders) == before:
            return
        own = weakref.ref(self)
        for key, act in _KEYS.items():
            viewer.bind_key(key, _acting(own, act) if self._holders else None, overwrite=True)


_KEYS: dict[str, Any] = {
    "N": Reviewing.go_on,
    "Shift-N": Reviewing.go_back,
    "A": lambda reviewing: reviewing.say("accepted"),
    "D": lambda reviewing: reviewing.say("excluded"),
}


def _acting(reviewing: Any, act: Any) -> Any:
    """Make a key's action: napari wants a function."""

    def press(_viewer: Any) -> None:
        known = reviewing()
        if known is not None:
            act(known)

    press.__doc__ = act.__doc__ or "Say something of the particle in the review, and go to the next."
    return press


def steps_since(particles: ParticleSet, revision: int) -> list[Step] | None:
    """Give the edits that lie between the labels of a revision and those of now; None where they are not known."""
    if revision == particles.revision:
        return []
    done, undone = particles.history.done, particles.history.undone
    steps = [*done, *undone]
    if any(step.revisions is None for step in steps):
        return None
    ends = [step.revisions for step in steps if step.revisions is not None]
    states = [ends[0][0], *(after for _, after in ends)] if ends else []
    if revision not in states:
        return None
    first, last = sorted((states.index(revision), len(done)))
    return steps[first:last]


def _by_agreement(particles: ParticleSet) -> list[int]:
    found = particles.agreement
    if found is None:
        return []
    if AGREEMENT not in found:
        return [int(label) for label in found["label"]]
    agree = found[AGREEMENT].to_numpy(np.float64)
    order = np.lexsort((found["label"].to_numpy(), np.where(np.isnan(agree), np.inf, agree)))
    return [int(label) for label in found["label"].to_numpy()[order]]


def _with_new(order: list[int], steps: list[Step] | None) -> list[int]:
    """Put what edits made right behind the first of the particles that it was made of, else at the end."""
    order = list(order)
    known = set(order)
    for step in steps or ():
        new = [label for label in step.change.labels if label not in known]
        if new:
            places = [place for place, label in enumerate(order) if label in step.change.labels]
            place = places[0] + 1 if places else len(order)
            order[place:place] = new
            known.update(new)
    return order


def _existing(particles: ParticleSet, order: list[int], add: bool) -> list[int]:
    """Leave out what edits removed; nothing is searched where the labels are those that were compared.

    With ``add`` particles that are not in the order, since nobody knows what changed, are put at its end.
    """
    if particles.agreement_revision == particles.revision:
        return order
    boxes = particles.find_boxes()
    if boxes is None:
        return order
    there = boxes.existing(particles.labels)
    if add:
        order += sorted(there - set(order))
    return [label for label in order if label in there]
