"""``napari-cathode identify``: the first step."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer

from napari_cathode import io, results
from napari_cathode.fuse.store import check_folder, iter_write_predictions
from napari_cathode.identify import IdentifyParameters, estimate_diameter, iter_identify, iter_identify_volume
from napari_cathode.pipeline import PipelineParameters
from napari_cathode.tomogram import Tomogram, parse_region
from napari_cathode.words import particles_in_words

from .files import may_write_into
from .options import (
    Dataset,
    Given,
    Overwrite,
    ParameterFile,
    Quiet,
    RegionText,
    Spacing,
    read_parameters,
    with_parameters,
)
from .progress import follow


@with_parameters(PipelineParameters, {"": "", "identify": ""})
def command(
    image: Annotated[Path, typer.Argument(metavar="INPUT", help="TIFF, HDF5 or NumPy file or folder of slices.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the predictions go.")],
    spacing: Spacing = None,
    dataset: Dataset = None,
    region: RegionText = None,
    parameters: ParameterFile = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    *,
    given: Given,
) -> None:
    """Write labels and probability of each view as zarr, which `napari-cathode fuse FOLDER` reads.

    Of a single slice, and with --method stardist3d, there are no views to fuse: labels.tif holds the particles.
    Without a voxel size the particle diameter is in voxels.
    """
    settings = read_parameters(given, parameters)
    tomogram = io.read(image, dataset=dataset, spacing_um=spacing)
    if region is not None:
        tomogram = tomogram.part(parse_region(region, tomogram.shape, tomogram.name))
    if settings.identify.method == "stardist3d":
        _whole(tomogram, settings.identify, out, overwrite, quiet)
        return
    names = ("xy",) if tomogram.is_slice else settings.views
    check_folder(out, names, overwrite)
    may_write_into(out, [results.LABELS] if tomogram.is_slice else [], overwrite)
    identify = settings.identify
    if identify.diameter_um is None:
        identify = replace(identify, diameter_um=float(estimate_diameter(tomogram)))
    views = follow(iter_identify(tomogram, identify, names), quiet)
    follow(iter_write_predictions(out, views, tomogram.spacing_um, str(image.absolute()), tomogram.region), quiet)
    for note in dict.fromkeys(note for view in views.values() for note in view.notes):
        typer.echo(f"Note: {note}")
    if tomogram.is_slice:
        _write(out / results.LABELS, views["xy"].labels, tomogram)
        return
    typer.echo(f"Predictions of {len(views)} {'view' if len(views) == 1 else 'views'} are in {out}.")


def _whole(tomogram: Tomogram, parameters: IdentifyParameters, out: Path, overwrite: bool, quiet: bool) -> None:
    """Find particles in the whole volume and write their labels."""
    target = may_write_into(out, [results.LABELS], overwrite) / results.LABELS
    found = follow(iter_identify_volume(tomogram, parameters), quiet)
    _write(target, found.labels, tomogram)


def _write(target: Path, labels: npt.NDArray[np.int32], tomogram: Tomogram) -> None:
    io.write_labels(target, labels, tomogram.spacing_um)
    count = int(labels.max(initial=0))
    typer.echo(f"{particles_in_words(count)} {'is' if count == 1 else 'are'} in {target}.")
