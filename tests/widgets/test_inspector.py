"""The Inspector, by clicks and keys in a real window."""

import re

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest

from napari_cathode.plugin.link import link_of
from napari_cathode.session import ParticleSet
from napari_cathode.widgets.docks import FEATURES, INSPECTOR, SHAP, dock_of, open_dock
from napari_cathode.widgets.value_rows import describe, standings
from tests.plugin.conftest import SPACING, click, drag, needs_canvas, settle

from .heartbeat import Heartbeat


@pytest.fixture
def grey(labels):
    """Give grey values in which ball 7 is hollow."""
    z, y, x = np.mgrid[:16, :40, :40]
    hollow = (2 * (z - 8)) ** 2 + (y - 28) ** 2 + (x - 28) ** 2 <= 12
    noise = np.random.default_rng(0).normal(0, 4, labels.shape)
    made = (np.where((labels > 0) & ~hollow, 180, 60) + noise).astype(np.float32)
    return made[:]  # a view, as readers give it


@pytest.fixture
def wider(table):
    """Give a table of three particles, one of which is not in the labels."""
    other = {"label": 12, "z_um": 16.0, "y_um": 5.0, "x_um": 30.0, "volume_um3": 10.0, "damage": 0.4}
    return pd.concat([table, pd.DataFrame([other])], ignore_index=True)


def shown(qtbot, inspector, label, cracks=False):
    """Wait until a particle is shown."""

    def there():
        look = inspector.cuts.look
        return look is not None and look.label == label and (not cracks or bool(inspector.cuts.cracks))

    qtbot.waitUntil(there, timeout=300_000)


def press(viewer, key):
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, key)
    settle()


@needs_canvas
@pytest.mark.parametrize("ndisplay", [2, 3])
def test_a_click_shows_the_particle_its_row_and_its_neighbours(viewer, qtbot, labels, grey, table, ndisplay):
    link = link_of(viewer)
    viewer.add_image(grey, scale=SPACING, units=("um",) * 3)
    particles = ParticleSet(labels, "found", SPACING)
    link.show(particles)
    link.set_table(particles, table)
    inspector = open_dock(viewer, INSPECTOR)
    features = open_dock(viewer, FEATURES, "bottom")
    assert "Click a particle" in inspector.note.text()
    viewer.window.resize(1200, 900)
    viewer.dims.ndisplay = ndisplay
    viewer.scene.camera.angles = (0, 0, 90)
    settle()
    viewer.reset_view()
    settle()
    drag(viewer, (10, 10), (28, 28))
    assert inspector.label is None
    viewer.scene.camera.angles = (0, 0, 90)
    viewer.reset_view()
    settle()
    click(viewer, (28, 28))
    assert inspector.label == 7
    assert features.table.view.selectionModel().selectedRows()[0].row() == features.table.model.row_of(7)
    shown(qtbot, inspector, 7, cracks=True)
    assert set(inspector.cuts.cracks) == {"xy", "xz", "yz"}
    assert inspector.values.rows[0].column == "damage" and inspector.values.rows[0].text == "–"
    assert 'href="3"' in inspector.neighbours.text()
    click(viewer, (10, 10), Qt.KeyboardModifier.ShiftModifier)
    assert link.session.selection == {3, 7} and inspector.label == 3
    shown(qtbot, inspector, 3)
    inspector.neighbours.linkActivated.emit("7")
    assert link.session.selection == {7} and inspector.label == 7
    press(viewer, Qt.Key.Key_Escape)
    assert link.session.selection == frozenset() and inspector.label is None


@needs_canvas
def test_only_what_is_out_of_date_is_called_so(viewer, qtbot, labels, table):
    link = link_of(viewer)
    particles = ParticleSet(labels, "found", SPACING)
    link.show(particles)
    link.session.set_agreement(particles, table[["label"]].assign(agreement=0.9))
    link.set_table(particles, table)
    inspector = open_dock(viewer, INSPECTOR)
    link.session.selection = {7}
    assert inspector.note.text() == ""
    link.session.touch(particles)
    assert "measure again" in inspector.note.text()
    link.set_table(particles, table)  # which has followed the edit
    assert "How far the views agree" in inspector.note.text() and "measure" not in inspector.note.text()
    settle()


