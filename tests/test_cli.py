"""The command line: each command on a small image, and a sentence for what it cannot do."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from types import SimpleNamespace

import h5py
import numpy as np
import pandas as pd
import pytest
import tifffile
import yaml
import zarr

from napari_cathode import cli, io, results
from napari_cathode.cli import progress
from napari_cathode.cli.demo import has_display
from napari_cathode.cli.options import read_parameters
from napari_cathode.fuse.blocks import iter_fuse_blocks
from napari_cathode.identify import match
from napari_cathode.progress import Progress
from napari_cathode.simulate import PRESETS, simulate, simulate_slice

QUICK = ["--identify-method", "watershed", "--explain-n-trees", "5", "--explain-repeats", "1", "-q"]


@pytest.fixture
def command(capsys):
    """Give a function that runs a command and gives its exit code, output and error output."""

    def run(*arguments):
        with pytest.raises(SystemExit) as leave:
            cli.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return leave.value.code or 0, printed.out, printed.err

    return run


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Give a folder with a slice without voxel size, a volume with one, and its labels."""
    folder = tmp_path_factory.mktemp("data")
    small = replace(PRESETS["nmc-10-cycles"], voxel_um=0.1)
    flat = simulate_slice(replace(small, size_z=1, size_y=320, size_x=320, diameter_um=2.5), 3)
    solid = simulate(replace(small, size_z=48, size_y=72, size_x=80, diameter_um=2.2), 1)
    tifffile.imwrite(folder / "slice.tif", flat.image[0])
    metadata = {"axes": "ZYX", "spacing": 0.1, "unit": "um"}
    tifffile.imwrite(folder / "volume.tif", solid.image, imagej=True, resolution=(10, 10), metadata=metadata)
    io.write_labels(folder / "labels.tif", solid.labels, None)
    return folder


@pytest.fixture(scope="module")
def slice_run(data, tmp_path_factory):
    out = tmp_path_factory.mktemp("results") / "slice"
    with pytest.raises(SystemExit) as leave:
        cli.main(["run", str(data / "slice.tif"), "-o", str(out), "--spacing", "0.1", "0.1", "0.1", *QUICK])
    assert not leave.value.code
    return out


def test_run_writes_all_files(slice_run):
    assert {path.name for path in slice_run.iterdir()} == {*results.FILES, results.PARTS}
    table = pd.read_csv(slice_run / "features.csv")
    assert table.columns[0] == "label" and len(table) > 30
    used = yaml.safe_load((slice_run / "parameters.yaml").read_text("utf-8"))
    assert used["identify"]["method"] == "watershed" and used["explain"]["n_trees"] == 5
    assert os.path.isabs(used["input"]["path"]) and used["input"]["spacing_um"] == [0.1, 0.1, 0.1]


def test_a_rerun_from_parameters_gives_identical_bytes(command, slice_run, data, tmp_path):
    roundabout = f"{data}/../{data.name}/./slice.tif"
    for number, given in enumerate(([], [data / "slice.tif"], [roundabout])):
        out = tmp_path / str(number)
        code, _, err = command("run", *given, "-o", out, "--parameters", slice_run / "parameters.yaml", "-q")
        assert code == 0, err
        for path in slice_run.rglob("*"):
            if path.is_file() and path.name != "project.json":  # that names the image from where it lies itself
                assert path.read_bytes() == (out / path.relative_to(slice_run)).read_bytes(), path.name


def test_the_voxel_size_of_another_image_is_not_taken_from_parameters(command, slice_run, data, tmp_path):
    shutil.copy(data / "slice.tif", tmp_path / "other.tif")
    given = ["--parameters", slice_run / "parameters.yaml"]
    code, _, err = command("run", tmp_path / "other.tif", "-o", tmp_path / "out", *given)
    assert code == 2 and "voxel size of other is not known" in err


def test_options_come_before_the_parameter_file(tmp_path):
    (tmp_path / "p.yaml").write_text("fuse: {split_merge: 0.3, minimal_votes: 2}\nviews: [xz]\n", encoding="utf-8")
    read = read_parameters({"fuse": {"split_merge": 0.4}, "identify": {"diameter_um": 5.0}}, tmp_path / "p.yaml")
    assert (read.fuse.split_merge, read.fuse.minimal_votes, read.identify.diameter_um) == (0.4, 2, 5.0)
    assert read.views == ("xz",)


def test_the_steps_one_by_one_give_what_run_gives(command, data, tmp_path):
    image = data / "volume.tif"
    quick = ["--measure-closing-radius", "0.1", *QUICK]
    assert command("run", image, "-o", tmp_path / "run", *quick)[0] == 0
    assert command("identify", image, "-o", tmp_path / "seen", "--method", "watershed", "-q")[0] == 0
    agreed = ["--agreement", tmp_path / "agreement.csv"]
    assert command("fuse", tmp_path / "seen", "-o", tmp_path / "labels.tif", *agreed, "-q")[0] == 0
    given = ["-o", tmp_path / "features.csv", "--closing-radius", 0.1, *agreed, "-q"]
    assert command("measure", tmp_path / "labels.tif", image, *given)[0] == 0
    for name in ("labels.tif", "features.csv", "contacts.csv", "summary.csv"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "run" / name).read_bytes()


