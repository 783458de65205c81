"""A few slices of a volume that may be larger than memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

SAMPLE_BYTES = 64 * 2**20
"""About as much is read of a volume to learn about its grey values."""

LONGEST = 2048
"""Slices longer than this are thinned out."""

MIDDLE = 512
"""Edge length of the region in the middle of a slice that stands for all of it."""


@dataclass(frozen=True)
class Sample:
    """A few slices of a volume.

    Attributes
    ----------
    numbers : list of int
        Which slices.
    slices : list of ndarray, shape (y, x)
        Their values, or those of a region in their middle.
    rows, columns : slice
        Which rows and columns of the volume these are.
    """

    numbers: list[int]
    slices: list[npt.NDArray[Any]]
    rows: slice
    columns: slice

    @property
    def step(self) -> int:
        """1 for slices of usual size; 2 means every second row and column of larger ones."""
        return int(self.rows.step)


def sample_slices(data: Any, most: int = 16, middle: bool = False) -> Sample:
    """Read evenly spread slices: fewer, and thinned out, where slices are large or stored in deep compressed blocks.

    Parameters
    ----------
    data : array-like, shape (z, y, x)
        The volume.
    most : int
        How many slices to read at most.
    middle : bool
        Whether the middle of each slice is enough where all of it would be slow to read.

    Returns
    -------
    Sample
    """
    z, y, x = data.shape
    depth = max(1, int(getattr(data, "chunksize", (1,))[0]))  # a slice of a block costs the whole block
    cost = depth * y * x * np.dtype(data.dtype).itemsize
    step = -(-max(y, x) // LONGEST)
    rows, columns = slice(0, y, step), slice(0, x, step)
    if middle and cost * most > SAMPLE_BYTES and max(y, x) > MIDDLE:
        rows, columns = (slice(max(0, (n - MIDDLE) // 2), (n + MIDDLE) // 2, step) for n in (y, x))
        cost = depth * MIDDLE**2 * np.dtype(data.dtype).itemsize
    count = min(z, int(np.clip(SAMPLE_BYTES // cost, 2 if depth == 1 else 1, most)))
    numbers = sorted({int((i + 0.5) * z / count) for i in range(count)})
    return Sample(numbers, [np.asarray(data[number, rows, columns]) for number in numbers], rows, columns)


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
    sample = sample_slices(data, most=9, middle=True)
    seen = []
    for number, image in zip(sample.numbers, sample.slices, strict=True):
        values = image
        if field_of_view is not None:
            values = image[np.broadcast_to(field_of_view, data.shape)[number, sample.rows, sample.columns]]
        values = values[np.isfinite(values)] if values.dtype.kind == "f" else values.ravel()
        seen.append(values[:: max(1, values.size // 200_000)])
    grey = np.concatenate(seen)
    if not grey.size:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(grey, percentiles))
    return (low, high) if high > low else (low, low + 1.0)
