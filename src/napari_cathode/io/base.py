"""What every file format gives, and what every tomogram has to be, whatever the format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_cathode.errors import InputError
from napari_cathode.tomogram import Spacing


@dataclass(frozen=True)
class Volume:
    """What a file holds, as it stands there.

    Attributes
    ----------
    data : array-like
        Values with the axes (z, y, x), or (y, x) for one slice.
    spacing_um : tuple of float or None
        Voxel edge lengths (z, y, x) in µm, where the file states them.
    writer : str
        The program that wrote it, "" where it does not say.
    """

    data: Any
    spacing_um: Spacing | None = None
    writer: str = ""


def _always(path: Path) -> bool:
    return True


def _none(path: Path) -> list[str]:
    return []


@dataclass(frozen=True)
class Format:
    """One file format.

    Attributes
    ----------
    name : str
        As people call it.
    suffixes : tuple of str
        Of its files, lower case, with the dot; empty for folders.
    recognises : callable
        ``(path, head) -> bool``: whether a file that begins with these bytes (or a folder, with ``b""``) is one.
    read : callable
        ``(path, dataset) -> Volume``, lazily where large.
    holds_image : callable
        ``(path) -> bool``: whether there is something to open; fast, decodes nothing.
    list_datasets : callable
        ``(path) -> list of str``: the data sets to choose from, where a file may hold several.
    """

    name: str
    suffixes: tuple[str, ...]
    recognises: Callable[[Path, bytes], bool]
    read: Callable[[Path, str | None], Volume]
    holds_image: Callable[[Path], bool] = _always
    list_datasets: Callable[[Path], list[str]] = _none


def sizes(shape: tuple[int, ...]) -> str:
    """Write a shape as people do."""
    return " × ".join(str(length) for length in shape)


def check_volume(volume: Volume, name: str) -> Volume:
    """Make three axes and a usable type of what a file holds, or say why that cannot be.

    Parameters
    ----------
    volume : Volume
        As read.
    name : str
        What to call the file.

    Returns
    -------
    Volume
        With three axes, real numbers in the machine's byte order, float16 widened to float32.

    Raises
    ------
    InputError
        For other axes, true/false, complex or non-numeric values, and images without pixels to speak of.
    """
    data = volume.data
    dtype = np.dtype(data.dtype)
    if dtype.kind == "c":
        raise InputError(f"{name} holds complex numbers; save their magnitude or phase as grey values.")
    if dtype.kind == "b":
        raise InputError(
            f"{name} holds true/false values (a mask), neither grey values nor one number a particle; open the "
            "tomogram itself, or labels."
        )
    if dtype.kind not in "uif":
        raise InputError(f"{name} holds values of type {dtype}, not grey values; save it as an array of numbers.")
    if data.ndim not in (2, 3):
        axes = "1 axis" if data.ndim == 1 else f"{data.ndim} axes"
        raise InputError(
            f"{name} has {axes} ({sizes(data.shape)}); save one volume with the axes z, y, x, or one slice."
        )
    if data.ndim == 3 and data.shape[-1] in (3, 4) and dtype == np.uint8:
        raise InputError(f"{name} looks like a colour image ({sizes(data.shape)}); convert it to grey values.")
    if min(data.shape) < 1 or min(data.shape[-2:]) < 2:
        raise InputError(f"{name} has {sizes(data.shape)} voxels; a slice needs at least 2 × 2 of them.")
    if dtype == np.float16:
        data = data.astype(np.float32)
    elif not dtype.isnative:
        data = data.astype(dtype.newbyteorder("="))
    if data.ndim == 2:
        data = data[np.newaxis]
    return Volume(data, volume.spacing_um, volume.writer)
