"""The files of a run: their names, and how each is written and read again."""

from __future__ import annotations

import os
import shutil
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from . import __version__, io
from .column_meanings import (
    COMPARISON_COLUMNS,
    CONTACT_COLUMNS,
    IMPORTANCE_COLUMNS,
    INTERACTION_COLUMNS,
    STABILITY_COLUMNS,
    SUMMARY_COLUMNS,
    define_columns,
)
from .errors import InputError
from .explain.names import unit_of
from .io.atomic import replacing
from .measure import Contacts, Summary, population_table
from .plain_files import plain, read_yaml, write_json, write_yaml
from .progress import Steps
from .project.manifest import MANIFEST as PROJECT
from .project.manifest import PARTS, holds_project, read_manifest
from .project.of_run import BY_RUN, RunProject
from .tomogram import Spacing, Tomogram

if TYPE_CHECKING:
    import pandas as pd

    from .explain import Comparison, Explanation, Interactions, Stability
    from .pipeline import PipelineResult

PARAMETERS = "parameters.yaml"
LABELS = "labels.tif"
TABLE = "features.csv"
CONTACTS = "contacts.csv"
SUMMARY = "summary.csv"
SHAP = "shap.csv"
IMPORTANCE = "importance.csv"
SCORES = "scores.json"
SHAP_PARQUET = "shap.parquet"
STABILITY = "stability.csv"
INTERACTIONS = "interactions.csv"
COMPARISON = "comparison.csv"
REPORT = "report.html"
EDITS = "edits.csv"
SIDECARS = tuple(str(Path(name).with_suffix(".json")) for name in (TABLE, CONTACTS, SUMMARY, SHAP, IMPORTANCE))
FILES = (PARAMETERS, LABELS, TABLE, CONTACTS, SUMMARY, SHAP, IMPORTANCE, SCORES, REPORT, *SIDECARS, PROJECT)
"""The files of a run, beside the folder `PARTS` with what napari needs besides; `prepare_folder` touches no others."""

_GIVEN = {"labels": LABELS, "table": TABLE, "contacts": CONTACTS, "shap": SHAP, "importance": IMPORTANCE}

_LIBRARIES = ("numpy", "scipy", "scikit-image", "scikit-learn", "shap", "onnxruntime", "stardist", "pandas")


