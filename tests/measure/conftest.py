"""Phantoms: bodies whose values are known."""

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import ndimage


@dataclass
class Phantom:
    """Balls with planted cracks, imaged with blur and noise."""

    image: np.ndarray
    filled: np.ndarray
    solid: np.ndarray
    damage: np.ndarray


def ellipsoid(shape, centre, radii, spacing=(1.0, 1.0, 1.0), rotation=None):
    """Mask of an ellipsoid; centre and radii in the unit of the spacing, rotation's rows are its axes (z, y, x)."""
    points = np.stack(np.indices(shape), -1) * np.asarray(spacing) - np.asarray(centre)
    if rotation is not None:
        points = points @ np.asarray(rotation).T
    return (points**2 / np.asarray(radii) ** 2).sum(-1) <= 1


@pytest.fixture
def draw_ellipsoid():
    return ellipsoid


def cracked_balls(seed=0, noise=10.0, cracks=True, size=92):
    """Make eight balls of radius 12 to 19 voxels; most have a hollow core or slits, some up to the surface."""
    rng = np.random.default_rng(seed)
    filled = np.zeros((size,) * 3, np.int32)
    void = np.zeros(filled.shape, bool)
    grid = np.indices(filled.shape).astype(np.float32)
    quarter = size / 4
    for number, corner in enumerate(np.ndindex(2, 2, 2), start=1):
        centre = np.array(corner) * 2 * quarter + quarter + rng.uniform(-1, 1, 3)
        radius = 11.0 + number
        offset = grid - centre[:, None, None, None]
        distance = np.sqrt((offset**2).sum(0))
        ball = (distance < radius) & (filled == 0)
        filled[ball] = number
        if not cracks or number == 1:
            continue
        if number % 2:
            void |= ball & (distance < radius * rng.uniform(0.2, 0.5))
        axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        for slit in range(number % 3):
            normal, outward = axes[slit], axes[slit - 1]
            from_plane = np.abs(np.tensordot(normal, offset, 1))
            reach = radius * (0.8 if slit else 2.0)
            half = rng.uniform(1.0, 1.6)
            void |= ball & (from_plane < half) & (np.tensordot(outward, offset, 1) > 0) & (distance < reach)
    damage = np.array([void[filled == number].mean() for number in range(1, 9)])
    grey = np.where(filled > 0, 178.0, 95.0)
    grey[void] = 80.0
    grain = ndimage.gaussian_filter(rng.normal(size=grey.shape), 0.5)
    image = ndimage.gaussian_filter(grey, 0.8) + noise * grain / grain.std()
    image = np.clip(image, 0, 255).round().astype(np.uint8)
    return Phantom(image, filled, np.where(void, 0, filled).astype(np.int32), damage)


@pytest.fixture(scope="session")
def make_cracked_balls():
    return cracked_balls


@pytest.fixture(scope="session")
def balls():
    """Imaged once for all tests; do not write into it."""
    return cracked_balls()
