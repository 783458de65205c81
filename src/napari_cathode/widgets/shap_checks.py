"""The views of the SHAP panel that compute something of their own first: stability, pairs of features, two states."""

from __future__ import annotations

import html
from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QLabel, QPushButton, QSizePolicy

from napari_cathode.errors import InputError
from napari_cathode.plugin.steps import iter_check_stability, iter_compare_tables, iter_find_interactions
from napari_cathode.session import Session
from napari_cathode.work import PAIRS, STABILITY, STATES

from .job import Job
from .names import display_name
from .parts import BUSY, Connections, Text, add_choice, allow, choice_box, form_layout
from .plots import Plot, prepare_plots
from .runner import Runner
from .shap_views import View

_MOST_CHANGES = 8
"""So many rows beside a figure that shows all."""


class CheckView(View):
    """A view with a button, a run of its own, a sentence and a figure.

    Parameters
    ----------
    session : Session
        Knows what else runs.
    button : str
        What the button says.
    about : str
        What it is good for.

    Attributes
    ----------
    step : str
        What it is called, as `napari_cathode.work` has it.
    """

    step = ""

    def __init__(self, session: Session, button: str, about: str) -> None:
        self._session = session
        self.plot = Plot(self._draw)
        super().__init__((self.plot,))
        self.plot.setParent(self)  # else it is a window of its own until it is laid out
        self.plot.hide()
        self.found: Any = None
        self._texts = (button, about)
        self._built = False
        self._connections = Connections(self)
        self._connections.connect(session.running_changed, self._on_running)

    def showEvent(self, event: Any) -> None:
        """Make the parts when they are first seen, so that opening the panel stays quick."""
        self.build()
        super().showEvent(event)

    def _on_running(self) -> None:
        if self._built:
            self._refresh()

    def build(self) -> None:
        """Make the parts."""
        if self._built:
            return
        self._built = True
        button, about = self._texts
        self.button = QPushButton(button)
        self.runner = Runner(self._session)
        self.words = Text()
        self.column.addWidget(Text(about))
        self._add_inputs()
        self.column.addWidget(self.button)
        self.column.addWidget(self.runner)
        self.column.addWidget(self.words)
        self.column.addWidget(self.plot, 1)
        self.column.addStretch(0)
        self.button.clicked.connect(self.run)
        self.runner.started.connect(self._refresh)
        self.runner.finished.connect(self._refresh)
        self._show_found(None)
        self._refresh()

    def _add_inputs(self) -> None:
        """Add what has to be chosen before the run."""

    def show_explanation(self, explanation: Any) -> None:
        """Forget what was computed for another explanation."""
        if explanation is not self.explanation and self._built:
            self.runner.cancel()
            self.runner.say("")
            self._show_found(None)
        self.explanation = explanation
        if self._built:
            self._refresh()

    def run(self) -> None:
        """Compute it."""
        self.build()
        wanted = self.explanation
        try:
            job = self._job()
        except InputError as error:
            self.runner.fail(str(error))
            return
        job.on(self._session.current, self.step)
        job.prepare = prepare_plots

        def on_result(found: Any) -> str:
            if self.explanation is not wanted:
                return "Another explanation was made meanwhile; the result was dropped."
            self._show_found(found)
            return ""

        self.runner.start(job, on_result)

    def _job(self) -> Job:
        raise NotImplementedError

    def _words(self) -> str:
        raise NotImplementedError

    def _draw(self, **where: Any) -> Any:
        raise NotImplementedError

    def _show_found(self, found: Any) -> None:
        self.found = found
        self.words.say("" if found is None else self._words())
        self.plot.setVisible(found is not None)
        if found is not None:
            self.plot.redraw()

    def _refresh(self) -> None:
        why = self._session.why_not(self.step, self._session.current)
        allow(self.button, (self.explanation is None, "Explain first."), (self.runner.running, BUSY), (bool(why), why))


