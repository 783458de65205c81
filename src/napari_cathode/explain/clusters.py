"""Groups of particles whose predictions are moved by the same properties: why, not how much."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

MOST_CLUSTERS = 6
LEAST_SILHOUETTE = 0.15
"""Groups that are parted less clearly than this are none: all particles are one."""
LITTLE = 0.2
"""Particles that are moved by less than this part of the median belong to group 0: their profile is noise."""
_NAMED = 2
_NOTABLE = 0.12
_SCORED = 1000
_MINUS = "\N{MINUS SIGN}"


def cluster_profiles(shap: Floats, features: tuple[str, ...], seed: int = 0) -> tuple[Ints, pd.DataFrame]:
    """Group particles by the profile of their attributions.

    A profile is the row of SHAP values divided by the sum of its absolute values, so that only the mixture counts.
    k-means with 2 to 6 groups; the number with the best mean silhouette is taken, and one group where even that is
    poor. Groups are numbered from 1 by their size.

    Parameters
    ----------
    shap : ndarray of float64, shape (n, k)
        Attributions.
    features : tuple of str
        Columns.
    seed : int
        Of k-means' starts.

    Returns
    -------
    clusters : ndarray of int64, shape (n,)
        Group of each particle; 0 for those that hardly anything moves.
    table : DataFrame
        One row per group: ``cluster``; ``particles``; ``drivers``, its leading properties with the direction in which
        they push ("+sphericity, −z_um"); ``silhouette`` of the whole division; and the mean profile, one column per
        predictor.
    """
    moved = np.abs(shap).sum(axis=1)
    clear = moved > LITTLE * np.median(moved)
    clusters = np.zeros(len(shap), np.int64)
    silhouette = float("nan")
    if clear.sum() >= 3 * MOST_CLUSTERS:
        profiles = shap[clear] / moved[clear, None]
        clusters[clear], silhouette = _divide(profiles, seed)
    elif clear.any():
        clusters[clear] = 1
    rows = []
    for number in np.unique(clusters):
        mean = (shap[clusters == number] / np.maximum(moved[clusters == number, None], 1e-300)).mean(axis=0)
        rows.append(
            {
                "cluster": int(number),
                "particles": int((clusters == number).sum()),
                "drivers": "" if number == 0 else _drivers(mean, features),
                "silhouette": silhouette,
                **dict(zip(features, mean, strict=True)),
            }
        )
    return clusters, pd.DataFrame(rows)


def _divide(profiles: Floats, seed: int) -> tuple[Ints, float]:
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score
    from threadpoolctl import threadpool_limits

    best: tuple[float, Ints] = (LEAST_SILHOUETTE, np.ones(len(profiles), np.int64))
    some = min(len(profiles), _SCORED)
    different = len(np.unique(profiles, axis=0))  # a single property gives two, up and down
    with threadpool_limits(limits=1):  # sums in the same order whatever the machine
        for number in range(2, min(MOST_CLUSTERS, different) + 1):
            found = KMeans(number, n_init=4, random_state=seed).fit_predict(profiles)
            if len(np.unique(found)) < 2:
                break
            try:
                score = float(silhouette_score(profiles, found, sample_size=some, random_state=seed))
            except ValueError:  # the sample holds a single group
                continue
            if score > best[0] + 1e-9:
                best = (score, found)
    score, found = best
    if score == LEAST_SILHOUETTE:
        return np.ones(len(profiles), np.int64), float("nan")
    order = np.argsort(-np.bincount(found), kind="stable")
    number_of = np.empty(len(order), np.int64)
    number_of[order] = np.arange(1, len(order) + 1)
    return number_of[found], score


def _drivers(mean: Floats, features: tuple[str, ...]) -> str:
    leading = [at for at in np.argsort(-np.abs(mean), kind="stable")[:_NAMED] if abs(mean[at]) >= _NOTABLE]
    if not leading:
        return "a mixture"
    return ", ".join(f"{'+' if mean[at] > 0 else _MINUS}{features[at]}" for at in leading)
