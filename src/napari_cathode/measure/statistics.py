"""The labels as they are, in one pass: for a first look, and for volumes for which nothing else is quick enough."""

from __future__ import annotations

import math
from typing import Any

import fastremap
import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.compile import jit
from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps, drain
from napari_cathode.tomogram import Spacing, check_spacing

from .streaming import streamed
from .volume_pass import DIRECT_IDS, read_labels, slab_depth

_SUMS = 12
"""Voxels; sums of z, y, x; of zz, yy, xx, zy, zx, yx; of grey and its square."""


def iter_label_statistics(labels: Any, image: Any | None, spacing_um: Spacing) -> Steps[pd.DataFrame]:
    """Give count, box, centre, principal axes and grey of every label, without looking for cracks or gaps.

    `iter_measure` instead measures the filled particle and its solid.

    Parameters
    ----------
    labels : array-like of integers, shape (z, y, x)
        0 is background. In memory, memory-mapped or lazy; read once, slab by slab.
    image : array-like, shape (z, y, x), optional
        Grey values on the same grid.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.

    Yields
    ------
    Progress
        After each slab.

    Returns
    -------
    DataFrame
        One row per label, ascending: ``label``, ``voxel_count``, ``volume_um3`` (in a slice ``area_um2``),
        ``equivalent_diameter_um``, the centre ``z_um``, ``y_um``, ``x_um``, the box's first and last voxel ``z_low`` …
        ``x_high``, ``variance_1_um2`` ≥ ``variance_2_um2`` ≥ ``variance_3_um2`` of the voxel centres along the
        principal axes and, with an image, mean ``grey`` and its standard deviation ``grey_sd``.

    Raises
    ------
    InputError
        When labels and image do not fit each other, or a label is negative or too large.
    """
    spacing = check_spacing(spacing_um, "the labels")
    if image is not None and tuple(image.shape) != tuple(labels.shape):
        raise InputError(
            f"The image has shape {tuple(image.shape)} and the labels {tuple(labels.shape)}; both must lie on one grid."
        )
    shape = (int(labels.shape[0]), int(labels.shape[1]), int(labels.shape[2]))
    labels, image = streamed(labels, image)
    depth = slab_depth(shape)
    parts, zero = [], math.nan
    for first in range(0, shape[0], depth):
        yield Progress(first, shape[0], "Adding up the labels")
        box = (slice(first, min(first + depth, shape[0])), slice(0, shape[1]), slice(0, shape[2]))
        part = read_labels(labels, box)
        grey = np.zeros((0, 0, 0), np.float32) if image is None else np.ascontiguousarray(image[box])
        if math.isnan(zero):  # squares are taken of the distance from some grey of the image
            zero = float(grey[:, ::16, ::16].mean()) if grey.size else 0.0
        parts.append(_slab_sums(part, grey, first, zero))
    return _table(parts, shape, spacing, None if image is None else zero)


def label_statistics(labels: Any, image: Any | None, spacing_um: Spacing) -> pd.DataFrame:
    """Give count, box, centre, principal axes and grey of every label; see `iter_label_statistics`."""
    return drain(iter_label_statistics(labels, image, spacing_um))


Part = tuple[npt.NDArray[np.int64], npt.NDArray[np.float64], npt.NDArray[np.int64], npt.NDArray[np.int64]]


def _slab_sums(part: npt.NDArray[np.int32], grey: npt.NDArray[Any], first: int, zero: float) -> Part:
    """Give the labels of a slab with their sums and boxes."""
    names = None
    top = int(part.max(initial=0))
    if top > DIRECT_IDS:
        part, mapping = fastremap.renumber(part, preserve_zero=True)
        part = np.ascontiguousarray(part, np.int32)
        top = int(part.max(initial=0))
        names = np.zeros(top + 1, np.int64)
        names[np.array(list(mapping.values()))] = np.array(list(mapping.keys()))
    sums = np.zeros((top + 1, _SUMS))
    low, high = np.full((top + 1, 3), np.iinfo(np.int64).max), np.full((top + 1, 3), -1)
    _add_up(part, grey, first, zero, sums, low, high)
    found = np.flatnonzero(sums[:, 0])
    return (found if names is None else names[found]), sums[found], low[found], high[found]


