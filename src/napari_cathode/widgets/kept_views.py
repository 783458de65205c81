"""Views as the fusing process knows them: handed over once, and again only after somebody changed them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

import numpy as np

from napari_cathode.errors import InputError
from napari_cathode.kept_process import KeptProcess
from napari_cathode.plugin.layers import same_array, voxel_at
from napari_cathode.plugin.steps import ViewsToFuse
from napari_cathode.tomogram import Region, Spacing

BOX = 128
"""Edge of the part that a preview fuses, in voxels of the finest spacing."""


class KeptViews:
    """Knows which views a process keeps, so that fusing them again hands over a name instead of arrays.

    Parameters
    ----------
    process : KeptProcess
        The process that fuses.
    """

    def __init__(self, process: KeptProcess) -> None:
        self._process = process
        self._key = ""
        self._pid: int | None = None
        self._arrays: dict[str, Any] = {}
        self._region: Region | None = None
        self._layers: list[Any] = []
        self._strokes: list[tuple[int, int]] = []

    def to_fuse(self, layers: Mapping[str, Any], inputs: Mapping[str, Any], region: Region | None) -> ViewsToFuse:
        """Give what has to be handed over to fuse a region of the layers, whose predictions or labels are given."""
        arrays = {view: getattr(given, "labels", given) for view, given in inputs.items()}
        same = (
            arrays.keys() == self._arrays.keys()
            and all(same_array(arrays[view], self._arrays[view]) for view in arrays)
            and region == self._region
            and _strokes(self._layers) == self._strokes
        )
        if same and self._pid is not None and self._process.pid == self._pid:
            return ViewsToFuse(self._key, None, region)
        self.forget()
        self._key, self._arrays, self._region = uuid.uuid4().hex, arrays, region
        self._layers = list(layers.values())
        self._strokes = _strokes(self._layers)
        for layer in self._layers:
            for changed in (layer.events.paint, layer.events.labels_update, layer.events.data):
                changed.connect(self.forget)
        return ViewsToFuse(self._key, inputs, region)

    def on_fused(self, kept: bool) -> None:
        """Note that the process has fused what was handed over last, and whether it keeps it."""
        self._pid = self._process.pid if kept and self._arrays else None

    def forget(self, _event: Any = None) -> None:
        """Hand everything over the next time."""
        for layer in self._layers:
            for changed in (layer.events.paint, layer.events.labels_update, layer.events.data):
                changed.disconnect(self.forget)
        self._layers, self._arrays, self._pid = [], {}, None


def _strokes(layers: list[Any]) -> list[tuple[int, int]]:
    """Count the strokes that can be undone and repeated; napari tells nobody of either, nor has it a public name."""
    return [(len(layer._undo_history), len(layer._redo_history)) for layer in layers]


def box_in_view(viewer: Any, layer: Any, spacing_um: Spacing) -> Region:
    """Give a box (z, y, x) in voxels of a layer around the middle of the picture, at the slice that is shown.

    Raises
    ------
    InputError
        When the middle of the picture lies beside the layer.
    """
    point = np.array(viewer.dims.point, float)
    displayed = list(viewer.dims.displayed)
    centre = np.asarray(viewer.scene.camera.center, float)
    point[displayed] = centre[-len(displayed) :]
    voxel = voxel_at(layer, point, viewer.layers.units)
    shape = layer.data.shape
    if (voxel < -0.5).any() or (voxel > np.array(shape) - 0.5).any():
        raise InputError(f"The middle of the picture lies beside {layer.name}; move the picture onto it.")
    sides = []
    for place, size, edge in zip(voxel, shape, spacing_um, strict=True):
        length = min(size, max(2, round(BOX * min(spacing_um) / edge)))
        first = int(np.clip(round(place) - length // 2, 0, size - length))
        sides.append((first, first + length))
    return sides[0], sides[1], sides[2]
