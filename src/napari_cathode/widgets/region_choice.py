"""Where in an image: everywhere, in the part that the window shows, or in a rectangle that somebody drew."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from napari.layers import Layer, Shapes
from qtpy.QtWidgets import QComboBox

from napari_cathode.errors import InputError
from napari_cathode.plugin.layers import is_helper, tomogram_of, voxel_at, world_point
from napari_cathode.tomogram import Region

from .parts import Choice, Connections, add_choice

_WHOLE, _SEEN = "the whole image", "the part in view"


class RegionChoice(Choice):
    """A drop-down list of places; it follows the viewer's Shapes layers.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(5)
        self.setToolTip(
            "<p>Particles are found here only, with grey range and diameter of the whole image. Draw a rectangle in a "
            "Shapes layer to choose a place of your own: the selected shape counts, else the last one.</p>"
        )
        self._viewer = weakref.ref(viewer)
        self._connections = Connections(self)
        for signal in (viewer.layers.events.inserted, viewer.layers.events.removed, viewer.layers.events.renamed):
            self._connections.connect(signal, self._refresh)
        self._refresh()

    def _refresh(self, _event: Any = None) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        before = self.currentData()
        self.blockSignals(True)
        self.clear()
        add_choice(self, _WHOLE, None, "Particles are found everywhere.")
        add_choice(self, _SEEN, _SEEN, "Particles are found in what the window shows of each slice.")
        for layer in reversed(viewer.layers):
            if isinstance(layer, Shapes) and not is_helper(layer):
                tip = "Particles are found in the shape that is selected there, else in the last one."
                add_choice(self, f"rectangle in {layer.name}", layer, tip)
        # Qt gives text as a new object each time; layers are told apart as objects.
        kept = next((i for i in range(self.count()) if _same(self.itemData(i), before)), 0)
        self.setCurrentIndex(kept)
        self.blockSignals(False)
        if not _same(self.currentData(), before):
            self.currentIndexChanged.emit(kept)

    @property
    def whole(self) -> bool:
        """Whether the whole image is meant."""
        return self.currentData() is None

    def region(self, layer: Layer) -> Region:
        """Give the region of an image layer, as voxels (z, y, x) of its tomogram.

        Raises
        ------
        InputError
            When there is nothing of the image there.
        """
        shape = tomogram_of(layer).shape
        chosen = self.currentData()
        if chosen is None:
            return tuple((0, size) for size in shape)
        corners = self._seen(layer) if chosen == _SEEN else self._drawn(chosen, layer)
        sides: list[tuple[int, int]] = [(0, 1)] * (3 - layer.ndim)
        for low, high, size in zip(*corners, shape[-layer.ndim :], strict=True):
            first, stop = max(0, int(np.floor(low + 0.5))), min(size, int(np.floor(high + 0.5)) + 1)
            if first >= stop:
                where = "The part in view" if chosen == _SEEN else f"The shape in {chosen.name}"
                raise InputError(f"{where} lies beside {layer.name}; move it onto the image.")
            sides.append((first, stop))
        return sides[0], sides[1], sides[2]

    def _seen(self, layer: Layer) -> Any:
        viewer = self._viewer()
        if viewer.dims.ndisplay == 3:
            raise InputError("The part in view is known in 2D only; leave the 3D display.")
        low, high = np.asarray(layer.corner_pixels, float)
        if getattr(layer, "multiscale", False):
            factors = np.asarray(layer.downsample_factors)[layer.data_level]
            low, high = low * factors, (high + 1) * factors - 1
        shown = [axis - (viewer.dims.ndim - layer.ndim) for axis in viewer.dims.displayed]
        whole = np.asarray(tomogram_of(layer).shape[-layer.ndim :], float) - 1
        for axis in range(layer.ndim):
            if axis not in shown:
                low[axis], high[axis] = 0, whole[axis]
            elif high[axis] - low[axis] < 1:  # napari gives the nearest edge when the image is out of sight
                raise InputError(f"{layer.name} is not in view; move the picture, or choose the whole image.")
        return low, high

    def _drawn(self, shapes: Shapes, layer: Layer) -> Any:
        """Give the box around a shape; axes along which it is flat are taken whole."""
        viewer = self._viewer()
        if not shapes.data:
            raise InputError(f"There is no shape in {shapes.name}; draw a rectangle there.")
        number = max(shapes.selected_data) if shapes.selected_data else len(shapes.data) - 1
        units = viewer.layers.units
        points = [world_point(shapes, vertex, units) for vertex in shapes.data[number]]
        missing = viewer.dims.ndim - shapes.ndim
        points = [np.concatenate([viewer.dims.point[:missing], point]) for point in points]
        voxels = np.array([voxel_at(layer, point, units) for point in points])
        low, high = voxels.min(axis=0), voxels.max(axis=0)
        for axis, size in enumerate(tomogram_of(layer).shape[-layer.ndim :]):
            if high[axis] - low[axis] < 0.5:
                low[axis], high[axis] = 0, size - 1
        return low, high


def _same(one: Any, other: Any) -> bool:
    return one is other or (one == _SEEN and other == _SEEN)
