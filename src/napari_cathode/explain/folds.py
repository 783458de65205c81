"""Divisions of the particles into those that a model is fitted to and those that it is tested on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Fold:
    """One division of the particles into those a model is fitted to and those it is tested on.

    Attributes
    ----------
    repeat, number : int
        Which cross-validation, and which of its folds (from 0).
    train, test : ndarray of int64
        Rows, ascending.
    blocked : bool
        Whether the tested rows are a region of the electrode.
    """

    repeat: int
    number: int
    train: Ints
    test: Ints
    blocked: bool = False

    def seed(self, seed: int) -> int:
        """Give the seed of this fold's model, independent of the other folds'."""
        key = [seed, self.repeat, self.number, *([1] if self.blocked else [])]
        return int(np.random.SeedSequence(key).generate_state(1)[0])


def random_folds(n: int, folds: int, repeats: int, seed: int) -> list[Fold]:
    """Divide ``n`` rows at random into ``folds`` parts of (nearly) equal size, ``repeats`` times."""
    made = []
    for repeat in range(repeats):
        order = np.random.default_rng([seed, repeat]).permutation(n)
        part = np.empty(n, np.int64)
        part[order] = np.arange(n) * folds // n
        made += _parted(part, repeat, folds, blocked=False)
    return made


def blocked_folds(positions: Floats, folds: int, repeats: int, seed: int) -> list[Fold]:
    """Divide rows by where they lie into ``folds`` compact regions of (nearly) equal size, ``repeats`` times.

    Neighbours share their surroundings, so a random division tests a model on particles whose neighbours it knows.
    Here whole regions are left out (Roberts et al., Ecography 40, 913 (2017)). The regions come from cutting the
    electrode across its longest side again and again, after a turn that differs from repeat to repeat.

    Parameters
    ----------
    positions : ndarray of float64, shape (n, d)
        In µm; a missing one counts as the middle.
    folds, repeats, seed : int
        As `random_folds`.
    """
    known = np.where(np.isfinite(positions), positions, np.nanmean(positions, axis=0))
    made = []
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat, 1])
        turn, _ = np.linalg.qr(rng.normal(size=(known.shape[1],) * 2))
        part = np.empty(len(known), np.int64)
        _cut(known @ turn, np.arange(len(known)), 0, folds, part)
        made += _parted(part, repeat, folds, blocked=True)
    return made


def _parted(part: Ints, repeat: int, folds: int, blocked: bool) -> list[Fold]:
    return [
        Fold(repeat, number, np.flatnonzero(part != number), np.flatnonzero(part == number), blocked)
        for number in range(folds)
    ]


def _cut(points: Floats, rows: Ints, first: int, parts: int, part: Ints) -> None:
    """Give the rows the numbers ``first`` … ``first + parts − 1``, by cutting them in two across the longest side."""
    if parts == 1:
        part[rows] = first
        return
    axis = int(np.argmax(np.ptp(points[rows], axis=0)))
    ordered = rows[np.argsort(points[rows, axis], kind="stable")]
    low = parts // 2
    split = len(rows) * low // parts
    _cut(points, ordered[:split], first, low, part)
    _cut(points, ordered[split:], first + low, parts - low, part)
