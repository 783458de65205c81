"""Projects in a window: saved, opened, dropped, kept by themselves, recovered after a crash."""

import time

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QCloseEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from napari_cathode import io
from napari_cathode.edit import operations
from napari_cathode.plugin.link import link_of
from napari_cathode.plugin.project_layers import take_state
from napari_cathode.project import Project, RecoveryFolder, clock, list_recoverable, open_project
from napari_cathode.project.unsaved import UnsavedWork
from napari_cathode.session import Colouring, ParticleSet
from napari_cathode.widgets import keeper as keeper_module
from napari_cathode.widgets.docks import FEATURES, PROJECT, open_dock
from napari_cathode.widgets.keeper import keeper_of
from tests.plugin.conftest import needs_canvas, settle
from tests.project.conftest import scan, session, tiny  # noqa: F401
from tests.report.tiny_result import SPACING

TIMEOUT_MS = 300_000
pytestmark = needs_canvas


@pytest.fixture
def saved(session, tmp_path):  # noqa: F811
    """Give a project with something of everything."""
    from napari_cathode.project import snapshot

    folder = tmp_path / "saved"
    Project.new(folder).save(snapshot(session, parameters={"measure": {"closing_radius_um": 0.123}}))
    return folder


def wait(qtbot, keeper, start):
    with qtbot.waitSignal(keeper.finished, timeout=TIMEOUT_MS):
        start()
    settle()
    assert keeper.error == "", keeper.error


def assert_linked(viewer, session):  # noqa: F811
    """Everything of a session is on the screen and follows it."""
    link, old = link_of(viewer), session.current
    new = link.session.current
    assert [known.name for known in link.session.particle_sets] == ["others", "balls"]
    layer = viewer.layers["balls"]
    assert link.layer_of(new) is layer and np.shares_memory(layer.data, new.labels)
    assert np.array_equal(layer.data, old.labels) and tuple(layer.scale) == SPACING
    assert viewer.layers["scan"].data.shape == old.labels.shape
    pd.testing.assert_frame_equal(new.table, old.table)
    assert "sphericity" in layer.features.columns
    assert new.colouring == old.colouring and new.filter == old.filter and new.review == old.review
    assert layer.colormap is not viewer.layers["others"].colormap
    assert link.session.selection == session.selection
    assert new.explanation.predictors == old.explanation.predictors
    assert new.out_of_date == old.out_of_date
    assert new.tomogram.source == old.tomogram.source


def test_a_project_opens_with_everything_linked(viewer, qtbot, session, saved):  # noqa: F811
    keeper = keeper_of(viewer)
    wait(qtbot, keeper, lambda: viewer.open(saved, plugin="napari-cathode"))
    assert_linked(viewer, session)
    assert keeper.project.folder == saved and not keeper.unsaved
    features = open_dock(viewer, FEATURES)
    settle()
    assert features.form.field("closing_radius_um").value() == pytest.approx(0.123)
    assert features.table.model.rowCount() > 0
    particles = link_of(viewer).session.current
    link_of(viewer).session.edit(particles, operations.delete(particles.labels, [12]))
    assert not (viewer.layers["balls"].data == 12).any()
    wait(qtbot, keeper, keeper.save)
    again = open_project(saved).state.current
    assert np.array_equal(again.labels, particles.labels)
    assert [entry["labels"] for entry in again.history.log()] == [[5], [12]]


def test_save_as_and_again_by_the_keys(viewer, qtbot, session, saved, tmp_path, monkeypatch):  # noqa: F811
    keeper = keeper_of(viewer)
    wait(qtbot, keeper, lambda: keeper.open(saved))
    panel = open_dock(viewer, PROJECT)
    settle()
    target = tmp_path / "copy"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *args, **kwargs: (str(target), ""))
    wait(qtbot, keeper, lambda: QTest.mouseClick(panel.save_as_button, Qt.MouseButton.LeftButton))
    assert keeper.project.folder == target and str(target) in panel.state.text()
    viewer.layers["balls"].opacity = 0.25
    viewer.layers["scan"].contrast_limits = (20, 99)
    link_of(viewer).session.set_colouring(link_of(viewer).session.current, Colouring("damage"))
    assert "Changed since" in panel.state.text()
    assert keeper.shortcut.key().toString() == "Ctrl+Shift+S"  # pressed on the active window, which needs a manager
    wait(qtbot, keeper, keeper.shortcut.activated.emit)
    state = open_project(target).state
    assert state.current.colouring == Colouring("damage")
    assert state.looks[state.current]["opacity"] == pytest.approx(0.25)
    wait(qtbot, keeper, lambda: keeper.open(target))
    assert viewer.layers["balls"].opacity == pytest.approx(0.25)
    assert tuple(viewer.layers["scan"].contrast_limits) == (20, 99)
    assert_same_names(open_project(saved), ["others", "balls"])


