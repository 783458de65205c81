"""The cross-validation: every model on every fold, with the predictions of what was held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.progress import Progress, Steps

from .evaluate import HeldOut
from .folds import Fold
from .parameters import MODEL_NAMES, ExplainParameters
from .regression import attribute, fit, predict

Floats = npt.NDArray[np.float64]


@dataclass
class Clock:
    """Counts pieces of work, each a thousand units long."""

    total: int
    done: int = 0

    def at(self, share: float, what: str) -> Progress:
        """Report a share of the present piece."""
        return Progress(1000 * self.done + round(1000 * share), 1000 * self.total, what)


@dataclass(frozen=True, eq=False)
class Trial:
    """One kind of model in a cross-validation: its fits, and what they predict for particles held out."""

    model: str
    held_out: HeldOut
    fits: list[Any] = field(default_factory=list)


def iter_trial(
    model: str, values: Floats, measured: Floats, folds: list[Fold], parameters: ExplainParameters, clock: Clock
) -> Steps[Trial]:
    """Fit a model to every fold and predict the rest; one piece of work each."""
    trial = Trial(model, HeldOut.empty(folds, measured))
    for number, fold in enumerate(folds):
        held = "region" if fold.blocked else "part"
        what = f"Fitting {MODEL_NAMES[model]}, {held} {number + 1} of {len(folds)} left out"
        fitted = yield from iter_fit(
            model, parameters, values[fold.train], measured[fold.train], fold.seed(parameters.seed), clock, what
        )
        trial.held_out.predicted[fold.repeat, fold.test] = predict(fitted, values[fold.test])
        trial.fits.append(fitted)
    return trial


def iter_fit(
    model: str, parameters: ExplainParameters, values: Floats, measured: Floats, seed: int, clock: Clock, what: str
) -> Steps[Any]:
    """Fit one model: one piece of work."""
    growing = fit(model, parameters, values, measured, seed)
    while True:
        try:
            grown = next(growing)
        except StopIteration as stop:
            clock.done += 1
            return stop.value
        yield clock.at(grown, what)


@dataclass(frozen=True, eq=False)
class Attributions:
    """SHAP values of all particles, averaged over the models that explain each.

    Attributes
    ----------
    shap : ndarray of float64, shape (n, k)
        In units of the target.
    base : ndarray of float64, shape (n,)
        What they are added to.
    fit_means : ndarray of float64, shape (fits, k)
        Mean |SHAP| of each model over the rows it explained.
    """

    shap: Floats
    base: Floats
    fit_means: Floats


def iter_attribute(
    fits: Sequence[tuple[Any, npt.NDArray[np.int64]]], values: Floats, clock: Clock
) -> Steps[Attributions]:
    """Attribute the predictions of each model for its rows; every row is explained equally often.

    Parameters
    ----------
    fits : sequence of (model, rows)
        Which rows each fitted model explains.
    values : ndarray of float64, shape (n, k)
        Predictors.
    clock : Clock
        Counts one piece of work for each model.
    """
    shap, base, times = np.zeros_like(values), np.zeros(len(values)), np.zeros(len(values))
    means = []
    for number, (model, explained) in enumerate(fits):
        absolute = np.zeros(values.shape[1])
        for rows, found, found_base in attribute(model, values[explained]):
            shap[explained[rows]] += found
            base[explained[rows]] += found_base
            absolute += np.abs(found).sum(axis=0)
            yield clock.at(rows.stop / len(explained), f"Attributing, model {number + 1} of {len(fits)}")
        times[explained] += 1
        means.append(absolute / len(explained))
        clock.done += 1
    return Attributions(shap / times[:, None], base / times, np.array(means))


def permutation_losses(trial: Trial, values: Floats, groups: npt.NDArray[np.int64], seed: int) -> tuple[Floats, Floats]:
    """Say by how much R² on held-out particles falls when predictors are shuffled among them.

    Each predictor is shuffled once within the held-out part of every fold (Breiman, Machine Learning 45, 5 (2001)),
    alone and together with all of its correlated group, which others of the group cannot stand in for.

    Returns
    -------
    alone, together : ndarray of float64, shape (repeats, k)
    """
    held_out = trial.held_out
    repeats, k = len(held_out.predicted), values.shape[1]
    sets = [[column] for column in range(k)]
    numbers = np.unique(groups)
    sets += [list(np.flatnonzero(groups == number)) for number in numbers]
    errors = np.zeros((repeats, len(sets)))
    for fold, fitted in zip(held_out.folds, trial.fits, strict=True):
        test = values[fold.test]
        rng = np.random.default_rng([seed, fold.repeat, fold.number, 3])
        shuffled = np.repeat(test[None], len(sets), axis=0)
        for at, columns in enumerate(sets):
            shuffled[at][:, columns] = test[rng.permutation(len(test))][:, columns]
        predicted = predict(fitted, shuffled.reshape(-1, k)).reshape(len(sets), -1)
        errors[fold.repeat] += ((predicted - held_out.measured[fold.test]) ** 2).sum(axis=1)
    total = ((held_out.measured - held_out.baseline) ** 2).sum(axis=1)
    straight = ((held_out.measured - held_out.predicted) ** 2).sum(axis=1)
    losses = (errors - straight[:, None]) / np.maximum(total, 1e-300)[:, None]
    together = losses[:, k + np.searchsorted(numbers, groups)]
    return losses[:, :k], together
