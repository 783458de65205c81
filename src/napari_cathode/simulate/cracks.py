"""Hollow cores, cracks and fragments of particles, as one score per point: cracked where the score is below a level.

The score is about the distance (voxels) to the wall of the nearest crack, negative inside. Opening the level by one
voxel widens every crack by about that, so that any wanted damage is met by choosing the level.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit

from .noise import random_directions, sample_tile
from .parameters import SimulationParameters

Floats = npt.NDArray[np.float32]
CRACKS = 6
PIECES = 9
FAR = 1e3


@dataclass
class Flaws:
    """What is wrong inside n particles; lengths in voxels, vectors (z, y, x) from the particle's centre.

    Attributes
    ----------
    core : numpy.ndarray
        float32 (n, 6): centre (3), radius as a share of the body's (0: none), grain, bias (higher: fewer voids).
    cracks : numpy.ndarray
        float32 (n, CRACKS, 11): outward direction (3), normal (3), start, end (share of the radius), half width, bend,
        reach sideways; half width 0 means none.
    pieces : numpy.ndarray
        float32 (n, PIECES, 5): seeds (3), grey offset, loosened (0…1) of the fragments of pulverised particles.
    gaps : numpy.ndarray
        float32 (n,): half width of the gaps between fragments; 0 for particles that are not pulverised.
    offset : numpy.ndarray
        float32 (n, 3): where in the noise tile a particle takes its irregularity from.
    """

    core: Floats
    cracks: Floats
    pieces: Floats
    gaps: Floats
    offset: Floats


@jit(fastmath=True)
def crack_score(
    z: float,
    y: float,
    x: float,
    ratio: float,
    matrix: Floats,
    core: Floats,
    cracks: Floats,
    pieces: Floats,
    gap: float,
    offset: Floats,
    tile: Floats,
) -> float:
    """Score of a point of one particle; ``ratio`` is its distance from the centre over the body's radius there."""
    score = FAR
    if core[3] > 0:
        pz, py, px = z - core[0], y - core[1], x - core[2]
        a = matrix[0, 0] * pz + matrix[0, 1] * py + matrix[0, 2] * px
        b = matrix[1, 0] * pz + matrix[1, 1] * py + matrix[1, 2] * px
        c = matrix[2, 0] * pz + matrix[2, 1] * py + matrix[2, 2] * px
        q = np.sqrt(a * a + b * b + c * c) / core[3]
        if q >= 2.2:
            score = min(score, core[4] * 0.9 * (1.9 * (q - 1.0) + core[5]))
        else:
            g = 1.0 / core[4]
            wild = sample_tile(tile, z * g + offset[0], y * g + offset[1], x * g + offset[2])
            g *= 2.3
            wild += 0.45 * sample_tile(tile, y * g + offset[0], x * g + offset[1], z * g + offset[2])
            score = min(score, core[4] * 0.9 * (wild + 1.9 * (q - 1.0) + core[5]))
    for k in range(cracks.shape[0]):
        w = cracks[k, 8]
        if w <= 0:
            continue
        along = cracks[k, 0] * z + cracks[k, 1] * y + cracks[k, 2] * x
        if along < cracks[k, 6] - 3 * w:
            continue
        across = cracks[k, 3] * z + cracks[k, 4] * y + cracks[k, 5] * x
        if abs(across) > score + 4 * cracks[k, 9] + 4 * w + 8:
            continue
        bend = sample_tile(
            tile, z * 0.1 + offset[1] + 7.0 * k, y * 0.1 + offset[2], x * 0.1 + offset[0]
        ) + 0.35 * sample_tile(tile, z * 0.45 + offset[2] + 5.0 * k, y * 0.45 + offset[0], x * 0.45 + offset[1])
        s = abs(across + cracks[k, 9] * bend) - w
        s += max(0.0, cracks[k, 6] - along)
        s += max(0.0, ratio - cracks[k, 7]) * 12.0
        side2 = z * z + y * y + x * x - along * along - across * across
        s += max(0.0, np.sqrt(max(side2, 0.0)) - cracks[k, 10]) * 0.7
        score = min(score, s)
    if gap > 0:
        first, second, loose = 1e9, 1e9, 0.0
        wz = z + 2.0 * sample_tile(tile, z * 0.25 + offset[0], y * 0.25 + offset[1], x * 0.25 + offset[2])
        wy = y + 2.0 * sample_tile(tile, z * 0.25 + offset[1], y * 0.25 + offset[2], x * 0.25 + offset[0])
        wx = x + 2.0 * sample_tile(tile, z * 0.25 + offset[2], y * 0.25 + offset[0], x * 0.25 + offset[1])
        for k in range(pieces.shape[0]):
            ez, ey, ex = wz - pieces[k, 0], wy - pieces[k, 1], wx - pieces[k, 2]
            d = np.sqrt(ez * ez + ey * ey + ex * ex)
            if d < first:
                second = first
                first = d
                loose = pieces[k, 4]
            elif d < second:
                second = d
        width = gap * (0.4 + ratio) * (0.4 + 1.2 * loose)
        score = min(score, 0.5 * (second - first) - width)
    return score


