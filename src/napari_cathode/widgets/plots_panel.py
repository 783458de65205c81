"""Dock widget: how features of the particles spread and go together, linked with table and picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import QSize
from qtpy.QtWidgets import QButtonGroup, QFileDialog, QGridLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from napari_cathode.errors import InputError
from napari_cathode.judging import is_counted
from napari_cathode.plugin.colours import scale_for
from napari_cathode.plugin.link import link_of
from napari_cathode.session import Colouring, ParticleSet

from .choosing_plot import ChoosingPlot
from .colour_by import numeric_columns
from .docks import FEATURES, Docked, open_dock
from .names import axis_title, display_name, tooltip
from .parts import Connections, Panel, Text, add_choice, allow, choice_box
from .shap_export import with_ending
from .table_model import cell_text

_EMPTY = "There is nothing to plot yet. Measure the particles first, or load a table."
_NONE_PASSES = "No particle passes the filter; change it in the table, or press <i>Show all particles</i> there."
_NOBODY = "The table has no particles."
_NO_VALUE = "No particle has a value to plot here."
_COUNT, _ONE_COLOUR, _PICTURE = "", "", "as in the picture"
_FIRST = ("damage", "volume_um3", "area_um2")
_COUNT_TIP = "A histogram: how many particles have each value of X."
_PICTURE_TIP = "Points have the colours of their particles in the picture."
_KINDS = "PNG (*.png);;SVG (*.svg)"
_STEPS = 256


class PlotsWidget(Docked, Panel):
    """A histogram of one feature or a scatter plot of two; what is dragged over is selected."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._session = link_of(napari_viewer).session
        self.x, self.y, self.colour = choice_box(), choice_box(), choice_box()
        self.log_x, self.log_y = _small_toggle("log"), _small_toggle("log")
        self.lasso, self.box = _small_toggle("Lasso"), _small_toggle("Box")
        self.filter_button = QPushButton("Keep as filter")
        self.save_button = QPushButton("Save …")
        self.plot = ChoosingPlot(self._draw, self._describe)
        self.figures = Text()
        self._empty = Text(_EMPTY)
        self._open_features = QPushButton("Open Particle features")
        self._body = QWidget()
        self._area: Any = None
        self._choosing = False
        self._columns: list[str] = []
        self._lay_out()
        self._connect()
        self._show_columns()

    def _lay_out(self) -> None:
        for button, tip in (
            (self.log_x, "Logarithmic axis; values up to zero are left out."),
            (self.log_y, "Logarithmic axis; values up to zero are left out."),
            (self.lasso, "Drag around points to select their particles."),
            (self.box, "Drag a box over points to select their particles."),
            (self.filter_button, "Filters the table to the range or box dragged last, else to the selected particles."),
            (self.save_button, "Writes the figure, in light colours."),
        ):
            button.setToolTip(tip)
        self.lasso.setChecked(True)
        self._modes = QButtonGroup(self)
        self._modes.addButton(self.lasso)
        self._modes.addButton(self.box)
        grid = QGridLayout(self._body)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setVerticalSpacing(6)
        grid.setHorizontalSpacing(8)
        rows: tuple[tuple[str, QWidget, tuple[QWidget, ...]], ...] = (
            ("X", self.x, (self.log_x,)),
            ("Y", self.y, (self.log_y,)),
            ("Colour", self.colour, ()),
        )
        for row, (title, field, beside) in enumerate(rows):
            grid.addWidget(QLabel(title), row, 0)
            grid.addWidget(field, row, 1, 1, 1 if beside else 2)
            for place, widget in enumerate(beside):
                grid.addWidget(widget, row, 2 + place)
        grid.setColumnStretch(1, 1)
        tools = QHBoxLayout()
        for widget in (self.lasso, self.box):
            tools.addWidget(widget)
        tools.addStretch(1)
        for widget in (self.filter_button, self.save_button):
            tools.addWidget(widget)
        grid.addLayout(tools, 3, 0, 1, 3)
        for widget in (self._empty, self._open_features, self._body):
            self.column.addWidget(widget)
        self.column.addWidget(self.plot, 1)
        self.column.addWidget(self.figures)
        self.column.addStretch(0)

    def _connect(self) -> None:
        for box in (self.x, self.y, self.colour):
            box.activated.connect(self._on_chosen)
        for button in (self.log_x, self.log_y):
            button.toggled.connect(self._on_chosen)
        self._modes.buttonToggled.connect(self._on_mode)
        self.filter_button.clicked.connect(self._keep_as_filter)
        self.save_button.clicked.connect(self._ask_figure)
        self._open_features.clicked.connect(lambda: open_dock(self._viewer, FEATURES))
        self.plot.particle_clicked.connect(self._on_particle)
        self.plot.particles_chosen.connect(self._on_particles)
        self.plot.area_dragged.connect(self._on_area)
        self._connections = Connections(self)
        self._connections.connect(self._session.current_changed, self._on_current)
        self._connections.connect(self._session.changed, self._on_changed)
        self._connections.connect(self._session.selection_changed, self._on_selection)

    def sizeHint(self) -> QSize:
        """Ask for a figure that is not wider than the panels beside."""
        return QSize(400, 480)

    # ---- what is shown -----------------------------------------------------------------------------

    def show_column(self, name: str) -> None:
        """Draw the histogram of a column."""
        if name in self._columns:
            self.x.setCurrentIndex(self._columns.index(name))
            self.y.setCurrentIndex(0)
            self._on_chosen()

    def _on_current(self, _particles: ParticleSet | None) -> None:
        self._show_columns()

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        if particles is not self._session.current:
            return
        if what == "table":
            self._show_columns()
        elif what == "filter" or (what == "colouring" and self.colour.currentData() == _PICTURE):
            self._redraw()
            self._on_area(self._area)

    def _on_selection(self, labels: frozenset[int]) -> None:
        self.plot.show_selection(labels)
        if not self._choosing:
            self._on_area(None)  # what is selected is no longer what was dragged

    def _show_columns(self) -> None:
        """Offer the columns of numbers; what was chosen stays where it is still there."""
        particles = self._session.current
        table = None if particles is None else particles.table
        known = [] if table is None else numeric_columns(table)
        for widget, shown in ((self._empty, not known), (self._open_features, not known), (self._body, bool(known)),
                              (self.plot, bool(known)), (self.figures, bool(known))):  # fmt: skip
            widget.setVisible(shown)
        if known != self._columns:
            self._columns = known
            first = next((name for name in _FIRST if name in known), known[0] if known else "")
            _fill(self.x, [], known, first)
            _fill(self.y, [("Number of particles", _COUNT, _COUNT_TIP)], known, _COUNT)
            colours = [
                ("One colour", _ONE_COLOUR, "All points look alike."),
                ("As in the picture", _PICTURE, _PICTURE_TIP),
            ]
            _fill(self.colour, colours, known, _ONE_COLOUR)
        self._on_chosen()

    def _on_chosen(self, *_: Any) -> None:
        spread = self.y.currentData() == _COUNT
        for widget in (self.log_y, self.colour, self.lasso, self.box):
            allow(widget, (spread, "A histogram is shown: choose a feature for Y to get a scatter plot."))
        self._on_area(None)
        self._redraw()

    def _on_mode(self, *_: Any) -> None:
        self.plot.lasso = self.lasso.isChecked()

    def _redraw(self) -> None:
        if self._columns:
            self.plot.redraw()

    # ---- the figure --------------------------------------------------------------------------------

    def _draw(self, **where: Any) -> Any:
        from napari_cathode.explain.plots import histogram, scatter

        particles = self._session.current
        if particles is None or particles.table is None or not self._columns:
            return None
        table, names = particles.table, [self.x.currentData(), self.y.currentData()]
        names = [name for name in names if name]
        label = table["label"].to_numpy(np.int64)
        values = [table[name].to_numpy(np.float64, na_value=np.nan) for name in names]
        logs = [button.isChecked() for button in (self.log_x, self.log_y)][: len(names)]
        counted, shown = is_counted(table), _passes(particles, label)
        known = np.logical_and.reduce(
            [np.isfinite(value) & ((value > 0) if log else True) for value, log in zip(values, logs, strict=True)]
        )
        kept = counted & shown & known
        self._tell(names, [value[kept] for value in values], counted, shown, known)
        if not kept.any():
            return None
        if len(names) == 1:
            return histogram(label[kept], values[0][kept], names[0], log=logs[0], **where)
        shade = self._shade(particles, label, kept)
        columns, log = (names[0], names[1]), (logs[0], logs[1])
        former = self.plot.drawn if where else None  # without a place of its own the figure is for a file
        whole = [value[counted & known] for value in values]  # what a filter leaves out may come back
        reach = ((whole[0].min(), whole[0].max()), (whole[1].min(), whole[1].max()))
        return scatter(label[kept], values[0][kept], values[1][kept], columns, shade=shade, log=log, former=former,
                       reach=reach, **where)  # fmt: skip

    def _shade(self, particles: ParticleSet, label: Any, kept: Any) -> Any:
        """Give what colours the points, in the colours that the picture has for it."""
        from matplotlib.colors import ListedColormap

        from napari_cathode.explain.plots import Shade

        chosen = self.colour.currentData()
        colouring = particles.colouring if chosen == _PICTURE else Colouring(chosen) if chosen else None
        if colouring is None:
            return None
        ids, values = particles.values(colouring)
        of = dict(zip(ids.tolist(), values.tolist(), strict=True))
        scale = scale_for(values, colouring)
        colormap = ListedColormap(np.asarray(scale.colormap.map(np.linspace(0, 1, _STEPS))))
        title = f"SHAP of {display_name(colouring.column)}" if colouring.shap else axis_title(colouring.column)
        shades = np.array([of.get(one, np.nan) for one in label[kept].tolist()])
        return Shade(shades, colormap, scale.limits, title, colouring.column)

    def _tell(self, names: list[str], values: list[Any], counted: Any, shown: Any, known: Any) -> None:
        """Say on how many particles the figure rests, and what they are on the whole."""
        count = len(values[0])
        if count:
            parts = [f"n = {count}"]
        else:
            parts = [_NOBODY if not len(shown) else _NO_VALUE if shown.any() else _NONE_PASSES]
        if count and len(names) == 1:
            spread = f" ± {cell_text(float(np.std(values[0], ddof=1)))} (SD)" if count > 1 else ""
            parts += [f"median {cell_text(float(np.median(values[0])))}",
                      f"mean {cell_text(float(np.mean(values[0])))}{spread}"]  # fmt: skip
        elif count > 2:
            found = f"{round(_rank_correlation(*values), 2) + 0.0:.2f}"  # and no minus sign before a zero
            parts.append(f"rank correlation {found} (Spearman)".replace("-", "\N{MINUS SIGN}"))
        left = (
            ("excluded", ~counted),
            ("filtered out", counted & ~shown),
            ("without a value", counted & shown & ~known),
        )
        gone = [f"{int(rows.sum())} {what}" for what, rows in left if rows.any()]
        self.figures.say(" · ".join(parts) + (f"<br>Left out: {', '.join(gone)}" if gone else ""))

    def _describe(self, label: int) -> str:
        """Give the text that shows over a particle."""
        table = self._session.current.table
        row = table[table["label"] == label].iloc[0]
        names = dict.fromkeys(name for name in (self.x.currentData(), self.y.currentData()) if name)
        chosen = self.colour.currentData()
        if chosen in self._columns:
            names[chosen] = None
        return "\n".join([f"Particle {label}", *(f"{axis_title(name)}: {cell_text(row[name])}" for name in names)])

    # ---- what is done ------------------------------------------------------------------------------

    def _on_particle(self, label: int, add: bool) -> None:
        self._session.selection = self._session.selection ^ {label} if add else {label}
        if not add:
            self._session.focus(label)

    def _on_particles(self, labels: list[int], add: bool) -> None:
        self._choosing = True
        try:
            self._session.selection = self._session.selection | set(labels) if add else labels
        finally:
            self._choosing = False
        self._on_area(None if add else self._area)  # with others beside it a box is not all that is selected

    def _on_area(self, area: Any) -> None:
        self._area = area
        selected = len(self._kept_labels())
        particles = self._session.current
        total = 0 if particles is None or particles.table is None else len(particles.table)
        shown = total if particles is None or particles.shown is None else len(particles.shown)
        allow(
            self.filter_button,
            (area is None and not selected, "Select particles first: drag over points or bars."),
            (area is None and selected == shown, "The table shows no others already."),
        )

    def _kept_labels(self) -> list[int]:
        """Give the selected particles among those that are shown."""
        particles, chosen = self._session.current, self._session.selection
        if particles is None or particles.table is None:
            return []
        if particles.shown is not None:
            chosen = chosen.intersection(particles.shown.tolist())
        return sorted(chosen)

    def _keep_as_filter(self) -> None:
        particles = self._session.current
        if particles is None:
            return
        wanted = particles.filter
        if self._area is None:  # those that a lasso leaves lie in no range; they are among those that passed before
            wanted = replace(wanted, text=", ".join(map(str, self._kept_labels())))
        for name, limits in zip((self.x.currentData(), self.y.currentData()), self._area or (), strict=False):
            if limits is not None:
                wanted = wanted.with_range(name, limits)
        self._session.set_filter(particles, wanted)
        self._on_area(None)

    def _ask_figure(self) -> None:
        particles = self._session.current
        if particles is None:
            return
        names = [display_name(name) for name in (self.x.currentData(), self.y.currentData()) if name]
        start = f"{particles.name} {' and '.join(names)}.png"
        path, kind = QFileDialog.getSaveFileName(self, "Save the figure", start, _KINDS)
        path = with_ending(self, path, _KINDS, kind)
        if path:
            self.write_figure(path)

    def write_figure(self, path: str) -> None:
        """Write the figure, in light colours."""
        from napari_cathode.explain.figure_files import save_figure

        drawn = self.plot.draw_anew()
        try:
            if drawn is None:
                raise InputError("There is no figure to write; no particle has the chosen values.")
            save_figure(drawn.figure, Path(path))
        except InputError as error:
            self.figures.say(str(error))


def _passes(particles: ParticleSet, label: Any) -> Any:
    return np.ones(len(label), bool) if particles.shown is None else np.isin(label, particles.shown)


def _rank_correlation(x: Any, y: Any) -> float:
    from scipy.stats import rankdata

    ranks = [rankdata(values) for values in (x, y)]
    return float(np.corrcoef(*ranks)[0, 1]) if all(np.ptp(rank) > 0 for rank in ranks) else float("nan")


def _fill(box: Any, special: list[tuple[str, str, str]], columns: list[str], first: str) -> None:
    """Offer columns; what was chosen stays chosen."""
    known = box.currentData() if box.count() else None
    box.clear()
    for text, value, tip in special:
        add_choice(box, text, value, tip)
    for name in columns:
        add_choice(box, axis_title(name), name, tooltip(name))
    place = box.findData(known) if known is not None else -1
    box.setCurrentIndex(place if place >= 0 else max(0, box.findData(first)))


def _small_toggle(text: str) -> QPushButton:
    button = QPushButton(text)
    button.setCheckable(True)
    return button
