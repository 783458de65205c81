"""Fuse the 2D predictions of one, two or three views into 3D particles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from napari_cathode.errors import InputError
from napari_cathode.progress import Steps, drain, stretch, within
from napari_cathode.tomogram import Spacing, check_spacing

from .agreement import iter_agreement
from .basins import Labels, Map
from .cuts import CUTS
from .kept import Kept
from .maps import check_views, seeing
from .methods import METHODS
from .outlines import iter_round
from .parameters import FuseParameters
from .repair import window
from .scaling import WHOLE, Blocks, enlarge_map, iter_enlarge, iter_sample, working_blocks
from .sizes import section_diameter

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction


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
    blocks : tuple of int
        How many voxels (z, y, x) of the tomogram come to one of these views, which were sampled from it.

    Raises
    ------
    InputError
        When shapes or types do not fit, the spacing is missing, or there is only one slice.
    """

    def __init__(
        self,
        views: Mapping[str, ViewPrediction],
        spacing_um: Spacing | None,
        keep: bool = True,
        blocks: Blocks = WHOLE,
    ) -> None:
        self.shape = check_views(views)
        if spacing_um is None:
            raise InputError("The voxel size is not known; give it in µm (z, y, x), since fusing needs true lengths.")
        self.spacing_um = check_spacing(spacing_um, "the predictions")
        self.views = dict(views)
        self.blocks = blocks
        self.kept = Kept(keep)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The views in which anything was found."""
        return seeing(self.views)

    @cached_property
    def diameter_um(self) -> float:
        """The typical diameter of sections."""
        return section_diameter(self.views, self.names, self.spacing_um)

    def reach(self, parameters: FuseParameters) -> dict[str, int]:
        """Give for each view how many slices to each side it is repaired with."""
        from napari_cathode.identify import VIEW_AXIS

        found = {}
        for name in self.names:
            axis, gap = VIEW_AXIS[name], parameters.gap_slices
            gap = None if gap is None else math.ceil(gap / self.blocks[axis])
            found[name] = window(self.spacing_um, self.diameter_um, axis, gap)
        return found

    def working_blocks(self, parameters: FuseParameters) -> Blocks:
        """Give the blocks that are worked with; *clusters* sees to that itself, since it averages its maps."""
        if parameters.method == "clusters":
            return WHOLE
        return working_blocks(self.shape, self.spacing_um, parameters.working_scale)

    def iter_fuse(self, parameters: FuseParameters) -> Steps[Fusion]:
        """Fuse the views; see the function `iter_fuse`."""
        spacing_um = self.spacing_um
        parameters = with_smoothing(parameters, spacing_um)
        if not self.names:
            labels, probability = np.zeros(self.shape, dtype=np.int32), np.zeros(self.shape, dtype=np.float32)
            found = yield from iter_agreement(labels, {})
            return Fusion(labels, probability, (), spacing_um, parameters, found)
        labels, probability, parameters = yield from stretch(self._iter_find(parameters), 0, 850)
        if parameters.method in CUTS:
            yield from stretch(iter_round(labels, parameters.outline_smoothing, spacing_um), 850, 900)
        steps = iter_agreement(labels, {name: self.views[name] for name in self.names})
        found = yield from within(steps, 9, 10)
        return Fusion(labels, probability, self.names, spacing_um, parameters, found)

    def _iter_find(self, parameters: FuseParameters) -> Steps[tuple[Labels, Map, FuseParameters]]:
        """Find the particles, at the working scale."""
        blocks = self.working_blocks(parameters)
        if blocks == WHOLE:
            return (yield from METHODS[parameters.method](self, parameters))
        steps = self.kept.iter_get("sampled", blocks, lambda: self._iter_sampled(blocks))
        fuser = yield from within(steps, 0, 6)
        if not fuser.names:
            return np.zeros(self.shape, dtype=np.int32), np.zeros(self.shape, dtype=np.float32), parameters
        small, probability, parameters = yield from within(METHODS[parameters.method](fuser, parameters), 1, 6)
        labels = np.empty(self.shape, dtype=np.int32)
        yield from within(iter_enlarge(small, blocks, {name: self.views[name] for name in self.names}, labels), 5, 6)
        return labels, enlarge_map(probability, blocks, self.shape), parameters

    def _iter_sampled(self, blocks: Blocks) -> Steps[Fuser]:
        views = yield from iter_sample({name: self.views[name] for name in self.names}, blocks)
        return Fuser(views, scaled_spacing(self.spacing_um, blocks), self.kept.keep, blocks)


def with_smoothing(parameters: FuseParameters, spacing_um: Spacing) -> FuseParameters:
    """Give the parameters with the smoothing decided."""
    if parameters.smoothing_um is not None:
        return parameters
    return replace(parameters, smoothing_um=2.0 * min(spacing_um))


def scaled_spacing(spacing_um: Spacing, blocks: Blocks) -> Spacing:
    """Give the edges (z, y, x) in µm of blocks of voxels."""
    z, y, x = (edge * block for edge, block in zip(spacing_um, blocks, strict=True))
    return z, y, x


def iter_fuse(
    views: Mapping[str, ViewPrediction], parameters: FuseParameters, spacing_um: Spacing | None
) -> Steps[Fusion]:
    """Fuse the predictions of the views into 3D particles.

    Each view is repaired along its own axis (see `repair`). A voxel is particle where the smoothed share of views that
    see one exceeds a half (or what ``minimal_votes`` asks for), of those views that did not lose the particle (see
    `votes`). *Hybrid* and *watershed* cut that into pieces, and pieces that the views see as one are joined (see
    `pieces`); for the others see `linking`, `consensus` and `clustering`. Particles that are too small or too large are
    dropped, holes are filled, and the outlines of what *hybrid* and *watershed* found are smoothed (see `outlines`).

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
