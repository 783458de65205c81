"""The views of the SHAP panel that show what the explanation holds already."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSlider, QVBoxLayout, QWidget

from napari_cathode.errors import InputError
from napari_cathode.explain.names import drivers_text, shape_text
from napari_cathode.explain.parameters import MODEL_NAMES

from .names import display_name, tooltip, unit_of
from .parts import Text, add_choice, choice_box, form_layout
from .plots import Plot

_LATTICE = 40


class View(QWidget):
    """One way to look at an explanation.

    Attributes
    ----------
    plots : tuple of Plot
        Its figures; the first is the one that is exported.
    title, tip : str
        What it is called, and what it shows.
    """

    particle_clicked = Signal(int, bool)
    feature_clicked = Signal(str)
    title = tip = ""

    def __init__(self, plots: tuple[Plot, ...] = ()) -> None:
        super().__init__()
        self.explanation: Any = None
        self.plots = plots
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.column.setSpacing(6)
        for plot in plots:
            plot.particle_clicked.connect(self.particle_clicked)
            plot.feature_clicked.connect(self.feature_clicked)

    def show_explanation(self, explanation: Any) -> None:
        """Show an explanation, None for none."""
        self.explanation = explanation
        for plot in self.plots:
            plot.redraw()

    @property
    def written(self) -> Callable[[str], None] | None:
        """What writes the table behind the figure to a file; None where there is none yet."""
        return None

    def show_selection(self, labels: frozenset[int]) -> None:
        """Show which particles are selected."""
        for plot in self.plots:
            plot.show_selection(labels)


class SwarmView(View):
    """A point for each particle and feature."""

    title = "Each particle"
    tip = "A point for each particle and feature: how far the feature moves the prediction, coloured by its value."

    def __init__(self) -> None:
        self.swarm = Plot(self._draw)
        super().__init__((self.swarm,))
        self.swarm.setToolTip("Click a point to select its particle; Shift adds to the selection.")
        self.column.addWidget(self.swarm, 1)

    def _draw(self, **where: Any) -> Any:
        from napari_cathode.explain.plots import beeswarm

        return None if self.explanation is None else beeswarm(self.explanation, **where)


class ImportanceView(View):
    """A bar for each feature or group of correlated features."""

    title = "Importance"
    tip = "How much each feature moves the predictions, over all particles."

    def __init__(self) -> None:
        self.bars = Plot(self._draw)
        super().__init__((self.bars,))
        self.bars.setToolTip("Click a bar to colour the particles by the SHAP value of its feature.")
        self.grouped = QCheckBox("Features that go with each other as one")
        self.grouped.setToolTip(
            "<p>SHAP divides credit arbitrarily among correlated features; read them together then.</p>"
        )
        self.grouped.toggled.connect(lambda: self.bars.redraw())
        self.column.addWidget(self.grouped)
        self.column.addWidget(self.bars, 1)

    def _draw(self, **where: Any) -> Any:
        from napari_cathode.explain.plots import importance_bars

        if self.explanation is None:
            return None
        return importance_bars(self.explanation, grouped=self.grouped.isChecked(), **where)


class DependenceView(View):
    """The attribution of one feature against its value."""

    title = "Dependence"
    tip = "How the effect of one feature goes with its value."

    def __init__(self) -> None:
        self.plot = Plot(self._draw, height=230)
        super().__init__((self.plot,))
        self.plot.setToolTip("Click a point to select its particle; Shift adds to the selection.")
        self.feature, self.colour = choice_box(), choice_box()
        self.shape = Text()
        form = form_layout()
        for text, box in (("Feature", self.feature), ("Point colour", self.colour)):
            form.addRow(text, box)
            box.currentIndexChanged.connect(self._refresh)
        self.column.addLayout(form)
        self.column.addWidget(self.shape)
        self.column.addWidget(self.plot, 1)

    def show_explanation(self, explanation: Any) -> None:
        """Offer the features, the most important first."""
        before = self.feature.currentData()
        for box in (self.feature, self.colour):
            box.blockSignals(True)
            box.clear()
        add_choice(self.colour, "one colour", None, "All points look alike.")
        for name in [] if explanation is None else map(str, explanation.importance["feature"]):
            for box in (self.feature, self.colour):
                add_choice(box, display_name(name), name, tooltip(name))
        self.feature.setCurrentIndex(max(0, self.feature.findData(before)))
        for box in (self.feature, self.colour):
            box.blockSignals(False)
        super().show_explanation(explanation)
        self._say_shape()

    def choose(self, feature: str, colour: str | None = None) -> None:
        """Show a feature, coloured by another."""
        self.feature.setCurrentIndex(self.feature.findData(feature))
        self.colour.setCurrentIndex(max(0, self.colour.findData(colour)))

    def _refresh(self, _index: int) -> None:
        self._say_shape()
        self.plot.redraw()

    def _say_shape(self) -> None:
        feature = self.feature.currentData()
        if self.explanation is None or feature is None:
            self.shape.say("")
            return
        row = self.explanation.importance.set_index("feature").loc[feature]
        words = shape_text(feature, row["shape"], row["turn"])
        target = display_name(self.explanation.target)
        if words == "no clear shape":
            text = f"{target} follows {display_name(feature)} in no clear shape."
        else:
            text = f"With {display_name(feature)}, predicted {target} {words}."
        self.shape.say(text)

    def _draw(self, **where: Any) -> Any:
        from napari_cathode.explain.plots import dependence

        feature = self.feature.currentData()
        if self.explanation is None or feature is None:
            return None
        return dependence(self.explanation, feature, colour_by=self.colour.currentData(), **where)


class ParticleView(View):
    """What moves the prediction of one particle, and what would."""

    title = "One particle"
    tip = "What moves the prediction of the selected particle, and what another value would change."

    def __init__(self) -> None:
        self.waterfall = Plot(self._draw_waterfall, height=250)
        self.curve = Plot(self._draw_curve, height=170)
        super().__init__((self.waterfall, self.curve))
        self.waterfall.setToolTip("Click a bar to see what another value of its feature would change.")
        self.label: int | None = None
        self.follow = QCheckBox("Open this view for a particle that is clicked")
        self.follow.setToolTip("<p>A click on a particle in the picture or in the table leads here.</p>")
        self.follow.setChecked(True)
        self.hint = Text()
        self.feature = choice_box()
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _LATTICE)
        self.answer = Text()
        self._found: Any = None
        self._what_if = QWidget()
        inner = QVBoxLayout(self._what_if)
        inner.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.addWidget(QLabel("What if"))
        row.addWidget(self.feature, 1)
        row.addWidget(self.slider, 1)
        inner.addLayout(row)
        inner.addWidget(self.answer)
        inner.addWidget(self.curve, 2)
        self.column.addWidget(self.follow)
        self.column.addWidget(self.hint)
        self.column.addWidget(self.waterfall, 3)
        self.column.addWidget(self._what_if, 2)
        self.feature.currentIndexChanged.connect(self._ask)
        self.slider.valueChanged.connect(self._answer)
        self.waterfall.feature_clicked.connect(self._choose)
        self._show_particle()

    def show_explanation(self, explanation: Any) -> None:
        """Offer the features, the most important first."""
        before = self.feature.currentData()
        self.feature.blockSignals(True)
        self.feature.clear()
        for name in [] if explanation is None else map(str, explanation.importance["feature"]):
            add_choice(self.feature, display_name(name), name, tooltip(name))
        self.feature.setCurrentIndex(max(0, self.feature.findData(before)))
        self.feature.blockSignals(False)
        self.explanation = explanation
        self._show_particle()

    def show_selection(self, labels: frozenset[int]) -> None:
        """Show the particle that is selected alone."""
        label = next(iter(labels)) if len(labels) == 1 else None
        if label != self.label:
            self.label = label
            self._show_particle()

    def _show_particle(self) -> None:
        problem = ""
        if self.label is None:
            problem = "Click a particle in the picture, a row of the table or a point to see what moves its prediction."
        elif self.explanation is not None:
            try:
                self.explanation.row_of(self.label)
            except InputError as error:
                problem = str(error)
        shown = not problem and self.explanation is not None
        self.hint.say(problem)
        self.waterfall.setVisible(shown)
        self._what_if.setVisible(shown)
        if shown:
            self.waterfall.redraw()
            self._ask()

    def _choose(self, feature: str) -> None:
        self.feature.setCurrentIndex(max(0, self.feature.findData(feature)))

    def _ask(self, _index: int = 0) -> None:
        """Compute the curve of the chosen feature and put the slider where the particle is."""
        from napari_cathode.explain import what_if

        feature = self.feature.currentData()
        if self.explanation is None or feature is None or self.label is None or not self._what_if.isVisibleTo(self):
            return
        self._found = what_if(self.explanation, self.label, feature, _LATTICE + 1)
        present = self._found.present
        place = 0 if np.isnan(present) else int(np.argmin(np.abs(self._found.value - present)))
        self.slider.blockSignals(True)
        self.slider.setValue(place)
        self.slider.blockSignals(False)
        if np.isnan(present):
            self._answer(place)
        else:
            self._say_present()
        self.curve.redraw()

    def _say_present(self) -> None:
        """Say what is predicted of the particle as it is: the slider's places are not its very value."""
        found = self._found
        unit = unit_of(found.feature)
        feature, target = (html.escape(display_name(name)) for name in (found.feature, self.explanation.target))
        self.answer.say(
            f"{feature} is {found.present:.3g}{f' {unit}' if unit else ''}: predicted {target} "
            f"<b>{found.predicted:.3g}</b>. Move the slider to see it with another value."
        )
        self.curve.mark(found.present, found.predicted)

    def _answer(self, place: int) -> None:
        found = self._found
        if found is None:
            return
        value, prediction = float(found.value[place]), float(found.prediction[place])
        unit = unit_of(found.feature)
        there = "" if np.isnan(found.present) else f" (is {found.present:.3g})"
        rare = "" if found.supported[0] <= value <= found.supported[1] else " Hardly any particle is there."
        feature, target = (html.escape(display_name(name)) for name in (found.feature, self.explanation.target))
        self.answer.say(
            f"{feature} {value:.3g}{f' {unit}' if unit else ''}{there}: predicted {target} "
            f"<b>{prediction:.3g}</b> instead of {found.predicted:.3g}.{rare}"
        )
        self.curve.mark(value, prediction)

    def _draw_waterfall(self, **where: Any) -> Any:
        from napari_cathode.explain.plots import waterfall

        if self.explanation is None or self.label is None or self.hint.text():
            return None
        return waterfall(self.explanation, self.label, **where)

    def _draw_curve(self, **where: Any) -> Any:
        from napari_cathode.explain.plots import what_if_curve

        return None if self._found is None else what_if_curve(self._found, self.explanation.target, **where)