def test_a_table_can_be_parquet_and_labels_zarr(command, data, tmp_path):
    labels, _ = io.read_labels(data / "labels.tif")
    zarr.create_array(store=str(tmp_path / "labels.zarr"), data=labels, chunks=(16, 32, 32))
    for name, source in (("a.csv", data / "labels.tif"), ("b.parquet", tmp_path / "labels.zarr")):
        assert command("measure", source, data / "volume.tif", "-o", tmp_path / name, "-q")[0] == 0
    table = pd.read_parquet(tmp_path / "b.parquet")
    pd.testing.assert_frame_equal(table, pd.read_csv(tmp_path / "a.csv"), check_exact=True)
    said = json.loads((tmp_path / "b.json").read_text("utf-8"))
    assert said["table"] == "b.parquet" and set(said["columns"]) == set(table)
    assert said["parameters"]["spacing_um"] == [0.1, 0.1, 0.1] and said["parameters"]["measure"]["closing_radius_um"]
    pd.testing.assert_frame_equal(io.read_table(tmp_path / "b.parquet"), table)


def test_voxel_sizes_that_contradict_each_other_are_asked_for(command, data, tmp_path):
    labels, _ = io.read_labels(data / "labels.tif")
    for name, edge in (("other", 0.2), ("rounded", 0.1001)):
        io.write_labels(tmp_path / f"{name}.tif", labels, (edge, 0.1, 0.1))
    given = [tmp_path / "other.tif", data / "volume.tif", "-o", tmp_path / "features.csv", "-q"]
    code, _, error = command("measure", *given)
    assert code == 2 and "0.2 × 0.1 × 0.1 µm" in error and "0.1 × 0.1 × 0.1 µm" in error and "--spacing" in error
    assert not (tmp_path / "features.csv").exists()
    assert command("measure", *given, "--spacing", 0.2, 0.1, 0.1)[0] == 0
    given[0] = tmp_path / "rounded.tif"
    assert command("measure", *given, "--overwrite")[0] == 0


def test_large_volumes_are_fused_block_by_block(command, data, tmp_path, monkeypatch):
    labels = data / "labels.tif"
    given = ["--xy", labels, "--xz", labels, "--yz", labels, "--spacing", 0.1, 0.1, 0.1, "-q"]
    assert command("fuse", *given, "-o", tmp_path / "whole.tif")[0] == 0
    monkeypatch.setattr("napari_cathode.fuse.blocks.LARGE_VOXELS", 1000)
    called = []
    blocks = iter_fuse_blocks
    monkeypatch.setattr("napari_cathode.fuse.blocks.iter_fuse_blocks", lambda *a: called.append(1) or blocks(*a))
    code, out, err = command("fuse", *given, "-o", tmp_path / "new" / "parts.tif", "--agreement", tmp_path / "a.csv")
    assert code == 0 and called, err
    whole, parts = (io.read_labels(tmp_path / name)[0] for name in ("whole.tif", "new/parts.tif"))
    assert out.startswith(f"{parts.max()} particles") and len(pd.read_csv(tmp_path / "a.csv")) == parts.max()
    np.testing.assert_array_equal(parts > 0, whole > 0)
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["parts.tif"], "nothing else is left"


def test_a_single_view_and_labels_of_other_tools_can_be_fused(command, data, tmp_path):
    labels = io.read_labels(data / "labels.tif")[0]
    np.save(tmp_path / "cellpose.npy", labels)
    given = ["--xy", tmp_path / "cellpose.npy", "--spacing", 0.1, 0.1, 0.1, "--minimal-diameter", 0.5]
    code, out, _ = command("fuse", *given, "-o", tmp_path / "fused.tif", "-q")
    fused, spacing = io.read_labels(tmp_path / "fused.tif")
    assert code == 0 and out.startswith(f"{fused.max()} particles")
    assert spacing == pytest.approx((0.1, 0.1, 0.1)) and fused.shape == labels.shape
    assert ((fused > 0) == (labels > 0)).mean() > 0.95


