"""What lies where inside a particle: pieces of its cracks and how they run, its hollow core, and shells around it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_cathode.tomogram import Spacing

from .inside_kernels import (
    crack_order,
    crack_pieces,
    distances_to,
    grey_histogram,
    largest_distance,
    middle,
    radial_sums,
)
from .kernels import Mask, count, erode, grow
from .threshold import GreyLevels

SHELLS = 5
"""Shells of equal thickness from the core (1) to the rim (SHELLS)."""
FEWEST_IN_SHELL = 8
"""Voxels of the particle, or of its solid, that a shell's value needs."""
PER_DIRECTION = 6
"""Voxels of the surface, on average, in a direction in which the distance to the surface is taken."""
FINEST = 12
"""Directions along an edge of the cube that they are arranged on, at most."""
LAYER = 0.42
"""Mean depth of the centres of the outermost layer of voxels, in voxel edges, over all directions of a surface."""
STEPS = 2048
"""Steps of the histogram in which the grey of solid is looked for."""

Floats = npt.NDArray[np.float32]
Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Radial:
    """Sums over a particle, by distance from its centroid.

    Attributes
    ----------
    filled, empty : ndarray of float64, shape (SHELLS,)
        Voxels of the particle, and of its cracks.
    grey, grey_voxels : ndarray of float64, shape (SHELLS,)
        Sum of grey over the solid well inside, and its voxels.
    hollow : float
        Voxels of the hollow core.
    """

    filled: Values
    empty: Values
    grey: Values
    grey_voxels: Values
    hollow: float

    def damage(self) -> Values:
        """Give the share of cracks in each shell; NaN where it has too few voxels."""
        return _ratio(self.empty, self.filled)

    def mean_grey(self) -> Values:
        """Give the mean grey of each shell's solid; NaN where it has too few voxels."""
        return _ratio(self.grey, self.grey_voxels)


@dataclass(frozen=True)
class Cracks:
    """The pieces of a particle's cracks and pores.

    Attributes
    ----------
    open, closed : int
        Voxels in pieces that reach the surface, and in others.
    largest : int
        Voxels of the largest piece.
    extent_um : float
        The largest distance within it.
    orientation : float
        1 where cracks run along the surface, −0.5 where they run to the centre (in a slice −1); NaN without cracks.
    """

    open: int
    closed: int
    largest: int
    extent_um: float
    orientation: float


