"""Projects in trouble: two windows, a folder that cannot be written, layers that a project does not hold."""

import json
import os
import shutil
import subprocess

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_cathode.edit import operations
from napari_cathode.plugin.layers import is_helper
from napari_cathode.plugin.link import link_of
from napari_cathode.project import Project, RecoveryFolder, list_recoverable, open_project, parts, snapshot
from napari_cathode.session import ParticleSet
from napari_cathode.tomogram import Tomogram
from napari_cathode.widgets.docks import FEATURES, PROJECT, START, dock_of, open_dock
from napari_cathode.widgets.keeper import keeper_of
from tests.plugin.conftest import needs_canvas, settle
from tests.project.conftest import scan, session, tiny  # noqa: F401
from tests.report.tiny_result import SPACING

from .test_project import TIMEOUT_MS, close_event, saved, wait  # noqa: F401

pytestmark = needs_canvas


def edit(viewer, label):
    link = link_of(viewer)
    link.session.edit(link.session.current, operations.delete(link.session.current.labels, [label]))


def keep(qtbot, keeper):
    with qtbot.waitSignal(keeper.finished, timeout=TIMEOUT_MS):
        keeper.keep()
    settle()


def holds(project, label):
    return bool((open_project(project).state.current.labels == label).any())


def test_nothing_is_opened_while_what_is_open_cannot_be_kept(viewer, qtbot, saved, tmp_path, monkeypatch):  # noqa: F811
    keeper = keeper_of(viewer)
    link_of(viewer).show(ParticleSet(np.ones((4, 8, 8), np.int32), "made here", SPACING, provenance={"fuse": {}}))
    (tmp_path / "a file").write_text("")
    monkeypatch.setenv("NAPARI_CATHODE_RECOVERY", str(tmp_path / "a file" / "recovery"))
    keeper.open(saved)
    assert "nothing else is opened" in keeper.error and not keeper.busy
    assert [particles.name for particles in link_of(viewer).session.particle_sets] == ["made here"]


def test_two_windows_on_one_project_lose_nothing(make_napari_viewer, qtbot, saved):  # noqa: F811
    """The second to save is told, what is done there is kept beside, and goes into a project of its own."""
    first, second = (make_napari_viewer(show=True, strict_qt="raise") for _ in range(2))
    one, two = keeper_of(first), keeper_of(second)
    panel = open_dock(second, PROJECT)
    for keeper in (one, two):
        wait(qtbot, keeper, lambda keeper=keeper: keeper.open(saved))
    assert one.notes == [] and "open in another window" in panel.notes.text(), "the second is told"
    edit(first, 20)
    keep(qtbot, one)
    assert one.error == "" and not holds(saved, 20)
    edit(second, 30)
    keep(qtbot, two)
    assert "saved by another program since it was opened here" in panel.error.text()
    assert "What you do is kept until you save it" in panel.error.text() and two.unsaved
    assert holds(saved, 30) and not holds(two._unsaved.project.folder, 30)
    assert list_recoverable() == [], "it belongs to this session"
    wait(qtbot, two, lambda: two.save_as(saved.with_name("mine")))
    assert not holds(saved.with_name("mine"), 30) and holds(saved.with_name("mine"), 20)
    edit(second, 31)
    close_event(second)
    assert not holds(saved.with_name("mine"), 31) and list_recoverable() == []
    close_event(first)


def test_closing_with_a_project_that_somebody_else_saved(make_napari_viewer, qtbot, saved):  # noqa: F811
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    keeper = keeper_of(viewer)
    wait(qtbot, keeper, lambda: keeper.open(saved))
    theirs = open_project(saved)
    theirs.project.save(theirs.state)
    edit(viewer, 30)
    close_event(viewer)
    (left,) = list_recoverable()
    assert holds(saved, 30) and not holds(left.project, 30)


@pytest.mark.skipif(os.name != "posix", reason="permissions")
def test_a_folder_that_cannot_be_written(make_napari_viewer, qtbot, saved, monkeypatch):  # noqa: F811
    """It opens; what is done is kept elsewhere, with a sentence; once it can be written, all is saved there."""
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    keeper = keeper_of(viewer)
    panel = open_dock(viewer, PROJECT)
    wait(qtbot, keeper, lambda: keeper.open(saved))
    edit(viewer, 30)
    before = {path: path.read_bytes() for path in saved.rglob("*") if path.is_file()}
    with read_only(saved, monkeypatch):
        keep(qtbot, keeper)
        assert "was not saved (" in panel.error.text() and "What you do is kept" in panel.error.text()
        assert {path: path.read_bytes() for path in before} == before
        assert not holds(keeper._unsaved.project.folder, 30)
    keep(qtbot, keeper)
    assert keeper.error == "" and not holds(saved, 30) and list_recoverable() == []
    close_event(viewer)
    assert list_recoverable() == []


