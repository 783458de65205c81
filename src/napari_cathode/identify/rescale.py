"""Grey values and pixel size as a network wants them: percentile normalisation and rescaling by particle diameter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError

FloatArray = npt.NDArray[np.float32]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class GreyRange:
    """Two grey values that normalisation maps to 0 and 1.

    Attributes
    ----------
    low, high : float
        Grey values of the low and the high percentile.
    """

    low: float
    high: float

    def normalise(self, image: npt.NDArray[Any]) -> FloatArray:
        """Map ``low`` to 0 and ``high`` to 1, linearly and without clipping (float32, same shape)."""
        return ((image.astype(np.float32) - self.low) / (self.high - self.low)).astype(np.float32)


def grey_range(
    values: npt.NDArray[Any], percentile_low: float = 1.0, percentile_high: float = 99.8, name: str = "the image"
) -> GreyRange:
    """Find the grey values of two percentiles.

    Parameters
    ----------
    values : ndarray
        Grey values of any shape: those inside the field of view.
    percentile_low, percentile_high : float
        Percentiles in 0…100.
    name : str
        What the image is called, for the error's text.

    Returns
    -------
    GreyRange

    Raises
    ------
    InputError
        When there are no values, when some are not finite, or when all are alike.
    """
    if values.size == 0:
        raise InputError(f"{name} is empty (no voxel lies inside its field of view); give an image with particles.")
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError(
            f"{name} holds values that are not numbers (NaN or infinity); replace them, for instance by the mean grey."
        )
    low, high = (float(value) for value in np.percentile(values, (percentile_low, percentile_high)))
    if not high > low:
        raise InputError(f"{name} is one constant grey ({low:g}); nothing can be found in it.")
    return GreyRange(low, high)


def as_grey(image: Any) -> npt.NDArray[Any]:
    """Give an array-like as an array of grey values that filters take: masks (bool) as 0 and 1, float16 as float32.

    Raises
    ------
    InputError
        For complex numbers.
    """
    values = np.asarray(image)
    if values.dtype.kind == "c":
        raise InputError("The image holds complex numbers; give their magnitude or phase as grey values.")
    if values.dtype.kind == "b":
        return values.astype(np.uint8)
    return values.astype(np.float32) if values.dtype == np.float16 else values


def constant_part(image: npt.NDArray[Any], share: float = 0.01) -> BoolArray:
    """Guess which pixels lie outside the field of view: those of one grey value that fills flat areas.

    Parameters
    ----------
    image : ndarray, shape (y, x)
        Grey values.
    share : float
        Smallest share of the image that a flat area must have.

    Returns
    -------
    ndarray of bool, shape (y, x)
        True on flat areas: pixels that equal their 3 × 3 neighbourhood, where one value makes up ``share``. The
        brightest value does not count (saturated particles are flat too), nor do pictures of two values.
    """
    from scipy import ndimage

    flat = ndimage.maximum_filter(image, 3) == ndimage.minimum_filter(image, 3)
    if not flat.any():
        return np.zeros(image.shape, bool)
    values, counts = np.unique(image[flat], return_counts=True)
    value = values[counts.argmax()]
    core = flat & (image == value)
    if core.mean() < share or value == image.max() or np.ptp(image[image != value]) == 0:
        return np.zeros(image.shape, bool)
    return ndimage.binary_dilation(core, np.ones((3, 3), bool)) & (image == value)


def rescale(image: FloatArray, scale: tuple[float, ...]) -> FloatArray:
    """Resize an image or a volume linearly, blurred before where it shrinks so that fine noise does not alias.

    Pixel *areas* correspond: pixel i of the result covers (i … i + 1) / scale of the image, so that a point p of the
    result lies at (p + 0.5) / scale − 0.5 of the image.

    Parameters
    ----------
    image : ndarray, shape (y, x) or (z, y, x)
        Grey values.
    scale : tuple of float
        Size of the result over size of the image, for each axis.

    Returns
    -------
    ndarray of float32, shape about (y · scale, x · scale), at least 1 along each axis
    """
    from scipy import ndimage

    shape = tuple(max(1, round(size * factor)) for size, factor in zip(image.shape, scale, strict=True))
    if shape == image.shape:
        return image.astype(np.float32, copy=False)
    factors = [new / old for new, old in zip(shape, image.shape, strict=True)]
    # The width that scikit-image's anti-aliasing uses.
    sigma = [max(0.0, (1 / factor - 1) / 2) for factor in factors]
    smooth = ndimage.gaussian_filter(image.astype(np.float32, copy=False), sigma, mode="nearest")
    zoomed: FloatArray = ndimage.zoom(
        smooth, factors, order=1, mode="nearest", grid_mode=True, output=np.float32, prefilter=False
    )
    return zoomed


def resize_to(image: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Resize an image linearly to a given larger shape (y, x), pixel areas corresponding as in `rescale`."""
    from scipy import ndimage

    if image.shape == shape:
        return image
    factors = [new / old for new, old in zip(shape, image.shape, strict=True)]
    return ndimage.zoom(image, factors, order=1, mode="nearest", grid_mode=True, output=np.float32, prefilter=False)
