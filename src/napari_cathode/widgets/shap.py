"""Dock widget: what drives damage, for the electrode and for each particle."""

from __future__ import annotations

import html
from typing import Any

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from napari_cathode.errors import InputError
from napari_cathode.explain.parameters import MODEL_NAMES
from napari_cathode.parameters import to_dict
from napari_cathode.plugin.link import link_of
from napari_cathode.plugin.steps import iter_explain_table
from napari_cathode.session import Colouring, ParticleSet
from napari_cathode.whole_run import expect_explaining
from napari_cathode.work import EXPLAIN

from .colour_by import ColourBy
from .docks import FEATURES, Docked, open_dock
from .forecast import Forecast
from .job import Job
from .names import axis_title
from .parts import BUSY, Connections, Fold, Panel, Text, add_choice, allow, choice_box, primary_button
from .plots import prepare_plots
from .runner import Runner
from .shap_checks import CheckView, InteractionsView, StabilityView, StatesView
from .shap_export import ExportButton
from .shap_setup import ExplainSetup
from .shap_views import (
    DependenceView,
    GroupsView,
    ImportanceView,
    ParticleView,
    PredictedView,
    ScoresView,
    SwarmView,
    View,
)

_EMPTY = "There are no features to explain yet. Measure the particles first."
_NOBODY = "The table has no particles that could be explained."
_GOOD = "border-left: 3px solid #3c9d62; padding: 2px 2px 2px 8px;"
_POOR = "border-left: 3px solid #d0921f; padding: 2px 2px 2px 8px;"

_SCORE_HELP = (
    "<p>R² of particles that the models never saw: 1 is perfect, 0 no better than guessing the mean. The 95 % interval "
    "below says where it would lie with other particles of the same electrode; how far single parts of the data differ "
    "stands under <i>Scores</i>.</p>"
)
_STALE = "This explanation is out of date: labels were changed, or particles excluded, since. Explain again."


