"""Training batches for StarDist2D from simulated slices: a pool of slices on disk, and patches cut from it."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from .diameter import typical_diameter
from .rescale import FloatArray, constant_part, grey_range, rescale

Labels = npt.NDArray[np.int32]
SliceMaker = Callable[[np.random.Generator, tuple[int, ...]], tuple[npt.NDArray[np.uint8], Labels]]
"""Makes a slice (y, x) or volume (z, y, x) and its filled particle labels from a random generator and a shape."""

TRAINING, VALIDATION = 0, 1
"""The two streams of random numbers that slices of one seed are made from."""


@dataclass(frozen=True)
class LabelledSlice:
    """A slice with its truth.

    Attributes
    ----------
    image : ndarray of float32, shape (y, x)
        Grey values normalised to percentiles inside the field of view.
    labels : ndarray of int32, shape (y, x)
        Filled particles, 0 = background.
    diameter_px : float
        Typical particle diameter (`typical_diameter`).
    """

    image: FloatArray
    labels: Labels
    diameter_px: float


class SlicePool:
    """Slices of one seed, made when first asked for and kept in a folder.

    Slice i depends on (seed, stream, i) alone, so that a pool filled by several processes, or in several goes, is the
    same.

    Parameters
    ----------
    folder : Path
        Where slices are kept.
    seed : int
        Seed of all slices.
    stream : int
        `TRAINING` or `VALIDATION`.
    shape : tuple of int
        Size (y, x) of the slices in pixels, or (z, y, x) of volumes in voxels.
    make_slice : callable
        See `SliceMaker`.
    """

    def __init__(self, folder: Path, seed: int, stream: int, shape: tuple[int, ...], make_slice: SliceMaker) -> None:
        self.folder, self.seed, self.stream, self.shape, self.make_slice = folder, seed, stream, shape, make_slice
        self._held: dict[int, tuple[npt.NDArray[Any], npt.NDArray[Any], float]] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def path(self, index: int) -> Path:
        """Give the file of a slice."""
        return self.folder / f"{'training' if self.stream == TRAINING else 'validation'}_{index:05d}.npz"

    def ensure(self, index: int) -> Path:
        """Make the slice's file when it is not there, and give its path."""
        path = self.path(index)
        if not path.exists():
            image, labels = self.make_slice(np.random.default_rng([self.seed, self.stream, index]), self.shape)
            part = path.with_suffix(f".{os.getpid()}.part")
            with part.open("wb") as file:
                np.savez_compressed(file, image=image, labels=labels.astype(np.int32))
            os.replace(part, path)
        return path

    def raw(self, index: int) -> tuple[npt.NDArray[np.uint8], Labels]:
        """Give image and labels of a slice as they were made."""
        with np.load(self.ensure(index)) as file:
            return file["image"], file["labels"]

    def __getitem__(self, index: int) -> LabelledSlice:
        if index not in self._held:
            image, labels = self.raw(index)
            grey = grey_range(image[~constant_part(image)])
            # Half precision halves the memory of hundreds of slices; grey values have 8 bits.
            self._held[index] = (
                grey.normalise(image).astype(np.float16),
                labels.astype(np.uint16),
                typical_diameter(labels),
            )
        small, labels, diameter_px = self._held[index]
        return LabelledSlice(small.astype(np.float32), labels.astype(np.int32), diameter_px)


def fill_pool(pool: SlicePool, count: int) -> None:
    """Make the first ``count`` slices of a pool: what a background process does while a network trains."""
    parent = multiprocessing.parent_process()
    for index in range(count):
        if parent is not None and not parent.is_alive():
            return  # the training was killed
        pool.ensure(index)


