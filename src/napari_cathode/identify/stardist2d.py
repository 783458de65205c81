"""From the network's output of a slice to particle labels on the slice's own grid."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from .rescale import BoolArray, FloatArray, to_full


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
    from stardist.nms import non_maximum_suppression

    if inside is not None:
        probability = np.where(inside, probability, np.float32(0))
    # b = 0: StarDist drops candidates within two grid points of the border, and with them particles that it cuts.
    with one_thread():
        centres, scores, distances = non_maximum_suppression(
            distance, probability, grid=grid, b=0, prob_thresh=probability_threshold, nms_thresh=overlap_threshold
        )
    return Polygons(centres, distances, scores)


def one_thread() -> Any:
    """Let StarDist's suppression run in one thread: OpenMP's waiting costs five times the CPU and gains no time."""
    return _thread_pools().limit(limits=1, user_api="openmp")


@cache
def _thread_pools() -> Any:
    """Find the thread pools of loaded libraries, once: the search costs more than a slice's suppression."""
    import stardist.lib.stardist2d  # noqa: F401  # a pool is found only once its library is loaded
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


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
    from skimage.draw import polygon
    from stardist.geometry import dist_to_coord

    labels = np.zeros(shape, np.int32)
    order = np.argsort(-polygons.probability, kind="stable")
    outlines = dist_to_coord(polygons.distances, polygons.centres)
    for rank in range(len(order) - 1, -1, -1):
        outline = to_full(outlines[order[rank]].T, scale)
        rows, columns = polygon(outline[:, 0], outline[:, 1], shape)  # type: ignore[no-untyped-call]
        labels[rows, columns] = rank + 1
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
