"""Label images as files: TIFF that Fiji opens with its voxel size, and NumPy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_cathode import __version__
from napari_cathode.errors import InputError
from napari_cathode.tomogram import Spacing, check_spacing

from .atomic import replacing
from .registry import open_volume

WRITER = "napari-cathode labels"
"""How a label TIFF says what it is, in its Software tag."""

LABEL_SUFFIXES = (".tif", ".tiff", ".npy")
_IMAGEJ_BYTES = 2**32 - 2**25  # an ImageJ TIFF has 32-bit offsets; some room is left for its directories


def write_labels(path: str | Path, labels: npt.NDArray[Any], spacing_um: Spacing | None) -> None:
    """Write a label image.

    Parameters
    ----------
    path : path
        ``.tif`` or ``.tiff`` for Fiji and everything else, ``.npy`` (int32, states no voxel size) for NumPy.
    labels : ndarray of int, shape (z, y, x) or (y, x)
        0 is background.
    spacing_um : tuple of float or None
        Voxel edge lengths (z, y, x) in µm; None writes voxels.

    Raises
    ------
    InputError
        For another suffix, an array that holds no labels, or a place that cannot be written to.

    Notes
    -----
    ImageJ's TIFF has no 32-bit integers. Up to label 65,535 it is uint16; up to 2²⁴, below which a float32 holds
    every whole number, float32; above that, and above 4 GB, the file is an int32 OME-TIFF, which Fiji opens too.
    """
    path = Path(path)
    if path.suffix.lower() not in LABEL_SUFFIXES:
        raise InputError(f"Labels cannot be written to {path.name}; use a name that ends in .tif or .npy.")
    volume = _as_labels(np.asarray(labels), "The label image")
    if spacing_um is not None:
        spacing_um = check_spacing(spacing_um, path.name)
    with replacing(path) as part:
        if path.suffix.lower() == ".npy":
            np.save(part, volume, allow_pickle=False)
        else:
            _write_tiff(part, volume, spacing_um)


def _write_tiff(path: Path, labels: npt.NDArray[np.int32], spacing_um: Spacing | None) -> None:
    highest = int(labels.max(initial=0))
    common: dict[str, Any] = {"compression": "zlib", "software": f"{WRITER} {__version__}", "photometric": "minisblack"}
    dtype = np.uint16 if highest < 2**16 else np.float32
    if highest > 2**24 or labels.size * np.dtype(dtype).itemsize > _IMAGEJ_BYTES:
        sizes: dict[str, Any] = {}
        for axis, length in zip("ZYX", spacing_um or (), strict=False):
            sizes |= {f"PhysicalSize{axis}": length, f"PhysicalSize{axis}Unit": "µm"}
        tifffile.imwrite(path, labels, ome=True, metadata={"axes": "ZYX", **sizes}, bigtiff=True, **common)
        return
    metadata: dict[str, Any] = {"axes": "ZYX", "mode": "grayscale", "min": 0.0, "max": float(max(1, highest))}
    if spacing_um is not None:
        z, y, x = spacing_um
        metadata |= {"spacing": z, "unit": "um"}
        common["resolution"] = (1 / x, 1 / y)
    # Slice by slice: a large volume may lie in a file itself.
    planes = (plane.astype(dtype) for plane in labels)
    tifffile.imwrite(path, planes, shape=labels.shape, dtype=dtype, imagej=True, metadata=metadata, **common)


def read_labels(path: str | Path) -> tuple[npt.NDArray[np.int32], Spacing | None]:
    """Read a label image, of any format that `read` opens.

    Parameters
    ----------
    path : path
        The file. Floats are fine as long as they are whole numbers.

    Returns
    -------
    labels : ndarray of int32, shape (z, y, x)
        0 is background.
    spacing_um : tuple of float or None
        Voxel edge lengths in µm, where the file states them.

    Raises
    ------
    InputError
        When it cannot be read or holds no labels.
    """
    path = Path(path)
    volume = open_volume(path)
    return _as_labels(np.asarray(volume.data), path.name), volume.spacing_um


def open_labels(path: str | Path, dataset: str | None = None) -> tuple[Any, Spacing | None]:
    """Open a label image without reading it, where it is large.

    Parameters
    ----------
    path : path
        The file, or a folder (zarr, slices).
    dataset : str, optional
        Which data set, where the file holds several.

    Returns
    -------
    labels : array-like of integers, shape (z, y, x)
        In memory as int32 where it is small, else memory-mapped or lazy; whole numbers that are stored as floats are
        checked as they are read.
    spacing_um : tuple of float or None
        Voxel edge lengths in µm, where the file states them.

    Raises
    ------
    InputError
        When it cannot be read or holds no labels; reading a lazy one may raise it, too.
    """
    path = Path(path)
    volume = open_volume(path, dataset)
    data = volume.data
    if isinstance(data, np.ndarray) and not isinstance(data, np.memmap):
        return _as_labels(data, path.name), volume.spacing_um
    if np.dtype(data.dtype).kind not in "uif":
        raise InputError(f"{path.name} holds values of type {data.dtype}; a label image holds whole numbers.")
    return LazyLabels(data, path.name) if np.dtype(data.dtype).kind == "f" else data, volume.spacing_um


class LazyLabels:
    """A label image that is stored as floats, read as int32.

    Parameters
    ----------
    data : array-like, shape (z, y, x)
    name : str
        What to call it.
    """

    ndim = 3
    dtype = np.dtype(np.int32)

    def __init__(self, data: Any, name: str) -> None:
        self.data = data
        self.name = name
        self.shape = tuple(int(size) for size in data.shape)
        self.chunks = getattr(data, "chunks", None)

    def __getitem__(self, box: Any) -> npt.NDArray[np.int32]:
        """Read a box, given as slices."""
        return _as_labels(np.asarray(self.data[box]), self.name)


def is_labels(path: str | Path) -> bool:
    """Tell whether a file is a label TIFF written by `write_labels`, without decoding it."""
    try:
        with tifffile.TiffFile(path) as tif:
            return str(getattr(tif.pages.first, "software", "")).startswith(WRITER)
    except Exception:  # tifffile raises all sorts of errors on what is no TIFF
        return False


def _as_labels(values: npt.NDArray[Any], name: str) -> npt.NDArray[np.int32]:
    if values.ndim == 2:
        values = values[np.newaxis]
    if values.ndim != 3:
        raise InputError(f"{name} has {values.ndim} axes; labels have three (z, y, x) or two.")
    if values.dtype == np.int32 or values.size == 0:
        whole = values
    elif values.dtype.kind == "f":
        if not (np.isfinite(values).all() and (values == np.rint(values)).all()):
            raise InputError(f"{name} holds values that are no whole numbers; a label image has one number a particle.")
        whole = values
    elif values.dtype.kind in "uib":
        whole = values
    else:
        raise InputError(f"{name} holds values of type {values.dtype}; a label image holds whole numbers.")
    if whole.size and (whole.min() < 0 or whole.max() > np.iinfo(np.int32).max):
        raise InputError(f"{name} holds labels from {whole.min()} to {whole.max()}; they must be from 0 to 2147483647.")
    return np.ascontiguousarray(whole, dtype=np.int32)
