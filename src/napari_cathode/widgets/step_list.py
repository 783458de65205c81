"""The steps from a tomogram to an explanation as a list: how far each is, and a button that opens its panel."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from napari_cathode.words import particles_in_words

from . import docks
from .flow import DONE, EXPLAIN, FIND, FUSE, MEASURE, NOT_NEEDED, RUNNING, STALE, STEPS, TO_DO, Reached

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
        How far each step is, in words; of one that is done, what came out of it.
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

    def show_states(self, states: dict[str, str], results: dict[str, str]) -> None:
        """Show how far each step is, and of those that are done what came out, where that is known."""
        for step, state in states.items():
            mark, style = _LOOK[state]
            self._marks[step].setText(mark)
            self._marks[step].setStyleSheet(style)
            self.states[step].setText(results.get(step, state) if state == DONE else state)


def results_of(found: Reached) -> dict[str, str]:
    """Say of each step what came out of it, in a word or two; nothing where that is not known."""
    results: dict[str, str] = {}
    if found.predictions is not None and len(found.predictions.views) > 1:
        results[FIND] = f"{len(found.predictions.views)} views"
    particles = found.particles
    if particles is None:
        return results
    if particles.agreement is not None and particles.agreement_revision == particles.revision:
        results[FUSE] = particles_in_words(len(particles.agreement))
    elif particles.table is not None and not particles.out_of_date:
        results[FUSE] = particles_in_words(len(particles.table))
    if found.states[FUSE] == NOT_NEEDED and FUSE in results:
        results[FIND] = results.pop(FUSE)
    if particles.table is not None:
        results[MEASURE] = f"{len(particles.table)} measured"
    if particles.explanation is not None:
        r2 = f"{particles.explanation.scores['r2_mean']:.2f}".replace("-", "\N{MINUS SIGN}")
        results[EXPLAIN] = f"R² {r2}"
    return results
