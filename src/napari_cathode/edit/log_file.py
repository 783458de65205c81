"""The log of edits as a file, beside what was edited."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from napari_cathode.io.atomic import replacing

from .history import log_table

_COLUMNS = ("time", "edit", "labels", "voxels", *(f"{axis}_{end}" for axis in "zyx" for end in ("first", "stop")))


def write_log(path: str | Path, entries: Sequence[Mapping[str, Any]]) -> Path:
    """Write a log of edits.

    Parameters
    ----------
    path : path
        ``.json`` keeps everything as it is; CSV, a row an edit, for any other ending, which ``.csv`` is added to.
    entries : list of dict
        As `History.log` gives them.

    Returns
    -------
    Path
        The file written.

    Raises
    ------
    InputError
        When it cannot be written.
    """
    path = Path(path)
    as_json = path.suffix.lower() == ".json"
    if not as_json and path.suffix.lower() != ".csv":
        path = path.with_name(f"{path.name}.csv")
    with replacing(path) as part:
        if as_json:
            part.write_text(json.dumps(list(entries), indent=1), encoding="utf-8")
        else:
            table = pd.DataFrame(log_table(entries), columns=[*_COLUMNS, "details"])
            table.to_csv(part, index=False, lineterminator="\n", encoding="utf-8")
    return path


def log_beside(path: str | Path) -> Path:
    """Name the log beside labels or a table: nmc_edits.csv beside nmc.tif."""
    path = Path(path)
    return path.with_name(f"{path.stem}_edits.csv")


def read_log_beside(path: str | Path) -> list[dict[str, Any]]:
    """Read the log of edits beside labels, so that it goes on when they are edited and saved again.

    Parameters
    ----------
    path : path
        Of the labels.

    Returns
    -------
    list of dict
        As `History.log` gives them, details as text; empty where there is no log, or a file of that name that is none.
    """
    try:
        table = pd.read_csv(log_beside(path), dtype=str, keep_default_na=False)
        return [
            {
                "time": row["time"],
                "edit": row["edit"],
                "labels": [int(label) for label in row["labels"].split()],
                "voxels": int(row["voxels"]),
                "box": [[int(row[f"{axis}_first"]), int(row[f"{axis}_stop"])] for axis in "zyx"],
                "details": dict(part.split(" ", 1) for part in row["details"].split("; ") if " " in part),
            }
            for row in table.to_dict("records")
        ]
    except (OSError, ValueError, KeyError):
        return []


def write_log_beside(path: str | Path, entries: Sequence[Mapping[str, Any]]) -> Path | None:
    """Write what was changed by hand beside the labels or the table that it was changed in.

    Parameters
    ----------
    path : path
        Of the labels or the table: ``nmc.tif`` gets ``nmc_edits.csv``.
    entries : list of dict
        As `History.log` gives them.

    Returns
    -------
    Path or None
        None where nothing was changed; a log that lay there of an earlier file of that name is emptied then.

    Raises
    ------
    InputError
        When it cannot be written.
    """
    log = log_beside(path)
    if not entries and not log.exists():
        return None
    write_log(log, entries)
    return log if entries else None
