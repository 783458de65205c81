"""Typical particle diameter of labels, and of an image in which nothing has been found yet."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError
from napari_cathode.tomogram import Tomogram

from .rescale import BoolArray, as_grey, constant_part, grey_range
from .watershed import otsu_threshold, particle_mask, smooth, watershed_slice

DEFAULT_DIAMETER_PX = 48.0
"""Stands in where a slice holds no particle."""
SAMPLED_SLICES = 3
LARGEST_SAMPLE = 1024
# Particles measure about so many σ at which the image has most structure (median on simulated slices) …
DIAMETER_PER_SIGMA = 4.0
# … and so many where large scales count less, by σ to this power: less exact, but not taken in by a band of particles
# between empty ground, which has more structure than its particles.
TILT, DIAMETER_PER_TILTED_SIGMA = 0.25, 5.0
LARGEST_DISAGREEMENT = 1.6
SMALLEST_SIGMA = 1.5


def typical_diameter(labels: npt.NDArray[Any]) -> float:
    """Give the area-weighted median diameter of the particles in a label slice.

    Half of the particles' area belongs to particles with a larger equivalent-circle diameter, 2 √(area / π). Weighting
    by area keeps debris and the caps of out-of-plane particles from pulling the value down.

    Parameters
    ----------
    labels : ndarray of int, shape (y, x)
        0 = background.

    Returns
    -------
    float
        Pixels; `DEFAULT_DIAMETER_PX` without any particle.
    """
    diameter = _median_diameter(labels)
    return DEFAULT_DIAMETER_PX if diameter is None else diameter


def _median_diameter(labels: npt.NDArray[Any]) -> float | None:
    areas = np.sort(np.bincount(labels.ravel())[1:])
    areas = areas[areas > 0]
    if areas.size == 0:
        return None
    middle = np.searchsorted(np.cumsum(areas), areas.sum() / 2)
    return float(2 * np.sqrt(areas[middle] / np.pi))


def estimate_diameter(tomogram: Tomogram) -> float:
    """Estimate the typical particle diameter from the image alone.

    A first value comes from the scale at which the thresholded image has most structure; a watershed with that value
    then finds particles, whose `typical_diameter` is the estimate. Up to three xy slices are looked at, of each at
    most 1024 × 1024 pixels in the middle; the same tomogram always gives the same value.

    Parameters
    ----------
    tomogram : Tomogram
        With or without a known spacing. Of a part of a tomogram, the whole is looked at.

    Returns
    -------
    float
        µm; in voxels along y and x where the spacing is not known.

    Raises
    ------
    InputError
        When the image is empty, constant or not finite.
    """
    tomogram = tomogram.whole or tomogram
    pixel = 1.0 if tomogram.spacing_um is None else float(np.sqrt(np.prod(tomogram.spacing_um[1:])))
    z = tomogram.shape[0]
    indices = sorted({int((i + 0.5) * z / SAMPLED_SLICES) for i in range(SAMPLED_SLICES)})
    estimates, seen = [], []
    for index in indices:
        image = as_grey(tomogram.data[index])
        inside = _inside(tomogram, index, image)
        window = tuple(slice(max(0, (n - LARGEST_SAMPLE) // 2), (n + LARGEST_SAMPLE) // 2) for n in image.shape)
        found = _estimate_slice(image[window], inside[window])
        seen.append(image[window][inside[window]])
        if found is not None:
            estimates.append(found)
    if not estimates:
        grey_range(np.concatenate(seen), 0.0, 100.0, tomogram.name)  # says what is wrong with its grey values
        raise InputError(
            f"No particle size could be estimated from {tomogram.name}: too little of it varies; give the particle "
            "diameter."
        )
    return float(np.median(estimates)) * pixel


def _inside(tomogram: Tomogram, index: int, image: npt.NDArray[Any]) -> BoolArray:
    if tomogram.field_of_view is None:
        return ~constant_part(image)
    view = np.broadcast_to(tomogram.field_of_view, tomogram.shape)
    return np.asarray(view[index])


def _estimate_slice(image: npt.NDArray[Any], inside: BoolArray) -> float | None:
    """Estimate the typical diameter in a slice in pixels; None where there is nothing to go by."""
    values = image[inside]
    if values.size < 64 or not np.isfinite(values).all() or values.min() == values.max():
        return None
    first = structure_diameter(image, inside, 50.0)
    estimate = first
    for _ in range(2):
        size = (estimate, estimate)
        softer = smooth(image, size)
        mask = particle_mask((softer > otsu_threshold(softer[inside])) & inside, size)
        labels, _ = watershed_slice(mask, size, seed_depth=0.06, smallest_share=0.15)
        found = _median_diameter(labels)
        if found is None:
            break
        # The watershed merges or shatters particles where the first value was far off, so it may only correct it.
        estimate = float(np.clip(found, first / LARGEST_DISAGREEMENT, first * LARGEST_DISAGREEMENT))
    return estimate


def structure_diameter(image: npt.NDArray[Any], inside: BoolArray, guess_px: float = 24.0) -> float:
    """Give the particle diameter at whose scale the thresholded image has most structure.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        Grey values.
    inside : ndarray of bool, shape (y, x)
        Field of view.
    guess_px : float
        Particle diameter that the smoothing before the threshold suits; it hardly matters.

    Returns
    -------
    float
        Pixels.
    """
    mild = smooth(image, (guess_px, guess_px))
    mild[~inside] = image[inside].mean()
    bright = (mild > otsu_threshold(mild[inside])) & inside
    sigmas, strength = _structure_by_scale(bright, inside)
    first = DIAMETER_PER_SIGMA * float(sigmas[strength.argmax()])
    tilted = DIAMETER_PER_TILTED_SIGMA * float(sigmas[(strength * sigmas**-TILT).argmax()])
    return tilted if first > LARGEST_DISAGREEMENT * tilted else first


def _structure_by_scale(bright: BoolArray, inside: BoolArray) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Give the variance of the scale-normalised Laplacian of Gaussian of a mask, for many σ in pixels.

    Computed from the power spectrum P: Σ P(k) (σ² k²)² exp(−σ² k²) is that variance (Lindeberg, Int. J. Comput.
    Vision 30, 79, 1998, for the normalisation by σ²).
    """
    signal = np.where(inside, bright - bright[inside].mean(), 0).astype(np.float32)
    padded: list[int] = [size + size // 2 for size in signal.shape]
    power = np.abs(np.fft.rfft2(signal, s=padded)) ** 2
    ky = 2 * np.pi * np.fft.fftfreq(padded[0])[:, None]
    kx = 2 * np.pi * np.fft.rfftfreq(padded[1])[None, :]
    squared = (ky**2 + kx**2).ravel()
    # The spectrum by rings of k², so that each scale costs next to nothing.
    rings = np.minimum((np.sqrt(squared) * 400).astype(int), 1999)
    ring_power = np.bincount(rings, power.ravel(), minlength=2000)
    ring_squared = ((np.arange(2000) + 0.5) / 400) ** 2
    largest = max(2 * SMALLEST_SIGMA, min(signal.shape) / 8)
    sigmas = np.geomspace(SMALLEST_SIGMA, largest, 60)
    squares = sigmas[:, None] ** 2 * ring_squared
    return sigmas, (ring_power * squares**2 * np.exp(-squares)).sum(axis=1)
