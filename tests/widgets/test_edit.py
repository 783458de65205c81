"""Editing in the window: real clicks and keys; labels, history and picture follow."""

import json

import numpy as np
import pandas as pd
import pytest
import zarr
from napari.layers._layer_actions import _duplicate_layer
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from vispy.scene.visuals import Rectangle

from napari_cathode.measure import MeasureParameters, measure
from napari_cathode.plugin.layers import HELPER_KEY
from napari_cathode.plugin.link import link_of
from napari_cathode.session import Colouring, ParticleSet
from napari_cathode.tomogram import Tomogram
from napari_cathode.widgets import edit_jobs
from napari_cathode.widgets.docks import EDIT, FEATURES, PLOTS, open_dock
from tests.plugin.conftest import SPACING, click, drag, needs_canvas, settle

pytestmark = needs_canvas


@pytest.fixture
def dumbbell():
    """Give two touching balls with one label (5), and two that lie apart (2, 8)."""
    z, y, x = np.mgrid[:16, :48, :48]
    labels = np.zeros((16, 48, 48), np.int32)
    for cy, cx, radius, label in ((14, 12, 8, 5), (14, 26, 8, 5), (36, 12, 7, 2), (36, 36, 7, 8)):
        labels[(2 * (z - 8)) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 <= radius**2] = label
    return labels


@pytest.fixture
def editing(viewer, dumbbell):
    """Give the viewer, the panel, and the particles with a table."""
    link = link_of(viewer)
    panel = open_dock(viewer, EDIT)
    image = np.where(dumbbell > 0, 200, 60).astype(np.uint8)
    particles = ParticleSet(dumbbell, "found", SPACING, Tomogram(image, SPACING))
    link.show(particles)
    link.set_table(particles, pd.DataFrame({"label": [2, 5, 8], "damage": [0.1, 0.2, 0.3]}))
    viewer.dims.set_point(0, 16)
    viewer.reset_view()
    settle()
    return viewer, panel, particles


def press(viewer, key, modifier=Qt.KeyboardModifier.NoModifier):
    """Press a key on the picture."""
    native = viewer.window._qt_viewer.canvas.native
    native.setFocus()
    QTest.keyClick(native, key, modifier)
    settle()


def test_particles_are_merged_deleted_and_brought_back_by_keys(editing):
    viewer, panel, particles = editing
    before, session = particles.labels.copy(), link_of(viewer).session
    assert not panel.tools.merge_button.isEnabled() and "Click a particle" in panel._state.text()
    click(viewer, (8, 36, 12))
    click(viewer, (8, 36, 36), Qt.KeyboardModifier.ShiftModifier)
    assert session.selection == {2, 8} and "2 particles" in panel._state.text()
    press(viewer, Qt.Key.Key_J)
    assert set(np.unique(particles.labels)) == {0, 2, 5} and session.selection == {2}
    assert particles.out_of_date and panel.measure_button.isVisible()
    press(viewer, Qt.Key.Key_Delete)
    assert set(np.unique(particles.labels)) == {0, 5} and session.selection == set()
    texts = [panel.history.list.item(row).text() for row in range(panel.history.list.count())]
    assert texts == ["As found", "Merge 2, 8", "Delete 2"]
    control = Qt.KeyboardModifier.ControlModifier
    press(viewer, Qt.Key.Key_Z, control)
    press(viewer, Qt.Key.Key_Z, control)
    assert np.array_equal(particles.labels, before) and not particles.out_of_date
    assert not panel.measure_button.isVisible()
    press(viewer, Qt.Key.Key_Z, control | Qt.KeyboardModifier.ShiftModifier)
    assert set(np.unique(particles.labels)) == {0, 2, 5}
    item = panel.history.list.item(0)
    where = panel.history.list.visualItemRect(item).center()
    QTest.mouseClick(panel.history.list.viewport(), Qt.MouseButton.LeftButton, pos=where)
    settle()
    assert np.array_equal(particles.labels, before)


def listed(viewer):
    """Give the names in the list of layers, from the top."""
    rows = viewer.window._qt_viewer.layers
    model = rows.model()
    return [model.index(row, 0).data() for row in range(model.rowCount()) if not rows.isRowHidden(row)]


