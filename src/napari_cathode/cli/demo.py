"""``napari-cathode demo``: the sample tomogram, analysed."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from napari_cathode.pipeline import PipelineParameters
from napari_cathode.simulate.samples import SAMPLES

from .options import Quiet

SAMPLE = "nmc-50-cycles"
SETTINGS = PipelineParameters()


def command(
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where results go when there is no display.")
    ] = Path("napari-cathode-demo"),
    headless: Annotated[bool, typer.Option("--headless", help="Open no window even where there is a display.")] = False,
    quiet: Quiet = False,
) -> None:
    """Particles are found, the table and the SHAP panel are open and linked.

    Without a display the same analysis runs and its results are written.
    """
    if not headless and has_display():
        if importlib.util.find_spec("napari") is not None:
            if not quiet:  # before what takes the time is imported
                typer.echo("Opening napari with the sample; the window comes in some seconds.")
            from napari_cathode.plugin.demo import open_demo

            open_demo()
            return
        typer.echo(
            'napari is not installed (pip install "napari-cathode[all]"); the analysis runs without it.', err=True
        )
    from napari_cathode import io

    from . import run

    run.analyse(io.read(SAMPLES[SAMPLE].path), out, overwrite=True, quiet=quiet, settings=SETTINGS)


def has_display() -> bool:
    """Whether a window can be opened; on Windows and macOS it always can."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
