"""Training on own images with TensorFlow: tiny networks, one process for all of these tests."""

import json
import os
import shutil
import threading
import time
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from discs import disc_slice
from own_sources import TINY, write_via

from napari_cathode import resources
from napari_cathode.errors import InputError
from napari_cathode.identify import IdentifyParameters, identify, match
from napari_cathode.identify.export import convert_to_onnx
from napari_cathode.identify.fiji import OPERATIONS, iter_export_model, newer_operations
from napari_cathode.identify.models import list_models, open_model, read_model
from napari_cathode.identify.network import Network
from napari_cathode.identify.own_export import free_target, publish
from napari_cathode.identify.own_images import AnnotationFile, ImagePair
from napari_cathode.identify.own_parameters import OwnTrainingParameters
from napari_cathode.identify.own_training import (
    Controls,
    Interrupted,
    find_interrupted,
    iter_resume,
    iter_train_own,
    train_own,
    work_folder,
)
from napari_cathode.identify.parameters import DEFAULT_MODEL
from napari_cathode.identify.simulated_training import is_simulated, iter_resume_simulated, iter_train_simulated
from napari_cathode.identify.training import VOLUMES, TrainingParameters
from napari_cathode.progress import drain
from napari_cathode.tomogram import Tomogram

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]


@pytest.fixture(autouse=True)
def tensorflow():
    pytest.importorskip("tf2onnx")
    return pytest.importorskip("tensorflow")


@pytest.fixture(scope="module")
def discs():
    return ImagePair("discs", *disc_slice((112, 176), diameter=24))


def with_values(**values):
    return OwnTrainingParameters(**(TINY.__dict__ | values))


def run_until(steps, words):
    """Run until a report begins with some words, and leave the generator there."""
    for progress in steps:
        if progress.what.startswith(words):
            return progress
    raise AssertionError(f"{words} never came")


def test_from_a_via_file_to_a_model_in_the_list(tmp_path):
    source = AnnotationFile(write_via(tmp_path / "outlines"))
    reports = []
    target = train_own("mine", [source], reports.append, parameters=with_values(steps=30, validate_every=15))
    assert target == resources.user_models_folder() / "mine"
    info = next(model for model in list_models() if model.name == "mine")
    assert info.origin == "own" and info.diameter_px == 24 and info.n_rays == 8
    losses = [report.numbers["loss"] for report in reports if report.numbers and "loss" in report.numbers]
    assert len(losses) == 30 and np.mean(losses[-5:]) < np.mean(losses[:5])
    validated = [report.numbers for report in reports if report.numbers and "ap50" in report.numbers]
    assert [one["step"] for one in validated] == [0, 15, 30]
    card = json.loads((target / "card.json").read_text())
    assert card["thresholds"]["prob"] == info.probability_threshold
    assert card["validations"] == [{key: one[key] for key in ("step", "ap50", "ap70")} for one in validated]
    text = (target / "model_card.md").read_text()
    assert "discs" in text and "simulated" not in text and "validation slices" in text
    assert not work_folder("mine").exists(), "nothing is left beside the finished model"
    image, _ = disc_slice((96, 96), diameter=24, seed=2)
    views = identify(Tomogram(image[np.newaxis]), IdentifyParameters(model="mine", diameter_um=24.0), ("xy",))
    assert views["xy"].labels.shape == (1, 96, 96)


def test_fine_tuning_keeps_the_best_and_never_a_worse_one(discs):
    target = train_own("tuned", [discs], parameters=with_values(steps=2, learning_rate=0.1), start_from=DEFAULT_MODEL)
    card = json.loads((target / "card.json").read_text())
    best = max(card["validations"], key=lambda one: one["ap50"] + one["ap70"])
    assert card["training"]["steps_done"] == best["step"] == 0, "a rate of 0.1 destroys the network"
    assert card["training"]["started_from"]["name"] == DEFAULT_MODEL
    image = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    ours, shipped = (Network(open_model(name)).predict(image) for name in (target, DEFAULT_MODEL))
    assert np.abs(ours[1] - shipped[1]).max() < 1e-4
    fused = json.loads((resources.models_folder() / DEFAULT_MODEL / "card.json").read_text())["thresholds"][
        "prob_fused"
    ]
    assert card["thresholds"]["prob_fused"] <= fused
    assert card["thresholds"]["prob_fused"] <= card["thresholds"]["prob"]


