"""Smooth outlines: what the views disagree on leaves steps and notches that no particle has."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Any

import cc3d
import fill_voids
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.boxes import Box
from napari_cathode.progress import Progress, Steps
from napari_cathode.smoothing import gaussian
from napari_cathode.tomogram import Spacing

from .basins import Labels
from .tidy import voxel_counts

ROUND = 1.764
"""What smoothing takes from a ball, a level lower than a half gives back. For a Gaussian of a small share of the
diameter a ball keeps its volume at the level where the normal distribution is -2 times the share; a little less makes
up for what votes add."""
LARGEST = 1 << 24
"""Voxels of a box from which on a particle keeps its outline: what is so large is several particles in one."""
CHANGE = 0.25
"""Share of its voxels by which a particle may change; thin plates would dissolve, and keep their outlines."""


def iter_round(labels: Labels, share: float, spacing_um: Spacing) -> Steps[Labels]:
    """Smooth the outlines of particles, in place.

    Each particle is smoothed by a Gaussian in proportion to its own size and takes the voxels above a level (`ROUND`)
    that are its own or nobody's; the largest connected part is kept, its holes are filled. At the border of the volume
    particles go on as they are.

    Parameters
    ----------
    labels : ndarray of int32, shape (z, y, x)
        The particles.
    share : float
        Standard deviation of the Gaussian over the diameter of a ball of the particle's volume.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.

    Yields
    ------
    Progress

    Returns
    -------
    ndarray of int32, shape (z, y, x)
    """
    if share <= 0:
        return labels
    voxels = voxel_counts(labels)
    voxel_um3 = math.prod(spacing_um)
    boxes = ndimage.find_objects(labels)
    level = NormalDist().cdf(-ROUND * share)
    for done, label in enumerate(_small_first(voxels, boxes)):
        if done % 64 == 0:
            yield Progress(done, voxels.size, "Smoothing outlines")
        box = boxes[label - 1]
        if math.prod(side.stop - side.start for side in box) > LARGEST:
            continue
        sigma_um = share * math.cbrt(6 / math.pi * voxels[label] * voxel_um3)
        z, y, x = (sigma_um / edge for edge in spacing_um)
        inside = labels[_wider(box, labels.shape, (z, y, x))]
        own = inside == label
        free = own | (inside == 0)
        rounded = _largest((gaussian(own.astype(np.float32), (z, y, x)) > level) & free)
        rounded = fill_voids.fill(rounded).astype(bool) & free
        if abs(int(np.count_nonzero(rounded)) - int(voxels[label])) <= CHANGE * voxels[label]:
            inside[own] = 0
            inside[rounded] = label
    return labels


def _small_first(voxels: npt.NDArray[np.int64], boxes: list[Any]) -> list[int]:
    """Order the labels: what small ones give up, larger ones beside them may take. The numbers have no say."""
    present = [label for label in range(1, voxels.size) if voxels[label]]
    return sorted(present, key=lambda label: (voxels[label], [(side.start, side.stop) for side in boxes[label - 1]]))


def _wider(box: Box, shape: tuple[int, ...], sigma: tuple[float, float, float]) -> Box:
    """Widen a box by what a particle may gain, and a voxel that holds none of it: the edge is repeated beyond."""
    z, y, x = (
        slice(max(side.start - math.ceil(far) - 1, 0), min(side.stop + math.ceil(far) + 1, size))
        for side, size, far in zip(box, shape, sigma, strict=True)
    )
    return z, y, x


def _largest(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Keep the largest part of a mask that hangs together by faces."""
    parts, count = cc3d.connected_components(mask, connectivity=6, return_N=True)
    if count < 2:
        return mask
    sizes = np.bincount(parts.reshape(-1))
    sizes[0] = 0
    largest: npt.NDArray[np.bool_] = parts == sizes.argmax()
    return largest
