"""What the views say of each voxel, after each view was repaired along its own axis.

A 2D network errs slice by slice: it loses a slice or a section, takes two neighbours for one, cuts one in two, shifts
an outline. The slices above and below rarely share the error. So each view is looked at along the axis on which its
slices follow each other, in a window of a tenth of a particle: gaps between sections are bridged, and probability and
centre are medians over the sections there. What the views then say is added up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit
from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps
from napari_cathode.tomogram import Spacing

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction

FIXED = 32
"""Offsets are whole numbers of 1/32 voxel."""

_FARTHEST = 500.0
_SLAB = 32
_WINDOW_SHARE = 0.1
_WIDEST = 4
_MISSING = np.float32(1e30)
"""Stands for no value, behind all values."""
_NO_CENTROIDS = (np.zeros(1, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.float32))


@dataclass(eq=False)
class Gathered:
    """What the views say of each voxel of a volume (z, y, x).

    Attributes
    ----------
    seen : ndarray of uint8
        Bit k is set where view number k sees a particle, bridged gaps included.
    probability : ndarray of float32
        Mean over the views that see one there, 0 where none does.
    offset : ndarray of int16, shape (z, y, x, 3)
        Sum over the views of the way to the centre of the section along (z, y, x), in 1/`FIXED` voxels; empty where
        nobody asked for it.
    names : tuple of str
        The views, in the order of their numbers.
    """

    seen: npt.NDArray[np.uint8]
    probability: npt.NDArray[np.float32]
    offset: npt.NDArray[np.int16]
    names: tuple[str, ...]

    def along(self, axis: int) -> tuple[int, ...]:
        """Give the numbers of the views whose slices hold an axis: those that know of ways along it."""
        from napari_cathode.identify import VIEW_AXIS

        return tuple(number for number, name in enumerate(self.names) if VIEW_AXIS[name] != axis)


def window(spacing_um: Spacing, diameter_um: float, axis: int, gap_slices: int | None) -> int:
    """Give how many slices to each side a view is repaired with: those asked for, or a tenth of a particle."""
    if gap_slices is not None:
        return gap_slices
    return int(np.clip(round(_WINDOW_SHARE * diameter_um / spacing_um[axis]), 1, _WIDEST))


def iter_gather(
    views: Mapping[str, ViewPrediction],
    names: tuple[str, ...],
    spacing_um: Spacing,
    reach: Mapping[str, int],
    diameter_um: float,
    ways: bool = True,
) -> Steps[Gathered]:
    """Repair the views and add up what they say.

    Parameters
    ----------
    views : mapping of str to ViewPrediction
    names : tuple of str
        Which of them, at least one.
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x) in µm.
    reach : mapping of str to int
        For each view, the slices to each side that take part in the repair; gaps of up to so many are bridged.
    diameter_um : float
        Typical diameter; the probability of a single view is weighed by the radius of its section over it.
    ways : bool
        Whether ways to centres are wanted, which take half of the time and of the memory.

    Yields
    ------
    Progress
        In slabs of slices.

    Returns
    -------
    Gathered
    """
    from napari_cathode.identify import VIEW_AXIS

    shape = tuple(int(length) for length in views[names[0]].labels.shape)
    seen = np.zeros(shape, dtype=np.uint8)
    probability = np.zeros(shape, dtype=np.float32)
    offset = np.zeros((*shape, 3) if ways else (0, 0, 0, 3), dtype=np.int16)
    parts = [
        (number, name, first) for number, name in enumerate(names) for first in range(0, shape[VIEW_AXIS[name]], _SLAB)
    ]
    for done, (number, name, first) in enumerate(parts):
        yield Progress(done, len(parts), f"Looking at {name} slices")
        axis, r = VIEW_AXIS[name], reach[name]
        last = min(first + _SLAB, shape[axis])
        low, high = max(0, first - r), min(shape[axis], last + r)
        labels, depth = _slab(views[name], axis, low, high)
        start, count, cy, cx = _centroids(labels) if ways or len(names) == 1 else _NO_CENTROIDS
        if len(names) == 1:
            # Nobody sees how deep a voxel lies along the axis; that sections grow towards the middle says it.
            area = math.prod(edge for i, edge in enumerate(spacing_um) if i != axis)
            _weigh(labels, depth, start, np.sqrt(count * area / math.pi).astype(np.float32) / np.float32(diameter_um))
        out = _repair(labels, depth, start, cy, cx, first - low, last - low, r, ways)
        where = tuple(slice(first, last) if i == axis else slice(None) for i in range(3))
        one, two = (i for i in range(3) if i != axis)
        marked, deep, along_one, along_two = (np.moveaxis(values, 0, axis) for values in out)
        seen[where] |= marked << np.uint8(number)
        probability[where] += deep
        if not ways:
            continue
        offset[(*where, one)] += along_one
        offset[(*where, two)] += along_two
    _mean(probability.reshape(-1), seen.reshape(-1))
    return Gathered(seen, probability, offset, names)


def _slab(
    view: ViewPrediction, axis: int, low: int, high: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """Read slices of a view, one after the other along the first axis."""
    where = tuple(slice(low, high) if i == axis else slice(None) for i in range(3))
    labels = np.moveaxis(np.asarray(view.labels[where]), axis, 0)
    depth = np.ascontiguousarray(np.moveaxis(np.asarray(view.probability[where]), axis, 0), dtype=np.float32)
    if not np.isfinite(depth).all():
        raise InputError(f"The probability of view {view.view} holds values that are no numbers; find particles again.")
    return numbered(labels), depth


def numbered(labels: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Give slices (s, y, x) whose labels are no larger than a slice has pixels: tables are kept by label."""
    most = int(labels.max(initial=0))
    if most > max(1 << 16, labels[0].size if len(labels) else 0):
        ids, place = np.unique(labels, return_inverse=True)
        labels = np.where(ids > 0, np.arange(1, ids.size + 1), 0)[place].reshape(labels.shape)
    return np.ascontiguousarray(labels, dtype=np.int32)


