"""Fusing volumes that do not fit into memory, block by block.

A block is fused together with its surroundings, as far as a particle reaches: there its pieces are those of the whole
volume. Pieces of neighbouring blocks are the same where they cover the same voxels of the surroundings. Which pieces
are one particle is then asked of the views in the whole volume, as in memory. The pieces lie in a memory-mapped file.
"""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_cathode.progress import Progress, Steps, within
from napari_cathode.tomogram import Region, Spacing

from .agreement import iter_agreement
from .basins import Labels
from .cuts import CUTS, decide, iter_voted_pieces, needs_ways
from .fusion import Fuser, Fusion, scaled_spacing, with_smoothing
from .outlines import iter_round
from .overlaps import shared
from .parameters import FuseParameters
from .pieces import Asked, Graph
from .repair import iter_gather
from .scaling import WHOLE, iter_enlarge, iter_sample
from .sizes import face_counts
from .tidy import iter_fill, renumber, voxel_counts
from .unseen import iter_settle_unseen
from .votes import BLIND, iter_smooth, thresholds

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction

LARGE_VOXELS = 1 << 27
"""Larger volumes are fused block by block: in memory they would take more than 5 GB."""

_HALO_SHARE = 1.25
"""Surroundings over the typical diameter of sections; the largest particles have about twice that one."""
_BLOCK = 384
"""Edge of a block with its surroundings, in voxels: about 2 GB."""
_LEAST = 128
_SAME = 0.5


def iter_fuse_sized(
    views: Mapping[str, ViewPrediction],
    parameters: FuseParameters,
    spacing_um: Spacing | None,
    folder: str | os.PathLike[str],
) -> Steps[Fusion]:
    """Fuse views in memory where they are small, else block by block (hybrid and watershed only).

    At a working scale what is large is sampled into files first, and what counts is the size of the samples.
    Parameters and result are those of `fusion.iter_fuse` and `iter_fuse_blocks`.
    """
    fuser = Fuser(views, spacing_um, keep=False)
    if math.prod(fuser.shape) <= LARGE_VOXELS:
        return (yield from fuser.iter_fuse(parameters))
    if fuser.working_blocks(parameters) != WHOLE:
        return (yield from _iter_fuse_samples(fuser, parameters, Path(folder)))
    if parameters.method in CUTS:
        return (yield from iter_fuse_blocks(views, parameters, spacing_um, folder))
    return (yield from fuser.iter_fuse(parameters))


def _iter_fuse_samples(fuser: Fuser, parameters: FuseParameters, folder: Path) -> Steps[Fusion]:
    """Fuse a large volume at a working scale."""
    blocks = fuser.working_blocks(parameters)
    asked, parameters = parameters, with_smoothing(parameters, fuser.spacing_um)
    labels = np.lib.format.open_memmap(folder / "labels.npy", mode="w+", dtype=np.int32, shape=fuser.shape)
    with TemporaryDirectory(prefix="samples-", dir=folder) as scratch:
        given = {name: fuser.views[name] for name in fuser.names}
        views = yield from within(iter_sample(given, blocks, scratch), 0, 4)
        if views:
            small = Fuser(views, scaled_spacing(fuser.spacing_um, blocks), keep=False, blocks=blocks)
            by_blocks = math.prod(small.shape) > LARGE_VOXELS and parameters.method in CUTS
            whole = replace(parameters, working_scale=1.0, outline_smoothing=0.0)  # outlines: once enlarged
            steps = _iter_fuse_blocks(small, whole, Path(scratch), _BLOCK) if by_blocks else small.iter_fuse(whole)
            fusion = yield from within(steps, 1, 4)
            parameters = replace(
                fusion.parameters, working_scale=asked.working_scale, outline_smoothing=asked.outline_smoothing
            )
            yield from within(iter_enlarge(fusion.labels, blocks, given, labels), 4, 8)
            del fusion, small
            if parameters.method in CUTS:
                yield from within(iter_round(labels, parameters.outline_smoothing, fuser.spacing_um), 5, 8)
        del views
    found = yield from within(iter_agreement(labels, given), 3, 4)
    labels.flush()
    return Fusion(labels, None, fuser.names, fuser.spacing_um, parameters, found)


