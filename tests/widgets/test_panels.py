"""The four panels in a real window: what they say, choose, refuse and leave behind."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from napari.layers import Labels
from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QHelpEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QComboBox, QFileDialog, QMessageBox, QTabBar, QToolTip

from napari_cathode.errors import InputError
from napari_cathode.identify import ViewPrediction
from napari_cathode.io import read_table
from napari_cathode.plugin.layers import is_helper, rescale, tomogram_of
from napari_cathode.plugin.link import link_of
from napari_cathode.progress import drain
from napari_cathode.session import ParticleSet, Predictions
from napari_cathode.tomogram import Tomogram
from napari_cathode.widgets.docks import EDIT, FEATURES, FUSE, IDENTIFY, PLOTS, SHAP, START, TRAIN, dock_of, open_dock
from napari_cathode.widgets.flow import settled
from napari_cathode.widgets.fuse import FuseWidget, fused_name
from napari_cathode.widgets.parts import BriefText, Choice, Fold, ask_table_path, choice_box
from napari_cathode.widgets.voxel_size import VoxelSize
from napari_cathode.work import FIND, Work
from tests.plugin.conftest import SPACING, click, settle


def test_opening_every_panel_loads_no_heavy_library():
    program = """
import sys, warnings
warnings.simplefilter("ignore")
import napari
from napari_cathode.widgets.docks import FEATURES, FUSE, IDENTIFY, PLOTS, SHAP, TRAIN, open_dock
viewer = napari.Viewer(show=False)
for name in (IDENTIFY, FUSE, FEATURES, PLOTS, SHAP, TRAIN):
    open_dock(viewer, name)
heavy = ("tensorflow", "shap", "sklearn", "onnxruntime", "stardist", "matplotlib")
print("loaded:", [name for name in heavy if name in sys.modules])
viewer.close()
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=600, check=False)
    assert "loaded: []" in done.stdout, done.stdout + done.stderr


def test_no_panel_is_cut_off_in_the_dock_of_a_narrower_one(viewer, qtbot):
    """Start is the narrowest; whoever goes on to another panel sees all of it, and the window stays on its screen."""
    main = viewer.window._qt_window
    main.resize(1366, 768)
    open_dock(viewer, START, "right")
    settle()
    for name in (IDENTIFY, FUSE, EDIT, PLOTS, TRAIN, SHAP):
        panel = open_dock(viewer, name)
        settle()
        qtbot.wait(100)
        assert panel.widget().width() <= panel.viewport().width(), name
    assert main.width() == 1366


def test_empty_panels_say_what_to_do_and_share_one_dock(viewer):
    identify, fuse, features, shap = (open_dock(viewer, name) for name in (IDENTIFY, FUSE, FEATURES, SHAP))
    settle()
    assert "Open Sample" in identify._empty.text()
    assert not identify.button.isEnabled()
    assert "Find them first" in fuse._empty.text()
    assert not fuse.button.isEnabled()
    assert "Find particles first" in features._empty.text()
    assert not features.button.isEnabled()
    assert shap._open_features.isVisibleTo(shap)
    main = viewer.window._qt_window
    beside = main.tabifiedDockWidgets(dock_of(shap))
    assert {dock_of(widget) for widget in (identify, fuse, features)} == set(beside)
    assert open_dock(viewer, IDENTIFY) is identify, "an open panel is not opened twice"
    # Greyed buttons say why, and tabs keep their names.
    assert "Open a tomogram first" in identify.button.toolTip() and "Finds the particles" in identify.button.toolTip()
    assert "Choose above which Labels layer" in fuse.button.toolTip()
    assert "Find and fuse particles first" in features.button.toolTip()
    assert "Measure the particles first" in shap.button.toolTip()
    names = [bar.tabText(i) for bar in main.findChildren(QTabBar) for i in range(bar.count())]
    assert names == ["Identify", "Fuse", "Features", "SHAP"]
    bar = next(bar for bar in main.findChildren(QTabBar) if bar.count() == 4)
    assert bar.elideMode() == Qt.TextElideMode.ElideNone


