"""From values to colours of particles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import Colormap, CyclicLabelColormap, ensure_colormap

from napari_cathode.session import Colouring

from .id_colours import IdColormap
from .preferences import preferences

CYCLIC_ROWS = 65_535
"""napari's limit for a colour table with one row per label id."""

MISSING = (0.5, 0.5, 0.5, 1.0)
"""Colour of particles without a value."""

_LARGEST_KEY = "napari_cathode_largest"

HIDDEN = (0.0, 0.0, 0.0, 0.0)

DIVERGING = "blue-white-red"
CHOICES = ("viridis", "magma", "inferno", "plasma", "gray", DIVERGING)
"""Names of the colour maps on offer; all are perceptually ordered and safe for colour-blind people."""

# Blue and red ends of equal lightness about a light middle, after the ColorBrewer RdBu scheme's hues.
_DIVERGING_COLOURS = (
    (0.02, 0.19, 0.38),
    (0.13, 0.40, 0.67),
    (0.26, 0.58, 0.76),
    (0.57, 0.77, 0.87),
    (0.97, 0.97, 0.97),
    (0.96, 0.65, 0.51),
    (0.84, 0.38, 0.30),
    (0.70, 0.09, 0.17),
    (0.40, 0.00, 0.12),
)

# After Okabe & Ito (2008), told apart by every kind of colour vision; the first is for what belongs to no group.
_CLASS_COLOURS = (
    (0.62, 0.62, 0.62),
    (0.90, 0.62, 0.00),
    (0.34, 0.71, 0.91),
    (0.00, 0.62, 0.45),
    (0.80, 0.47, 0.65),
    (0.94, 0.89, 0.26),
    (0.84, 0.37, 0.00),
    (0.00, 0.45, 0.70),
    # After Paul Tol's muted scheme.
    (0.53, 0.13, 0.33),
    (0.60, 0.60, 0.20),
    (0.87, 0.80, 0.47),
    (0.80, 0.40, 0.47),
    (0.27, 0.67, 0.60),
)


