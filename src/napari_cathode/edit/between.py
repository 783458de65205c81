"""Fill a particle in between the slices in which it was drawn."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.errors import InputError
from napari_cathode.tomogram import Spacing

from .change import Change, change_between
from .operations import cut_out

Bools = npt.NDArray[np.bool_]


def fill_between(labels: Any, ids: Sequence[int], axis: int, spacing_um: Spacing) -> Change:
    """Fill the slices that were left out between those in which particles were drawn.

    Between two sections the signed distances to their outlines are interpolated linearly, after both sections were laid
    upon each other by their centres, which move linearly, too [1]_. Other particles keep their voxels.

    Parameters
    ----------
    labels : array of integers, shape (z, y, x)
    ids : sequence of int
    axis : int
        The axis across the slices.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.

    Returns
    -------
    Change

    Raises
    ------
    InputError
        When one does not exist, or no slice was left out.

    References
    ----------
    .. [1] S. P. Raya, J. K. Udupa, "Shape-based interpolation of multidimensional objects", IEEE Trans. Med. Imaging
       9, 32-42 (1990).
    """
    ids = sorted(set(ids))
    if not ids:
        raise InputError("Select the particles to fill between slices first.")
    block, start = cut_out(labels, ids, 0)
    edges = [edge for other, edge in enumerate(spacing_um) if other != axis]
    after = block.copy()
    slices = np.moveaxis(after, axis, 0)
    filled = 0
    for label in ids:
        own = slices == label
        drawn = np.flatnonzero(own.any(axis=(1, 2)))
        for first, last in pairwise(drawn.tolist()):
            sections = _between(own[first], own[last], last - first, edges)
            for place, section in enumerate(sections, first + 1):
                slices[place][section & (slices[place] == 0)] = label
                filled += 1
    change = change_between(
        block, after, start, "fill between slices", {"particles": ids, "axis": "zyx"[axis], "slices": filled}
    )
    if change is None:
        raise InputError(
            f"No slice along {'zyx'[axis]} was left out between those of what is selected; draw the particle in some "
            "slices first, and leave out those between them."
        )
    return change


def _between(one: Bools, other: Bools, steps: int, edges: Sequence[float]) -> list[Bools]:
    """Give the sections between two that are some steps apart."""
    centres = [np.array(ndimage.center_of_mass(section)) for section in (one, other)]
    whole = [np.floor(centre).astype(int) for centre in centres]
    sizes = [np.ptp(np.argwhere(section), axis=0) for section in (one, other)]
    half = np.maximum(*sizes) + 2  # around its centre each section lies in a frame of this size
    depths = []
    for section, centre in zip((one, other), whole, strict=True):
        there, here = _windows(one.shape, centre, half)
        frame = np.zeros(2 * half + 1, np.bool_)
        frame[here] = section[there]
        depths.append(_signed_distance(frame, edges))
    made = []
    for step in range(1, steps):
        share = step / steps
        centre = (1 - share) * centres[0] + share * centres[1]
        place = np.floor(centre).astype(int)
        moved = [
            ndimage.shift(depth, (centre - place) - (own - first), order=1, mode="nearest")
            for depth, own, first in zip(depths, centres, whole, strict=True)
        ]
        there, here = _windows(one.shape, place, half)
        section = np.zeros(one.shape, np.bool_)
        section[there] = ((1 - share) * moved[0] + share * moved[1] > 0)[here]
        made.append(section)
    return made


def _windows(shape: tuple[int, ...], centre: Any, half: Any) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """Give the part of a picture that a frame around a centre covers, and where in the frame that part lies."""
    low, high = np.maximum(centre - half, 0), np.minimum(centre + half + 1, shape)
    there = tuple(slice(int(first), int(stop)) for first, stop in zip(low, high, strict=True))
    corner = centre - half
    return there, tuple(slice(int(first), int(stop)) for first, stop in zip(low - corner, high - corner, strict=True))


def _signed_distance(frame: Bools, edges: Sequence[float]) -> npt.NDArray[np.float64]:
    """Give the distance to the outline in µm, positive within."""
    inside = ndimage.distance_transform_edt(frame, sampling=edges)
    outside = ndimage.distance_transform_edt(~frame, sampling=edges)
    signed: npt.NDArray[np.float64] = inside - outside
    return signed