def test_contacts_and_summary_lie_beside_the_features(command, data, tmp_path):
    given = [data / "labels.tif", data / "volume.tif", "-q"]
    assert command("measure", *given, "-o", tmp_path / "nmc.csv", "--definitions", "li2022")[0] == 0
    table = pd.read_csv(tmp_path / "nmc.csv")
    contacts = pd.read_csv(tmp_path / "nmc_contacts.csv")
    assert set(contacts["label_1"]) | set(contacts["label_2"]) <= set(table["label"]) and len(contacts) > 5
    population = pd.read_csv(tmp_path / "nmc_summary.csv").set_index("quantity")
    assert population["value"]["particles"] == len(table)
    assert population["value"]["volume_um3"] == pytest.approx(table["volume_um3"].mean())
    assert population["sd"]["volume_um3"] == pytest.approx(table["volume_um3"].std())
    assert population["particles"]["volume_um3"] == table["volume_um3"].notna().sum()
    for name in ("nmc", "nmc_contacts", "nmc_summary"):
        said = json.loads((tmp_path / f"{name}.json").read_text("utf-8"))
        assert all(said["columns"].values()) and said["parameters"]["measure"]["definitions"] == "li2022"
    said = json.loads((tmp_path / "nmc.json").read_text("utf-8"))["columns"]["homogeneity"]
    assert said["unit"] == "grey" and "standard deviation" in said["formula"]
    few = [*given, "-o", tmp_path / "few.csv", "--groups", "position", "--groups", "cracks"]
    assert command("measure", *few)[0] == 0
    assert "volume_um3" not in pd.read_csv(tmp_path / "few.csv").columns
    code, _, err = command("measure", *given, "-o", tmp_path / "nmc2.csv", "--groups", "shape")
    assert code == 2 and "name each of position, grey, structure, cracks, surroundings" in err
    (tmp_path / "new_contacts.csv").write_text("mine")
    code, _, err = command("measure", *given, "-o", tmp_path / "new.csv")
    assert code == 2 and "new_contacts.csv exists" in err and not (tmp_path / "new.csv").exists()
    code, _, err = command("measure", *given, "-o", tmp_path / "few.parquet")
    assert code == 2 and "few.json exists" in err, "the meaning of the columns of few.csv"


def test_a_table_that_says_nothing_of_views_is_no_agreement(command, data, tmp_path):
    pd.DataFrame({"label": [1], "damage": [0.1]}).to_csv(tmp_path / "other.csv", index=False)
    given = ["--agreement", tmp_path / "other.csv", "-o", tmp_path / "t.csv", "--spacing", 0.1, 0.1, 0.1]
    code, _, err = command("measure", data / "labels.tif", *given)
    assert code == 2 and "does not say how far views agree" in err
    given = ["--agreement", tmp_path / "a.tif", "-o", tmp_path / "l.tif", "--spacing", 0.1, 0.1, 0.1]
    code, _, err = command("fuse", "--xy", data / "labels.tif", *given)
    assert code == 2 and "should end in .csv" in err


def test_one_stated_voxel_size_counts_for_all_labels(command, data, tmp_path, monkeypatch):
    from napari_cathode.cli import fuse as module

    labels = io.read_labels(data / "labels.tif")[0]
    np.save(tmp_path / "xy.npy", labels)
    io.write_labels(tmp_path / "xz.tif", labels, (0.2, 0.1, 0.1))
    io.write_labels(tmp_path / "yz.tif", labels, (0.3, 0.1, 0.1))
    used = []
    make = module.iter_prediction_from_labels
    monkeypatch.setattr(module, "iter_prediction_from_labels", lambda *given: used.append(given[2]) or make(*given))
    given = ["--xy", tmp_path / "xy.npy", "--xz", tmp_path / "xz.tif", "-o", tmp_path / "fused.tif", "-q"]
    assert command("fuse", *given)[0] == 0
    assert used == [pytest.approx((0.2, 0.1, 0.1))] * 2
    given += ["--yz", tmp_path / "yz.tif", "--overwrite"]
    code, _, err = command("fuse", *given)
    assert code == 2 and "xz.tif states a voxel size of 0.2 × 0.1 × 0.1 µm and yz.tif one of 0.3 ×" in err
    assert command("fuse", *given, "--spacing", 0.1, 0.1, 0.1)[0] == 0


def test_the_name_of_the_labels_is_checked_before_fusing(command, monkeypatch, data, tmp_path):
    monkeypatch.setattr("napari_cathode.cli.fuse.follow", lambda *_: pytest.fail("it fused"))
    given = ["--xy", data / "labels.tif", "--spacing", 1, 1, 1, "-o", tmp_path / "l.png"]
    code, _, err = command("fuse", *given)
    assert code == 2 and ".tif or .npy" in err


