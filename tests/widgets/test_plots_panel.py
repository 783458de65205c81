"""Plots of features in a real window: what is dragged over is selected, what is filtered or excluded is not drawn."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QToolTip

from napari_cathode.explain.plots import Histogram, Points, histogram, scatter
from napari_cathode.filtering import Filter
from napari_cathode.plugin.link import link_of
from napari_cathode.session import Colouring, ParticleSet
from napari_cathode.widgets.docks import FEATURES, PLOTS, open_dock
from tests.plugin.conftest import settle

COUNT = 60


@pytest.fixture
def plotted(viewer, qtbot):
    """Give the panel with its figure, and the particles."""
    side = np.arange(1, COUNT + 1, dtype=np.int32).reshape(1, 6, 10)
    labels = np.kron(side, np.ones((4, 4, 4), np.int32))
    labels[:, ::4] = 0
    rng = np.random.default_rng(0)
    table = pd.DataFrame({
        "label": np.arange(1, COUNT + 1), "damage": rng.random(COUNT), "volume_um3": rng.lognormal(3, 1, COUNT),
        "elongation": 1 + rng.random(COUNT),
    })  # fmt: skip
    table.loc[table["label"] == 5, "volume_um3"] = np.nan
    link = link_of(viewer)
    panel = open_dock(viewer, PLOTS)
    settle()
    assert "nothing to plot" in panel._empty.text() and panel._empty.isVisibleTo(panel)
    particles = ParticleSet(labels, "found", (1.0, 1.0, 1.0))
    link.show(particles)
    link.set_table(particles, table)
    drawn(panel, qtbot)
    return panel, link.session, particles


def drawn(panel, qtbot):
    """Wait for a figure of the present choice."""
    before = panel.plot.drawn
    panel._redraw()
    qtbot.waitUntil(lambda: panel.plot.drawn is not before and panel.plot._background is not None, timeout=300_000)
    qtbot.wait(60)  # until the figure has the size that the dock leaves it
    return panel.plot.drawn


def choose(panel, qtbot, x, y="", colour=""):
    for box, value in ((panel.x, x), (panel.y, y), (panel.colour, colour)):
        box.setCurrentIndex(box.findData(value))
    panel._on_chosen()
    return drawn(panel, qtbot)


def pixels(panel, points):
    """Give the places of data points in the widget."""
    canvas = panel.plot._canvas
    found = panel.plot.drawn.axes.transData.transform(np.asarray(points, float)) / canvas.device_pixel_ratio
    return [QPoint(round(x), round(canvas.height() - y)) for x, y in found]


def drag(panel, points, modifier=Qt.KeyboardModifier.NoModifier):
    canvas, places = panel.plot._canvas, pixels(panel, points)
    QTest.mousePress(canvas, Qt.MouseButton.LeftButton, modifier, places[0])
    for place in places[1:]:
        QTest.mouseMove(canvas, place)
        settle()
    QTest.mouseRelease(canvas, Qt.MouseButton.LeftButton, modifier, places[-1])
    settle()


def test_a_range_of_the_histogram_selects_and_becomes_a_filter(plotted, qtbot):
    panel, session, particles = plotted
    found = panel.plot.drawn
    assert isinstance(found, Histogram) and found.counts.sum() == COUNT and panel.x.currentData() == "damage"
    height = found.counts.max() / 2
    drag(panel, [(0.2, height), (0.4, height), (0.5, height)])
    damage = particles.table.set_index("label")["damage"]
    low, high = panel._area[0]
    assert (low, high) == pytest.approx((0.2, 0.5), abs=0.02)
    assert session.selection == set(damage.index[damage.between(low, high)]) and len(session.selection) > 5
    values = panel.plot._ring.get_data().values
    assert values.sum() == len(session.selection), "the chosen part of each bar is drawn"
    panel.filter_button.click()
    assert particles.filter == Filter().with_range("damage", (low, high)) and not panel.filter_button.isEnabled()
    assert drawn(panel, qtbot).counts.sum() == len(session.selection)
    assert f"{COUNT - len(session.selection)} filtered out" in panel.figures.text()


def test_a_lasso_selects_and_shift_adds(plotted, qtbot):
    panel, session, particles = plotted
    found = choose(panel, qtbot, "damage", "elongation", "volume_um3")
    assert isinstance(found, Points) and len(found.x) == COUNT
    table = particles.table.set_index("label")

    def inside(left, right, low, high):
        kept = table["damage"].between(left, right) & table["elongation"].between(low, high)
        return set(table.index[kept])

    drag(panel, [(0.1, 1.1), (0.5, 1.1), (0.5, 1.6), (0.1, 1.6), (0.1, 1.12)])
    sure, perhaps = inside(0.12, 0.48, 1.12, 1.58), inside(0.08, 0.52, 1.08, 1.62)
    assert len(sure) > 3 and sure <= session.selection <= perhaps
    first = session.selection
    panel.box.click()
    drag(panel, [(0.6, 1.1), (0.8, 1.4), (0.9, 1.7)], Qt.KeyboardModifier.ShiftModifier)
    assert first < session.selection and inside(0.62, 0.88, 1.12, 1.68) <= session.selection - first
    drag(panel, [(0.6, 1.1), (0.8, 1.4), (0.9, 1.7)])
    assert not first & session.selection and panel.filter_button.isEnabled()
    ring = panel.plot._ring.get_xdata()
    assert len(ring) == len(session.selection)


def test_what_a_lasso_leaves_is_kept_as_a_filter(plotted, qtbot):
    panel, session, particles = plotted
    choose(panel, qtbot, "damage", "elongation")
    assert not panel.filter_button.isEnabled() and "Select particles first" in panel.filter_button.toolTip()
    session.set_filter(particles, Filter("damage > 0.15").with_range("elongation", (1.0, 1.9)))
    drawn(panel, qtbot)
    drag(panel, [(0.1, 1.1), (0.5, 1.1), (0.5, 1.6), (0.1, 1.6), (0.1, 1.12)])
    chosen = session.selection
    assert len(chosen) > 3 and panel.filter_button.isEnabled(), panel.filter_button.toolTip()
    QTest.mouseClick(panel.filter_button, Qt.MouseButton.LeftButton)
    assert set(particles.shown.tolist()) == chosen
    assert particles.filter.text == ", ".join(map(str, sorted(chosen)))
    assert particles.filter.range_of("elongation") == (1.0, 1.9)
    assert not panel.filter_button.isEnabled() and "no others already" in panel.filter_button.toolTip()
    # A box that is dragged beside others is not all that is selected.
    session.set_filter(particles, Filter())
    drawn(panel, qtbot)
    panel.box.click()
    drag(panel, [(0.6, 1.1), (0.8, 1.4), (0.9, 1.7)], Qt.KeyboardModifier.ShiftModifier)
    both = session.selection
    assert chosen < both
    panel.filter_button.click()
    assert set(particles.shown.tolist()) == both and not particles.filter.ranges
    # And one that another choice follows is not what is selected any more.
    session.set_filter(particles, Filter())
    drawn(panel, qtbot)
    drag(panel, [(0.6, 1.1), (0.8, 1.4), (0.9, 1.7)])
    session.selection = {1, 2, 3}
    panel.filter_button.click()
    assert particles.shown.tolist() == [1, 2, 3]
    session.selection = ()
    session.set_filter(particles, Filter("damage > 5"))
    qtbot.waitUntil(lambda: "No particle passes the filter" in panel.figures.text(), timeout=10_000)
    assert not panel.filter_button.isEnabled()
    session.set_table(particles, particles.table.iloc[:0])
    qtbot.waitUntil(lambda: "The table has no particles" in panel.figures.text(), timeout=10_000)


def test_hovering_says_which_particle_and_a_click_selects_it(plotted, qtbot, monkeypatch):
    panel, session, particles = plotted
    choose(panel, qtbot, "damage", "elongation")
    said = []
    monkeypatch.setattr(QToolTip, "showText", lambda _place, text, *_: said.append(text))
    row = particles.table.iloc[11]
    place = pixels(panel, [(row["damage"], row["elongation"])])[0]
    QTest.mouseMove(panel.plot._canvas, place + QPoint(2, 1))
    settle()
    QTest.mouseMove(panel.plot._canvas, place)
    qtbot.waitUntil(lambda: bool(said), timeout=5000)
    assert said[-1].startswith("Particle 12\nDamage: ")
    QTest.mouseClick(panel.plot._canvas, Qt.MouseButton.LeftButton, pos=place)
    settle()
    assert session.selection == {12}


def test_excluded_particles_are_not_drawn_and_values_that_cannot_be_are_named(plotted, qtbot):
    panel, session, particles = plotted
    session.judge(particles, [1, 2, 3], verdict="excluded")
    assert drawn(panel, qtbot).counts.sum() == COUNT - 3
    kept = particles.table["damage"].iloc[3:]
    assert f"n = {COUNT - 3} · median {kept.median():.4g}" in panel.figures.text()
    assert "3 excluded" in panel.figures.text()
    panel.log_y.setChecked(True)
    found = choose(panel, qtbot, "damage", "volume_um3")
    assert len(found.x) == COUNT - 4 and 5 not in found.label
    assert found.axes.get_yscale() == "log" and "1 without a value" in panel.figures.text()
    rank = particles.table.iloc[3:][["damage", "volume_um3"]].corr("spearman").iloc[0, 1]
    assert f"{rank:.2f}".replace("-", "\N{MINUS SIGN}") in panel.figures.text()


def test_points_have_the_colours_of_the_picture(plotted, qtbot, viewer):
    panel, session, particles = plotted
    session.set_colouring(particles, Colouring("elongation"))
    found = choose(panel, qtbot, "damage", "volume_um3", "as in the picture")
    points = found.axes.collections[0]
    shown = [viewer.layers["found"].get_color(int(label)) for label in found.label]
    assert np.allclose(points.to_rgba(points.get_array()), shown, atol=0.01)


def test_a_column_of_the_table_is_shown_in_the_plot_and_the_figure_is_saved(plotted, qtbot, viewer, tmp_path):
    panel, _session, _particles = plotted
    features = open_dock(viewer, FEATURES)
    settle()
    action = next(a for a in features.table.column_menu("elongation").actions() if a.text() == "Show in the plot")
    action.trigger()
    assert panel.x.currentData() == "elongation"
    drawn(panel, qtbot)
    panel.write_figure(str(tmp_path / "f.svg"))
    assert "<svg" in (tmp_path / "f.svg").read_text()
    panel.write_figure(str(tmp_path / "f.svg" / "f.png"))
    assert "f.png" in panel.figures.text()


def test_colours_follow_the_theme(plotted, qtbot, viewer):
    panel, _session, _particles = plotted
    dark = panel.plot.drawn.figure.get_facecolor()
    viewer.theme = "light"
    qtbot.waitUntil(lambda: panel.plot.drawn.figure.get_facecolor() != dark, timeout=300_000)
    assert sum(panel.plot.drawn.figure.get_facecolor()[:3]) > sum(dark[:3])


@pytest.mark.parametrize("values", [[3.0], [2.0, 2.0, 2.0], [1e-9, 1.0, 1e9]])
@pytest.mark.parametrize("log", [False, True])
def test_odd_values_are_drawn(values, log):
    x = np.array(values)
    found = histogram(np.arange(1, len(x) + 1), x, "damage", log=log)
    assert found.counts.sum() == len(x)
    assert sorted(label for number in range(len(found.counts)) for label in found.labels_in(number)) == [
        *range(1, len(x) + 1)
    ]
    assert scatter(np.arange(1, len(x) + 1), x, x, ("a", "b"), log=(log, log)).nearest(0, 0) in (None, 0)


def test_a_filter_draws_points_over_the_axes_as_they_are(plotted, qtbot):
    panel, session, particles = plotted
    choose(panel, qtbot, "damage", "elongation", "volume_um3")
    canvas, figure, turns = panel.plot._canvas, panel.plot.drawn.figure, []
    canvas.mpl_connect("draw_event", turns.append)

    def filtered(wanted):
        turns.clear()
        before = panel.plot.drawn
        session.set_filter(particles, wanted)
        qtbot.waitUntil(lambda: panel.plot.drawn is not before and not panel.plot.pending, timeout=300_000)
        return np.array(canvas.buffer_rgba())

    def drawn_whole():
        canvas.draw()
        return np.array(canvas.buffer_rgba())

    whole, limits = drawn_whole(), figure.axes[0].get_xlim()
    most = filtered(Filter("elongation > 1.2"))
    assert not turns and figure.axes[0].get_xlim() == limits, "axes and colour bar are not drawn again"
    assert not np.array_equal(most, whole) and np.array_equal(most, drawn_whole())
    assert np.array_equal(filtered(Filter()), whole) and not turns
    session.selection = {1, 2, 3}
    settle()
    ringed = np.array(canvas.buffer_rgba())
    assert not np.array_equal(ringed, whole) and np.array_equal(ringed, drawn_whole())
    few = filtered(Filter("damage < 0.2"))
    assert turns and figure.axes[0].get_xlim()[1] < 0.3, "a few are looked at closely"
    assert np.array_equal(few, drawn_whole())
    panel.resize(panel.width(), panel.height() - 40)
    filtered(Filter("damage < 0.19"))
    assert np.array_equal(np.array(canvas.buffer_rgba()), drawn_whole())