def test_a_split_is_shown_before_it_is_accepted(editing):
    viewer, panel, particles = editing
    before = particles.labels.copy()
    click(viewer, (8, 14, 12))
    press(viewer, Qt.Key.Key_K)
    assert panel.preview.showing and np.array_equal(particles.labels, before)
    assert "becomes 2" in panel.preview._words.text() and not panel.tools.split_button.isEnabled()
    shown = [layer for layer in viewer.layers if layer.name == "Split · preview"]
    assert len(shown) == 1 and HELPER_KEY in shown[0].metadata
    QTest.mouseClick(panel.preview.discard_button, Qt.MouseButton.LeftButton)
    settle()
    assert not shown[0].data.any() and "Split · preview" not in listed(viewer), "it waits, unseen"
    assert np.array_equal(particles.labels, before)
    press(viewer, Qt.Key.Key_K)
    assert shown[0].data.any() and listed(viewer)[0] == "Split · preview" and viewer.layers[-1] is shown[0]
    assert len(np.unique(shown[0].data)) == 3, "two parts, and what is around them"
    assert np.allclose(shown[0].scale, link_of(viewer).layer_of(particles).scale)
    QTest.mouseClick(panel.preview.accept_button, Qt.MouseButton.LeftButton)
    settle()
    assert set(np.unique(particles.labels)) == {0, 2, 5, 8, 9}
    assert particles.labels[8, 14, 8] != particles.labels[8, 14, 30]
    assert link_of(viewer).session.selection == {5, 9}


def test_a_particle_is_split_along_a_drawn_line(editing, qtbot):
    viewer, panel, particles = editing
    click(viewer, (8, 36, 36))
    QTest.mouseClick(panel.tools.line_button, Qt.MouseButton.LeftButton)
    drag(viewer, (8, 26, 36.5), (8, 46, 36.5))
    qtbot.waitUntil(lambda: panel.preview.showing)
    settle()
    panel.preview.accept_button.click()
    settle()
    left, right = particles.labels[8, 36, 33], particles.labels[8, 36, 40]
    assert {left, right} == {8, 9}
    assert not panel.tools.line_button.isChecked()


def test_napari_s_brush_draws_and_erases_in_the_same_history(editing):
    viewer, panel, particles = editing
    layer = link_of(viewer).layer_of(particles)
    before = particles.labels.copy()
    QTest.mouseClick(panel.tools.draw_button, Qt.MouseButton.LeftButton)
    assert layer.mode == "paint" and layer.selected_label == 9 and panel.tools.draw_button.isChecked()
    layer.brush_size = 3
    drag(viewer, (8, 40, 22), (8, 40, 25))
    assert (particles.labels == 9).any() and len(particles.history.done) == 1
    QTest.mouseClick(panel.tools.erase_button, Qt.MouseButton.LeftButton)
    drag(viewer, (8, 36, 33), (8, 36, 38))
    assert (particles.labels == 8).sum() < (before == 8).sum()
    QTest.mouseClick(panel.tools.erase_button, Qt.MouseButton.LeftButton)
    assert layer.mode == "pan_zoom"
    assert [step.change.kind for step in particles.history.done] == ["paint", "erase"]
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(particles.labels, before)


def test_what_cannot_be_done_is_said_in_the_panel(editing):
    viewer, panel, particles = editing
    click(viewer, (8, 36, 12))
    QTest.mouseClick(panel.tools.fill_button, Qt.MouseButton.LeftButton)
    assert "no hole" in panel.runner.error
    QTest.mouseClick(panel.tools.split_button, Qt.MouseButton.LeftButton)
    assert "no neck" in panel.runner.error
    particles.tomogram = None
    QTest.mouseClick(panel.tools.grow_button, Qt.MouseButton.LeftButton)
    assert "needs the tomogram" in panel.runner.error
    assert not particles.history.done


def test_shapes_are_smoothed_filled_and_grown(editing):
    viewer, panel, particles = editing
    labels, session = particles.labels, link_of(viewer).session
    whole = labels == 8
    labels[8, 36, 36] = 0
    session.touch(particles)
    session.selection = {8}
    panel.tools.fill_button.click()
    assert labels[8, 36, 36] == 8
    labels[8, 36, 30:33] = 0
    panel.form.set_value(type(panel.form.value())(reach_um=4.0, smoothing_um=1.0))
    panel.tools.grow_button.click()
    assert np.array_equal(labels == 8, whole), panel.runner.error
    panel.tools.smooth_button.click()
    assert panel.runner.error == "" and [s.change.kind for s in particles.history.done] == [
        "fill holes",
        "grow",
        "smooth",
    ]