def test_identify_begins_anew_after_it_was_stopped_while_writing(command, monkeypatch, data, tmp_path):
    from napari_cathode.fuse import store

    line = ["identify", data / "slice.tif", "-o", tmp_path, "--method", "watershed", "-q"]

    def stop(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store.Path, "write_text", stop)
        assert command(*line)[0] == 130
    assert [path.name for path in tmp_path.iterdir()] == ["xy.zarr"]
    assert "--overwrite" in command(*line)[2]
    assert command(*line, "--overwrite")[0] == 0
    # Stopped earlier, the predictions of before are still whole.
    with monkeypatch.context() as patch:
        patch.setattr(store, "Progress", stop)
        assert command(*line, "--overwrite")[0] == 130
    assert {path.name for path in tmp_path.iterdir()} == {"xy.zarr", "predictions.json", "labels.tif"}
    assert store.read_predictions(tmp_path).views["xy"].labels[:].max() > 5


def test_identify_leaves_foreign_arrays_alone(command, monkeypatch, data, tmp_path):
    monkeypatch.setattr("napari_cathode.cli.identify.follow", lambda *_: pytest.fail("it began"))
    zarr.save_array(tmp_path / "xy.zarr", np.arange(3))
    line = ["identify", data / "slice.tif", "-o", tmp_path, "--method", "watershed", "-q"]
    for more in ([], ["--overwrite"]):
        code, _, err = command(*line, *more)
        assert code == 2 and "xy.zarr does not come from napari-cathode" in err and err.count("\n") == 1
    assert list(zarr.open_array(tmp_path / "xy.zarr")[:]) == [0, 1, 2]


def test_predictions_of_a_slice_are_its_particles(command, data, slice_run, tmp_path):
    given = ["--spacing", 0.1, 0.1, 0.1, "--method", "watershed", "-q"]
    code, out, _ = command("identify", data / "slice.tif", "-o", tmp_path / "seen", *given)
    assert code == 0 and f"particles are in {tmp_path / 'seen' / 'labels.tif'}" in out
    assert (tmp_path / "seen" / "labels.tif").read_bytes() == (slice_run / "labels.tif").read_bytes()
    assert command("fuse", tmp_path / "seen", "-o", tmp_path / "labels.tif")[0] == 0
    assert (tmp_path / "labels.tif").read_bytes() == (slice_run / "labels.tif").read_bytes()


def test_particles_of_a_slice_need_no_voxel_size_and_replace_nothing(command, monkeypatch, data, tmp_path):
    image = tifffile.imread(data / "slice.tif")
    np.save(tmp_path / "slice.npy", image)  # states no voxel size
    line = ["identify", tmp_path / "slice.npy", "-o", tmp_path / "seen", "--method", "watershed", "-q"]
    assert command(*line)[0] == 0
    labels, spacing = io.read_labels(tmp_path / "seen" / "labels.tif")
    assert spacing is None and labels.shape[-2:] == image.shape and labels.max() > 5
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "labels.tif").write_bytes(b"by hand")
    monkeypatch.setattr("napari_cathode.cli.identify.follow", lambda *_: pytest.fail("it began"))
    line[3] = tmp_path / "own"
    code, _, err = command(*line)
    assert code == 2 and "labels.tif already" in err
    assert (tmp_path / "own" / "labels.tif").read_bytes() == b"by hand"
    line[3] = tmp_path / "own" / "labels.tif" / "deeper"
    code, _, err = command(*line)
    assert code == 2 and "labels.tif is a file" in err


def test_explain_takes_any_column_as_target(command, slice_run, tmp_path):
    given = ["--target", "elongation", "--n-trees", 5, "--repeats", 1, "-q"]
    code, out, err = command("explain", slice_run / "features.csv", "-o", tmp_path, *given)
    assert code == 0, err
    assert "elongation" in out
    assert {path.name for path in tmp_path.iterdir()} == {
        "shap.csv", "shap.json", "importance.csv", "importance.json", "scores.json", "figures",
    }  # fmt: skip
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"importance.png", "importance.svg", "beeswarm.svg", "predicted.png"} <= names
    importance = pd.read_csv(tmp_path / "importance.csv")
    assert importance.columns[:4].tolist() == ["feature", "share", "spread", "rank"]
    said = json.loads((tmp_path / "scores.json").read_text("utf-8"))
    assert said["model"] in ("forest", "boosting") and set(said["models"]) == {"forest", "boosting"}
    assert said["baseline"]["mae_mean"] > 0 and said["random_folds"] and said["blocked_folds"]
    assert isinstance(said["verdict"]["explains"], bool) and said["verdict"]["text"] in out
    assert said["parameters"]["n_trees"] == 5 and len(said["used"]["data_sha256"]) == 64


