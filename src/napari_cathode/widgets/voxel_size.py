"""The voxel size of the chosen layer: shown when the file states it, asked for when not."""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QAbstractSpinBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from napari_cathode.errors import InputError
from napari_cathode.plugin.layers import rescale, spacing_of
from napari_cathode.tomogram import Spacing

from .forms import number_box
from .parts import Text

_DECIMALS = 9
_ASKING = "border-left: 3px solid #e0a000; padding: 2px 2px 2px 8px;"
_LARGE_UM = 20.0
_ASK = "The file states no voxel size. Give it in µm; without it nothing can be measured."


class VoxelSize(QWidget):
    """Three lengths in µm, two for a 2D image; the layer gets them as soon as all are there.

    Parameters
    ----------
    viewer : napari.Viewer
        Shows the layer.
    """

    changed = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = weakref.ref(viewer)
        self._layer: Any = None
        self._boxes = [number_box((0.0, 1e5)) for _ in range(3)]
        self._lengths = [0.0, 0.0, 0.0]  # unrounded; a box holds so many decimals only
        self._words = [QLabel(axis) for axis in "zyx"]
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        for axis, (word, box) in enumerate(zip(self._words, self._boxes, strict=True)):
            box.setDecimals(_DECIMALS)
            box.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
            box.setSpecialValueText("?")
            box.setStyleSheet("min-width: 30px; padding: 1px 4px;")
            box.setKeyboardTracking(False)
            box.setToolTip("Edge length of a voxel in µm.")
            box.valueChanged.connect(lambda value, axis=axis: self._on_value(axis, value))
            row.addWidget(word)
            row.addWidget(box, 1)
        row.addWidget(QLabel("µm"))
        self._hint = Text()
        self._hint.setStyleSheet(_ASKING)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self._hint)
        self.show_layer(None)

    def show_layer(self, layer: Any) -> None:
        """Show what is known of a layer."""
        self._layer = layer
        spacing = None if layer is None else spacing_of(layer)
        flat = layer is not None and layer.ndim == 2
        for widget in (self._words[0], self._boxes[0]):
            widget.setVisible(not flat)
        guess = (0.0, 0.0, 0.0)
        if layer is not None and spacing is None and any(float(scale) != 1.0 for scale in layer.scale):
            own = [abs(float(scale)) for scale in layer.scale]
            guess = tuple([own[0], *own] if len(own) == 2 else own)
        self._write(spacing or guess)
        self._hint.say(_ASK if layer is not None and spacing is None else "")
        self.setEnabled(layer is not None)

    def suggest(self, spacing_um: Spacing) -> None:
        """Show a voxel size that the layer probably has; it is used when nobody changes it."""
        self._write(spacing_um)

    def spacing(self) -> Spacing:
        """Give the voxel size, and write it to the layer when it is new.

        Raises
        ------
        InputError
            When a length is missing.
        """
        values = list(self._lengths)
        if self._layer is not None and self._layer.ndim == 2:
            values[0] = values[1]
        if not all(value > 0 for value in values):
            name = "the image" if self._layer is None else self._layer.name
            raise InputError(f"The voxel size of {name} is not known; give it in µm in the fields above.")
        spacing = (values[0], values[1], values[2])
        if self._layer is not None and not _close(spacing_of(self._layer), spacing):
            rescale(self._viewer(), self._layer, spacing)
            self._hint.say(_doubt(spacing))
            self.changed.emit()
        return spacing

    def _write(self, spacing: Any) -> None:
        self._lengths = [float(value) for value in spacing]
        for box, value in zip(self._boxes, self._lengths, strict=True):
            box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(False)

    def _on_value(self, axis: int, value: float) -> None:
        """Take the first length for the others while these are unknown: most voxels are cubes."""
        self._lengths[axis] = value
        self._write([length or value for length in self._lengths])
        with suppress(InputError):  # a length is missing still
            self.spacing()


def _doubt(spacing: Spacing) -> str:
    """Say what is unusual about a voxel size that was typed."""
    largest, smallest = max(spacing), min(spacing)
    if largest > _LARGE_UM:
        return f"{largest:g} µm is a large voxel. Voxel sizes are in µm: 200 nm is 0.2."
    if largest > 10 * smallest:
        return f"The lengths differ by a factor of {largest / smallest:.0f}; check that all are in µm."
    return ""


def _close(one: Spacing | None, other: Spacing) -> bool:
    return one is not None and all(abs(a - b) <= 1e-6 * b for a, b in zip(one, other, strict=True))
