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
    return (half / (half[0] + 2 * half[1:].sum())).astype(np.float32)


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
    reach_y, reach_x = len(half_y) - 1, len(half_x) - 1
    width = nx + 2 * reach_x
    size = (ny + 2 * reach_y) * width
    current = np.empty_like(image)
    # A plane with its edges repeated, in one line: a step along an axis is a shift of all of it.
    wide = np.zeros(size + 2 * reach_x, np.float32)
    rows = np.empty(size, np.float32)
    plane = np.empty(ny * width, np.float32)
    for z in range(nz):
        for y in range(ny + 2 * reach_y):
            row = image[z, min(max(y - reach_y, 0), ny - 1)]
            start = reach_x + y * width
            wide[start : start + reach_x] = row[0]
            wide[start + reach_x : start + reach_x + nx] = row
            wide[start + reach_x + nx : start + width] = row[nx - 1]
        _weigh(rows, wide, reach_x, 1, half_x)
        _weigh(plane, rows, reach_y * width, width, half_y)
        for y in range(ny):
            current[z, y] = plane[y * width + reach_x : y * width + reach_x + nx]
    if len(half_z) == 1:
        return current
    result = np.empty_like(image)
    for z in range(nz):
        out, middle = result[z].ravel(), current[z].ravel()
        for i in range(len(out)):
            out[i] = half_z[0] * middle[i]
        for step in range(1, len(half_z)):
            low, high = current[max(z - step, 0)].ravel(), current[min(z + step, nz - 1)].ravel()
            weight = half_z[step]
            for i in range(len(out)):
                out[i] += weight * (low[i] + high[i])
    return result


@jit
def _weigh(out: Any, line: Any, start: int, shift: int, half: Any) -> None:
    """Correlate a line with a symmetric kernel whose steps are so many values apart."""
    size = len(out)
    middle = line[start : start + size]
    for i in range(size):
        out[i] = half[0] * middle[i]
    for step in range(1, len(half)):
        before = line[start - step * shift : start - step * shift + size]
        after = line[start + step * shift : start + step * shift + size]
        weight = half[step]
        for i in range(size):
            out[i] += weight * (before[i] + after[i])