def assert_same_names(opened, names):
    assert opened.notes == () and [known.name for known in opened.state.particle_sets] == names


def test_in_memory_images_and_slices_survive(viewer, qtbot, tmp_path):
    rng = np.random.default_rng(0)
    image = rng.integers(0, 200, (40, 50), np.uint8)
    viewer.add_image(image, name="mine", scale=(0.1, 0.1), units=("um", "um"), translate=(3, 4))
    labels = np.zeros((40, 50), np.int32)
    labels[5:20, 5:20] = 1
    viewer.add_labels(labels, name="drawn", scale=(0.1, 0.1), units=("um", "um"), translate=(3, 4))
    link_of(viewer).adopt(viewer.layers["drawn"])
    keeper = keeper_of(viewer)
    wait(qtbot, keeper, lambda: keeper.save_as(tmp_path / "p"))
    wait(qtbot, keeper, lambda: keeper.open(tmp_path / "p"))
    assert viewer.layers["mine"].data.shape == (40, 50) and np.array_equal(viewer.layers["mine"].data, image)
    assert np.array_equal(viewer.layers["drawn"].data, labels)
    assert tuple(viewer.layers["drawn"].translate) == tuple(viewer.layers["mine"].translate) == (3, 4)
    assert link_of(viewer).session.current.spacing_um == pytest.approx((0.1, 0.1, 0.1))


def close_event(viewer):
    """Tell of the window's closing as Qt does; the window itself goes with the fixture, which counts what is left."""
    assert not keeper_of(viewer).eventFilter(viewer.window._qt_window, QCloseEvent())


def make_work(viewer, session):  # noqa: F811
    """Put work into a window that nobody has saved."""
    particles = ParticleSet(session.current.labels.copy(), "new", SPACING, provenance={"fuse": {}})
    link_of(viewer).show(particles)
    return particles


def test_what_is_not_saved_is_kept_and_offered(make_napari_viewer, qtbot, session, monkeypatch):  # noqa: F811
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    monkeypatch.setattr(keeper_module, "save_after_s", lambda: 0.0)
    monkeypatch.setattr(clock, "QUIET_S", 0.0)
    panel = open_dock(viewer, PROJECT)
    settle()
    keeper = keeper_of(viewer)
    particles = make_work(viewer, session)
    link_of(viewer).session.edit(particles, operations.delete(particles.labels, [8]))
    wait(qtbot, keeper, keeper._tick)
    assert "in case of a crash, but not saved as a project" in panel.state.text()
    assert list_recoverable() == [], "it belongs to a session that is running"
    kept = keeper._unsaved._folder
    # The session dies here: nothing tells its folder, and the number of its process is another one's by now.
    (kept.folder / "owner.json").write_text('{"pid": 1, "started": 0.0}')
    keeper._unsaved = UnsavedWork()
    keeper.clock.reset()

    second = make_napari_viewer(show=True, strict_qt="raise")
    open_dock(second, FEATURES)
    qtbot.waitUntil(
        lambda: "Project" in {str(name).split(" (")[0] for name in second.window.dock_widgets}, timeout=5000
    )
    offered = open_dock(second, PROJECT)
    settle()
    assert offered.offers.isVisible()
    (offer,) = offered.offers.offers
    again = keeper_of(second)
    assert again.recoverable[0].describe()[0] == "new" and "corrected by hand" in again.recoverable[0].describe()[1]
    with qtbot.waitSignal(again.finished, timeout=TIMEOUT_MS):
        QTest.mouseClick(offer.recover_button, Qt.MouseButton.LeftButton)
    settle()
    assert np.array_equal(second.layers["new"].data, particles.labels)
    assert again.project is None and "Save it as a project" in again.status
    assert not offered.offers.isVisible()
    assert list_recoverable() == [], "it belongs to this session now"
    wait(qtbot, again, lambda: again.save_as(kept.folder.parent.parent / "good"))
    assert list_recoverable() == [] and not (kept.project / "project.json").exists(), (
        "what is saved need not be recovered"
    )
    close_event(second)
    assert not kept.folder.exists()


def test_closing_keeps_what_is_not_saved(make_napari_viewer, qtbot, session):  # noqa: F811
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    keeper_of(viewer)
    particles = make_work(viewer, session)
    close_event(viewer)
    (left,) = list_recoverable()
    assert np.array_equal(open_project(left.project).state.current.labels, particles.labels)


