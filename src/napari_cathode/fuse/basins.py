"""Watershed basins of a smooth 3D map, merged where the saddle between two of them is shallow.

A voxel belongs to the peak that the steepest way up from it reaches. Two basins stay apart only if the lower of
their peaks rises at least h above the highest saddle on any way between them: exactly the peaks that the h-maxima
transform keeps (Soille, Morphological Image Analysis, 2nd ed., ch. 6.3.4; the measure is the *dynamics* of a peak,
Grimaud 1992). The graph of basins is small, so that h can change without going over the voxels again, and the
morphological reconstruction that an h-maxima transform of the whole volume needs falls away.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit
from napari_cathode.progress import Progress, Steps

Map: TypeAlias = npt.NDArray[np.float32]
Labels: TypeAlias = npt.NDArray[np.int32]

_SLAB_VOXELS = 1 << 20
_OUTSIDE = np.float32(-1e30)
"""Height of what is no foreground: no way leads there."""


def slabs(shape: tuple[int, ...], voxels: int = _SLAB_VOXELS) -> list[tuple[int, int]]:
    """Cut a volume into slabs along z that are worked on in well under half a second each."""
    thick = max(1, voxels // max(1, shape[1] * shape[2]))
    return [(first, min(first + thick, shape[0])) for first in range(0, shape[0], thick)]


def iter_basins(
    height: Map, foreground: npt.NDArray[np.bool_], spacing_um: tuple[float, float, float], h: float
) -> Steps[Labels]:
    """Divide the foreground into the basins of its peaks.

    Parameters
    ----------
    height : ndarray of float32, shape (z, y, x)
        The map, high inside of particles.
    foreground : ndarray of bool, shape (z, y, x)
        What is divided; ways up and saddles lie inside of it (26 neighbours).
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x), for the slope.
    h : float
        How far a peak must rise above the saddle to a higher one to have a basin of its own.

    Returns
    -------
    ndarray of int32, shape (z, y, x)
        Basins 1 … n, 0 outside of the foreground.
    """
    parts = slabs(height.shape)
    total = 4 * len(parts)
    what = "Dividing touching particles"
    step = np.asarray(spacing_um, dtype=np.float64)
    up = np.empty(height.size, dtype=np.int32 if height.size < 2**31 else np.int64)
    labels: Labels = np.zeros(height.shape, dtype=np.int32)
    flat_labels = labels.reshape(-1)
    for done, (first, last) in enumerate(parts):
        _climb(height, foreground, step, first, last, up)
        yield Progress(done, total, what)
    plane = height.shape[1] * height.shape[2]
    count = 0
    for done, (first, last) in enumerate(parts):
        count = _follow(up, first * plane, last * plane, flat_labels, count)
        yield Progress(len(parts) + done, total, what)
    for first, last in parts:
        _name(up, first * plane, last * plane, flat_labels)
    peaks = np.zeros(count + 1, dtype=np.float32)
    keys = np.full(1 << 12, -1, dtype=np.int64)
    saddles = np.zeros(keys.size, dtype=np.float32)
    used = 0
    for done, (first, last) in enumerate(parts):
        keys, saddles, used = _saddles(height, labels, first, last, peaks, keys, saddles, used)
        yield Progress(2 * len(parts) + done, total, what)
    filled = keys >= 0
    keys, saddles = keys[filled], saddles[filled]
    order = np.lexsort((keys, -saddles))
    owner = _merge(keys[order], saddles[order], peaks, np.float32(h))
    _, contiguous = np.unique(owner, return_inverse=True)
    table = contiguous.astype(np.int32)
    for done, (first, last) in enumerate(parts):
        labels[first:last] = table[labels[first:last]]
        yield Progress(3 * len(parts) + done, total, what)
    return labels


@jit
def _climb(height, foreground, step, first, last, up):  # type: ignore[no-untyped-def]
    """Point each foreground voxel at its steepest higher neighbour; peaks at themselves, background at -1.

    On a plateau the way leads to the neighbour with the greatest index, so that there is no circle. Works on rows,
    since loops without branches along a row are several voxels at a time for the processor.
    """
    nz, ny, nx = height.shape
    around = np.full((last - first + 2, ny + 2, nx + 2), _OUTSIDE, dtype=np.float32)
    for z in range(max(0, first - 1), min(nz, last + 1)):
        for y in range(ny):
            for x in range(nx):
                around[z - first + 1, y + 1, x + 1] = height[z, y, x] if foreground[z, y, x] else _OUTSIDE
    steepest = np.empty(nx, dtype=np.float32)
    uphill = np.empty(nx, dtype=np.int32)
    level = np.empty(nx, dtype=np.int32)
    for z in range(first, last):
        for y in range(ny):
            steepest[:] = 0
            uphill[:] = 0
            level[:] = 0
            own = around[z - first + 1, y + 1, 1 : nx + 1]
            for dz in range(-1, 2):
                for dy in range(-1, 2):
                    row = around[z - first + 1 + dz, y + 1 + dy]
                    for dx in range(-1, 2):
                        way = np.int32((dz * ny + dy) * nx + dx)
                        if way == 0:
                            continue
                        length = np.sqrt((dz * step[0]) ** 2 + (dy * step[1]) ** 2 + (dx * step[2]) ** 2)
                        _steeper(own, row[1 + dx : 1 + dx + nx], way, np.float32(1 / length), steepest, uphill, level)
            base = (z * ny + y) * nx
            for x in range(nx):
                way = uphill[x] if steepest[x] > 0 else level[x]
                up[base + x] = base + x + way if foreground[z, y, x] else -1


@jit
def _steeper(own, row, way, share, steepest, uphill, level):  # type: ignore[no-untyped-def]
    """Note the neighbours that lie ``way`` voxels on where they are the steepest so far, or level and further on."""
    for x in range(steepest.size):
        rise = row[x] - own[x]
        slope = rise * share
        uphill[x] = way if slope > steepest[x] else uphill[x]
        steepest[x] = slope if slope > steepest[x] else steepest[x]
        level[x] = way if rise == 0 and way > 0 else level[x]


@jit
def _follow(up, first, last, labels, count):  # type: ignore[no-untyped-def]
    """Point each voxel straight at its peak and number the peaks that come by."""
    for here in range(first, last):
        if up[here] < 0:
            continue
        peak = here
        while up[peak] != peak:
            peak = up[peak]
        walker = here
        while up[walker] != peak:
            following = up[walker]
            up[walker] = peak
            walker = following
        if labels[peak] == 0:
            count += 1
            labels[peak] = count
    return count


@jit
def _name(up, first, last, labels):  # type: ignore[no-untyped-def]
    """Give each voxel the number of its peak."""
    for here in range(first, last):
        if up[here] >= 0:
            labels[here] = labels[up[here]]


@jit
def _saddles(height, labels, first, last, peaks, keys, saddles, used):  # type: ignore[no-untyped-def]
    """Note the height of each basin's peak, and of the highest saddle between each two basins (a hash table)."""
    nz, ny, nx = height.shape
    border = np.empty(nx, dtype=np.int32)
    for z in range(first, last):
        for y in range(ny):
            _find_border(labels, z, y, border)
            for x in range(nx):
                own = labels[z, y, x]
                if own == 0:
                    continue
                value = height[z, y, x]
                peaks[own] = max(peaks[own], value)
                if border[x] == 0:
                    continue
                for dz in range(0, 2):
                    if z + dz >= nz:
                        continue
                    for dy in range(-1 if dz else 0, 2):
                        if y + dy < 0 or y + dy >= ny:
                            continue
                        for dx in range(-1 if dz or dy else 1, 2):
                            if x + dx < 0 or x + dx >= nx:
                                continue
                            other = labels[z + dz, y + dy, x + dx]
                            if other == 0 or other == own:
                                continue
                            key = (np.int64(min(own, other)) << 32) | max(own, other)
                            saddle = min(value, height[z + dz, y + dy, x + dx])
                            place = _place(keys, key)
                            if keys[place] == key:
                                saddles[place] = max(saddles[place], saddle)
                                continue
                            keys[place] = key
                            saddles[place] = saddle
                            used += 1
                            if 2 * used > keys.size:
                                keys, saddles = _grow(keys, saddles)
    return keys, saddles, used


