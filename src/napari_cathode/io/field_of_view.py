"""The field of view: what the detector saw, told from the constant grey that reconstructions put around it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError

from .lazy import EAGER_BYTES
from .sampling import Sample, sample_slices

Mask = npt.NDArray[np.bool_]

_CORE_SHARE = 0.001  # of a slice: a flat patch at the border smaller than this may be chance
_OUTSIDE_SHARE = 0.004  # of a slice: less is not worth a mask
_SOLIDITY = 0.8  # a field of view is a disc or a rectangle, cut by the image; gaps between particles are not round it
_MOST = 0.75  # of the slices looked at
_LOSSY_REACH = 8  # pixels: JPEG spoils constancy up to one of its blocks away from an edge
_LOSSY_GREYS = 3


def find_field_of_view(data: Any, sample: Sample | None = None) -> Mask | None:
    """Find where a tomogram shows something, from the constant grey outside.

    Outside is what touches the border of the slice, has exactly one and the same grey value over a large area in every
    slice looked at, and leaves a compact (nearly convex) region inside. In 8-bit images the edge may be off by
    three grey levels within eight pixels, as lossy compression leaves it.

    Parameters
    ----------
    data : array-like, shape (z, y, x)
        Grey values; of a large volume at most 16 slices are read. Values that are not numbers count as one grey.

    sample : Sample, optional
        Slices of it that have been read already.

    Returns
    -------
    ndarray of bool or None
        True inside; shape (1, y, x) where the outside is the same in all slices, or the volume's where it
        differs (and the volume is small enough to look at every slice). None where everything is inside.
        In slices of more than 2048 pixels the edge is good to ``step`` = length / 2048 pixels.
    """
    sample = sample or sample_slices(data)
    step = sample.step
    images = [image for image in map(_comparable, sample.slices) if image.min() < image.max()]
    cores = [_core(image) for image in images]
    grey = _outside_grey(images, cores)
    if grey is None:
        return None
    cores = [core & (image == grey) for image, core in zip(images, cores, strict=True)]
    often = np.sum(cores, axis=0, dtype=np.uint8)
    alike = (often == len(images)).sum() > 0.9 * (often > 0).sum()
    if not alike and step == 1 and data.dtype.itemsize * np.prod(data.shape, dtype=np.int64) <= EAGER_BYTES:
        return _by_slice(data, grey)
    near = np.sum([_near(image, grey) for image in images], axis=0, dtype=np.uint8)
    enough = _MOST * len(images)
    common = _grow(np.asarray(often >= enough), np.asarray(near >= enough), images[0].dtype)
    if not _is_field(~common):
        return None
    if step > 1:
        y, x = data.shape[1:]
        common = ndimage.binary_dilation(common).repeat(step, axis=0).repeat(step, axis=1)[:y, :x]
    return ~common[np.newaxis]


def _comparable(image: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Put one value below all others in the place of what is not a number."""
    if image.dtype.kind != "f":
        return image
    numbers = np.isfinite(image)
    if numbers.all():
        return image
    lowest = float(image[numbers].min()) if numbers.any() else 0.0
    return np.where(numbers, image, np.float32(lowest - max(1.0, abs(lowest))))


def _core(image: npt.NDArray[Any]) -> Mask:
    """Find large patches without any variation that touch the border."""
    flat = _flat_along(_flat_along(np.ones(image.shape, bool), image, 0), image, 1)
    flat = ndimage.minimum_filter1d(flat, 3, axis=0) & ndimage.minimum_filter1d(flat, 3, axis=1)
    labels, count = ndimage.label(flat)
    area = np.bincount(labels.ravel(), minlength=count + 1)
    at_border = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    keep = np.zeros(count + 1, bool)
    keep[at_border] = area[at_border] >= max(9.0, _CORE_SHARE * image.size)
    keep[0] = False
    return keep[labels]


