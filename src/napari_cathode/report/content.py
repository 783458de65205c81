"""What the report says in words and tables."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from napari_cathode.explain.names import display_name, drivers_text, shape_text
from napari_cathode.explain.parameters import MODEL_NAMES
from napari_cathode.parameters import describe

ROWS_OF_IMPORTANCE = 10


@dataclass(frozen=True)
class Tile:
    """One number that people quote: what it is, its value with unit, and what it rests on."""

    name: str
    value: str
    unit: str
    basis: str


def tiles(summary: Any) -> list[Tile]:
    """Give the numbers of the first page."""
    volume = "volume" if summary.dimensions == 3 else "area"
    cut = f"{summary.count_border} cut by the border" if summary.count_border else "none cut by the border"
    sized = _n(summary.n_diameter)
    damage = f"{_number(100 * summary.damage_mean)} ± {_number(100 * summary.damage_sd)}"
    if math.isnan(summary.damage_mean):
        damage = "–"
    return [
        Tile("Particles", f"{summary.count:,}".replace(",", "\u202f"), "", cut),
        Tile("Solid fraction", _number(100 * summary.solid_fraction), "%", f"of the {volume}, {_n(summary.n_solid)}"),
        Tile("D10", _number(summary.d10_um), "µm", sized),
        Tile("D50", _number(summary.d50_um), "µm", sized),
        Tile("D90", _number(summary.d90_um), "µm", sized),
        Tile("Damage", damage, "%", f"mean ± SD, {_n(summary.n_damage)}"),
    ]


def weighted_diameters(summary: Any) -> str:
    """Give D10, D50 and D90 by volume (in a slice, by area) as one text, in µm."""
    return " / ".join(map(_number, (summary.d10_volume_um, summary.d50_volume_um, summary.d90_volume_um)))


def scores(explanation: Any) -> list[tuple[str, str, str]]:
    """Give (score, value, what it means)."""
    found, parameters = explanation.scores, explanation.parameters
    repeats = len(found["r2_repeats"])
    rows = [
        ("Particles used", f"{found['particles']}", _dropped(explanation.dropped)),
        (
            "R² on held-out particles",
            f"{found['r2_mean']:.2f} ± {found['r2_sd']:.2f}",
            f"{MODEL_NAMES[found['model']]}; 1 is perfect, 0 as good as guessing the mean; ± SD over "
            f"{repeats} × {parameters.folds} random folds",
        ),
        (
            "95 % interval of R²",
            f"{found['r2_low']:.2f} to {found['r2_high']:.2f}",
            "over other particles that might have been measured",
        ),
    ]
    for key, other in found["models"].items():
        if key != found["model"]:
            text = f"{other['r2_mean']:.2f} ± {other['r2_sd']:.2f}"
            rows.append((f"R² of {MODEL_NAMES[key]}", text, "tried as well, and predicts held-out particles worse"))
    blocked = found["blocked_folds"]
    if blocked is not None:
        text = f"{blocked['r2_mean']:.2f} ± {blocked['r2_sd']:.2f}"
        rows.append(("R² with regions left out", text, "whole regions at a time, since neighbours are alike"))
    rows += [
        (
            "Mean absolute error",
            f"{found['mae_mean']:.3g} ± {found['mae_sd']:.2g}",
            f"guessing the mean: {found['baseline_mae']:.3g}",
        ),
        ("Chance", _chance(found["p_value"]), "that a model which knows nothing would do as well"),
    ]
    return rows


def cluster_rows(explanation: Any) -> list[tuple[str, str]]:
    """Give (particles, what moves them) for each group of attribution profiles; nothing when there is one group."""
    table = explanation.cluster_table
    if (table["cluster"] > 0).sum() < 2:
        return []
    return [
        (f"{row.particles}", "hardly moved by anything" if row.cluster == 0 else drivers_text(row.drivers))
        for row in table.itertuples()
    ]


def importance_rows(explanation: Any) -> list[dict[str, str]]:
    """Give the leading features as text: name, share, direction in words, correlated companions."""
    table = explanation.importance
    rows = []
    for row in table.head(ROWS_OF_IMPORTANCE).itertuples():
        companions = table.loc[(table["group"] == row.group) & (table["feature"] != row.feature), "feature"]
        spread = "" if math.isnan(row.spread) else f" ± {100 * row.spread:.1f}"
        rows.append(
            {
                "name": display_name(row.feature),
                "column": row.feature,
                "share": f"{100 * row.share:.1f}{spread}",
                "direction": _direction(row.direction, explanation.target),
                "companions": ", ".join(display_name(name) for name in companions),
                "permutation": f"{row.permutation:.3f}",
                "shape": shape_text(row.feature, row.shape, row.turn),
                "group_share": f"{100 * row.group_share:.1f}" if len(companions) else "",
            }
        )
    return rows


def left_out(explanation: Any) -> list[tuple[str, str]]:
    """Give (reason, columns) for what took no part in the regression."""
    by_reason: dict[str, list[str]] = {}
    for column, reason in explanation.left_out.items():
        by_reason.setdefault(reason, []).append(column)
    return [(reason, ", ".join(columns)) for reason, columns in by_reason.items()]


def parameter_sections(parameters: Any) -> list[tuple[str, list[tuple[str, str, str, str]]]]:
    """Give (step, rows of name, value, unit, help) for a dataclass of parameter dataclasses."""
    if not dataclasses.is_dataclass(parameters):
        return []
    general, sections = _parameter_rows(parameters), []
    known = {row[0] for row in general}
    for field in dataclasses.fields(parameters):
        value = getattr(parameters, field.name)
        if dataclasses.is_dataclass(value):
            sections.append((field.name.replace("_", " ").capitalize(), _parameter_rows(value)))
        elif field.name not in known:
            general.append((field.name, _value(value), "", ""))
    return [("General", general), *sections] if general else sections


def _parameter_rows(parameters: Any) -> list[tuple[str, str, str, str]]:
    rows = []
    for info in describe(parameters):
        value = getattr(parameters, info.name)
        rows.append((info.name, _value(value), "" if value is None else info.unit, info.help))
    return rows


def provenance(used: Mapping[str, Any], parameters: Any) -> list[tuple[str, str]]:
    """Give what a run was made of, as `flat`, without the parameters, which stand in their own tables."""
    known = {field.name for field in dataclasses.fields(parameters)} if dataclasses.is_dataclass(parameters) else set()
    return flat({name: value for name, value in used.items() if name not in known})


def flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Give nested values as (dotted name, text), in their order; nothing stands for what is not there."""
    rows: list[tuple[str, str]] = []
    for name, value in values.items():
        if isinstance(value, Mapping):
            rows += flat(value, f"{before}{name}.")
        else:
            rows.append((f"{before}{name}", "–" if value is None else _value(value)))
    return rows


def definitions(table: pd.DataFrame) -> list[Any]:
    """Give the definitions of the table's columns, as `napari_cathode.measure.FEATURES` has them."""
    from napari_cathode.measure import FEATURES

    return [FEATURES[column] for column in table.columns if column in FEATURES]


def _direction(value: float, target: str) -> str:
    if math.isnan(value) or abs(value) < 0.4:
        return "no single direction"
    name = display_name(target).lower()
    return f"more of it, more {name}" if value > 0 else f"more of it, less {name}"


def _dropped(dropped: Mapping[str, int]) -> str:
    parts = [f"{count} {reason}" for reason, count in dropped.items() if count]
    return f"not used: {', '.join(parts)}" if parts else "all of the table"


def _chance(probability: float) -> str:
    return "< 0.001" if probability < 0.001 else f"{probability:.2g}"


def _n(count: int) -> str:
    return f"n = {count}"


def _number(value: float) -> str:
    return "–" if math.isnan(value) else f"{value:#.3g}".rstrip(".") if abs(value) < 1000 else f"{value:.0f}"


def _value(value: Any) -> str:
    if value is None:
        return "chosen by the tool"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (list, tuple)):
        return ", ".join(_value(part) for part in value)
    return str(value)
