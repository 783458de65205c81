"""Figures with a point for each particle."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError
from napari_cathode.explain.explanation import Explanation
from napari_cathode.explain.names import axis_title
from napari_cathode.explain.shape import LEAST_PARTICLES, bin_means
from napari_cathode.explain.theme import LIGHT, Theme, low_to_high, mix, new_axes

from .drawn import Points, feature_rows, name_axis, new_figure

Floats = npt.NDArray[np.float64]


def beeswarm(
    explanation: Explanation,
    theme: Theme = LIGHT,
    figure: Any = None,
    top: int = 12,
    selected: Collection[int] = (),
    seed: int = 0,
) -> Points:
    """Draw the attributions of every particle, one row per feature, coloured by the feature's value.

    Colours run over the ranks of the values; particles without a value are hollow.

    Parameters
    ----------
    explanation, theme, figure, top
        See `importance_bars`.
    selected : collection of int
        Labels to be ringed.
    seed : int
        Which of several points at one place lies where.
    """
    features = [str(name) for name in explanation.importance["feature"].head(top)]
    figure = new_figure(figure, 6.4, 1.1 + 0.36 * len(features))
    axes = new_axes(figure, theme)
    x = explanation.shap[features].to_numpy().T
    y = np.arange(len(features))[:, None] + _swarm(x, np.random.default_rng(seed))
    shade: Floats = explanation.values[features].rank(pct=True).to_numpy().T
    axes.axvline(0, color=mix(theme, 0.4), linewidth=0.8)
    _scatter(axes, x.ravel(), y.ravel(), shade.ravel(), theme, size=9)
    feature_rows(axes, features)
    title = f"Contribution to the predicted {axis_title(explanation.target)}"
    name_axis(axes.xaxis, title, explanation.target)
    _value_bar(figure, axes, theme)
    points = Points(
        figure, axes, x.ravel(), y.ravel(), np.tile(explanation.labels, len(features)),
        np.repeat(np.array(features, dtype=str), len(explanation.labels)),
    )  # fmt: skip
    _ring(points, selected, theme)
    return points


def predicted_measured(
    explanation: Explanation, theme: Theme = LIGHT, figure: Any = None, selected: Collection[int] = ()
) -> Points:
    """Draw what models that never saw a particle predict for it against what was measured."""
    figure = new_figure(figure, 4.4, 4.4)
    axes = new_axes(figure, theme)
    x, y = explanation.measured, explanation.prediction
    low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
    margin = 0.04 * (high - low)
    axes.plot([low, high], [low, high], color=mix(theme, 0.4), linewidth=1, zorder=1)
    axes.axhline(explanation.base_value, color=mix(theme, 0.4), linewidth=1, linestyle=":", zorder=1)
    axes.scatter(x, y, s=14, color=theme["accent"], alpha=0.6, linewidths=0, zorder=2, rasterized=True)
    axes.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin), aspect="equal")
    title = axis_title(explanation.target)
    name_axis(axes.xaxis, f"Measured {title}", explanation.target)
    name_axis(axes.yaxis, f"Predicted {title}", explanation.target)
    points = Points(figure, axes, x, y, explanation.labels, np.full(len(x), explanation.target))
    _ring(points, selected, theme)
    return points


def dependence(
    explanation: Explanation,
    feature: str,
    theme: Theme = LIGHT,
    figure: Any = None,
    colour_by: str | None = None,
    selected: Collection[int] = (),
) -> Points:
    """Draw the attribution of one feature against its value; particles without a value stand at the left.

    The line joins the means of bins of equally many particles.

    Parameters
    ----------
    explanation, theme, figure
        See `importance_bars`.
    feature : str
        One of the predictors.
    colour_by : str, optional
        Another predictor whose value colours the points.
    selected : collection of int
        Labels to be ringed.

    Raises
    ------
    InputError
        When a name is none of the predictors.
    """
    for name in (feature, colour_by):
        if name is not None and name not in explanation.predictors:
            raise InputError(f"{name} took no part in the explanation; choose one of its predictors.")
    figure = new_figure(figure, 5.2, 3.8)
    axes = new_axes(figure, theme)
    value = explanation.values[feature].to_numpy()
    known = np.isfinite(value)
    low, high = (float(value[known].min()), float(value[known].max())) if known.any() else (0.0, 1.0)
    aside = low - 0.1 * ((high - low) or 1.0)
    x: Floats = np.where(known, value, aside).astype(np.float64)
    y = explanation.shap[feature].to_numpy(np.float64)
    axes.axhline(0, color=mix(theme, 0.4), linewidth=0.8)
    if not known.all():
        axes.axvline((low + aside) / 2, color=mix(theme, 0.25), linewidth=0.8, linestyle=":")
        axes.text(aside, 1.0, "no value", transform=axes.get_xaxis_transform(), ha="center", va="bottom", fontsize=8,
                  color=mix(theme, 0.7))  # fmt: skip
    if colour_by is None:
        axes.scatter(x, y, s=14, color=theme["accent"], alpha=0.6, linewidths=0, rasterized=True)
    else:
        shade: Floats = np.asarray(explanation.values[colour_by].rank(pct=True), np.float64)
        _scatter(axes, x, y, shade, theme, size=14)
        _value_bar(figure, axes, theme, axis_title(colour_by))
    if known.sum() >= LEAST_PARTICLES:
        centre, mean, _ = bin_means(value[known].astype(np.float64), y[known])
        axes.plot(centre, mean, color=theme["foreground"], linewidth=1.6, alpha=0.8, zorder=3)
    name_axis(axes.xaxis, axis_title(feature), feature)
    name_axis(axes.yaxis, f"Contribution to {axis_title(explanation.target)}", explanation.target)
    points = Points(figure, axes, x, y, explanation.labels, np.full(len(x), feature))
    _ring(points, selected, theme)
    return points


def _swarm(x: Floats, rng: np.random.Generator, bins: int = 90) -> Floats:
    """Spread the points of each row up and down so that they do not cover each other.

    Points in one of ``bins`` intervals are put in turn above and below the row's line.
    """
    offset = np.zeros_like(x)
    low, high = float(x.min()), float(x.max())
    if low == high:
        return offset
    which = np.minimum(((x - low) / (high - low) * bins).astype(int), bins - 1)
    for row in range(len(x)):
        order = rng.permutation(x.shape[1])
        for place in np.unique(which[row]):
            members = order[which[row, order] == place]
            turn = np.arange(len(members))
            offset[row, members] = np.where(turn % 2, 1, -1) * ((turn + 1) // 2)
        offset[row] *= min(0.1, 0.42 / max(1.0, float(np.abs(offset[row]).max())))
    return offset


def _scatter(axes: Any, x: Floats, y: Floats, shade: Floats, theme: Theme, size: float) -> None:
    from .stamped import add_shaded_points

    known = np.isfinite(shade)
    add_shaded_points(axes, x[known], y[known], shade[known], low_to_high(), (0.0, 1.0), size, theme)
    hollow = mix(theme, 0.5)
    axes.scatter(
        x[~known], y[~known], s=size * 0.7, facecolors="none", edgecolors=hollow, linewidths=0.6, rasterized=True
    )


def _value_bar(figure: Any, axes: Any, theme: Theme, title: str = "Value of the feature") -> None:
    from matplotlib.cm import ScalarMappable

    bar = figure.colorbar(ScalarMappable(cmap=low_to_high()), ax=axes, aspect=40, pad=0.02, fraction=0.05)
    bar.set_ticks([0, 1], labels=["low", "high"])
    bar.ax.tick_params(length=0, labelsize=8, labelcolor=theme["foreground"])
    bar.outline.set_visible(False)
    bar.set_label(title, color=theme["foreground"], fontsize=9, labelpad=-14)


def _ring(points: Points, selected: Collection[int], theme: Theme) -> None:
    chosen = np.isin(points.label, list(selected))
    if chosen.any():
        points.axes.scatter(
            points.x[chosen], points.y[chosen], s=48, facecolors="none", edgecolors=theme["foreground"],
            linewidths=1.4, zorder=5,
        )  # fmt: skip
