"""What a split would make of a particle, in the picture, before it is accepted."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.utils.colormaps import CyclicLabelColormap
from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_cathode.edit import Change
from napari_cathode.edit.operations import boxes_around
from napari_cathode.errors import InputError
from napari_cathode.plugin.highlight import lay_on
from napari_cathode.plugin.layers import HELPER_KEY, draw_list_now, place_like, refreshed_once, show_in_list
from napari_cathode.plugin.link import Link
from napari_cathode.session import ParticleSet

from .parts import Connections, Text, allow, primary_button
from .turns import Turn

_COLOURS = np.array(
    [
        (0, 0, 0, 0),
        (0.0, 0.45, 0.7, 1),
        (0.9, 0.6, 0.0, 1),
        (0.0, 0.62, 0.45, 1),
        (0.8, 0.47, 0.65, 1),
        (0.94, 0.89, 0.26, 1),
    ]
)
"""Colours that colour-blind people can tell apart (Okabe and Ito)."""

_CLEAR_MS = 60


class SplitPreview(QWidget):
    """Shows the parts of a particle in colours of their own, with a button to accept and one to discard them.

    Parameters
    ----------
    viewer : napari.Viewer
    link : Link
        The viewer's link.
    """

    changed = Signal()
    """A preview came or went."""

    def __init__(self, viewer: Any, link: Link) -> None:
        super().__init__()
        self._viewer = weakref.ref(viewer)
        self._link = link
        self._waiting: tuple[ParticleSet, Change, int] | None = None
        self._layer: Labels | None = None
        self._clearing = Turn(self, self._clear, _CLEAR_MS)
        self._words = Text()
        self.accept_button = primary_button("Accept (Enter)", "Splits the particle as the picture shows it.")
        self.discard_button = QPushButton("Discard")
        self.discard_button.setToolTip("Leaves the particle as it is.")
        row = QHBoxLayout()
        row.addWidget(self.accept_button)
        row.addWidget(self.discard_button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self._words)
        column.addLayout(row)
        self.accept_button.clicked.connect(self.accept)
        self.discard_button.clicked.connect(self.discard)
        self._connections = Connections(self)
        self._connections.connect(link.session.changed, self._on_changed)
        self._connections.connect(link.session.current_changed, self._on_current)
        self.hide()

    @property
    def showing(self) -> bool:
        """Whether a split waits to be accepted."""
        return self._waiting is not None

    def allow(self, why: str) -> None:
        """Let a split be accepted unless there is a reason why not."""
        allow(self.accept_button, (bool(why), why))

    def show_change(self, particles: ParticleSet, change: Change) -> None:
        """Show a split."""
        self._clear()
        self._waiting = (particles, change, particles.revision)
        parts = change.details["into"]
        self._words.say(f"Particle {parts[0]} becomes {len(parts)}: {', '.join(map(str, parts))}.")
        self._draw(particles, change, parts)
        self.show()
        self.changed.emit()

    def accept(self) -> None:
        """Split the particle, and select its parts."""
        if self._waiting is None or not self.accept_button.isEnabled():
            return
        particles, change, _revision = self._waiting
        self._end()
        self._clearing.start()  # when the parts are drawn: napari takes as long for that as all else here
        try:
            self._link.session.edit(particles, change)
        except InputError as error:
            self._words.say(str(error))
            self.show()
            return
        if particles is self._link.session.current:
            self._link.session.selection = change.details["into"]

    def discard(self) -> None:
        """Leave the particle as it is."""
        self._end()
        self._clear()

    def leave(self) -> None:
        """Leave the particle as it is, and nothing in the picture: the panel was closed."""
        self._end()
        self._remove()

    def _on_current(self, _particles: ParticleSet | None) -> None:
        # The layer stays, empty: napari crashes where several go before it draws again.
        self.discard()

    def _remove(self) -> None:
        self._clearing.stop()
        viewer, layer = self._viewer(), self._layer
        if viewer is not None and layer is not None and layer in viewer.layers:
            if self.showing:
                return  # other particles came meanwhile
            viewer.layers.remove(layer)
        self._layer = None

    def _clear(self) -> None:
        """Take the parts away; their layer waits, empty: napari collects garbage for 0.2 s when one is removed."""
        self._clearing.stop()
        viewer, layer = self._viewer(), self._layer
        if viewer is not None and layer is not None and layer in viewer.layers and layer.data.any():
            layer.data = np.zeros((1,) * layer.ndim, np.uint8)
            show_in_list(viewer, layer, False)
            draw_list_now(viewer)

    def _end(self) -> None:
        """Ask no more."""
        waiting, self._waiting = self._waiting, None
        below = None if waiting is None else self._link.layer_of(waiting[0])
        if below is not None:
            below.bind_key("Enter", None)
        self.hide()
        if waiting is not None:
            self.changed.emit()

    def _press(self, _layer: Any) -> None:
        """Accept the split that is shown."""
        self.accept()

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        """Drop a split of labels that are no longer so."""
        if self._waiting is not None and particles is self._waiting[0] and particles.revision != self._waiting[2]:
            self.discard()

    def _draw(self, particles: ParticleSet, change: Change, parts: list[int]) -> None:
        """Put the parts, in colours of their own, on top of the picture."""
        viewer, like = self._viewer(), self._link.layer_of(particles)
        if viewer is None or like is None:
            return
        known = particles.known_boxes
        found = boxes_around(particles.labels, parts[:1]) if known is None else known.boxes(particles.labels, parts[:1])
        box = found[parts[0]]
        block = np.array(particles.labels[box])
        inner = tuple(slice(s.start - b.start, s.stop - b.start) for s, b in zip(change.box, box, strict=True))
        block[inner] = change.after(block[inner])
        shown = np.zeros(block.shape, np.uint8)
        for place, part in enumerate(parts):
            shown[block == part] = 1 + place % (len(_COLOURS) - 1)
        like.bind_key("Enter", self._press, overwrite=True)  # before napari's own, which ends a polygon
        data = shown[0] if like.ndim == 2 else shown
        first = tuple(side.start for side in box)
        if self._layer is not None and self._layer in viewer.layers and self._layer.ndim != like.ndim:
            viewer.layers.remove(self._layer)
        if self._layer is not None and self._layer in viewer.layers:
            self._layer.visible = True  # somebody may have hidden the last one
            with refreshed_once(self._layer):
                self._layer.data = data
                lay_on(self._layer, like, np.array(first[-like.ndim :], float))
            viewer.layers.move(viewer.layers.index(self._layer), len(viewer.layers))
            show_in_list(viewer, self._layer, True)
            return
        self._layer = Labels(
            data,
            name="Split · preview",
            colormap=CyclicLabelColormap(colors=_COLOURS, name="split"),
            opacity=0.8,
            blending="translucent_no_depth",  # in 3D it lies where the particle lies
            metadata={HELPER_KEY: True},
            **place_like(like, particles.spacing_um, like.ndim, first),
        )
        active, point = viewer.layers.selection.active, viewer.dims.point
        viewer.add_layer(self._layer)
        viewer.layers.selection.active = active
        if len(point) == viewer.dims.ndim:
            viewer.dims.point = point
