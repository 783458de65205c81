"""``napari-cathode fuse``: from predictions to particles."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import typer

from napari_cathode import io, results
from napari_cathode.column_meanings import define_columns
from napari_cathode.errors import InputError
from napari_cathode.fuse import iter_prediction_from_labels
from napari_cathode.fuse.blocks import iter_fuse_sized
from napari_cathode.fuse.store import read_predictions
from napari_cathode.identify import ViewPrediction
from napari_cathode.io.labels import LABEL_SUFFIXES
from napari_cathode.parameters import to_dict
from napari_cathode.pipeline import PipelineParameters
from napari_cathode.tomogram import Spacing as SpacingUm
from napari_cathode.tomogram import check_spacing
from napari_cathode.words import particles_in_words

from .files import may_write
from .options import Given, Overwrite, ParameterFile, Quiet, Spacing, read_parameters, with_parameters
from .progress import follow

_LABELS = "2D labels made in {} slices by any tool, instead of FOLDER."
_NO_SPACING = "The voxel size is not known; give it in µm by --spacing Z Y X."


@with_parameters(PipelineParameters, {"fuse": ""})
def command(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Label image to write (.tif or .npy).")],
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="Predictions written by `napari-cathode identify`.")
    ] = None,
    xy: Annotated[Path | None, typer.Option(metavar="FILE", help=_LABELS.format("xy"))] = None,
    xz: Annotated[Path | None, typer.Option(metavar="FILE", help=_LABELS.format("xz"))] = None,
    yz: Annotated[Path | None, typer.Option(metavar="FILE", help=_LABELS.format("yz"))] = None,
    agreement: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Table to write (.csv) of how well each view fits each particle."),
    ] = None,
    spacing: Spacing = None,
    parameters: ParameterFile = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    *,
    given: Given,
) -> None:
    """Fuse predictions of one, two or three views; those of a single slice are its particles as they are."""
    settings = read_parameters(given, parameters)
    for path in (out, agreement):
        if path is not None:
            may_write(path, overwrite)
    if agreement is not None and agreement.suffix.lower() != ".csv":
        raise InputError(f"{agreement} should end in .csv, since the agreement is written as CSV.")
    if out.suffix.lower() not in LABEL_SUFFIXES:
        raise InputError(f"Labels cannot be written to {out.name}; use a name that ends in .tif or .npy.")
    files = {name: path for name, path in (("xy", xy), ("xz", xz), ("yz", yz)) if path is not None}
    if (folder is None) == (not files):
        raise InputError("Give either a folder of predictions, or label images by --xy, --xz and --yz.")
    if folder is not None:
        stored = read_predictions(folder)
        views, spacing = stored.views, spacing or stored.spacing_um
    else:
        views, spacing = _from_files(files, spacing, quiet)
    if spacing is None:
        raise InputError(_NO_SPACING)
    spacing = check_spacing(spacing)
    if set(views) == {"xy"} and views["xy"].labels.shape[0] == 1:
        if agreement is not None:
            raise InputError("This is a single slice: there is one view of it, and nothing to agree on.")
        labels = results.contiguous(np.asarray(views["xy"].labels[:]))
        io.write_labels(out, labels, spacing)
        count = int(labels.max())
    else:
        # Large volumes are fused in a file, beside the result: there is room for it.
        out.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".napari-cathode-", dir=out.parent) as scratch:
            fusion = follow(iter_fuse_sized(views, settings.fuse, spacing, scratch), quiet)
            if agreement is not None:
                used = {"spacing_um": list(spacing), "views": list(fusion.views), "fuse": to_dict(fusion.parameters)}
                io.write_table(agreement, fusion.agreement, define_columns(fusion.agreement), used)
            io.write_labels(out, fusion.labels, spacing)
            count = len(fusion.agreement)
            del fusion
    typer.echo(f"{particles_in_words(count)} {'is' if count == 1 else 'are'} in {out}.")


def _from_files(
    files: dict[str, Path], spacing: SpacingUm | None, quiet: bool
) -> tuple[dict[str, ViewPrediction], SpacingUm]:
    """Make predictions of label images; the given voxel size (µm) comes before those that the files state."""
    read = {name: io.read_labels(path) for name, path in files.items()}
    stated = {name: found for name, (_, found) in read.items() if found is not None}
    if spacing is None and stated:
        first, spacing = next(iter(stated.items()))
        for name, other in stated.items():
            # TIFF keeps voxel sizes as rounded numbers.
            if not np.allclose(other, spacing, rtol=1e-3, atol=0):
                raise InputError(
                    f"{files[first].name} states a voxel size of {_text(spacing)} µm and {files[name].name} one of "
                    f"{_text(other)} µm; give the right one by --spacing Z Y X."
                )
    if spacing is None:
        raise InputError(_NO_SPACING)
    spacing = check_spacing(spacing)
    views = {}
    for name, (labels, _) in read.items():
        views[name] = follow(iter_prediction_from_labels(name, labels, spacing), quiet)
    return views, spacing


def _text(spacing: SpacingUm) -> str:
    return " × ".join(f"{edge:g}" for edge in spacing)