def test_explain_checks_pairs_states_and_parquet(command, slice_run, tmp_path):
    table = pd.read_csv(slice_run / "features.csv")
    table.assign(contact=table["contact"].iloc[::-1].to_numpy()).to_csv(tmp_path / "later.csv", index=False)
    given = ["--n-trees", 4, "--boosting-rounds", 4, "--repeats", 1, "--folds", 2, "-q", "--stability"]
    given += ["--interactions", "--parquet", "--compare", tmp_path / "later.csv"]
    code, out, err = command("explain", slice_run / "features.csv", "-o", tmp_path / "out", *given)
    assert code == 0, err
    assert "Kendall's W" in out
    shap = pd.read_parquet(tmp_path / "out" / "shap.parquet")
    pd.testing.assert_frame_equal(shap, pd.read_csv(tmp_path / "out" / "shap.csv"))
    for name in ("stability", "interactions", "comparison"):
        assert len(pd.read_csv(tmp_path / "out" / f"{name}.csv")) > 1
        assert (tmp_path / "out" / "figures" / f"{name}.svg").exists()
    said = json.loads((tmp_path / "out" / "scores.json").read_text("utf-8"))
    assert set(said["comparison"]["states"]) == {"features", "later"}
    code, _, err = command("explain", slice_run / "features.csv", "-o", tmp_path / "x", "--preset", "mine")
    assert code == 2 and "choose one of default, li2022" in err


def test_explain_tells_which_columns_of_ones_own_took_no_part(command, slice_run, tmp_path):
    table = pd.read_csv(slice_run / "features.csv")
    table = table.assign(batch="B7", twin=lambda rows: 2 * rows["damage"], edensity=np.nan)
    table.to_csv(tmp_path / "own.csv", index=False)
    given = ["--n-trees", 5, "--repeats", 1, "-q"]
    code, out, err = command("explain", tmp_path / "own.csv", "-o", tmp_path / "out", *given)
    assert code == 0, err
    assert "Left out: batch, since" in out and "Left out: twin, since" in out and "Left out: x_um" not in out
    assert "edensity, since" in out and "value for any usable particle" in out
    assert out.count("Left out:") == 3, "one line a reason, and nothing of what is left out always"
    said = json.loads((tmp_path / "out" / "scores.json").read_text("utf-8"))
    assert said["target"] == "damage" and {"batch", "twin", "x_um"} <= set(said["left_out"])


def test_hdf5_data_sets_are_chosen_and_noted(command, data, tmp_path):
    image = tifffile.imread(data / "volume.tif")[:8]
    with h5py.File(tmp_path / "two.h5", "w") as file:
        file["a"], file["b"] = image, image
    given = ["--spacing", 0.1, 0.1, 0.1, "--views", "xy", *QUICK]
    code, _, err = command("run", tmp_path / "two.h5", "-o", tmp_path / "out", *given)
    assert code == 2 and "--dataset NAME" in err
    assert command("run", tmp_path / "two.h5", "-o", tmp_path / "out", "--dataset", "b", *given)[0] == 0
    used = yaml.safe_load((tmp_path / "out" / "parameters.yaml").read_text("utf-8"))
    assert used["input"]["dataset"] == "b" and used["views"] == ["xy"]
    again = ["-o", tmp_path / "again", "--parameters", tmp_path / "out" / "parameters.yaml", "-q"]
    assert command("run", *again)[0] == 0
    for path in (tmp_path / "out").rglob("*"):
        again = tmp_path / "again" / path.relative_to(tmp_path / "out")
        assert path.is_dir() or path.read_bytes() == again.read_bytes(), path.name


def test_a_place_that_may_not_be_written_is_told_before_the_work(command, data, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK or path != tmp_path)
    given = ["measure", data / "labels.tif", "--spacing", 0.1, 0.1, 0.1, "-o", tmp_path / "new" / "features.csv", "-q"]
    code, _, err = command(*given)
    assert code == 2 and f"{tmp_path} is a place that you may not write to" in err and not (tmp_path / "new").exists()


def test_sample_data_are_listed_and_written(command, tmp_path):
    code, out, _ = command("sample", "--list")
    assert code == 0 and "nmc-slice" in out and "nmc-50-cycles" in out
    assert command("sample", "nmc-slice", "-o", tmp_path / "s")[0] == 0
    labels, spacing = io.read_labels(tmp_path / "s" / "nmc-slice_labels.tif")
    assert spacing is not None and labels.max() > 5
    assert len(pd.read_csv(tmp_path / "s" / "nmc-slice_truth.csv")) > 5


def test_simulate_obeys_its_options(command, tmp_path):
    given = ["--size-z", 1, "--size-y", 96, "--size-x", 128, "--voxel", 0.2, "--seed", 4, "-q"]
    assert command("simulate", "-o", tmp_path, "--preset", "nmc-50-cycles", *given)[0] == 0
    tomogram = io.read(tmp_path / "nmc-50-cycles.tif")
    assert tomogram.shape == (1, 96, 128) and tomogram.spacing_um == pytest.approx((0.2, 0.2, 0.2))
    before = tomogram.data.copy()
    assert command("simulate", "-o", tmp_path, "--preset", "nmc-50-cycles", *given, "--overwrite")[0] == 0
    np.testing.assert_array_equal(io.read(tmp_path / "nmc-50-cycles.tif").data, before)


