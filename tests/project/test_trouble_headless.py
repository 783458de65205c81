"""Whatever is missing, damaged or changed in a run's folder, a sentence says so, and the rest is there."""

import shutil

import numpy as np
import pandas as pd
import pytest
from tests.project.conftest import QUICK
from tests.project.test_headless import command  # noqa: F401
from tests.project.test_project import damage

from napari_cathode import io
from napari_cathode.project import open_project


@pytest.fixture
def moved(run_folder, tmp_path):
    """Give a copy of a run with its image beside it, elsewhere."""
    folder = tmp_path / "moved" / "found"
    shutil.copytree(run_folder.parent, folder.parent)
    text = (folder / "project.json").read_text("utf-8")
    (folder / "project.json").write_text(text.replace(str(run_folder.parent), "/nowhere"), "utf-8")
    return folder


def cut(path):
    labels, spacing = io.read_labels(path)
    io.write_labels(path, labels[:, :-7], spacing)


def without_labels_column(path):
    pd.read_csv(path).drop(columns="label").to_csv(path, index=False)


def text_in_a_number(path):
    table = pd.read_csv(path)
    table["damage"] = table["damage"].astype(object)
    table.loc[3, "damage"] = "viel"
    table.to_csv(path, index=False)


PARTICLES = "The particles slice particles are left out"
TABLE = "The feature table of slice particles is left out"
CASES = {
    "labels damaged": ("labels.tif", damage, PARTICLES, "cannot be read, and are not found anew"),
    "labels gone": ("labels.tif", lambda path: path.unlink(), "labels.tif is missing", "cannot be read, and are not"),
    "labels of another shape": ("labels.tif", cut, "1 × 313 × 320 voxels instead of 1 × 320 × 320", "cannot be read"),
    "table gone": ("features.csv", lambda path: path.unlink(), TABLE, "measured"),
    "table without labels": ("features.csv", without_labels_column, TABLE, "measured"),
    "table with words for numbers": ("features.csv", text_in_a_number, TABLE, "measured"),
    "table empty": ("features.csv", lambda path: path.write_text(""), TABLE, "measured"),
    "contacts gone": ("contacts.csv", lambda path: path.unlink(), "The list of contacts of slice", "up to date"),
    "SHAP values gone": ("shap.csv", lambda path: path.unlink(), "The explanation of slice particles", "explained"),
    "image gone": ("../slice.tif", lambda path: path.unlink(), "The tomogram slice is not at", "up to date"),
    "image damaged": ("../slice.tif", lambda path: path.write_bytes(b"II*\0" + b"\0" * 50), "slice.tif", "up to date"),
}


@pytest.mark.parametrize("case", CASES)
def test_every_trouble_is_said(moved, command, case):  # noqa: F811
    """On opening, and by a run without a screen, which does what it can; nothing that is there is lost by it."""
    name, harm, says, does = CASES[case]
    harm(moved / name)
    opened = open_project(moved)
    assert opened.notes and says in " ".join(opened.notes), opened.notes
    assert all(note.endswith(".") for note in opened.notes)
    lost = name == "labels.tif"
    assert lost == (opened.state.current is None) == bool(opened.project.aside)
    assert lost or (opened.state.current.table is None) == case.startswith("table")
    code, out, err = command("run", moved, *QUICK)
    assert "Traceback" not in err and says in err.replace("\n", " ") and code == (2 if lost else 0)
    assert does in (err if lost else out).replace("\n", " ")
    if not lost:
        again = open_project(moved).state.current
        assert np.array_equal(again.labels, io.read_labels(moved / "labels.tif")[0])
        assert again.table is not None and again.explanation is not None


def test_a_run_does_not_need_its_parameter_file(moved):
    (moved / "parameters.yaml").write_text("{]")
    assert open_project(moved).notes == ()


@pytest.mark.parametrize(
    ("harm", "says"),
    [
        (lambda text: text[:-200], "is damaged"),
        (lambda text: text.replace('"spacing_um"', '"spacing"'), "holds something unexpected"),
        (lambda text: text.replace('"labels"', '"lables"'), "holds something unexpected"),
        (lambda text: text.replace('"version": 1', '"version": 99'), "saved by a newer program"),
    ],
)
def test_manifests_that_somebody_changed(moved, command, harm, says):  # noqa: F811
    path = moved / "project.json"
    path.write_text(harm(path.read_text("utf-8")), "utf-8")
    kept = path.read_bytes()
    code, _, err = command("measure", moved, "-o", moved.parent / "table.csv")
    assert code == 2 and says in err.replace("\n", " ") and "Traceback" not in err
    assert path.read_bytes() == kept and not (moved.parent / "table.csv").exists()


def test_a_hand_written_column_stays_through_an_edit(moved, command):  # noqa: F811
    """A spreadsheet added a column to the run's table; the run goes on with it, and keeps it."""
    table = pd.read_csv(moved / "features.csv")
    table.assign(batch="A7").to_csv(moved / "features.csv", index=False)
    code, _, err = command("run", moved, "--measure-closing-radius", 0.4, *QUICK)
    assert code == 0, err
    again = open_project(moved).state.current
    assert set(again.table["batch"]) == {"A7"} and again.provenance["measure"]["closing_radius_um"] == 0.4
