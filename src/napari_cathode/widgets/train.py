"""Dock widget: train a model on one's own labelled images, watch it, and hand it on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QLineEdit, QMessageBox, QPushButton, QVBoxLayout, QWidget

from napari_cathode.errors import InputError
from napari_cathode.identify.export import require_tensorflow
from napari_cathode.identify.fiji import iter_export_model
from napari_cathode.identify.models import CARD, CONFIG, find_model, list_models
from napari_cathode.identify.own_parameters import STEPS, OwnTrainingParameters
from napari_cathode.identify.own_training import Controls, check_name, find_interrupted, iter_resume, iter_train_own
from napari_cathode.identify.parameters import DEFAULT_MODEL
from napari_cathode.plugin.link import link_of
from napari_cathode.progress import Progress
from napari_cathode.resources import user_models_folder
from napari_cathode.whole_run import Expected, expect_training

from .docks import IDENTIFY, Docked, open_dock
from .forecast import Forecast
from .forms import Form
from .job import Job
from .parts import Connections, Fold, Panel, Text, add_choice, choice_box, form_layout, primary_button
from .plots import Plot, prepare_plots
from .runner import Runner
from .training_curve import TrainingCurve
from .training_sources import TrainingSources

_INTRODUCTION = (
    "Outline particles in a few slices (a Labels layer, or VIA), and train a model on them. Fine-tuning takes minutes; "
    "20 to 50 particles are a start."
)
_REDRAW_MS = 1000


class TrainWidget(Docked, Panel):
    """Choose labelled images and a model to start from; train, pause, stop; use the result or export it."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._session = link_of(napari_viewer).session
        self.sources = TrainingSources(self._viewer)
        self.start_from = choice_box()
        self.name = QLineEdit()
        self.form = Form(OwnTrainingParameters)
        self.button = primary_button("Train", "Trains a model on the images above, in a process of its own.")
        self.resume_button = QPushButton("Continue")
        self.pause_button = QPushButton("Pause")
        self.stop_button = QPushButton("Stop, keep the best")
        self.stop_button.setToolTip("Ends the training after this step; the model that did best so far is kept.")
        self.runner = Runner()
        self.forecast = Forecast()
        self.curve = TrainingCurve()
        self.plot = Plot(lambda theme, figure: self.curve.draw(theme, figure))
        self.export_model = choice_box()
        self.fiji_button = QPushButton("For Fiji …")
        self.onnx_button = QPushButton("As ONNX …")
        self.use_button = QPushButton("Use it: find particles")
        self._interrupted = Text()
        self._controls: Controls | None = None
        self._paused = False
        self._trained = ""
        self._redraw = QTimer(self)
        self._redraw.setInterval(_REDRAW_MS)
        self._lay_out()
        self.align_labels()
        self._connect()
        self._list_models()
        self._suggest_name()

    def _lay_out(self) -> None:
        form = form_layout()
        form.addRow("Start from", self.start_from)
        form.addRow("Name", self.name)
        self.start_from.setToolTip("<p>Fine-tuning a model needs fewer particles and steps than a new one.</p>")
        self.name.setToolTip("<p>What the model is called in the list of models.</p>")
        inputs = QVBoxLayout()
        self._inputs = QWidget()
        self._inputs.setLayout(inputs)
        inputs.setContentsMargins(0, 0, 0, 0)
        inputs.setSpacing(8)
        for part in (Text(_INTRODUCTION), self.sources):
            inputs.addWidget(part)
        inputs.addLayout(form)
        inputs.addWidget(self.form)
        row = QHBoxLayout()
        row.addWidget(self.button, 2)
        row.addWidget(self.resume_button, 1)
        self._running_row = QWidget()
        held = QHBoxLayout(self._running_row)
        held.setContentsMargins(0, 0, 0, 0)
        held.addWidget(self.pause_button)
        held.addWidget(self.stop_button)
        self.column.addWidget(self._inputs)
        self.column.addWidget(self._interrupted)
        self.column.addWidget(self.forecast)
        self.column.addLayout(row)
        self.column.addWidget(self._running_row)
        self.column.addWidget(self.runner)
        self.column.addWidget(self.use_button)
        self.column.addWidget(self.plot, 100)
        exported = QWidget()
        export = QHBoxLayout(exported)
        export.setContentsMargins(0, 0, 0, 0)
        export.addWidget(self.export_model, 1)
        export.addWidget(self.fiji_button)
        export.addWidget(self.onnx_button)
        self.export_fold = Fold("Export a model", exported)
        self.column.addWidget(self.export_fold)
        self.column.addStretch(1)  # while there is no plot; else the forms would drift apart
        self.use_button.hide()
        self.plot.hide()

    def _connect(self) -> None:
        self.button.clicked.connect(self.train)
        self.resume_button.clicked.connect(self.resume)
        self.pause_button.clicked.connect(self.pause)
        self.stop_button.clicked.connect(self.stop)
        self.use_button.clicked.connect(self._use)
        self.fiji_button.clicked.connect(lambda: self.export(".zip"))
        self.onnx_button.clicked.connect(lambda: self.export(".onnx"))
        self.name.textChanged.connect(self._refresh)
        self.start_from.activated.connect(self._refresh)
        self.form.changed.connect(self._refresh)
        self.sources.failed.connect(self.runner.fail)
        self.sources.changed.connect(lambda: self.runner.say(""))
        self.runner.started.connect(self._refresh)
        self.runner.finished.connect(self._on_finished)
        self.runner.progressed.connect(self._on_progress)
        self._redraw.timeout.connect(self.plot.redraw)
        self._connections = Connections(self)
        self._connections.connect(self._session.models_changed, self._list_models)

    # ---- what is shown -----------------------------------------------------------------------------

    def _list_models(self) -> None:
        models = [info.name for info in list_models()]
        flat = [info.name for info in list_models() if info.dimensions == 2 and info.weights is not None]
        _fill(self.start_from, [*flat, ""], DEFAULT_MODEL, {"": "nothing (random weights)"})
        _fill(self.export_model, models, self._trained or DEFAULT_MODEL)

    def _suggest_name(self) -> None:
        taken = {info.name for info in list_models()} | {one.name for one in find_interrupted()}
        number = 1
        while (name := "my-model" if number == 1 else f"my-model-{number}") in taken:
            number += 1
        self.name.setText(name)

    def _refresh(self) -> None:
        running = self.runner.running
        training = running and self._controls is not None
        found = {one.name: one for one in find_interrupted()}.get(self.name.text().strip())
        self._inputs.setVisible(not training)
        self.button.setVisible(not training)
        self.button.setEnabled(not running)
        self.resume_button.setVisible(found is not None and not training)
        self.resume_button.setEnabled(not running)
        self._running_row.setVisible(training)
        for button in (self.fiji_button, self.onnx_button):
            button.setEnabled(not running)
        text = ""
        if found is not None and not training:
            text = (
                f"A training of {found.name} was left at step {found.step} of {found.steps}; Continue goes on with it."
            )
        self._interrupted.say(text)
        self.forecast.tell(None if running else self._expected())

    def _expected(self) -> Expected | None:
        """Estimate what training with these settings takes."""
        try:
            parameters = self.form.value()
        except InputError:
            return None
        steps = parameters.steps or STEPS["start" if self.start_from.currentData() else "anew"]
        return expect_training(steps, parameters.batch, parameters.patch)

    # ---- training ----------------------------------------------------------------------------------

    def train(self) -> None:
        """Train with what is chosen; asks before anything is replaced."""
        try:
            require_tensorflow("train a model")
            sources, parameters = self.sources.sources(), self.form.value()
            name = self.name.text().strip()
            overwrite = self._may_replace(name)
            if overwrite is None:
                return
            check_name(name, overwrite=overwrite)
        except InputError as error:
            self.runner.fail(str(error))
            return
        start = self.start_from.currentData()
        self._run(name, Job("Train", iter_train_own, name, sources, parameters, start, (), None, overwrite))

    def resume(self) -> None:
        """Go on with the interrupted training of this name."""
        name = self.name.text().strip()
        overwrite = self._may_replace(name, resuming=True)
        if overwrite is not None:
            self._run(name, Job("Train", iter_resume, name, None, overwrite))

    def _may_replace(self, name: str, resuming: bool = False) -> bool | None:
        """Ask before a model or an interrupted training is replaced; None when the person wants to keep it."""
        begun = not resuming and name in {one.name for one in find_interrupted()}
        there = bool(name) and (user_models_folder() / name / CONFIG).is_file()
        if not (begun or there):
            return False
        what = f"There is a model {name} already." if there else f"A training of {name} was interrupted."
        question = f"{what} Do you want to replace it?"
        answer = QMessageBox.question(self, "Train a model", question)
        return True if answer == QMessageBox.StandardButton.Yes else None

    def _run(self, name: str, job: Job) -> None:
        self._controls, self._trained, self._paused = Controls(name), "", False
        self.pause_button.setText("Pause")
        for button in (self.pause_button, self.stop_button):
            button.setEnabled(False)
        self.curve = TrainingCurve()
        self.use_button.hide()
        job.prepare = prepare_plots
        self.runner.start(job, self._on_trained)
        self._redraw.start()

    def pause(self) -> None:
        """Let the training wait, or go on."""
        if self._controls is None:
            return
        self._paused = not self._paused
        (self._controls.pause if self._paused else self._controls.resume)()
        self.pause_button.setText("Go on" if self._paused else "Pause")

    def stop(self) -> None:
        """End the training; the best model so far is kept."""
        if self._controls is not None:
            self._controls.stop()
            for button in (self.pause_button, self.stop_button):
                button.setEnabled(False)

    def _on_progress(self, report: Progress) -> None:
        if self._controls is None or not report.numbers:
            return
        if not self.curve.steps and not self.curve.validations:
            self.plot.show()
            self.plot.redraw()
            for button in (self.pause_button, self.stop_button):
                button.setEnabled(True)
        self.curve.add(report.numbers)

    def _on_trained(self, target: Path) -> str:
        self._trained = target.name
        card = json.loads((target / CARD).read_text(encoding="utf-8"))
        _, rows = next(iter(card["accuracy"].items()))
        measured = ", ".join(f"F1 {row['f1']:.2f} at IoU {row['iou']:g}" for row in rows)
        before, best = card["validations"][0], card["training"]["steps_done"]
        after = next(one for one in card["validations"] if one["step"] == best)
        self._session.models_changed.emit()
        self.use_button.show()
        self.export_fold.set_open(True)
        return (
            f"{target.name} is in the list of models. On validation slices: {measured}; AP at IoU 0.5 was "
            f"{before['ap50']:.2f} before training and {after['ap50']:.2f} at step {best}, the best."
        )

    def _on_finished(self) -> None:
        self._redraw.stop()
        self.plot.redraw()
        self._controls = None
        self._refresh()
        if self._trained and self._trained == self.name.text().strip():
            self._suggest_name()

    # ---- what comes after --------------------------------------------------------------------------

    def _use(self) -> None:
        panel = open_dock(self._viewer, IDENTIFY)
        panel.form.field("model").set_value(self._trained)

    def export(self, suffix: str) -> None:
        """Ask for a file and write the chosen model to it."""
        model = self.export_model.currentData()
        kind = "Fiji model (*.zip)" if suffix == ".zip" else "ONNX (*.onnx)"
        chosen, _ = QFileDialog.getSaveFileName(self, f"Export {model}", f"{model}{suffix}", kind)
        if chosen:
            self.export_to(model, chosen if chosen.lower().endswith(suffix) else f"{chosen}{suffix}", chosen)

    def export_to(self, model: str, path: str, confirmed: str = "") -> None:
        """Write a model to a file; asks before it replaces one that the file dialog has not asked about."""
        target = Path(path)
        question = f"{target.name} already exists. Do you want to replace it?"
        if path != confirmed and target.exists():
            if QMessageBox.question(self, "Export", question) != QMessageBox.StandardButton.Yes:
                return
        try:
            find_model(model)
        except InputError as error:
            self.runner.fail(str(error))
            return
        self.runner.start(Job("Export", iter_export_model, model, target), lambda made: f"{model} is in {made}.")


def _fill(box: Any, names: list[str], default: str, texts: dict[str, str] | None = None) -> None:
    """List names anew, keeping the choice."""
    before = box.currentData()
    wanted = before if before in names and box.count() else default
    box.blockSignals(True)
    box.clear()
    for name in names:
        tip = "A model of this program or of your own." if name else "A new network learns from the images alone."
        add_choice(box, (texts or {}).get(name, name), name, tip)
    box.setCurrentIndex(max(0, box.findData(wanted)))
    box.blockSignals(False)
