"""Smooth outlines: what the views disagree on leaves steps and notches that no particle has."""

from __future__ import annotations

import math

import cc3d
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.boxes import Box
from napari_cathode.progress import Progress, Steps
from napari_cathode.smoothing import gaussian
from napari_cathode.tomogram import Spacing

from .basins import Labels
from .tidy import voxel_counts

LEVEL = 0.43
"""Smoothed share above which a voxel is particle: lower than a half, since smoothing takes from what is round. Balls
keep their volume within one or two percent."""
CHANGE = 0.25
"""Share of its voxels by which a particle may change; thin plates would dissolve, and keep their outlines."""


def iter_round(labels: Labels, share: float, spacing_um: Spacing) -> Steps[Labels]:
    """Smooth the outlines of particles, in place.

    Each particle is smoothed by a Gaussian in proportion to its own size and takes the voxels above `LEVEL` that are
    its own or nobody's; the largest connected part is kept. At the border of the volume particles go on as they are.

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
    # Small ones first: what they give up, larger ones beside them may take; the order of the numbers has no say.
    for done, label in enumerate(np.argsort(voxels, kind="stable")):
        if done % 64 == 0:
            yield Progress(done, voxels.size, "Smoothing outlines")
        box = boxes[label - 1] if label else None
        if box is None:
            continue
        sigma_um = share * math.cbrt(6 / math.pi * voxels[label] * voxel_um3)
        z, y, x = (sigma_um / edge for edge in spacing_um)
        inside = labels[_wider(box, labels.shape, (z, y, x))]
        own = inside == label
        rounded = _largest((gaussian(own.astype(np.float32), (z, y, x)) > LEVEL) & (own | (inside == 0)))
        if abs(int(np.count_nonzero(rounded)) - int(voxels[label])) <= CHANGE * voxels[label]:
            inside[own] = 0
            inside[rounded] = label
    return labels


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
