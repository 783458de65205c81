"""Fuse the 2D predictions of one, two or three views into 3D particles."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import ndimage

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps, drain, stretch, within
from napari_cathode.tomogram import Spacing, check_spacing

from .agreement import iter_agreement
from .basins import Labels, Map, iter_basins, slabs
from .clustering import iter_cluster
from .consensus import iter_consensus
from .flow import iter_flow, iter_flow_pieces
from .kept import Kept
from .linking import LinkRule, iter_link
from .maps import check_views, seeing
from .parameters import FuseParameters
from .pieces import Graph, iter_graph, join
from .repair import Gathered, iter_gather, window
from .sizes import ball_voxels, decide_sizes, section_diameter
from .tidy import iter_fill, iter_spread, renumber, voxel_counts
from .votes import ONE, Thresholds, cut_by_votes, thresholds

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction

# Below this share of the typical diameter a fragment joins a neighbour of which the views say nothing.
_CRUMB_SHARE = 1 / 3
_TRUNCATE = 3.0
# Centroids of one particle's sections are hardly ever farther apart, those of neighbours hardly ever nearer.
_LINK_SHARE = 0.25
_BASIN_DEPTH = 0.02


@dataclass(frozen=True, eq=False)
class Fusion:
    """3D particles, and what they were made from.

    Attributes
    ----------
    labels : ndarray of int32, shape (z, y, x)
        Filled particles 1 … n without gaps in the numbers, 0 background.
    probability : ndarray of float32, shape (z, y, x), or None
        The views' mean probability, smoothed; with a single view weighed by the size of its sections. None where the
        volume was fused block by block.
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
    probability: Map | None
    views: tuple[str, ...]
    spacing_um: Spacing
    parameters: FuseParameters
    agreement: pd.DataFrame


class Fuser:
    """Fuses one set of views, again and again: what other parameters leave as it was is not done twice.

    Parameters
    ----------
    views : mapping of str to ViewPrediction
        The predictions of one, two or three views on one grid. Labels may start anew in each slice.
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x) in µm.
    keep : bool
        Whether what is made on the way is kept for the next time; it takes up to 23 bytes a voxel.

    Raises
    ------
    InputError
        When shapes or types do not fit, the spacing is missing, or there is only one slice.
    """

    def __init__(self, views: Mapping[str, ViewPrediction], spacing_um: Spacing | None, keep: bool = True) -> None:
        self.shape = check_views(views)
        if spacing_um is None:
            raise InputError("The voxel size is not known; give it in µm (z, y, x), since fusing needs true lengths.")
        self.spacing_um = check_spacing(spacing_um, "the predictions")
        self.views = dict(views)
        self.kept = Kept(keep)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The views in which anything was found."""
        return seeing(self.views)

    @cached_property
    def diameter_um(self) -> float:
        """The typical diameter of sections."""
        return section_diameter(self.views, self.names, self.spacing_um)

    def iter_fuse(self, parameters: FuseParameters) -> Steps[Fusion]:
        """Fuse the views; see the function `iter_fuse`."""
        spacing_um = self.spacing_um
        if parameters.smoothing_um is None:
            parameters = replace(parameters, smoothing_um=2.0 * min(spacing_um))
        if not self.names:
            labels, probability = np.zeros(self.shape, dtype=np.int32), np.zeros(self.shape, dtype=np.float32)
            found = yield from iter_agreement(labels, {})
            return Fusion(labels, probability, (), spacing_um, parameters, found)
        labels, probability, parameters = yield from within(METHODS[parameters.method](self, parameters), 0, 10)
        steps = iter_agreement(labels, {name: self.views[name] for name in self.names})
        found = yield from within(steps, 9, 10)
        return Fusion(labels, probability, self.names, spacing_um, parameters, found)


def iter_fuse(
    views: Mapping[str, ViewPrediction], parameters: FuseParameters, spacing_um: Spacing | None
) -> Steps[Fusion]:
    """Fuse the predictions of the views into 3D particles.

    Each view is repaired along its own axis (see `repair`). A voxel is particle where the smoothed share of views that
    see one exceeds a half (or what ``minimal_votes`` asks for), of those views that did not lose the particle (see
    `votes`). *Hybrid* and *watershed* cut that into pieces, and pieces that the views see as one are joined (see
    `pieces`); for the others see `linking`, `consensus` and `clustering`. Particles that are too small or too large are
    dropped, holes are filled.

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
    return (yield from Fuser(views, spacing_um, keep=False).iter_fuse(parameters))


def fuse(views: Mapping[str, ViewPrediction], parameters: FuseParameters, spacing_um: Spacing | None) -> Fusion:
    """Fuse the predictions of the views into 3D particles: `iter_fuse` run to its end."""
    return drain(iter_fuse(views, parameters, spacing_um))


