"""Fuse the 2D predictions of one, two or three views into 3D particles."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps, drain, within
from napari_cathode.tomogram import Spacing, check_spacing

from .agreement import iter_agreement
from .basins import Labels, Map, iter_basins, slabs
from .clustering import iter_cluster
from .consensus import iter_consensus
from .flow import iter_flow_pieces
from .linking import LinkRule, iter_link
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
# Centroids of one particle's sections are hardly ever farther apart, those of neighbours hardly ever nearer.
_LINK_SHARE = 0.25
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
    agreement : DataFrame
        How well each view fits each particle; see `agreement.iter_agreement`.
    """

    labels: Labels
    probability: Map
    views: tuple[str, ...]
    spacing_um: Spacing
    parameters: FuseParameters
    agreement: pd.DataFrame


def iter_fuse(
    views: Mapping[str, ViewPrediction], parameters: FuseParameters, spacing_um: Spacing | None
) -> Steps[Fusion]:
    """Fuse the predictions of the views into 3D particles.

    Each view is repaired along its own axis (see `repair`). A voxel is particle where the smoothed share of views that
    see one exceeds a half (or what ``minimal_votes`` asks for). *Hybrid* and *watershed* cut that into pieces, and
    pieces that the views see as one are joined (see `pieces`); for the others see `linking`, `consensus` and
    `clustering`. Particles that are too small or too large are dropped, holes are filled.

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
        labels, probability = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=np.float32)
        found = yield from iter_agreement(labels, {})
        return Fusion(labels, probability, (), spacing_um, replace(parameters, smoothing_um=smoothing), found)
    diameter = section_diameter(views, names, spacing_um)
    parameters = replace(parameters, smoothing_um=smoothing)
    labels, probability, parameters = yield from within(
        METHODS[parameters.method](views, names, parameters, spacing_um, diameter), 0, 10
    )
    steps = iter_agreement(labels, {name: views[name] for name in names})
    found = yield from within(steps, 9, 10)
    return Fusion(labels, probability, names, spacing_um, parameters, found)


def fuse(views: Mapping[str, ViewPrediction], parameters: FuseParameters, spacing_um: Spacing | None) -> Fusion:
    """Fuse the predictions of the views into 3D particles: `iter_fuse` run to its end."""
    return drain(iter_fuse(views, parameters, spacing_um))


Found = tuple[Labels, Map, FuseParameters]


def _iter_by_pieces(
    cut: Callable[..., Steps[Labels]],
    views: Mapping[str, ViewPrediction],
    names: tuple[str, ...],
    parameters: FuseParameters,
    spacing_um: Spacing,
    diameter: float,
) -> Steps[Found]:
    """Cut the foreground into pieces, and join those that the views see as one."""
    gathered = yield from within(_iter_gather(views, names, parameters, spacing_um, diameter), 0, 6)
    probability, foreground = yield from within(_iter_smooth(gathered, parameters, spacing_um), 1, 6)
    pieces = yield from within(cut(gathered, probability, foreground, spacing_um, diameter), 2, 6)
    del gathered
    yield from within(iter_spread(pieces, foreground), 3, 6)
    del foreground
    graph = yield from within(iter_graph(pieces, views, names, spacing_um, diameter), 4, 6)
    sizes = np.bincount(join(graph, parameters.split_merge, 0.0), weights=graph.voxels)
    parameters, smallest, largest, typical = _decide_sizes(sizes, parameters, spacing_um)
    crumb = _voxels(_CRUMB_SHARE * typical, spacing_um)
    table = join(graph, parameters.split_merge, smallest, crumb)
    sizes = np.bincount(table, weights=graph.voxels)
    renumber(pieces, np.where(sizes <= largest, np.arange(sizes.size), 0).astype(np.int32)[table])
    labels = yield from within(iter_fill(pieces), 5, 6)
    return labels, probability, parameters


def _iter_by_linking(
    views: Mapping[str, ViewPrediction],
    names: tuple[str, ...],
    parameters: FuseParameters,
    spacing_um: Spacing,
    diameter: float,
) -> Steps[Found]:
    """Link each view's sections, and let the views agree; the sections of a single view stay as they are."""
    from napari_cathode.identify import VIEW_AXIS

    if parameters.link_distance_um is None:
        parameters = replace(parameters, link_distance_um=_LINK_SHARE * diameter)
    linked = {}
    for done, name in enumerate(names):
        gap = window(spacing_um, diameter, VIEW_AXIS[name], parameters.gap_slices)
        rule = LinkRule(parameters.link_by, parameters.link_distance_um or 0.0, parameters.link_overlap, gap)
        steps = iter_link(views[name].labels, VIEW_AXIS[name], spacing_um, rule)
        linked[name] = yield from within(steps, done, len(names) + 4)
    done = len(names)
    gathered = yield from within(_iter_gather(views, names, parameters, spacing_um, diameter), done, done + 4)
    probability, foreground = yield from within(_iter_smooth(gathered, parameters, spacing_um), done + 1, done + 4)
    del gathered
    if len(names) == 1:
        (labels,) = linked.values()
    else:
        votes = parameters.minimal_votes
        least = min(len(names), votes) if votes is not None else (len(names) + 1) // 2
        labels = yield from within(iter_consensus(linked, foreground, least), done + 2, done + 4)
        del linked
        yield from iter_spread(labels, foreground)
    parameters = yield from within(_iter_sized(labels, parameters, spacing_um), done + 3, done + 4)
    return labels, probability, parameters


