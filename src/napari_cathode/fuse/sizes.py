"""How large particles are, and which sizes are kept."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_cathode.tomogram import Spacing

from .parameters import FuseParameters

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction

# Below this share of the typical diameter a fragment is no particle but the rest of an outline that views disagree on.
_SMALLEST_SHARE = 1 / 3
_SAMPLED = 12


def decide_sizes(
    voxels: npt.NDArray[Any], parameters: FuseParameters, spacing_um: Spacing
) -> tuple[FuseParameters, float, float, float]:
    """Decide which sizes are kept; ``voxels`` are those of each particle, the background first.

    Returns
    -------
    parameters : FuseParameters
        With the smallest diameter.
    smallest, largest : float
        In voxels.
    typical : float
        Diameter in µm.
    """
    typical = typical_diameter(voxels[1:] * math.prod(spacing_um))
    if parameters.minimal_diameter_um is None:
        parameters = replace(parameters, minimal_diameter_um=_SMALLEST_SHARE * typical)
    largest = parameters.maximal_diameter_um
    most = math.inf if largest is None else ball_voxels(largest, spacing_um)
    return parameters, ball_voxels(parameters.minimal_diameter_um or 0.0, spacing_um), most, typical


def ball_voxels(diameter_um: float, spacing_um: Spacing) -> float:
    """Give how many voxels a ball has."""
    return math.pi / 6 * diameter_um**3 / math.prod(spacing_um)


def face_counts(labels: npt.NDArray[Any], count: int, border: tuple[bool, ...] = (True,) * 6) -> npt.NDArray[np.int64]:
    """Count the voxels that labels have on the six faces of a volume.

    Parameters
    ----------
    labels : ndarray of int32, shape (z, y, x)
    count : int
        Number of labels, the background among them.
    border : tuple of bool
        Which faces are the volume's border, in the order of the result; the others, of a block, count as empty.

    Returns
    -------
    ndarray of int64, shape (count, 6)
        Low and high face along z, y and x.
    """
    faces = np.zeros((count, 6), dtype=np.int64)
    for number in np.flatnonzero(border):
        plane = np.asarray(np.take(labels, -(number % 2), axis=number // 2))
        faces[:, number] = np.bincount(plane.reshape(-1), minlength=count)
    return faces


def whole_voxels(
    voxels: npt.NDArray[Any], faces: npt.NDArray[np.int64], spacing_um: Spacing
) -> npt.NDArray[np.float64]:
    """Judge how large particles are that the border cuts: at least as large as balls that have such sections.

    What is left of a particle may be a few voxels thin; its volume then says nothing about whether it is one. Half of
    the sections of a ball are wider than √3/2 of it.

    Parameters
    ----------
    voxels : ndarray, shape (n,)
    faces : ndarray of int64, shape (n, 6)
        See `face_counts`.
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x) in µm.

    Returns
    -------
    ndarray of float64, shape (n,)
        In voxels.
    """
    volume = math.prod(spacing_um)
    pixel = np.repeat(volume / np.asarray(spacing_um), 2)
    area = (faces * pixel).max(axis=1)
    diameter = 2 / math.sqrt(3) * np.sqrt(4 / math.pi * area)
    return np.maximum(voxels, math.pi / 6 * diameter**3 / volume)


def typical_diameter(volumes_um3: npt.ArrayLike) -> float:
    """Give the diameter of the ball of median volume, in µm, where each particle counts by its volume.

    Weighted so, crumbs do not matter however many there are. 0 without particles.
    """
    volumes = np.sort(np.asarray(volumes_um3, dtype=float))
    if not volumes.sum() > 0:
        return 0.0
    middle = np.searchsorted(np.cumsum(volumes), volumes.sum() / 2)
    return float(np.cbrt(6 / math.pi * volumes[middle]))


def section_diameter(views: Mapping[str, ViewPrediction], names: tuple[str, ...], spacing_um: Spacing) -> float:
    """Estimate the particle diameter in µm: the median over some sections of each view, by area."""
    from napari_cathode.identify import VIEW_AXIS

    areas = []
    for name in names:
        axis = VIEW_AXIS[name]
        length = views[name].labels.shape[axis]
        pixel = math.prod(edge for i, edge in enumerate(spacing_um) if i != axis)
        for index in np.unique(np.linspace(0, length - 1, _SAMPLED + 2).astype(int)[1:-1]):
            where = tuple(slice(index, index + 1) if i == axis else slice(None) for i in range(3))
            plane = np.asarray(views[name].labels[where])
            areas.append(np.unique(plane[plane > 0], return_counts=True)[1] * pixel)
    sizes = np.sort(np.concatenate(areas))
    if not sizes.size:
        return 8 * min(spacing_um)
    middle = np.searchsorted(np.cumsum(sizes), sizes.sum() / 2)
    return float(2 * np.sqrt(sizes[middle] / math.pi))
