"""What finds particles, method by method, each stage kept for the next time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cathode.progress import Steps, stretch, within
from napari_cathode.tomogram import Spacing

from .basins import Labels, Map
from .clustering import iter_cluster
from .consensus import iter_consensus
from .cuts import CUTS, decide, iter_voted_pieces, needs_ways
from .linking import LinkRule, iter_link
from .parameters import FuseParameters
from .pieces import Graph, iter_graph
from .repair import Gathered, iter_gather
from .sizes import decide_sizes, face_counts, whole_voxels
from .tidy import iter_fill, iter_spread, renumber, voxel_counts
from .unseen import iter_settle_unseen
from .votes import ONE, iter_smooth, linked_share, thresholds

if TYPE_CHECKING:
    from .fusion import Fuser

# Centroids of one particle's sections are hardly ever farther apart, those of neighbours hardly ever nearer.
_LINK_SHARE = 0.25

Found = tuple[Labels, Map, FuseParameters]


def _iter_by_pieces(fuser: Fuser, parameters: FuseParameters) -> Steps[Found]:
    """Cut the foreground into pieces, and join those that the views see as one."""
    pieces, probability, graph = yield from within(
        fuser.kept.iter_get(
            "pieces", (parameters.method, *_seen_with(parameters)), lambda: _iter_pieces(fuser, parameters)
        ),
        0,
        7,
    )
    table, parameters = decide(graph, parameters, fuser.spacing_um)
    labels = pieces.copy() if fuser.kept.keep else pieces
    del pieces
    renumber(labels, table)
    views = {name: fuser.views[name] for name in fuser.names}
    yield from within(iter_settle_unseen(labels, graph, table, views), 5, 7)
    labels = yield from within(iter_fill(labels), 6, 7)
    return labels, probability, parameters


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
    pieces, sees = yield from stretch(steps, 500, 833)
    graph = yield from within(iter_graph(pieces, fuser.views, fuser.names, spacing_um, diameter, sees), 5, 6)
    return pieces, probability, graph


def _iter_gathered(fuser: Fuser, parameters: FuseParameters) -> Steps[Gathered]:
    diameter, names, ways = fuser.diameter_um, fuser.names, needs_ways(parameters)
    reach = fuser.reach(parameters)
    return (
        yield from fuser.kept.iter_get(
            "gathered",
            (parameters.gap_slices, ways),
            lambda: iter_gather(fuser.views, names, fuser.spacing_um, reach, diameter, ways),
        )
    )


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
    linked, reach = {}, fuser.reach(parameters)
    for done, name in enumerate(names):
        rule = LinkRule(parameters.link_by, parameters.link_distance_um or 0.0, parameters.link_overlap, reach[name])
        steps = iter_link(fuser.views[name].labels, VIEW_AXIS[name], spacing_um, rule)
        linked[name] = yield from within(steps, done, len(names) + 3)
    done = len(names)
    gathered = yield from within(_iter_gathered(fuser, parameters), done, done + 3)
    probability, share = yield from within(iter_smooth(gathered, parameters, spacing_um), done + 1, done + 3)
    foreground = share > ONE * linked_share(len(names), parameters.minimal_votes)
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
    whole = whole_voxels(sizes, face_counts(labels, sizes.size), spacing_um)
    kept = (whole >= max(1.0, smallest)) & (sizes <= largest)
    kept[0] = False
    renumber(labels, np.where(kept, np.cumsum(kept), 0).astype(np.int32))
    yield from iter_fill(labels)
    return parameters


METHODS: dict[str, Callable[..., Steps[Found]]] = {
    **dict.fromkeys(CUTS, _iter_by_pieces),
    "linking": _iter_by_linking,
    "clusters": _iter_by_clusters,
}
"""What finds the particles, by name: (fuser, parameters) to labels, map, parameters used."""
