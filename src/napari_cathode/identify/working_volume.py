"""A whole tomogram at the scale at which a 3D network works, made slice by slice."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps
from napari_cathode.tomogram import Tomogram

from .rescale import BoolArray, FloatArray, GreyRange, as_grey, rescale

REACH = 4.0
"""Standard deviations at which a Gaussian is cut off."""
MIRRORED = 16
"""Working voxels by which a volume goes on beyond its faces, mirrored, where a network looks for particles in it."""


@dataclass(frozen=True, eq=False)
class WorkingVolume:
    """A normalised and rescaled tomogram.

    Attributes
    ----------
    image : ndarray of float16, shape (z, y, x)
        Normalised grey values in working voxels.
    inside : ndarray of bool, same shape, or None
        Where the field of view is; None when that is everywhere.
    scale : tuple of float
        Working voxels per voxel of the tomogram along (z, y, x).
    """

    image: npt.NDArray[np.float16]
    inside: BoolArray | None
    scale: tuple[float, float, float]


def working_shape(shape: tuple[int, int, int], factors: tuple[float, ...]) -> tuple[int, int, int]:
    """Give the shape of a volume after rescaling by the factors, rounded as `rescale` rounds."""
    z, y, x = (max(1, round(size * factor)) for size, factor in zip(shape, factors, strict=True))
    return z, y, x


def iter_working_volume(
    tomogram: Tomogram, grey: GreyRange, factors: tuple[float, float, float]
) -> Steps[WorkingVolume]:
    """Normalise and rescale a tomogram as `rescale` would, holding only a few of its slices at a time.

    Blurring and linear interpolation are separable: every slice is rescaled in its plane once, then neighbouring ones
    are blended along z.

    Parameters
    ----------
    tomogram : Tomogram
        May be lazy.
    grey : GreyRange
        What becomes 0 and 1.
    factors : tuple of float
        Working voxels per voxel, along (z, y, x).

    Yields
    ------
    Progress
        In slices of the result.

    Returns
    -------
    WorkingVolume

    Raises
    ------
    InputError
        For grey values that are not finite.
    """
    shape = tomogram.shape
    target = working_shape(shape, factors)
    z_scale, y_scale, x_scale = (new / old for new, old in zip(target, shape, strict=True))
    image = np.empty(target, np.float16)
    mask = None if tomogram.field_of_view is None else np.broadcast_to(tomogram.field_of_view, shape)
    inside = None if mask is None else np.empty(target, bool)
    rows, columns = (
        np.minimum(((np.arange(new) + 0.5) * old / new).astype(int), old - 1)
        for new, old in zip(target[1:], shape[1:], strict=True)
    )
    planes = _Planes(tomogram, grey, (y_scale, x_scale))
    for z in range(target[0]):
        blended = np.zeros(target[1:], np.float32)
        for index, weight in _weights(z, z_scale, shape[0]):
            blended += np.float32(weight) * planes[index]
        image[z] = blended
        if mask is not None and inside is not None:
            inside[z] = mask[min(int((z + 0.5) / z_scale), shape[0] - 1)][np.ix_(rows, columns)]
        yield Progress(z + 1, target[0], "Rescaling the volume")
    return WorkingVolume(image, inside, (z_scale, y_scale, x_scale))


def _weights(z: int, scale: float, size: int) -> list[tuple[int, float]]:
    """Give the slices that make up slice ``z`` of the result: linear interpolation of the blurred stack."""
    position = min(max((z + 0.5) / scale - 0.5, 0.0), size - 1.0)
    low = int(position)
    part = position - low
    sigma = max(0.0, (1 / scale - 1) / 2)
    found: dict[int, float] = {}
    for centre, share in ((low, 1 - part), (min(low + 1, size - 1), part)):
        if share == 0:
            continue
        reach = int(REACH * sigma + 0.5)
        offsets = np.arange(-reach, reach + 1)
        kernel = np.exp(-0.5 * (offsets / sigma) ** 2) if sigma > 0 else np.ones(1)
        for offset, value in zip(offsets, kernel / kernel.sum(), strict=True):
            index = int(np.clip(centre + offset, 0, size - 1))
            found[index] = found.get(index, 0.0) + share * float(value)
    return sorted(found.items())


class _Planes:
    """The slices of a tomogram, normalised and rescaled in their plane; the last few are kept."""

    def __init__(self, tomogram: Tomogram, grey: GreyRange, factors: tuple[float, float]) -> None:
        self._tomogram, self._grey, self._factors = tomogram, grey, factors
        self._kept: OrderedDict[int, FloatArray] = OrderedDict()
        self._slab: tuple[int, npt.NDArray[Any]] | None = None

    def __getitem__(self, index: int) -> FloatArray:
        if index not in self._kept:
            image = self._read(index)
            if image.dtype.kind == "f" and not np.isfinite(image).all():
                raise InputError(
                    f"Slice {index} of {self._tomogram.name} along z holds values that are not numbers (NaN or "
                    "infinity); replace them, for instance by the mean grey."
                )
            self._kept[index] = rescale(self._grey.normalise(image), self._factors)
            while len(self._kept) > 64:
                self._kept.popitem(last=False)
        self._kept.move_to_end(index)
        return self._kept[index]

    def _read(self, index: int) -> npt.NDArray[Any]:
        """Read a slice; chunked files are slow slice by slice, so a few are read in one go."""
        from .views import SLAB

        start = index // SLAB * SLAB
        if self._slab is None or self._slab[0] != start:
            self._slab = start, as_grey(self._tomogram.data[start : start + SLAB])
        return self._slab[1][index - start]