def test_the_log_is_written(editing, tmp_path):
    viewer, panel, _particles = editing
    assert not panel.history.export_button.isEnabled()
    link_of(viewer).session.selection = {2, 8}
    panel.tools.merge_button.click()
    panel.export_to(str(tmp_path / "log"))
    rows = pd.read_csv(tmp_path / "log.csv")
    assert list(rows["edit"]) == ["merge"] and rows["labels"][0] == "2 8"
    panel.export_to(str(tmp_path / "log.json"))
    assert json.loads((tmp_path / "log.json").read_text())[0]["details"] == {"kept": 2, "merged": [8]}
    panel.export_to(str(tmp_path / "log.csv" / "no.csv"))
    assert "cannot be written" in panel.runner.error


def test_large_particles_are_edited_in_a_process(editing, qtbot, monkeypatch):
    viewer, panel, particles = editing
    monkeypatch.setitem(edit_jobs._AT_ONCE, "split", 1000)
    monkeypatch.setitem(edit_jobs._AT_ONCE, "grow", 0)
    click(viewer, (8, 14, 12))
    with qtbot.waitSignal(panel.runner.finished, timeout=300_000):
        panel.tools.split_button.click()
    assert panel.preview.showing
    panel.preview.accept_button.click()
    assert set(np.unique(particles.labels)) == {0, 2, 5, 8, 9}
    first = panel._kept.pid
    assert first is not None
    link_of(viewer).session.selection = {8}
    with qtbot.waitSignal(panel.runner.finished, timeout=300_000):
        panel.tools.grow_button.click()
    assert panel._kept.pid == first, "the process stays for the next edit"
    panel.tools.delete_button.click()
    assert not (particles.labels == 8).any(), "what is quick is done at once"


def test_nothing_to_edit_says_what_to_do(viewer):
    panel = open_dock(viewer, EDIT)
    settle()
    assert "Find particles first" in panel._empty.text() and panel._empty.isVisible()
    assert not panel._state.isVisible(), "nothing can be clicked"
    assert not panel.tools.isVisible() and not panel.history.isVisible()


def test_a_particle_is_split_at_clicked_seeds(editing, qtbot):
    viewer, panel, particles = editing
    click(viewer, (8, 14, 12))
    QTest.mouseClick(panel.tools.seed_button, Qt.MouseButton.LeftButton)
    assert panel.tools.seed_button.isChecked() and "Click into each part" in panel.runner.status
    click(viewer, (8, 14, 10))
    click(viewer, (8, 14, 28))
    assert len(viewer.layers["seeds"].data) == 2 and link_of(viewer).session.selection == {5}, "clicks select nothing"
    QTest.mouseClick(panel.tools.seed_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.preview.showing)
    settle()
    assert "seeds" not in viewer.layers
    press(viewer, Qt.Key.Key_Return)
    assert {particles.labels[8, 14, 8], particles.labels[8, 14, 30]} == {5, 9}
    assert viewer.dims.point[0] == 16, "the picture stays at its slice"
    click(viewer, (8, 36, 12))
    assert link_of(viewer).session.selection == {2}, "clicks select again"


def test_the_table_in_the_window_follows_edits_and_undoing(editing, qtbot, tmp_path):
    viewer, panel, particles = editing
    link, image = link_of(viewer), particles.tomogram.data
    session = link.session
    parameters = MeasureParameters(closing_radius_um=0.0, smoothing_um=1.0)
    link.set_table(particles, measure(particles.labels, image, SPACING, parameters), None, particles.tomogram)
    session.set_colouring(particles, Colouring("volume_um3"))
    features = open_dock(viewer, FEATURES, "bottom")
    table = features.table
    settle()
    known, colour = particles.table, link.layer_of(particles).get_color(2)
    assert sorted(table.model.labels) == [2, 5, 8]
    click(viewer, (8, 36, 12))
    click(viewer, (8, 14, 12), Qt.KeyboardModifier.ShiftModifier)
    press(viewer, Qt.Key.Key_J)
    assert "Measuring" in panel._stale.text() or not particles.out_of_date
    qtbot.waitUntil(lambda: not particles.out_of_date, timeout=300_000)
    settle()
    assert sorted(table.model.labels) == [2, 8] and panel._stale.text() == ""
    assert not np.allclose(link.layer_of(particles).get_color(2), colour)
    features.export_to(str(tmp_path / "nmc.csv"))
    assert "nmc_edits.csv" in features.runner.status
    assert list(pd.read_csv(tmp_path / "nmc_edits.csv")["edit"]) == ["merge"]
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert sorted(table.model.labels) == [2, 5, 8] and not particles.out_of_date
    pd.testing.assert_frame_equal(particles.table, known, check_exact=True)
    assert np.allclose(link.layer_of(particles).get_color(2), colour)


