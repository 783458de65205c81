"""The files of a project beside its manifest: labels and grey values as zarr, tables as Parquet.

Each is written once under a name of its own and never changed afterwards; what the manifest does not name is no part of
the project.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.errors import InputError
from napari_cathode.io import read_labels as read_label_file
from napari_cathode.io.tables import read_table
from napari_cathode.progress import Progress, Steps
from napari_cathode.tomogram import Spacing, Tomogram

_CHUNK = (64, 256, 256)  # of one or two dimensions: the last ones
_TRIES = 3
_LAZY_BYTES = 2**28
_COMPRESSION_LEVEL = 1


# ---- arrays ------------------------------------------------------------------------------------------


def iter_write_labels(path: Path, labels: Any, spacing_um: Spacing | None, revision: Callable[[], int]) -> Steps[int]:
    """Write labels (z, y, x) as a zarr array that may be edited meanwhile; gives the revision that was written.

    Where an edit came in between they are written once more; should that go on, the last state may hold a part of the
    edit that was being made, and its revision says that it is not the newest.
    """
    attributes = {"axes": "zyx", "spacing_um": None if spacing_um is None else list(spacing_um)}
    array = _create(path, labels.shape, np.dtype(np.int32), attributes)
    for _ in range(_TRIES):
        written = revision()
        yield from _iter_fill(array, labels, "Saving labels")
        if revision() == written:
            break
    return written


def iter_write_grey(path: Path, tomogram: Tomogram) -> Steps[None]:
    """Write a tomogram as a zarr group of ``grey`` and, where there is one, ``field_of_view``."""
    import zarr

    spacing = tomogram.spacing_um
    attributes: dict[str, Any] = {"axes": "zyx", "spacing_um": None if spacing is None else list(spacing)}
    zarr.open_group(path, mode="w-", attributes=attributes)
    grey = _create(path / "grey", tomogram.shape, np.dtype(tomogram.data.dtype), attributes)
    yield from _iter_fill(grey, tomogram.data, f"Saving {tomogram.name}")
    if tomogram.field_of_view is not None:
        seen = np.asarray(tomogram.field_of_view, np.uint8)
        _create(path / "field_of_view", seen.shape, seen.dtype, {})[...] = seen


def iter_write_array(path: Path, values: Any, kind: np.dtype[Any], what: str) -> Steps[None]:
    """Write an array that nobody changes as a zarr array."""
    array = _create(path, values.shape, kind, {"axes": "zyx"[-len(values.shape) :]})
    yield from _iter_fill(array, values, what)


def _create(path: Path, shape: tuple[int, ...], dtype: np.dtype[Any], attributes: dict[str, Any]) -> Any:
    import zarr
    from zarr.codecs import ZstdCodec

    chunks = tuple(max(1, min(chunk, int(size))) for chunk, size in zip(_CHUNK[-len(shape) :], shape, strict=True))
    return zarr.create_array(
        path,
        shape=tuple(int(size) for size in shape),
        chunks=chunks,
        dtype=dtype,
        compressors=[ZstdCodec(level=_COMPRESSION_LEVEL, checksum=True)],
        attributes=attributes,
        config={"write_empty_chunks": True},  # so that a chunk that is missing is known to be lost
    )


def _iter_fill(array: Any, values: Any, what: str) -> Steps[None]:
    depth = array.chunks[0]
    for first in range(0, array.shape[0], depth):
        yield Progress(first, array.shape[0], what)
        array[first : first + depth] = np.asarray(values[first : first + depth], array.dtype)


def read_labels(path: Path) -> npt.NDArray[np.int32]:
    """Read labels (z, y, x) from a zarr array or a label file.

    Raises
    ------
    InputError
        When they are missing or damaged.
    """
    if path.suffix != ".zarr":
        return read_label_file(path)[0]
    values = read_values(path)
    if values.ndim != 3 or values.dtype.kind not in "iu":
        raise InputError(f"{path} holds no labels; it was replaced by something else.")
    return np.ascontiguousarray(values, np.int32)


def read_grey(path: Path) -> tuple[Any, npt.NDArray[np.bool_] | None]:
    """Open grey values (z, y, x), in memory where they are small, and their field of view.

    Raises
    ------
    InputError
        When they are missing or damaged.
    """
    grey, seen = open_values(path / "grey"), path / "field_of_view"
    return grey, read_values(seen).astype(bool) if seen.exists() else None


def open_values(path: Path) -> Any:
    """Open an array, in memory where it is small.

    Raises
    ------
    InputError
        When it is missing or damaged.
    """
    array = _open(path)
    size = int(np.prod(array.shape, dtype=np.int64)) * array.dtype.itemsize
    return array if size > _LAZY_BYTES else read_values(path)


def read_values(path: Path) -> npt.NDArray[Any]:
    """Read an array.

    Raises
    ------
    InputError
        When it is missing or damaged.
    """
    array = _open(path)
    try:
        return np.asarray(array[...])
    except Exception as error:  # whatever a damaged chunk raises
        raise InputError(f"{path} is damaged and cannot be read ({_reason(error)}).") from None


def _open(path: Path) -> Any:
    import zarr

    if not path.is_dir():
        raise InputError(f"{path} is missing.")
    try:
        array = zarr.open_array(path, mode="r")
        whole = array.nchunks_initialized == array.nchunks
    except Exception as error:
        raise InputError(f"{path} is damaged and cannot be read ({_reason(error)}).") from None
    if not whole:
        raise InputError(f"{path} is damaged: {array.nchunks - array.nchunks_initialized} of its chunks are missing.")
    return array


# ---- tables ------------------------------------------------------------------------------------------


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as Parquet; columns that hold things of several kinds become text."""
    table = table.set_axis(table.columns.map(str), axis=1).reset_index(drop=True)
    table.attrs = {}
    for name in table.columns:
        if not pd.api.types.is_object_dtype(table[name]):
            continue
        if pd.api.types.infer_dtype(table[name], skipna=True) not in ("string", "boolean", "empty"):
            table[name] = table[name].map(str)
    table.to_parquet(path, index=False, engine="pyarrow", compression="zstd")


