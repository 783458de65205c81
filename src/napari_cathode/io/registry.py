"""All file formats, and the one way in: what a file is, is told from its contents, not its name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from napari_cathode.errors import InputError
from napari_cathode.tomogram import Spacing, Tomogram, check_spacing

from . import hdf5, npy, slices, tiff, zarr_store
from .base import Format, Volume, check_volume
from .field_of_view import find_field_of_view
from .lazy import EAGER_BYTES
from .sampling import Sample, sample_slices

FORMATS: tuple[Format, ...] = (tiff.FORMAT, hdf5.FORMAT, npy.FORMAT, zarr_store.FORMAT, slices.FORMAT)
"""In the order in which they are asked; a new format is one file and one place in this line."""

SUFFIXES: tuple[str, ...] = tuple(suffix for fmt in FORMATS for suffix in fmt.suffixes)
"""Suffixes of the files that can be opened, lower case, with the dot."""


def read(
    path: str | Path, *, dataset: str | None = None, spacing_um: Spacing | None = None, field_of_view: bool = True
) -> Tomogram:
    """Open a tomogram or a slice.

    Parameters
    ----------
    path : path
        A file of any of the formats, or a folder of slices.
    dataset : str, optional
        Which data set, where the file holds several (HDF5, zarr).
    spacing_um : tuple of float, optional
        Voxel edge lengths (z, y, x) in µm; overrides what the file states.
    field_of_view : bool
        Whether to look for a constant grey outside the field of view.

    Returns
    -------
    Tomogram
        Small files in memory, large ones memory-mapped or as a dask array; all of them can be handed to another
        process, which opens the file anew. Values that are not numbers are replaced by the median grey and lie
        outside the field of view.

    Raises
    ------
    InputError
        When the file cannot be read or is no tomogram, with the reason.
    """
    path = Path(path)
    if path.name in ("", ".."):  # "." and its like have no name to show
        path = Path(os.path.abspath(path))
    if spacing_um is not None:
        spacing_um = check_spacing(spacing_um, path.name)
    volume = open_volume(path, dataset)
    try:
        sample = sample_slices(volume.data)
    except InputError:
        raise
    except Exception as error:  # what was damaged shows only where it is decoded
        raise InputError(f"{path.name} cannot be decoded; copy or export it again.") from error
    mask = find_field_of_view(volume.data, sample) if field_of_view else None
    data, mask = _without_gaps(volume.data, mask, sample, path.name)
    name = path.name if path.is_dir() else path.name.removesuffix(path.suffix).removesuffix(".ome")
    return Tomogram(data, spacing_um or volume.spacing_um, name or path.name, str(path), mask, dataset=dataset)


def open_volume(path: str | Path, dataset: str | None = None) -> Volume:
    """Open a file as it is: no field of view, no look at the values.

    Parameters
    ----------
    path : path
        A file or a folder of slices.
    dataset : str, optional
        Which data set, where the file holds several.

    Returns
    -------
    Volume
        With three axes (z, y, x) and real numbers.

    Raises
    ------
    InputError
        When the file cannot be read or is no volume of numbers, with the reason.
    """
    path = Path(path)
    try:
        fmt = _recognise(path)
        if dataset is not None and fmt not in (hdf5.FORMAT, zarr_store.FORMAT):
            raise InputError(
                f"{path.name} is {fmt.name}, which holds no data sets to choose from; leave {dataset} out."
            )
        return check_volume(fmt.read(path, dataset), path.name)
    except InputError:
        raise
    except PermissionError as error:
        raise InputError(f"{path.name} may not be read by you; ask its owner for permission, or copy it.") from error
    except MemoryError as error:
        raise InputError(f"{path.name} does not fit into memory; save it uncompressed, or crop it.") from error
    except Exception as error:  # the libraries raise all sorts of errors on damaged files
        told = isinstance(error, (ValueError, ImportError, NotImplementedError)) and str(error)
        reason = f" ({str(error).splitlines()[0][:150]})" if told else ""
        raise InputError(f"{path.name} is cut off or damaged{reason}; copy or export it again.") from error


def can_read(path: str | Path) -> bool:
    """Tell quickly whether a file or folder is for us to open, without decoding it.

    True also for a damaged file of a known kind, since reading it says what is wrong; False for folders without
    slices, HDF5 files without an image, colour PNGs and everything else.
    """
    path = Path(path)
    try:
        if not path.is_dir() and path.suffix.lower() not in SUFFIXES:
            return False
        return _recognise(path).holds_image(path)
    except (InputError, OSError):
        return path.is_file()


def list_datasets(path: str | Path) -> list[str]:
    """List the data sets of a file that holds several (HDF5, zarr), to offer the choice; empty for other formats.

    Raises
    ------
    InputError
        When the file cannot be opened.
    """
    path = Path(path)
    try:
        return _recognise(path).list_datasets(path)
    except OSError as error:
        raise InputError(f"{path.name} cannot be opened; it may be damaged or not yours to read.") from error


def _recognise(path: Path) -> Format:
    """Tell a file's format by its first bytes."""
    if not path.exists():
        raise InputError(f"{path} does not exist; check the name.")
    head = b""
    if path.is_file():
        with path.open("rb") as stream:
            head = stream.read(64)
        if not head:
            raise InputError(f"{path.name} is empty (0 bytes); copy or export it again.")
    for fmt in FORMATS:
        if fmt.recognises(path, head):
            return fmt
    by_name = next((fmt.name for fmt in FORMATS if path.suffix.lower() in fmt.suffixes), None)
    if by_name:
        raise InputError(f"{path.name} is not {by_name}, in spite of its name; export it again.")
    known = "TIFF, HDF5 (.h5, .nx), NumPy (.npy), zarr, PNG, or a folder of TIFF or PNG slices"
    raise InputError(f"{path.name} is of no kind that can be opened; save it as {known}.")


def _without_gaps(data: Any, mask: Any, sample: Sample, name: str) -> tuple[Any, Any]:
    """Replace what is not a number (NaN, infinite), and put it outside the field of view.

    Of a volume that is not in memory, a few slices are looked at, and the rest is replaced as it is read; outside the
    field of view lies only what surrounds the picture in all of those.
    """
    if np.dtype(data.dtype).kind != "f":
        return data, mask
    small = data.dtype.itemsize * np.prod(data.shape, dtype=np.int64) <= EAGER_BYTES
    looked_at = [np.asarray(data)] if small else sample.slices
    if all(np.isfinite(part).all() for part in looked_at):
        return data, mask
    numbers = [part[np.isfinite(part)] for part in looked_at]
    if not any(part.size for part in numbers):
        raise InputError(f"{name} holds no numbers at all (every value is NaN or infinite); reconstruct it again.")
    fill = data.dtype.type(np.median(np.concatenate([part[:: max(1, part.size // 100_000)] for part in numbers])))
    if small:
        known = np.isfinite(looked_at[0])
        return np.where(known, looked_at[0], fill), known if mask is None else known & mask
    import dask.array

    from_array: Any = dask.array.from_array
    lazy = data if isinstance(data, dask.array.Array) else from_array(data, chunks=(1, *data.shape[1:]))
    return dask.array.where(dask.array.isfinite(lazy), lazy, fill), mask
