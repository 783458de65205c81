"""Where the electrode begins and ends in the image, and how deep each particle lies between its two faces."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from .packing import CoarseCounts

AXES = ("z", "y", "x")
LEVEL = 0.5
"""Share of the electrode's own solid fraction that marks a face."""
BEYOND = 0.1
"""Share of it that the image's outermost layer may hold where it shows the face."""
FEWEST_PARTICLES = 10
"""Particles that make an electrode with faces."""

Values = npt.NDArray[np.float64]


def electrode_faces(counts: CoarseCounts, axis: int) -> tuple[float, float]:
    """Find the two faces of the electrode along an axis.

    The solid fraction of the layers along the axis rises at a face from nothing to that of the electrode: a face lies
    where it passes half of the median over the layers between. A face has no place where the image does not show it:
    where its outermost layer is not all but empty.

    Parameters
    ----------
    counts : CoarseCounts
        Of all particles.
    axis : int
        Across the electrode: 0, 1 or 2 for z, y, x.

    Returns
    -------
    low, high : float
        Along the axis in µm, the first voxel's centre being the origin; NaN where the image does not show the face.
    """
    others = tuple(other for other in range(3) if other != axis)
    solid, seen = counts.solid.sum(axis=others), counts.seen.sum(axis=others)
    known = seen > 0
    if known.sum() < 3 or not solid[known].any():
        return np.nan, np.nan
    fraction = np.where(known, solid / np.maximum(seen, 1), 0.0)
    dense = fraction[fraction > LEVEL * np.percentile(fraction[known], 90)]
    whole = float(np.median(dense))
    cell, edge = counts.cell[axis], counts.spacing_um[axis]
    borders = np.minimum(np.arange(len(fraction) + 1) * cell, counts.shape[axis])
    middles = (0.5 * (borders[1:] + borders[:-1]) - 0.5) * edge
    low = _first_rise(fraction[known], middles[known], whole)
    high = _first_rise(fraction[known][::-1], middles[known][::-1], whole)
    return low, high


def _first_rise(fraction: Values, places: Values, whole: float) -> float:
    """Give where the fraction first passes LEVEL; NaN where it does not begin BEYOND the electrode."""
    if fraction[0] > BEYOND * whole:
        return float("nan")
    level = LEVEL * whole
    above = int(np.argmax(fraction >= level))
    share = (level - fraction[above - 1]) / (fraction[above] - fraction[above - 1])
    return float(places[above - 1] + share * (places[above] - places[above - 1]))


def add_depths(table: pd.DataFrame, counts: CoarseCounts, axis_name: str) -> None:
    """Add to a table how deep each centroid lies below the electrode's faces, in place.

    Parameters
    ----------
    table : DataFrame
        With positions.
    counts : CoarseCounts
        Of all particles.
    axis_name : str
        "z", "y" or "x": across the electrode.
    """
    low, high = np.nan, np.nan
    if len(table) >= FEWEST_PARTICLES:
        low, high = electrode_faces(counts, AXES.index(axis_name))
    place = table[f"{axis_name}_um"].to_numpy(np.float64)
    table["depth_low_um"] = place - low
    table["depth_high_um"] = high - place
    table["thickness_position"] = (place - low) / (high - low)
