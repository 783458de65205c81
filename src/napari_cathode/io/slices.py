"""Folders of slices (TIFF or PNG), and single PNG slices. Slices stand in natural order: 2 before 10."""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_cathode.errors import InputError
from napari_cathode.tomogram import Spacing

from .base import Format, Volume, sizes
from .lazy import SliceSource, as_dask
from .tiff import SUFFIXES as TIFF_SUFFIXES
from .tiff import is_tiff, refuse_colour, watch_damage
from .tiff_spacing import read_spacing

_PNG_MAGIC = b"\x89PNG\r\n\x1a\n"
_PNG_END = b"IEND\xaeB`\x82"

Header = tuple[tuple[int, int], str]
"""Shape (y, x) and type of a slice."""


class FileSource(SliceSource):
    """Slices that are a file each."""

    def __init__(self, folder: Path, names: Sequence[str], header: Header) -> None:
        super().__init__((len(names), *header[0]), header[1])
        self.folder = str(folder)
        self.names = tuple(names)

    def read_slice(self, z: int) -> npt.NDArray[Any]:
        """Decode file ``z``, shape (y, x)."""
        path = Path(self.folder, self.names[z])
        try:
            values = _decode(path)
        except InputError:
            raise
        except Exception as error:  # decoders raise all sorts of errors
            raise InputError(f"{path.name} in {path.parent.name} cannot be decoded; export it again.") from error
        if values.shape != self.shape[1:]:
            raise InputError(f"{path.name} in {path.parent.name} has changed since the folder was opened.")
        return np.asarray(values, self.dtype)


def _decode(path: Path) -> npt.NDArray[Any]:
    if path.suffix.lower() == ".png":
        import imagecodecs

        values: npt.NDArray[Any] = imagecodecs.png_decode(path.read_bytes())
        return values
    with tifffile.TiffFile(path) as tif:
        return np.asarray(tif.pages.first.asarray()).squeeze()


def _names(folder: Path) -> list[str]:
    """List the slices: the visible TIFF files, or the PNG files if there are more of them."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_file()]
    tiffs = [name for name in names if name.lower().endswith(TIFF_SUFFIXES)]
    pngs = [name for name in names if name.lower().endswith(".png")]
    return list(tifffile.natural_sorted(pngs if len(pngs) > len(tiffs) else tiffs))


def _png_header(path: Path) -> Header:
    """Read size and type from the first chunk of a PNG (its specification, section 11.2.2)."""
    with path.open("rb") as stream:
        head = stream.read(33)
        stream.seek(max(0, path.stat().st_size - len(_PNG_END)))
        end = stream.read()
    if len(head) < 33 or not head.startswith(_PNG_MAGIC):
        raise InputError(f"{path.name} is not a PNG image, in spite of its name.")
    if end != _PNG_END:
        raise InputError(f"{path.name} is cut off; copy or export it again.")
    width, height, bits, colour = struct.unpack(">IIBB", head[16:26])
    if colour != 0:
        raise InputError(f"{path.name} is a colour image; convert it to grey values (in Fiji: Image > Type > 8-bit).")
    return (height, width), "uint16" if bits == 16 else "bool" if bits == 1 else "uint8"


def _tiff_header(path: Path) -> Header:
    with path.open("rb") as stream:
        head = stream.read(4)
    if not is_tiff(path, head):
        raise InputError(f"{path.name} is not a TIFF image, in spite of its name.")
    with watch_damage(), tifffile.TiffFile(path) as tif:
        page = tif.pages.first
        refuse_colour(page, path.name)
        ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=True)]
        if not ends or max(ends) > tif.filehandle.size:
            raise InputError(f"{path.name} is cut off; copy or export it again.")
        return (int(page.imagelength), int(page.imagewidth)), str(page.dtype)


def _header(path: Path) -> Header:
    if not path.stat().st_size:
        raise InputError(f"{path.name} in {path.parent.name} is empty (0 bytes); copy or export it again.")
    try:
        return _png_header(path) if path.suffix.lower() == ".png" else _tiff_header(path)
    except (InputError, OSError):
        raise
    except Exception as error:  # tifffile raises all sorts of errors on damaged files
        raise InputError(f"{path.name} in {path.parent.name} is damaged; copy or export it again.") from error


def _first_page(path: Path, name: str) -> tuple[Spacing | None, str]:
    """Give voxel size and program of a TIFF slice; a stack is no slice."""
    if path.suffix.lower() == ".png":
        return None, ""
    with watch_damage(), tifffile.TiffFile(path) as tif:
        if len(tif.pages) > 1:
            raise InputError(f"{path.name} in {name} is a stack of {len(tif.pages)} slices; open that file instead.")
        return read_spacing(tif), str(getattr(tif.pages.first, "software", "") or "")


def _read(path: Path, dataset: str | None) -> Volume:
    if path.is_file():
        header = _png_header(path)
        return Volume(FileSource(path.parent, [path.name], header)[:])
    names = _names(path)
    if not names:
        raise InputError(f"The folder {path.name} holds no TIFF or PNG slices; choose the folder of the slices.")
    headers = [_header(path / name) for name in names]
    usual = Counter(headers).most_common(1)[0][0]
    for name, header in zip(names, headers, strict=True):
        if header != usual:
            raise InputError(
                f"{name} in {path.name} is {sizes(header[0])} {header[1]}, but most slices are {sizes(usual[0])} "
                f"{usual[1]}; all slices need the same size and type."
            )
    spacing, writer = _first_page(path / names[0], path.name)
    source = FileSource(path, names, usual)
    return Volume(as_dask(source, path, (1, *usual[0]), tuple(names)), spacing, writer)


def _recognises(path: Path, head: bytes) -> bool:
    return path.is_dir() or head.startswith(_PNG_MAGIC)


def _holds_image(path: Path) -> bool:
    if path.is_dir():
        return bool(_names(path))
    try:
        _png_header(path)
    except InputError:
        return False
    return True


FORMAT = Format("a PNG slice", (".png",), _recognises, _read, _holds_image)
