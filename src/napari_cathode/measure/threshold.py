"""What tells a particle's solid from its cracks: its own solid grey, the background around it, and half way between."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.progress import Progress, Steps

from .kernels import Mask, erode, smooth

Floats = npt.NDArray[np.float32]

ENOUGH = 200
"""Background voxels around a particle that make a level of its own; with fewer, the image's level is used."""
CONTRAST = 2.0
"""Background standard deviations by which solid has to stand out."""
FEWEST_CORE = 8
"""Voxels that the core of a label needs; with fewer, the whole label stands for it."""
SAMPLE = 20_000
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
    """

    solid: float = float("nan")
    background: float = float("nan")
    spread: float = float("nan")

    @property
    def threshold(self) -> float:
        """Half way between the two; NaN where it is not known or the solid does not stand out from the background.

        It stands out by more than CONTRAST standard deviations of the background; chance alone gives about one.
        """
        if not self.solid - self.background > CONTRAST * self.spread:
            return float("nan")
        return 0.5 * (self.solid + self.background)


@lru_cache(maxsize=32)
def _half_gaussian(sigma: float) -> npt.NDArray[np.float32]:
    """Give a Gaussian of unit sum from its middle outwards."""
    if sigma <= 0:
        return np.ones(1, np.float32)
    steps = np.arange(int(np.ceil(3.5 * sigma)) + 1)
    half = np.exp(-0.5 * (steps / sigma) ** 2)
    return (half / (half[0] + 2 * half[1:].sum())).astype(np.float32)


def gaussian(image: Floats, sigma_voxels: tuple[float, float, float]) -> Floats:
    """Smooth with a Gaussian, its edges repeated.

    Parameters
    ----------
    image : ndarray of float32, shape (z, y, x)
    sigma_voxels : tuple of float
        Standard deviation along (z, y, x) in voxels; nothing is done along z in a slice.

    Returns
    -------
    ndarray of float32, shape (z, y, x)
    """
    z, y, x = (_half_gaussian(float(sigma)) for sigma in sigma_voxels)
    if image.shape[0] == 1:
        z = _half_gaussian(0.0)
    if len(z) == len(y) == len(x) == 1:
        return image
    return smooth(image, z, y, x)


def particle_greys(quiet: Floats, own: Mask, free: Mask, image_levels: GreyLevels) -> GreyLevels:
    """Find the grey of a particle's solid and of the background around it.

    Background is the median at least three voxels away from every particle, or the image's where fewer than ENOUGH such
    voxels are in the crop; the spread is the smaller of the two. Solid is found by `split_grey` in the label's core.

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
    around = quiet[erode(erode(free)).view(bool)]
    background, spread = image_levels.background, image_levels.spread
    if len(around) >= ENOUGH:
        background, local = _middle_and_spread(around)
        # Rims and fringes of close neighbours widen what is around; noise is no stronger here than elsewhere.
        spread = min(local, spread) if spread > 0 else local
    core = quiet[erode(own).view(bool)]
    if len(core) < FEWEST_CORE:
        core = quiet[own.view(bool)]
    return GreyLevels(split_grey(core, background), background, spread)


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
    values = np.sort(_thinned(values))
    solid = float(values[int(0.9 * (len(values) - 1))])
    for _ in range(20):
        first = int(np.searchsorted(values, 0.5 * (solid + background), side="right"))
        if first == len(values):
            return float("nan")
        previous, solid = solid, float(values[(first + len(values)) // 2])
        if solid == previous:
            break
    return solid


def _thinned(values: Floats) -> Floats:
    """Take at most SAMPLE values, evenly."""
    return values[:: max(1, len(values) // SAMPLE)]


def _middle_and_spread(values: Floats) -> tuple[float, float]:
    """Give the median and the standard deviation that the median of absolute deviations stands for."""
    values = _thinned(values)
    middle = float(np.median(values))
    return middle, 1.4826 * float(np.median(np.abs(values - middle)))


def iter_image_greys(
    labels: Any, image: Any, field_of_view: npt.NDArray[np.bool_] | None, slices: int = 9
) -> Steps[GreyLevels]:
    """Grey of solid and background of a whole image, from some of its slices.

    Parameters
    ----------
    labels, image : array-like, shape (z, y, x)
    field_of_view : ndarray of bool, optional
        Broadcastable to the image.
    slices : int
        How many xy slices to read.

    Yields
    ------
    Progress
        After each slice.

    Returns
    -------
    GreyLevels
    """
    depth = int(labels.shape[0])
    places = np.unique(
        np.linspace(0, depth - 1, slices + 2).round().astype(int)[1:-1] if depth > slices else range(depth)
    )
    particles, free = [], []
    for done, z in enumerate(places):
        yield Progress(done, len(places), "Reading grey levels")
        here = slice(int(z), int(z) + 1)
        part = np.asarray(labels[here])
        seen = np.ones_like(part, bool)
        if field_of_view is not None:
            seen = np.broadcast_to(field_of_view, labels.shape)[here]
        quiet = gaussian(np.ascontiguousarray(image[here], np.float32), (0.0, 0.7, 0.7))
        particles.append(_well_inside(quiet, (part > 0) & seen))
        free.append(_well_inside(quiet, (part == 0) & seen))
    outside = np.concatenate(free)
    if len(outside) < ENOUGH:
        return GreyLevels()
    background, spread = _middle_and_spread(outside)
    return GreyLevels(split_grey(np.concatenate(particles), background), background, spread)


def _well_inside(plane: Floats, mask: npt.NDArray[np.bool_]) -> Floats:
    """Values at least three pixels inside a mask."""
    return _thinned(plane[erode(erode(np.ascontiguousarray(mask).view(np.uint8))).view(bool)])
