"""``napari-cathode simulate``: an electrode whose truth is known."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps, within
from napari_cathode.simulate import PRESETS, Simulation, SimulationParameters, iter_simulate, simulate_slice
from napari_cathode.simulate.samples import iter_write
from napari_cathode.words import particles_in_words

from .files import may_write_into
from .options import Given, Overwrite, Quiet, with_parameters
from .progress import follow

NAMES = ("{}.tif", "{}_labels.tif", "{}_cracks.tif", "{}_truth.csv")
"""The files of a simulation."""


@with_parameters(SimulationParameters, {"": ""}, leave_out=("drivers",))
def command(
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the files go.")],
    preset: Annotated[
        str, typer.Option("--preset", metavar="|".join(PRESETS), help="Kind of electrode that options change.")
    ] = "nmc-10-cycles",
    seed: Annotated[int, typer.Option("--seed", metavar="NUMBER", min=0, help="Another one, another electrode.")] = 0,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    *,
    given: Given,
) -> None:
    """Write the image, the labels of its particles, their cracks, and a table of true values.

    With --size-z 1 it is a slice. Defaults shown are those of no preset; a preset changes some of them.
    """
    if preset not in PRESETS:
        raise InputError(f"There is no preset {preset!r}; choose one of {', '.join(PRESETS)}.")
    parameters = replace(PRESETS[preset], **given)
    may_write_into(out, [name.format(preset) for name in NAMES], overwrite)
    result = follow(_iter_make(parameters, seed, out, preset), quiet)
    typer.echo(f"{particles_in_words(len(result.table))}; image and truth are in {out / preset}*.")


def _iter_make(parameters: SimulationParameters, seed: int, out: Path, name: str) -> Steps[Simulation]:
    if parameters.size_z == 1:
        yield Progress(0, 1, "Simulating")
        result = simulate_slice(parameters, seed)
    else:
        result = yield from iter_simulate(parameters, seed)
    yield from within(iter_write(out, name, result), 99, 100)
    return result