@needs_canvas
def test_keys_walk_the_order_of_the_table(viewer, qtbot, labels, wider):
    link = link_of(viewer)
    particles = ParticleSet(labels, "found", SPACING)
    link.show(particles)
    link.set_table(particles, wider)
    settle()
    press(viewer, Qt.Key.Key_Period)
    assert link.session.selection == {12}, "without a table the most damaged comes first"
    features = open_dock(viewer, FEATURES, "bottom")
    features.table.model.sort(features.table.model.names.index("volume_um3"))
    settle()
    assert particles.order.tolist() == [12, 3, 7]
    for expected in (3, 7, 12):
        press(viewer, Qt.Key.Key_Period)
        assert link.session.selection == {expected}
    press(viewer, Qt.Key.Key_Comma)
    assert link.session.selection == {7}
    place = viewer.dims.point
    press(viewer, Qt.Key.Key_Left)
    assert link.session.selection == {7} and viewer.dims.point != place, "arrows are the sliders'"
    press(viewer, Qt.Key.Key_I)
    qtbot.waitUntil(lambda: len(viewer.window.dock_widgets) == 2, timeout=5000)
    inspector = open_dock(viewer, INSPECTOR)
    shown(qtbot, inspector, 7)


@needs_canvas
@pytest.mark.parametrize("kind", ["lazy", "multiscale"])
def test_layers_of_other_kinds(viewer, qtbot, labels, grey, kind):
    link = link_of(viewer)
    place = {"scale": SPACING, "units": ("um",) * 3}
    if kind == "lazy":
        viewer.add_image(da.from_array(grey, chunks=8), contrast_limits=(0, 255), **place)
        layer = viewer.add_labels(da.from_array(labels, chunks=8), **place)
    else:
        viewer.add_image([grey, grey[::2, ::2, ::2]], multiscale=True, contrast_limits=(0, 255), **place)
        layer = viewer.add_labels([labels, labels[::2, ::2, ::2]], multiscale=True, **place)
    link.adopt(layer)
    inspector = open_dock(viewer, INSPECTOR)
    settle()
    click(viewer, (28, 28))
    shown(qtbot, inspector, 7)
    assert (inspector.cuts.look.cuts[0].labels == 7).sum() == (labels[8] == 7).sum()
    assert inspector.cuts.look.cuts[0].grey.max() > 150


@needs_canvas
def test_a_click_on_a_neighbour_in_a_picture_goes_there(viewer, qtbot):
    labels = np.zeros((12, 40, 40), np.int32)
    labels[2:10, 8:20, 8:20] = 1
    labels[2:10, 8:20, 20:32] = 2
    link = link_of(viewer)
    link.show(ParticleSet(labels, "found", (1.0, 1.0, 1.0)))
    inspector = open_dock(viewer, INSPECTOR)
    link.session.selection = {1}
    shown(qtbot, inspector, 1)
    settle()
    area = inspector.cuts._places[0]
    point = QPoint(round(area.right() - 3), round(area.center().y()))
    QTest.mouseClick(inspector.cuts, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, point)
    assert link.session.selection == {2}
    shown(qtbot, inspector, 2)
    assert inspector.cuts.look.neighbours == ((1, 0.0),)


