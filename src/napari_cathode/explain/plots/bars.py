"""Figures with a row for each feature: importance, its stability, two states, interactions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.explain.compare import Comparison
from napari_cathode.explain.explanation import Explanation
from napari_cathode.explain.interactions import Interactions
from napari_cathode.explain.names import SHARE, SHUFFLED, display_name
from napari_cathode.explain.stability import Stability
from napari_cathode.explain.theme import LIGHT, Theme, mix, new_axes, style

from .drawn import Bars, feature_rows, name_axis, new_figure

Floats = npt.NDArray[np.float64]

_CAP = 3.0
_BESIDE_EACH_OTHER = 34
"""Letters of a legend that fit in one line of a panel."""


def importance_bars(
    explanation: Explanation, theme: Theme = LIGHT, figure: Any = None, top: int = 12, grouped: bool = False
) -> Bars:
    """Draw each feature's share of the summed mean |SHAP|, beside what shuffling it costs.

    Whiskers are standard deviations: of the share over the fitted models, of the loss over the repeats.

    Parameters
    ----------
    explanation : Explanation
        What to draw.
    theme : mapping
        Colours; see `theme.Theme`.
    figure : matplotlib.figure.Figure, optional
        Cleared and drawn into; a new one without it.
    top : int
        How many features at most.
    grouped : bool
        Whether correlated features share a bar.
    """
    table, names = _groups(explanation.importance) if grouped else (explanation.importance, None)
    table = table.head(top)
    figure = new_figure(figure, 7.2, 0.9 + 0.3 * len(table))
    axes, beside = _two_axes(figure, theme)
    rows = np.arange(len(table))
    _bars(axes, rows, 100 * table["share"].to_numpy(), 100 * table["spread"].to_numpy(), theme, theme["accent"])
    loss, spread = table["permutation"].to_numpy(), table["permutation_sd"].to_numpy()
    _bars(beside, rows, loss, spread, theme, mix(theme, 0.45))
    beside.axvline(0, color=mix(theme, 0.45), linewidth=0.8)
    features = list(map(str, table["feature"]))
    feature_rows(axes, features, None if names is None else names[: len(features)])
    beside.tick_params(axis="y", length=0, labelleft=False)
    beside.spines["left"].set_visible(False)
    axes.set_xlim(left=0)
    name_axis(axes.xaxis, "Share of mean\n|SHAP| (%)", SHARE)  # in two lines each, since panels are narrow
    name_axis(beside.xaxis, "R² lost\nif shuffled", SHUFFLED)
    return Bars(figure, axes, tuple(features), (beside,))


def stability_rows(stability: Stability, theme: Theme = LIGHT, figure: Any = None, top: int = 12) -> Bars:
    """Draw the mean share of each feature and its spread over seeds and over subsets."""
    table = stability.table().head(top)
    figure = new_figure(figure, 6.4, 1.2 + 0.32 * len(table))
    axes = new_axes(figure, theme)
    rows = np.arange(len(table))
    for shift, side, colour, text in (
        (-0.16, "seed", theme["accent"], f"{len(stability.seeds)} seeds"),
        (0.16, "subset", mix(theme, 0.6), f"{len(stability.subsets)} subsets of {stability.subset_particles}"),
    ):
        axes.errorbar(
            100 * table[f"{side}_share"], rows + shift, xerr=100 * table[f"{side}_sd"], fmt="o", markersize=5,
            color=colour, elinewidth=1.4, capsize=_CAP, label=text,
        )  # fmt: skip
    _finish_rows(axes, list(map(str, table["feature"])), theme, "Share of mean |SHAP| (%), mean ± SD")
    _legend(figure, theme)
    return Bars(figure, axes, tuple(map(str, table["feature"])))


def comparison_rows(comparison: Comparison, theme: Theme = LIGHT, figure: Any = None, top: int = 12) -> Bars:
    """Draw each feature's share in two states, by the size of its change; what is unsettled is pale."""
    table = comparison.table().head(top)
    figure = new_figure(figure, 6.4, 1.2 + 0.34 * len(table))
    axes = new_axes(figure, theme)
    rows = np.arange(len(table))
    first, second = 100 * table["first_share"], 100 * table["second_share"]
    clear = (table["direction"] != "unsettled").to_numpy()
    axes.hlines(rows, first, second, color=mix(theme, 0.3), linewidth=2, zorder=1)
    for values, side, colour, text in (
        (first, "first", mix(theme, 0.6), comparison.names[0]),
        (second, "second", theme["accent"], comparison.names[1]),
    ):
        for shown, alpha in ((clear, 1.0), (~clear, 0.45)):
            axes.errorbar(
                values[shown], rows[shown], xerr=100 * table[f"{side}_sd"][shown], fmt="o", markersize=6, color=colour,
                elinewidth=1.2, alpha=alpha, label=text if alpha == 1.0 else None, zorder=2,
            )  # fmt: skip
    _finish_rows(axes, list(map(str, table["feature"])), theme, "Share of mean |SHAP| (%) ± SD")
    _legend(figure, theme)
    return Bars(figure, axes, tuple(map(str, table["feature"])))


