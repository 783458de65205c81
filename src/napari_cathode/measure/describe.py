"""The features that one particle has by itself and by its contacts."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_cathode.tomogram import Spacing

from .kernels import NEIGHBOUR, OUTER, SOLID, Mask, erode, within_ball
from .parameters import MeasureParameters
from .shape import measure_shape
from .surface import interface_areas
from .threshold import gaussian

FEWEST_VOXELS = {2: 9, 3: 27}
"""A particle of fewer voxels (slice, volume) has no shape of its own, only that of the grid."""
FEWEST_GREYS = 8
"""Voxels that a standard deviation of grey needs."""

Floats = npt.NDArray[np.float32]


def describe(
    filled: Mask,
    solid: Mask,
    neighbours: Mask,
    image: Floats | None,
    spacing_um: Spacing,
    parameters: MeasureParameters,
    *,
    cut: bool,
    divided: bool,
) -> dict[str, float]:
    """Give a particle's features by column name.

    Parameters
    ----------
    filled, solid, neighbours : ndarray of uint8, shape (z, y, x)
        The filled particle F, its solid M and the voxels of other particles, with a margin of at least the gap
        tolerance.
    image : ndarray of float32, shape (z, y, x), optional
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    parameters : MeasureParameters
    cut : bool
        Whether the border cuts the particle: it then has no size, shape, surface and damage.
    divided : bool
        Whether solid and cracks could be told apart.

    Returns
    -------
    dict of str to float
        Positions are in voxels from the arrays' corner. Columns that are missing have no value.
    """
    flat = filled.shape[0] == 1
    voxel = spacing_um[1] * spacing_um[2] * (1.0 if flat else spacing_um[0])
    shape = measure_shape(filled, spacing_um)
    n_solid = int(solid.sum())
    values: dict[str, float] = dict(zip(("z_um", "y_um", "x_um"), shape.centroid, strict=True))
    if divided:
        values["solid_area_um2" if flat else "solid_volume_um3"] = n_solid * voxel
        values.update(_greys(solid, image))
    if cut:
        return values
    size = shape.voxels * voxel
    values["area_um2" if flat else "volume_um3"] = size
    values["equivalent_diameter_um"] = 2 * math.sqrt(size / math.pi) if flat else (6 * size / math.pi) ** (1 / 3)
    if shape.voxels < FEWEST_VOXELS[2 if flat else 3]:
        return values
    values["elongation"] = shape.elongation
    values["axis_z"], values["axis_y"], values["axis_x"] = shape.axis
    values["yaw_deg"], values["pitch_deg"], values["roll_deg"] = shape.yaw_deg, shape.pitch_deg, shape.roll_deg
    outer, inner, contact = interface_areas(_coded(filled, solid, neighbours, spacing_um, parameters), spacing_um)
    values["contact"] = contact / outer
    smooth_outer, smooth_inner = _smoothed_areas(filled, solid, spacing_um, parameters.smoothing_um)
    values["rough_outer"] = outer / smooth_outer if smooth_outer > 0 else math.nan
    if flat:
        values["perimeter_um"] = outer
        values["circularity"] = 4 * math.pi * size / outer**2
    else:
        values["surface_outer_um2"] = outer
        values["sphericity"] = 36 * math.pi * size**2 / outer**3
        values["vs_ratio"] = size ** (1 / 3) / outer**0.5
    if divided:
        values["damage"] = 1 - n_solid / shape.voxels
        values["perimeter_inner_um" if flat else "surface_inner_um2"] = inner
        # The smallest inner surface worth a ratio: that of a hollow as wide as the smoothing is long.
        length = parameters.smoothing_um
        if smooth_inner > 0 and inner > (2 * math.pi * length if flat else 4 * math.pi * length**2):
            values["rough_inner"] = inner / smooth_inner
    return values


def _greys(solid: Mask, image: Floats | None) -> dict[str, float]:
    """Mean grey and homogeneity one voxel away from every edge and crack."""
    if image is None:
        return {}
    greys = image[erode(solid).view(bool)].astype(np.float64)
    if len(greys) == 0:
        return {}
    values = {"edensity": float(greys.mean())}
    if len(greys) >= FEWEST_GREYS and greys.std() > 0:
        values["homogeneity"] = 1 / float(greys.std())
    return values


def _coded(filled: Mask, solid: Mask, neighbours: Mask, spacing_um: Spacing, parameters: MeasureParameters) -> Mask:
    """Code the particle for counting pairs across its surfaces; neighbours are swollen by the gap tolerance."""
    code: Mask = filled * np.uint8(OUTER) | solid * np.uint8(SOLID)
    if neighbours.any():
        edges = np.asarray(spacing_um)
        if filled.shape[0] == 1:
            edges = np.array([np.inf, edges[1], edges[2]])
        swollen = within_ball(neighbours, edges, parameters.gap_tolerance_um, False)
        code |= swollen * (1 - filled) * np.uint8(NEIGHBOUR)
    return code


def _smoothed_areas(filled: Mask, solid: Mask, spacing_um: Spacing, length_um: float) -> tuple[float, float]:
    """Outer and inner surface after smoothing by a Gaussian.

    The smoothed bodies are cut at the level that keeps their volume, so that a smooth ball keeps its surface, too.
    """
    sigma = (length_um / spacing_um[0], length_um / spacing_um[1], length_um / spacing_um[2])
    body = _same_volume(gaussian(filled.astype(np.float32), sigma), int(filled.sum()))
    cracks = filled & (1 - solid)
    volume = int(cracks.sum())
    empty = body
    if volume:
        blurred = gaussian(cracks.astype(np.float32), sigma)
        blurred[~body.view(bool)] = 0
        empty = body & (1 - _same_volume(blurred, volume))
    code: Mask = body * np.uint8(OUTER) | empty * np.uint8(SOLID)
    outer, inner, _ = interface_areas(code, spacing_um)
    return outer, inner


def _same_volume(values: Floats, voxels: int) -> Mask:
    """Mark the given number of voxels with the highest values (more where the last ones are equal, none of zero)."""
    positive = values[values > 0]
    if len(positive) <= voxels:
        return (values > 0).view(np.uint8)
    level = np.partition(positive, len(positive) - voxels)[len(positive) - voxels]
    return (values >= level).view(np.uint8)
