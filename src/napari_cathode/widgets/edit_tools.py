"""The buttons of the Edit panel, and their keys on the picture."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QCheckBox, QGridLayout, QPushButton, QVBoxLayout, QWidget

from .line_button import LineButton
from .parts import allow
from .seed_button import SeedButton

BRUSHES = {"draw": "paint", "outline": "polygon", "erase": "erase"}
"""napari's tools for drawing, by the name of the button."""
_NOT_FREE = "Accept or reject the edit that is shown first, or wait for the end of what is running."


class EditTools(QWidget):
    """What can be done to the selected particles.

    Parameters
    ----------
    viewer : napari.Viewer
    layer : callable
        Gives the layer whose selected particle is to be split, or None when there is none; it says why itself.
    particle : callable
        Gives the label of that particle.
    """

    asked = Signal(str)
    """An edit of `napari_cathode.edit.EDITS`."""
    brush_asked = Signal(str, bool)
    """One of `BRUSHES` is taken, or put down."""

    def __init__(self, viewer: Any, layer: Callable[[], Any], particle: Callable[[], int]) -> None:
        super().__init__()
        self._viewer = weakref.ref(viewer)
        self._bound = False
        self.only_slice = QCheckBox("Only in this slice")
        self.only_slice.setToolTip(
            "<p>Edits change the slice that is shown and no other: merge, delete, split, fill and smooth act on "
            "the sections of the particles, and the brushes draw flat. Otherwise whole particles are edited.</p>"
        )
        self.merge_button = _button("Merge", "J", "Makes one particle of those that are selected.")
        self.delete_button = _button("Delete", "Del", "Turns the selected particles into background.")
        self.split_button = _button(
            "Split", "K", "Divides the selected particle at its narrowest place; you see it before you accept it."
        )
        self.line_button = LineButton(viewer, layer, "Split along a line", "Drawing …", "split line", in_3d=True)
        self.line_button.setToolTip(
            "<p>Two clicks, or a drag, across the selected particle: it is divided along the plane through the line "
            "and the direction in which you look. In 3D turn the picture until you look along the cut.</p>"
        )
        self.seed_button = SeedButton(viewer, layer, particle)
        self.grow_button = _button(
            "Grow to edge", "", "Lets the selected particles grow over bright voxels up to their edge in the image."
        )
        self.fill_button = _button("Fill holes", "", "Fills holes within the selected particles.")
        self.smooth_button = _button("Smooth", "", "Smooths the outlines of the selected particles.")
        self.draw_button = _button(
            "New particle", "", "Draws a new particle with napari's brush: a ball, or flat with Only in this slice."
        )
        self.outline_button = _button(
            "New by outline",
            "",
            "Draws a new particle in this slice: click along its outline, then double-click or press Enter.",
        )
        self.between_button = _button(
            "Fill between slices",
            "",
            "Fills the slices that you left out between those in which you drew the selected particles.",
        )
        self.erase_button = _button(
            "Erase", "", "Erases with napari's brush; the brush's size is set at the upper left."
        )
        self.brushes = {"draw": self.draw_button, "outline": self.outline_button, "erase": self.erase_button}
        self._lay_out()
        self._connect()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        grid = QGridLayout()
        grid.setSpacing(6)
        rows = (
            (self.merge_button, self.delete_button),
            (self.split_button, self.line_button),
            (self.seed_button, self.grow_button),
            (self.fill_button, self.smooth_button),
            (self.draw_button, self.outline_button),
            (self.between_button, self.erase_button),
        )
        for row, pair in enumerate(rows):
            for column_index, button in enumerate(pair):
                grid.addWidget(button, row, column_index)
        column.addLayout(grid)
        column.addWidget(self.only_slice)

    def _connect(self) -> None:
        edits = {
            "merge": self.merge_button,
            "delete": self.delete_button,
            "split": self.split_button,
            "fill": self.fill_button,
            "smooth": self.smooth_button,
            "grow": self.grow_button,
            "fill between": self.between_button,
        }
        for kind, button in edits.items():
            button.clicked.connect(lambda _on=False, kind=kind: self.asked.emit(kind))
        for name, button in self.brushes.items():
            button.setCheckable(True)
            button.clicked.connect(lambda on, name=name: self.brush_asked.emit(name, on))
        self._keys = {"J": self.merge_button, "Delete": self.delete_button, "K": self.split_button}

    def keys_in(self, panel: QWidget) -> None:
        """Let the keys work in a panel, too."""
        for key, button in self._keys.items():
            shortcut = QShortcut(QKeySequence(key), panel)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(button.click)

    def bind_keys(self, bound: bool, **more: QPushButton) -> None:
        """Take the keys on the picture, or give them back; more of them by their names."""
        viewer = self._viewer()
        if bound == self._bound or viewer is None:
            return
        self._bound = bound
        for key, button in {**self._keys, **more}.items():
            viewer.bind_key(key, _clicking(button) if bound else None, overwrite=True)

    def show_state(self, free: bool, selected: int, mode: str, slices: bool, why: str = "") -> None:
        """Enable what can be done.

        Parameters
        ----------
        free : bool
            Whether nothing else is going on.
        selected : int
            How many particles are selected.
        mode : str
            Of the layer, as napari calls it.
        slices : bool
            Whether one of several slices is shown.
        why : str
            Why nothing can be edited because of what runs elsewhere.
        """
        busy = (bool(why) or not free, why or _NOT_FREE)
        allow(self.merge_button, busy, (selected < 2, "Select at least two particles: click one, Shift-click others."))
        for button in (self.split_button, self.line_button, self.seed_button):
            allow(button, busy, (selected != 1, "Select one particle: click it."))
        for button in (self.delete_button, self.fill_button, self.smooth_button, self.grow_button):
            allow(button, busy, (selected < 1, "Select particles: click one, Shift-click others."))
        allow(
            self.between_button,
            busy,
            (selected < 1, "Select the particle that you drew: click it."),
            (not slices, "This is for a volume that is shown slice by slice."),
        )
        for name, button in self.brushes.items():
            allow(button, busy)
            button.setChecked(mode == BRUSHES[name])
        self.only_slice.setEnabled(slices)


def _clicking(button: QPushButton) -> Any:
    """Make a key's action (napari wants a function) that clicks a button without keeping it alive."""
    known = weakref.ref(button)

    def press(_viewer: Any) -> None:
        button = known()
        if button is not None:
            button.click()

    press.__doc__ = button.toolTip()
    return press


def _button(text: str, key: str, tooltip: str) -> QPushButton:
    button = QPushButton(f"{text} ({key})" if key else text)
    words = f"{tooltip} Key: {key}, here and on the picture." if key else tooltip
    button.setToolTip(f"<p>{words}</p>")
    return button
