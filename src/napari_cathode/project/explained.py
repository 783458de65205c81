"""An explanation as files: tables as Parquet (or the CSV files of a run), the rest as JSON. Nothing of it is executed.

The folder holds

========================  =========================================================================
``explanation.json``      target, predictors, scores, notes, parameters, and which table lies where
``particles.parquet``     one row a particle: measured, predicted, group, fold of each repeat
``values.parquet``        what was measured of each particle
``shap``, ``importance``  as Parquet here, or as CSV where a run wrote them
``clusters.parquet``      the groups
``folds.parquet``         the scores of each fold
``trees.parquet``         the nodes of the held-out models' trees; ``models.parquet`` their first nodes
========================  =========================================================================
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_cathode.errors import InputError
from napari_cathode.explain import ExplainParameters, Explanation
from napari_cathode.explain.trees import Trees
from napari_cathode.io.tables import read_table
from napari_cathode.parameters import from_dict, to_dict

from .manifest import restored, storable
from .parts import read_csv, read_parquet, write_table

_INDEX = "explanation.json"
_PLAIN = ("target", "scores", "dropped", "left_out", "used")
_NODES = ("feature", "threshold", "left", "right", "missing_left", "value")
_BASE, _PREDICTION = "base_value", "explained"


def write_explanation(folder: Path, explanation: Explanation, given: Mapping[str, Path] | None = None) -> None:
    """Write an explanation into a new folder.

    Parameters
    ----------
    folder : path
        It is made.
    explanation : Explanation
        What is written.
    given : mapping of str to path, optional
        Tables ("shap", "importance") that lie elsewhere already, in full precision.
    """
    folder.mkdir(parents=True)
    given = given or {}
    tables = {
        "particles": _particles(explanation),
        "values": explanation.values,
        "shap": explanation.shap,
        "importance": explanation.importance,
        "clusters": explanation.cluster_table,
        "folds": explanation.fold_scores,
        **_trees(explanation.models),
    }
    places = {}
    for name, table in tables.items():
        if name in given:
            places[name] = Path(os.path.relpath(given[name], folder)).as_posix()
        else:
            places[name] = f"{name}.parquet"
            write_table(folder / places[name], table)
    index = {
        **{name: getattr(explanation, name) for name in _PLAIN},
        "predictors": list(explanation.predictors),
        "notes": list(explanation.notes),
        "parameters": to_dict(explanation.parameters),
        "tables": places,
        "dtypes": {"importance": {str(name): str(kind) for name, kind in explanation.importance.dtypes.items()}},
        "models": [{"base": model.base, "scale": model.scale, "single": model.single} for model in explanation.models],
    }
    text = json.dumps(storable(index), indent=1, ensure_ascii=False, allow_nan=False)
    (folder / _INDEX).write_text(text + "\n", encoding="utf-8", newline="\n")


def read_explanation(folder: Path) -> Explanation:
    """Read an explanation.

    Raises
    ------
    InputError
        When something of it is missing or damaged.
    """
    try:
        index = restored(json.loads((folder / _INDEX).read_text(encoding="utf-8")))
        tables = {name: _read(folder / place) for name, place in index["tables"].items()}
        particles, predictors = tables["particles"], tuple(index["predictors"])
        folds = [name for name in particles.columns if name.startswith("fold_")]
        importance = tables["importance"]
        kinds = {name: kind for name, kind in index["dtypes"]["importance"].items() if name in importance}
        return Explanation(
            labels=particles["label"].to_numpy(np.int64),
            predictors=predictors,
            values=tables["values"],
            measured=particles["measured"].to_numpy(np.float64),
            prediction=particles["prediction"].to_numpy(np.float64),
            shap=tables["shap"][["label", *predictors]],
            base_values=particles[_BASE].to_numpy(np.float64),
            explained=particles[_PREDICTION].to_numpy(np.float64),
            importance=importance.astype(kinds),
            clusters=particles["cluster"].to_numpy(np.int64),
            cluster_table=tables["clusters"],
            fold_scores=tables["folds"],
            models=_read_trees(tables["trees"], tables["models"], index["models"]),
            fold_of=particles[folds].to_numpy(np.int16).T.copy(),
            notes=tuple(index["notes"]),
            parameters=from_dict(ExplainParameters, index["parameters"], str(folder / _INDEX)),
            **{name: index[name] for name in _PLAIN},
        )
    except InputError as error:
        raise InputError(f"The explanation cannot be read: {error}") from None
    except FileNotFoundError:
        raise InputError(f"{folder / _INDEX} is missing.") from None
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(f"The explanation in {folder} is damaged ({type(error).__name__}: {error}).") from None


def _read(path: Path) -> pd.DataFrame:
    if path.suffix == ".parquet":
        return read_parquet(path)
    return read_csv(path) if path.name.startswith("importance") else read_table(path)


def _particles(explanation: Explanation) -> pd.DataFrame:
    folds = {f"fold_{repeat}": folds for repeat, folds in enumerate(explanation.fold_of)}
    return pd.DataFrame(
        {
            "label": explanation.labels,
            "measured": explanation.measured,
            "prediction": explanation.prediction,
            _PREDICTION: explanation.explained,
            _BASE: explanation.base_values,
            "cluster": explanation.clusters,
            **folds,
        }
    )


def _trees(models: tuple[Trees, ...]) -> dict[str, pd.DataFrame]:
    """Give the nodes of all models one below the other, and the first nodes of their trees."""
    if not models:
        empty = {name: np.zeros(0) for name in _NODES}
        return {
            "trees": pd.DataFrame({"model": np.zeros(0, np.int32), **empty}),
            "models": pd.DataFrame({"model": np.zeros(0, np.int32), "root": np.zeros(0, np.int32)}),
        }
    nodes = {name: np.concatenate([getattr(model, name) for model in models]) for name in _NODES}
    of_node = np.repeat(np.arange(len(models), dtype=np.int32), [len(model.feature) for model in models])
    of_root = np.repeat(np.arange(len(models), dtype=np.int32), [len(model.roots) for model in models])
    roots = np.concatenate([model.roots for model in models])
    return {
        "trees": pd.DataFrame({"model": of_node, **nodes}),
        "models": pd.DataFrame({"model": of_root, "root": roots}),
    }


def _read_trees(nodes: pd.DataFrame, roots: pd.DataFrame, said: list[dict[str, Any]]) -> tuple[Trees, ...]:
    numbers = np.arange(len(said) + 1)
    of_node = np.searchsorted(nodes["model"].to_numpy(), numbers)
    of_root = np.searchsorted(roots["model"].to_numpy(), numbers)
    columns = {name: nodes[name].to_numpy() for name in _NODES}
    kinds = {"feature": np.int32, "left": np.int32, "right": np.int32, "missing_left": np.bool_}
    made = []
    for number, model in enumerate(said):
        here = slice(of_node[number], of_node[number + 1])
        made.append(
            Trees(
                **{name: values[here].astype(kinds.get(name, np.float64)) for name, values in columns.items()},
                roots=roots["root"].to_numpy(np.int32)[of_root[number] : of_root[number + 1]],
                base=float(model["base"]),
                scale=float(model["scale"]),
                single=bool(model["single"]),
            )
        )
    return tuple(made)