def measure_radially(
    filled: Mask, solid: Mask, image: Floats | None, centroid: tuple[float, float, float], spacing_um: Spacing
) -> Radial:
    """Sum up a particle in shells from its centroid to its surface.

    A voxel's place is its distance from the centroid as a share of the distance to the surface in its direction: 0 in
    the middle, 1 at the surface, whatever the shape. Grey is taken `well_inside` the solid.
    The hollow core is what is empty in the largest ball (disc) around the centroid of which at least half is.

    Parameters
    ----------
    filled, solid : ndarray of uint8, shape (z, y, x)
    image : ndarray of float32, shape (z, y, x), optional
    centroid : tuple of float
        (z, y, x) in voxels.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    """
    flat = filled.shape[0] == 1
    edges = np.asarray(spacing_um)
    centre = np.asarray(centroid)
    surface = filled & (1 - erode(filled))
    bins = max(1, min(FINEST, math.isqrt(count(surface) // (PER_DIRECTION * (1 if flat else 6)))))
    layer = LAYER * float(np.prod(edges[1:] if flat else edges)) ** (1 / (2 if flat else 3))
    reach = distances_to(surface, centre, edges, bins) + np.float32(layer)
    if image is None:
        image, inner = np.zeros((1, 1, 1), np.float32), np.zeros((1, 1, 1), np.uint8)
    else:
        inner = well_inside(solid)
    step = float(min(edges[1:] if flat else edges))
    sums, rings = radial_sums(filled, solid, inner, image, centre, edges, reach, SHELLS, step)
    inside = rings.cumsum(axis=0)
    half_empty = np.flatnonzero((inside[:, 0] > 0) & (2 * inside[:, 1] >= inside[:, 0]))
    hollow = float(inside[half_empty[-1], 1]) if len(half_empty) else 0.0
    return Radial(sums[0], sums[1], sums[3], sums[2], hollow)


def measure_cracks(filled: Mask, solid: Mask, centroid: tuple[float, float, float], spacing_um: Spacing) -> Cracks:
    """Measure the pieces of a particle's cracks, and how they run.

    A piece is what hangs together by voxels that share at least a corner, and open where one of them has a face on the
    outside of the particle. The orientation is the mean of P2(cos θ) = (3 cos² θ − 1) / 2 over the surface of the
    cracks, θ being the angle between its normal and the direction from the centroid; in a slice that of cos 2θ.

    Parameters
    ----------
    filled, solid : ndarray of uint8, shape (z, y, x)
    centroid : tuple of float
        (z, y, x) in voxels.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    """
    voxels, starts, is_open = crack_pieces(filled, solid)
    if len(voxels) == 0:
        return Cracks(0, 0, 0, 0.0, math.nan)
    sizes = np.diff(starts)
    largest = int(sizes.argmax())
    points = voxels[starts[largest] : starts[largest + 1]] * np.asarray(spacing_um)
    order, area = crack_order(voxels, filled & (1 - solid), solid, np.asarray(centroid), np.asarray(spacing_um))
    opened = int(sizes[is_open].sum())
    edges = spacing_um[1:] if filled.shape[0] == 1 else spacing_um
    return Cracks(
        open=opened,
        closed=len(voxels) - opened,
        largest=int(sizes[largest]),
        extent_um=largest_distance(points) + float(np.mean(edges)),
        orientation=order / area if area > 0 else math.nan,
    )


def well_inside(mask: Mask) -> Mask:
    """Take two layers off a mask, which blur mixes with what lies beyond: six neighbours, then 26, for an even depth.

    Parameters
    ----------
    mask : ndarray of uint8, shape (z, y, x)
        With a margin.
    """
    inner: Mask = erode(mask) & (1 - grow(1 - erode(mask)))
    return inner


def lacking_grey(filled: Mask, solid: Mask, image: Floats, greys: GreyLevels) -> float:
    """Give damage without a threshold: the share of grey that a particle lacks, however thin its cracks are.

    Each voxel `well_inside` the particle counts (s − g) / (s − v), g being its grey, s that of the solid there and v
    that of a void (of the background where no void is seen). What this adds to the cracks found there, or takes from
    them, is taken for that of the whole particle. A crack of a third of a voxel's width counts a third of what one a
    voxel wide counts. What makes the solid's grey uneven to one side shifts the result, too.

    Parameters
    ----------
    filled, solid : ndarray of uint8, shape (z, y, x)
    image : ndarray of float32, shape (z, y, x)
    greys : GreyLevels
        Of the particle.

    Returns
    -------
    float
        NaN where too few voxels lie inside, or solid is no brighter than a void.
    """
    void = greys.background if math.isnan(greys.void) else greys.void
    if not greys.solid > void:
        return math.nan
    inner = well_inside(filled)
    own = inner & solid
    low, high = void - (greys.solid - void), greys.solid + (greys.solid - void)
    counts, total = grey_histogram(image, own, low, high, STEPS)
    voxels, empty = int(counts.sum()), inner & (1 - solid)
    if voxels < FEWEST_IN_SHELL:
        return math.nan
    level = low + (high - low) * middle(counts) / STEPS
    lacking = voxels * level - total + float((level - image[empty.view(bool)]).sum(dtype=np.float64))
    more = lacking / (level - void) - count(empty)
    whole, n_solid = count(filled), count(solid)
    return (whole - n_solid + more * n_solid / voxels) / whole


def _ratio(sums: Values, voxels: Values) -> Values:
    known = voxels >= FEWEST_IN_SHELL
    return np.where(known, sums / np.maximum(voxels, 1), np.nan)
