"""``napari-cathode export``: a model for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_cathode.identify.fiji import iter_export_model

from .files import may_write
from .options import Overwrite, Quiet
from .progress import follow


def command(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="Name of a shipped or own model, or a StarDist model folder.")
    ],
    out: Annotated[
        Path,
        typer.Option("--out", "-o", metavar="FILE", help="A .zip is for StarDist's Fiji plugin, an .onnx is ONNX."),
    ],
    overwrite: Overwrite = False,
    quiet: Quiet = False,
) -> None:
    """In Fiji, choose the .zip as model file in Plugins > StarDist > StarDist 2D.

    Images must show particles as large as the model's card says.
    """
    may_write(out, overwrite)
    follow(iter_export_model(model, out), quiet)
    typer.echo(f"{model} is in {out}.")
