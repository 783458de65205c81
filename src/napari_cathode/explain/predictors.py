"""Which columns may explain a target: those that do not contain it by construction."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
import pandas as pd

from napari_cathode.errors import InputError

from .parameters import ExplainParameters

STUDY_PREDICTORS = (
    "z_um", "yaw_deg", "pitch_deg", "roll_deg", "edensity", "homogeneity", "surface_inner_um2", "surface_outer_um2",
    "volume_um3", "elongation", "sphericity", "vs_ratio", "rough_inner", "rough_outer", "contact", "pdensity",
    "dist_nearest_um", "elong_std", "volume_std_um3", "sphericity_std", "orien_iso",
)  # fmt: skip
"""The study's 21 predictors of damage: all of its features but X, Y and Damage itself."""

SAME_RANKS = 0.9999
"""Two columns whose rank correlation exceeds this tell a tree the same thing."""

NOT_CHOSEN = "it was not chosen"
SAME_ORDER = "it orders the particles"

# What columns are judged by that the dictionary of features (`measure.FEATURES`) does not know: those of other tools.
# A target of one of these families is contained, by construction, in the other columns of the same family. A column
# may belong to several: the volume of the solid is that of the particle less its cracks.
_CRACKS = "cracks"
_FAMILIES: dict[str, re.Pattern[str]] = {
    _CRACKS: re.compile(r"damage|crack|inner|pore|poros|void|hollow|(^|_)(solid|open|closed)(_|$)"),
    "size": re.compile(
        r"^(solid_)?(volume|area|surface_outer|perimeter(?!_inner)|radius|equivalent|eq_|diameter|feret)|_length_"
    ),
    "roundness": re.compile(r"^(sphericity|circularity|vs_ratio|roundness|compactness)"),
    "elongation": re.compile(r"^(elong|aspect|eccentricity|flatness)"),
}
# Statistics over neighbours are about others, not about the particle itself.
_NEIGHBOURS = re.compile(r"_std(_|$)|nearest|neighbo")
_BOOKKEEPING = re.compile(
    r"^(label|index|id|n_.*|voxel_count|pixel_count|touches_border|.*clipped.*|.*coverage.*|view_.*|review_.*|.*agreement.*"
    r"|probability|score|bbox.*|unnamed.*)$"
)
_RESULT = re.compile(r"^(shap|predicted|prediction|residual)(_|$)")
_IN_PLANE = re.compile(r"^[xy]_(um|px)$")
_EULER = re.compile(r"^(yaw|pitch|roll|angle|orientation)_deg$")


@dataclass(frozen=True)
class Choice:
    """The predictors chosen, and why the others were not.

    Attributes
    ----------
    predictors : tuple of str
        In the order of the table's columns.
    left_out : dict of str to str
        Column and the reason why it does not take part.
    notes : tuple of str
        Sentences of caution about predictors that do take part.
    """

    predictors: tuple[str, ...]
    left_out: dict[str, str]
    notes: tuple[str, ...]


def why_left_out(column: str, target: str) -> str:
    """Say why a column is no predictor of a target by default; "" when it may be one.

    The dictionary of features says so of its columns; others are judged by their name.
    """
    if column == target:
        return "it is the target"
    feature = _feature(column)
    if feature is not None:
        if feature.not_a_property:
            return str(feature.not_a_property)
        if target == "damage" and feature.not_for_damage:
            return f"it contains damage by construction: {feature.not_for_damage}"
        if _families(target) & _families(column):
            return f"it contains {target} by construction"
        return f"{feature.detail_of} stands for it" if feature.detail_of else ""
    name = column.lower()
    if _BOOKKEEPING.match(name):
        return "it says how the particle was found or counted, not what it is"
    if _RESULT.match(name):
        return "it is a result of an earlier explanation"
    if _families(target) & _families(column):
        return f"it contains {target} by construction"
    if _IN_PLANE.match(name):
        return "the place within the plane of the electrode is arbitrary"
    if _EULER.match(name):
        return "angles jump at ±180°; orientation enters by the components of the axis"
    return ""


def _feature(column: str) -> Any:
    from napari_cathode.measure import FEATURES

    return FEATURES.get(column)


def _families(column: str) -> set[str]:
    feature = _feature(column)
    if feature is not None:
        return {feature.family} - {""} | ({_CRACKS} if feature.not_for_damage else set())
    name = column.lower()
    if _NEIGHBOURS.search(name):
        return set()
    return {family for family, pattern in _FAMILIES.items() if pattern.search(name)}


