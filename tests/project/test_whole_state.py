"""All that a session holds comes back, whatever it is: a field that nobody saves makes this test fail."""

import dataclasses
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.project.test_project import assert_same_explanation, save
from tests.report.tiny_result import SPACING

from napari_cathode import io
from napari_cathode.edit import operations
from napari_cathode.filtering import Filter
from napari_cathode.identify import IdentifyParameters, ViewPrediction
from napari_cathode.measure import MeasureParameters, measure, summarise
from napari_cathode.project import open_project, parts, snapshot
from napari_cathode.session import Colouring, Measurement, ParticleSet, Predictions, Session


@pytest.fixture(scope="module")
def measured(tiny):
    """Give a real measurement, with a field of view."""
    seen = np.ones((1, 80, 60), bool)
    seen[0, :5] = False
    return measure(tiny.labels, tiny.tomogram.data, SPACING, MeasureParameters(), seen)


@pytest.fixture
def full(tiny, scan, measured):
    """Give a session in which everything was done, and something taken back."""
    tomogram = io.read(scan, spacing_um=SPACING)
    session = Session()
    shape = tiny.labels.shape
    rng = np.random.default_rng(0)
    views = {
        name: ViewPrediction(
            name,
            np.where(tiny.labels % 5 == number, 0, tiny.labels).astype(np.int32),
            rng.random(shape).astype(np.float16),
            SPACING,
            IdentifyParameters(diameter_um=1.5, prob_threshold=0.31),
            ("one thing", "another"),
            rng.random(shape).astype(np.float16) if name == "xz" else None,
        )
        for number, name in enumerate(("xy", "xz", "yz"))
    }
    session.add_predictions(Predictions("scan", views, tomogram))
    particles = ParticleSet(
        tiny.labels.copy(), "balls", SPACING, tomogram, provenance={"fuse": {"method": "hybrid"}, "views": ["xy", "xz"]}
    )
    session.add(particles)
    session.touch(particles)
    session.set_agreement(particles, pd.DataFrame({"label": measured["label"], "view_support": rng.random(80)}))
    table = measured.copy()
    known = Measurement(table.attrs.pop("state"), tomogram)
    session.set_table(particles, table.assign(mine=rng.random(80)), summarise(table, particles.labels, SPACING), known)
    session.judge(particles, [2, 3], verdict="accepted")
    session.judge(particles, [4], verdict="flagged", kind="halo", note="ob das stimmt?")
    session.judge(particles, [5], verdict="excluded")
    session.set_explanation(particles, tiny.explanation)
    session.set_colouring(particles, Colouring("volume_um3", colormap="magma", limits=(0.1, 0.5), hide_missing=True))
    session.set_filter(particles, Filter("sphericity > 0.5", (("volume_um3", 0.1, 9.0),)))
    for labels in ([11], [12], [2]):
        session.edit(particles, operations.delete(particles.labels, labels))
    session.undo(particles)
    session.selection = {20, 21}
    return session


def same_history(one, other):
    assert one.log() == other.log() and one.dropped == other.dropped
    for mine, theirs in zip((*one.done, *one.undone), (*other.done, *other.undone), strict=True):
        first, second = mine.change.packed(), theirs.change.packed()
        first["details"], second["details"] = (str(dict(side["details"])) for side in (first, second))
        assert first == second
        assert (mine.revisions, mine.said) == (theirs.revisions, theirs.said)
    assert len(one.done) == len(other.done)


def same_measurement(one, other):
    assert one.changed == other.changed and len(one.changed) >= 2
    assert np.array_equal(one.tomogram.data, other.tomogram.data)
    same_dataclass(one.state, other.state)


def same_dataclass(one, other):
    assert type(one) is type(other)
    for field in dataclasses.fields(one):
        same_value(getattr(one, field.name), getattr(other, field.name), field.name)


def same_value(one, other, where):
    assert type(one) is type(other), where
    if isinstance(one, np.ndarray):
        assert one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f"), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for name in one:
            same_value(one[name], other[name], name)
    elif dataclasses.is_dataclass(one):
        same_dataclass(one, other)
    else:
        assert one == other or (one != one and other != other), where


