"""How long the window takes to answer: table, filter, selection, colours and plots of many particles.

Run ``xvfb-run -a -s "-screen 0 1366x768x24" python benchmarks/interaction.py [--particles 2000 10000 50000]``; without
a screen's graphics card the picture is drawn in software. For each interaction it prints the CPU seconds of the median
of the rounds: of the answer itself (signals, models, layers), and of everything until the window has nothing left to do
(drawing included), to which the targets apply. The particles are balls on a lattice, the table has 40 columns; all but
opening the table is done with a scatter plot open, or, ``--without-plots``, with table and picture alone.
``--large-ids`` gives the particles the last ids before 2³¹. What napari takes by itself for another slice, or for other
colours, stands at the end.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import napari

from napari.utils.colormaps import CyclicLabelColormap
from qtpy.QtCore import QPoint, QSettings, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_cathode.filtering import Filter
from napari_cathode.plugin.link import Link, link_of
from napari_cathode.session import Colouring, ParticleSet
from napari_cathode.widgets.docks import FEATURES, PLOTS, open_dock

CELL = 12
COLUMNS = 40
TARGETS = {"open the table": 0.3, "sort": 0.1, "filter by a condition": 0.1, "filter by a range": 0.1,
           "the first selection": 0.1, "select one, highlighted": 0.1, "select 1,000, highlighted": 0.1,
           "select a third, highlighted": 0.1, "recolour": 0.05}  # fmt: skip
"""CPU seconds that each may take for 10,000 particles, with what is drawn."""

OF_PLOTS = {"choose a lasso of points", "hover over a point", "draw a histogram", "draw a scatter plot"}

PLOTS_SHOWN: list[Any] = []
"""Figures that are waited for."""


def balls(count: int, before: int = 0) -> np.ndarray:
    """Give a volume of ``count`` balls on a lattice, whose ids come after ``before``."""
    side = int(np.ceil(count ** (1 / 3)))
    ids = np.zeros(side**3, np.int32)
    ids[:count] = before + np.arange(1, count + 1)
    ids = ids.reshape(side, side, side)
    z, y, x = np.mgrid[:CELL, :CELL, :CELL] - (CELL - 1) / 2
    ball = z**2 + y**2 + x**2 <= (0.45 * CELL) ** 2
    return np.kron(ids, np.ones((CELL,) * 3, np.int32)) * np.tile(ball, (side,) * 3)


def features(count: int, seed: int = 0, before: int = 0) -> pd.DataFrame:
    """Give a table of 40 columns."""
    rng = np.random.default_rng(seed)
    side = int(np.ceil(count ** (1 / 3)))
    places = (np.argwhere(np.ones((side,) * 3))[:count] + 0.5) * CELL - 0.5
    known: dict[str, Any] = {"label": before + np.arange(1, count + 1)}
    known |= {name: places[:, axis] for axis, name in enumerate(("z_um", "y_um", "x_um"))}
    known |= {"damage": rng.beta(2, 8, count), "volume_um3": rng.lognormal(3, 1, count)}
    known |= {"touches_border": rng.random(count) < 0.1}
    return pd.DataFrame(known | {f"c{number}": rng.normal(size=count) for number in range(COLUMNS - len(known))})


def settle() -> None:
    """Let the window do everything that it has queued; figures are drawn in later turns."""
    quiet = 0
    while quiet < 5:
        QApplication.processEvents()
        time.sleep(0.01)
        quiet = 0 if any(plot.pending for plot in PLOTS_SHOWN) else quiet + 1


def timed(action: Callable[[], Any]) -> tuple[float, float]:
    """Give the CPU seconds of an action, and of it with all that follows in the window."""
    settle()
    started = time.process_time()
    action()
    answered = time.process_time() - started
    settle()
    return answered, time.process_time() - started


class Window:
    """A window with particles, and what is done in it; every interaction takes the number of the round."""

    def __init__(self, count: int, large_ids: bool = False) -> None:
        self.viewer = napari.Viewer()
        self.link: Link = link_of(self.viewer)
        self.session = self.link.session
        self.count, self.before = count, 2**31 - 1 - count if large_ids else 0
        self.particles = ParticleSet(balls(count, self.before), "balls", (1.0, 1.0, 1.0))
        self.link.show(self.particles)
        self.rng = np.random.default_rng(1)
        while "Selected particles" not in self.viewer.layers:  # made by itself while nobody asks for anything
            settle()

    def open_table(self) -> tuple[float, float]:
        """Open the panel with the table; the libraries that it needs were imported before, once for the whole day."""
        import napari_cathode.widgets.features
        import napari_cathode.widgets.keeper  # noqa: F401

        self.link.set_table(self.particles, features(self.count, 0, self.before))
        result = timed(self._open)
        self.table = self.panel.table
        return result

    def _open(self) -> None:
        self.panel = open_dock(self.viewer, FEATURES, "bottom")
        settle()

    def steps(self) -> Iterator[tuple[str, Callable[[int], Any]]]:
        """List the interactions."""
        yield "another table", lambda turn: self.link.set_table(self.particles, features(self.count, turn, self.before))
        yield "sort", self._sort
        yield "filter by a condition", lambda turn: self._type(f"c3 > {0.1 * turn} and damage < 0.5")
        yield "filter by a range", lambda turn: self._filter(Filter().with_range("c5", (-1 - 0.1 * turn, 1)))
        yield "hide the others in the picture", lambda turn: self._filter(Filter(f"c3 > {0.1 * turn}", (), True))
        yield "show all or a few", lambda turn: self._filter(Filter(f"label < {self.before + 50}" if turn % 2 else ""))
        yield "select one, highlighted", lambda turn: self._select(self.before + 1 + turn)
        yield "select 1,000, highlighted", lambda _turn: self._select_many(1000)
        yield "select a third, highlighted", lambda _turn: self._select_many(self.count // 3)
        yield "choose a lasso of points", self._lasso
        yield "hover over a point", self._hover
        yield (
            "exclude one",
            lambda turn: self.session.judge(self.particles, [self.before + 5 + turn], verdict="excluded"),
        )
        yield "recolour", lambda turn: self.session.set_colouring(self.particles, Colouring(f"c{turn + 1}"))
        yield "draw a histogram", lambda turn: self._plot(f"c{turn + 1}", "")
        yield "draw a scatter plot", lambda turn: self._plot(f"c{turn + 1}", "damage")
        yield "napari alone: another slice", lambda turn: self.viewer.dims.set_point(0, 2 * CELL + turn)
        yield "napari alone: other colours", self._other_colours

    def _other_colours(self, turn: int) -> None:
        """Give napari a colour table of the size of ours."""
        colours = np.random.default_rng(turn).random((self.count + 1, 4), np.float32)
        self.link.layer_of(self.particles).colormap = CyclicLabelColormap(colors=colours)

    def _sort(self, turn: int) -> None:
        self.table.view.header.setSortIndicator(5 + turn, Qt.SortOrder.AscendingOrder)

    def open_plots(self) -> None:
        """Open the panel with a scatter plot."""
        self.plots = open_dock(self.viewer, PLOTS, "right")
        PLOTS_SHOWN[:] = [self.plots.plot]
        self._plot("c1", "damage")
        settle()

    def _plot(self, x: str, y: str) -> None:
        for box, value in ((self.plots.x, x), (self.plots.y, y), (self.plots.colour, "volume_um3" if y else "")):
            box.setCurrentIndex(box.findData(value))
        self.plots._on_chosen()
        settle()

    def _lasso(self, turn: int) -> None:
        """Drag around a part of the plot with the mouse."""
        canvas, plot = self.plots.plot._canvas, self.plots.plot
        box = plot.drawn.axes.bbox
        size = 0.2 + 0.05 * turn
        corners = [(0.4, 0.1), (0.4 + size, 0.1), (0.4 + size, 0.1 + size), (0.4, 0.1 + size)]
        places = [QPoint(round(box.x0 + x * box.width), round(canvas.height() - box.y0 - y * box.height))
                  for x, y in corners]  # fmt: skip
        QTest.mousePress(canvas, Qt.MouseButton.LeftButton, pos=places[0])
        for place in places[1:]:
            QTest.mouseMove(canvas, place)
            QApplication.processEvents()
        QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=places[-1])

    def _hover(self, turn: int) -> None:
        canvas = self.plots.plot._canvas
        QTest.mouseMove(canvas, QPoint(canvas.width() // 2 + turn, canvas.height() // 2))
        QApplication.processEvents()

    def _type(self, text: str) -> None:
        self.table.filter.setText(text)
        self.table.apply_filter()

    def _filter(self, wanted: Filter) -> None:
        self.session.set_filter(self.particles, wanted)

    def select_first(self) -> None:
        """Select a particle for the first time."""
        self._select(self.before + self.count // 2)

    def _select(self, label: int) -> None:
        self.session.selection = {label}
        self.session.focus(label)

    def _select_many(self, count: int) -> None:
        self.session.selection = (
            self.before + self.rng.choice(np.arange(1, self.count + 1), count, replace=False)
        ).tolist()

    def close(self) -> None:
        """Close it."""
        PLOTS_SHOWN.clear()
        self.viewer.close()
        settle()


def measure(count: int, rounds: int, plots: bool, large_ids: bool) -> None:
    """Print the times for a number of particles."""
    window = Window(count, large_ids)
    print(f"\n{count} particles, {' × '.join(map(str, window.particles.labels.shape))} voxels, {COLUMNS} columns")
    print(f"{'':34}{'answer':>8}{'drawn':>8}  target")
    found = [("open the table", *window.open_table())]
    if plots:
        window.open_plots()
    found.append(("the first selection", *timed(window.select_first)))
    for name, action in window.steps():
        if not plots and name in OF_PLOTS:
            continue
        took = [timed(lambda turn=turn, action=action: action(turn)) for turn in range(rounds)]
        found.append((name, *(statistics.median(column) for column in zip(*took, strict=True))))
    for name, answered, drawn in found:
        target = TARGETS.get(name) if count <= 10_000 else None
        verdict = "" if target is None else f"{target:g} {'met' if drawn < target else 'MISSED'}"
        print(f"{name:34}{answered:8.3f}{drawn:8.3f}  {verdict}")
    window.close()


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--particles", type=int, nargs="+", default=[2_000, 10_000, 50_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without-plots", action="store_true", help="open no scatter plot")
    parser.add_argument("--large-ids", action="store_true", help="ids up to 2³¹ - 1")
    chosen = parser.parse_args()
    os.environ["NAPARI_CATHODE_RECOVERY"] = tempfile.mkdtemp(prefix="cathode-interaction-")  # no work left to offer
    QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, "/nowhere")
    for count in chosen.particles:
        measure(count, chosen.rounds, not chosen.without_plots, chosen.large_ids)


if __name__ == "__main__":
    main()
