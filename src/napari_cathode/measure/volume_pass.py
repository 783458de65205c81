"""The one pass over the whole volume, slab by slab: which labels there are, where, how large, and cut by what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import fastremap
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.compile import jit
from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps

SLAB_BYTES = 64 * 2**20
DIRECT_IDS = 4_000_000
"""Up to this label id, sums are kept in arrays indexed by id."""

Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Inventory:
    """The labels of a volume.

    Attributes
    ----------
    ids : ndarray of int64, shape (n,)
        Label ids, ascending.
    voxels : ndarray of int64, shape (n,)
    low, high : ndarray of int64, shape (n, 3)
        First and last index (z, y, x).
    touches_border : ndarray of bool, shape (n,)
        Whether the label has a voxel at a face of the volume or at the edge of its field of view. The two faces of a
        slice do not count.
    """

    ids: npt.NDArray[np.int64]
    voxels: npt.NDArray[np.int64]
    low: npt.NDArray[np.int64]
    high: npt.NDArray[np.int64]
    touches_border: Bools

    def of(self, ids: npt.NDArray[np.int64]) -> Inventory:
        """Give the inventory of some labels."""
        kept = np.isin(self.ids, ids)
        return Inventory(self.ids[kept], self.voxels[kept], self.low[kept], self.high[kept], self.touches_border[kept])


@jit
def _accumulate(slab: Any, edge: Any, voxels: Any, low: Any, high: Any, touches: Any) -> None:
    """Add a slab to the counts, boxes and border flags, all indexed by label."""
    nz, ny, nx = slab.shape
    watched = edge.shape[0] > 0
    for z in range(nz):
        for y in range(ny):
            x = 0
            while x < nx:
                label = slab[z, y, x]
                start = x
                while x < nx and slab[z, y, x] == label:
                    if watched and label > 0 and edge[z, y, x]:
                        touches[label] = True
                    x += 1
                if label <= 0:
                    continue
                voxels[label] += x - start
                low[label, 0] = min(low[label, 0], z)
                high[label, 0] = max(high[label, 0], z)
                low[label, 1] = min(low[label, 1], y)
                high[label, 1] = max(high[label, 1], y)
                low[label, 2] = min(low[label, 2], start)
                high[label, 2] = max(high[label, 2], x - 1)


def slab_depth(shape: tuple[int, int, int]) -> int:
    """Slices per slab, so that a slab of labels has about SLAB_BYTES."""
    return max(1, min(shape[0], SLAB_BYTES // (4 * shape[1] * shape[2])))


def read_labels(labels: Any, box: tuple[slice, slice, slice]) -> npt.NDArray[np.int32]:
    """Read a box of a label image as contiguous int32.

    Raises
    ------
    InputError
        When a label is negative or too large.
    """
    part = np.ascontiguousarray(labels[box])
    if part.size and part.dtype.kind == "i" and int(part.min()) < 0:
        raise InputError("The labels have negative numbers; particles need numbers from 1 on, with 0 for background.")
    if part.dtype != np.int32 and part.size:
        if part.dtype == np.bool_:
            part = part.view(np.uint8)
        elif part.dtype.itemsize >= 4 and int(part.max()) > np.iinfo(np.int32).max:
            raise InputError("A label id is above 2,147,483,647; renumber the labels first.")
    return np.ascontiguousarray(part, np.int32)


def iter_inventory(labels: Any, field_of_view: Bools | None) -> Steps[Inventory]:
    """Take stock of a label image.

    Parameters
    ----------
    labels : array-like of integers, shape (z, y, x)
        In memory or lazy; read once, slab by slab.
    field_of_view : ndarray of bool, optional
        Broadcastable to the labels.

    Yields
    ------
    Progress

    Returns
    -------
    Inventory
    """
    shape = (int(labels.shape[0]), int(labels.shape[1]), int(labels.shape[2]))
    depth = slab_depth(shape)
    parts = []
    for first in range(0, shape[0], depth):
        last = min(first + depth, shape[0])
        yield Progress(first, shape[0], "Taking stock of the labels")
        box = (slice(first, last), slice(0, shape[1]), slice(0, shape[2]))
        edge = find_edge(field_of_view, shape, box)
        parts.append(take_stock(read_labels(labels, box), edge, (first, 0, 0), shape))
    return _merge(parts)


def find_edge(field_of_view: Bools | None, shape: tuple[int, ...], box: tuple[slice, ...]) -> Bools:
    """Mark the voxels of a box that are outside the field of view or at its edge; of no size without one."""
    if field_of_view is None:
        return np.zeros((0, 0, 0), np.bool_)
    wide, inner = [], []
    for where, size, full in zip(box, field_of_view.shape, shape, strict=True):
        if size == full and size > 1:
            start = max(where.start - 1, 0)
            wide.append(slice(start, min(where.stop + 1, full)))
            inner.append(slice(where.start - start, where.stop - start))
        else:  # the same along this axis
            wide.append(slice(None))
            inner.append(slice(None))
    edge = ~ndimage.binary_erosion(field_of_view[tuple(wide)], border_value=1)[tuple(inner)]
    return np.ascontiguousarray(np.broadcast_to(edge, tuple(where.stop - where.start for where in box)))


def take_stock(labels: npt.NDArray[np.int32], edge: Bools, start: Any, shape: tuple[int, ...]) -> Inventory:
    """Take stock of a part of a volume.

    Parameters
    ----------
    labels : ndarray of int32, shape (z, y, x)
        The part.
    edge : ndarray of bool
        As `find_edge` gives it for the part.
    start : sequence of int
        Index (z, y, x) in the volume of the part's first voxel.
    shape : tuple of int
        Voxels (z, y, x) of the volume.

    Returns
    -------
    Inventory
        In indices of the volume.
    """
    names = None
    top = int(labels.max(initial=0))
    if top > DIRECT_IDS:
        labels, mapping = fastremap.renumber(labels, preserve_zero=True)
        labels = np.ascontiguousarray(labels, np.int32)
        top = int(labels.max(initial=0))
        names = np.zeros(top + 1, np.int64)
        names[np.array(list(mapping.values()))] = np.array(list(mapping.keys()))
    voxels = np.zeros(top + 1, np.int64)
    low = np.full((top + 1, 3), np.iinfo(np.int64).max)
    high = np.full((top + 1, 3), -1)
    touches = np.zeros(top + 1, np.bool_)
    _accumulate(labels, edge, voxels, low, high, touches)
    found = np.flatnonzero(voxels)
    low, high, touches = low[found] + np.asarray(start), high[found] + np.asarray(start), touches[found]
    for axis in range(1 if shape[0] == 1 else 0, 3):
        touches |= (low[:, axis] == 0) | (high[:, axis] == shape[axis] - 1)
    return Inventory(found if names is None else names[found], voxels[found], low, high, touches)


def _merge(parts: list[Inventory]) -> Inventory:
    """Merge the slabs' inventories."""
    ids, place = np.unique(np.concatenate([part.ids for part in parts]), return_inverse=True)
    voxels = np.zeros(len(ids), np.int64)
    low = np.full((len(ids), 3), np.iinfo(np.int64).max)
    high = np.full((len(ids), 3), -1)
    touches = np.zeros(len(ids), np.bool_)
    np.add.at(voxels, place, np.concatenate([part.voxels for part in parts]))
    np.minimum.at(low, place, np.concatenate([part.low for part in parts]))
    np.maximum.at(high, place, np.concatenate([part.high for part in parts]))
    np.logical_or.at(touches, place, np.concatenate([part.touches_border for part in parts]))
    return Inventory(ids, voxels, low, high, touches)
