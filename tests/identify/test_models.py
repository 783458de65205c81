import json
import shutil

import pytest

from napari_cathode import resources
from napari_cathode.errors import InputError
from napari_cathode.identify import models
from napari_cathode.identify.card import card_text
from napari_cathode.identify.parameters import DEFAULT_MODEL, DEFAULT_MODEL_3D


@pytest.fixture
def shipped():
    return resources.models_folder() / DEFAULT_MODEL


def copy(shipped, folder, *names):
    folder.mkdir(parents=True)
    for name in names:
        shutil.copy(shipped / name, folder / name)
    return folder


def test_the_shipped_model_is_listed_and_opens_without_conversion(shipped):
    info = next(model for model in models.list_models() if model.name == DEFAULT_MODEL)
    assert info.origin == "shipped"
    assert (info.dimensions, info.n_rays, info.grid, info.divisor) == (2, 32, (2, 2), (16, 16))
    assert info.diameter_px == 24
    assert models.open_model(DEFAULT_MODEL).onnx == shipped / "model.onnx"


def test_the_card_says_what_the_thresholds_file_says(shipped):
    info = models.find_model(DEFAULT_MODEL)
    assert info.card["thresholds"] == {
        "prob": info.probability_threshold,
        "nms": info.overlap_threshold,
        "prob_fused": info.fused_probability_threshold,
    }
    assert info.card["name"] == DEFAULT_MODEL
    assert {row["iou"] for row in info.card["accuracy"]["simulated"]} == {0.5, 0.7}
    assert {"contrast", "noise", "sharpness"} <= set(info.card["image_statistics"])
    assert DEFAULT_MODEL in (shipped / "model_card.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", [DEFAULT_MODEL, DEFAULT_MODEL_3D])
def test_people_are_told_what_the_card_for_machines_says(name):
    info = models.find_model(name)
    assert (info.folder / "model_card.md").read_text(encoding="utf-8") == card_text(dict(info.card))
    assert info.card["thresholds"]["prob"] == info.probability_threshold
    share = info.card["training"].get("faces", 0.0)
    assert (f"{100 * share:g} % of them mirrored beyond a face" in card_text(dict(info.card))) == bool(share)


def test_an_own_model_hides_a_shipped_one_of_its_name(shipped):
    copy(shipped, resources.user_models_folder() / DEFAULT_MODEL, "config.json", "model.onnx")
    assert [model.origin for model in models.list_models() if model.name == DEFAULT_MODEL] == ["own"]
    assert models.open_model(DEFAULT_MODEL).info.origin == "own"


def test_a_stardist_folder_without_card_and_thresholds_opens_with_stardists_defaults(shipped, tmp_path):
    folder = copy(shipped, tmp_path / "LIB100_70nm", "config.json", "model.onnx")
    info = models.open_model(folder).info
    assert info.name == "LIB100_70nm"
    assert (info.probability_threshold, info.overlap_threshold, info.diameter_px) == (0.5, 0.4, None)


def test_a_damaged_own_model_does_not_hide_the_others(shipped):
    folder = resources.user_models_folder() / "broken"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{")
    assert DEFAULT_MODEL in [model.name for model in models.list_models()]


def said(name, dimensions=2) -> str:
    with pytest.raises(InputError) as caught:
        models.open_model(name, dimensions)
    return str(caught.value)


def test_an_unknown_name_lists_what_there_is():
    assert DEFAULT_MODEL in said("no-such-model")
    assert DEFAULT_MODEL in said("")


def test_folders_that_are_no_model_are_named(shipped, tmp_path):
    assert "no config.json" in said(tmp_path)
    (tmp_path / "config.json").write_text("not json")
    assert "cannot be read as JSON" in said(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"n_dim": 2}))
    assert "not the configuration of a StarDist" in said(tmp_path)
    config = json.loads((shipped / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"n_channel_in": 3}))
    assert "3 channels" in said(tmp_path)


def test_a_folder_without_weights_is_named(shipped, tmp_path):
    folder = copy(shipped, tmp_path / "bare", "config.json")
    assert "holds no weights" in said(folder)


def test_a_model_of_the_wrong_dimension_is_named(shipped, tmp_path):
    assert "2D images, but a 3D model" in said(DEFAULT_MODEL, dimensions=3)


def test_weights_that_changed_are_not_run_from_the_old_onnx_file(shipped, tmp_path, monkeypatch):
    folder = copy(shipped, tmp_path / "new", "config.json", "model.onnx", "weights_best.h5")
    assert models.open_model(folder).onnx == folder / "model.onnx"
    with (folder / "weights_best.h5").open("ab") as file:
        file.write(b"retrained")
    from napari_cathode.identify import export, unet

    monkeypatch.setattr(export.importlib.util, "find_spec", lambda name: None)
    if unet.AVAILABLE:
        assert models.open_model(folder).onnx is None, "it runs from its weights"
    monkeypatch.setattr(unet, "read_unet", lambda info: None)
    assert "pip install" in said(folder)


@pytest.mark.parametrize(
    ("name", "size", "seen"), [("nmc-2d", "24 pixels", "slices"), ("nmc-3d", "30 voxels", "volumes")]
)
def test_the_facts_of_a_model_speak_of_what_it_looks_at(name, size, seen):
    assert size in models.find_model(name).summary
    assert f"on simulated {seen}" in models.find_model(name).summary
