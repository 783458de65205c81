"""The window answers while panels open, work is opened, particles are edited, tried out and learnt from.

The steps themselves are held to the same in test_flow.
"""

from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_cathode.explain import ExplainParameters, explain
from napari_cathode.measure import MeasureParameters, measure, summarise
from napari_cathode.plugin.link import link_of
from napari_cathode.project import Project, snapshot
from napari_cathode.session import Colouring, ParticleSet, Session
from napari_cathode.tomogram import Tomogram
from napari_cathode.widgets import edit_jobs, kept_views
from napari_cathode.widgets.docks import EDIT, FEATURES, FUSE, IDENTIFY, PROJECT, TRAIN, open_dock, open_results
from napari_cathode.widgets.keeper import keeper_of
from tests.plugin.conftest import click, needs_canvas, settle

from .heartbeat import Heartbeat

pytestmark = needs_canvas
LIMIT_S = 0.2

TIMEOUT_MS = 300_000
CELL = 16
UM = 0.25


@pytest.fixture(autouse=True)
def first_layers(viewer):
    """Let napari make its first layer of each kind, for which it takes 0.3 s each."""
    viewer.add_image(np.zeros((2, 2, 2), np.uint8), name="first image")
    viewer.add_labels(np.zeros((2, 2, 2), np.int32), name="first labels")
    settle()
    viewer.layers.clear()
    settle()


def lattice(shape=(3, 6, 6)):
    """Give labels of balls and their image."""
    z, y, x = np.mgrid[:CELL, :CELL, :CELL] - (CELL - 1) / 2
    ball = z**2 + y**2 + x**2 <= (0.42 * CELL) ** 2
    ids = np.arange(1, np.prod(shape) + 1, dtype=np.int32).reshape(shape)
    labels = np.kron(ids, np.ones((CELL,) * 3, np.int32)) * np.tile(ball, shape)
    grey = np.where(labels > 0, 180, 60) + np.random.default_rng(0).normal(0, 9, labels.shape)
    return labels, Tomogram(np.clip(grey, 0, 255).astype(np.uint8), (UM,) * 3, name="lattice")


def columns(count, width=40):
    """Give a table of many columns."""
    rng = np.random.default_rng(0)
    known = {
        "label": np.arange(1, count + 1),
        "damage": rng.beta(2, 8, count),
        "volume_um3": rng.lognormal(3, 1, count),
    }
    return pd.DataFrame(known | {f"c{number}": rng.normal(size=count) for number in range(width - len(known))})


def press(viewer, key):
    """Press a key on the picture."""
    native = viewer.window._qt_viewer.canvas.native
    native.setFocus()
    QTest.keyClick(native, key)
    settle()


@pytest.mark.parametrize("count", [10_000])
def test_opening_a_large_table(viewer, qtbot, count):
    link = link_of(viewer)
    side = int(np.ceil(count**0.5))
    particles = ParticleSet(np.arange(1, side**2 + 1, dtype=np.int32).reshape(1, side, side), "many", (1.0,) * 3)
    link.show(particles)
    link.set_table(particles, columns(count))
    settle()
    with Heartbeat() as heart:
        features = open_dock(viewer, FEATURES, "bottom")
        qtbot.wait(300)
        features.table.filter.setText("damage > 0.2 and c3 < 0")
        features.table.apply_filter()
        qtbot.wait(100)
        link.session.selection = set(range(1, 1000))
        qtbot.wait(100)
        link.session.set_colouring(particles, Colouring("c5"))
        qtbot.wait(100)
    assert 0 < len(features.table.model.labels) < count
    assert heart.beats > 10 and heart.longest < LIMIT_S


def test_opening_a_project_with_all_its_results(viewer, qtbot, tmp_path):
    labels, tomogram = lattice()
    made = Session()
    particles = ParticleSet(labels, "balls", tomogram.spacing_um, tomogram)
    made.add(particles)
    table = columns(int(labels.max()), 12)
    made.set_table(particles, table)
    made.set_explanation(particles, explain(table, ExplainParameters(n_trees=10)))
    made.set_colouring(particles, Colouring("c3"))
    Project.new(tmp_path / "saved").save(snapshot(made))
    open_dock(viewer, PROJECT)
    settle()
    keeper = keeper_of(viewer)
    with Heartbeat() as heart:
        with qtbot.waitSignal(keeper.finished, timeout=TIMEOUT_MS):
            keeper.open(tmp_path / "saved")
        open_results(viewer)
        qtbot.waitUntil(lambda: len(viewer.window.dock_widgets) == 3, timeout=TIMEOUT_MS)
        shap = next(panel for name, panel in viewer.window.dock_widgets.items() if "SHAP" in name)
        qtbot.waitUntil(lambda: shap.swarm.drawn is not None and not shap.swarm.pending, timeout=TIMEOUT_MS)
        qtbot.wait(500)
    assert keeper.error == ""
    assert link_of(viewer).session.current.colouring == Colouring("c3")
    assert heart.beats > 10 and heart.longest < LIMIT_S


