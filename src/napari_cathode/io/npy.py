"""NumPy ``.npy`` files; they state no voxel size."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from napari_cathode.errors import InputError

from .base import Format, Volume
from .lazy import contiguous

_MAGIC = b"\x93NUMPY"


def _recognises(path: Path, head: bytes) -> bool:
    return head.startswith(_MAGIC)


def _read(path: Path, dataset: str | None) -> Volume:
    with path.open("rb") as stream:
        version = np.lib.format.read_magic(stream)
        read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read_header(stream)
        offset = stream.tell()
    if dtype.hasobject:
        raise InputError(f"{path.name} holds Python objects, which are not opened; save it as an array of numbers.")
    if path.stat().st_size < offset + int(np.prod(shape, dtype=np.int64)) * dtype.itemsize:
        raise InputError(f"{path.name} is cut off: it is shorter than its header says; copy or export it again.")
    if len(shape) not in (2, 3) or min(shape) < 1 or dtype.kind not in "uif":
        return Volume(np.broadcast_to(np.zeros((), dtype), shape))  # to be refused for its type or axes
    if len(shape) == 2:
        order = "F" if fortran else "C"
        return Volume(np.array(np.memmap(path, dtype, "r", offset, shape, order)))  # type: ignore[call-overload]
    return Volume(contiguous(path, dtype, shape, offset, "F" if fortran else "C"))


FORMAT = Format("a NumPy array", (".npy",), _recognises, _read)
