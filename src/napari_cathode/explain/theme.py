"""Colours of the figures, given by whoever shows them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Theme = Mapping[str, str]
"""Colours by name: ``background``, ``foreground`` and ``accent`` (any that matplotlib knows)."""

LIGHT: Theme = {"background": "#ffffff", "foreground": "#1c2530", "accent": "#0b6e99"}
DARK: Theme = {"background": "#262930", "foreground": "#f0f1f2", "accent": "#4cb4e0"}

# Blue to orange, told apart by every kind of colour vision (Okabe & Ito 2008), with a middle grey that shows on
# light and on dark backgrounds alike.
LOW, _MIDDLE, HIGH = "#1f77c9", "#a3a3a3", "#e07b00"


def mix(theme: Theme, foreground: float) -> str:
    """Give a colour between the theme's background (0) and its foreground (1)."""
    from matplotlib.colors import to_hex, to_rgb

    low, high = (np.array(to_rgb(theme[name])) for name in ("background", "foreground"))
    red, green, blue = (float(part) for part in low + (high - low) * foreground)
    return str(to_hex((red, green, blue)))


def low_to_high() -> Any:
    """Give the colour map for small to large values of a feature."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("low_to_high", [LOW, _MIDDLE, HIGH])


def new_axes(figure: Any, theme: Theme) -> Any:
    """Clear a figure and give it one plain pair of axes in the theme's colours."""
    figure.clear()
    figure.set_facecolor(theme["background"])
    figure.set_layout_engine("constrained")
    axes = figure.add_subplot()
    style(axes, theme)
    return axes


def style(axes: Any, theme: Theme) -> None:
    """Give axes the theme's colours, without a frame on top and at the right."""
    line = mix(theme, 0.45)
    axes.set_facecolor(theme["background"])
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["bottom", "left"]].set_color(line)
    axes.tick_params(colors=line, labelcolor=theme["foreground"], labelsize=9)
    axes.xaxis.label.set_color(theme["foreground"])
    axes.yaxis.label.set_color(theme["foreground"])
    axes.set_axisbelow(True)