def test_views_of_other_tools_are_asked_for_and_the_reason_goes_when_one_is_chosen(qtbot, model, labels):
    panel = FuseWidget(model)
    qtbot.addWidget(panel)
    assert panel._empty.isVisibleTo(panel) and not panel._no_view.isVisibleTo(panel)
    layer = model.add_labels(labels, name="theirs", scale=SPACING, units=("um",) * 3)
    assert panel._no_view.isVisibleTo(panel) and not panel._empty.isVisibleTo(panel)
    panel.views["xy"].layer = layer
    assert not panel._no_view.isVisibleTo(panel)
    assert panel.button.isEnabled() and panel.button.toolTip() == "Makes 3D particles of the chosen views."


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("scan xy", "scan xz"), "scan particles"),
        (("particles xy", "particles xz"), "particles fused"),
        (("xy", "xz"), "fused particles"),
        (("NMC_cell.3_yz",), "NMC cell 3 particles"),
        (("theirs",), "theirs particles"),
    ],
)
def test_particles_of_other_tools_views_bear_their_common_name(names, expected):
    assert fused_name([Labels(np.zeros((1, 1, 1), np.int32), name=name) for name in names]) == expected


def test_a_brief_text_leaves_parts_out_rather_than_half_a_number(qtbot):
    text = BriefText()
    qtbot.addWidget(text)
    text.set_brief(True)
    text.say("372 in all · damage 0.162 ± 0.065 · <b>scan</b>")
    width = text.fontMetrics().horizontalAdvance
    assert text._brief_text(1000) == "372 in all · damage 0.162 ± 0.065 · scan"
    assert text._brief_text(width("372 in all · damage 0.162 ± 0.065 …")) == "372 in all · damage 0.162 ± 0.065 …"
    assert text._brief_text(width("372 in all · damage 0.162 ± 0.06")) == "372 in all …"
    assert text._brief_text(width("372 in")) == "372…"
    assert "0.065" in text.toolTip()


def test_a_narrow_list_opens_as_wide_as_its_names(qtbot):
    box = choice_box()
    qtbot.addWidget(box)
    box.addItems(["short", "SHAP of the largest crack's share of the volume"])
    box.setFixedWidth(80)
    box.show()
    box.showPopup()
    assert box.view().width() > box.fontMetrics().horizontalAdvance(box.itemText(1))
    box.hidePopup()


def hovered(widget):
    """Give what the tooltip says."""
    place = widget.rect().center()
    QToolTip.hideText()
    QApplication.sendEvent(widget, QHelpEvent(QEvent.Type.ToolTip, place, widget.mapToGlobal(place)))
    return QToolTip.text()


def test_a_name_too_long_for_a_list_is_cut_between_letters_and_told_whole(qtbot):
    box = choice_box()
    qtbot.addWidget(box)
    box.setToolTip("What is <i>shown</i>.")
    name = "SHAP of the share of cracks < 1 µm"
    box.addItem(name)
    box.setFixedWidth(110)
    box.show()
    shown = box.shown_text()
    assert shown.startswith("SHAP") and shown.endswith("…")
    assert hovered(box) == "<p><b>SHAP of the share of cracks &lt; 1 µm</b></p>What is <i>shown</i>."
    narrow = box.grab().toImage()
    box.setItemText(0, shown)
    assert narrow == box.grab().toImage(), "nothing else is drawn"
    assert hovered(box) == "What is <i>shown</i>."
    box.setItemText(0, name)
    box.setFixedWidth(400)
    empty = choice_box()
    qtbot.addWidget(empty)
    empty.setPlaceholderText("none open")
    empty.setFixedWidth(400)
    assert empty.shown_text() == "none open", "what stands there while there is nothing to choose"
    assert box.shown_text() == name and hovered(box) == "What is <i>shown</i>."


