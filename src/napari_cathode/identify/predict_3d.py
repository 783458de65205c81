"""Particles in a volume by a 3D network, block by block."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps, drain, stretch
from napari_cathode.tomogram import Spacing, Tomogram

from .diameter import estimate_diameter
from .growing import iter_grow
from .joining import iter_join
from .models import ModelInfo, open_model
from .network import Network
from .parameters import IdentifyParameters
from .polyhedra import Polyhedra, iter_draw, iter_refine, suppress
from .predict import check_diameter
from .rescale import FloatArray
from .star_kernels import rays_of
from .views import sample_values, volume_grey_range
from .working_volume import MIRRORED, WorkingVolume, iter_working_volume, working_shape

BLOCK = 176
"""Edge of a block that the network sees in working voxels, at most; its memory goes with the third power."""
MARGIN = 24
"""Working voxels around a block's core that its network sees as well: with more, hardly a candidate is another."""
FLOOR = 0.2
"""Object probability below which nothing is kept as a candidate, unless a lower threshold is asked for."""


@dataclass(frozen=True, eq=False)
class VolumePrediction:
    """What a 3D network found.

    Attributes
    ----------
    labels : ndarray of int32, shape (z, y, x)
        Filled particles 1…n, in order of falling probability; 0 = background.
    probability : ndarray of float32, shape (n,)
        Object probability of each particle.
    candidates : Polyhedra
        What was proposed: other thresholds can be applied without running the network again (`iter_select`).
    scale : tuple of float
        Working voxels of the candidates per voxel (z, y, x).
    spacing_um : tuple of float or None
        Voxel edges (z, y, x) in µm, None where they are not known.
    parameters : IdentifyParameters
        What was used: values that were left open are filled in.
    """

    labels: npt.NDArray[np.int32]
    probability: npt.NDArray[np.float32]
    candidates: Polyhedra
    scale: tuple[float, float, float]
    spacing_um: Spacing | None
    parameters: IdentifyParameters


def iter_identify_volume(tomogram: Tomogram, parameters: IdentifyParameters | None = None) -> Steps[VolumePrediction]:
    """Find the particles of a volume by a 3D network (StarDist3D; Weigert et al., WACV 2020).

    The volume is rescaled so that particles are as large as in training, along each axis by itself, so that voxels
    need not be cubes. The network sees it in overlapping blocks; candidates are taken from the blocks' cores, and one
    suppression over all of them makes sure that none is found twice.

    Parameters
    ----------
    tomogram : Tomogram
        May be lazy; its grey values are read slice by slice.
    parameters : IdentifyParameters, optional
        ``model_3d``, diameter, thresholds and percentiles count.

    Yields
    ------
    Progress
        In thousandths.

    Returns
    -------
    VolumePrediction

    Raises
    ------
    InputError
        For a single slice, when the image is empty, constant or not finite, when the model cannot be used, or when the
        diameter does not suit the image.
    """
    parameters = replace(parameters or IdentifyParameters(), method="stardist3d")
    check_volume(tomogram)
    if parameters.diameter_um is None:
        yield Progress(0, 1000, "Estimating the particle diameter")
        sample_values(tomogram)
        parameters = replace(parameters, diameter_um=estimate_diameter(tomogram))
    check_diameter(tomogram, parameters)
    yield Progress(5, 1000, "Loading the model")
    network = Network(open_model(parameters.model_3d, 3))
    parameters = with_thresholds(parameters, network.info)
    candidates, scale = yield from stretch(iter_candidates(network, tomogram, parameters), 10, 850)
    del network  # and the memory that it works in
    selected, labels = yield from stretch(iter_select(candidates, parameters, tomogram, scale), 850, 1000)
    yield Progress(1000, 1000, "Particles found")
    return VolumePrediction(labels, selected.probability, candidates, scale, tomogram.spacing_um, parameters)


def check_volume(tomogram: Tomogram) -> None:
    """Raise `InputError` for a single slice."""
    if tomogram.is_slice:
        raise InputError(f"{tomogram.name} is a single slice; a 3D model needs a volume: choose the method stardist2d.")


