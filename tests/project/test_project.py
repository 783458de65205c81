"""Projects: what is saved comes back, only changes are written, and nothing that is there is ever lost."""

import dataclasses
import json
import os
import shutil

import numpy as np
import pandas as pd
import pytest
from tests.report.tiny_result import SPACING

from napari_cathode import io
from napari_cathode.edit import operations
from napari_cathode.errors import InputError
from napari_cathode.project import Presence, Project, ProjectState, holds_project, open_project, snapshot
from napari_cathode.project import saving as saving_module
from napari_cathode.session import Colouring, ParticleSet, Session
from napari_cathode.tomogram import Tomogram


def save(session, folder, project=None, **more):
    project = project or Project.new(folder)
    project.save(snapshot(session, **more))
    return project


def parts(folder):
    return {path.name for path in (folder / "project").iterdir() if path.name != ".lock"}


def assert_same_explanation(one, other):
    for field in dataclasses.fields(one):
        first, second = getattr(one, field.name), getattr(other, field.name)
        if isinstance(first, pd.DataFrame):
            pd.testing.assert_frame_equal(first, second)
        elif isinstance(first, np.ndarray):
            assert first.dtype == second.dtype and np.array_equal(first, second), field.name
        elif field.name == "models":
            values = one.values[list(one.predictors)].to_numpy(np.float64)
            assert len(first) == len(second)
            for model, again in zip(first, second, strict=True):
                assert np.array_equal(model.predict(values), again.predict(values))
        else:
            assert first == second, field.name


def assert_same(particles, again):
    assert np.array_equal(particles.labels, again.labels) and again.labels.dtype == np.int32
    pd.testing.assert_frame_equal(particles.table, again.table)
    assert_same_explanation(particles.explanation, again.explanation)
    for name in ("name", "spacing_um", "summary", "colouring", "review", "filter", "provenance", "out_of_date"):
        assert getattr(particles, name) == getattr(again, name), name
    assert particles.explanation_out_of_date == again.explanation_out_of_date
    assert np.array_equal(particles.shown, again.shown) and particles.explanation_without == again.explanation_without
    assert particles.history.log() == again.history.log()


def test_everything_comes_back(session, scan, tmp_path):
    folder = tmp_path / "project of mine"
    save(session, folder, parameters={"explain": {"n_trees": 7}}, looks={session.current: {"opacity": 0.5}})
    opened = open_project(folder)
    assert opened.notes == ()
    bare, again = opened.state.particle_sets
    assert_same(session.current, again)
    assert opened.state.current is again and opened.state.selection == {7, 9}
    assert again.out_of_date and again.explanation_out_of_date, "the labels were edited after they were measured"
    assert np.array_equal(again.tomogram.data, io.read(scan).data) and again.tomogram.spacing_um == SPACING
    assert bare.table is None and bare.tomogram is None and bare.name == "others"
    assert opened.state.parameters == {"explain": {"n_trees": 7}}
    assert opened.state.looks[again] == {"opacity": 0.5}
    assert not any(name.startswith("tomogram") for name in parts(folder)), "the scan is named, not copied"
    assert holds_project(folder) and holds_project(folder / "project.json") and not holds_project(tmp_path)


def test_the_files_are_of_open_formats(session, tomogram, tmp_path):
    session.current.tomogram = tomogram
    folder = tmp_path / "p"
    save(session, folder)
    allowed = {".json", ".parquet", ""}  # the last are the chunks and the folder of zarr arrays
    files = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    assert {path.suffix for path in files} == allowed
    assert all(".zarr/" in path.as_posix() for path in files if not path.suffix)
    manifest = json.loads((folder / "project.json").read_text("utf-8"))
    assert manifest["version"] == 1 and manifest["format"] == "napari-cathode project"
    assert not list(folder.rglob("*.p*ck*le")) and b"\x80\x04\x95" not in (folder / "project.json").read_bytes()
    again = open_project(folder).state.current
    assert np.array_equal(again.tomogram.data, tomogram.data), "what no file holds is copied"


def test_only_what_changed_is_written(session, tmp_path):
    folder = tmp_path / "p"
    project = save(session, folder)
    before = parts(folder)
    session.set_colouring(session.current, None)
    session.set_review(session.current, 8, "accepted")
    save(session, folder, project)
    kept = parts(folder)
    assert set(before - kept) == {name for name in before if "-table-" in name}, "it shows the review"
    session.edit(session.current, operations.merge(session.current.labels, [7, 8]))
    save(session, folder, project)
    changed = parts(folder) ^ kept
    assert {name.split("-")[2] for name in changed} == {
        "labels",
        "edits",
        "history",
        "steps",
        "table",
    }  # merging undid the review
    opened = open_project(folder)
    before = parts(folder)
    opened.project.save(opened.state)
    assert parts(folder) == before, "what was just opened need not be written"
    project = opened.project  # it was saved by that
    session.undo(session.current)
    assert_same_labels_after_undo(session, project, folder)