def check_folder(folder: str | os.PathLike[str], overwrite: bool = False) -> None:
    """Check that the files of a run may be written into a folder, which stays as it is.

    Parameters
    ----------
    folder : path
        It need not exist.
    overwrite : bool
        Whether the files of an earlier run may go.

    Raises
    ------
    InputError
        When it is no folder, or holds files of a run's names that may not go: those of an earlier run without
        ``overwrite``, or those that no run wrote.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file, not a folder; name a folder for the results.")
    if holds_project(folder) and read_manifest(folder).get("saved_by") != BY_RUN:
        raise InputError(
            f"{folder} is a project with work that was saved outside of a run; name another folder, so that nothing of "
            "it is lost."
        )
    present = [name for name in FILES if (folder / name).exists()]
    if present:
        if not _is_ours(folder):
            raise InputError(
                f"{folder} has a file {present[0]} that does not come from napari-cathode; name another folder."
            )
        if not overwrite:
            raise InputError(
                f"{folder} holds the results of an earlier run; name another folder, or replace them with --overwrite."
            )


def prepare_folder(folder: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """Make a folder ready for the files of a run; foreign files in it are never touched.

    Parameters
    ----------
    folder : path
        Made where it does not exist.
    overwrite : bool
        Whether the files of an earlier run may go.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    InputError
        As `check_folder`.
    """
    folder = Path(folder)
    check_folder(folder, overwrite)
    # The manifest first, since it speaks of the others; the parameters last: they mark the other files as ours.
    if holds_project(folder):
        (folder / PROJECT).unlink()
        shutil.rmtree(folder / PARTS, ignore_errors=True)
    for name in sorted((*FILES, EDITS), key=lambda name: name == PARAMETERS):
        (folder / name).unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def write_parameters(folder: str | os.PathLike[str], used: dict[str, Any]) -> None:
    """Write ``parameters.yaml``."""
    write_yaml(Path(folder) / PARAMETERS, used)


def write_labels(folder: str | os.PathLike[str], labels: npt.NDArray[np.int32], spacing_um: Spacing) -> None:
    """Write ``labels.tif``."""
    io.write_labels(Path(folder) / LABELS, labels, spacing_um)


def write_table(folder: str | os.PathLike[str], table: pd.DataFrame, used: dict[str, Any]) -> None:
    """Write ``features.csv`` and ``contacts.csv``, each with a sidecar that gives the meaning of its columns."""
    path = Path(folder) / TABLE
    io.write_table(path, table, define_columns(table), used)
    write_contacts(path, table, used)


def beside(path: str | os.PathLike[str], what: str) -> Path:
    """Name what goes with a feature table: contacts.csv beside features.csv, nmc_contacts.csv beside nmc.csv."""
    path = Path(path)
    return path.with_name(f"{what if path.stem == Path(TABLE).stem else f'{path.stem}_{what}'}{path.suffix}")


def write_contacts(path: str | os.PathLike[str], table: pd.DataFrame, used: dict[str, Any]) -> Path | None:
    """Write the contacts of a feature table's particles `beside` it, with a sidecar.

    Parameters
    ----------
    path : path
        Of the feature table.
    table : DataFrame
        Its particles; contacts with others are left out.
    used : dict
        What gave the table.

    Returns
    -------
    Path or None
        None where the table came without contacts.
    """
    contacts = Contacts.beside(table)
    if contacts is None:
        return None
    place = beside(path, "contacts")
    io.write_table(place, contacts.of(table["label"]).table, CONTACT_COLUMNS, used)
    return place


def open_run_project(folder: str | os.PathLike[str], tomogram: Tomogram) -> RunProject:
    """Give what keeps ``project.json``, so that napari opens the folder of a run with everything linked."""
    return RunProject(folder, tomogram, _GIVEN)


def given_files(folder: str | os.PathLike[str]) -> dict[str, str]:
    """Give the files of a run's folder that a project names instead of writing them again."""
    return {kind: name for kind, name in _GIVEN.items() if (Path(folder) / name).exists()}


def write_edits(folder: str | os.PathLike[str], rows: list[dict[str, Any]]) -> None:
    """Write ``edits.csv``: what was changed by hand, a row each."""
    import pandas as pd

    with replacing(Path(folder) / EDITS) as part:
        pd.DataFrame(rows).to_csv(part, index=False, lineterminator="\n", encoding="utf-8")


def write_explanation(folder: str | os.PathLike[str], result: PipelineResult) -> None:
    """Write ``scores.json`` and, where there is an explanation, ``shap.csv`` and ``importance.csv``."""
    scores: dict[str, Any] = {"summary": plain(result.summary), "notes": plain(result.table.attrs.get("notes", []))}
    if result.explanation is None:
        scores["not_explained"] = result.not_explained
    else:
        write_explanation_tables(folder, result.explanation)
        scores["explanation"] = describe_explanation(result.explanation)
    write_json(Path(folder) / SCORES, scores)


def describe_explanation(explanation: Explanation) -> dict[str, Any]:
    """Give what ``scores.json`` says of an explanation: target, scores, and which rows and columns took no part."""
    described: dict[str, Any] = plain(
        {
            "target": explanation.target,
            "predictors": explanation.predictors,
            **explanation.scores,
            "clusters": explanation.cluster_table[["cluster", "particles", "drivers"]].to_dict("records"),
            "dropped": explanation.dropped,
            "left_out": explanation.left_out,
            "notes": explanation.notes,
            "parameters": explanation.parameters,
            "used": explanation.used,
        }
    )
    return described