def same_table(one, other):
    pd.testing.assert_frame_equal(one, other)
    assert one.attrs.keys() == other.attrs.keys()
    if "contacts" in one.attrs:
        pd.testing.assert_frame_equal(one.attrs["contacts"].table, other.attrs["contacts"].table)
    assert one.attrs.get("notes") == other.attrs.get("notes")


def equal(one, other):
    assert one == other


HOW = {
    "labels": lambda one, other: np.testing.assert_array_equal(one, other, strict=True),
    "tomogram": lambda one, other: np.testing.assert_array_equal(one.data, other.data, strict=True),
    "table": same_table,
    "agreement": same_table,
    "explanation": assert_same_explanation,
    "shown": lambda one, other: np.testing.assert_array_equal(one, other, strict=True),
    "history": same_history,
    "measurement": same_measurement,
}
OF_THE_WINDOW = {"order", "epoch", "boxes"}
"""Made anew when it is needed; the number of a measurement means something within a session only."""


def test_every_field_of_a_particle_set_comes_back(full, tmp_path):
    save(full, tmp_path / "p")
    opened = open_project(tmp_path / "p")
    assert opened.notes == ()
    again = opened.state.current
    for field in dataclasses.fields(ParticleSet):
        if field.name not in OF_THE_WINDOW:
            value = getattr(full.current, field.name)
            assert value != field.default if isinstance(value, (int, str)) else value is not None, field.name
            HOW.get(field.name, equal)(value, getattr(again, field.name))
    assert opened.state.selection == full.selection
    assert again.out_of_date and again.explanation_out_of_date


@pytest.mark.parametrize("lazy", [False, True])
def test_what_the_views_saw_comes_back(full, tmp_path, monkeypatch, lazy):
    if lazy:
        monkeypatch.setattr(parts, "_LAZY_BYTES", 1)
    (before,) = full.predictions
    save(full, tmp_path / "p")
    opened = open_project(tmp_path / "p")
    (after,) = opened.state.predictions
    assert after.name == before.name and list(after.views) == ["xy", "xz", "yz"]
    assert after.tomogram is opened.state.current.tomogram or np.array_equal(after.tomogram.data, before.tomogram.data)
    for name, view in before.views.items():
        again = after.views[name]
        assert isinstance(again.labels, np.ndarray) != lazy
        for field in dataclasses.fields(ViewPrediction):
            value, found = getattr(view, field.name), getattr(again, field.name)
            if isinstance(value, np.ndarray):
                np.testing.assert_array_equal(value, np.asarray(found[:]), strict=True)
            else:
                assert value == found
    files = {path.name for path in (tmp_path / "p" / "project").iterdir()}
    opened.project.save(opened.state)
    assert {path.name for path in (tmp_path / "p" / "project").iterdir()} == files, "nothing is written twice"


def test_a_view_that_was_painted_is_written_again(full, tmp_path):
    project = save(full, tmp_path / "p")
    (predictions,) = full.predictions
    predictions.views["xz"].labels[3, :4] = 99
    save(full, tmp_path / "p", project)
    assert not (open_project(tmp_path / "p").state.predictions[0].views["xz"].labels == 99).any(), "nobody said so"
    full.touch_prediction(predictions, "xz")
    save(full, tmp_path / "p", project)
    assert (open_project(tmp_path / "p").state.predictions[0].views["xz"].labels[3, :4] == 99).all()


def test_edits_go_back_and_forth_after_opening(full, tmp_path):
    """Undo to the labels as they were found, repeat all; each way the bytes are those of a session that never ended."""
    particles = full.current
    save(full, tmp_path / "p")
    opened = open_project(tmp_path / "p")
    session = Session()
    session.add(opened.state.current)
    again = session.current
    assert [step.describe() for step in again.history.done] == ["Delete 11", "Delete 12"]
    for go in ("redo", "undo", "undo", "undo", "redo", "redo", "redo"):
        assert getattr(full, go)(particles).describe() == getattr(session, go)(again).describe()
        assert again.labels.tobytes() == particles.labels.tobytes() and again.review == particles.review
        assert again.out_of_date == particles.out_of_date
    assert session.redo(again) is None
    session.edit(again, operations.delete(again.labels, [30]))
    assert again.last_revision == again.revision > particles.revision, "no content gets a number that another had"


