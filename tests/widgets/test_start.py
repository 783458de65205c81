"""Start here: from a tomogram to coloured particles, step by step."""

import subprocess
import sys
from types import SimpleNamespace

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

from napari_cathode.errors import InputError
from napari_cathode.plugin.layers import tomogram_of
from napari_cathode.plugin.link import link_of
from napari_cathode.session import ParticleSet
from napari_cathode.widgets import flow as flow_module
from napari_cathode.widgets import start as start_module
from napari_cathode.widgets import voxel_size as voxel_module
from napari_cathode.widgets.docks import EDIT, IDENTIFY, START, open_dock
from napari_cathode.widgets.flow import (
    DONE,
    EXPLAIN,
    FIND,
    FUSE,
    MEASURE,
    NOT_NEEDED,
    RUNNING,
    STALE,
    TO_DO,
    Reached,
    reached,
)
from tests.plugin.conftest import needs_canvas, settle

from .steps import iter_count


def _balls(flat=False):
    """Give a volume of balls, or a slice of it, and the labels."""
    z, y, x = np.ogrid[:24, :64, :64]
    labels = np.zeros((24, 64, 64), np.int32)
    for number, (cy, cx) in enumerate([(cy, cx) for cy in range(8, 64, 16) for cx in range(8, 64, 16)]):
        labels[(z - 12) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 < (5 + number % 3) ** 2] = number + 1
    grey = np.where(labels > 0, 160, 60) + np.random.default_rng(0).normal(0, 5, labels.shape)
    return (grey[12] if flat else grey).astype(np.uint8), labels


def iter_explained(_table, _parameters):
    """Stand in for an explanation."""
    yield from iter_count(2)
    return SimpleNamespace(scores={"r2_mean": 0.5}, shap=pd.DataFrame())


def test_states_follow_what_there_is(model):
    grey, labels = _balls()
    layer = model.add_image(grey, scale=(0.2,) * 3, units=("um",) * 3)
    link = link_of(model)
    assert set(reached(link, layer).states.values()) == {TO_DO}
    particles = ParticleSet(labels, "p", (0.2,) * 3)
    link.show(particles, layer)
    assert reached(link, layer).states == {FIND: DONE, FUSE: DONE, MEASURE: TO_DO, EXPLAIN: TO_DO}
    link.set_table(particles, pd.DataFrame({"label": [1, 2], "damage": [0.1, 0.2]}))
    assert reached(link, layer).states[MEASURE] == DONE
    link.session.touch(particles)
    assert reached(link, layer).states[MEASURE] == STALE
    flat = model.add_image(grey[12], name="slice")
    assert reached(link, flat).states[FUSE] == NOT_NEEDED
    assert reached(link, flat).states[FIND] == TO_DO, "those particles are of another image"


def test_particles_of_another_tomogram_of_the_same_shape_count_for_nothing(model):
    """States of one cell are often cut to the same shape: the second is not analysed because the first is."""
    grey, labels = _balls()
    first, second = (model.add_image(array, scale=(0.2,) * 3, units=("um",) * 3) for array in (grey, grey.copy()))
    link = link_of(model)
    particles = ParticleSet(labels, "p", (0.2,) * 3, tomogram=tomogram_of(first))
    link.show(particles, first)
    assert reached(link, first).particles is particles
    assert reached(link, second).particles is None
    assert set(reached(link, second).states.values()) == {TO_DO}


def test_particles_of_a_lazy_slice_are_its_own(model):
    grey, labels = _balls()
    layer = model.add_image(da.from_array(grey[12]), scale=(0.2,) * 2, units=("um",) * 2)
    link = link_of(model)
    particles = ParticleSet(labels[12:13], "p", (0.2,) * 3, tomogram=tomogram_of(layer))
    link.show(particles, layer)
    assert reached(link, layer).particles is particles


@needs_canvas
def test_a_voxel_size_is_that_of_its_image_alone_and_an_odd_one_is_told(viewer, qtbot):
    grey, _ = _balls()
    first = viewer.add_image(grey, scale=(0.2,) * 3, units=("um",) * 3)
    start = open_dock(viewer, START)
    second = viewer.add_image(grey.copy(), scale=(0.2,) * 3, units=("um",) * 3)
    start.image.layer = second
    size = start.voxel_size
    size._boxes[2].setValue(0.3)
    assert tuple(second.scale) == (0.2, 0.2, 0.3)
    assert tuple(first.scale) == (0.2, 0.2, 0.2)
    assert size._hint.text() == ""
    for box in size._boxes:
        box.setValue(200.0)
    assert "200 nm is 0.2" in size._hint.text()
    size._boxes[0].setValue(1.0)
    size._boxes[1].setValue(1.0)
    size._boxes[2].setValue(15.0)
    assert "factor of 15" in size._hint.text()
    start._surveying = True
    start.refresh()
    assert not size.isEnabled(), "a run measures with the voxel size that it began with"