def read_parquet(path: Path) -> pd.DataFrame:
    """Read a table.

    Raises
    ------
    InputError
        When it is missing or damaged.
    """
    try:
        return pd.read_parquet(path, engine="pyarrow")
    except FileNotFoundError:
        raise InputError(f"{path} is missing.") from None
    except Exception as error:  # whatever pyarrow makes of damaged bytes
        raise InputError(f"{path} is damaged and cannot be read ({_reason(error)}).") from None


def read_csv(path: Path) -> pd.DataFrame:
    """Read a table that has no labels of its own.

    Raises
    ------
    InputError
        When it is missing or damaged.
    """
    try:
        return pd.read_csv(path)
    except FileNotFoundError:
        raise InputError(f"{path} is missing.") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged and cannot be read ({_reason(error)}).") from None


def read_features(path: Path, dtypes: dict[str, str]) -> pd.DataFrame:
    """Read a feature table from Parquet, or from CSV with the types that its columns had.

    Raises
    ------
    InputError
        When it is missing or damaged.
    """
    if path.suffix == ".parquet":
        return read_parquet(path)
    table = read_table(path)
    for name, dtype in dtypes.items():
        if name in table.columns and str(table[name].dtype) != dtype:
            try:
                table[name] = table[name].astype(np.dtype(dtype) if dtype != "str" else "str")
            except (TypeError, ValueError):
                continue  # somebody changed the file; it is shown as it is
    return table


# ---- what is the same --------------------------------------------------------------------------------


def digest(path: Path) -> str:
    """Give a fingerprint (SHA-256) of a file, or of the names and contents of a folder's files."""
    if path.is_dir():
        inner = [f"{name.name} {digest(name)}" for name in sorted(path.iterdir())]
        return hashlib.sha256("\n".join(inner).encode()).hexdigest()
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def fingerprint(tomogram: Tomogram) -> str:
    """Give a fingerprint of a tomogram: of its first, middle and last slice, since all of it may be large."""
    found = hashlib.sha256(repr((tomogram.shape, str(tomogram.data.dtype))).encode())
    for place in sorted({0, tomogram.shape[0] // 2, tomogram.shape[0] - 1}):
        found.update(np.ascontiguousarray(tomogram.data[place]).tobytes())
    return found.hexdigest()


def _reason(error: Exception) -> str:
    return (str(error).splitlines() or [""])[0][:120] or type(error).__name__
