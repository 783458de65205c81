"""The classical baseline: grey threshold, filled holes, and a watershed on the distance to the edge."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .rescale import BoolArray, FloatArray
from .stardist2d import compact

# Lengths in typical diameters, areas in typical particle areas; chosen on simulated slices.
SMOOTHING = 0.015
CLOSING = 0.03
OPENING = 0.12
LARGEST_HOLE = 0.3
DEPTH_SMOOTHING = 0.05


def smooth(image: npt.NDArray[Any], diameter_px: tuple[float, float]) -> FloatArray:
    """Take noise finer than particles out of a slice, before its threshold is chosen.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        Grey values.
    diameter_px : tuple of float
        Typical particle diameter in pixels along (y, x); unequal where the voxel spacing is.

    Returns
    -------
    ndarray of float32, shape (y, x)
    """
    from scipy import ndimage

    sigma = [max(0.7 * one / max(diameter_px), SMOOTHING * one) for one in diameter_px]
    smoothed: FloatArray = ndimage.gaussian_filter(image.astype(np.float32, copy=False), sigma, mode="nearest")
    return smoothed


def particle_mask(bright: BoolArray, diameter_px: tuple[float, float]) -> BoolArray:
    """Close cracks, fill hollow cores and take away debris.

    Parameters
    ----------
    bright : ndarray of bool, shape (y, x)
        Where the smoothed slice is above the threshold.
    diameter_px : tuple of float
        As in `smooth`.

    Returns
    -------
    ndarray of bool, shape (y, x)
    """
    from scipy import ndimage
    from skimage.morphology import remove_small_holes

    area = np.pi / 4 * diameter_px[0] * diameter_px[1]
    grown = ~_eroded(~bright, CLOSING, diameter_px)
    closed = _eroded(grown, CLOSING, diameter_px) | bright
    filled = remove_small_holes(closed, max_size=int(LARGEST_HOLE * area))
    kept = _eroded(filled, OPENING, diameter_px)
    # What an opening leaves of each piece, grown back to the piece's own outline.
    near = ndimage.distance_transform_edt(~kept, sampling=_sampling(diameter_px)) <= OPENING * max(diameter_px) + 1
    return filled & near


def watershed_slice(
    mask: BoolArray, diameter_px: tuple[float, float], seed_depth: float, smallest_share: float
) -> tuple[npt.NDArray[np.int32], FloatArray]:
    """Part touching particles where the distance to the edge has a neck.

    Seeds are the h-maxima of the distance transform, h being a share of the typical radius.

    Parameters
    ----------
    mask : ndarray of bool, shape (y, x)
        Filled particles, as of `particle_mask`.
    diameter_px : tuple of float
        As in `smooth`.
    seed_depth : float
        How deep a neck must be, in typical radii.
    smallest_share : float
        Objects with a smaller share of the typical area are dropped.

    Returns
    -------
    labels : ndarray of int32, shape (y, x)
        Particles 1…n.
    depth : ndarray of float32, shape (y, x)
        Distance to the edge divided by its maximum in the particle (0…1), 0 outside; stands in for a probability.
    """
    from scipy import ndimage
    from skimage.measure import label
    from skimage.morphology import local_maxima, reconstruction
    from skimage.segmentation import watershed

    if not mask.any():
        return np.zeros(mask.shape, np.int32), np.zeros(mask.shape, np.float32)
    diameter = max(diameter_px)
    # Beyond the image's border particles go on: the border is no edge, or it would split what it cuts.
    depth = ndimage.distance_transform_edt(mask, sampling=_sampling(diameter_px)).astype(np.float32)
    sigma = [DEPTH_SMOOTHING * one for one in diameter_px]
    hill = ndimage.gaussian_filter(depth, sigma, mode="nearest") * mask
    flattened = reconstruction(np.maximum(hill - seed_depth * diameter / 2, 0), hill)  # type: ignore[no-untyped-call]
    seeds = label(local_maxima(flattened) & (hill > 0), connectivity=2)  # type: ignore[no-untyped-call]
    # A piece shallower than the seeds' depth has no seed of its own: it is one particle.
    pieces = label(mask, connectivity=1)  # type: ignore[no-untyped-call]
    seeded = np.zeros(pieces.max() + 1, bool)
    seeded[pieces[seeds > 0]] = True
    bare = mask & ~seeded[pieces]
    seeds[bare] = seeds.max() + pieces[bare]
    labels = watershed(-hill, seeds, mask=mask).astype(np.int32)  # type: ignore[no-untyped-call]
    areas = np.bincount(labels.ravel())
    dropped = areas < smallest_share * np.pi / 4 * diameter_px[0] * diameter_px[1]
    labels[dropped[labels]] = 0
    labels = compact(labels)
    highest = np.ones(labels.max() + 1, np.float32)
    np.maximum.at(highest, labels.ravel(), depth.ravel())
    share = np.where(labels > 0, depth / highest[labels], 0).astype(np.float32)
    return labels, share


def otsu_threshold(values: npt.NDArray[Any]) -> float:
    """Give Otsu's threshold (IEEE Trans. Syst. Man Cybern. 9, 62, 1979) of grey values."""
    from skimage.filters import threshold_otsu

    return float(threshold_otsu(values))  # type: ignore[no-untyped-call]


def _sampling(diameter_px: tuple[float, float]) -> tuple[float, float]:
    """Lengths of a pixel's edges, the finer one being 1."""
    finest = max(diameter_px)
    return finest / diameter_px[0], finest / diameter_px[1]


def _eroded(mask: BoolArray, share: float, diameter_px: tuple[float, float]) -> BoolArray:
    """Erode by a share of the diameter; by distance, so that the cost does not grow with the size."""
    from scipy import ndimage

    if mask.all():
        return mask
    distance = ndimage.distance_transform_edt(mask, sampling=_sampling(diameter_px))
    eroded: BoolArray = distance > share * max(diameter_px)
    return eroded
