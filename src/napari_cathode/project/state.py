"""What a project holds: the state of a session at one moment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from napari_cathode.edit.history import History
from napari_cathode.session import ParticleSet, Session
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
    tomograms : tuple of Tomogram
        What is open, also where no particles were found in it yet. Those that particle sets name need not be listed.
    parameters : dict
        Parameters of the steps as they were set last, by the step's name: the sections of
        `napari_cathode.pipeline.PipelineParameters`.
    looks : dict
        How a tomogram or particle set of these is shown.
    live : dict
        Of each particle set the one of the session that it is a copy of, which may go on changing.
    """

    particle_sets: tuple[ParticleSet, ...] = ()
    current: ParticleSet | None = None
    selection: frozenset[int] = frozenset()
    tomograms: tuple[Tomogram, ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict)
    looks: Mapping[Any, Look] = field(default_factory=dict)
    live: Mapping[ParticleSet, ParticleSet] = field(default_factory=dict)


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
    copies = {known: _copy(known) for known in session.particle_sets}
    return ProjectState(
        particle_sets=tuple(copies.values()),
        current=None if session.current is None else copies[session.current],
        selection=session.selection,
        tomograms=tuple(tomograms),
        parameters=dict(parameters or {}),
        looks={copies.get(what, what): dict(look) for what, look in (looks or {}).items()},
        live={copy: known for known, copy in copies.items()},
    )


def _copy(particles: ParticleSet) -> ParticleSet:
    return replace(
        particles,
        review=dict(particles.review),
        provenance=dict(particles.provenance),
        history=History(log=particles.history.log()),
    )
