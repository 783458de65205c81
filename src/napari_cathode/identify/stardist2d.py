"""From the network's output of a slice to particle labels on the slice's own grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .polygon_kernels import draw, survivors
from .rescale import BoolArray, FloatArray


@dataclass(frozen=True)
class Polygons:
    """Star-convex polygons that survived non-maximum suppression, in working pixels.

    Attributes
    ----------
    centres : ndarray, shape (n, 2)
        Centres (y, x).
    distances : ndarray of float32, shape (n, n_rays)
        From the centre to the outline along equally spaced directions.
    probability : ndarray of float32, shape (n,)
        Object probability at the centre.
    """

    centres: npt.NDArray[Any]
    distances: FloatArray
    probability: FloatArray


def select_polygons(
    probability: FloatArray,
    distance: FloatArray,
    grid: tuple[int, int],
    probability_threshold: float,
    overlap_threshold: float,
    inside: BoolArray | None = None,
) -> Polygons:
    """Choose one polygon per particle by StarDist's non-maximum suppression.

    Parameters
    ----------
    probability : ndarray of float32, shape (y, x)
        Object probability on the network's grid.
    distance : ndarray of float32, shape (y, x, n_rays)
        Ray distances in working pixels.
    grid : tuple of int
        Working pixels per grid point (y, x).
    probability_threshold : float
        Smallest object probability of a candidate.
    overlap_threshold : float
        Candidates that overlap a better one by more than this share of the smaller area are dropped.
    inside : ndarray of bool, shape (y, x), optional
        Grid points inside the field of view; centres elsewhere are dropped.

    Returns
    -------
    Polygons
    """
    if inside is not None:
        probability = np.where(inside, probability, np.float32(0))
    centres, scores, distances = candidates(probability, distance, grid, probability_threshold)
    kept = survivors(centres, distances, overlap_threshold)
    return Polygons(centres[kept], distances[kept], scores[kept])


def candidates(
    probability: FloatArray, distance: FloatArray, grid: tuple[int, int], threshold: float
) -> tuple[npt.NDArray[np.int32], FloatArray, FloatArray]:
    """Give the centres, probabilities and distances of all grid points above a probability, the highest first.

    Outlines that reach far beyond the image, or nowhere, are left out: a network draws them at spikes of grey values.
    """
    rows, columns = np.nonzero(probability > threshold)
    order = np.argsort(probability[rows, columns])[::-1]  # as StarDist orders them
    rows, columns = rows[order], columns[order]
    distances = distance[rows, columns]
    farthest = 2 * sum(size * step for size, step in zip(probability.shape, grid, strict=True))
    possible = distances.max(axis=1) <= farthest
    if not possible.all():
        rows, columns, distances = rows[possible], columns[possible], distances[possible]
    centres = np.stack([rows * grid[0], columns * grid[1]], axis=1).astype(np.int32)
    return centres, probability[rows, columns], distances


def draw_polygons(
    polygons: Polygons, shape: tuple[int, int], scale: tuple[float, float], field_of_view: BoolArray | None = None
) -> npt.NDArray[np.int32]:
    """Draw polygons on the slice's own pixels; where two overlap, the more probable one wins.

    Parameters
    ----------
    polygons : Polygons
        In working pixels.
    shape : tuple of int
        Size (y, x) of the slice.
    scale : tuple of float
        Working pixels per pixel of the slice (y, x).
    field_of_view : ndarray of bool, shape (y, x), optional
        Labels end where it does.

    Returns
    -------
    ndarray of int32, shape (y, x)
        Labels 1…n in order of falling probability.
    """
    labels = np.zeros(shape, np.int32)
    order = np.argsort(-polygons.probability, kind="stable")
    numbers = np.arange(1, len(order) + 1, dtype=np.int32)
    draw(labels, polygons.centres[order], polygons.distances[order], scale, numbers)
    if field_of_view is not None:
        labels[~field_of_view] = 0
    return compact(labels)


def compact(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Renumber labels to 1…n without gaps, in their order."""
    present = np.bincount(labels.ravel()) > 0
    present[0] = False
    numbers = np.zeros(present.size, np.int32)
    numbers[present] = np.arange(1, present.sum() + 1)
    return numbers[labels]
