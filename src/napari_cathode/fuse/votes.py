"""Where particles are: the smoothed share of the views that see one, and which views have a vote.

Of three views one may lose a particle in all of its slices. The other two are then all that see it, and half of *their*
votes decides, piece by piece; otherwise such particles would come out too small, or in pieces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.compile import jit
from napari_cathode.progress import Progress, Steps
from napari_cathode.tomogram import Spacing

from .basins import Labels, Map, slabs
from .parameters import FuseParameters
from .repair import Gathered

ONE = 255
"""Shares are whole numbers of 1/255."""

# Share from which a voxel is particle, by the number of views that have a vote. Of three, a little less than a half
# makes up for slices that a view lost, and costs next to nothing where it lost none.
_HALF = {1: 0.5, 2: 0.5, 3: 0.44}
_TWO_OF_THREE = 0.3
_LOOSE = 0.25
_BLIND = 0.3
"""A view that sees less than this of what the best one sees of a piece lost it."""


_TRUNCATE = 3.0


@dataclass(frozen=True)
class Thresholds:
    """From which smoothed share of all views a voxel is particle.

    Attributes
    ----------
    loose : float
        Where pieces are looked for.
    all_voting : float
        In pieces that no view lost.
    two_voting : float
        In pieces that one of three views lost.
    """

    loose: float
    all_voting: float
    two_voting: float


def thresholds(count: int, minimal_votes: int | None) -> Thresholds:
    """Give the thresholds for so many views; with ``minimal_votes`` every view has a vote everywhere."""
    if minimal_votes is not None:
        least = (min(minimal_votes, count) - 0.5) / count
        return Thresholds(least, least, least)
    half = _HALF[count]
    return Thresholds(_LOOSE, half, _TWO_OF_THREE) if count == 3 else Thresholds(half, half, half)


def iter_smooth(
    gathered: Gathered, parameters: FuseParameters, spacing_um: Spacing
) -> Steps[tuple[Map, npt.NDArray[np.uint8]]]:
    """Smooth the probability and the share of the views that see a particle (in 1/255)."""
    count = len(gathered.names)
    sigma = (parameters.smoothing_um or 0.0) / np.asarray(spacing_um)
    shape = gathered.seen.shape
    probability = np.empty(shape, dtype=np.float32)
    share = np.empty(shape, dtype=np.uint8)
    bits = np.array([ONE * bin(number).count("1") / count for number in range(8)], dtype=np.float32)
    halo = int(_TRUNCATE * sigma[0] + 0.5)
    parts = slabs(shape, voxels=max(1 << 21, 3 * halo * shape[1] * shape[2]))
    for done, (first, last) in enumerate(parts):
        low, high = max(0, first - halo), min(shape[0], last + halo)
        inner = slice(first - low, last - low)
        smooth = ndimage.gaussian_filter(gathered.probability[low:high], sigma, mode="nearest", truncate=_TRUNCATE)
        probability[first:last] = smooth[inner]
        yield Progress(2 * done, 2 * len(parts), "Adding up the views")
        smooth = ndimage.gaussian_filter(bits[gathered.seen[low:high]], sigma / 2, mode="nearest", truncate=_TRUNCATE)
        share[first:last] = np.rint(smooth[inner])
        yield Progress(2 * done + 1, 2 * len(parts), "Adding up the views")
    return probability, share


def cut_by_votes(pieces: Labels, seen: npt.NDArray[np.uint8], share: npt.NDArray[np.uint8], limits: Thresholds) -> None:
    """Take from pieces, in place, the voxels of which too few of the views that see the piece say that they are one.

    Parameters
    ----------
    pieces : ndarray of int32, shape (z, y, x)
    seen : ndarray of uint8
        Bit k is set where view k sees a particle.
    share : ndarray of uint8
        Smoothed share of the views, in 1/`ONE`.
    limits : Thresholds
    """
    if limits.loose == limits.all_voting:
        return
    counts = np.zeros((int(pieces.max(initial=0)) + 1, 3), dtype=np.int64)
    _count(pieces.reshape(-1), seen.reshape(-1), counts)
    voting = (counts > _BLIND * counts.max(axis=1, keepdims=True)).sum(axis=1)
    least = np.where(voting == 2, limits.two_voting, limits.all_voting)
    _cut(pieces.reshape(-1), share.reshape(-1), np.floor(ONE * least).astype(np.uint8))


@jit
def _count(pieces, seen, counts):  # type: ignore[no-untyped-def]
    for i in range(pieces.size):
        if pieces[i] > 0:
            for view in range(3):
                counts[pieces[i], view] += (seen[i] >> view) & 1


@jit
def _cut(pieces, share, least):  # type: ignore[no-untyped-def]
    for i in range(pieces.size):
        if share[i] <= least[pieces[i]]:
            pieces[i] = 0