def test_labels_in_a_zarr_file_are_edited(viewer, dumbbell, tmp_path):
    panel, link = open_dock(viewer, EDIT), link_of(viewer)
    lazy = zarr.open(str(tmp_path / "labels.zarr"), mode="w", shape=dumbbell.shape, chunks=(8, 16, 16), dtype="i4")
    lazy[:] = dumbbell
    layer = viewer.add_labels(lazy, name="lazy", scale=SPACING, units=("um",) * 3)
    link.adopt(layer)
    viewer.dims.set_point(0, 16)
    viewer.reset_view()
    settle()
    click(viewer, (8, 36, 12))
    click(viewer, (8, 36, 36), Qt.KeyboardModifier.ShiftModifier)
    press(viewer, Qt.Key.Key_J)
    assert set(np.unique(lazy[:])) == {0, 2, 5}, panel.runner.error
    assert set(np.unique(layer._slice.image.raw)) == {0, 2, 5}, "the picture follows"
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(lazy[:], dumbbell)


@pytest.mark.parametrize("multiscale", [False, True])
def test_labels_that_cannot_be_written_are_copied(viewer, dumbbell, qtbot, multiscale):
    panel, link = open_dock(viewer, EDIT), link_of(viewer)
    locked = dumbbell.copy()
    locked.flags.writeable = False
    data = [locked, locked[:, ::2, ::2]] if multiscale else locked
    layer = viewer.add_labels(data, name="locked", scale=SPACING, units=("um",) * 3)
    layer.features = pd.DataFrame({"index": [2, 5, 8], "colour": [1.0, 2.0, 3.0]})
    particles = link.adopt(layer)
    viewer.dims.set_point(0, 16)
    viewer.reset_view()
    settle()
    assert panel.copy_button.isVisible() and "reading only" in panel._in_file.text()
    link.session.selection = {2}
    press(viewer, Qt.Key.Key_Delete)
    assert "Copy into memory" in panel.runner.error and not particles.history.log()
    with qtbot.waitSignal(panel.runner.finished, timeout=300_000):
        QTest.mouseClick(panel.copy_button, Qt.MouseButton.LeftButton)
    settle()
    assert not panel.copy_button.isVisible() and panel._in_file.text() == ""
    assert list(particles.table["colour"]) == [1.0, 2.0, 3.0], "all that is known of them stays"
    press(viewer, Qt.Key.Key_Delete)
    assert set(np.unique(particles.labels)) == {0, 5, 8} and set(np.unique(locked)) == {0, 2, 5, 8}
    assert set(np.unique(layer._slice.image.raw)) == {0, 5, 8}, "the picture follows"
    assert link.particles_of(layer) is particles


def test_the_log_of_a_duplicated_layer_goes_along(editing, tmp_path):
    viewer, panel, particles = editing
    link = link_of(viewer)
    link.session.selection = {2}
    panel.tools.delete_button.click()
    viewer.layers.selection = {link.layer_of(particles)}
    _duplicate_layer(viewer.layers)
    link.session.selection = {8}
    panel.tools.delete_button.click()
    copy = viewer.layers["found copy"]
    other = link.adopt(copy)
    assert [entry["labels"] for entry in other.history.log()] == [[2]], "as they were when it was duplicated"
    assert [entry["labels"] for entry in particles.history.log()] == [[2], [8]]
    assert "cannot be undone" in panel.history.words.text()
    copy.save(str(tmp_path / "copy.tif"), plugin="napari-cathode")
    assert list(pd.read_csv(tmp_path / "copy_edits.csv")["edit"]) == ["delete"]


def test_what_was_painted_last_is_undone_first(editing, dumbbell):
    viewer, panel, particles = editing
    link, session = link_of(viewer), link_of(viewer).session
    session.selection = {2}
    panel.tools.delete_button.click()
    deleted = particles.labels.copy()
    others = ParticleSet(dumbbell.copy(), "others", SPACING)
    link.show(others)
    session.current = particles
    layer = link.layer_of(others)
    viewer.layers.selection.active = layer
    layer.mode, layer.selected_label, layer.brush_size = "paint", 8, 3
    drag(viewer, (8, 24, 22), (8, 24, 25))
    assert not np.array_equal(others.labels, dumbbell) and session.current is others
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(others.labels, dumbbell) and np.array_equal(particles.labels, deleted)