Found = tuple[Labels, Map, FuseParameters]


def _iter_by_pieces(fuser: Fuser, parameters: FuseParameters) -> Steps[Found]:
    """Cut the foreground into pieces, and join those that the views see as one."""
    pieces, probability, graph = yield from within(
        fuser.kept.iter_get(
            "pieces", (parameters.method, *_seen_with(parameters)), lambda: _iter_pieces(fuser, parameters)
        ),
        0,
        6,
    )
    table, parameters = decide(graph, parameters, fuser.spacing_um)
    labels = pieces.copy() if fuser.kept.keep else pieces
    del pieces
    renumber(labels, table)
    labels = yield from within(iter_fill(labels), 5, 6)
    return labels, probability, parameters


def decide(
    graph: Graph, parameters: FuseParameters, spacing_um: Spacing
) -> tuple[npt.NDArray[np.int32], FuseParameters]:
    """Decide which pieces are one particle, and which particles are kept.

    Returns
    -------
    table : ndarray of int32
        The particle of each piece, 0 for the background and for what goes.
    parameters : FuseParameters
        With the sizes decided.
    """
    sizes = np.bincount(join(graph, parameters.split_merge, 0.0), weights=graph.voxels)
    parameters, smallest, largest, typical = decide_sizes(sizes, parameters, spacing_um)
    crumb = ball_voxels(_CRUMB_SHARE * typical, spacing_um)
    table = join(graph, parameters.split_merge, smallest, crumb)
    sizes = np.bincount(table, weights=graph.voxels)
    return np.where(sizes <= largest, np.arange(sizes.size), 0).astype(np.int32)[table], parameters


def _iter_pieces(fuser: Fuser, parameters: FuseParameters) -> Steps[tuple[Labels, Map, Graph]]:
    spacing_um, diameter = fuser.spacing_um, fuser.diameter_um
    gathered = yield from within(_iter_gathered(fuser, parameters), 0, 6)
    probability, share = yield from within(iter_smooth(gathered, parameters, spacing_um), 1, 6)
    cut, seen = CUTS[parameters.method], gathered.seen
    field = yield from within(cut.iter_field(gathered, probability, spacing_um, diameter), 2, 6)
    del gathered
    limits = thresholds(len(fuser.names), parameters.minimal_votes)
    steps = iter_voted_pieces(cut, field, seen, share, limits, spacing_um, diameter)
    del field, seen, share
    pieces = yield from stretch(steps, 500, 833)
    graph = yield from within(iter_graph(pieces, fuser.views, fuser.names, spacing_um, diameter), 5, 6)
    return pieces, probability, graph


def iter_voted_pieces(
    cut: Cut,
    field: Any,
    seen: npt.NDArray[np.uint8],
    share: npt.NDArray[np.uint8],
    limits: Thresholds,
    spacing_um: Spacing,
    diameter_um: float,
) -> Steps[Labels]:
    """Cut what any views may see as particle into pieces, and leave of each what the views that see it agree on."""
    foreground = share > ONE * limits.loose
    pieces = yield from within(cut.iter_pieces(field, foreground, spacing_um, diameter_um), 0, 2)
    del field
    yield from within(iter_spread(pieces, foreground), 1, 2)
    cut_by_votes(pieces, seen, share, limits)
    return pieces


def _seen_with(parameters: FuseParameters) -> tuple[Any, ...]:
    """Give the parameters that what the views say of each voxel depends on."""
    return parameters.gap_slices, parameters.minimal_votes, parameters.smoothing_um


def _iter_by_linking(fuser: Fuser, parameters: FuseParameters) -> Steps[Found]:
    """Link each view's sections, and let the views agree; the sections of a single view stay as they are."""
    if parameters.link_distance_um is None:
        parameters = replace(parameters, link_distance_um=_LINK_SHARE * fuser.diameter_um)
    key = (parameters.link_by, parameters.link_distance_um, parameters.link_overlap, *_seen_with(parameters))
    steps = fuser.kept.iter_get("linked", key, lambda: _iter_linked(fuser, parameters))
    linked, probability = yield from within(steps, 0, 4)
    labels = linked.copy() if fuser.kept.keep else linked
    parameters = yield from within(_iter_sized(labels, parameters, fuser.spacing_um), 3, 4)
    return labels, probability, parameters


