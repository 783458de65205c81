"""A few slices of a volume that may be larger than memory."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

SAMPLE_BYTES = 64 * 2**20
"""About as much is read of a volume to learn about its grey values."""


def sample_slices(
    data: Any, most: int = 16, budget: int = SAMPLE_BYTES, longest: int = 2048
) -> tuple[list[int], list[npt.NDArray[Any]], int]:
    """Read evenly spread slices, fewer and thinned out ones where slices are large.

    Parameters
    ----------
    data : array-like, shape (z, y, x)
        The volume.
    most : int
        How many slices to read at most.
    budget : int
        How many bytes to read, about; at least two slices are.
    longest : int
        Slices longer than this are thinned out.

    Returns
    -------
    numbers : list of int
        Which slices.
    slices : list of ndarray, shape (y, x)
        Every ``step``-th row and column of each.
    step : int
        1 for a slice of usual size.
    """
    z, y, x = data.shape
    chunks = getattr(data, "chunksize", (1,))
    bytes_read = max(1, int(chunks[0])) * y * x * np.dtype(data.dtype).itemsize
    count = int(np.clip(budget // max(1, bytes_read), 2, most))
    count = min(count, z)
    numbers = sorted({int((i + 0.5) * z / count) for i in range(count)})
    step = -(-max(y, x) // longest)
    return numbers, [np.asarray(data[number, ::step, ::step]) for number in numbers], step


def contrast_limits(
    data: Any, field_of_view: npt.NDArray[np.bool_] | None = None, percentiles: tuple[float, float] = (0.5, 99.8)
) -> tuple[float, float]:
    """Give a black and a white point for display, from a few slices within the field of view.

    Parameters
    ----------
    data : array-like, shape (z, y, x)
        Grey values.
    field_of_view : ndarray of bool, optional
        Broadcastable to the volume.
    percentiles : tuple of float
        Of the grey values, for black and white.

    Returns
    -------
    tuple of float
        Black below white, always.
    """
    numbers, slices, step = sample_slices(data, most=9)
    seen = []
    for number, image in zip(numbers, slices, strict=True):
        values = image
        if field_of_view is not None:
            inside = np.broadcast_to(field_of_view, data.shape)[number, ::step, ::step]
            values = image[inside]
        values = values[np.isfinite(values)] if values.dtype.kind == "f" else values.ravel()
        seen.append(values[:: max(1, values.size // 200_000)])
    grey = np.concatenate(seen)
    if not grey.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(grey, percentiles))
    return (low, high) if high > low else (low, low + 1.0)
