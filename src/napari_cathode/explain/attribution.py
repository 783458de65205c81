"""The explanation step: fit, test on particles left out, attribute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.progress import Progress, Steps, drain

from .clusters import cluster_profiles
from .cross_validation import Attributions, Clock, Trial, iter_attribute, iter_fit, iter_trial, permutation_losses
from .explanation import Explanation
from .folds import blocked_folds, random_folds
from .importance import correlated_groups, importance_table
from .parameters import ExplainParameters
from .regression import versions
from .sample import Sample, take_sample
from .trees import trees_of
from .verdict import verdict

Floats = npt.NDArray[np.float64]

_IN_SAMPLE = (
    "The attributions are in-sample: they come from models that were fitted to the very particles that they explain, "
    "and are too large. The scores, the predictions and What if come from models that were not."
)


def explain(table: pd.DataFrame, parameters: ExplainParameters | None = None) -> Explanation:
    """Regress a column of a feature table on the others and attribute it particle by particle; see `iter_explain`."""
    return drain(iter_explain(table, parameters))


def iter_explain(table: pd.DataFrame, parameters: ExplainParameters | None = None) -> Steps[Explanation]:
    """Regress a column of a feature table on the others and attribute it particle by particle.

    A random forest and gradient boosting are fitted in a repeated cross-validation, and the one that predicts
    held-out particles better is taken. It is tested once more with whole regions left out. Scores, predictions and (by
    default) attributions of a particle come from the models that were not fitted to it. The same table, parameters
    and versions give the same numbers, bit for bit.

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
    found = yield from _cross_validate(sample, parameters)
    return _assemble(sample, parameters, found)


@dataclass(frozen=True, eq=False)
class _Found:
    """What the fits gave."""

    trials: list[Trial]
    best: Trial
    blocked: Trial | None
    attributions: Attributions
    groups: npt.NDArray[np.int64]
    permuted: tuple[Floats, Floats]


def _cross_validate(sample: Sample, parameters: ExplainParameters) -> Steps[_Found]:
    n = len(sample.labels)
    repeats = parameters.repeats_for(n)
    values, measured = np.ascontiguousarray(sample.values.to_numpy(np.float64)), sample.measured
    folds = random_folds(n, parameters.folds, repeats, parameters.seed)
    regions = []
    if sample.positions is not None:
        regions = blocked_folds(sample.positions, parameters.folds, parameters.blocked_repeats, parameters.seed)
    in_sample = parameters.attributions == "in-sample"
    explaining = repeats if in_sample else len(folds)
    clock = Clock(len(parameters.models) * len(folds) + len(regions) + in_sample * repeats + explaining)

    trials = []
    for model in parameters.models:
        trials.append((yield from iter_trial(model, values, measured, folds, parameters, clock)))
    best = max(trials, key=lambda trial: float(trial.held_out.repeat_r2().mean()))
    blocked = None
    if regions:
        blocked = yield from iter_trial(best.model, values, measured, regions, parameters, clock)
    explained: list[tuple[Any, npt.NDArray[np.int64]]] = []
    if in_sample:
        rows = np.arange(n)
        for repeat in range(repeats):
            seed = int(np.random.SeedSequence([parameters.seed, repeat, parameters.folds]).generate_state(1)[0])
            what = "Fitting to all particles"
            fitted = yield from iter_fit(best.model, parameters, values, measured, seed, clock, what)
            explained.append((fitted, rows))
    else:
        explained = [(fitted, fold.test) for fitted, fold in zip(best.fits, folds, strict=True)]
    attributions = yield from iter_attribute(explained, values, clock)
    groups = correlated_groups(sample.values, parameters.group_correlation)
    permuted = permutation_losses(best, values, groups, parameters.seed)
    return _Found(trials, best, blocked, attributions, groups, permuted)


def _assemble(sample: Sample, parameters: ExplainParameters, found: _Found) -> Explanation:
    shap, base = found.attributions.shap, found.attributions.base
    predictors = tuple(map(str, sample.values.columns))
    held_out = found.best.held_out
    frame = pd.DataFrame(shap, columns=list(predictors))
    frame.insert(0, "label", sample.labels)
    values = sample.values.copy()
    values.insert(0, "label", sample.labels)
    fold_of = np.zeros(held_out.predicted.shape, np.int16)
    for fold in held_out.folds:
        fold_of[fold.repeat, fold.test] = fold.number
    clusters, cluster_table = cluster_profiles(shap, predictors, parameters.seed)
    return Explanation(
        labels=sample.labels,
        target=parameters.target,
        predictors=predictors,
        values=values,
        measured=sample.measured,
        prediction=held_out.predicted.mean(axis=0),
        shap=frame,
        base_values=base,
        explained=base + shap.sum(axis=1),
        importance=importance_table(sample.values, shap, found.attributions.fit_means, found.groups, *found.permuted),
        clusters=clusters,
        cluster_table=cluster_table,
        scores=_scores(found, parameters),
        fold_scores=_fold_scores(found),
        models=tuple(trees_of(model) for model in found.best.fits),
        fold_of=fold_of,
        dropped=sample.dropped,
        left_out=sample.left_out,
        notes=sample.notes + ((_IN_SAMPLE,) if parameters.attributions == "in-sample" else ()),
        parameters=parameters,
        used={**versions(), "data_sha256": sample.sha256()},
    )


def _scores(found: _Found, parameters: ExplainParameters) -> dict[str, Any]:
    seed = parameters.seed
    models = {trial.model: trial.held_out.scores(seed) for trial in found.trials}
    best = models[found.best.model]
    scores: dict[str, Any] = {
        "model": found.best.model,
        "models": models,
        "baseline": {"r2_mean": 0.0, "mae_mean": best["baseline_mae"], "what": "the mean of the fitted particles"},
        "random_folds": best,
        "blocked_folds": None if found.blocked is None else found.blocked.held_out.scores(seed),
        **best,
    }
    scores["verdict"] = verdict(parameters.target, scores)
    return scores


def _fold_scores(found: _Found) -> pd.DataFrame:
    parts = []
    for trial, folds in [*((trial, "random") for trial in found.trials), (found.blocked, "blocked")]:
        if trial is not None:
            part = trial.held_out.fold_scores()
            part.insert(0, "folds", folds)
            part.insert(0, "model", trial.model)
            parts.append(part)
    return pd.concat(parts, ignore_index=True)
