"""The outline around the selected particles."""

from __future__ import annotations

import weakref
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap

from napari_cathode.boxes import Box

from .colours import HIDDEN, label_colormap, largest_id
from .layers import HELPER_KEY, draw_list_now, full_data, refreshed_once, same_array, show_in_list

COLOUR = (1.0, 0.25, 0.85, 1.0)
"""A pink that neither grey values nor the colour maps contain."""

_OUTLINE_PX = 2.5
_LARGEST_CROP = 1 << 28
_LARGEST_IN_3D = 1 << 25
_NAME = "Selected particles"
_SELECTED = CyclicLabelColormap(colors=np.array([(0, 0, 0, 0), COLOUR], np.float32), name="selection")


class Highlight:
    """Outlines particles by a layer of their own that covers no more than the box around them.

    A second layer over the whole array would be redrawn whole at each selection; this one is small, in 2D and in 3D,
    whatever the size of the tomogram. It stays in the viewer, empty while nothing is selected: napari crashes when a
    layer is hidden and another removed before it draws again. The layer list does not show it before it has outlined
    something.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = weakref.ref(viewer)
        self._layer: Labels | None = None
        self._outlines = False
        viewer.scene.camera.events.zoom.connect(self._fit_thickness)
        viewer.dims.events.ndisplay.connect(self._fit_thickness)
        viewer.layers.selection.events.active.connect(self._on_active)

    def show(self, layer: Labels, boxes: dict[int, Box]) -> None:
        """Outline particles of a layer.

        Parameters
        ----------
        layer : Labels
            Where they lie.
        boxes : dict of int to tuple of slice
            The particles' labels and the boxes around them; when empty, nothing is outlined.
        """
        if not boxes:
            self.hide()
            return
        union = _union(boxes.values())
        if np.prod([float(side.stop - side.start) for side in union]) > _LARGEST_CROP:
            self.hide()
            return
        start = np.array([side.start for side in union], float)
        self._place(layer, _mask(full_data(layer), boxes, union), start)

    def show_many(self, layer: Labels, ids: Collection[int]) -> None:
        """Outline so many particles that finding the box of each would take too long; in 3D nothing in huge arrays.

        The layer shows the labels themselves then, in a colour map that leaves all others out.
        """
        labels, viewer = full_data(layer), self._viewer()
        if viewer is None or (viewer.dims.ndisplay == 3 and np.prod(labels.shape, dtype=float) > _LARGEST_IN_3D):
            self.hide()
            return
        wanted = np.fromiter(ids, np.int64, len(ids))
        colours = np.tile(np.array(COLOUR, np.float32), (len(wanted), 1))
        colormap = label_colormap(wanted, colours, largest_id(labels), HIDDEN)
        self._place(layer, labels, np.zeros(layer.ndim), colormap)

    def _place(self, layer: Labels, data: Any, start: np.ndarray[Any, Any], colormap: Any = _SELECTED) -> None:
        """Show an array that begins at a voxel of a layer."""
        own = self._ensure(layer)
        if own is None:
            return
        self._outlines = True
        with refreshed_once(own):
            if not same_array(own.data, data):
                own.data = data
            if own.colormap is not colormap:
                own.colormap = colormap
            lay_on(own, layer, start)
            self._fit_thickness()
        self._list(True)

    def prepare(self, layer: Labels) -> None:
        """Make the layer for outlines before the first one is wanted: that takes napari longer than outlining."""
        viewer = self._viewer()
        if viewer is None or self._exists():
            return
        own = self._ensure(layer)
        with refreshed_once(own):
            lay_on(own, layer, np.zeros(layer.ndim))
            self._fit_thickness()
        self._list(False)
        draw_list_now(viewer)

    def _on_active(self, event: Any) -> None:
        """Show it in the list when a key has chosen it there."""
        if event.value is not None and event.value is self._layer and self._exists():
            self._list(True)

    def _list(self, shown: bool) -> None:
        """Show the layer in the list of layers, or leave it out there."""
        show_in_list(self._viewer(), self._layer, shown)

    def hide(self) -> None:
        """Outline nothing."""
        if self.outlines:
            self._outlines = False
            self._layer.data = np.zeros((1,) * self._layer.ndim, np.uint8)

    @property
    def outlines(self) -> bool:
        """Whether anything is outlined."""
        return self._exists() and self._outlines

    def _exists(self) -> bool:
        viewer = self._viewer()
        return viewer is not None and self._layer is not None and self._layer in viewer.layers

    def _ensure(self, layer: Labels) -> Labels | None:
        """Give the layer for outlines, on top of the others; what was the active layer stays so."""
        viewer = self._viewer()
        if viewer is None:
            return None
        if self._exists() and self._layer.ndim != layer.ndim:
            viewer.layers.remove(self._layer)
        if not self._exists():
            self._layer = _outline_layer(layer)
            selection = viewer.layers.selection
            chosen, active = set(selection), selection.active
            with selection.events.active.blocker(), selection.events.changed.blocker():  # in between nobody looks
                viewer.add_layer(self._layer)
                viewer.layers.selection = chosen
                viewer.layers.selection.active = active
        elif viewer.layers[-1] is not self._layer:
            viewer.layers.move(viewer.layers.index(self._layer), len(viewer.layers))
        return self._layer

    def _fit_thickness(self, _event: Any = None) -> None:
        """Keep the outline visible when zoomed out: some screen pixels, at least one of the data; none in 3D."""
        viewer = self._viewer()
        if viewer is None or not self._exists():
            return
        step = float(self._layer.scale[-1])
        thickness = int(np.clip(np.ceil(_OUTLINE_PX / max(viewer.scene.camera.zoom * step, 1e-9)), 1, 12))
        if viewer.dims.ndisplay == 3:
            thickness = 0
            if np.prod(self._layer.data.shape, dtype=float) > _LARGEST_IN_3D:
                self.hide()
        if self._layer.contour != thickness:
            self._layer.contour = thickness


def lay_on(own: Labels, layer: Labels, start: np.ndarray[Any, Any]) -> None:
    """Let an array begin at a voxel of a layer."""
    for name in ("units", "axis_labels", "scale", "rotate", "shear", "affine"):
        if not _same(getattr(own, name), getattr(layer, name)):  # napari draws anew each time one is set
            setattr(own, name, getattr(layer, name))
    own.translate = layer.translate + np.asarray(layer.rotate) @ (np.asarray(layer.scale) * start)


def _same(one: Any, other: Any) -> bool:
    return bool(np.array_equal(getattr(one, "affine_matrix", one), getattr(other, "affine_matrix", other)))


def _outline_layer(like: Labels) -> Labels:
    layer = Labels(
        np.zeros((1,) * like.ndim, np.uint8),
        units=like.units,
        axis_labels=like.axis_labels,
        scale=like.scale,
        translate=like.translate,
        name=_NAME,
        colormap=_SELECTED,
        opacity=1.0,
        blending="translucent_no_depth",
        metadata={HELPER_KEY: "selection"},
    )
    layer.editable = False
    for tool in (
        "polygon",
        "brush_stroke",
    ):  # nobody draws here; making their visuals takes a third of all
        layer._overlays[tool].visible = False
    own = weakref.ref(layer)
    # napari complains of outlines in 3D before anybody else hears that it is 3D now.
    layer._calculate_contour = lambda labels, place: (  # type: ignore[method-assign]
        None if labels.ndim > 2 else Labels._calculate_contour(own(), labels, place)
    )
    return layer


def _union(boxes: Iterable[Box]) -> Box:
    sides = zip(*boxes, strict=True)
    return tuple(slice(min(s.start for s in side), max(s.stop for s in side)) for side in sides)


def _mask(labels: Any, boxes: dict[int, Box], union: Box) -> np.ndarray[Any, Any]:
    """Draw the particles as ones into an array of the size of the box around all of them."""
    mask = np.zeros([side.stop - side.start for side in union], np.uint8)
    for label, box in boxes.items():
        place = tuple(
            slice(side.start - whole.start, side.stop - whole.start) for side, whole in zip(box, union, strict=True)
        )
        mask[place] |= np.asarray(labels[box]) == label
    return mask
