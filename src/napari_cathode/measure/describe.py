"""The features that one particle has by itself and by its contacts."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_cathode.smoothing import gaussian
from napari_cathode.tomogram import Spacing

from .grey_kernels import highest
from .hull import convexity
from .inside import SHELLS, lacking_grey, measure_cracks, measure_radially
from .kernels import OUTER, SOLID, Mask, count, erode
from .parameters import MeasureParameters
from .published import published_values
from .shape import Shape, measure_shape, principal_radii
from .surface import interface_areas
from .threshold import GreyLevels

FEWEST_VOXELS = {2: 9, 3: 27}
"""A particle of fewer voxels (slice, volume) has no shape of its own, only that of the grid."""
FEWEST_GREYS = 8
"""Voxels that a standard deviation of grey needs."""

Floats = npt.NDArray[np.float32]


def describe(
    filled: Mask,
    solid: Mask,
    image: Floats | None,
    spacing_um: Spacing,
    parameters: MeasureParameters,
    *,
    touching_um: float,
    greys: GreyLevels,
    cut: bool,
    divided: bool,
) -> dict[str, float]:
    """Give a particle's features by column name.

    Parameters
    ----------
    filled, solid : ndarray of uint8, shape (z, y, x)
        The filled particle F and its solid M, with a margin.
    image : ndarray of float32, shape (z, y, x), optional
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    parameters : MeasureParameters
    touching_um : float
        Area of contact with all neighbours in µm², in a slice its length in µm.
    greys : GreyLevels
        Of the particle.
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
    image = None if image is None else np.ascontiguousarray(image)
    shape = measure_shape(filled, spacing_um)
    n_solid = count(solid)
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
    values.update(_second_moments(shape))
    if divided:
        values["damage"] = 1 - n_solid / shape.voxels
    if {"structure", "surroundings"} & set(parameters.groups):
        values.update(_surface_features(filled, solid, size, touching_um, spacing_um, parameters, divided))
    if {"grey", "cracks"} & set(parameters.groups) and divided:
        values.update(_inside(filled, solid, image, shape, voxel, spacing_um, greys))
    if parameters.definitions == "li2022" and divided:
        values.update(published_values(filled, solid, image, spacing_um, parameters.smoothing_um))
    return values


def _surface_features(
    filled: Mask,
    solid: Mask,
    size: float,
    touching_um: float,
    spacing_um: Spacing,
    parameters: MeasureParameters,
    divided: bool,
) -> dict[str, float]:
    """Surfaces and what is made of them."""
    flat = filled.shape[0] == 1
    outer, inner = _surfaces(filled, solid, spacing_um)
    values = {"contact": touching_um / outer}
    if flat:
        values["perimeter_um"] = outer
        values["circularity"] = 4 * math.pi * size / outer**2
    else:
        values["surface_outer_um2"] = outer
        values["sphericity"] = 36 * math.pi * size**2 / outer**3
        values["vs_ratio"] = size ** (1 / 3) / outer**0.5
    if divided:
        values["perimeter_inner_um" if flat else "surface_inner_um2"] = inner
    if "structure" in parameters.groups:
        values["convexity"] = convexity(filled)
        values.update(_roughness(filled, solid, outer, inner if divided else 0.0, spacing_um, parameters.smoothing_um))
    return values


def _second_moments(shape: Shape) -> dict[str, float]:
    """Elongation, radii and directions of the principal axes."""
    values = {"elongation": shape.elongation}
    values["axis_z"], values["axis_y"], values["axis_x"] = shape.axis
    values["yaw_deg"], values["pitch_deg"], values["roll_deg"] = shape.yaw_deg, shape.pitch_deg, shape.roll_deg
    radii = principal_radii(shape)
    values["radius_long_um"], values["radius_short_um"] = radii[0], radii[-1]
    if len(radii) == 3:
        values["radius_middle_um"] = radii[1]
    return values