def write_explanation_tables(folder: str | os.PathLike[str], explanation: Explanation) -> None:
    """Write ``shap.csv`` and ``importance.csv``, each with its sidecar."""
    write_shap(Path(folder) / SHAP, explanation)
    write_importance(Path(folder) / IMPORTANCE, explanation)


def write_importance(path: str | os.PathLike[str], explanation: Explanation) -> None:
    """Write the features, the most important first, with a sidecar; as Parquet where the name ends so, else as CSV."""
    io.write_table(Path(path), explanation.importance, IMPORTANCE_COLUMNS, _made_with(explanation))


def write_stability(path: str | os.PathLike[str], explanation: Explanation, stability: Stability) -> None:
    """Write the share of each feature with other seeds and on other subsets of the particles."""
    io.write_table(Path(path), stability.table(), STABILITY_COLUMNS, _made_with(explanation))


def write_interactions(path: str | os.PathLike[str], explanation: Explanation, interactions: Interactions) -> None:
    """Write the pairs of features, strongest first."""
    io.write_table(Path(path), interactions.table(), INTERACTION_COLUMNS, _made_with(explanation))


def write_comparison(path: str | os.PathLike[str], comparison: Comparison) -> None:
    """Write the shares in two states, by the size of their change."""
    first, second = comparison.names
    used = {name: _made_with(found) for name, found in zip(comparison.names, comparison.explanations, strict=True)}
    meanings = {**COMPARISON_COLUMNS, "first_share": f"Share in {first}", "second_share": f"Share in {second}"}
    io.write_table(Path(path), comparison.table(), meanings, used)


def write_shap(path: str | os.PathLike[str], explanation: Explanation) -> None:
    """Write the SHAP values of each particle with what they add up to, and a sidecar that says so.

    As Parquet where the name ends so, else as CSV.
    """
    target = explanation.target
    meanings = {
        name: {
            "unit": unit_of(target),
            "meaning": f"What {name} adds to the predicted {target} of this particle (SHAP)",
        }
        for name in explanation.predictors
    }
    table = explanation.shap_table()
    sums = ("What the SHAP values are added to", "Base value and all SHAP values of the row", "As it was measured")
    for name, text in zip(table.columns[-len(sums) :], sums, strict=True):
        meanings[str(name)] = {"unit": unit_of(target), "meaning": f"{text} ({target})"}
    io.write_table(Path(path), table, define_columns(table) | meanings, _made_with(explanation))


def _made_with(explanation: Explanation) -> dict[str, Any]:
    return {"explain": plain(explanation.parameters), "used": plain(explanation.used)}


def iter_write_report(folder: str | os.PathLike[str], result: PipelineResult) -> Steps[None]:
    """Write ``report.html``."""
    from . import report

    with replacing(Path(folder) / REPORT) as part:
        yield from report.iter_write_report(result, part)


def write_summary(path: str | os.PathLike[str], table: pd.DataFrame, summary: Summary, used: dict[str, Any]) -> Path:
    """Write what describes the population of a feature table `beside` it, with a sidecar."""
    place = beside(path, "summary")
    io.write_table(place, population_table(table, summary), SUMMARY_COLUMNS, used)
    return place


def versions() -> dict[str, str]:
    """Give the versions of the libraries that decide about results."""
    found = {"napari-cathode": __version__}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def contiguous(labels: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Renumber labels as 1 … n without gaps, in their order (int32; background 0 stays)."""
    ids, place = np.unique(labels, return_inverse=True)
    number = np.cumsum(ids > 0).astype(np.int32)
    return np.where(ids > 0, number, np.int32(0))[place].reshape(labels.shape)


def _is_ours(folder: Path) -> bool:
    try:
        return "napari_cathode" in read_yaml(folder / PARAMETERS)
    except InputError:
        return False