def test_a_place_that_may_not_be_written_to_is_said_before_the_training(discs, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda path, mode: str(path) != str(tmp_path))  # the tests may run as root
    with pytest.raises(InputError, match="may not write to"):
        next(iter_train_own("mine", [discs], TINY, out=tmp_path / "models"))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="file is a file; name a folder"):
        next(iter_train_own("mine", [discs], TINY, out=tmp_path / "file" / "models"))
    with pytest.raises(InputError, match="file is a file; name a folder"):
        next(iter_train_simulated("mine", TrainingParameters(), out=tmp_path / "file" / "models"))


def test_a_training_on_simulated_images_is_not_taken_for_one_on_own_images(tmp_path):
    work = work_folder("sim", tmp_path)
    work.mkdir(parents=True)
    (work / "training.json").write_text(json.dumps({"kind": "simulated", "steps": 3, "parameters": {}}))
    with pytest.raises(InputError, match="on simulated images; go on with it on the command line"):
        next(iter_resume("sim", tmp_path))


def test_an_interrupted_training_ends_like_an_uninterrupted_one(discs, tmp_path):
    def weights(name):
        with np.load(work_folder(name, tmp_path) / "state" / "checkpoint.npz") as file:
            return [file[key] for key in sorted(file.files) if key.startswith(("weight_", "optimiser_"))]

    whole = iter_train_own("whole", [discs], TINY, out=tmp_path)
    run_until(whole, "Converting")
    parts = iter_train_own("parts", [discs], TINY, out=tmp_path)
    assert run_until(parts, "Validated").numbers["step"] == 0
    assert run_until(parts, "Validated").numbers["step"] == 2
    next(parts)  # a third step, which is lost
    parts.close()
    assert Interrupted("parts", 2, 4) in find_interrupted(tmp_path)
    with pytest.raises(InputError, match="was interrupted; resume it"):
        next(iter_train_own("parts", [discs], TINY, out=tmp_path))
    again = iter_resume("parts", tmp_path)
    told = run_until(again, "Going on from step 2").numbers
    assert [one["step"] for one in told["validations"]] == [0, 2]
    run_until(again, "Converting")
    for one, other in zip(weights("whole"), weights("parts"), strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-5)
    early = iter_train_own("early", [discs], TINY, out=tmp_path)
    assert run_until(early, "Validated").numbers["step"] == 0
    early.close()
    assert Interrupted("early", 0, 4) in find_interrupted(tmp_path), "before the first step"
    again = iter_resume("early", tmp_path)
    run_until(again, "Going on from step 0")
    run_until(again, "Converting")
    for one, other in zip(weights("whole"), weights("early"), strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-5)
    with pytest.raises(InputError, match="no training of lost to resume"):
        next(iter_resume("lost", tmp_path))


def test_pause_and_stop_from_outside(discs, tmp_path):
    controls = Controls("held", tmp_path)
    steps = iter_train_own("held", [discs], with_values(steps=500, validate_every=400), out=tmp_path)
    assert run_until(steps, "Training").numbers["step"] == 1
    controls.pause()
    assert run_until(steps, "Paused").done == 1
    assert next(steps).done == 1, "it waits"
    threading.Timer(0.5, controls.resume).start()
    started = time.monotonic()
    assert run_until(steps, "Training").numbers["step"] == 2
    assert time.monotonic() - started > 0.3
    controls.stop()
    target = drain(steps)
    card = json.loads((target / "card.json").read_text())
    assert card["training"]["steps_run"] == 2 and [one["step"] for one in card["validations"]] == [0, 2]
    assert [one.step for one in find_interrupted(tmp_path)] == [2], "what was stopped can be gone on with"
    with pytest.raises(InputError, match="There is a model held already"):
        next(iter_resume("held", tmp_path))