def test_what_stands_in_a_list_while_nothing_is_chosen_is_drawn_as_qt_draws_it(qtbot):
    def drawn(box):
        qtbot.addWidget(box)
        box.addItem("damage")
        box.setPlaceholderText("choose a column")
        box.setCurrentIndex(-1)
        box.setFixedSize(300, 28)
        box.show()
        return box.grab().toImage()

    assert drawn(choice_box()) == drawn(QComboBox())


def test_all_lists_of_the_panels_cut_names_so(viewer):
    for panel in (START, IDENTIFY, FUSE, FEATURES, PLOTS, SHAP, EDIT, TRAIN):
        boxes = open_dock(viewer, panel).findChildren(QComboBox)
        assert all(isinstance(box, Choice) for box in boxes), panel


def test_voxel_size_is_shown_or_asked_for(qtbot, model):
    stated = model.add_image(np.zeros((4, 8, 8)), scale=(300, 200, 100), units=("nm",) * 3)
    unstated = model.add_image(np.zeros((4, 8, 8)))
    flat = model.add_image(np.zeros((8, 8)))
    size = VoxelSize(model)
    qtbot.addWidget(size)
    size.show_layer(stated)
    assert size.spacing() == pytest.approx((0.3, 0.2, 0.1))
    assert size._hint.text() == ""
    model.layers.remove(stated)
    model.dims.set_point(0, 3)
    size.show_layer(unstated)
    assert "states no voxel size" in size._hint.text()
    with pytest.raises(InputError, match="not known"):
        size.spacing()
    size._boxes[2].setValue(0.5)
    assert size.spacing() == (0.5, 0.5, 0.5), "one length fills the others"
    assert tuple(unstated.scale) == (0.5, 0.5, 0.5)
    assert unstated.world_to_data(model.dims.point)[0] == 3, "the same slice is shown as before"
    size.show_layer(flat)
    assert size._boxes[0].isHidden()


@pytest.mark.parametrize("edge", [0.0325, 0.0642857142857, 6.5e-5])
def test_a_voxel_size_is_not_rounded(qtbot, model, edge):
    layer = model.add_image(np.zeros((4, 8, 8)), scale=(edge,) * 3, units=("um",) * 3)
    size = VoxelSize(model)
    qtbot.addWidget(size)
    size.show_layer(layer)
    assert size.spacing() == tuple(layer.scale) == (edge,) * 3
    assert float(size._boxes[0].text()) == pytest.approx(edge, abs=1e-9)
    size._boxes[0].setValue(0.0525)
    assert size.spacing() == tuple(layer.scale) == (0.0525, edge, edge)
    size.show_layer(model.add_image(np.zeros((3, 8, 8))))
    size.suggest((edge, edge, edge))
    assert size.spacing() == (edge,) * 3


def test_three_lengths_stand_beside_each_other_as_long_as_all_can_be_read(viewer):
    viewer.window._qt_window.resize(1366, 768)
    viewer.add_image(np.zeros((4, 8, 8), np.uint8), scale=(0.0325,) * 3, units=("um",) * 3)
    size = open_dock(viewer, START).voxel_size
    settle()
    assert len({box.y() for box in size._boxes}) == 1
    size._boxes[1].setValue(0.064285714)
    settle()
    assert len({box.y() for box in size._boxes}) == 3
    for box in size._boxes:
        assert box.fontMetrics().horizontalAdvance(box.text()) < box.lineEdit().width()


def test_a_voxel_size_that_changes_only_the_unit_leaves_the_picture(viewer):
    layer = viewer.add_image(np.full((40, 80, 80), 200, np.uint8), scale=(0.2,) * 3, contrast_limits=(0, 255))
    step = viewer.dims.current_step
    assert layer.thumbnail[..., :3].any()
    rescale(viewer, layer, (0.2, 0.2, 0.2))
    assert viewer.dims.current_step == step
    settle()
    assert layer.thumbnail[..., :3].any(), "black"


