"""The steps from a tomogram to an explanation as a list: how far each is, and a button that opens its panel."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from . import docks
from .flow import DONE, EXPLAIN, FIND, FUSE, MEASURE, NOT_NEEDED, RUNNING, STALE, STEPS, TO_DO

_ROWS = {
    FIND: ("Find particles", docks.IDENTIFY, "Finds particles in slices along each axis."),
    FUSE: ("Fuse views", docks.FUSE, "Makes 3D particles of what the slices along each axis show."),
    MEASURE: ("Measure", docks.FEATURES, "Measures size, shape, cracks and surroundings of each particle."),
    EXPLAIN: ("Explain damage", docks.SHAP, "Fits a model of the damage and says what drives it."),
}
_LOOK = {
    TO_DO: ("○", ""),
    RUNNING: ("◐", "color: #4c9be0;"),
    DONE: ("●", "color: #3c9d62;"),
    STALE: ("▲", "color: #d0921f;"),
    NOT_NEEDED: ("–", ""),
}


class StepList(QWidget):
    """A row for each step.

    Attributes
    ----------
    states : dict of str to QLabel
        How far each step is, in words.
    """

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.states: dict[str, QLabel] = {}
        self._marks: dict[str, QLabel] = {}
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(10)
        grid.setVerticalSpacing(4)
        grid.setColumnStretch(1, 1)
        for row, step in enumerate(STEPS):
            name, panel, help_text = _ROWS[step]
            mark, title, state, button = QLabel(), QLabel(name), QLabel(), QPushButton("Open")
            for widget in (mark, title, state):
                widget.setToolTip(f"<p>{help_text}</p>")
            button.setToolTip(f"Opens the panel {panel}, where the step can be adjusted and run alone.")
            button.clicked.connect(lambda _checked=False, panel=panel: docks.open_dock(viewer, panel))
            self._marks[step], self.states[step] = mark, state
            for column, widget in enumerate((mark, title, state, button)):
                grid.addWidget(widget, row, column)

    def show_states(self, states: dict[str, str]) -> None:
        """Show how far each step is."""
        for step, state in states.items():
            mark, style = _LOOK[state]
            self._marks[step].setText(mark)
            self._marks[step].setStyleSheet(style)
            self.states[step].setText(state)
