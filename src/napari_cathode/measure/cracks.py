"""Which voxels of a filled particle are cracks and pores."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit

from .grey_kernels import mean_around, median
from .kernels import Mask, box_around, erode, grow
from .threshold import GreyLevels

RIM = 2
"""Layers at the surface of a particle where darkness alone is no crack but partial volume or noise."""
DEEP = 3
"""Layers of a label that may lie outside the particle where no solid encloses them: found labels are off by so much.

On simulated electrodes 2 takes the rim of labels two voxels too wide for 0.12 of damage, and 4 loses wide cracks."""
AROUND = 4
"""Voxels on each side within which the solid around a crack is averaged."""
ENOUGH = 30
"""Solid voxels that such a mean needs."""
TRUSTED = 100
"""Voxels in the middle of a particle's cracks whose median counts as much as the void grey of the whole image."""
FAINT = 0.31
"""Share of the way from solid to void at which a dark voxel may be a thin crack; tuned on simulated electrodes."""

Floats = npt.NDArray[np.float32]


def brighter(quiet: Floats, level: float) -> Mask:
    """Mark the voxels brighter than a level."""
    mask: npt.NDArray[np.bool_] = np.greater(quiet, level)
    return mask.view(np.uint8)


def find_cracks(filled: Mask, closed: Mask, image: Floats, quiet: Floats, greys: GreyLevels) -> Mask:
    """Find the cracks and pores of a filled particle.

    Near the surface, darkness alone is no crack: it may be partial volume, noise, or a label that is too wide. So a
    voxel darker than the threshold is a crack when it lies RIM layers below the surface of what the solid encloses, or
    DEEP layers below that of the filled particle (a crack wider than the closing can bridge), or when it continues such
    a crack towards the surface; in the outermost layer, half of which is outside anyway, it has to be nearer to a void
    than to solid. Inside, `weigh_cracks` then says how many voxels the cracks take.

    Parameters
    ----------
    filled, closed : ndarray of uint8, shape (z, y, x)
        As `fill_particle` gives them.
    image, quiet : ndarray of float32, shape (z, y, x)
        As it is, and denoised.
    greys : GreyLevels
        Of the particle.

    Returns
    -------
    ndarray of uint8, shape (z, y, x)
    """
    dark = filled & (1 - brighter(quiet, greys.threshold))
    if not np.isnan(greys.void):
        dark &= erode(filled) | (1 - brighter(quiet, 0.5 * (greys.solid + greys.void)))
    deep = filled
    for _ in range(DEEP - RIM):
        deep = erode(deep)
    inner = closed | deep
    for _ in range(RIM):
        inner = erode(inner)
    cracks = dark & inner
    for _ in range(RIM):
        cracks |= grow(cracks) & dark
    void = void_grey(image, cracks & inner, greys)
    return cracks if np.isnan(void) else weigh_cracks(cracks, inner, image, quiet, greys.solid, void)


def void_grey(image: Floats, cracks: Mask, greys: GreyLevels) -> float:
    """Give the grey in the middle of a particle's cracks; the fewer such voxels, the more the image's counts."""
    middle = image[erode(erode(cracks)).view(bool)]
    if len(middle) == 0 or np.isnan(greys.void):
        return greys.void
    share = len(middle) / (len(middle) + TRUSTED)
    return share * median(middle) + (1 - share) * greys.void


def weigh_cracks(cracks: Mask, inner: Mask, image: Floats, quiet: Floats, solid: float, void: float) -> Mask:
    """Make cracks take as many voxels as the grey that is missing in and around them stands for.

    Half way between solid and background is no fair division: cracks are darker than the background, which makes wide
    cracks too wide, and blur leaves little of thin ones. The grey that a crack takes away is kept by blur, though. So
    each voxel in a crack or beside one counts by what it lacks to the solid around, as a share of what is lacking in a
    void; as many voxels as that adds up to, the emptiest ones, are crack. The solid around is the mean within AROUND
    voxels away from cracks, since pieces of one particle may differ. Cracks whose darkness is FAINT and that
    the division half way missed are counted, too.

    Parameters
    ----------
    cracks : ndarray of uint8, shape (z, y, x)
        Voxels darker than half way.
    inner : ndarray of uint8, shape (z, y, x)
        Voxels deep enough for grey to tell solid from crack; nothing changes elsewhere.
    image, quiet : ndarray of float32, shape (z, y, x)
    solid, void : float
        Greys of the particle's solid and of the middle of its cracks.

    Returns
    -------
    ndarray of uint8, shape (z, y, x)
    """
    result: Mask = cracks & (1 - inner)
    box = box_around(inner, (1, 1, 1))  # nothing changes elsewhere
    inside = result[box]
    cracks, inner = np.ascontiguousarray(cracks[box]), np.ascontiguousarray(inner[box])
    image, quiet = np.ascontiguousarray(image[box]), np.ascontiguousarray(quiet[box])
    contrast = np.float32(solid - void)
    lacking = np.float32(solid) - image
    around = _solid_around(lacking, inner, cracks)
    cracks, more = _with_faint(cracks, inner, quiet, around, np.float32(solid), contrast, np.float32(FAINT))
    if more:
        around = _solid_around(lacking, inner, cracks)
    near = (1 - erode(1 - cracks)) & inner
    empty = _emptiness(lacking, around, near, contrast)
    count = min(max(round(float(empty.sum(dtype=np.float64))), 0), len(empty))
    chosen = np.zeros(len(empty), np.uint8)
    if count:
        chosen[np.argpartition(empty, len(empty) - count)[len(empty) - count :]] = 1
    inside[near.view(bool)] = chosen
    return result


def _solid_around(lacking: Floats, inner: Mask, cracks: Mask) -> Floats:
    """Give what the solid around each voxel lacks to the particle's grey: a mean away from cracks, or 0."""
    mean: Floats = mean_around(lacking, inner & (1 - grow(cracks)), AROUND, ENOUGH, 0.0)
    return mean


@jit(error_model="numpy")
def _emptiness(lacking: Floats, around: Floats, near: Mask, contrast: float) -> Floats:
    """Give what the voxels of a mask lack to the solid around, as a share of what is lacking in a void."""
    missing, level, wanted = lacking.ravel(), around.ravel(), near.ravel()
    empty = np.empty(wanted.sum(), np.float32)
    number = 0
    for place in range(len(wanted)):
        if wanted[place]:
            empty[number] = (missing[place] - level[place]) / (contrast - level[place])
            number += 1
    return empty


@jit
def _with_faint(
    cracks: Mask, inner: Mask, quiet: Floats, around: Floats, solid: float, contrast: float, share: float
) -> tuple[Mask, int]:
    """Add to cracks what is far enough from the solid around towards a void; give how many voxels that are, too."""
    found = np.empty_like(cracks)
    old, inside, grey, level, new = cracks.ravel(), inner.ravel(), quiet.ravel(), around.ravel(), found.ravel()
    more = 0
    for place in range(len(new)):
        faint = solid - grey[place] - level[place] > share * (contrast - level[place])
        new[place] = old[place] | (inside[place] & faint)
        more += new[place] != old[place]
    return found, more