def test_the_brush_has_no_box_that_is_drawn_when_it_is_gone(editing, monkeypatch):
    viewer, panel, particles = editing
    drawn = []
    monkeypatch.setattr(Rectangle, "draw", lambda self, *args: drawn.append(self))
    QTest.mouseClick(panel.tools.draw_button, Qt.MouseButton.LeftButton)
    drag(viewer, (8, 24, 40), (8, 24, 42))
    QTest.mouseClick(panel.tools.draw_button, Qt.MouseButton.LeftButton)
    viewer.layers.remove(link_of(viewer).layer_of(particles))
    settle()
    assert drawn == []


def test_what_an_undoing_removes_is_not_selected_any_more(editing):
    viewer, panel, particles = editing
    session = link_of(viewer).session
    QTest.mouseClick(panel.tools.draw_button, Qt.MouseButton.LeftButton)
    link_of(viewer).layer_of(particles).brush_size = 3
    drag(viewer, (8, 24, 40), (8, 24, 42))
    assert session.selection == {9}
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert session.selection == frozenset() and not panel.tools.delete_button.isEnabled()


def test_large_labels_are_searched_beside_the_window_once(editing, qtbot, monkeypatch):
    viewer, panel, particles = editing
    monkeypatch.setattr("napari_cathode.particles.SEARCHED_AT_ONCE", 0)
    click(viewer, (8, 36, 12))
    press(viewer, Qt.Key.Key_Delete)
    qtbot.waitUntil(lambda: bool(particles.history.done), timeout=300_000)
    assert set(np.unique(particles.labels)) == {0, 5, 8} and panel.runner.error == ""
    click(viewer, (8, 36, 36))
    press(viewer, Qt.Key.Key_Delete)
    assert set(np.unique(particles.labels)) == {0, 5}, "from now on they are known"
    click(viewer, (8, 14, 12))
    press(viewer, Qt.Key.Key_K)
    press(viewer, Qt.Key.Key_Return)
    assert set(np.unique(particles.labels)) == {0, 5, 9}, "a number that the log names is not given again"


def test_only_the_slice_that_is_shown_is_edited(editing):
    viewer, panel, particles = editing
    before, session = particles.labels.copy(), link_of(viewer).session
    QTest.mouseClick(panel.tools.only_slice, Qt.MouseButton.LeftButton, pos=panel.tools.only_slice.rect().center())
    if not panel.tools.only_slice.isChecked():  # some styles take clicks on the box alone
        panel.tools.only_slice.click()
    click(viewer, (8, 36, 12))
    press(viewer, Qt.Key.Key_Delete)
    others = np.arange(16) != 8
    assert not (particles.labels[8] == 2).any() and np.array_equal(particles.labels[others], before[others])
    assert session.selection == {2}, "the rest of it is there"
    assert panel.history.list.item(1).text() == "Delete 2 in slice z 8"
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_point(1, 30)
    session.selection = {8}
    panel.tools.delete_button.click()
    assert not (particles.labels[:, 30] == 8).any() and (particles.labels[:, 31] == 8).any()
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert np.array_equal(particles.labels, before)
    viewer.dims.ndisplay = 3
    assert not panel.tools.only_slice.isEnabled()
    panel.tools.delete_button.click()
    assert not (particles.labels == 8).any(), "in 3D there are no slices"


def test_a_line_across_a_slice_parts_the_section_alone(editing, qtbot):
    viewer, panel, particles = editing
    before = particles.labels.copy()
    panel.tools.only_slice.click()
    click(viewer, (8, 36, 36))
    QTest.mouseClick(panel.tools.line_button, Qt.MouseButton.LeftButton)
    click(viewer, (8, 26, 36.5))
    click(viewer, (8, 46, 36.5))
    qtbot.waitUntil(lambda: panel.preview.showing or panel.runner.error != "")
    settle()
    assert np.array_equal(particles.labels, before), "it is shown first"
    assert panel.preview.showing, panel.runner.error
    press(viewer, Qt.Key.Key_Return)
    assert {particles.labels[8, 36, 33], particles.labels[8, 36, 40]} == {8, 9}
    assert np.array_equal(np.delete(particles.labels, 8, 0), np.delete(before, 8, 0))


