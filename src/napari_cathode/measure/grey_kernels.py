"""Compiled loops over the grey values of one particle's crop; arrays are as in `kernels`."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_cathode.compile import jit
from napari_cathode.smoothing import copy_line

from .kernels import Floats, Mask

STEPS = 1024
"""Steps that values are first sorted by."""


@jit
def mean_around(values: Floats, mask: Mask, reach: int, fewest: int, otherwise: float) -> Floats:
    """Give the mean of a mask's values within so many voxels along each axis; otherwise where the mask has fewer there.

    Nothing is beyond the array.
    """
    nz, ny, nx = values.shape
    width = nx + reach
    size = ny * width
    sums, numbers = np.empty((nz, size), np.float32), np.empty((nz, size), np.uint16)
    # Planes in one line, their rows with a gap between: a step along a row is a shift of all of it.
    wide, total = np.zeros(size + 2 * reach, np.float32), np.empty(size, np.float32)
    many, number = np.zeros(size + 2 * reach, np.uint16), np.empty(size, np.uint16)
    for z in range(nz):
        for y in range(ny):
            row, own = values[z, y], mask[z, y]
            start = reach + y * width
            middle, amid = wide[start : start + nx], many[start : start + nx]
            for x in range(nx):
                amid[x] = own[x]
                middle[x] = row[x] if own[x] else np.float32(0)
        copy_line(total, wide[:size])
        copy_line(number, many[:size])
        for step in range(1, 2 * reach, 2):
            _add(total, wide[step : step + size], wide[step + 1 : step + 1 + size])
            _add(number, many[step : step + size], many[step + 1 : step + 1 + size])
        _slide(sums[z].reshape(ny, width), total.reshape(ny, width), reach)
        _slide(numbers[z].reshape(ny, width), number.reshape(ny, width), reach)
    if nz > 1:
        planes, counts = sums, numbers
        sums, numbers = np.empty_like(planes), np.empty_like(counts)
        _slide(sums, planes, reach)
        _slide(numbers, counts, reach)
    result = np.empty(values.shape, np.float32)
    for z in range(nz):
        for y in range(ny):
            start = y * width
            whole, parts, out = sums[z, start : start + nx], numbers[z, start : start + nx], result[z, y]
            for x in range(nx):
                mean = whole[x] / np.float32(max(parts[x], np.uint16(1)))
                out[x] = mean if parts[x] >= fewest else np.float32(otherwise)
    return result


@jit
def _slide(out: Any, rows: Any, reach: int) -> None:
    """Give for each row of an array the sum of the rows at most so far away."""
    n, size = rows.shape
    total, nothing = np.zeros(size, rows.dtype), np.zeros(size, rows.dtype)
    for k in range(-reach, n):
        newest = rows[k + reach] if k + reach < n else nothing
        oldest = rows[k - reach - 1] if k > reach else nothing
        row = out[max(k, 0)]
        for i in range(size):
            total[i] = row[i] = total[i] + newest[i] - oldest[i]


@jit
def _add(total: Any, first: Any, second: Any) -> None:
    for i in range(len(total)):
        total[i] += first[i]
        total[i] += second[i]


@jit
def pick(values: Floats, mask: Mask, most: int) -> Floats:
    """Give a mask's values, or every second, third … of them, so that there are fewer than twice so many."""
    flat = values.ravel()
    inside = np.zeros(-(-len(flat) // 8) * 8, np.uint8)
    copy_line(inside, mask.ravel())
    number = 0
    for place in range(len(inside)):
        number += inside[place]
    step = max(1, number // most)
    found = np.empty((number + step - 1) // step, values.dtype)
    seen, taken = 0, 0
    eights = inside.view(np.uint64)  # many hold nothing
    for eight in range(len(eights)):
        if not eights[eight]:
            continue
        for place in range(8 * eight, 8 * eight + 8):
            if inside[place]:
                if seen == taken * step:
                    found[taken] = flat[place]
                    taken += 1
                seen += 1
    return found


@jit(error_model="numpy")
def sort_roughly(values: Floats) -> tuple[Floats, Any]:
    """Sort values by STEPS equal steps; `ranked` then sorts the few steps that it is asked for.

    Returns
    -------
    values : ndarray of float32, shape (n,)
        Step by step.
    starts : ndarray of int64, shape (steps + 1,)
        Where each step starts among them, and the end; a single step where they are not finite or all the same.
    """
    low, high = values[0], values[0]
    odd = 0
    for place in range(len(values)):
        low = min(low, values[place])
        high = max(high, values[place])
        odd += not np.isfinite(values[place])
    scale = np.float32(STEPS) / (high - low)
    if odd or not np.isfinite(scale):
        return values.copy(), np.array([0, len(values)])
    step = np.empty(len(values), np.uint16)
    ends = np.zeros(STEPS + 2, np.int64)
    for place in range(len(values)):
        step[place] = int((values[place] - low) * scale)
        ends[step[place] + 1] += 1
    ends = ends.cumsum()
    starts = ends.copy()
    found = np.empty_like(values)
    for place in range(len(values)):
        found[ends[step[place]]] = values[place]
        ends[step[place]] += 1
    return found, starts


@jit
def ranked(values: Floats, starts: Any, rank: int) -> float:
    """Give the value that so many would be below, were all sorted, of what `sort_roughly` gives."""
    step = 0
    while starts[step + 1] <= rank:
        step += 1
    values[starts[step] : starts[step + 1]].sort()
    return values[rank]


def median(values: Floats) -> float:
    """Give the median of the finite values, several times faster than NumPy does; NaN where there are none."""
    if not np.isfinite(values.sum(dtype=np.float64)):
        values = values[np.isfinite(values)]
    return float(_median(values)) if len(values) else float("nan")


def with_numbers(image: Floats) -> Floats:
    """Replace what is not a number (NaN, infinite) by the median grey: it would spread as the image is smoothed."""
    known = np.isfinite(image)
    return image if known.all() else np.where(known, image, np.float32(median(image[known])))


@jit
def _median(values: Floats) -> float:
    roughly, starts = sort_roughly(values)
    half = (len(values) - 1) // 2
    middle = np.float64(ranked(roughly, starts, half))
    return middle if len(values) % 2 else 0.5 * (middle + np.float64(ranked(roughly, starts, half + 1)))


@jit
def brighter_median(values: Floats, background: float) -> float:
    """Do the work of `threshold.split_grey`."""
    roughly, starts = sort_roughly(values)
    size = len(values)
    solid = np.float64(ranked(roughly, starts, int(0.9 * (size - 1))))
    for _ in range(20):
        level = 0.5 * (solid + background)
        darker = 0
        for place in range(size):
            darker += roughly[place] <= level
        if darker == size or np.isnan(level):
            return np.nan
        previous, solid = solid, np.float64(ranked(roughly, starts, (darker + size) // 2))
        if solid == previous:
            break
    return solid


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
