"""What a project holds: the state of a session at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from napari_cathode.edit.history import History
from napari_cathode.session import ParticleSet, Predictions, Session
from napari_cathode.tomogram import Tomogram

Look = Mapping[str, Any]
"""How something is shown in napari, as plain values; empty where nobody has shown it yet."""


@dataclass(frozen=True, eq=False)
class ProjectState:
    """The state of a session.

    Attributes
    ----------
    particle_sets : tuple of ParticleSet
        All of them, oldest first.
    current : ParticleSet or None
        The one of them that tables, plots and selection are about.
    selection : frozenset of int
        Its selected particles.
    predictions : tuple of Predictions
        What the views saw, kept for fusing.
    tomograms : tuple of Tomogram
        What is open, also where no particles were found in it yet. Those that particle sets name need not be listed.
    parameters : dict
        Parameters of the steps as they were set last, by the step's name: the sections of
        `napari_cathode.pipeline.PipelineParameters`.
    looks : dict
        How a tomogram or particle set of these is shown; of predictions by the view's name.
    live : dict
        Of each particle set and all predictions those of the session that they are a copy of, which may go on changing.
    """

    particle_sets: tuple[ParticleSet, ...] = ()
    current: ParticleSet | None = None
    selection: frozenset[int] = frozenset()
    predictions: tuple[Predictions, ...] = ()
    tomograms: tuple[Tomogram, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    looks: Mapping[Any, Look] = field(default_factory=dict)
    live: Mapping[Any, Any] = field(default_factory=dict)


def snapshot(
    session: Session,
    tomograms: Iterable[Tomogram] = (),
    parameters: Mapping[str, Any] | None = None,
    looks: Mapping[Any, Look] | None = None,
) -> ProjectState:
    """Take the state of a session, quickly, so that another thread can save it while the session goes on.

    Labels, tables and explanations are not copied: tables and explanations are exchanged, never changed; of labels that
    are edited while they are written, the writer notices it.

    Parameters
    ----------
    session : Session
        On the main thread.
    tomograms : iterable of Tomogram
        What is open besides.
    parameters : mapping, optional
        See `ProjectState`.
    looks : mapping, optional
        See `ProjectState`; the particle sets are those of the session.
    """
    copies: dict[Any, Any] = {known: _copy(known) for known in session.particle_sets}
    copies |= {
        known: replace(known, views=dict(known.views), revisions=dict(known.revisions)) for known in session.predictions
    }
    return ProjectState(
        particle_sets=tuple(copies[known] for known in session.particle_sets),
        current=None if session.current is None else copies[session.current],
        selection=session.selection,
        predictions=tuple(copies[known] for known in session.predictions),
        tomograms=tuple(tomograms),
        parameters=dict(parameters or {}),
        looks={copies.get(what, what): dict(look) for what, look in (looks or {}).items()},
        live={copy: known for known, copy in copies.items()},
    )


def latest(particles: ParticleSet, live: ParticleSet, revision: int) -> ParticleSet:
    """Give a copy of a particle set that fits the labels as they were written, perhaps after another edit.

    Where the labels were edited while they were written, what was said of the edits is taken again. This may fall into
    the middle of still another edit: then it cannot be told where the table is out of date, nor what could be undone.
    """
    if revision == particles.revision:
        return particles
    again = _copy(live)
    done = again.history.done
    whole = live.revision == revision and done and done[-1].revisions is not None and done[-1].revisions[1] == revision
    if whole and live.labels is particles.labels:
        return replace(particles, review=again.review, history=again.history, measurement=again.measurement)
    return replace(particles, history=History(log=particles.history.log()), measurement=None)


def _copy(particles: ParticleSet) -> ParticleSet:
    return replace(
        particles,
        review=dict(particles.review),
        provenance=dict(particles.provenance),
        history=particles.history.copy(),
    )
