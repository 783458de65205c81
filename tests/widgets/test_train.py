"""The Train panel: what can be chosen, and what is refused in a sentence."""

import json

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog, QMessageBox

from napari_cathode import resources
from napari_cathode.widgets.docks import TRAIN, open_dock


@pytest.fixture
def panel(make_napari_viewer):
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    widget = open_dock(viewer, TRAIN)
    return viewer, widget


def click(button):
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_training_on_nothing_says_what_is_missing(panel):
    _, widget = panel
    click(widget.button)
    assert "nothing to train on" in widget.runner.error
    assert not widget.runner.running


def test_layers_are_paired_and_taken_out_again(panel):
    viewer, widget = panel
    image = np.random.default_rng(0).integers(0, 255, (32, 40)).astype(np.uint8)
    viewer.add_image(image, name="slice")
    labels = viewer.add_labels((image > 128).astype(int), name="outlined")
    click(widget.sources.add_layers_button)
    click(widget.sources.add_layers_button)  # once is enough
    assert [widget.sources.list.item(i).text() for i in range(widget.sources.list.count())] == ["slice  +  outlined"]
    pair = widget.sources.sources()[0]
    assert pair.labels.shape == (1, 32, 40)
    viewer.layers.remove(labels)
    click(widget.button)
    assert "outlined was closed" in widget.runner.error
    widget.sources.list.setCurrentRow(0)
    click(widget.sources.remove_button)
    assert widget.sources.list.count() == 0


def test_layers_of_other_shapes_are_refused(panel):
    viewer, widget = panel
    viewer.add_image(np.zeros((32, 40), np.uint8), name="slice")
    viewer.add_labels(np.zeros((30, 40), int), name="small")
    click(widget.sources.add_layers_button)
    assert widget.sources.list.count() == 0
    assert "32 × 40" in widget.runner.error and "30 × 40" in widget.runner.error


def test_annotated_images_that_are_missing_are_named(panel, monkeypatch, tmp_path):
    _, widget = panel
    shape = {"name": "circle", "cx": 20, "cy": 20, "r": 9}
    entry = {"filename": "far.png", "size": -1, "regions": [{"shape_attributes": shape}], "file_attributes": {}}
    (tmp_path / "via.json").write_text(json.dumps({"far.png-1": entry}))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "via.json"), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "elsewhere"))
    widget.sources._ask_annotations()
    assert widget.sources.list.count() == 0
    assert "far.png" in widget.runner.error and str(tmp_path / "elsewhere") in widget.runner.error


def test_a_model_is_not_replaced_without_a_yes(panel, monkeypatch):
    viewer, widget = panel
    image = np.random.default_rng(0).integers(0, 255, (64, 64)).astype(np.uint8)
    viewer.add_image(image)
    viewer.add_labels((image > 128).astype(int))
    mine = resources.user_models_folder() / "mine"
    mine.mkdir(parents=True)
    (mine / "config.json").write_text("{}")
    asked = []
    monkeypatch.setattr(
        QMessageBox, "question", lambda *given: asked.append(given[-1]) or QMessageBox.StandardButton.No
    )
    widget.name.setText("mine")
    click(widget.button)
    assert asked and "mine" in asked[0]
    assert not widget.runner.running
    assert (mine / "config.json").read_text() == "{}"


def test_the_suggested_name_is_free_and_shipped_models_are_on_offer(panel):
    _, widget = panel
    assert widget.name.text() == "my-model"
    offered = [widget.start_from.itemData(i) for i in range(widget.start_from.count())]
    assert "nmc-2d" in offered and "nmc-3d" not in offered and offered[-1] == ""
