"""What a napari layer means to the numeric steps: an array (z, y, x) with a voxel spacing in µm, and back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pint
from napari.layers import Image, Labels, Layer

from napari_cathode.errors import InputError
from napari_cathode.tomogram import Spacing, Tomogram, check_spacing

TOMOGRAM_KEY = "napari_cathode_tomogram"
"""Where an image layer's ``metadata`` keep the `Tomogram` that it shows."""

SHOWN_KEY = "napari_cathode_shown"
"""Where they keep the array that napari was given of it: other data in the layer are no longer that tomogram."""

HELPER_KEY = "napari_cathode_helper"
"""Marks, in ``metadata``, layers that only decorate others and are offered in no list."""

VIEW_KEY = "napari_cathode_view"
"""Where the ``metadata`` of a Labels layer say that it shows one view's predictions, and which view's."""


AXES = ("z", "y", "x")
"""What napari's sliders call the axes of a tomogram; a slice has the last two."""


@contextmanager
def refreshed_once(layer: Layer) -> Iterator[None]:
    """Let napari slice a layer after several changes, not after each of them."""
    with layer._block_refresh():
        yield
    layer.refresh()


def draw_list_now(viewer: Any) -> None:
    """Let the layer list show a thumbnail together with the picture, not a turn later: the window is put up once."""
    window = getattr(viewer, "window", None)
    if window is not None:
        window._qt_viewer.layers.executeDelayedItemsLayout()


def show_in_list(viewer: Any, layer: Layer, shown: bool) -> None:
    """Show a layer in the list of layers, or leave it out there: one that only waits to be used."""
    window = getattr(viewer, "window", None)
    if window is not None:
        rows = window._qt_viewer.layers
        row = len(viewer.layers) - 1 - viewer.layers.index(layer)  # the last layer comes first there
        if rows.isRowHidden(row) is shown:
            rows.setRowHidden(row, not shown)


def is_helper(layer: Layer) -> bool:
    """Whether a layer only decorates others."""
    return HELPER_KEY in layer.metadata


def is_image(layer: Layer) -> bool:
    """Whether a layer can be taken as a tomogram or a slice of one."""
    return isinstance(layer, Image) and not layer.rgb and layer.ndim in (2, 3) and not is_helper(layer)


def is_labels(layer: Layer) -> bool:
    """Whether a layer can hold particles."""
    return isinstance(layer, Labels) and layer.ndim in (2, 3) and not is_helper(layer)


def is_particles(layer: Layer) -> bool:
    """Whether a layer can hold particles and is not one view's predictions of ours."""
    return is_labels(layer) and VIEW_KEY not in layer.metadata


def why_no_image(layers: Iterable[Layer]) -> str:
    """Say why none of the image layers that are open can be taken as a tomogram; "" where none is open."""
    for layer in layers:
        if isinstance(layer, Image) and not is_helper(layer):
            if layer.rgb:
                return f"{layer.name} is a colour image; open it as grey values (in Fiji: Image > Type > 8-bit)."
            if layer.ndim not in (2, 3):
                return (
                    f"{layer.name} has {layer.ndim} axes; a tomogram has three (z, y, x). Split it: right-click the "
                    "layer ▸ Split Stack."
                )
    return ""


def full_data(layer: Layer) -> Any:
    """Give a layer's array at full resolution, as it is (2D or 3D, perhaps lazy)."""
    return layer.data[0] if getattr(layer, "multiscale", False) else layer.data


def shape_of(layer: Any) -> tuple[int, ...]:
    """Give the shape of a layer's data, of the finest where there are several scales."""
    return tuple(full_data(layer).shape)


def volume(layer: Layer) -> Any:
    """Give a layer's array as (z, y, x), a 2D one as a single slice; nothing is copied or loaded."""
    data = full_data(layer)
    if data.ndim not in (2, 3):
        raise InputError(f"The layer {layer.name} has {data.ndim} dimensions; choose one with two or three.")
    return data[np.newaxis] if data.ndim == 2 else data


def um_factor(unit: Any) -> float | None:
    """Give the µm in a unit of napari's, None where it is no length."""
    try:
        return float(pint.get_application_registry().Quantity(1.0, unit).to("micrometer").magnitude)
    except pint.DimensionalityError:
        return None


def spacing_of(layer: Layer) -> Spacing | None:
    """Give the voxel spacing (z, y, x) of a layer in µm, or None where its unit is no length.

    A 2D layer is given a slice thickness equal to its pixel height.
    """
    factors = [um_factor(unit) for unit in layer.units]
    if any(factor is None for factor in factors):
        return None
    lengths = [abs(float(scale)) * factor for scale, factor in zip(layer.scale, factors, strict=True)]
    return check_spacing([lengths[0], *lengths] if len(lengths) == 2 else lengths, layer.name)


def set_spacing(layer: Layer, spacing_um: Spacing) -> None:
    """Give a layer a voxel spacing (z, y, x) in µm; it keeps its place at the origin."""
    layer.scale = spacing_um[-layer.ndim :]
    layer.units = ("µm",) * layer.ndim


def _is_on_grid(layer: Layer, other: Layer) -> bool:
    """Whether the voxels of a layer are those of another."""
    if not (is_image(layer) or is_labels(layer) or is_helper(layer)) or layer.ndim != other.ndim:
        return False
    if not is_helper(layer) and tuple(full_data(layer).shape) != tuple(full_data(other).shape):
        return False
    return tuple(layer.units) == tuple(other.units) and bool(np.allclose(layer.scale, other.scale))