def cut_patch(
    source: LabelledSlice, rng: np.random.Generator, patch: int, diameter_px: float, jitter: float
) -> tuple[FloatArray, Labels]:
    """Cut a random square, rescaled so that particles are about as large as the network expects, and augment it.

    Parameters
    ----------
    source : LabelledSlice
        The slice.
    rng : numpy.random.Generator
        Source of all choices.
    patch : int
        Edge length of the patch in working pixels.
    diameter_px : float
        Working diameter: what the slice's typical diameter becomes, times a random factor.
    jitter : float
        That factor lies log-uniformly in 1 / (1 + jitter) … 1 + jitter.

    Returns
    -------
    image : ndarray of float32, shape (patch, patch)
    labels : ndarray of int32, shape (patch, patch)
    """
    factor = (1 + jitter) ** rng.uniform(-1, 1)
    scale = max(diameter_px * factor / source.diameter_px, patch / min(source.image.shape))
    edge = min(round(patch / scale), *source.image.shape)
    top, left = (int(rng.integers(0, size - edge + 1)) for size in source.image.shape)
    window = (slice(top, top + edge), slice(left, left + edge))
    image = rescale(source.image[window], (patch / edge, patch / edge))
    rows = np.minimum(((np.arange(patch) + 0.5) * edge / patch).astype(int), edge - 1)
    labels = source.labels[window][np.ix_(rows, rows)]
    turns, mirrored = int(rng.integers(4)), bool(rng.integers(2))
    image, labels = np.rot90(image, turns), np.rot90(labels, turns)
    if mirrored:
        image, labels = image[:, ::-1], labels[:, ::-1]
    return vary_grey(np.ascontiguousarray(image), rng), np.ascontiguousarray(labels)


def vary_grey(image: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Vary contrast, brightness, sharpness, noise and shading, as other scanners and settings would."""
    from scipy import ndimage

    varied: npt.NDArray[Any] = image * rng.uniform(0.75, 1.25) + rng.uniform(-0.15, 0.15)
    if rng.random() < 0.3:
        varied = ndimage.gaussian_filter(varied, rng.uniform(0.2, 0.9))
    if rng.random() < 0.4:
        varied = varied + rng.normal(0, rng.uniform(0.01, 0.1), image.shape)
    if rng.random() < 0.3:
        slope = rng.uniform(-0.2, 0.2, image.ndim)
        for ramp in np.ix_(
            *[part * np.linspace(-0.5, 0.5, size) for part, size in zip(slope, image.shape, strict=True)]
        ):
            varied = varied + ramp
    return varied.astype(np.float32)


def targets(labels: Labels, n_rays: int, grid: tuple[int, int]) -> tuple[FloatArray, FloatArray]:
    """Compute what StarDist learns from a label image (Schmidt et al., MICCAI 2018).

    Returns
    -------
    probability : ndarray of float32, shape (y / grid, x / grid, 1)
        Distance to the particle's edge, divided by its maximum in the particle.
    distance_and_mask : ndarray of float32, shape (y / grid, x / grid, n_rays + 1)
        Distances in pixels along the rays to the particle's edge, and the probability again as weight.
    """
    from stardist.geometry import star_dist
    from stardist.utils import edt_prob

    coarse = np.ascontiguousarray(labels[:: grid[0], :: grid[1]])
    if coarse.min() == coarse.max():
        # One particle, or none, fills the patch: no edge is in sight that a distance could be measured from.
        probability = (coarse > 0).astype(np.float32)
    else:
        probability = edt_prob(coarse).astype(np.float32)
    distance = star_dist(labels, n_rays, grid=grid)
    return probability[..., None], np.concatenate([distance, probability[..., None]], axis=-1).astype(np.float32)


def make_batch(
    pool: SlicePool,
    available: int,
    rng: np.random.Generator,
    size: int,
    patch: int,
    diameter_px: float,
    jitter: float,
    n_rays: int,
    grid: tuple[int, int],
) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
    """Cut a batch of ``size`` patches from the first ``available`` slices of a pool, with what is to be learnt.

    Returns
    -------
    images : ndarray of float32, shape (size, patch, patch, 1)
    targets : tuple of ndarray
        As `targets`, stacked.
    """
    images, probabilities, distances = [], [], []
    for index in rng.integers(0, available, size):
        image, labels = cut_patch(pool[int(index)], rng, patch, diameter_px, jitter)
        probability, distance = targets(labels, n_rays, grid)
        images.append(image[..., None])
        probabilities.append(probability)
        distances.append(distance)
    return np.stack(images), (np.stack(probabilities), np.stack(distances))
