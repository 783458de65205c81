"""Dock widget: what drives damage, for the electrode and for each particle."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from napari_cathode.errors import InputError
from napari_cathode.explain import ExplainParameters, choose_predictors, why_left_out
from napari_cathode.parameters import to_dict
from napari_cathode.plugin.link import link_of
from napari_cathode.plugin.steps import iter_explain_table
from napari_cathode.results import write_shap
from napari_cathode.session import Colouring, ParticleSet

from .colour_by import ColourBy, numeric_columns
from .docks import FEATURES, Docked, open_dock
from .forms import Form
from .job import Job
from .names import axis_title, display_name, tooltip
from .parts import Connections, Fold, Panel, Text, ask_csv_path, choice_box, form_layout, primary_button
from .plots import Plot, prepare_plots
from .runner import Runner

_EMPTY = "There are no features to explain yet. Measure the particles first."
_GOOD = "border-left: 3px solid #3c9d62; padding: 2px 2px 2px 8px;"
_POOR = "border-left: 3px solid #d0921f; padding: 2px 2px 2px 8px;"


class ShapWidget(Docked, Panel):
    """Fit a forest to a target, see how well it does, and what moves its prediction for each particle."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._link = link_of(napari_viewer)
        self._session = self._link.session
        self.target = choice_box()
        self.predictors = QListWidget()
        self.form = Form(ExplainParameters, skip=("target", "predictors"))
        self.button = primary_button("Explain", "Fits random forests and attributes their predictions to the features.")
        self.runner = Runner()
        self.verdict = Text()
        self.score = Text()
        self.colour_by = ColourBy(self._session, shap_only=True)
        self.bars = Plot(self._draw_bars)
        self.swarm = Plot(self._draw_swarm)
        self.bars.setToolTip("Click a bar to colour the particles by the SHAP value of its feature.")
        self.swarm.setToolTip("Click a point to select its particle; Shift adds to the selection.")
        self.export_button = QPushButton("Export CSV")
        self._empty = Text(_EMPTY)
        self._open_features = QPushButton("Open Particle features")
        self._lay_out()
        self.align_labels()
        self._connect()
        self._show_table()
        self._show_explanation()

    def _lay_out(self) -> None:
        form = form_layout()
        form.addRow("Explain", self.target)
        settings = QWidget()
        inner = QVBoxLayout(settings)
        inner.setContentsMargins(0, 0, 0, 0)
        self.predictors.setMinimumHeight(150)
        inner.addWidget(self.predictors)
        self._tabs = QTabWidget()
        self._tabs.addTab(self.swarm, "Each particle")
        self._tabs.addTab(self.bars, "Importance")
        self._results = QWidget()
        results = QVBoxLayout(self._results)
        results.setContentsMargins(0, 0, 0, 0)
        results.addWidget(self.score)
        results.addWidget(self.verdict)
        results.addWidget(self.colour_by)
        results.addWidget(self._tabs, 1)
        row = QHBoxLayout()
        row.addStretch(1)
        row.addWidget(self.export_button)
        results.addLayout(row)
        self._inputs = QWidget()
        inputs = QVBoxLayout(self._inputs)
        inputs.setContentsMargins(0, 0, 0, 0)
        inputs.addLayout(form)
        inputs.addWidget(Fold("Predictors", settings))
        inputs.addWidget(Fold("Settings", self.form))
        inputs.addWidget(self.button)
        self._setup = Fold("Target, predictors, settings", self._inputs)
        for widget in (self._empty, self._open_features, self._setup, self.runner):
            self.column.addWidget(widget)
        self.column.addWidget(self._results, 1)
        self.column.addStretch(0)

    def _connect(self) -> None:
        self.target.currentIndexChanged.connect(self._show_predictors)
        self.form.field("predictor_set").changed.connect(self._show_predictors)
        self.button.clicked.connect(self.explain)
        self.export_button.clicked.connect(self.export)
        self._open_features.clicked.connect(lambda: open_dock(self._viewer, FEATURES))
        self.runner.started.connect(self._refresh)
        self.runner.finished.connect(self._refresh)
        self.bars.feature_clicked.connect(lambda feature: self.colour_by.choose(Colouring(feature, True)))
        self.swarm.particle_clicked.connect(self._on_particle)
        self._connections = Connections(self)
        self._connections.connect(self._session.current_changed, self._on_current)
        self._connections.connect(self._session.changed, self._on_changed)
        self._connections.connect(self._session.selection_changed, self.swarm.show_selection)

    # ---- what is shown -----------------------------------------------------------------------------

    def _on_current(self, _particles: ParticleSet | None) -> None:
        self._show_table()
        self._show_explanation()

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        if particles is not self._session.current:
            return
        if what == "table":
            self._show_table()
        elif what == "explanation":
            self._show_explanation()

    def _table(self) -> Any:
        return None if self._session.current is None else self._session.current.table

    def _explanation(self) -> Any:
        return None if self._session.current is None else self._session.current.explanation

    def _show_table(self) -> None:
        table = self._table()
        before = self.target.currentData() or "damage"
        self.target.blockSignals(True)
        self.target.clear()
        for name in [] if table is None else numeric_columns(table):
            self.target.addItem(axis_title(name), name)
        self.target.setCurrentIndex(max(0, self.target.findData(before)))
        self.target.blockSignals(False)
        self._show_predictors()
        self._refresh()

    def _show_predictors(self, _index: int = 0) -> None:
        """List the columns, those ticked that the settings choose, and why the others are not."""
        self.predictors.clear()
        table, target = self._table(), self.target.currentData()
        if table is None or target is None:
            return
        try:
            choice = choose_predictors(table, self.form.value(target=target, predictors=None))
        except InputError:
            choice = None
        for name in numeric_columns(table):
            if name == target:
                continue
            item = QListWidgetItem(axis_title(name), self.predictors)
            item.setData(Qt.ItemDataRole.UserRole, name)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            ticked = choice is not None and name in choice.predictors
            item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
            reason = "" if ticked else (choice.left_out.get(name) if choice else "") or why_left_out(name, target)
            item.setToolTip(tooltip(name) + (f"<p>Not chosen: {reason}.</p>" if reason else ""))

    def _show_explanation(self) -> None:
        found = self._explanation()
        self._results.setVisible(found is not None)
        self._setup.set_open(found is None)
        self._refresh()
        if found is None:
            return
        scores = found.scores
        self.verdict.say(scores["verdict"]["text"])
        self.verdict.setStyleSheet(_GOOD if scores["verdict"]["explains"] else _POOR)
        r2 = f"{scores['r2_mean']:.2f}".replace("-", "\N{MINUS SIGN}")
        self.score.say(
            f"<b>{axis_title(found.target)}</b> · R² {r2} ± {scores['r2_sd']:.2f} · n = {scores['particles']}"
        )
        self.bars.redraw()
        self.swarm.show_selection(self._session.selection)
        self.swarm.redraw()

    def _refresh(self) -> None:
        has_table = self._table() is not None
        self._empty.setVisible(not has_table)
        self._open_features.setVisible(not has_table)
        self._setup.setVisible(has_table)
        self.button.setEnabled(has_table and not self.runner.running)
        self.button.setText("Explain again" if self._explanation() is not None else "Explain")

    def _draw_bars(self, **where: Any) -> Any:
        from napari_cathode.explain.plots import importance_bars

        return importance_bars(self._explanation(), **where)

    def _draw_swarm(self, **where: Any) -> Any:
        from napari_cathode.explain.plots import beeswarm

        return beeswarm(self._explanation(), **where)

    def _on_particle(self, label: int, add: bool) -> None:
        self._session.selection = self._session.selection | {label} if add else {label}
        self._session.focus(label)

    # ---- what is done ------------------------------------------------------------------------------

    def _ticked(self) -> tuple[str, ...]:
        items = [self.predictors.item(row) for row in range(self.predictors.count())]
        return tuple(
            item.data(Qt.ItemDataRole.UserRole) for item in items if item.checkState() == Qt.CheckState.Checked
        )

    def explain(self) -> None:
        """Explain the target by the ticked predictors."""
        particles = self._session.current
        if particles is None or particles.table is None:
            self.runner.fail(_EMPTY)
            return
        table = particles.table
        try:
            parameters = self.form.value(target=self.target.currentData(), predictors=self._ticked())
        except InputError as error:
            self.runner.fail(str(error))
            return

        def on_result(explanation: Any) -> str:
            if particles not in self._session.particle_sets or particles.table is not table:
                return "The particles were changed meanwhile; the result was dropped."
            particles.provenance["explain"] = to_dict(parameters)
            self._session.set_explanation(particles, explanation)
            return ""

        job = Job("Explain", iter_explain_table, table, parameters)
        job.prepare = prepare_plots
        self.runner.start(job, on_result)

    def export(self) -> None:
        """Write the SHAP values as CSV."""
        particles = self._session.current
        if particles is None or particles.explanation is None:
            return
        name = f"{particles.name} SHAP of {display_name(particles.explanation.target)}.csv"
        path = ask_csv_path(self, "Export SHAP values", name)
        if path:
            self.export_to(path)

    def export_to(self, path: str) -> None:
        """Write the SHAP values to a file."""
        found = self._session.current.explanation
        path = path if path.lower().endswith(".csv") else f"{path}.csv"
        try:
            write_shap(path, found)
        except InputError as error:
            self.runner.fail(str(error))
            return
        self.runner.say(f"Wrote the SHAP values of {len(found.shap)} particles to {path}.")