def test_a_length_that_no_voxel_has_is_told_rather_than_cut(qtbot, model):
    layer = model.add_image(np.zeros((4, 8, 8)))
    size = VoxelSize(model)
    qtbot.addWidget(size)
    size.show_layer(layer)
    box = size._boxes[0]
    box.selectAll()
    QTest.keyClicks(box, "2000000")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert "2e+06 µm is more than 10 cm" in size._hint.text()
    assert box.text() == "2000000" and layer.scale[0] == 1
    with pytest.raises(InputError, match="too much for a voxel"):
        size.spacing()
    for box in size._boxes:
        box.setValue(0.2)
    assert size.spacing() == (0.2,) * 3 and size._hint.text() == ""


def test_features_open_with_the_particles_that_are_current(viewer, labels):
    link = link_of(viewer)
    chosen = ParticleSet(labels, "chosen", SPACING)
    link.show(chosen)
    viewer.add_labels(labels.copy(), name="on top", scale=SPACING, units=("um",) * 3)
    panel = open_dock(viewer, FEATURES)
    settle()
    assert link.session.current is chosen
    assert panel.labels.layer is link.layer_of(chosen)


def test_a_file_is_not_replaced_unasked_when_its_ending_is_added(qtbot, tmp_path, monkeypatch):
    answers, asked = [], []
    typed = str(tmp_path / "results")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (typed, ""))
    monkeypatch.setattr(QMessageBox, "question", lambda *words: asked.append(words[-1]) or answers.pop())
    assert ask_table_path(None, "Export", "a.csv") == f"{typed}.csv"
    assert not asked
    (tmp_path / "results.csv").touch()
    answers += [QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No]
    assert ask_table_path(None, "Export", "a.csv") == ""
    assert ask_table_path(None, "Export", "a.csv") == f"{typed}.csv"
    assert "results.csv already exists" in asked[0]
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (typed, "Parquet (*.parquet)"))
    assert ask_table_path(None, "Export", "a.csv") == f"{typed}.parquet"


def test_fuse_of_a_region_waits_for_find_in_the_whole(qtbot, model, labels):
    link = link_of(model)
    image = model.add_image(labels.astype(np.uint8), scale=SPACING, units=("um",) * 3, name="tomo")
    where = ((0, 16), (4, 40), (0, 30))
    found = settled(tomogram_of(image), where)
    part = labels[:, 4:, :30]
    view = ViewPrediction("xz", part, (part > 0).astype(np.float16), SPACING, None)
    drain(link.views.iter_show(Predictions("tomo", {"xz": view}, found), image, (0, 4, 0)))
    panel = FuseWidget(model)
    qtbot.addWidget(panel)
    assert panel.button.isEnabled()
    finding = Work(FIND, tomogram_of(image))
    link.session.begin(finding)
    assert not panel.button.isEnabled() and "“Find particles” is running" in panel.button.toolTip()
    panel.fuse()
    assert "“Find particles” is running" in panel.runner.error and not panel.runner.running
    link.session.end(finding)
    assert panel.button.isEnabled()


def test_fuse_offers_the_newest_predictions(qtbot, model, labels):
    link = link_of(model)
    image = model.add_image(labels.astype(np.uint8), scale=SPACING, units=("um",) * 3, name="tomo")
    tomogram = Tomogram(image.data, SPACING, "tomo")
    view = ViewPrediction("xz", labels, (labels > 0).astype(np.float16), SPACING, None)
    link.views.show(Predictions("tomo", {"xz": view}, tomogram), image)
    panel = FuseWidget(model)
    qtbot.addWidget(panel)
    layer = model.layers["tomo · xz slices"]
    assert not layer.visible
    assert panel.views["xz"].layer is layer
    assert panel.views["xy"].layer is None
    assert panel.views.inputs({"xz": layer})["xz"] is view
    with pytest.raises(InputError, match="found in xz slices"):
        panel.views.inputs({"xy": layer})
    layer.data = labels.copy()
    assert panel.views.inputs({"xz": layer})["xz"] is layer.data, "labels that were exchanged count, not what was found"
    model.layers.remove(layer)
    assert link.session.predictions == ()
    assert panel.views["xz"].layer is None


