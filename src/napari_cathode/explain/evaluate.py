"""Scores of held-out predictions, with their uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .folds import Fold

Floats = npt.NDArray[np.float64]

_RESAMPLES = 1000


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Predictions of particles by models that were not fitted to them.

    Attributes
    ----------
    folds : list of Fold
        Each row is in the test part of one fold of every repeat.
    measured : ndarray of float64, shape (n,)
        The target.
    predicted, baseline : ndarray of float64, shape (repeats, n)
        The model's prediction, and the mean of the rows that the model was fitted to.
    """

    folds: list[Fold]
    measured: Floats
    predicted: Floats
    baseline: Floats

    @classmethod
    def empty(cls, folds: list[Fold], measured: Floats) -> HeldOut:
        """Make room for the predictions; the baseline needs no model."""
        repeats = 1 + max(fold.repeat for fold in folds)
        baseline = np.zeros((repeats, len(measured)))
        for fold in folds:
            baseline[fold.repeat, fold.test] = measured[fold.train].mean()
        return cls(folds, measured, np.zeros_like(baseline), baseline)

    def fold_scores(self) -> pd.DataFrame:
        """Score each fold: columns repeat, fold, particles, r2, mae, baseline_mae."""
        rows = []
        for fold in self.folds:
            measured = self.measured[fold.test]
            predicted = self.predicted[fold.repeat, fold.test]
            baseline = self.baseline[fold.repeat, fold.test]
            rows.append(
                {
                    "repeat": fold.repeat,
                    "fold": fold.number,
                    "particles": len(fold.test),
                    "r2": r_squared(measured, predicted, baseline),
                    "mae": float(np.abs(measured - predicted).mean()),
                    "baseline_mae": float(np.abs(measured - baseline).mean()),
                }
            )
        return pd.DataFrame(rows)

    def repeat_r2(self) -> Floats:
        """Give R² of each whole cross-validation, shape (repeats,)."""
        pairs = zip(self.predicted, self.baseline, strict=True)
        return np.array([r_squared(self.measured, predicted, baseline) for predicted, baseline in pairs])

    def scores(self, seed: int = 0) -> dict[str, Any]:
        """Sum the folds up.

        R² is 1 − (squared error of the model) / (squared error of the mean of the fitted rows), over held-out
        particles, so a model that knows nothing scores 0 or less.

        Parameters
        ----------
        seed : int
            Of the resampling behind the interval.

        Returns
        -------
        dict
            ``r2_mean``, ``mae_mean`` (mean over repeats), ``r2_sd``, ``mae_sd`` (over the folds of all repeats),
            ``r2_repeats`` (of each repeat), ``r2_low``, ``r2_high`` (see `interval`), ``baseline_mae``, ``p_value``
            (see `chance`), ``particles``.
        """
        by_fold = self.fold_scores()
        repeats = self.repeat_r2()
        low, high = self.interval(seed)
        return {
            "r2_mean": float(repeats.mean()),
            "r2_sd": float(by_fold["r2"].std(ddof=1)),
            "r2_repeats": [float(value) for value in repeats],
            "r2_low": low,
            "r2_high": high,
            "mae_mean": float(np.abs(self.measured - self.predicted).mean()),
            "mae_sd": float(by_fold["mae"].std(ddof=1)),
            "baseline_mae": float(np.abs(self.measured - self.baseline).mean()),
            "p_value": chance(self.measured, self.predicted, self.baseline),
            "particles": len(self.measured),
        }

    def interval(self, seed: int = 0) -> tuple[float, float]:
        """Give the 95 % interval of R² over particles that might have been measured instead.

        The particles are drawn again, with replacement, together with their held-out errors. What other particles to
        fit to would have changed is not in it, so it is rather too narrow than too wide.
        """
        model = ((self.measured - self.predicted) ** 2).mean(axis=0)
        guess = ((self.measured - self.baseline) ** 2).mean(axis=0)
        n = len(model)
        rng = np.random.default_rng([seed, 2])
        drawn = []
        for _ in range(_RESAMPLES):
            rows = rng.integers(0, n, n)
            total = guess[rows].sum()
            drawn.append(1 - model[rows].sum() / total if total > 0 else 0.0)
        low, high = np.percentile(drawn, (2.5, 97.5))
        return float(low), float(high)


def chance(measured: Floats, predicted: Floats, baseline: Floats) -> float:
    """Give the probability that the model's lead over the baseline is chance.

    A one-sided paired t-test of the squared errors, each particle's averaged over the repeats.

    Parameters
    ----------
    measured : ndarray of float64, shape (n,)
        The target.
    predicted, baseline : ndarray of float64, shape (repeats, n)
        Held-out predictions.
    """
    from scipy.stats import t

    gain = ((measured - baseline) ** 2 - (measured - predicted) ** 2).mean(axis=0)
    error = gain.std(ddof=1) / np.sqrt(len(gain))
    if error == 0:
        return 0.0 if gain.mean() > 0 else 1.0
    return float(t.sf(gain.mean() / error, len(gain) - 1))


def r_squared(measured: Floats, predicted: Floats, baseline: Floats) -> float:
    """Give 1 − squared error of the prediction / squared error of the baseline; NaN where the latter is 0."""
    total = float(((measured - baseline) ** 2).sum())
    return 1 - float(((measured - predicted) ** 2).sum()) / total if total > 0 else float("nan")
