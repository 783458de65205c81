"""Compiled loops over the voxels of one particle's crop.

Masks are uint8 arrays of shape (z, y, x), C-contiguous, 0 or 1; a slice has z = 1. All inner loops run along x without
branches so that they become vector instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit

Mask = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

OUTER, SOLID = 1, 2
"""Bits of a coded voxel: of the filled particle F, of its solid M."""


@jit
def within_ball(mask: Mask, spacing: npt.NDArray[np.float64], radius: float, inverted: bool) -> Mask:
    """Mark voxels whose distance to the nearest voxel of a mask is at most a radius.

    This is dilation by a ball, made from squared distances capped at the radius, one axis after the other.

    Parameters
    ----------
    mask : ndarray of uint8, shape (z, y, x)
    spacing : ndarray of float64, shape (3,)
        Voxel edges.
    radius : float
        In the unit of ``spacing``.
    inverted : bool
        Whether distances are to the voxels outside the mask.

    Returns
    -------
    ndarray of uint8, shape (z, y, x)
    """
    nz, ny, nx = mask.shape
    limit = np.float32(radius * radius * (1 + 1e-5))
    far = np.float32(4 * limit + 1)
    wanted = np.uint8(0) if inverted else np.uint8(1)
    flat = np.empty((nz, ny, nx), np.float32)
    steps = int(radius / spacing[2] * (1 + 1e-5)) + 1
    for z in range(nz):
        for y in range(ny):
            row = mask[z, y]
            out = flat[z, y]
            gap = steps
            for x in range(nx):
                gap = 0 if row[x] == wanted else gap + 1
                out[x] = gap
            gap = steps
            for x in range(nx - 1, -1, -1):
                gap = 0 if row[x] == wanted else gap + 1
                if gap < out[x]:
                    out[x] = gap
            for x in range(nx):
                out[x] = min(np.float32(out[x] * out[x] * spacing[2] * spacing[2]), far)
    plane = _lower_envelope(flat, 1, spacing[1], radius)
    solid = _lower_envelope(plane, 0, spacing[0], radius)
    result = np.empty((nz, ny, nx), np.uint8)
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                result[z, y, x] = solid[z, y, x] <= limit
    return result


@jit
def _lower_envelope(squared: Floats, axis: int, edge: float, radius: float) -> Floats:
    """Take the smallest of squared distance + (step · edge)² over the steps within the radius along z (0) or y (1)."""
    nz, ny, nx = squared.shape
    reach = int(radius / edge * (1 + 1e-5))
    if reach == 0:
        return squared
    result = squared.copy()
    for z in range(nz):
        for y in range(ny):
            out = result[z, y]
            for step in range(-reach, reach + 1):
                other_z = z + step if axis == 0 else z
                other_y = y + step if axis == 1 else y
                if step == 0 or other_z < 0 or other_z >= nz or other_y < 0 or other_y >= ny:
                    continue
                row = squared[other_z, other_y]
                extra = np.float32(step * step * edge * edge)
                for x in range(nx):
                    out[x] = min(out[x], row[x] + extra)
    return result


@jit
def smooth(image: Floats, half_z: Floats, half_y: Floats, half_x: Floats) -> Floats:
    """Correlate with symmetric kernels along the three axes; edges are repeated.

    Parameters
    ----------
    image : ndarray of float32, shape (z, y, x)
    half_z, half_y, half_x : ndarray of float32, shape (h + 1,)
        Kernel from its middle outwards.

    Returns
    -------
    ndarray of float32, shape (z, y, x)
    """
    nz, ny, nx = image.shape
    current = np.empty_like(image)
    reach = len(half_x) - 1
    wide = np.empty(nx + 2 * reach, np.float32)
    for z in range(nz):
        for y in range(ny):
            row = image[z, y]
            out = current[z, y]
            wide[:reach] = row[0]
            wide[reach : reach + nx] = row
            wide[reach + nx :] = row[nx - 1]
            for x in range(nx):
                out[x] = half_x[0] * row[x]
            for step in range(1, len(half_x)):
                before = wide[reach - step : reach - step + nx]
                after = wide[reach + step : reach + step + nx]
                weight = half_x[step]
                for x in range(nx):
                    out[x] += weight * (before[x] + after[x])
    for axis in (1, 0):
        half = half_y if axis == 1 else half_z
        if len(half) == 1:
            continue
        result = np.empty_like(image)
        for z in range(nz):
            for y in range(ny):
                out = result[z, y]
                row = current[z, y]
                for x in range(nx):
                    out[x] = half[0] * row[x]
                for step in range(1, len(half)):
                    if axis == 1:
                        low = current[z, max(y - step, 0)]
                        high = current[z, min(y + step, ny - 1)]
                    else:
                        low = current[max(z - step, 0), y]
                        high = current[min(z + step, nz - 1), y]
                    weight = half[step]
                    for x in range(nx):
                        out[x] += weight * (low[x] + high[x])
        current = result
    return current


@jit
def erode(mask: Mask) -> Mask:
    """Remove the voxels of a mask that have one of their six face neighbours outside it.

    Beyond the array lies outside, except beyond the single plane of a slice.
    """
    nz, ny, nx = mask.shape
    result = np.zeros_like(mask)
    for z in range(nz):
        if nz > 1 and (z == 0 or z == nz - 1):
            continue
        for y in range(1, ny - 1):
            row = mask[z, y]
            above = mask[z, y - 1]
            below = mask[z, y + 1]
            before = mask[z - 1, y] if nz > 1 else row
            after = mask[z + 1, y] if nz > 1 else row
            out = result[z, y]
            for x in range(1, nx - 1):
                out[x] = row[x] & row[x - 1] & row[x + 1] & above[x] & below[x] & before[x] & after[x]
    return result


@jit
def grow(mask: Mask) -> Mask:
    """Add to a mask its 26 neighbours (8 in a slice)."""
    nz, ny, nx = mask.shape
    wide = np.empty_like(mask)
    for z in range(nz):
        for y in range(ny):
            row = mask[z, y]
            out = wide[z, y]
            for x in range(nx):
                out[x] = row[x]
            for x in range(1, nx):
                out[x] |= row[x - 1]
            for x in range(nx - 1):
                out[x] |= row[x + 1]
    for axis in (1, 0):
        result = wide.copy()
        for z in range(nz):
            for y in range(ny):
                out = result[z, y]
                for step in (-1, 1):
                    other_z = z + step if axis == 0 else z
                    other_y = y + step if axis == 1 else y
                    if 0 <= other_z < nz and 0 <= other_y < ny:
                        row = wide[other_z, other_y]
                        for x in range(nx):
                            out[x] |= row[x]
        wide = result
    return wide


@jit
def box_sum(values: Floats, reach: int) -> Floats:
    """Sum the values within so many voxels along each axis; nothing is beyond the array."""
    nz, ny, nx = values.shape
    rows = np.empty_like(values)
    for z in range(nz):
        for y in range(ny):
            row = values[z, y]
            out = rows[z, y]
            total = np.float32(0)
            for x in range(min(reach, nx)):
                total += row[x]
            for x in range(nx):
                if x + reach < nx:
                    total += row[x + reach]
                out[x] = total
                if x - reach >= 0:
                    total -= row[x - reach]
    planes = np.empty_like(values)
    for z in range(nz):
        sums = np.zeros(nx, np.float32)
        for y in range(-reach, ny):
            if y + reach < ny:
                sums += rows[z, y + reach]
            if y >= 0:
                planes[z, y] = sums
                if y - reach >= 0:
                    sums -= rows[z, y - reach]
    if nz == 1:
        return planes
    result = np.empty_like(values)
    for y in range(ny):
        sums = np.zeros(nx, np.float32)
        for z in range(-reach, nz):
            if z + reach < nz:
                sums += planes[z + reach, y]
            if z >= 0:
                result[z, y] = sums
                if z - reach >= 0:
                    sums -= planes[z - reach, y]
    return result


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
    for z in range(nz):
        for y in range(ny):
            low, high = -1e-6, nx - 1 + 1e-6
            for k in range(len(planes)):
                rest = planes[k, 0] * z + planes[k, 1] * y + planes[k, 3] - 1e-6
                slope = planes[k, 2]
                if slope > 1e-12:
                    high = min(high, -rest / slope)
                elif slope < -1e-12:
                    low = max(low, -rest / slope)
                elif rest > 0:
                    high = -1.0
            for x in range(max(int(np.ceil(low)), 0), int(np.floor(high)) + 1):
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
    low = np.uint32((1 << 16) - 1)  # no row of a tomogram has more voxels
    for z in range(nz):
        for y in range(ny):
            row = code[z, y]
            for dz in range(0, 2):
                for dy in range(-1, 2):
                    if (dz == 0 and dy < 0) or z + dz >= nz or y + dy < 0 or y + dy >= ny:
                        continue
                    other = code[z + dz, y + dy]
                    for dx in range(1 if dz == 0 and dy == 0 else -1, 2):
                        direction = 9 * dz + 3 * dy + dx - 1
                        # Parts of equal length, indexed from 0, leave the compiler free to take many at a time.
                        here = row[max(0, -dx) : nx - max(0, dx)]
                        there = other[max(0, dx) : nx - max(0, -dx)]
                        packed = np.uint32(0)
                        for x in range(len(here)):
                            both = here[x] & there[x]
                            differ = here[x] ^ there[x]
                            packed += np.uint32(differ & 1) + (np.uint32(both & (differ >> 1) & 1) << np.uint32(16))
                        counts[0, direction] += packed & low
                        counts[1, direction] += packed >> np.uint32(16)
    return counts


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
    for z in range(nz):
        for y in range(ny):
            row = mask[z, y]
            first = 0
            while first < nx and not row[first]:
                first += 1
            if first == nx:
                continue
            last = nx - 1
            while not row[last]:
                last -= 1
            ends[0, 0], ends[1, 0] = min(ends[0, 0], z), max(ends[1, 0], z)
            ends[0, 1], ends[1, 1] = min(ends[0, 1], y), max(ends[1, 1], y)
            ends[0, 2], ends[1, 2] = min(ends[0, 2], first), max(ends[1, 2], last)
    if ends[1, 0] < 0:
        ends[0] = -1
    return ends


@jit
def highest(values: Floats, voxels: int) -> Mask:
    """Mark the given number of voxels with the highest values (more where the last ones are equal, none of zero).

    Parameters
    ----------
    values : ndarray of float32, shape (z, y, x)
        Between 0 and about 1.
    voxels : int

    Returns
    -------
    ndarray of uint8, shape (z, y, x)
    """
    steps = 4096
    counts = np.zeros(steps + 1, np.int64)
    flat = values.ravel()
    for place in range(len(flat)):
        if flat[place] > 0:
            counts[min(int(flat[place] * np.float32(steps)), steps)] += 1
    step = steps
    above = 0
    while step >= 0 and above + counts[step] < voxels:
        above += counts[step]
        step -= 1
    level = np.float32(0)
    if step >= 0 and voxels > 0:
        among = np.empty(counts[step], np.float32)
        size = 0
        for place in range(len(flat)):
            if flat[place] > 0 and min(int(flat[place] * np.float32(steps)), steps) == step:
                among[size] = flat[place]
                size += 1
        among.sort()
        level = among[size - (voxels - above)]
    mask = np.empty(values.shape, np.uint8)
    result = mask.ravel()
    for place in range(len(flat)):
        result[place] = voxels > 0 and flat[place] > 0 and flat[place] >= level
    return mask


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
    for z in range(nz):
        k = (z + origin[0]) // cell[0]
        for y in range(ny):
            j = (y + origin[1]) // cell[1]
            row = mask[z, y]
            for x in range(nx):
                if row[x]:
                    counts[k, j, (x + origin[2]) // cell[2]] += 1
    return counts
