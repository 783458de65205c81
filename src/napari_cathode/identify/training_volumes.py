"""Training batches for StarDist3D from simulated volumes: a pool of volumes on disk, and patches cut from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from .rescale import FloatArray, grey_range, rescale
from .star_kernels import rays_of
from .training_data import SlicePool, vary_grey
from .working_volume import MIRRORED

Labels = npt.NDArray[np.int32]


@dataclass(frozen=True)
class LabelledVolume:
    """A volume with its truth.

    Attributes
    ----------
    image : ndarray of float32, shape (z, y, x)
        Grey values normalised to percentiles inside the field of view.
    labels : ndarray of int32, shape (z, y, x)
        Filled particles, 0 = background.
    diameter_px : float
        Typical particle diameter (`typical_diameter_3d`).
    """

    image: FloatArray
    labels: Labels
    diameter_px: float


def typical_diameter_3d(labels: npt.NDArray[Any]) -> float | None:
    """Give the volume-weighted median diameter of the particles in a label volume.

    Half of the particles' volume belongs to particles with a larger equivalent-ball diameter, (6 volume / π)^(1/3).

    Parameters
    ----------
    labels : ndarray of int, shape (z, y, x)
        0 = background; cubic voxels.

    Returns
    -------
    float or None
        Voxels; None without any particle.
    """
    volumes = np.sort(np.bincount(labels.ravel())[1:])
    volumes = volumes[volumes > 0]
    if volumes.size == 0:
        return None
    middle = np.searchsorted(np.cumsum(volumes), volumes.sum() / 2)
    return float(np.cbrt(6 * volumes[middle] / np.pi))


class VolumePool(SlicePool):
    """Volumes of one seed, made when first asked for and kept in a folder; as `SlicePool`, with shapes (z, y, x)."""

    def __getitem__(self, index: int) -> LabelledVolume:  # type: ignore[override]
        if index not in self._held:
            self._held[index] = self._prepared(index)
        small, labels, diameter_px = self._held[index]
        return LabelledVolume(small, labels, diameter_px)  # converted patch by patch: whole volumes are large

    def _prepared(self, index: int) -> tuple[npt.NDArray[np.float16], npt.NDArray[np.uint16], float]:
        image, labels = self.raw(index)
        grey = grey_range(image[~_constant(image)])
        diameter = typical_diameter_3d(labels) or 24.0
        return grey.normalise(image).astype(np.float16), labels.astype(np.uint16), diameter


def _constant(image: npt.NDArray[Any]) -> npt.NDArray[np.bool_]:
    """Guess the voxels outside the field of view, slice by slice as a network for slices does."""
    from .rescale import constant_part

    return np.stack([constant_part(plane) for plane in image])


def cut_block(
    source: LabelledVolume,
    rng: np.random.Generator,
    patch: int,
    diameter_px: float,
    jitter: float,
    faces: float = 0.0,
) -> tuple[FloatArray, Labels]:
    """Cut a random cube, rescaled so that particles are about as large as the network expects, and augment it.

    Axes are permuted and mirrored at random. Two of five cubes are first thinned out along z by a factor of up to 3, as
    in tomograms with distant slices, and stretched again. Some go on beyond a face that cuts particles, as mirror
    image: that is what networks are shown at the faces of a tomogram.

    Parameters
    ----------
    source : LabelledVolume
        The volume.
    rng : numpy.random.Generator
        Source of all choices.
    patch : int
        Edge length of the cube in working voxels.
    diameter_px : float
        Working diameter: what the volume's typical diameter becomes, times a random factor.
    jitter : float
        That factor lies log-uniformly in 1 / (1 + jitter) … 1 + jitter.
    faces : float
        Share of the cubes, for each axis, that go on mirrored beyond a face.

    Returns
    -------
    image : ndarray of float32, shape (patch, patch, patch)
    labels : ndarray of int32, shape (patch, patch, patch)
    """
    factor = (1 + jitter) ** rng.uniform(-1, 1)
    scale = max(diameter_px * factor / source.diameter_px, patch / min(source.image.shape))
    edge = min(round(patch / scale), *source.image.shape)
    corner = [int(rng.integers(0, size - edge + 1)) for size in source.image.shape]
    window = tuple(slice(start, start + edge) for start in corner)
    image, labels = source.image[window].astype(np.float32), source.labels[window].astype(np.int32)
    order = rng.permutation(3)
    image, labels = image.transpose(order), labels.transpose(order)
    if rng.random() < 0.4:
        fewer = max(4, round(edge / rng.uniform(1.2, 3.0)))
        # Every so many slices one is kept, as a coarse step along z does; labels stay those of the full volume.
        image = image[np.minimum(((np.arange(fewer) + 0.5) * edge / fewer).astype(int), edge - 1)]
    image = rescale(image, tuple(patch / size for size in image.shape))
    rows = np.minimum(((np.arange(patch) + 0.5) * edge / patch).astype(int), edge - 1)
    labels = labels[np.ix_(rows, rows, rows)]
    image = vary_grey(np.ascontiguousarray(image), rng)
    if faces:
        seen = np.ix_(*(_beyond_face(patch, rng, faces) for _ in range(3)))
        image, labels = image[seen], labels[seen]
    flips = tuple(slice(None, None, int(step)) for step in rng.choice((-1, 1), 3))  # last: faces are at both ends
    return np.ascontiguousarray(image[flips]), np.ascontiguousarray(labels[flips])


def _beyond_face(size: int, rng: np.random.Generator, share: float) -> npt.NDArray[np.intp]:
    """Give where the voxels along an axis come from: some beyond a face at its beginning, mirrored."""
    beyond = int(rng.integers(MIRRORED // 2, MIRRORED * 3 // 2)) if rng.random() < share else 0
    beyond = min(beyond, size // 3)
    return np.pad(np.arange(size - beyond), (beyond, 0), "symmetric")


def targets_3d(labels: Labels, n_rays: int, grid: tuple[int, int, int]) -> tuple[FloatArray, FloatArray]:
    """Compute what StarDist3D learns from a label volume (Weigert et al., WACV 2020).

    Returns
    -------
    probability : ndarray of float32, shape (z / grid, y / grid, x / grid, 1)
        Distance to the particle's edge, divided by its maximum in the particle.
    distance_and_mask : ndarray of float32, shape (z / grid, y / grid, x / grid, n_rays + 1)
        Distances in voxels along the rays to the particle's edge, and the probability again as weight.
    """
    from stardist.geometry import star_dist3D

    probability = probability_3d(labels, grid)
    distance = star_dist3D(labels, rays_of(n_rays), grid=grid)
    return probability[..., None], np.concatenate([distance, probability[..., None]], axis=-1).astype(np.float32)


def probability_3d(labels: Labels, grid: tuple[int, int, int]) -> FloatArray:
    """Compute the first of `targets_3d`, without its last axis."""
    from stardist.utils import edt_prob

    every = tuple(slice(None, None, step) for step in grid)
    full = (labels > 0).astype(np.float32) if labels.min() == labels.max() else edt_prob(labels)
    return np.ascontiguousarray(full[every], np.float32)


def cut_blocks(
    pool: VolumePool,
    available: int,
    rng: np.random.Generator,
    size: int,
    patch: int,
    diameter_px: float,
    jitter: float,
    faces: float = 0.0,
) -> Iterator[tuple[FloatArray, Labels]]:
    """Cut ``size`` cubes with their labels from the first ``available`` volumes of a pool; see `cut_block`."""
    for index in rng.integers(0, available, size):
        yield cut_block(pool[int(index)], rng, patch, diameter_px, jitter, faces)


def make_batch_3d(
    pool: VolumePool,
    available: int,
    rng: np.random.Generator,
    size: int,
    patch: int,
    diameter_px: float,
    jitter: float,
    n_rays: int,
    grid: tuple[int, int, int],
    faces: float = 0.0,
) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
    """Cut a batch of ``size`` cubes from the first ``available`` volumes of a pool, with what is to be learnt.

    Returns
    -------
    images : ndarray of float32, shape (size, patch, patch, patch, 1)
    targets : tuple of ndarray
        As `targets_3d`, stacked.
    """
    images, probabilities, distances = [], [], []
    for image, labels in cut_blocks(pool, available, rng, size, patch, diameter_px, jitter, faces):
        probability, distance = targets_3d(labels, n_rays, grid)
        images.append(image[..., None])
        probabilities.append(probability)
        distances.append(distance)
    return np.stack(images), (np.stack(probabilities), np.stack(distances))
