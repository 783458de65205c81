"""Dock widget: from a tomogram to an explanation, for somebody who has never been here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QWidget,
)

from napari_cathode.errors import InputError
from napari_cathode.identify import IdentifyParameters
from napari_cathode.kept_process import KeptProcess
from napari_cathode.plugin.keys import KEYS
from napari_cathode.plugin.layers import is_image, tomogram_of
from napari_cathode.plugin.link import link_of
from napari_cathode.plugin.reader import napari_get_reader
from napari_cathode.simulate.samples import SAMPLES
from napari_cathode.work import IN_THE_WAY

from . import docks
from .background import Closing
from .beforehand import Beforehand
from .drop_area import DropArea
from .flow import (
    DONE,
    EXPLAIN,
    FIND,
    FUSE,
    MEASURE,
    NOT_NEEDED,
    RUNNING,
    STALE,
    STEPS,
    TO_DO,
    VIEWS,
    Flow,
    reached,
    steps_left,
)
from .no_particles import BEING_FOUND
from .offers import Offers
from .parts import BUSY, Connections, Fold, Heading, LayerChoice, Panel, Text, allow, form_layout, primary_button, rule
from .runner import Runner
from .step_list import StepList, results_of
from .time_left import Untold
from .voxel_size import VoxelSize

_JOBS = {"Find particles": FIND, "Fuse views": FUSE, "Measure particles": MEASURE, "Explain": EXPLAIN}
_SAMPLES = {
    "nmc-50-cycles": "NMC, 50 cycles (3D)",
    "nmc-10-cycles": "NMC, 10 cycles (3D)",
    "single-crystal": "Single crystals and plates (3D)",
    "nmc-slice": "NMC, one slice (2D)",
}
_POLL_MS = 500


class StartWidget(docks.Docked, Panel):
    """Open a tomogram, give its voxel size, run the steps; each opens its own panel for who wants to choose."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._link = link_of(napari_viewer)
        self._kept = KeptProcess()
        self.destroyed.connect(Closing(self._kept))
        self.setAcceptDrops(True)
        self.offers = Offers(most=1)
        self.drop = DropArea()
        self.file_button, self.folder_button = QPushButton("Open file …"), QPushButton("Open folder …")
        self.sample_button = QPushButton("Sample")
        self.image = LayerChoice(self._viewer, is_image)
        self.voxel_size = VoxelSize(self._viewer)
        self.voxel_size.changed.connect(self._on_voxel_size)
        self.before = Beforehand(self._kept, all_steps=True)
        self.button = primary_button("Run all", "Runs the steps with usual settings; results appear one by one.")
        self.runner = Runner(self._link.session)
        self.results_button = QPushButton("Show table and explanation")
        self.flow = Flow(self, self._viewer, self._link, self.runner, self._kept)
        self.steps = StepList(self._viewer)
        self.states = self.steps.states
        self._then: list[QPushButton] = []
        self._surveying = self._surveyed = False
        self._known: dict[str, str] = {}
        self._lay_out()
        self.align_labels()
        self._timer = QTimer(self)
        self._timer.setInterval(_POLL_MS)
        self._connect()
        self._on_image(self.image.layer)

    def _lay_out(self) -> None:
        menu = QMenu(self.sample_button)
        for key in SAMPLES:
            menu.addAction(_SAMPLES.get(key, key), lambda key=key: self.open_sample(key))
        self.sample_button.setMenu(menu)
        buttons = QHBoxLayout()
        for button in (self.file_button, self.folder_button, self.sample_button):
            buttons.addWidget(button, 1)
        form = form_layout()
        form.addRow("Tomogram", self.image)
        form.addRow("Voxel size", self.voxel_size)
        self._form = QWidget()
        self._form.setLayout(form)
        self.column.addWidget(self.offers)
        self.column.addWidget(self.drop)
        self.column.addLayout(buttons)
        self.column.addWidget(self._form)
        self.column.addWidget(rule())
        self.column.addWidget(Heading("Steps"))
        self.column.addWidget(self.steps)
        self.column.addWidget(self.button)
        self.column.addWidget(self.before)  # not above the button, which it would move while somebody aims at it
        self.column.addWidget(self.runner)
        self.column.addWidget(self.results_button)
        self.column.addWidget(rule())
        self.column.addLayout(self._further())
        self.column.addWidget(Fold("Keys", Text(keys_text())))
        self.column.addStretch(1)

    def _further(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.addWidget(QLabel("Then"))
        for text, panel, help_text in (
            ("Inspect", docks.INSPECTOR, "Shows all that is known of the particle that is clicked."),
            ("Correct", docks.EDIT, "Merges, splits, deletes and redraws particles."),
        ):
            button = QPushButton(text)
            button.setToolTip(f"<p>{help_text}</p>")
            button.clicked.connect(lambda _checked=False, panel=panel: docks.open_dock(self._viewer, panel))
            self._then.append(button)
            row.addWidget(button, 1)
        return row

    def _connect(self) -> None:
        self.file_button.clicked.connect(self._ask_file)
        self.folder_button.clicked.connect(self._ask_folder)
        self.image.layer_changed.connect(self._on_image)
        self.button.clicked.connect(self.run)
        self.results_button.clicked.connect(self._show_results)
        self.flow.changed.connect(self.refresh)
        self.flow.measured.connect(lambda: docks.open_table(self._viewer))  # with it the key to the colours
        self.flow.completed.connect(self._on_completed)
        self.runner.finished.connect(self._on_finished)
        self._timer.timeout.connect(self.refresh)
        self._connections = Connections(self)
        session = self._link.session
        for signal in (session.predictions_changed, session.particle_sets_changed):
            self._connections.connect(signal, self._on_session)
        self._connections.connect(session.running_changed, self.refresh)
        self._connections.connect(session.current_changed, self._on_current)
        self._connections.connect(session.changed, self._on_changed)

    # ---- opening -----------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        """Take files and folders."""
        if event.mimeData().hasUrls():
            event.acceptProposedAction()
            self.drop.set_hot(True)

    def dragLeaveEvent(self, _event: Any) -> None:
        """Look as before."""
        self.drop.set_hot(False)

    def dropEvent(self, event: QDropEvent) -> None:
        """Open what was dropped."""
        self.drop.set_hot(False)
        event.acceptProposedAction()
        for url in event.mimeData().urls():
            if url.isLocalFile():
                self.open_path(url.toLocalFile())

    def _ask_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open a tomogram")
        if path:
            self.open_path(path)

    def _ask_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, "Open a folder of slices")
        if path:
            self.open_path(path)

    def open_path(self, path: str) -> None:
        """Open a file or a folder, and choose what it holds."""
        ours = napari_get_reader(path) is not None
        self._open(Path(path).name, lambda: self._viewer.open(path, plugin=docks.PLUGIN if ours else None))

    def open_sample(self, key: str) -> None:
        """Open a sample, and choose it."""
        self._open("The sample", lambda: self._viewer.open_sample(docks.PLUGIN, key))

    def _open(self, name: str, opening: Any) -> None:
        try:
            layers = opening()
        except InputError as error:
            self.runner.fail(str(error))
            return
        except Exception as error:  # readers of other plugins raise what they like
            self.runner.fail(f"{name} could not be opened: {error}")
            return
        images = [layer for layer in layers if is_image(layer)]
        if images:
            self.runner.say("")
            self.image.layer = images[0]
            self._viewer.layers.selection.active = images[0]
        elif layers:
            self.runner.say(f"{name} holds no grey values; open the tomogram as well.")

    # ---- how far it is -----------------------------------------------------------------------------

    def showEvent(self, event: Any) -> None:
        """Follow what runs in other panels."""
        super().showEvent(event)
        self._timer.start()
        self._look_ahead()

    def hideEvent(self, event: Any) -> None:
        """Rest."""
        super().hideEvent(event)
        self._timer.stop()

    def _on_image(self, layer: Any) -> None:
        self.voxel_size.show_layer(layer)
        self._form.setVisible(layer is not None)
        self.drop.set_small(layer is not None)
        self.refresh()
        self._look_ahead()

    def _on_voxel_size(self) -> None:
        """Take back that it is missing, which the runner may have said."""
        if self.runner.error and not self.runner.running:
            self.runner.say("")
        self._look_ahead()

    def _look_ahead(self) -> None:
        layer = self.image.layer
        if self.runner.running or self.flow.step:
            return
        parameters = IdentifyParameters()
        if layer is None:
            self.before.look(None, parameters)
            return
        found, tomogram = reached(self._link, layer), tomogram_of(layer)
        steps = steps_left(found.states)
        if FIND in steps:
            self.before.look(tomogram, parameters)
        elif not self.before.knows(tomogram, parameters):  # what is known serves another run of all steps
            self.before.look(None, parameters)
        known = None if found.particles is None else found.particles.columns
        self.before.plan_steps(tomogram, _views(tomogram), steps, None if known is None else len(known))

    def _on_session(self) -> None:
        self.refresh()

    def _on_current(self, _particles: Any) -> None:
        self.refresh()

    def _on_changed(self, _particles: Any, what: str) -> None:
        if what in ("labels", "table", "explanation", "review"):
            self.refresh()

    def _running_elsewhere(self) -> list[str]:
        """Name the work of other panels that a run of the steps could get in the way of."""
        running = self._link.session.running
        return [work.name for work in running if work is not self.runner.work and work.name in IN_THE_WAY]

    def refresh(self) -> None:
        """Show how far each step is."""
        layer = self.image.layer
        found = reached(self._link, layer)
        states = dict(found.states)
        elsewhere = self._running_elsewhere()
        steps = {self.flow.step, *(_JOBS.get(name) for name in elsewhere)}
        for step in STEPS:
            if step in steps or (step == FIND and self._surveying):
                states[step] = RUNNING
        busy = self.runner.running or bool(self.flow.step) or self._surveying
        # A run measures with what it began with.
        self.voxel_size.setEnabled(layer is not None and not busy and not elsewhere)
        self.before.set_running(busy)
        results = results_of(found)
        known = {**states, "busy": str(busy), "elsewhere": " ".join(elsewhere), "layer": str(layer is not None)}
        known["results"] = " ".join(results.values())
        known["particles"] = str(self._link.session.current is not None)
        if known == self._known:
            return
        self._known = known
        if states[FIND] != TO_DO and not busy:
            self._look_ahead()  # less is left to be done
        self.steps.show_states(states, results)
        allow(
            self.button,
            (layer is None, "Open a tomogram first: drop one above, or take a sample."),
            (busy, BUSY),
            (bool(elsewhere), f"“{(*elsewhere, '')[0]}” runs in another panel; wait for its end, or cancel it there."),
        )
        none = self._link.session.current is None
        for button in self._then:
            finding = none and RUNNING in (states[FIND], states[FUSE])
            allow(button, (finding, BEING_FOUND), (none, "There are no particles yet; run the steps first."))
        self.button.setText(_run_text(states))
        self.results_button.setVisible(states[MEASURE] in (DONE, STALE) and not busy)

    # ---- running -----------------------------------------------------------------------------------

    def run(self) -> None:
        """Run the steps that are left, after a look at how long they will take."""
        layer = self.image.layer
        if layer is None:
            self.runner.fail("No tomogram is open; drop one above, or take a sample.")
            return
        try:
            self.flow.check(tomogram_of(layer).with_spacing(self.voxel_size.spacing()))
        except InputError as error:
            self.runner.fail(str(error))
            return
        self._look_ahead()  # the voxel size may be new
        if FIND in steps_left(reached(self._link, layer).states):
            tomogram = tomogram_of(layer)
            self.before.look(tomogram, IdentifyParameters())
            self.before.plan_steps(tomogram, _views(tomogram), STEPS)
        job = self.before.job()
        if job is None:
            self._run_steps()
            return
        self._surveying, self._surveyed = True, False
        self.runner.start(job.on(None, needs=[layer]), self._on_survey, Untold())
        self.refresh()

    def _on_survey(self, survey: Any) -> str:
        self.before.take(survey)
        self._surveyed = True
        return ""

    def _on_finished(self) -> None:
        if self._surveying:
            self._surveying = False
            if self._surveyed:
                QTimer.singleShot(0, self._run_steps)
                return
        self.refresh()

    def _run_steps(self) -> None:
        layer = self.image.layer
        try:
            if layer is None:
                raise InputError("The image was closed meanwhile; open it again to go on.")
            tomogram = tomogram_of(layer).with_spacing(self.voxel_size.spacing())
            parameters = self.before.filled_in(tomogram, IdentifyParameters())
            self.flow.start(layer, tomogram, parameters, expected=self.before.expected)
        except InputError as error:
            self.runner.fail(str(error))
        self.refresh()

    def _on_completed(self) -> None:
        self.refresh()
        self._show_results()

    def _show_results(self) -> None:
        docks.open_results(self._viewer)


def _views(tomogram: Any) -> tuple[str, ...]:
    return ("xy",) if tomogram.is_slice else VIEWS


def _run_text(states: dict[str, str]) -> str:
    needed = [state for state in states.values() if state != NOT_NEEDED]
    if RUNNING in needed:
        return "Running …"
    if all(state == TO_DO for state in needed):
        return "Run all"
    return "Run all again" if all(state == DONE for state in needed) else "Run the rest"


def keys_text() -> str:
    """Write the list of keys."""
    rows = []
    for group, keys in KEYS:
        rows.append(f"<tr><td colspan=2><b>{group}</b></td></tr>")
        rows += [f"<tr><td><b>{key}</b>&nbsp;&nbsp;&nbsp;</td><td>{what}</td></tr>" for key, what in keys]
    return f"<table>{''.join(rows)}</table>"
