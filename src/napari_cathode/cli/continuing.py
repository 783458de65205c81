"""Projects as the input of commands."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from napari_cathode import results
from napari_cathode.edit.history import log_table
from napari_cathode.errors import InputError
from napari_cathode.pipeline import PipelineResult
from napari_cathode.progress import drain
from napari_cathode.project import OpenedProject, Presence, Project, iter_open_project
from napari_cathode.project.continuing import Continued, iter_continue, parameters_of
from napari_cathode.project.of_run import BY_RUN
from napari_cathode.session import ParticleSet
from napari_cathode.tomogram import check_spacing

from .options import Given, read_parameters
from .progress import follow, threads
from .summary import summary_text

_FINDING = ("views", "identify", "fuse")


def open_given(path: Path, quiet: bool) -> OpenedProject:
    """Open a project and say what is missing of it."""
    opened = follow(iter_open_project(path), quiet)
    presence = Presence(opened.project.folder)
    presence.leave()
    elsewhere = ["The project is open in napari, too; what is done there and not saved yet is not part of this."]
    for note in (*elsewhere * presence.others, *opened.notes):
        typer.echo(f"Note: {note}", err=True)
    return opened


def current_of(opened: OpenedProject) -> ParticleSet:
    """Give the particles that commands work on.

    Raises
    ------
    InputError
        When there are none.
    """
    if opened.state.current is None:
        raise InputError(
            f"The project {opened.project.folder} holds no particles yet; find them with `napari-cathode run`."
        )
    return opened.state.current


def refuse_input_options(project: Path, dataset: str | None, region: str | None) -> None:
    """Say that a project knows its input already.

    Raises
    ------
    InputError
        When another part or data set is asked for.
    """
    for name, value in (("--dataset", dataset), ("--region", region)):
        if value is not None:
            raise InputError(f"{project} is a project, which knows its tomogram; leave {name} out.")


def continue_project(
    path: Path,
    out: Path | None,
    given: Given,
    parameters: Path | None,
    spacing: tuple[float, float, float] | None,
    overwrite: bool,
    quiet: bool,
) -> None:
    """Do what a project lacks; save it where it is, or write its results into another folder, a project as well."""
    if out is not None and out.resolve() != path.resolve():
        results.check_folder(out, overwrite)
    else:
        out = None
    opened = open_given(path, quiet)
    _check_finding(opened, given)
    settings = read_parameters(given, parameters, parameters_of(opened.state))
    if spacing is not None:
        opened = _with_spacing(opened, check_spacing(spacing))
    with threads() as executor:
        continued = follow(iter_continue(opened, settings, executor), quiet)
    particles = continued.particles
    if particles.summary is not None:
        text = summary_text(particles.summary, particles.table, particles.explanation, continued.not_explained)
        typer.echo(text)
    if out is None:
        opened.project.save(replace(continued.state, live=_originals(opened, continued)), "command line")
        did = f"Particles were {' and '.join(continued.done)}" if continued.done else "Everything was up to date"
        typer.echo(f"{did}; the project {opened.project.folder} is saved. Write its tables and report with -o FOLDER.")
        return
    _write(out, continued, opened, overwrite)
    typer.echo(f"Results are in {out}, which is a project of its own; {path} is as it was.")


def _originals(opened: OpenedProject, continued: Continued) -> dict[ParticleSet, ParticleSet]:
    """Pair the particle sets with those that were opened, whose tomograms may be missing."""
    return dict(zip(continued.state.particle_sets, opened.state.particle_sets, strict=False))


def _check_finding(opened: OpenedProject, given: Given) -> None:
    asked = [name for name in _FINDING if name in given]
    if asked and opened.state.current is not None:
        raise InputError(
            f"The particles of {opened.project.folder} are found already, and stay as they are; to find them with "
            "other settings, run the tomogram itself."
        )
    if opened.state.predictions and opened.state.current is None and set(asked) - {"fuse"}:
        raise InputError(
            f"What the views show is found already in {opened.project.folder}, and is fused as it is; to find it with "
            "other settings, run the tomogram itself."
        )


def _with_spacing(opened: OpenedProject, spacing: Any) -> OpenedProject:
    """Give the current particles, or a tomogram without any, another voxel size; what was measured is out of date."""
    state = opened.state
    particles = state.current
    if particles is None:
        if any(seen.tomogram.spacing_um != spacing for seen in state.predictions):
            raise InputError(
                f"What the views show was found with another voxel size in {opened.project.folder}; leave --spacing "
                "out, or run the tomogram itself."
            )
        return replace(opened, state=replace(state, tomograms=tuple(t.with_spacing(spacing) for t in state.tomograms)))
    if particles.spacing_um != spacing:
        particles.spacing_um = spacing
        particles.table_revision = particles.explanation_revision = particles.revision - 1
        if particles.tomogram is not None:
            particles.tomogram = particles.tomogram.with_spacing(spacing)
    return opened


def _write(out: Path, continued: Continued, opened: OpenedProject, overwrite: bool) -> None:
    """Write the files of a run, and the project."""
    particles = continued.particles
    if particles.spacing_um is None:
        raise InputError(f"The voxel size of {particles.name} is not known; give it in µm by --spacing Z Y X.")
    table = particles.table
    assert table is not None  # it was measured
    out = results.prepare_folder(out, overwrite)
    results.write_parameters(out, continued.used)
    results.write_labels(out, particles.labels, particles.spacing_um)
    results.write_table(out, table, continued.used)
    if particles.summary is not None:
        results.write_summary(out / results.TABLE, table, particles.summary, continued.used)
    log = particles.history.log()
    if log:
        results.write_edits(out, log_table(log))
    tomogram = particles.tomogram
    if tomogram is not None:
        result = PipelineResult(
            tomogram=tomogram,
            views={},
            labels=particles.labels,
            table=table,
            summary=particles.summary,
            explanation=particles.explanation,
            not_explained=continued.not_explained,
            parameters=continued.parameters,
            used=continued.used,
            agreement=particles.agreement,
        )
        results.write_explanation(out, result)
        drain(results.iter_write_report(out, result))
    elif particles.explanation is not None:
        results.write_explanation_tables(out, particles.explanation)
    project = Project.new(out)
    project.inherit(opened.project)
    project.save(replace(continued.state, live=_originals(opened, continued)), BY_RUN, results.given_files(out))
