"""The voxel size of the chosen layer: shown when the file states it, asked for when not."""

from __future__ import annotations

import weakref
from typing import Any

from qtpy.QtCore import QSize, Qt, QTimer, Signal
from qtpy.QtGui import QGuiApplication, QResizeEvent
from qtpy.QtWidgets import QAbstractSpinBox, QBoxLayout, QHBoxLayout, QLabel, QSizePolicy, QVBoxLayout, QWidget

from napari_cathode.errors import InputError
from napari_cathode.plugin.layers import rescale, spacing_of
from napari_cathode.tomogram import Spacing

from .forms import number_box
from .parts import Text

_DECIMALS = 9
_WIDTH_PX = 253
_GAP_PX, _AROUND_PX, _LEAST_PX = 2, 7, 32
_RELEASE_MS = 50
_ASKING = "border-left: 3px solid #e0a000; padding: 2px 2px 2px 8px;"
_LARGE_UM, _LARGEST_UM, _MOST = 20.0, 1e5, 1e12
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
        self._flat = False
        self._boxes = [number_box((0.0, _MOST)) for _ in range(3)]
        self._lengths = [0.0, 0.0, 0.0]  # unrounded; a box holds so many decimals only
        self._words = [QLabel(axis) for axis in "zyx"]
        self._units = [QLabel("µm") for _ in range(3)]
        # Beside each other, or one below the other where that would cut a number.
        self._row = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(_GAP_PX)
        for axis, (word, box, unit) in enumerate(zip(self._words, self._boxes, self._units, strict=True)):
            box.setDecimals(_DECIMALS)
            box.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons)
            box.setSpecialValueText("?")
            box.setStyleSheet("min-width: 30px; padding: 1px;")
            box.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)  # not as wide as its largest number
            box.setKeyboardTracking(False)
            box.setToolTip("Edge length of a voxel in µm.")
            box.valueChanged.connect(lambda value, axis=axis: self._on_value(axis, value))
            one = QHBoxLayout()
            one.setSpacing(_GAP_PX)
            one.addWidget(word)
            one.addWidget(box, 1)
            one.addWidget(unit)
            self._row.addLayout(one, 1)
        self._unit_of_all = QLabel("µm")
        self._row.addWidget(self._unit_of_all)
        self._after_release = QTimer(self)
        self._after_release.setSingleShot(True)
        self._after_release.setInterval(_RELEASE_MS)
        self._after_release.timeout.connect(self._apply)
        self._hint = Text()
        self._hint.setStyleSheet(_ASKING)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(self._row)
        layout.addWidget(self._hint)
        self.show_layer(None)

    def show_layer(self, layer: Any) -> None:
        """Show what is known of a layer."""
        self._layer = layer
        spacing = None if layer is None else spacing_of(layer)
        flat = layer is not None and layer.ndim == 2
        for widget in (self._words[0], self._boxes[0]):
            widget.setVisible(not flat)
        self._flat = flat
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
        """Give the voxel size, as it is typed just now, and write it to the layer when it is new.

        Raises
        ------
        InputError
            When a length is missing, or no voxel can be so large.
        """
        self._take_typed()
        values = list(self._lengths)
        if self._layer is not None and self._layer.ndim == 2:
            values[0] = values[1]
        if not all(value > 0 for value in values):
            name = "the image" if self._layer is None else self._layer.name
            raise InputError(f"The voxel size of {name} is not known; give it in µm in the fields above.")
        spacing = (values[0], values[1], values[2])
        if max(spacing) > _LARGEST_UM:
            raise _TooLarge(
                f"{max(spacing):g} µm is more than 10 cm, too much for a voxel. Voxel sizes are in µm: 200 nm is 0.2."
            )
        if self._layer is not None and not _close(spacing_of(self._layer), spacing):
            rescale(self._viewer(), self._layer, spacing)
            self._hint.say(_doubt(spacing))
            self.changed.emit()
        return spacing

    def _take_typed(self) -> None:
        """Take over what is being typed: who presses a button need not leave the field first."""
        for axis, box in enumerate(self._boxes):
            box.blockSignals(True)
            box.interpretText()
            box.blockSignals(False)
            if abs(box.value() - self._lengths[axis]) > 0.5 * 10.0**-_DECIMALS:
                self._fill_in(axis, box.value())

    def _fill_in(self, axis: int, value: float) -> None:
        """Take a length, also for those that are unknown: most voxels are cubes."""
        lengths = [value if known == axis else length for known, length in enumerate(self._lengths)]
        new = [known for known, length in enumerate(lengths) if not length]
        self._lengths = [length or value for length in lengths]
        for known in new:  # no others, in one of which something may be typed already
            self._boxes[known].blockSignals(True)
            self._boxes[known].setValue(value)
            self._boxes[known].blockSignals(False)

    def _write(self, spacing: Any) -> None:
        self._lengths = [float(value) for value in spacing]
        for box, value in zip(self._boxes, self._lengths, strict=True):
            box.blockSignals(True)
            box.setValue(value)
            box.blockSignals(False)
        self._arrange()

    def sizeHint(self) -> QSize:
        """Ask for the width of three numbers beside each other."""
        return QSize(_WIDTH_PX, super().sizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Arrange the fields so that all of each number can be read."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self) -> None:
        first = 1 if self._flat else 0
        metrics = self.fontMetrics()
        widest = 0
        for word, box in zip(self._words[first:], self._boxes[first:], strict=True):
            digits = metrics.horizontalAdvance(box.text()) + _AROUND_PX
            widest = max(widest, word.sizeHint().width() + max(digits, _LEAST_PX) + 2 * _GAP_PX)
        needed = self._unit_of_all.sizeHint().width() + (3 - first) * widest  # all are as wide
        beside = needed <= self.width()
        self._row.setDirection(QBoxLayout.Direction.LeftToRight if beside else QBoxLayout.Direction.TopToBottom)
        for axis, unit in enumerate(self._units):
            unit.setVisible(not beside and axis >= first)
        self._unit_of_all.setVisible(beside)

    def _on_value(self, axis: int, value: float) -> None:
        self._fill_in(axis, value)
        self._apply()

    def _apply(self) -> None:
        """Give the layer what was typed, but not between the press and the release of a mouse button.

        The press on a button takes the focus from the field. If what is said below it came or went then, the button
        would move from under the mouse, and not be pressed.
        """
        if QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton:
            self._after_release.start()
            return
        self._arrange()
        try:
            self.spacing()
        except _TooLarge as error:
            self._hint.say(str(error))
        except InputError:  # a length is missing still
            pass


class _TooLarge(InputError):
    """A length that no voxel has."""


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
