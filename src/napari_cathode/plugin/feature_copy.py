"""The copy of the feature table in ``layer.features``, for napari's status bar and for other plugins.

Rows are those of label ids 0 … largest while ids are compact, so that napari's status bar, which reads the column
``index``, and its built-in table, which takes the row's position for the label, agree; above that, rows are found by
``index`` alone. Columns of other tools are kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from napari.layers import Labels

from napari_cathode.judging import COLUMNS


def is_ours(column: str) -> bool:
    """Whether a column comes from measuring, from the views, or from what a person said of the particles."""
    from napari_cathode.measure import FEATURES

    return column in FEATURES or column.startswith("view_") or column in COLUMNS


def _is_compact(largest: int, count: int) -> bool:
    return largest <= 4 * count + 1000


def user_columns(layer: Labels, ours: frozenset[str]) -> pd.DataFrame:
    """Give the columns of ``layer.features`` that we did not write, indexed by label id."""
    features = pd.DataFrame(layer.features)
    kept = features.drop(columns=[name for name in features.columns if name in ours or name == "index"])
    kept = kept.set_axis(pd.Index(_labels_of_rows(features)), axis=0)
    return kept[~kept.index.duplicated()]


def _labels_of_rows(features: pd.DataFrame) -> np.ndarray[Any, Any]:
    """Give the particle of each row: ``index`` says so, else ``label``, as measuring tools write it, else its place."""
    for name in ("index", "label"):
        if name in features.columns:
            labels = pd.to_numeric(features[name], errors="coerce")
            if labels.notna().all() and (labels == labels.round()).all() and labels.is_unique and (labels >= 0).all():
                return labels.to_numpy(np.int64)
    return np.arange(len(features), dtype=np.int64)


def adopted_table(layer: Labels) -> pd.DataFrame | None:
    """Make a table of what ``layer.features`` already hold, None when they hold nothing."""
    columns = user_columns(layer, frozenset({"label"}))
    columns = columns[columns.index > 0].dropna(how="all")
    if columns.shape[1] == 0 or len(columns) == 0:
        return None
    return columns.rename_axis("label").reset_index()


def with_user_columns(table: pd.DataFrame, layer: Labels, ours: frozenset[str]) -> pd.DataFrame:
    """Add the columns of other tools to a table, beside its own."""
    theirs = user_columns(layer, ours | frozenset(map(str, table.columns)))
    if theirs.shape[1] == 0:
        return table
    joined = table.join(theirs, on="label")
    joined.attrs = dict(table.attrs)  # pandas drops them
    return joined


def write_features(layer: Labels, table: pd.DataFrame | None, ours: frozenset[str]) -> frozenset[str]:
    """Write a table into ``layer.features``.

    Parameters
    ----------
    layer : Labels
        The layer.
    table : DataFrame, optional
        With a column ``label``; None takes our columns away.
    ours : frozenset of str
        Columns that we wrote before.

    Returns
    -------
    frozenset of str
        The columns that are ours now.
    """
    theirs = user_columns(layer, ours)
    if table is None:
        if not ours:
            return ours
        rows = theirs.index.to_numpy()
        columns: list[Any] = [theirs]
        written: frozenset[str] = frozenset()
    else:
        own = table.set_index("label")
        written = frozenset(map(str, own.columns)) - frozenset(map(str, theirs.columns))
        own = own[[name for name in own.columns if name in written]]
        ids = np.union1d(own.index.to_numpy(np.int64), theirs.index.to_numpy(np.int64))
        largest = int(ids.max(initial=0))
        rows = np.arange(largest + 1) if _is_compact(largest, len(ids)) else np.union1d([0], ids)
        columns = [own.reindex(rows), theirs.reindex(rows)]
    merged = pd.concat(columns, axis=1)
    merged.insert(0, "index", rows)
    layer.features = merged.reset_index(drop=True)
    return written
