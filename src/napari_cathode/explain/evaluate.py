"""Folds, scores, and what they allow one to say."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

LEAST_R2 = 0.05
"""A smaller part of the variation than this is called nothing, however certain it is."""

MOST_CHANCE = 0.05
"""Largest one-sided probability of chance at which a model is said to explain something."""


@dataclass(frozen=True, eq=False)
class Fold:
    """One division of the particles into those a model is fitted to and those it is tested on.

    Attributes
    ----------
    repeat, number : int
        Which cross-validation, and which of its folds (from 0).
    train, test : ndarray of int64
        Rows, ascending.
    """

    repeat: int
    number: int
    train: Ints
    test: Ints

    def seed(self, seed: int) -> int:
        """Give the seed of this fold's model, independent of the other folds'."""
        return int(np.random.SeedSequence([seed, self.repeat, self.number]).generate_state(1)[0])


def random_folds(n: int, folds: int, repeats: int, seed: int) -> list[Fold]:
    """Divide ``n`` rows at random into ``folds`` parts of (nearly) equal size, ``repeats`` times."""
    made = []
    for repeat in range(repeats):
        order = np.random.default_rng([seed, repeat]).permutation(n)
        part = np.empty(n, np.int64)
        part[order] = np.arange(n) * folds // n
        for number in range(folds):
            made.append(Fold(repeat, number, np.flatnonzero(part != number), np.flatnonzero(part == number)))
    return made


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
                    "r2": _r2(measured, predicted, baseline),
                    "mae": float(np.abs(measured - predicted).mean()),
                    "baseline_mae": float(np.abs(measured - baseline).mean()),
                }
            )
        return pd.DataFrame(rows)

    def scores(self, target: str) -> dict[str, Any]:
        """Sum the folds up.

        R² is 1 − (squared error of the model) / (squared error of the mean of the fitted rows), over held-out
        particles, so a model that knows nothing scores 0 or less.

        Returns
        -------
        dict
            ``r2_mean`` (mean over repeats), ``r2_sd`` (over folds), ``mae_mean``, ``mae_sd``, ``baseline_mae``,
            ``p_value`` (see `chance`), ``particles``, and ``verdict`` with ``explains`` and ``text``.
        """
        by_fold = self.fold_scores()
        pairs = zip(self.predicted, self.baseline, strict=True)
        r2 = float(np.mean([_r2(self.measured, predicted, baseline) for predicted, baseline in pairs]))
        mae = float(np.abs(self.measured - self.predicted).mean())
        baseline_mae = float(np.abs(self.measured - self.baseline).mean())
        probability = chance(self.measured, self.predicted, self.baseline)
        found: dict[str, Any] = {
            "r2_mean": r2,
            "r2_sd": _spread(by_fold["r2"]),
            "mae_mean": mae,
            "mae_sd": _spread(by_fold["mae"]),
            "baseline_mae": baseline_mae,
            "p_value": probability,
            "particles": len(self.measured),
        }
        found["verdict"] = verdict(target, found)
        return found


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


def verdict(target: str, scores: dict[str, Any]) -> dict[str, Any]:
    """Say in words whether the model explains the target: ``{"explains": bool, "text": str}``."""
    r2, spread = scores["r2_mean"], scores["r2_sd"]
    errors = (
        f"a held-out prediction is off by {scores['mae_mean']:.3g} on average, guessing the mean by "
        f"{scores['baseline_mae']:.3g}"
    )
    if r2 >= LEAST_R2 and scores["p_value"] <= MOST_CHANCE:
        part = "a small part" if r2 < 0.2 else "a part" if r2 < 0.5 else "much" if r2 < 0.8 else "most"
        text = (
            f"These properties explain {part} of {target}: {100 * r2:.0f} % (± {100 * spread:.0f}) of its variation "
            f"among {scores['particles']} particles, each predicted by models that never saw it; {errors}."
        )
        return {"explains": True, "text": text}
    why = (
        f"held-out predictions are no better than guessing the mean (R² {r2:.2f} ± {spread:.2f})"
        if r2 <= 0
        else f"R² on held-out particles is {r2:.2f} ± {spread:.2f}, too little or too uncertain to build on"
    )
    text = (
        f"Nothing of {target} is explained by these properties: {why}; {errors}. The attributions describe the model, "
        "not the electrode, and should not be read as causes."
    )
    return {"explains": False, "text": text}


def _r2(measured: Floats, predicted: Floats, baseline: Floats) -> float:
    total = float(((measured - baseline) ** 2).sum())
    return 1 - float(((measured - predicted) ** 2).sum()) / total if total > 0 else float("nan")


def _spread(column: pd.Series) -> float:
    return float(column.std(ddof=1))
