"""Figures of a feature table: how one feature spreads, and how two go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.explain.names import axis_title
from napari_cathode.explain.theme import LIGHT, Theme, mix, new_axes

from .drawn import Floats, Points, name_axis, new_figure

_LEAST_BINS, _MOST_BINS = 8, 60


@dataclass(frozen=True, eq=False)
class Histogram:
    """A histogram that was drawn.

    Attributes
    ----------
    figure, axes : Figure, Axes
        Where it is.
    edges : ndarray of float64, shape (bins + 1,)
        Ends of the bins.
    counts : ndarray of int64, shape (bins,)
        Particles in them.
    x : ndarray of float64, shape (particles,)
        Their values.
    label : ndarray of int64, shape (particles,)
        Their labels.
    """

    figure: Any
    axes: Any
    edges: Floats
    counts: npt.NDArray[np.int64]
    x: Floats
    label: npt.NDArray[np.int64]

    def bin_at(self, value: float | None) -> int | None:
        """Give the number of the bin at a place of the x axis, None beside all."""
        if value is None or not self.edges[0] <= value <= self.edges[-1]:
            return None
        return min(int(np.searchsorted(self.edges, value, "right")) - 1, len(self.counts) - 1)

    def labels_in(self, number: int) -> npt.NDArray[np.int64]:
        """Give the labels of the particles in a bin."""
        low, high = self.edges[number], self.edges[number + 1]
        above = self.x <= high if number == len(self.counts) - 1 else self.x < high
        return self.label[(self.x >= low) & above]


@dataclass(frozen=True, eq=False)
class Shade:
    """What colours the points.

    Attributes
    ----------
    values : ndarray of float64, shape (particles,)
        NaN where a particle has none; such points are hollow.
    colormap : object
        A colour map of matplotlib.
    limits : tuple of (float, float)
        Values at its ends.
    title : str
        What the values are.
    column : str
        The column that they come from.
    """

    values: Floats
    colormap: Any
    limits: tuple[float, float]
    title: str
    column: str = ""


@dataclass(frozen=True, eq=False)
class Scatter(Points):
    """A scatter plot, whose points can be moved without drawing axes, titles and colour bar anew.

    Attributes
    ----------
    kind : tuple
        What was drawn around the points.
    drawn : tuple of PathCollection
        The points with a value, and those without.
    widest : int
        Letters of the longest number at the y axis for which the figure is laid out.
    laid_out : bool
        Whether it is so already.
    only_points : bool
        Whether nothing but the points is other than it was drawn before.
    """

    kind: tuple[Any, ...] = ()
    drawn: tuple[Any, ...] = ()
    widest: int = 0
    laid_out: bool = False
    only_points: bool = False


def histogram(
    label: npt.NDArray[np.int64],
    x: Floats,
    column: str,
    theme: Theme = LIGHT,
    figure: Any = None,
    log: bool = False,
) -> Histogram:
    """Draw how the values of a feature spread, with their median.

    The bins are of equal width (on a logarithmic axis, of equal ratio) after Freedman and Diaconis.

    Parameters
    ----------
    label : ndarray of int64, shape (particles,)
        Labels of the particles.
    x : ndarray of float64, shape (particles,)
        Their values, finite; above zero where ``log``.
    column : str
        The feature.
    theme, figure
        See `importance_bars`.
    log : bool
        Whether the axis is logarithmic.
    """
    axes = new_axes(new_figure(figure, 5.2, 3.6), theme)
    edges = _edges(x, log)
    counts = np.histogram(x, edges)[0]
    axes.stairs(counts, edges, fill=True, color=theme["accent"], alpha=0.75)
    axes.stairs(counts, edges, fill=False, color=mix(theme, 0.55), linewidth=0.6)
    median = float(np.median(x))
    axes.axvline(median, color=theme["foreground"], linewidth=1, linestyle="--", zorder=3)
    if log:
        axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, 1.08 * counts.max())
    axes.yaxis.get_major_locator().set_params(integer=True)
    name_axis(axes.xaxis, axis_title(column), column)
    axes.set_ylabel("Particles")
    return Histogram(axes.figure, axes, edges, counts, x, label)


def scatter(
    label: npt.NDArray[np.int64],
    x: Floats,
    y: Floats,
    columns: tuple[str, str],
    theme: Theme = LIGHT,
    figure: Any = None,
    shade: Shade | None = None,
    log: tuple[bool, bool] = (False, False),
    former: Any = None,
    reach: tuple[tuple[float, float], tuple[float, float]] | None = None,
) -> Scatter:
    """Draw a point for each particle.

    Parameters
    ----------
    label : ndarray of int64, shape (particles,)
        Labels of the particles.
    x, y : ndarray of float64, shape (particles,)
        Their values, finite; above zero where ``log``.
    columns : tuple of (str, str)
        The features along x and y.
    theme, figure
        See `importance_bars`.
    shade : Shade, optional
        What colours the points.
    log : tuple of (bool, bool)
        Whether the axes are logarithmic.
    former : Scatter, optional
        What ``figure`` shows; where only the particles are others, its points are moved.
    reach : tuple of (float, float), two, optional
        Between which values of x and y the axes reach where the points fill at least half of that.
    """
    shaded = None if shade is None else (shade.title, shade.limits, shade.colormap)
    kind = (columns, dict(theme), log, shaded)
    if isinstance(former, Scatter) and former.figure is figure and former.kind == kind:
        axes, drawn, room, before = former.axes, former.drawn, former.widest, _limits(former.axes)
    else:
        axes = new_axes(new_figure(figure, 5.2, 3.8), theme)
        drawn, room, before = _empty_scatter(axes, columns, theme, shade, log), 0, None
    size = float(np.clip(4000 / max(1, len(x)), 3, 18))
    known = np.full(len(x), True) if shade is None else np.isfinite(shade.values)
    for points, rows in zip(drawn, (known, ~known), strict=True):
        points.set_offsets(np.column_stack([x[rows], y[rows]]))
        points.set_sizes([size])
    if shade is not None:
        drawn[0].set_array(shade.values[known])
    axes.ignore_existing_data_limits = True
    ends = [
        _ends(values, *more) for values, more in zip((x, y), zip(reach or (None, None), log, strict=True), strict=True)
    ]
    axes.update_datalim(np.column_stack(ends))
    axes.autoscale_view()
    still = _limits(axes) == before
    widest = room if still else _widest_number(axes)
    names = np.full(len(x), columns[0])
    return Scatter(axes.figure, axes, x, y, label, names, kind, drawn, max(room, widest), widest <= room, still)


def _limits(axes: Any) -> tuple[float, ...]:
    return (*axes.get_xlim(), *axes.get_ylim())


def _ends(values: Floats, reach: tuple[float, float] | None, log: bool) -> tuple[float, float]:
    """Choose between which values an axis reaches."""
    own = (float(values.min()), float(values.max())) if len(values) else reach or (0.0, 1.0)
    if reach is None:
        return own
    (low, high), (lowest, highest) = (np.log10(ends) if log else ends for ends in (own, reach))
    return reach if lowest <= low and high <= highest and high - low >= 0.5 * (highest - lowest) else own


def _empty_scatter(
    axes: Any, columns: tuple[str, str], theme: Theme, shade: Shade | None, log: tuple[bool, bool]
) -> tuple[Any, Any]:
    """Draw all of a scatter plot but its points; give the collections that these go into."""
    nothing: Floats = np.zeros(0)
    if shade is None:
        points = axes.scatter(nothing, nothing, color=theme["accent"], alpha=0.7, linewidths=0, rasterized=True)
    else:
        from .stamped import add_shaded_points

        points = add_shaded_points(axes, nothing, nothing, nothing, shade.colormap, shade.limits, 1.0, theme)
        bar = axes.figure.colorbar(points, ax=axes, aspect=40, pad=0.02, fraction=0.05)
        bar.outline.set_visible(False)
        bar.ax.tick_params(length=0, labelsize=8, labelcolor=theme["foreground"])
        bar.set_label(shade.title, color=theme["foreground"], fontsize=9)
        bar.ax.yaxis.label.set_gid(shade.column)
    hollow = axes.scatter(
        nothing, nothing, facecolors="none", edgecolors=mix(theme, 0.5), linewidths=0.6, rasterized=True
    )
    for logarithmic, scale in zip(log, (axes.set_xscale, axes.set_yscale), strict=True):
        if logarithmic:
            scale("log")
    name_axis(axes.xaxis, axis_title(columns[0]), columns[0])
    name_axis(axes.yaxis, axis_title(columns[1]), columns[1])
    return points, hollow


def _widest_number(axes: Any) -> int:
    """Count the letters of the longest number at the y axis."""
    low, high = sorted(axes.get_ylim())
    places = [place for place in axes.yaxis.get_majorticklocs() if low <= place <= high]
    return max(map(len, axes.yaxis.get_major_formatter().format_ticks(places)), default=0)


def _edges(x: Floats, log: bool) -> Floats:
    values = np.log10(x) if log else x
    low, high = float(values.min()), float(values.max())
    if high <= low:
        margin = 0.5 if log else 0.5 * (abs(low) or 1.0)
        low, high = low - margin, high + margin
    first, third = np.percentile(values, (25, 75))
    width = 2 * float(third - first) / len(values) ** (1 / 3)
    wanted = (high - low) / width if width > 0 else _LEAST_BINS
    edges = np.linspace(low, high, int(np.clip(np.ceil(wanted), _LEAST_BINS, _MOST_BINS)) + 1)
    edges = 10.0**edges if log else edges
    edges[0], edges[-1] = min(edges[0], float(x.min())), max(edges[-1], float(x.max()))
    return np.asarray(edges, np.float64)