@needs_canvas
def test_a_dropped_file_is_opened_and_its_voxel_size_asked_for(viewer, qtbot, tmp_path):
    start = open_dock(viewer, START)
    assert not start.button.isEnabled()
    np.save(tmp_path / "tomo.npy", _balls()[0])
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "tomo.npy"))])
    copy, left, plain = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    target = start.childAt(QPoint(50, 50))
    while not target.acceptDrops():  # so Qt finds who gets a drop
        target = target.parentWidget()

    def drop():
        QApplication.sendEvent(target, QDragEnterEvent(QPoint(50, 50), copy, data, left, plain))
        QApplication.sendEvent(target, QDropEvent(QPointF(50, 50), copy, data, left, plain))

    drop()
    settle()
    assert start.image.layer is viewer.layers[0]
    assert start.button.isEnabled() and start.button.text() == "Run all"
    start.run()
    assert "voxel size" in start.runner.error
    start.voxel_size._boxes[0].setValue(0.2)
    assert start.runner.error == "", "what was asked for is there"
    data.setUrls([QUrl.fromLocalFile(str(tmp_path / "missing.npy"))])
    drop()
    assert start.runner.error


@needs_canvas
def test_what_a_step_found_stays_when_a_later_one_fails(viewer, qtbot):
    grey, labels = _balls()
    layer = viewer.add_image(grey, name="tomo", scale=(0.2,) * 3, units=("um",) * 3)
    link = link_of(viewer)
    particles = ParticleSet(labels, "tomo particles", (0.2,) * 3)
    link.show(particles, layer)
    start = open_dock(viewer, START)
    settle()
    assert start.button.text() == "Run the rest"
    assert "for the steps that are left" in start.before.facts.text()
    assert start.states[MEASURE].text() == TO_DO
    with qtbot.waitSignal(start.flow.changed, timeout=300_000):
        start.run()
    assert start.states[MEASURE].text() == RUNNING
    qtbot.waitUntil(lambda: len(viewer.window.dock_widgets) == 2, timeout=300_000)
    qtbot.waitUntil(lambda: not start.flow.step and not start.runner.running, timeout=300_000)
    assert len(particles.table) == 16
    assert start.runner.error, "sixteen particles are too few to be explained"
    assert start.states[MEASURE].text() == "16 measured" and start.states[EXPLAIN].text() == TO_DO
    assert start.states[FUSE].text() == "16 particles", "what came out stays to be read"
    assert start._then[0].isEnabled()
    assert "for the step that is left" in start.before.facts.text()
    features = next(panel for name, panel in viewer.window.dock_widgets.items() if name.startswith("Particle features"))
    assert features.colour_by.bar.isVisible(), "the colours have their key as soon as there are any"
    link.session.touch(particles)
    assert not start.runner.error and not start.runner.status, "the labels are others now"


@needs_canvas
def test_what_a_run_will_take_is_told_first_and_one_time_while_it_runs(viewer, qtbot, monkeypatch):
    viewer.add_image(_balls()[0], name="tomo", scale=(0.2,) * 3, units=("um",) * 3)
    start = open_dock(viewer, START)
    diameters = []

    def find():
        diameters.append(start.flow._identify.diameter_um)
        return start.flow._job("Find particles", iter_count, 2000), lambda _: ""

    monkeypatch.setattr(start.flow, "_find", find)
    QTest.mouseClick(start.button, Qt.MouseButton.LeftButton)  # before the panel looked at it by itself
    assert start.runner.running and start.states[FIND].text() == RUNNING and not start.button.isEnabled()
    qtbot.waitUntil(lambda: "Counting" in start.runner.status, timeout=300_000)
    assert start.flow.step == FIND
    assert "left for all steps" in start.runner.status, "as soon as it begins"
    assert start.before.facts.isVisible() and "GB of memory" in start.before.facts.text()
    assert "About" not in start.before.facts.text(), "two times beside each other contradict"
    inspect, correct = start._then
    assert not inspect.isEnabled() and not correct.isEnabled() and "being found" in inspect.toolTip()
    edit = open_dock(viewer, EDIT)
    qtbot.waitUntil(lambda: "being found" in edit._empty.text(), timeout=5000)
    open_dock(viewer, START)
    assert diameters == [start.before.survey.parameters.diameter_um], "it is not estimated twice"
    start.runner.cancel()
    assert start.button.isEnabled() and start.states[FIND].text() == TO_DO
    assert "About" in start.before.facts.text() and "for all steps" in start.before.facts.text()
    assert not inspect.isEnabled() and "no particles yet" in inspect.toolTip()