def test_features_follow_the_current_particles_and_their_image(viewer, labels, table, tmp_path):
    link = link_of(viewer)
    viewer.add_image(np.zeros((3, 5, 5), np.uint8), name="other")
    image = viewer.add_image(labels.astype(np.uint8) * 9, scale=SPACING, units=("um",) * 3, name="tomo")
    panel = open_dock(viewer, FEATURES)
    link.show(ParticleSet(labels, "found", SPACING, Tomogram(image.data, SPACING, "tomo")), image)
    settle()
    assert panel.labels.layer is viewer.layers["found"]
    assert panel.image.layer is image
    assert panel.button.isEnabled()
    assert not panel.table.isVisibleTo(panel)
    link.set_table(link.session.current, table)
    settle()
    assert panel.table.isVisibleTo(panel)
    assert panel.summary.text().startswith("<b>found</b>")
    link.session.selection = {7}
    panel.export_to(str(tmp_path / "chosen"), "selected")
    written = pd.read_csv(tmp_path / "chosen.csv")
    assert written["label"].tolist() == [7]
    assert (tmp_path / "chosen.json").exists()
    viewer.layers["found"].paint((8, 20, 20), 3)
    assert "measure again" in panel.summary.text()


def test_on_a_small_screen_all_that_measuring_needs_is_seen(viewer, labels, table):
    viewer.window.resize(1366, 700)
    viewer.add_labels(labels, name="found")
    panel = open_dock(viewer, FEATURES, "right")
    settle()
    assert panel.voxel_size.isVisibleTo(panel), "nobody said how large voxels are"
    fold = panel.findChildren(Fold)[0]
    for part in (fold._button, panel.button):
        assert part.visibleRegion().boundingRect().height() > 15, part.text()
    panel.button.click()
    assert "voxel size" in panel.runner.error
    panel.voxel_size._boxes[0].setValue(2.0)
    assert panel.runner.error == "", "what was asked for is there"
    link = link_of(viewer)
    noted = table.copy()
    noted.attrs["notes"] = ["A length does not suit the data, for a reason that takes some words to be said."] * 4
    link.set_table(link.session.current, noted)
    settle()
    assert panel.table.isVisibleTo(panel) and panel.notes.isVisibleTo(panel)
    panel._measure_toggle.click()
    settle()
    assert panel.button.visibleRegion().boundingRect().height() > 15
    assert not panel.table.isVisibleTo(panel), "settings stand in its place"
    panel._measure_toggle.click()
    settle()
    assert panel.table.isVisibleTo(panel) and panel.notes.isVisibleTo(panel)


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_rows_are_written_as_they_are_shown(viewer, tmp_path, monkeypatch, ending):
    link = link_of(viewer)
    particles = ParticleSet(np.arange(1, 7, dtype=np.int32).reshape(1, 2, 3), "found", (1.0, 1.0, 1.0))
    link.show(particles)
    damage = [0.3, 0.1, np.nan, 0.5, 0.2, 0.4]
    link.set_table(particles, pd.DataFrame({"label": range(1, 7), "damage": damage, "kind": list("abcdef")}))
    panel = open_dock(viewer, FEATURES)
    settle()
    panel.table.view.header.setSortIndicator(1, Qt.SortOrder.DescendingOrder)
    panel.table.filter.setText("damage > 0.15")
    panel.table.apply_filter()
    link.session.selection = {5, 2, 4}
    settle()
    written = {}
    for which, action in zip(("all", "shown", "selected"), panel.export_button.menu().actions(), strict=True):
        path = tmp_path / f"{which}.{ending}"
        chosen = f"{'Parquet' if ending == 'parquet' else 'CSV'} (*.{ending})"
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_, path=path, kind=chosen: (str(path), kind))
        action.trigger()
        assert panel.runner.error == "" and path.with_suffix(".json").exists()
        written[which] = read_table(path)
    assert {which: table["label"].tolist() for which, table in written.items()} == {
        "all": [1, 2, 3, 4, 5, 6],
        "shown": [4, 6, 1, 5],
        "selected": [4, 5, 2],  # the filter hides 2
    }
    pd.testing.assert_frame_equal(written["all"], particles.table, check_dtype=False)
    assert written["shown"]["kind"].tolist() == list("dfae")
    if ending == "parquet":
        with open(tmp_path / "shown.parquet", "rb") as file:
            assert file.read(4) == b"PAR1"