class StabilityView(CheckView):
    """Whether the ranking holds with other seeds and other particles."""

    title, step = "Stability", STABILITY
    tip = "Whether the ranking of the features holds with other seeds and other particles."

    def __init__(self, session: Session) -> None:
        super().__init__(
            session,
            "Check the ranking",
            "Repeats the explanation with 10 other seeds and on 10 random subsets of 500 particles (two thirds where "
            "there are fewer).",
        )

    def _job(self) -> Job:
        return Job(self.step, iter_check_stability, self.explanation)

    @property
    def written(self) -> Callable[[str], None] | None:
        """Writes the share of each feature in each repeat; see `View.written`."""
        from napari_cathode import results

        return None if self.found is None else lambda path: results.write_stability(path, self.explanation, self.found)

    def _words(self) -> str:
        return str(self.found.text())

    def _draw(self, **where: Any) -> Any:
        from napari_cathode.explain.plots import stability_rows

        return None if self.found is None else stability_rows(self.found, **where)


class InteractionsView(CheckView):
    """Which pairs of features work together."""

    title, step = "Pairs of features", PAIRS
    tip = "Which features matter more together than each on its own."
    pair_clicked = Signal(str, str)

    def __init__(self, session: Session) -> None:
        super().__init__(
            session,
            "Find pairs",
            "Says which features matter more together than each on its own (SHAP interaction values of 300 particles). "
            "Click a pair to see it.",
        )
        self.feature_clicked.connect(self._on_pair)

    def _on_pair(self, clicked: str) -> None:
        for first, second in self.found.table()[["first", "second"]].itertuples(index=False):
            if clicked == f"{first} × {second}":  # a name may hold such a sign itself
                self.pair_clicked.emit(first, second)
                return

    def _job(self) -> Job:
        return Job(self.step, iter_find_interactions, self.explanation)

    @property
    def written(self) -> Callable[[str], None] | None:
        """Writes the pairs, strongest first; see `View.written`."""
        from napari_cathode import results

        return (
            None if self.found is None else lambda path: results.write_interactions(path, self.explanation, self.found)
        )

    def _words(self) -> str:
        return ""

    def _draw(self, **where: Any) -> Any:
        from napari_cathode.explain.plots import interaction_bars

        return None if self.found is None else interaction_bars(self.found, **where)


