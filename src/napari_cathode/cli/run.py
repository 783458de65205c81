"""``napari-cathode run``: all steps."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_cathode import io, results
from napari_cathode.errors import InputError
from napari_cathode.pipeline import PipelineParameters, iter_run, iter_settle
from napari_cathode.plain_files import read_input, read_region
from napari_cathode.project import holds_project
from napari_cathode.tomogram import Tomogram, check_region, parse_region

from .continuing import continue_project, refuse_input_options
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
from .progress import follow, threads
from .summary import summary_text

_PREFIXES = {"": "", "identify": "identify-", "fuse": "fuse-", "measure": "measure-", "explain": "explain-"}


@with_parameters(PipelineParameters, _PREFIXES, aliases={"identify.diameter_um": "--diameter"})
def command(
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", metavar="FOLDER", help="Where the results go; left out, a project is saved in place."
        ),
    ] = None,
    image: Annotated[
        Path | None,
        typer.Argument(
            metavar="INPUT",
            help="TIFF, HDF5 or NumPy file, folder of slices, or project to go on with; may be left out when "
            "--parameters names it.",
        ),
    ] = None,
    spacing: Spacing = None,
    dataset: Dataset = None,
    region: RegionText = None,
    parameters: ParameterFile = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    keep_views: Annotated[
        bool,
        typer.Option(
            "--keep-views",
            help="Keep what each view saw in the project, so that napari fuses it again without finding it anew; takes "
            "about 2.3 bytes a voxel.",
        ),
    ] = False,
    *,
    given: Given,
) -> None:
    """Write labels.tif, features.csv, shap.csv, importance.csv, scores.json, parameters.yaml and report.html.

    Running again with --parameters FOLDER/parameters.yaml gives identical files. The folder is a project that napari
    opens. Of a project, what is missing or out of date is done; its particles, corrected or not, stay as they are.
    """
    if image is not None and holds_project(image):
        refuse_input_options(image, dataset, region)
        if keep_views:
            raise InputError("--keep-views is for a tomogram; what the views saw stays in the project that holds it.")
        continue_project(image, out, given, parameters, spacing, overwrite, quiet)
        return
    if out is None:
        raise InputError("No folder for the results is given; name one by -o FOLDER.")
    settings = read_parameters(given, parameters)
    tomogram, dataset = _open(image, spacing, dataset, parameters, region)
    analyse(tomogram, out, overwrite, quiet, settings, dataset, keep_views)


def analyse(
    tomogram: Tomogram,
    out: Path,
    overwrite: bool,
    quiet: bool,
    settings: PipelineParameters | None = None,
    dataset: str | None = None,
    keep_views: bool = False,
) -> None:
    """Run all steps, write their results and print the numbers that people quote."""
    results.check_folder(out, overwrite)
    # Earlier results go only when this run can begin.
    settings = follow(iter_settle(tomogram, settings or PipelineParameters()), quiet)
    out = results.prepare_folder(out, overwrite)
    with threads() as executor:
        result = follow(iter_run(tomogram, settings, out, dataset, executor, keep_views=keep_views), quiet)
    typer.echo(summary_text(result.summary, result.table, result.explanation, result.not_explained))
    typer.echo(f"Results are in {out}; open {out / results.REPORT} in a browser.")


def _open(
    image: Path | None,
    spacing: tuple[float, float, float] | None,
    dataset: str | None,
    parameters: Path | None,
    region: str | None,
) -> tuple[Tomogram, str | None]:
    """Open the input; what a parameter file says of its own input counts for that one only."""
    known_region = None
    if parameters is not None:
        known_path, known_dataset, known_spacing = read_input(parameters)
        if image is None and known_path is not None:
            image = Path(known_path)
        if image is not None and known_path is not None and image.resolve() == Path(known_path).resolve():
            dataset, spacing = dataset or known_dataset, spacing or known_spacing
            known_region = read_region(parameters)
    if image is None:
        raise InputError("No tomogram is given; name a file, or a parameter file that names one.")
    tomogram = io.read(image, dataset=dataset, spacing_um=spacing)
    if region is not None:
        tomogram = tomogram.part(parse_region(region, tomogram.shape, tomogram.name))
    elif known_region is not None:
        tomogram = tomogram.part(check_region(known_region, tomogram.shape, tomogram.name))
    return tomogram, dataset
