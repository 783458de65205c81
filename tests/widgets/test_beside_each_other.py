"""No panel starts what another one is about to make worthless, and each says why."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_cathode.edit import merge
from napari_cathode.plugin.link import link_of
from napari_cathode.session import ParticleSet
from napari_cathode.tomogram import Tomogram
from napari_cathode.widgets import edit as edit_module
from napari_cathode.widgets import features, fuse, identify, shap
from napari_cathode.widgets.docks import EDIT, FEATURES, FUSE, IDENTIFY, PROJECT, SHAP, START, open_dock
from napari_cathode.widgets.keeper import keeper_of
from napari_cathode.work import MEASURE, Work
from tests.plugin.conftest import SPACING, needs_canvas, settle

from .steps import iter_count

pytestmark = needs_canvas
TIMEOUT_MS = 300_000


def endless(*_args):
    """Stand in for a step that takes long."""
    return (yield from iter_count(10_000))


@pytest.fixture
def particles(viewer):
    """Give measured particles of a tomogram that is open."""
    labels = np.arange(1, 65, dtype=np.int32).reshape(1, 8, 8).repeat(4, 1).repeat(4, 2).repeat(2, 0)
    image = viewer.add_image(labels.astype(np.uint8), name="tomo", scale=SPACING, units=("um",) * 3)
    shown = ParticleSet(labels, "found", SPACING, Tomogram(image.data, SPACING, "tomo"))
    link_of(viewer).show(shown, image)
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"label": np.arange(1, 65), **{name: rng.random(64) for name in ("damage", "sphericity")}})
    link_of(viewer).set_table(shown, table)
    return shown


def press(button):
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    settle()


def test_explain_edit_and_run_all_wait_for_measure(viewer, qtbot, monkeypatch, particles):
    monkeypatch.setattr(features, "iter_measure_layers", endless)
    panels = {name: open_dock(viewer, name) for name in (FEATURES, SHAP, EDIT, START, PROJECT)}
    link = link_of(viewer)
    link.session.selection = {3}
    settle()
    panel, others = panels[FEATURES], (panels[SHAP].button, panels[EDIT].tools.delete_button, panels[START].button)
    assert all(button.isEnabled() for button in others)
    panel._measure_toggle.setChecked(True)
    open_dock(viewer, FEATURES)
    settle()
    press(panel.button)
    assert panel.runner.running
    for button in others:
        assert not button.isEnabled() and "“Measure particles”" in button.toolTip(), button.text()
    edit = panels[EDIT]
    assert "“Measure particles” is running" in edit._why.text() and edit._why.isVisibleTo(edit)
    assert edit.tools.y() < edit._why.y() < edit.history.y(), "below the buttons, which stay where they are"
    panels[SHAP].explain()
    assert "“Measure particles” is running" in panels[SHAP].runner.error and not panels[SHAP].runner.running
    panels[EDIT].edit("delete")
    assert "“Measure particles” is running" in panels[EDIT].runner.error and (particles.labels == 3).any()
    link.layer_of(particles).mode = "paint"
    panels[EDIT]._refresh()
    assert link.layer_of(particles).mode == "pan_zoom", "a stroke would be an edit"
    keeper_of(viewer).open("/nowhere")
    assert "“Measure particles” is running" in keeper_of(viewer).error
    press(panel.runner._cancel)
    qtbot.waitUntil(lambda: not panel.runner.running, timeout=TIMEOUT_MS)
    assert all(button.isEnabled() for button in others)
    assert not any("Measure particles" in button.toolTip() for button in others)
    assert not edit._why.isVisibleTo(edit)


def test_why_edits_wait_moves_nothing_under_a_pressed_mouse_button(viewer, qtbot, monkeypatch, particles):
    edit, session = open_dock(viewer, EDIT), link_of(viewer).session
    held = [Qt.MouseButton.LeftButton]
    monkeypatch.setattr(edit_module.QGuiApplication, "mouseButtons", lambda: held[0])
    session.begin(Work(MEASURE, particles))
    assert not edit.tools.delete_button.isEnabled() and not edit._why.isVisibleTo(edit)
    held[0] = Qt.MouseButton.NoButton
    qtbot.waitUntil(lambda: edit._why.isVisibleTo(edit), timeout=5000)


def test_an_edit_is_not_undone_below_a_measurement(viewer, qtbot, monkeypatch, particles):
    monkeypatch.setattr(features, "iter_measure_layers", endless)
    panel, edit, link = open_dock(viewer, FEATURES), open_dock(viewer, EDIT), link_of(viewer)
    link.session.edit(particles, merge(particles.labels, [3, 4]))
    settle()
    assert edit.history.undo_button.isEnabled()
    panel.measure()
    assert not edit.history.undo_button.isEnabled() and "Measure particles" in edit.history.undo_button.toolTip()
    with monkeypatch.context() as patch:
        said = []
        patch.setattr("napari_cathode.plugin.link.show_warning", said.append)
        link.undo()
    assert said and "Measure particles" in said[0] and not (particles.labels == 4).any()
    panel.runner.cancel()
    link.undo()
    assert (particles.labels == 4).any()


def test_measure_waits_for_explain(viewer, qtbot, monkeypatch, particles):
    monkeypatch.setattr(shap, "iter_explain_table", endless)
    measuring, explaining = open_dock(viewer, FEATURES), open_dock(viewer, SHAP)
    settle()
    press(explaining.button)
    assert explaining.runner.running, explaining.runner.error
    assert not measuring.button.isEnabled() and "“Explain” is running" in measuring.button.toolTip()
    assert measuring.load_button.isEnabled(), "its columns come beside the others"
    other = ParticleSet(particles.labels.copy(), "other", SPACING)
    link_of(viewer).show(other)
    settle()
    assert measuring.button.isEnabled(), "other particles are measured meanwhile"
    # A panel that is closed takes what it runs with it.
    link_of(viewer).session.current = particles
    viewer.window.remove_dock_widget(explaining)
    settle()
    assert not link_of(viewer).session.running and measuring.button.isEnabled(), "nobody could cancel it any more"
    with qtbot.waitSignal(explaining.destroyed):
        explaining.deleteLater()


def test_fuse_and_run_all_wait_for_find(viewer, qtbot, monkeypatch, labels):
    monkeypatch.setattr(identify, "iter_find_layer", endless)
    viewer.add_image(labels.astype(np.uint8), name="tomo", scale=SPACING, units=("um",) * 3)
    finding, start, fusing = open_dock(viewer, IDENTIFY), open_dock(viewer, START), open_dock(viewer, FUSE)
    fusing.views["xy"].layer = viewer.add_labels(labels, name="theirs", scale=SPACING, units=("um",) * 3)
    finding.form.field("method").set_value("watershed")
    finding.form.field("diameter_um").set_value(8.0)
    finding.identify()
    settle()
    assert finding.runner.running, finding.runner.error
    assert not start.button.isEnabled() and "“Find particles” runs in another panel" in start.button.toolTip()
    assert not finding.voxel_size.isEnabled() and not start.voxel_size.isEnabled(), "a run goes by what it began with"
    assert fusing.button.isEnabled(), "views of another tool"
    finding.runner.cancel()
    settle()
    assert start.button.isEnabled() and finding.voxel_size.isEnabled()


def test_what_follows_settings_leaves_particles_that_are_being_measured(viewer, monkeypatch, particles):
    """Other settings of Fuse show at once; a measurement of what they would replace would be lost."""
    monkeypatch.setattr(features, "iter_measure_layers", endless)
    fusing = open_dock(viewer, FUSE)
    particles.table = None
    fusing._newest = fuse._Shown(None, fusing.form.value(), particles, particles.revision)
    panel = open_dock(viewer, FEATURES)
    panel.measure()
    fusing.form.field("split_merge").set_value(0.9)
    settle()
    assert "“Measure particles” is running" in fusing.runner.status and not fusing._again.running
    panel.runner.cancel()