@needs_canvas
def test_another_run_of_all_steps_is_told_too(viewer, qtbot, monkeypatch):
    """What was known of the first is not forgotten when it is done."""
    layer = viewer.add_image(_balls()[0], name="tomo", scale=(0.2,) * 3, units=("um",) * 3)
    start = open_dock(viewer, START)
    qtbot.waitUntil(lambda: "for all steps" in start.before.facts.text(), timeout=300_000)
    all_done = Reached(None, None, dict.fromkeys((FIND, FUSE, MEASURE, EXPLAIN), DONE))
    monkeypatch.setattr(start_module, "reached", lambda link, layer: all_done)
    start.refresh()
    assert start.button.text() == "Run all again"
    assert "for all steps" in start.before.facts.text()
    # Without what was known, as in a project that was opened, it is looked at, unasked and where somebody asks.
    start.before.look(None, None)
    assert start.before.facts.text() == ""
    start.image.layer_changed.emit(layer)
    qtbot.waitUntil(lambda: "for all steps" in start.before.facts.text(), timeout=30_000)
    start.before.look(None, None)
    begun = []
    monkeypatch.setattr(start.flow, "start", lambda *arguments, expected: begun.append(expected))
    start.run()
    qtbot.waitUntil(lambda: bool(begun), timeout=300_000)
    assert set(begun[0]) == {FIND, FUSE, MEASURE, EXPLAIN} and layer in viewer.layers


@needs_canvas
def test_a_voxel_size_counts_as_it_is_typed(viewer, qtbot):
    layer = viewer.add_image(_balls()[0], name="tomo", scale=(0.2,) * 3, units=("um",) * 3)
    size = open_dock(viewer, START).voxel_size
    settle()
    assert len({box.y() for box in size._boxes}) == 1, "beside each other where there is room"
    for box in size._boxes:
        box.setFocus()
        box.lineEdit().selectAll()
        QTest.keyClicks(box.lineEdit(), "0.0325")  # and no Tab, no Enter
    assert size.spacing() == (0.0325,) * 3
    assert tuple(layer.scale) == pytest.approx((0.0325,) * 3)
    settle()
    for box in size._boxes:
        box.setValue(0.0000325)
    settle()
    for box in size._boxes:
        line = box.lineEdit()
        assert line.fontMetrics().horizontalAdvance(line.text()) + 4 <= line.width(), "no digit is cut off"


@needs_canvas
def test_a_button_that_is_pressed_right_after_typing_does_not_move_away(viewer, qtbot, monkeypatch):
    """What is said below the voxel size goes when it is known, and all below it moves up."""
    layer = viewer.add_image(_balls()[0], name="tomo")
    start = open_dock(viewer, START)
    settle()
    begun = []
    monkeypatch.setattr(start, "_run_steps", lambda: begun.append(tuple(layer.scale)))
    monkeypatch.setattr(start.before, "job", lambda: None)
    box, place = start.voxel_size._boxes[0], start.button.rect().center()
    held = [Qt.MouseButton.LeftButton]
    monkeypatch.setattr(voxel_module.QGuiApplication, "mouseButtons", lambda: held[0])  # QTest does not tell Qt of it
    box.setFocus()
    box.lineEdit().selectAll()
    QTest.keyClicks(box.lineEdit(), "0.2")
    settle()
    where = start.button.mapToGlobal(place)
    QTest.mousePress(start.button, Qt.MouseButton.LeftButton, pos=place)
    box.interpretText()  # as the field does that loses the focus
    settle()
    assert box.value() == 0.2 and start.button.mapToGlobal(place) == where
    held[0] = Qt.MouseButton.NoButton
    QTest.mouseRelease(start.button, Qt.MouseButton.LeftButton, pos=place)
    assert begun == [(0.2, 0.2, 0.2)]
    qtbot.waitUntil(lambda: not start.voxel_size._hint.isVisible(), timeout=5000)


