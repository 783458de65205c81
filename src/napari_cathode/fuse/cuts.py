"""How the foreground is cut into pieces, and which pieces become particles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.progress import Progress, Steps, within
from napari_cathode.tomogram import Spacing

from .basins import Labels, Map, iter_basins
from .flow import iter_flow, iter_flow_pieces
from .parameters import FuseParameters
from .pieces import Graph, join
from .repair import Gathered
from .sizes import ball_voxels, decide_sizes
from .tidy import iter_spread
from .votes import ONE, Thresholds, cut_by_votes

# Below this share of the typical diameter a fragment joins a neighbour of which the views say nothing.
_CRUMB_SHARE = 1 / 3
_BASIN_DEPTH = 0.02


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


def needs_ways(parameters: FuseParameters) -> bool:
    """Whether a method follows ways to the centres of sections."""
    return parameters.method == "hybrid"


def iter_voted_pieces(
    cut: Cut,
    field: Any,
    seen: npt.NDArray[np.uint8],
    share: npt.NDArray[np.uint8],
    limits: Thresholds,
    spacing_um: Spacing,
    diameter_um: float,
    border: tuple[bool, ...] = (True,) * 6,
) -> Steps[tuple[Labels, npt.NDArray[np.uint8]]]:
    """Cut what any view may see as particle into pieces, and leave of each what the views that see it agree on.

    ``border`` says which faces are the volume's, see `sizes.face_counts`.

    Returns
    -------
    pieces : ndarray of int32, shape (z, y, x)
    sees : ndarray of uint8, shape (n + 1, 3)
        What each view does with each piece; see `votes.cut_by_votes`.
    """
    foreground = share > ONE * limits.loose
    pieces = yield from within(cut.iter_pieces(field, foreground, spacing_um, diameter_um), 0, 2)
    del field
    yield from within(iter_spread(pieces, foreground), 1, 2)
    sees = cut_by_votes(pieces, seen, share, limits, diameter_um, spacing_um, border)
    return pieces, sees


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
    table = join(graph, parameters.split_merge, smallest, crumb, spacing_um)
    sizes = np.bincount(table, weights=graph.voxels)
    return np.where(sizes <= largest, np.arange(sizes.size), 0).astype(np.int32)[table], parameters
