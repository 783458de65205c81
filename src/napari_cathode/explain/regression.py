"""The one place that knows scikit-learn and shap: fitting a regression, attributing its predictions."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from .parameters import ExplainParameters

Floats = npt.NDArray[np.float64]

_TREES_AT_ONCE = 20
_ROWS_AT_ONCE = 100
_ERROR_POWERS = {"squared_error": 2, "absolute_error": 1}
_SPLIT_FEATURES: dict[str, Any] = {"third": 1 / 3, "sqrt": "sqrt", "all": None}


def fit(
    model: str, parameters: ExplainParameters, values: Floats, target: Floats, seed: int
) -> Generator[float, None, Any]:
    """Fit one of the regressions, a little at a time, in one thread.

    Threads gain little on tables of some thousand rows, cost processor time, and would add the trees' predictions in
    an order that differs from run to run.

    Parameters
    ----------
    model : str
        "forest" or "boosting".
    parameters : ExplainParameters
        Its settings.
    values : ndarray of float64, shape (n, k)
        Predictors; NaN where missing (each split learns where missing values go).
    target : ndarray of float64, shape (n,)
        What is regressed.
    seed : int
        Seed of bootstrap and splits.

    Yields
    ------
    float
        Fraction done.

    Returns
    -------
    RandomForestRegressor or HistGradientBoostingRegressor
        The fitted model.
    """
    grow = _forest if model == "forest" else _boosting
    return (yield from grow(parameters, values, target, seed))


def _forest(parameters: ExplainParameters, values: Floats, target: Floats, seed: int) -> Generator[float, None, Any]:
    from sklearn.ensemble import RandomForestRegressor

    # Below some 1e-16 scikit-learn takes any variance for none, as that of volumes in m³. A power of two leaves every
    # digit as it is.
    unit = 2.0 ** round(float(np.log2(np.std(target) or 1.0)))
    forest = RandomForestRegressor(
        criterion=parameters.criterion,
        max_leaf_nodes=parameters.max_leaves,
        min_samples_leaf=parameters.min_leaf_particles,
        max_features=_SPLIT_FEATURES[parameters.split_features],
        min_impurity_decrease=parameters.min_impurity_decrease / unit ** _ERROR_POWERS[parameters.criterion],
        bootstrap=True,
        warm_start=True,
        n_jobs=1,
        random_state=seed,
    )
    for trees in [*range(_TREES_AT_ONCE, parameters.n_trees, _TREES_AT_ONCE), parameters.n_trees]:
        forest.set_params(n_estimators=trees)
        forest.fit(values, target / unit)
        yield trees / parameters.n_trees
    for tree in forest.estimators_:
        tree.tree_.value[...] *= unit
    return forest


def _boosting(parameters: ExplainParameters, values: Floats, target: Floats, seed: int) -> Generator[float, None, Any]:
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    boosting = HistGradientBoostingRegressor(
        learning_rate=parameters.boosting_rate,
        max_iter=parameters.boosting_rounds,
        max_leaf_nodes=parameters.boosting_leaves,
        # A leaf of 20 particles would leave a tree of some 60 without a single split.
        min_samples_leaf=int(np.clip(len(target) // 20, 3, 20)),
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    # A column without any value among these rows cannot be divided into bins; as a constant it is never asked for.
    values = np.where(np.isnan(values).all(axis=0), 0.0, values)
    # Histograms of some hundred rows are too short for threads: waiting for each other costs more than they gain, and
    # sums would depend on their number.
    with threadpool_limits(limits=1):
        boosting.fit(values, target)
    yield 1.0
    return boosting


def predict(model: Any, values: Floats) -> Floats:
    """Predict rows with a fitted regression, in one thread."""
    if hasattr(model, "estimators_"):
        return np.asarray(model.predict(values), np.float64)
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        return np.asarray(model.predict(values), np.float64)


def attribute(model: Any, values: Floats) -> Iterator[tuple[slice, Floats, float]]:
    """Attribute a regression's predictions to the predictors, a few rows at a time.

    Path-dependent TreeSHAP, which is exact for the trees as they were grown
    (Lundberg et al., Nature Machine Intelligence 2, 56 (2020)).

    Parameters
    ----------
    model : RandomForestRegressor or HistGradientBoostingRegressor
        From `fit`.
    values : ndarray of float64, shape (n, k)
        Predictors of the rows to explain.

    Yields
    ------
    rows : slice
        Which rows these are.
    shap : ndarray of float64, shape (rows, k)
        Their attributions, in units of the target.
    base : float
        The model's mean prediction, to which a row's attributions add to give its prediction.
    """
    import shap

    explainer = shap.TreeExplainer(model)
    base = float(np.ravel(explainer.expected_value)[0])
    for start in range(0, len(values), _ROWS_AT_ONCE):
        rows = slice(start, min(start + _ROWS_AT_ONCE, len(values)))
        # shap's own check is relative and loose; tests hold the sum to 1e-6.
        yield rows, np.asarray(explainer.shap_values(values[rows], check_additivity=False), np.float64), base


def interact(model: Any, values: Floats) -> Iterator[tuple[slice, Floats]]:
    """Divide a regression's predictions among pairs of predictors, a few rows at a time.

    Yields
    ------
    rows : slice
        Which rows these are.
    pairs : ndarray of float64, shape (rows, k, k)
        Symmetric; a row of the matrix adds up to the predictor's SHAP value, its diagonal is the main effect.
    """
    import shap

    explainer = shap.TreeExplainer(model)
    for start in range(0, len(values), _ROWS_AT_ONCE // 10):
        rows = slice(start, min(start + _ROWS_AT_ONCE // 10, len(values)))
        yield rows, np.asarray(explainer.shap_interaction_values(values[rows]), np.float64)


def versions() -> dict[str, str]:
    """Give the versions of the libraries that the numbers depend on."""
    return {name: version(name) for name in ("napari-cathode", "numpy", "scikit-learn", "shap")}