def interaction_bars(interactions: Interactions, theme: Theme = LIGHT, figure: Any = None, top: int = 10) -> Bars:
    """Draw the pairs of features that work together most; `Bars.features` names them as "first × second"."""
    table = interactions.table().head(top)
    figure = new_figure(figure, 6.4, 0.9 + 0.3 * len(table))
    axes = new_axes(figure, theme)
    axes.barh(np.arange(len(table)), 100 * table["share"], height=0.64, color=theme["accent"])
    pairs = zip(table["first"], table["second"], strict=True)
    names = [f"{display_name(first)} × {display_name(second)}" for first, second in pairs]
    both = [f"{pair.first} × {pair.second}" for pair in table.itertuples()]
    _finish_rows(axes, both, theme, "Share of all effects (%)", names)
    return Bars(figure, axes, tuple(both))


def _groups(importance: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Give one row per correlated group, under its leading feature, and what to write for it."""
    leaders = importance[importance["feature"] == importance["group"]].copy()
    leaders["share"] = leaders["group_share"]
    leaders["permutation"] = leaders["group_permutation"]
    single = importance["group"].value_counts()[leaders["group"]].to_numpy() == 1
    # Explanations kept before there was such a column have no whiskers here.
    leaders["spread"] = leaders.get("group_spread", np.nan)
    leaders.loc[~single, "permutation_sd"] = np.nan  # known for single features only
    leaders = leaders.sort_values("share", ascending=False, kind="stable", ignore_index=True)
    names = []
    for leader in leaders["feature"]:
        others = importance.loc[(importance["group"] == leader) & (importance["feature"] != leader), "feature"]
        more = f" +{len(others)}" if len(others) > 1 else "".join(f" + {display_name(name)}" for name in others)
        names.append(display_name(leader) + more)
    return leaders, names


def _two_axes(figure: Any, theme: Theme) -> tuple[Any, Any]:
    figure.clear()
    figure.set_facecolor(theme["background"])
    figure.set_layout_engine("constrained")
    axes, beside = figure.subplots(1, 2, sharey=True, width_ratios=(1.7, 1))
    for part in (axes, beside):
        style(part, theme)
        part.grid(axis="x", color=mix(theme, 0.12), linewidth=0.8)
    return axes, beside


def _bars(axes: Any, rows: Any, values: Floats, spread: Floats, theme: Theme, colour: str) -> None:
    axes.barh(rows, values, height=0.64, color=colour)
    seen = np.isfinite(spread)
    axes.errorbar(values[seen], rows[seen], xerr=spread[seen], fmt="none", ecolor=mix(theme, 0.75), elinewidth=1.2)


def _finish_rows(axes: Any, features: list[str], theme: Theme, title: str, names: list[str] | None = None) -> None:
    feature_rows(axes, features, names)
    axes.set_xlim(left=0)
    axes.grid(axis="x", color=mix(theme, 0.12), linewidth=0.8)
    axes.set_xlabel(title)


def _legend(figure: Any, theme: Theme) -> None:
    names = [str(name) for name in figure.axes[0].get_legend_handles_labels()[1]]
    columns = 2 if sum(map(len, names)) <= _BESIDE_EACH_OTHER else 1  # panels are narrow
    figure.legend(
        loc="outside upper right", ncols=columns, frameon=False, fontsize=8, labelcolor=theme["foreground"],
        handletextpad=0.3, columnspacing=1.2,
    )  # fmt: skip
