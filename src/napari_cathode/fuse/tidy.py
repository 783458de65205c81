"""The last touches to particles: whole, without holes, numbered without gaps."""

from __future__ import annotations

import cc3d
import fill_voids
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.compile import jit
from napari_cathode.progress import Progress, Steps

from .basins import Labels, slabs

_PASSES = 64


def iter_spread(labels: Labels, foreground: npt.NDArray[np.bool_]) -> Steps[Labels]:
    """Make pieces whole, in place.

    What lies apart from a piece's largest part, and foreground without a piece, goes to a neighbour;
    voxels that no piece reaches through the foreground stay 0.
    """
    parts = cc3d.connected_components(labels, connectivity=6, out_dtype=np.uint32)
    yield Progress(0, 2, "Making particles whole")
    flat, flat_parts = labels.reshape(-1), parts.reshape(-1)
    _keep_largest(flat, flat_parts, int(flat.max(initial=0)), int(flat_parts.max(initial=0)))
    del parts, flat_parts
    yield Progress(1, 2, "Making particles whole")
    open_ = np.flatnonzero((flat == 0) & foreground.reshape(-1))
    for _ in range(_PASSES):
        found = _neighbour(labels, open_)
        given = found > 0
        if not given.any():
            break
        flat[open_[given]] = found[given]
        open_ = open_[~given]
        yield Progress(1, 2, "Making particles whole")
    return labels


def iter_fill(labels: Labels) -> Steps[Labels]:
    """Fill the holes of particles and number them without gaps, in place."""
    volumes = voxel_counts(labels)
    boxes = ndimage.find_objects(labels)
    # Small ones first: a particle that lies inside another is then swallowed by it, whatever the order of the numbers.
    for done, label in enumerate(np.argsort(volumes, kind="stable")):
        box = boxes[label - 1] if label else None
        if box is None:
            continue
        inside = labels[box]
        filled, count = fill_voids.fill(inside == label, in_place=True, return_fill_count=True)
        if count:
            inside[filled.astype(bool)] = label
        if done % 64 == 0:
            yield Progress(done, volumes.size, "Filling holes")
    present = voxel_counts(labels) > 0
    present[0] = False
    renumber(labels, np.where(present, np.cumsum(present), 0).astype(np.int32))
    return labels


def voxel_counts(labels: Labels) -> npt.NDArray[np.int64]:
    """Count the voxels of each label, the background first, slab by slab: NumPy would make 64-bit numbers of all."""
    parts = slabs(labels.shape)
    most = max((int(labels[first:last].max(initial=0)) for first, last in parts), default=0)
    counts = np.zeros(most + 1, dtype=np.int64)
    for first, last in parts:
        counts += np.bincount(labels[first:last].reshape(-1), minlength=most + 1)
    return counts


def renumber(labels: Labels, table: npt.NDArray[np.int32]) -> None:
    """Replace each label by its entry in a table, in place."""
    for first, last in slabs(labels.shape):
        labels[first:last] = table[labels[first:last]]


@jit
def _keep_largest(labels, parts, n, m):  # type: ignore[no-untyped-def]
    size = np.zeros(m + 1, dtype=np.int64)
    for i in range(labels.size):
        size[parts[i]] += 1
    best = np.zeros(n + 1, dtype=np.int64)
    for i in range(labels.size):
        label = labels[i]
        if label > 0 and (best[label] == 0 or size[parts[i]] > size[best[label]]):
            best[labels[i]] = parts[i]
    for i in range(labels.size):
        if labels[i] > 0 and parts[i] != best[labels[i]]:
            labels[i] = 0


@jit
def _neighbour(labels, places):  # type: ignore[no-untyped-def]
    """Give, for each place, the label that most of its six neighbours have (the largest of equals), 0 for none."""
    nz, ny, nx = labels.shape
    flat = labels.reshape(-1)
    found = np.zeros(places.size, dtype=np.int32)
    seen = np.zeros(6, dtype=np.int32)
    for index in range(places.size):
        place = places[index]
        x = place % nx
        y = (place // nx) % ny
        z = place // (nx * ny)
        n = 0
        for way in range(6):
            a, b, c = z, y, x
            if way == 0:
                a -= 1
            elif way == 1:
                a += 1
            elif way == 2:
                b -= 1
            elif way == 3:
                b += 1
            elif way == 4:
                c -= 1
            else:
                c += 1
            if a < 0 or a >= nz or b < 0 or b >= ny or c < 0 or c >= nx:
                continue
            label = flat[(a * ny + b) * nx + c]
            if label > 0:
                seen[n] = label
                n += 1
        most = 0
        for one in range(n):
            count = 0
            for two in range(n):
                if seen[two] == seen[one]:
                    count += 1
            if count > most or (count == most and seen[one] > found[index]):
                most = count
                found[index] = seen[one]
    return found