@jit
def _find_border(labels, z, y, border):  # type: ignore[no-untyped-def]
    """Mark the voxels of a row of which a later neighbour belongs to another basin."""
    nz, ny, nx = labels.shape
    border[:] = 0
    for dz in range(0, min(2, nz - z)):
        for dy in range(-1 if dz else 0, 2):
            if y + dy < 0 or y + dy >= ny:
                continue
            for dx in range(-1 if dz or dy else 1, 2):
                low, high = max(0, -dx), min(nx, nx - dx)
                own = labels[z, y, low:high]
                near = labels[z + dz, y + dy, low + dx : high + dx]
                marked = border[low:high]
                for x in range(high - low):
                    marked[x] |= np.int32(near[x] != own[x]) & np.int32(near[x] != 0)


@jit
def _place(keys, key):  # type: ignore[no-untyped-def]
    """Find the place of a key in the hash table (its size a power of two), or the free one where it would go."""
    mask = keys.size - 1
    # Knuth's multiplicative hash of both halves; only the low bits are kept.
    place = ((key >> 32) * 2654435761 + (key & 0xFFFFFFFF) * 40503) & mask
    while keys[place] != -1 and keys[place] != key:
        place = (place + 1) & mask
    return place


@jit
def _grow(keys, saddles):  # type: ignore[no-untyped-def]
    """Move the hash table to one of twice the size."""
    wide_keys = np.full(2 * keys.size, -1, dtype=np.int64)
    wide_saddles = np.zeros(2 * keys.size, dtype=np.float32)
    for old in range(keys.size):
        if keys[old] != -1:
            place = _place(wide_keys, keys[old])
            wide_keys[place] = keys[old]
            wide_saddles[place] = saddles[old]
    return wide_keys, wide_saddles


@jit
def _merge(keys, saddles, peaks, h):  # type: ignore[no-untyped-def]
    """Give each basin the one that it ends up in, going down from the highest saddle.

    At a saddle where two basins meet, the one with the lower peak joins the other if it rises less than h above
    it. Basins that stay apart here stay apart at every lower saddle, so that each pair needs to be seen only once.
    """
    owner = np.arange(peaks.size)
    for edge in range(keys.size):
        one = keys[edge] >> 32
        other = keys[edge] & 0xFFFFFFFF
        while owner[one] != one:
            owner[one] = owner[owner[one]]
            one = owner[one]
        while owner[other] != other:
            owner[other] = owner[owner[other]]
            other = owner[other]
        if one == other:
            continue
        if peaks[one] < peaks[other]:
            one, other = other, one
        if peaks[other] - saddles[edge] < h:
            owner[other] = one
    for basin in range(owner.size):
        root = basin
        while owner[root] != root:
            root = owner[root]
        owner[basin] = root
    return owner
