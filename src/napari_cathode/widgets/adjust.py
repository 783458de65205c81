"""Thresholds of what was found, changed afterwards: particles are chosen and drawn anew, the network does not run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from napari_cathode.kept_process import KeptProcess
from napari_cathode.plugin.finding_steps import Found, iter_adjust_slice
from napari_cathode.words import particles_in_words

from .background import Background, Closing
from .job import Job
from .parts import Heading, Text, form_layout

FLOOR, FLOOR_3D = 0.1, 0.2
_STEPS = 100


class Adjust(QWidget):
    """Two sliders that redraw a slice while they move; a volume at the push of a button.

    Signals
    -------
    changed : (float, float)
        Somebody moved a slider: probability and overlap threshold.
    redraw_all : (float, float)
        All slices, or what a 3D network found, are to be drawn with these thresholds.
    """

    changed = Signal(float, float)
    redraw_all = Signal(float, float)

    def __init__(self) -> None:
        super().__init__()
        self.probability = _Slider("Object probability from which a particle counts.", FLOOR, 0.99)
        self.overlap = _Slider("Overlap above which two candidates are one particle.", 0.0, 0.99)
        self.button = QPushButton()
        self.count = Text()
        self._kept = KeptProcess()
        self.destroyed.connect(Closing(self._kept))
        self._background = Background(self, finish=True)
        self._found: Found | None = None
        self._survivors: tuple[float, Any] | None = None
        self._show: Callable[[Any], None] = lambda _labels: None
        form = form_layout()
        form.addRow("Min. probability", self.probability)
        form.addRow("Max. overlap", self.overlap)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addWidget(Heading("Adjust what was found"))
        layout.addLayout(form)
        layout.addWidget(self.count)
        layout.addWidget(self.button)
        for slider in (self.probability, self.overlap):
            slider.changed.connect(self._on_moved)
        self.button.clicked.connect(lambda: self.redraw_all.emit(self.probability.value(), self.overlap.value()))
        self.hide()

    @property
    def busy(self) -> bool:
        """Whether something is being drawn."""
        return self._background.running

    def show_found(self, found: Found, parameters: Any, show: Callable[[Any], None]) -> None:
        """Offer the thresholds of a result.

        Parameters
        ----------
        found : Found
            The result, with its candidates.
        parameters : IdentifyParameters
            What was used.
        show : callable
            Called with the labels (y, x) of the slice whenever they are new.
        """
        self._background.cancel()
        self._found, self._survivors, self._show = found, None, show
        if not found.adjustable:
            self.hide()
            return
        # A 3D network's own floor is higher; below it there are candidates where a lower threshold was used.
        floor = FLOOR if found.volume is None else FLOOR_3D
        self.probability.set_lowest(min(floor, parameters.prob_threshold))
        self.probability.set_value(parameters.prob_threshold)
        self.overlap.set_value(parameters.nms_threshold)
        what = "all slices" if found.volume is None else "the particles"
        self.button.setText(f"Redraw {what}")
        self.button.setToolTip(f"Draws {what} with these thresholds; the network does not run.")
        self.button.setVisible(found.slice is None)
        self.count.say("")
        self.show()

    def forget(self) -> None:
        """Offer nothing."""
        self._background.cancel()
        self._found = self._survivors = None
        self.hide()

    def _on_moved(self) -> None:
        probability, overlap = self.probability.value(), self.overlap.value()
        self.changed.emit(probability, overlap)
        if self._found is not None and self._found.slice is not None:
            self._draw(self._found, probability, overlap)

    def _draw(self, found: Found, probability: float, overlap: float) -> None:
        known = self._survivors
        if known is not None and known[0] == overlap:
            job = Job("Adjust", iter_adjust_slice, known[1], None, probability)
        else:
            job = Job("Adjust", iter_adjust_slice, found.slice, overlap, probability)
        job.kept = self._kept

        def on_drawn(result: Any) -> None:
            if found is not self._found:
                return
            survivors, labels = result
            self._survivors = (overlap, survivors)
            self._show(labels)
            self.count.say(f"{particles_in_words(len(np.setdiff1d(np.unique(labels), 0)))} in this slice.")

        self._background.start(job, on_drawn, lambda error: self.count.say(f"Could not be drawn: {error}"))


class _Slider(QWidget):
    """A slider between two numbers, with the number beside it."""

    changed = Signal()

    def __init__(self, tooltip: str, low: float, high: float) -> None:
        super().__init__()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(round(low * _STEPS), round(high * _STEPS))
        self._text = QLabel()
        self._text.setMinimumWidth(self._text.fontMetrics().horizontalAdvance("0.00 "))
        self.setToolTip(f"<p>{tooltip}</p>")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.slider, 1)
        row.addWidget(self._text)
        self.slider.valueChanged.connect(self._on_value)
        self._on_value()

    def value(self) -> float:
        """Give the number."""
        return self.slider.value() / _STEPS

    def set_lowest(self, low: float) -> None:
        """Give another lowest number; nobody is told."""
        self.slider.blockSignals(True)
        self.slider.setMinimum(round(low * _STEPS))
        self.slider.blockSignals(False)

    def set_value(self, value: float) -> None:
        """Show a number; nobody is told."""
        self.slider.blockSignals(True)
        self.slider.setValue(round(value * _STEPS))
        self.slider.blockSignals(False)
        self._text.setText(f"{self.value():.2f}")

    def _on_value(self) -> None:
        self._text.setText(f"{self.value():.2f}")
        self.changed.emit()