@jit
def _centroids(labels):  # type: ignore[no-untyped-def]
    """Give the centroid of each section, in one table; ``start`` says where the sections of a slice begin."""
    n, ny, nx = labels.shape
    start = np.zeros(n + 1, dtype=np.int64)
    for s in range(n):
        most = 0
        for y in range(ny):
            for x in range(nx):
                most = max(most, labels[s, y, x])
        start[s + 1] = start[s] + most + 1
    count = np.zeros(start[n], dtype=np.int64)
    cy = np.zeros(start[n], dtype=np.float64)
    cx = np.zeros(start[n], dtype=np.float64)
    for s in range(n):
        for y in range(ny):
            for x in range(nx):
                if labels[s, y, x] > 0:
                    place = start[s] + labels[s, y, x]
                    count[place] += 1
                    cy[place] += y
                    cx[place] += x
    for place in range(count.size):
        if count[place]:
            cy[place] /= count[place]
            cx[place] /= count[place]
    return start, count, cy.astype(np.float32), cx.astype(np.float32)


@jit
def _weigh(labels, depth, start, weight):  # type: ignore[no-untyped-def]
    """Multiply the probability of each section by its weight, in place."""
    n, ny, nx = labels.shape
    for s in range(n):
        for y in range(ny):
            for x in range(nx):
                if labels[s, y, x] > 0:
                    depth[s, y, x] *= min(np.float32(1), weight[start[s] + labels[s, y, x]])