def test_models_are_not_replaced_unasked(discs, tmp_path):
    for name, says in {DEFAULT_MODEL: "ships with", "a/b": "cannot be that of a model", "": "cannot be"}.items():
        with pytest.raises(InputError, match=says):
            next(iter_train_own(name, [discs], TINY))
    work = tmp_path / "work"
    shutil.copytree(resources.models_folder() / DEFAULT_MODEL, work)
    shutil.copytree(work, tmp_path / "mine")
    (work / "weights_best.h5").write_bytes(b"new")
    before = (tmp_path / "mine" / "weights_best.h5").read_bytes()
    with pytest.raises(InputError, match="There is a model mine already"):
        next(iter_train_own("mine", [discs], TINY, out=tmp_path))
    (tmp_path / "notes").mkdir()
    with pytest.raises(InputError, match="is no model"):
        next(iter_train_own("notes", [discs], TINY, out=tmp_path, overwrite=True))
    publish(work, free_target("mine", tmp_path, False))
    assert (tmp_path / "mine-2" / "weights_best.h5").read_bytes() == b"new", "a name taken meanwhile is not replaced"
    assert (tmp_path / "mine" / "weights_best.h5").read_bytes() == before
    publish(work, free_target("mine", tmp_path, True))
    assert (tmp_path / "mine" / "weights_best.h5").read_bytes() == b"new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "mine-2", "notes", "work"]


def test_a_folder_of_the_studys_kind_opens_predicts_and_can_be_trained_further(discs, tmp_path):
    """32 rays, grid 2, weights in Keras' legacy .h5, no thresholds: written by stardist itself."""
    import h5py
    from stardist.models import Config2D, StarDist2D

    config = Config2D(n_rays=32, grid=(2, 2), unet_n_depth=1, unet_n_filter_base=4, net_conv_after_unet=8)
    theirs = StarDist2D(config, name="LIB100_70nm", basedir=str(tmp_path))
    folder = tmp_path / "LIB100_70nm"
    theirs.keras_model.save_weights(str(folder / "weights_last.h5"))
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "weights_last.h5"]
    with h5py.File(folder / "weights_last.h5") as file:
        assert {"layer_names", "backend", "keras_version"} <= set(file.attrs)
    image = np.random.default_rng(0).random((80, 96)).astype(np.float32)
    model = open_model(folder)
    assert (model.info.probability_threshold, model.info.overlap_threshold) == (0.5, 0.4)
    for one, other in zip(Network(model).predict(image), theirs.predict(image), strict=True):
        assert np.abs(one - np.maximum(other, 0 if other.ndim == 2 else 1e-3)).max() < 1e-4
    grey = disc_slice((80, 96), 24)[0]
    low, high = np.percentile(grey, (1, 99.8))
    normalised = ((grey - low) / (high - low)).astype(np.float32)
    threshold = float(np.quantile(theirs.predict(normalised)[0], 0.9))  # the weights are random
    labels, _ = theirs.predict_instances(normalised, prob_thresh=threshold, nms_thresh=0.4)
    parameters = IdentifyParameters(model=str(folder), diameter_um=24.0, prob_threshold=threshold)
    found = identify(Tomogram(grey[np.newaxis]), parameters, ("xy",))["xy"].labels[0]
    assert labels.max() > 3 and match(labels, found, 0.5).recall > 0.7, "but for candidates at the border, all agree"
    tuned = train_own("further", [discs], parameters=with_values(steps=1), start_from=str(folder), out=tmp_path)
    card = json.loads((tuned / "card.json").read_text())
    assert card["training"]["started_from"]["name"] == "LIB100_70nm"
    assert card["working_diameter_px"] == pytest.approx(24, rel=0.06), "images keep their size"
    assert json.loads((tuned / "config.json").read_text())["net_conv_after_unet"] == 8


