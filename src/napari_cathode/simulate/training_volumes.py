"""Small random volumes, as training data for networks that work in 3D."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from .parameters import SimulationParameters
from .randomise import crystals, randomise, realistic
from .volume import simulate

SMALLEST, LARGEST = 14.0, 40.0
"""Voxels: range of the typical particle diameter in training volumes."""


def training_volume(
    rng: np.random.Generator, shape: tuple[int, int, int] = (144, 144, 144)
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """Draw a random electrode and simulate a small volume of it, as training data.

    Three of ten are close to known kinds of picture (`realistic`), four show single crystals (`crystals`), the hardest
    to tell apart, the others are of all kinds (`randomise`).

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    shape : tuple of int
        (z, y, x), voxels.

    Returns
    -------
    image : numpy.ndarray
        uint8 (z, y, x).
    labels : numpy.ndarray
        int32 (z, y, x), 1…n, of the filled particles; 0 is background.
    """
    result = simulate(volume_parameters(rng, shape), int(rng.integers(2**31)))
    return result.image, result.labels


def volume_parameters(rng: np.random.Generator, shape: tuple[int, int, int]) -> SimulationParameters:
    """Draw the parameters of a training volume.

    What is drawn for a slice of large particles is imaged with coarser voxels: lengths of the material stay, lengths of
    the imaging shrink with the particles.
    """
    plane = (shape[1], shape[2])
    kind = rng.random()
    if kind < 0.3:
        p = realistic(rng, plane, "coarse" if rng.random() < 0.4 else "fine")
        if rng.random() < 0.75:
            p = replace(p, outside="none", collector=0.0)
    else:
        p = (crystals if kind < 0.7 else randomise)(rng, plane)
    diameter = float(np.exp(rng.uniform(np.log(SMALLEST), np.log(LARGEST))))
    ratio = diameter * p.voxel_um / p.diameter_um
    mean = float(rng.uniform(0.02, 0.2))
    return replace(
        p,
        size_z=shape[0],
        voxel_um=p.diameter_um / diameter,
        damage_mean=mean,
        damage_spread=mean * 0.5,
        # Whole volumes are often taken fast and binned less: blurred and noisy beyond what slices are drawn with.
        blur=float(np.clip(p.blur * ratio * np.exp(rng.uniform(0, 1.2)), 0.45, 2.2)),
        noise=p.noise * (rng.uniform(1.2, 2.5) if rng.random() < 0.35 else 1.0),
        noise_grain=max(0.4, p.noise_grain * ratio),
        fringe_width=max(1.0, p.fringe_width * ratio),
        background_grain=max(1.0, p.background_grain * ratio),
        contact_gap=p.contact_gap * min(1.0, ratio),
    )
