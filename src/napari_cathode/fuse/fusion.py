"""Fuse the 2D predictions of one, two or three views into 3D particles."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps, drain, within
from napari_cathode.tomogram import Spacing, check_spacing

from .basins import Labels, Map, iter_basins, slabs
from .flow import iter_flow_pieces
from .maps import check_views, seeing
from .parameters import FuseParameters
from .pieces import iter_graph, join
from .repair import Gathered, iter_gather, window
from .tidy import iter_fill, iter_spread, renumber

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction

# Below this share of the typical diameter a fragment is no particle but the rest of an outline that views disagree on.
_SMALLEST_SHARE = 0.25
# Below this one it joins a neighbour of which the views say nothing.
_CRUMB_SHARE = 1 / 3
_TRUNCATE = 3.0
_BASIN_DEPTH = 0.02
# Smoothed share of votes from which a voxel is particle, by the number of views. Of three, a little less than a half
# makes up for slices that a view lost, and costs next to nothing where it lost none.
_FOREGROUND = {1: 0.5, 2: 0.5, 3: 0.46}
_SAMPLED = 12


@dataclass(frozen=True, eq=False)
class Fusion:
    """3D particles, and what they were made from.

    Attributes
    ----------
    labels : ndarray of int32, shape (z, y, x)
        Filled particles 1 … n without gaps in the numbers, 0 background.
    probability : ndarray of float32, shape (z, y, x)
        The views' mean probability, smoothed; with a single view weighed by the size of its sections.
    views : tuple of str
        The views that were used: those in which anything was found.
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x) in µm.
    parameters : FuseParameters
        With every "decide for me" replaced by the value that was used.
    """

    labels: Labels
    probability: Map
    views: tuple[str, ...]
    spacing_um: Spacing
    parameters: FuseParameters


def iter_fuse(
    views: Mapping[str, ViewPrediction], parameters: FuseParameters, spacing_um: Spacing | None
) -> Steps[Fusion]:
    """Fuse the predictions of the views into 3D particles.

    Each view is repaired along its own axis (see `repair`). A voxel is particle where the smoothed share of views that
    see one exceeds a half (or what ``minimal_votes`` asks for). The method cuts that into pieces, and pieces that the
    views see as one are joined (see `pieces`); small particles are dropped, holes are filled.

    Parameters
    ----------
    views : mapping of str to ViewPrediction
        The predictions of one, two or three views on one grid. Labels may start anew in each slice.
    parameters : FuseParameters
        How to fuse.
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x) in µm.

    Yields
    ------
    Progress
        How far it has come.

    Returns
    -------
    Fusion
        The particles.

    Raises
    ------
    InputError
        When shapes or types do not fit, the spacing is missing, or there is only one slice.
    """
    shape = check_views(views)
    if spacing_um is None:
        raise InputError("The voxel size is not known; give it in µm (z, y, x), since fusing needs true lengths.")
    spacing_um = check_spacing(spacing_um, "the predictions")
    smoothing = parameters.smoothing_um if parameters.smoothing_um is not None else 2.0 * min(spacing_um)
    names = seeing(views)
    if not names:
        empty = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.float32)
        return Fusion(*empty, (), spacing_um, replace(parameters, smoothing_um=smoothing))
    diameter = section_diameter(views, names, spacing_um)
    gathered = yield from within(_iter_gather(views, names, parameters, spacing_um, diameter), 0, 6)
    votes = parameters.minimal_votes
    threshold = _FOREGROUND[len(names)] if votes is None else (min(votes, len(names)) - 0.5) / len(names)
    sigma = smoothing / np.asarray(spacing_um)
    probability, foreground = yield from within(_iter_smooth(gathered, len(names), threshold, sigma), 1, 6)
    cut = METHODS[parameters.method]
    pieces = yield from within(cut(gathered, probability, foreground, spacing_um, diameter), 2, 6)
    del gathered
    yield from within(iter_spread(pieces, foreground), 3, 6)
    del foreground
    graph = yield from within(iter_graph(pieces, views, names, spacing_um, diameter), 4, 6)
    typical = _joined_diameter(graph.voxels, join(graph, parameters.split_merge, 0.0), spacing_um)
    smallest = parameters.minimal_diameter_um
    if smallest is None:
        smallest = _SMALLEST_SHARE * typical
    smallest_voxels, crumb_voxels = (
        math.pi / 6 * length**3 / math.prod(spacing_um) for length in (smallest, _CRUMB_SHARE * typical)
    )
    renumber(pieces, join(graph, parameters.split_merge, smallest_voxels, crumb_voxels))
    labels = yield from within(iter_fill(pieces), 5, 6)
    used = replace(parameters, smoothing_um=smoothing, minimal_diameter_um=smallest)
    return Fusion(labels, probability, names, spacing_um, used)


def fuse(views: Mapping[str, ViewPrediction], parameters: FuseParameters, spacing_um: Spacing | None) -> Fusion:
    """Fuse the predictions of the views into 3D particles: `iter_fuse` run to its end."""
    return drain(iter_fuse(views, parameters, spacing_um))


def _iter_basin_pieces(
    gathered: Gathered, probability: Map, foreground: npt.NDArray[np.bool_], spacing_um: Spacing, diameter_um: float
) -> Steps[Labels]:
    """Divide the foreground into the basins of the fused probability, but for the shallowest."""
    return (yield from iter_basins(probability, foreground, spacing_um, _BASIN_DEPTH))


METHODS: dict[str, Callable[..., Steps[Labels]]] = {"hybrid": iter_flow_pieces, "watershed": _iter_basin_pieces}
"""What cuts the foreground into pieces, by name."""


def typical_diameter(volumes_um3: npt.ArrayLike) -> float:
    """Give the diameter of the ball of median volume, in µm, where each particle counts by its volume.

    Weighted so, crumbs do not matter however many there are. 0 without particles.
    """
    volumes = np.sort(np.asarray(volumes_um3, dtype=float))
    if not volumes.sum() > 0:
        return 0.0
    middle = np.searchsorted(np.cumsum(volumes), volumes.sum() / 2)
    return float(np.cbrt(6 / math.pi * volumes[middle]))


def section_diameter(views: Mapping[str, ViewPrediction], names: tuple[str, ...], spacing_um: Spacing) -> float:
    """Estimate the particle diameter in µm: the median over some sections of each view, by area."""
    from napari_cathode.identify import VIEW_AXIS

    areas = []
    for name in names:
        axis = VIEW_AXIS[name]
        length = views[name].labels.shape[axis]
        pixel = math.prod(edge for i, edge in enumerate(spacing_um) if i != axis)
        for index in np.unique(np.linspace(0, length - 1, _SAMPLED + 2).astype(int)[1:-1]):
            where = tuple(slice(index, index + 1) if i == axis else slice(None) for i in range(3))
            plane = np.asarray(views[name].labels[where])
            areas.append(np.unique(plane[plane > 0], return_counts=True)[1] * pixel)
    sizes = np.sort(np.concatenate(areas))
    if not sizes.size:
        return 8 * min(spacing_um)
    middle = np.searchsorted(np.cumsum(sizes), sizes.sum() / 2)
    return float(2 * np.sqrt(sizes[middle] / math.pi))


def _joined_diameter(voxels: npt.NDArray[np.int64], owner: npt.NDArray[np.int32], spacing_um: Spacing) -> float:
    return typical_diameter(np.bincount(owner, weights=voxels)[1:] * math.prod(spacing_um))


def _iter_gather(
    views: Mapping[str, ViewPrediction],
    names: tuple[str, ...],
    parameters: FuseParameters,
    spacing_um: Spacing,
    diameter_um: float,
) -> Steps[Gathered]:
    from napari_cathode.identify import VIEW_AXIS

    reach = {name: window(spacing_um, diameter_um, VIEW_AXIS[name], parameters.gap_slices) for name in names}
    return (yield from iter_gather(views, names, spacing_um, reach, diameter_um))


def _iter_smooth(
    gathered: Gathered, count: int, threshold: float, sigma: npt.NDArray[np.float64]
) -> Steps[tuple[Map, npt.NDArray[np.bool_]]]:
    """Smooth the probability, and cut the smoothed share of votes at the threshold."""
    shape = gathered.seen.shape
    probability = np.empty(shape, dtype=np.float32)
    foreground = np.empty(shape, dtype=bool)
    bits = np.array([bin(number).count("1") / count for number in range(8)], dtype=np.float32)
    halo = int(_TRUNCATE * sigma[0] + 0.5)
    parts = slabs(shape, voxels=max(1 << 21, 3 * halo * shape[1] * shape[2]))
    for done, (first, last) in enumerate(parts):
        low, high = max(0, first - halo), min(shape[0], last + halo)
        inner = slice(first - low, last - low)
        smooth = ndimage.gaussian_filter(gathered.probability[low:high], sigma, mode="nearest", truncate=_TRUNCATE)
        probability[first:last] = smooth[inner]
        yield Progress(2 * done, 2 * len(parts), "Adding up the views")
        smooth = ndimage.gaussian_filter(bits[gathered.seen[low:high]], sigma / 2, mode="nearest", truncate=_TRUNCATE)
        np.greater(smooth[inner], threshold, out=foreground[first:last])
        yield Progress(2 * done + 1, 2 * len(parts), "Adding up the views")
    return probability, foreground
