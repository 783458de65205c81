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
    boxes: list[npt.NDArray[np.int64]] = []
    count = 0
    for index in range(len(planes)):
        where = tuple(index if i == axis else slice(None) for i in range(3))
        here = _Slice(np.asarray(labels[where]), planes[index], count, edges)
        count += here.area.size
        boxes.append(here.box)
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
    yield from _iter_fill(planes, before, name, length, edges, boxes)
    return np.ascontiguousarray(np.moveaxis(planes, 0, axis))


class _Slice:
    """A slice whose sections are numbered 1 … n in ``plane``; ``first`` is the number of its first among all slices.

    Each section has its area (pixels), its centroid (µm) and its box (first and last row, first and last column).
    """

    def __init__(self, labels: npt.NDArray[Any], plane: Labels, first: int, edges: list[float]) -> None:
        if labels.dtype.kind == "i" and labels.size and int(labels.min()) < 0:
            raise InputError("The labels have negative numbers; particles need numbers from 1 on, 0 for background.")
        if int(labels.max(initial=0)) > max(1 << 16, labels.size):
            ids, place = np.unique(labels, return_inverse=True)
            labels = place.reshape(labels.shape) + (0 if ids[0] == 0 else 1)
        labels = np.ascontiguousarray(labels, dtype=np.int32)
        self.plane = plane
        self.first = first
        self.area, self.centre, self.box = _look(labels, int(labels.max(initial=0)), plane)
        self.centre *= edges


def _candidates(earlier: _Slice, here: _Slice, rule: LinkRule) -> tuple[Ints, Ints, Floats]:
    """Name the pairs of sections of two slices that may be one particle, with what each is worth."""
    if not (earlier.area.size and here.area.size):
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


def _iter_fill(
    planes: Labels, before: Ints, name: Labels, length: Labels, edges: list[float], boxes: list[Ints]
) -> Steps[None]:
    """Give sections the number of their particle, in place, and fill the slices that links lead over."""
    start = np.concatenate([[0], np.cumsum([len(box) for box in boxes])])
    at = np.repeat(np.arange(len(planes)), np.diff(start))
    box = np.concatenate(boxes)
    for index, plane in enumerate(planes):
        planes[index] = np.concatenate([[0], name[start[index] : start[index + 1]]])[plane]
    wide = np.flatnonzero((before >= 0) & (at - at[before] > 1))
    for done, section in enumerate(wide):
        first, last, own = int(at[before[section]]), int(at[section]), name[section]
        around = _around(box[before[section]], box[section])
        low, high = (_inside(planes[index][around] == own, edges) for index in (first, last))
        for index in range(first + 1, last):
            share = (index - first) / (last - first)
            target = planes[index][around]
            # A section that belongs to nothing else (two particles taken for one) makes way.
            free = (target == 0) | (length[target] == 1)
            target[((1 - share) * low + share * high > 0) & free] = own
        if done % 32 == 0:
            yield Progress(wide.size + done, 2 * wide.size, "Filling gaps between slices")


def _around(one: Ints, other: Ints) -> tuple[slice, slice]:
    """Give the box around two, and one pixel more for the outline."""
    top, left = np.maximum(np.minimum(one[[0, 2]], other[[0, 2]]) - 1, 0)
    bottom, right = np.maximum(one[[1, 3]], other[[1, 3]]) + 2
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def _inside(mask: npt.NDArray[np.bool_], edges: list[float]) -> Floats:
    """Give the distance to the outline, negative outside."""
    mask = np.pad(mask, 1)
    # Distances are those to the middle of the nearest pixel on the other side; the outline lies half a pixel before it.
    within = ndimage.distance_transform_edt(mask, sampling=edges) - min(edges) / 2
    beyond = ndimage.distance_transform_edt(~mask, sampling=edges) - min(edges) / 2
    return np.asarray(np.where(mask, within, -beyond)[1:-1, 1:-1], dtype=np.float64)


@jit
def _look(labels, most, plane):  # type: ignore[no-untyped-def]
    """Write sections numbered 1 … n into ``plane``; give their areas, centroids and boxes (pixels)."""
    ny, nx = labels.shape
    number = np.zeros(most + 1, dtype=np.int32)
    for y in range(ny):
        for x in range(nx):
            if labels[y, x] > 0:
                number[labels[y, x]] = 1
    count = 0
    for label in range(1, most + 1):
        if number[label]:
            count += 1
            number[label] = count
    area = np.zeros(count, dtype=np.int64)
    centre = np.zeros((count, 2), dtype=np.float64)
    box = np.empty((count, 4), dtype=np.int64)
    for y in range(ny):
        for x in range(nx):
            if labels[y, x] <= 0:
                plane[y, x] = 0
                continue
            plane[y, x] = number[labels[y, x]]
            section = plane[y, x] - 1
            if area[section] == 0:
                box[section] = (y, y, x, x)
            area[section] += 1
            centre[section, 0] += y
            centre[section, 1] += x
            box[section, 1] = y
            box[section, 2] = min(box[section, 2], x)
            box[section, 3] = max(box[section, 3], x)
    for section in range(count):
        centre[section] /= area[section]
    return area, centre, box


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
