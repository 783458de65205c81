"""What a person says of particles: a verdict, a class and a note each, as plain values that files can hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
import pandas as pd

VERDICTS = ("accepted", "flagged", "excluded")
"""Accepted: looked at, and fine. Flagged: to be looked at again, but counted. Excluded: counted nowhere."""

COLUMNS = ("review_done", "review_excluded", "review_flagged", "review_class", "review_note")
"""Columns of a feature table that hold it."""

Judgement = TypedDict("Judgement", {"verdict": str, "class": str, "note": str})
"""``verdict`` is one of `VERDICTS` or "", ``class`` and ``note`` are what was typed."""

Review = Mapping[int, Judgement]
"""Judgements by label."""


def judgement(verdict: str = "", kind: str = "", note: str = "") -> Judgement:
    """Make a judgement; every part may be empty.

    Raises
    ------
    ValueError
        When there is no such verdict.
    """
    if verdict not in ("", *VERDICTS):
        raise ValueError(f"a particle is {', '.join(VERDICTS)} or nothing, not {verdict!r}")
    return {"verdict": verdict, "class": " ".join(kind.split()), "note": note.strip()}


def verdict_of(review: Review, label: int) -> str:
    """Give the verdict on a particle, "" where there is none."""
    return review[label]["verdict"] if label in review else ""


def labels_with(review: Review, verdict: str) -> frozenset[int]:
    """Give the labels of the particles with a verdict."""
    return frozenset(label for label, said in review.items() if said["verdict"] == verdict)


def classes_of(review: Review) -> list[str]:
    """List the classes that were given, in the order of the alphabet."""
    return sorted({said["class"] for said in review.values()} - {""}, key=str.casefold)


def with_review(table: pd.DataFrame, review: Review) -> pd.DataFrame:
    """Put what was said of the particles beside their features, in the `COLUMNS`; the table itself stays as it is."""
    labels = table["label"].to_numpy()
    said = [review.get(int(label)) for label in labels] if review else [None] * len(labels)
    verdicts = np.array([one["verdict"] if one else "" for one in said], dtype=object)
    return table.assign(
        review_done=np.isin(verdicts, ("accepted", "excluded")),
        review_excluded=verdicts == "excluded",
        review_flagged=verdicts == "flagged",
        review_class=np.array([one["class"] if one else "" for one in said], dtype=object),
        review_note=np.array([one["note"] if one else "" for one in said], dtype=object),
    )


def review_in(table: pd.DataFrame) -> dict[int, Judgement]:
    """Read judgements back from a table that holds `COLUMNS`, or some of them."""
    done, excluded, flagged = (_flags(table, name) for name in COLUMNS[:3])
    kinds, notes = (_texts(table, name) for name in COLUMNS[3:])
    found = {}
    for row, label in enumerate(table["label"].to_numpy()):
        verdict = "excluded" if excluded[row] else "flagged" if flagged[row] else "accepted" if done[row] else ""
        if verdict or kinds[row] or notes[row]:
            found[int(label)] = judgement(verdict, kinds[row], notes[row])
    return found


def is_counted(table: pd.DataFrame) -> npt.NDArray[np.bool_]:
    """Say which rows of a table statistics and figures are about: all but those that a person excluded."""
    return ~_flags(table, "review_excluded")


def _flags(table: pd.DataFrame, name: str) -> npt.NDArray[np.bool_]:
    if name not in table:
        return np.zeros(len(table), np.bool_)
    column = table[name]
    if pd.api.types.is_bool_dtype(column) and not column.isna().any():
        return column.to_numpy(np.bool_)
    return np.array([str(value).strip().casefold() in ("true", "1", "1.0", "yes") for value in column], np.bool_)


def _texts(table: pd.DataFrame, name: str) -> list[str]:
    if name not in table:
        return [""] * len(table)
    return ["" if value is None or value != value else str(value) for value in table[name].tolist()]


def plain_review(value: Any) -> dict[int, Judgement]:
    """Make judgements of what a file held: labels may be text, and a verdict may stand alone.

    Raises
    ------
    ValueError
        When it is nothing of the kind.
    """
    found = {}
    for label, said in dict(value or {}).items():
        parts = {"verdict": said} if isinstance(said, str) else dict(said)
        found[int(label)] = judgement(parts.get("verdict", ""), parts.get("class", ""), parts.get("note", ""))
    return found
