"""What tells a particle's solid from its cracks: its own solid grey, the background around it, and half way between."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.progress import Progress, Steps
from napari_cathode.smoothing import gaussian

from .grey_kernels import brighter_median, median, pick, with_numbers
from .kernels import Mask, erode
from .volume_pass import DIRECT_IDS

Floats = npt.NDArray[np.float32]

ENOUGH = 200
"""Background voxels around a particle that make a level of its own; with fewer, the image's level is used."""
CONTRAST = 2.0
"""Background standard deviations by which solid has to stand out."""
FEWEST_VOIDS = 50
"""Voxels well inside cracks and pores that tell how dark these are."""
FEWEST_CORE = 8
"""Voxels that the core of a label needs; with fewer, the whole label stands for it."""
SLABS, THICK = 5, 5
"""Slabs that the greys of the whole image are found in, and the slices of one, at least."""
SMALL = 1_000_000
"""Voxels of an image that is looked at in full, and that slabs of a larger one hold together, at least."""
SAMPLE = 50_000
"""Voxels that a median is taken from."""


@dataclass(frozen=True)
class GreyLevels:
    """Grey of solid and of background.

    Attributes
    ----------
    solid, background : float
        NaN where they could not be found.
    spread : float
        Robust standard deviation of the background.
    void : float
        Grey in the middle of wide cracks and pores, where there is nothing, not even binder; NaN where none is seen.
    covered : float
        Share of such places that labels cover: about 1 for labels of whole particles, 0 for labels of their solid.
    """

    solid: float = float("nan")
    background: float = float("nan")
    spread: float = float("nan")
    void: float = float("nan")
    covered: float = float("nan")

    @property
    def threshold(self) -> float:
        """Half way between the two; NaN where it is not known or the solid does not stand out from the background.

        It stands out by more than CONTRAST standard deviations of the background; chance alone gives about one.
        """
        if not self.solid - self.background > CONTRAST * self.spread:
            return float("nan")
        return 0.5 * (self.solid + self.background)


def particle_greys(quiet: Floats, own: Mask, free: Mask, image_levels: GreyLevels) -> GreyLevels:
    """Find the grey of a particle's solid and of the background around it.

    Background is the median at least three voxels away from every particle, or the image's where fewer than ENOUGH such
    voxels are in the crop; the spread is the smaller of the two. Solid is found by `split_grey` in the label's core;
    then it is the median of what is brighter than half way and has no darker voxel beside it: most of a shattered
    particle's core lies beside cracks, where blur makes it darker than the solid is.

    Parameters
    ----------
    quiet : ndarray of float32, shape (z, y, x)
        Denoised image.
    own : ndarray of uint8, shape (z, y, x)
        The particle's label, filled or solid-only.
    free : ndarray of uint8, shape (z, y, x)
        1 outside all particles and inside the field of view.
    image_levels : GreyLevels
        Of the whole image.

    Returns
    -------
    GreyLevels
    """
    around = pick(quiet, erode(erode(free)), SAMPLE)
    background, spread = image_levels.background, image_levels.spread
    if len(around) >= ENOUGH:
        background, local = _middle_and_spread(around)
        # Rims and fringes of close neighbours widen what is around; noise is no stronger here than elsewhere.
        spread = min(local, spread) if spread > 0 else local
    core = pick(quiet, erode(own), SAMPLE)
    if len(core) < FEWEST_CORE:
        core = pick(quiet, own, SAMPLE)
    greys = GreyLevels(split_grey(core, background), background, spread, image_levels.void, image_levels.covered)
    if np.isnan(greys.threshold):
        return greys
    core = pick(quiet, erode(own & np.greater(quiet, greys.threshold).view(np.uint8)), SAMPLE)
    if len(core) < FEWEST_CORE:
        return greys
    nearer = replace(greys, solid=median(core))
    # Where noise alone makes the difference, a particle that stands out is not to be lost by it.
    return greys if np.isnan(nearer.threshold) else nearer


def split_grey(values: Floats, background: float) -> float:
    """Find the grey of the brighter of two populations when that of the darker one is known.

    The median of the brighter one and the division half way are found in turns, starting from the bright end.

    Parameters
    ----------
    values : ndarray of float32, shape (n,)
        Grey values of solid and perhaps of cracks.
    background : float
        Grey of cracks or background.

    Returns
    -------
    float
        Median of the brighter population; NaN where there is none.
    """
    if len(values) == 0 or np.isnan(background):
        return float("nan")
    return float(brighter_median(_thinned(values), background))