def bad_inputs():
    """List arguments, with {data}, {run} and {tmp} for folders, and a part of the sentence that they get."""
    voxels = "--spacing 1 1 1"
    return [
        ("run {data}/slice.tif -o {tmp}/out", "--spacing Z Y X"),
        (f"run {{data}}/nothing.tif -o {{tmp}}/out {voxels}", "does not exist"),
        ("run -o {tmp}/out", "No tomogram is given"),
        ("run {data}/slice.tif -o {tmp}/out --spacing 0 1 1", "three positive numbers"),
        (f"run {{data}}/slice.tif -o {{tmp}}/out {voxels} --diameter -3", "diameter_um is -3 µm"),
        (f"run {{data}}/slice.tif -o {{tmp}}/out {voxels} --diameter 5000", "check the diameter and the voxel size"),
        (f"run {{data}}/slice.tif -o {{tmp}}/out {voxels} --identify-method magic", "choose one of 'stardist2d'"),
        (f"run {{data}}/slice.tif -o {{tmp}}/out {voxels} --identify-model nobody", "There is no model 'nobody'"),
        (f"run {{data}}/slice.tif -o {{tmp}}/out {voxels} --views zz", "views is zz"),
        (f"run {{data}}/slice.tif -o {{tmp}}/out {voxels} --dataset b", "no data sets to choose from"),
        ("run {data}/slice.tif -o {tmp}/out --parameters {tmp}/none.yaml", "no parameter file"),
        ("run {data}/slice.tif -o {tmp}/out --parameters {data}/slice.tif", "cannot be read as YAML"),
        ("run {data}/slice.tif -o {tmp}/out --parameters {run}/scores.json", "unknown name 'summary'"),
        (f"run {{data}}/slice.tif -o {{run}} {voxels}", "results of an earlier run"),
        (f"run {{data}}/slice.tif -o {{run}}/labels.tif {voxels}", "is a file, not a folder"),
        (f"run {{data}}/slice.tif -o {{data}} {voxels} --overwrite", "does not come from napari-cathode"),
        ("identify {data}/slice.tif -o {run}/labels.tif", "is a file"),
        ("fuse {tmp} -o {tmp}/l.tif", "holds no predictions"),
        ("fuse -o {tmp}/l.tif", "either a folder of predictions, or label images"),
        ("fuse --xy {data}/labels.tif -o {tmp}/l.tif", "voxel size is not known"),
        ("fuse --xy {data}/volume.tif --xz {data}/slice.tif -o {tmp}/l.tif", "must lie on one grid"),
        ("fuse --xy {data}/labels.tif -o {data}/labels.tif --spacing 1 1 1", "--overwrite"),
        ("fuse --xy {data}/labels.tif -o {tmp}/l.png --spacing 1 1 1", ".tif or .npy"),
        ("measure {data}/labels.tif -o {tmp}/f.csv", "--spacing Z Y X"),
        ("measure {data}/labels.tif {data}/slice.tif -o {tmp}/f.csv --spacing 1 1 1", "labels must be those of this"),
        ("measure {data}/labels.tif -o {tmp}/f.txt --spacing 1 1 1", "should end in .csv or .parquet"),
        ("measure {run}/features.csv -o {tmp}/f.csv --spacing 1 1 1", "no kind that can be opened"),
        ("explain {run}/features.csv -o {run}", "--overwrite"),
        ("explain {run}/features.csv -o {tmp}/e --target beauty", "no column 'beauty'"),
        ("explain {run}/labels.tif -o {tmp}/e", "CSV"),
        ("explain {run}/importance.csv -o {tmp}/e", "no column 'label'"),
        ("sample nobody -o {tmp}", "There is no sample 'nobody'"),
        ("simulate -o {tmp} --preset nobody", "There is no preset 'nobody'"),
        ("simulate -o {tmp} --packing 2", "packing is 2"),
    ]


@pytest.mark.parametrize(("line", "says"), bad_inputs(), ids=[case[0] for case in bad_inputs()])
def test_bad_input_gets_one_line_and_exit_code_2(command, data, slice_run, tmp_path, line, says):
    before = {path: path.read_bytes() for folder in (data, slice_run) for path in folder.rglob("*") if path.is_file()}
    words = [word.format(data=data, run=slice_run, tmp=tmp_path) for word in line.split()]
    code, _, err = command(*words, *([] if words[0] == "sample" else ["-q"]))
    assert code == 2
    assert says in err and err.count("\n") == 1 and "Traceback" not in err
    for path, content in before.items():
        assert path.read_bytes() == content


