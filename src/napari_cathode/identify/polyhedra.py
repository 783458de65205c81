"""Star-convex polyhedra in 3D: candidates that a network proposes, suppression, and labels drawn from the rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.progress import Progress, Steps

from .rescale import FloatArray
from .stardist2d import compact


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
    """Choose one polyhedron per particle by StarDist's non-maximum suppression.

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
    from stardist.nms import non_maximum_suppression_3d_inds

    kept = np.flatnonzero(candidates.probability > probability_threshold)
    kept = kept[np.argsort(-candidates.probability[kept], kind="stable")]
    chosen = candidates.pick(kept)
    if len(kept) == 0:
        return chosen
    survivors = non_maximum_suppression_3d_inds(
        chosen.distances, chosen.centres, chosen.rays, chosen.probability, thresh=overlap_threshold, verbose=False
    )
    return chosen.pick(survivors)


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
    from stardist.geometry import polyhedron_to_label
    from stardist.rays3d import Rays_Explicit

    labels = np.zeros(shape, np.int32)
    factors = np.asarray(scale, float)
    rays = Rays_Explicit(polyhedra.rays.vertices / factors, polyhedra.rays.faces)
    centres = (polyhedra.centres + 0.5) / factors - 0.5
    height = polyhedra.distances * np.abs(rays.vertices[:, 0])
    reach = height.max(axis=1, initial=0) + 1
    order = np.argsort(-polyhedra.probability, kind="stable")
    number = np.empty(len(order), np.int64)
    number[order] = np.arange(1, len(order) + 1)
    for start in range(0, shape[0], slab):
        stop = min(start + slab, shape[0])
        near = np.flatnonzero((centres[:, 0] + reach >= start) & (centres[:, 0] - reach <= stop))
        if near.size:
            labels[start:stop] = polyhedron_to_label(
                polyhedra.distances[near],
                centres[near] - (start, 0, 0),
                rays,
                (stop - start, *shape[1:]),
                # Ranks instead of probabilities: equal probabilities must not fall differently in two slabs.
                prob=-number[near].astype(float),
                labels=number[near],
                verbose=False,
            )
        yield Progress(stop, shape[0], "Drawing particles")
    if field_of_view is not None:
        labels[~np.broadcast_to(field_of_view, shape)] = 0
    present = np.bincount(labels.ravel(), minlength=len(order) + 1)[1:] > 0
    return compact(labels), order[present]