@jit(fastmath=True)
def piece_grey(z: float, y: float, x: float, pieces: Floats, gap: float) -> float:
    """Grey offset of the fragment that a point belongs to."""
    if gap <= 0:
        return 0.0
    nearest, grey = 1e9, 0.0
    for k in range(pieces.shape[0]):
        ez, ey, ex = z - pieces[k, 0], y - pieces[k, 1], x - pieces[k, 2]
        d = ez * ez + ey * ey + ex * ex
        if d < nearest:
            nearest = d
            grey = pieces[k, 3]
    return grey


def draw_flaws(
    rng: np.random.Generator,
    parameters: SimulationParameters,
    radius: npt.NDArray[Any],
    severity: npt.NDArray[Any],
    always: bool = False,
) -> Flaws:
    """Draw the flaws of particles.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    parameters : SimulationParameters
        Shares and sizes of cores, cracks and fragments.
    radius : numpy.ndarray
        (n,) radius of the ball of equal volume, voxels.
    severity : numpy.ndarray
        (n,) 0…1, rank of a particle's damage: the worst have more and wider cracks and are the pulverised ones.
    always : bool
        Give every particle something that can open: those without cracks a core, and those with cracks only a core that
        opens last.
    """
    n = len(radius)
    core = np.zeros((n, 6), np.float32)
    has_core = rng.random(n) < parameters.hollow_fraction
    share = parameters.hollow_size * rng.lognormal(0, 0.3, n) * (0.7 + 0.6 * severity)
    core[:, :3] = rng.normal(0, 0.1, (n, 3)) * radius[:, None]
    core[:, 3] = np.where(has_core, np.clip(share, 0.08, 0.75), 0)
    core[:, 4] = np.clip(radius * rng.uniform(0.07, 0.16, n), 1.3, 6)
    core[:, 5] = rng.normal(0.7, 0.5, n)
    gaps = np.zeros(n, np.float32)
    broken = (severity > 1 - parameters.pulverised_fraction) & (radius > 10)  # smaller fragments show no gaps
    width = parameters.crack_width_um / parameters.voxel_um
    gaps[broken] = np.minimum(width * rng.uniform(0.4, 1.6, n), 0.09 * radius)[broken]
    pieces = np.zeros((n, PIECES, 5), np.float32)
    pieces[..., :3] = rng.normal(0, 0.55, (n, PIECES, 3)) * radius[:, None, None]
    pieces[..., 3] = rng.normal(0, 5, (n, PIECES))
    pieces[..., 4] = rng.random((n, PIECES)) ** 2
    cracks = _draw_cracks(rng, parameters, radius, severity, core)
    if always:
        core[:, 4] = np.maximum(core[:, 4], 2.0)  # voids that imaging does not blur away
        whole = core[:, 3] == 0
        core[whole, 3] = parameters.hollow_size
        core[whole & ((cracks[:, 0, 8] > 0) | (gaps > 0)), 5] += 3.0
    return Flaws(core, cracks, pieces, gaps, rng.uniform(0, 64, (n, 3)).astype(np.float32))


def _draw_cracks(
    rng: np.random.Generator,
    parameters: SimulationParameters,
    radius: npt.NDArray[Any],
    severity: npt.NDArray[Any],
    core: Floats,
) -> Floats:
    """Cracks run outwards from the core; those of one particle share an axis, so that they branch from one line."""
    n = len(radius)
    cracks = np.zeros((n, CRACKS, 11), np.float32)
    half = 0.5 * parameters.crack_width_um / parameters.voxel_um
    for i in np.flatnonzero(rng.random(n) < parameters.crack_fraction * (0.5 + severity)):
        axis = random_directions(rng, 1)[0]
        number = int(rng.integers(1, CRACKS + 1) if severity[i] > 0.5 else rng.integers(1, 4))
        for k in range(min(number, max(1, int(radius[i] / 4)))):  # more would be too thin to be seen
            out = np.cross(axis, random_directions(rng, 1)[0])
            out /= np.linalg.norm(out) + 1e-9
            cracks[i, k, :3] = out
            cracks[i, k, 3:6] = np.cross(out, axis)
            cracks[i, k, 6] = radius[i] * (core[i, 3] * 0.6 if rng.random() < 0.8 else rng.uniform(0.2, 0.6))
            cracks[i, k, 7] = 1.3 if rng.random() < 0.45 else rng.uniform(0.5, 0.95)
            cracks[i, k, 8] = half * rng.lognormal(-0.2, 0.5)
            cracks[i, k, 9] = np.clip(radius[i] * rng.uniform(0.04, 0.14), 0.5, 5)
            cracks[i, k, 10] = radius[i] * rng.uniform(0.3, 1.1)
    return cracks
