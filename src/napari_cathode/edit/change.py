"""One change of a label array: which voxels, and what they were and became, in few bytes."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.boxes import Box
from napari_cathode.errors import InputError

_LEVEL = 1  # labels are so uniform that more effort gains little


@dataclass(frozen=True, eq=False)
class Change:
    """Voxels of a label array that get other values.

    Attributes
    ----------
    kind : str
        What was done, in a word or two ("merge").
    labels : tuple of int
        The particles that lose or get voxels, ascending.
    box : tuple of slice
        The smallest box (z, y, x) around what changes.
    voxels : int
        How many voxels change.
    details : dict
        Parameters, for the log.
    time : str
        When, in UTC (ISO 8601).
    """

    kind: str
    labels: tuple[int, ...]
    box: Box
    voxels: int
    details: Mapping[str, Any]
    _mask: bytes = field(repr=False)
    _before: bytes = field(repr=False)
    _after: bytes = field(repr=False)
    _dtype: str = field(repr=False)
    time: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return len(self._mask) + len(self._before) + len(self._after) + 500

    def apply(self, labels: Any, forward: bool = True) -> None:
        """Change an array in place, or change it back.

        Parameters
        ----------
        labels : array of integers, shape (z, y, x)
            In memory, memory-mapped or zarr; only the box is read and written.
        forward : bool
            False takes the change back.

        Raises
        ------
        InputError
            When the array cannot be written, or holds other values there than it would have to.
        """
        check_writeable(labels)
        block = np.array(labels[self.box])
        mask = self._mask_array(block.shape)
        before, after = self._values(self._before), self._values(self._after)
        expected, new = (before, after) if forward else (after, before)
        if not np.array_equal(block[mask], expected):
            raise InputError(
                f"The labels were changed by something else since; this step ({self.kind}) cannot be "
                f"{'repeated' if forward else 'undone'}."
            )
        block[mask] = new
        labels[self.box] = block

    def shifted(self, start: Sequence[int]) -> Change:
        """Give the same change of an array in which this one's begins at an index (z, y, x)."""
        box = tuple(slice(s.start + int(first), s.stop + int(first)) for s, first in zip(self.box, start, strict=True))
        return replace(self, box=box)

    def after(self, block: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Give what the labels in the box become, without changing them.

        Parameters
        ----------
        block : ndarray of integers
            The labels in the box as they are.

        Returns
        -------
        ndarray of integers
        """
        result = np.array(block)
        result[self._mask_array(result.shape)] = self._values(self._after)
        return result

    def packed(self) -> dict[str, Any]:
        """Give all of it as plain values, as a file holds them; `unpacked` undoes it.

        ``mask`` is a bit for each voxel of the box, ``before`` and ``after`` are the values where it is set, of the
        kind ``dtype``; all three are compressed by zlib.
        """
        return {
            "edit": self.kind,
            "time": self.time,
            "labels": list(self.labels),
            "box": [end for side in self.box for end in (int(side.start), int(side.stop))],
            "voxels": self.voxels,
            "details": dict(self.details),
            "dtype": self._dtype,
            "mask": self._mask,
            "before": self._before,
            "after": self._after,
        }

    @classmethod
    def unpacked(cls, values: Mapping[str, Any]) -> Change:
        """Make a change of what `packed` gave.

        Raises
        ------
        ValueError
            When the values do not belong together.
        """
        ends = [int(end) for end in values["box"]]
        box = tuple(slice(low, high) for low, high in zip(ends[::2], ends[1::2], strict=True))
        kind = np.dtype(values["dtype"])
        if len(box) != 3 or kind.kind not in "iu" or any(not 0 <= side.start < side.stop for side in box):
            raise ValueError("it is no change of labels")
        change = cls(
            str(values["edit"]),
            tuple(int(label) for label in values["labels"]),
            box,
            int(values["voxels"]),
            dict(values["details"]),
            bytes(values["mask"]),
            bytes(values["before"]),
            bytes(values["after"]),
            kind.str,
            str(values["time"]),
        )
        try:
            count = int(change._mask_array(tuple(side.stop - side.start for side in box)).sum())
            sizes = {count, change.voxels, *(len(change._values(packed)) for packed in (change._before, change._after))}
        except zlib.error as error:
            raise ValueError(str(error)) from None
        if len(sizes) != 1:
            raise ValueError("its values do not fit its voxels")
        return change

    def _mask_array(self, shape: tuple[int, ...]) -> npt.NDArray[np.bool_]:
        size = int(np.prod(shape))
        bits = np.frombuffer(zlib.decompress(self._mask), np.uint8)
        return np.unpackbits(bits, count=size).reshape(shape).view(np.bool_)

    def _values(self, packed: bytes) -> npt.NDArray[Any]:
        return np.frombuffer(zlib.decompress(packed), self._dtype)


def change_between(
    before: npt.NDArray[Any],
    after: npt.NDArray[Any],
    start: tuple[int, ...],
    kind: str,
    details: Mapping[str, Any] | None = None,
) -> Change | None:
    """Describe the difference of two blocks as a change.

    Parameters
    ----------
    before, after : ndarray of integers, shape (z, y, x)
        A block of labels.
    start : tuple of int
        Index (z, y, x) of the block's first voxel in the whole array.
    kind : str
        What was done.
    details : dict, optional
        Parameters, for the log.

    Returns
    -------
    Change or None
        None when nothing differs.
    """
    after = after.astype(before.dtype, copy=False)
    mask = before != after
    if not mask.any():
        return None
    box = []
    for axis, first in enumerate(start):
        along = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
        box.append((int(along[0]), int(along[-1]) + 1, first))
    inner = tuple(slice(low, high) for low, high, _ in box)
    mask = mask[inner]
    old, new = before[inner][mask], after[inner][mask]
    ids = np.union1d(np.unique(old), np.unique(new))
    return Change(
        kind,
        tuple(int(label) for label in ids if label > 0),
        tuple(slice(low + first, high + first) for low, high, first in box),
        int(mask.sum()),
        dict(details or {}),
        zlib.compress(np.packbits(mask).tobytes(), _LEVEL),
        zlib.compress(np.ascontiguousarray(old).tobytes(), _LEVEL),
        zlib.compress(np.ascontiguousarray(new).tobytes(), _LEVEL),
        before.dtype.str,
    )


def check_writeable(labels: Any) -> None:
    """Check that an array can be changed in place.

    Raises
    ------
    InputError
        When it cannot.
    """
    writeable = labels.flags.writeable if isinstance(labels, np.ndarray) else _is_zarr(labels)
    if not writeable:
        raise InputError(
            "These labels lie in a file that is open for reading only, so they cannot be edited; copy them into memory "
            "first (Edit particles, Copy into memory)."
        )


def _is_zarr(labels: Any) -> bool:
    """Whether it is a zarr array that may be written; a dask array would only remember the change."""
    if type(labels).__module__.partition(".")[0] != "zarr":
        return False
    return not getattr(labels, "read_only", False)
