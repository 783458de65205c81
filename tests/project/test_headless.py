"""A run leaves a project, and a project goes on without a screen."""

import json

import numpy as np
import pandas as pd
import pytest
from tests.project.conftest import QUICK

from napari_cathode import cli, io, results
from napari_cathode.edit import operations
from napari_cathode.project import Presence, Project, ProjectState, open_project, snapshot
from napari_cathode.session import Colouring, Session


@pytest.fixture
def command(capsys):
    def run(*arguments):
        with pytest.raises(SystemExit) as leave:
            cli.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return leave.value.code or 0, printed.out, printed.err

    return run


@pytest.fixture
def corrected(run_folder, tmp_path):
    """Give a copy of the run as a project in which a person deleted, excluded and noted something."""
    opened = open_project(run_folder)
    session = Session()
    session.add(opened.state.current)
    particles = session.current
    ids = particles.table["label"].to_numpy()
    session.edit(particles, operations.delete(particles.labels, [int(ids[3])]))
    session.judge(particles, [int(ids[5])], verdict="excluded", note="a halo")
    particles.table = particles.table.assign(mine=np.arange(len(ids), dtype=float))
    folder = tmp_path / "corrected"
    Project.new(folder).save(snapshot(session, parameters=opened.state.parameters))
    return folder, int(ids[3]), int(ids[5])


def test_a_run_leaves_a_project_with_everything(run_folder):
    opened = open_project(run_folder)
    assert opened.notes == ()
    particles = opened.state.current
    assert np.array_equal(particles.labels, io.read_labels(run_folder / "labels.tif")[0])
    table = pd.read_csv(run_folder / "features.csv")
    pd.testing.assert_frame_equal(particles.table, table, check_dtype=False)
    assert particles.table["touches_border"].dtype == bool
    shap = pd.read_csv(run_folder / "shap.csv")
    pd.testing.assert_frame_equal(particles.explanation.shap, shap[particles.explanation.shap.columns])
    contacts = pd.read_csv(run_folder / "contacts.csv")
    pd.testing.assert_frame_equal(particles.table.attrs["contacts"].table, contacts)
    assert particles.explanation.models and not particles.out_of_date and not particles.explanation_out_of_date
    assert particles.colouring == Colouring("damage") and particles.summary.count == len(table)
    assert particles.spacing_um == (0.1, 0.1, 0.1) and particles.tomogram.name == "slice"
    names = {path.name for path in (run_folder / "project").iterdir()}
    wanted = {".lock", "particles-1-explanation-0001", "particles-1-measurement-0001"}
    assert names == wanted, "labels and tables are not written twice"
    assert set(particles.measurement.state.particles) == set(table["label"]), "the table can follow edits"
    inner = {path.name for path in (run_folder / "project" / "particles-1-explanation-0001").iterdir()}
    assert "shap.parquet" not in inner and "importance.parquet" not in inner


def test_a_run_keeps_what_the_views_saw_where_that_is_wanted(command, run_folder, tmp_path):
    given = ["--spacing", "0.1", "0.1", "0.1", "--identify-method", "watershed", "--region", ":,0:160,0:160"]
    again = tmp_path / "again"
    code, _, err = command("run", run_folder.parent / "slice.tif", "-o", again, *given, *QUICK, "--keep-views")
    assert code == 0, err
    opened = open_project(again)
    (kept,) = opened.state.predictions
    assert opened.notes == () and list(kept.views) == ["xy"]
    assert kept.tomogram.region == opened.state.current.tomogram.region
    found = np.asarray(kept.views["xy"].labels)
    assert np.array_equal(found > 0, opened.state.current.labels > 0) and kept.views["xy"].probability is not None
    assert open_project(run_folder).state.predictions == (), "not otherwise"
    code, _, err = command("run", again, *QUICK, "--keep-views")
    assert code == 2 and "--keep-views is for a tomogram" in err


def test_a_table_changed_in_a_spreadsheet_is_shown_as_it_is(run_folder, tmp_path):
    import shutil

    shutil.copytree(run_folder.parent, tmp_path / "moved")
    folder = tmp_path / "moved" / "found"
    table = pd.read_csv(folder / "features.csv")
    table.drop(columns="damage").to_csv(folder / "features.csv", index=False)
    opened = open_project(folder)
    assert len(opened.notes) == 1 and "features.csv" in opened.notes[0] and "by another program" in opened.notes[0]
    assert "damage" not in opened.state.current.table and opened.state.current.colouring is None


def test_a_project_goes_on_in_place(command, corrected):
    folder, gone, excluded = corrected
    code, out, err = command("run", folder, *QUICK)
    assert code == 0, err
    assert "measured and explained" in out and str(folder) in out
    opened = open_project(folder)
    particles = opened.state.current
    assert gone not in particles.labels and gone not in particles.table["label"].to_numpy()
    assert not particles.out_of_date and not particles.explanation_out_of_date
    assert gone not in particles.measurement.state.particles and particles.measurement.changed == ()
    assert particles.review[excluded]["note"] == "a halo" and "mine" in particles.table
    assert excluded not in particles.explanation.labels
    assert gone not in particles.table.attrs["contacts"].table[["label_1", "label_2"]].to_numpy()
    assert len(particles.history.log()) == 1 and particles.colouring == Colouring("damage")
    assert particles.provenance["identify"]["method"] == "watershed"
    code, out, _ = command("run", folder, *QUICK)
    assert code == 0 and "Everything was up to date" in out
    code, out, _ = command("run", folder, "--explain-seed", 7, *QUICK)
    assert code == 0 and "Particles were explained" in out


