"""Parts of one particle that a 3D network proposes as several: found by what it sees where they touch."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.progress import Progress, Steps

from .polyhedra import Polyhedra

SEEN_THROUGH = 0.4
"""Parts are joined where the network's object probability on their common face is more than this share of the lower of
their own: between particles it falls to nothing. Chosen by ``benchmarks/accuracy_3d.py --joining`` on simulated volumes
that nothing else is measured on."""
LEAST_FACE = 4
"""Pairs of neighbouring grid points that tell; fewer leave it to chance."""


def iter_join(
    candidates: Polyhedra,
    labels: npt.NDArray[np.int32],
    probability: npt.NDArray[np.float32],
    scale: tuple[float, float, float],
    seen_through: float = SEEN_THROUGH,
) -> Steps[npt.NDArray[np.intp]]:
    """Join labels that are parts of one particle, in place.

    One star-shaped body cannot reach into all corners of a long plate, so that two or three are found in it. The object
    probability tells: it is high inside a particle and low at its surface, where two particles touch.

    Parameters
    ----------
    candidates : Polyhedra
        All candidates of the volume; they lie on a grid of working voxels, and where none lies the probability is 0.
    labels : ndarray of int32, shape (z, y, x)
        Labels 1…n in order of falling probability; those of joined parts become that of the most probable one, and all
        are numbered anew, without gaps.
    probability : ndarray of float32, shape (n,)
        Object probability of each label.
    scale : tuple of float
        Working voxels per voxel (z, y, x).
    seen_through : float
        See `SEEN_THROUGH`.

    Yields
    ------
    Progress
        In layers of the grid.

    Returns
    -------
    ndarray of int
        Which of the former labels, counted from 0, gives each new one its number.
    """
    n = len(probability)
    if n < 2:
        return np.arange(n)
    pairs: list[npt.NDArray[Any]] = [np.zeros(0, np.int64)]
    faces: list[npt.NDArray[Any]] = [np.zeros(0)]
    sums: list[npt.NDArray[Any]] = [np.zeros(0)]
    grid = [max(1, int(np.gcd.reduce(axis.astype(np.int64)))) for axis in candidates.centres.T]
    at = (candidates.centres / grid).astype(np.int64)
    by_layer = np.argsort(at[:, 0], kind="stable")
    begins = np.searchsorted(at[by_layer, 0], np.arange(at[:, 0].max() + 2))
    # Where the points of the grid lie in the tomogram.
    places = [
        np.clip(np.round((np.arange(last + 1) * step + 0.5) / factor - 0.5).astype(np.int64), 0, size - 1)
        for last, step, factor, size in zip(at.max(axis=0), grid, scale, labels.shape, strict=True)
    ]
    before: tuple[Any, Any] | None = None
    layers = len(places[0])
    for layer in range(layers):
        if layer % 16 == 0:
            yield Progress(layer, layers, "Joining parts of particles")
        here = by_layer[begins[layer] : begins[layer + 1]]
        seen = np.zeros((len(places[1]), len(places[2])), np.float32)
        seen[at[here, 1], at[here, 2]] = candidates.probability[here]
        own = labels[places[0][layer]][np.ix_(places[1], places[2])]
        neighbours = [(own[1:], seen[1:], own[:-1], seen[:-1]), (own[:, 1:], seen[:, 1:], own[:, :-1], seen[:, :-1])]
        if before is not None:
            neighbours.append((own, seen, *before))
        for one, its, other, that in neighbours:
            touch = (one != other) & (one > 0) & (other > 0)
            low, high = np.minimum(one[touch], other[touch]), np.maximum(one[touch], other[touch])
            found, which = np.unique(low.astype(np.int64) * (n + 1) + high, return_inverse=True)
            pairs.append(found)
            faces.append(np.bincount(which, np.ones(len(which)), minlength=len(found)))
            sums.append(np.bincount(which, np.minimum(its, that)[touch], minlength=len(found)))
        before = own, seen
    found, which = np.unique(np.concatenate(pairs), return_inverse=True)
    face = np.bincount(which, np.concatenate(faces), minlength=len(found))
    total = np.bincount(which, np.concatenate(sums), minlength=len(found))
    high = found % (n + 1)  # numbered by falling probability: the lower of the two
    through = (face >= LEAST_FACE) & (total > seen_through * face * probability[high - 1])
    return _renumber(labels, found[through] // (n + 1), high[through], n)


def _renumber(labels: Any, first: Any, second: Any, n: int) -> npt.NDArray[np.intp]:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(first)), (first - 1, second - 1)), shape=(n, n))
    group = connected_components(graph, directed=False)[1]
    leaders = np.unique(group, return_index=True)[1]  # the most probable part of each
    order = np.argsort(leaders)
    rank = np.empty(len(leaders), np.int32)
    rank[order] = np.arange(1, len(leaders) + 1)
    if len(first):
        numbers = np.concatenate([[0], rank[group]]).astype(np.int32)
        for plane in labels:
            plane[:] = numbers[plane]
    return leaders[order]