def _inside(
    filled: Mask,
    solid: Mask,
    image: Floats | None,
    shape: Shape,
    voxel: float,
    spacing_um: Spacing,
    greys: GreyLevels,
) -> dict[str, float]:
    """Cracks and pores, and profiles from core to rim."""
    flat = filled.shape[0] == 1
    radial = measure_radially(filled, solid, image, shape.centroid, spacing_um)
    cracks = measure_cracks(filled, solid, shape.centroid, spacing_um)
    values = {f"damage_shell_{number + 1}": float(share) for number, share in enumerate(radial.damage())}
    if image is not None:
        values |= {f"grey_shell_{number + 1}": float(grey) for number, grey in enumerate(radial.mean_grey())}
        values["grey_gradient"] = values[f"grey_shell_{SHELLS - 1}"] - values["grey_shell_2"]
        values["damage_grey"] = lacking_grey(filled, solid, image, greys)
    values["hollow_core"] = radial.hollow / shape.voxels
    values["crack_orientation"] = cracks.orientation
    values["largest_crack_area_um2" if flat else "largest_crack_volume_um3"] = cracks.largest * voxel
    values["largest_crack_extent_um"] = cracks.extent_um
    if not flat:
        values["damage_open"], values["damage_closed"] = cracks.open / shape.voxels, cracks.closed / shape.voxels
        values["open_crack_volume_um3"], values["closed_pore_volume_um3"] = cracks.open * voxel, cracks.closed * voxel
    return values


def _greys(solid: Mask, image: Floats | None) -> dict[str, float]:
    """Mean grey and homogeneity one voxel away from every edge and crack."""
    if image is None:
        return {}
    greys = image[erode(solid).view(bool)].astype(np.float64)
    if len(greys) == 0:
        return {}
    values = {"edensity": float(greys.mean())}
    spread = float(greys.std())
    if len(greys) >= FEWEST_GREYS and spread > 0:
        values["homogeneity"] = 1 / spread
    return values


def _surfaces(filled: Mask, solid: Mask, spacing_um: Spacing) -> tuple[float, float]:
    """Outer and inner surface."""
    code: Mask = filled * np.uint8(OUTER) | solid * np.uint8(SOLID)
    return interface_areas(code, spacing_um)


def _roughness(
    filled: Mask, solid: Mask, outer: float, inner: float, spacing_um: Spacing, length_um: float
) -> dict[str, float]:
    """Surfaces over what is left of them after smoothing."""
    smooth_outer, smooth_inner = _smoothed_areas(filled, solid, spacing_um, length_um)
    values = {"rough_outer": outer / smooth_outer if smooth_outer > 0 else math.nan}
    # The smallest inner surface worth a ratio: that of a hollow as wide as the smoothing is long.
    least = 2 * math.pi * length_um if filled.shape[0] == 1 else 4 * math.pi * length_um**2
    if smooth_inner > 0 and inner > least:
        values["rough_inner"] = inner / smooth_inner
    return values


def _smoothed_areas(filled: Mask, solid: Mask, spacing_um: Spacing, length_um: float) -> tuple[float, float]:
    """Outer and inner surface after smoothing by a Gaussian.

    The smoothed bodies are cut at the level that keeps their volume, so that a smooth ball keeps its surface, too.
    """
    sigma = (length_um / spacing_um[0], length_um / spacing_um[1], length_um / spacing_um[2])
    filled, solid = _wider(filled), _wider(solid)  # smoothing makes thin bodies thick
    body = highest(gaussian(filled.astype(np.float32), sigma), count(filled))
    cracks = filled & (1 - solid)
    volume = count(cracks)
    empty = body
    if volume:
        blurred = gaussian(cracks.astype(np.float32), sigma)
        blurred *= body
        empty = body & (1 - highest(blurred, volume))
    code: Mask = body * np.uint8(OUTER) | empty * np.uint8(SOLID)
    return interface_areas(code, spacing_um)


def _wider(mask: Mask) -> Mask:
    """Add a margin of two voxels to a mask."""
    z, y, x = mask.shape
    flat = z == 1
    wide = np.zeros((z if flat else z + 4, y + 4, x + 4), np.uint8)
    wide[slice(None) if flat else slice(2, -2), 2:-2, 2:-2] = mask
    return wide