def iter_fuse_blocks(
    views: Mapping[str, ViewPrediction],
    parameters: FuseParameters,
    spacing_um: Spacing | None,
    folder: str | os.PathLike[str],
    block: int = _BLOCK,
) -> Steps[Fusion]:
    """Fuse views block by block; memory does not grow with the volume.

    Parameters
    ----------
    views : mapping of str to ViewPrediction
        With lazy arrays (zarr, memory-mapped).
    parameters : FuseParameters
        With the method "hybrid" or "watershed", and a working scale of 1.
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x) in µm.
    folder : path
        Where ``labels.npy`` is made: four bytes a voxel. An older one is replaced.
    block : int
        Edge of a block with its surroundings, in voxels; where particles are so large that little else would be left,
        blocks are larger.

    Yields
    ------
    Progress

    Returns
    -------
    Fusion
        Its labels are memory-mapped from the folder, its probability is None. Particles are those that are found in
        memory, but for the order of their numbers and for voxels whose way leads farther than the surroundings.

    Raises
    ------
    InputError
        As `fusion.iter_fuse`.
    """
    return (yield from _iter_fuse_blocks(Fuser(views, spacing_um, keep=False), parameters, Path(folder), block))


def _iter_fuse_blocks(fuser: Fuser, parameters: FuseParameters, folder: Path, block: int) -> Steps[Fusion]:
    spacing_um = fuser.spacing_um
    parameters = with_smoothing(parameters, spacing_um)
    pieces = np.lib.format.open_memmap(folder / "labels.npy", mode="w+", dtype=np.int32, shape=fuser.shape)
    if fuser.names:
        cores, halo = plan_blocks(fuser.shape, spacing_um, fuser.diameter_um, block)
        sees = yield from within(_iter_pieces(fuser, parameters, cores, halo, pieces), 0, 5, "Blocks")
        graph = yield from within(_iter_graph(fuser, cores, pieces, sees), 3, 5)
        table, parameters = decide(graph, parameters, spacing_um)
        renumber(pieces, table)
        given = {name: fuser.views[name] for name in fuser.names}
        yield from within(iter_settle_unseen(pieces, graph, table, given), 16, 20)
        yield from within(iter_fill(pieces), 17, 20)
        yield from within(iter_round(pieces, parameters.outline_smoothing, spacing_um), 18, 20)
    steps = iter_agreement(pieces, {name: fuser.views[name] for name in fuser.names})
    found = yield from within(steps, 19, 20)
    pieces.flush()
    return Fusion(pieces, None, fuser.names, spacing_um, parameters, found)


