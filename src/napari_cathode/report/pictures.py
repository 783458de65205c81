"""Slices of a tomogram beside their particles, coloured by damage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.tomogram import Tomogram

MOST_PIXELS = 1400
"""Longest edge of a slice in the report; larger ones are thinned out."""

_OUTLINE = (1.0, 0.76, 0.15)
_BACKGROUND = (0.07, 0.08, 0.10)
_NO_DAMAGE = (0.42, 0.44, 0.47)
_PLATE = 0.07
"""Height of the scale bar's plate, as a part of the picture's width."""
_VIEWS = {"xy": 0, "xz": 1, "yz": 2}


@dataclass(frozen=True, eq=False)
class Section:
    """One slice through a tomogram and its labels.

    Attributes
    ----------
    view : str
        "xy", "xz" or "yz"; the first letter is the horizontal axis of the picture.
    number, count : int
        Which slice (from 0) of how many.
    position_um : float
        Where it lies along the third axis.
    grey : ndarray, shape (rows, columns)
        Grey values.
    labels : ndarray of int32, shape (rows, columns)
        Label ids.
    seen : ndarray of bool, shape (rows, columns)
        Field of view.
    pixel_um : tuple of float
        Edges (row, column) of a pixel in µm.
    """

    view: str
    number: int
    count: int
    position_um: float
    grey: npt.NDArray[Any]
    labels: npt.NDArray[np.int32]
    seen: npt.NDArray[np.bool_]
    pixel_um: tuple[float, float]


def middle_sections(tomogram: Tomogram, labels: npt.NDArray[np.int32]) -> list[Section]:
    """Take the middle slice of each view, or the one slice there is."""
    views = ["xy"] if tomogram.is_slice else list(_VIEWS)
    return [_section(tomogram, labels, view) for view in views]


def _section(tomogram: Tomogram, labels: npt.NDArray[np.int32], view: str) -> Section:
    spacing = tomogram.require_spacing()
    axis = _VIEWS[view]
    number = tomogram.shape[axis] // 2
    # Rows of the picture run along z (in xy: y), columns along x (in yz: y).
    down, across = (other for other in range(3) if other != axis)
    step = max(1, -(-max(tomogram.shape[down], tomogram.shape[across]) // MOST_PIXELS))
    cut: list[Any] = [slice(None, None, step)] * 3
    cut[axis] = number
    place = tuple(cut)
    grey = np.asarray(tomogram.data[place])
    view_field = tomogram.field_of_view
    seen = np.ones(grey.shape, bool) if view_field is None else np.broadcast_to(view_field, tomogram.shape)[place]
    return Section(
        view=view,
        number=number,
        count=tomogram.shape[axis],
        position_um=number * spacing[axis],
        grey=grey,
        labels=np.asarray(labels[place]),
        seen=np.asarray(seen),
        pixel_um=(spacing[down] * step, spacing[across] * step),
    )


def damage_range(table: pd.DataFrame, column: str = "damage") -> tuple[float, float]:
    """Give the ends of the colour scale: 0 and the 98th percentile of damage (1 when nothing is known)."""
    values = table[column].dropna() if column in table else pd.Series(dtype=float)
    high = float(np.percentile(values, 98)) if len(values) else 1.0
    return 0.0, high if high > 0 else 1.0


def draw_section(section: Section, table: pd.DataFrame) -> Any:
    """Draw a slice with the outlines of its particles beside (wide ones: above) the same particles coloured by damage.

    Parameters
    ----------
    section : Section
        What to draw.
    table : DataFrame
        Columns ``label`` and, where it was measured, ``damage``.

    Returns
    -------
    matplotlib.figure.Figure
        Two panels with one scale.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    rows, columns = section.grey.shape
    height = rows * section.pixel_um[0]
    width = columns * section.pixel_um[1]
    plate = _PLATE * width
    below = plate if plate > 0.3 * height else 0.0  # the scale bar stands under flat slices, or it would hide them
    tall = (height + below) / width
    # Above each other where they would be too small to see anything; labels need a height, pages end somewhere.
    if width > 1.6 * height and (columns > 400 or below):
        figure = Figure(figsize=(10.1, max(2.0, 2 * 9.2 * tall)), layout="constrained")
        left, right = figure.subplots(2, 1)
    else:
        figure = Figure(figsize=(10.1, min(max(2.0, 4.6 * tall), 9.2)), layout="constrained")
        left, right = figure.subplots(1, 2)
    figure.set_facecolor("white")
    extent = (0.0, width, height, 0.0)
    left.imshow(_outlined(section), extent=extent, interpolation="nearest")
    scale = Normalize(*damage_range(table))
    right.imshow(_coloured(section, table, scale), extent=extent, interpolation="nearest")
    for axes in (left, right):
        axes.set_axis_off()
        axes.set_ylim(height + below, 0.0)
    _scale_bar(left, width, height, bool(below))
    mapped = ScalarMappable(scale, _colours())
    bar = figure.colorbar(mapped, ax=[left, right], fraction=0.04, pad=0.02, aspect=24, extend="max")
    bar.set_label("Damage", fontsize=9)
    bar.ax.tick_params(labelsize=8)
    bar.outline.set_visible(False)
    return figure