def assert_same_labels_after_undo(session, project, folder):
    save(session, folder, project)
    again = open_project(folder).state.current
    assert np.array_equal(again.labels, session.current.labels)
    assert again.history.log() == session.current.history.log()


def test_what_a_state_no_longer_holds_is_removed(session, tmp_path):
    folder = tmp_path / "p"
    project = save(session, folder)
    session.remove(session.particle_sets[0])
    session.set_table(session.current, None)
    save(session, folder, project)
    assert {name.split("-")[2] for name in parts(folder)} == {"labels", "edits", "history", "steps"}
    assert [known.name for known in open_project(folder).state.particle_sets] == ["balls"]


def test_labels_that_are_edited_while_they_are_written(session, tmp_path):
    """The edit falls into the first pass; what is saved is the state after it, and says so."""
    project = Project.new(tmp_path / "p")
    work = project.iter_save(snapshot(session))
    for report in work:
        if report.what == "Saving labels" and len(session.current.history.log()) == 1:
            session.edit(session.current, operations.delete(session.current.labels, [12]))
    again = open_project(tmp_path / "p").state.current
    assert np.array_equal(again.labels, session.current.labels)
    assert project.find("labels", session.current.labels, session.current.revision)


@pytest.mark.parametrize("moment", ["labels", "table", "explanation", "manifest"])
def test_a_save_that_fails_leaves_the_last_good_state(session, tmp_path, monkeypatch, moment):
    folder = tmp_path / "p"
    project = save(session, folder)
    before = open_project(folder).state.current
    files = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    modules = {"labels": "writing.parts.iter_write_labels", "table": "writing.parts.write_table"}
    modules |= {"explanation": "writing.write_explanation", "manifest": "saving.write_manifest"}
    monkeypatch.setattr(f"napari_cathode.project.{modules[moment]}", full)
    particles = session.current
    session.edit(particles, operations.delete(particles.labels, [11]))
    session.set_table(particles, particles.table.assign(more=1.0))
    session.set_explanation(particles, dataclasses.replace(before.explanation, notes=("new",)))
    with pytest.raises(InputError, match=r"not saved, since the disk is full; make room .* still there"):
        project.save(snapshot(session))
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == files
    assert_same(before, open_project(folder).state.current)
    monkeypatch.undo()
    project.save(snapshot(session))
    assert_same(particles, open_project(folder).state.current)


def test_leftovers_of_a_killed_save_go_with_the_next_one(session, tmp_path):
    folder = tmp_path / "p"
    project = save(session, folder)
    shutil.copytree(
        folder / "project" / "particles-1-labels-0001.zarr", folder / "project" / "particles-2-labels-0002.zarr"
    )
    (folder / "project" / "my notes.txt").write_text("mine")
    (folder / ".project.json.part").write_text("{")
    session.edit(session.current, operations.delete(session.current.labels, [11]))
    save(session, folder, project)
    assert np.array_equal(open_project(folder).state.current.labels, session.current.labels)
    assert "my notes.txt" in parts(folder)
    assert not (folder / ".project.json.part").exists()


def test_it_moves_with_its_data(session, scan, tmp_path):
    save(session, tmp_path / "data" / "p")
    shutil.move(tmp_path / "data", tmp_path / "elsewhere")
    opened = open_project(tmp_path / "elsewhere" / "p")
    assert opened.notes == ()
    assert opened.state.current.tomogram.source == str(tmp_path / "elsewhere" / "scan.npy")


def test_the_project_alone_moves(session, scan, tmp_path):
    save(session, tmp_path / "p")
    shutil.move(tmp_path / "p", tmp_path / "somewhere" / "else")
    opened = open_project(tmp_path / "somewhere" / "else")
    assert opened.notes == () and opened.state.current.tomogram.source == str(scan)


def test_a_missing_tomogram_is_said_and_not_forgotten(session, scan, tmp_path):
    folder = tmp_path / "p"
    save(session, folder)
    aside = scan.with_name("aside.npy")
    scan.rename(aside)
    opened = open_project(folder)
    assert opened.notes == (
        f"The tomogram scan is not at {scan}; put it there, or show where it is. Labels and tables are complete "
        "without it.",
    )
    again = opened.state.current
    assert again.tomogram is None and again.table is not None
    opened.project.save(opened.state)
    aside.rename(scan)
    assert open_project(folder).state.current.tomogram.source == str(scan), "saving without it kept its place"