def test_the_population_is_shown_and_written(viewer, labels, tmp_path):
    from napari_cathode.measure import MeasureParameters, measure, summarise

    link = link_of(viewer)
    link.show(ParticleSet(labels, "found", SPACING))
    panel = open_dock(viewer, FEATURES)
    settle()
    assert not panel.population_toggle.isVisibleTo(panel)
    assert panel.form.value() == MeasureParameters()
    panel.form.field("groups").set_value(("structure", "surroundings"))
    parameters = panel.form.value()
    assert parameters.groups == ("structure", "surroundings")
    found = measure(labels, None, SPACING, parameters)
    link.set_table(link.session.current, found, summarise(found, labels, SPACING))
    settle()
    assert found.attrs["notes"] and all(note in panel.notes.text() for note in found.attrs["notes"])
    QTest.mouseClick(panel.population_toggle, Qt.MouseButton.LeftButton)
    settle()
    assert panel.population.isVisibleTo(panel) and not panel.table.isVisibleTo(panel)
    names = [panel.population.item(row, 0).text() for row in range(panel.population.rowCount())]
    row = names.index("Volume (µm³)")
    shown = [panel.population.item(row, column).text() for column in (1, 2, 3)]
    volumes = found["volume_um3"].dropna()
    assert shown == [f"{volumes.mean():.4g}", f"{volumes.std():.4g}", str(len(volumes))]
    assert "D50 by volume (µm)" in names and "EDensity (grey)" not in names
    panel.population.setFocus()
    panel.population.selectRow(row)
    QTest.keyClick(panel.population, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QApplication.clipboard().text().splitlines()[1] == "\t".join(["Volume (µm³)", *shown])
    panel.export_to(str(tmp_path / "nmc.csv"))
    assert "nmc_contacts.csv and nmc_summary.csv beside it" in panel.runner.status
    assert pd.read_csv(tmp_path / "nmc_summary.csv")["quantity"].tolist()[:2] == ["particles", "excluded"]
    assert list(pd.read_csv(tmp_path / "nmc_contacts.csv"))[:3] == ["label_1", "label_2", "area_um2"]
    # It is said until something else is done, or for some seconds.
    link.session.selection = {int(found["label"][0])}
    assert panel.runner.status == ""
    panel.export_to(str(tmp_path / "nmc.csv"))
    assert "Wrote" in panel.runner.status and panel._forgetting.isActive()
    panel._forgetting.timeout.emit()
    assert panel.runner.status == ""
    panel.runner.say("Something else.")
    link.session.selection = ()
    assert panel.runner.status == "Something else."


def test_files_beside_a_table_are_not_replaced_unasked(viewer, labels, tmp_path, monkeypatch):
    from napari_cathode.measure import measure, summarise

    link = link_of(viewer)
    link.show(ParticleSet(labels, "found", SPACING))
    panel = open_dock(viewer, FEATURES)
    found = measure(labels, None, SPACING)
    link.set_table(link.session.current, found, summarise(found, labels, SPACING))
    answers, asked = [QMessageBox.StandardButton.Yes, QMessageBox.StandardButton.No], []
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "nmc.csv"), ""))
    monkeypatch.setattr(QMessageBox, "question", lambda *words: asked.append(words[-1]) or answers.pop())
    for name in ("nmc_contacts.csv", "nmc_summary.csv", "nmc_edits.csv"):
        (tmp_path / name).write_text("mine")
    panel.export("all")
    assert asked == ["nmc_contacts.csv, nmc_summary.csv and nmc_edits.csv already exist. Do you want to replace them?"]
    assert (tmp_path / "nmc_summary.csv").read_text() == "mine" and not (tmp_path / "nmc.csv").exists()
    panel.export("all")
    assert len(pd.read_csv(tmp_path / "nmc.csv")) == len(found)
    assert (tmp_path / "nmc_summary.csv").read_text() != "mine"
    (tmp_path / "nmc_edits.csv").unlink()  # it is empty now
    (tmp_path / "nmc_contacts.csv").unlink()
    (tmp_path / "nmc_contacts.json").unlink()
    link.session.selection = {int(found["label"][0])}
    panel.export("selected")
    assert len(asked) == 2, "no summary comes beside some of the particles"
    (tmp_path / "nmc.csv").unlink()
    answers.append(QMessageBox.StandardButton.No)
    (tmp_path / "nmc_contacts.csv").unlink()
    panel.export("selected")
    assert "nmc_contacts.json and nmc.json" in asked[2] or "nmc.json and nmc_contacts.json" in asked[2]
    assert not (tmp_path / "nmc.csv").exists()


