"""TIFF stacks: plain, ImageJ hyperstacks, OME-TIFF and BigTIFF, compressed or not."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tifffile

from napari_cathode.errors import InputError

from .base import Format, Volume, sizes
from .lazy import EAGER_BYTES, SliceSource, as_dask, contiguous
from .tiff_spacing import read_spacing

SUFFIXES = (".tif", ".tiff", ".btf", ".tf8")
_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MOST_CHANNELS = 4  # more are slices that a program declared as channels for want of an axis name
_AXIS_NAMES = {"T": "time", "C": "channel", "Z": "z", "Y": "y", "X": "x", "S": "colour", "R": "position", "H": "phase"}


@dataclass(frozen=True)
class _Page:
    """Where a page's directory lies; enough to decode it without walking through all before it."""

    path: str
    offset: int
    index: int


class PageSource(SliceSource):
    """Pages of a TIFF that have to be decoded one by one."""

    def __init__(self, pages: tuple[_Page, ...], shape: tuple[int, int, int], dtype: Any) -> None:
        super().__init__(shape, dtype)
        self.pages = pages

    def read_slice(self, z: int) -> npt.NDArray[Any]:
        """Decode page ``z``, shape (y, x)."""
        place = self.pages[z]
        try:
            with tifffile.TiffFile(place.path) as tif:
                tif.filehandle.seek(place.offset)
                values = tifffile.TiffPage(tif, place.index).asarray()
            return np.asarray(values, self.dtype).reshape(self.shape[1:])
        except (tifffile.TiffFileError, ValueError, RuntimeError) as error:
            name = Path(place.path).name
            raise InputError(f"Page {z + 1} of {name} cannot be decoded; copy or export the file again.") from error


@contextmanager
def watch_damage() -> Iterator[list[str]]:
    """Collect what tifffile says of damage, which it only logs, and keep its log off the screen."""
    said: list[str] = []
    logger = logging.getLogger("tifffile")

    def keep(record: logging.LogRecord) -> bool:
        text = record.getMessage()
        if record.levelno >= logging.ERROR and any(word in text for word in ("offset", "corrupted", "invalid")):
            said.append(text)
        return False

    logger.addFilter(keep)
    try:
        yield said
    finally:
        logger.removeFilter(keep)


def is_tiff(path: Path, head: bytes) -> bool:
    """Tell whether a file that begins with these bytes is a TIFF."""
    return head[:4] in _MAGIC


def _read(path: Path, dataset: str | None) -> Volume:
    with watch_damage() as said, tifffile.TiffFile(path) as tif:
        if not len(tif.pages):
            raise InputError(f"{path.name} holds no image; copy or export it again.")
        series = _choose_series(tif, path.name)
        refuse_colour(tif.pages.first, path.name)
        shape = _stack_shape(series, path.name)
        if said or not _is_complete(series):
            raise InputError(f"{path.name} is cut off or damaged; copy or export it again.")
        spacing = read_spacing(tif)
        writer = str(getattr(tif.pages.first, "software", "") or "")
        return Volume(_data(path, tif, series, shape), spacing, writer)


def _choose_series(tif: tifffile.TiffFile, name: str) -> Any:
    """Take the only image of a file, not minding a thumbnail beside it."""
    every = [series for series in tif.series if series.name not in ("label", "macro", "thumbnail")] or tif.series
    if len(every) == 1:
        return every[0]
    first = every[0]
    if tif.is_ome:
        names = ", ".join(series.name or f"image {i + 1}" for i, series in enumerate(every))
        raise InputError(f"{name} holds {len(every)} images ({names}); save the one you want as a file of its own.")
    pages = [page.aspage() for page in tif.pages]
    for number, page in enumerate(pages[1:], start=2):
        if (page.shape, page.dtype) != (pages[0].shape, pages[0].dtype):
            raise InputError(
                f"Page {number} of {name} is {sizes(page.shape)} {page.dtype}, but page 1 is "
                f"{sizes(pages[0].shape)} {pages[0].dtype}; all slices of a stack need the same size and type."
            )
    return first


def refuse_colour(page: Any, name: str) -> None:
    """Raise `InputError` for a page with more than one sample a pixel."""
    if page.samplesperpixel > 1 or page.photometric == tifffile.PHOTOMETRIC.RGB:
        raise InputError(f"{name} is a colour image; convert it to grey values (in Fiji: Image > Type > 8-bit).")


def _stack_shape(series: Any, name: str) -> tuple[int, ...]:
    """Give (z, y, x) or (y, x); an axis that is not said to be z may stand for z as long as it is the only one."""
    axes = [(letter, length) for letter, length in zip(series.axes, series.shape, strict=True) if length > 1]
    plane = [pair for pair in axes if pair[0] in "YX"]
    rest = [pair for pair in axes if pair[0] not in "YX"]
    height, width = (dict(zip(series.axes, series.shape, strict=True)).get(letter, 1) for letter in "YX")
    if len(rest) > 1:
        words = ", ".join(f"{_AXIS_NAMES.get(letter, 'an unnamed axis')} {length}" for letter, length in rest + plane)
        raise InputError(
            f"{name} has {len(axes)} axes ({words}); save one volume with the axes z, y, x "
            "(in Fiji: Image > Duplicate, for one time and one channel)."
        )
    if rest and rest[0][0] in "CS" and rest[0][1] <= _MOST_CHANNELS:
        raise InputError(f"{name} has {rest[0][1]} channels; save the one to analyse as a file of its own.")
    return (rest[0][1], height, width) if rest else (height, width)


def _is_complete(series: Any) -> bool:
    """Tell whether every page's values lie within its file."""
    if series.dataoffset is not None:
        return bool(series.dataoffset + series.nbytes <= series.keyframe.parent.filehandle.size)
    for page in series.pages:
        if page is None:
            return False
        size = page.parent.filehandle.size
        if any(start + count > size for start, count in zip(page.dataoffsets, page.databytecounts, strict=True)):
            return False
    return True


def _data(path: Path, tif: tifffile.TiffFile, series: Any, shape: tuple[int, ...]) -> Any:
    stack = shape if len(shape) == 3 else (1, *shape)
    page = series.keyframe
    own_file = all(p is None or p.parent is tif for p in series.pages)
    if series.dataoffset is not None and own_file and page.dtype.itemsize * 8 == page.bitspersample:
        stored = page.dtype.newbyteorder(tif.byteorder)
        return contiguous(path, stored, stack, series.dataoffset)
    if series.nbytes <= EAGER_BYTES or len(series.pages) != stack[0]:
        return np.asarray(series.asarray()).reshape(stack)
    places = tuple(_Page(str(p.parent.filehandle.path), int(p.offset), int(p.index)) for p in series.pages)
    source = PageSource(places, (stack[0], stack[1], stack[2]), page.dtype)
    return as_dask(source, path, (1, stack[1], stack[2]), "pages")


FORMAT = Format("a TIFF", SUFFIXES, is_tiff, _read)
