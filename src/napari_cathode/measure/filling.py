"""Which voxels are a particle's: the filled particle."""

from __future__ import annotations

import cc3d
import fill_voids
import numpy as np
import numpy.typing as npt

from napari_cathode.tomogram import Spacing

from .kernels import Mask, box_around, within_ball


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
    closed = close_filled(solid, spacing_um, closing_radius_um)
    filled = own | closed
    box = box_around(filled, (1, 1, 1))
    allowed = (~taken[box]).view(np.uint8)
    filled[box] = fill_holes(filled[box]) & allowed
    closed[box] &= allowed
    return filled, closed


def close_filled(mask: Mask, spacing_um: Spacing, radius_um: float, inside: Mask | None = None) -> Mask:
    """Close a mask by a ball (a disc in a slice) and fill its holes.

    Parameters
    ----------
    mask : ndarray of uint8, shape (z, y, x)
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    radius_um : float
    inside : ndarray of uint8, shape (z, y, x), optional
        Holes that hold any of it stay open.

    Returns
    -------
    ndarray of uint8, shape (z, y, x)
    """
    flat = mask.shape[0] == 1
    if radius_um < min(spacing_um[1:] if flat else spacing_um):
        return _fill_others(mask, inside)
    edges = np.array([np.inf if flat else spacing_um[0], spacing_um[1], spacing_um[2]])
    # Holes are filled while the mask is swollen: shrinking back could open a narrow seal again.
    swollen = _fill_others(within_ball(mask, edges, radius_um, False), inside)
    closed: Mask = 1 - within_ball(swollen, edges, radius_um, True)
    return closed


def _fill_others(mask: Mask, inside: Mask | None) -> Mask:
    """Fill the holes of a mask but those that hold any of another one."""
    filled = fill_holes(mask)
    if inside is not None:
        holes = filled & (1 - mask)
        if (holes & inside).any():
            pieces = cc3d.connected_components(holes, connectivity=6)
            held = np.zeros(int(pieces.max()) + 1, np.uint8)
            held[pieces[inside.view(bool)]] = 1
            held[0] = 0
            filled &= 1 - held[pieces]
    return filled


def fill_holes(mask: Mask) -> Mask:
    """Fill the holes of a mask; in a slice those of the plane."""
    # Transposed, as fill_voids fills arrays whose first axis is the fastest, and copies others to and fro.
    plane = np.ascontiguousarray(mask[0] if mask.shape[0] == 1 else mask)
    filled = np.ascontiguousarray(fill_voids.fill(plane.T).T, np.uint8)
    return filled.reshape(mask.shape)