def test_an_image_of_another_shape_is_refused(viewer, labels):
    viewer.add_image(np.zeros((3, 5, 5), np.uint8), name="other", scale=SPACING, units=("um",) * 3)
    viewer.add_labels(labels, name="mine", scale=SPACING, units=("um",) * 3)
    panel = open_dock(viewer, FEATURES)
    settle()
    panel.image.layer = viewer.layers["other"]
    panel.measure()
    assert "3 × 5 × 5" in panel.runner.error
    assert not panel.runner.running


def test_labels_without_a_voxel_size_are_asked_for_one(viewer, qtbot, labels):
    viewer.add_labels(labels, name="mine")
    panel = open_dock(viewer, FEATURES)
    settle()
    assert panel.voxel_size.isVisibleTo(panel)
    panel.measure()
    assert "voxel size of mine is not known" in panel.runner.error
    panel.voxel_size._boxes[0].setValue(0.5)
    with qtbot.waitSignal(panel.runner.finished, timeout=300_000):
        panel.measure()
        panel.runner.cancel()
    assert tuple(viewer.layers["mine"].scale) == (0.5, 0.5, 0.5)
    assert link_of(viewer).session.current.spacing_um == (0.5, 0.5, 0.5)
    assert "Cancelled" in panel.runner.status


