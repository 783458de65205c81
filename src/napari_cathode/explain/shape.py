"""The shape of a dependence in words: whether the attribution rises or falls with the value, and where it turns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

LEAST_PARTICLES = 30
_MOST_BINS = 20
_PER_BIN = 8
LEAST_EXPLAINED = 0.3
"""A curve that accounts for less of the attribution's variation is called no clear shape."""
LEAST_LIMB = 0.25
"""The smaller limb of a turn has to rise or fall by this part of the larger one's height …"""
LEAST_GAIN = 0.05
"""… and the turn to account for this much more of the variation of the curve than a monotone one."""
LEVEL = 0.12
"""A stretch over which a monotone curve moves by less than this part of its height is called level …"""
LEVEL_PARTICLES = 0.35
"""… when it holds this part of the particles."""


@dataclass(frozen=True)
class Shape:
    """How an attribution depends on a value.

    Attributes
    ----------
    kind : str
        "rises", "falls", "rises then falls", "falls then rises", "rises then level", "falls then level",
        "level then rises", "level then falls" or "no clear shape".
    turn : float
        Value where it turns; NaN where it does not.
    explained : float
        Part of the attribution's variation that the curve accounts for (0 … 1).
    """

    kind: str
    turn: float = float("nan")
    explained: float = 0.0


def name_shape(value: Floats, attribution: Floats) -> Shape:
    """Name the shape of a dependence.

    The attributions are averaged over bins of equally many particles. Curves that only rise, only fall, or turn once
    (unimodal) are fitted to the means by isotonic regression; a turn has to earn its place (see the constants above).

    Parameters
    ----------
    value : ndarray of float64, shape (n,)
        The property; particles with NaN are left aside.
    attribution : ndarray of float64, shape (n,)
        Its SHAP values.
    """
    known = np.isfinite(value)
    x, y = value[known], attribution[known]
    if len(x) < LEAST_PARTICLES or len(np.unique(x)) < 3 or np.ptp(y) == 0:
        return Shape("no clear shape")
    y = y / np.ptp(y)  # whatever its unit
    centre, mean, weight = bin_means(x, y)
    monotone = {kind: _isotonic(mean, weight, kind == "rises") for kind in ("rises", "falls")}
    kind = min(monotone, key=lambda name: _error(mean, monotone[name], weight))
    curve = monotone[kind]
    turned = min((_turning(mean, weight, up) for up in (True, False)), key=lambda found: found[0])
    total = _error(mean, np.full_like(mean, np.average(mean, weights=weight)), weight)
    gain = (_error(mean, curve, weight) - turned[0]) / total if total > 0 else 0.0
    explained = _explained(x, y, centre, curve)
    if gain >= LEAST_GAIN and _limb(turned[1], turned[2]) >= LEAST_LIMB:
        _, curve, at, up = turned
        explained = _explained(x, y, centre, curve)
        if explained >= LEAST_EXPLAINED:
            return Shape("rises then falls" if up else "falls then rises", float(centre[at]), explained)
    if explained < LEAST_EXPLAINED:
        return Shape("no clear shape", explained=explained)
    return _with_level(kind, centre, curve, weight, explained)


def bin_means(x: Floats, y: Floats) -> tuple[Floats, Floats, Floats]:
    """Give median value, mean attribution and number of particles of bins of equal size; ties stay together."""
    bins = int(np.clip(len(x) // _PER_BIN, 4, _MOST_BINS))
    edges = np.unique(np.quantile(x, np.linspace(0, 1, bins + 1)[1:-1]))
    place = np.searchsorted(edges, x, side="left")
    used = np.unique(place)
    centre = np.array([np.median(x[place == number]) for number in used])
    mean = np.array([y[place == number].mean() for number in used])
    return centre, mean, np.bincount(place)[used].astype(np.float64)


def _isotonic(mean: Floats, weight: Floats, rises: bool) -> Floats:
    from scipy.optimize import isotonic_regression

    if not len(mean):
        return mean
    return np.asarray(isotonic_regression(mean, weights=weight, increasing=rises).x, np.float64)


def _error(mean: Floats, curve: Floats, weight: Floats) -> float:
    return float((weight * (mean - curve) ** 2).sum())


def _turning(mean: Floats, weight: Floats, up: bool) -> tuple[float, Floats, int, bool]:
    """Fit a curve that turns once: error, curve, place of the turn, whether it rises first."""
    best: tuple[float, Floats, int, bool] = (float("inf"), mean, 0, up)
    sign = 1.0 if up else -1.0
    for split in range(1, len(mean)):
        curve = np.concatenate(
            [_isotonic(mean[:split], weight[:split], up), _isotonic(mean[split:], weight[split:], not up)]
        )
        error = _error(mean, curve, weight)
        if error < best[0] - 1e-15:
            best = (error, curve, int(np.argmax(sign * curve)), up)
    return best


def _limb(curve: Floats, at: int) -> float:
    """Give the height of the smaller limb as a part of that of the larger."""
    first, second = abs(curve[at] - curve[0]), abs(curve[at] - curve[-1])
    larger = max(first, second)
    return min(first, second) / larger if larger > 0 else 0.0


def _explained(x: Floats, y: Floats, centre: Floats, curve: Floats) -> float:
    rest = y - np.interp(x, centre, curve)
    total = float(((y - y.mean()) ** 2).sum())
    return max(0.0, 1 - float((rest**2).sum()) / total) if total > 0 else 0.0


def _with_level(kind: str, centre: Floats, curve: Floats, weight: Floats, explained: float) -> Shape:
    """Tell a rise that ends in, or begins with, a level stretch from one that goes on."""
    height = abs(curve[-1] - curve[0])
    share = np.cumsum(weight) / weight.sum()
    from_end = np.flatnonzero(np.abs(curve[-1] - curve) <= LEVEL * height)[0]
    from_start = np.flatnonzero(np.abs(curve - curve[0]) <= LEVEL * height)[-1]
    level_at_end = 1 - (share[from_end - 1] if from_end else 0.0)
    level_at_start = share[from_start]
    if max(level_at_end, level_at_start) < LEVEL_PARTICLES:
        return Shape(kind, explained=explained)
    if level_at_end >= level_at_start:
        return Shape(f"{kind} then level", float(centre[from_end]), explained)
    return Shape(f"level then {kind}", float(centre[from_start]), explained)