def test_a_particle_is_drawn_in_slices_and_filled_between(editing):
    viewer, panel, particles = editing
    layer, session = link_of(viewer).layer_of(particles), link_of(viewer).session
    before = particles.labels.copy()
    panel.tools.only_slice.click()
    viewer.dims.set_point(0, 6)
    QTest.mouseClick(panel.tools.draw_button, Qt.MouseButton.LeftButton)
    layer.brush_size = 5
    drag(viewer, (6, 25, 36), (6, 30, 36))
    assert np.array_equal(particles.labels == 8, before == 8), "others keep their voxels"
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    drag(viewer, (6, 25, 36), (6, 25, 42))
    assert session.selection == {9} and set(np.flatnonzero((particles.labels == 9).any((1, 2)))) == {3}
    viewer.dims.set_point(0, 14)
    drag(viewer, (14, 25, 36), (14, 25, 42))
    QTest.mouseClick(panel.tools.draw_button, Qt.MouseButton.LeftButton)
    assert layer.mode == "pan_zoom"
    sizes = (particles.labels == 9).sum((1, 2))
    QTest.mouseClick(panel.tools.between_button, Qt.MouseButton.LeftButton)
    filled = (particles.labels == 9).sum((1, 2))
    assert list(np.flatnonzero(filled)) == [3, 4, 5, 6, 7], panel.runner.error
    assert np.allclose(filled[3:8], sizes[3], atol=2)
    assert [step.change.kind for step in particles.history.done] == ["paint", "paint", "fill between slices"]


def test_a_particle_is_drawn_by_its_outline(editing):
    viewer, panel, particles = editing
    QTest.mouseClick(panel.tools.outline_button, Qt.MouseButton.LeftButton)
    assert "Click along the outline" in panel.runner.status
    for corner in ((8, 22, 34), (8, 22, 44), (8, 28, 44), (8, 28, 34)):
        click(viewer, corner)
    press(viewer, Qt.Key.Key_Return)
    own = particles.labels == 9
    assert own[8, 23:28, 35:44].all() and own.sum() == own[8].sum() < 90
    assert link_of(viewer).session.selection == {9}
    assert particles.history.done[-1].change.kind == "draw"
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert not (particles.labels == 9).any()


def pixel_in_3d(viewer, layer, voxel):
    """Give the pixel of the canvas that shows a voxel in the 3D display."""
    node = viewer.window._qt_viewer.canvas.layer_to_visual[layer].node
    point = node.get_transform("visual", "canvas").map(np.array([*voxel[::-1], 1.0]))
    return QPoint(*(round(float(along)) for along in point[:2] / point[3]))


def test_a_particle_is_split_by_a_plane_in_3d(editing, qtbot):
    viewer, panel, particles = editing
    session = link_of(viewer).session
    session.selection = {8}
    viewer.dims.ndisplay = 3
    # Looking along y: what is a line there is a plane that no slice shows as one.
    viewer.reset_view()
    viewer.scene.camera.set_view_direction((0, 1, 0), (-1, 0, 0))
    settle()
    angles = viewer.scene.camera.angles
    QTest.mouseClick(panel.tools.line_button, Qt.MouseButton.LeftButton)
    assert panel.tools.line_button.isChecked(), panel.runner.error
    native, layer = viewer.window._qt_viewer.canvas.native, link_of(viewer).layer_of(particles)
    for voxel in ((3.5, 36, 27), (12.5, 36, 45)):  # a diagonal in µm, through the particle's middle
        QTest.mouseMove(native, pixel_in_3d(viewer, layer, voxel))
        settle()
        QTest.mouseClick(native, Qt.MouseButton.LeftButton, pos=pixel_in_3d(viewer, layer, voxel))
        settle()
    qtbot.waitUntil(lambda: panel.preview.showing or panel.runner.error != "")
    assert panel.preview.showing, panel.runner.error
    assert viewer.scene.camera.angles == pytest.approx(angles), "drawing does not turn the picture"
    QTest.mouseClick(panel.preview.accept_button, Qt.MouseButton.LeftButton)
    settle()
    z, y, x = np.nonzero(np.isin(particles.labels, (8, 9)))
    parts = particles.labels[z, y, x]
    across = 2.0 * (z - 8) - (x - 36.0)
    assert set(parts) == {8, 9}
    assert len(set(parts[across > 2.5])) == len(set(parts[across < -2.5])) == 1
    assert particles.history.done[-1].change.details["along"] == pytest.approx([0, 1, 0], abs=1e-2), "in the log, too"


