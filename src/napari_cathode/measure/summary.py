"""The numbers that people quote of a population of particles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.judging import is_counted
from napari_cathode.tomogram import Spacing, check_spacing

from .features import FEATURES


@dataclass(frozen=True)
class Summary:
    """Population of particles; every figure with the number of particles it rests on.

    Attributes
    ----------
    count, count_border : int
        Particles, and how many of them the border cuts.
    solid_fraction : float
        Solid of all particles over the image within its field of view (volume; in a slice, area).
    n_solid : int
        Particles in ``solid_fraction``.
    d10_um, d50_um, d90_um : float
        Equivalent diameter under which 10, 50, 90 % of the whole particles lie, by number.
    d10_volume_um, d50_volume_um, d90_volume_um : float
        The same by volume (in a slice, by area).
    n_diameter : int
        Particles in the diameters.
    damage_mean, damage_sd : float
        Mean and sample standard deviation.
    n_damage : int
        Particles with a damage.
    dimensions : int
        3, or 2 for a slice.
    count_excluded : int
        Particles that a person excluded; no other figure counts them.
    seen : float
        Share of the image that the field of view holds.
    """

    count: int
    count_border: int
    solid_fraction: float
    n_solid: int
    d10_um: float
    d50_um: float
    d90_um: float
    d10_volume_um: float
    d50_volume_um: float
    d90_volume_um: float
    n_diameter: int
    damage_mean: float
    damage_sd: float
    n_damage: int
    dimensions: int = 3
    count_excluded: int = 0
    seen: float = 1.0

    def rows(self) -> list[tuple[str, float, str, int]]:
        """List (name, value, unit, number of particles), for reports."""
        weight = "volume" if self.dimensions == 3 else "area"
        excluded = [("Excluded by a person", self.count_excluded, "", self.count_excluded)]
        return [
            ("Particles", self.count, "", self.count),
            *(excluded if self.count_excluded else []),
            ("Cut by the border", self.count_border, "", self.count),
            ("Solid fraction", self.solid_fraction, "", self.n_solid),
            ("D10 (number)", self.d10_um, "µm", self.n_diameter),
            ("D50 (number)", self.d50_um, "µm", self.n_diameter),
            ("D90 (number)", self.d90_um, "µm", self.n_diameter),
            (f"D10 ({weight})", self.d10_volume_um, "µm", self.n_diameter),
            (f"D50 ({weight})", self.d50_volume_um, "µm", self.n_diameter),
            (f"D90 ({weight})", self.d90_volume_um, "µm", self.n_diameter),
            ("Damage, mean", self.damage_mean, "", self.n_damage),
            ("Damage, standard deviation", self.damage_sd, "", self.n_damage),
        ]


def summarise(
    table: pd.DataFrame,
    labels: Any,
    spacing_um: Spacing,
    field_of_view: npt.NDArray[np.bool_] | float | None = None,
) -> Summary:
    """Summarise a feature table, without the particles that a person excluded.

    Parameters
    ----------
    table : DataFrame
        As `measure` returns it.
    labels : array-like, shape (z, y, x)
        The measured labels; only their shape is used.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    field_of_view : ndarray of bool, optional
        As given to `measure`; or the share of the image that it holds.

    Returns
    -------
    Summary
        NaN where no particle has the value, or the table has no such column.
    """
    edges = check_spacing(spacing_um, "the labels")
    everything, table = table, table[is_counted(table)]
    shape = tuple(int(size) for size in labels.shape)
    flat = shape[0] == 1
    seen = 1.0 if field_of_view is None else float(np.mean(field_of_view))
    whole = float(np.prod(shape[1:] if flat else shape)) * float(np.prod(edges[1:] if flat else edges)) * seen
    table = table.reindex(columns=[*table.columns, *(name for name in _needed(flat) if name not in table)])
    solid = _known(table["solid_area_um2" if flat else "solid_volume_um3"])
    sized = table[["equivalent_diameter_um", "area_um2" if flat else "volume_um3"]].dropna()
    diameter, size = sized.to_numpy(np.float64).T
    damage = _known(table["damage"])
    by_number = np.quantile(diameter, (0.1, 0.5, 0.9)) if len(diameter) else np.full(3, np.nan)
    by_volume = _weighted_quantiles(diameter, size) if len(diameter) else np.full(3, np.nan)
    return Summary(
        count=len(table),
        count_border=int(table["touches_border"].sum()),
        # Particles without a known solid are no proof that there is none.
        solid_fraction=float(solid.sum()) / whole if whole > 0 and (len(solid) or not len(table)) else float("nan"),
        n_solid=len(solid),
        d10_um=float(by_number[0]),
        d50_um=float(by_number[1]),
        d90_um=float(by_number[2]),
        d10_volume_um=float(by_volume[0]),
        d50_volume_um=float(by_volume[1]),
        d90_volume_um=float(by_volume[2]),
        n_diameter=len(diameter),
        damage_mean=float(damage.mean()) if len(damage) else float("nan"),
        damage_sd=float(damage.std(ddof=1)) if len(damage) > 1 else float("nan"),
        n_damage=len(damage),
        dimensions=2 if flat else 3,
        count_excluded=len(everything) - len(table),
        seen=seen,
    )


def population_table(table: pd.DataFrame, summary: Summary) -> pd.DataFrame:
    """List what describes a population of particles, without those a person excluded: numbers, and means of features.

    Parameters
    ----------
    table : DataFrame
        As `measure` returns it.
    summary : Summary
        Of it.

    Returns
    -------
    DataFrame
        Columns ``quantity`` (a feature's is its column), ``name``, ``value`` (a feature's is its mean), ``sd`` (sample
        standard deviation over the particles), ``unit`` and ``particles`` (the number that have a value). Places,
        directions and what is no property of the particle have no mean.
    """
    nothing = float("nan")
    by_size = "volume" if summary.dimensions == 3 else "area"
    rows = [
        ("particles", "Particles", summary.count, nothing, "", summary.count),
        ("excluded", "Excluded by a person", summary.count_excluded, nothing, "", summary.count_excluded),
        ("cut_by_border", "Cut by the border", summary.count_border, nothing, "", summary.count),
        ("solid_fraction", "Solid fraction", summary.solid_fraction, nothing, "", summary.n_solid),
    ]
    for weight, sizes in (
        ("number", (summary.d10_um, summary.d50_um, summary.d90_um)),
        (by_size, (summary.d10_volume_um, summary.d50_volume_um, summary.d90_volume_um)),
    ):
        for share, diameter in zip((10, 50, 90), sizes, strict=True):
            rows.append((f"d{share}_{weight}_um", f"D{share} by {weight}", diameter, nothing, "µm", summary.n_diameter))
    table = table[is_counted(table)]
    published = table.attrs.get("definitions") == "li2022"
    for feature in FEATURES.values():
        if feature.column in table and feature.group not in ("", "A", "V") and not feature.not_a_property:
            values = _known(table[feature.column])
            mean = float(values.mean()) if len(values) else float("nan")
            spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
            unit = feature.published_unit if published and feature.published_unit else feature.unit
            rows.append((feature.column, feature.display, mean, spread, unit, len(values)))
    return pd.DataFrame(rows, columns=["quantity", "name", "value", "sd", "unit", "particles"])


def _needed(flat: bool) -> tuple[str, ...]:
    size = ("solid_area_um2", "area_um2") if flat else ("solid_volume_um3", "volume_um3")
    return (*size, "equivalent_diameter_um", "damage")


def _known(column: Any) -> npt.NDArray[np.float64]:
    values = np.asarray(column, np.float64)
    return values[np.isfinite(values)]


def _weighted_quantiles(values: npt.NDArray[np.float64], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Give the smallest values with at least 10, 50, 90 % of the weight at or below them."""
    return np.asarray(np.quantile(values, (0.1, 0.5, 0.9), weights=weights, method="inverted_cdf"), np.float64)
