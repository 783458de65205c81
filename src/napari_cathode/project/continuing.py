"""Going on with a project without a screen: what is missing or out of date is done, what is there is kept."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, fields, replace
from typing import Any

import pandas as pd

from napari_cathode.errors import InputError
from napari_cathode.explain import iter_explain
from napari_cathode.measure import FEATURES, iter_measure, summarise
from napari_cathode.parameters import to_dict
from napari_cathode.pipeline import PipelineParameters, describe_run, iter_run, iter_settle
from napari_cathode.progress import Steps, stretch
from napari_cathode.session import Measurement, ParticleSet, Session
from napari_cathode.tomogram import Tomogram

from .opening import OpenedProject
from .state import ProjectState, snapshot


@dataclass(frozen=True, eq=False)
class Continued:
    """A project after it was continued.

    Attributes
    ----------
    state : ProjectState
        To be saved; its current particle set is the one that was worked on.
    done : tuple of str
        What was done, in words.
    not_explained : str
        Why there is no explanation; empty when there is one.
    parameters : PipelineParameters
        As used.
    used : dict
        The parameters with the input and the versions of the libraries.
    """

    state: ProjectState
    done: tuple[str, ...]
    not_explained: str
    parameters: PipelineParameters
    used: dict[str, Any]

    @property
    def particles(self) -> ParticleSet:
        """The particles that were worked on."""
        assert self.state.current is not None
        return self.state.current


def parameters_of(state: ProjectState) -> dict[str, Any]:
    """Give the parameters that a project was made with, as plain values; what it does not say is left out."""
    names = [field.name for field in fields(PipelineParameters)]
    found = dict(state.parameters)
    current = state.current
    if current is not None:
        found |= current.provenance
        if current.explanation is not None:
            found["explain"] = to_dict(current.explanation.parameters)
    return {name: found[name] for name in names if name in found}


def iter_continue(
    opened: OpenedProject, parameters: PipelineParameters, executor: Executor | None = None
) -> Steps[Continued]:
    """Do what a project lacks: find its particles, measure them, explain the measurements.

    Particles that are there stay as they are, with all corrections by hand. They are measured where there is no table
    of them as they are now, or other parameters are wanted; and explained likewise.

    Parameters
    ----------
    opened : OpenedProject
        The project.
    parameters : PipelineParameters
        How to do each step.
    executor : Executor, optional
        Threads that measure particles side by side.

    Yields
    ------
    Progress
        In thousandths of the whole way.

    Raises
    ------
    InputError
        When the tomogram is missing, or a step cannot use its input.
    """
    session = Session()
    for known in opened.state.particle_sets:
        session.add(known)
    for seen in opened.state.predictions:
        session.add_predictions(seen)
    current = opened.state.current
    if current is None:
        return (yield from _iter_begin(opened, session, parameters, executor))
    session.current = current
    session.selection = opened.state.selection
    done = []
    if current.table is None or current.out_of_date or _differs(current.provenance, parameters, "measure"):
        yield from stretch(_iter_measure(opened, session, current, parameters, executor), 0, 500)
        done.append("measured")
    not_explained = ""
    explanation = current.explanation
    stale = explanation is None or current.explanation_out_of_date or explanation.parameters != parameters.explain
    if stale:
        assert current.table is not None
        try:
            found = yield from stretch(iter_explain(current.table, parameters.explain), 500, 1000)
            session.set_explanation(current, found)
            current.provenance["explain"] = to_dict(parameters.explain)
            done.append("explained")
        except InputError as error:
            session.set_explanation(current, None)
            not_explained = str(error)
    used = {**current.provenance, **_described(current, parameters)}
    return Continued(_state(opened, session, parameters), tuple(done), not_explained, parameters, used)


def _iter_begin(
    opened: OpenedProject, session: Session, parameters: PipelineParameters, executor: Executor | None
) -> Steps[Continued]:
    """Do all steps for the tomogram of a project without particles."""
    _check_found(opened, None)
    lost = [known.entry["name"] for known in opened.project.aside if known.kind == "particles"]
    if lost:
        raise InputError(
            f"The particles {', '.join(lost)} of {opened.project.folder} cannot be read, and are not found anew in "
            "their place; restore the files, or run the tomogram itself into another folder."
        )
    known = opened.state.predictions[-1] if opened.state.predictions else None
    if known is not None:  # what the views show is there, and waits for being fused
        tomogram, seen = known.tomogram, known.views
        result = yield from iter_run(tomogram, parameters, executor=executor, seen=seen)
    elif opened.state.tomograms:
        tomogram, seen = opened.state.tomograms[-1], {}
        parameters = yield from iter_settle(tomogram, parameters)
        result = yield from iter_run(tomogram, parameters, executor=executor)
    else:
        raise InputError(f"The project {opened.project.folder} holds neither particles nor a tomogram.")
    particles = ParticleSet(
        result.labels, f"{tomogram.name} particles", tomogram.spacing_um, tomogram, provenance=result.used
    )
    session.add(particles)
    session.set_agreement(particles, result.agreement)
    session.set_table(particles, result.table, result.summary, _measurement(result.table, tomogram))
    session.set_explanation(particles, result.explanation)
    done = ("fused" if seen else "found", "measured", *(["explained"] if result.explanation is not None else []))
    state = _state(opened, session, result.parameters)
    return Continued(state, done, result.not_explained, result.parameters, result.used)


def _iter_measure(
    opened: OpenedProject,
    session: Session,
    particles: ParticleSet,
    parameters: PipelineParameters,
    executor: Executor | None,
) -> Steps[None]:
    _check_found(opened, particles)
    if particles.spacing_um is None:
        raise InputError(f"The voxel size of {particles.name} is not known; give it in µm by --spacing Z Y X.")
    tomogram: Tomogram | None = particles.tomogram
    grey, seen = (None, None) if tomogram is None else (tomogram.data, tomogram.field_of_view)
    table = yield from iter_measure(
        particles.labels, grey, particles.spacing_um, parameters.measure, seen, executor=executor
    )
    summary = summarise(table, particles.labels, particles.spacing_um, seen)
    known = _measurement(table, tomogram)
    if particles.table is not None:
        table = _with_own_columns(table, particles.table)
    session.set_table(particles, table, summary, known)
    particles.provenance["measure"] = to_dict(parameters.measure)


def _measurement(table: pd.DataFrame, tomogram: Tomogram | None) -> Measurement | None:
    """Take what a table needs to follow edits from it."""
    state = table.attrs.pop("state", None)
    return None if state is None else Measurement(state, tomogram)


def _with_own_columns(table: pd.DataFrame, before: pd.DataFrame) -> pd.DataFrame:
    """Keep the columns that somebody added to a table, by label."""
    kept = [name for name in before.columns if name not in table.columns and str(name) not in FEATURES]
    if not kept:
        return table
    joined = table.merge(before[["label", *kept]], on="label", how="left")
    joined.attrs = dict(table.attrs)  # pandas drops them
    return joined


def _check_found(opened: OpenedProject, particles: ParticleSet | None) -> None:
    """Stop before particles would be measured without the grey values that belong to them."""
    project = opened.project
    waiting = [known.tomogram_entry for known in project.aside if known.tomogram is None and known.tomogram_entry]
    alone = next(iter([*project.missing_alone, *waiting]), None)
    missing = alone if particles is None else project.missing.get(particles, (None, None))[0]
    if missing is not None:
        raise InputError(next(note for note in opened.notes if str(missing["name"]) in note))


def _differs(provenance: Mapping[str, Any], parameters: PipelineParameters, step: str) -> bool:
    """Whether something was made with other parameters than those that are wanted; unknown ones may be the same."""
    known = provenance.get(step)
    return known is not None and dict(known) != to_dict(getattr(parameters, step))


def _described(particles: ParticleSet, parameters: PipelineParameters) -> dict[str, Any]:
    """Say how the results were made; how the particles were found stays as it was said before."""
    tomogram = particles.tomogram
    edits = len(particles.history.log())
    if tomogram is None:
        said: dict[str, Any] = {"measure": to_dict(parameters.measure), "explain": to_dict(parameters.explain)}
    else:
        described = describe_run(tomogram, parameters, (tomogram.whole or tomogram).dataset)
        kept = [name for name in described if name not in ("views", "identify", "fuse")]
        said = {name: described[name] for name in kept}
    return {**said, "input": {**said.get("input", {}), "edits_by_hand": edits}}


def _state(opened: OpenedProject, session: Session, parameters: PipelineParameters) -> ProjectState:
    state = opened.state
    made = snapshot(session, state.tomograms, to_dict(parameters), state.looks)
    return replace(made, live={})
