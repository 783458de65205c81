"""Area of surfaces in voxel images, by the Crofton formula in 13 directions (4 in a slice)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from napari_cathode.tomogram import Spacing

from .kernels import count_pairs

DIRECTIONS = tuple((dz, dy, dx) for dz in (0, 1) for dy in (-1, 0, 1) for dx in (-1, 0, 1) if 9 * dz + 3 * dy + dx > 0)
"""The 13 directions (z, y, x) from a voxel to its neighbours, one of each opposite pair, as in `count_pairs`."""


@lru_cache(maxsize=32)
def crofton_weights(spacing_um: Spacing) -> npt.NDArray[np.float64]:
    """Area in µm² that a pair of voxels across a surface stands for, per direction.

    The mean over all directions of (crossings per line × area per line) is half the surface. Each of the 26 discrete
    directions stands for the part of the sphere nearest to it (its spherical Voronoi cell), for the actual spacing.

    Parameters
    ----------
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.

    Returns
    -------
    ndarray of float64, shape (13,)

    References
    ----------
    Lehmann and Legland, Efficient N-dimensional surface estimation using Crofton formula and run-length encoding,
    Insight Journal, 2012. Legland, Kiêu and Devaux, Image Analysis & Stereology 26, 83 (2007).
    """
    from scipy.spatial import SphericalVoronoi

    steps = np.array(DIRECTIONS) * np.asarray(spacing_um)
    lengths = np.linalg.norm(steps, axis=1)
    units = steps / lengths[:, None]
    share = SphericalVoronoi(np.concatenate([units, -units])).calculate_areas()[:13] / (2 * np.pi)
    return np.asarray(2 * share * float(np.prod(spacing_um)) / lengths)


@lru_cache(maxsize=32)
def crofton_weights_2d(spacing_um: Spacing) -> npt.NDArray[np.float64]:
    """Length in µm that a pair of pixels across an outline stands for, per direction; zero out of the plane.

    As `crofton_weights`; π/2 times the mean of (crossings per line × distance between lines) is the perimeter.

    Returns
    -------
    ndarray of float64, shape (13,)
    """
    steps = np.array(DIRECTIONS) * np.asarray(spacing_um)
    inside = np.flatnonzero([step[0] == 0 for step in DIRECTIONS])
    lengths = np.linalg.norm(steps[inside], axis=1)
    angles = np.arctan2(steps[inside, 1], steps[inside, 2])
    order = np.argsort(angles)
    sorted_angles = angles[order]
    before = np.concatenate([[sorted_angles[-1] - np.pi], sorted_angles[:-1]])
    after = np.concatenate([sorted_angles[1:], [sorted_angles[0] + np.pi]])
    share = np.empty(len(inside))
    share[order] = (after - before) / 2 / np.pi
    weights = np.zeros(13)
    weights[inside] = np.pi / 2 * share * spacing_um[1] * spacing_um[2] / lengths
    return weights


def interface_areas(code: npt.NDArray[np.uint8], spacing_um: Spacing) -> tuple[float, float]:
    """Measure a particle's surfaces.

    The area between two bodies is half of what their surfaces lose when they are united,
    [S(A) + S(B) − S(A ∪ B)] / 2, which in the Crofton formula is the pairs with one voxel in each.

    Parameters
    ----------
    code : ndarray of uint8, shape (z, y, x)
        As `kernels.count_pairs` takes it.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.

    Returns
    -------
    outer, inner : float
        Surface of F, and area between its solid and its cracks: µm², in a slice µm.
    """
    weights = crofton_weights_2d(spacing_um) if code.shape[0] == 1 else crofton_weights(spacing_um)
    outer, inner = count_pairs(code) @ weights
    return float(outer), float(inner)