class PredictedView(View):
    """What is predicted for particles held out against what was measured."""

    title = "Predictions"
    tip = "What is predicted for particles that the models never saw, against what was measured."

    def __init__(self) -> None:
        self.plot = Plot(self._draw)
        super().__init__((self.plot,))
        self.plot.setToolTip("Each particle is predicted by models that never saw it. Click a point to select it.")
        self.column.addWidget(self.plot, 1)

    def _draw(self, **where: Any) -> Any:
        from napari_cathode.explain.plots import predicted_measured

        return None if self.explanation is None else predicted_measured(self.explanation, **where)


class GroupsView(View):
    """Particles grouped by what moves their prediction."""

    title = "Groups by cause"
    tip = "Particles grouped by what moves their prediction."

    def __init__(self) -> None:
        super().__init__()
        self.words = Text()
        self.column.addWidget(self.words)
        self.column.addStretch(1)

    def show_explanation(self, explanation: Any) -> None:
        """List the groups."""
        super().show_explanation(explanation)
        if explanation is None:
            self.words.say("")
            return
        table = explanation.cluster_table
        target = html.escape(display_name(explanation.target))
        parts = [f"Particles are grouped by <i>why</i> their {target} is predicted so, not by how much."]
        if (table["cluster"] > 0).sum() < 2:
            parts.append("All are moved by much the same mixture; no groups stand apart.")
        rows = []
        for row in table.itertuples():
            what = "hardly moved by anything" if row.cluster == 0 else html.escape(drivers_text(row.drivers))
            rows.append(
                f"<tr><td><b>{row.cluster}</b>&nbsp;&nbsp;</td><td align='right'>{row.particles}&nbsp;&nbsp;</td>"
                f"<td>{what}</td></tr>"
            )
        head = "<tr><td>Group&nbsp;&nbsp;</td><td>Particles&nbsp;&nbsp;</td><td>What moves them</td></tr>"
        parts.append(f"<table>{head}{''.join(rows)}</table>")
        parts.append("Colour by <i>Group by cause</i> to see where they lie.")
        self.words.say("<br><br>".join(parts))


