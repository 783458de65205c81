"""Selecting on the canvas: clicks become the session's selection, which is outlined and brought into view."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_cathode.boxes import Box, find_box
from napari_cathode.session import ParticleSet, Session

from .highlight import Highlight
from .layers import draw_list_now, full_data, world_point
from .picking import RIGHT_BUTTON, click_callback, label_at
from .preferences import preferences

_SMALLEST_ON_SCREEN_PX = 24
_MANY = 300
_PREPARE_MS = 400
"""How long after particles came the layer for their outlines is made: not among what shows them."""


class Selecting:
    """Shows the session's selection in a viewer, and takes it from clicks there.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    session : Session
        The state.
    layer_of : callable
        Gives the layer of a particle set.
    """

    def __init__(self, viewer: Any, session: Session, layer_of: Callable[[ParticleSet], Labels | None]) -> None:
        self._viewer = weakref.ref(viewer)
        self._session = session
        self._layer_of = layer_of
        self._boxes: dict[int, Box] = {}
        self._highlight = Highlight(viewer)
        self._inspected = False
        viewer.mouse_drag_callbacks.append(click_callback(self._click))
        viewer.mouse_drag_callbacks.append(click_callback(self._open_menu, RIGHT_BUTTON))
        session.current_changed.connect(self._on_current_changed)
        session.changed.connect(self._on_changed)
        session.selection_changed.connect(self.show)
        session.focus_requested.connect(self._focus)

    # ---- from the canvas to the session ------------------------------------------------------------

    def _click(self, event: Any, add: bool) -> None:
        session = self._session
        found = next(((known, label) for known in self._by_precedence() if (label := self._label(known, event))), None)
        if found is None:
            if not add:
                session.selection = ()
            return
        particles, label = found
        session.current = particles
        self._remember_box(label, event)
        session.selection = session.selection ^ {label} if add else {label}
        self._open_inspector()

    def _open_inspector(self) -> None:
        """Show all that is known of a particle, once: at the first click on a measured one that is for no panel."""
        viewer, particles = self._viewer(), self._session.current
        window = getattr(viewer, "window", None)
        if self._inspected or window is None or particles.columns is None or not preferences().window.inspect_clicked:
            return
        from napari_cathode.widgets.docks import open_inspector

        self._inspected = open_inspector(viewer)

    def _open_menu(self, event: Any, _shift: bool) -> None:
        """Open the context menu of the particle below the mouse, or of all selected ones where it is one of them."""
        found = next(((known, label) for known in self._by_precedence() if (label := self._label(known, event))), None)
        viewer = self._viewer()
        window = getattr(viewer, "window", None)
        if found is None or window is None:
            return
        particles, label = found
        if particles is not self._session.current or label not in self._session.selection:
            self._click(event, False)
        from qtpy.QtGui import QCursor

        from napari_cathode.widgets.particle_menu import open_particle_menu

        open_particle_menu(self._session, window._qt_window, QCursor.pos())

    def _label(self, particles: ParticleSet, event: Any) -> int:
        layer = self._layer_of(particles)
        return 0 if layer is None else label_at(layer, event)

    def _by_precedence(self) -> list[ParticleSet]:
        """List the particle sets, the current one first, then from the top of the layer list down."""
        viewer, current = self._viewer(), self._session.current
        order = {layer: place for place, layer in enumerate(viewer.layers)}
        places = {known: order.get(self._layer_of(known), -1) for known in self._session.particle_sets}
        return sorted(places, key=lambda known: (known is not current, -places[known]))

    def _remember_box(self, label: int, event: Any) -> None:
        """Find the clicked particle's box from the clicked voxel, where that is known (in 2D)."""
        layer = self._layer_of(self._session.current)
        if len(event.dims_displayed) == 2 and label not in self._boxes:
            near = np.asarray(layer.world_to_data(event.position), float)[-layer.ndim :]
            box = find_box(full_data(layer), label, near)
            if box is not None:
                self._boxes[label] = box

    # ---- from the session to the canvas ------------------------------------------------------------

    def _on_current_changed(self, _particles: ParticleSet | None) -> None:
        self._boxes.clear()
        self._highlight.hide()
        if getattr(self._viewer(), "window", None) is None:
            return
        from napari_cathode.widgets.turns import later

        own = weakref.ref(self)

        def prepare() -> None:
            selecting = own()
            if selecting is not None:
                selecting._prepare()

        later(prepare, _PREPARE_MS)

    def _prepare(self) -> None:
        """Make what the first outline needs, while there are particles to outline."""
        viewer, particles = self._viewer(), self._session.current
        if viewer is None or not hasattr(viewer.window, "_qt_window"):
            return  # closed meanwhile
        layer = None if particles is None else self._layer_of(particles)
        if layer is not None and layer in viewer.layers:
            self._highlight.prepare(layer)

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        if what == "labels" and particles is self._session.current:
            self._boxes.clear()
            self.show()

    def show(self, _ids: Any = None) -> None:
        """Outline what is selected."""
        particles, ids = self._session.current, self._session.selection
        layer = None if particles is None else self._layer_of(particles)
        if layer is None:
            self._highlight.hide()
        elif len(ids) > _MANY:
            self._highlight.show_many(layer, ids)
        else:
            found = {label: self._box(particles, layer, label) for label in ids}
            self._highlight.show(layer, {label: box for label, box in found.items() if box is not None})
        draw_list_now(self._viewer())

    def _box(self, particles: ParticleSet, layer: Labels, label: int) -> Box | None:
        if label not in self._boxes:
            box = find_box(full_data(layer), label, centroid(particles, label, layer.ndim))
            if box is None:
                return None
            self._boxes[label] = box
        return self._boxes[label]

    def known_box(self, particles: ParticleSet, label: int) -> Box | None:
        """Give the box (z, y, x) around a particle of the current set that was found already."""
        box = self._boxes.get(label) if particles is self._session.current else None
        return box if box is None or len(box) == 3 else (slice(0, 1), *box)

    def _focus(self, label: int) -> None:
        """Bring a particle into view: its middle slice, and the camera onto it."""
        particles, viewer = self._session.current, self._viewer()
        layer = None if particles is None else self._layer_of(particles)
        if viewer is None or layer is None:
            return
        box = self._box(particles, layer, label)
        if box is None:
            return
        middle = [(side.start + side.stop - 1) / 2 for side in box]
        point = world_point(layer, middle, viewer.layers.units)
        corner = world_point(layer, [side.stop - 0.5 for side in box], viewer.layers.units)
        axes = list(range(viewer.dims.ndim - layer.ndim, viewer.dims.ndim))
        viewer.dims.set_point(axes, _on_steps(point, [viewer.dims.range[axis] for axis in axes]))
        camera = viewer.scene.camera
        shown = min(3, len(point)) if viewer.dims.ndisplay == 3 else 2
        centre = np.zeros(3)
        centre[-shown:] = point[-shown:]
        camera.center = tuple(centre)
        size = 2 * float(np.abs(corner - point)[-2:].max())
        if size * camera.zoom < _SMALLEST_ON_SCREEN_PX:
            camera.zoom = 4 * _SMALLEST_ON_SCREEN_PX / size
        draw_list_now(viewer)


def _on_steps(point: Any, ranges: Any) -> list[float]:
    """Give the steps of napari's sliders that are next to a point: it would go there itself, and slice twice."""
    return [
        first + round((value - first) / (step or 1)) * (step or 1)
        for value, (first, _, step) in zip(point, ranges, strict=True)
    ]


def centroid(particles: ParticleSet, label: int, ndim: int = 3) -> list[float] | None:
    """Give the voxel of a particle's centroid as its table has it."""
    table, spacing = particles.table, particles.spacing_um
    names = ("z_um", "y_um", "x_um")
    if table is None or spacing is None or not set(names[1:]) <= set(table.columns):
        return None
    row = table[table["label"] == label]
    if len(row) == 0:
        return None
    point = [float(row[name].iloc[0]) / step for name, step in zip(names, spacing, strict=True) if name in row]
    point = [0.0] * (ndim - len(point)) + point[-ndim:]
    return point if np.isfinite(point).all() else None
