"""Where the grey values of a project lie: in the file that they came from, or as a copy of its own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from napari_cathode import io
from napari_cathode.errors import InputError
from napari_cathode.tomogram import Tomogram

from .parts import fingerprint, read_grey


def find_place(tomogram: Tomogram, folder: Path) -> dict[str, Any]:
    """Say what a manifest says of a tomogram: its file, if reading that again gives the same, and what it is like.

    Without "file" a copy has to be written: the values were made in memory, changed, or read by another program.
    """
    made: dict[str, Any] = {
        "shape": list(tomogram.shape),
        "dtype": str(tomogram.data.dtype),
        "fingerprint": fingerprint(tomogram),
    }
    source = Path(os.path.abspath(tomogram.source)) if tomogram.source else None
    if source is None or not source.exists() or _ships_with_us(source):
        return made
    try:
        again = io.read(source, dataset=tomogram.dataset, field_of_view=False)
    except InputError:
        return made
    if again.shape != tomogram.shape or fingerprint(again) != made["fingerprint"]:
        return made
    return {"file": _relative(source, folder), "absolute": str(source), "dataset": tomogram.dataset, **made}


def open_tomogram(entry: Mapping[str, Any], folder: Path) -> tuple[Tomogram, str]:
    """Open a tomogram that a manifest names.

    Returns
    -------
    tomogram : Tomogram
        Lazy where it is large.
    note : str
        What is to be said of it, "" for nothing.

    Raises
    ------
    InputError
        When it is missing or another one.
    """
    spacing = entry["spacing_um"] if entry["spacing_um"] is None else tuple(entry["spacing_um"])
    name = str(entry["name"])
    if "path" in entry:
        data, seen = read_grey(folder / entry["path"])
        return Tomogram(data, spacing, name, "", seen), ""
    path = next((path for path in _candidates(entry, folder) if path.exists()), None)
    if path is None:
        expected = next(iter(_candidates(entry, folder)))
        raise InputError(
            f"The tomogram {name} is not at {expected}; put it there, or show where it is. Labels and tables are "
            "complete without it."
        )
    found = io.read(path, dataset=entry.get("dataset"), spacing_um=spacing)
    if list(found.shape) != list(entry["shape"]):
        shape = " × ".join(map(str, found.shape))
        expected_shape = " × ".join(map(str, entry["shape"]))
        raise InputError(
            f"{path} has {shape} voxels, but the particles were found in {expected_shape}; show where the right "
            "tomogram is."
        )
    changed = fingerprint(found) != entry.get("fingerprint")
    note = f"{path} was changed since the project was saved; its grey values may not fit the particles." * changed
    tomogram = Tomogram(found.data, spacing, name, found.source, found.field_of_view, dataset=entry.get("dataset"))
    return tomogram, note


def locate(entry: Mapping[str, Any], path: str | os.PathLike[str], folder: Path) -> dict[str, Any]:
    """Give a tomogram's entry with another file."""
    there = Path(os.path.abspath(path))
    return {**entry, "file": _relative(there, folder), "absolute": str(there)}


def moved(entry: Mapping[str, Any], former: Path, folder: Path) -> dict[str, Any]:
    """Give a tomogram's entry for another folder."""
    if entry.get("file") is None:
        return dict(entry)
    return {**entry, "file": _relative(Path(os.path.normpath(former / entry["file"])), folder)}


def same_data(one: Any, other: Any) -> bool:
    """Whether two arrays are the same memory, or the same lazy array, without looking at what they hold."""
    if one is other:
        return True
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        same = one.shape == other.shape and one.dtype == other.dtype and one.strides == other.strides
        return bool(same and one.ctypes.data == other.ctypes.data)
    return hasattr(one, "dask") and hasattr(other, "dask") and one.name == other.name


def _candidates(entry: Mapping[str, Any], folder: Path) -> list[Path]:
    """Give the places where a file may be: beside the project as when it was saved, or exactly where it was."""
    relative, absolute = entry.get("file"), entry.get("absolute")
    found = [] if relative is None else [Path(os.path.normpath(folder / relative))]
    return found + ([] if absolute is None else [Path(absolute)])


def _relative(path: Path, folder: Path) -> str | None:
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return None


def _ships_with_us(path: Path) -> bool:
    """Whether a file belongs to the program: another computer has it elsewhere."""
    return Path(io.__file__).resolve().parents[1] in path.resolve().parents
