"""The study's method: clusters of the summed maps' values, and connected parts of what is not background.

Li et al., Science 2022, supplement: the maps of the three views are added up, k-means (k = 5) divides the voxels by
their value, the cluster of the lowest values is background, and each connected part of the rest is a particle.
Particles that touch stay one, unless the map is lowest between them.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import cc3d
import numpy as np
import numpy.typing as npt

from napari_cathode.progress import Progress, Steps
from napari_cathode.tomogram import Spacing

from .basins import Labels, Map, slabs
from .from_labels import iter_mean_distance

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction

_BINS = 512


def iter_cluster(
    views: Mapping[str, ViewPrediction],
    names: tuple[str, ...],
    spacing_um: Spacing,
    of: str,
    clusters: int,
    scale: float,
) -> Steps[tuple[Labels, Map]]:
    """Find particles as the study did.

    Parameters
    ----------
    views : mapping of str to ViewPrediction
    names : tuple of str
        Which of them.
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x) in µm.
    of : {"probability", "distance"}
        Which maps are added up: the object probability, or the mean distance to the outline.
    clusters : int
        How many clusters of values.
    scale : float
        Working scale: the maps are averaged over blocks of about ``1 / scale`` voxels of the finest edge.

    Returns
    -------
    labels : ndarray of int32, shape (z, y, x)
        Connected parts 1 … n.
    total : ndarray of float32, shape (z, y, x)
        The maps' mean over the views.
    """
    shape = tuple(int(length) for length in views[names[0]].labels.shape)
    total = np.zeros(shape, dtype=np.float32)
    for done, name in enumerate(names):
        yield Progress(done, len(names) + 1, "Adding up the views")
        values: Any = views[name].probability
        if of == "distance":
            values = views[name].distance
            if values is None:
                values = yield from iter_mean_distance(name, np.asarray(views[name].labels[:]), spacing_um)
        for first, last in slabs(shape, voxels=1 << 22):
            total[first:last] += np.asarray(values[first:last], dtype=np.float32) / len(names)
    yield Progress(len(names), len(names) + 1, "Finding clusters of values")
    blocks = [max(1, min(n, round(min(spacing_um) / edge / scale))) for n, edge in zip(shape, spacing_um, strict=True)]
    small = _block_mean(total, blocks)
    low, high = float(small.min()), float(small.max())
    if not high > low:
        return np.zeros(shape, dtype=np.int32), total
    counts, edges = np.histogram(small, bins=_BINS, range=(low, high))
    border = kmeans_1d((edges[1:] + edges[:-1]) / 2, counts, clusters)[0]
    parts = cc3d.connected_components(small > border, connectivity=26, out_dtype=np.uint32).astype(np.int32)
    index = [np.arange(n) // block for n, block in zip(shape, blocks, strict=True)]
    return np.ascontiguousarray(parts[np.ix_(*index)]), total


def kmeans_1d(values: npt.ArrayLike, weights: npt.ArrayLike, k: int) -> npt.NDArray[np.float64]:
    """Divide sorted values into the k clusters whose spread is the smallest possible.

    In one dimension clusters are intervals, so that dynamic programming finds the optimum (Wang & Song, R Journal 2011)
    that k-means approaches from random starts. Centroids come out in ascending order by construction.

    Parameters
    ----------
    values : array-like of float, shape (n,)
        Ascending.
    weights : array-like of float, shape (n,)
        How often each occurs.
    k : int
        At least two.

    Returns
    -------
    ndarray of float, shape (k - 1,)
        The borders between neighbouring clusters, halfway between their centroids; fewer when there are fewer values.
    """
    values, weights = np.asarray(values, float), np.asarray(weights, float)
    values, weights = values[weights > 0], weights[weights > 0]
    k = min(k, values.size)
    w, wx, wxx = (np.concatenate([[0], np.cumsum(weights * values**power)]) for power in (0, 1, 2))
    i, j = np.meshgrid(np.arange(values.size), np.arange(values.size), indexing="ij")  # a cluster from i to j
    mass, moment = w[j + 1] - w[i], wx[j + 1] - wx[i]
    with np.errstate(all="ignore"):
        spread = np.where(i <= j, wxx[j + 1] - wxx[i] - moment**2 / mass, np.inf)
    best = spread[0]
    cuts = []
    for _ in range(k - 1):
        total = np.where(i > 0, best[i - 1] + spread, np.inf)
        cuts.append(total.argmin(0))
        best = total.min(0)
    end, starts = values.size - 1, []
    for cut in reversed(cuts):
        starts.append(int(cut[end]))
        end = starts[-1] - 1
    bounds = [0, *reversed(starts), values.size]
    centres = np.array([(wx[b] - wx[a]) / (w[b] - w[a]) for a, b in pairwise(bounds)])
    return (centres[1:] + centres[:-1]) / 2


def _block_mean(volume: Map, blocks: list[int]) -> Map:
    """Average over blocks; those at the far faces may be smaller."""
    out = volume
    for axis, block in enumerate(blocks):
        if block > 1:
            starts = np.arange(0, out.shape[axis], block)
            sizes = np.diff(np.append(starts, out.shape[axis])).astype(np.float32)
            sizes = sizes.reshape([-1 if i == axis else 1 for i in range(3)])
            out = (np.add.reduceat(out, starts, axis=axis) / sizes).astype(np.float32)
    return out
