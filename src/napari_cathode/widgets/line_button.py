"""A button that lets people draw a line on the picture."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from napari.layers import Vectors
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QPushButton, QWidget

from napari_cathode.plugin.layers import HELPER_KEY, voxel_at
from napari_cathode.plugin.picking import CLICK_PX, LEFT_BUTTON, claim_mouse

from .parts import Connections

_COLOUR = "#ffb000"
_WIDTH_PX = 3.0


class LineButton(QPushButton):
    """A button that lets people draw a line: two clicks, or a drag.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    target : callable
        Gives the layer on which the line is drawn, or None when there is none; it says why itself.
    text, drawing : str
        What the button says, and what it says while one draws.
    name : str
        Of the layer that shows the line.
    in_3d : bool
        Whether lines can be drawn in the 3D display, too: on the plane through the middle of what is seen, which faces
        the viewer.

    Attributes
    ----------
    along : ndarray, shape (ndim,)
        The direction in which one looked at the line that was drawn last, in voxels of its layer.
    """

    drawn = Signal(object, object, object)
    """The layer, and the two ends of the line in its voxels (not rounded)."""

    def __init__(
        self, viewer: Any, target: Callable[[], Any], text: str, drawing: str, name: str, *, in_3d: bool = False
    ) -> None:
        super().__init__(text)
        self.setCheckable(True)
        self._viewer = weakref.ref(viewer)
        self._find_target = target
        self._texts = (text, drawing)
        self._name = name
        self._in_3d = in_3d
        self.along: np.ndarray[Any, Any] = np.zeros(0)
        self._direction: np.ndarray[Any, Any] = np.zeros(0)
        self._target: Any = None
        self._start: np.ndarray[Any, Any] | None = None
        self._line: Vectors | None = None
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
            self._target = self._find_target()
            if self._target is None or (viewer.dims.ndisplay == 3 and not self._in_3d):
                self._target = None
                self.setChecked(False)
                return
            self.setText(self._texts[1])
            self._could_pan = viewer.scene.camera.mouse_pan
            viewer.scene.camera.mouse_pan = False
            claim_mouse(viewer, True)
            viewer.mouse_drag_callbacks.append(self._press)
            viewer.mouse_move_callbacks.append(self._hover)
        elif self._target is not None:
            self._target = self._start = None
            self.setText(self._texts[0])
            viewer.scene.camera.mouse_pan = self._could_pan
            claim_mouse(viewer, False)
            viewer.mouse_drag_callbacks.remove(self._press)
            viewer.mouse_move_callbacks.remove(self._hover)
            self._clear()

    def leave(self) -> None:
        """Give the mouse back: the panel was closed."""
        self.setChecked(False)

    def _press(self, _viewer: Any, event: Any) -> Generator[None, None, None]:
        if event.button != LEFT_BUTTON:
            return
        second = self._start is not None
        if not second:
            self._start = np.asarray(event.position, float)
            self._direction = _direction(event)
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
        layer = target
        units = viewer.layers.units
        self.setChecked(False)
        if layer not in viewer.layers:
            return
        ends = voxel_at(layer, start, units), voxel_at(layer, end, units)
        self.along = voxel_at(layer, start + self._direction, units) - ends[0]
        self.drawn.emit(layer, *ends)

    def _show(self, end: Any) -> None:
        """Show the line as it would be."""
        viewer = self._viewer()
        if viewer is None or self._start is None:
            return
        line = np.array([[self._start, np.asarray(end, float) - self._start]])
        if self._line is not None and self._line in viewer.layers:
            self._line.data = line
            return
        active, point = viewer.layers.selection.active, viewer.dims.point
        units = viewer.layers.units
        # Vectors: with Mesa, napari crashes when Labels come after a Shapes layer went.
        self._line = Vectors(
            line,
            vector_style="line",
            name=self._name,
            edge_color=_COLOUR,
            edge_width=_WIDTH_PX / viewer.scene.camera.zoom,
            # In 3D the particles would hide it.
            blending="translucent_no_depth" if viewer.dims.ndisplay == 3 else "translucent",
            metadata={HELPER_KEY: True},
            **({} if units is None else {"units": units[-line.shape[2] :]}),
        )
        viewer.add_layer(self._line)
        viewer.layers.selection.active = active
        viewer.dims.point = point  # the picture stays at its slice
        viewer.scene.camera.mouse_pan = False

    def _clear(self) -> None:
        viewer, line, self._line = self._viewer(), self._line, None
        if viewer is not None and line is not None and line in viewer.layers:
            point = viewer.dims.point
            viewer.layers.remove(line)
            viewer.dims.point = point

    def _on_removing(self, event: Any) -> None:
        """Stop when the layer on which one draws goes."""
        viewer = self._viewer()
        if viewer is not None and self._target is not None and viewer.layers[event.index] is self._target:
            self.setChecked(False)


def _direction(event: Any) -> np.ndarray[Any, Any]:
    """Give the direction, in the viewer's coordinates, in which one looks where the mouse is."""
    if event.view_direction is not None:
        return np.asarray(event.view_direction, float)
    direction = np.ones(len(event.position))
    direction[list(event.dims_displayed)] = 0.0
    return direction


class _Releasing:
    """Gives the mouse back when the button goes; outlives it."""

    def __init__(self, viewer: Any) -> None:
        self._viewer = weakref.ref(viewer)

    def __call__(self, _widget: QWidget | None = None) -> None:
        viewer = self._viewer() if vars(self) else None  # nothing is left where the garbage collector ends the widget
        if viewer is not None:
            claim_mouse(viewer, False)
