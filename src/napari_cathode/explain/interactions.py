"""Which pairs of properties work together: SHAP interaction values, computed on demand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.progress import Progress, Steps, drain

from .explanation import Explanation
from .folds import random_folds
from .regression import fit, interact

Floats = npt.NDArray[np.float64]

PARTICLES = 300


@dataclass(frozen=True, eq=False)
class Interactions:
    """SHAP interaction values of some particles.

    Attributes
    ----------
    labels : ndarray of int64, shape (n,)
        The particles.
    features : tuple of str
        Predictors.
    pairs : ndarray of float64, shape (n, k, k)
        Symmetric; each row of a matrix adds up to the SHAP value of its predictor, the diagonal is what the predictor
        does on its own. By the first repeat's models, which never saw the particle.
    """

    labels: npt.NDArray[np.int64]
    features: tuple[str, ...]
    pairs: Floats

    def strength(self) -> Floats:
        """Give the mean absolute interaction of each pair (both halves added) and main effect, shape (k, k)."""
        mean = np.abs(self.pairs).mean(axis=0)
        return np.where(np.eye(len(mean), dtype=bool), mean, 2 * mean)

    def table(self) -> pd.DataFrame:
        """Give the pairs, strongest first: ``first``, ``second``, ``mean_abs``, ``share`` of all effects together."""
        strength = self.strength()
        upper = np.triu(strength)
        rows = [
            (self.features[i], self.features[j], strength[i, j], strength[i, j] / max(upper.sum(), 1e-300))
            for i, j in zip(*np.triu_indices(len(self.features), 1), strict=True)
        ]
        table = pd.DataFrame(rows, columns=["first", "second", "mean_abs", "share"])
        return table.sort_values("mean_abs", ascending=False, kind="stable", ignore_index=True)

    def partner(self, feature: str) -> str | None:
        """Give the predictor that a predictor works together with most, None when there is no other."""
        if len(self.features) < 2:
            return None
        row = self.strength()[self.features.index(feature)].copy()
        row[self.features.index(feature)] = -1.0
        return self.features[int(np.argmax(row))]


def interactions(explanation: Explanation, particles: int = PARTICLES) -> Interactions:
    """Divide attributions among pairs of predictors; see `iter_interactions`."""
    return drain(iter_interactions(explanation, particles))


def iter_interactions(explanation: Explanation, particles: int = PARTICLES) -> Steps[Interactions]:
    """Divide attributions among pairs of predictors.

    Parameters
    ----------
    explanation : Explanation
        Its first cross-validation is fitted once more, which gives the same models.
    particles : int
        How many particles, drawn at random; the cost grows with them and with the square of the predictors.

    Yields
    ------
    Progress
        Every few rows.

    Returns
    -------
    Interactions
        See there; exact for the trees (Lundberg et al., Nature Machine Intelligence 2, 56 (2020)).
    """
    yield Progress(0, 0, "Loading the regression")
    parameters, seed = explanation.parameters, explanation.parameters.seed
    values = explanation.values[list(explanation.predictors)].to_numpy(np.float64)
    n, k = values.shape
    chosen = np.sort(np.random.default_rng([seed, 5]).permutation(n)[:particles])
    pairs = np.zeros((len(chosen), k, k))
    folds = random_folds(n, parameters.folds, 1, seed)
    for number, fold in enumerate(folds):
        growing = fit(
            explanation.scores["model"], parameters, values[fold.train], explanation.measured[fold.train],
            fold.seed(seed),
        )  # fmt: skip
        while True:
            try:
                grown = next(growing)
            except StopIteration as stop:
                fitted = stop.value
                break
            yield Progress(round(1000 * number + 300 * grown), 1000 * len(folds), "Fitting")
        mine = np.flatnonzero(np.isin(chosen, fold.test))
        for rows, found in interact(fitted, values[chosen[mine]]):
            pairs[mine[rows]] = found
            share = 300 + 700 * rows.stop / len(mine)
            yield Progress(round(1000 * number + share), 1000 * len(folds), "Computing interactions")
    return Interactions(explanation.labels[chosen], explanation.predictors, pairs)