def plan_blocks(
    shape: tuple[int, int, int], spacing_um: Spacing, diameter_um: float, block: int
) -> tuple[list[Region], tuple[int, ...]]:
    """Cut a volume into blocks.

    Returns
    -------
    cores : list of Region
        The blocks without their surroundings, z first.
    halo : tuple of int
        The surroundings (z, y, x) in voxels.
    """
    halo = tuple(math.ceil(_HALO_SHARE * diameter_um / edge) for edge in spacing_um)
    sides = []
    for size, around in zip(shape, halo, strict=True):
        core = max(block - 2 * around, around, min(_LEAST, block // 2))
        count = math.ceil(size / core)
        cuts = [round(size * number / count) for number in range(count + 1)]
        sides.append(list(itertools.pairwise(cuts)))
    return [(z, y, x) for z in sides[0] for y in sides[1] for x in sides[2]], halo


def _iter_pieces(
    fuser: Fuser, parameters: FuseParameters, cores: list[Region], halo: tuple[int, ...], pieces: Labels
) -> Steps[npt.NDArray[np.uint8]]:
    """Write the pieces of each block; those that reach over a face get the number that they have beyond it.

    Returns
    -------
    ndarray of uint8, shape (n + 1, 3)
        What each view does with each piece; see `votes.cut_by_votes`.
    """
    known = np.full((1, 3), BLIND, dtype=np.uint8)
    for done, core in enumerate(cores):
        around = _grown(core, halo, fuser.shape)
        block = yield from within(_iter_block(fuser, parameters, around), done, len(cores), f"{done + 1}/{len(cores)}")
        if block is None:
            continue
        found, sees = block
        band = _grown(core, tuple(length // 2 for length in halo), fuser.shape)
        number = _same(found, around, band, cores[:done], pieces)
        inner = found[_within(core, around)]
        new = np.setdiff1d(np.unique(inner), np.append(np.flatnonzero(number), 0))
        number[new] = np.arange(len(known), len(known) + new.size)
        known = np.concatenate([known, np.full((new.size, 3), BLIND, dtype=np.uint8)])
        seen = sees[: number.size]  # the last pieces may have been cut away by the votes
        known[number] = np.maximum(known[number], seen)  # each has a number of its own, but for 0
        pieces[_where(core)] = number[inner]
    return known


def _iter_block(
    fuser: Fuser, parameters: FuseParameters, region: Region
) -> Steps[tuple[Labels, npt.NDArray[np.uint8]] | None]:
    """Find the pieces of a part of the volume as if it were all, and who sees them; None where nothing was seen."""
    where = _where(region)
    views = {}
    for name in fuser.names:
        yield Progress(0, 4, f"Reading {name} slices")
        view = fuser.views[name]
        labels, probability = np.asarray(view.labels[where]), np.asarray(view.probability[where])
        views[name] = replace(view, labels=labels, probability=probability, distance=None)
    if not any(view.labels.any() for view in views.values()):
        return None
    spacing_um, diameter = fuser.spacing_um, fuser.diameter_um
    steps = iter_gather(views, fuser.names, spacing_um, fuser.reach(parameters), diameter, needs_ways(parameters))
    gathered = yield from within(steps, 0, 4)
    del views
    smooth, share = yield from within(iter_smooth(gathered, parameters, spacing_um), 1, 4)
    cut, seen = CUTS[parameters.method], gathered.seen
    field = yield from within(cut.iter_field(gathered, smooth, spacing_um, diameter), 2, 4)
    del gathered, smooth
    limits = thresholds(len(fuser.names), parameters.minimal_votes)
    border = tuple(
        end == face for (low, high), n in zip(region, fuser.shape, strict=True) for end, face in ((low, 0), (high, n))
    )
    voted = iter_voted_pieces(cut, field, seen, share, limits, spacing_um, diameter, border)
    del field, seen, share
    return (yield from within(voted, 3, 4))


def _same(found: Labels, around: Region, band: Region, finished: list[Region], pieces: Labels) -> npt.NDArray[np.int32]:
    """Give the number that each piece of a block has in the blocks before it, 0 where it has none.

    They are one where they share more than half of what either covers beyond the face, so that each has at most one.
    """
    mine, known = [], []
    for core in finished:
        part = tuple((max(a[0], b[0]), min(a[1], b[1])) for a, b in zip(core, band, strict=True))
        if all(low < high for low, high in part):
            region = (part[0], part[1], part[2])
            mine.append(found[_within(region, around)].reshape(-1))
            known.append(np.asarray(pieces[_where(region)]).reshape(-1))
    number = np.zeros(int(found.max(initial=0)) + 1, dtype=np.int32)
    if not mine:
        return number
    one, other = np.concatenate(mine), np.concatenate(known)
    first, second, both = shared(one, other)
    own = np.bincount(one, minlength=number.size)[first]
    names, sizes = np.unique(other, return_counts=True)
    theirs = sizes[np.searchsorted(names, second)]
    same = both > _SAME * (own + theirs - both)
    number[first[same]] = second[same]
    return number


def _iter_graph(fuser: Fuser, cores: list[Region], pieces: Labels, sees: npt.NDArray[np.uint8]) -> Steps[Graph]:
    """Ask the views about neighbouring pieces; see `pieces.iter_graph`."""
    asked = Asked(fuser.spacing_um, fuser.diameter_um)
    for done, core in enumerate(cores):
        yield Progress(done, len(cores) + 1, "Asking the views about neighbours")
        sides = zip(core, asked.farthest, fuser.shape, strict=True)
        where = tuple(slice(low, min(high + far, size)) for (low, high), far, size in sides)
        own = np.asarray(pieces[where])
        if own.any():
            size = tuple(b - a for a, b in core)
            for number, name in enumerate(fuser.names):
                asked.ask(name, own, np.asarray(fuser.views[name].labels[where]), size, sees[:, number])
    yield Progress(len(cores), len(cores) + 1, "Asking the views about neighbours")
    voxels = voxel_counts(pieces)
    return asked.graph(voxels, face_counts(pieces, voxels.size))


def _grown(core: Region, halo: tuple[int, ...], shape: tuple[int, int, int]) -> Region:
    sides = [(max(0, a - h), min(n, b + h)) for (a, b), h, n in zip(core, halo, shape, strict=True)]
    return sides[0], sides[1], sides[2]


def _where(region: Region) -> tuple[slice, ...]:
    return tuple(slice(*side) for side in region)


def _within(region: Region, outer: Region) -> tuple[slice, ...]:
    return tuple(slice(a - c, b - c) for (a, b), (c, _) in zip(region, outer, strict=True))