class read_only:
    """Forbids writing into a folder, to root as well, who may write whatever the permissions say."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.patch = folder, monkeypatch

    def __enter__(self):
        if os.geteuid() == 0:
            from napari_cathode.project import saving

            real = saving.locked

            def locked(folder):
                if folder == self.folder:
                    raise PermissionError(13, "Permission denied")
                return real(folder)

            self.context = self.patch.context()
            self.context.__enter__().setattr(saving, "locked", locked)
            return
        for path in (self.folder, self.folder / "project"):
            path.chmod(0o555)

    def __exit__(self, *_):
        if os.geteuid() == 0:
            self.context.__exit__(None, None, None)
            return
        for path in (self.folder, self.folder / "project"):
            path.chmod(0o755)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root makes file systems")
def test_a_full_disk_in_a_window(make_napari_viewer, qtbot, session, tmp_path):  # noqa: F811
    """What the disk does not take is kept elsewhere, with a sentence; what was saved before is still there."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], capture_output=True)
    if made.returncode:
        pytest.skip("no file system can be mounted here")
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    keeper, panel = keeper_of(viewer), open_dock(viewer, PROJECT)
    try:
        link_of(viewer).show(session.current)
        wait(qtbot, keeper, lambda: keeper.save_as(disk / "p"))
        noise = np.random.default_rng(0).integers(1, 2**31 - 1, (80, 128, 128), np.int32)
        link_of(viewer).show(ParticleSet(noise, "large", SPACING, provenance={"fuse": {}}))
        keep(qtbot, keeper)
        assert "since the disk is full; make room there" in panel.error.text()
        assert "What you do is kept until you save it" in panel.error.text() and panel.error.isVisible()
        assert [known.name for known in open_project(disk / "p").state.particle_sets] == ["balls"]
        kept = open_project(keeper._unsaved.project.folder)
        assert kept.notes == () and np.array_equal(kept.state.current.labels, noise)
        wait(qtbot, keeper, lambda: keeper.save_as(tmp_path / "roomy"))
        assert np.array_equal(open_project(tmp_path / "roomy").state.current.labels, noise)
        assert panel.error.text() == "" and list_recoverable() == []
        close_event(viewer)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def names_of(viewer):
    return sorted(layer.name for layer in viewer.layers if not is_helper(layer))


def test_layers_that_a_project_does_not_hold_stay(viewer, qtbot, saved, scan):  # noqa: F811
    """Points, labels that nobody took for particles, an image in memory: none of it is closed without being saved."""
    viewer.open(scan, plugin="napari-cathode")
    viewer.add_points(np.zeros((2, 3)), name="marks")
    viewer.add_labels(np.ones((4, 5, 6), np.int32), name="drawn elsewhere")
    viewer.add_image(np.ones((4, 5, 6)), name="filtered")
    keeper = keeper_of(viewer)
    wait(qtbot, keeper, lambda: keeper.open(saved))
    assert names_of(viewer) == ["balls", "drawn elsewhere", "filtered", "marks", "others", "scan"]
    wait(qtbot, keeper, lambda: keeper.open(saved))
    assert names_of(viewer) == ["balls", "drawn elsewhere", "marks", "others", "scan"]


def leave_work(session, name="new"):  # noqa: F811
    """Leave work as a session does that is gone."""
    left = RecoveryFolder()
    particles = session.current
    particles.name = name
    Project.new(left.project).save(snapshot(session))
    left.release()
    return left


def test_the_offer_does_not_cover_the_start(make_napari_viewer, qtbot, session):  # noqa: F811
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    for number in range(3):
        leave_work(session, f"work {number}")
    start = open_dock(viewer, START)
    qtbot.wait(400)
    settle()
    assert start.offers.isVisible() and start.drop.isVisible() and start.button.isVisible()
    names = {str(name).split(" (")[0] for name in viewer.window.dock_widgets}
    assert "Project" not in names, "the entry stays in front"
    assert len(start.offers.offers) == 1
    offer = start.offers.offers[0]
    with qtbot.waitSignal(keeper_of(viewer).finished, timeout=TIMEOUT_MS):
        QTest.mouseClick(offer.recover_button, Qt.MouseButton.LeftButton)
    settle()
    assert "balls" not in viewer.layers and "work 2" in viewer.layers, "the newest"
    panel = open_dock(viewer, PROJECT)
    assert "Save it as a project" in panel.state.text() and not dock_of(panel).isHidden()
    qtbot.waitUntil(lambda: any("features" in str(name) for name in viewer.window.dock_widgets), timeout=TIMEOUT_MS)
    table = open_dock(viewer, FEATURES)
    assert table.table.isVisible(), "people go on from the table"
    assert table.window().dockWidgetArea(dock_of(table)) == Qt.DockWidgetArea.BottomDockWidgetArea
    qtbot.wait(1500)  # it takes its share of the window
    assert len(start.offers.offers) == 1 and len(panel.offers.offers) == 2
    for _ in range(2):
        QTest.mouseClick(start.offers.offers[0].discard_button, Qt.MouseButton.LeftButton)
    settle()
    assert len(start.offers.offers) == len(panel.offers.offers) == 1
    keeper_of(viewer).clock.reset()
    close_event(viewer)