def test_closing_saves_a_project(make_napari_viewer, qtbot, session, saved):  # noqa: F811
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    keeper = keeper_of(viewer)
    wait(qtbot, keeper, lambda: keeper.open(saved))
    link = link_of(viewer)
    link.session.judge(link.session.current, [9], verdict="flagged")
    close_event(viewer)
    assert open_project(saved).state.current.review[9]["verdict"] == "flagged"
    assert list_recoverable() == []


def test_looking_at_files_is_no_work(make_napari_viewer, scan, session):  # noqa: F811
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    keeper = keeper_of(viewer)
    viewer.open(scan, plugin="napari-cathode")
    viewer.add_labels(session.current.labels, name="opened")
    link_of(viewer).adopt(viewer.layers["opened"])
    assert not keeper.has_work
    close_event(viewer)
    assert list_recoverable() == []


def test_a_removed_layer_is_not_removed_from_the_project_unasked(viewer, qtbot, saved):
    keeper = keeper_of(viewer)
    wait(qtbot, keeper, lambda: keeper.open(saved))
    viewer.layers.remove("balls")
    wait(qtbot, keeper, keeper.keep)
    assert_same_names(open_project(saved), ["others", "balls"])
    assert "Particles were removed" in keeper.status
    wait(qtbot, keeper, keeper.save)
    assert_same_names(open_project(saved), ["others"])


def test_discard_asks_once_more(viewer, qtbot, session):  # noqa: F811
    left = RecoveryFolder()
    Project.new(left.project).save(take_state(viewer))
    left.release()
    keeper_of(viewer)
    panel = open_dock(viewer, PROJECT)
    settle()
    (offer,) = panel.offers.offers
    QTest.mouseClick(offer.discard_button, Qt.MouseButton.LeftButton)
    assert left.folder.exists() and offer.discard_button.text() == "Really discard"
    QTest.mouseClick(offer.discard_button, Qt.MouseButton.LeftButton)
    assert not left.folder.exists() and not panel.offers.isVisible()
    qtbot.wait(300)  # the panel was to be shown by itself, too, and the offer goes in a later turn


def test_a_missing_tomogram_is_shown_where_it_is(viewer, qtbot, saved, scan, tmp_path, monkeypatch):  # noqa: F811
    other = tmp_path / "elsewhere.npy"
    scan.rename(other)
    keeper = keeper_of(viewer)
    panel = open_dock(viewer, PROJECT)
    wait(qtbot, keeper, lambda: keeper.open(saved))
    assert "The tomogram scan is not at" in panel.notes.text() and panel.locate_button.isVisible()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *args, **kwargs: (str(other), ""))
    QTest.mouseClick(panel.locate_button, Qt.MouseButton.LeftButton)
    settle()
    assert panel.notes.text() == "" and not panel.locate_button.isVisible()
    assert np.array_equal(viewer.layers["scan"].data, io.read(other).data)
    wait(qtbot, keeper, keeper.save)
    assert open_project(saved).state.current.tomogram.source == str(other)


def test_errors_are_sentences_in_the_panel(viewer, qtbot, saved, tmp_path):
    keeper = keeper_of(viewer)
    panel = open_dock(viewer, PROJECT)
    (tmp_path / "none").mkdir()
    with qtbot.waitSignal(keeper.finished, timeout=TIMEOUT_MS):
        keeper.open(tmp_path / "none")
    assert "is no project" in panel.error.text() and panel.error.isVisible()
    wait(qtbot, keeper, lambda: keeper.open(saved))
    theirs = open_project(saved)
    theirs.project.save(theirs.state)
    with qtbot.waitSignal(keeper.finished, timeout=TIMEOUT_MS):
        keeper.save()
    assert "saved by another program" in panel.error.text()
    assert keeper.unsaved


def test_saving_does_not_stop_the_window(viewer, qtbot, tmp_path):
    from .heartbeat import Heartbeat

    labels = np.random.default_rng(0).integers(0, 500, (96, 256, 256), np.int32).repeat(2, 0)
    link_of(viewer).show(ParticleSet(labels, "large", SPACING, provenance={"x": 1}))
    settle()
    keeper = keeper_of(viewer)
    with Heartbeat() as heart:
        wait(qtbot, keeper, lambda: keeper.save_as(tmp_path / "p"))
        started = time.monotonic()
        wait(qtbot, keeper, keeper.save)
    assert heart.longest < 0.2
    assert time.monotonic() - started < 20
    assert np.array_equal(open_project(tmp_path / "p").state.current.labels, labels)
