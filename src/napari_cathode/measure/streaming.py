"""Reading crops of arrays that do not fit into memory: each chunk of a file is decoded about once, and few are kept."""

from __future__ import annotations

import itertools
import math
import mmap
from collections import OrderedDict
from typing import Any

import numpy as np
import numpy.typing as npt

KEPT_BYTES = 2 * 10**9
"""Decoded chunks of labels and image that are kept: slices of 1324 × 1985 voxels (16-bit image) over 127 of depth."""
MAPPED_BYTES = 512 * 2**20
"""Pages of a memory-mapped file after which they are handed back to the system."""
_PAGES = 2**16
"""Bytes that the system maps around an address that is read."""

Box = tuple[slice, slice, slice]


def streamed(labels: Any, image: Any | None) -> tuple[Any, Any | None]:
    """Give something that reads boxes of labels and image with little memory; what is in memory stays as it is.

    Parameters
    ----------
    labels, image : array-like, shape (z, y, x)
        In memory, memory-mapped, or lazy; what tells its ``chunks`` (zarr, dask, HDF5) is decoded chunk by chunk.
    """
    readers = [_reader(array) for array in (labels, image)]
    chunked = [reader for reader in readers if isinstance(reader, ChunkReader)]
    for reader in chunked:  # so that both keep the same part of the volume
        reader.room = KEPT_BYTES * reader.dtype.itemsize // sum(other.dtype.itemsize for other in chunked)
    return readers[0], readers[1]


def _reader(array: Any) -> Any:
    if isinstance(array, np.ndarray):
        root = _root(array)
        return MappedReader(array, root) if root is not None else array
    chunk = chunk_shape(array)
    return array if chunk is None else ChunkReader(array, chunk)


def chunk_shape(array: Any) -> tuple[int, int, int] | None:
    """Give the shape of the chunks that an array is stored in, or None where it does not tell."""
    chunks = getattr(array, "shards", None) or getattr(array, "chunks", None)
    if not chunks or len(chunks) != 3:
        return None
    # dask tells the size of every chunk along an axis; the first is like the others, but for the last.
    z, y, x = (int(size[0] if isinstance(size, tuple) else size) for size in chunks)
    return z, y, x


class ChunkReader:
    """Reads boxes from an array that is stored in chunks, of which it keeps those that were used last.

    Parameters
    ----------
    array : array-like, shape (z, y, x)
    chunk : tuple of int
        Shape of the chunks, or of groups of them.

    Attributes
    ----------
    room : int
        Memory that decoded chunks may take, in bytes.
    """

    ndim = 3

    def __init__(self, array: Any, chunk: tuple[int, int, int]) -> None:
        self.array = array
        self.chunk = chunk
        self.shape = tuple(int(size) for size in array.shape)
        self.dtype = np.dtype(array.dtype)
        self.room = KEPT_BYTES
        self._kept: OrderedDict[tuple[int, ...], npt.NDArray[Any]] = OrderedDict()
        self._bytes = 0

    def __getitem__(self, box: Any) -> npt.NDArray[Any]:
        """Read a box, given as up to three slices."""
        box = box if isinstance(box, tuple) else (box,)
        whole = (*box, *(slice(None),) * (3 - len(box)))
        ranges = [where.indices(size)[:2] for where, size in zip(whole, self.shape, strict=True)]
        result = np.empty(tuple(stop - start for start, stop in ranges), self.dtype)
        if not result.size:
            return result
        places = [
            range(start // size, (stop - 1) // size + 1) for (start, stop), size in zip(ranges, self.chunk, strict=True)
        ]
        for place in itertools.product(*places):
            first = [at * size for at, size in zip(place, self.chunk, strict=True)]
            values = self._decoded(place, first)
            here, there = [], []
            for (start, stop), corner, length in zip(ranges, first, values.shape, strict=True):
                low, high = max(start, corner), min(stop, corner + length)
                here.append(slice(low - start, high - start))
                there.append(slice(low - corner, high - corner))
            result[tuple(here)] = values[tuple(there)]
        return result

    def _decoded(self, place: tuple[int, ...], first: list[int]) -> npt.NDArray[Any]:
        """Give a chunk, decoded; the one that was not used for the longest time makes room for it."""
        values = self._kept.get(place)
        if values is not None:
            self._kept.move_to_end(place)
            return values
        box = tuple(slice(at, at + size) for at, size in zip(first, self.chunk, strict=True))
        values = np.asarray(self.array[box], self.dtype)
        self._bytes += values.nbytes
        while self._kept and self._bytes > self.room:
            self._bytes -= self._kept.popitem(last=False)[1].nbytes
        self._kept[place] = values
        return values


class MappedReader:
    """Reads boxes from a memory-mapped file; its pages do not pile up in this process's memory.

    Parameters
    ----------
    array : ndarray, shape (z, y, x)
        Mapped, or a part of what is.
    root : memmap
        The map that it lies in, read-only.
    """

    ndim = 3

    def __init__(self, array: npt.NDArray[Any], root: Any) -> None:
        self.array = array
        self.shape = array.shape
        self.dtype = array.dtype
        self._root = root
        self._mapped = 0

    def __getitem__(self, box: Any) -> npt.NDArray[Any]:
        """Copy a part."""
        part = np.array(self.array[box], subok=False)
        runs = part.size // max(part.shape[-1], 1) if part.ndim else 1
        self._mapped += max(part.nbytes, runs * min(_PAGES, self.array.strides[0] or _PAGES))
        if self._mapped > MAPPED_BYTES:
            self._mapped = 0
            # The system keeps what it can of the file, but outside this process.
            self._root._mmap.madvise(mmap.MADV_DONTNEED)
        return part


def _root(array: npt.NDArray[Any]) -> Any | None:
    """Give the read-only map that an array lies in, where its pages can be handed back."""
    root: Any = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    mapped = isinstance(root, np.memmap) and root.mode == "r" and hasattr(mmap, "MADV_DONTNEED")
    return root if mapped and getattr(root, "_mmap", None) is not None else None


def reading_order(low: npt.NDArray[np.int64], shape: tuple[int, ...], arrays: tuple[Any, ...]) -> npt.NDArray[Any]:
    """Order boxes so that those in the same chunks follow each other.

    Parameters
    ----------
    low : ndarray of int64, shape (n, 3)
        First index (z, y, x) of each box.
    shape : tuple of int
        Voxels (z, y, x) of the volume.
    arrays : tuple
        Those that are read, as `streamed` gives them.

    Returns
    -------
    ndarray of int, shape (n,)
    """
    step = [1, *shape[1:]]  # from top to bottom, where nothing is in chunks
    chunks = [array.chunk for array in arrays if isinstance(array, ChunkReader)]
    if chunks:
        step = [max(sizes) for sizes in zip(*chunks, strict=True)]
    layer = low // [max(1, math.ceil(size)) for size in step]
    return np.lexsort((low[:, 0], layer[:, 2], layer[:, 1], layer[:, 0]))