@pytest.fixture
def explained(viewer):
    """Give the link of a window with 80 particles that are explained, and the explanation."""
    from napari_cathode.explain import ExplainParameters, explain
    from tests.explain.planted_tables import planted_table

    wide = planted_table(80)
    link = link_of(viewer)
    count = len(wide)
    made = np.zeros((24, 10 * count // 8, 80), np.int32)
    for label in range(1, count + 1):
        row, column = divmod(label - 1, 8)
        made[4:20, 10 * row : 10 * row + 9, 10 * column : 10 * column + 9] = label
    particles = ParticleSet(made, "found", (1.0, 1.0, 1.0))
    link.show(particles)
    link.set_table(particles, wide)
    found = explain(wide, ExplainParameters(n_trees=10))
    link.session.set_explanation(particles, found)
    return link, found


@needs_canvas
def test_the_window_stays_free(viewer, qtbot, explained):
    link, found = explained
    link.session.selection = {1}  # with the first one napari adds a layer, which is no part of the panel
    settle()
    link.session.selection = set()
    settle()
    with Heartbeat() as heart:
        inspector = open_dock(viewer, INSPECTOR)
        qtbot.wait(300)
        for label in found.shap["label"].tolist()[:3]:
            link.session.selection = {label}
            link.session.focus(label)
            shown(qtbot, inspector, label)
            qtbot.waitUntil(lambda: inspector.waterfall.drawn is not None, timeout=300_000)
            qtbot.wait(200)
    assert heart.longest < 0.2
    assert "predicted" in inspector.why.text()


def test_where_a_value_stands():
    table = pd.DataFrame(
        {"label": [2**31 - 1, 5, 9, 4], "damage": [0.1, 0.2, 0.3, np.nan], "touches_border": [True, False, True, False]}
    )
    rows = {row.column: row for row in standings(table, 9)}
    assert rows["damage"].share == pytest.approx(2.5 / 3) and rows["damage"].count == 3
    assert "83 % of 3 particles" in describe(rows["damage"])
    assert rows["touches_border"].text == "yes" and np.isnan(rows["touches_border"].share)
    assert standings(table, 1) == []
    assert standings(table, 2**31 - 1)[0].share == pytest.approx(0.5 / 3)


@needs_canvas
def test_nothing_moves_while_a_particle_is_read(viewer, qtbot, explained):
    """Neither what is clicked, nor the panels beside it; an empty place says what will come."""
    link, found = explained
    viewer.window.resize(1366, 768)
    shap = open_dock(viewer, SHAP, "right")
    qtbot.wait(300)
    heights, places, names = [], [], []

    def look():
        heights.append(dock_of(shap).height() if shap.isVisible() else None)
        inspector = next((known for name, known in viewer.window.dock_widgets.items() if "Inspector" in name), None)
        if inspector is None:
            return
        heights.append(dock_of(inspector).height() if inspector.isVisible() else None)
        inner = inspector.widget()
        parts = (inspector.cuts, inspector.cracks_box, inspector._around, inspector._why, inspector._all)
        if inspector._all.isVisible():
            seen.append(inspector)
        places.append([part.mapTo(inner, QPoint()).y() if part.isVisible() else None for part in parts])
        names.append(re.findall('href="([0-9]+)"', inspector.neighbours.text()))

    seen, timer = [], QTimer()
    timer.timeout.connect(look)
    timer.start(5)
    height = dock_of(shap).height()
    inspector = open_dock(viewer, INSPECTOR, "right")
    inspector._revealing.timeout.connect(look)  # at once when a part has come, too
    label = int(found.labels[2])
    link.session.selection = {label}
    shown(qtbot, inspector, label)
    qtbot.waitUntil(lambda: inspector.waterfall.drawn is not None and bool(seen), timeout=300_000)
    qtbot.wait(300)
    timer.stop()
    assert min(known for known in heights if known is not None) >= height - 40, "but for the tabs"
    for part in zip(*places, strict=True):
        known = [place for place in part if place is not None]
        assert not known or max(known) - min(known) <= 2, part
    assert all(place is not None for place in (places[-1][0], *places[-1][2:])), "there is no image to see cracks in"
    lists = [each for each in names if each]
    assert all(each == lists[-1][: len(each)] for each in lists) and len(lists[-1]) >= 6
    height = inspector.cuts.height()
    assert height < 200, "as high as pictures may be, not as a widget that knows no height"
    places.clear()
    timer.start(5)
    link.session.selection = {int(found.labels[3])}
    shown(qtbot, inspector, int(found.labels[3]))
    qtbot.wait(300)
    timer.stop()
    assert len({tuple(each[:3]) for each in places}) == 1 and inspector.cuts.height() == height