@dataclass(frozen=True)
class ColourScale:
    """A colour map between two limits.

    Attributes
    ----------
    colormap : Colormap
        napari's.
    limits : tuple of (float, float)
        Values at its ends.
    missing : tuple of float
        RGBA of particles without a value.
    classes : tuple of int
        Values that are names of groups rather than amounts; empty for amounts.
    names : tuple of str
        What these groups are called; empty where their numbers are their names.
    centred : bool
        Whether zero is in the middle.
    """

    colormap: Colormap
    limits: tuple[float, float]
    missing: tuple[float, float, float, float] = MISSING
    classes: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    centred: bool = False

    def map(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """Give the RGBA colours (n, 4) of n values."""
        low, high = self.limits
        finite = np.isfinite(values)
        share = np.clip((np.where(finite, values, low) - low) / (high - low), 0.0, 1.0)
        colours = np.asarray(self.colormap.map(share), dtype=np.float32)
        colours[~finite] = self.missing
        return colours


def scale_for(values: np.ndarray[Any, Any], colouring: Colouring, names: tuple[str, ...] = ()) -> ColourScale:
    """Choose colour map and limits for values; where these are places in ``names``, each name gets a colour.

    Values on both sides of zero, and all SHAP values and residuals, get the diverging map with zero in its middle;
    groups get a colour each; others the map that the preferences name, unless one was chosen.
    """
    finite = values[np.isfinite(values)]
    if colouring.result and colouring.column == "cluster":
        return _class_scale(finite, HIDDEN if colouring.hide_missing else MISSING)
    if names:
        return _named_scale(names, HIDDEN if colouring.hide_missing else MISSING)
    signed = (
        (colouring.result and colouring.column == "residual")
        or colouring.shap
        or (finite.size > 0 and finite.min() < 0 < finite.max())
    )
    name = colouring.colormap or (DIVERGING if signed else str(preferences().window.colour_map))
    limits = colouring.limits or _limits(finite, signed)
    centred = signed and name == DIVERGING
    return ColourScale(named(name), limits, HIDDEN if colouring.hide_missing else MISSING, centred=centred)


def _class_scale(values: np.ndarray[Any, Any], missing: tuple[float, float, float, float]) -> ColourScale:
    most = int(values.max(initial=1))
    colours = [_CLASS_COLOURS[number % len(_CLASS_COLOURS)] for number in range(most + 1)]
    stops = np.linspace(0, 1, most + 2)
    colormap = Colormap(colours, name="groups", interpolation="zero", controls=stops)
    return ColourScale(colormap, (-0.5, most + 0.5), missing, tuple(np.unique(values).astype(int).tolist()))


def _named_scale(names: tuple[str, ...], missing: tuple[float, float, float, float]) -> ColourScale:
    """Give each name a colour; the grey of those without one is left out."""
    offered = _CLASS_COLOURS[1:]
    colours = [offered[number % len(offered)] for number in range(len(names))]
    stops = np.linspace(0, 1, len(names) + 1)
    colormap = Colormap(colours, name="names", interpolation="zero", controls=stops)
    return ColourScale(colormap, (-0.5, len(names) - 0.5), missing, tuple(range(len(names))), names)


def named(name: str) -> Colormap:
    """Give a colour map by its name."""
    if name == DIVERGING:
        return Colormap(_DIVERGING_COLOURS, name=DIVERGING)
    return ensure_colormap(name)


def _limits(finite: np.ndarray[Any, Any], signed: bool) -> tuple[float, float]:
    if finite.size == 0:
        return (0.0, 1.0)
    low, high = (float(value) for value in np.percentile(finite, (2, 98)))
    if signed:
        high = max(abs(low), abs(high))
        low = -high
    if high <= low:
        margin = abs(low) * 0.01 or 1.0
        low, high = low - margin, high + margin
    return low, high


def label_colormap(
    ids: np.ndarray[Any, Any], colours: np.ndarray[Any, Any], largest: int | None, missing: Any = MISSING
) -> CyclicLabelColormap | IdColormap:
    """Make a Labels colormap that shows each particle in its colour; background is transparent.

    Parameters
    ----------
    ids : ndarray of int, shape (n,)
        Label ids.
    colours : ndarray of float, shape (n, 4)
        Their RGBA.
    largest : int, optional
        The largest id in the label array, None when nobody knows.
    missing : sequence of float
        RGBA of all other labels.

    Notes
    -----
    A table with a row for each id is fastest, but napari wraps ids beyond its end and allows 65,535 rows.
    """
    if largest is not None and max(largest, int(ids.max(initial=0))) < CYCLIC_ROWS:
        table = np.tile(np.asarray(missing, np.float32), (max(largest, int(ids.max(initial=0)), 1) + 1, 1))
        table[ids] = colours
        table[0] = 0
        return CyclicLabelColormap(colors=table, name="particles by value")
    return IdColormap.make(ids, colours, missing, "particles by value")


def largest_id(labels: Any) -> int | None:
    """Give the largest label id of an array in memory, None for a lazy one."""
    if not isinstance(labels, np.ndarray):
        return None
    return int(labels.max(initial=0))


def largest_of(layer: Labels) -> int | None:
    """Give the largest label id of a layer, looked for once; see `forget_largest`."""
    from .layers import full_data

    data = full_data(layer)
    known = layer.metadata.get(_LARGEST_KEY)
    if known is None or known[0] is not data:
        known = layer.metadata[_LARGEST_KEY] = (data, largest_id(data))
    return known[1]


def forget_largest(layer: Labels) -> None:
    """Have the largest label id looked for again, since labels changed in place."""
    layer.metadata.pop(_LARGEST_KEY, None)


def recolour(
    layer: Labels,
    ids: np.ndarray[Any, Any],
    values: np.ndarray[Any, Any],
    scale: ColourScale,
    shown: np.ndarray[Any, Any] | None = None,
) -> bool:
    """Show each particle of a layer in the colour of its value; those that are not ``shown`` are transparent.

    Gives whether napari sliced the labels anew; often it need not.
    """
    missing: Any = scale.missing
    if shown is not None:
        known = np.isin(ids, shown)
        without = np.setdiff1d(shown, ids)
        ids = np.concatenate([ids[known], without])
        values = np.concatenate([values[known], np.full(len(without), np.nan)])
        missing = HIDDEN
    return _show(layer, label_colormap(ids, scale.map(values), largest_of(layer), missing))


def show_only(layer: Labels, shown: np.ndarray[Any, Any], plain: Any) -> bool:
    """Show some particles of a layer in their plain colours, and no others; see `recolour`."""
    ids = np.asarray(shown, np.int64)
    colours = np.asarray(plain.map(ids), np.float32).reshape(-1, 4)
    return _show(layer, label_colormap(ids, colours, largest_of(layer), HIDDEN))


def _show(layer: Labels, colormap: CyclicLabelColormap | IdColormap) -> bool:
    """Show a layer in a colormap; where only colours are others, not the place of a label among them, nothing more.

    napari would slice the labels anew and send the slice to the graphics card for every colormap, and colour twice what
    the chosen label colours.
    """
    if not _same_places(layer.colormap, colormap):
        layer.colormap = colormap
        return True
    with layer._block_refresh(), layer.events.selected_label.blocker():
        layer.colormap = colormap
    layer._update_thumbnail()
    return False


def _same_places(one: Any, other: Any) -> bool:
    """Whether labels have the same rows in two colour tables."""
    if isinstance(one, IdColormap) and isinstance(other, IdColormap):
        return one.places_are_ids and other.places_are_ids and np.array_equal(one.ids, other.ids)
    tables = isinstance(one, CyclicLabelColormap) and isinstance(other, CyclicLabelColormap)
    return tables and len(one.colors) == len(other.colors) and not one.use_selection and not other.use_selection
