"""``napari-cathode explain``: from a feature table to SHAP values."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from napari_cathode import io, results
from napari_cathode.errors import InputError
from napari_cathode.explain import (
    PRESETS,
    Explanation,
    iter_compare,
    iter_explain,
    iter_interactions,
    iter_stability,
    why_left_out,
)
from napari_cathode.explain.compare import in_common, state_names
from napari_cathode.explain.figure_files import iter_write_figures
from napari_cathode.explain.predictors import NOT_CHOSEN, SAME_ORDER, of_several
from napari_cathode.measure import FEATURES
from napari_cathode.parameters import to_dict
from napari_cathode.pipeline import PipelineParameters
from napari_cathode.plain_files import write_json
from napari_cathode.project import holds_project
from napari_cathode.project.continuing import parameters_of

from .continuing import current_of, open_given
from .files import may_write_into
from .options import Given, Overwrite, ParameterFile, Quiet, read_parameters, with_parameters
from .progress import follow

if TYPE_CHECKING:
    import pandas as pd

FIGURES = "figures"


@with_parameters(PipelineParameters, {"explain": ""})
def command(
    table_file: Annotated[Path, typer.Argument(metavar="TABLE", help="CSV table, one row a particle; or a project.")],
    out: Annotated[Path, typer.Option("--out", "-o", metavar="FOLDER", help="Where the results go.")],
    preset: Annotated[
        str | None,
        typer.Option("--preset", metavar="|".join(PRESETS), help="Named settings; li2022 are those of the study."),
    ] = None,
    stability: Annotated[
        bool, typer.Option("--stability", help="Also repeat it with 10 seeds and on 10 random subsets of 500.")
    ] = False,
    interactions: Annotated[
        bool, typer.Option("--interactions", help="Also say which pairs of properties work together.")
    ] = False,
    compare: Annotated[
        Path | None,
        typer.Option("--compare", metavar="TABLE", help="Also compare with another state, such as a later cycle."),
    ] = None,
    parquet: Annotated[bool, typer.Option("--parquet", help="Also write the SHAP values as Parquet.")] = False,
    parameters: ParameterFile = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    *,
    given: Given,
) -> None:
    """Write shap.csv, importance.csv, scores.json and the figures."""
    if preset is not None:
        if preset not in PRESETS:
            raise InputError(f"There is no preset {preset!r}; choose one of {', '.join(PRESETS)}.")
        given["explain"] = {**to_dict(PRESETS[preset]), **given.get("explain", {})}
    table, known = _read(table_file, quiet)
    other = None if compare is None else _read(compare, quiet)[0]
    settings = read_parameters(given, parameters, known).explain
    names = [results.SHAP, results.IMPORTANCE, results.SCORES]
    names += [results.SHAP_PARQUET] * parquet + [results.STABILITY] * stability
    names += [results.INTERACTIONS] * interactions + [results.COMPARISON] * (other is not None)
    may_write_into(out, names, overwrite)
    if other is not None:
        assert compare is not None
        states = state_names(table_file, compare)
        in_common(table, other, settings, states)  # before the long work, not after it

    explanation = follow(iter_explain(table, settings), quiet)
    results.write_explanation_tables(out, explanation)
    scores: dict[str, Any] = results.describe_explanation(explanation)
    if parquet:
        results.write_shap(out / results.SHAP_PARQUET, explanation)
    _say(explanation)
    figures: dict[str, Any] = {}
    if stability:
        scores["stability"] = _stability(out, explanation, figures, quiet)
    if interactions:
        _interactions(out, explanation, figures, quiet)
    if other is not None:
        scores["comparison"] = _compare(out, (table, other), settings, states, figures, quiet)
    write_json(out / results.SCORES, scores)
    follow(iter_write_figures(out / FIGURES, explanation, figures), quiet)
    typer.echo(f"Results are in {out}.")


def _read(path: Path, quiet: bool) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Read a table, or take that of a project with its parameters."""
    if not holds_project(path):
        return io.read_table(path), {}
    opened = open_given(path, quiet)
    particles = current_of(opened)
    if particles.table is None or particles.out_of_date:
        raise InputError(
            f"The particles of {path} are not measured as they are now; run `napari-cathode run {path}` first."
        )
    return particles.table, parameters_of(opened.state)


def _say(explanation: Explanation) -> None:
    typer.echo(explanation.scores["verdict"]["text"])
    for note in explanation.notes:
        typer.echo(f"Note: {note}")
    for reason, columns in _surprising(explanation).items():
        typer.echo(f"Left out: {', '.join(columns)}, since {reason if len(columns) == 1 else of_several(reason)}.")
    first = explanation.importance.head(5)
    for rank, (feature, share) in enumerate(zip(first["feature"], first["share"], strict=True), start=1):
        typer.echo(f"{rank:>3}. {feature:<32}{100 * share:5.1f} %")


def _surprising(explanation: Explanation) -> dict[str, list[str]]:
    """Give the columns whose absence is news, by reason.

    Which of the columns of `measure` never take part is documented; that one is empty or text, or is a person's own, is
    worth a line.
    """
    found: dict[str, list[str]] = {}
    for column, reason in explanation.left_out.items():
        known = column in FEATURES and (why_left_out(column, explanation.target) or reason.startswith(SAME_ORDER))
        if not known and reason != NOT_CHOSEN:
            found.setdefault(reason, []).append(column)
    return found


def _stability(out: Path, explanation: Explanation, figures: dict[str, Any], quiet: bool) -> dict[str, Any]:
    from napari_cathode.explain.plots import stability_rows

    found = follow(iter_stability(explanation), quiet)
    results.write_stability(out / results.STABILITY, explanation, found)
    figures["stability"] = lambda: stability_rows(found)
    typer.echo(found.text())
    return {
        "seed_agreement": found.seed_agreement,
        "subset_agreement": found.subset_agreement,
        "subset_particles": found.subset_particles,
        "text": found.text(),
    }


def _interactions(out: Path, explanation: Explanation, figures: dict[str, Any], quiet: bool) -> None:
    from napari_cathode.explain.plots import interaction_bars

    found = follow(iter_interactions(explanation), quiet)
    results.write_interactions(out / results.INTERACTIONS, explanation, found)
    if len(explanation.predictors) > 1:
        figures["interactions"] = lambda: interaction_bars(found)


def _compare(
    out: Path, tables: tuple[Any, Any], settings: Any, names: tuple[str, str], figures: dict[str, Any], quiet: bool
) -> dict[str, Any]:
    from napari_cathode.explain.plots import comparison_rows

    found = follow(iter_compare(*tables, settings, names), quiet)
    results.write_comparison(out / results.COMPARISON, found)
    figures["comparison"] = lambda: comparison_rows(found)
    typer.echo(found.text())
    described = [results.describe_explanation(each) for each in found.explanations]
    return {"states": dict(zip(names, described, strict=True)), "only_one": found.only_one, "text": found.text()}
