"""Dock widget: correct particles by hand, with one history of all edits."""

from __future__ import annotations

import json
import weakref
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QHideEvent, QKeySequence, QShortcut, QShowEvent
from qtpy.QtWidgets import QFileDialog, QGridLayout, QHBoxLayout, QPushButton, QWidget

from napari_cathode.edit import Change, EditParameters, free_id, iter_edit, room
from napari_cathode.edit.history import log_table
from napari_cathode.edit.operations import boxes_around
from napari_cathode.errors import InputError
from napari_cathode.io.atomic import replacing
from napari_cathode.plugin.layers import full_data
from napari_cathode.plugin.link import link_of
from napari_cathode.progress import drain
from napari_cathode.session import ParticleSet

from .docks import FEATURES, Docked, open_dock
from .edit_history import HistoryList
from .edit_preview import SplitPreview
from .forms import Form
from .job import Job
from .line_button import LineButton
from .parts import Connections, Fold, Heading, Panel, Text, rule
from .runner import Runner
from .seed_button import SeedButton

_EMPTY = (
    "Particles are corrected here: merged, split, deleted, drawn. Find particles first (Identify particles), or open a "
    "Labels layer made by another tool."
)
_NONE = "Click a particle to select it; Shift-click adds another."
_REDRAW_MS = 50
_AT_ONCE = 400_000
"""Voxels around the particles that are edited at once; with more the window would stutter, so a process does it."""


