"""The table and the picture in a real window: what one hides, excludes or opens, the other shows."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QMenu

from napari_cathode.plugin.link import link_of
from napari_cathode.session import Colouring, ParticleSet
from napari_cathode.widgets.docks import EDIT, FEATURES, open_dock
from tests.plugin.conftest import SPACING, click, settle


def test_a_filter_hides_the_others_in_the_picture(viewer, labels, table):
    link = link_of(viewer)
    particles = ParticleSet(labels, "found", SPACING)
    layer = link.show(particles)
    link.set_table(particles, table)
    panel = open_dock(viewer, FEATURES).table
    viewer.reset_view()
    settle()
    plain = layer.colormap
    panel.filter.setText("volume_um3 > 2500")
    QTest.keyClick(panel.filter, Qt.Key.Key_Return)
    assert layer.colormap is plain
    QTest.mouseClick(panel.hide_button, Qt.MouseButton.LeftButton)
    settle()
    assert layer.get_color(3)[3] == 0 and np.allclose(layer.get_color(7), plain.map(7))
    viewer.dims.set_point(0, 16)
    click(viewer, (10, 10))
    assert link.session.selection == frozenset(), "what is hidden is not clicked"
    link.session.set_colouring(particles, Colouring("volume_um3"))
    assert layer.get_color(3)[3] == 0 and layer.get_color(7)[3] > 0
    QTest.mouseClick(panel.hide_button, Qt.MouseButton.LeftButton)
    assert layer.get_color(3)[3] > 0
    link.session.set_colouring(particles, None)
    assert layer.colormap is plain


def test_a_right_click_on_the_picture_excludes(viewer, labels, table):
    link = link_of(viewer)
    particles = ParticleSet(labels, "found", SPACING)
    link.show(particles)
    link.set_table(particles, table)
    viewer.dims.set_point(0, 16)
    viewer.reset_view()
    settle()
    click(viewer, (10, 10), button=Qt.MouseButton.RightButton)
    menu = viewer.window._qt_window.findChild(QMenu, "particle")
    assert menu.isVisible() and link.session.selection == {3}
    next(action for action in menu.actions() if action.text() == "Exclude").trigger()
    menu.close()
    settle()
    assert particles.excluded == {3} and particles.table["review_excluded"].tolist() == [True, False]
    click(viewer, (0, 0), button=Qt.MouseButton.RightButton)
    assert link.session.selection == {3}, "where there is no particle nothing opens"


def test_settings_widen_no_small_window(viewer, labels, table, qtbot):
    """On a screen of 1366 pixels settings and table have no room beside each other, with panels at both sides."""
    main = viewer.window._qt_window
    main.resize(1366, 768)
    link = link_of(viewer)
    particles = ParticleSet(labels, "found", SPACING)
    link.show(particles)
    link.set_table(particles, table.assign(damage=[0.1, 0.2], touches_border=[False, True]))
    link.session.set_colouring(particles, Colouring("damage"))
    open_dock(viewer, EDIT, "right")
    panel = open_dock(viewer, FEATURES, "bottom")
    settle()
    qtbot.wait(200)
    assert main.width() == 1366 and panel.table.isVisible()
    width = panel.width()
    for shown in (True, False, True, False):
        QTest.mouseClick(panel._measure_toggle, Qt.MouseButton.LeftButton)
        settle()
        qtbot.wait(200)
        assert main.width() == 1366 and panel.width() == width
        assert panel.button.isVisible() == shown and panel.table.isVisible() != shown
    main.resize(1900, 900)
    settle()
    QTest.mouseClick(panel._measure_toggle, Qt.MouseButton.LeftButton)
    settle()
    assert panel.button.isVisible() and panel.table.isVisible(), "beside each other where there is room"


def test_a_table_remembered_at_the_bottom_makes_the_window_no_higher(viewer, labels, table, qtbot):
    """As napari puts it there from the second day on."""
    from napari.settings import get_settings

    main = viewer.window._qt_window
    main.resize(1366, 768)
    link = link_of(viewer)
    particles = ParticleSet(labels, "found", SPACING)
    link.show(particles)
    link.set_table(particles, table.assign(damage=[0.1, 0.2]))
    positions = get_settings().application.plugin_widget_positions
    name = f"{FEATURES} (napari-cathode)"
    get_settings().application.plugin_widget_positions = {**positions, name: "bottom"}
    try:
        dock, _ = viewer.window.add_plugin_dock_widget("napari-cathode", FEATURES)
        settle()
        qtbot.wait(200)
        assert main.dockWidgetArea(dock) == Qt.DockWidgetArea.BottomDockWidgetArea
        assert main.height() == 768
    finally:
        get_settings().application.plugin_widget_positions = positions


@pytest.mark.parametrize("condition", ["damage > 9", "damage > 0.7"])
def test_pinned_columns_stay_beside_their_rows_when_a_filter_goes(viewer, qtbot, condition):
    link = link_of(viewer)
    count = 400
    particles = ParticleSet(np.arange(1, count + 1, dtype=np.int32).reshape(1, 20, 20), "many", SPACING)
    link.show(particles)
    values = np.random.default_rng(0).permutation(count) / count
    link.set_table(particles, pd.DataFrame({"label": np.arange(1, count + 1), "damage": values}))
    panel = open_dock(viewer, FEATURES, "bottom").table
    settle()
    main, pinned = (view.verticalScrollBar() for view in (panel.view, panel.pinned))
    assert panel.pinned.isVisible()
    chosen = int(panel.model.labels[150])
    link.session.selection = {chosen}
    settle()
    assert main.value() == pinned.value() > 0
    panel.filter.setText(condition)
    QTest.keyClick(panel.filter, Qt.Key.Key_Return)
    settle()
    panel.clear_filter()
    settle()
    assert pinned.maximum() == main.maximum() > 300
    assert pinned.value() == main.value()
    top = panel.view.rowAt(1)
    assert panel.pinned.rowAt(1) == top and top <= 150 < top + 60
