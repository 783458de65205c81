"""The explanation step: fit, test on particles left out, attribute."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.progress import Progress, Steps, drain

from .evaluate import Fold, HeldOut, random_folds
from .explanation import Explanation
from .forest import attribute, grow, versions
from .importance import importance_table
from .parameters import ExplainParameters
from .sample import Sample, take_sample

Floats = npt.NDArray[np.float64]


def explain(table: pd.DataFrame, parameters: ExplainParameters | None = None) -> Explanation:
    """Regress a column of a feature table on the others and attribute it particle by particle; see `iter_explain`."""
    return drain(iter_explain(table, parameters))


def iter_explain(table: pd.DataFrame, parameters: ExplainParameters | None = None) -> Steps[Explanation]:
    """Regress a column of a feature table on the others and attribute it particle by particle.

    Random forests are fitted in a repeated cross-validation. Scores, predictions and (by default) attributions of a
    particle come from the models that were not fitted to it. The same table, parameters and versions give the same
    numbers, bit for bit.

    Parameters
    ----------
    table : DataFrame
        One row per particle with a column ``label``; units as in the column names. Not changed.
    parameters : ExplainParameters, optional
        Target, predictors, model.

    Yields
    ------
    Progress
        Every few trees and every hundred rows explained.

    Returns
    -------
    Explanation
        Attributions, importance, scores and the verdict in words.

    Raises
    ------
    TooFewParticles
        When fewer than 30 particles can be used.
    InputError
        When the table, the target or a named predictor cannot be used.
    """
    parameters = parameters or ExplainParameters()
    sample = take_sample(table, parameters)
    yield Progress(0, 0, "Loading the regression")
    folds = random_folds(len(sample.labels), parameters.folds, parameters.repeats, parameters.seed)
    in_sample = parameters.attributions == "in-sample"
    fits = [*folds, *_whole(sample, parameters)] if in_sample else folds
    sums = _Sums.empty(*sample.values.shape, parameters.repeats)
    values = np.ascontiguousarray(sample.values.to_numpy(np.float64))
    for number, fold in enumerate(fits):
        explains = not in_sample or number >= len(folds)
        yield from _fit_one(sums, values, sample.measured, fold, explains, parameters, number, len(fits))
    return _assemble(sample, parameters, folds, sums)


@dataclass(eq=False)
class _Sums:
    """What the fitted models leave behind: sums over the repeats, and one mean |SHAP| per fit."""

    shap: Floats
    base: Floats
    predicted: Floats
    baseline: Floats
    fit_means: list[Floats]

    @classmethod
    def empty(cls, n: int, k: int, repeats: int) -> _Sums:
        return cls(np.zeros((n, k)), np.zeros(n), np.zeros((repeats, n)), np.zeros((repeats, n)), [])


def _whole(sample: Sample, parameters: ExplainParameters) -> list[Fold]:
    """Give the fits to all particles that in-sample attributions need, one per repeat."""
    rows = np.arange(len(sample.labels))
    return [Fold(repeat, parameters.folds, rows, rows) for repeat in range(parameters.repeats)]


def _fit_one(
    sums: _Sums,
    values: Floats,
    measured: Floats,
    fold: Fold,
    explains: bool,
    parameters: ExplainParameters,
    number: int,
    fits: int,
) -> Steps[None]:
    def progress(fraction: float, what: str) -> Progress:
        return Progress(round(1000 * (number + fraction)), 1000 * fits, f"{what}, model {number + 1} of {fits}")

    growing = grow(parameters, values[fold.train], measured[fold.train], fold.seed(parameters.seed))
    while True:
        try:
            grown = next(growing)
        except StopIteration as stop:
            forest = stop.value
            break
        yield progress(0.6 * grown, "Fitting")

    test = values[fold.test]
    if fold.number < parameters.folds:
        sums.predicted[fold.repeat, fold.test] = forest.predict(test)
        sums.baseline[fold.repeat, fold.test] = measured[fold.train].mean()
    if not explains:
        return
    absolute = np.zeros(values.shape[1])
    for rows, shap, base in attribute(forest, test):
        sums.shap[fold.test[rows]] += shap
        sums.base[fold.test[rows]] += base
        absolute += np.abs(shap).sum(axis=0)
        yield progress(0.6 + 0.4 * rows.stop / len(test), "Attributing")
    sums.fit_means.append(absolute / len(test))


def _assemble(sample: Sample, parameters: ExplainParameters, folds: list[Fold], sums: _Sums) -> Explanation:
    shap = sums.shap / parameters.repeats
    base = sums.base / parameters.repeats
    predictors = tuple(map(str, sample.values.columns))
    held_out = HeldOut(folds, sample.measured, sums.predicted, sums.baseline)
    frame = pd.DataFrame(shap, columns=list(predictors))
    frame.insert(0, "label", sample.labels)
    values = sample.values.copy()
    values.insert(0, "label", sample.labels)
    return Explanation(
        labels=sample.labels,
        target=parameters.target,
        predictors=predictors,
        values=values,
        measured=sample.measured,
        prediction=sums.predicted.mean(axis=0),
        shap=frame,
        base_values=base,
        explained=base + shap.sum(axis=1),
        importance=importance_table(sample.values, shap, np.array(sums.fit_means), parameters.group_correlation),
        scores=held_out.scores(parameters.target),
        fold_scores=held_out.fold_scores(),
        dropped=sample.dropped,
        left_out=sample.left_out,
        notes=sample.notes,
        parameters=parameters,
        used={**versions(), "data_sha256": sample.sha256()},
    )
