"""What is set in napari's Preferences: it is offered there, and it holds."""

import os

import numpy as np
import pytest
from qtpy.QtWidgets import QCheckBox, QComboBox, QListWidget

from napari_cathode.cores import CORES, usable_cores
from napari_cathode.kept_process import KeptProcess
from napari_cathode.plugin.link import link_of
from napari_cathode.plugin.preferences import preferences
from napari_cathode.progress import Progress, Steps, drain
from napari_cathode.session import Colouring, ParticleSet
from napari_cathode.widgets.docks import EDIT, dock_of, open_dock
from napari_cathode.widgets.inspector import InspectorWidget
from napari_cathode.widgets.keeper import save_after_s

from .conftest import SPACING, click, needs_canvas, settle


@pytest.fixture(autouse=True)
def set_back():
    """Leave the settings as they were."""
    yield
    for name in ("window", "work"):
        group = getattr(preferences(), name)
        group.update({key: field.default for key, field in type(group).model_fields.items()})


def count_cores() -> Steps[int]:
    yield Progress(0, 1, "Counting")
    return usable_cores()


@needs_canvas
def test_napari_shows_the_settings_and_keeps_them(viewer):
    from napari._qt.dialogs.preferences_dialog import PreferencesDialog

    dialog = PreferencesDialog(parent=viewer.window._qt_window)
    pages = dialog.findChild(QListWidget)
    names = [pages.item(row).text() for row in range(pages.count())]
    pages.setCurrentRow(names.index("Cathode"))
    page = dialog._stack.currentWidget()
    boxes, ticks = page.findChildren(QComboBox), page.findChildren(QCheckBox)
    next(box for box in boxes if box.findText("magma") >= 0).setCurrentText("magma")
    assert ticks[0].isChecked()
    ticks[0].click()
    assert preferences().window.colour_map == "magma"
    assert not preferences().window.inspect_clicked
    assert "magma" in preferences().config_path.read_text()
    dialog.close()
    dialog.deleteLater()
    settle()


def test_another_colour_map_recolours_only_where_none_was_chosen(model, labels, table):
    link = link_of(model)
    left, right = (ParticleSet(labels.copy(), name, SPACING, table=table) for name in ("auto", "chosen"))
    layers = [link.show(particles) for particles in (left, right)]
    link.session.set_colouring(left, Colouring("volume_um3"))
    link.session.set_colouring(right, Colouring("volume_um3", colormap="viridis"))
    before = [layer.get_color(7) for layer in layers]
    preferences().window.colour_map = "magma"
    after = [layer.get_color(7) for layer in layers]
    assert not np.allclose(before[0], after[0])
    assert np.allclose(before[1], after[1])


def test_processes_use_as_many_cores_as_are_set(monkeypatch, model):
    monkeypatch.setenv(CORES, "")
    link_of(model)  # follows the settings
    kept = KeptProcess()
    there = drain(kept.iter_call(count_cores))
    assert there == usable_cores()
    preferences().work.cores = 1
    assert kept.pid is None, "what it keeps is lost to the next call"
    assert drain(kept.iter_call(count_cores)) == 1
    preferences().work.cores = 0
    assert os.environ[CORES] == ""
    kept.close()


def test_work_is_kept_after_the_time_that_is_set():
    assert save_after_s() == 30
    preferences().work.keep_after_s = 120
    assert save_after_s() == 120
    with pytest.raises(ValueError):
        preferences().work.keep_after_s = 1


@needs_canvas
@pytest.mark.parametrize(("wanted", "opens"), [(True, True), (False, False)])
def test_the_first_click_on_a_measured_particle_opens_the_inspector(viewer, labels, table, wanted, opens):
    preferences().window.inspect_clicked = wanted
    link = link_of(viewer)
    link.show(ParticleSet(labels, "balls", SPACING))
    viewer.reset_view()
    settle()
    click(viewer, (16, 28, 28))
    assert _inspector(viewer) is None  # nothing is known of it that could be shown
    link.set_table(link.session.current, table)
    click(viewer, (16, 10, 10))
    settle()
    assert (_inspector(viewer) is not None) == opens
    if opens:
        assert _inspector(viewer).label == 3
        dock_of(_inspector(viewer)).hide()
        viewer.reset_view()
        settle()
        click(viewer, (16, 28, 28))
        settle()
        assert dock_of(_inspector(viewer)).isHidden()  # who closed it does not want it


@needs_canvas
def test_it_does_not_open_over_a_panel_that_clicks_are_for(viewer, labels, table):
    link = link_of(viewer)
    link.show(ParticleSet(labels, "balls", SPACING, table=table))
    edit = open_dock(viewer, EDIT)
    settle()
    viewer.reset_view()
    settle()
    click(viewer, (16, 28, 28))
    assert link.session.selection == {7}
    assert _inspector(viewer) is None
    dock_of(edit).hide()
    viewer.reset_view()
    settle()
    click(viewer, (16, 10, 10))
    settle()
    assert _inspector(viewer) is not None, "the first click that is for no panel opens it"


def _inspector(viewer):
    return next(iter(viewer.window._qt_window.findChildren(InspectorWidget)), None)
