"""From the views' predictions to two maps on one grid: what is particle, and how deep inside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps

from .basins import Map, slabs

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction

_TRUNCATE = 3.0


def check_views(views: Mapping[str, ViewPrediction]) -> tuple[int, int, int]:
    """Check that the predictions can be fused, and give the shape of their common grid.

    Raises
    ------
    InputError
        With one sentence about the first thing that does not fit.
    """
    if not views:
        raise InputError("There are no predictions to fuse; find particles in at least one view first.")
    first_name, first = next(iter(views.items()))
    for name, view in views.items():
        for what, array in (("labels", view.labels), ("probability", view.probability)):
            if getattr(array, "ndim", None) != 3:
                raise InputError(
                    f"The {what} of view {name} have {getattr(array, 'ndim', 'no')} dimensions; "
                    "predictions have three (z, y, x)."
                )
            if tuple(array.shape) != tuple(first.labels.shape):
                raise InputError(
                    f"The {what} of view {name} have the shape {tuple(array.shape)}, those of view {first_name} "
                    f"{tuple(first.labels.shape)}; predictions to be fused must lie on one grid."
                )
        if view.labels.dtype.kind not in "iub":
            raise InputError(
                f"The labels of view {name} are of type {view.labels.dtype}; labels are whole numbers (0 = background)."
            )
        if view.probability.dtype.kind != "f":
            raise InputError(
                f"The probability of view {name} is of type {view.probability.dtype}; it should be floats from 0 to 1."
            )
    z, y, x = (int(length) for length in first.labels.shape)
    if z == 1:
        raise InputError("This is a single slice: its particles are the labels of view xy, and nothing is to be fused.")
    return z, y, x


def seeing(views: Mapping[str, ViewPrediction]) -> tuple[str, ...]:
    """Name the views in which anything was found; an empty one would only lower the votes of the others."""
    shape = next(iter(views.values())).labels.shape
    parts = slabs(shape, voxels=1 << 23)  # thick, since each may decode whole chunks of a file
    return tuple(name for name, view in views.items() if any(np.any(view.labels[first:last]) for first, last in parts))


def iter_maps(
    views: Mapping[str, ViewPrediction], names: tuple[str, ...], threshold: float, sigma: npt.NDArray[np.float64]
) -> Steps[tuple[Map, npt.NDArray[np.bool_]]]:
    """Smooth the mean probability and the share of votes of some views.

    Parameters
    ----------
    views : mapping of ViewPrediction
        The predictions.
    names : tuple of str
        Which of them to use, at least one.
    threshold : float
        The smoothed share of votes above which a voxel is particle.
    sigma : ndarray, shape (3,)
        Standard deviations of the Gaussian for the probability in voxels (z, y, x); the votes get half of them.

    Returns
    -------
    probability : ndarray of float32, shape (z, y, x)
        In 0 … 1.
    foreground : ndarray of bool, shape (z, y, x)
    """
    shape = tuple(views[names[0]].labels.shape)
    probability = np.empty(shape, dtype=np.float32)
    foreground = np.empty(shape, dtype=bool)
    halo = int(_TRUNCATE * sigma[0] + 0.5)
    # Thick slabs waste less on the halo.
    parts = slabs(shape, voxels=max(1 << 21, 3 * halo * shape[1] * shape[2]))
    for done, (first, last) in enumerate(parts):
        low, high = max(0, first - halo), min(shape[0], last + halo)
        inner = slice(first - low, last - low)
        summed = np.zeros((high - low, *shape[1:]), dtype=np.float32)
        for name in names:
            summed += np.asarray(views[name].probability[low:high])
        if not np.isfinite(summed).all():
            raise InputError("The probability of a view holds values that are no numbers; find particles again.")
        smooth = ndimage.gaussian_filter(summed, sigma, mode="nearest", truncate=_TRUNCATE)
        np.divide(smooth[inner], len(names), out=probability[first:last])
        yield Progress(2 * done, 2 * len(parts), "Adding up the views")
        summed[...] = 0
        for name in names:
            summed += np.asarray(views[name].labels[low:high]) > 0
        smooth = ndimage.gaussian_filter(summed, sigma / 2, mode="nearest", truncate=_TRUNCATE)
        np.greater(smooth[inner], threshold * len(names), out=foreground[first:last])
        yield Progress(2 * done + 1, 2 * len(parts), "Adding up the views")
    return probability, foreground
