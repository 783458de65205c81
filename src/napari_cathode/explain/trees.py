"""Fitted trees as plain arrays: they travel from process to process and predict without scikit-learn.

With them the window answers "what if" at once, where loading scikit-learn would hold it up for seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Trees:
    """The trees of one model.

    Attributes
    ----------
    feature : ndarray of int32, shape (nodes,)
        Column that a node asks for; of no meaning in a leaf.
    threshold : ndarray of float64, shape (nodes,)
        Values up to it go left.
    left, right : ndarray of int32, shape (nodes,)
        Next nodes, −1 in a leaf.
    missing_left : ndarray of bool, shape (nodes,)
        Whether a missing value goes left.
    value : ndarray of float64, shape (nodes,)
        What a leaf adds.
    roots : ndarray of int32, shape (trees,)
        First node of each tree.
    base, scale : float
        A prediction is base + scale × the sum of the leaves' values.
    single : bool
        Whether values are compared in single precision.
    """

    feature: npt.NDArray[np.int32]
    threshold: Floats
    left: npt.NDArray[np.int32]
    right: npt.NDArray[np.int32]
    missing_left: npt.NDArray[np.bool_]
    value: Floats
    roots: npt.NDArray[np.int32]
    base: float
    scale: float
    single: bool

    def predict(self, values: Floats) -> Floats:
        """Predict rows.

        Parameters
        ----------
        values : ndarray of float64, shape (n, k)
            Predictors; NaN where missing.

        Returns
        -------
        ndarray of float64, shape (n,)
            What the model that the trees come from predicts, to rounding.
        """
        values = values.astype(np.float32).astype(np.float64) if self.single else values
        rows = np.repeat(np.arange(len(values)), len(self.roots))
        nodes = np.tile(self.roots, len(values))
        active = np.flatnonzero(self.left[nodes] >= 0)
        while len(active):
            node = nodes[active]
            value = values[rows[active], self.feature[node]]
            goes_left = np.where(np.isnan(value), self.missing_left[node], value <= self.threshold[node])
            nodes[active] = np.where(goes_left, self.left[node], self.right[node])
            active = active[self.left[nodes[active]] >= 0]
        sums = self.value[nodes].reshape(len(values), -1).sum(axis=1)
        return self.base + self.scale * sums


def trees_of(model: Any) -> Trees:
    """Take the trees out of a fitted RandomForestRegressor or HistGradientBoostingRegressor."""
    if hasattr(model, "estimators_"):
        return _joined([_of_forest(tree.tree_) for tree in model.estimators_], 0.0, 1 / len(model.estimators_), True)
    parts = [_of_boosting(stage[0].nodes) for stage in model._predictors]
    return _joined(parts, float(np.ravel(model._baseline_prediction)[0]), 1.0, False)


def _of_forest(tree: Any) -> tuple[Any, ...]:
    return (
        np.maximum(tree.feature, 0), tree.threshold, tree.children_left, tree.children_right,
        np.asarray(tree.missing_go_to_left, bool), tree.value[:, 0, 0],
    )  # fmt: skip


def _of_boosting(nodes: Any) -> tuple[Any, ...]:
    leaf = nodes["is_leaf"].astype(bool)
    left, right = (np.where(leaf, -1, nodes[side].astype(np.int64)) for side in ("left", "right"))
    return (
        np.maximum(nodes["feature_idx"], 0), nodes["num_threshold"], left, right,
        nodes["missing_go_to_left"].astype(bool), nodes["value"],
    )  # fmt: skip


def _joined(parts: list[tuple[Any, ...]], base: float, scale: float, single: bool) -> Trees:
    sizes = np.array([len(part[0]) for part in parts])
    roots = np.concatenate([[0], np.cumsum(sizes)[:-1]]).astype(np.int32)
    shift = np.repeat(roots, sizes)
    feature, threshold, left, right, missing, value = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Trees(
        feature=feature.astype(np.int32),
        threshold=threshold.astype(np.float64),
        left=np.where(left >= 0, left + shift, -1).astype(np.int32),
        right=np.where(right >= 0, right + shift, -1).astype(np.int32),
        missing_left=missing,
        value=value.astype(np.float64),
        roots=roots,
        base=base,
        scale=scale,
        single=single,
    )
