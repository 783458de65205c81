"""From pieces to particles: pieces that the views see as one are joined.

Pieces are small parts that hardly ever reach over two particles. Whether two neighbours belong together is asked of the
views: of all pairs of voxels some voxels apart, one in each piece, how many lie in two sections, and how many in one?
Pieces are joined one pair after the other, the clearest first, with the evidence of joined pairs added up (average
linkage agglomeration of signed graphs, Bailoni et al., CVPR 2022). The graph is small, so that another threshold is a
matter of milliseconds.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit
from napari_cathode.progress import Progress, Steps
from napari_cathode.tomogram import Spacing

from .basins import Labels
from .repair import numbered
from .sizes import face_counts, whole_voxels
from .tidy import voxel_counts
from .votes import ALONE, SEES

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction

_SLAB = 32
_APART_SHARE = 0.12
_CRUMB = 0.51
"""Crumbs join the neighbour that they are most likely a part of unless the views part them as often as this."""


@dataclass(eq=False)
class Graph:
    """Which pieces are neighbours, and what the views say of each pair.

    Attributes
    ----------
    pairs : ndarray of int32, shape (n, 2)
        The smaller piece first.
    one, two : ndarray of int64, shape (n,)
        How often the views saw one section across the pair, and how often two.
    voxels : ndarray of int64, shape (m,)
        Voxels of each piece; the first entry is the background's.
    faces : ndarray of int64, shape (m, 6)
        Those on the faces of the volume; see `sizes.face_counts`.
    """

    pairs: npt.NDArray[np.int32]
    one: npt.NDArray[np.int64]
    two: npt.NDArray[np.int64]
    voxels: npt.NDArray[np.int64]
    faces: npt.NDArray[np.int64]


def iter_graph(
    pieces: Labels,
    views: Mapping[str, ViewPrediction],
    names: tuple[str, ...],
    spacing_um: Spacing,
    diameter_um: float,
    sees: npt.NDArray[np.uint8] | None = None,
) -> Steps[Graph]:
    """Ask the views about each two neighbouring pieces.

    Parameters
    ----------
    pieces : ndarray of int32, shape (z, y, x)
    views : mapping of str to ViewPrediction
    names : tuple of str
        Which of them.
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x) in µm.
    diameter_um : float
        Typical diameter; voxels of a pair lie an eighth of it apart, beyond what outlines are shifted by.
    sees : ndarray of uint8, shape (n + 1, views), optional
        What each view does with each piece (see `votes.cut_by_votes`). One that lost a particle is not asked about it,
        since what it shows there are the outlines of neighbours. None asks all.

    Returns
    -------
    Graph
    """
    from napari_cathode.identify import VIEW_AXIS

    asked = Asked(spacing_um, diameter_um)
    shape = pieces.shape
    parts = [(name, first) for name in names for first in range(0, shape[VIEW_AXIS[name]], _SLAB)]
    for done, (name, first) in enumerate(parts):
        yield Progress(done, len(parts), "Asking the views about neighbours")
        axis = VIEW_AXIS[name]
        where = tuple(slice(first, first + _SLAB + 1) if i == axis else slice(None) for i in range(3))
        core = tuple(min(_SLAB, n - first) if i == axis else n for i, n in enumerate(shape))
        seen = None if sees is None else sees[:, names.index(name)]
        asked.ask(name, pieces[where], np.asarray(views[name].labels[where]), core, seen)
    voxels = voxel_counts(pieces)
    return asked.graph(voxels, face_counts(pieces, voxels.size))


class Asked:
    """What the views said so far of each two neighbouring pieces.

    Parameters
    ----------
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x) in µm.
    diameter_um : float
        See `iter_graph`.

    Attributes
    ----------
    farthest : tuple of int
        How far apart (z, y, x) the voxels of a pair are at most.
    """

    def __init__(self, spacing_um: Spacing, diameter_um: float) -> None:
        self.farthest = tuple(max(1, round(_APART_SHARE * diameter_um / edge)) for edge in spacing_um)
        self._keys = np.full(1 << 12, -1, dtype=np.int64)
        self._counts = np.zeros((self._keys.size, 2), dtype=np.int64)
        self._used = 0

    def ask(
        self,
        name: str,
        pieces: Labels,
        labels: npt.NDArray[np.int32],
        core: tuple[int, ...],
        sees: npt.NDArray[np.uint8] | None = None,
    ) -> None:
        """Ask one view about a part of the volume.

        Parameters
        ----------
        name : str
            The view.
        pieces, labels : ndarray of int32, shape (z, y, x)
            The part, and what lies beyond it on the far sides, up to `farthest`.
        core : tuple of int
            Shape of the part: the nearer voxel of each pair lies in it.
        sees : ndarray of uint8, optional
            What the view does with each piece; None if it sees all.
        """
        from napari_cathode.identify import VIEW_AXIS

        axis = VIEW_AXIS[name]
        own = np.ascontiguousarray(np.moveaxis(pieces, axis, 0))
        sections = numbered(np.moveaxis(labels, axis, 0))
        apart = [far for i, far in enumerate(self.farthest) if i != axis]
        inner = (core[axis], *(n for i, n in enumerate(core) if i != axis))
        if sees is None:
            sees = np.full(int(own.max(initial=0)) + 1, SEES, dtype=np.uint8)
        self._keys, self._counts, self._used = _ask(
            own, sections, inner, apart[0], apart[1], sees, self._keys, self._counts, self._used
        )

    def graph(self, voxels: npt.NDArray[np.int64], faces: npt.NDArray[np.int64]) -> Graph:
        """Give the graph; ``voxels`` and ``faces`` are those of each piece, the background first."""
        filled = self._keys >= 0
        order = np.argsort(self._keys[filled])
        keys, counts = self._keys[filled][order], self._counts[filled][order]
        pairs = np.stack([keys >> 32, keys & 0xFFFFFFFF], axis=1).astype(np.int32)
        return Graph(pairs, counts[:, 0].copy(), counts[:, 1].copy(), voxels, faces)


def join(
    graph: Graph,
    threshold: float,
    smallest_voxels: float,
    crumb_voxels: float = 0.0,
    spacing_um: Spacing = (1.0, 1.0, 1.0),
) -> npt.NDArray[np.int32]:
    """Join pieces.

    Parameters
    ----------
    graph : Graph
    threshold : float
        Pairs that the views part in a smaller share of the cases are joined: 0 joins none, 1 all.
    smallest_voxels : float
        What is smaller than this joins the neighbour that it is most likely a part of, unless the views part them in
        half of the cases; what stays smaller in the end goes.
    crumb_voxels : float
        What is smaller than this joins a neighbour of which the views say nothing, neither that they are one nor two.
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x) in µm. What the border cuts is judged by its section on it, see
        `sizes.whole_voxels`.

    Returns
    -------
    ndarray of int32
        The particle (1 … n) of each piece, 0 for the background and for what goes.
    """
    owner = np.arange(graph.voxels.size)
    voxels, faces = graph.voxels.astype(np.float64), graph.faces.copy()
    near: dict[int, dict[int, list[float]]] = {}
    heap: list[tuple[float, int, int, float]] = []
    for (a, b), one, two in zip(graph.pairs.tolist(), graph.one.tolist(), graph.two.tolist(), strict=True):
        near.setdefault(a, {})[b] = near.setdefault(b, {})[a] = [float(one), float(two)]
        heap.append((parted(one, two), a, b, float(one + two)))
    heapq.heapify(heap)

    def unite(a: int, b: int) -> int:
        if len(near.get(a, ())) < len(near.get(b, ())):
            a, b = b, a
        owner[b] = a
        voxels[a] += voxels[b]
        faces[a] += faces[b]
        del near[a][b]
        for other, counts in near.pop(b).items():
            if other == a:
                continue
            del near[other][b]
            known = near[a].get(other)
            both = counts if known is None else [known[0] + counts[0], known[1] + counts[1]]
            near[a][other] = near[other][a] = both
            heapq.heappush(heap, (parted(*both), min(a, other), max(a, other), both[0] + both[1]))
        return a

    while heap:
        share, a, b, count = heapq.heappop(heap)
        if share >= threshold:
            break
        counts = near.get(a, {}).get(b)
        if counts is not None and counts[0] + counts[1] == count:
            unite(a, b)
    crumb_voxels = max(crumb_voxels, smallest_voxels)
    for piece in np.argsort(whole_voxels(voxels, faces, spacing_um), kind="stable").tolist():
        if not piece or owner[piece] != piece or not near.get(piece):
            continue
        size = whole_voxels(voxels[piece, None], faces[piece, None], spacing_um)[0]
        if size >= crumb_voxels:
            continue
        share, best = min((parted(*counts), other) for other, counts in near[piece].items())
        unknown = sum(near[piece][best]) == 0
        if share < max(threshold, _CRUMB) and (unknown or size < smallest_voxels):
            unite(piece, best)
    roots = _roots(owner)
    kept = np.zeros(owner.size, dtype=bool)
    size = whole_voxels(voxels, faces, spacing_um)
    kept[1:] = (size >= max(1.0, smallest_voxels))[1:] & (roots == np.arange(owner.size))[1:]
    number = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    return number[roots]


def parted(one: Any, two: Any) -> Any:
    """Give the share of cases in which the views part a pair; few cases say little, and count as half."""
    return (two + 2.0) / (one + two + 4.0)


def _roots(owner: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    while True:
        further = owner[owner]
        if np.array_equal(further, owner):
            return owner
        owner = further


@jit
def _ask(pieces, sections, core, apart_y, apart_x, sees, keys, counts, used):  # type: ignore[no-untyped-def]
    """Count, in slices of one view, pairs of voxels in two pieces that lie in one section, and in two."""
    n, ny, nx = pieces.shape
    for s in range(core[0]):
        for y in range(core[1]):
            for x in range(core[2]):
                own = pieces[s, y, x]
                if own == 0 or sections[s, y, x] <= 0 or not sees[own]:
                    continue
                for way in range(3):
                    os, oy, ox = s, y, x
                    if way == 0:
                        oy += apart_y
                    elif way == 1:
                        ox += apart_x
                    else:
                        os += 1  # neighbours across slices: the view knows that they touch, and no more
                    if os >= n or oy >= ny or ox >= nx:
                        continue
                    other = pieces[os, oy, ox]
                    if other == 0 or other == own or sections[os, oy, ox] <= 0 or not sees[other]:
                        continue
                    key = (np.int64(min(own, other)) << 32) | max(own, other)
                    mask = keys.size - 1
                    place = ((key >> 32) * 2654435761 + (key & 0xFFFFFFFF) * 40503) & mask
                    while keys[place] != -1 and keys[place] != key:
                        place = (place + 1) & mask
                    if keys[place] == -1:
                        keys[place] = key
                        used += 1
                    if way < 2:
                        counts[place, 0 if sections[s, y, x] == sections[s, oy, ox] else 1] += 1
                    elif sees[own] == ALONE and sees[other] == ALONE:
                        counts[place, 0] += 1  # nobody else says how far it reaches along the axis
                    if 2 * used > keys.size:
                        keys, counts = _grown(keys, counts)
    return keys, counts, used


@jit
def _grown(keys, counts):  # type: ignore[no-untyped-def]
    """Move the hash table to one of twice the size."""
    wide_keys = np.full(2 * keys.size, -1, dtype=np.int64)
    wide_counts = np.zeros((2 * keys.size, 2), dtype=np.int64)
    mask = wide_keys.size - 1
    for old in range(keys.size):
        key = keys[old]
        if key != -1:
            place = ((key >> 32) * 2654435761 + (key & 0xFFFFFFFF) * 40503) & mask
            while wide_keys[place] != -1:
                place = (place + 1) & mask
            wide_keys[place] = key
            wide_counts[place] = counts[old]
    return wide_keys, wide_counts
