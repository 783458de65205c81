"""Drawing a scene: particles of drawn size and shape, packed, with flaws, greys, debris and dim blobs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .cracks import FAR, Flaws, draw_flaws
from .noise import random_directions
from .packing import relax
from .parameters import SimulationParameters
from .render import Scene
from .shapes import Bodies, draw_bodies, radii

Floats = npt.NDArray[np.float32]


def draw_diameters(rng: np.random.Generator, p: SimulationParameters, low: Floats, high: Floats) -> npt.NDArray[Any]:
    """Draw particle diameters (voxels) until they fill their share of the box; largest first.

    ``low`` and ``high`` bound the centres; particles stick out by about half a diameter, which counts as room.
    """
    median = p.diameter_um / p.voxel_um
    volume = float(np.prod(high - low + 0.8 * median))
    found: list[float] = []
    filled = 0.0
    while filled < p.packing * volume:
        d = median * float(np.exp(np.clip(rng.normal(), -2.2, 2.2) * p.diameter_spread))
        if rng.random() < p.small_fraction:
            d *= p.small_ratio * float(rng.uniform(0.8, 1.2))
        found.append(d)
        filled += np.pi / 6 * d**3
    return np.sort(np.array(found))[::-1]


def place(
    rng: np.random.Generator, p: SimulationParameters, bodies: Bodies, low: Floats, high: Floats, rounds: int
) -> Floats:
    """Throw particles into a box and push them apart; float32 (n, 3) centres."""
    centre = (low + (high - low) * rng.random((len(bodies), 3))).astype(np.float32)
    relax(centre, bodies, low, high, 0.01, rounds)
    return centre


def add_debris(
    rng: np.random.Generator, p: SimulationParameters, centre: Floats, bodies: Bodies
) -> tuple[Floats, npt.NDArray[Any]]:
    """Place debris on the surfaces of particles: centres (m, 3) and diameters (m,), voxels."""
    m = int(rng.poisson(p.debris * len(bodies)))
    at = rng.integers(0, max(1, len(bodies)), m)
    direction = random_directions(rng, m)
    diameter = np.clip(rng.lognormal(np.log(6), 0.5, m), 2.5, 16)
    out = radii(bodies, direction)[at, np.arange(m)] if m and len(bodies) else np.zeros(m, np.float32)
    far = out + diameter * rng.uniform(0.3, 1.2, m)
    return (centre[at] + direction * far[:, None]).astype(np.float32), diameter


def join(a: Bodies, b: Bodies) -> Bodies:
    """Bodies of ``a``, then of ``b``."""
    return Bodies(
        *(np.concatenate([getattr(a, f), getattr(b, f)]) for f in ("matrix", "waves", "facets", "faceted", "reach"))
    )


def complete_scene(
    rng: np.random.Generator,
    p: SimulationParameters,
    centre: Floats,
    bodies: Bodies,
    flaws: Flaws,
    grey: npt.NDArray[Any],
    box: tuple[Floats, Floats],
    may_dim: bool = True,
) -> Scene:
    """Add debris and dim blobs to placed particles, and say how bright and how sharp everything is.

    Particles below or above a slice may look dim (``may_dim``); no cracks are seen in those.
    """
    n = len(bodies)
    debris_at, debris_d = add_debris(rng, p, centre, bodies)
    blobs = int(rng.poisson(p.dim_blobs * n))
    blob_at = (box[0] + (box[1] - box[0]) * rng.random((blobs, 3))).astype(np.float32)
    blob_d = rng.uniform(0.25, 0.9, blobs) * p.diameter_um / p.voxel_um
    rest = draw_bodies(rng, _ROUGH, np.concatenate([debris_d, blob_d]))
    m = len(debris_d) + blobs
    none = draw_flaws(rng, _WHOLE, np.ones(m), np.zeros(m))
    dim = (rng.random(n) < p.dim_fraction) & may_dim
    contrast = np.concatenate(
        [
            np.where(dim, rng.uniform(0.45, 0.8, n), 1.0),
            rng.uniform(0.35, 1.25, len(debris_d)),
            rng.uniform(0.08, 0.35, blobs),
        ]
    )
    soft = np.concatenate(
        [
            np.where(dim, rng.uniform(1.5, 4.0, n), 0.5),
            rng.uniform(0.5, 1.8, len(debris_d)),
            rng.uniform(2.5, 7.0, blobs),
        ]
    )
    pairs = ((getattr(flaws, f), getattr(none, f)) for f in ("core", "cracks", "pieces", "gaps", "offset"))
    return Scene(
        centre=np.concatenate([centre, debris_at, blob_at]).astype(np.float32),
        bodies=join(bodies, rest),
        flaws=Flaws(*(np.concatenate(pair) for pair in pairs)),
        grey=np.concatenate([grey, rng.normal(p.particle_grey, 10, m)]).astype(np.float32),
        contrast=contrast.astype(np.float32),
        softness=soft.astype(np.float32),
        particle=np.arange(n + m) < n,
        level=np.concatenate([np.where(dim, -FAR, 0), np.zeros(m)]).astype(np.float32),
    )


_ROUGH = SimulationParameters(elongation=1.5, lumpiness=0.15)
_WHOLE = SimulationParameters(hollow_fraction=0, crack_fraction=0, pulverised_fraction=0)