class EditWidget(Docked, Panel):
    """Edits of the selected particles; each is one step of the history, napari's own strokes too."""

    takes_clicks = True

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._link = link_of(napari_viewer)
        self._session = self._link.session
        self.form = Form(EditParameters)
        self.runner = Runner()
        self.preview = SplitPreview(self._viewer, self._link)
        self.history = HistoryList(self._session)
        self._empty = Text(_EMPTY)
        self._state = Text()
        self._stale = Text()
        self.measure_button = QPushButton("Measure again …")
        self._make_buttons()
        self._lay_out()
        self.align_labels()
        self._bound = False
        self._line: Any = None
        # In a turn of its own: napari crashes when a layer comes before it has drawn that another one went.
        self._line_timer = QTimer(self)
        self._line_timer.setSingleShot(True)
        self._line_timer.timeout.connect(lambda: self.edit("split", self._line, self._seeds))
        self._seeds: list[list[float]] = []
        self._connections = Connections(self)
        session = self._session
        for signal in (session.current_changed, session.selection_changed, session.changed):
            self._connections.connect(signal, self._on_anything)
        self.runner.started.connect(self._refresh)
        self.runner.finished.connect(self._refresh)
        self.preview.changed.connect(self._refresh)
        self._connections.connect(self._link.remeasuring.state_changed, self._refresh)
        self._refresh()

    def _make_buttons(self) -> None:
        self.merge_button = _button("Merge", "J", "Makes one particle of those that are selected.")
        self.delete_button = _button("Delete", "Del", "Turns the selected particles into background.")
        self.split_button = _button(
            "Split", "K", "Divides the selected particle at its narrowest place; you see it before you accept it."
        )
        self.line_button = LineButton(self._viewer, self._split_layer, "Split along a line", "Drawing …", "split line")
        self.line_button.setToolTip("<p>Two clicks, or a drag, across the selected particle: it is divided there.</p>")
        self.seed_button = SeedButton(self._viewer, self._split_layer)
        self.fill_button = _button("Fill holes", "", "Fills holes within the selected particles.")
        self.smooth_button = _button("Smooth", "", "Smooths the outlines of the selected particles.")
        self.grow_button = _button(
            "Grow to edge", "", "Lets the selected particles grow over bright voxels up to their edge in the image."
        )
        self.draw_button = _button("New particle", "", "Draws a new particle with napari's brush, in 3D with a ball.")
        self.erase_button = _button(
            "Erase", "", "Erases with napari's brush; the brush's size is set at the upper left."
        )
        for button in (self.draw_button, self.erase_button):
            button.setCheckable(True)
        self._actions = {
            "J": (self.merge_button, lambda: self.edit("merge")),
            "Delete": (self.delete_button, lambda: self.edit("delete")),
            "K": (self.split_button, lambda: self.edit("split")),
        }
        for key, (button, action) in self._actions.items():
            button.clicked.connect(action)
            self._shortcut(key, button.click)
        self._shortcut("Ctrl+Z", self._link.undo)
        self._shortcut("Ctrl+Shift+Z", self._link.redo)
        self.fill_button.clicked.connect(lambda: self.edit("fill"))
        self.smooth_button.clicked.connect(lambda: self.edit("smooth"))
        self.grow_button.clicked.connect(lambda: self.edit("grow"))
        self.draw_button.clicked.connect(lambda on: self._brush("paint" if on else "pan_zoom"))
        self.erase_button.clicked.connect(lambda on: self._brush("erase" if on else "pan_zoom"))
        self.line_button.drawn.connect(self._on_line)
        self.seed_button.placed.connect(self._on_seeds)
        self.measure_button.clicked.connect(lambda: open_dock(self._viewer, FEATURES))
        self.history.undo_button.clicked.connect(self._link.undo)
        self.history.redo_button.clicked.connect(self._link.redo)
        self.history.export_button.clicked.connect(self._export)

    def _shortcut(self, key: str, action: Any) -> None:
        shortcut = QShortcut(QKeySequence(key), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(action)

    def _lay_out(self) -> None:
        self._tools = QWidget()
        grid = QGridLayout(self._tools)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(6)
        rows = (
            (self.merge_button, self.delete_button),
            (self.split_button, self.line_button),
            (self.seed_button, self.grow_button),
            (self.fill_button, self.smooth_button),
            (self.draw_button, self.erase_button),
        )
        for row, pair in enumerate(rows):
            for column, button in enumerate(pair):
                grid.addWidget(button, row, column)
        again = QHBoxLayout()
        again.addWidget(self._stale, 1)
        again.addWidget(self.measure_button, 0, Qt.AlignmentFlag.AlignTop)
        self._settings = Fold("Settings", self.form)
        for widget in (self._empty, self._state, self._tools, self.preview, self.runner, self._settings):
            self.column.addWidget(widget)
        self.column.addLayout(again)
        self._lower = (rule(), Heading("History"), self.history)
        for widget in self._lower:
            self.column.addWidget(widget)
        self.column.setStretchFactor(self.history, 1)
        self.column.addStretch(0)

    # ---- what is shown -----------------------------------------------------------------------------

    def _on_anything(self, *_what: Any) -> None:
        self._refresh()

    def _refresh(self, *_what: Any) -> None:
        particles = self._session.current
        selected = len(self._session.selection)
        free = particles is not None and not self.runner.running and not self.preview.showing
        self._empty.setVisible(particles is None)
        for widget in (self._state, self._tools, self._settings, *self._lower):
            widget.setVisible(particles is not None)
        self.merge_button.setEnabled(free and selected > 1)
        for button in (self.split_button, self.line_button, self.seed_button):
            button.setEnabled(free and selected == 1)
        for button in (self.delete_button, self.fill_button, self.smooth_button, self.grow_button):
            button.setEnabled(free and selected > 0)
        layer = None if particles is None else self._link.layer_of(particles)
        mode = "" if layer is None else str(layer.mode)
        for button, own in ((self.draw_button, "paint"), (self.erase_button, "erase")):
            button.setEnabled(free)
            button.setChecked(mode == own)
        self._state.say(_selected(sorted(self._session.selection)))
        following = self._link.remeasuring.running(particles)
        stale = particles is not None and particles.out_of_date
        self._stale.say(self._describe_age(particles) if not following else "Measuring what the edit changed …")
        self.measure_button.setVisible(stale and not following)
        self._bind(particles is not None and self.isVisible())

    def _describe_age(self, particles: ParticleSet | None) -> str:
        """Say what is of the particles before these edits."""
        if particles is None:
            return ""
        if particles.out_of_date:
            explained = particles.explanation is not None
            both = "The table and the explanation are" if explained else "The table is"
            return f"{both} of the particles before these edits. {self._link.remeasuring.problem}".strip()
        if particles.explanation is not None and particles.explanation_revision != particles.revision:
            return "The table has followed. The explanation is of the particles before these edits; explain again."
        return ""

    # ---- edits -------------------------------------------------------------------------------------

    def edit(self, kind: str, line: Any = None, seeds: Any = ()) -> None:
        """Edit the selected particles; a split is shown before it is accepted.

        Parameters
        ----------
        kind : str
            One of `napari_cathode.edit.EDITS`.
        line : tuple, optional
            Two points (z, y, x) in voxels, and the axis along which one looks.
        seeds : list, optional
            Points (z, y, x) in voxels, each of which becomes a part.
        """
        particles = self._session.current
        if particles is None or self.runner.running or self.preview.showing:
            return
        ids = sorted(self._session.selection)
        try:
            job, voxels = self._job(particles, kind, ids, line, seeds)
        except InputError as error:
            self.runner.fail(str(error))
            return
        if voxels > _AT_ONCE:
            revision = particles.revision

            def on_result(change: Change) -> str:
                if particles not in self._session.particle_sets or particles.revision != revision:
                    return "The labels were changed meanwhile; the edit was dropped."
                self._take(particles, kind, change)
                return ""

            self.runner.start(Job(f"Edit: {kind}", iter_edit, *job[0], **job[1]), on_result)
            return
        self.runner.say("")
        try:
            self._take(particles, kind, drain(iter_edit(*job[0], **job[1])))
        except InputError as error:
            self.runner.fail(str(error))

    def _job(self, particles: ParticleSet, kind: str, ids: list[int], line: Any, seeds: Any) -> tuple[Any, int]:
        """Cut out what an edit needs; give its arguments and how many voxels it looks at."""
        if not ids:
            raise InputError("Select a particle first: click it in the picture or in the table.")
        spacing = particles.spacing_um
        if spacing is None:
            if kind in ("smooth", "grow"):
                raise InputError("The voxel size of these particles is not known; enter it in Particle features first.")
            spacing = (1.0, 1.0, 1.0)
        parameters = self.form.value()
        image = None if kind != "grow" or particles.tomogram is None else particles.tomogram.data
        pads = room(kind, spacing, parameters)
        boxes = list(boxes_around(particles.labels, ids).values())
        low = [max(0, min(box[i].start for box in boxes) - pads[i]) for i in range(3)]
        high = [min(particles.labels.shape[i], max(box[i].stop for box in boxes) + pads[i]) for i in range(3)]
        place = tuple(map(slice, low, high))
        block = np.asarray(particles.labels[place])
        grey = None if image is None else np.asarray(image[place])
        new_id = free_id(particles.labels) if kind == "split" else 0
        return (
            (
                (kind, block, ids, spacing, parameters),
                {"image": grey, "start": low, "new_id": new_id, "line": line, "seeds": seeds},
            ),
            block.size,
        )

    def _take(self, particles: ParticleSet, kind: str, change: Change) -> None:
        """Apply a change, or show it first."""
        if kind == "split":
            self.preview.show_change(particles, change)
            return
        self._session.edit(particles, change)
        left = [label for label in self._session.selection if kind != "delete"]
        self._session.selection = [change.details["kept"]] if kind == "merge" else left

    def _split_layer(self) -> Any:
        """Give the layer whose particle a line will split."""
        particles = self._session.current
        if particles is None or len(self._session.selection) != 1:
            self.runner.fail("Select one particle first: click it.")
            return None
        if self._viewer.dims.ndisplay == 3:
            self.runner.fail(
                "Lines and seeds are drawn in slices; leave the 3D display (the cube button below the layer list)."
            )
            return None
        self.runner.say(
            "Click into each part of the particle, in any slices; then press Split now."
            if self.seed_button.isChecked()
            else "Draw a line across the particle: two clicks, or a drag."
        )
        return self._link.layer_of(particles)

    def _on_line(self, layer: Any, start: Any, end: Any) -> None:
        ends = [np.asarray(point, float)[-layer.ndim :] for point in (start, end)]
        if layer.ndim == 2:
            ends, axis = [np.insert(point, 0, 0.0) for point in ends], 0
        else:
            missing = self._viewer.dims.ndim - 3
            axis = next(i for i in range(3) if i + missing not in self._viewer.dims.displayed)
        self.runner.say("")
        self._line, self._seeds = (ends[0].tolist(), ends[1].tolist(), axis), []
        self._line_timer.start(_REDRAW_MS)

    def _on_seeds(self, points: list[list[float]]) -> None:
        self.runner.say("")
        self._line, self._seeds = None, [[0.0, *point] if len(point) == 2 else point for point in points]
        if self._seeds:
            self._line_timer.start(_REDRAW_MS)

    def _brush(self, mode: str) -> None:
        """Take napari's brush or eraser, or put it down."""
        particles = self._session.current
        layer = None if particles is None else self._link.layer_of(particles)
        if layer is None:
            return
        if mode != "pan_zoom" and not isinstance(full_data(layer), np.ndarray):
            self.runner.fail("napari's brushes work on labels in memory; duplicate the layer and edit the copy.")
            self._refresh()
            return
        self._viewer.layers.selection.active = layer
        if mode == "paint":
            layer.selected_label = free_id(particles.labels)
        if mode != "pan_zoom":
            layer.n_edit_dimensions = layer.ndim
        layer.mode = mode
        self._refresh()

    def _export(self) -> None:
        particles = self._session.current
        if particles is None:
            return
        path, _ = QFileDialog.getSaveFileName(
            self, "Export the log of edits", f"{particles.name} edits.csv", "CSV (*.csv);;JSON (*.json)"
        )
        if path:
            self.export_to(path)

    def export_to(self, path: str) -> None:
        """Write what was changed by hand to a CSV or JSON file."""
        particles = self._session.current
        if particles is None:
            return
        entries = particles.history.log()
        as_json = path.lower().endswith(".json")
        if not as_json and not path.lower().endswith(".csv"):
            path = f"{path}.csv"
        try:
            with replacing(path) as part:
                if as_json:
                    part.write_text(json.dumps(entries, indent=1), encoding="utf-8")
                else:
                    pd.DataFrame(log_table(entries)).to_csv(part, index=False)
        except InputError as error:
            self.runner.fail(str(error))
            return
        self.runner.say(f"Wrote {len(entries)} edits to {path}.")

    # ---- keys --------------------------------------------------------------------------------------

    def _bind(self, bound: bool) -> None:
        if bound == self._bound:
            return
        self._bound = bound
        for key, (button, _) in self._actions.items():
            action = _clicking(button) if bound else None
            self._viewer.bind_key(key, action, overwrite=True)
        self._viewer.bind_key("Enter", _clicking(self.preview.accept_button) if bound else None, overwrite=True)

    def showEvent(self, event: QShowEvent) -> None:
        """Take the keys."""
        super().showEvent(event)
        self._bind(self._session.current is not None)

    def hideEvent(self, event: QHideEvent) -> None:
        """Give the keys back."""
        super().hideEvent(event)
        self._bind(False)


def _clicking(button: QPushButton) -> Any:
    """Make a key's action (napari wants a function) that clicks a button without keeping it alive."""
    known = weakref.ref(button)

    def press(_viewer: Any) -> None:
        button = known()
        if button is not None:
            button.click()

    press.__doc__ = button.toolTip()
    return press


def _selected(ids: list[int]) -> str:
    if not ids:
        return _NONE
    if len(ids) == 1:
        return f"<b>Particle {ids[0]}</b> is selected."
    numbers = ", ".join(map(str, ids[:8])) + (" …" if len(ids) > 8 else "")
    return f"<b>{len(ids)} particles</b> are selected: {numbers}."


def _button(text: str, key: str, tooltip: str) -> QPushButton:
    button = QPushButton(f"{text} ({key})" if key else text)
    button.setToolTip(f"{tooltip} Key: {key}, here and on the picture." if key else tooltip)
    return button
