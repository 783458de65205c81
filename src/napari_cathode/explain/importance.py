"""Which property matters how much: shares of the summed mean |SHAP|, per property and per correlated group."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from .shape import name_shape

Floats = npt.NDArray[np.float64]


def importance_table(
    values: pd.DataFrame,
    shap: Floats,
    fit_means: Floats,
    groups: npt.NDArray[np.int64],
    permuted: Floats,
    permuted_groups: Floats,
) -> pd.DataFrame:
    """Rank the predictors.

    Parameters
    ----------
    values : DataFrame, shape (n, k)
        Predictors.
    shap : ndarray of float64, shape (n, k)
        Attributions.
    fit_means : ndarray of float64, shape (fits, k)
        Mean |SHAP| of each fitted model over the rows it explained, for the spread.
    groups : ndarray of int64, shape (k,)
        See `correlated_groups`.
    permuted, permuted_groups : ndarray of float64, shape (repeats, k)
        By how much R² on held-out particles falls when a predictor is shuffled among them, alone and together with
        its group.

    Returns
    -------
    DataFrame
        One row per predictor, most important first: ``feature``; ``share`` of the summed mean |SHAP|; ``spread``,
        the standard deviation of that share over fitted models; ``rank`` from 1; ``mean_abs_shap`` in units of the
        target; ``direction``, the rank correlation (−1…1) of value and attribution, NaN where either is constant;
        ``group``, the leading predictor of its correlated group; ``group_share``, the group's shares added, and
        ``group_spread``, the standard deviation of that sum over fitted models;
        ``permutation``, the mean loss of R² when it is shuffled, with its standard deviation over the repeats,
        ``permutation_sd``; ``group_permutation``, the same for its group; ``shape`` of the dependence in a word or
        two, and ``turn``, the value where it turns (see `shape.name_shape`).
    """
    names = [str(name) for name in values.columns]
    mean = np.abs(shap).mean(axis=0)
    share = shares(mean[None])[0]
    by_fit = shares(fit_means)
    shapes = [name_shape(values[name].to_numpy(np.float64), shap[:, at]) for at, name in enumerate(names)]
    group_share = np.array([share[groups == group].sum() for group in groups])
    # Members share credit, so that their sum varies less than they do.
    group_spread = _spread(np.column_stack([by_fit[:, groups == group].sum(axis=1) for group in groups]))
    leader = [names[int(np.argmax(np.where(groups == group, share, -1.0)))] for group in groups]
    table = pd.DataFrame(
        {
            "feature": names,
            "share": share,
            "spread": _spread(by_fit),
            "mean_abs_shap": mean,
            "direction": _directions(values, shap),
            "group": leader,
            "group_share": group_share,
            "group_spread": group_spread,
            "permutation": permuted.mean(axis=0),
            "permutation_sd": _spread(permuted),
            "group_permutation": permuted_groups.mean(axis=0),
            "shape": [shape.kind for shape in shapes],
            "turn": [shape.turn for shape in shapes],
        }
    )
    table = table.sort_values("share", ascending=False, kind="stable", ignore_index=True)
    table.insert(3, "rank", np.arange(1, len(table) + 1))
    return table


def correlated_groups(values: pd.DataFrame, least: float) -> npt.NDArray[np.int64]:
    """Group predictors that say much the same, among which SHAP splits the credit arbitrarily.

    Average-linkage clustering of 1 − |Spearman's rank correlation|, missing values left out pairwise.

    Parameters
    ----------
    values : DataFrame, shape (n, k)
        Predictors.
    least : float
        Mean correlation within a group (0…1).

    Returns
    -------
    ndarray of int64, shape (k,)
        Group of each predictor, from 1.
    """
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    if values.shape[1] < 2:
        return np.ones(values.shape[1], np.int64)
    correlation = values.corr(method="spearman", min_periods=3).abs().fillna(0.0).to_numpy(copy=True)
    np.fill_diagonal(correlation, 1.0)
    distance = np.clip(1 - (correlation + correlation.T) / 2, 0, 1)
    tree = linkage(squareform(distance, checks=False), method="average")
    return np.asarray(fcluster(tree, 1 - least, criterion="distance"), np.int64)


def _spread(found: Floats) -> Floats:
    return found.std(axis=0, ddof=1) if len(found) > 1 else np.full(found.shape[1], np.nan)


def shares(means: Floats) -> Floats:
    """Divide rows of mean |SHAP| by their sums; all zero where nothing moves."""
    total = means.sum(axis=1, keepdims=True)
    return np.divide(means, total, out=np.zeros_like(means), where=total > 0)


def _directions(values: pd.DataFrame, shap: Floats) -> list[float]:
    directions = []
    for column, attribution in zip(values.columns, shap.T, strict=True):
        pair = pd.DataFrame({"value": values[column].to_numpy(), "shap": attribution}).dropna().rank()
        constant = len(pair) < 3 or (pair.nunique() < 2).any()
        directions.append(float("nan") if constant else float(np.corrcoef(pair["value"], pair["shap"])[0, 1]))
    return directions