def identify_volume(tomogram: Tomogram, parameters: IdentifyParameters | None = None) -> VolumePrediction:
    """Find the particles of a volume by a 3D network; see `iter_identify_volume`."""
    return drain(iter_identify_volume(tomogram, parameters))


def iter_candidates(
    network: Network, tomogram: Tomogram, parameters: IdentifyParameters
) -> Steps[tuple[Polyhedra, tuple[float, float, float]]]:
    """Run a 3D network over a volume of known particle diameter.

    Returns
    -------
    candidates : Polyhedra
        All that are more probable than `FLOOR`, or than the threshold where that is lower.
    scale : tuple of float
        Working voxels per voxel (z, y, x).
    """
    grey = volume_grey_range(tomogram, parameters.percentile_low, parameters.percentile_high)
    factors = factors_of(tomogram, parameters, network.info)
    _check_size(tomogram, factors)
    volume = yield from stretch(iter_working_volume(tomogram, grey, factors), 0, 100)
    floor = min(FLOOR, FLOOR if parameters.prob_threshold is None else parameters.prob_threshold)
    candidates = yield from stretch(_iter_blocks(network, volume, floor), 100, 1000)
    return candidates, volume.scale


def iter_select(
    candidates: Polyhedra,
    parameters: IdentifyParameters,
    tomogram: Tomogram,
    scale: tuple[float, float, float],
) -> Steps[tuple[Polyhedra, npt.NDArray[np.int32]]]:
    """Choose one candidate per particle, refine its surface by the others, and draw it.

    Parts of one particle are then joined, and particles grown to where the image shows that they end.

    Returns
    -------
    polyhedra : Polyhedra
        One for each label 1…n; the most probable one of joined parts.
    labels : ndarray of int32, shape (z, y, x)
    """
    assert parameters.prob_threshold is not None and parameters.nms_threshold is not None
    yield Progress(0, 1000, "Choosing one candidate per particle")
    chosen = suppress(candidates, parameters.prob_threshold, parameters.nms_threshold)
    chosen = yield from stretch(iter_refine(candidates, chosen), 0, 500)
    labels, kept = yield from stretch(iter_draw(chosen, tomogram.shape, scale, tomogram.field_of_view), 500, 900)
    chosen = chosen.pick(kept)
    leaders = yield from stretch(iter_join(candidates, labels, chosen.probability, scale), 900, 950)
    if parameters.diameter_um is not None:
        z, y, x = (parameters.diameter_um / edge for edge in tomogram.spacing_um or (1.0, 1.0, 1.0))
        yield from stretch(iter_grow(labels, tomogram, (z, y, x)), 950, 1000)
    return chosen.pick(leaders), labels


def with_thresholds(parameters: IdentifyParameters, info: ModelInfo) -> IdentifyParameters:
    """Fill in the model's thresholds where they are left open."""
    probability, overlap = parameters.prob_threshold, parameters.nms_threshold
    return replace(
        parameters,
        prob_threshold=info.probability_threshold if probability is None else probability,
        nms_threshold=info.overlap_threshold if overlap is None else overlap,
    )


def factors_of(tomogram: Tomogram, parameters: IdentifyParameters, info: ModelInfo) -> tuple[float, float, float]:
    """Give the working voxels per voxel: particles get the size that the model knows, along each axis."""
    if info.diameter_px is None:
        return 1.0, 1.0, 1.0
    assert parameters.diameter_um is not None
    z, y, x = tomogram.spacing_um or (1.0, 1.0, 1.0)
    per_um = info.diameter_px / parameters.diameter_um
    return z * per_um, y * per_um, x * per_um


def _check_size(tomogram: Tomogram, factors: tuple[float, float, float]) -> None:
    """Raise `InputError` where the rescaled volume could not be held: the diameter must be wrong then."""
    size = int(np.prod(working_shape(tomogram.shape, factors)))
    if size > 2**31:
        raise InputError(
            f"With this particle diameter {tomogram.name} would have to be enlarged to {size / 1e9:.1f} billion "
            "voxels; check the diameter and the voxel size."
        )