def test_a_project_goes_on_in_another_folder(command, corrected, tmp_path):
    folder, gone, excluded = corrected
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    code, _, err = command("run", folder, "-o", tmp_path / "out", *QUICK)
    assert code == 0, err
    assert {path: path.read_bytes() for path in before} == before
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {*results.FILES, results.PARTS, results.EDITS}
    edits = pd.read_csv(tmp_path / "out" / "edits.csv")
    assert edits["edit"].tolist() == ["delete"] and edits["labels"].tolist() == [gone]
    again = open_project(tmp_path / "out")
    assert again.notes == () and again.state.current.review[excluded]["verdict"] == "excluded"
    assert len(again.state.current.history.log()) == 1
    assert not list((tmp_path / "out" / "project").glob("*-labels-*"))


def test_steps_take_a_project(command, corrected, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_cathode.cli.explain.iter_write_figures", lambda *args: (_ for _ in ()))
    folder, gone, excluded = corrected
    code, _, err = command("explain", folder, "-o", tmp_path / "e", "--n-trees", 5, "--repeats", 1, "-q")
    assert code == 2 and f"napari-cathode run {folder}" in err, "its table is of the labels before the edit"
    window = Presence(folder)
    code, _, err = command("measure", folder, "-o", tmp_path / "f.csv", "-q")
    assert code == 0 and "open in napari, too" in err, err
    window.leave()
    assert pd.read_csv(tmp_path / "f_edits.csv")["labels"].tolist() == [gone]
    (tmp_path / "g_edits.csv").write_text("somebody's\n", encoding="utf-8")
    code, _, err = command("measure", folder, "-o", tmp_path / "g.csv", "-q")
    assert code == 2 and "g_edits.csv exists" in err
    table = io.read_table(tmp_path / "f.csv")
    assert gone not in table["label"].to_numpy() and table["damage"].notna().any()
    assert table.loc[table["label"] == excluded, "review_note"].tolist() == ["a halo"]
    assert command("run", folder, *QUICK)[0] == 0
    code, _, err = command("explain", folder, "-o", tmp_path / "e", "--n-trees", 5, "--repeats", 1, "-q")
    assert code == 0, err
    assert excluded not in pd.read_csv(tmp_path / "e" / "shap.csv")["label"].to_numpy()


def test_work_of_a_person_is_never_overwritten(command, corrected, run_folder):
    folder, *_ = corrected
    for more in ([], ["--overwrite"]):
        image = run_folder.parent / "slice.tif"
        code, _, err = command("run", image, "-o", folder, "--spacing", 0.1, 0.1, 0.1, *QUICK, *more)
        assert code == 2 and "nothing of it is lost" in err
    assert open_project(folder).notes == ()


def test_a_tomogram_alone_is_analysed(command, run_folder, tmp_path):
    tomogram = io.read(run_folder.parent / "slice.tif")
    Project.new(tmp_path / "p").save(ProjectState(tomograms=(tomogram,), parameters={"views": ["xy"]}))
    code, _, err = command("run", tmp_path / "p", "--identify-method", "watershed", *QUICK)
    assert code == 2 and "voxel size" in err
    line = ["run", tmp_path / "p", "--identify-method", "watershed", "--spacing", 0.1, 0.1, 0.1, *QUICK]
    code, out, err = command(*line)
    assert code == 0 and "found and measured and explained" in out, err
    particles = open_project(tmp_path / "p").state.current
    assert np.array_equal(particles.labels, io.read_labels(run_folder / "labels.tif")[0])


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--diameter", 5], "found already"),
        (["--region", "0:1,:,:"], "leave --region out"),
        (["--dataset", "x"], "leave --dataset out"),
        (["--explain-target", "nothing"], "nothing"),
    ],
)
def test_what_a_project_cannot_do(command, corrected, more, says):
    before = (corrected[0] / "project.json").read_bytes()
    code, out, err = command("run", corrected[0], *more, *QUICK)
    assert says in err + out
    assert code == 2 or "Not explained" in out
    if code == 2:
        assert (corrected[0] / "project.json").read_bytes() == before


def test_a_missing_tomogram_stops_before_damage_would_be_lost(command, corrected, run_folder):
    folder, *_ = corrected
    path = folder / "project.json"
    manifest = json.loads(path.read_text("utf-8"))
    manifest["tomograms"][0] |= {"file": "gone.tif", "absolute": "/nowhere/gone.tif"}
    path.write_text(json.dumps(manifest), "utf-8")
    code, _, err = command("run", folder, *QUICK)
    assert code == 2 and "slice is not at" in err
    assert open_project(folder).state.current.table["damage"].notna().any()