def test_a_wrongly_converted_network_is_converted_again_or_refused(tmp_path, monkeypatch):
    import tf2onnx
    from stardist.models import Config2D, StarDist2D

    config = Config2D(n_rays=32, grid=(2, 2), unet_n_depth=1, unet_n_filter_base=4)
    made = StarDist2D(config, name="small", basedir=str(tmp_path))
    made.keras_model.save_weights(str(tmp_path / "small" / "weights_last.h5"))
    other = StarDist2D(config, name="other", basedir=str(tmp_path))
    other.keras_model.save_weights(str(tmp_path / "other" / "weights_last.h5"))
    convert, wrong = tf2onnx.convert.from_function, []
    convert_to_onnx(read_model(tmp_path / "other"), tmp_path / "other.onnx")
    import onnx

    def convert_wrongly(*args, **kwargs):
        graph, external = convert(*args, **kwargs)
        return (onnx.load(tmp_path / "other.onnx") if wrong.pop() else graph), external

    monkeypatch.setattr(tf2onnx.convert, "from_function", convert_wrongly)
    wrong[:] = [False, True]
    image = np.random.default_rng(0).random((80, 96)).astype(np.float32)
    assert np.abs(Network(open_model(tmp_path / "small")).predict(image)[0] - made.predict(image)[0]).max() < 1e-4
    assert wrong == []
    wrong[:] = [True] * 20
    with pytest.raises(InputError, match="could not be converted"):
        convert_to_onnx(read_model(tmp_path / "small"), tmp_path / "none.onnx")
    assert not (tmp_path / "none.onnx").exists()


@pytest.mark.parametrize(
    ("config", "says"), [({"n_dim": 3, "grid": [2, 2, 2], "unet_pool": [2, 2, 2]}, "for volumes"), ({}, "no weights")]
)
def test_models_that_cannot_be_started_from_are_named(discs, tmp_path, config, says):
    shipped = json.loads((resources.models_folder() / DEFAULT_MODEL / "config.json").read_text())
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "config.json").write_text(json.dumps(shipped | config))
    with pytest.raises(InputError, match=says):
        drain(iter_train_own("mine", [discs], TINY, str(tmp_path / "odd"), out=tmp_path))
    assert not work_folder("mine", tmp_path).exists()


def load_as_tensorflow_1(path, folder, image):
    """Run an exported model in a session of TensorFlow 1's kind, by its tag and signature as Fiji does."""
    import tensorflow
    from tensorflow.core.protobuf import saved_model_pb2

    v1 = tensorflow.compat.v1
    with zipfile.ZipFile(path) as file:
        file.extractall(folder)
    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((folder / "saved_model.pb").read_bytes())
    with v1.Session(graph=v1.Graph()) as session:
        signature = v1.saved_model.load(session, ["serve"], str(folder)).signature_def["serving_default"]
        fed = {signature.inputs["input"].name: image[None, ..., None]}
        return saved, session.run(signature.outputs["output"].name, fed)[0]


def test_a_model_for_fiji_gives_the_same_numbers_with_operations_of_tensorflow_1(tmp_path):
    path = drain(iter_export_model(DEFAULT_MODEL, tmp_path / "for_fiji.zip"))
    image = np.random.default_rng(0).random((96, 128)).astype(np.float32)
    saved, output = load_as_tensorflow_1(path, tmp_path / "unpacked", image)
    nodes = saved.meta_graphs[0].graph_def.node
    assert {node.op for node in nodes} <= set(OPERATIONS) and len(nodes) > 40
    assert not any("explicit_paddings" in node.attr or "half_pixel_centers" in node.attr for node in nodes)
    assert newer_operations(saved) == []
    nodes[0].attr["explicit_paddings"].i = 1
    nodes[1].op = "AddV2"
    assert newer_operations(saved) == ["AddV2", f"{nodes[0].op}.explicit_paddings"], "newer things are noticed"
    probability, distance = Network(open_model(DEFAULT_MODEL)).predict(image)
    assert output.shape == (96, 128, 33)
    assert np.abs(output[::2, ::2, 0] - probability).max() < 1e-5
    assert np.count_nonzero(output[..., 0]) == probability.size, "no probability between the grid's points"
    for row, column in ((0, 0), (0, 1), (1, 0), (1, 1)):
        assert np.abs(np.maximum(output[row::2, column::2, 1:], 1e-3) - distance).max() < 1e-3