def _outlined(section: Section) -> npt.NDArray[np.float32]:
    inside = section.grey[section.seen]
    low, high = np.nanpercentile(inside, (0.5, 99.8)) if inside.size else (0.0, 1.0)
    grey = (section.grey.astype(np.float32) - low) / max(float(high - low), 1e-12)
    picture = np.repeat(np.clip(np.nan_to_num(grey), 0, 1)[..., None], 3, axis=2).astype(np.float32)
    picture[_edges(section.labels)] = _OUTLINE
    return picture


def _coloured(section: Section, table: pd.DataFrame, scale: Any) -> npt.NDArray[np.float32]:
    """Colour each particle by its damage, grey where it has none; darker edges part neighbours."""
    ids, which = np.unique(section.labels, return_inverse=True)
    damage = np.full(len(ids), np.nan)
    if "damage" in table:
        damage = table.set_index("label")["damage"].reindex(ids).to_numpy(np.float64)
    colours = _colours()(scale(np.nan_to_num(damage)))[:, :3].astype(np.float32)
    colours[np.isnan(damage)] = _NO_DAMAGE
    colours[ids == 0] = _BACKGROUND
    picture: npt.NDArray[np.float32] = colours[which.reshape(section.labels.shape)]
    between = _edges(section.labels)
    picture[between] *= 0.6
    return picture


def _edges(labels: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Mark the particles' pixels that have another particle or background beside them."""
    edges = np.zeros(labels.shape, bool)
    across, down = labels[:, 1:] != labels[:, :-1], labels[1:] != labels[:-1]
    edges[:, 1:] |= across
    edges[:, :-1] |= across
    edges[1:] |= down
    edges[:-1] |= down
    return edges & (labels > 0)


def _colours() -> Any:
    """Give the map that napari shows by default too: even steps for every colour vision and in grey print."""
    from matplotlib import colormaps

    return colormaps["viridis"]


def _scale_bar(axes: Any, width: float, height: float, below: bool) -> None:
    """Draw a bar of a round length of about a fifth of the picture, light on a dark plate or dark under the picture."""
    from matplotlib.patches import Rectangle

    length = nice_length(width / 5)
    pad, plate = 0.02 * width, _PLATE * width
    bottom = height + plate if below else height - pad
    colour = "black" if below else "white"
    if not below:
        corner = (pad, bottom - plate)
        axes.add_patch(Rectangle(corner, length + 2 * pad, plate, facecolor="black", alpha=0.6, linewidth=0))
    axes.add_patch(Rectangle((2 * pad, bottom - 0.3 * plate), length, 0.12 * plate, facecolor=colour, linewidth=0))
    middle = 2 * pad + length / 2
    axes.text(middle, bottom - 0.38 * plate, f"{length:g} µm", color=colour, fontsize=8, ha="center", va="bottom")


def nice_length(most: float) -> float:
    """Give the largest of 1, 2, 5 × 10ⁿ that is not above a length."""
    power = 10.0 ** np.floor(np.log10(most))
    return float(max(factor * power for factor in (1, 2, 5) if factor * power <= most * (1 + 1e-9)))
