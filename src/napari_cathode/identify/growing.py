"""Particles of a 3D network, grown to where the image shows that they end."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.compile import jit
from napari_cathode.progress import Progress, Steps
from napari_cathode.smoothing import gaussian
from napari_cathode.tomogram import Tomogram

from .rescale import BoolArray, FloatArray, as_grey

LAYERS_PER_DIAMETER = 8
"""Share of the particle diameter, as one part of so many, by which particles grow at most."""
STRICTER = 0.05
"""Share of the way from background to solid by which each layer has to be brighter than the one before."""
SMOOTHING = 0.5
"""Standard deviation in voxels of the Gaussian against noise."""
CONTRAST = 2.0
"""Standard deviations of the background by which solid has to stand out."""
SLICES = 9
"""Slices that the greys of solid and background are learnt from."""
ENOUGH = 200
"""Voxels that each of the two needs."""
AWAY = 3
"""Pixels from any particle at which the background begins."""
FEWEST, MOST, AT_ONCE = 8, 64, 2**24
"""Slices that are held at once, at least and at most, and the voxels that they hold together where that leaves it."""

Labels = npt.NDArray[np.int32]


def iter_grow(labels: Labels, tomogram: Tomogram, diameter_px: tuple[float, float, float]) -> Steps[None]:
    """Grow particles into what is bright beside them, in place.

    Star-shaped bodies of a few dozen rays round corners and edges off, and the network works on fewer voxels than the
    image has. Voxels without a label beside a particle that are brighter than half way from background to solid become
    its own, layer by layer; of several particles the most probable one takes them. Nothing is taken away: in the mouth
    of a crack, which is the particle's, the image is as dark as beside it. Where solid does not stand out from the
    background, nothing changes.

    Parameters
    ----------
    labels : ndarray of int32, shape (z, y, x)
        In order of falling probability; 0 = background.
    tomogram : Tomogram
        What they were found in; may be lazy.
    diameter_px : tuple of float
        Particle diameter in voxels along (z, y, x).

    Yields
    ------
    Progress
        In slices.
    """
    layers = [max(1, round(diameter / LAYERS_PER_DIAMETER)) for diameter in diameter_px]
    background, solid = grey_levels(labels, tomogram)
    if np.isnan(solid):
        return
    depth, reach = len(labels), max(layers)
    halo = reach + int(np.ceil(3.5 * SMOOTHING))
    slab = min(max(FEWEST, AT_ONCE // labels[0].size), MOST)
    before = labels[:0]  # slices before the slab, as they were
    for first in range(0, depth, slab):
        yield Progress(first, depth, "Fitting particles to the image")
        last = min(first + slab, depth)
        start, stop = max(first - reach, 0), min(last + reach, depth)
        grown = np.concatenate([before, labels[first:stop]])
        before = np.concatenate([before, labels[first:last]])[-reach:]
        from_, to = max(first - halo, 0), min(last + halo, depth)
        grey = gaussian(as_grey(tomogram.data[from_:to]).astype(np.float32), (SMOOTHING,) * 3)
        share = (grey[start - from_ : stop - from_] - background) / np.float32(solid - background)
        if tomogram.field_of_view is not None:
            share[~np.broadcast_to(tomogram.field_of_view, labels.shape)[start:stop]] = -np.inf
        for layer in range(reach):
            along = np.array([layer < most for most in layers])
            grown = _with_layer(grown, share, np.float32(0.5 + STRICTER * (layer + 0.5)), along)
        labels[first:last] = grown[first - start : last - start]


def grey_levels(labels: Labels, tomogram: Tomogram) -> tuple[float, float]:
    """Give the greys of background and of solid, from some slices; NaN where they cannot be told from each other."""
    inside: list[FloatArray] = []
    outside: list[FloatArray] = []
    for z in np.unique(np.linspace(0, len(labels) - 1, SLICES).round().astype(int)):
        grey = as_grey(tomogram.data[int(z)]).astype(np.float32)
        free: BoolArray = ~ndimage.binary_dilation(labels[z] > 0, iterations=AWAY)
        if tomogram.field_of_view is not None:
            free &= np.broadcast_to(tomogram.field_of_view, labels.shape)[z]
        inside.append(grey[labels[z] > 0])
        outside.append(grey[free])
    taken, left = np.concatenate(inside), np.concatenate(outside)
    if min(len(taken), len(left)) < ENOUGH:
        return float("nan"), float("nan")
    background, solid = float(np.median(left)), float(np.median(taken))
    spread = 1.4826 * float(np.median(np.abs(left - background)))
    return background, solid if solid - background > CONTRAST * spread else float("nan")


@jit
def _with_layer(labels: Labels, share: FloatArray, least: float, along: Any) -> Labels:
    """Give labels with one layer more where the image is bright; the lowest label of the neighbours takes a voxel."""
    grown = labels.copy()
    nz, ny, nx = labels.shape
    for z in range(nz):
        for y in range(ny):
            for x in range(nx):
                if labels[z, y, x] or not share[z, y, x] > least:
                    continue
                best = 0
                for axis in range(3):
                    if not along[axis]:
                        continue
                    for side in (-1, 1):
                        at_z = z + side * (axis == 0)
                        at_y = y + side * (axis == 1)
                        at_x = x + side * (axis == 2)
                        if 0 <= at_z < nz and 0 <= at_y < ny and 0 <= at_x < nx:
                            other = labels[at_z, at_y, at_x]
                            if other and (best == 0 or other < best):
                                best = other
                grown[z, y, x] = best
    return grown
