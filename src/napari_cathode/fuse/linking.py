"""2D labels of one view become 3D: sections are linked from slice to slice.

Between two slices the pairs are chosen that are best in total, the assignment problem that the Hungarian algorithm
solves (Kuhn 1955); its cost is the distance of the centroids, as in the study (Li et al., Science 2022), or what the
sections do not share. What has no partner is linked across the slices in between (gap closing, Jaqaman et al., Nature
Methods 2008), which are filled by interpolating the distance to the outline (Raya & Udupa 1990).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from napari_cathode.compile import jit
from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps

from .basins import Labels
from .overlaps import shared

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_DENSE = 1 << 18


@dataclass(frozen=True)
class LinkRule:
    """When two sections may be one particle.

    Attributes
    ----------
    by : {"overlap", "distance"}
        What makes a pair good.
    distance_um : float
        Centroids farther apart are never linked (by distance).
    overlap : float
        Sections with a smaller intersection over union are never linked (by overlap).
    gap : int
        Up to so many slices without a section may lie between.
    """

    by: str
    distance_um: float
    overlap: float
    gap: int


def assign(one: npt.ArrayLike, other: npt.ArrayLike, gain: npt.ArrayLike) -> Ints:
    """Choose pairs so that nobody is in two of them and the total gain is as large as possible.

    Parameters
    ----------
    one, other : array-like of int, shape (n,)
        Who could be paired with whom.
    gain : array-like of float, shape (n,)
        What each pair is worth; pairs that are worth nothing are never chosen.

    Returns
    -------
    ndarray of int64
        Which of the pairs, ascending.
    """
    one, other, gain = np.asarray(one, np.int64), np.asarray(other, np.int64), np.asarray(gain, np.float64)
    worth = np.flatnonzero(gain > 0)
    if not worth.size:
        return worth
    rows, i = np.unique(one[worth], return_inverse=True)
    columns, j = np.unique(other[worth], return_inverse=True)
    if rows.size * columns.size <= _DENSE:
        return np.sort(worth[_solve(i, j, gain[worth], rows.size, columns.size)])
    # Those who share no candidate cannot get in each other's way: each group is a problem of its own.
    size = rows.size + columns.size
    graph = coo_array((np.ones(i.size, np.int8), (i, rows.size + j)), shape=(size, size))
    group = connected_components(graph, directed=False)[1][i]
    order = np.argsort(group, kind="stable")
    chosen = []
    for part in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if part.size > 1:
            r, ri = np.unique(i[part], return_inverse=True)
            c, ci = np.unique(j[part], return_inverse=True)
            part = part[_solve(ri, ci, gain[worth][part], r.size, c.size)]
        chosen.append(worth[part])
    return np.sort(np.concatenate(chosen))


def _solve(i: Ints, j: Ints, gain: Floats, rows: int, columns: int) -> Ints:
    table = np.zeros((rows, columns))
    place = np.full((rows, columns), -1, dtype=np.int64)
    table[i, j] = gain
    place[i, j] = np.arange(i.size)
    chosen = place[linear_sum_assignment(table, maximize=True)]
    return chosen[chosen >= 0]


def iter_link(labels: Any, axis: int, spacing_um: tuple[float, float, float], rule: LinkRule) -> Steps[Labels]:
    """Link the sections of one view.

    Parameters
    ----------
    labels : array-like of integers, shape (z, y, x)
        Labels that may start anew in each slice; lazy arrays are read slice by slice.
    axis : int
        The axis of (z, y, x) along which slices follow each other.
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x) in µm.
    rule : LinkRule
        What may be linked.

    Yields
    ------
    Progress
        In slices.

    Returns
    -------
    ndarray of int32, shape (z, y, x)
        A particle has the same number in all its slices, and its gaps are filled. Numbers may be missing.
    """
    edges = [length for direction, length in enumerate(spacing_um) if direction != axis]
    shape = tuple(int(length) for length in labels.shape)
    planes = np.empty((shape[axis], *(n for i, n in enumerate(shape) if i != axis)), dtype=np.int32)
    candidates: list[list[tuple[Ints, Ints, Floats]]] = [[] for _ in range(rule.gap + 1)]
    recent: deque[_Slice] = deque(maxlen=rule.gap + 1)
    count = 0
    for index in range(len(planes)):
        where = tuple(index if i == axis else slice(None) for i in range(3))
        plane = planes[index] = _compact(np.asarray(labels[where]))
        here = _Slice(plane, count, edges)
        count += here.sections
        for back, earlier in enumerate(reversed(recent)):
            candidates[back].append(_candidates(earlier, here, rule))
        recent.append(here)
        if index % 8 == 0:
            yield Progress(index, 2 * len(planes), "Comparing neighbouring slices")
    before = np.full(count, -1, dtype=np.int64)
    after = np.full(count, -1, dtype=np.int64)
    for step in candidates:  # neighbours first: what has one is not linked over it
        for one, other, gain in step:
            free = (after[one] < 0) & (before[other] < 0)
            one, other, gain = one[free], other[free], gain[free]
            chosen = assign(one, other, gain)
            after[one[chosen]] = other[chosen]
            before[other[chosen]] = one[chosen]
    name, length = _chains(before)
    yield from _iter_fill(planes, before, name, length, edges, rule.gap)
    return np.ascontiguousarray(np.moveaxis(planes, 0, axis))


class _Slice:
    """A slice whose sections are 1 … n, and where they lie; ``first`` is the number of its first among all."""

    def __init__(self, plane: Labels, first: int, edges: list[float]) -> None:
        self.plane = plane
        self.first = first
        self.area = np.bincount(plane.reshape(-1))[1:]
        self.sections = self.area.size
        self.centre = _centres(plane, self.sections) * edges


def _compact(plane: npt.NDArray[Any]) -> Labels:
    """Give the sections of a slice the numbers 1 … n."""
    if plane.size and (plane.dtype.kind == "i" and int(plane.min()) < 0):
        raise InputError("The labels have negative numbers; particles need numbers from 1 on, with 0 for background.")
    most = int(plane.max(initial=0))
    if most > max(1 << 16, plane.size):
        ids, place = np.unique(plane, return_inverse=True)
        return (place.reshape(plane.shape) + (0 if ids[0] == 0 else 1)).astype(np.int32)
    present = np.bincount(plane.reshape(-1).astype(np.int64, copy=False), minlength=1) > 0
    present[0] = False
    table = np.where(present, np.cumsum(present), 0).astype(np.int32)
    return table[plane.astype(np.int64, copy=False)]


def _candidates(earlier: _Slice, here: _Slice, rule: LinkRule) -> tuple[Ints, Ints, Floats]:
    """Name the pairs of sections of two slices that may be one particle, with what each is worth."""
    if not (earlier.sections and here.sections):
        nothing = np.zeros(0, dtype=np.int64)
        return nothing, nothing, nothing.astype(np.float64)
    if rule.by == "overlap":
        one, other, both = shared(earlier.plane, here.plane)
        i, j = one.astype(np.int64) - 1, other.astype(np.int64) - 1
        gain = both / (earlier.area[i] + here.area[j] - both)
        kept = gain >= rule.overlap
    else:
        near = cKDTree(earlier.centre).sparse_distance_matrix(
            cKDTree(here.centre), rule.distance_um, output_type="ndarray"
        )
        i, j = near["i"].astype(np.int64), near["j"].astype(np.int64)
        gain = rule.distance_um - near["v"]
        kept = gain > 0
    return earlier.first + i[kept], here.first + j[kept], gain[kept]


def _iter_fill(planes: Labels, before: Ints, name: Labels, length: Labels, edges: list[float], gap: int) -> Steps[None]:
    """Give sections the number of their particle, in place, and fill the slices that links lead over."""
    start = np.concatenate([[0], np.cumsum([int(plane.max(initial=0)) for plane in planes])])
    at = np.repeat(np.arange(len(planes)), np.diff(start))
    for index, plane in enumerate(planes):
        planes[index] = np.concatenate([[0], name[start[index] : start[index + 1]]])[plane]
    wide = np.flatnonzero((before >= 0) & (at - at[before] > 1))
    boxes: dict[int, dict[int, tuple[slice, slice]]] = {}
    for done, section in enumerate(wide):
        first, last = int(at[before[section]]), int(at[section])
        own = int(name[section])
        for index in (first, last):
            if index not in boxes:
                boxes[index] = _boxes(planes[index])
        for stale in [index for index in boxes if index < last - gap - 1]:
            del boxes[stale]
        box = _around(boxes[first][own], boxes[last][own])
        low, high = (_inside(planes[index][box] == own, edges) for index in (first, last))
        for index in range(first + 1, last):
            share = (index - first) / (last - first)
            target = planes[index][box]
            # A section that belongs to nothing else (two particles taken for one) makes way.
            free = (target == 0) | (length[target] == 1)
            target[((1 - share) * low + share * high > 0) & free] = own
        if done % 32 == 0:
            yield Progress(wide.size + done, 2 * wide.size, "Filling gaps between slices")


def _boxes(plane: Labels) -> dict[int, tuple[slice, slice]]:
    ids, small = np.unique(plane, return_inverse=True)
    found = ndimage.find_objects(small.reshape(plane.shape) + 1)
    return {int(label): box for label, box in zip(ids, found, strict=True) if label > 0}


def _around(one: tuple[slice, slice], other: tuple[slice, slice]) -> tuple[slice, slice]:
    """Give the box around two, and one pixel more for the outline."""
    sides = [slice(max(0, min(a.start, b.start) - 1), max(a.stop, b.stop) + 1) for a, b in zip(one, other, strict=True)]
    return sides[0], sides[1]


def _inside(mask: npt.NDArray[np.bool_], edges: list[float]) -> Floats:
    """Give the distance to the outline, negative outside."""
    mask = np.pad(mask, 1)
    # Distances are those to the middle of the nearest pixel on the other side; the outline lies half a pixel before it.
    within = ndimage.distance_transform_edt(mask, sampling=edges) - min(edges) / 2
    beyond = ndimage.distance_transform_edt(~mask, sampling=edges) - min(edges) / 2
    return np.asarray(np.where(mask, within, -beyond)[1:-1, 1:-1], dtype=np.float64)


@jit
def _centres(plane, sections):  # type: ignore[no-untyped-def]
    sums = np.zeros((sections, 2), dtype=np.float64)
    count = np.zeros(sections, dtype=np.int64)
    for y in range(plane.shape[0]):
        for x in range(plane.shape[1]):
            section = plane[y, x] - 1
            if section >= 0:
                count[section] += 1
                sums[section, 0] += y
                sums[section, 1] += x
    for section in range(sections):
        sums[section] /= max(1, count[section])
    return sums


@jit
def _chains(before):  # type: ignore[no-untyped-def]
    """Give each section the number of its particle, and each particle its number of sections."""
    name = np.zeros(before.size, dtype=np.int32)
    length = np.zeros(before.size + 1, dtype=np.int32)
    count = 0
    for section in range(before.size):
        if before[section] < 0:
            count += 1
            name[section] = count
        else:
            name[section] = name[before[section]]
        length[name[section]] += 1
    return name, length[: count + 1]
