"""The outline of a particle of which only the solid is labelled: across the mouths of cracks too wide to be closed."""

from __future__ import annotations

import cc3d
import numpy as np
import numpy.typing as npt
from scipy.spatial import ConvexHull, QhullError

from napari_cathode.tomogram import Spacing

from .filling import fill_holes
from .grey_kernels import mean_around
from .hull import row_ends
from .kernels import Mask, box_around, grow, rows_within, within_ball
from .threshold import GreyLevels

BREACH = 0.15
"""Depth below the convex hull, in radii of the particle, from which on a hollow is a breach and no uneven surface."""
SHEET = 1.5
"""Voxels below the convex hull that do not join hollows: the hull spans uneven surfaces everywhere."""
CLEARLY = 0.2
"""Share of the way from the background to a void by which a hollow has to be darker than the background."""
NEARER = 0.5
"""Share of that way from which on what is beside a breach is a void: blur has the edge of the two half way."""
BRIGHT = 0.1
"""Share of the way from background to solid up to which a breach may be filled with something."""
BEYOND = 1
"""Voxels by which a breach may bulge out of the hull: the hull is flat there, particles are round."""
REACH = (4, 4, 4)
"""Voxels (z, y, x) around a particle up to which labels and grey tell what belongs to it."""
LOOSE = 2.0
"""Volume of the convex hull, in those of the particle, from which on only what is dark joins pieces of one label."""

Floats = npt.NDArray[np.float32]


def complete_outline(
    filled: Mask, labelled: Mask, free: Mask, image: Floats | None, greys: GreyLevels, spacing_um: Spacing
) -> Mask:
    """Find what belongs to a particle between its solid and the outline that it had.

    Closing loses cracks whose mouths are wider than twice its radius.
    Candidates lie inside the convex hull. Hollows that reach deeper below the hull than BREACH radii are breaches,
    unless they are bright. Shallower ones may be the particle's shape: they belong to it where they are darker than the
    background, as cracks hold no binder. What is darker than half way to a void right beside a breach belongs to it,
    too. Grey is that of the nearest voxels: in the mouth of a crack a wider mean would be that of what lies before it.

    Parameters
    ----------
    filled : ndarray of uint8, shape (z, y, x)
        The particle, closed and filled.
    labelled : ndarray of uint8, shape (z, y, x)
        Solid of this and of other particles, and what is outside the image: it blurs into what is near.
    free : ndarray of uint8, shape (z, y, x)
        What the particle may claim.
    image : ndarray of float32, shape (z, y, x), optional
        Without it only breaches are found.
    greys : GreyLevels
        Of the particle.
    spacing_um : tuple of float

    Returns
    -------
    ndarray of uint8, shape (z, y, x)
        The filled particle with what belongs to it.
    """
    outline = filled.copy()
    room = box_around(filled, REACH)  # nothing else is looked at
    filled, labelled, free = (np.ascontiguousarray(mask[room]) for mask in (filled, labelled, free))
    hull = convex_hull(filled)
    hollow = hull & free & (1 - filled)
    if not hollow.any():
        return outline
    scattered = hull.sum() > LOOSE * filled.sum()
    breach = np.zeros_like(hollow) if scattered else _breaches(hull, hollow, spacing_um)
    added = breach
    if image is not None:
        image = np.ascontiguousarray(image[room])
        away = 1 - grow(labelled)
        solid, background, void = greys.solid, greys.background, greys.void
        if np.isnan(void):
            void = background
        # Not known, as in a slit between pieces, counts as dark inside the hull, and not outside.
        wide = mean_around(image, away, 3, 1, np.nan)
        added = breach & ~(wide > background + BRIGHT * (solid - background))
        if void < background:
            near, contrast = mean_around(image, away, 1, 1, np.nan), background - void
            shallow = ~(near > background - CLEARLY * contrast)
            beside = within_ball(added, np.ones(3), BEYOND, False) & (near < background - NEARER * contrast)
            added = added | (hollow & shallow) | (beside & free)
    outline[room] = fill_holes(filled | added) & (free | filled)
    return outline


def convex_hull(mask: Mask) -> Mask:
    """Mark the voxels whose centres lie in the convex hull of the mask's; the mask itself where all lie in a plane.

    Parameters
    ----------
    mask : ndarray of uint8, shape (z, y, x)
        A slice has z = 1.

    Returns
    -------
    ndarray of uint8, shape (z, y, x)
    """
    flat = mask.shape[0] == 1
    points = row_ends(mask).astype(np.float64)
    try:
        planes = ConvexHull(points[:, 1:] if flat else points).equations
    except (QhullError, ValueError):
        return mask
    if flat:
        planes = np.insert(planes, 0, 0.0, axis=1)
    return rows_within(np.ascontiguousarray(planes), mask.shape)


def _breaches(hull: Mask, hollow: Mask, spacing_um: Spacing) -> Mask:
    """Find the hollows that reach deep into the hull."""
    edges = np.array(spacing_um)
    if hull.shape[0] == 1:
        edges[0] = np.inf
        radius = np.sqrt(hull.sum() * spacing_um[1] * spacing_um[2] / np.pi)
    else:
        radius = np.cbrt(hull.sum() * np.prod(edges) * 3 / (4 * np.pi))
    core = hollow & (1 - within_ball(hull, edges, BREACH * radius, True))
    if not core.any():
        return np.zeros_like(hollow)
    unit = np.ones(3) if hull.shape[0] > 1 else np.array([np.inf, 1.0, 1.0])
    below = hollow & (1 - within_ball(hull, unit, SHEET, True))
    pieces = cc3d.connected_components(below, connectivity=26)
    deep = np.zeros(int(pieces.max()) + 1, np.uint8)
    deep[pieces[core.view(bool)]] = 1
    deep[0] = 0
    breach = deep[pieces]
    for _ in range(2):
        breach = breach | (grow(breach) & hollow)
    return breach
