"""Whether the ranking holds: other seeds, and other particles of the same electrode (the study's two checks)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.progress import Progress, Steps, drain
from napari_cathode.side_by_side import default_workers, iter_side_by_side

from .explanation import Explanation
from .folds import Fold, random_folds
from .importance import shares
from .names import display_name
from .parameters import ExplainParameters
from .regression import attribute, fit

Floats = npt.NDArray[np.float64]

RUNS = 10
SUBSET = 500
_LEAST_REST = 250
FIRM = 0.9
"""A feature that is among the first five in this part of the subsets is said to stay there."""


@dataclass(frozen=True, eq=False)
class Stability:
    """Shares of the features when seeds and particles are others.

    Attributes
    ----------
    features : tuple of str
        As in the explanation's importance, most important first.
    seeds, subsets : ndarray of float64, shape (runs, k)
        Shares of each run: all particles with another seed; another random subset of the particles.
    subset_particles, particles : int
        Size of a subset, and of all.
    """

    features: tuple[str, ...]
    seeds: Floats
    subsets: Floats
    subset_particles: int
    particles: int

    @property
    def seed_agreement(self) -> float:
        """Kendall's W of the rankings by seed: 1 when all are the same, about 0 when they are unrelated."""
        return concordance(self.seeds)

    @property
    def subset_agreement(self) -> float:
        """Kendall's W of the rankings by subset."""
        return concordance(self.subsets)

    def sampling_sd(self) -> Floats:
        """Estimate the standard deviation of each share over electrodes of the same material and size, shape (k,).

        Subsets of m among n particles overlap; the delete-d jackknife corrects for that by √(m / (n − m))
        (Shao & Wu, Annals of Statistics 17, 1176 (1989)).
        """
        rest = max(self.particles - self.subset_particles, 1)
        return np.asarray(self.subsets.std(axis=0, ddof=1) * np.sqrt(self.subset_particles / rest), np.float64)

    def table(self) -> pd.DataFrame:
        """Give one row per feature, most important first.

        Returns
        -------
        DataFrame
            ``feature``; ``seed_share``, ``seed_sd``, ``subset_share``, ``subset_sd`` (mean and standard deviation of
            the share over the runs); ``sampling_sd`` (see `sampling_sd`); ``best_rank``, ``worst_rank`` over the
            subsets; ``first`` and ``top_five``, the part of the subsets in which it is first, among the first five.
        """
        ranks = _ranks(self.subsets)
        return pd.DataFrame(
            {
                "feature": self.features,
                "seed_share": self.seeds.mean(axis=0),
                "seed_sd": self.seeds.std(axis=0, ddof=1),
                "subset_share": self.subsets.mean(axis=0),
                "subset_sd": self.subsets.std(axis=0, ddof=1),
                "sampling_sd": self.sampling_sd(),
                "best_rank": ranks.min(axis=0).astype(int),
                "worst_rank": ranks.max(axis=0).astype(int),
                "first": (ranks < 2).mean(axis=0),
                "top_five": (ranks < 6).mean(axis=0),
            }
        )

    def text(self) -> str:
        """Say in a sentence or two how far the ranking can be trusted."""
        agreement = self.subset_agreement
        table = self.table()
        firm = [display_name(name) for name in table.loc[table["top_five"] >= FIRM, "feature"]]
        words = "the same" if agreement >= 0.9 else "much the same" if agreement >= 0.7 else "only partly the same"
        leading = table.iloc[int(np.argmax(self.subsets.mean(axis=0)))]
        return (
            f"In {len(self.subsets)} random subsets of {self.subset_particles} of {self.particles} particles the "
            f"ranking is {words} (Kendall's W {agreement:.2f}; {self.seed_agreement:.2f} over {len(self.seeds)} seeds)."
            f" {display_name(leading['feature'])} comes first in {100 * leading['first']:.0f} % of the subsets"
            + (f"; {', '.join(firm)} {'stays' if len(firm) == 1 else 'stay'} among the first five." if firm else ".")
        )


def subset_size(particles: int, wanted: int = SUBSET) -> int:
    """Say how many particles a subset holds: 500, and two thirds where that would leave hardly any out."""
    return wanted if particles >= wanted + _LEAST_REST else 2 * particles // 3


