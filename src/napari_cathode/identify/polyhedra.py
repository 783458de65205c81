"""Star-convex polyhedra in 3D: candidates that a network proposes, suppression, and labels drawn from the rest."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from napari_cathode.progress import Progress, Steps

from .rescale import FloatArray
from .star_kernels import SHELLS, agreed_distances, depths, draw, ray_table, survivors, volumes

EXCESS = np.float32(0.5)
"""Working voxels by which StarDist3D's distances overshoot: they count steps until the first that lies outside."""
LEAST = 0.3
"""Candidates of less than this share of a particle's probability have no say in its surface."""
SHARPNESS = 8.0
"""Power of the distance by which the say of a candidate falls."""
AT_ONCE = 64
"""Particles that are refined between two chances to cancel."""


@dataclass(frozen=True, eq=False)
class Polyhedra:
    """Star-convex polyhedra in working voxels.

    Attributes
    ----------
    centres : ndarray of float32, shape (n, 3)
        Centres (z, y, x).
    distances : ndarray of float32, shape (n, n_rays)
        From the centre to the surface along the rays.
    probability : ndarray of float32, shape (n,)
        Object probability at the centre.
    rays : stardist.rays3d.Rays_Base
        Directions of the rays and the triangles between them.
    """

    centres: FloatArray
    distances: FloatArray
    probability: FloatArray
    rays: Any

    def pick(self, which: npt.NDArray[Any]) -> Polyhedra:
        """Give some of them, by index or mask."""
        return Polyhedra(self.centres[which], self.distances[which], self.probability[which], self.rays)


def suppress(candidates: Polyhedra, probability_threshold: float, overlap_threshold: float) -> Polyhedra:
    """Choose one polyhedron per particle: greedy non-maximum suppression, as StarDist's (Weigert et al., WACV 2020).

    The overlap of two candidates is the share of the smaller one's volume that lies in the other, sampled at some
    hundred points of it; StarDist's own suppression counts voxels and takes hundreds of times longer.

    Parameters
    ----------
    candidates : Polyhedra
        All candidates of the volume.
    probability_threshold : float
        Smallest object probability of a candidate.
    overlap_threshold : float
        Candidates that overlap a better one by more than this share of the smaller volume are dropped.

    Returns
    -------
    Polyhedra
        In order of falling probability.
    """
    kept = np.flatnonzero(candidates.probability > probability_threshold)
    kept = kept[np.argsort(-candidates.probability[kept], kind="stable")]
    chosen = candidates.pick(kept)
    if len(kept) == 0:
        return chosen
    table = ray_table(chosen.rays)
    reach = chosen.distances.max(axis=1)
    corner = chosen.centres.min(axis=0)
    # Cells as wide as the farthest reach, so that two that touch are at most two cells apart.
    cell = ((chosen.centres - corner) / max(float(reach.max()), 1.0)).astype(np.int64)
    cells = cell.max(axis=0) + 1
    flat = (cell[:, 0] * cells[1] + cell[:, 1]) * cells[2] + cell[:, 2]
    order = np.argsort(flat, kind="stable")
    start = np.searchsorted(flat[order], np.arange(int(np.prod(cells)) + 1))
    alive = survivors(
        chosen.centres,
        chosen.distances,
        volumes(chosen.distances, table.faces, table.size),
        reach,
        order,
        start,
        cell,
        cells,
        overlap_threshold,
        table.vertices,
        table.size,
        table.faces,
        table.inverse,
        table.cube,
        SHELLS,
    )
    return chosen.pick(alive)


