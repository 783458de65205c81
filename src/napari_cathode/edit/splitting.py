"""Split one particle: automatically, at seeds, or along a plane."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage.morphology import h_maxima
from skimage.segmentation import watershed

from napari_cathode.errors import InputError
from napari_cathode.tomogram import Spacing

from .change import Change, change_between
from .operations import cut_out, flat_axis

Bools = npt.NDArray[np.bool_]


def split_in_parts(labels: Any, label: int, parts: int, spacing_um: Spacing, free_id: int) -> Change:
    """Split a particle at its narrowest places.

    A watershed of the distance to the outline, from its ``parts`` most prominent maxima. The largest part keeps the
    number.

    Parameters
    ----------
    labels : array of integers, shape (z, y, x)
    label : int
        The particle.
    parts : int
        How many particles it becomes.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    free_id : int
        From here on numbers are free.

    Returns
    -------
    Change

    Raises
    ------
    InputError
        When there is no such particle, or it has fewer bulges than that.
    """
    block, start = cut_out(labels, [label], 1)
    own = block == label
    depth = _depth(own, spacing_um)
    markers = _most_prominent(depth, own, parts)
    if markers.max() < parts:
        found = int(markers.max())
        raise InputError(
            f"Particle {label} has no neck to be split at; draw a line instead."
            if found < 2
            else f"Particle {label} has {found} bulges only; split it into {found} parts, or draw a line."
        )
    return _split(block, start, label, _watershed(depth, markers, own), free_id, {"parts": parts})


def split_at_seeds(
    labels: Any, label: int, seeds: Sequence[Sequence[float]], spacing_um: Spacing, free_id: int
) -> Change:
    """Split a particle so that each seed gets a part.

    A watershed of the distance to the outline, from the seeds. The largest part keeps the number.

    Parameters
    ----------
    labels : array of integers, shape (z, y, x)
    label : int
        The particle.
    seeds : sequence of (float, float, float)
        Two or more voxels (z, y, x) within the particle.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    free_id : int
        From here on numbers are free.

    Returns
    -------
    Change

    Raises
    ------
    InputError
        When there is no such particle, or fewer than two seeds lie within it.
    """
    block, start = cut_out(labels, [label], 1)
    own = block == label
    markers = np.zeros(block.shape, np.int32)
    for seed in seeds:
        place = tuple(round(float(index)) - first for index, first in zip(seed, start, strict=True))
        inside = all(0 <= index < size for index, size in zip(place, block.shape, strict=True))
        if inside and own[place] and markers[place] == 0:
            markers[place] = markers.max() + 1
    if markers.max() < 2:
        raise InputError(f"Put two or more seeds into particle {label}; each becomes a particle.")
    depth = _depth(own, spacing_um)
    details = {"seeds": [[float(index) for index in seed] for seed in seeds]}
    return _split(block, start, label, _watershed(depth, markers, own), free_id, details)


def split_along_line(
    labels: Any,
    label: int,
    begin: Sequence[float],
    end: Sequence[float],
    along: int | Sequence[float],
    free_id: int,
) -> Change:
    """Split a particle along the plane that holds a line and the direction in which one looks at it.

    Parameters
    ----------
    labels : array of integers, shape (z, y, x)
    label : int
        The particle.
    begin, end : sequence of float
        Two points (z, y, x) in voxels.
    along : int or sequence of float
        A direction (z, y, x) in voxels that lies in the plane, or the axis of one: 0 for a line that is drawn in an xy
        slice.
    free_id : int
        From here on numbers are free.

    Returns
    -------
    Change

    Raises
    ------
    InputError
        When there is no such particle, or the line does not divide it.
    """
    first, last = np.asarray(begin, float), np.asarray(end, float)
    direction = np.eye(3)[along] if isinstance(along, int) else np.asarray(along, float)
    normal = np.cross(last - first, direction)
    if not np.linalg.norm(normal) > 0:
        raise InputError("The line is too short; draw it across the particle.")
    block, start = cut_out(labels, [label], 0)
    own = block == label
    grids = np.ogrid[tuple(slice(0, size) for size in block.shape)]
    side = sum(normal[i] * (grids[i] + start[i] - first[i]) for i in range(3))
    parts = np.where(own, np.where(side > 0, 1, 2), 0)
    if not ((parts == 1).any() and (parts == 2).any()):
        raise InputError(f"The line does not cross particle {label}; draw it from one side of it to the other.")
    unit = direction / np.linalg.norm(direction)
    details = {"begin": first.round(2).tolist(), "end": last.round(2).tolist(), "along": unit.round(4).tolist()}
    return _split(block, start, label, parts, free_id, details)


def _depth(own: Bools, spacing_um: Spacing) -> npt.NDArray[np.float64]:
    """Give the distance to the outline in µm; where the image cuts the particle is an outline, too.

    Without that, a cut particle is deepest all along the image's border, and would be parted there.
    """
    flat = flat_axis(own.shape)
    padded = np.pad(own if flat is None else own.squeeze(flat), 1)
    inner = tuple(slice(1, -1) for _ in range(padded.ndim))
    edges = [edge for axis, edge in enumerate(spacing_um) if axis != flat]
    depth: npt.NDArray[np.float64] = ndimage.distance_transform_edt(padded, sampling=edges)[inner]
    return depth.reshape(own.shape)


def _watershed(depth: npt.NDArray[np.float64], markers: npt.NDArray[np.int32], own: Bools) -> npt.NDArray[np.int32]:
    parts: npt.NDArray[np.int32] = watershed(-depth, markers, mask=own)  # type: ignore[no-untyped-call]
    return parts


def _most_prominent(depth: npt.NDArray[np.float64], own: Bools, parts: int) -> npt.NDArray[np.int32]:
    """Mark the maxima that rise highest above the saddles that part them, as many as asked for or as there are."""
    low, high = 0.0, float(depth.max())
    best = _maxima(depth, own, 0.02 * high)
    if best.max() <= parts:
        return best
    for _ in range(12):  # the height at which just so many are left, by halving
        middle = 0.5 * (low + high)
        found = _maxima(depth, own, max(middle, 1e-9))
        if found.max() >= parts:
            low, best = middle, found
        else:
            high = middle
        if found.max() == parts:
            break
    return np.where(best <= parts, best, 0).astype(np.int32)


def _maxima(depth: npt.NDArray[np.float64], own: Bools, height: float) -> npt.NDArray[np.int32]:
    """Mark the maxima of at least a height by numbers, the deepest first."""
    peaks = h_maxima(depth, height).astype(bool) & own  # type: ignore[no-untyped-call]
    found, number = ndimage.label(peaks, np.ones((3,) * depth.ndim))
    if number == 0:
        return np.zeros(depth.shape, np.int32)
    tops = ndimage.maximum(depth, found, np.arange(1, number + 1))
    rank = np.zeros(number + 1, np.int32)
    rank[1 + np.argsort(-np.asarray(tops), kind="stable")] = np.arange(1, number + 1)
    return rank[found]


def _split(
    block: npt.NDArray[Any],
    start: tuple[int, ...],
    label: int,
    parts: npt.NDArray[Any],
    free_id: int,
    details: dict[str, Any],
) -> Change:
    """Give the parts numbers; the largest keeps the particle's."""
    sizes = np.bincount(parts.ravel())
    order = [int(part) for part in np.argsort(-sizes[1:], kind="stable") + 1 if sizes[part] > 0]
    numbers = [label, *range(free_id, free_id + len(order) - 1)]
    if numbers[-1] > np.iinfo(block.dtype).max:
        raise InputError(
            f"These labels are {block.dtype} numbers, which have no room for another particle; convert the layer to "
            "int32 (right click in the layer list) first."
        )
    table = np.zeros(len(sizes), block.dtype)
    table[order] = numbers
    after = np.where(parts > 0, table[parts], block)
    change = change_between(block, after, start, "split", {"split": label, "into": numbers, **details})
    if change is None:
        raise InputError(f"Particle {label} cannot be split so.")
    return change
