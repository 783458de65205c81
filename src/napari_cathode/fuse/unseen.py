"""Particles that no view sees: the views part a particle at different places, and pieces of it are left between.

Such a piece is small and fits no section of any view (see `agreement`), but across one of its sides the views see a
single section nearly always; there it is joined. Without such a side it is nothing: an outline that two views disagree
on, or debris. What the border cuts is left as it is: of a sliver the views rarely see the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from napari_cathode.progress import Steps

from .agreement import iter_agreement
from .basins import Labels
from .pieces import Graph, parted
from .sizes import ball_voxels, face_counts, typical_diameter
from .tidy import renumber

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction

_SIDE = 0.2
"""An unseen piece joins a neighbour that the views part it from less often than this; true neighbours are parted more
often. Chosen on simulated volumes as the networks see them, of seeds 1 and 2."""

_LARGE = 2 / 3
"""From this share of the typical diameter on it is a particle that the views lost in too many slices."""


def iter_settle_unseen(
    labels: Labels, graph: Graph, table: npt.NDArray[np.int32], views: Mapping[str, ViewPrediction]
) -> Steps[None]:
    """Join what no view sees to the neighbour that it is a part of, or drop it, in place.

    Parameters
    ----------
    labels : ndarray of int32, shape (z, y, x)
        The particles that the table gives; changed.
    graph : Graph
        What the views say of the pieces that the particles were made of.
    table : ndarray of int32, shape (pieces + 1,)
        The particle of each piece; 0 for the background and for what went.
    views : mapping of str to ViewPrediction
        On the grid of the labels. With a single view there is nothing to settle.

    Yields
    ------
    Progress
    """
    if len(views) < 2:
        return
    found = yield from iter_agreement(labels, views)
    unseen = np.zeros(int(table.max(initial=0)) + 1, dtype=np.bool_)
    unseen[found["label"].to_numpy(np.int64)] = found["view_count"].to_numpy() == 0
    unseen[face_counts(labels, unseen.size).any(axis=1)] = False
    sizes = np.bincount(table, weights=graph.voxels, minlength=unseen.size)
    unseen &= sizes < _LARGE**3 * ball_voxels(typical_diameter(sizes[1:]), (1.0, 1.0, 1.0))
    if unseen.any():
        renumber(labels, homes(graph, table, unseen))


def homes(graph: Graph, table: npt.NDArray[np.int32], unseen: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    """Say what becomes of each particle: its own number, that of a particle that it joins, or 0.

    Parameters
    ----------
    graph, table
        As above.
    unseen : ndarray of bool, shape (particles + 1,)
        Which particles no view sees. Two of them that join are a particle.

    Returns
    -------
    ndarray of int32, shape (particles + 1,)
    """
    count = unseen.size
    ends = np.sort(table[graph.pairs], axis=1).astype(np.int64)
    between = (ends[:, 0] > 0) & (ends[:, 0] < ends[:, 1])
    keys, place = np.unique(ends[between, 0] * count + ends[between, 1], return_inverse=True)
    one = np.bincount(place, weights=graph.one[between], minlength=keys.size)
    two = np.bincount(place, weights=graph.two[between], minlength=keys.size)
    share, sides = parted(one, two), np.stack(np.divmod(keys, count), axis=1)
    least, partner = np.full(count, _SIDE), np.zeros(count, dtype=np.int64)
    for at in np.argsort(share, kind="stable"):
        for own, other in (sides[at], sides[at, ::-1]):
            if unseen[own] and share[at] < least[own]:
                least[own], partner[own] = share[at], other
    joins = np.flatnonzero(partner)
    edges = coo_array((np.ones(joins.size), (joins, partner[joins])), shape=(count, count))
    _, group = connected_components(edges, directed=False)
    # A group holds one particle that is seen, or two that see each other as the nearest.
    head = np.zeros(group.max() + 1, dtype=np.int32)
    head[group[joins]] = joins
    seen = np.flatnonzero(~unseen)
    head[group[seen]] = seen
    return head[group]
