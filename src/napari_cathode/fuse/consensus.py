"""Particles that each view linked by itself become particles that the views agree on.

Particles of different views are the same where they overlap most, the best pair first; two of one view never become
one (merging whatever overlaps would, sooner or later, join everything). What is left over is a fragment of the particle
that most of it lies in. Each voxel then goes to the particle that most of the views name.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit
from napari_cathode.progress import Progress, Steps

from .basins import Labels, slabs
from .overlaps import shared
from .tidy import voxel_counts

_SAME = 0.2
"""Particles of two views with a smaller intersection over union are not the same."""
_FRAGMENT = 0.5


def iter_consensus(linked: Mapping[str, Labels], foreground: npt.NDArray[np.bool_], least_views: int) -> Steps[Labels]:
    """Agree on particles.

    Parameters
    ----------
    linked : mapping of str to ndarray of int32, shape (z, y, x)
        What each view made of the volume by itself, at most three.
    foreground : ndarray of bool, shape (z, y, x)
        Where particles may be.
    least_views : int
        Particles that fewer views know go.

    Yields
    ------
    Progress

    Returns
    -------
    ndarray of int32, shape (z, y, x)
        Particles 1 … n.
    """
    volumes = list(linked.values())
    sizes = [voxel_counts(volume).astype(np.float64) for volume in volumes]
    first = np.concatenate([[0], np.cumsum([size.size for size in sizes])])
    size = np.concatenate(sizes)
    view = np.repeat(np.arange(len(volumes)), np.diff(first))
    ones, others, boths = [], [], []
    pairs = [(a, b) for a in range(len(volumes)) for b in range(a + 1, len(volumes))]
    for done, (a, b) in enumerate(pairs):
        yield Progress(done, len(pairs) + 1, "Comparing the views")
        mine, yours, voxels = shared(volumes[a], volumes[b])
        ones.append(first[a] + mine)
        others.append(first[b] + yours)
        boths.append(voxels)
    one, other, both = (np.concatenate(parts).astype(np.int64) for parts in (ones, others, boths))
    group = _groups(one, other, both / (size[one] + size[other] - both), view, size.size)
    group = _adopt_fragments(group, one, other, both, size)
    known = np.zeros((size.size, len(volumes)), dtype=bool)
    known[group, view] = True
    background = first[:-1]
    kept = known.sum(1) >= least_views
    name = np.where(kept[group], group + 1, 0).astype(np.int64)
    name[background] = 0
    support = np.bincount(group, weights=size, minlength=size.size)
    labels = np.zeros(volumes[0].shape, dtype=np.int32)
    tables = [name[first[v] : first[v + 1]] for v in range(len(volumes))]
    for low, high in slabs(labels.shape):
        votes = np.stack([table[volume[low:high]] for table, volume in zip(tables, volumes, strict=True)])
        _vote(votes, foreground[low:high], support, labels[low:high])
    yield Progress(len(pairs), len(pairs) + 1, "Comparing the views")
    return labels


def _groups(
    one: npt.NDArray[np.int64],
    other: npt.NDArray[np.int64],
    iou: npt.NDArray[np.float64],
    view: npt.NDArray[np.int64],
    count: int,
) -> npt.NDArray[np.int64]:
    """Put particles of different views together, the most similar first, never two of one view."""
    owner = list(range(count))
    has = [1 << int(v) for v in view]

    def root(node: int) -> int:
        while owner[node] != node:
            owner[node] = owner[owner[node]]
            node = owner[node]
        return node

    for pair in np.lexsort((other, one, -iou)):
        if iou[pair] < _SAME:
            break
        a, b = root(int(one[pair])), root(int(other[pair]))
        if a != b and not has[a] & has[b]:
            owner[b] = a
            has[a] |= has[b]
    return np.array([root(node) for node in range(count)], dtype=np.int64)


def _adopt_fragments(
    group: npt.NDArray[np.int64],
    one: npt.NDArray[np.int64],
    other: npt.NDArray[np.int64],
    both: npt.NDArray[np.int64],
    size: npt.NDArray[np.float64],
) -> npt.NDArray[np.int64]:
    """Let what no other view knows join the group that most of it lies in."""
    members = np.bincount(group, minlength=size.size)
    fragment, whole = np.concatenate([one, other]), np.concatenate([other, one])
    voxels = np.concatenate([both, both])
    lies = (members[group[fragment]] == 1) & (members[group[whole]] > 1) & (voxels > _FRAGMENT * size[fragment])
    fragment, whole, voxels = fragment[lies], whole[lies], voxels[lies]
    order = np.argsort(voxels, kind="stable")  # the largest share is written last
    group = group.copy()
    group[fragment[order]] = group[whole[order]].copy()
    return group


@jit
def _vote(votes, foreground, support, labels):  # type: ignore[no-untyped-def]
    """Give each voxel the particle that most views name; of equals, the one that the views saw more of."""
    views, nz, ny, nx = votes.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                if not foreground[z, y, x]:
                    continue
                most, best = 0, 0
                for a in range(views):
                    name = votes[a, z, y, x]
                    if name == 0:
                        continue
                    count = 0
                    for b in range(views):
                        if votes[b, z, y, x] == name:
                            count += 1
                    if count > most or (count == most and support[name - 1] > support[best - 1]):
                        most, best = count, name
                labels[z, y, x] = best
