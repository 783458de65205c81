"""What an edit changed in a feature table, in few bytes, so that the table can go back and forth with the labels."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd


@dataclass(frozen=True, eq=False)
class TableChange:
    """The difference of two tables with the same columns; make it with `table_change`.

    Attributes
    ----------
    revisions : tuple of (int, int)
        The revisions of the labels that the tables were measured on, before and after.
    epoch : int
        Which full measurement both tables come from; a change is of no use for tables of another one.
    summaries : tuple of (object, object)
        What belongs to the tables as a whole, before and after.
    """

    revisions: tuple[int, int]
    epoch: int
    summaries: tuple[Any, Any]
    _labels: tuple[bytes, bytes]
    _rows: tuple[pd.DataFrame, pd.DataFrame]
    _cells: dict[str, tuple[bytes, Any, Any]] = field(repr=False)
    _attrs: tuple[dict[Any, Any], dict[Any, Any]]

    @cached_property
    def nbytes(self) -> int:
        """Memory that it takes."""
        cells = sum(len(mask) + old.nbytes + new.nbytes for mask, old, new in self._cells.values())
        rows = sum(int(part.memory_usage(deep=True).sum()) for part in self._rows if len(part))
        # What is attached before is attached to the change before it, too.
        tables = [
            kept.table for kept in self._attrs[1].values() if isinstance(getattr(kept, "table", None), pd.DataFrame)
        ]
        attached = sum(int(kept.memory_usage().sum()) for kept in tables)
        return cells + rows + attached + sum(map(len, self._labels)) + 1000

    def apply(self, table: pd.DataFrame, forward: bool = True) -> pd.DataFrame:
        """Give the table after the edit for the one before it, or the other way round.

        Parameters
        ----------
        table : DataFrame
            With a column ``label``. Columns that were added since keep what they have and lack what returns.
        forward : bool
            False gives the table before the edit.

        Returns
        -------
        DataFrame
        """
        here, there = (0, 1) if forward else (1, 0)
        wanted = _unpack(self._labels[there])
        returning = self._rows[there]
        kept = table[table["label"].isin(wanted) & ~table["label"].isin(returning["label"])]
        parts = [kept, returning] if len(returning) else [kept]
        whole = pd.concat(parts, ignore_index=True) if len(parts) > 1 else kept.reset_index(drop=True)
        places = pd.Index(whole["label"]).get_indexer(pd.Index(wanted))
        result = whole.take(places).reset_index(drop=True)
        common = np.isin(_unpack(self._labels[there]), _unpack(self._labels[here]))
        for name, (packed, *values) in self._cells.items():
            if name in result.columns:
                mask = np.unpackbits(np.frombuffer(zlib.decompress(packed), np.uint8), count=int(common.sum()))
                column = result[name].array.copy()
                column[np.flatnonzero(common)[mask.astype(bool)]] = values[there]
                result[name] = column
        if list(result.columns) != list(table.columns):
            result = result.reindex(columns=table.columns)
        result.attrs = dict(self._attrs[there])
        return result


def table_change(
    before: pd.DataFrame,
    after: pd.DataFrame,
    revisions: tuple[int, int],
    epoch: int = 0,
    summaries: tuple[Any, Any] = (None, None),
) -> TableChange | None:
    """Describe the difference of two tables.

    Parameters
    ----------
    before, after : DataFrame
        With a column ``label`` that ascends, and the same columns of the same kinds.
    revisions : tuple of (int, int)
        The revisions of the labels that they were measured on.
    epoch : int
        Which full measurement both come from.
    summaries : tuple of (object, object)
        What belongs to each as a whole.

    Returns
    -------
    TableChange or None
        None where the columns differ, so that one table does not lead to the other.
    """
    if list(before.columns) != list(after.columns) or list(before.dtypes) != list(after.dtypes):
        return None
    labels = before["label"].to_numpy(np.int64), after["label"].to_numpy(np.int64)
    if any((np.diff(ids) <= 0).any() for ids in labels):
        return None
    stays = np.isin(labels[0], labels[1]), np.isin(labels[1], labels[0])
    cells: dict[str, tuple[bytes, Any, Any]] = {}
    for name in before.columns:
        old, new = before[name].array[stays[0]], after[name].array[stays[1]]
        mask = _differ(old, new)
        if mask.any():
            cells[str(name)] = (zlib.compress(np.packbits(mask).tobytes(), 1), old[mask].copy(), new[mask].copy())
    return TableChange(
        revisions,
        epoch,
        summaries,
        (_pack(labels[0]), _pack(labels[1])),
        (before[~stays[0]].reset_index(drop=True), after[~stays[1]].reset_index(drop=True)),
        cells,
        (dict(before.attrs), dict(after.attrs)),
    )


def _differ(old: Any, new: Any) -> npt.NDArray[np.bool_]:
    """Say where two columns differ; what is missing in both is the same."""
    missing = np.asarray(pd.isna(old)), np.asarray(pd.isna(new))
    equal = np.array(pd.Series(old).eq(pd.Series(new)).fillna(False), bool)
    if getattr(old, "dtype", None) is not None and old.dtype.kind == "f":  # a negative zero is another byte
        equal &= np.signbit(np.asarray(old)) == np.signbit(np.asarray(new))
    return ~(equal | (missing[0] & missing[1]))


def _pack(labels: npt.NDArray[np.int64]) -> bytes:
    """Pack ascending numbers; mostly the steps between them are one."""
    return zlib.compress(np.diff(labels, prepend=0).tobytes(), 1)


def _unpack(packed: bytes) -> npt.NDArray[np.int64]:
    return np.cumsum(np.frombuffer(zlib.decompress(packed), np.int64))
