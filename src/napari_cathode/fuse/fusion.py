"""Fuse the 2D predictions of one, two or three views into 3D particles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import fill_voids
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps, drain, within
from napari_cathode.tomogram import Spacing, check_spacing

from .basins import Labels, Map, iter_basins, slabs
from .maps import check_views, iter_maps, seeing
from .parameters import FuseParameters

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction

# Below this share of the typical diameter a fragment is no particle but the rest of an outline that views disagree on.
_SMALLEST_SHARE = 0.25


@dataclass(frozen=True, eq=False)
class Fusion:
    """3D particles, and what they were made from.

    Attributes
    ----------
    labels : ndarray of int32, shape (z, y, x)
        Filled particles 1 … n without gaps in the numbers, 0 background.
    probability : ndarray of float32, shape (z, y, x)
        The views' mean probability, smoothed.
    views : tuple of str
        The views that were used: those in which anything was found.
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x) in µm.
    parameters : FuseParameters
        With every "decide for me" replaced by the value that was used.
    """

    labels: Labels
    probability: Map
    views: tuple[str, ...]
    spacing_um: Spacing
    parameters: FuseParameters


def iter_fuse(
    views: Mapping[str, ViewPrediction], parameters: FuseParameters, spacing_um: Spacing | None
) -> Steps[Fusion]:
    """Fuse the predictions of the views into 3D particles.

    A voxel is particle where the smoothed share of views that see one exceeds a half (or what ``minimal_votes``
    asks for). The particles are the watershed basins of the views' mean probability, smoothed, after shallow saddles
    (``split_merge``) are merged; small ones are dropped, holes are filled.

    Parameters
    ----------
    views : mapping of str to ViewPrediction
        The predictions of one, two or three views on one grid. Labels may start anew in each slice.
    parameters : FuseParameters
        How to fuse.
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x) in µm.

    Yields
    ------
    Progress
        How far it has come.

    Returns
    -------
    Fusion
        The particles.

    Raises
    ------
    InputError
        When shapes or types do not fit, the spacing is missing, or there is only one slice.
    """
    shape = check_views(views)
    if spacing_um is None:
        raise InputError("The voxel size is not known; give it in µm (z, y, x), since fusing needs true lengths.")
    spacing_um = check_spacing(spacing_um, "the predictions")
    smoothing = parameters.smoothing_um if parameters.smoothing_um is not None else 2.0 * min(spacing_um)
    names = seeing(views)
    if not names:
        empty = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.float32)
        return Fusion(*empty, (), spacing_um, replace(parameters, smoothing_um=smoothing))
    votes = parameters.minimal_votes
    threshold = 0.5 if votes is None else (min(votes, len(names)) - 0.5) / len(names)
    sigma = smoothing / np.asarray(spacing_um)
    probability, foreground = yield from within(iter_maps(views, names, threshold, sigma), 0, 3)
    labels = yield from within(iter_basins(probability, foreground, spacing_um, parameters.split_merge), 1, 3)
    del foreground
    voxel_um3 = math.prod(spacing_um)
    smallest_um = parameters.minimal_diameter_um
    if smallest_um is None:
        smallest_um = _SMALLEST_SHARE * typical_diameter(np.bincount(labels.reshape(-1))[1:] * voxel_um3)
    labels = yield from within(_iter_tidy(labels, math.pi / 6 * smallest_um**3 / voxel_um3), 2, 3)
    used = replace(parameters, smoothing_um=smoothing, minimal_diameter_um=smallest_um)
    return Fusion(labels, probability, names, spacing_um, used)


def fuse(views: Mapping[str, ViewPrediction], parameters: FuseParameters, spacing_um: Spacing | None) -> Fusion:
    """Fuse the predictions of the views into 3D particles: `iter_fuse` run to its end."""
    return drain(iter_fuse(views, parameters, spacing_um))


def typical_diameter(volumes_um3: npt.ArrayLike) -> float:
    """Give the diameter of the ball of median volume, in µm, where each particle counts by its volume.

    Weighted so, crumbs do not matter however many there are. 0 without particles.
    """
    volumes = np.sort(np.asarray(volumes_um3, dtype=float))
    if not volumes.sum() > 0:
        return 0.0
    middle = np.searchsorted(np.cumsum(volumes), volumes.sum() / 2)
    return float(np.cbrt(6 / math.pi * volumes[middle]))


def _iter_tidy(labels: Labels, smallest_voxels: float) -> Steps[Labels]:
    """Drop small particles, fill the holes of the others and number them without gaps."""
    volumes = np.bincount(labels.reshape(-1))
    keep = volumes >= max(1.0, smallest_voxels)
    keep[0] = False
    table = np.where(keep, np.arange(volumes.size, dtype=np.int32), np.int32(0))
    for first, last in slabs(labels.shape):
        labels[first:last] = table[labels[first:last]]
    yield Progress(0, volumes.size, "Dropping small particles")
    boxes = ndimage.find_objects(labels)
    # Small ones first: a particle that lies inside another is then swallowed by it, whatever the order of the numbers.
    for done, label in enumerate(np.argsort(volumes, kind="stable")):
        box = boxes[label - 1] if keep[label] else None
        if box is None:
            continue
        inside = labels[box]
        filled = fill_voids.fill(inside == label, in_place=True)
        inside[filled.astype(bool)] = label
        if done % 64 == 0:
            yield Progress(done, volumes.size, "Filling holes")
    present = np.bincount(labels.reshape(-1)) > 0
    present[0] = False
    table = np.where(present, np.cumsum(present), 0).astype(np.int32)
    for first, last in slabs(labels.shape):
        labels[first:last] = table[labels[first:last]]
    return labels