class ScoresView(View):
    """How well each model does, in random folds and with regions left out."""

    title = "Scores"
    tip = "How well each model predicts, in random parts and with regions left out."

    def __init__(self) -> None:
        super().__init__()
        self.words = Text()
        self.column.addWidget(self.words)
        self.column.addStretch(1)

    def show_explanation(self, explanation: Any) -> None:
        """Write the table of scores, and what was left out."""
        super().show_explanation(explanation)
        if explanation is None:
            self.words.say("")
            return
        scores = explanation.scores
        rows = [("", ("R² ± SD", "95 % interval", "MAE ± SD"))]
        for key, found in scores["models"].items():
            name = MODEL_NAMES[key] + (" (taken)" if key == scores["model"] else "")
            rows.append((name, _score_cells(found)))
        if scores["blocked_folds"] is not None:
            rows.append(("regions left out", _score_cells(scores["blocked_folds"])))
        rows.append(("guessing the mean", ("0", "", f"{scores['baseline_mae']:.3g}")))
        cells = "".join(map(_score_rows, *zip(*rows, strict=True)))
        folds, repeats = explanation.parameters.folds, len(scores["r2_repeats"])
        dropped = ", ".join(f"{count} {reason}" for reason, count in explanation.dropped.items() if count)
        regions = explanation.parameters.blocked_repeats if scores["blocked_folds"] is not None else 0
        text = f"<table>{cells}</table><p>All on held-out particles: {repeats} × {folds} random parts"
        text += f", {regions} × {folds} regions" if regions else ""
        text += (
            "; mean ± SD over these parts. The 95 % interval is that of the mean R², with other particles of the same "
            "electrode.</p>"
        )
        text += f"<p>{scores['particles']} particles used{f'; {dropped}' if dropped else ''}.</p>"
        text += f"<p>{len(explanation.predictors)} predictors: "
        text += html.escape(", ".join(display_name(name) for name in explanation.predictors)) + ".</p>"
        self.words.say(text)


def _score_rows(name: str, numbers: tuple[str, str, str]) -> str:
    """Write numbers below the name of what reached them: beside it a narrow panel would break them in two."""
    heading = f"<tr><td colspan=3><b>{html.escape(name)}</b></td></tr>" if name else ""
    cells = (number.replace(" ", "\N{NO-BREAK SPACE}") for number in numbers)
    return heading + "<tr>" + "".join(f"<td>{html.escape(cell)}&nbsp;&nbsp;&nbsp;</td>" for cell in cells) + "</tr>"


def _score_cells(found: dict[str, Any]) -> tuple[str, str, str]:
    def number(value: float) -> str:
        return f"{value:.2f}".replace("-", "\N{MINUS SIGN}")

    interval = f"{number(found['r2_low'])} to {number(found['r2_high'])}"
    error = f"{found['mae_mean']:.3g} ± {found['mae_sd']:.1g}"
    return f"{number(found['r2_mean'])} ± {found['r2_sd']:.2f}", interval, error
