"""``napari-cathode measure``: from a label image to a feature table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from napari_cathode import io, results
from napari_cathode.column_meanings import define_columns
from napari_cathode.edit import log_beside, write_log_beside
from napari_cathode.errors import InputError
from napari_cathode.fuse import with_agreement
from napari_cathode.judging import with_review
from napari_cathode.measure import iter_measure, summarise
from napari_cathode.parameters import to_dict
from napari_cathode.pipeline import PipelineParameters
from napari_cathode.project import holds_project
from napari_cathode.project.continuing import parameters_of
from napari_cathode.tomogram import Spacing as Edges
from napari_cathode.tomogram import Tomogram
from napari_cathode.words import particles_in_words

from .continuing import current_of, open_given
from .files import may_write
from .options import Dataset, Given, Overwrite, ParameterFile, Quiet, Spacing, read_parameters, with_parameters
from .progress import follow, threads

ROUNDING = 0.01
"""Share by which two files may round the same voxel size differently."""


@with_parameters(PipelineParameters, {"measure": ""})
def command(
    labels_file: Annotated[Path, typer.Argument(metavar="LABELS", help="Label image, 0 is background; or a project.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Table to write (.csv or .parquet).")],
    image: Annotated[
        Path | None, typer.Argument(metavar="IMAGE", help="Grey values; without them there is no damage and no grey.")
    ] = None,
    agreement: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Table of `napari-cathode fuse --agreement`, whose columns are added."),
    ] = None,
    spacing: Spacing = None,
    dataset: Dataset = None,
    parameters: ParameterFile = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    *,
    given: Given,
) -> None:
    """Write one row a particle; beside it the contacts between particles and a summary of all of them.

    With features.csv these are contacts.csv and summary.csv, with nmc.csv nmc_contacts.csv and nmc_summary.csv. Each
    has a JSON file beside it with the meaning of its columns.
    """
    opened = open_given(labels_file, quiet) if holds_project(labels_file) else None
    settings = read_parameters(given, parameters, None if opened is None else parameters_of(opened.state))
    for path in (out, results.beside(out, "contacts"), results.beside(out, "summary")):
        may_write(path, overwrite)
        may_write(path.with_suffix(".json"), overwrite)
    if out.suffix.lower() not in (".csv", ".parquet"):
        raise InputError(f"{out} should end in .csv or .parquet, which tells how the table is written.")
    particles = None if opened is None else current_of(opened)
    if particles is not None:
        may_write(log_beside(out), overwrite)
    labels, stated = io.open_labels(labels_file) if particles is None else (particles.labels, particles.spacing_um)
    agreed = None if agreement is None else io.read_table(agreement)
    if agreed is not None and not any(str(name).startswith("view_") for name in agreed.columns):
        raise InputError(
            f"{agreement} does not say how far views agree; write it with `napari-cathode fuse --agreement`."
        )
    known = None if particles is None else particles.tomogram
    tomogram = known if image is None else io.read(image, dataset=dataset)
    if tomogram is not None and tomogram.shape != tuple(labels.shape):
        raise InputError(
            f"{labels_file} has the shape {labels.shape}, {tomogram.name} {tomogram.shape}; labels must be those of "
            "this image."
        )
    spacing = spacing or (stated if tomogram is None else _stated_by_both(labels_file, stated, tomogram))
    if spacing is None:
        raise InputError(f"The voxel size of {labels_file} is not known; give it in µm by --spacing Z Y X.")
    grey, seen = (None, None) if tomogram is None else (tomogram.data, tomogram.field_of_view)
    with threads() as executor:
        table = follow(iter_measure(labels, grey, spacing, settings.measure, seen, executor=executor), quiet)
    if agreed is None and particles is not None:
        agreed = particles.agreement
    if agreed is not None:
        table = with_agreement(table, agreed)
    if particles is not None and particles.review:
        table = with_review(table, particles.review)
    made_with = {
        "labels": str(labels_file.absolute()),
        "image": str(image.absolute()) if image is not None else known.source if known is not None else None,
        "spacing_um": list(spacing),
        "measure": to_dict(settings.measure),
    }
    io.write_table(out, table, define_columns(table), made_with)
    results.write_contacts(out, table, made_with)
    results.write_summary(out, table, summarise(table, labels, spacing, seen), made_with)
    if particles is not None:
        write_log_beside(out, particles.history.log())
    for note in table.attrs.get("notes", ()):
        typer.echo(f"Note: {note}")
    verb = "is" if len(table) == 1 else "are"
    typer.echo(f"{particles_in_words(len(table))} with {len(table.columns) - 1} features {verb} in {out}.")


def _stated_by_both(labels_file: Path, stated: Edges | None, tomogram: Tomogram) -> Edges | None:
    """Give the voxel size that labels and image state; where they state different ones, neither is believed."""
    image = tomogram.spacing_um
    if stated is None or image is None:
        return stated or image
    both = np.array([stated, image])[:, 1 if tomogram.shape[0] == 1 else 0 :]
    if not np.allclose(both[0], both[1], rtol=ROUNDING, atol=0):
        ours, theirs = (" × ".join(f"{edge:.4g}" for edge in edges) for edges in both)
        raise InputError(
            f"{labels_file} states a voxel size of {ours} µm, {tomogram.name} one of {theirs} µm; give the right one "
            "by --spacing Z Y X."
        )
    return stated