class ShapWidget(Docked, Panel):
    """Fit models to a target, see how well they do, and what moves the prediction for each particle."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._link = link_of(napari_viewer)
        self._session = self._link.session
        self.setup = ExplainSetup()
        self.button = primary_button("Explain", "Fits models and attributes their predictions to the features.")
        self.runner = Runner(self._session)
        self.forecast = Forecast()
        self.verdict, self.score, self.notes = Text(), Text(), Text()
        self.colour_by = ColourBy(self._session, shap_only=True)
        self.swarm_view, self.importance, self.particle = SwarmView(), ImportanceView(), ParticleView()
        self.dependence, self.stability = DependenceView(), StabilityView(self._session)
        self.pairs, self.states = InteractionsView(self._session), StatesView(self._session, self.setup.parameters)
        self.views: tuple[View, ...] = (
            self.swarm_view,
            self.importance,
            self.dependence,
            self.particle,
            PredictedView(),
            GroupsView(),
            ScoresView(),
            self.stability,
            self.pairs,
            self.states,
        )
        self.show_view = choice_box()
        self.export_button = ExportButton(
            self._exported, self._figure, self._table_shown, self.runner.say, self.runner.fail
        )
        self._from_here = False
        self._before: View | None = None
        self.stale = Text()
        self.stale.setStyleSheet(_POOR)
        self._empty = Text(_EMPTY)
        self._open_features = QPushButton("Open Particle features")
        self._lay_out()
        self.align_labels()
        self._connect()
        self._show_table()
        self._show_explanation()

    @property
    def takes_clicks(self) -> bool:  # type: ignore[override]
        """Whether it shows the particle that is clicked, as far as it is explained."""
        return self._explanation() is not None and self.particle.follow.isChecked()

    @property
    def target(self) -> Any:
        """The list of targets."""
        return self.setup.target

    @property
    def form(self) -> Any:
        """The form of all settings."""
        return self.setup.form

    @property
    def bars(self) -> Any:
        """The figure of the importance."""
        return self.importance.bars

    @property
    def swarm(self) -> Any:
        """The figure with a point for each particle and feature."""
        return self.swarm_view.swarm

    def _lay_out(self) -> None:
        self._results = QWidget()
        results = QVBoxLayout(self._results)
        results.setContentsMargins(0, 0, 0, 0)
        cautions = QWidget()
        QVBoxLayout(cautions).addWidget(self.notes)
        self._cautions = Fold("Cautions", cautions)  # with the study's predictors they are longer than the figures
        for widget in (self.stale, self.score, self.verdict, self._cautions):
            results.addWidget(widget)
        results.addWidget(self.colour_by)
        row = QHBoxLayout()
        row.addWidget(QLabel("Figure"))
        row.addWidget(self.show_view, 1)
        row.addWidget(self.export_button)
        results.addLayout(row)
        for view in self.views:  # in no stack, in which all would be as long as the longest
            view.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)  # none widens the panel
            view.setVisible(view is self.views[0])
            if not isinstance(view, CheckView):  # which is empty yet, and adds its own
                view.column.addStretch(0)  # below a figure that is as tall as it may be
            results.addWidget(view, 1)
            add_choice(self.show_view, view.title, None, view.tip)
        inputs = QWidget()
        inner = QVBoxLayout(inputs)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.setup)
        inner.addWidget(self.forecast)
        inner.addWidget(self.button)
        self._setup = Fold("Target, predictors, settings", inputs)
        for widget in (self._empty, self._open_features, self._setup, self.runner):
            self.column.addWidget(widget)
        self.column.addWidget(self._results, 1)
        self.column.addStretch(0)

    def _connect(self) -> None:
        self.button.clicked.connect(self.explain)
        self._open_features.clicked.connect(lambda: open_dock(self._viewer, FEATURES))
        self.setup.target.activated.connect(self._on_target)
        self.runner.started.connect(self._refresh)
        self.runner.finished.connect(self._refresh)
        self.show_view.currentIndexChanged.connect(self._on_view)
        self.show_view.activated.connect(self._forget_view)
        for view in self.views:
            view.particle_clicked.connect(self._on_particle)
        self.importance.feature_clicked.connect(lambda feature: self.colour_by.choose(Colouring(feature, True)))
        self.stability.feature_clicked.connect(self._show_dependence)
        self.states.feature_clicked.connect(self._show_dependence)
        self.pairs.pair_clicked.connect(self._show_dependence)
        self._connections = Connections(self)
        self._connections.connect(self._session.running_changed, self._refresh)
        self._connections.connect(self._session.current_changed, self._on_current)
        self._connections.connect(self._session.changed, self._on_changed)
        self._connections.connect(self._session.selection_changed, self._on_selection)

    # ---- what is shown -----------------------------------------------------------------------------

    def choose_view(self, view: View) -> None:
        """Bring a view to the front."""
        self.show_view.setCurrentIndex(self.views.index(view))

    def _on_target(self, _index: int) -> None:
        """Take back what was said of another target."""
        if not self.runner.running:
            self.runner.say("")

    def _forget_view(self, _index: int) -> None:
        """Stay at the view that a person chose."""
        self._before = None

    def _on_view(self, index: int) -> None:
        # First the one that goes, so that the panel is never as long as two.
        for view in self.views:
            if view is not self.views[index]:
                view.hide()
        self.views[index].show()

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
        elif what in ("labels", "review"):
            self._refresh()

    def _on_selection(self, labels: frozenset[int]) -> None:
        for view in self.views:
            view.show_selection(labels)
        covered = self.visibleRegion().isEmpty()  # who looks at another panel finds this one as it was left
        outside = not self._from_here and self.particle.follow.isChecked() and not covered
        if outside and len(labels) == 1 and self._explanation() is not None:
            shown = self.views[self.show_view.currentIndex()]
            if shown is not self.particle:
                self._before = shown
            self.choose_view(self.particle)
        elif not labels and self._before is not None:
            if self.views[self.show_view.currentIndex()] is self.particle:
                self.choose_view(self._before)
            self._before = None

    def _on_particle(self, label: int, add: bool) -> None:
        self._from_here = True
        try:
            self._session.selection = self._session.selection | {label} if add else {label}
            self._session.focus(label)
        finally:
            self._from_here = False

    def _show_dependence(self, feature: str, colour: str | None = None) -> None:
        self.dependence.choose(feature, colour)
        self.choose_view(self.dependence)

    def _table(self) -> Any:
        return None if self._session.current is None else self._session.current.table

    def _explanation(self) -> Any:
        return None if self._session.current is None else self._session.current.explanation

    def _show_table(self) -> None:
        self.setup.show_table(self._table())
        self._refresh()

    def _show_explanation(self) -> None:
        found = self._explanation()
        self._results.setVisible(found is not None)
        self._setup.set_open(found is None)
        self._refresh()
        for view in self.views:
            view.show_explanation(found)
        if found is None:
            return
        scores = found.scores
        self.verdict.say(scores["verdict"]["text"].replace(" %", "\N{NO-BREAK SPACE}%"))
        good = scores["verdict"]["explains"] and scores["verdict"]["firm"]
        self.verdict.setStyleSheet(_GOOD if good else _POOR)
        self.score.say(_headline(found))
        self.score.setToolTip(_SCORE_HELP)
        self.notes.say("\n\n".join(found.notes))
        self._cautions.setVisible(bool(found.notes))
        self._cautions.set_title("1 caution" if len(found.notes) == 1 else f"{len(found.notes)} cautions")
        self._on_selection_kept()

    def _on_selection_kept(self) -> None:
        for view in self.views:
            view.show_selection(self._session.selection)

    def _refresh(self) -> None:
        has_table = self._table() is not None
        self._empty.setVisible(not has_table)
        self._open_features.setVisible(not has_table)
        self._setup.setVisible(has_table)
        self.forecast.tell(expect_explaining(len(self._table())) if has_table and not self.runner.running else None)
        particles = self._session.current
        empty = has_table and not len(self._table())
        why = BUSY if self.runner.running else self._session.why_not(EXPLAIN, particles)
        allow(self.button, (not has_table, "Measure the particles first."), (empty, _NOBODY), (bool(why), why))
        self.button.setText("Explain again" if self._explanation() is not None else "Explain")
        self.stale.say(_STALE if particles is not None and particles.explanation_out_of_date else "")

    # ---- what is done ------------------------------------------------------------------------------

    def _ticked(self) -> tuple[str, ...]:
        return self.setup.ticked()

    def explain(self) -> None:
        """Explain the target by the ticked predictors."""
        particles = self._session.current
        if particles is None or particles.table is None:
            self.runner.fail(_EMPTY)
            return
        table = particles.table
        try:
            parameters = self.setup.parameters()
        except InputError as error:
            self.runner.fail(str(error))
            return

        revision, epoch, without = particles.table_revision, particles.epoch, particles.excluded

        def on_result(explanation: Any) -> str:
            if particles.table is None or particles.epoch != epoch:
                return "Another table was measured or loaded meanwhile; explain it again."
            particles.provenance["explain"] = to_dict(parameters)
            self._session.set_explanation(particles, explanation, without, revision)
            return ""

        job = Job("Explain", iter_explain_table, table, parameters).on(particles)
        job.prepare = prepare_plots
        self.runner.start(job, on_result)

    def _exported(self) -> tuple[Any, str] | None:
        particles = self._session.current
        if particles is None or particles.explanation is None:
            return None
        return particles.explanation, particles.name

    def _figure(self) -> Any:
        plots = self.views[self.show_view.currentIndex()].plots
        return plots[0].draw_anew() if plots else None

    def _table_shown(self) -> tuple[str, Any]:
        view = self.views[self.show_view.currentIndex()]
        return view.title, view.written

    def export_to(self, path: str) -> None:
        """Write the SHAP values to a file."""
        self.export_button.write_values(path)


def _headline(explanation: Any) -> str:
    """Write what was explained, how well, of how many particles and by what; the verdict says how sure that is."""
    scores = explanation.scores
    r2 = f"{scores['r2_mean']:.2f}".replace("-", "\N{MINUS SIGN}")
    name = html.escape(axis_title(explanation.target))
    return f"<b>{name}</b> · R² {r2} · n = {scores['particles']} · {MODEL_NAMES[scores['model']]}"
