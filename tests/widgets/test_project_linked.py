"""Projects that go back and forth between the window and the command line, with everything linked on the way."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_cathode import cli
from napari_cathode.edit import operations
from napari_cathode.measure import measure
from napari_cathode.plugin.link import link_of
from napari_cathode.project import Project, open_project, snapshot
from napari_cathode.session import Colouring
from napari_cathode.widgets.docks import EDIT, FEATURES, FUSE, PROJECT, open_dock
from napari_cathode.widgets.flow import DONE, EXPLAIN, FIND, STALE, reached
from napari_cathode.widgets.flow import FUSE as FUSE_STEP
from napari_cathode.widgets.keeper import keeper_of
from tests.plugin.conftest import click, needs_canvas, settle
from tests.project.conftest import QUICK, run_folder, scan, tiny  # noqa: F401
from tests.project.test_whole_state import full, measured  # noqa: F401
from tests.report.tiny_result import SPACING

from .test_project import wait

pytestmark = needs_canvas


@pytest.fixture
def saved(full, tmp_path):  # noqa: F811
    folder = tmp_path / "saved"
    Project.new(folder).save(snapshot(full))
    return folder


def test_views_edits_and_columns_go_on(viewer, qtbot, saved, full):  # noqa: F811
    """Fuse what the views saw, undo by the keys, and see the table follow with a column of another tool in it."""
    keeper, link = keeper_of(viewer), link_of(viewer)
    wait(qtbot, keeper, lambda: keeper.open(saved))
    fuse = open_dock(viewer, FUSE)
    settle()
    layers = fuse.views.chosen()
    assert {view: layer.name for view, layer in layers.items()} == {v: f"scan · {v} slices" for v in ("xy", "xz", "yz")}
    assert not any(layer.visible for layer in layers.values())
    predictions = link.session.predictions[0]
    assert all(given is predictions.views[view] for view, given in fuse.views.inputs(layers).items())
    states = reached(link, viewer.layers["scan"]).states
    assert (states[FIND], states[FUSE_STEP]) == (DONE, DONE) and states[EXPLAIN] == STALE
    particles = link.session.current
    qtbot.waitUntil(lambda: not particles.out_of_date, timeout=300_000)  # it was saved before that was measured
    edit = open_dock(viewer, EDIT)
    settle()
    rows = [edit.history.list.item(row).text() for row in range(edit.history.list.count())]
    assert rows == ["As found", "Delete 11", "Delete 12", "Delete 2 · undone"]
    viewer.layers.selection.active = viewer.layers["balls"]
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    settle()
    assert (particles.labels == 12).any() and not (particles.labels == 11).any()
    qtbot.waitUntil(lambda: not particles.out_of_date, timeout=300_000)
    assert 12 in particles.table["label"].to_numpy() and 11 not in particles.table["label"].to_numpy()
    mine = particles.table.set_index("label")["mine"].drop(12)
    before = full.current.table.set_index("label")["mine"]
    pd.testing.assert_series_equal(mine, before[mine.index])
    state = particles.measurement.state
    whole = measure(particles.labels, particles.tomogram.data, SPACING, state.parameters, state.field_of_view)
    for name in ("volume_um3", "z_um"):  # what the labels alone tell; the grey levels are those of before
        assert np.array_equal(particles.table[name].to_numpy(), whole[name].to_numpy(), equal_nan=True)
    painted = layers["xz"]
    painted.visible = True
    settle()
    with painted.block_history():
        painted.data_setitem((np.array([5]), np.array([6]), np.array([7])), 99)
    assert keeper.unsaved
    wait(qtbot, keeper, keeper.save)
    assert open_project(saved).state.predictions[0].views["xz"].labels[5, 6, 7] == 99
    viewer.layers.selection.active = painted
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert keeper.unsaved and painted.data[5, 6, 7] != 99
    wait(qtbot, keeper, keeper.save)
    assert open_project(saved).state.predictions[0].views["xz"].labels[5, 6, 7] != 99
    viewer.layers.remove("scan · yz slices")
    wait(qtbot, keeper, keeper.save)
    assert list(open_project(saved).state.predictions[0].views) == ["xy", "xz"]


def test_a_run_opens_linked_and_goes_on_headless(viewer, qtbot, run_folder, tmp_path, capsys):  # noqa: F811
    """The folder of a run is dropped on napari, a particle clicked and deleted, and the rest done without a screen."""
    keeper, link = keeper_of(viewer), link_of(viewer)
    wait(qtbot, keeper, lambda: viewer.open(run_folder / "project.json", plugin="napari-cathode"))
    assert keeper.notes == []
    features = open_dock(viewer, FEATURES)
    settle()
    particles = link.session.current
    table, layer = particles.table, viewer.layers["slice particles"]
    assert features.table.model.rowCount() == len(table) > 100
    assert particles.colouring == Colouring("damage") and particles.explanation is not None
    place = table[~table["touches_border"]].iloc[7]
    label = int(place["label"])
    centre = np.argwhere(particles.labels[0] == label)
    inside = next(at for at in centre if particles.labels[0][tuple(at)] == label)
    click(viewer, layer.data_to_world(inside))
    settle()
    assert link.session.selection == {label}
    model, chosen = features.table.model, features.table.view.selectionModel().selectedRows()
    assert [int(model.labels[row.row()]) for row in chosen] == [label]
    link.session.edit(particles, operations.delete(particles.labels, [label]))
    qtbot.waitUntil(lambda: not particles.out_of_date, timeout=300_000)
    assert label not in particles.table["label"].to_numpy() and particles.explanation_out_of_date
    target = tmp_path / "continued"
    wait(qtbot, keeper, lambda: keeper.save_as(target))
    with pytest.raises(SystemExit) as leave:
        cli.main(["run", str(target), *QUICK])
    assert not leave.value.code, capsys.readouterr().err
    assert "Particles were explained" in capsys.readouterr().out, "the table was up to date already"
    wait(qtbot, keeper, lambda: keeper.open(target))
    panel = open_dock(viewer, PROJECT)
    settle()
    again = link.session.current
    assert panel.notes.text() == "" and not again.explanation_out_of_date and not again.out_of_date
    assert label not in again.explanation.labels and again.history.done[0].describe() == f"Delete {label}"
    link.undo()
    assert (again.labels == label).any()