def test_another_tomogram_in_its_place(session, scan, tmp_path):
    folder = tmp_path / "p"
    save(session, folder)
    data = np.load(scan)
    np.save(scan, data[::-1])
    opened = open_project(folder)
    assert "was changed since the project was saved" in opened.notes[0]
    assert opened.state.current.tomogram is not None
    np.save(scan, data[:, :-1])
    opened = open_project(folder)
    assert "12 × 79 × 60 voxels" in opened.notes[0] and "12 × 80 × 60" in opened.notes[0]
    assert opened.state.current.tomogram is None


def test_a_newer_project_is_refused(session, tmp_path):
    save(session, tmp_path / "p")
    path = tmp_path / "p" / "project.json"
    manifest = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps({**manifest, "version": 2, "program": "napari-cathode 9.1"}), "utf-8")
    with pytest.raises(InputError, match=r"saved by a newer program \(napari-cathode 9.1, project version 2;.*update"):
        open_project(tmp_path / "p")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "is damaged"),
        ("[]", "does not come from napari-cathode"),
        ('{"format": "napari-cathode project", "version": 1}', "holds something unexpected"),
        ("", "is damaged"),
    ],
)
def test_damaged_manifests(tmp_path, text, says):
    (tmp_path / "project.json").write_text(text)
    with pytest.raises(InputError, match=says):
        open_project(tmp_path)


def test_no_project(tmp_path):
    for path in (tmp_path, tmp_path / "nothing", tmp_path / "nothing" / "project.json"):
        with pytest.raises(InputError, match="is no project"):
            open_project(path)


def damage(path):
    """Change bytes in the middle of a file, or of the largest file in a folder."""
    if path.is_dir():
        path = max((each for each in path.rglob("*") if each.is_file()), key=lambda each: each.stat().st_size)
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle - 20 : middle + 20] = bytes(byte ^ 0xFF for byte in content[middle - 20 : middle + 20])
    path.write_bytes(content)


@pytest.mark.parametrize("how", ["damaged", "gone"])
@pytest.mark.parametrize("kind", ["table", "explanation", "edits", "labels"])
def test_what_cannot_be_read_is_said_and_kept(session, tmp_path, kind, how):
    folder = tmp_path / "p"
    save(session, folder)
    place = next(path for path in (folder / "project").iterdir() if path.name.startswith(f"particles-2-{kind}"))
    copy = tmp_path / "copy"
    (shutil.copytree if place.is_dir() else shutil.copy)(place, copy)
    if how == "damaged":
        damage(place)
    elif place.is_dir():
        shutil.rmtree(place)
    else:
        place.unlink()
    opened = open_project(folder)
    assert len(opened.notes) == 1 and place.name in opened.notes[0], opened.notes
    assert "left out" in opened.notes[0]
    names = [known.name for known in opened.state.particle_sets]
    assert names == (["others"] if kind == "labels" else ["others", "balls"])
    if kind in ("table", "explanation"):
        assert getattr(opened.state.current, kind) is None
    opened.project.save(opened.state)
    if place.is_dir():
        shutil.rmtree(place)
    if kind == "labels":  # what belonged to them is all still there: once they are restored, so is the set
        shutil.copytree(copy, place)
        again = open_project(folder)
        assert again.notes == ()
        assert_same(session.current, next(known for known in again.state.particle_sets if known.name == "balls"))


def test_no_pickle_is_ever_loaded(session, tomogram, tmp_path, monkeypatch):
    import pickle

    session.current.tomogram = tomogram
    save(session, tmp_path / "p")

    def refuse(*args, **kwargs):
        raise AssertionError("a project must not execute anything")

    for name in ("load", "loads", "Unpickler"):
        monkeypatch.setattr(pickle, name, refuse)
    assert open_project(tmp_path / "p").notes == ()


def test_somebody_else_saved_it_meanwhile(session, tmp_path):
    folder = tmp_path / "p"
    mine = save(session, folder)
    theirs = open_project(folder)
    theirs.project.save(theirs.state)
    with pytest.raises(InputError, match="saved by another program since"):
        mine.save(snapshot(session))
    with pytest.raises(InputError, match="holds a project already"):
        Project.new(folder)
    Project.new(folder, overwrite=True).save(snapshot(session))
    assert_same(session.current, open_project(folder).state.current)


def test_somebody_else_is_saving_it(session, tmp_path):
    folder = tmp_path / "p"
    mine = save(session, folder)
    with saving_module.locked(folder), pytest.raises(InputError, match=r"is saving .* at this moment"):
        mine.save(snapshot(session))
    mine.save(snapshot(session))


def test_those_that_have_it_open_are_told_of_each_other(session, tmp_path):
    save(session, tmp_path / "p")
    first = Presence(tmp_path / "p")
    second, third = Presence(tmp_path / "p"), Presence(tmp_path / "p")
    assert (first.others, second.others, third.others) == (False, True, True)
    first.leave()
    last = Presence(tmp_path / "p")
    assert last.others, "two are still there"
    for presence in (second, third, last):
        presence.leave()
    assert not Presence(tmp_path / "p").others
    assert not Presence(tmp_path / "nowhere").others
    assert_same(session.current, open_project(tmp_path / "p").state.current)


