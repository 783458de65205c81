"""Compiled loops over the voxels of one particle's crop.

Masks are uint8 arrays of shape (z, y, x), C-contiguous, 0 or 1; a slice has z = 1. All inner loops run along x without
branches so that they become vector instructions.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit
from napari_cathode.smoothing import copy_line

Mask = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

OUTER, SOLID = 1, 2
"""Bits of a coded voxel: of the filled particle F, of its solid M."""


def within_ball(mask: npt.NDArray[Any], spacing: npt.NDArray[np.float64], radius: float, inverted: bool) -> Mask:
    """Mark voxels whose distance to the nearest voxel of a mask is at most a radius.

    This is dilation by a ball, made from squared distances capped at the radius, one axis after the other. Where the
    voxels are cubes these are whole numbers, in bytes if they fit: many of them are compared at a time.

    Parameters
    ----------
    mask : ndarray of uint8, shape (z, y, x)
    spacing : ndarray of float64, shape (3,)
        Voxel edges; infinite along an axis on which there is nothing to look for.
    radius : float
        In the unit of ``spacing``.
    inverted : bool
        Whether distances are to the voxels outside the mask.

    Returns
    -------
    ndarray of uint8, shape (z, y, x)
    """
    tables = _squares((float(spacing[0]), float(spacing[1]), float(spacing[2])), float(radius))
    return _within_ball(mask, np.uint8(0 if inverted else 1), *tables)


@lru_cache(maxsize=64)
def _squares(spacing: tuple[float, float, float], radius: float) -> tuple[Any, ...]:
    """Give the squares of 0, 1, 2 … steps along (z, y, x) within a radius, that of the radius, and what is beyond."""
    finite = [edge for edge in spacing if np.isfinite(edge)]
    limit = radius * radius * (1 + 1e-5)
    kind: Any = np.float32
    edges = list(spacing)
    if np.allclose(finite, finite[0], rtol=1e-6, atol=0):
        limit = float(int(limit / finite[0] ** 2))
        edges = [edge / finite[0] for edge in spacing]
        kind = next(dtype for dtype in (np.uint8, np.uint16, np.uint32) if 2 * limit + 1 <= np.iinfo(dtype).max)
    far = kind(limit + 1 if kind is not np.float32 else 2 * limit + 1)
    steps = [np.arange(int(radius / edge * (1 + 1e-5)) + 1) for edge in spacing]
    z, y, x = (
        (step.astype(np.float64) ** 2 * (edge**2 if len(step) > 1 else 0)).astype(kind)
        for step, edge in zip(steps, edges, strict=True)
    )
    return z, y, x, kind(limit), far


@jit
def _within_ball(mask: Mask, wanted: Any, along_z: Any, along_y: Any, along_x: Any, limit: Any, far: Any) -> Mask:
    """Do the work of `within_ball`, given the squares of 0, 1, 2 … steps along each axis.

    The rows of a plane lie in one line, in which a step along an axis is a shift. What that takes from other rows along
    x is put far away: long loops are worth more than few operations.
    """
    nz, ny, nx = mask.shape
    size, reach, above = ny * nx, len(along_x) - 1, (len(along_y) - 1) * nx
    low, high = np.zeros((reach + 1, ny, nx), along_x.dtype), np.zeros((reach + 1, ny, nx), along_x.dtype)
    for step in range(1, reach + 1):
        low[step, :, :step] = far
        high[step, :, max(nx - step, 0) :] = far
    planes = np.empty((nz, size), along_x.dtype)
    seeds, rows = np.full(size + 2 * reach, far), np.full(size + 2 * above, far)
    seed, row = seeds[reach : reach + size], rows[above : above + size]
    zero = along_x.dtype.type(0)
    for z in range(nz):
        plane, given = planes[z], mask[z].ravel()
        some, every = np.uint8(0), np.uint8(1)
        for i in range(size):
            some |= given[i]
            every &= given[i]
            seed[i] = zero if given[i] == wanted else far
        if some == every:
            copy_line(plane, seed)
            continue
        copy_line(row, seed)
        for step in range(1, len(along_x)):
            before, after = seeds[reach - step : reach - step + size], seeds[reach + step : reach + step + size]
            start, end = low[step].ravel(), high[step].ravel()
            for i in range(size):
                nearest = min(max(before[i], start[i]), max(after[i], end[i]))
                row[i] = min(row[i], along_x.dtype.type(nearest + along_x[step]))
        copy_line(plane, row)
        for step in range(1, len(along_y)):
            shift = step * nx
            _nearer(plane, rows[above - shift :], rows[above + shift :], along_y[step])
    result = np.empty_like(mask)
    for z in range(nz):
        copy_line(row, planes[z])
        for step in range(1, len(along_z)):
            # Beyond the array the last plane is taken once more: it is nearer than that in truth, and changes nothing.
            _nearer(row, planes[max(z - step, 0)], planes[min(z + step, nz - 1)], along_z[step])
        out = result[z].ravel()
        for i in range(size):
            out[i] = row[i] <= limit
    return result


@jit
def _nearer(squares: Any, before: Any, after: Any, extra: Any) -> None:
    """Take what is nearer by way of one of two lines."""
    for i in range(len(squares)):
        squares[i] = min(squares[i], squares.dtype.type(min(before[i], after[i]) + extra))


@jit
def erode(mask: Mask) -> Mask:
    """Remove the voxels of a mask that have one of their six face neighbours outside it.

    Beyond the array lies outside, except beyond the single plane of a slice.
    """
    nz, ny, nx = mask.shape
    result = np.zeros_like(mask)
    if nz == 2 or ny < 3 or nx < 3:
        return result
    # All rows are one line, in which a neighbour is a shift; what that takes from the other end of a row goes below.
    plane = ny * nx if nz > 1 else 0
    line, first = mask.ravel(), plane + nx
    size = len(line) - 2 * first
    here, out = line[first : first + size], result.ravel()[first : first + size]
    left, right = line[first - 1 : first - 1 + size], line[first + 1 : first + 1 + size]
    above, below = line[plane : plane + size], line[first + nx : first + nx + size]
    before, after = line[nx : nx + size], line[first + plane : first + plane + size]
    for i in range(size):
        out[i] = here[i] & left[i] & right[i] & above[i] & below[i] & before[i] & after[i]
    for z in range(nz):
        result[z, 0] = 0
        result[z, ny - 1] = 0
        for y in range(1, ny - 1):
            result[z, y, 0] = result[z, y, nx - 1] = 0
    return result


@jit
def grow(mask: Mask) -> Mask:
    """Add to a mask its 26 neighbours (8 in a slice)."""
    nz, ny, nx = mask.shape
    result = np.empty_like(mask)
    line, wide = np.empty(ny * nx, np.uint8), np.empty(ny * nx, np.uint8)
    for z in range(nz):
        before, here, after = mask[max(z - 1, 0)].ravel(), mask[z].ravel(), mask[min(z + 1, nz - 1)].ravel()
        for i in range(len(line)):
            line[i] = before[i] | here[i] | after[i]
        _join(wide, line, nx)
        plane = result[z]
        _join(plane.ravel(), wide, 1)
        # Rows lie behind one another: the ends of each have taken the next row's, too.
        rows = wide.reshape(ny, nx)
        for y in range(ny):
            plane[y, 0] = rows[y, 0] | rows[y, min(1, nx - 1)]
            plane[y, nx - 1] = rows[y, nx - 1] | rows[y, max(nx - 2, 0)]
    return result


@jit
def _join(out: Any, line: Any, shift: int) -> None:
    """Join a line with itself, shifted both ways."""
    size = len(line)
    for i in range(size):
        out[i] = line[i]
    low, high = line[: size - shift], line[shift:]
    first, second = out[: size - shift], out[shift:]
    for i in range(len(low)):
        first[i] |= high[i]
    for i in range(len(low)):
        second[i] |= low[i]


@jit
def sort_out(labels: Any, label: int) -> tuple[Mask, Mask, Mask]:
    """Tell the voxels of one label, those of none, and all others: masks of which one is 1 everywhere."""
    own = np.empty(labels.shape, np.uint8)
    free = np.empty(labels.shape, np.uint8)
    taken = np.empty(labels.shape, np.uint8)
    given, mine, nobodys, others = labels.ravel(), own.ravel(), free.ravel(), taken.ravel()
    wanted = labels.dtype.type(label)
    for place in range(len(given)):
        mine[place] = given[place] == wanted
        nobodys[place] = given[place] == 0
        others[place] = (given[place] != wanted) & (given[place] != 0)
    return own, free, taken


@jit
def rows_within(planes: npt.NDArray[np.float64], shape: Any) -> Mask:
    """Mark the voxels of an array on the inner side of all planes.

    Parameters
    ----------
    planes : ndarray of float64, shape (n, 4)
        Outward normal (z, y, x) and offset: ``normal · voxel + offset <= 0`` inside.
    shape : tuple of int
        Of the array.

    Returns
    -------
    ndarray of uint8, shape (z, y, x)
    """
    nz, ny, nx = shape
    result = np.zeros(shape, np.uint8)
    low, high = np.empty(ny), np.empty(ny)
    for z in range(nz):
        low[:] = -1e-6
        high[:] = nx - 1 + 1e-6
        for k in range(len(planes)):
            rest, along, slope = planes[k, 0] * z + planes[k, 3] - 1e-6, planes[k, 1], planes[k, 2]
            if abs(slope) <= 1e-12:
                for y in range(ny):
                    high[y] = -1.0 if rest + along * y > 0 else high[y]
                continue
            rest, along = -rest / slope, -along / slope
            if slope > 0:
                for y in range(ny):
                    high[y] = min(high[y], rest + along * y)
            else:
                for y in range(ny):
                    low[y] = max(low[y], rest + along * y)
        for y in range(ny):
            for x in range(max(int(np.ceil(low[y])), 0), int(np.floor(high[y])) + 1):
                result[z, y, x] = 1
    return result


@jit
def count_pairs(code: Mask) -> npt.NDArray[np.int64]:
    """Count, for each of 13 directions, neighbouring voxels that lie on two sides of a surface.

    Parameters
    ----------
    code : ndarray of uint8, shape (z, y, x)
        Bits OUTER and SOLID, with a border of at least one empty voxel (in a slice, none along z).

    Returns
    -------
    ndarray of int64, shape (2, 13)
        Pairs across the surface of F, and between its solid and its cracks. The directions are in the order of
        `surface.DIRECTIONS`.
    """
    nz, ny, nx = code.shape
    counts = np.zeros((2, 13), np.int64)
    longest = (ny + 1) * nx + 1
    line = np.zeros(-(-(code.size + longest) // 64) * 64 + 64, np.uint8)
    copy_line(line, code.ravel())
    filled, solid = _bits(line, np.uint64(0)), _bits(line, np.uint64(1))
    one = np.uint64(1)
    for dz in range(0, 2 if nz > 1 else 1):
        for dy in range(-1 if dz else 0, 2):
            for dx in range(-1 if dz or dy else 1, 2):
                # The border is empty, so that pairs of one row's end with the next row's start count nothing.
                shift = (dz * ny + dy) * nx + dx
                direction = 9 * dz + 3 * dy + dx - 1
                words, right = shift // 64, np.uint64(shift % 64)
                left = np.uint64(63) - right
                outer, inner = np.uint64(0), np.uint64(0)
                f, f_low, f_high = filled, filled[words:], filled[words + 1 :]
                s, s_low, s_high = solid, solid[words:], solid[words + 1 :]
                for i in range(len(f_high)):
                    f_there = (f_low[i] >> right) | (f_high[i] << one << left)
                    s_there = (s_low[i] >> right) | (s_high[i] << one << left)
                    outer += _ones(f[i] ^ f_there)
                    inner += _ones((f[i] & f_there) & (s[i] ^ s_there))
                counts[0, direction] = outer
                counts[1, direction] = inner
    return counts


@jit
def _bits(line: Any, bit: Any) -> Any:
    """Pack one bit of each byte into words of 64."""
    eights = line.view(np.uint64)
    words = np.zeros(len(eights) // 8, np.uint64)
    for word in range(len(words)):
        for part in range(8):
            chosen = (eights[8 * word + part] >> bit) & np.uint64(0x0101010101010101)
            # The product has the lowest bits of the eight bytes side by side in its highest byte.
            words[word] |= ((chosen * np.uint64(0x0102040810204080)) >> np.uint64(56)) << np.uint64(8 * part)
    return words


@jit
def _ones(word: Any) -> Any:
    """Count the ones of a word of 64 bits: of pairs, of fours, of bytes, of all."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (word * np.uint64(0x0101010101010101)) >> np.uint64(56)


