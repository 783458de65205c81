"""The law by which damage is planted."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .parameters import SimulationParameters

LEAST, MOST = 0.005, 0.6


def target_damage(
    table: pd.DataFrame, parameters: SimulationParameters, rng: np.random.Generator
) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Say how damaged each particle shall be, from its true properties (see `SimulationParameters` for the law).

    Parameters
    ----------
    table : pandas.DataFrame
        True values; a missing value counts as the average.
    parameters : SimulationParameters
        Drivers, mean, spread and noise of the damage.
    rng : numpy.random.Generator
        Source of the part that no driver explains.

    Returns
    -------
    target : numpy.ndarray
        (n,) share of a particle's voxels that shall be cracked.
    rank : numpy.ndarray
        (n,) rank of the damage, from 0 (least) to 1.
    """
    p, n = parameters, len(table)
    if n == 0:
        return np.zeros(0), np.zeros(0)
    explained = np.zeros(n)
    for name, weight in p.drivers:
        value = table[name].to_numpy(float)
        if np.isnan(value).all():  # too few particles for neighbours
            continue
        score = (value - np.nanmean(value)) / (np.nanstd(value) + 1e-12)
        explained += weight * np.nan_to_num(np.clip(score, -3, 3))
    spread = explained.std()
    noise = rng.standard_normal(n)
    if spread > 0:
        share = p.damage_noise
        combined = np.sqrt(1 - share**2) * (explained - explained.mean()) / spread + share * noise
    else:
        combined = noise
    target = np.clip(p.damage_mean + p.damage_spread * combined, LEAST, MOST)
    rank = np.argsort(np.argsort(target)) / max(n - 1, 1)
    return target, rank