def test_overwrite_replaces_own_files_only(command, data, tmp_path):
    line = ["run", data / "slice.tif", "-o", tmp_path, "--spacing", 0.1, 0.1, 0.1, *QUICK]
    (tmp_path / "thesis.txt").write_text("precious")
    assert command(*line)[0] == 0
    assert command(*line)[0] == 2
    # With too few particles in it, the second run has no explanation: that of the first must not stay.
    tifffile.imwrite(tmp_path / "crop.tif", tifffile.imread(data / "slice.tif")[:90, :90])
    line[1] = tmp_path / "crop.tif"
    assert command(*line, "--overwrite")[0] == 0
    assert not (tmp_path / "shap.csv").exists() and not (tmp_path / "importance.json").exists()
    assert (tmp_path / "thesis.txt").read_text() == "precious"


@pytest.mark.parametrize(
    "refused",
    [
        ["--diameter", 5000],
        ["--identify-method", "stardist2d", "--identify-model", "nobody"],
        ["--measure-closing-radius", 5000],
        ["--spacing", 0, 1, 1],
    ],
)
def test_a_refused_rerun_keeps_the_earlier_results(command, data, slice_run, refused):
    before = {path: path.read_bytes() for path in slice_run.rglob("*") if path.is_file()}
    line = ["run", data / "slice.tif", "-o", slice_run, "--spacing", 0.1, 0.1, 0.1, *QUICK, "--overwrite", *refused]
    assert command(*line)[0] == 2
    assert {path: path.read_bytes() for path in slice_run.rglob("*") if path.is_file()} == before


def test_the_diameter_is_estimated_once(command, monkeypatch, data, tmp_path):
    from napari_cathode import pipeline

    asked = []
    estimate = pipeline.estimate_diameter
    monkeypatch.setattr(pipeline, "estimate_diameter", lambda tomogram: asked.append(tomogram) or estimate(tomogram))
    line = ["run", data / "slice.tif", "-o", tmp_path, "--spacing", 0.1, 0.1, 0.1, *QUICK]
    assert command(*line)[0] == 0 and len(asked) == 1


@pytest.mark.parametrize("views", ["[xy, [xz]]", "[xy, {a: 1}]", "[1]"])
def test_views_that_are_no_names_get_one_sentence(command, data, tmp_path, views):
    (tmp_path / "p.yaml").write_text(f"views: {views}\n", encoding="utf-8")
    given = ["-o", tmp_path / "out", "--parameters", tmp_path / "p.yaml"]
    code, _, err = command("run", data / "volume.tif", *given)
    assert code == 2 and "The parameter views is " in err and err.count("\n") == 1


def test_stopping_says_so(command, monkeypatch, data, tmp_path):
    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(io, "read", stop)
    code, _, err = command("identify", data / "slice.tif", "-o", tmp_path / "out")
    assert code == 130 and err.startswith("Stopped") and err.count("\n") == 1


def test_a_full_disk_is_told_in_a_sentence(command, monkeypatch, data, tmp_path):
    def fail(*args, **kwargs):
        raise OSError(28, "No space left on device", "/data/x")

    monkeypatch.setattr(io, "read", fail)
    code, _, err = command("identify", data / "slice.tif", "-o", tmp_path / "out")
    assert (code, err) == (1, "No space left on device (/data/x).\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends no interrupt to one process alone")
def test_ctrl_c_ends_a_run_quickly(data, tmp_path):
    line = [
        "run",
        data / "volume.tif",
        "-o",
        tmp_path / "out",
        "--identify-method",
        "watershed",
        "--explain-repeats",
        50,
    ]
    program = [sys.executable, "-m", "napari_cathode", *map(str, line)]
    listen = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)  # noqa: E731  what runs in the background ignores it
    run = subprocess.Popen(program, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=listen)
    for _ in range(600):
        if (tmp_path / "out" / "parameters.yaml").exists():
            break
        time.sleep(0.05)
    run.send_signal(signal.SIGINT)
    _, err = run.communicate(timeout=30)
    assert run.returncode == 130
    assert "Stopped" in err and "Traceback" not in err