def test_places_that_cannot_be_used(session, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(InputError, match="is a file"):
        Project.new(tmp_path / "file")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "project.json").write_text("{}")
    with pytest.raises(InputError, match="does not come from napari-cathode"):
        Project.new(tmp_path / "foreign")
    project = Project.new(tmp_path / "file" / "inner")
    with pytest.raises(InputError, match="was not saved"):
        project.save(snapshot(session))


def test_a_deleted_project_is_written_whole_again(session, tmp_path):
    project = save(session, tmp_path / "p")
    shutil.rmtree(tmp_path / "p")
    save(session, tmp_path / "p", project)
    assert_same(session.current, open_project(tmp_path / "p").state.current)


def test_parts_of_a_tomogram_and_tomograms_alone(scan, tmp_path):
    whole = io.read(scan, spacing_um=SPACING)
    part = whole.part(((2, 9), (0, 40), (10, 50)))
    labels = np.ones(part.shape, np.int32)
    particles = ParticleSet(labels, "part", SPACING, part)
    alone = Tomogram(whole.data[:, ::2], SPACING, "other", field_of_view=np.ones((1, 40, 60), bool))
    Project.new(tmp_path / "p").save(ProjectState((particles,), particles, tomograms=(alone,)))
    state = open_project(tmp_path / "p").state
    again = state.current.tomogram
    assert again.region == part.region and np.array_equal(again.data, part.data)
    assert np.array_equal(again.whole.data, whole.data)
    other = next(one for one in state.tomograms if one.name == "other")
    assert np.array_equal(other.data, alone.data) and other.field_of_view.dtype == bool


def test_tables_of_any_kind(tmp_path):
    labels = np.arange(1, 5, dtype=np.int32).reshape(1, 2, 2)
    table = pd.DataFrame(
        {
            "label": [1, 2, 3, 4],
            "number": [0.1, np.nan, np.inf, 1 / 3],
            "flag": [True, False, None, True],
            "text": ["a", None, "µ", "d"],
            "mixed": [1, "two", None, 4.0],
            "class": pd.Categorical(["x", "y", "x", "x"]),
        }
    )
    table.attrs["notes"] = ["one"]
    particles = ParticleSet(labels, "p", None, table=table, colouring=Colouring("number"))
    Project.new(tmp_path / "p").save(ProjectState((particles,), particles))
    again = open_project(tmp_path / "p").state.current
    pd.testing.assert_frame_equal(table.drop(columns="mixed"), again.table.drop(columns="mixed"))
    assert again.table["mixed"].tolist()[1] == "two" and again.table.attrs == {"notes": ["one"]}
    assert again.colouring == Colouring("number") and again.spacing_um is None


def test_an_empty_session(tmp_path):
    Project.new(tmp_path / "p").save(snapshot(Session()))
    state = open_project(tmp_path / "p").state
    assert state.particle_sets == () and state.current is None


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root makes file systems")
def test_a_full_disk_loses_nothing(session, tmp_path):
    import subprocess

    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], capture_output=True)
    if made.returncode:
        pytest.skip("no file system can be mounted here")
    try:
        folder = disk / "p"
        project = save(session, folder)
        before = open_project(folder).state.current
        noise = np.random.default_rng(0).integers(1, 2**31 - 1, (64, 128, 128), np.int32)
        session.add(ParticleSet(noise, "large", SPACING))
        with pytest.raises(InputError, match=r"not saved, since the disk is full; make room"):
            project.save(snapshot(session))
        opened = open_project(folder)
        assert opened.notes == ()
        assert_same(before, opened.state.current)
        session.remove(session.current)
        session.current = session.particle_sets[-1]
        session.edit(session.current, operations.delete(session.current.labels, [11]))
        project.save(snapshot(session))  # room enough for this
        assert_same(session.current, open_project(folder).state.current)
    finally:
        subprocess.run(["umount", str(disk)], check=True)


@pytest.mark.skipif(os.name != "posix", reason="only there do dead processes keep their number")
def test_work_of_a_killed_process_is_offered(session):
    import subprocess
    import sys

    from napari_cathode.project import RecoveryFolder, list_recoverable
    from napari_cathode.project.recovery import _start_of

    left = RecoveryFolder()
    Project.new(left.project).save(snapshot(session))
    owner = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    (left.folder / "owner.json").write_text(json.dumps({"pid": owner.pid, "started": _start_of(owner.pid)}))
    assert list_recoverable() == [], "its session is running"
    os.kill(owner.pid, 9)
    os.waitid(os.P_PID, owner.pid, os.WEXITED | os.WNOWAIT)  # dead, but nobody took notice
    assert [found.folder for found in list_recoverable()] == [left.folder]
    owner.communicate()
