"""Labels layers of other tools: their columns are kept, tables from files are matched by label."""

import math
import warnings

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog

from napari_cathode.errors import InputError
from napari_cathode.io import write_table
from napari_cathode.judging import judgement
from napari_cathode.measure import measure, summarise
from napari_cathode.measure.matching import find_labels, match_labels
from napari_cathode.plugin.foreign import add_columns
from napari_cathode.plugin.link import link_of
from napari_cathode.session import Colouring, ParticleSet
from napari_cathode.widgets.docks import FEATURES, open_dock
from tests.plugin.conftest import SPACING, needs_canvas, settle


def matched(rows, ids=(3, 7), **columns):
    return match_labels(pd.DataFrame({"label": rows, **columns}), np.array(ids, np.int64), "their.csv", "found")


def test_labels_are_found_in_any_array(labels):
    assert find_labels(labels).tolist() == [3, 7]
    assert find_labels(np.zeros((1, 4, 4), np.int32)).tolist() == []
    dask = pytest.importorskip("dask.array")
    assert find_labels(dask.from_array(labels, chunks=8)).tolist() == [3, 7]


def test_what_does_not_match_is_said():
    fine = matched([7, 3], size=[1.5, 2.5], good=[True, False])
    assert fine.table.to_dict("list") == {"label": [3, 7], "size": [2.5, 1.5], "good": [False, True]}
    assert fine.describe("their.csv", "found") == "2 columns of 2 particles from their.csv."
    part = matched([7, 9, 11], size=[1.0, 2.0, 3.0], good=[True, True, True])
    assert math.isnan(part.table["size"][0]) and part.table["good"].tolist() == [False, True]
    text = part.describe("their.csv", "found")
    assert "2 rows left out: found has no label 9, 11." in text and "1 particle without a row: 3." in text
    with pytest.raises(InputError, match=r"None of the labels in their.csv \(10 to 12\) is in found \(3 to 7\)"):
        matched([10, 12])


def test_a_table_comes_beside_what_was_measured(model, labels, table):
    link = link_of(model)
    particles = ParticleSet(labels, "found", SPACING)
    link.show(particles)
    link.set_table(particles, table)
    link.session.judge(particles, [7], kind="ours")
    theirs = matched(
        [3, 7], damage=[9.0, 9.0], phase=["a", "b"], review_class=["x", "y"], review_excluded=[True, False]
    )
    text = add_columns(link, particles, theirs, "their.csv")
    assert particles.table["damage"][0] == 0.1 and "has them already: damage" in text
    assert particles.table["phase"].tolist() == ["a", "b"]
    assert particles.review == {3: judgement("excluded", "x"), 7: judgement("", "ours")}, "what was said here wins"
    assert list(model.layers["found"].features["phase"][[3, 7]]) == ["a", "b"]


def test_our_own_file_brings_back_features_verdicts_and_summary(model, labels, tmp_path):
    link = link_of(model)
    first = ParticleSet(labels, "found", SPACING)
    link.show(first)
    measured = measure(labels, None, SPACING)
    link.set_table(first, measured, summarise(measured, labels, SPACING))
    link.session.judge(first, [3], verdict="excluded", note="a pore")
    write_table(tmp_path / "t.csv", first.table)
    from napari_cathode.plugin.steps import iter_load_table
    from napari_cathode.progress import drain

    later = link.adopt(model.add_labels(labels.copy(), name="later", scale=SPACING, units=("um",) * 3))
    found = drain(iter_load_table(str(tmp_path / "t.csv"), later.labels, "later"))
    add_columns(link, later, found, "t.csv")
    assert later.review == first.review and later.summary.count_excluded == 1
    assert later.summary.count == first.summary.count and math.isnan(later.summary.solid_fraction)
    assert later.summary.d50_um == pytest.approx(first.summary.d50_um, nan_ok=True)
    assert set(first.table.columns) == set(later.table.columns)


def test_rows_that_name_their_label_are_taken_for_it(model, labels):
    measured = pd.DataFrame({"label": [7, 3], "area": [70.0, 30.0]})
    layer = model.add_labels(labels, name="of another tool", features=measured)
    particles = link_of(model).adopt(layer)
    assert particles.table.set_index("label")["area"].to_dict() == {7: 70.0, 3: 30.0}
    assert layer.features.set_index("index").loc[7, "area"] == 70.0


def test_what_another_tool_writes_later_comes_beside_ours(model, labels, table):
    link = link_of(model)
    particles = ParticleSet(labels, "found", SPACING)
    layer = link.show(particles)
    layer.features = pd.DataFrame({"index": [3, 7], "phase": ["a", "b"]})
    assert particles.table["phase"].tolist() == ["a", "b"], "a table of theirs alone"
    link.set_table(particles, table)
    assert particles.table[["damage", "phase"]].iloc[0].tolist() == [0.1, "a"]
    link.session.set_colouring(particles, Colouring("damage"))
    explanation = type("Explained", (), {"shap": pd.DataFrame()})()
    link.session.set_explanation(particles, explanation)
    layer.features = pd.DataFrame({"label": [7, 3], "charge": [0.7, 0.3]})
    assert particles.table.set_index("label")["charge"].to_dict() == {3: 0.3, 7: 0.7}
    assert "phase" not in particles.table and particles.table["damage"][0] == 0.1
    assert {"damage", "charge"} <= set(layer.features.columns), "ours are written beside"
    assert particles.explanation is explanation and particles.colouring is not None


@pytest.mark.parametrize("index", [[0.5, 1.0], [3, 3], ["a", "b"]])
def test_an_index_that_is_none_is_not_believed(model, labels, index):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = model.add_labels(labels, features=pd.DataFrame({"index": index, "size": [1.0, 2.0]}))
    assert link_of(model).adopt(layer).table["label"].tolist() == [1]


@needs_canvas
def test_a_table_is_loaded_in_the_window(viewer, labels, tmp_path, qtbot, monkeypatch):
    viewer.add_labels(labels, name="of another tool", scale=SPACING, units=("um",) * 3)
    pd.DataFrame({"label": [3, 9], "charge": [0.3, 0.9]}).to_csv(tmp_path / "their.csv", index=False)
    panel = open_dock(viewer, FEATURES)
    settle()
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(tmp_path / "their.csv"), ""))
    with qtbot.waitSignal(panel.runner.finished, timeout=300_000):
        QTest.mouseClick(panel.load_button, Qt.MouseButton.LeftButton)
    assert "1 row left out: of another tool has no label 9." in panel.runner.status
    assert panel.table.model.columns["charge"].tolist()[0] == 0.3 and panel.table.isVisibleTo(panel)
    (tmp_path / "their.csv").write_text("label,charge\n12,1\n")
    with qtbot.waitSignal(panel.runner.finished, timeout=300_000):
        panel.load_table(str(tmp_path / "their.csv"))
    assert "None of the labels in their.csv (12 to 12)" in panel.runner.error
