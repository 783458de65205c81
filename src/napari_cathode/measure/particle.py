"""One particle, measured in a crop around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from napari_cathode.smoothing import gaussian
from napari_cathode.tomogram import Spacing

from .contacts import contacts_of
from .cracks import brighter, find_cracks
from .describe import describe
from .filling import close_filled, fill_holes, fill_particle
from .kernels import Mask, box_around, count, count_in_cells, erode, sort_out
from .outline import complete_outline
from .parameters import MeasureParameters
from .threshold import GreyLevels, particle_greys

OUTSIDE = -1
"""Label, within a crop, of voxels outside the volume or its field of view."""
UNKNOWN = "unknown_voxels"
"""Value that says how many voxels of a filled particle have no grey; no feature, but what a person should know."""
MARGIN = (2, 2, 2)
"""Voxels (z, y, x) around the filled particle in the box that it is described in."""
MOST = 0.8
"""Share of the wide cracks that labels of whole particles cover at least."""
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Crop:
    """A particle and its surroundings, cut out of the volume.

    Attributes
    ----------
    label : int
    touches_border : bool
        Whether the image or its field of view cuts the particle.
    start : tuple of int
        Index (z, y, x) in the volume of the crop's first voxel; may be negative.
    labels : ndarray of int32, shape (z, y, x)
        OUTSIDE where there is no image.
    image : ndarray of float32, shape (z, y, x), optional
    unknown : ndarray of bool, shape (z, y, x), optional
        Where the grey is no number in the file, and the median stands for it here; None where that is nowhere.
    """

    label: int
    touches_border: bool
    start: tuple[int, int, int]
    labels: npt.NDArray[np.int32]
    image: Floats | None
    unknown: npt.NDArray[np.bool_] | None = None


@dataclass(frozen=True)
class Context:
    """What holds for all particles.

    Attributes
    ----------
    spacing_um : tuple of float
    parameters : MeasureParameters
    grey : GreyLevels
        Of the whole image.
    cell : tuple of int
        Voxels (z, y, x) of a cell of the coarse grid in which solid voxels are counted.
    """

    spacing_um: Spacing
    parameters: MeasureParameters
    grey: GreyLevels
    cell: tuple[int, int, int]


@dataclass(frozen=True)
class Measured:
    """What a crop yields.

    Attributes
    ----------
    values : dict
        Column → value; a column that is missing is NaN.
    first_cell : tuple of int
        Cell (z, y, x) of the coarse grid that ``solid`` starts at.
    solid : ndarray of unsigned integers
        Solid voxels per cell.
    contacts : ndarray of float64, shape (n, 5)
        The neighbours that touch it, as `contacts.contacts_of` gives them, with places in voxels of the volume.
    """

    values: dict[str, float]
    first_cell: tuple[int, int, int] = (0, 0, 0)
    solid: npt.NDArray[Any] = field(default_factory=lambda: np.zeros((0, 0, 0), np.int64))
    contacts: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 5)))


def padding(spacing_um: Spacing, parameters: MeasureParameters) -> tuple[int, int, int]:
    """Voxels (z, y, x) that a crop needs around the particle's box: room for closing, and for background."""
    reach = max(parameters.closing_um(spacing_um), parameters.gap_tolerance_um)
    pad_z, pad_y, pad_x = (max(int(np.ceil(reach / edge)) + 2, 6) for edge in spacing_um)
    return pad_z, pad_y, pad_x


class Division(NamedTuple):
    """What of a crop is the particle, and what of that is solid.

    Attributes
    ----------
    own : ndarray of uint8, shape (z, y, x)
        The label, in the whole crop.
    filled, solid : ndarray of uint8
        The filled particle and its solid, within ``box``.
    box : tuple of slice
        Where they lie in the crop.
    quiet : ndarray of float32, optional
        The denoised image, within ``box``; None without an image, or where the labels alone tell.
    greys : GreyLevels
        Of the particle.
    found : bool
        Whether the greys tell solid from crack.
    """

    own: Mask
    filled: Mask
    solid: Mask
    box: tuple[slice, slice, slice]
    quiet: Floats | None
    greys: GreyLevels
    found: bool


def divide_particle(crop: Crop, context: Context) -> Division:
    """Tell a particle's solid from its cracks; see `measure_particle`."""
    own, free, others = sort_out(crop.labels, crop.label)
    taken = others.view(np.bool_)
    room = box_around(own, (1, 1, 1))
    quiet, greys = _greys(crop, own, free, room, context)
    found = not np.isnan(greys.threshold)
    bright = own
    if quiet is not None and found:
        bright = np.zeros_like(own)
        bright[room] = own[room] & brighter(quiet[room], greys.threshold)
    closing = context.parameters.closing_um(context.spacing_um)
    filled, closed = fill_particle(own, bright, taken, context.spacing_um, closing)
    if solid_only(context.parameters, context.grey):
        labelled = (crop.labels != 0).view(np.uint8)
        # What closes around other particles is a crack of theirs, or a gap between two of them; where they close
        # around this one, too, what lies in there with it is not theirs.
        neighbours = ((crop.labels > 0) & (own == 0)).view(np.uint8)
        theirs = close_filled(neighbours, context.spacing_um, closing, inside=own)
        free = (1 - (others | theirs)) | filled
        filled = complete_outline(filled, labelled, free, crop.image if found else None, greys, context.spacing_um)
        closed = filled
    box = box_around(filled, MARGIN)
    filled = np.ascontiguousarray(filled[box])
    if crop.image is not None and quiet is not None and found:
        image, quiet = np.ascontiguousarray(crop.image[box]), np.ascontiguousarray(quiet[box])
        solid = filled & (1 - find_cracks(filled, np.ascontiguousarray(closed[box]), image, quiet, greys))
    else:
        solid = filled & own[box]
    return Division(own, filled, solid, box, quiet, greys, found)