def _flat_along(flat: Mask, image: npt.NDArray[Any], axis: int) -> Mask:
    """Take away the pixels that differ from a neighbour along an axis."""
    values, kept = np.moveaxis(image, axis, 0), np.moveaxis(flat, axis, 0)
    same = values[1:] == values[:-1]
    kept[1:] &= same
    kept[:-1] &= same
    return flat


def _outside_grey(images: list[npt.NDArray[Any]], cores: list[Mask]) -> Any:
    """Give the grey value of most of the flat border patches, or None where they disagree or there are none."""
    greys = []
    for image, core in zip(images, cores, strict=True):
        values, counts = np.unique(image[core], return_counts=True)
        if values.size:
            greys.append(values[counts.argmax()])
    # a few slices at the ends may show nothing but sample
    return greys[0] if len(greys) > len(images) // 2 and len(set(greys)) == 1 else None


def _near(image: npt.NDArray[Any], grey: Any) -> Mask:
    """Find the pixels of this grey, in 8-bit images give or take what lossy compression does."""
    if image.dtype.itemsize > 1:
        same: Mask = image == grey
        return same
    close: Mask = np.abs(image.astype(np.int16) - int(grey)) <= _LOSSY_GREYS
    return close


def _grow(core: Mask, near: Mask, dtype: np.dtype[Any]) -> Mask:
    """Grow the flat patches to their edge."""
    if not core.any():
        return core
    if dtype.kind == "f":  # no pixel of the sample has exactly this value
        exact: Mask = ndimage.binary_propagation(core, mask=near | core)
        return exact
    lossy = dtype.itemsize == 1
    reach = _LOSSY_REACH if lossy else 2
    grown = np.pad(ndimage.binary_dilation(core, iterations=reach, mask=near | core), _LOSSY_REACH, mode="edge")
    # cut off single pixels of noise at the edge, then fill what compression has spoilt
    smooth = ndimage.binary_opening(grown, np.ones((3, 3))) | np.pad(core, _LOSSY_REACH, mode="edge")
    if lossy:
        disc = ndimage.iterate_structure(ndimage.generate_binary_structure(2, 1), 3)
        smooth = _fill_small_holes(ndimage.binary_closing(smooth, disc))
    outside: Mask = smooth[_LOSSY_REACH:-_LOSSY_REACH, _LOSSY_REACH:-_LOSSY_REACH]
    return outside


def _fill_small_holes(mask: Mask) -> Mask:
    labels, _ = ndimage.label(~mask)
    area = np.bincount(labels.ravel())
    filled: Mask = mask | (area < 4 * _LOSSY_REACH**2)[labels]
    return filled


def _by_slice(data: Any, grey: Any) -> Mask | None:
    inside = np.ones(data.shape, bool)
    for z in range(data.shape[0]):
        image = _comparable(np.asarray(data[z]))
        outside = _grow(_core(image) & (image == grey), _near(image, grey), image.dtype)
        inside[z] = image.min() < image.max() and ~outside
        if inside[z].any() and not inside[z].all() and not _is_compact(inside[z]):
            return None
    return None if 1 - inside.mean() < _OUTSIDE_SHARE else inside


def _is_field(inside: Mask) -> bool:
    return bool(1 - inside.mean() >= _OUTSIDE_SHARE) and _is_compact(inside)


def _is_compact(inside: Mask) -> bool:
    """Tell whether a region fills most of its convex hull."""
    rows = np.flatnonzero(inside.any(axis=1))
    if rows.size < 2:
        return False
    first = inside[rows].argmax(axis=1)
    last = inside.shape[1] - inside[rows][:, ::-1].argmax(axis=1)
    corners = [np.column_stack([rows + dy, edge]) for edge in (first, last) for dy in (0, 1)]
    try:
        hull = ConvexHull(np.concatenate(corners).astype(float))
    except QhullError:
        return False
    return bool(inside.sum() >= _SOLIDITY * hull.volume)  # in two dimensions, "volume" is the area