def test_help_and_version_load_no_libraries():
    program = (
        "import sys, time\n"
        "from napari_cathode.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'scipy', 'pandas', 'numba', 'napari', 'skimage', 'zarr'} & set(sys.modules)\n"
        "print('LOADED', sorted(heavy), time.process_time() < 1)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert "LOADED [] True" in done.stdout
    assert all(name in done.stdout for name in cli.COMMANDS)


def test_version(command):
    code, out, _ = command("--version")
    assert code == 0 and out.startswith("napari-cathode ")


@pytest.mark.parametrize("name", list(cli.COMMANDS))
def test_every_command_helps(command, name):
    code, out, _ = command(name, "--help")
    assert code == 0 and cli.COMMANDS[name] in " ".join(out.split())


def test_every_parameter_is_an_option_with_its_help(command, monkeypatch):
    monkeypatch.setenv("COLUMNS", "250")
    out = command("run", "--help")[1]
    for option in ("--diameter", "--identify-prob-threshold", "--fuse-split-merge", "--measure-closing-radius"):
        assert option in out
    assert "Touching pieces are one particle where the views part them less often" in out and "(default 0.05)" in out


def test_a_terminal_gets_a_bar_and_a_log_gets_lines(capsys, monkeypatch):
    def work():
        for done in range(3):
            yield Progress(done, 3, "Working")
        return 7

    assert progress.follow(work()) == 7
    assert capsys.readouterr().err == "Working (0 %)\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert progress.follow(work()) == 7
    assert "Working" in capsys.readouterr().err
    assert progress.follow(work(), quiet=True) == 7
    assert capsys.readouterr().err == ""


def test_demo_says_that_a_window_comes(command, monkeypatch):
    from napari_cathode.cli import demo

    opened = []
    monkeypatch.setattr(demo, "has_display", lambda: True)
    monkeypatch.setitem(sys.modules, "napari_cathode.plugin.demo", SimpleNamespace(open_demo=lambda: opened.append(1)))
    assert "window comes" in command("demo")[1]
    assert command("demo", "-q")[1] == "" and len(opened) == 2


def test_demo_without_a_display_runs_the_analysis(command, monkeypatch, data, tmp_path):
    from napari_cathode.cli import demo

    sample = replace(demo.SAMPLES[demo.SAMPLE])
    monkeypatch.setattr(type(sample), "path", property(lambda self: data / "volume.tif"))
    monkeypatch.setattr(demo, "SETTINGS", read_parameters({"identify": {"method": "watershed"}}, None))
    out = tmp_path / "demo"
    for _ in range(2):
        code, text, err = command("demo", "--headless", "-o", out, "-q")
        assert code == 0, err
        assert str(out / "report.html") in text
    assert (out / "labels.tif").is_file()


@pytest.mark.skipif(sys.platform in ("win32", "darwin"), reason="there is always a display")
def test_display_is_told_from_the_environment(monkeypatch):
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    monkeypatch.setenv("DISPLAY", ":0")
    assert has_display()
    monkeypatch.delenv("DISPLAY")
    assert not has_display()


def test_a_terminal_without_greek_letters_ends_nothing(data, tmp_path):
    line = ["run", data / "slice.tif", "-o", tmp_path / "out", "--spacing", 0.1, 0.1, 0.1, *QUICK]
    program = [sys.executable, "-m", "napari_cathode", *map(str, line)]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(program, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"Particles" in done.stdout


def test_a_region_is_found_as_in_the_whole_and_noted(command, data, tmp_path):
    line = ["identify", data / "slice.tif", "--diameter", "25", "-q", "-o"]
    assert command(*line, tmp_path / "whole")[0] == 0
    assert command(*line, tmp_path / "part", "--region", ":,40:280,:200")[0] == 0
    whole, part = (zarr.open_array(tmp_path / name / "xy.zarr" / "labels")[0] for name in ("whole", "part"))
    assert part.shape == (240, 200)
    assert match(whole[40:280, :200], part, 0.7).f1 > 0.9
    assert json.loads((tmp_path / "part" / "predictions.json").read_text())["region"] == [[0, 1], [40, 280], [0, 200]]
    code, _, error = command(*line, tmp_path / "no", "--region", "1:9")
    assert code == 2
    assert "0:64,100:400,:" in error


def test_a_rerun_of_a_region_uses_it_again(command, data, tmp_path):
    line = ["run", data / "slice.tif", "--spacing", "0.1", "0.1", "0.1", *QUICK, "--region", ":,:200,100:"]
    assert command(*line, "-o", tmp_path / "one")[0] == 0
    assert io.read_labels(tmp_path / "one" / "labels.tif")[0].shape == (1, 200, 220)
    assert command("run", "--parameters", tmp_path / "one" / "parameters.yaml", "-q", "-o", tmp_path / "two")[0] == 0
    same = [(tmp_path / folder / "features.csv").read_bytes() for folder in ("one", "two")]
    assert same[0] == same[1]


def test_an_image_unlike_the_training_data_is_told(command, data, tmp_path):
    inverted = 255 - tifffile.imread(data / "slice.tif")
    tifffile.imwrite(tmp_path / "inverted.tif", inverted)
    line = ["identify", tmp_path / "inverted.tif", "--diameter", "25", "-q", "-o", tmp_path / "out"]
    code, out, _ = command(*line)
    assert code == 0
    assert "Note: " in out
    assert "invert the image" in out
    line = ["run", tmp_path / "inverted.tif", "--spacing", "0.1", "0.1", "0.1", "--diameter", "2.5", "-q"]
    code, out, _ = command(*line, "--explain-n-trees", "5", "--explain-repeats", "1", "-o", tmp_path / "run")
    assert "invert the image" in out
    assert "invert the image" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert any(
        "invert the image" in note for note in json.loads((tmp_path / "run" / "scores.json").read_text())["notes"]
    )
