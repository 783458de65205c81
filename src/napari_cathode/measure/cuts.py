"""What a picture of one particle shows: three cuts through its middle, its cracks there, and what lies around it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.boxes import Box
from napari_cathode.progress import Progress, Steps
from napari_cathode.tomogram import Spacing

from .grey_kernels import with_numbers
from .parameters import MeasureParameters
from .particle import OUTSIDE, Context, Crop, divide_particle, padding
from .threshold import GreyLevels

T = TypeVar("T", bound=np.generic)

LARGEST = 1 << 25
"""Voxels of a crop in which cracks are looked for; of a larger particle only the cuts are read."""

CUTS = {"xy": 0, "xz": 1, "yz": 2}
"""Axis that stands upright on each cut."""


@dataclass(frozen=True, eq=False)
class Cut:
    """A plane through the middle of a particle.

    Attributes
    ----------
    view : {"xy", "xz", "yz"}
    labels : ndarray of int32, shape (rows, columns)
        OUTSIDE where there is no image.
    grey : ndarray of float32, optional
        On the same grid.
    edges_um : tuple of float
        Height and width of a pixel.
    """

    view: str
    labels: npt.NDArray[np.int32]
    grey: npt.NDArray[np.float32] | None
    edges_um: tuple[float, float]


@dataclass(frozen=True, eq=False)
class Look:
    """A particle, read from its volume.

    Attributes
    ----------
    label : int
    cuts : tuple of Cut
        One of a slice, three of a volume.
    crop : Crop, optional
        The particle with room around; None where it is larger than LARGEST.
    middle : tuple of int
        Voxel (z, y, x) of the crop that the cuts meet in.
    neighbours : tuple of (int, float)
        Labels that come near, and the width of the gap to them in µm, the nearest first.
    """

    label: int
    cuts: tuple[Cut, ...]
    crop: Crop | None
    middle: tuple[int, int, int]
    neighbours: tuple[tuple[int, float], ...] = ()


def look_at(
    labels: Any,
    image: Any | None,
    spacing_um: Spacing,
    label: int,
    box: Box,
    parameters: MeasureParameters,
    field_of_view: npt.NDArray[np.bool_] | None = None,
) -> Look:
    """Read a particle and what is around it.

    Parameters
    ----------
    labels, image : array-like, shape (z, y, x)
        May be lazy; no more than the surroundings of the particle is read.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    label : int
        The particle.
    box : tuple of slice
        Around it.
    parameters : MeasureParameters
        Give the room that cracks need, and how wide a gap a contact may have.
    field_of_view : ndarray of bool, optional
        Broadcastable to the labels.

    Returns
    -------
    Look
    """
    room = np.array(padding(spacing_um, parameters))
    if labels.shape[0] == 1:
        room[0] = 0
    low = np.array([side.start for side in box]) - room
    high = np.array([side.stop for side in box]) + room
    middle = tuple(int(side.start + side.stop - 1) // 2 for side in box)
    at = (middle[0] - int(low[0]), middle[1] - int(low[1]), middle[2] - int(low[2]))
    views = ("xy",) if labels.shape[0] == 1 else tuple(CUTS)
    if np.prod(high - low, dtype=np.float64) > LARGEST:
        planes = [_plane(low, high, CUTS[view], middle) for view in views]
        read = [_read(labels, image, field_of_view, *plane) for plane in planes]
        found = [
            (_slice(part, CUTS[view], 0), _taken(grey, CUTS[view], 0))
            for view, (part, grey) in zip(views, read, strict=True)
        ]
        crop: Crop | None = None
        neighbours: tuple[tuple[int, float], ...] = ()
    else:
        part, grey = _read(labels, image, field_of_view, low, high)
        found = [(_slice(part, CUTS[view], at[CUTS[view]]), _taken(grey, CUTS[view], at[CUTS[view]])) for view in views]
        crop = Crop(label, False, (int(low[0]), int(low[1]), int(low[2])), part, grey)
        neighbours = _around(part, label, spacing_um, parameters.gap_tolerance_um)
    cuts = []
    for view, (seen, shade) in zip(views, found, strict=True):
        rows, columns = (edge for axis, edge in enumerate(spacing_um) if axis != CUTS[view])
        cuts.append(Cut(view, seen, shade, (rows, columns)))
    return Look(label, tuple(cuts), crop, at, neighbours)


def iter_cracks(
    crop: Crop, middle: tuple[int, int, int], views: Sequence[str], spacing_um: Spacing, parameters: Any, greys: Any
) -> Steps[dict[str, npt.NDArray[np.bool_]]]:
    """Find the cracks that the measurement would find, on cuts through a particle.

    Parameters
    ----------
    crop : Crop
        See `look_at`.
    middle : tuple of int
        Where the cuts meet.
    views : sequence of str
        The cuts.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    parameters : MeasureParameters
    greys : GreyLevels
        Of the whole image; see `iter_image_greys`.

    Yields
    ------
    Progress

    Returns
    -------
    dict of str to ndarray of bool
        By view, on the grid of its cut.
    """
    yield Progress(0, 1, "Looking for cracks")
    context = Context(spacing_um, parameters, greys if greys is not None else GreyLevels(), (1, 1, 1))
    found = divide_particle(crop, context)
    cracks = np.zeros(crop.labels.shape, bool)
    cracks[found.box] = found.filled.view(bool) & ~found.solid.view(bool)
    return {view: np.ascontiguousarray(_slice(cracks, CUTS[view], middle[CUTS[view]])) for view in views}


def iter_greys_of(labels: Any, tomogram: Any) -> Steps[tuple[GreyLevels, Any]]:
    """Find the greys and the field of view of an image, which cracks are told by."""
    from napari_cathode.io import find_field_of_view

    from .threshold import iter_image_greys

    yield Progress(0, 0, "Reading grey levels")
    seen = tomogram.field_of_view
    if seen is None:
        seen = find_field_of_view(tomogram.data)
    greys = yield from iter_image_greys(labels, tomogram.data, seen)
    return greys, seen


def _plane(low: Any, high: Any, axis: int, middle: tuple[int, ...]) -> tuple[Any, Any]:
    low, high = low.copy(), high.copy()
    low[axis], high[axis] = middle[axis], middle[axis] + 1
    return low, high


def _slice(array: npt.NDArray[T], axis: int, place: int) -> npt.NDArray[T]:
    return np.moveaxis(array, axis, 0)[place]


def _taken(grey: npt.NDArray[np.float32] | None, axis: int, place: int) -> npt.NDArray[np.float32] | None:
    return None if grey is None else _slice(grey, axis, place)


def _read(labels: Any, image: Any, seen: Any, low: Any, high: Any) -> tuple[npt.NDArray[np.int32], Any]:
    """Read a box, which may reach beyond the volume; there the label is OUTSIDE and grey goes on as at the edge."""
    starts, ends = np.maximum(low, 0), np.minimum(high, labels.shape)
    inside = tuple(slice(int(start), int(end)) for start, end in zip(starts, ends, strict=True))
    beyond = [(int(a - b), int(d - c)) for b, a, c, d in zip(low, starts, ends, high, strict=True)]
    part = np.asarray(labels[inside]).astype(np.int32)
    if seen is not None:
        part = np.where(np.broadcast_to(seen, labels.shape)[inside], part, np.int32(OUTSIDE))
    part = np.ascontiguousarray(np.pad(part, beyond, constant_values=OUTSIDE))
    if image is None:
        return part, None
    return part, np.pad(with_numbers(np.asarray(image[inside], np.float32)), beyond, mode="edge")


def _around(
    part: npt.NDArray[np.int32], label: int, spacing_um: Spacing, gap_um: float
) -> tuple[tuple[int, float], ...]:
    """Find the labels no further away than a contact may be, and how wide the gap to each is."""
    others = np.nonzero((part > 0) & (part != label))
    nearest = ndimage.distance_transform_edt(
        part != label, sampling=spacing_um, return_distances=False, return_indices=True
    )
    # Between voxels that adjoin there is no gap: of each step from one to the next only what lies between counts.
    steps = (np.abs(nearest[(axis, *others)] - others[axis]) - 1 for axis in range(3))
    squares = ((np.maximum(step, 0) * edge) ** 2 for step, edge in zip(steps, spacing_um, strict=True))
    gap = np.sqrt(sum(squares))
    owner = part[others]
    ids = np.unique(owner[gap <= gap_um + 1e-6])
    if not len(ids):
        return ()
    widths = ndimage.minimum(gap, owner, ids)
    return tuple(sorted(zip(map(int, ids), map(float, widths), strict=True), key=lambda pair: (pair[1], pair[0])))
