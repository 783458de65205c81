"""Whether predictions can be fused, and which of them say anything."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from napari_cathode.errors import InputError

from .basins import slabs

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction


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
    # Thick, since each may decode whole chunks of a file, but an eighth of a small volume.
    parts = slabs(shape, voxels=int(np.clip(math.prod(shape) // 8, 1 << 19, 1 << 23)))
    return tuple(name for name, view in views.items() if any(np.any(view.labels[first:last]) for first, last in parts))