def stability(explanation: Explanation, runs: int = RUNS, subset: int = SUBSET, workers: int | None = 1) -> Stability:
    """Repeat an explanation with other seeds and on other subsets; see `iter_stability`."""
    return drain(iter_stability(explanation, runs, subset, workers))


def iter_stability(
    explanation: Explanation, runs: int = RUNS, subset: int = SUBSET, workers: int | None = None
) -> Steps[Stability]:
    """Repeat an explanation with other seeds and on other subsets of its particles.

    Parameters
    ----------
    explanation : Explanation
        Its chosen model, predictors and parameters are used, with one cross-validation a run.
    runs : int
        How many seeds, and how many subsets; at least 2.
    subset : int
        Particles in a subset; see `subset_size`.
    workers : int, optional
        See `side_by_side.iter_side_by_side`.

    Yields
    ------
    Progress
        In thousandths.

    Returns
    -------
    Stability
        The shares of every run.
    """
    yield Progress(0, 0, "Starting the stability check")
    features = tuple(map(str, explanation.importance["feature"]))
    n = len(explanation.labels)
    size = subset_size(n, subset)
    seed = explanation.parameters.seed
    values = explanation.values[list(features)].to_numpy(np.float64)
    everything = np.arange(n)
    jobs = [(seed + 1 + run, everything) for run in range(runs)]
    for run in range(runs):
        rows = np.random.default_rng([seed, run, 4]).choice(n, size, replace=False)
        jobs.append((seed, np.sort(rows)))
    # One call for each process, since starting one takes seconds; dealt like cards, since subsets are quicker.
    count = min(workers or default_workers(), len(jobs))
    calls = [(explanation.scores["model"], explanation.parameters, values, explanation.measured, jobs[first::count])
             for first in range(count)]  # fmt: skip
    found = yield from iter_side_by_side(iter_shares, calls, count)
    by_run = np.empty((len(jobs), len(features)))
    for first, part in enumerate(found):
        by_run[first::count] = part
    return Stability(features, by_run[:runs], by_run[runs:], size, n)


def iter_shares(
    model: str,
    parameters: ExplainParameters,
    values: Floats,
    measured: Floats,
    jobs: list[tuple[int, npt.NDArray[np.int64]]],
) -> Steps[Floats]:
    """Give the share of each feature for each job (seed and rows), from one cross-validation each."""
    found = []
    for number, (seed, rows) in enumerate(jobs):
        x, y = np.ascontiguousarray(values[rows]), measured[rows]
        if parameters.attributions == "in-sample":
            folds = [Fold(0, 0, np.arange(len(rows)), np.arange(len(rows)))]
        else:
            folds = random_folds(len(rows), parameters.folds, 1, seed)
        absolute = np.zeros(x.shape[1])
        for at, fold in enumerate(folds):
            done, total = 1000 * number + 1000 * at // len(folds), 1000 * len(jobs)
            growing = fit(model, parameters, x[fold.train], y[fold.train], fold.seed(seed))
            while True:
                try:
                    next(growing)
                except StopIteration as stop:
                    fitted = stop.value
                    break
                yield Progress(done, total, "Checking the ranking with other seeds and subsets")
            for _, shap, _ in attribute(fitted, x[fold.test]):
                absolute += np.abs(shap).sum(axis=0)
                yield Progress(done, total, "Checking the ranking with other seeds and subsets")
        found.append(absolute)
    return shares(np.array(found))


def concordance(found: Floats) -> float:
    """Give Kendall's coefficient of concordance W of the rankings in rows; ties are broken by order (there are none).

    Kendall & Babington Smith, Annals of Mathematical Statistics 10, 275 (1939).
    """
    ranks = _ranks(found)
    runs, k = ranks.shape
    if k < 2:
        return 1.0
    sums = ranks.sum(axis=0)
    return float(12 * ((sums - sums.mean()) ** 2).sum() / (runs**2 * (k**3 - k)))


def _ranks(found: Floats) -> Floats:
    """Rank each row, 1 for the largest."""
    order = np.argsort(np.argsort(-found, axis=1, kind="stable"), axis=1, kind="stable")
    return (order + 1).astype(np.float64)