def test_click_a_particle_and_its_row_is_selected_and_the_other_way_round(viewer, labels, table):
    link = link_of(viewer)
    link.show(ParticleSet(labels, "found", SPACING))
    panel = open_dock(viewer, FEATURES)
    link.set_table(link.session.current, table)
    viewer.reset_view()
    settle()
    rows, model = panel.table.view.selectionModel(), panel.table.model
    click(viewer, (10, 10))
    assert [model.labels[index.row()] for index in rows.selectedRows()] == [3]
    viewer.dims.set_point(0, 0)
    place = panel.table.view.visualRect(model.index(model.row_of(7), 1)).center()
    QTest.mouseClick(panel.table.view.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
    settle()
    outline = next(layer for layer in viewer.layers if is_helper(layer))
    assert outline.data.sum() == (labels == 7).sum()
    assert viewer.dims.point[0] == 16.0, "its middle slice is shown"
    assert viewer.scene.camera.center[1:] == pytest.approx((28, 28))
    viewer.layers.remove("found")
    settle()
    assert panel.table.model.rowCount() == 0
    assert not outline.data.any()


def test_another_voxel_size_holds_for_all_that_lies_on_the_grid(qtbot, model, labels):
    image = model.add_image(labels.astype(np.uint8), scale=SPACING, units=("um",) * 3)
    other = model.add_image(np.zeros((3, 5, 5)), scale=SPACING, units=("um",) * 3)
    link = link_of(model)
    particles = ParticleSet(labels, "found", SPACING, Tomogram(image.data, SPACING, "tomo"))
    layer = link.show(particles, image)
    size = VoxelSize(model)
    qtbot.addWidget(size)
    size.show_layer(image)
    size._boxes[0].setValue(4.0)
    assert tuple(image.scale) == tuple(layer.scale) == particles.spacing_um == (4.0, *SPACING[1:])
    assert tuple(other.scale) == SPACING, "it has voxels of its own"


def test_fuse_without_views_says_so(qtbot, model):
    panel = FuseWidget(model)
    qtbot.addWidget(panel)
    panel.fuse()
    assert "No view is chosen" in panel.runner.error


def test_labels_in_pixels_are_offered_the_voxel_size_of_their_image(viewer, labels):
    viewer.add_image(labels.astype(np.uint8), scale=SPACING, units=("um",) * 3)
    viewer.add_labels(labels)
    panel = open_dock(viewer, FEATURES)
    settle()
    assert panel.voxel_size.spacing() == SPACING
    assert tuple(viewer.layers[1].scale) == SPACING


def test_the_menus_of_the_layers_lead_to_the_panels(viewer):
    bar = viewer.window._qt_window.menuBar()
    layers = next(action.menu() for action in bar.actions() if action.text().replace("&", "") == "Layers")
    layers.aboutToShow.emit()
    inner = {action.text(): action.menu() for action in layers.actions() if action.menu() is not None}
    for where, panel in (("Segment", "Start here"), ("Measure", "Particle features"), ("Visualize", "Inspector")):
        inner[where].aboutToShow.emit()
        action = next(one for one in inner[where].actions() if one.text().startswith(panel))
        action.trigger()
        opened = [widget for name, widget in viewer.window.dock_widgets.items() if name.startswith(panel)]
        assert len(opened) == 1, panel
        assert open_dock(viewer, panel) is opened[0], "from the menu or from another panel, it is the same"
    settle()
    # The menu brings a panel that lies under others to the front.
    start = open_dock(viewer, START)
    settle()
    assert opened[0].visibleRegion().isEmpty() and not start.visibleRegion().isEmpty()
    action.trigger()
    settle()
    assert start.visibleRegion().isEmpty() and not opened[0].visibleRegion().isEmpty()
    action.trigger()
    settle()
    assert not opened[0].isVisible(), "and hides one that is in front, as napari does with any"


def test_every_panel_says_what_its_step_takes(viewer):
    """Time and memory stand above the button, follow the settings, and go where nothing can begin."""
    fuse, features, shap, train = (open_dock(viewer, name) for name in (FUSE, FEATURES, SHAP, TRAIN))
    assert not any(panel.forecast.text() for panel in (fuse, features, shap))
    labels = np.zeros((64, 400, 400), np.int32)
    labels[10:30, 10:30, 10:30] = 1
    layer = viewer.add_labels(labels, scale=SPACING, units=("um",) * 3)
    fuse.views["xy"].layer = layer
    settle()
    assert "About 8 s and 0.9 GB of memory" in fuse.forecast.text()
    fuse.form.field("working_scale").set_value(0.25)
    assert "About 3 s" in fuse.forecast.text()
    assert "About 5 s and 0.4 GB" in features.forecast.text()
    particles = link_of(viewer).adopt(layer)
    table = pd.DataFrame({"label": [1], "sphericity": [0.9], "damage": [0.1]})
    link_of(viewer).set_table(particles, table)
    settle()
    assert "About 5 s and 0.4 GB" in shap.forecast.text()
    train.form.field("steps").set_value(20)
    assert "About 30 s" in train.forecast.text()
    train.form.field("steps").set_value(20_000)
    assert "h and 1.5 GB" in train.forecast.text()