def choose_predictors(table: pd.DataFrame, parameters: ExplainParameters) -> Choice:
    """Choose the columns that explain the target.

    Parameters
    ----------
    table : DataFrame
        The usable particles; one row each.
    parameters : ExplainParameters
        ``predictors`` are taken as they are; without them ``predictor_set`` decides.

    Returns
    -------
    Choice
        Predictors, what was left out and why, cautions.

    Raises
    ------
    InputError
        When a named column is missing, text or empty, or when none is left.
    """
    if parameters.predictors is not None:
        choice = _named(table, parameters.predictors, parameters.target)
    elif parameters.predictor_set == "li2022":
        present = tuple(name for name in STUDY_PREDICTORS if _usable(table, name) and name != parameters.target)
        left_out = {name: _why_unusable(table, name) for name in STUDY_PREDICTORS if name not in present}
        choice = Choice(present, left_out, _cautions(present, parameters.target))
    else:
        choice = _leak_free(table, parameters.target)
    if not choice.predictors:
        raise InputError(
            f"No column of the table can explain {parameters.target}; measure more particle properties or name the "
            "predictors."
        )
    return choice


def _named(table: pd.DataFrame, predictors: tuple[str, ...], target: str) -> Choice:
    for name in predictors:
        if name not in table:
            raise InputError(
                f"The table has no column {name!r} to explain {target} by; {said_of_columns(table, name)}."
            )
        if name == "label":
            raise InputError("The column label only numbers the particles; take it off the list of predictors.")
        reason = _why_unusable(table, name)
        if reason:
            raise InputError(f"The predictor {name} cannot be used: {reason}; take it off the list of predictors.")
    reasons = _leak_free(table, target).left_out
    rest = {
        name: reasons.get(name, NOT_CHOSEN)
        for name in map(str, table.columns)
        if name not in predictors and name != target
    }
    return Choice(predictors, rest, _cautions(predictors, target))


def _leak_free(table: pd.DataFrame, target: str) -> Choice:
    left_out: dict[str, str] = {}
    kept: list[str] = []
    for column in map(str, table.columns):
        reason = why_left_out(column, target) or _why_unusable(table, column)
        if not reason and table[column].nunique() < 2:
            reason = "it is the same for every particle"
        if reason:
            if column != target:
                left_out[column] = reason
        else:
            kept.append(column)
    for column, twin in _twins(table[[target, *kept]].astype(float)).items():
        left_out[column] = f"{SAME_ORDER} exactly as {twin} does"
    return Choice(tuple(column for column in kept if column not in left_out), left_out, ())


def _twins(values: pd.DataFrame) -> dict[str, str]:
    """Find columns that are a monotone transform of an earlier one: column and its twin."""
    ranks = values.corr(method="spearman").abs().to_numpy()
    missing = values.isna().to_numpy()
    twins: dict[str, str] = {}
    names = list(values.columns)
    for later in range(len(names)):
        for earlier in range(later):
            same = ranks[earlier, later] > SAME_RANKS and np.array_equal(missing[:, earlier], missing[:, later])
            if same and names[earlier] not in twins:
                twins[names[later]] = names[earlier]
                break
    return twins


def _cautions(predictors: tuple[str, ...], target: str) -> tuple[str, ...]:
    by_reason: dict[str, list[str]] = {}
    for name in predictors:
        reason = why_left_out(name, target)
        if reason:
            by_reason.setdefault(reason, []).append(name)
    return tuple(
        f"Mind that {names[0]} takes part although {reason}."
        if len(names) == 1
        else f"Mind that {', '.join(names[:-1])} and {names[-1]} take part although {of_several(reason)}."
        for reason, names in by_reason.items()
    )


_PLURALS = {
    "it contains": "they contain",
    "it is": "they are",
    "it says": "they say",
    "it has": "they have",
    "it holds": "they hold",
    "it orders": "they order",
    "the table does not have it": "the table does not have them",
}


def of_several(reason: str) -> str:
    """Put a reason that speaks of one column into the plural."""
    for one, several in _PLURALS.items():
        if reason.startswith(one):
            return several + reason.removeprefix(one)
    return reason


def _usable(table: pd.DataFrame, column: str) -> bool:
    return not _why_unusable(table, column)


def _why_unusable(table: pd.DataFrame, column: str) -> str:
    if column not in table:
        return "the table does not have it"
    if not pd.api.types.is_numeric_dtype(table[column]):
        return "it holds text, not numbers"
    if table[column].isna().all():
        return "it has no value for any usable particle"
    if np.isinf(table[column].to_numpy(float, na_value=np.nan)[table[column].notna()]).all():
        return "it is infinite for every particle"
    return ""


def said_of_columns(table: pd.DataFrame, wanted: str) -> str:
    """Say which column may be meant by a name that the table does not have, or else which it has."""
    names = [str(name) for name in table.columns]
    lower = {name.lower(): name for name in reversed(names)}
    near = get_close_matches(wanted.lower(), list(lower), n=1, cutoff=0.8)
    if near:
        return f"perhaps {lower[near[0]]!r} is meant"
    return "its columns are " + ", ".join(names[:30]) + (" …" if len(names) > 30 else "")
