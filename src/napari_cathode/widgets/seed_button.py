"""A button that lets people put seeds into a particle, each of which becomes a part."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from napari.layers import Points
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton

from napari_cathode.plugin.layers import HELPER_KEY, voxel_at, world_point
from napari_cathode.plugin.picking import CLICK_PX, LEFT_BUTTON, claim_mouse, middle_along_ray

from .line_button import _Releasing
from .parts import Connections

_COLOUR = "#ffb000"
_SIZE_PX = 12.0
_TEXT = "Split at seeds"


class SeedButton(QPushButton):
    """Pressed, clicks on the picture put seeds, in any slices; pressed again, it gives them.

    In the 3D display a click puts a seed half way through the particle, whatever lies before it.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    target : callable
        Gives the layer in which the seeds lie, or None when there is none; it says why itself.
    particle : callable
        Gives the label of the particle in which they lie.
    """

    placed = Signal(object)
    """The seeds in voxels of the layer (not rounded), none when people thought better of it."""

    def __init__(self, viewer: Any, target: Callable[[], Any], particle: Callable[[], int]) -> None:
        super().__init__(_TEXT)
        self.setCheckable(True)
        self.setToolTip(
            "<p>Click into each part of the selected particle, in any slices, then press this button again: "
            "the particle is divided so that each seed gets a part.</p>"
        )
        self._viewer = weakref.ref(viewer)
        self._find_target = target
        self._particle = particle
        self._target: Any = None
        self._seeds: list[np.ndarray[Any, Any]] = []
        self._shown: Points | None = None
        self._connections = Connections(self)
        self._connections.connect(viewer.layers.events.removing, self._on_removing)
        self.toggled.connect(self._on_toggled)
        self.destroyed.connect(_Releasing(viewer))

    def _on_toggled(self, placing: bool) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        if placing:
            self._target = self._find_target()
            if self._target is None:
                self.setChecked(False)
                return
            self.setText("Split now")
            claim_mouse(viewer, True)
            viewer.mouse_drag_callbacks.append(self._press)
        elif self._target is not None:
            layer, units = self._target, viewer.layers.units
            seeds, self._seeds, self._target = self._seeds, [], None
            self.setText(_TEXT)
            claim_mouse(viewer, False)
            viewer.mouse_drag_callbacks.remove(self._press)
            if self._shown is not None and self._shown in viewer.layers:
                point = viewer.dims.point
                viewer.layers.remove(self._shown)
                viewer.dims.point = point
            self._shown = None
            known = layer in viewer.layers
            self.placed.emit([voxel_at(layer, seed, units).tolist() for seed in seeds] if known else [])

    def leave(self) -> None:
        """Give the mouse back, and split nothing: the panel was closed."""
        self._seeds.clear()
        self.setChecked(False)

    def _press(self, _viewer: Any, event: Any) -> Generator[None, None, None]:
        """Take a click, not a drag, which moves the picture."""
        if event.button != LEFT_BUTTON:
            return
        begun, where = np.asarray(event.pos, float), self._place(event)
        yield
        while event.type == "mouse_move":
            if np.abs(np.asarray(event.pos, float) - begun).max() > CLICK_PX:
                return
            yield
        if where is not None:
            self._seeds.append(where)
            self._show()

    def _place(self, event: Any) -> np.ndarray[Any, Any] | None:
        """Give the point, in the viewer's coordinates, that a click means; in 3D none beside the particle."""
        viewer = self._viewer()
        if viewer is None or event.view_direction is None:
            return np.asarray(event.position, float)
        voxel = middle_along_ray(self._target, event, self._particle())
        return None if voxel is None else world_point(self._target, voxel, viewer.layers.units)

    def _show(self) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        points = np.array(self._seeds)
        if self._shown is not None and self._shown in viewer.layers:
            self._shown.data = points
            return
        active, units, point = viewer.layers.selection.active, viewer.layers.units, viewer.dims.point
        self._shown = Points(
            points,
            name="seeds",
            face_color=_COLOUR,
            size=_SIZE_PX / viewer.scene.camera.zoom,
            blending="translucent_no_depth" if viewer.dims.ndisplay == 3 else "translucent",
            metadata={HELPER_KEY: True},
            **({} if units is None else {"units": units[-points.shape[1] :]}),
        )
        viewer.add_layer(self._shown)
        viewer.layers.selection.active = active
        viewer.dims.point = point

    def _on_removing(self, event: Any) -> None:
        """Stop when the layer of the particles goes."""
        viewer = self._viewer()
        if viewer is not None and self._target is not None and viewer.layers[event.index] is self._target:
            self._seeds.clear()
            self.setChecked(False)
