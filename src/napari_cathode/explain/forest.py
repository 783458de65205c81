"""The one place that knows scikit-learn and shap: growing a forest, predicting, attributing."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from .parameters import ExplainParameters

Floats = npt.NDArray[np.float64]

_TREES_AT_ONCE = 20
_ROWS_AT_ONCE = 100
_SPLIT_FEATURES: dict[str, Any] = {"third": 1 / 3, "sqrt": "sqrt", "all": None}


def grow(parameters: ExplainParameters, values: Floats, target: Floats, seed: int) -> Generator[float, None, Any]:
    """Grow a random forest a few trees at a time.

    Parameters
    ----------
    parameters : ExplainParameters
        Settings of the forest.
    values : ndarray of float64, shape (n, k)
        Predictors; NaN where missing (each split learns where missing values go).
    target : ndarray of float64, shape (n,)
        What is regressed.
    seed : int
        Seed of bootstrap and splits.

    Yields
    ------
    float
        Fraction of the trees grown.

    Returns
    -------
    RandomForestRegressor
        Set to one thread: threads would add the trees' predictions in an order that differs from run to run.
    """
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(
        criterion=parameters.criterion,
        max_leaf_nodes=parameters.max_leaves,
        min_samples_leaf=parameters.min_leaf_particles,
        max_features=_SPLIT_FEATURES[parameters.split_features],
        min_impurity_decrease=parameters.min_impurity_decrease,
        bootstrap=True,
        warm_start=True,
        # Each tree has its own seed, so threads do not change what grows.
        n_jobs=min(os.cpu_count() or 1, 8),
        random_state=seed,
    )
    for trees in [*range(_TREES_AT_ONCE, parameters.n_trees, _TREES_AT_ONCE), parameters.n_trees]:
        forest.set_params(n_estimators=trees)
        forest.fit(values, target)
        yield trees / parameters.n_trees
    return forest.set_params(n_jobs=1)


def attribute(forest: Any, values: Floats) -> Iterator[tuple[slice, Floats, float]]:
    """Attribute a forest's predictions to the predictors, a few rows at a time.

    Path-dependent TreeSHAP, which is exact for the forest as it was grown
    (Lundberg et al., Nature Machine Intelligence 2, 56 (2020)).

    Parameters
    ----------
    forest : RandomForestRegressor
        From `grow`.
    values : ndarray of float64, shape (n, k)
        Predictors of the rows to explain.

    Yields
    ------
    rows : slice
        Which rows these are.
    shap : ndarray of float64, shape (rows, k)
        Their attributions, in units of the target.
    base : float
        The forest's mean prediction, to which a row's attributions add to give its prediction.
    """
    import shap

    explainer = shap.TreeExplainer(forest)
    base = float(np.ravel(explainer.expected_value)[0])
    for start in range(0, len(values), _ROWS_AT_ONCE):
        rows = slice(start, min(start + _ROWS_AT_ONCE, len(values)))
        # shap's own check is relative and loose; tests hold the sum to 1e-6.
        yield rows, np.asarray(explainer.shap_values(values[rows], check_additivity=False), np.float64), base


def versions() -> dict[str, str]:
    """Give the versions of the libraries that the numbers depend on."""
    return {name: version(name) for name in ("numpy", "scikit-learn", "shap")}
