"""Points of many colours, drawn fast; imports matplotlib, and so is imported where a figure is made."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.artist import allow_rasterization
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgb
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, IdentityTransform

from napari_cathode.explain.theme import Theme, mix

_COLOURS = 64
"""As many as can be told apart in a point."""
_PASSES = 4
_LEAST_CONTRAST = 2.0
"""Contrast ratio (WCAG 2.2) below which a point is lost in the background; a line around all would dull them."""
_LINE_PT = 0.6


class ShadedPoints(PathCollection):
    """Points of one size, coloured by their values; those that the background would swallow have a thin line around.

    matplotlib draws points of many colours one by one: 50,000 take it more than a tenth of a second. Here a point of
    each colour is drawn once and stamped to where it is wanted. No colour lies above all others where points are dense:
    the rows are dealt out to passes, each with an order of colours of its own.

    Attributes
    ----------
    background, line : colour
        What lies behind the points, and what colours the line.
    """

    background: Any = "white"
    line: Any = "black"

    @allow_rasterization
    def draw(self, renderer: Any) -> None:
        """Draw the points."""
        offsets, axes = np.asarray(self.get_offsets()), self.axes
        if not self.get_visible() or not len(offsets) or axes is None:
            return
        self.set_sizes(self.get_sizes(), axes.figure.dpi)
        share = np.clip(np.asarray(self.norm(np.asarray(self.get_array())), np.float64), 0, 1)
        groups = np.minimum((share * _COLOURS).astype(int), _COLOURS - 1)
        colours = [tuple(colour) for colour in self.get_cmap()((np.arange(_COLOURS) + 0.5) / _COLOURS)]
        places = self.get_offset_transform().transform(offsets)
        marker, size = self.get_paths()[0], Affine2D(self.get_transforms()[0])
        gc = renderer.new_gc()
        gc.set_clip_rectangle(axes.bbox)
        outlined = [contrast(colour, self.background) < _LEAST_CONTRAST for colour in colours]
        for turn in range(_PASSES):
            of_pass, there = groups[turn::_PASSES], places[turn::_PASSES]
            order = np.argsort(of_pass, kind="stable")
            ends = np.searchsorted(of_pass[order], np.arange(_COLOURS + 1))
            for group in np.random.default_rng(turn).permutation(np.flatnonzero(np.diff(ends))):
                rows = order[ends[group] : ends[group + 1]]
                gc.set_linewidth(renderer.points_to_pixels(_LINE_PT) if outlined[group] else 0)
                gc.set_foreground(self.line if outlined[group] else colours[group])
                renderer.draw_markers(gc, marker, size, Path(there[rows]), IdentityTransform(), colours[group])
        gc.restore()
        self.stale = False


def add_shaded_points(
    axes: Any,
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    values: npt.NDArray[np.float64],
    colormap: Any,
    limits: tuple[float, float],
    size: float,
    theme: Theme,
) -> ShadedPoints:
    """Add points to axes.

    Parameters
    ----------
    axes : Axes
        Where they go.
    x, y : ndarray of float64, shape (points,)
        Positions in data coordinates.
    values : ndarray of float64, shape (points,)
        What colours them, finite.
    colormap : Colormap
        Of matplotlib.
    limits : tuple of (float, float)
        Values at its ends.
    size : float
        Area of a point in square points of 1/72 inch.
    theme : Theme
        Colours of the figure.
    """
    circle = MarkerStyle("o")
    points = ShadedPoints(
        [circle.get_path().transformed(circle.get_transform())], [size], offsets=np.column_stack([x, y]),
        offset_transform=axes.transData, array=values, cmap=colormap, linewidths=0, rasterized=True,
    )  # fmt: skip
    points.background, points.line = theme["background"], mix(theme, 0.5)
    points.set_clim(*limits)
    points.set_transform(IdentityTransform())
    axes.add_collection(points)
    axes.autoscale_view()
    return points


def contrast(one: Any, other: Any) -> float:
    """Give the contrast ratio of two colours, 1 to 21 (WCAG 2.2, relative luminance of sRGB)."""
    bright = []
    for colour in (one, other):
        parts = np.array(to_rgb(colour))
        linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
        bright.append(float(linear @ (0.2126, 0.7152, 0.0722)) + 0.05)
    return max(bright) / min(bright)
