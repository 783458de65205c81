"""Dock widget: correct particles by hand, with one history of all edits."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QGuiApplication, QHideEvent, QKeySequence, QShortcut, QShowEvent
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QPushButton

from napari_cathode.edit import Change, EditParameters, LabelBoxes, write_log
from napari_cathode.edit.change import check_writeable
from napari_cathode.errors import InputError
from napari_cathode.kept_process import KeptProcess
from napari_cathode.plugin.link import link_of
from napari_cathode.progress import drain
from napari_cathode.session import ParticleSet
from napari_cathode.work import EDIT

from .docks import FEATURES, Docked, open_dock
from .edit_history import HistoryList
from .edit_jobs import copy_job, edit_job, free_number, in_memory, search_job, viewed_axis, viewed_slice
from .edit_preview import SplitPreview
from .edit_tools import BRUSHES, EditTools
from .forms import Form
from .no_particles import NoParticles
from .parts import Connections, Fold, Heading, Panel, Text, rule
from .review_bar import ReviewBar
from .runner import Runner

_EMPTY = (
    "Particles are corrected here: merged, split, deleted, drawn. Find particles first (Identify particles), or open a "
    "Labels layer made by another tool."
)
_NONE = "Click a particle to select it; Shift-click adds another."
_REDRAW_MS = _RELEASE_MS = 50


class EditWidget(Docked, Panel):
    """Edits of the selected particles; each is one step of the history, napari's own strokes too."""

    takes_clicks = True

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._link = link_of(napari_viewer)
        self._session = self._link.session
        self.form = Form(EditParameters)
        self.runner = Runner(self._session)
        self._kept = KeptProcess()  # a fresh one would take longer to start than most edits take
        self.tools = EditTools(self._viewer, self._split_layer, lambda: min(self._session.selection, default=0))
        self.preview = SplitPreview(self._viewer, self._link)
        self.review = ReviewBar(self._viewer, self._link)
        self.history = HistoryList(self._session)
        self._empty = NoParticles(_EMPTY)
        self._state = Text()
        self._why = Text()
        self._why_timer = QTimer(self)
        self._why_timer.setSingleShot(True)
        self._why_timer.timeout.connect(self._tell_why)
        self._stale = Text()
        self.measure_button = QPushButton("Measure again …")
        self._in_file = Text()
        self.copy_button = QPushButton("Copy into memory")
        self.copy_button.setToolTip(
            "<p>Goes on with a copy of these labels in memory, with their table and history. "
            "The file stays as it is.</p>"
        )
        self._drawn_id = 0
        self._lay_out()
        self.align_labels()
        self._line: Any = None
        self._seeds: list[list[float]] = []
        # In a turn of its own: napari crashes when a layer comes before it has drawn that another one went.
        self._line_timer = QTimer(self)
        self._line_timer.setSingleShot(True)
        self._line_timer.timeout.connect(lambda: self.edit("split", self._line, self._seeds))
        self._connect()
        self._refresh()

    def _connect(self) -> None:
        tools, history = self.tools, self.history
        tools.asked.connect(self.edit)
        tools.brush_asked.connect(self._brush)
        tools.only_slice.toggled.connect(self._set_brush_dimensions)
        tools.line_button.drawn.connect(self._on_line)
        tools.seed_button.placed.connect(self._on_seeds)
        tools.keys_in(self)
        self.copy_button.clicked.connect(self._copy)
        self.measure_button.clicked.connect(lambda: open_dock(self._viewer, FEATURES))
        history.undo_button.clicked.connect(self._link.undo)
        history.redo_button.clicked.connect(self._link.redo)
        history.export_button.clicked.connect(self._export)
        self._shortcut("Ctrl+Z", self._link.undo)
        self._shortcut("Ctrl+Shift+Z", self._link.redo)
        self._connections = Connections(self)
        session = self._session
        for signal in (session.current_changed, session.selection_changed, self._viewer.dims.events.ndisplay):
            self._connections.connect(signal, self._refresh)
        self._connections.connect(session.changed, self._on_changed)
        for signal in (self._link.remeasuring.state_changed, session.running_changed):
            self._connections.connect(signal, self._refresh)
        self.runner.started.connect(self._refresh)
        self.runner.finished.connect(self._refresh)
        self.preview.changed.connect(self._refresh)

    def _shortcut(self, key: str, action: Any) -> None:
        shortcut = QShortcut(QKeySequence(key), self)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(action)

    def _lay_out(self) -> None:
        again = QHBoxLayout()
        again.addWidget(self._stale, 1)
        again.addWidget(self.measure_button, 0, Qt.AlignmentFlag.AlignTop)
        in_file = QHBoxLayout()
        in_file.addWidget(self._in_file, 1)
        in_file.addWidget(self.copy_button, 0, Qt.AlignmentFlag.AlignTop)
        self._settings = Fold("Settings", self.form)
        self.column.addWidget(self._empty)
        self.column.addLayout(in_file)
        for widget in (self._state, self.tools, self.preview, self._why, self.runner, self._settings):
            self.column.addWidget(widget)
        self.column.addLayout(again)
        self.column.addWidget(self.review)
        self._lower = (rule(), Heading("History"), self.history)
        for widget in self._lower:
            self.column.addWidget(widget)
        self.column.setStretchFactor(self.history, 1)
        self.column.addStretch(0)

    # ---- what is shown -----------------------------------------------------------------------------

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        done = particles.history.done
        if what == "history" and particles is self._session.current and done and self._drawn_id:
            if self._drawn_id in done[-1].change.labels:
                self._session.selection = {self._drawn_id}  # so that it can be smoothed, or filled between slices
        self._refresh()

    def _refresh(self, *_what: Any) -> None:
        particles = self._session.current
        free = particles is not None and not self.runner.running and not self.preview.showing
        self._empty.setVisible(particles is None)
        for widget in (self._state, self.tools, self._settings, *self._lower):
            widget.setVisible(particles is not None)
        layer = None if particles is None else self._link.layer_of(particles)
        mode = "" if layer is None else str(layer.mode)
        axis = None if layer is None else viewed_axis(self._viewer, layer)
        slices = axis is not None and particles is not None and particles.labels.shape[axis] > 1
        why = "" if self.runner.running else self._session.why_not(EDIT, particles)
        if why and mode in BRUSHES.values():
            layer.mode = "pan_zoom"  # a stroke would be an edit
        self.tools.show_state(free, len(self._session.selection), mode, slices, why)
        self.preview.allow(why)
        self._tell_why()
        self.history.allow(why)
        self._in_file.say("" if particles is None else _where(particles.labels))
        self.copy_button.setVisible(particles is not None and not in_memory(particles.labels))
        self.copy_button.setEnabled(free)
        self._state.say("" if particles is None else _selected(sorted(self._session.selection)))
        following = self._link.remeasuring.running(particles)
        stale = particles is not None and particles.out_of_date
        self._stale.say(self._describe_age(particles) if not following else "Measuring what the edit changed …")
        self.measure_button.setVisible(stale and not following)
        self._bind(particles is not None and self.isVisible())

    def _tell_why(self) -> None:
        """Say below the buttons why they wait, but move nothing between the press and the release of a mouse button."""
        if QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton:
            self._why_timer.start(_RELEASE_MS)
            return
        why = "" if self.runner.running else self._session.why_not(EDIT, self._session.current)
        if why != self._why.text():
            self._why.say(why)

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
        """Edit the selected particles, or their sections with the slice; a split is shown before it is accepted.

        Parameters
        ----------
        kind : str
            One of `napari_cathode.edit.EDITS`.
        line : tuple, optional
            Two points (z, y, x) in voxels, and the direction in which one looks.
        seeds : list, optional
            Points (z, y, x) in voxels, each of which becomes a part.
        """
        particles = self._session.current
        layer = None if particles is None else self._link.layer_of(particles)
        if particles is None or layer is None or self.runner.running or self.preview.showing:
            return
        why = self._session.why_not(EDIT, particles)
        if why:
            self.runner.fail(why)
            return
        boxes = particles.find_boxes()
        if boxes is None:
            self._search(particles, lambda: self.edit(kind, line, seeds))
            return
        viewer = self._viewer
        plane = viewed_slice(viewer, layer) if self._only_slice and kind != "fill between" else None
        self.runner.say("")
        try:
            job = edit_job(
                particles,
                boxes,
                kind,
                sorted(self._session.selection),
                self.form.value(),
                line=line,
                seeds=seeds,
                plane=plane,
                axis=viewed_axis(viewer, layer) or 0,
            )
            if job.quick:
                self._take(particles, kind, drain(job.here()))
        except InputError as error:
            self.runner.fail(str(error))
            return
        if not job.quick:
            job.kept = self._kept
            job.on(particles, EDIT)
            self.runner.start(job, self._when_unchanged(particles, lambda change: self._take(particles, kind, change)))

    @property
    def _only_slice(self) -> bool:
        box = self.tools.only_slice
        return bool(box.isChecked() and box.isEnabled())

    def _search(self, particles: ParticleSet, then: Any) -> None:
        """Find out, beside the window, where the particles of large labels are, and go on."""

        def on_found(boxes: LabelBoxes) -> None:
            particles.boxes = boxes
            QTimer.singleShot(0, then)

        self.runner.start(search_job(particles.labels).on(particles), self._when_unchanged(particles, on_found))

    def _copy(self) -> None:
        """Go on with labels in memory."""
        particles = self._session.current
        if particles is not None and not self.runner.running:
            take = self._when_unchanged(particles, lambda copy: self._session.replace_array(particles, copy))
            self.runner.start(copy_job(particles.labels).on(particles), take)

    def _when_unchanged(self, particles: ParticleSet, act: Any) -> Any:
        """Make what is done with a result, unless the labels are others by then."""
        revision = particles.revision

        def on_result(result: Any) -> str:
            if particles not in self._session.particle_sets or particles.revision != revision:
                return "The labels were changed meanwhile; the edit was dropped."
            act(result)
            return ""

        return on_result

    def _take(self, particles: ParticleSet, kind: str, change: Change) -> None:
        """Apply a change, or show it first."""
        if kind == "split":
            self.preview.show_change(particles, change)
            return
        self._session.edit(particles, change)
        if kind == "merge" and "only_slice" not in change.details:
            self._session.selection = {change.details["kept"]}

    def _split_layer(self) -> Any:
        """Give the layer whose particle a line or seeds will split."""
        particles = self._session.current
        if particles is None or len(self._session.selection) != 1:
            self.runner.fail("Select one particle first: click it.")
            return None
        in_3d = self._viewer.dims.ndisplay == 3
        if self.tools.seed_button.isChecked():
            where = "each part of the particle" if in_3d else "each part of the particle, in any slices"
            self.runner.say(f"Click into {where}; then press Split now.")
        elif in_3d:
            self.runner.say("Draw a line across the particle, by two clicks or a drag; you look along the cut.")
        else:
            self.runner.say("Draw a line across the particle: two clicks, or a drag.")
        return self._link.layer_of(particles)

    def _on_line(self, layer: Any, start: Any, end: Any) -> None:
        along = self.tools.line_button.along
        line = [np.asarray(point, float)[-layer.ndim :] for point in (start, end, along)]
        if layer.ndim == 2:
            line = [np.insert(point, 0, 0.0) for point in line]
            line[2] = np.array([1.0, 0.0, 0.0])
        self.runner.say("")
        self._line, self._seeds = tuple(point.tolist() for point in line), []
        self._line_timer.start(_REDRAW_MS)

    def _on_seeds(self, points: list[list[float]]) -> None:
        self.runner.say("")
        self._line, self._seeds = None, [[0.0, *point] if len(point) == 2 else point for point in points]
        if self._seeds:
            self._line_timer.start(_REDRAW_MS)

    # ---- brushes -----------------------------------------------------------------------------------

    def _brush(self, name: str, taken: bool) -> None:
        """Take one of napari's tools for drawing, or put it down."""
        particles = self._session.current
        layer = None if particles is None else self._link.layer_of(particles)
        if particles is None or layer is None:
            return
        if taken and not in_memory(particles.labels):
            self.runner.fail("napari's brushes work on labels in memory; press Copy into memory first.")
            self._refresh()
            return
        self._viewer.layers.selection.active = layer
        self._drawn_id = 0
        if taken and name != "erase":
            boxes = particles.find_boxes()
            if boxes is None:
                self._search(particles, lambda: self._brush(name, taken))
                return
            self._drawn_id = layer.selected_label = free_number(particles, boxes)
        flat = name == "outline" or self._only_slice
        if taken:
            layer.n_edit_dimensions = 2 if flat else layer.ndim
        # A new particle takes nothing from others, least of all in slices that are not shown.
        layer.preserve_labels = taken and name != "erase"
        if taken and name == "outline":
            self.runner.say("Click along the outline of the particle; a double click or Enter closes it.")
        layer.mode = BRUSHES[name] if taken else "pan_zoom"
        self._refresh()

    def _set_brush_dimensions(self, only_slice: bool) -> None:
        """Let a brush that is in use draw flat, or in the volume."""
        particles = self._session.current
        layer = None if particles is None else self._link.layer_of(particles)
        if layer is not None and str(layer.mode) in ("paint", "erase"):
            layer.n_edit_dimensions = 2 if only_slice else layer.ndim

    # ---- the log -----------------------------------------------------------------------------------

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
        try:
            written = write_log(path, entries)
        except InputError as error:
            self.runner.fail(str(error))
            return
        self.runner.say(f"Wrote {len(entries)} edit{'' if len(entries) == 1 else 's'} to {written}.")

    # ---- keys --------------------------------------------------------------------------------------

    def _bind(self, bound: bool) -> None:
        self.tools.bind_keys(bound, Enter=self.preview.accept_button)

    def showEvent(self, event: QShowEvent) -> None:
        """Take the keys."""
        super().showEvent(event)
        self._bind(self._session.current is not None)

    def hideEvent(self, event: QHideEvent) -> None:
        """Give the keys back."""
        super().hideEvent(event)
        self._bind(False)


def _where(labels: Any) -> str:
    """Say what labels that do not lie in memory cannot be."""
    if in_memory(labels):
        return ""
    try:
        check_writeable(labels)
    except InputError:
        return "These labels lie in a file that is open for reading only; to correct them, copy them."
    return "These labels lie in a file, which each edit changes. napari's brushes need a copy."


def _selected(ids: list[int]) -> str:
    if not ids:
        return _NONE
    if len(ids) == 1:
        return f"<b>Particle {ids[0]}</b> is selected."
    numbers = ", ".join(map(str, ids[:8])) + (" …" if len(ids) > 8 else "")
    return f"<b>{len(ids)} particles</b> are selected: {numbers}."