@pytest.mark.parametrize("in_process", [False, True])
def test_editing(viewer, qtbot, monkeypatch, in_process):
    if in_process:
        monkeypatch.setitem(edit_jobs._AT_ONCE, "split", 0)
    labels, tomogram = lattice()
    link = link_of(viewer)
    particles = ParticleSet(labels, "balls", tomogram.spacing_um, tomogram)
    viewer.add_image(tomogram.data, name="lattice", scale=(UM,) * 3, units=("um",) * 3)
    layer = link.show(particles, viewer.layers["lattice"])
    table = measure(labels, tomogram.data, tomogram.spacing_um, MeasureParameters())
    link.set_table(particles, table, summarise(table, labels, tomogram.spacing_um), tomogram)
    link.session.set_colouring(particles, Colouring("volume_um3"))
    panel = open_dock(viewer, EDIT)
    features = open_dock(viewer, FEATURES, "bottom")
    viewer.dims.set_point(0, 23 * UM)
    viewer.reset_view()
    link.session.selection = {1}  # with the first one napari adds a layer, which is no part of editing
    settle()
    before = labels.copy()

    def place(label):
        return np.argwhere(before == label).mean(0) * UM

    def followed():
        qtbot.waitUntil(lambda: not panel.runner.running and not particles.out_of_date, timeout=TIMEOUT_MS)
        qtbot.wait(100)

    with Heartbeat() as heart:
        click(viewer, place(50))
        click(viewer, place(51), Qt.KeyboardModifier.ShiftModifier)
        press(viewer, Qt.Key.Key_J)
        followed()
        assert 51 not in particles.labels and len(particles.table) == labels.max() - 1
        press(viewer, Qt.Key.Key_K)
        qtbot.waitUntil(lambda: panel.preview.showing, timeout=TIMEOUT_MS)
        qtbot.wait(100)  # nobody accepts in the same turn
        panel.preview.accept_button.click()
        followed()
        press(viewer, Qt.Key.Key_Delete)
        followed()
        panel.history.list.setCurrentRow(0)
        item = panel.history.list.visualItemRect(panel.history.list.item(0)).center()
        QTest.mouseClick(panel.history.list.viewport(), Qt.MouseButton.LeftButton, pos=item)
        followed()
    assert np.array_equal(particles.labels, before) and layer.data is particles.labels
    assert len(features.table.model.labels) == before.max()
    assert heart.beats > 10 and heart.longest < LIMIT_S


@pytest.mark.parametrize("method", ["stardist", "watershed"])
def test_the_preview_of_a_slice(viewer, qtbot, method):
    _, tomogram = lattice()
    viewer.add_image(tomogram.data, name="lattice", scale=(UM,) * 3, units=("um",) * 3)
    panel = open_dock(viewer, IDENTIFY)
    panel.form.field("method").set_value(method)
    panel.form.field("diameter_um").set_value(CELL * UM)
    viewer.dims.set_point(0, 23 * UM)
    settle()
    with Heartbeat() as heart:
        with qtbot.waitSignal(panel.runner.finished, timeout=TIMEOUT_MS):
            QTest.mouseClick(panel.preview_button, Qt.MouseButton.LeftButton)
        qtbot.wait(300)
    assert panel.runner.error == "" and viewer.layers["lattice · preview"].data.max() > 10
    assert heart.beats > 10 and heart.longest < LIMIT_S


def test_the_preview_of_a_fused_box(viewer, qtbot, monkeypatch):
    monkeypatch.setattr(kept_views, "BOX", 40)
    labels, _ = lattice()
    panel = open_dock(viewer, FUSE)
    for name in ("xy", "xz", "yz"):
        panel.views[name].layer = viewer.add_labels(labels.copy(), name=name, scale=(UM,) * 3, units=("um",) * 3)
    viewer.reset_view()
    settle()
    with Heartbeat() as heart:
        with qtbot.waitSignal(panel.runner.finished, timeout=TIMEOUT_MS):
            QTest.mouseClick(panel.preview_button, Qt.MouseButton.LeftButton)
        panel.form.field("split_merge").set_value(0.9)
        qtbot.waitUntil(lambda: not panel._again.running, timeout=TIMEOUT_MS)
        qtbot.wait(300)
    assert panel.runner.error == "" and panel.preview.layer.data.max() > 0
    assert heart.beats > 10 and heart.longest < LIMIT_S


@pytest.mark.slow
def test_training(viewer, qtbot):
    if find_spec("tensorflow") is None or find_spec("tf2onnx") is None:  # never loaded in a process that draws
        pytest.skip("training needs TensorFlow")
    labels, tomogram = lattice((1, 7, 11))
    viewer.add_image(tomogram.data[CELL // 2], name="slice")
    viewer.add_labels(labels[CELL // 2], name="outlined")
    panel = open_dock(viewer, TRAIN)
    panel.start_from.setCurrentIndex(panel.start_from.findData(""))
    tiny = {"steps": 4, "batch": 2, "patch": 64, "validate_every": 2, "rays": 8, "depth": 1, "filters": 4}
    for name, value in tiny.items():
        panel.form.field(name).set_value(value)
    settle()
    with Heartbeat() as heart:
        QTest.mouseClick(panel.sources.add_layers_button, Qt.MouseButton.LeftButton)
        with qtbot.waitSignal(panel.runner.finished, timeout=TIMEOUT_MS):
            QTest.mouseClick(panel.button, Qt.MouseButton.LeftButton)
        qtbot.wait(1000)
    assert panel.runner.error == "", panel.runner._details
    assert "my-model is in the list of models" in panel.runner.status
    assert panel.plot.drawn is not None
    assert heart.beats > 10 and heart.longest < LIMIT_S
