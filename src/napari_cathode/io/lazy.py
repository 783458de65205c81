"""Arrays that lie in files: opened in no time, read where they are looked at, and light to hand to another process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

EAGER_BYTES = 128 * 2**20
"""Up to this size a compressed or byte-swapped file is read at once, since memory is faster than anything lazy."""

MAP_BYTES = 32 * 2**20
"""Above this size a file that can be memory-mapped is."""


class MappedArray(np.memmap):
    """A read-only memory-map that is pickled as its place in the file instead of as its values."""

    def __reduce__(self) -> Any:
        """Say where the values lie, if they are an unchanged contiguous part of the file, else give the values."""
        root: Any = self
        while isinstance(root.base, np.ndarray):
            root = root.base
        order = "C" if self.flags.c_contiguous else "F" if self.flags.f_contiguous else ""
        if not isinstance(root, MappedArray) or root.filename is None or not order:
            return np.asarray(self).__reduce__()
        start = self.__array_interface__["data"][0] - root.__array_interface__["data"][0] + root.offset
        return map_file, (str(root.filename), self.dtype.str, self.shape, int(start), order)


def map_file(path: str | Path, dtype: Any, shape: tuple[int, ...], offset: int, order: str = "C") -> MappedArray:
    """Memory-map a part of a file, read-only.

    Parameters
    ----------
    path : path
        The file.
    dtype : dtype
        Type of its values.
    shape : tuple of int
        Shape of the array.
    offset : int
        Where it starts, in bytes.
    order : {"C", "F"}
        Whether the last axis or the first runs fastest.
    """
    return MappedArray(path, dtype=np.dtype(dtype), mode="r", offset=offset, shape=shape, order=order)  # type: ignore[call-overload, no-any-return]


class SliceSource:
    """Slices that are read one by one; what dask takes its chunks from.

    Nothing is kept open between two reads, so that it can be pickled, read from several threads, and its files
    can be moved and deleted on Windows. A subclass says how one slice is read.

    Parameters
    ----------
    shape : tuple of int
        (z, y, x).
    dtype : dtype
        Of the values that `read_slice` gives.
    """

    ndim = 3

    def __init__(self, shape: tuple[int, int, int], dtype: Any) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype).newbyteorder("=")

    def read_slice(self, z: int) -> npt.NDArray[Any]:
        """Read slice ``z``, shape (y, x)."""
        raise NotImplementedError

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:
        """Read a region; the first index is a slice or a number, and so are the others."""
        index = index if isinstance(index, tuple) else (index,)
        first, rest = (index[0], tuple(index[1:])) if index else (slice(None), ())
        if isinstance(first, (int, np.integer)):
            return self.read_slice(range(self.shape[0])[int(first)])[rest]
        chosen = range(self.shape[0])[first]
        if len(chosen) == 1:
            return self.read_slice(chosen[0])[np.newaxis][(slice(None), *rest)]
        out = np.empty((len(chosen), *self.shape[1:]), self.dtype)
        for row, z in enumerate(chosen):
            out[row] = self.read_slice(z)
        return out[(slice(None), *rest)]


class SwappedSource(SliceSource):
    """Slices of a contiguous file whose byte order is not the machine's (ImageJ writes big-endian)."""

    def __init__(self, path: str | Path, dtype: Any, shape: tuple[int, int, int], offset: int) -> None:
        super().__init__(shape, dtype)
        self.path = str(path)
        self.offset = offset
        self.stored = np.dtype(dtype)

    def read_slice(self, z: int) -> npt.NDArray[Any]:
        """Read slice ``z``, shape (y, x), in the machine's byte order."""
        count = self.shape[1] * self.shape[2]
        start = self.offset + z * count * self.stored.itemsize
        stored = np.fromfile(self.path, self.stored, count, offset=start)
        return stored.reshape(self.shape[1:]).astype(self.dtype)


def as_dask(source: Any, path: str | Path, chunks: tuple[int, int, int], *what: Any) -> Any:
    """Wrap a source into a dask array.

    Parameters
    ----------
    source : object
        With ``shape``, ``dtype``, ``ndim`` and slicing; picklable.
    path : path
        The file, whose time of change is a part of the array's identity.
    chunks : tuple of int
        Shape of a chunk.
    *what : object
        Whatever else tells this array from others of the same file.

    Returns
    -------
    dask.array.Array
    """
    import dask.array
    from dask.base import tokenize

    token = tokenize(str(path), os.stat(path).st_mtime_ns, source.shape, str(source.dtype), *what)
    from_array: Any = dask.array.from_array
    return from_array(source, chunks=chunks, name=f"tomogram-{token}", meta=np.empty((0, 0, 0), source.dtype))


def contiguous(path: Path, dtype: Any, shape: tuple[int, ...], offset: int, order: str = "C") -> Any:
    """Give an array that lies uncompressed in a file: in memory, memory-mapped or by slices, by its size.

    Parameters
    ----------
    path : Path
        The file.
    dtype : dtype
        Type of the values as stored, with their byte order.
    shape : tuple of int
        (z, y, x).
    offset : int
        Where the values start, in bytes.
    order : {"C", "F"}
        Whether the last axis or the first runs fastest.

    Returns
    -------
    array-like
        Always in the machine's byte order.
    """
    stored = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * stored.itemsize
    if stored.isnative and size > MAP_BYTES:
        return map_file(path, stored, shape, offset, order)
    if size > EAGER_BYTES and order == "C":
        z, y, x = shape
        return as_dask(SwappedSource(path, stored, (z, y, x), offset), path, (1, y, x), offset)
    mapped = map_file(path, stored, shape, offset, order)
    return np.ascontiguousarray(np.asarray(mapped), dtype=stored.newbyteorder("=")).copy()
