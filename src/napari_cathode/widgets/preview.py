"""The slice that the window shows, and the layer with what was found in it to try settings out."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels, Layer

from napari_cathode.errors import InputError
from napari_cathode.identify import VIEW_AXIS
from napari_cathode.plugin.layers import HELPER_KEY, place_like, tomogram_of, voxel_at
from napari_cathode.tomogram import Region


@dataclass(frozen=True)
class ShownSlice:
    """A slice of a tomogram: its view, and its number along the view's axis."""

    view: str
    index: int

    def within(self, region: Region) -> Region:
        """Give the part of a region that lies in the slice; the slice itself, whatever the region says along it."""
        axis = VIEW_AXIS[self.view]
        sides = [(self.index, self.index + 1) if i == axis else side for i, side in enumerate(region)]
        return sides[0], sides[1], sides[2]

    def where(self) -> tuple[Any, ...]:
        """Give the index that takes the only slice out of an array (z, y, x) of it."""
        return tuple(0 if i == VIEW_AXIS[self.view] else slice(None) for i in range(3))


def shown_slice(viewer: Any, layer: Layer) -> ShownSlice:
    """Give the slice of an image layer that the window shows.

    Raises
    ------
    InputError
        When the window shows none, or one beside the image.
    """
    if layer.ndim == 2:
        return ShownSlice("xy", 0)
    if viewer.dims.ndisplay == 3:
        raise InputError("The window shows no slice; leave the 3D display (the cube button below the layer list).")
    missing = viewer.dims.ndim - layer.ndim
    axis = next(i for i in range(3) if i + missing not in viewer.dims.displayed)
    index = round(float(voxel_at(layer, viewer.dims.point, viewer.layers.units)[axis]))
    size = tomogram_of(layer).shape[axis]
    if not 0 <= index < size:
        raise InputError(f"The slice shown lies beside {layer.name}; move the slider to 0 … {size - 1}.")
    return ShownSlice(next(view for view, along in VIEW_AXIS.items() if along == axis), index)


class PreviewLayer:
    """One Labels layer that always shows the newest preview; no step takes it for particles.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    """

    def __init__(self, viewer: Any) -> None:
        self._viewer = weakref.ref(viewer)
        self.layer: Labels | None = None
        self._shown: ShownSlice | None = None

    def show(self, labels: Any, like: Layer, region: Region, shown: ShownSlice | None, contour: int) -> None:
        """Show labels (z, y, x) of a region of a layer; with ``shown`` the region is a slice, else a volume."""
        viewer = self._viewer()
        self.remove()
        data = labels[0] if like.ndim == 2 else labels
        first = tuple(side[0] for side in region)
        self.layer = Labels(
            data,
            name=f"{like.name} · preview",
            metadata={HELPER_KEY: True},
            **place_like(like, None, data.ndim, first),
        )
        self.layer.contour = contour
        self._shown = shown
        active, point = viewer.layers.selection.active, viewer.dims.point
        viewer.add_layer(self.layer)
        viewer.layers.selection.active = active
        if len(point) == viewer.dims.ndim:
            viewer.dims.point = point

    def redraw(self, labels: Any) -> None:
        """Show other labels of the same slice (of the shape of a slice) or volume."""
        viewer = self._viewer()
        if viewer is None or self.layer is None or self.layer not in viewer.layers:
            return
        if self._shown is None:
            self.layer.data = labels
            return
        data = np.asarray(self.layer.data)
        if data.ndim == 2:
            self.layer.data = labels
        else:
            new = np.zeros_like(data)
            new[self._shown.where()] = labels
            self.layer.data = new

    def remove(self) -> None:
        """Take the preview away."""
        viewer, layer, self.layer = self._viewer(), self.layer, None
        if viewer is not None and layer is not None and layer in viewer.layers:
            viewer.layers.remove(layer)