def rescale(viewer: Any, layer: Layer, spacing_um: Spacing) -> None:
    """Give a layer another voxel spacing (z, y, x) in µm, and with it the layers that lie on its grid.

    The viewer goes on showing the same slice, whole.
    """
    shown = np.asarray(layer.world_to_data(viewer.dims.point[-layer.ndim :]), float)
    others = [other for other in viewer.layers if other is not layer and _is_on_grid(other, layer)]
    for other in others:
        if not (is_image(other) and spacing_of(other) is not None):  # another image has a voxel size of its own
            set_spacing(other, spacing_um)
    set_spacing(layer, spacing_um)
    axes = list(range(viewer.dims.ndim - layer.ndim, viewer.dims.ndim))
    viewer.dims.set_point(axes, list(world_point(layer, shown, viewer.layers.units)))
    # Where only the unit changes the point stays the same number, and napari shows what it cut by the old unit: black.
    viewer.dims.events.point(value=viewer.dims.point)
    for other in (layer, *others):
        other.refresh()
    viewer.reset_view()


def tomogram_of(layer: Layer) -> Tomogram:
    """Give the tomogram that an image layer shows.

    Raises
    ------
    InputError
        When the layer is no grey image of two or three dimensions.
    """
    if not is_image(layer):
        raise InputError(f"The layer {layer.name} is no grey image of two or three dimensions; choose another layer.")
    data = volume(layer)
    spacing = spacing_of(layer)
    known = layer.metadata.get(TOMOGRAM_KEY)
    shown = layer.metadata.get(SHOWN_KEY)
    if isinstance(known, Tomogram) and known.shape == tuple(data.shape) and same_array(full_data(layer), shown):
        return Tomogram(known.data, spacing, layer.name, known.source, known.field_of_view, dataset=known.dataset)
    source = str(layer.source.path or "")
    return Tomogram(data, spacing, layer.name, source)


def prepare_labels() -> None:
    """Load napari's compiled colouring, from any thread: the first layer with labels takes a tenth of a second more."""
    Labels(np.zeros((1, 1, 1), np.int32))


def place_like(layer: Layer | None, spacing_um: Spacing | None, ndim: int, first: tuple[int, ...]) -> dict[str, Any]:
    """Give the keyword arguments that lay labels onto the image they were made of.

    Parameters
    ----------
    layer : Layer, optional
        The image layer.
    spacing_um : tuple of float, optional
        Voxel spacing (z, y, x) in µm.
    ndim : int
        Dimensions of the new layer.
    first : tuple of int
        Voxel (z, y, x) of the image at which the labels begin.
    """
    if layer is None or layer.ndim != ndim:
        if spacing_um is None:
            return {"axis_labels": AXES[-ndim:]}
        return {"scale": spacing_um[-ndim:], "units": ("µm",) * ndim, "axis_labels": AXES[-ndim:]}
    start = np.asarray(first[-ndim:], float)
    if any(start):
        translate = layer.translate + np.asarray(layer.rotate) @ (np.asarray(layer.scale) * start)
    else:
        translate = layer.translate
    return {
        "scale": layer.scale,
        "units": layer.units,
        "axis_labels": AXES[-ndim:] if _has_numbered_axes(layer) else layer.axis_labels,
        "translate": translate,
        "rotate": layer.rotate,
        "shear": layer.shear,
        "affine": layer.affine,
    }


def _has_numbered_axes(layer: Layer) -> bool:
    """Whether nobody named the axes of a layer: napari counts them from the end."""
    return tuple(layer.axis_labels) == tuple(str(axis - layer.ndim) for axis in range(layer.ndim))


def world_point(layer: Layer, index: Any, world_units: Any) -> np.ndarray[Any, Any]:
    """Give the viewer's coordinates of a voxel of a layer.

    Parameters
    ----------
    layer : Layer
        The layer.
    index : sequence of float
        Voxel in the layer's own dimensions.
    world_units : tuple of pint.Unit, optional
        The viewer's units (``viewer.layers.units``): napari takes the smallest of its layers' units.
    """
    point = np.asarray(layer.data_to_world(index), float)
    if world_units is None:
        return point
    pairs = zip(layer.units, world_units[-layer.ndim :], strict=True)
    factors = [(um_factor(own) or 1.0) / (um_factor(world) or 1.0) for own, world in pairs]
    return point * factors


def voxel_at(layer: Layer, point: Any, world_units: Any) -> np.ndarray[Any, Any]:
    """Give the voxel of a layer, not rounded, at a point of the viewer's coordinates; the inverse of `world_point`."""
    point = np.asarray(point, float)[-layer.ndim :]
    if world_units is not None:
        pairs = zip(layer.units, world_units[-layer.ndim :], strict=True)
        point = point * [(um_factor(world) or 1.0) / (um_factor(own) or 1.0) for own, world in pairs]
    return np.asarray(layer.world_to_data(point), float)


def same_array(one: Any, other: Any) -> bool:
    """Whether two arrays are the same memory (or the same lazy object), without looking at what they hold."""
    if one is other:
        return True
    if not (isinstance(one, np.ndarray) and isinstance(other, np.ndarray)):
        return False
    return one.shape == other.shape and one.dtype == other.dtype and one.ctypes.data == other.ctypes.data


def shows(layer: Layer, tomogram: Tomogram | None) -> bool:
    """Whether an image layer shows a tomogram's array."""
    return tomogram is not None and is_image(layer) and same_array(volume(layer), tomogram.data)