def box_around(mask: Mask, margin: tuple[int, int, int]) -> tuple[slice, slice, slice]:
    """Give the box of a mask with a margin (z, y, x) around it, inside the array."""
    first, last = bounds(mask).tolist()
    z, y, x = map(_widened, first, last, margin, mask.shape)
    return z, y, x


def _widened(first: int, last: int, margin: int, size: int) -> slice:
    """Give the slice from one index to another with a margin, inside so many."""
    return slice(max(first - margin, 0), min(last + 1 + margin, size))


def count(mask: Mask) -> int:
    """Count the voxels of a mask, many times faster than their sum."""
    return int(np.count_nonzero(mask.view(np.bool_)))


@jit
def bounds(mask: Mask) -> npt.NDArray[np.int64]:
    """Give the first and last index (rows) of a mask's voxels along (z, y, x); −1 where it is empty."""
    nz, ny, nx = mask.shape
    ends = np.empty((2, 3), np.int64)
    ends[0] = nz, ny, nx
    ends[1] = -1
    shadow = np.zeros((ny, nx), np.uint8)
    line = shadow.ravel()
    for z in range(nz):
        plane = mask[z].ravel()
        found = np.uint8(0)
        for place in range(len(line)):
            found |= plane[place]
            line[place] |= plane[place]
        if found:
            ends[0, 0], ends[1, 0] = min(ends[0, 0], z), z
    for y in range(ny):
        for x in range(nx):
            if shadow[y, x]:
                ends[0, 1], ends[1, 1] = min(ends[0, 1], y), y
                ends[0, 2], ends[1, 2] = min(ends[0, 2], x), max(ends[1, 2], x)
    if ends[1, 0] < 0:
        ends[0] = -1
    return ends


