"""``napari-cathode explain``: from a feature table to SHAP values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from napari_cathode import io, results
from napari_cathode.explain import iter_explain
from napari_cathode.measure import FEATURES
from napari_cathode.pipeline import PipelineParameters

from .files import may_write_into
from .options import Given, Overwrite, ParameterFile, Quiet, read_parameters, with_parameters
from .progress import follow


@with_parameters(PipelineParameters, {"explain": ""})
def command(
    table_file: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV table with one row a particle.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the results go.")],
    parameters: ParameterFile = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    *,
    given: Given,
) -> None:
    """Write shap.csv, importance.csv and scores.json."""
    settings = read_parameters(given, parameters)
    table = io.read_table(table_file)
    names = [results.SHAP, results.IMPORTANCE, results.SCORES]
    may_write_into(out, names, overwrite)
    explanation = follow(iter_explain(table, settings.explain), quiet)
    results.write_explanation_tables(out, explanation)
    results.write_json(out / results.SCORES, {"explanation": results.describe_explanation(explanation)})
    typer.echo(explanation.scores["verdict"]["text"])
    for note in explanation.notes:
        typer.echo(f"Note: {note}")
    # Of the columns that `measure` makes it is known that they take no part; of others it would come as a surprise.
    for column, reason in explanation.left_out.items():
        if column not in FEATURES:
            typer.echo(f"Left out: {column}, since {reason}.")
    first = explanation.importance.head(5)
    for rank, (feature, share) in enumerate(zip(first["feature"], first["share"], strict=True), start=1):
        typer.echo(f"{rank:>3}. {feature:<32}{100 * share:5.1f} %")
    typer.echo(f"Results are in {out}.")