class StatesView(CheckView):
    """Which features gained or lost importance between two states.

    Parameters
    ----------
    session : Session
        Its other particle sets are offered as the second state.
    parameters : callable
        Gives the parameters to explain both with.
    """

    title, step = "Two states", STATES
    tip = "Which features gained or lost importance between two states, such as two cycles."

    def __init__(self, session: Session, parameters: Callable[[], Any]) -> None:
        self._parameters = parameters
        self._loaded: list[tuple[str, Any]] = []
        self._ready = 0  # states that can be compared; those to be measured first come after them
        super().__init__(
            session,
            "Compare",
            "Explains the same target in a second state, such as a later cycle, by the features that both have, and "
            "shows what gained and what lost.",
        )
        for signal in (session.particle_sets_changed, session.current_changed, session.changed):
            self._connections.connect(signal, self._offer)

    def _add_inputs(self) -> None:
        self.first = QLabel()
        self.first.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)  # a name may be long
        self.first.setToolTip("The particles of the layer that is selected.")
        self.second = choice_box()
        self.second.setPlaceholderText("none measured yet")
        self.load = QPushButton("Load a table …")
        self.load.setToolTip("A CSV or Parquet file with the same columns.")
        self.load.clicked.connect(self._ask)
        form = form_layout()
        form.addRow("First state", self.first)
        form.addRow("Second state", self.second)
        self.column.addLayout(form)
        self.column.addWidget(self.load)

    def build(self) -> None:
        """Make the parts, with the states that there are."""
        if not self._built:
            self.changes = Text()
            super().build()
            self.column.insertWidget(self.column.indexOf(self.plot) + 1, self.changes)
            self._offer()

    def show_explanation(self, explanation: Any) -> None:
        """Offer the other sets; a result stays until another is computed."""
        self.explanation = explanation
        self._offer()

    def _offer(self, *_what: Any) -> None:
        if not self._built:
            return
        current = self._session.current
        self.first.setText("" if current is None else current.name)
        before = self.second.currentText()
        self.second.clear()
        others = [particles for particles in self._session.particle_sets if particles is not current]
        for particles in others:
            if particles.table is not None:
                add_choice(self.second, particles.name, particles.table, "The particles of this layer.")
        for name, table in self._loaded:
            add_choice(self.second, name, table, "A table that was loaded from a file.")
        self._ready = self.second.count()
        for particles in others:
            if particles.table is None:
                name = f"{particles.name} (measure it first)"
                add_choice(self.second, name, None, "Choose this layer in Particle features and measure it.")
                self.second.model().item(self.second.count() - 1).setEnabled(False)
        self.second.setCurrentIndex(max(0, self.second.findText(before)) if self._ready else -1)
        self._refresh()

    def _ask(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self, "Table of the second state", "", "Tables (*.csv *.tsv *.txt *.parquet)"
        )
        if path:
            self.load_table(path)

    def load_table(self, path: str) -> None:
        """Offer a table from a file, and choose it."""
        from napari_cathode.io import read_table
        from napari_cathode.results import TABLE

        self.build()
        try:
            table = read_table(path)
        except InputError as error:
            self.runner.fail(str(error))
            return
        name = Path(path).stem
        if name == Path(TABLE).stem:  # as that of every run is called
            name = Path(path).resolve().parent.name
        self._loaded = [(known, each) for known, each in self._loaded if known != name] + [(name, table)]
        self._offer()
        self.second.setCurrentIndex(self.second.findText(name))

    def _refresh(self) -> None:
        current = self._session.current
        why = self._session.why_not(self.step, current)
        allow(
            self.button,
            (current is None or current.table is None, "Measure the particles first."),
            (not self._ready, "Load a table, or measure the particles of another layer."),
            (self.runner.running, BUSY),
            (bool(why), why),
        )

    def _job(self) -> Job:
        current = self._session.current
        if current is None or current.table is None or self.second.currentIndex() < 0:
            raise InputError("Choose a second state: measure the particles of another layer, or load a table.")
        names = (current.name, self.second.currentText())
        if names[0] == names[1]:
            names = (names[0], f"{names[1]} (2)")
        table = self.second.currentData()
        return Job(self.step, iter_compare_tables, current.table, table, self._parameters(), names)

    @property
    def written(self) -> Callable[[str], None] | None:
        """Writes what gained and what lost; see `View.written`."""
        from napari_cathode import results

        return None if self.found is None else lambda path: results.write_comparison(path, self.found)

    def _words(self) -> str:
        text = str(self.found.text())
        if self.found.only_one:
            text += f" Not in both: {', '.join(map(display_name, self.found.only_one))}."
        return text

    def _show_found(self, found: Any) -> None:
        super()._show_found(found)
        self.changes.say("" if found is None else self._changes())

    def _changes(self) -> str:
        """Give the features that gained or lost, with their shares in both states, as a table."""
        table = self.found.table()
        settled = table[table["direction"] != "unsettled"].head(_MOST_CHANGES)
        if settled.empty or not all(each.scores["verdict"]["explains"] for each in self.found.explanations):
            return ""
        rows = [("Share (%)", *self.found.names, "Change ± SD")]
        for row in settled.itertuples():
            change = f"{100 * row.change:+.1f}".replace("-", "\N{MINUS SIGN}")
            shares = (f"{100 * row.first_share:.1f}", f"{100 * row.second_share:.1f}")
            rows.append(
                (
                    display_name(row.feature),
                    *shares,
                    f"{change}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{100 * row.change_sd:.1f}",
                )
            )
        cells = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}&nbsp;&nbsp;</td>" for cell in row) + "</tr>" for row in rows
        )
        return f"<table>{cells}</table>"

    def _draw(self, **where: Any) -> Any:
        from napari_cathode.explain.plots import comparison_rows

        return None if self.found is None else comparison_rows(self.found, **where)
