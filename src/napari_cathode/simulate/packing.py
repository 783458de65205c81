"""Packing: particles are thrown in at random and pushed apart until they touch instead of overlap."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit

from .shapes import Bodies, star_radius

Floats = npt.NDArray[np.float32]


@jit(fastmath=True)
def _push_apart(
    centre: Floats,
    low: Floats,
    high: Floats,
    matrix: Floats,
    waves: Floats,
    facets: Floats,
    faceted: npt.NDArray[Any],
    reach: Floats,
    allowed: float,
    rounds: int,
) -> float:
    """Push overlapping pairs apart along their centre line, in place; give the worst overlap of the last round."""
    n = centre.shape[0]
    worst = 0.0
    for _ in range(rounds):
        worst = 0.0
        for i in range(n):
            for j in range(i + 1, n):
                span = reach[i] + reach[j]
                dz = centre[j, 0] - centre[i, 0]
                if abs(dz) >= span:
                    continue
                dy = centre[j, 1] - centre[i, 1]
                dx = centre[j, 2] - centre[i, 2]
                d2 = dz * dz + dy * dy + dx * dx
                if d2 >= span * span:
                    continue
                if d2 == 0:  # two in one corner of the box have no direction to be pushed in
                    dz, d2 = 1e-3, 1e-6
                d = np.sqrt(d2) + 1e-6
                uz, uy, ux = dz / d, dy / d, dx / d
                ri = star_radius(uz, uy, ux, matrix[i], waves[i], facets[i], faceted[i])
                rj = star_radius(-uz, -uy, -ux, matrix[j], waves[j], facets[j], faceted[j])
                overlap = (ri + rj) * (1.0 - allowed) - d
                if overlap > 0:
                    worst = max(worst, overlap)
                    share = ri / (ri + rj)
                    push = 0.45 * overlap
                    for a, u in ((0, uz), (1, uy), (2, ux)):
                        centre[i, a] -= push * 2 * (1 - share) * u
                        centre[j, a] += push * 2 * share * u
                        centre[i, a] = min(max(centre[i, a], low[a]), high[a])
                        centre[j, a] = min(max(centre[j, a], low[a]), high[a])
        if worst < 0.3:
            break
    return worst


def relax(centre: Floats, bodies: Bodies, low: Floats, high: Floats, allowed: float, rounds: int) -> float:
    """Push particles apart in place.

    Parameters
    ----------
    centre : numpy.ndarray
        float32 (n, 3), voxels; changed in place.
    bodies : Bodies
        Their shapes.
    low, high : numpy.ndarray
        float32 (3,): the box that centres must not leave.
    allowed : float
        Overlap along the centre line that stays, as a share of the distance: particles touch in facets.
    rounds : int
        Sweeps over all pairs.

    Returns
    -------
    float
        Largest overlap left, voxels.
    """
    return float(
        _push_apart(
            centre, low, high, bodies.matrix, bodies.waves, bodies.facets, bodies.faceted, bodies.reach, allowed, rounds
        )
    )
