"""Where particles are: the smoothed share of the views that see one, and which views have a vote.

Of three views one may lose a particle in all of its slices. The other two are then all that see it, and half of *their*
votes decides, piece by piece; otherwise such particles would come out too small, or in pieces. Two views may lose it as
well: what a single view sees where the others see nothing is a particle if it is large and thick, since many slices
agree on it; a flake is what one view made of a few slices. What the border leaves of a particle is often seen in the
slices along the border alone, whole; in the others it is a thin strip. Its size is then that of its section on the
border.
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
from .sizes import ball_voxels, face_counts, whole_voxels

ONE = 255
"""Shares are whole numbers of 1/255."""

# Share from which a voxel is particle, by the number of views that have a vote. Of three, a little less than a half
# makes up for slices that a view lost, and costs next to nothing where it lost none.
_HALF = {1: 0.5, 2: 0.5, 3: 0.47}
_LINKED = 0.44  # linked sections are not smoothed afterwards, which closes what lost slices leave
_TWO_OF_THREE = 0.3
_ONE_OF_THREE = 1 / 6
_LONE_SHARE = 0.45
"""What a single view sees is a particle from this share of the typical diameter on."""
_LONE_THICK = 0.6
"""So thick, as a share of the typical diameter, it is along each axis; in real networks' views what is thinner was
never one (simulated volumes of seeds 1 and 2)."""
BLIND, SEES, ALONE = 0, 1, 2
"""What a view does with a piece: lose it, see it, see it where no other does."""
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
    one_voting : float
        In large pieces that two of three views lost.
    """

    loose: float
    all_voting: float
    two_voting: float
    one_voting: float


def thresholds(count: int, minimal_votes: int | None) -> Thresholds:
    """Give the thresholds for so many views; with ``minimal_votes`` every view has a vote everywhere."""
    if minimal_votes is not None:
        least = (min(minimal_votes, count) - 0.5) / count
        return Thresholds(least, least, least, least)
    half = _HALF[count]
    return Thresholds(_ONE_OF_THREE, half, _TWO_OF_THREE, _ONE_OF_THREE) if count == 3 else Thresholds(*4 * (half,))


def linked_share(count: int, minimal_votes: int | None) -> float:
    """Give the threshold for so many views whose sections are linked."""
    return _LINKED if count == 3 and minimal_votes is None else thresholds(count, minimal_votes).all_voting


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
    parts = slabs(shape, voxels=max(1 << 20, 3 * halo * shape[1] * shape[2]))
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


def cut_by_votes(
    pieces: Labels,
    seen: npt.NDArray[np.uint8],
    share: npt.NDArray[np.uint8],
    limits: Thresholds,
    diameter_um: float,
    spacing_um: Spacing,
    border: tuple[bool, ...] = (True,) * 6,
) -> npt.NDArray[np.uint8]:
    """Take from pieces, in place, the voxels of which too few of the views that see the piece say that they are one.

    Parameters
    ----------
    pieces : ndarray of int32, shape (z, y, x)
    seen : ndarray of uint8
        Bit k is set where view k sees a particle.
    share : ndarray of uint8
        Smoothed share of the views, in 1/`ONE`.
    limits : Thresholds
    diameter_um : float
        Typical diameter.
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x) in µm.
    border : tuple of bool
        Which faces are the volume's border; see `sizes.face_counts`.

    Returns
    -------
    ndarray of uint8, shape (n + 1, 3)
        What each view does with each piece: `BLIND`, `SEES` or `ALONE`.
    """
    if limits.loose == limits.all_voting:
        return np.full((int(pieces.max(initial=0)) + 1, 3), SEES, dtype=np.uint8)
    counts = np.zeros((int(pieces.max(initial=0)) + 1, 3), dtype=np.int64)
    _count(pieces.reshape(-1), seen.reshape(-1), counts)
    sees = counts > _BLIND * counts.max(axis=1, keepdims=True)
    voting = sees.sum(axis=1)
    lone = np.where(voting == 1, sees.argmax(axis=1) + 1, 0).astype(np.uint8)
    lone[0] = 0
    # A view knows little of the way along its axis, so that what it alone sees comes in several pieces.
    groups = _groups(pieces, lone)
    size = np.bincount(groups, weights=np.where(lone > 0, counts.max(axis=1), 0), minlength=groups.size)
    faces = np.zeros((groups.size, 6), dtype=np.int64)
    np.add.at(faces, groups[lone > 0], face_counts(pieces, groups.size, border)[lone > 0])
    size = whole_voxels(size, faces, spacing_um)[groups]
    thin = (_extents(pieces, lone, groups) * np.asarray(spacing_um)).min(axis=1) < _LONE_THICK * diameter_um
    thin &= ~faces.any(axis=1)
    alone = (lone > 0) & (size > ball_voxels(_LONE_SHARE * diameter_um, spacing_um)) & ~thin[groups]
    least = np.where(alone, limits.one_voting, np.where(voting == 2, limits.two_voting, limits.all_voting))
    _cut(pieces.reshape(-1), share.reshape(-1), np.floor(ONE * least).astype(np.uint8))
    return np.where(sees, np.where(alone, ALONE, SEES)[:, None], BLIND).astype(np.uint8)


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


@jit
def _groups(pieces, lone):  # type: ignore[no-untyped-def]
    """Give each piece the first of the touching pieces that the same view sees alone."""
    owner = np.arange(lone.size)
    nz, ny, nx = pieces.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                one = pieces[z, y, x]
                if lone[one] == 0:
                    continue
                for way in range(3):
                    k, j, i = z + (way == 0), y + (way == 1), x + (way == 2)
                    if k >= nz or j >= ny or i >= nx:
                        continue
                    other = pieces[k, j, i]
                    if other == one or lone[other] != lone[one]:
                        continue
                    a, b = one, other
                    while owner[a] != a:
                        a = owner[a]
                    while owner[b] != b:
                        b = owner[b]
                    owner[max(a, b)] = min(a, b)
    for piece in range(owner.size):
        owner[piece] = owner[owner[piece]]  # those before it point to their first already
    return owner


@jit
def _extents(pieces, lone, groups):  # type: ignore[no-untyped-def]
    """Measure how many voxels (z, y, x) each group reaches over that a single view sees."""
    nz, ny, nx = pieces.shape
    low = np.full((groups.size, 3), max(nz, ny, nx), dtype=np.int64)
    high = np.full((groups.size, 3), -1, dtype=np.int64)
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                piece = pieces[z, y, x]
                if lone[piece] == 0:
                    continue
                group = groups[piece]
                for axis, at in enumerate((z, y, x)):
                    low[group, axis] = min(low[group, axis], at)
                    high[group, axis] = max(high[group, axis], at)
    return np.maximum(high - low + 1, 0)
