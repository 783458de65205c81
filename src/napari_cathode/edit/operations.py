"""Edits of whole particles. Each gives the change; nothing is changed before it is applied."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import fill_voids
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.boxes import Box, find_box
from napari_cathode.errors import InputError
from napari_cathode.measure.threshold import GreyLevels, particle_greys
from napari_cathode.smoothing import gaussian
from napari_cathode.tomogram import Spacing

from .change import Change, change_between

Bools = npt.NDArray[np.bool_]


def merge(labels: Any, ids: Sequence[int]) -> Change:
    """Make one particle of several; the lowest of their numbers stays.

    Parameters
    ----------
    labels : array of integers, shape (z, y, x)
    ids : sequence of int
        Two or more.

    Returns
    -------
    Change

    Raises
    ------
    InputError
        When there are fewer than two, or one does not exist.
    """
    ids = sorted(set(ids))
    if len(ids) < 2:
        raise InputError("Select two or more particles to merge them.")
    block, start = cut_out(labels, ids, 0)
    after = np.where(np.isin(block, ids[1:]), block.dtype.type(ids[0]), block)
    return _changed(block, after, start, "merge", {"kept": ids[0], "merged": ids[1:]})


def delete(labels: Any, ids: Sequence[int]) -> Change:
    """Turn particles into background.

    Parameters
    ----------
    labels : array of integers, shape (z, y, x)
    ids : sequence of int

    Returns
    -------
    Change

    Raises
    ------
    InputError
        When one does not exist.
    """
    ids = _some(ids, "delete")
    block, start = cut_out(labels, ids, 0)
    after = np.where(np.isin(block, ids), block.dtype.type(0), block)
    return _changed(block, after, start, "delete", {"deleted": ids})


def fill(labels: Any, ids: Sequence[int]) -> Change:
    """Fill holes that lie within a particle; those of its section where the labels are one slice.

    Only background is filled: a particle within another one stays.

    Parameters
    ----------
    labels : array of integers, shape (z, y, x)
    ids : sequence of int

    Returns
    -------
    Change

    Raises
    ------
    InputError
        When one does not exist, or there is no hole.
    """
    flat = flat_axis(labels.shape)

    def filled(own: Bools) -> Bools:
        part = own if flat is None else own.squeeze(flat)
        result: Bools = fill_voids.fill(np.ascontiguousarray(part)).astype(bool).reshape(own.shape)
        return result

    return _reshape(labels, ids, "fill holes", {}, (0, 0, 0), filled, "There is no hole to fill in what is selected.")


def smooth(labels: Any, ids: Sequence[int], spacing_um: Spacing, smoothing_um: float) -> Change:
    """Smooth outlines: the particle is where its mask, blurred by a Gaussian, is above one half.

    Other particles keep their voxels.

    Parameters
    ----------
    labels : array of integers, shape (z, y, x)
    ids : sequence of int
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    smoothing_um : float
        Standard deviation.

    Returns
    -------
    Change

    Raises
    ------
    InputError
        When one does not exist, or nothing changes.
    """
    flat = flat_axis(labels.shape)
    sigma = [0.0 if axis == flat else smoothing_um / edge for axis, edge in enumerate(spacing_um)]

    def smoothed(own: Bools) -> Bools:
        result: Bools = ndimage.gaussian_filter(own.astype(np.float32), sigma, truncate=3, mode="nearest") > 0.5
        return result

    pad = _voxels(3 * smoothing_um, spacing_um)
    nothing = f"Smoothing by {smoothing_um:g} µm changes nothing here; smooth by more."
    return _reshape(labels, ids, "smooth", {"smoothing_um": smoothing_um}, pad, smoothed, nothing)


def grow(labels: Any, ids: Sequence[int], image: Any | None, spacing_um: Spacing, reach_um: float) -> Change:
    """Grow particles up to their edge in the image.

    Background voxels join that are brighter than half way between the particle's grey and that of the background around
    it, connected with the particle, and no farther away than asked.

    Parameters
    ----------
    labels : array of integers, shape (z, y, x)
    ids : sequence of int
    image : array, shape (z, y, x)
        Grey values.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    reach_um : float
        How far a particle grows, at most.

    Returns
    -------
    Change

    Raises
    ------
    InputError
        When there is no image, one does not exist or does not stand out from the background, or nothing changes.
    """
    if image is None:
        raise InputError("Growing to the image's edge needs the tomogram; open it and choose it beside the particles.")
    ids = _some(ids, "grow")
    pad = _within(labels, tuple(2 * voxels + 6 for voxels in _voxels(reach_um, spacing_um)))
    block, start = cut_out(labels, ids, pad)
    place = tuple(slice(first, first + n) for first, n in zip(start, block.shape, strict=True))
    quiet = gaussian(np.ascontiguousarray(image[place], np.float32), (0.5, 0.5, 0.5))
    after = block.copy()
    for label in ids:
        own, free = after == label, after == 0
        level = particle_greys(quiet, own.view(np.uint8), free.view(np.uint8), GreyLevels()).threshold
        if np.isnan(level):
            raise InputError(
                f"Particle {label} does not stand out from what is around it, so it has no edge to grow to."
            )
        near = ndimage.distance_transform_edt(~own, sampling=spacing_um) <= reach_um
        joined, _ = ndimage.label(own | (free & near & (quiet > level)))
        kept = np.unique(joined[own])
        after[np.isin(joined, kept) & free] = label
    return _changed(
        block,
        after,
        start,
        "grow",
        {"grown": ids, "reach_um": reach_um},
        "There is nothing bright beside what is selected.",
    )


def _reshape(
    labels: Any, ids: Sequence[int], kind: str, details: dict[str, Any], pad: tuple[int, ...], new: Any, nothing: str
) -> Change:
    """Give particles, one after the other, another shape; they take background only."""
    ids = _some(ids, kind)
    block, start = cut_out(labels, ids, _within(labels, pad))
    after = block.copy()
    for label in ids:
        own = after == label
        wanted = new(own)
        after[own & ~wanted] = 0
        after[wanted & (after == 0)] = label
    return _changed(block, after, start, kind, {"particles": ids, **details}, nothing)


def _some(ids: Sequence[int], what: str) -> list[int]:
    ids = sorted(set(ids))
    if not ids:
        raise InputError(f"Select the particles to {what} first.")
    return ids


def flat_axis(shape: Sequence[int]) -> int | None:
    """Give the axis along which labels are a single slice, None for a volume."""
    return next((axis for axis, size in enumerate(shape) if size == 1), None)


def _within(labels: Any, pad: tuple[int, ...]) -> tuple[int, ...]:
    """Leave room around particles, but none beside a slice."""
    flat = flat_axis(labels.shape)
    return tuple(0 if axis == flat else voxels for axis, voxels in enumerate(pad))


def _voxels(length_um: float, spacing_um: Spacing) -> tuple[int, ...]:
    return tuple(int(np.ceil(length_um / edge)) for edge in spacing_um)


def boxes_around(labels: Any, ids: Sequence[int]) -> dict[int, Box]:
    """Find the box around each particle.

    Raises
    ------
    InputError
        When one does not exist.
    """
    boxes = {}
    for label in ids:
        box = find_box(labels, label, lazy=True)
        if box is None:
            raise InputError(f"There is no particle {label} in these labels.")
        boxes[int(label)] = box
    return boxes


def cut_out(labels: Any, ids: Sequence[int], pad: int | tuple[int, ...]) -> tuple[npt.NDArray[Any], tuple[int, ...]]:
    """Copy the block around particles.

    Returns
    -------
    block : ndarray of integers, shape (z, y, x)
    start : tuple of int
        Index (z, y, x) of its first voxel.
    """
    pads = (pad,) * 3 if isinstance(pad, int) else pad
    boxes = list(boxes_around(labels, ids).values())
    low = [max(0, min(box[axis].start for box in boxes) - pads[axis]) for axis in range(3)]
    high = [min(labels.shape[axis], max(box[axis].stop for box in boxes) + pads[axis]) for axis in range(3)]
    return np.array(labels[tuple(map(slice, low, high))]), tuple(low)


def _changed(
    before: npt.NDArray[Any],
    after: npt.NDArray[Any],
    start: tuple[int, ...],
    kind: str,
    details: dict[str, Any],
    nothing: str = "Nothing would change.",
) -> Change:
    change = change_between(before, after, start, kind, details)
    if change is None:
        raise InputError(nothing)
    return change