@needs_canvas
@pytest.mark.parametrize("panel", [START, IDENTIFY])
def test_measuring_again_takes_back_that_all_is_explained(viewer, qtbot, monkeypatch, panel):
    grey, labels = _balls()
    layer = viewer.add_image(grey, name="tomo", scale=(0.2,) * 3, units=("um",) * 3)
    link = link_of(viewer)
    particles = ParticleSet(labels, "tomo particles", (0.2,) * 3)
    link.show(particles, layer)
    table = pd.DataFrame({"label": range(1, 17), "damage": np.linspace(0, 1, 16)})
    link.set_table(particles, table)
    monkeypatch.setattr(flow_module, "iter_explain_table", iter_explained)
    start, runs = open_dock(viewer, START), open_dock(viewer, panel)
    monkeypatch.setattr(start, "_show_results", lambda: None)
    with qtbot.waitSignal(runs.flow.completed, timeout=300_000):
        runs.flow.start(layer, tomogram_of(layer))
    assert "explained 16 particles" in runs.runner.status and start.states[EXPLAIN].text() == "R² 0.50"
    session = link.session
    session.judge(particles, [3], verdict="accepted")
    assert "explained 16 particles" in runs.runner.status, "nothing has become untrue"
    link.set_table(particles, table.copy())
    assert particles.explanation is None
    assert start.states[EXPLAIN].text() == TO_DO and start.states[MEASURE].text() == "16 measured"
    assert runs.runner.status == "", "it said that they are explained"
    assert start.button.text() == "Run the rest"
    # What something else has said since stays.
    runs.runner.say("Something else.")
    session.touch(particles)
    assert runs.runner.status == "Something else."


@needs_canvas
def test_a_look_beforehand_that_is_cancelled_starts_nothing(viewer, qtbot):
    viewer.add_image(_balls()[0], name="tomo", scale=(0.2,) * 3, units=("um",) * 3)
    start = open_dock(viewer, START)
    start.run()
    start.runner.cancel()
    settle()
    assert not start.flow.step and not start.runner.running and start.button.isEnabled()
    assert start.states[FIND].text() == TO_DO and "Cancelled" in start.runner.status


@needs_canvas
def test_cancel_keeps_what_there_is(viewer, qtbot, monkeypatch):
    grey, labels = _balls()
    layer = viewer.add_image(grey, name="tomo", scale=(0.2,) * 3, units=("um",) * 3)
    link = link_of(viewer)
    link.show(ParticleSet(labels, "tomo particles", (0.2,) * 3), layer)
    start = open_dock(viewer, START)
    monkeypatch.setattr(
        start.flow, "_measure", lambda: (start.flow._job("Measure particles", iter_count, 2000), lambda _: "")
    )
    start.run()
    qtbot.waitUntil(lambda: "Counting" in start.runner.status, timeout=300_000)
    start.runner.cancel()
    assert "Cancelled" in start.runner.status
    assert not start.flow.step and start.button.isEnabled()
    assert len(link.session.particle_sets) == 1


def test_a_voxel_size_in_metres_is_refused(model, qtbot):
    from napari_cathode.kept_process import KeptProcess
    from napari_cathode.plugin.layers import tomogram_of
    from napari_cathode.widgets.runner import Runner

    layer = model.add_image(_balls()[0], scale=(2e-7,) * 3, units=("um",) * 3)
    runner = Runner()
    qtbot.addWidget(runner)
    flow = flow_module.Flow(runner, model, link_of(model), runner, KeptProcess())
    with pytest.raises(InputError, match="really in µm"):
        flow.start(layer, tomogram_of(layer))


def test_the_keys_are_in_the_docs():
    from pathlib import Path

    from napari_cathode.plugin.keys import KEYS

    text = (Path(__file__).parents[2] / "docs" / "getting_started.md").read_text(encoding="utf-8")
    for group, keys in KEYS:
        title = group.replace("Fuse views", "*Fuse views*").replace("Edit particles", "*Edit particles*")
        assert f"{title}:" in text
        for key, what in keys:
            assert any(f"| {shown} | {what} |" in text for shown in (key, f"`{key}`")), key


@needs_canvas
def test_closing_napari_in_the_middle_of_a_run_ends_cleanly():
    import subprocess
    import sys
    from pathlib import Path

    script = Path(__file__).parent / "close_while_running.py"
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] != "0" and "0 left" in done.stdout
    assert "Traceback" not in done.stderr


def test_the_demo_ends_without_looking_for_garbage():
    """Which takes Python a second after the window is gone, and several on a busy machine."""
    program = """
import gc, warnings
warnings.simplefilter("ignore")
from napari_cathode.plugin import demo
demo.start_demo, demo.napari.run = lambda: None, lambda: None
demo.open_demo()
print("frozen", gc.get_freeze_count() > 10_000)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=600, check=False)
    assert "frozen True" in done.stdout, done.stdout + done.stderr
