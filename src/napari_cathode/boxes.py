"""Find one particle in a large label array quickly: the box around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

Box = tuple[slice, ...]

_SLAB_VOXELS = 1 << 24
_SCAN_VOXELS = 1 << 29


def find_box(labels: Any, label: int, near: Sequence[int] | None = None, *, lazy: bool = False) -> Box | None:
    """Find the smallest box that holds a particle.

    Parameters
    ----------
    labels : array of integers
        Of any number of dimensions; may be lazy.
    label : int
        The particle.
    near : sequence of int, optional
        A voxel believed to be the particle's. When it is, only its surroundings are looked at, which takes
        milliseconds in an array of any size; parts of the label that are not connected with it are then left out.
    lazy : bool
        Whether arrays that are not in memory, or huge, are searched, too.

    Returns
    -------
    tuple of slice or None
        None when there is no such particle, or no ``near`` in an array too large to be searched at once.
    """
    if near is not None:
        start = tuple(int(np.clip(round(i), 0, n - 1)) for i, n in zip(near, labels.shape, strict=True))
        if int(np.asarray(labels[start])) == label:
            return _grow(labels, label, start)
    if lazy or (isinstance(labels, np.ndarray) and labels.size <= _SCAN_VOXELS):
        return _scan(labels, label)
    return None


def _grow(labels: Any, label: int, start: tuple[int, ...]) -> Box:
    """Enlarge a box until the particle touches none of its faces."""
    low = [max(0, i - 8) for i in start]
    high = [min(n, i + 9) for i, n in zip(start, labels.shape, strict=True)]
    while True:
        mask = np.asarray(labels[tuple(map(slice, low, high))]) == label
        grown = False
        for axis, size in enumerate(labels.shape):
            along = np.flatnonzero(_profile(mask, axis))
            step = high[axis] - low[axis]
            if along[0] == 0 and low[axis] > 0:
                low[axis] = max(0, low[axis] - step)
                grown = True
            if along[-1] == mask.shape[axis] - 1 and high[axis] < size:
                high[axis] = min(size, high[axis] + step)
                grown = True
        if not grown:
            return _tight(mask, low)


def _scan(labels: Any, label: int) -> Box | None:
    """Look through the whole array, slab by slab."""
    thick = max(1, _SLAB_VOXELS // max(1, int(np.prod(labels.shape[1:]))))
    found: list[Box] = []
    for first in range(0, int(labels.shape[0]), thick):
        mask = np.asarray(labels[first : first + thick]) == label
        if mask.any():
            found.append(_tight(mask, [first] + [0] * (labels.ndim - 1)))
    if not found:
        return None
    return tuple(slice(min(s.start for s in axis), max(s.stop for s in axis)) for axis in zip(*found, strict=True))


def _tight(mask: np.ndarray[Any, Any], low: list[int]) -> Box:
    box = []
    for axis, first in enumerate(low):
        along = np.flatnonzero(_profile(mask, axis))
        box.append(slice(first + int(along[0]), first + int(along[-1]) + 1))
    return tuple(box)


def _profile(mask: np.ndarray[Any, Any], axis: int) -> np.ndarray[Any, Any]:
    return np.asarray(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
