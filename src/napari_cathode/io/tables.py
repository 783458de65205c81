"""Feature tables as CSV: plain columns with the unit in their name, and a JSON file beside that explains them."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from napari_cathode import __version__
from napari_cathode.errors import InputError
from napari_cathode.judging import COLUMNS

from .atomic import replacing

_DECIMAL_COMMA = re.compile(r"(?:^|[;\t])\s*-?\d*,\d+(?:[eE][-+]?\d+)?\s*(?=[;\t]|$)", re.MULTILINE)
_UNIT_SUFFIX = re.compile(r"_(?:um|um2|um3|nm|deg|px|per_um|per_um3|per_mm3)$")


def write_table(
    path: str | Path,
    table: pd.DataFrame,
    units_and_definitions: Mapping[str, Any] | None = None,
    parameters: Mapping[str, Any] | None = None,
) -> None:
    """Write a table as CSV (comma, decimal point, UTF-8, no comment lines), and ``<name>.json`` beside it.

    A name that ends in .parquet gives a Parquet file instead.

    Parameters
    ----------
    path : path
        The CSV (or Parquet) file.
    table : DataFrame
        One row a particle; the units stand in the column names. Numbers are written so that they read back exactly.
    units_and_definitions : mapping, optional
        What each column is: column to a text or a mapping such as ``{"unit": "µm", "definition": …}``.
    parameters : mapping, optional
        The parameters that gave the table.

    Raises
    ------
    InputError
        When the place cannot be written to.
    """
    path = Path(path)
    described = units_and_definitions or {}
    sidecar = {
        "software": "napari-cathode",
        "version": __version__,
        "table": path.name,
        "rows": len(table),
        "columns": {str(column): described.get(str(column), "") for column in table.columns},
        "parameters": parameters or {},
    }
    with replacing(path) as part:
        if path.suffix.lower() == ".parquet":
            bare = table.copy(deep=False)
            bare.attrs = {}  # what is attached to a table is not for JSON, as which Parquet would keep it
            bare.to_parquet(part, index=False, engine="pyarrow")
        else:
            table.to_csv(part, index=False, lineterminator="\n", encoding="utf-8")
    with replacing(path.with_suffix(".json")) as part:
        part.write_text(json.dumps(_plain(sidecar), indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def _plain(value: Any) -> Any:
    """Make JSON's types of NumPy's, tuples and paths; what is not a number becomes null."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset, np.ndarray)):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def read_table(path: str | Path) -> pd.DataFrame:
    """Read a table with one row a particle.

    Parameters
    ----------
    path : path
        A CSV file, separated by comma, semicolon or tab; with semicolon or tab a decimal comma is understood
        (European spreadsheets). Or a Parquet file, whose name ends in .parquet.

    Returns
    -------
    DataFrame
        ``label`` (int64) is among its columns; columns that hold numbers are numeric, empty fields are NaN. A column
        with more words than numbers is text.

    Raises
    ------
    InputError
        When it cannot be read, has no usable ``label`` column, or text among the numbers of a column.
    """
    path = Path(path)
    if path.suffix.lower() == ".parquet":
        return _with_labels(_read_parquet(path), path.name)
    text = _read_text(path)
    header = text.partition("\n")[0]
    separator = max(",;\t", key=header.count)
    decimal = "," if separator != "," and _DECIMAL_COMMA.search(text) else "."
    try:
        table = pd.read_csv(io.StringIO(text), sep=separator, decimal=decimal, skipinitialspace=True, low_memory=False)
    except (pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        reason = str(error).splitlines()[0].removeprefix("Error tokenizing data. C error: ").strip()
        raise InputError(f"{path.name} is no table ({reason}); every row needs the same number of fields.") from error
    table.columns = [str(column).strip() for column in table.columns]
    _check_names(header, separator, path.name)
    if isinstance(table.index, pd.MultiIndex) or not isinstance(table.index, pd.RangeIndex):
        raise InputError(f"{path.name} has more fields in its rows than in its first line; save the table again.")
    for column in table.columns:
        table[column] = _numbers(table[column], path.name)
    return _with_labels(table, path.name)


def _read_parquet(path: Path) -> pd.DataFrame:
    if not path.exists():
        raise InputError(f"{path} does not exist; check the name.")
    try:
        table = pd.read_parquet(path, engine="pyarrow")
    except (OSError, ValueError) as error:  # pyarrow's errors are these
        reason = str(error).splitlines()[0]
        raise InputError(f"{path.name} cannot be read as Parquet ({reason}); save the table again.") from error
    table.columns = [str(column).strip() for column in table.columns]
    if "label" in table.columns and not pd.api.types.is_numeric_dtype(table["label"]):
        raise InputError(
            f"The labels in {path.name} are no numbers; number the particles with whole numbers from 1 on."
        )
    return table


def _read_text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; check the name.") from error
    except OSError as error:
        raise InputError(f"{path.name} cannot be opened ({error.strerror}).") from error
    if b"\0" in raw[:4096]:
        raise InputError(f"{path.name} is no CSV file; save the table as CSV (UTF-8).")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", errors="replace")  # what spreadsheets on Windows write
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n")
    if lines.lower().startswith("sep="):  # spreadsheets' own way to state the separator
        lines = lines.partition("\n")[2]
    if not lines.strip():
        raise InputError(f"{path.name} is empty; save the table again.")
    return lines


def _numbers(column: pd.Series[Any], name: str) -> pd.Series[Any]:
    """Make numbers of a column that is meant to hold them."""
    if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
        return column
    numbers = pd.to_numeric(column, errors="coerce")
    bad = numbers.isna() & column.notna()
    if not bad.any():
        return numbers
    mostly = numbers.notna().sum() > bad.sum()
    meant = column.name == "label" or _UNIT_SUFFIX.search(str(column.name)) or mostly
    if column.name in COLUMNS or not meant:  # a note may well be a number
        return column
    row = int(np.flatnonzero(bad)[0])
    hint = "; write it with a decimal point" if re.fullmatch(r"-?\d+,\d+", str(column.iloc[row]).strip()) else ""
    raise InputError(
        f"Line {row + 2} of {name} has {column.iloc[row]!r} in the column {column.name}, not a number{hint}."
    )


def _check_names(header: str, separator: str, name: str) -> None:
    """Refuse two columns of one name; pandas would rename the second, which nobody asked for."""
    names = [column.strip() for column in next(csv.reader([header], delimiter=separator, skipinitialspace=True), [])]
    doubled = [column for at, column in enumerate(names) if column and column in names[:at]]
    if doubled:
        raise InputError(f"{name} has two columns named {doubled[0]!r}; give each its own name.")


def _with_labels(table: pd.DataFrame, name: str) -> pd.DataFrame:
    if "label" not in table.columns:
        shown = ", ".join(map(str, table.columns[:6]))
        raise InputError(f"{name} has no column 'label' (it has {shown}); name the column of particle numbers so.")
    doubled = table.columns[table.columns.duplicated()]
    if len(doubled):
        raise InputError(f"{name} has two columns named {doubled[0]!r}; give each its own name.")
    labels = table["label"]
    if not len(table):
        return table.astype({"label": np.int64})
    if labels.isna().any():
        raise InputError(
            f"Line {int(np.flatnonzero(labels.isna())[0]) + 2} of {name} has no label; give every row one."
        )
    if pd.api.types.is_bool_dtype(labels) or (labels != np.rint(labels)).any() or (labels < 1).any():
        raise InputError(f"The labels in {name} are not all whole numbers from 1 on; number the particles so.")
    if (labels > np.iinfo(np.int32).max).any():
        raise InputError(
            f"{name} has the label {labels.max():.0f}, which is too large; number the particles from 1 on."
        )
    repeated = labels[labels.duplicated()]
    if len(repeated):
        raise InputError(f"{name} has the label {int(repeated.iloc[0])} more than once; each particle has one row.")
    return table.astype({"label": np.int64})
