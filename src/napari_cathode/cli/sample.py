"""``napari-cathode sample``: sample data as files."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Annotated

import typer

from napari_cathode.errors import InputError
from napari_cathode.resources import sample_data_folder
from napari_cathode.simulate import PRESETS
from napari_cathode.simulate.samples import SAMPLES, iter_generate_large, large_folder, list_samples

from .files import may_write_into
from .options import Overwrite, Quiet
from .progress import follow
from .simulate import NAMES

_LARGE = "-large"


def command(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="Which; all of them are listed without it.")
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the files go.")] = Path("."),
    show: Annotated[bool, typer.Option("--list", help="List the names.")] = False,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """Write an image, the labels of its particles, their cracks, and a table of true values.

    The large ones are simulated on first use, which takes a minute, and kept.
    """
    if show or name is None:
        for sample in list_samples():
            typer.echo(f"{sample.name:<22}{sample.title}")
        for preset in PRESETS:
            typer.echo(f"{preset + _LARGE:<22}256 × 256 × 256 voxels, made on demand")
        return
    large = name.endswith(_LARGE) and name.removesuffix(_LARGE) in PRESETS
    if name not in SAMPLES and not large:
        known = [*SAMPLES, *(preset + _LARGE for preset in PRESETS)]
        raise InputError(f"There is no sample {name!r}; choose one of {', '.join(known)}.")
    names = [pattern.format(name) for pattern in NAMES]
    may_write_into(out, names, overwrite)
    source = sample_data_folder()
    if large:
        follow(iter_generate_large(name.removesuffix(_LARGE)), quiet)
        source = large_folder(name.removesuffix(_LARGE))
    for file in names:
        shutil.copyfile(source / file, out / file)
    typer.echo(f"{', '.join(names)} are in {out}.")
