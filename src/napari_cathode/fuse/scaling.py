"""Fusing at a working scale: fewer voxels, and the labels brought back to the grid of the views.

Views are sampled, not averaged: a sample has the label and the probability of one and the same section, and lies where
a voxel of the tomogram does. On the way back each voxel gets the label that has most weight among the eight samples
around it, as in linear interpolation. Where some of them are background the views are asked again in full: halfway
between samples nothing else says on which side of an outline a voxel lies, and any rule would shift or swell particles.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit
from napari_cathode.progress import Progress, Steps
from napari_cathode.tomogram import Spacing

from .basins import Labels, Map, slabs

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction

Blocks = tuple[int, int, int]
"""How many voxels (z, y, x) of the tomogram come to one of the working scale."""

WHOLE: Blocks = (1, 1, 1)
_SLAB_VOXELS = 1 << 22


def working_blocks(shape: tuple[int, int, int], spacing_um: Spacing, scale: float) -> Blocks:
    """Give the blocks of a working scale: about ``1 / scale`` of the finest edges along each axis.

    Axes with wider spacing get smaller blocks; at least two samples are left along each.
    """
    edge = min(spacing_um) / scale
    z, y, x = (max(1, min(n // 2, round(edge / own))) for n, own in zip(shape, spacing_um, strict=True))
    return z, y, x


def iter_sample(
    views: Mapping[str, ViewPrediction], blocks: Blocks, folder: str | os.PathLike[str] | None = None
) -> Steps[dict[str, ViewPrediction]]:
    """Take one voxel of each block, the one in its middle.

    Parameters
    ----------
    views : mapping of str to ViewPrediction
        On one grid; lazy arrays are read slab by slab.
    blocks : tuple of int
        Of `working_blocks`.
    folder : path, optional
        Where the samples are kept as files; None for memory.

    Yields
    ------
    Progress

    Returns
    -------
    dict of str to ViewPrediction
        Without distances.
    """
    sampled = {}
    for number, (name, view) in enumerate(views.items()):
        starts = [block // 2 for block in blocks]
        shape = tuple(len(range(a, n, b)) for a, n, b in zip(starts, view.labels.shape, blocks, strict=True))
        plane = math.prod(view.labels.shape[1:])
        thick = max(1, _SLAB_VOXELS // max(1, plane * blocks[0]))
        arrays: dict[str, Any] = {}
        for what, given in (("labels", view.labels), ("probability", view.probability)):
            if folder is None:
                arrays[what] = np.empty(shape, dtype=given.dtype)
            else:
                path = Path(folder) / f"{name}-{what}.npy"
                arrays[what] = np.lib.format.open_memmap(path, mode="w+", dtype=given.dtype, shape=shape)
        for first in range(0, shape[0], thick):
            yield Progress(number * shape[0] + first, len(views) * shape[0], f"Sampling {name} slices")
            last = min(first + thick, shape[0])
            low, high = first * blocks[0], min(last * blocks[0], view.labels.shape[0])
            for what, given in (("labels", view.labels), ("probability", view.probability)):
                part = np.asarray(given[low:high])
                arrays[what][first:last] = part[tuple(slice(a, None, b) for a, b in zip(starts, blocks, strict=True))]
        sampled[name] = replace(view, **arrays, distance=None)
    return sampled


def iter_enlarge(small: Labels, blocks: Blocks, views: Mapping[str, ViewPrediction], out: Labels) -> Steps[Labels]:
    """Bring labels back to the grid of the views.

    Parameters
    ----------
    small : ndarray of int32, shape (z, y, x)
        At the working scale.
    blocks : tuple of int
    views : mapping of str to ViewPrediction
        Those that were sampled.
    out : ndarray of int32, shape (z, y, x)
        Is filled, slab by slab.

    Yields
    ------
    Progress

    Returns
    -------
    ndarray of int32
        ``out``. Voxels that were sampled keep their labels, so that no particle is lost.
    """
    before, behind, share = zip(
        *(_samples(n, m, b) for n, m, b in zip(out.shape, small.shape, blocks, strict=True)), strict=True
    )
    parts = slabs(out.shape, _SLAB_VOXELS)
    for done, (first, last) in enumerate(parts):
        yield Progress(done, len(parts), "Bringing particles back to full size")
        z = slice(first, last)
        votes = np.zeros(out[z].shape, dtype=np.uint8)
        for view in views.values():
            votes += np.asarray(view.labels[z]) > 0
        low, high = int(before[0][first]), int(behind[0][last - 1]) + 1
        near, far = (before[0][z] - low, *before[1:]), (behind[0][z] - low, *behind[1:])
        part = np.ascontiguousarray(small[low:high])
        out[z] = _weigh(part, votes, len(views), near, far, (share[0][z], *share[1:]))
    return out


def enlarge_map(small: Map, blocks: Blocks, shape: tuple[int, int, int]) -> Map:
    """Bring a map back to the grid of the views: each voxel gets the value of its block."""
    index = [np.minimum(np.arange(n) // b, m - 1) for n, b, m in zip(shape, blocks, small.shape, strict=True)]
    return np.ascontiguousarray(small[np.ix_(*index)])


def _samples(
    size: int, samples: int, block: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Give for each voxel along an axis the samples before and behind it, and the weight of the one behind."""
    place = np.clip((np.arange(size) - block // 2) / block, 0, samples - 1)
    before = np.floor(place).astype(np.int64)
    return before, np.minimum(before + 1, samples - 1), (place - before).astype(np.float32)


@jit
def _weigh(small, votes, views, near, far, share):  # type: ignore[no-untyped-def]
    """Give each voxel the label with most weight among the eight samples around it.

    Background counts by what samples and views say together: it is one unless both are on average more than a half
    for a particle.
    """
    out = np.zeros(votes.shape, dtype=np.int32)
    label = np.zeros(8, dtype=np.int32)
    weight = np.zeros(8, dtype=np.float32)
    for k in range(votes.shape[0]):
        for j in range(votes.shape[1]):
            for i in range(votes.shape[2]):
                same = True
                for corner in range(8):
                    z = far[0][k] if corner & 4 else near[0][k]
                    y = far[1][j] if corner & 2 else near[1][j]
                    x = far[2][i] if corner & 1 else near[2][i]
                    label[corner] = small[z, y, x]
                    same = same and label[corner] == label[0]
                if same:
                    out[k, j, i] = label[0]
                    continue
                particle = np.float32(0)
                for corner in range(8):
                    weight[corner] = (
                        (share[0][k] if corner & 4 else 1 - share[0][k])
                        * (share[1][j] if corner & 2 else 1 - share[1][j])
                        * (share[2][i] if corner & 1 else 1 - share[2][i])
                    )
                    if label[corner] > 0:
                        particle += weight[corner]
                if particle > 0 and (particle > 0.9999 or particle + votes[k, j, i] / views > 1.0001):
                    out[k, j, i] = _heaviest(label, weight)
    return out


@jit
def _heaviest(label, weight):  # type: ignore[no-untyped-def]
    """Give the label with most weight; of equals any, but not always the one on the same side."""
    most, best, best_order = np.float32(0), 0, 0
    for corner in range(8):
        if label[corner] == 0:
            continue
        total = np.float32(0)
        for other in range(8):
            if label[other] == label[corner]:
                total += weight[other]
        order = (label[corner] * 2654435761) & 0xFFFF  # numbers rise along z, so that they are mixed
        if total > most + 1e-4 or (total > most - 1e-4 and order > best_order):
            most, best, best_order = total, label[corner], order
    return best
