"""Figures about one particle: what moves its prediction, and what would."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_cathode.explain.explanation import Explanation
from napari_cathode.explain.names import axis_title, display_name
from napari_cathode.explain.theme import HIGH, LIGHT, LOW, Theme, mix, new_axes
from napari_cathode.explain.what_if import WhatIf

from .drawn import Bars, Curve, feature_rows, name_axis, new_figure


def waterfall(explanation: Explanation, label: int, theme: Theme = LIGHT, figure: Any = None, top: int = 9) -> Bars:
    """Draw how a particle's attributions lead from the base value to its prediction.

    The largest come first; what is left is one bar of no feature.

    Parameters
    ----------
    explanation, theme, figure
        See `importance_bars`.
    label : int
        The particle.
    top : int
        How many features at most.

    Raises
    ------
    InputError
        When the particle took no part in the explanation.
    """
    row = explanation.row_of(label)
    shap = explanation.shap[list(explanation.predictors)].to_numpy()[row]
    order = np.argsort(-np.abs(shap), kind="stable")
    shown, rest = order[:top], order[top:]
    features = [explanation.predictors[at] for at in shown]
    names = [f"{display_name(name)} = {_value(explanation.values[name].iloc[row])}" for name in features]
    steps = [float(shap[at]) for at in shown]
    if len(rest):
        features.append("")
        names.append(f"{len(rest)} others")
        steps.append(float(shap[rest].sum()))
    figure = new_figure(figure, 6.4, 1.5 + 0.34 * len(features))
    axes = new_axes(figure, theme)
    base, end = float(explanation.base_values[row]), float(explanation.explained[row])
    starts = base + np.concatenate([[0.0], np.cumsum(steps)[:-1]])
    rows = np.arange(len(steps))
    axes.barh(rows, steps, left=starts, height=0.62, color=[HIGH if step > 0 else LOW for step in steps])
    axes.vlines(starts[1:], rows[1:] - 1 - 0.31, rows[1:] + 0.31, color=mix(theme, 0.45), linewidth=0.8)
    span = float(np.ptp(np.concatenate([starts, [end]]))) or 1.0
    for at, (start, step) in enumerate(zip(starts, steps, strict=True)):
        side = max(start, start + step) + 0.015 * span
        axes.text(side, at, _signed(step), va="center", ha="left", fontsize=8, color=theme["foreground"])
    axes.axvline(base, color=mix(theme, 0.45), linewidth=0.9, linestyle=":", zorder=0)
    # Paler than the numbers, which stay legible across it; boxes around them would take as long as all the rest.
    axes.axvline(end, color=mix(theme, 0.6), linewidth=1.1, zorder=0)
    feature_rows(axes, features, names)
    axes.set_xlim(axes.get_xlim()[0], axes.get_xlim()[1] + 0.16 * span)
    measured = float(explanation.measured[row])
    figure.suptitle(  # from the left edge of the figure, since panels are narrow
        f"Particle {label}: predicted {end:.3g}, measured {measured:.3g},\nmean of the predictions {base:.3g}",
        x=0.02, ha="left", fontsize=8.5, color=theme["foreground"],
    )  # fmt: skip
    name_axis(axes.xaxis, f"Predicted {axis_title(explanation.target)}", explanation.target)
    return Bars(figure, axes, tuple(features))


def what_if_curve(found: WhatIf, target: str, theme: Theme = LIGHT, figure: Any = None) -> Curve:
    """Draw what the models would predict for a particle along the range of one of its properties.

    The band goes from the smallest to the largest prediction of the single models; the range where hardly any
    particles are is shaded.
    """
    figure = new_figure(figure, 5.2, 3.4)
    axes = new_axes(figure, theme)
    axes.fill_between(found.value, found.low, found.high, color=theme["accent"], alpha=0.22, linewidth=0)
    axes.plot(found.value, found.prediction, color=theme["accent"], linewidth=1.8)
    low, high = found.supported
    for start, stop in ((found.value[0], low), (high, found.value[-1])):
        if stop > start:
            axes.axvspan(start, stop, color=mix(theme, 0.5), alpha=0.15, linewidth=0)
    if np.isfinite(found.present):
        axes.plot([found.present], [found.predicted], "o", color=theme["foreground"], markersize=7, zorder=4)
    axes.set_xlim(found.value[0], found.value[-1])
    axes.grid(axis="y", color=mix(theme, 0.12), linewidth=0.8)
    name_axis(axes.xaxis, axis_title(found.feature), found.feature)
    name_axis(axes.yaxis, f"Predicted {axis_title(target)}", target)
    return Curve(figure, axes)


def _value(value: float) -> str:
    return "no value" if np.isnan(value) else f"{value:.3g}".replace("-", "\N{MINUS SIGN}")


def _signed(step: float) -> str:
    return f"{step:+.2g}".replace("-", "\N{MINUS SIGN}")
