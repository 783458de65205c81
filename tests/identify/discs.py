"""Pictures with discs of known size, as truth for the tests of this folder."""

import numpy as np


def disc_slice(
    shape=(200, 240), diameter=40.0, gap=6.0, noise=0.05, seed=0, hollow=0.0
) -> tuple[np.ndarray, np.ndarray]:
    """Give a noisy image of bright discs on a jittered hexagonal lattice, uint8, and their labels."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    image = np.full(shape, 0.3)
    labels = np.zeros(shape, np.int32)
    pitch = diameter + gap
    count = 0
    for j, y in enumerate(np.arange(diameter * 0.7, shape[0] - diameter * 0.5, pitch * 0.87)):
        for x in np.arange(diameter * 0.7 + (j % 2) * pitch / 2, shape[1] - diameter * 0.5, pitch):
            count += 1
            cy, cx = np.array([y, x]) + rng.uniform(-gap / 3, gap / 3, 2)
            radius = diameter / 2 * rng.uniform(0.93, 1.05)
            distance = np.hypot(rows - cy, columns - cx)
            labels[distance <= radius] = count
            image[distance <= radius] = 0.75
            image[distance <= hollow * radius] = 0.35
    noisy = image + rng.normal(0, noise, shape)
    return np.clip(noisy * 255, 0, 255).astype(np.uint8), labels
