"""Dock widget: measure particles, and look at them as a table that is linked with the picture."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from qtpy.QtCore import QSize, Qt, QTimer
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QBoxLayout, QFileDialog, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_cathode.errors import InputError
from napari_cathode.measure import MeasureParameters
from napari_cathode.parameters import to_dict
from napari_cathode.plugin.foreign import add_columns
from napari_cathode.plugin.layers import is_image, is_particles, shape_of, shows, spacing_of, tomogram_of
from napari_cathode.plugin.link import link_of
from napari_cathode.plugin.steps import iter_load_table, iter_measure_layers
from napari_cathode.session import ParticleSet
from napari_cathode.whole_run import expect_measuring
from napari_cathode.work import LOAD, MEASURE

from .colour_by import ColourBy
from .docks import PLOTS, SHAP, Docked, give_room, keep_sides, open_dock
from .features_export import ask_path, export_button, rows_in_order, write_features
from .forecast import Forecast
from .forms import Form
from .grey_values import apart, differ, grey_values_of
from .job import Job
from .parts import (
    BUSY,
    BriefText,
    Connections,
    Fold,
    LayerChoice,
    Panel,
    Text,
    allow,
    form_layout,
    primary_button,
)
from .population import Population
from .runner import Runner
from .table_view import LinkedTable
from .voxel_size import VoxelSize

_EMPTY = (
    "Every particle of a Labels layer is measured here. Find particles first (Identify particles), "
    "or open a Labels layer made by another tool."
)
_NO_TABLE = "The table of the particles appears here."
_TO_FUSE = "Fuse the views first (Fuse views): particles are measured in 3D, and those in the picture are sections."
GROUP_NAMES = {
    "position": "Position and orientation",
    "grey": "Grey",
    "structure": "Size, shape and damage",
    "cracks": "Cracks and pores",
    "surroundings": "Contacts and neighbours",
}
_CONTROLS_WIDTH, _RESULTS_WIDTH = 340, 580
_BOTH_HEIGHT = 900
"""Height from which a tall panel has room for all settings and a table below them."""
_SIDE_BY_SIDE = 750
"""Width from which the summary has its buttons beside it, not below it."""
_TABLES = "Tables (*.csv *.tsv *.txt *.parquet)"
_UNLIMITED = 16_777_215
_SAID_MS = 20_000
"""So long it is said where a table was written, unless something else is done."""


class FeaturesWidget(Docked, QWidget):
    """Measure the particles of a Labels layer; table, colours and picture show the same particles."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        keep_sides(self._viewer.window._qt_window)  # before napari puts it where it was last: at the bottom, mostly
        self._link = link_of(napari_viewer)
        self._session = self._link.session
        self.labels = LayerChoice(self._viewer, is_particles)
        self.image = LayerChoice(self._viewer, is_image, nothing="none: shape only")
        self.voxel_size = VoxelSize(self._viewer)
        self.form = Form(MeasureParameters, choices={"groups": GROUP_NAMES})
        self.button = primary_button("Measure", "Measures every particle of the chosen Labels layer.")
        self.load_button = QPushButton("Load a table …")
        self.load_button.setToolTip("Reads a CSV or Parquet file; its column label says which particle a row is.")
        self.runner = Runner(self._session)
        self.colour_by = ColourBy(self._session)
        self.table = LinkedTable(self._session)
        self.export_button = export_button(self.export)
        self.summary = BriefText()
        self.notes = Text()
        self.notes_toggle = QPushButton()
        self.notes_toggle.setCheckable(True)
        self.population = Population()
        self.population_toggle = QPushButton("Summary")
        self.population_toggle.setCheckable(True)
        self.population_toggle.setToolTip(
            "Shows sizes, solid fraction and the mean of each feature instead of the table."
        )
        self.plots_button = QPushButton("Plots")
        self.plots_button.setToolTip("Opens histograms and scatter plots of the features, linked with the table.")
        self._measure_toggle = QPushButton("Measure …")
        self._measure_toggle.setCheckable(True)
        self._measure_toggle.setToolTip("Shows what is measured, and how.")
        self.next_button = QPushButton("Next: explain what drives the damage")
        self._measured_now = self._instead = False
        self._written = ""
        self._forgetting = QTimer(self)
        self._forgetting.setSingleShot(True)
        self._forgetting.setInterval(_SAID_MS)
        self._forgetting.timeout.connect(self._forget_written)
        self._empty = Text(_EMPTY)
        self._no_table = Text(_NO_TABLE)
        self.forecast = Forecast()
        self._lay_out()
        self._controls.align_labels()
        self._connect()
        current = self._session.current
        if current is None or self._link.layer_of(current) not in self.labels.layers:
            self._adopt(self.labels.layer)
        self._on_current(self._session.current)

    def _lay_out(self) -> None:
        self._controls = Panel()
        form = form_layout()
        form.addRow("Particles", self.labels)
        form.addRow("Grey values", self.image)
        form.addRow("Voxel size", self.voxel_size)
        self._form_rows = form
        column = self._controls.column
        column.addWidget(self._empty)
        column.addLayout(form)  # in no widget of its own, whose height would fall short of text that wraps
        for widget in (Fold("Settings", self.form), self.forecast, self.button, self.load_button):
            column.addWidget(widget)
        column.addStretch(1)
        self._results = QWidget()
        results = QVBoxLayout(self._results)
        results.setContentsMargins(10, 6, 10, 8)
        results.setSpacing(6)
        self._above = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._above.addWidget(self.summary, 1)
        buttons = QHBoxLayout()
        for button in (
            self.notes_toggle,
            self._measure_toggle,
            self.population_toggle,
            self.plots_button,
            self.export_button,
        ):
            buttons.addWidget(button, 0, Qt.AlignmentFlag.AlignTop)
        self._above.addLayout(buttons)
        results.addLayout(self._above)
        results.addWidget(self.notes)
        results.addWidget(self.runner)
        results.addWidget(self.next_button)
        results.addWidget(self.colour_by)
        results.addWidget(self._no_table)
        results.addWidget(self.table, 1)
        results.addWidget(self.population, 1)
        results.addStretch(0)
        self._layout = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(0)
        self._layout.addWidget(self._controls)
        self._layout.addWidget(self._results, 1)

    def _connect(self) -> None:
        self.labels.layer_changed.connect(self._adopt)
        self.image.layer_changed.connect(self._on_image)
        self.voxel_size.changed.connect(self._on_voxel_size)
        self.button.clicked.connect(self.measure)
        self.load_button.clicked.connect(self._ask_table)
        self.plots_button.clicked.connect(lambda: open_dock(self._viewer, PLOTS, "right"))
        self.table.plot_requested.connect(lambda name: open_dock(self._viewer, PLOTS, "right").show_column(name))
        self.next_button.clicked.connect(lambda: open_dock(self._viewer, SHAP, "right"))
        self._measure_toggle.toggled.connect(self._arrange)
        self.notes_toggle.toggled.connect(self._arrange)
        self.population_toggle.toggled.connect(self._refresh)
        self.runner.started.connect(self._refresh)
        self.runner.finished.connect(self._refresh)
        self._connections = Connections(self)
        for signal in (self._session.predictions_changed, self._session.running_changed):
            self._connections.connect(signal, self._refresh)
        for signal in (self._session.changed, self._session.selection_changed):
            self._connections.connect(signal, self._forget_written)
        self._connections.connect(self._session.current_changed, self._on_current)
        self._connections.connect(self._session.changed, self._on_changed)

    def sizeHint(self) -> QSize:
        """Ask for enough to see a table."""
        return QSize(400, 480)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Lay controls and table side by side in a wide dock, one above the other in a tall one."""
        super().resizeEvent(event)
        self._arrange()

    def _arrange(self, _checked: bool = False) -> None:
        wide = self.width() > 1.2 * self.height()
        has_table = self._has_table()
        self.summary.set_brief(wide)
        asked = self._measure_toggle.isChecked()
        # Where both have no room together, settings stand in the place of the table: the window would grow, or the
        # button be out of sight.
        little = self.width() < _CONTROLS_WIDTH + _RESULTS_WIDTH if wide else self.height() < _BOTH_HEIGHT
        tight = has_table and asked and little
        noted = bool(self.notes.text())
        self.notes_toggle.setVisible(noted and wide)  # each line that they take there is a particle less to be seen
        self.notes.setVisible(noted and (self.notes_toggle.isChecked() if wide else not tight))
        self._no_table.setVisible(wide and not has_table and not self.runner.running)
        self._place_runner(not has_table and not wide)
        # What goes goes first, since each part that is shown makes room for itself at once.
        parts = (
            (self._controls, asked or not has_table),
            (self.table, has_table and not self._instead and not tight),
            (self.colour_by, has_table and not self._instead and not tight),
            (self.population, self._instead and not tight),
        )
        for part, shown in parts:
            if not shown:
                part.hide()
        explained = has_table and self._session.current.explanation is not None
        self.next_button.setVisible(has_table and self._measured_now and not explained and not wide and not tight)
        way = QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom
        self._layout.setDirection(QBoxLayout.Direction.BottomToTop if tight else way)
        beside = _CONTROLS_WIDTH if wide and not tight and (asked or not has_table) else 0
        side_by_side = self.width() - beside > _SIDE_BY_SIDE
        self._above.setDirection(QBoxLayout.Direction.LeftToRight if side_by_side else QBoxLayout.Direction.TopToBottom)
        self._layout.setStretch(0, 1 if tight or (not has_table and not wide) else 0)
        self._layout.setStretch(1, 1 if (has_table or wide) and not tight else 0)
        self._controls.setMaximumWidth(_CONTROLS_WIDTH if wide and not tight else _UNLIMITED)
        self._controls.setMaximumHeight(self.height() // 2 if has_table and not wide and not tight else _UNLIMITED)
        for part, shown in parts:
            if shown:
                part.show()

    def _place_runner(self, below_buttons: bool) -> None:
        """Say how far a step is below the button that starts it, as long as no table stands there."""
        column = self._controls.column if below_buttons else self._results.layout()
        if column.indexOf(self.runner) < 0:
            before = self.load_button if below_buttons else self.notes
            column.insertWidget(column.indexOf(before) + 1, self.runner)

    def _has_table(self) -> bool:
        particles = self._session.current
        return particles is not None and particles.table is not None

    # ---- what is chosen ----------------------------------------------------------------------------

    def _adopt(self, layer: Any) -> None:
        if layer is not None:
            particles = self._link.adopt(layer)
            if particles in self._session.particle_sets:
                self._session.current = particles
        self._refresh()

    def _asks_voxel_size(self, particles: ParticleSet) -> bool:
        """Whether the voxel size of the labels is unknown, or another than that of the image."""
        return particles.spacing_um is None or differ(particles, self.image.layer)

    def _on_image(self, _layer: Any) -> None:
        if self.runner.error and not self.runner.running:
            self.runner.say("")  # it was of another image
        self._refresh()

    def _on_voxel_size(self) -> None:
        if self.runner.error and not self.runner.running:
            self.runner.say("")  # what was asked for is there

    def _on_current(self, particles: ParticleSet | None) -> None:
        layer = None if particles is None else self._link.layer_of(particles)
        if layer is not None:
            self.labels.layer = layer
            self._choose_image(particles)
            self.voxel_size.show_layer(layer)
            image = self.image.layer
            known = None if image is None else spacing_of(image)
            if particles.spacing_um is None and known is not None and tuple(layer.scale) == (1.0,) * layer.ndim:
                if tomogram_of(image).shape == tuple(particles.labels.shape):
                    self.voxel_size.suggest(known)
        self._refresh()

    def _choose_image(self, particles: ParticleSet) -> None:
        """Choose the image that the particles were found in, else one of the same shape."""
        offered = self.image.layers
        fitting = [layer for layer in offered if shows(layer, particles.tomogram)]
        shape = tuple(particles.labels.shape)
        fitting += [layer for layer in offered if tomogram_of(layer).shape == shape]
        if fitting:
            self.image.layer = fitting[0]

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        if particles is self._session.current and what == "explanation":
            self._arrange()
        elif particles is self._session.current and what in ("labels", "table"):
            self._refresh()
            if what == "table" and self._has_table():
                give_room(self)

    def _refresh(self) -> None:
        particles = self._session.current
        has_table = self._has_table()
        nothing = self.labels.layer is None
        chosen = self._link.particles_of(self.labels.layer)
        for button, step in ((self.button, MEASURE), (self.load_button, LOAD)):
            why = self._session.why_not(step, chosen)
            allow(
                button,
                (nothing, "Find and fuse particles first, or open a Labels layer."),
                (self.runner.running, BUSY),
                (bool(why), why),
            )
        self._empty.say("" if not nothing else _TO_FUSE if self._session.predictions else _EMPTY)
        idle = not nothing and not self.runner.running
        self.forecast.tell(expect_measuring(math.prod(shape_of(self.labels.layer))) if idle else None)
        self._form_rows.setRowVisible(self.voxel_size, particles is not None and self._asks_voxel_size(particles))
        for widget in (self.export_button, self.plots_button, self._measure_toggle):
            widget.setVisible(has_table)
        summed = has_table and particles.summary is not None and not particles.out_of_date
        self.population_toggle.setVisible(summed)
        self._instead = summed and self.population_toggle.isChecked()
        if self._instead:
            self.population.show_particles(particles.table, particles.summary)
        self.summary.say(_summary(particles))
        self._show_notes(particles.table.attrs.get("notes", ()) if has_table else ())
        self._arrange()
        self.button.setText("Measure again" if has_table else "Measure")

    def _show_notes(self, notes: Sequence[str]) -> None:
        text = "\n".join(notes)
        self.notes.setText(text)
        self.notes_toggle.setText("1 note" if len(notes) == 1 else f"{len(notes)} notes")
        self.notes_toggle.setToolTip("".join(f"<p>{html.escape(note)}</p>" for note in notes))

    # ---- what is done ------------------------------------------------------------------------------

    def measure(self) -> None:
        """Measure the particles of the chosen layer."""
        try:
            if self.labels.layer is None:
                raise InputError("No Labels layer is open; find particles first, or open one.")
            particles = self._link.adopt(self.labels.layer)
            if self._asks_voxel_size(particles):
                particles.spacing_um = self.voxel_size.spacing()  # and that of the image on the same grid
            tomogram, note = grey_values_of(particles, self.image.layer)
            parameters = self.form.value()
        except InputError as error:
            self.runner.fail(str(error))
            self._refresh()  # the voxel size may be asked for
            return
        note = note or apart(self.labels.layer, self.image.layer)
        revision = particles.revision
        job = Job(
            "Measure particles", iter_measure_layers, particles.labels, tomogram, particles.spacing_um, parameters
        ).on(particles)

        def on_result(result: Any) -> str:
            if particles.revision != revision:
                raise InputError("The labels were changed while they were measured; measure again.")
            self._measured_now = self._link.show_measured(particles, result, tomogram, to_dict(parameters))
            self._arrange()
            self._measure_toggle.setChecked(False)
            return note

        self.runner.start(job, on_result)

    def _ask_table(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Load a table", "", _TABLES)
        if path:
            self.load_table(path)

    def load_table(self, path: str) -> None:
        """Read a table of the particles of the chosen layer; it comes beside what was measured."""
        if self.labels.layer is None:
            self.runner.fail("No Labels layer is open; open the labels that the table is about first.")
            return
        particles = self._link.adopt(self.labels.layer)
        revision = particles.revision

        def on_result(matched: Any) -> str:
            if particles.revision != revision:
                raise InputError("The labels were changed while the table was read; load it again.")
            self._measure_toggle.setChecked(False)
            return add_columns(self._link, particles, matched, Path(path).name)

        job = Job("Load a table", iter_load_table, path, particles.labels, particles.name).on(particles)
        self.runner.start(job, on_result)

    def export(self, which: str) -> None:
        """Write the table as CSV or Parquet: "all" particles, those "shown", or those "selected"."""
        particles = self._session.current
        if particles is None or particles.table is None:
            return
        path = ask_path(self, particles, which)
        if path:
            self.export_to(path, which)

    def export_to(self, path: str, which: str = "all") -> None:
        """Write the table to a file, with units and definitions in a JSON file beside it."""
        particles = self._session.current
        table = particles.table
        if which != "all":
            table = rows_in_order(table, self.table.model.labels, None if which == "shown" else self._session.selection)
        try:
            self._written = write_features(path, table, particles, which)
        except InputError as error:
            self.runner.fail(str(error))
            return
        self.runner.say(self._written)
        self._forgetting.start()

    def _forget_written(self, *_: Any) -> None:
        """Take back what was said of a file, when it is old or something else is done."""
        self._forgetting.stop()
        written, self._written = self._written, ""
        if written and self.runner.status == written:
            self.runner.say("")


def _summary(particles: ParticleSet | None) -> str:
    """Write the numbers that people quote in one line."""
    if particles is None or particles.table is None:
        return ""
    name = f"<b>{html.escape(particles.name)}</b>"
    if particles.out_of_date:
        return f"{name} · the labels were changed since; measure again"
    found = particles.summary
    if found is None:
        return f"{name} · {len(particles.table)} with values"
    parts = [f"{found.count} in all, {found.count_border} at the border"]
    if found.count_excluded:
        parts[0] += f", {found.count_excluded} more excluded"
    if found.n_damage:  # with the number that it is the mean of, from which no narrow panel may part it
        spread = f" ± {found.damage_sd:.2g}" if math.isfinite(found.damage_sd) else ""
        parts.append(f"damage {found.damage_mean:.3g}{spread} (n = {found.n_damage})")
    if found.n_diameter:
        parts.append(f"D10/50/90 {found.d10_um:.3g}/{found.d50_um:.3g}/{found.d90_um:.3g} µm")
    if math.isfinite(found.solid_fraction):
        parts.append(f"solid fraction {found.solid_fraction:.3g}")
    return " · ".join([*parts, name])
