"""From a feature table to the particles that a regression can use."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.errors import InputError
from napari_cathode.words import particles_in_words

from .parameters import MINIMUM_PARTICLES, ExplainParameters
from .predictors import choose_predictors, said_of_columns


class TooFewParticles(InputError):
    """There are too few usable particles to explain anything; other results are not touched by this."""


# Spreadsheets write the words of their own language.
_YES = {"true", "yes", "1", "1.0", "wahr", "ja", "vrai", "oui", "verdadero", "vero"}
_NO = {"false", "no", "0", "0.0", "", "nan", "none", "<na>", "falsch", "nein", "faux", "non", "falso"}


_ROUNDING = 1e-12  # how far computed values differ, relative to the largest, that are meant to be the same


@dataclass(frozen=True, eq=False)
class Sample:
    """The usable particles, ordered by label.

    Attributes
    ----------
    labels : ndarray of int64, shape (n,)
        Label ids.
    values : DataFrame of float64, n rows
        One column per predictor; NaN where a particle has no value.
    measured : ndarray of float64, shape (n,)
        The target.
    dropped : dict of str to int
        Why rows of the table are not used, and how many each.
    left_out : dict of str to str
        Columns that are no predictors, and why.
    notes : tuple of str
        Cautions about predictors.
    positions : ndarray of float64, shape (n, 2 or 3), optional
        Where the particles lie, in µm; None where the table does not say.
    """

    labels: npt.NDArray[np.int64]
    values: pd.DataFrame
    measured: npt.NDArray[np.float64]
    dropped: dict[str, int]
    left_out: dict[str, str]
    notes: tuple[str, ...]
    positions: npt.NDArray[np.float64] | None = None

    def sha256(self) -> str:
        """Give a fingerprint of everything that the regression sees."""
        digest = hashlib.sha256("\0".join(map(str, self.values.columns)).encode())
        placed = () if self.positions is None else (self.positions,)
        for array in (self.labels, self.values.to_numpy(), self.measured, *placed):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def take_sample(table: pd.DataFrame, parameters: ExplainParameters) -> Sample:
    """Pick the usable rows and the predictors from a feature table.

    Rows are dropped for a missing target, for a border cut and where a person excluded them only. A missing predictor
    value is no reason: a particle without cracks has, for instance, no roughness of its cracks.

    Parameters
    ----------
    table : DataFrame
        One row per particle, with a column ``label``.
    parameters : ExplainParameters
        Target and predictors.

    Returns
    -------
    Sample
        The usable particles.

    Raises
    ------
    TooFewParticles
        When fewer than `MINIMUM_PARTICLES` remain.
    InputError
        When the table or its target cannot be used.
    """
    rows, dropped = usable_rows(table, parameters.target)
    choice = choose_predictors(rows, parameters)
    values = pd.DataFrame(
        {name: rows[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in choice.predictors},
    )
    _check_finite(values)
    labels = rows["label"].to_numpy(dtype=np.int64)
    measured = rows[parameters.target].to_numpy(dtype=np.float64, na_value=np.nan)
    return Sample(labels, values, measured, dropped, choice.left_out, choice.notes, _positions(rows))


def usable_rows(table: pd.DataFrame, target: str) -> tuple[pd.DataFrame, dict[str, int]]:
    """Give the rows of the particles that can be used, ordered by label, and why the others are not: reason, count.

    Raises
    ------
    TooFewParticles, InputError
        As `take_sample`.
    """
    _check_table(table, target)
    value = table[target].to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(value).any():
        raise InputError(_infinite(target, int(np.isinf(value).sum())))
    cut = _flags(table["touches_border"]) if "touches_border" in table else np.zeros(len(table), bool)
    excluded = _flags(table["review_excluded"]) if "review_excluded" in table else np.zeros(len(table), bool)
    excluded &= ~cut
    if len(value) and np.isnan(value).all():
        border = f" ({cut.sum()} of {len(cut)} are cut by the border)" if cut.any() else ""
        raise InputError(f"The column {target} has no value for any particle{border}, so there is nothing to explain.")

    no_value = np.isnan(value) & ~cut & ~excluded
    usable = ~cut & ~excluded & ~no_value
    dropped = {"cut by the border": int(cut.sum()), f"without a value of {target}": int(no_value.sum())}
    if excluded.any():
        dropped["excluded in review"] = int(excluded.sum())
    if usable.sum() < MINIMUM_PARTICLES:
        reasons = " and ".join(f"{count} {reason}" for reason, count in dropped.items() if count)
        found = particles_in_words(len(table))
        short = f"Only {usable.sum()} of {found} can be used ({reasons})" if reasons else f"The table holds {found}"
        raise TooFewParticles(f"{short}; to explain {target}, at least {MINIMUM_PARTICLES} are needed.")

    rows = table[usable].sort_values("label", kind="stable")
    measured = rows[target].to_numpy(dtype=np.float64, na_value=np.nan)
    if np.ptp(measured) <= _ROUNDING * np.abs(measured).max():
        raise InputError(
            f"The column {target} is {measured[0]:g} for every usable particle, so there is no variation to explain."
        )
    return rows, dropped


def _positions(rows: pd.DataFrame) -> npt.NDArray[np.float64] | None:
    """Take where the particles lie, along the axes of which anything is known."""
    axes = []
    for name in ("z_um", "y_um", "x_um"):
        if name in rows and pd.api.types.is_numeric_dtype(rows[name]):
            place = rows[name].to_numpy(dtype=np.float64, na_value=np.nan, copy=True)
            place[~np.isfinite(place)] = np.nan
            if np.isfinite(place).any() and np.nanmax(place) > np.nanmin(place):
                axes.append(place)
    return np.column_stack(axes) if len(axes) >= 2 else None


def _check_table(table: pd.DataFrame, target: str) -> None:
    doubled = table.columns[table.columns.duplicated()]
    if len(doubled):
        raise InputError(f"The table has two columns named {doubled[0]!r}; keep one.")
    if "label" not in table:
        raise InputError("The table has no column label, so its rows cannot be linked to particles.")
    if target not in table:
        raise InputError(f"The table has no column {target!r} to explain; {said_of_columns(table, target)}.")
    if target == "label":
        raise InputError("The column label only numbers the particles; choose a property as the target.")
    if not pd.api.types.is_numeric_dtype(table[target]):
        raise InputError(f"The column {target} holds text, not numbers, and cannot be explained.")
    labels = table["label"]
    if not pd.api.types.is_numeric_dtype(labels) or labels.isna().any() or (labels % 1 != 0).any():
        raise InputError("The column label holds something else than whole numbers.")
    repeated = labels[labels.duplicated()]
    if len(repeated):
        raise InputError(
            f"The label {int(repeated.iloc[0])} stands in more than one row ({repeated.nunique()} labels do); each "
            "particle needs one row."
        )


def _check_finite(values: pd.DataFrame) -> None:
    # sklearn's trees hold values as float32, so anything beyond its range is infinite to them.
    for name, column in values.items():
        beyond = int((column.abs() > np.finfo(np.float32).max).sum())
        if beyond:
            raise InputError(_infinite(str(name), beyond))


def _infinite(column: str, count: int) -> str:
    where = "row" if count == 1 else "rows"
    return f"The column {column} holds infinite values in {count} {where}; leave such cells empty, or leave it out."


def _flags(column: pd.Series) -> npt.NDArray[np.bool_]:
    """Read a yes/no column, which a CSV file may hold as booleans, numbers or words."""
    if pd.api.types.is_numeric_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=0.0) != 0
    words = column.astype(str).str.strip().str.lower().fillna("")  # newer pandas keep gaps as gaps
    unknown = words[~words.isin(_YES | _NO)]
    if len(unknown):
        raise InputError(
            f"The column {column.name} holds {unknown.iloc[0]!r}; write true for particles that the border cuts and "
            "false for the others."
        )
    return words.isin(_YES).to_numpy()