def _iter_linked(fuser: Fuser, parameters: FuseParameters) -> Steps[tuple[Labels, Map]]:
    from napari_cathode.identify import VIEW_AXIS

    names, spacing_um = fuser.names, fuser.spacing_um
    linked = {}
    for done, name in enumerate(names):
        gap = window(spacing_um, fuser.diameter_um, VIEW_AXIS[name], parameters.gap_slices)
        rule = LinkRule(parameters.link_by, parameters.link_distance_um or 0.0, parameters.link_overlap, gap)
        steps = iter_link(fuser.views[name].labels, VIEW_AXIS[name], spacing_um, rule)
        linked[name] = yield from within(steps, done, len(names) + 3)
    done = len(names)
    gathered = yield from within(_iter_gathered(fuser, parameters), done, done + 3)
    probability, share = yield from within(iter_smooth(gathered, parameters, spacing_um), done + 1, done + 3)
    foreground = share > ONE * thresholds(len(names), parameters.minimal_votes).all_voting
    del gathered, share
    if len(names) == 1:
        (labels,) = linked.values()
        return labels, probability
    votes = parameters.minimal_votes
    least = min(len(names), votes) if votes is not None else (len(names) + 1) // 2
    labels = yield from within(iter_consensus(linked, foreground, least), done + 2, done + 3)
    del linked
    yield from iter_spread(labels, foreground)
    return labels, probability


def _iter_by_clusters(fuser: Fuser, parameters: FuseParameters) -> Steps[Found]:
    """Find particles as the study did."""
    how = (parameters.cluster_map, parameters.cluster_count, parameters.working_scale)
    steps = fuser.kept.iter_get("clusters", how, lambda: iter_cluster(fuser.views, fuser.names, fuser.spacing_um, *how))
    parts, total = yield from within(steps, 0, 2)
    labels = parts.copy() if fuser.kept.keep else parts
    parameters = yield from within(_iter_sized(labels, parameters, fuser.spacing_um), 1, 2)
    return labels, total, parameters


def _iter_sized(labels: Labels, parameters: FuseParameters, spacing_um: Spacing) -> Steps[FuseParameters]:
    """Drop what is too small or too large and fill holes, in place; give the parameters with the sizes decided."""
    sizes = voxel_counts(labels).astype(np.float64)
    parameters, smallest, largest, _ = decide_sizes(sizes, parameters, spacing_um)
    kept = (sizes >= max(1.0, smallest)) & (sizes <= largest)
    kept[0] = False
    renumber(labels, np.where(kept, np.cumsum(kept), 0).astype(np.int32))
    yield from iter_fill(labels)
    return parameters


@dataclass(frozen=True)
class Cut:
    """How the foreground is cut into pieces: in two stages, so that what the views say can go in between.

    Attributes
    ----------
    iter_field : callable
        (gathered, probability, spacing, diameter) to what leads voxels to their pieces.
    iter_pieces : callable
        (field, foreground, spacing, diameter) to labels.
    """

    iter_field: Callable[[Gathered, Map, Spacing, float], Steps[Any]]
    iter_pieces: Callable[[Any, npt.NDArray[np.bool_], Spacing, float], Steps[Labels]]


def _iter_height(_gathered: Gathered, probability: Map, _spacing_um: Spacing, _diameter_um: float) -> Steps[Map]:
    yield Progress(1, 1, "Dividing touching particles")
    return probability


def _iter_basin_pieces(
    probability: Map, foreground: npt.NDArray[np.bool_], spacing_um: Spacing, _diameter_um: float
) -> Steps[Labels]:
    """Divide the foreground into the basins of the fused probability, but for the shallowest."""
    return (yield from iter_basins(probability, foreground, spacing_um, _BASIN_DEPTH))


CUTS = {"hybrid": Cut(iter_flow, iter_flow_pieces), "watershed": Cut(_iter_height, _iter_basin_pieces)}
"""What cuts the foreground into pieces, by the name of the method."""

METHODS: dict[str, Callable[..., Steps[Found]]] = {
    **dict.fromkeys(CUTS, _iter_by_pieces),
    "linking": _iter_by_linking,
    "clusters": _iter_by_clusters,
}
"""What finds the particles, by name: (fuser, parameters) to labels, map, parameters used."""


def _iter_gathered(fuser: Fuser, parameters: FuseParameters) -> Steps[Gathered]:
    from napari_cathode.identify import VIEW_AXIS

    diameter, names, ways = fuser.diameter_um, fuser.names, needs_ways(parameters)
    reach = {name: window(fuser.spacing_um, diameter, VIEW_AXIS[name], parameters.gap_slices) for name in names}
    return (
        yield from fuser.kept.iter_get(
            "gathered",
            (parameters.gap_slices, ways),
            lambda: iter_gather(fuser.views, names, fuser.spacing_um, reach, diameter, ways),
        )
    )


def needs_ways(parameters: FuseParameters) -> bool:
    """Whether a method follows ways to the centres of sections."""
    return parameters.method == "hybrid"


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
    parts = slabs(shape, voxels=max(1 << 21, 3 * halo * shape[1] * shape[2]))
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