def iter_refine(candidates: Polyhedra, chosen: Polyhedra) -> Steps[Polyhedra]:
    """Move the surfaces of chosen polyhedra to where the candidates nearest to each part of them see it.

    A network tells a near surface better than a far one: distances from the centre of a large particle come out too
    short, while candidates on its way to the surface are close. Along each ray, the crossing with the surface of every
    candidate inside the polyhedron counts by its probability over a power of its distance from that crossing.

    Parameters
    ----------
    candidates : Polyhedra
        All candidates of the volume.
    chosen : Polyhedra
        Some of them.

    Yields
    ------
    Progress
        In particles.

    Returns
    -------
    Polyhedra
        The chosen ones with other distances.
    """
    total = len(chosen.centres)
    if total == 0:
        return chosen
    table = ray_table(chosen.rays)
    shape = (table.faces, table.inverse, table.cube)
    tree = cKDTree(candidates.centres)
    index = tree.query(chosen.centres)[1]
    refined = np.empty_like(chosen.distances)
    for first in range(0, total, AT_ONCE):
        yield Progress(first, total, "Refining surfaces")
        part = index[first : first + AT_ONCE]
        reach = np.maximum(candidates.distances[part] - EXCESS, np.float32(0.1)).max(axis=1)
        found = tree.query_ball_point(candidates.centres[part], reach)
        start = np.concatenate([[0], np.cumsum([len(one) for one in found])])
        # Copies of the candidates around these few particles only: those of a whole volume take gigabytes.
        around, near = np.unique(np.concatenate([part, *found]).astype(np.int64), return_inverse=True)
        part, near = near[: len(part)], near[len(part) :]
        centres, probability = candidates.centres[around], candidates.probability[around]
        distances = np.maximum(candidates.distances[around] - EXCESS, np.float32(0.1))
        inside = depths(part, start, near, centres, distances, *shape) <= 1
        least = np.repeat(LEAST * probability[part], np.diff(start))
        kept = inside & (probability[near] >= least)
        start = np.concatenate([[0], np.cumsum(kept)])[start]
        refined[first : first + AT_ONCE] = EXCESS + agreed_distances(
            part,
            distances[part],
            start,
            near[kept],
            centres,
            distances * np.float32(table.inflation),  # flat faces lie as much outside of the true surface as inside
            probability,
            volumes(distances, table.faces, table.size),
            SHARPNESS,
            table.vertices,
            *shape,
        )
    yield Progress(total, total, "Refining surfaces")
    return replace(chosen, distances=refined)


def iter_draw(
    polyhedra: Polyhedra,
    shape: tuple[int, int, int],
    scale: tuple[float, float, float],
    field_of_view: npt.NDArray[np.bool_] | None = None,
    slab: int = 64,
) -> Steps[tuple[npt.NDArray[np.int32], npt.NDArray[np.intp]]]:
    """Draw polyhedra on the tomogram's own voxels; where two overlap, the more probable one wins.

    Parameters
    ----------
    polyhedra : Polyhedra
        In working voxels.
    shape : tuple of int
        Shape (z, y, x) of the tomogram.
    scale : tuple of float
        Working voxels per voxel of the tomogram (z, y, x).
    field_of_view : ndarray of bool, broadcastable to the shape, optional
        Labels end where it does.
    slab : int
        Slices that are drawn in one go.

    Yields
    ------
    Progress
        In slices.

    Returns
    -------
    labels : ndarray of int32, shape (z, y, x)
        1…n in order of falling probability.
    drawn : ndarray of int, shape (n,)
        Which polyhedron each label is; those that others hide altogether are left out.
    """
    table = ray_table(polyhedra.rays)
    labels = np.zeros(shape, np.int32)
    factors = np.asarray(scale, np.float64)
    order = np.argsort(-polyhedra.probability, kind="stable")
    centres = (polyhedra.centres[order].astype(np.float64) + 0.5) / factors - 0.5
    distances = np.maximum(polyhedra.distances[order] - EXCESS, np.float32(0.1)) * np.float32(table.inflation)
    reach = distances.max(axis=1, initial=0).astype(np.float64)
    number = np.arange(1, len(order) + 1, dtype=np.int32)
    visible = np.zeros(len(order) + 1, bool)
    seen = None if field_of_view is None else np.broadcast_to(field_of_view, shape)
    for first in range(0, shape[0], slab):
        part = labels[first : first + slab]
        high = reach / factors[0]
        near = (centres[:, 0] + high >= first) & (centres[:, 0] - high <= first + slab)
        draw(
            part,
            first,
            centres[near],
            distances[near],
            reach[near],
            number[near],
            factors,
            table.faces,
            table.inverse,
            table.cube,
        )
        if seen is not None:
            part[~seen[first : first + slab]] = 0
        visible[np.unique(part)] = True
        yield Progress(min(first + slab, shape[0]), shape[0], "Drawing particles")
    visible[0] = False
    renumbered = np.zeros(len(visible), np.int32)
    renumbered[visible] = np.arange(1, visible.sum() + 1)
    for first in range(0, shape[0], slab):
        labels[first : first + slab] = renumbered[labels[first : first + slab]]
    return labels, order[visible[1:]]