def _thinned(values: Floats) -> Floats:
    """Take fewer than twice SAMPLE values, evenly."""
    return np.ascontiguousarray(values[:: max(1, len(values) // SAMPLE)])  # loops are compiled for this alone


def _middle_and_spread(values: Floats) -> tuple[float, float]:
    """Give the median and the standard deviation that the median of absolute deviations stands for."""
    values = _thinned(values)
    middle = median(values)
    return middle, 1.4826 * median(np.abs(values - np.float32(middle)))


def iter_image_greys(labels: Any, image: Any, field_of_view: npt.NDArray[np.bool_] | None) -> Steps[GreyLevels]:
    """Greys of a whole image, from SLABS of it (all of a small one).

    Parameters
    ----------
    labels, image : array-like, shape (z, y, x)
    field_of_view : ndarray of bool, optional
        Broadcastable to the image.

    Yields
    ------
    Progress
        After each slab.

    Returns
    -------
    GreyLevels
    """
    slabs = _slabs(labels.shape)
    particles, free, covered, bare = [], [], [], []
    for done, here in enumerate(slabs):
        yield Progress(done, len(slabs), "Reading grey levels")
        part = np.asarray(labels[here])
        seen = np.ones_like(part, bool)
        if field_of_view is not None:
            seen = np.broadcast_to(field_of_view, labels.shape)[here]
        quiet = gaussian(with_numbers(np.ascontiguousarray(image[here], np.float32)), (0.5, 0.5, 0.5))
        particles.append(_well_inside(quiet, (part > 0) & seen))
        free.append(_well_inside(quiet, (part == 0) & seen))
        if len(free[-1]) and len(particles[-1]):
            background, spread = _middle_and_spread(free[-1])
            level = GreyLevels(split_grey(particles[-1], background), background, spread).threshold
            dark = (quiet < level) & seen
            covered.append(_well_inside(quiet, dark & (part > 0)))
            holes = [_holes_of_one(plane, visible) for plane, visible in zip(part, seen, strict=True)]
            bare.append(_well_inside(quiet, dark & np.stack(holes)))
    outside = np.concatenate(free)
    if len(outside) < ENOUGH:
        return GreyLevels()
    background, spread = _middle_and_spread(outside)
    voids = np.concatenate([*covered, *bare, np.zeros(0, np.float32)])
    void, share = float("nan"), float("nan")
    if len(voids) >= FEWEST_VOIDS:
        void = min(float(np.median(voids)), background)
        share = sum(map(len, covered)) / len(voids)
    return GreyLevels(split_grey(np.concatenate(particles), background), background, spread, void, share)


def _slabs(shape: tuple[int, ...]) -> list[slice]:
    """Choose slabs, evenly spread, thick enough for something to lie well inside."""
    depth, plane = int(shape[0]), int(shape[1]) * int(shape[2])
    if depth * plane <= SMALL:
        return [slice(0, depth)]
    thick = min(depth, max(THICK, SMALL // SLABS // plane))
    number = min(SLABS, depth // thick)
    return [slice(int(start), int(start) + thick) for start in np.linspace(0, depth - thick, number).round()]


def _holes_of_one(plane: npt.NDArray[Any], seen: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Mark unlabelled places in a slice that a single particle surrounds."""
    free, count = ndimage.label((plane == 0) & seen)
    inside = np.ones(count + 1, bool)
    inside[0] = False
    for edge in (free[0], free[-1], free[:, 0], free[:, -1]):
        inside[edge] = False
    numbers, owner = _numbered(plane)
    touching = []
    for here, there in ((np.s_[1:], np.s_[:-1]), (np.s_[:-1], np.s_[1:])):
        for first, second in (((here,), (there,)), ((slice(None), here), (slice(None), there))):
            place, other = free[first], owner[second]
            rim = (place > 0) & ((plane[second] != 0) | ~seen[second])
            touching.append(place[rim].astype(np.int64) * len(numbers) + np.where(seen[second], other, 0)[rim])
    pairs = np.unique(np.concatenate(touching))
    inside &= np.bincount(pairs // len(numbers), minlength=count + 1) == 1
    # A hole that meets the end of the field of view is no hole.
    inside[(pairs[pairs % len(numbers) == np.searchsorted(numbers, 0)]) // len(numbers)] = False
    result: npt.NDArray[np.bool_] = inside[free]
    return result


def _numbered(plane: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Give the labels in a slice, ascending, and for each pixel the place of its label among them."""
    top = int(plane.max())
    if top > DIRECT_IDS:
        numbers, owner = np.unique(plane, return_inverse=True)
        return numbers, owner.reshape(plane.shape)
    present = np.zeros(top + 1, np.bool_)
    present[plane] = True
    return np.flatnonzero(present), (present.cumsum() - 1)[plane]


def _well_inside(quiet: Floats, mask: npt.NDArray[np.bool_]) -> Floats:
    """Values at least three voxels inside a mask."""
    return pick(quiet, erode(erode(np.ascontiguousarray(mask).view(np.uint8))), SAMPLE)