def test_seeds_are_put_into_a_particle_in_3d(editing, qtbot):
    viewer, panel, particles = editing
    link_of(viewer).session.selection = {5}
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    settle()
    QTest.mouseClick(panel.tools.seed_button, Qt.MouseButton.LeftButton)
    click(viewer, (8, 14, 10))
    click(viewer, (8, 36, 12))
    click(viewer, (8, 14, 28))
    assert len(viewer.layers["seeds"].data) == 2, "beside the particle there is nothing to put a seed into"
    assert np.allclose(viewer.layers["seeds"].data[:, 0], 16, atol=2.1), "half way through it"
    QTest.mouseClick(panel.tools.seed_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.preview.showing or panel.runner.error != "")
    settle()
    QTest.mouseClick(panel.preview.accept_button, Qt.MouseButton.LeftButton)
    assert {particles.labels[8, 14, 8], particles.labels[8, 14, 30]} == {5, 9}


def test_undo_is_one_history_wherever_the_focus_is(editing):
    viewer, panel, particles = editing
    link, before = link_of(viewer), particles.labels.copy()
    layer = link.layer_of(particles)
    table = open_dock(viewer, FEATURES, "bottom").table
    settle()
    layer.mode, layer.selected_label, layer.brush_size, layer.n_edit_dimensions = "paint", 8, 3, 2
    drag(viewer, (8, 40, 22), (8, 40, 25))
    layer.mode = "pan_zoom"
    painted = particles.labels.copy()
    link.session.selection = {2}
    panel.tools.delete_button.click()
    viewer.add_points(np.array([[16.0, 4.0, 4.0]]), name="marks")
    assert viewer.layers.selection.active is not layer
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    press(viewer, Qt.Key.Key_Z, control)
    assert np.array_equal(particles.labels, painted), "with another layer chosen"
    table.setFocus()
    QTest.keyClick(table, Qt.Key.Key_Z, control)
    settle()
    assert np.array_equal(particles.labels, before), "in the table"
    QTest.keyClick(table, Qt.Key.Key_Z, control | shift)
    settle()
    assert np.array_equal(particles.labels, painted)
    viewer.layers.selection.active = layer
    press(viewer, Qt.Key.Key_Z, control)
    assert np.array_equal(particles.labels, before), "napari's own stroke"
    press(viewer, Qt.Key.Key_Z, control | shift)
    press(viewer, Qt.Key.Key_Z, control | shift)
    assert not (particles.labels == 2).any() and len(particles.history.done) == 2


