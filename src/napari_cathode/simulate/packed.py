"""Dense packings of lumpy, touching particles: the truth that views are fused against."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError

from .packing import relax
from .parameters import SimulationParameters
from .render import claim_bodies
from .scene import draw_diameters
from .shapes import draw_bodies

SOLID = 0.69
"""Share of the volume that particles fill."""

_SMALLEST_SHARE = 0.25
_ROUNDS = 200


def packed_particles(
    shape: tuple[int, int, int],
    seed: int,
    *,
    diameter: float = 28.0,
    z_step: int = 1,
    solid: float = SOLID,
    lumpiness: float = 0.07,
) -> npt.NDArray[np.int32]:
    """Make labels of lumpy particles that are packed until they touch.

    Parameters
    ----------
    shape : tuple of int
        Voxels along (z, y, x).
    seed : int
        Same arguments, same packing.
    diameter : float
        Median diameter in voxels of x.
    z_step : int
        Edge of a voxel along z over those along y and x: only every so-manyth plane is there.
    solid : float
        Share of the voxels that are particle, met exactly: all particles swell or shrink alike.
    lumpiness : float
        Relative height of the lumps of the surfaces.

    Returns
    -------
    ndarray of int32, shape (z, y, x)
        Particles 1 … n, 0 between them. What the border leaves of a particle is background where it is smaller than a
        ball of a quarter of the median diameter.

    Raises
    ------
    InputError
        When the volume is too small for particles of this size.
    """
    full = (shape[0] * z_step, shape[1], shape[2])
    if min(full) < diameter / 2:
        raise InputError(f"Particles of {diameter:g} voxels do not fit into a volume of {full} voxels.")
    rng = np.random.default_rng(seed)
    p = replace(_MATERIAL, voxel_um=1.0, diameter_um=diameter, packing=0.66, lumpiness=lumpiness)
    margin = 0.35 * diameter
    low = np.full(3, -margin, np.float32)
    high = (np.array(full) + margin).astype(np.float32)
    bodies = draw_bodies(rng, p, draw_diameters(rng, p, low, high))
    centre = (low + (high - low) * rng.random((len(bodies), 3))).astype(np.float32)
    relax(centre, bodies, low, high, 0.01, _ROUNDS)
    owner, depth = claim_bodies(centre, bodies, full, margin=6.0)
    owner, depth = owner[::z_step], depth[::z_step]
    labels = np.where(depth < np.quantile(depth, solid), owner + 1, 0).astype(np.int32)
    count = np.bincount(labels.ravel())
    kept = count >= np.pi / 6 * (_SMALLEST_SHARE * diameter) ** 3 / z_step
    kept[0] = False
    number = np.where(kept, np.cumsum(kept), 0).astype(np.int32)
    return number[labels]


_MATERIAL = SimulationParameters(diameter_spread=0.18, small_fraction=0.0, elongation=1.2)
