"""Zarr: plain arrays, and OME-Zarr images with their voxel size, of which the finest level is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError
from napari_cathode.tomogram import Spacing

from .base import Format, Volume, sizes
from .lazy import EAGER_BYTES, as_dask
from .units import to_um

_MARKS = ("zarr.json", ".zarray", ".zgroup")


class ArraySource:
    """A zarr array of which only the last three axes are seen; it can be handed to another process.

    Parameters
    ----------
    array : zarr.Array
        Axes before the last three have length one.
    """

    ndim = 3

    def __init__(self, array: Any) -> None:
        self.array = array
        self.shape = tuple(int(size) for size in array.shape[-3:])
        self.dtype = np.dtype(array.dtype).newbyteorder("=")

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        """Read a region."""
        index = index if isinstance(index, tuple) else (index,)
        values = np.asarray(self.array[(0,) * (self.array.ndim - 3) + index])
        return values.astype(self.dtype, copy=False)


def _recognises(path: Path, head: bytes) -> bool:
    return path.is_dir() and any((path / mark).is_file() for mark in _MARKS)


def list_datasets(path: Path) -> list[str]:
    """List the images of a group; empty for an array and for an OME-Zarr image."""
    import zarr

    store = zarr.open(str(path), mode="r")
    if not isinstance(store, zarr.Group) or _multiscale(store) is not None:
        return []
    return sorted(name for name, array in _arrays(store).items() if array.ndim >= 3)


def _arrays(group: Any) -> dict[str, Any]:
    import zarr

    return {name: item for name, item in group.members(max_depth=None) if isinstance(item, zarr.Array)}


def _multiscale(group: Any) -> Mapping[str, Any] | None:
    """Give what OME-Zarr (0.4 or 0.5) says of the image in a group."""
    attributes = dict(group.attrs)
    described = attributes.get("ome", attributes)
    found = described.get("multiscales") if isinstance(described, Mapping) else None
    return found[0] if isinstance(found, Sequence) and found and isinstance(found[0], Mapping) else None


def _read(path: Path, dataset: str | None) -> Volume:
    import zarr

    store: Any = zarr.open(str(path), mode="r")
    spacing: Spacing | None = None
    array: Any = store
    if isinstance(store, zarr.Group):
        image = _multiscale(store)
        if image is not None and dataset is None:
            array = store[str(image["datasets"][0]["path"])]
            spacing = _spacing(image, array.ndim)
        else:
            array = _choose(store, path.name, dataset)
    elif dataset is not None:
        raise InputError(f"{path.name} is a single zarr array; leave the data set {dataset} out.")
    if array.ndim > 3 and any(size != 1 for size in array.shape[:-3]):
        raise InputError(
            f"{path.name} has {sizes(array.shape)} values, several channels or times; save one volume with the axes "
            "z, y, x."
        )
    if array.ndim < 3 or array.size * array.dtype.itemsize <= EAGER_BYTES:
        values = np.asarray(array[...])
        return Volume(values.reshape(values.shape[-3:]), spacing)
    chunks = tuple(int(size) for size in (array.shards or array.chunks)[-3:])
    source = ArraySource(array)
    depth, rows, columns = (min(chunk, size) for chunk, size in zip(chunks, source.shape, strict=True))
    return Volume(as_dask(source, path, (depth, rows, columns), array.path), spacing)


def _choose(group: Any, name: str, dataset: str | None) -> Any:
    arrays = _arrays(group)
    if dataset is not None:
        if dataset not in arrays:
            raise InputError(f"{name} has no array {dataset}; it has {', '.join(sorted(arrays)) or 'none'}.")
        return arrays[dataset]
    volumes = [key for key, array in arrays.items() if array.ndim >= 3]
    if len(volumes) == 1:
        return arrays[volumes[0]]
    if volumes:
        raise InputError(
            f"{name} holds {len(volumes)} arrays; choose one of {', '.join(sorted(volumes))} (command line: --dataset "
            "NAME)."
        )
    raise InputError(f"{name} holds no array with the axes z, y, x; choose the folder of the volume itself.")


def _spacing(image: Mapping[str, Any], ndim: int) -> Spacing | None:
    """Give the voxel size that an OME-Zarr image states for its finest level."""
    axes = image.get("axes") or []
    scale = np.ones(ndim)
    for part in (image["datasets"][0], image):
        for transformation in part.get("coordinateTransformations") or []:
            if transformation.get("type") == "scale" and len(transformation.get("scale", [])) == ndim:
                scale = scale * np.asarray(transformation["scale"], np.float64)
    if len(axes) != ndim or ndim < 3:
        return None
    lengths = [
        to_um(float(length), axis.get("unit") if isinstance(axis, Mapping) else None)
        for axis, length in zip(axes[-3:], scale[-3:], strict=True)
    ]
    z, y, x = lengths
    return None if z is None or y is None or x is None else (z, y, x)


def _holds_image(path: Path) -> bool:
    import zarr

    try:
        store = zarr.open(str(path), mode="r")
    except Exception:  # zarr raises all sorts of errors on damaged stores
        return True  # reading it says what is wrong
    return not isinstance(store, zarr.Group) or _multiscale(store) is not None or bool(list_datasets(path))


FORMAT = Format("a zarr folder", (), _recognises, _read, _holds_image, list_datasets)
