"""A line drawn across a particle becomes the particle diameter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import Signal

from napari_cathode.tomogram import Spacing

from .line_button import LineButton


class DiameterLine(LineButton):
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
        super().__init__(viewer, self._layer, "Draw", "Drawing …", "particle diameter")
        self.setToolTip("<p>Draw the diameter: two clicks, or a drag, across a typical particle.</p>")
        self._measure = measure
        self._spacing: Spacing = (1.0, 1.0, 1.0)
        self.drawn.connect(self._on_drawn)

    def _layer(self) -> Any:
        found = self._measure()
        if found is None:
            return None
        layer, self._spacing = found
        return layer

    def _on_drawn(self, layer: Any, start: Any, end: Any) -> None:
        length = float(np.linalg.norm((end - start) * np.asarray(self._spacing[-layer.ndim :])))
        if length > 0:
            self.measured.emit(length)