@pytest.mark.slow
def test_labels_table_plots_and_colours_follow_every_edit(editing, qtbot):
    viewer, panel, particles = editing
    link, image = link_of(viewer), particles.tomogram.data
    session, layer, tools = link.session, link.layer_of(particles), panel.tools
    parameters = MeasureParameters(closing_radius_um=0.0, smoothing_um=1.0)
    link.set_table(particles, measure(particles.labels, image, SPACING, parameters), None, particles.tomogram)
    session.set_colouring(particles, Colouring("volume_um3"))
    plots = open_dock(viewer, PLOTS, "bottom")
    settle()
    plots.x.setCurrentIndex(plots.x.findData("volume_um3"))
    plots._on_chosen()
    control, shift = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier
    states = []

    def follows():
        qtbot.waitUntil(lambda: not particles.out_of_date, timeout=300_000)
        settle()
        table = particles.table.set_index("label")
        assert set(table.index) == set(np.unique(particles.labels)) - {0}
        wanted = link.colour_scale(particles).map(table["volume_um3"].to_numpy())
        assert np.allclose([layer.get_color(label) for label in table.index], wanted, atol=1e-3)
        qtbot.waitUntil(
            lambda: plots.plot.drawn is not None and plots.plot.drawn.counts.sum() == len(table), timeout=300_000
        )
        states.append((particles.labels.tobytes(), particles.table))

    follows()
    click(viewer, (8, 36, 12))
    click(viewer, (8, 36, 36), shift)
    press(viewer, Qt.Key.Key_J)
    follows()
    click(viewer, (8, 14, 12))
    QTest.mouseClick(tools.line_button, Qt.MouseButton.LeftButton)
    drag(viewer, (8, 4, 19.5), (8, 25, 19.5))
    qtbot.waitUntil(lambda: panel.preview.showing)
    settle()
    press(viewer, Qt.Key.Key_Return)
    follows()
    QTest.mouseClick(tools.draw_button, Qt.MouseButton.LeftButton)
    layer.brush_size = 3
    drag(viewer, (8, 40, 22), (8, 40, 25))
    follows()
    QTest.mouseClick(tools.erase_button, Qt.MouseButton.LeftButton)
    click(viewer, (8, 36, 12))
    follows()
    QTest.mouseClick(tools.erase_button, Qt.MouseButton.LeftButton)
    session.selection = {2}
    QTest.mouseClick(tools.fill_button, Qt.MouseButton.LeftButton)
    assert panel.runner.error == "" and particles.labels[8, 36, 12] == 2
    follows()
    click(viewer, (8, 14, 8))
    press(viewer, Qt.Key.Key_Delete)
    follows()
    assert len(particles.history.done) == len(states) - 1 == 6
    for labels, table in states[-2::-1]:
        press(viewer, Qt.Key.Key_Z, control)
        assert particles.labels.tobytes() == labels
        pd.testing.assert_frame_equal(particles.table, table, check_exact=True)
    for labels, table in states[1:]:
        press(viewer, Qt.Key.Key_Z, control | shift)
        assert particles.labels.tobytes() == labels
        pd.testing.assert_frame_equal(particles.table, table, check_exact=True)
    state = particles.measurement.state
    whole = measure(particles.labels, image, SPACING, previous=state)
    del whole.attrs["state"]
    pd.testing.assert_frame_equal(particles.table, whole, check_exact=True)


def show_split(panel, particles, qtbot):
    """Let the panel show how it would split the dumbbell."""
    panel._session.selection = (5,)
    settle()
    QTest.mouseClick(panel.tools.split_button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: panel.preview.showing or panel.runner.error != "")
    assert panel.preview.showing, panel.runner.error
    return next(layer for layer in panel._viewer.layers if layer.name == "Split · preview")


def test_a_split_is_seen_although_the_last_one_was_hidden(editing, qtbot):
    _viewer, panel, particles = editing
    show_split(panel, particles, qtbot).visible = False
    panel.preview.discard()
    settle()
    assert show_split(panel, particles, qtbot).visible


def test_a_panel_that_is_closed_leaves_no_split_in_the_picture_and_no_key(editing, qtbot):
    viewer, panel, particles = editing
    before = particles.labels.copy()
    show_split(panel, particles, qtbot)
    viewer.window.remove_dock_widget(panel)
    settle()
    assert "Split · preview" not in viewer.layers
    press(viewer, Qt.Key.Key_Return)
    assert np.array_equal(particles.labels, before) and not panel.preview.showing
    with qtbot.waitSignal(panel.destroyed):
        panel.deleteLater()


def test_a_split_does_not_outlive_the_last_particles(editing, qtbot):
    viewer, panel, particles = editing
    show_split(panel, particles, qtbot)
    viewer.layers.remove(link_of(viewer).layer_of(particles))
    qtbot.waitUntil(lambda: not viewer.layers["Split · preview"].data.any())
    assert not panel.preview.showing


@pytest.mark.parametrize("name", ["line_button", "seed_button"])
def test_a_panel_that_is_closed_gives_the_mouse_back(editing, qtbot, name):
    viewer, panel, particles = editing
    before, callbacks = particles.labels.copy(), list(viewer.mouse_drag_callbacks)
    panel._session.selection = (5,)
    settle()
    QTest.mouseClick(getattr(panel.tools, name), Qt.MouseButton.LeftButton)
    assert viewer.mouse_drag_callbacks != callbacks
    if name == "seed_button":
        click(viewer, (8, 14, 10))
        click(viewer, (8, 14, 28))
        assert "seeds" in viewer.layers
    viewer.window.remove_dock_widget(panel)
    settle()
    assert viewer.mouse_drag_callbacks == callbacks and viewer.scene.camera.mouse_pan
    assert "seeds" not in viewer.layers and np.array_equal(particles.labels, before)
    click(viewer, (8, 36, 12))
    assert panel._session.selection == {2}
    with qtbot.waitSignal(panel.destroyed):
        panel.deleteLater()