def test_a_table_follows_edits_after_opening(full, tmp_path):
    """The measurement goes on from where it was: the same numbers as a full one, of the labels as they are."""
    save(full, tmp_path / "p")
    again = open_project(tmp_path / "p").state.current
    known = again.measurement
    regions = [tuple((side.start, side.stop) for side in box) for box in known.changed]
    followed = measure(
        again.labels, known.tomogram.data, SPACING, known.state.parameters, previous=known.state, changed=regions
    )
    before = full.current.measurement
    wanted = measure(
        full.current.labels, before.tomogram.data, SPACING, before.state.parameters, previous=before.state,
        changed=regions,
    )  # fmt: skip
    pd.testing.assert_frame_equal(followed, wanted, check_exact=True)
    assert len(followed) == 78


def test_the_steps_of_many_saves_stay_few_files(full, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_cathode.project.writing.MOST_FILES", 4)
    project = save(full, tmp_path / "p")
    particles = full.current
    counts = []
    for label in range(30, 42):
        full.edit(particles, operations.delete(particles.labels, [label]))
        save(full, tmp_path / "p", project)
        counts.append(len([path for path in (tmp_path / "p" / "project").iterdir() if "-steps-" in path.name]))
    assert max(counts) == 4 and 1 in counts
    same_history(particles.history, open_project(tmp_path / "p").state.current.history)


def test_steps_beyond_the_limit_are_said_to_be_gone(full, tmp_path, monkeypatch):
    particles = full.current
    size = particles.history.done[-1].change.nbytes
    full.redo(particles)
    monkeypatch.setattr("napari_cathode.project.undo.KEPT_BYTES", 2.5 * size)
    save(full, tmp_path / "p")
    history = open_project(tmp_path / "p").state.current.history
    assert [step.describe() for step in history.done] == ["Delete 12", "Delete 2"]
    assert history.dropped == history.earlier == 1 and history.log() == particles.history.log()


@pytest.mark.parametrize("kind", ["steps", "history", "measurement"])
def test_damage_to_what_can_be_done_without_is_said(full, tmp_path, kind):
    from tests.project.test_project import damage

    folder = tmp_path / "p"
    save(full, folder)
    place = next(path for path in (folder / "project").iterdir() if path.name.startswith(f"particles-1-{kind}"))
    damage(place)
    opened = open_project(folder)
    assert len(opened.notes) == 1 and place.name in opened.notes[0] and "left out" in opened.notes[0], opened.notes
    again = opened.state.current
    assert again.history.log() == full.current.history.log()
    assert (again.measurement is None) == (kind == "measurement")
    assert (again.history.done == ()) == (kind != "measurement")


def test_labels_changed_elsewhere_cannot_be_undone(full, tmp_path):
    """Labels of a run that another program changed: the table is out of date, and no step is taken back in them."""
    from napari_cathode.project import Project, snapshot

    folder = tmp_path / "p"
    folder.mkdir()
    io.write_labels(folder / "labels.tif", full.current.labels, SPACING)
    Project.new(folder).save(snapshot(full), given={"labels": "labels.tif"})
    assert open_project(folder).state.current.history.done
    changed = full.current.labels.copy()
    changed[:, 40:] = 0
    io.write_labels(folder / "labels.tif", changed, SPACING)
    opened = open_project(folder)
    again = opened.state.current
    assert "changed by another program" in opened.notes[0] and np.array_equal(again.labels, changed)
    assert again.out_of_date and again.explanation_out_of_date
    assert again.history.done == () and again.measurement is None
    assert again.history.log() == full.current.history.log()


def test_what_cannot_be_read_keeps_its_tomogram(full, scan, tmp_path):
    """Labels are damaged, the image is closed, the project saved, the labels restored: all of it is back."""
    import shutil

    folder = tmp_path / "p"
    save(full, folder)
    labels = folder / "project" / "particles-1-labels-0001.zarr"
    view = folder / "project" / "views-1-yz-0001.zarr"
    for path in (labels, view):
        shutil.move(path, tmp_path / path.name)
    opened = open_project(folder)
    assert len(opened.notes) == 2 and opened.state.predictions == () and opened.state.particle_sets == ()
    opened.project.save(dataclasses.replace(opened.state, tomograms=()))
    for path in (labels, view):
        shutil.move(tmp_path / path.name, path)
    again = open_project(folder)
    assert again.notes == () and again.state.current.tomogram.source == str(scan)
    assert again.state.predictions[0].tomogram.source == str(scan)
    same_history(full.current.history, again.state.current.history)


def test_views_wait_for_their_tomogram(full, scan, tmp_path):
    folder = tmp_path / "p"
    save(full, folder)
    scan.rename(tmp_path / "away.npy")
    opened = open_project(folder)
    assert [("is not at" in note, "views of scan" in note) for note in opened.notes] == [(True, False), (False, True)]
    opened.project.save(opened.state)
    (tmp_path / "away.npy").rename(scan)
    again = open_project(folder)
    assert again.notes == () and list(again.state.predictions[0].views) == ["xy", "xz", "yz"]
    assert again.state.current.measurement.tomogram.source == str(scan)


def test_views_are_fused_without_a_screen_and_without_a_network(full, scan, tmp_path, monkeypatch, capsys):
    """Views were found in napari, not fused yet, and saved: the command line goes on from there."""
    from napari_cathode import cli

    def refuse(*args, **kwargs):
        raise AssertionError("the views are there")

    monkeypatch.setattr("napari_cathode.pipeline.iter_identify", refuse)
    (predictions,) = full.predictions
    views = {
        name: replace(
            view, parameters=replace(view.parameters, model="single-crystal-2d" if name == "xz" else "nmc-2d")
        )
        for name, view in predictions.views.items()
    }
    session = Session()
    session.add_predictions(Predictions("scan", views, predictions.tomogram))
    save(session, tmp_path / "p")
    given = ["run", str(tmp_path / "p"), "--explain-n-trees", "5", "--explain-repeats", "1", "-q"]
    with pytest.raises(SystemExit) as leave:
        cli.main([*given, "--identify-method", "watershed"])
    assert leave.value.code == 2 and "is fused as it is" in capsys.readouterr().err.replace("\n", " ")
    with pytest.raises(SystemExit) as leave:
        cli.main([*given, "--spacing", "0.2", "0.2", "0.2"])
    assert leave.value.code == 2 and "found with another voxel size" in capsys.readouterr().err.replace("\n", " ")
    scan.rename(tmp_path / "away.npy")
    with pytest.raises(SystemExit) as leave:
        cli.main(given)
    assert leave.value.code == 2 and "The tomogram scan is not at" in capsys.readouterr().err.replace("\n", " ")
    (tmp_path / "away.npy").rename(scan)
    with pytest.raises(SystemExit) as leave:
        cli.main(given)
    printed = capsys.readouterr()
    assert not leave.value.code, printed.err
    assert "Particles were fused and measured" in printed.out
    state = open_project(tmp_path / "p").state
    assert state.current.agreement is not None and len(state.current.table) > 40
    how = state.current.provenance["identify"]
    assert how["prob_threshold"] == 0.31, "how the views were made is known still"
    assert (how["model"], how["model_xz"], how["model_yz"]) == ("nmc-2d", "single-crystal-2d", "")
    assert list(state.predictions[0].views) == ["xy", "xz", "yz"]


def test_an_edit_while_labels_are_written_is_saved_with_its_way_back(full, tmp_path):
    """It falls into the first pass: labels are written again, and the list of edits and boxes are those after it."""
    particles = full.current
    full.edit(particles, operations.delete(particles.labels, [31]))
    project = save(full, tmp_path / "p")
    full.edit(particles, operations.delete(particles.labels, [32]))
    boxes = len(particles.measurement.changed)
    for report in project.iter_save(snapshot(full)):
        if report.what == "Saving labels" and len(particles.measurement.changed) == boxes:
            full.edit(particles, operations.delete(particles.labels, [33]))
    again = open_project(tmp_path / "p").state.current
    assert np.array_equal(again.labels, particles.labels)
    same_history(particles.history, again.history)
    same_measurement(particles.measurement, again.measurement)
    assert len(again.measurement.changed) == boxes + 1
