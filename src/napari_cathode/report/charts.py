"""Distributions of particle size and damage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from napari_cathode.explain.names import axis_title
from napari_cathode.explain.theme import LIGHT, mix, new_axes


def size_distribution(table: pd.DataFrame, summary: Any) -> Any:
    """Draw how many particles have which equivalent diameter, with D10, D50 and D90 (by number) marked.

    Returns
    -------
    matplotlib.figure.Figure or None
        None when no particle has a size.
    """
    marks = [("D10", summary.d10_um), ("D50", summary.d50_um), ("D90", summary.d90_um)]
    return _histogram(table, "equivalent_diameter_um", marks)


def damage_distribution(table: pd.DataFrame, summary: Any) -> Any:
    """Draw how many particles are damaged how much, with the mean marked; None when no damage is known."""
    return _histogram(table, "damage", [("mean", summary.damage_mean)])


def _histogram(table: pd.DataFrame, column: str, marks: list[tuple[str, float]]) -> Any:
    from matplotlib.figure import Figure

    values = table[column].dropna().to_numpy(np.float64) if column in table else np.array([])
    if not len(values):
        return None
    figure = Figure(figsize=(4.6, 2.9))
    axes = new_axes(figure, LIGHT)
    # Freedman–Diaconis asks for thousands of bins when half of the values are equal, so both ends are bounded.
    bins = min(max(len(np.histogram_bin_edges(values, "sturges")) - 1, 8), 40)
    axes.hist(values, bins=bins, color=LIGHT["accent"], rwidth=0.92)
    for name, value in marks:
        axes.axvline(value, color=mix(LIGHT, 0.8), linewidth=1, linestyle=(0, (4, 3)))
        axes.text(value, 1.01, name, transform=axes.get_xaxis_transform(), ha="center", va="bottom", fontsize=8,
                  color=mix(LIGHT, 0.8))  # fmt: skip
    axes.yaxis.get_major_locator().set_params(integer=True)
    axes.grid(axis="y", color=mix(LIGHT, 0.1), linewidth=0.8)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(axis_title(column))
    axes.set_ylabel("Particles")
    return figure
