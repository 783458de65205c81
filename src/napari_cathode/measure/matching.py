"""Tables that were made elsewhere, matched with labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps, drain

_NAMED = 5


@dataclass(frozen=True, eq=False)
class Matched:
    """A table whose rows are the particles of some labels.

    Attributes
    ----------
    table : DataFrame
        One row a particle, in the order of the labels; values are missing where the other table has none.
    without_particle : ndarray of int64
        Labels of the other table that no particle has; their rows are left out.
    without_row : ndarray of int64
        Labels of particles of which the other table knows nothing.
    """

    table: pd.DataFrame
    without_particle: npt.NDArray[np.int64]
    without_row: npt.NDArray[np.int64]

    def describe(self, source: str, layer: str) -> str:
        """Say in a sentence or two what was matched."""
        count = len(self.table) - len(self.without_row)
        columns = self.table.shape[1] - 1
        text = f"{_amount(columns, 'column')} of {_amount(count, 'particle')} from {source}."
        if len(self.without_particle):
            rows = _amount(len(self.without_particle), "row")
            text += f" {rows} left out: {layer} has no label {_names(self.without_particle)}."
        if len(self.without_row):
            text += f" {_amount(len(self.without_row), 'particle')} without a row: {_names(self.without_row)}."
        return text


def match_labels(table: pd.DataFrame, ids: npt.NDArray[np.int64], source: str, layer: str) -> Matched:
    """Match the rows of a table with particles by their labels.

    Parameters
    ----------
    table : DataFrame
        With a column ``label``.
    ids : ndarray of int64, shape (particles,)
        The labels that there are.
    source, layer : str
        What table and labels are called, for messages.

    Raises
    ------
    InputError
        When not one label is in both.
    """
    known = table["label"].to_numpy(np.int64)
    both = np.isin(known, ids)
    if not both.any():
        raise InputError(
            f"None of the labels in {source} ({_span(known)}) is in {layer} ({_span(ids)}); "
            "choose the table of these particles."
        )
    kept = table[both].set_index("label")
    rows = pd.Index(np.sort(ids), name="label")
    matched = kept.reindex(rows)
    for name in kept.select_dtypes("bool").columns:  # a missing row must not make something else of yes and no
        matched[name] = kept[name].reindex(rows, fill_value=False)
    return Matched(matched.reset_index(), np.sort(known[~both]), np.setdiff1d(ids, known))


def iter_find_labels(labels: Any) -> Steps[npt.NDArray[np.int64]]:
    """List the labels of an array (z, y, x), slab by slab; generator form of `find_labels`.

    Yields
    ------
    Progress
        Slices looked at.
    """
    shape = tuple(int(size) for size in labels.shape)
    thick = max(1, (1 << 24) // max(1, int(np.prod(shape[1:]))))
    found: set[int] = set()
    for first in range(0, shape[0], thick):
        yield Progress(first, shape[0], "Looking for labels")
        found.update(pd.unique(np.asarray(labels[first : first + thick]).ravel()).tolist())
    return np.array(sorted(found - {0}), np.int64)


def find_labels(labels: Any) -> npt.NDArray[np.int64]:
    """List the labels of an array (z, y, x), which may be lazy; background 0 is none.

    Returns
    -------
    ndarray of int64
        In rising order.
    """
    return drain(iter_find_labels(labels))


def _amount(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _names(labels: Sequence[int] | npt.NDArray[np.int64]) -> str:
    named = ", ".join(str(int(label)) for label in labels[:_NAMED])
    return f"{named} …" if len(labels) > _NAMED else named


def _span(labels: npt.NDArray[np.int64]) -> str:
    return "no labels" if not len(labels) else f"{labels.min()} to {labels.max()}"
