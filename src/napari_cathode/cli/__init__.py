"""The command line: ``napari-cathode COMMAND``.

Each command is a module of this package with a function ``command``. Only the one that is asked for is imported,
since the steps bring large libraries along.
"""

from __future__ import annotations

import importlib
import io
import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from napari_cathode import __version__

from .errors import friendly

COMMANDS = {
    "run": "Find, measure and explain the particles of a tomogram or slice",
    "identify": "Find particles slice by slice",
    "fuse": "Make 3D particles of the views' predictions",
    "measure": "Measure the particles of a label image",
    "explain": "Tell what drives damage, from a feature table",
    "train": "Train a model on your own labelled images",
    "export": "Write a model for Fiji or as ONNX",
    "simulate": "Simulate an electrode with known particles",
    "sample": "Write sample data into a folder",
    "demo": "Open napari on the sample tomogram, analysed",
}
"""Name and one-line help of each command."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; ends by `SystemExit`.

    Parameters
    ----------
    arguments : sequence of str, optional
        What follows the program's name; those of the process by default.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # "µ" and "→" must not end a run on a terminal that has none
    given = list(sys.argv[1:] if arguments is None else arguments)
    named = next((word for word in given if not word.startswith("-")), "")
    _make_app(named)(args=given, prog_name="napari-cathode")


def _make_app(named: str) -> typer.Typer:
    """Make the program, with the options of the one command that is named."""
    app = typer.Typer(
        name="napari-cathode",
        help="Particle analysis of X-ray tomograms of battery electrodes: find, measure and explain every particle.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_program)
    for name, summary in COMMANDS.items():
        function = importlib.import_module(f"{__name__}.{name}").command if name == named else _stand_in
        app.command(name, short_help=summary, help=_help(function, summary))(friendly(function))
    return app


def _help(function: object, summary: str) -> str:
    return f"{summary}.\n\n{function.__doc__}" if function.__doc__ else summary


def _stand_in() -> None:
    """Stand for a command that is listed, but not asked for."""


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"napari-cathode {__version__}")
        raise typer.Exit


def _program(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Take the options of the program itself."""
