"""The steps chained: what a run gives, what it writes, and that it repeats."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import yaml

from napari_cathode import io, pipeline, results
from napari_cathode.errors import InputError
from napari_cathode.explain import ExplainParameters
from napari_cathode.identify import IdentifyParameters, match
from napari_cathode.pipeline import PipelineParameters, iter_run, load_parameters, run, save_parameters, write_results
from napari_cathode.plain_files import plain
from napari_cathode.progress import drain
from napari_cathode.simulate import PRESETS, simulate, simulate_slice
from napari_cathode.tomogram import Tomogram

QUICK = PipelineParameters(
    identify=IdentifyParameters(method="watershed"), explain=ExplainParameters(n_trees=5, repeats=1)
)


def as_tomogram(simulation, name):
    return Tomogram(simulation.image, simulation.spacing_um, name, field_of_view=simulation.field_of_view)


@pytest.fixture(scope="module")
def slice_truth():
    return simulate_slice(
        replace(PRESETS["nmc-10-cycles"], size_z=1, size_y=320, size_x=320, diameter_um=2.5, voxel_um=0.1), 3
    )


@pytest.fixture(scope="module")
def volume_truth():
    return simulate(
        replace(PRESETS["nmc-10-cycles"], size_z=48, size_y=72, size_x=80, diameter_um=2.2, voxel_um=0.1), 1
    )


@pytest.fixture(scope="module")
def slice_result(slice_truth):
    return run(as_tomogram(slice_truth, "slice"), QUICK)


@pytest.fixture(scope="module")
def volume_run(volume_truth, tmp_path_factory):
    folder = results.prepare_folder(tmp_path_factory.mktemp("volume"))
    return run(as_tomogram(volume_truth, "volume"), QUICK, folder), folder


def test_a_slice_is_analysed_without_fusing(slice_result, slice_truth):
    assert set(slice_result.views) == {"xy"}
    assert slice_result.labels.shape == slice_truth.labels.shape
    assert match(slice_truth.labels[0], slice_result.labels[0]).f1 > 0.5
    assert slice_result.table.columns[0] == "label"
    assert slice_result.table["label"].tolist() == list(range(1, slice_result.labels.max() + 1))
    assert slice_result.summary.count == len(slice_result.table) and slice_result.summary.dimensions == 2
    assert slice_result.explanation is not None and slice_result.not_explained == ""


def test_a_volume_is_fused_from_three_views(volume_run, volume_truth):
    result, _ = volume_run
    assert set(result.views) == {"xy", "xz", "yz"}
    assert result.labels.dtype == np.int32 and result.labels.shape == volume_truth.labels.shape
    assert set(np.unique(result.labels)) == set(range(len(result.table) + 1))
    whole = match(volume_truth.labels.reshape(-1, 80), result.labels.reshape(-1, 80))
    assert whole.f1 > 0.5


def test_a_stack_thinner_than_a_particle_is_seen_from_above_only(volume_truth):
    thin = Tomogram(volume_truth.image[20:25], volume_truth.spacing_um, "thin")
    result = run(thin, QUICK)
    assert set(result.views) == {"xy"}
    assert result.parameters.views == QUICK.views  # the parameters of this run serve thicker volumes too
    assert any("Only xy slices were used" in note for note in result.table.attrs["notes"])


def test_what_was_left_open_is_decided_and_noted(slice_truth, slice_result, volume_run):
    for result in (slice_result, volume_run[0]):
        used = result.used
        assert used["identify"]["diameter_um"] == result.parameters.identify.diameter_um > 0
        assert used["input"]["shape"] == list(result.tomogram.shape)
        assert used["input"]["spacing_um"] == [0.1, 0.1, 0.1]
        assert {"napari-cathode", "numpy", "scikit-learn"} <= set(used["versions"])
    assert volume_run[0].used["fuse"]["minimal_diameter_um"] > 0
    assert slice_result.used["views"] == list(QUICK.views)  # a slice has but one; the file serves volumes too


def test_too_few_particles_are_no_failure(volume_run):
    result, folder = volume_run
    assert result.explanation is None
    assert "at least 30" in result.not_explained
    files = {path.name for path in folder.iterdir()}
    tables = {f"{name}.{ending}" for name in ("features", "contacts", "summary") for ending in ("csv", "json")}
    assert files == {"labels.tif", "scores.json", "parameters.yaml", "report.html", "project.json", "project", *tables}
    assert json.loads((folder / "scores.json").read_text("utf-8"))["not_explained"] == result.not_explained
    assert "at least 30" in (folder / "report.html").read_text("utf-8")


def test_files_hold_what_was_found(slice_result, tmp_path):
    write_results(slice_result, tmp_path)
    labels, spacing = io.read_labels(tmp_path / "labels.tif")
    np.testing.assert_array_equal(labels, slice_result.labels)
    assert spacing == pytest.approx((0.1, 0.1, 0.1))
    table = pd.read_csv(tmp_path / "features.csv")
    pd.testing.assert_frame_equal(table, slice_result.table, check_dtype=False)
    shap = pd.read_csv(tmp_path / "shap.csv")
    predictors = list(slice_result.explanation.predictors)
    assert shap.columns.tolist() == ["label", *predictors, "base_value", "prediction", "measured"]
    np.testing.assert_allclose(shap[predictors].sum(axis=1) + shap["base_value"], shap["prediction"], atol=1e-12)
    measured = table.set_index("label")["damage"].loc[shap["label"]]
    np.testing.assert_allclose(shap["measured"], measured, rtol=1e-12)
    said = json.loads((tmp_path / "shap.json").read_text("utf-8"))["columns"]
    assert all(said[column]["meaning"] for column in shap.columns)
    importance = pd.read_csv(tmp_path / "importance.csv")
    assert importance.columns[:2].tolist() == ["feature", "share"]
    assert importance["share"].sum() == pytest.approx(1)
    meaning = json.loads((tmp_path / "features.json").read_text("utf-8"))["columns"]
    assert all(meaning[column]["meaning"] for column in table.columns)
    assert all(json.loads((tmp_path / "importance.json").read_text("utf-8"))["columns"].values())
    scores = json.loads((tmp_path / "scores.json").read_text("utf-8"))
    assert scores["summary"]["count"] == len(table)
    assert scores["explanation"]["r2_mean"] == slice_result.explanation.scores["r2_mean"]
    assert not [path for path in tmp_path.iterdir() if path.name not in (*results.FILES, results.PARTS)]


def test_a_rerun_from_the_written_parameters_is_identical(slice_truth, slice_result, tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        results.prepare_folder(folder)
    write_results(slice_result, first)
    run(as_tomogram(slice_truth, "slice"), load_parameters(first / "parameters.yaml"), second)
    assert {path.name for path in first.iterdir()} == {*results.FILES, results.PARTS}
    names = [path.relative_to(first) for path in first.rglob("*") if path.is_file()]
    assert names == [path.relative_to(second) for path in second.rglob("*") if path.is_file()]
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes(), name


def test_files_of_finished_steps_stay_when_a_later_one_fails(slice_truth, tmp_path, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("the disk of the neighbours burns")
        yield

    monkeypatch.setattr(pipeline, "iter_measure", fail)
    with pytest.raises(RuntimeError, match="burns"):
        run(as_tomogram(slice_truth, "slice"), QUICK, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"labels.tif", "parameters.yaml", "project.json", "project"}
    assert io.read_labels(tmp_path / "labels.tif")[0].max() > 20


def test_progress_never_goes_back_and_can_be_left(slice_truth, tmp_path):
    seen = []
    drain(iter_run(as_tomogram(slice_truth, "slice"), QUICK, tmp_path), lambda step: seen.append(step))
    fractions = [step.done / step.total for step in seen]
    assert fractions == sorted(fractions) and fractions[-1] == 1
    assert all(step.what for step in seen)
    work = iter_run(as_tomogram(slice_truth, "slice"), QUICK)
    next(work)
    work.close()


def test_spacing_must_be_known(slice_truth):
    with pytest.raises(InputError, match="--spacing Z Y X"):
        run(Tomogram(slice_truth.image, None, "slice"), QUICK)


def test_an_image_without_particles_gives_an_empty_table(tmp_path):
    rng = np.random.default_rng(0)
    flat = rng.normal(100, 1, (1, 96, 96)).astype(np.float32)
    views = replace(QUICK, identify=replace(QUICK.identify, diameter_um=3.0, smallest_share=1.0))
    result = run(Tomogram(flat, (0.1, 0.1, 0.1), "noise"), views, tmp_path)
    assert len(result.table) == result.labels.max()
    assert result.not_explained
    assert (tmp_path / "report.html").is_file()


def test_parameters_survive_a_file(tmp_path):
    changed = replace(QUICK, views=("xz",), explain=ExplainParameters(predictors=("sphericity", "contact")))
    save_parameters(tmp_path / "p.yaml", changed)
    assert load_parameters(tmp_path / "p.yaml") == changed
    (tmp_path / "part.yaml").write_text("identify: {diameter_um: 7}\n", encoding="utf-8")
    assert load_parameters(tmp_path / "part.yaml").identify.diameter_um == 7.0
    (tmp_path / "nothing.yaml").write_text("", encoding="utf-8")
    assert load_parameters(tmp_path / "nothing.yaml") == PipelineParameters()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("identify: {diameter: 3}", "unknown name 'diameter'"),
        ("identify: {diameter_um: -3}", "diameter_um is -3"),
        ("identify: big", "names with values"),
        ("fuse: {method: magic}", "choose one of 'hybrid', 'watershed'"),
        ("- 1\n- 2", "names with values"),
        ("a: [1", "cannot be read as YAML"),
        ("views: [xy, zz]", "views is xy, zz"),
        ("views: []", "views is empty"),
    ],
)
def test_bad_parameter_files_get_one_sentence(tmp_path, text, says):
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=says) as error:
        load_parameters(path)
    assert "\n" not in str(error.value)


def test_a_folder_with_foreign_files_keeps_them(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    results.prepare_folder(tmp_path)
    results.write_parameters(tmp_path, {"napari_cathode": "0"})
    (tmp_path / "labels.tif").write_bytes(b"old")
    with pytest.raises(InputError, match="--overwrite"):
        results.prepare_folder(tmp_path)
    results.prepare_folder(tmp_path, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_files_of_the_same_name_that_no_run_wrote_are_never_replaced(tmp_path):
    (tmp_path / "features.csv").write_text("mine")
    with pytest.raises(InputError, match=r"features\.csv that does not come from"):
        results.prepare_folder(tmp_path, overwrite=True)
    (tmp_path / "parameters.yaml").write_text("also: mine")
    with pytest.raises(InputError, match="does not come from"):
        results.prepare_folder(tmp_path, overwrite=True)
    assert (tmp_path / "features.csv").read_text() == "mine"
    with pytest.raises(InputError, match="is a file"):
        results.prepare_folder(tmp_path / "features.csv")


def test_plain_values_have_no_traces_of_numpy_or_infinity():
    values = {"a": np.float32(1.5), "b": (np.int64(2), float("nan")), "c": np.arange(2), "d": ExplainParameters()}
    assert plain(values)["a"] == 1.5
    assert plain(values)["b"] == [2, None]
    assert yaml.safe_load(yaml.safe_dump(plain(values)))["d"]["target"] == "damage"


def test_labels_are_numbered_without_gaps():
    labels = np.array([[[0, 7, 7], [3, 0, 9]]], dtype=np.int32)
    np.testing.assert_array_equal(results.contiguous(labels), [[[0, 2, 2], [1, 0, 3]]])
    assert results.contiguous(np.zeros((1, 2, 2), np.int32)).max() == 0