@jit
def _add_up(part: Any, grey: Any, first: int, zero: float, sums: Any, low: Any, high: Any) -> None:
    """Add a slab, run by run along x."""
    nz, ny, nx = part.shape
    seen = grey.shape[0] > 0
    for k in range(nz):
        z = float(k + first)
        for y in range(ny):
            line = part[k, y]
            x = 0
            while x < nx:
                label = line[x]
                start = x
                while x < nx and line[x] == label:
                    x += 1
                if label <= 0:
                    continue
                n = float(x - start)
                one = 0.5 * n * (start + x - 1)
                last = float(x - 1)
                before = float(start - 1)
                two = (last * (last + 1) * (2 * last + 1) - before * (before + 1) * (2 * before + 1)) / 6
                row = sums[label]
                row[0] += n
                row[1] += n * z
                row[2] += n * y
                row[3] += one
                row[4] += n * z * z
                row[5] += n * y * y
                row[6] += two
                row[7] += n * z * y
                row[8] += z * one
                row[9] += y * one
                if seen:
                    total, squares = 0.0, 0.0
                    for at in range(start, x):
                        value = grey[k, y, at] - zero
                        total += value
                        squares += value * value
                    row[10] += total
                    row[11] += squares
                least, most = low[label], high[label]
                least[0], most[0] = min(least[0], k + first), k + first
                least[1], most[1] = min(least[1], y), max(most[1], y)
                least[2], most[2] = min(least[2], start), max(most[2], x - 1)


def _table(parts: list[Part], shape: tuple[int, int, int], spacing: Spacing, zero: float | None) -> pd.DataFrame:
    """Join the slabs and make values of the sums."""
    ids, place = np.unique(np.concatenate([part[0] for part in parts]), return_inverse=True)
    sums = np.zeros((len(ids), _SUMS))
    low, high = np.full((len(ids), 3), np.iinfo(np.int64).max), np.full((len(ids), 3), -1)
    np.add.at(sums, place, np.concatenate([part[1] for part in parts]))
    np.minimum.at(low, place, np.concatenate([part[2] for part in parts]))
    np.maximum.at(high, place, np.concatenate([part[3] for part in parts]))
    edges, flat = np.asarray(spacing), shape[0] == 1
    count = sums[:, 0]
    centre = sums[:, 1:4] / count[:, None]
    second = sums[:, 4:10] / count[:, None]
    covariance = np.zeros((len(ids), 3, 3))
    for column, (i, j) in enumerate(((0, 0), (1, 1), (2, 2), (0, 1), (0, 2), (1, 2))):
        value = (second[:, column] - centre[:, i] * centre[:, j]) * edges[i] * edges[j]
        covariance[:, i, j] = covariance[:, j, i] = value
    variances = np.maximum(np.linalg.eigvalsh(covariance)[:, ::-1], 0)
    size = count * np.prod(edges[1:] if flat else edges)
    values = {
        "label": ids,
        "voxel_count": count.astype(np.int64),
        "area_um2" if flat else "volume_um3": size,
        "equivalent_diameter_um": 2 * np.sqrt(size / np.pi) if flat else np.cbrt(6 * size / np.pi),
    }
    for axis, name in enumerate("zyx"):
        values[f"{name}_um"] = centre[:, axis] * edges[axis]
    for axis, name in enumerate("zyx"):
        values |= {f"{name}_low": low[:, axis], f"{name}_high": high[:, axis]}
    for number in range(2 if flat else 3):
        values[f"variance_{number + 1}_um2"] = variances[:, number]
    if zero is not None:
        mean = sums[:, 10] / count
        values["grey"] = mean + zero
        values["grey_sd"] = np.sqrt(np.maximum(sums[:, 11] / count - mean**2, 0))
    return pd.DataFrame(values)
