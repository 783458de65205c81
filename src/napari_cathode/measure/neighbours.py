"""Features that a particle has by its six nearest neighbours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.spatial import cKDTree

NEAREST = 6
FEWEST = 3
"""Neighbours with a value that a spread needs; those cut by the border have a position, but no shape."""

Values = npt.NDArray[np.float64]


def nearest_neighbours(centres_um: Values) -> tuple[npt.NDArray[np.int64], Values]:
    """Find the six nearest of each point.

    Parameters
    ----------
    centres_um : ndarray of float64, shape (n, 3)
        Points (z, y, x) in µm.

    Returns
    -------
    indices : ndarray of int64, shape (n, 6)
        Rows of the neighbours; with six points or fewer, shape (n, 0).
    distances_um : ndarray of float64, shape (n, 6)
    """
    n = len(centres_um)
    if n <= NEAREST:
        return np.zeros((n, 0), np.int64), np.zeros((n, 0))
    distances, found = cKDTree(centres_um).query(centres_um, k=NEAREST + 1)
    # A particle finds itself, not always first: another one may have the same centre.
    itself = found == np.arange(n)[:, None]
    itself[~itself.any(axis=1), -1] = True
    return found[~itself].reshape(n, NEAREST), distances[~itself].reshape(n, NEAREST)


def spread(values: Values, neighbours: npt.NDArray[np.int64]) -> Values:
    """Give the standard deviation of a feature over each particle's neighbours, taken as the whole population.

    Parameters
    ----------
    values : ndarray of float64, shape (n,)
        NaN for particles that do not have it.
    neighbours : ndarray of int64, shape (n, 6)

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where fewer than FEWEST neighbours have the feature.
    """
    near = values[neighbours]
    known: npt.NDArray[np.bool_] = np.isfinite(near)
    count = known.sum(axis=1)
    enough = count >= FEWEST
    result = np.full(len(values), np.nan)
    if enough.any():
        near = np.where(known, near, 0.0)[enough]
        count = count[enough]
        mean = near.sum(axis=1) / count
        squares = np.where(known[enough], near - mean[:, None], 0.0) ** 2
        result[enough] = np.sqrt(squares.sum(axis=1) / count)
    return result


def alignment(axes: Values, neighbours: npt.NDArray[np.int64], dimensions: int) -> Values:
    """Give the order of the neighbours' long axes: 0 at random, 1 when all are parallel.

    The mean over all pairs of neighbours of P2(cos θ) = (3 cos² θ − 1) / 2, in a plane of cos 2θ.

    Parameters
    ----------
    axes : ndarray of float64, shape (n, 3)
        Unit vectors; NaN for particles without a long axis.
    neighbours : ndarray of int64, shape (n, 6)
    dimensions : int
        2 or 3.

    Returns
    -------
    ndarray of float64, shape (n,)
        NaN where fewer than FEWEST neighbours have a long axis.
    """
    near = axes[neighbours]
    known: npt.NDArray[np.bool_] = np.asarray(np.isfinite(near).all(axis=2))
    near = np.where(known[..., None], near, 0.0)
    cosine = np.einsum("nik,njk->nij", near, near)
    order = 1.5 * cosine**2 - 0.5 if dimensions == 3 else 2 * cosine**2 - 1
    first, second = np.triu_indices(neighbours.shape[1], 1)
    pairs: npt.NDArray[np.bool_] = known[:, first] & known[:, second]
    number = pairs.sum(axis=1)
    total = np.where(pairs, order[:, first, second], 0.0).sum(axis=1)
    enough = known.sum(axis=1) >= FEWEST
    return np.where(enough, total / np.maximum(number, 1), np.nan)


def add_neighbour_features(table: pd.DataFrame, dimensions: int) -> None:
    """Add the neighbourhood's columns to a table of all particles, in place.

    Parameters
    ----------
    table : DataFrame
        With positions, shapes and axes; particles cut by the border have NaN shapes.
    dimensions : int
        2 for a slice, 3 for a volume.
    """
    centres = table[["z_um", "y_um", "x_um"]].to_numpy(np.float64)
    neighbours, distances = nearest_neighbours(centres)
    if dimensions == 3:
        spreads = {"elong_std": "elongation", "volume_std_um3": "volume_um3", "sphericity_std": "sphericity"}
    else:
        spreads = {"elong_std": "elongation", "area_std_um2": "area_um2", "circularity_std": "circularity"}
    if neighbours.shape[1] == 0:
        for column in ("dist_nearest_um", *spreads, "orien_iso"):
            table[column] = np.nan
        return
    table["dist_nearest_um"] = distances.mean(axis=1)
    for column, source in spreads.items():
        table[column] = spread(table[source].to_numpy(np.float64), neighbours)
    axes = table[["axis_z", "axis_y", "axis_x"]].to_numpy(np.float64)
    table["orien_iso"] = alignment(axes, neighbours, dimensions)