def test_the_offer_does_not_cover_a_start_that_comes_after_another_panel(make_napari_viewer, qtbot, session):  # noqa: F811
    leave_work(session)
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    open_dock(viewer, FEATURES, "bottom")
    settle()
    start = open_dock(viewer, START)
    qtbot.wait(400)
    settle()
    assert start.offers.isVisible() and not start.offers.visibleRegion().isEmpty()


def test_large_arrays_of_recovered_work_stay_readable(make_napari_viewer, qtbot, session, monkeypatch):  # noqa: F811
    """What is read from the recovery folder as it is needed is there after the work was saved elsewhere."""
    grey = np.arange(12 * 80 * 60, dtype=np.uint16).reshape(12, 80, 60)
    session.current.tomogram = Tomogram(grey, SPACING, "made in memory")
    left = leave_work(session)
    monkeypatch.setattr(parts, "_LAZY_BYTES", 1)
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    keeper = keeper_of(viewer)
    wait(qtbot, keeper, lambda: keeper.recover(keeper.recoverable[0]))
    shown = viewer.layers["made in memory"].data
    assert not isinstance(shown, np.ndarray)
    target = left.folder.parent.parent / "good"
    wait(qtbot, keeper, lambda: keeper.save_as(target))
    assert np.array_equal(np.asarray(shown[:]), grey) and list_recoverable() == []
    assert np.array_equal(open_project(target).state.current.tomogram.data[:], grey)
    close_event(viewer)
    assert not left.folder.exists()


def test_work_is_recovered_by_one_window_only(make_napari_viewer, qtbot, session):  # noqa: F811
    left = leave_work(session)
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    keeper = keeper_of(viewer)
    (offer,) = keeper.recoverable
    RecoveryFolder(left.folder)  # another window was quicker
    keeper.recover(offer)
    assert "in another window" in keeper.error and keeper.recoverable == [] and not viewer.layers
    assert left.project.exists()


def test_views_alone_are_work(make_napari_viewer, qtbot, session):  # noqa: F811
    """An hour of the network's work is not lost because nobody has fused it yet."""
    from napari_cathode.identify import ViewPrediction
    from napari_cathode.session import Predictions

    viewer = make_napari_viewer(show=True, strict_qt="raise")
    keeper = keeper_of(viewer)
    tomogram = session.current.tomogram
    labels = session.current.labels
    view = ViewPrediction("xy", labels, np.zeros(labels.shape, np.float16), SPACING, None)
    assert not keeper.has_work
    link_of(viewer).views.show(Predictions("scan", {"xy": view}, tomogram))
    assert keeper.has_work and keeper.unsaved
    close_event(viewer)
    (left,) = list_recoverable()
    assert left.names == ("scan",)
    assert np.array_equal(open_project(left.project).state.predictions[0].views["xy"].labels, labels)


def test_views_follow_their_tomogram(viewer, qtbot, session, scan, tmp_path):  # noqa: F811
    """A tomogram that was moved is shown where it is: its views are there again, and the table follows edits."""
    from napari_cathode.identify import ViewPrediction
    from napari_cathode.session import Predictions

    particles = session.current
    view = ViewPrediction("xz", particles.labels, np.zeros(particles.labels.shape, np.float16), SPACING, None)
    session.add_predictions(Predictions("scan", {"xz": view}, particles.tomogram))
    Project.new(tmp_path / "p").save(snapshot(session))
    shutil.move(scan, tmp_path / "there.npy")
    keeper = keeper_of(viewer)
    wait(qtbot, keeper, lambda: keeper.open(tmp_path / "p"))
    assert keeper.missing == ["scan"] and len(keeper.notes) == 2 and "scan · xz slices" not in viewer.layers
    wait(qtbot, keeper, lambda: keeper.save_as(tmp_path / "q" / "deeper"))
    assert json.loads((tmp_path / "q" / "deeper" / "project.json").read_text())["tomograms"][0]["name"] == "scan"
    wait(qtbot, keeper, lambda: keeper.open(tmp_path / "p"))
    keeper.locate(tmp_path / "there.npy")
    assert keeper.notes == [] and keeper.missing == []
    assert "scan · xz slices" in viewer.layers and "scan" in viewer.layers
    wait(qtbot, keeper, keeper.save)
    again = open_project(tmp_path / "p")
    assert again.notes == () and list(again.state.predictions[0].views) == ["xz"]


def test_the_offer_beside_another_panel(make_napari_viewer, qtbot, session):  # noqa: F811
    leave_work(session)
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    open_dock(viewer, FEATURES)
    qtbot.waitUntil(lambda: "Project" in {str(name).split(" (")[0] for name in viewer.window.dock_widgets})
    settle()
    assert open_dock(viewer, PROJECT).offers.isVisible()
    assert isinstance(session.current, ParticleSet)
