"""Points of many colours, drawn fast; imports matplotlib, and so is imported where a figure is made."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.artist import allow_rasterization
from matplotlib.collections import PathCollection
from matplotlib.markers import MarkerStyle
from matplotlib.path import Path
from matplotlib.transforms import Affine2D, IdentityTransform

_COLOURS = 64
"""As many as can be told apart in a point."""
_PASSES = 4


class ShadedPoints(PathCollection):
    """Points of one size without a line around them, coloured by their values.

    matplotlib draws points of many colours one by one: 50,000 take it more than a tenth of a second. Here a point of
    each colour is drawn once and stamped to where it is wanted. No colour lies above all others where points are dense:
    the rows are dealt out to passes, each with an order of colours of its own.
    """

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
        gc.set_linewidth(0)
        for turn in range(_PASSES):
            of_pass, there = groups[turn::_PASSES], places[turn::_PASSES]
            order = np.argsort(of_pass, kind="stable")
            ends = np.searchsorted(of_pass[order], np.arange(_COLOURS + 1))
            for group in np.random.default_rng(turn).permutation(np.flatnonzero(np.diff(ends))):
                rows = order[ends[group] : ends[group + 1]]
                gc.set_foreground(colours[group], isRGBA=True)
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
    """
    circle = MarkerStyle("o")
    points = ShadedPoints(
        [circle.get_path().transformed(circle.get_transform())], [size], offsets=np.column_stack([x, y]),
        offset_transform=axes.transData, array=values, cmap=colormap, linewidths=0, rasterized=True,
    )  # fmt: skip
    points.set_clim(*limits)
    points.set_transform(IdentityTransform())
    axes.add_collection(points)
    axes.autoscale_view()
    return points
