"""A line drawn across a particle becomes the particle diameter."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from napari.layers import Shapes
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_cathode.plugin.layers import HELPER_KEY, voxel_at
from napari_cathode.plugin.picking import CLICK_PX, LEFT_BUTTON, claim_mouse
from napari_cathode.tomogram import Spacing

from .parts import Connections

_NAME = "particle diameter"
_COLOUR = "#ffb000"
_WIDTH_PX = 3.0


class DiameterLine(QPushButton):
    """A button that lets people draw: two clicks, or a drag, across a particle.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    measure : callable
        Gives the layer that is measured and its voxel spacing (z, y, x) in µm, or None when there is none; it says
        why itself.
    """

    measured = Signal(float)
    """The length of the line in µm."""

    def __init__(self, viewer: Any, measure: Callable[[], tuple[Any, Spacing] | None]) -> None:
        super().__init__("Draw")
        self.setCheckable(True)
        self.setToolTip("<p>Draw the diameter: two clicks, or a drag, across a typical particle.</p>")
        self._viewer = weakref.ref(viewer)
        self._measure = measure
        self._target: tuple[Any, Spacing] | None = None
        self._start: np.ndarray[Any, Any] | None = None
        self._line: Shapes | None = None
        self._could_pan = True
        self._connections = Connections(self)
        self._connections.connect(viewer.layers.events.removing, self._on_removing)
        self.toggled.connect(self._on_toggled)
        self.destroyed.connect(_Releasing(viewer))

    def _on_toggled(self, drawing: bool) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        if drawing:
            self._target = self._measure()
            if self._target is None or viewer.dims.ndisplay == 3:
                self._target = None
                self.setChecked(False)
                return
            self.setText("Drawing …")
            self._could_pan = viewer.scene.camera.mouse_pan
            viewer.scene.camera.mouse_pan = False
            claim_mouse(viewer, True)
            viewer.mouse_drag_callbacks.append(self._press)
            viewer.mouse_move_callbacks.append(self._hover)
        elif self._target is not None:
            self._target = self._start = None
            self.setText("Draw")
            viewer.scene.camera.mouse_pan = self._could_pan
            claim_mouse(viewer, False)
            viewer.mouse_drag_callbacks.remove(self._press)
            viewer.mouse_move_callbacks.remove(self._hover)
            self._clear()

    def _press(self, _viewer: Any, event: Any) -> Generator[None, None, None]:
        if event.button != LEFT_BUTTON:
            return
        second = self._start is not None
        if not second:
            self._start = np.asarray(event.position, float)
        begun, dragged = np.asarray(event.pos, float), False
        yield
        while event.type == "mouse_move":
            dragged = dragged or bool(np.abs(np.asarray(event.pos, float) - begun).max() > CLICK_PX)
            self._show(event.position)
            yield
        if second or dragged:
            self._finish(np.asarray(event.position, float))

    def _hover(self, _viewer: Any, event: Any) -> None:
        if self._start is not None:
            self._show(event.position)

    def _finish(self, end: np.ndarray[Any, Any]) -> None:
        viewer, target, start = self._viewer(), self._target, self._start
        if viewer is None or target is None or start is None:
            return
        layer, spacing = target
        units = viewer.layers.units
        self.setChecked(False)
        if layer not in viewer.layers:
            return
        voxels = voxel_at(layer, end, units) - voxel_at(layer, start, units)
        length = float(np.linalg.norm(voxels * np.asarray(spacing[-layer.ndim :])))
        if length > 0:
            self.measured.emit(length)

    def _show(self, end: Any) -> None:
        """Show the line as it would be."""
        viewer = self._viewer()
        if viewer is None or self._start is None:
            return
        line = np.array([self._start, np.asarray(end, float)])
        if self._line is not None and self._line in viewer.layers:
            self._line.data = [line]
            return
        active = viewer.layers.selection.active
        units = viewer.layers.units
        self._line = Shapes(
            [line],
            shape_type="line",
            name=_NAME,
            edge_color=_COLOUR,
            edge_width=_WIDTH_PX / viewer.scene.camera.zoom,
            metadata={HELPER_KEY: True},
            **({} if units is None else {"units": units[-line.shape[1] :]}),
        )
        viewer.add_layer(self._line)
        viewer.layers.selection.active = active
        viewer.scene.camera.mouse_pan = False

    def _clear(self) -> None:
        viewer, line, self._line = self._viewer(), self._line, None
        if viewer is not None and line is not None and line in viewer.layers:
            viewer.layers.remove(line)

    def _on_removing(self, event: Any) -> None:
        """Stop when the image that is measured goes."""
        viewer = self._viewer()
        if viewer is not None and self._target is not None and viewer.layers[event.index] is self._target[0]:
            self.setChecked(False)


class _Releasing:
    """Gives the mouse back when the button goes; outlives it."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = weakref.ref(viewer)

    def __call__(self, _widget: QWidget | None = None) -> None:
        viewer = self._viewer()
        if viewer is not None:
            claim_mouse(viewer, False)