@jit(fastmath=True)
def _repair(labels, depth, start, cy, cx, first, last, r, ways):  # type: ignore[no-untyped-def]
    """Repair the slices ``first`` … ``last``: seen, median probability, median way to the centre along both axes.

    Works on rows, since loops without branches along a row are several voxels at a time for the processor.
    """
    n, ny, nx = labels.shape
    seen = np.zeros((last - first, ny, nx), dtype=np.uint8)
    deep = np.zeros((last - first, ny, nx), dtype=np.float32)
    shape = (last - first, ny, nx) if ways else (0, 0, 0)
    along_y = np.zeros(shape, dtype=np.int16)
    along_x = np.zeros(shape, dtype=np.int16)
    ps = np.empty((2 * r + 1, nx), dtype=np.float32)
    ys = np.empty((2 * r + 1, nx), dtype=np.float32)
    xs = np.empty((2 * r + 1, nx), dtype=np.float32)
    count = np.empty(nx, dtype=np.int32)
    above = np.empty(nx, dtype=np.int32)
    below = np.empty(nx, dtype=np.int32)
    for s in range(first, last):
        low, high = max(0, s - r), min(n, s + r + 1)
        for y in range(ny):
            _look(labels, depth, s, y, low, high, ps, count, above, below)
            if not count.any():
                continue
            _sort_columns(ps, high - low)
            if ways:
                for k in range(low, high):
                    for x in range(nx):
                        label = labels[k, y, x]
                        place = start[k] + label
                        ys[k - low, x] = cy[place] if label > 0 else _MISSING
                        xs[k - low, x] = cx[place] if label > 0 else _MISSING
                _sort_columns(ys, high - low)
                _sort_columns(xs, high - low)
            for x in range(nx):
                if labels[s, y, x] <= 0 and above[x] + below[x] > r + 1:
                    continue
                one, two = (count[x] - 1) // 2, count[x] // 2
                seen[s - first, y, x] = 1
                deep[s - first, y, x] = np.float32(0.5) * (ps[one, x] + ps[two, x])
                if not ways:
                    continue
                way_y = min(max(0.5 * (ys[one, x] + ys[two, x]) - y, -_FARTHEST), _FARTHEST)
                way_x = min(max(0.5 * (xs[one, x] + xs[two, x]) - x, -_FARTHEST), _FARTHEST)
                along_y[s - first, y, x] = np.int16(np.rint(way_y * FIXED))
                along_x[s - first, y, x] = np.int16(np.rint(way_x * FIXED))
    return seen, deep, along_y, along_x


@jit(fastmath=True)
def _look(labels, depth, s, y, low, high, ps, count, above, below):  # type: ignore[no-untyped-def]
    """Note for a row the probabilities in the slices around, how many there are, and how far the nearest are."""
    nx = labels.shape[2]
    far = np.int32(high - low + 1)
    for x in range(nx):
        count[x], above[x], below[x] = 0, far, far
    for k in range(low, high):
        row, deep, out = labels[k, y], depth[k, y], ps[k - low]
        for x in range(nx):
            out[x] = deep[x] if row[x] > 0 else _MISSING
            count[x] += np.int32(1) if row[x] > 0 else np.int32(0)
    for k in range(low, s):
        row, near = labels[k, y], np.int32(s - k)
        for x in range(nx):
            above[x] = near if row[x] > 0 else above[x]
    for k in range(high - 1, s, -1):
        row, near = labels[k, y], np.int32(k - s)
        for x in range(nx):
            below[x] = near if row[x] > 0 else below[x]


@jit(fastmath=True)
def _sort_columns(values, n):  # type: ignore[no-untyped-def]
    """Sort the first n entries of each column, in place (odd-even transposition: few, and the same for all)."""
    for turn in range(n):
        for k in range(turn & 1, n - 1, 2):
            one, two = values[k], values[k + 1]
            for x in range(values.shape[1]):
                a, b = one[x], two[x]
                one[x] = a if a < b else b
                two[x] = b if a < b else a


@jit
def _mean(total, seen):  # type: ignore[no-untyped-def]
    """Divide sums over views by the number of views that see a voxel, in place."""
    for i in range(total.size):
        bits = seen[i]
        count = (bits & 1) + ((bits >> 1) & 1) + ((bits >> 2) & 1)
        if count > 1:
            total[i] /= count