def _rims(divisor: int) -> tuple[int, int]:
    """Give `MIRRORED` and `MARGIN` as multiples that the network wants."""
    return -(-MIRRORED // divisor) * divisor, -(-MARGIN // divisor) * divisor


def _cores(size: int, divisor: int) -> list[tuple[int, int]]:
    """Divide an axis into about equal parts, one for each block: their first voxel, and the one after the last."""
    beyond, margin = _rims(divisor)
    longest = max(divisor, (BLOCK - 2 * margin) // divisor * divisor)
    count = 1 if size + 2 * beyond <= BLOCK else -(-size // longest)
    edge = -(-size // (count * divisor)) * divisor
    return [(start, min(start + edge, size)) for start in range(0, size, edge)]


def _with_margin(core: tuple[int, int], size: int, divisor: int) -> tuple[int, int]:
    """Give the part of an axis that the network is fed for a core, counted from where the mirrored rim begins."""
    beyond, margin = _rims(divisor)
    return max(0, core[0] + beyond - margin), min(size + 2 * beyond, core[1] + beyond + margin)


def block_sizes(working: tuple[int, ...], divisor: tuple[int, ...]) -> list[tuple[int, ...]]:
    """Give the sizes of the blocks that a network is fed of a volume in working voxels."""
    along, largest = [], max(divisor)
    for size in working:
        fed = [_with_margin(core, size, largest) for core in _cores(size, largest)]
        along.append([last - first for first, last in fed])
    return list(itertools.product(*along))


def _iter_blocks(network: Network, volume: WorkingVolume, floor: float) -> Steps[Polyhedra]:
    """Run the network over the blocks and keep what it proposes in their cores.

    The volume goes on mirrored beyond its faces: particles that the border cuts then look like whole ones, which the
    network knows far better. Centres beyond the faces belong to mirror images and do not count.
    """
    size, grid, divisor = np.array(volume.image.shape), np.array(network.info.grid), max(network.info.divisor)
    beyond, _ = _rims(divisor)
    mirrored = [np.pad(np.arange(n), beyond, "symmetric") for n in size]
    blocks = list(itertools.product(*(_cores(int(n), divisor) for n in size)))
    centres, distances, probabilities = [], [], []
    for number, cores in enumerate(blocks):
        yield Progress(number, len(blocks), "Finding particles in blocks")
        fed = [_with_margin(core, int(n), divisor) for core, n in zip(cores, size, strict=True)]
        block = volume.image[np.ix_(*(where[slice(*part)] for where, part in zip(mirrored, fed, strict=True)))]
        probability, distance = network.run_block(block.astype(np.float32))
        begin, end = np.array(cores).T
        before = begin + beyond - [first for first, _ in fed]
        inner = tuple(map(slice, before // grid, -(-(before + end - begin) // grid)))
        probability, distance = probability[inner], distance[inner]
        points = np.argwhere(probability > floor)
        at = points * grid + begin
        kept = (at < size).all(axis=1)
        if volume.inside is not None:
            kept[kept] = volume.inside[tuple(at[kept].T)]
        where = tuple(points[kept].T)
        centres.append(at[kept].astype(np.float32))
        distances.append(distance[where])
        probabilities.append(probability[where])
    yield Progress(len(blocks), len(blocks), "Finding particles in blocks")
    return Polyhedra(_joined(centres), _joined(distances), _joined(probabilities), rays_of(network.info.n_rays))


def _joined(parts: list[FloatArray]) -> FloatArray:
    """Concatenate arrays and give each one's memory back as soon as it is copied."""
    whole = np.empty((sum(map(len, parts)), *parts[0].shape[1:]), parts[0].dtype)
    end = len(whole)
    while parts:
        part = parts.pop()
        whole[end - len(part) : end] = part
        end -= len(part)
    return whole