def _iter_by_clusters(
    views: Mapping[str, ViewPrediction],
    names: tuple[str, ...],
    parameters: FuseParameters,
    spacing_um: Spacing,
    _diameter: float,
) -> Steps[Found]:
    """Find particles as the study did."""
    steps = iter_cluster(
        views, names, spacing_um, parameters.cluster_map, parameters.cluster_count, parameters.working_scale
    )
    labels, total = yield from within(steps, 0, 2)
    parameters = yield from within(_iter_sized(labels, parameters, spacing_um), 1, 2)
    return labels, total, parameters


def _iter_sized(labels: Labels, parameters: FuseParameters, spacing_um: Spacing) -> Steps[FuseParameters]:
    """Drop what is too small or too large and fill holes, in place; give the parameters with the sizes decided."""
    sizes = np.bincount(labels.reshape(-1)).astype(np.float64)
    parameters, smallest, largest, _ = _decide_sizes(sizes, parameters, spacing_um)
    kept = (sizes >= max(1.0, smallest)) & (sizes <= largest)
    kept[0] = False
    renumber(labels, np.where(kept, np.cumsum(kept), 0).astype(np.int32))
    yield from iter_fill(labels)
    return parameters


def _decide_sizes(
    voxels: npt.NDArray[Any], parameters: FuseParameters, spacing_um: Spacing
) -> tuple[FuseParameters, float, float, float]:
    """Decide which sizes are kept; ``voxels`` are those of each particle, the background first.

    Returns
    -------
    parameters : FuseParameters
        With the smallest diameter.
    smallest, largest : float
        In voxels.
    typical : float
        Diameter in µm.
    """
    typical = typical_diameter(voxels[1:] * math.prod(spacing_um))
    if parameters.minimal_diameter_um is None:
        parameters = replace(parameters, minimal_diameter_um=_SMALLEST_SHARE * typical)
    largest = parameters.maximal_diameter_um
    most = math.inf if largest is None else _voxels(largest, spacing_um)
    return parameters, _voxels(parameters.minimal_diameter_um or 0.0, spacing_um), most, typical


def _voxels(diameter_um: float, spacing_um: Spacing) -> float:
    return math.pi / 6 * diameter_um**3 / math.prod(spacing_um)


def _iter_basin_pieces(
    gathered: Gathered, probability: Map, foreground: npt.NDArray[np.bool_], spacing_um: Spacing, diameter_um: float
) -> Steps[Labels]:
    """Divide the foreground into the basins of the fused probability, but for the shallowest."""
    return (yield from iter_basins(probability, foreground, spacing_um, _BASIN_DEPTH))


METHODS: dict[str, Callable[..., Steps[Found]]] = {
    "hybrid": partial(_iter_by_pieces, iter_flow_pieces),
    "watershed": partial(_iter_by_pieces, _iter_basin_pieces),
    "linking": _iter_by_linking,
    "clusters": _iter_by_clusters,
}
"""What finds the particles, by name: (views, names, parameters, spacing, diameter) to labels, map, parameters used."""


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
    gathered: Gathered, parameters: FuseParameters, spacing_um: Spacing
) -> Steps[tuple[Map, npt.NDArray[np.bool_]]]:
    """Smooth the probability, and cut the smoothed share of votes."""
    count, votes = len(gathered.names), parameters.minimal_votes
    threshold = _FOREGROUND[count] if votes is None else (min(votes, count) - 0.5) / count
    sigma = (parameters.smoothing_um or 0.0) / np.asarray(spacing_um)
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