def measure_particle(crop: Crop, context: Context) -> Measured:
    """Measure one particle.

    F is the filled particle: its label and what closing and filling its solid adds, less the voxels of other labels.
    M are the solid voxels of F, K = F without M its cracks and pores.

    Parameters
    ----------
    crop : Crop
        With `padding` around the particle.
    context : Context

    Returns
    -------
    Measured
    """
    own, filled, solid, box, quiet, greys, found = divide_particle(crop, context)
    cut = Crop(
        crop.label,
        crop.touches_border or _meets_outside(filled, crop.labels[box]),
        (crop.start[0] + box[0].start, crop.start[1] + box[1].start, crop.start[2] + box[2].start),
        crop.labels[box],
        None if crop.image is None else crop.image[box],
    )
    contacts = np.zeros((0, 5))
    if "surroundings" in context.parameters.groups:
        contacts = _contacts(crop, filled, box, context)
    values = describe(
        filled,
        solid,
        cut.image,
        context.spacing_um,
        context.parameters,
        touching_um=float(contacts[:, 1].sum()),
        greys=greys,
        cut=cut.touches_border,
        divided=found or quiet is None,
    )
    contacts[:, 2:] += crop.start
    scale = context.spacing_um
    for axis, column in enumerate(("z_um", "y_um", "x_um")):
        values[column] = (values[column] + cut.start[axis]) * scale[axis]
    values["label"] = crop.label
    values["touches_border"] = cut.touches_border
    values["voxel_count"] = count(own)
    unknown = 0 if crop.unknown is None else np.count_nonzero(crop.unknown[box] & filled.view(np.bool_))
    if unknown:
        values[UNKNOWN] = float(unknown)
    first_cell, counts = _in_cells(solid, cut.start, context.cell)
    return Measured(values, first_cell, counts.astype(np.min_scalar_type(int(counts.max(initial=0)))), contacts)


def solid_only(parameters: MeasureParameters, grey: GreyLevels) -> bool:
    """Say whether labels leave the cracks out, by the grey levels of the whole image."""
    asked = parameters.labels_cover if parameters.definitions == "standard" else "particles"
    return asked == "solid" or (asked == "auto" and grey.covered < MOST)


def _contacts(crop: Crop, filled: Mask, box: tuple[slice, slice, slice], context: Context) -> npt.NDArray[np.float64]:
    """Measure the contacts of a filled particle in a box of a crop; places are in voxels of the crop."""
    gap = context.parameters.gap_tolerance_um
    reach = [int(gap / edge * (1 + 1e-5)) for edge in context.spacing_um]
    wide = tuple(
        slice(max(side.start - far, 0), min(side.stop + far, size))
        for side, far, size in zip(box, reach, crop.labels.shape, strict=True)
    )
    labels = np.ascontiguousarray(crop.labels[wide])
    body = np.zeros(labels.shape, np.uint8)
    body[tuple(slice(s.start - w.start, s.stop - w.start) for s, w in zip(box, wide, strict=True))] = filled
    contacts = contacts_of(body, labels, crop.label, context.spacing_um, gap)
    contacts[:, 2:] += [side.start for side in wide]
    return contacts


def _meets_outside(filled: Mask, labels: npt.NDArray[np.int32]) -> bool:
    """Whether a filled particle has a face on the outside of the image or of its field of view."""
    outside = labels == OUTSIDE
    if not outside.any():
        return False
    return bool((filled & (1 - erode((~outside).view(np.uint8)))).any())


def _in_cells(
    solid: Mask, start: tuple[int, int, int], cell: tuple[int, int, int]
) -> tuple[tuple[int, int, int], npt.NDArray[np.int64]]:
    """Count solid voxels in the cells of the coarse grid; give the first cell and the counts from there."""
    first = [start[axis] // cell[axis] for axis in range(3)]
    origin = [start[axis] - first[axis] * cell[axis] for axis in range(3)]
    cells = tuple((origin[axis] + solid.shape[axis] - 1) // cell[axis] + 1 for axis in range(3))
    counts = count_in_cells(solid, np.array(origin), np.array(cell), cells)
    return (first[0], first[1], first[2]), counts


def _greys(
    crop: Crop, own: Mask, free: Mask, room: tuple[slice, slice, slice], context: Context
) -> tuple[Floats | None, GreyLevels]:
    """Denoise the crop's image and find the greys that tell solid from crack (unknown where nothing does).

    ``own`` lies in the box ``room``, with a margin; what is ``free`` there, but in a hole of it, is no background.
    Without an image, or where the labels alone tell, there is no denoised image.
    """
    if crop.image is None or context.parameters.threshold == "labels":
        return None, GreyLevels()
    sigma = context.parameters.denoising_voxels
    quiet = gaussian(crop.image, (sigma, sigma, sigma))
    if context.parameters.threshold == "global":
        return quiet, context.grey
    free[room] &= 1 - fill_holes(own[room])
    return quiet, particle_greys(quiet, own, free, context.grey)
