"""The Fuse panel in a real window: particles follow the settings, a box is tried out first."""

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_cathode.plugin.layers import is_helper
from napari_cathode.plugin.link import link_of
from napari_cathode.widgets import kept_views
from napari_cathode.widgets.docks import FUSE, open_dock
from tests.fuse.test_fuse import balls
from tests.plugin.conftest import settle

TIMEOUT_MS = 300_000


@pytest.fixture
def panel(viewer):
    """Give the panel with three views of two touching balls, as layers of another tool."""
    truth = balls((28, 28, 44), [(14, 14, 12), (14, 14, 30)], 9.5)
    panel = open_dock(viewer, FUSE)
    for name in ("xy", "xz", "yz"):
        layer = viewer.add_labels(truth.copy(), name=name, scale=(0.5,) * 3, units=("um",) * 3)
        panel.views[name].layer = layer
    viewer.reset_view()
    settle()
    return panel


def press(qtbot, panel, button):
    """Press a button that starts a run, and wait for its end."""
    with qtbot.waitSignal(panel.runner.finished, timeout=TIMEOUT_MS):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert panel.runner.error == ""
    settle()


def test_particles_follow_the_slider_until_somebody_works_on_them(viewer, qtbot, panel):
    session = link_of(viewer).session
    press(qtbot, panel, panel.button)
    particles, layer = session.current, viewer.layers["fused particles"]
    assert particles.labels.max() == 2
    pid = panel._process.pid
    QTest.mouseClick(panel.review._colour, Qt.MouseButton.LeftButton)
    assert particles.colouring is not None
    panel.slider.setFocus()
    QTest.keyClick(panel.slider, Qt.Key.Key_End)
    assert panel.form.value().split_merge == 1
    qtbot.waitUntil(lambda: "Now 1 particle" in panel.runner.status, timeout=TIMEOUT_MS)
    assert session.current is particles and viewer.layers["fused particles"] is layer
    assert layer.data.max() == 1 and len(particles.agreement) == 1
    assert particles.colouring is not None, "the colours follow"
    assert panel.review.queue() == [1]
    assert particles.provenance["fuse"]["split_merge"] == layer.metadata["fuse"]["split_merge"] == 1
    assert panel._process.pid == pid, "the process that keeps the views stays"
    session.set_review(particles, 1, "accepted")
    panel.form.field("split_merge").set_value(0.05)
    assert "Fuse views makes new ones" in panel.runner.status
    assert panel.slider.value() == 22, "the slider shows what is typed"
    settle()
    assert layer.data.max() == 1 and set(particles.review) == {1}
    press(qtbot, panel, panel.button)
    assert session.current is not particles and session.current.labels.max() == 2
    assert panel._process.pid == pid


def test_settings_that_are_changed_during_a_run_follow_it(viewer, qtbot, panel):
    with qtbot.waitSignal(panel.runner.finished, timeout=TIMEOUT_MS):
        QTest.mouseClick(panel.button, Qt.MouseButton.LeftButton)
        panel.slider.setFocus()
        QTest.keyClick(panel.slider, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: "Now 1 particle" in panel.runner.status, timeout=TIMEOUT_MS)
    assert link_of(viewer).session.current.labels.max() == 1


def test_a_painted_view_is_handed_over_again(viewer, qtbot, panel):
    press(qtbot, panel, panel.button)
    for view in ("xy", "xz", "yz"):
        layer = viewer.layers[view]
        layer.data_setitem(np.nonzero(np.asarray(layer.data) == 2), 0)
    settle()
    press(qtbot, panel, panel.button)
    assert link_of(viewer).session.current.labels.max() == 1
    for view in ("xy", "xz", "yz"):
        viewer.layers[view].undo()
    press(qtbot, panel, panel.button)
    assert link_of(viewer).session.current.labels.max() == 2, "napari tells nobody that a stroke was undone"


def test_a_box_is_tried_out_first(viewer, qtbot, panel, monkeypatch):
    monkeypatch.setattr(kept_views, "BOX", 24)
    session = link_of(viewer).session
    viewer.scene.camera.center = (0, 7, 6)  # the middle of the first ball
    press(qtbot, panel, panel.preview_button)
    layer = panel.preview.layer
    assert layer.data.shape == (24, 24, 24) and is_helper(layer) and session.particle_sets == ()
    assert tuple(layer.translate) == (0.5, 1.0, 0.0)
    assert "box of 24 × 24 × 24" in panel.runner.status
    assert layer.data[13, 12, 12] == 1
    panel.form.field("method").set_value("watershed")
    panel.form.field("minimal_diameter_um").set_value(20.0)
    qtbot.waitUntil(lambda: not panel._again.running, timeout=TIMEOUT_MS)
    settle()
    assert layer.data.max() == 0, "the preview follows every setting"
    viewer.scene.camera.center = (0, 700, 6)
    QTest.mouseClick(panel.preview_button, Qt.MouseButton.LeftButton)
    assert "beside xy" in panel.runner.error
    panel.form.field("minimal_diameter_um").set_value(None)
    press(qtbot, panel, panel.button)
    assert layer not in viewer.layers and session.current.labels.max() == 2
