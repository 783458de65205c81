"""Which steps run just now, and which of them must not run beside each other. No Qt, no napari.

A step whose input another is about to replace would be done for nothing, and so would one that runs already on what
another is started to replace. Long work is lost that way; so a step says why it cannot be started.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .tomogram import Tomogram

FIND, FUSE, COMPARE = "Find particles", "Fuse views", "Compare with views"
MEASURE, LOAD = "Measure particles", "Load a table"
REDRAW_SLICES, REDRAW_PARTICLES, EDIT, FOLLOW = "Redraw slices", "Redraw particles", "Edit", "Measure what was edited"
EXPLAIN, STABILITY, PAIRS, STATES = "Explain", "Check the ranking", "Find pairs of features", "Compare two states"


@dataclass(frozen=True)
class _Effect:
    """What a step begins with, and what is no longer so when it ends."""

    reads: frozenset[str] = frozenset()
    replaces: frozenset[str] = frozenset()


def _effect(reads: str, replaces: str = "") -> _Effect:
    return _Effect(frozenset(reads.split()), frozenset(replaces.split()))


_EFFECTS = {
    FIND: _effect("", "views"),
    REDRAW_SLICES: _effect("", "views"),
    FUSE: _effect("views"),
    REDRAW_PARTICLES: _effect("", "labels table explanation"),
    COMPARE: _effect("labels"),
    EDIT: _effect("labels", "labels"),  # the table follows, and the explanation stays
    FOLLOW: _effect("", "table"),
    MEASURE: _effect("labels", "table explanation"),
    LOAD: _effect("labels"),  # its columns come beside those that are there
    EXPLAIN: _effect("table", "explanation"),
    STABILITY: _effect("explanation"),
    PAIRS: _effect("explanation"),
    STATES: _effect("table"),
}
"""Of views of one tomogram; of labels, table and explanation of one particle set."""


IN_THE_WAY = frozenset(_EFFECTS) - {FOLLOW}
"""Steps beside which no run of all steps is begun."""


@dataclass(frozen=True, eq=False)
class Work:
    """A step that runs.

    Attributes
    ----------
    name : str
        One of those at the top of this module; others stand in nobody's way.
    about : object
        The `ParticleSet` that it is about, the `Tomogram` whose views it makes or reads; None where it is about nothing
        that another step could replace.
    needs : tuple
        What else must be there still when it ends, or it is done for nothing: layers, `Predictions`.
    """

    name: str
    about: Any = None
    needs: tuple[Any, ...] = ()

    def is_lost_with(self, gone: Any) -> bool:
        """Whether it is done for nothing when something is gone."""
        return any(gone is needed for needed in (self.about, *self.needs))


def why_not(wanted: Work, running: Work) -> str:
    """Say why a step cannot be started beside one that runs, "" where it can."""
    if not _same(wanted.about, running.about):
        return ""
    new, now = _EFFECTS.get(wanted.name, _Effect()), _EFFECTS.get(running.name, _Effect())
    if now.replaces & new.reads:
        return f"“{running.name}” is running and will replace what this begins with; wait for its end, or cancel it."
    if new.replaces & (now.reads | now.replaces):
        return f"“{running.name}” is running on what this would replace; wait for its end, or cancel it."
    return ""


def _same(one: Any, other: Any) -> bool:
    """Whether two steps are about the same: views of a part of a tomogram are made anew with those of the whole."""
    if isinstance(one, Tomogram) and isinstance(other, Tomogram):
        return one.overlaps(other)
    return one is other and one is not None