def test_a_network_with_batch_normalisation_is_exported_too(tmp_path):
    from stardist.models import Config2D, StarDist2D

    config = Config2D(
        n_rays=8, grid=(1, 1), unet_n_depth=1, unet_n_filter_base=4, net_conv_after_unet=8, unet_batch_norm=True,
        unet_dropout=0.1, unet_activation="elu",
    )  # fmt: skip
    theirs = StarDist2D(config, name="normed", basedir=str(tmp_path))
    weights = theirs.keras_model.get_weights()
    rng = np.random.default_rng(0)
    theirs.keras_model.set_weights([one + rng.uniform(0, 0.5, one.shape) for one in weights])
    theirs.keras_model.save_weights(str(tmp_path / "normed" / "weights_best.h5"))
    path = drain(iter_export_model(str(tmp_path / "normed"), tmp_path / "normed.zip"))
    image = rng.random((32, 48)).astype(np.float32)
    _, output = load_as_tensorflow_1(path, tmp_path / "unpacked", image)
    probability, distance = (np.asarray(part)[0] for part in theirs.keras_model(image[None, ..., None]))
    assert output == pytest.approx(np.concatenate([probability, distance], axis=-1), rel=1e-4, abs=1e-4)


def test_export_to_onnx_and_what_cannot_be_exported(tmp_path):
    path = drain(iter_export_model(DEFAULT_MODEL, tmp_path / "net.onnx"))
    assert path.read_bytes() == open_model(DEFAULT_MODEL).onnx.read_bytes()
    with pytest.raises(InputError, match=r"ends in \.zip"):
        drain(iter_export_model(DEFAULT_MODEL, tmp_path / "net.pth"))
    config = json.loads((resources.models_folder() / DEFAULT_MODEL / "config.json").read_text())
    (tmp_path / "solid").mkdir()
    for values, says in (({}, "no weights"), ({"n_dim": 3, "grid": [2] * 3, "unet_pool": [2] * 3}, "2D models only")):
        (tmp_path / "solid" / "config.json").write_text(json.dumps(config | values))
        with pytest.raises(InputError, match=says):
            drain(iter_export_model(str(tmp_path / "solid"), tmp_path / "net.zip"))
    assert not (tmp_path / "net.zip").exists()


QUICK = TrainingParameters(
    steps=3, seed=1, batch=1, patch=64, slice_shape=(96, 96), first_slices=1, steps_per_slice=3,
    validation_slices=2, depth=1, filters=4, warm_up=2,
)  # fmt: skip
QUICK_3D = replace(VOLUMES, **{
    name: getattr(QUICK, name)
    for name in ("steps", "seed", "batch", "first_slices", "steps_per_slice", "validation_slices", "depth", "filters")
}, patch=32, slice_shape=(40, 40, 40), n_rays=8, last_filters=8)  # fmt: skip


@pytest.mark.parametrize("parameters", [QUICK, QUICK_3D], ids=["slices", "volumes"])
def test_training_on_simulated_images_goes_the_same_way(tmp_path, parameters):
    steps = iter_train_simulated("sim", parameters, out=tmp_path)
    run_until(steps, "Training")
    steps.close()
    assert is_simulated("sim", tmp_path)
    target = drain(iter_resume_simulated("sim", tmp_path))
    assert target == tmp_path / "sim"
    card = json.loads((target / "card.json").read_text())
    assert card["training"]["steps_done"] == 3
    assert len(card["training"]["grid"]) == read_model(target).dimensions == parameters.dimensions
    assert [path.name for path in (tmp_path / ".training").iterdir()] == []
    with pytest.raises(InputError, match="There is a model sim already"):
        next(iter_train_simulated("sim", parameters, out=tmp_path))
    with pytest.raises(InputError, match="no training of other"):
        next(iter_resume_simulated("other", tmp_path))