@jit
def moments(mask: Mask) -> npt.NDArray[np.float64]:
    """Sum 1, z, y, x, zz, yy, xx, zy, zx, yx over the voxels of a mask, in voxels from the array's corner."""
    nz, ny, nx = mask.shape
    sums = np.zeros(10, np.float64)
    for z in range(nz):
        for y in range(ny):
            n = np.int64(0)
            first = np.int64(0)
            second = np.int64(0)
            row = mask[z, y]
            for x in range(nx):
                v = np.int64(row[x])
                n += v
                first += v * x
                second += v * x * x
            if n:
                sums[0] += n
                sums[1] += n * z
                sums[2] += n * y
                sums[3] += first
                sums[4] += n * z * z
                sums[5] += n * y * y
                sums[6] += second
                sums[7] += n * z * y
                sums[8] += first * z
                sums[9] += first * y
    return sums


@jit
def count_in_cells(
    mask: Mask, origin: npt.NDArray[np.int64], cell: npt.NDArray[np.int64], cells: Any
) -> npt.NDArray[np.int64]:
    """Count a mask's voxels in each cell of a coarse grid.

    Parameters
    ----------
    mask : ndarray of uint8, shape (z, y, x)
    origin : ndarray of int64, shape (3,)
        Index of the mask's first voxel, counted from the corner of the first cell.
    cell : ndarray of int64, shape (3,)
        Voxels per cell.
    cells : tuple of int
        Number of cells along (z, y, x).
    """
    nz, ny, nx = mask.shape
    counts = np.zeros(cells, np.int64)
    columns = (np.arange(nx) + origin[2]) // cell[2]
    for z in range(nz):
        k = (z + origin[0]) // cell[0]
        for y in range(ny):
            row, sums = mask[z, y], counts[k, (y + origin[1]) // cell[1]]
            for x in range(nx):
                sums[columns[x]] += row[x]
    return counts
