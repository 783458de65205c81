"""Which voxels are a particle's: the filled particle."""

from __future__ import annotations

from typing import Any

import cc3d
import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit
from napari_cathode.smoothing import copy_line
from napari_cathode.tomogram import Spacing

from .kernels import Mask, box_around, within_ball

GAP = 2
"""What marks a voxel in a gap of a row while holes are filled."""


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
    filled: Mask = _fill_holes(np.ascontiguousarray(mask))
    return filled


@jit
def _fill_holes(mask: Mask) -> Mask:
    """Do the work of `fill_holes`.

    Holes consist of gaps: empty voxels between two of the mask in a row. A gap is open where it lies beside an empty
    voxel that is in no gap, or beside an open gap. Few voxels are in gaps, so little is looked at.
    """
    nz, ny, nx = mask.shape
    plane = (ny + 2) * nx
    line = np.zeros((nz + 2) * plane, np.uint8)  # with empty rows and planes around
    for z in range(nz):
        start = (z + 1) * plane + nx
        copy_line(line[start:], mask[z].ravel())
    gaps = _find_gaps(line, nx)
    for number in range(len(gaps)):
        line[gaps[number, 0] : gaps[number, 1]] = GAP
    shifts = np.array([-nx, nx, -plane, plane])[: 2 if nz == 1 else 4]
    opened = np.empty_like(gaps)
    for number in range(len(gaps)):
        count = 0
        for shift in shifts:
            for place in range(gaps[number, 0], gaps[number, 1]):
                if line[place] == GAP and not line[place + shift]:
                    count = 1
        if count:
            opened[0] = gaps[number]
            line[opened[0, 0] : opened[0, 1]] = 0
        while count:
            count -= 1
            first, last = opened[count]
            for shift in shifts:
                for place in range(first + shift, last + shift):
                    if line[place] == GAP:
                        start, end = place, place
                        while line[start - 1] == GAP:
                            start -= 1
                        while line[end] == GAP:
                            end += 1
                        line[start:end] = 0
                        opened[count, 0], opened[count, 1] = start, end
                        count += 1
    filled = np.empty_like(mask)
    for z in range(nz):
        start = (z + 1) * plane + nx
        source, out = line[start : start + ny * nx], filled[z].ravel()
        for i in range(len(out)):
            out[i] = source[i] > 0
    return filled


@jit
def _find_gaps(line: Any, width: int) -> npt.NDArray[np.int64]:
    """List the first empty voxel and the one behind the last of each gap in rows of a mask that lie in one line."""
    changes = np.zeros(-(-len(line) // 8) * 8, np.uint8)
    before, here, change = line[:-1], line[1:], changes[1 : len(line)]
    number = 0
    for i in range(len(here)):
        change[i] = before[i] ^ here[i]
    for i in range(len(changes)):
        number += changes[i]
    gaps = np.empty((number // 2, 2), np.int64)
    found = 0
    start = 0
    eights = changes.view(np.uint64)  # most of which hold no change
    for eight in range(len(eights)):
        if not eights[eight]:
            continue
        for place in range(8 * eight, 8 * eight + 8):
            if changes[place] and not line[place]:
                start = place
            elif changes[place] and start % width and start // width == place // width:
                gaps[found, 0], gaps[found, 1] = start, place
                found += 1
    return gaps[:found]
