"""HDF5 and NeXus: ESRF nabu volumes, NXtomoproc, and any file with a 3D data set."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError

from .base import Format, Volume, sizes
from .hdf5_spacing import read_spacing
from .lazy import EAGER_BYTES, as_dask, contiguous

_MAGIC = b"\x89HDF\r\n\x1a\n"
_MOST_LISTED = 12
_CHUNK_BYTES = 64 * 2**20


class DatasetSource:
    """A data set that is opened anew for every read, so that it can be handed to another process.

    Parameters
    ----------
    path : str
        The file.
    dataset : str
        Name of the data set in it.
    shape : tuple of int
        (z, y, x).
    dtype : dtype
        Of its values, in the machine's byte order.
    leading : int
        Number of axes of length one that the file has before z.
    """

    ndim = 3

    def __init__(self, path: str, dataset: str, shape: tuple[int, int, int], dtype: Any, leading: int) -> None:
        self.path = path
        self.dataset = dataset
        self.shape = shape
        self.dtype = np.dtype(dtype).newbyteorder("=")
        self.leading = leading

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        """Read a region."""
        index = index if isinstance(index, tuple) else (index,)
        with h5py.File(self.path, "r") as file:
            values: npt.NDArray[Any] = file[self.dataset][(0,) * self.leading + index]
        return values.astype(self.dtype, copy=False)


def _recognises(path: Path, head: bytes) -> bool:
    return head.startswith(_MAGIC)


def _stack_shape(dataset: h5py.Dataset) -> tuple[int, ...]:
    """Give the shape without leading axes of length one."""
    shape = tuple(dataset.shape or ())
    while len(shape) > 3 and shape[0] == 1:
        shape = shape[1:]
    return shape


def _is_image(item: Any, axes: tuple[int, ...] = (3,)) -> bool:
    if not isinstance(item, h5py.Dataset) or item.dtype.kind not in "uif":
        return False
    shape = _stack_shape(item)
    return len(shape) in axes and min(shape[-2:]) > 1


def _is_detector(dataset: h5py.Dataset) -> bool:
    """Tell whether these are projections as a detector recorded them, which are no reconstruction."""
    return _text(dataset.parent.attrs.get("NX_class")) == "NXdetector"


def _text(value: Any) -> str:
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value) if value is not None else ""


def _images(file: h5py.File, axes: tuple[int, ...] = (3,)) -> list[str]:
    """List the reconstructed images by name; each data set once, however many links lead to it."""
    names: list[str] = []

    def visit(name: str, item: Any) -> None:
        if _is_image(item, axes) and not _is_detector(item):
            names.append(name)

    file.visititems(visit)
    return names


def list_datasets(path: Path) -> list[str]:
    """List the three-dimensional numeric data sets of a file (the two-dimensional ones where there are none)."""
    with h5py.File(path, "r") as file:
        return _images(file) or _images(file, (2,))


def _holds_image(path: Path) -> bool:
    try:
        with h5py.File(path, "r") as file:
            return file.visititems(lambda _, item: True if _is_image(item, (2, 3)) else None) is True
    except OSError:
        return True  # it cannot be looked into, and reading it says why


def _default(file: h5py.File) -> h5py.Dataset | None:
    """Find the reconstruction by the conventions of nabu and of NeXus (``default`` and ``signal``)."""
    for entry in sorted(file.keys()):
        found = file.get(f"{entry}/reconstruction/results/data")
        if found is not None and _is_image(found, (2, 3)):
            return found
    group: Any = file
    for _ in range(8):
        name = _text(group.attrs.get("default"))
        if not name or not isinstance(group.get(name), h5py.Group):
            break
        group = group[name]
    for place in (group, *(file.get(f"{entry}/data") for entry in sorted(file.keys()))):
        if not isinstance(place, h5py.Group):
            continue
        found = place.get(_text(place.attrs.get("signal")) or "data")
        if found is not None and _is_image(found) and not _is_detector(found) and not _is_raw(found):
            return found
    return None


def _is_raw(dataset: h5py.Dataset) -> bool:
    """Tell whether the entry says that it holds a raw scan."""
    entry = dataset.file.get(dataset.name.strip("/").split("/")[0])
    definition = entry.get("definition") if isinstance(entry, h5py.Group) else None
    return isinstance(definition, h5py.Dataset) and _text(definition[()]) == "NXtomo"


def _choose(file: h5py.File, name: str, dataset: str | None) -> h5py.Dataset:
    names = _images(file)
    if dataset is not None:
        chosen = file.get(dataset)
        if not isinstance(chosen, h5py.Dataset):
            raise InputError(f"{name} has no data set {dataset}; it has {_listed(names) or 'none with three axes'}.")
        if not _is_image(chosen, (2, 3)):
            raise InputError(
                f"The data set {dataset} of {name} is no volume ({sizes(chosen.shape or ())} {chosen.dtype}); "
                "choose one with three axes of numbers."
            )
        return chosen
    default = _default(file)
    if default is not None:
        return default
    names = names or _images(file, (2,))
    if len(names) == 1:
        return file[names[0]]
    if names:
        raise InputError(
            f"{name} holds {len(names)} data sets; choose one of {_listed(names)} (command line: --dataset NAME)."
        )
    detectors: list[str] = []
    file.visititems(lambda key, item: detectors.append(key) if _is_image(item) else None)
    if detectors:
        raise InputError(f"{name} holds projections ({detectors[0]}), not a reconstruction; reconstruct them first.")
    raise InputError(f"{name} holds no data set of numbers with the axes z, y, x; choose the reconstructed volume.")


def _listed(names: list[str]) -> str:
    shown = ", ".join(names[:_MOST_LISTED])
    return f"{shown} and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else shown


def _check_parts(dataset: h5py.Dataset, path: Path) -> None:
    """Raise `InputError` when the files that a virtual data set is made of are missing: it would read as zeros."""
    if not dataset.is_virtual:
        return
    for part in dataset.virtual_sources():
        if part.file_name != "." and not (path.parent / part.file_name).exists():
            raise InputError(f"{path.name} needs the file {part.file_name}, which is not there; copy it along.")


def _read(path: Path, dataset: str | None) -> Volume:
    with h5py.File(path, "r") as file:
        chosen = _choose(file, path.name, dataset)
        _check_parts(chosen, path)
        spacing = read_spacing(chosen)
        shape = _stack_shape(chosen)
        stack = (1 if len(shape) == 2 else shape[0], shape[-2], shape[-1])
        if min(stack) == 0:
            raise InputError(f"The data set {chosen.name} of {path.name} is empty ({sizes(shape)}).")
        if chosen.nbytes <= EAGER_BYTES:
            return Volume(np.asarray(chosen[()]).reshape(stack), spacing)
        offset = chosen.id.get_offset()
        if chosen.chunks is None and offset is not None and not chosen.is_virtual and not chosen.external:
            return Volume(contiguous(path, chosen.dtype, stack, offset), spacing)
        leading = len(chosen.shape) - 3 if len(chosen.shape) > 3 else 0
        source = DatasetSource(str(path), chosen.name, stack, chosen.dtype, leading)
        if len(shape) == 2:
            return Volume(np.asarray(chosen[()])[np.newaxis], spacing)
        return Volume(as_dask(source, path, _chunks(chosen, stack), chosen.name), spacing)


def _chunks(dataset: h5py.Dataset, shape: tuple[int, int, int]) -> tuple[int, int, int]:
    """Give dask chunks that hold whole chunks of the file, over the full width and as many rows as is reasonable."""
    stored = dataset.chunks[-3:] if dataset.chunks else (1, shape[1], shape[2])
    deep = min(stored[0], shape[0])
    rows = _CHUNK_BYTES // (deep * shape[2] * dataset.dtype.itemsize) // stored[1] * stored[1]
    return deep, min(max(rows, stored[1]), shape[1]), shape[2]


FORMAT = Format(
    "an HDF5 file", (".h5", ".hdf5", ".hdf", ".nx", ".nxs"), _recognises, _read, _holds_image, list_datasets
)
