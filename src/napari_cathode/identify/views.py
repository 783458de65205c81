"""A volume as stacks of slices: views along its axes, and what is found in them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError
from napari_cathode.tomogram import Spacing, Tomogram

from .parameters import IdentifyParameters
from .rescale import BoolArray, GreyRange, as_grey, constant_part, grey_range

VIEW_AXIS: dict[str, int] = {"xy": 0, "xz": 1, "yz": 2}
"""The views, by the axis of (z, y, x) along which their slices follow each other."""

SLAB = 16
"""Slices that are read in one go: chunked files are slow slice by slice."""


@dataclass(frozen=True, eq=False)
class ViewPrediction:
    """What was found slice by slice along one axis.

    Attributes
    ----------
    view : str
        "xy", "xz" or "yz".
    labels : ndarray of int32, shape (z, y, x)
        Filled particles, numbered anew in each slice along the view's axis; 0 = background.
    probability : ndarray of float16, shape (z, y, x)
        StarDist's object probability (0…1), or for the watershed the depth inside a particle (0…1); 0 outside the
        field of view.
    spacing_um : tuple of float or None
        Voxel edges (z, y, x) in µm, None where they are not known.
    parameters : IdentifyParameters or None
        What was used: values that were left open are filled in. None for labels that another tool made.
    notes : tuple of str
        What a person should know before trusting the result.
    distance : ndarray of float16, shape (z, y, x), optional
        Mean distance to the outline over all directions in the slice, in voxels of the finest edge; 0 outside of
        particles. None where nobody asked for it.
    """

    view: str
    labels: npt.NDArray[np.int32]
    probability: npt.NDArray[np.float16]
    spacing_um: Spacing | None
    parameters: IdentifyParameters | None
    notes: tuple[str, ...] = ()
    distance: npt.NDArray[np.float16] | None = None


def whole_views(tomogram: Tomogram, views: Sequence[str], diameter_um: float) -> tuple[str, ...]:
    """Give the views whose slices are at least one particle wide and high.

    Slices across a volume that is thinner than a particle show strips, which no model takes for particles, and what it
    makes of them spoils the fusion.

    Parameters
    ----------
    tomogram : Tomogram
        A volume, or a single slice (whose only view is "xy").
    views : sequence of str
        The views asked for.
    diameter_um : float
        The particle diameter; in voxels where the spacing is not known.

    Returns
    -------
    tuple of str
        Those that are wide enough; all that were asked for where none is.
    """
    asked = check_views(tomogram, views)
    spacing = tomogram.spacing_um or (1.0, 1.0, 1.0)
    wide = [size * step >= diameter_um for size, step in zip(tomogram.shape, spacing, strict=True)]
    kept = tuple(view for view in asked if all(wide[axis] for axis in range(3) if axis != VIEW_AXIS[view]))
    return kept or asked


def check_views(tomogram: Tomogram, views: Sequence[str]) -> tuple[str, ...]:
    """Give the views to work through: those asked for, or "xy" alone for a single slice.

    Raises
    ------
    InputError
        For an unknown view, or none.
    """
    if isinstance(views, str):
        views = (views,)
    unknown = [view for view in views if view not in VIEW_AXIS]
    if unknown or not views:
        raise InputError(f"The views {list(views)!r} are not usable; choose among xy, xz and yz.")
    return ("xy",) if tomogram.is_slice else tuple(dict.fromkeys(views))


def iter_slices(tomogram: Tomogram, view: str) -> Iterator[tuple[int, npt.NDArray[Any], BoolArray | None]]:
    """Go through the slices of a view.

    Yields
    ------
    index : int
        Position along the view's axis.
    image : ndarray, shape of a slice
        Grey values; for "xy" (y, x), for "xz" (z, x), for "yz" (z, y).
    inside : ndarray of bool or None
        Where the slice lies in the field of view; None when that is everywhere.
    """
    axis = VIEW_AXIS[view]
    shape = tomogram.shape
    mask = None if tomogram.field_of_view is None else np.broadcast_to(tomogram.field_of_view, shape)
    for start in range(0, shape[axis], SLAB):
        stop = min(start + SLAB, shape[axis])
        where = tuple(slice(start, stop) if i == axis else slice(None) for i in range(3))
        slab = as_grey(tomogram.data[where])
        for index in range(start, stop):
            image = np.take(slab, index - start, axis=axis)
            if image.dtype.kind == "f" and not np.isfinite(image).all():
                raise InputError(
                    f"Slice {index} of {tomogram.name} along {'zyx'[axis]} holds values that are not numbers (NaN or "
                    "infinity); replace them, for instance by the mean grey."
                )
            inside = (
                None if mask is None else np.asarray(mask[tuple(index if i == axis else slice(None) for i in range(3))])
            )
            yield index, image, inside


def sample_values(tomogram: Tomogram, slices: int = 5, edge: int = 512) -> list[tuple[npt.NDArray[Any], BoolArray]]:
    """Take a few xy slices, spread evenly, from which grey values are learnt that hold for the whole volume.

    Parameters
    ----------
    tomogram : Tomogram
        The volume.
    slices : int
        How many at most.
    edge : int
        The middle ``edge`` × ``edge`` pixels of each are taken, and the whole when it is smaller than twice that.

    Returns
    -------
    list of (image, inside)
        Each of shape (y, x): grey values, and where they lie in the field of view. Of a part of a tomogram, the whole
        is looked at.
    """
    tomogram = tomogram.whole or tomogram
    z, y, x = tomogram.shape
    if 0 in (z, y, x):
        raise InputError(f"{tomogram.name} is empty (its shape is {z} × {y} × {x}); give an image with particles.")
    mask = None if tomogram.field_of_view is None else np.broadcast_to(tomogram.field_of_view, tomogram.shape)
    rows, columns = (slice(None) if n <= 2 * edge else slice((n - edge) // 2, (n + edge) // 2) for n in (y, x))
    taken = []
    for index in sorted({int((i + 0.5) * z / slices) for i in range(slices)}):
        image = as_grey(tomogram.data[index, rows, columns])
        inside = np.ones(image.shape, bool) if mask is None else np.asarray(mask[index, rows, columns])
        taken.append((image, inside))
    return taken


def volume_grey_range(tomogram: Tomogram, percentile_low: float, percentile_high: float) -> GreyRange:
    """Find the grey values that become 0 and 1 in all slices of a tomogram; see `grey_range`."""
    values = np.concatenate([image[informative(image, inside)] for image, inside in sample_values(tomogram)])
    return grey_range(values, percentile_low, percentile_high, tomogram.name)


def informative(image: npt.NDArray[Any], inside: BoolArray) -> BoolArray:
    """Where a slice says something about grey values: inside, without flat parts unless all is flat."""
    varied = inside & ~constant_part(image)
    return varied if varied.any() else inside
