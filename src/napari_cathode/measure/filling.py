"""Which voxels are a particle's: the filled particle, and in it the solid and the cracks."""

from __future__ import annotations

import fill_voids
import numpy as np
import numpy.typing as npt

from napari_cathode.tomogram import Spacing

from .kernels import Mask, erode, grow_within, within_ball

RIM = 2
"""Layers at the surface of a particle where darkness alone is no crack but partial volume or noise."""
DEEP = 3
"""Layers of a label that may lie outside the particle where no solid encloses them: found labels are off by so much.

On simulated electrodes 2 takes the rim of labels two voxels too wide for 0.12 of damage, and 4 loses wide cracks."""

Floats = npt.NDArray[np.float32]


def fill_particle(
    own: Mask, solid: Mask, taken: npt.NDArray[np.bool_], spacing_um: Spacing, closing_radius_um: float
) -> tuple[Mask, Mask]:
    """Fill a particle: its label and the filled closing of its solid, less what other labels or the outside take.

    Parameters
    ----------
    own : ndarray of uint8, shape (z, y, x)
        The label.
    solid : ndarray of uint8, shape (z, y, x)
        The solid part of the label.
    taken : ndarray of bool, shape (z, y, x)
        Voxels that the particle may not claim.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    closing_radius_um : float
        Radius of the ball, in a slice of the disc.

    Returns
    -------
    filled, closed : ndarray of uint8, shape (z, y, x)
        The filled particle, and the part of it that solid encloses.
    """
    flat = own.shape[0] == 1
    if closing_radius_um >= min(spacing_um[1:] if flat else spacing_um):
        edges = np.array([np.inf if flat else spacing_um[0], spacing_um[1], spacing_um[2]])
        # Holes are filled while the mask is swollen: shrinking back could open a narrow seal again.
        swollen = fill_holes(within_ball(solid, edges, closing_radius_um, False))
        closed = 1 - within_ball(swollen, edges, closing_radius_um, True)
    else:
        closed = fill_holes(solid)
    filled = fill_holes(own | closed)
    for mask in (filled, closed):
        mask[taken] = 0
    return filled, closed


def fill_holes(mask: Mask) -> Mask:
    """Fill the holes of a mask; in a slice those of the plane."""
    if mask.shape[0] == 1:
        return np.ascontiguousarray(fill_voids.fill(mask[0]), np.uint8)[None]
    return np.ascontiguousarray(fill_voids.fill(mask), np.uint8)


def brighter(quiet: Floats, level: float) -> Mask:
    """Mark the voxels brighter than a level."""
    mask: npt.NDArray[np.bool_] = np.greater(quiet, level)
    return mask.view(np.uint8)


def find_solid(filled: Mask, closed: Mask, quiet: Floats, level: float) -> Mask:
    """Find the solid voxels of a filled particle.

    Solid is what is brighter than the threshold. Near the surface, darkness alone is no crack: it may be partial
    volume, noise, or a label that is too wide. So a dark voxel is a crack when it lies RIM layers below the surface of
    what the solid encloses, or DEEP layers below that of the filled particle (a crack wider than the closing can
    bridge), or when it continues such a crack towards the surface.

    Parameters
    ----------
    filled, closed : ndarray of uint8, shape (z, y, x)
        As `fill_particle` gives them.
    quiet : ndarray of float32, shape (z, y, x)
        Denoised image.
    level : float
        The threshold.

    Returns
    -------
    ndarray of uint8, shape (z, y, x)
    """
    dark = filled & (1 - brighter(quiet, level))
    deep = filled
    for _ in range(DEEP - RIM):
        deep = erode(deep)
    inner = closed | deep
    for _ in range(RIM):
        inner = erode(inner)
    cracks = dark & inner
    for _ in range(RIM):
        cracks = grow_within(cracks, dark)
    return filled & (1 - cracks)
