"""What was drawn, so that whoever shows it knows what a click meant; and what all figures share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.explain.names import display_name

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars that were drawn.

    Attributes
    ----------
    figure, axes : Figure, Axes
        Where they are.
    features : tuple of str
        Columns, from the topmost bar down, which stand at y = 0, 1, 2 …; "" for what stands for no column.
    beside : tuple of Axes
        Further axes with the same rows.
    """

    figure: Any
    axes: Any
    features: tuple[str, ...]
    beside: tuple[Any, ...] = ()

    def feature_at(self, y: float) -> str | None:
        """Give the feature whose bar lies at a height in data coordinates, None where there is none."""
        row = round(y)
        return (self.features[row] or None) if 0 <= row < len(self.features) and abs(y - row) <= 0.5 else None


@dataclass(frozen=True, eq=False)
class Points:
    """Points that were drawn, one particle each (in a beeswarm: one per particle and feature).

    Attributes
    ----------
    figure, axes : Figure, Axes
        Where they are.
    x, y : ndarray of float64, shape (points,)
        Positions in data coordinates.
    label : ndarray of int64, shape (points,)
        The particle of each point.
    feature : ndarray of str, shape (points,)
        The column that each point shows.
    """

    figure: Any
    axes: Any
    x: Floats
    y: Floats
    label: npt.NDArray[np.int64]
    feature: npt.NDArray[np.str_]

    def nearest(self, x_pixel: float, y_pixel: float, within: float = 8.0) -> int | None:
        """Give the number of the point nearest to a place on the canvas.

        Parameters
        ----------
        x_pixel, y_pixel : float
            As in a matplotlib mouse event.
        within : float
            Farthest distance in pixels.

        Returns
        -------
        int or None
            Index into the arrays; None when no point is that near.
        """
        if not len(self.x):
            return None
        pixels = self.axes.transData.transform(np.column_stack([self.x, self.y]))
        distance = np.hypot(pixels[:, 0] - x_pixel, pixels[:, 1] - y_pixel)
        found = int(np.argmin(distance))
        return found if distance[found] <= within else None


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve that was drawn, in which nothing can be clicked.

    Attributes
    ----------
    figure, axes : Figure, Axes
        Where it is.
    """

    figure: Any
    axes: Any


def new_figure(figure: Any, width: float, height: float) -> Any:
    """Give the figure that was handed in, or a new one of a size in inches."""
    from matplotlib.figure import Figure

    return figure if figure is not None else Figure(figsize=(width, height))


def name_axis(axis: Any, title: str, column: str) -> None:
    """Title an axis; the name of the column goes with the text, so that a window can say what it means."""
    axis.set_label_text(title)
    axis.label.set_gid(column)


def feature_rows(axes: Any, features: list[str], names: list[str] | None = None) -> None:
    """Write one feature a row, from the top, by its name or by the text given."""
    axes.set_yticks(np.arange(len(features)), names or [display_name(name) for name in features])
    for text, feature in zip(axes.get_yticklabels(), features, strict=True):
        text.set_gid(feature)
    axes.set_ylim(len(features) - 0.45, -0.55)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
