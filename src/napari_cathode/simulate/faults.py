"""What a 2D network makes of known particles, slice by slice, with faults of known frequency.

This is the measuring rod of view fusion: true labels go in, predictions of the views come out, as StarDist would give
them (labels that start anew in each slice, object probability, radial distances), with the faults that such networks
make. How often each fault happens is what a preset says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.tomogram import Spacing

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction

Labels = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Faults:
    """How often a view errs.

    Attributes
    ----------
    slices_lost : float
        Share of slices in which nothing is found.
    sections_lost : float
        Share of the sections (one particle in one slice) that are not found.
    particles_lost : float
        Share of particles that a view finds in no slice.
    slices_merging : float
        Share of slices in which touching neighbours are taken for one.
    pairs_merged : float
        Share of the touching pairs of such a slice that are; a section merges with one neighbour at most, since a
        star-convex outline holds no chain of particles.
    splits : float
        Share of sections that are cut in two, along a line through their centroid.
    jitter_px : float
        Standard deviation of a section's shift along each of the two axes, in pixels of the finest edge.
    noise : float
        Standard deviation of what is added to the probability of each pixel; distances get the same share of their
        value.
    """

    slices_lost: float = 0.0
    sections_lost: float = 0.0
    particles_lost: float = 0.0
    slices_merging: float = 0.0
    pairs_merged: float = 0.0
    splits: float = 0.0
    jitter_px: float = 0.0
    noise: float = 0.0


FAULTS: dict[str, Faults] = {
    "none": Faults(),
    "standard": Faults(0.03, 0.08, 0.05, 0.20, 0.30, 0.03, 1.2, 0.06),
    "hard": Faults(0.06, 0.20, 0.12, 0.40, 0.40, 0.08, 1.8, 0.10),
}
"""Named frequencies: of a good network on good images, and of one on images unlike those that it was trained on."""


def faulty_views(
    labels: Labels,
    spacing_um: Spacing,
    faults: Faults,
    seed: int,
    views: Sequence[str] = ("xy", "xz", "yz"),
    distances: bool = False,
) -> dict[str, ViewPrediction]:
    """Predict the views of known particles, with faults.

    Parameters
    ----------
    labels : ndarray of int32, shape (z, y, x)
        True particles 1 … n.
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x) in µm.
    faults : Faults
        How often which fault happens; see `FAULTS`.
    seed : int
        Each view draws its own faults from it.
    views : sequence of str
        Any of "xy", "xz", "yz".
    distances : bool
        Whether mean radial distances are made, too.

    Returns
    -------
    dict of str to ViewPrediction
        Labels that start anew in each slice, and the object probability that StarDist learns: a pixel's distance to
        the outline of its section over the largest one in it.
    """
    from napari_cathode.identify import VIEW_AXIS

    found = {}
    for view in views:
        rng = np.random.default_rng([seed, VIEW_AXIS[view]])
        found[view] = _see(labels, view, spacing_um, faults, rng, distances)
    return found


def _see(
    labels: Labels, view: str, spacing_um: Spacing, faults: Faults, rng: np.random.Generator, distances: bool
) -> ViewPrediction:
    from dataclasses import replace

    from napari_cathode.fuse import prediction_from_labels
    from napari_cathode.identify import VIEW_AXIS

    axis = VIEW_AXIS[view]
    edges = [length for direction, length in enumerate(spacing_um) if direction != axis]
    shift = faults.jitter_px * min(edges) / np.asarray(edges)
    seen = np.moveaxis(labels.copy(), axis, 0)
    never = rng.random(labels.max() + 1) < faults.particles_lost
    never[0] = False
    for index, plane in enumerate(seen):
        if rng.random() < faults.slices_lost:
            plane[:] = 0
            continue
        merging = faults.pairs_merged if rng.random() < faults.slices_merging else 0.0
        seen[index] = _see_slice(np.where(never[plane], 0, plane), merging, faults, shift, rng)
    found = prediction_from_labels(view, np.moveaxis(seen, 0, axis), spacing_um, distances)
    noise = faults.noise * rng.standard_normal(labels.shape, dtype=np.float32)
    noisy = np.clip(found.probability + noise, 0, 1).astype(np.float16)
    if found.distance is None:
        return replace(found, probability=noisy)
    noise = faults.noise * rng.standard_normal(labels.shape, dtype=np.float32)
    return replace(found, probability=noisy, distance=(found.distance * (1 + noise)).clip(0).astype(np.float16))


def _see_slice(
    plane: Labels, merging: float, faults: Faults, shift: npt.NDArray[np.float64], rng: np.random.Generator
) -> Labels:
    """Give what is found in one slice; sections that are shifted onto others lie on top of them."""
    plane = _merge(plane, merging, rng)
    seen = np.zeros_like(plane)
    count = 0
    for label, box in enumerate(ndimage.find_objects(plane), start=1):
        if box is None or rng.random() < faults.sections_lost:
            continue
        pixels = np.argwhere(plane[box] == label) + [part.start for part in box]
        half = np.zeros(len(pixels), dtype=int)
        if rng.random() < faults.splits:
            angle = rng.uniform(0, np.pi)
            half = ((pixels - pixels.mean(0)) @ [np.cos(angle), np.sin(angle)] > 0).astype(int)
        moved = pixels + np.rint(shift * rng.standard_normal(2)).astype(int)
        inside = ((moved >= 0) & (moved < plane.shape)).all(1)
        y, x = moved[inside].T
        seen[y, x] = count + 1 + half[inside]
        count += 2
    return seen


def _merge(plane: Labels, share: float, rng: np.random.Generator) -> Labels:
    """Take some touching pairs of a slice for one."""
    if not share:
        return plane
    name = np.arange(plane.max() + 1, dtype=plane.dtype)
    single = np.ones(name.size, dtype=bool)
    for one, other in rng.permutation(_touching(plane)):
        if rng.random() < share and single[one] and single[other]:
            name[other] = one
            single[one] = single[other] = False
    return name[plane]


def _touching(plane: Labels) -> npt.NDArray[np.int32]:
    """Name the pairs of sections that share an edge of a pixel."""
    sides = [(plane[1:], plane[:-1]), (plane[:, 1:], plane[:, :-1])]
    pairs = [np.stack([a[k], b[k]], 1) for a, b in sides for k in [(a != b) & (a > 0) & (b > 0)]]
    return np.unique(np.sort(np.concatenate(pairs), 1), axis=0)
