"""Smoothing with a Gaussian: compiled, for the many small crops around particles."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from .compile import jit

Floats = npt.NDArray[np.float32]


def gaussian(image: Floats, sigma_voxels: tuple[float, float, float]) -> Floats:
    """Smooth with a Gaussian, its edges repeated.

    Parameters
    ----------
    image : ndarray of float32, shape (z, y, x)
    sigma_voxels : tuple of float
        Standard deviation along (z, y, x) in voxels; nothing is done along z in a slice.

    Returns
    -------
    ndarray of float32, shape (z, y, x)
    """
    z, y, x = (_half_gaussian(float(sigma)) for sigma in sigma_voxels)
    if image.shape[0] == 1:
        z = _half_gaussian(0.0)
    if len(z) == len(y) == len(x) == 1:
        return image
    return _smooth(np.ascontiguousarray(image), z, y, x)


@lru_cache(maxsize=32)
def _half_gaussian(sigma: float) -> npt.NDArray[np.float32]:
    """Give a Gaussian of unit sum from its middle outwards."""
    if sigma <= 0:
        return np.ones(1, np.float32)
    steps = np.arange(int(np.ceil(3.5 * sigma)) + 1)
    half = np.exp(-0.5 * (steps / sigma) ** 2)
    half = (half / (half[0] + 2 * half[1:].sum())).astype(np.float32)
    return np.pad(half, (0, 1 - len(half) % 2))  # `_weigh` takes two steps at a time


@jit
def _smooth(image: Floats, half_z: Floats, half_y: Floats, half_x: Floats) -> Floats:
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
    reach_z, reach_y, reach_x = len(half_z) - 1, len(half_y) - 1, len(half_x) - 1
    width = nx + 2 * reach_x
    size, above = ny * nx, reach_y * nx
    # The rows of a plane, their ends repeated, lie in one line: a step along an axis is a shift of all of it.
    wide = np.zeros(ny * width + 2 * reach_x, np.float32)
    line = np.empty(ny * width, np.float32)
    rows = np.empty(size + 2 * above, np.float32)
    planes = np.empty((nz + 2 * reach_z, size), np.float32)
    for z in range(nz):
        for y in range(ny):
            row, start = image[z, y], y * width
            low, high = wide[start:], wide[start + reach_x + nx :]
            copy_line(wide[start + reach_x :], row)
            for x in range(reach_x):
                low[x] = row[0]
                high[x] = row[nx - 1]
        _weigh(line, wide, reach_x, 1, half_x)
        for y in range(ny):
            copy_line(rows[above + y * nx :], line[y * width : y * width + nx])
        for step in range(reach_y):
            copy_line(rows[step * nx :], rows[above : above + nx])
            copy_line(rows[above + size + step * nx :], rows[above + size - nx : above + size])
        _weigh(planes[reach_z + z], rows, above, nx, half_y)
    for step in range(reach_z):
        copy_line(planes[step], planes[reach_z])
        copy_line(planes[reach_z + nz + step], planes[reach_z + nz - 1])
    result = np.empty_like(image)
    for z in range(nz):
        _weigh(result[z].ravel(), planes.ravel(), (reach_z + z) * ny * nx, ny * nx, half_z)
    return result


@jit
def copy_line(out: Any, line: Any) -> None:
    """Copy a line to the start of another: many times faster than to assign a slice in compiled code."""
    for i in range(len(line)):
        out[i] = line[i]


@jit
def _weigh(out: Any, line: Any, start: int, shift: int, half: Any) -> None:
    """Correlate a line with a symmetric kernel whose steps, even in number, are so many values apart."""
    size = len(out)
    middle = line[start : start + size]
    for i in range(size):
        out[i] = half[0] * middle[i]
    for step in range(1, len(half), 2):
        near, far = step * shift, (step + 1) * shift
        before, after = line[start - near : start - near + size], line[start + near : start + near + size]
        front, back = line[start - far : start - far + size], line[start + far : start + far + size]
        weight, next_weight = half[step], half[step + 1]
        for i in range(size):
            out[i] = (out[i] + weight * (before[i] + after[i])) + next_weight * (front[i] + back[i])
