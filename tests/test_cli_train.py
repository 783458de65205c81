"""Training and exporting on the command line."""

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_cathode import cli, resources
from napari_cathode.identify.own_training import PLAN, work_folder
from napari_cathode.identify.parameters import DEFAULT_MODEL

sys.path.insert(0, str(Path(__file__).parent / "identify"))

from own_sources import write_via

QUICK = ["--anew", "--steps", "2", "--patch", "64", "--batch", "1", "--depth", "1", "--filters", "4", "--rays", "8"]


@pytest.fixture
def command(capsys):
    """Give a function that runs a command and gives its exit code, output and error output."""

    def run(*arguments):
        with pytest.raises(SystemExit) as leave:
            cli.main([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return leave.value.code or 0, printed.out, printed.err

    return run


@pytest.mark.slow
def test_a_model_from_a_via_file(command, tmp_path):
    pytest.importorskip("tf2onnx")
    via = write_via(tmp_path / "drawn")
    code, out, err = command("train", "mine", "--annotations", via, *QUICK)
    assert code == 0, err
    target = resources.user_models_folder() / "mine"
    assert f"are in {target}" in out and "--identify-model mine" in out and "validation slices" in out
    assert "Step 0: AP" in err and "Step 2: AP" in err
    assert json.loads((target / "card.json").read_text())["training"]["n_rays"] == 8
    code, _, err = command("train", "mine", "--annotations", via, *QUICK)
    assert code == 2 and "There is a model mine already" in err
    code, out, err = command("export", "mine", "-o", tmp_path / "mine.onnx")
    assert code == 0, err
    assert (tmp_path / "mine.onnx").read_bytes() == (target / "model.onnx").read_bytes()
    code, _, err = command("export", "mine", "-o", tmp_path / "mine.onnx")
    assert code == 2 and "--overwrite" in err


@pytest.mark.parametrize("begun", [True, False])
def test_who_stops_a_training_is_told_how_to_go_on(command, monkeypatch, tmp_path, begun):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((40, 40), np.uint8))
    a, out = tmp_path / "a.tif", tmp_path / "my models"

    def stop(*_):
        if begun:
            work = work_folder("mine", out)
            work.mkdir(parents=True)
            (work / PLAN).write_text("{}")
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_cathode.cli.train.follow", stop)
    given = ["train", "mine", "--images", a, "--labels", a, "-o", out]
    code, _, err = command(*given)
    assert code == 130
    expected = f"Stopped; go on with: napari-cathode train mine --resume -o '{out}'" if begun else "Stopped."
    assert err.strip() == expected
    shutil.rmtree(out, ignore_errors=True)
    code, _, err = command(*given, "--overwrite")
    assert code == 130
    assert err.strip() == (f"{expected} --overwrite" if begun else expected)


def test_what_cannot_be_trained_on_is_said_before_anything_is_loaded(command, tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((40, 40), np.uint8))
    shutil.copy(tmp_path / "a.tif", tmp_path / "b.tif")
    a, b = tmp_path / "a.tif", tmp_path / "b.tif"
    for given, says in {
        (): "no images to train on",
        ("--images", a): "needs the label image",
        ("--images", a, "--labels", a, "--labels", b): "1 --images but 2 --labels",
        ("--images", a, "--annotations", b): "no folder",
        ("--images", tmp_path / "no", "--labels", a): "does not exist",
        ("--simulated", "--images", a): "leave images, labels and classes out",
        ("--simulated", "--validation-share", "0.1"): "--validation-share is of no use",
        ("--simulated", "--dimensions", "4"): "choose 2 for slices or 3",
        ("--simulated", "--dimensions", "3", "--patch", "70"): "multiple of 8",
        ("--simulated", "--working-diameter", "2"): "from 4 to 128 px",
        ("--images", a, "--labels", b, "--dimensions", "3"): "go with --simulated only",
        ("--simulated", "--dimensions", "3", "--start-from", DEFAULT_MODEL): "needs a 3D model to start from",
        ("--simulated", "--validation-images", a): "leave images, labels and classes out",
        ("--simulated", "--class", "nmc"): "leave images, labels and classes out",
        ("--resume", "--start-from", DEFAULT_MODEL): "leave images and settings out",
        ("--resume", "--anew"): "leave images and settings out",
        ("--resume", "--class", "nmc"): "leave images and settings out",
        ("--resume", "--steps", "3"): "leave images and settings out",
        ("--anew", "--start-from", DEFAULT_MODEL): "either --start-from or --anew",
        ("--images", a, "--labels", b, "--steps", "0"): "steps is 0",
        ("--images", a, "--labels", b, "--patch", "100"): "multiple of 32",
        ("--resume",): "no training of mine to resume",
    }.items():
        code, out, err = command("train", "mine", *given)
        assert code == 2 and says in err, (given, err)
        assert out == "" and "Traceback" not in err
    assert not resources.user_models_folder().exists()


def test_an_export_needs_a_model_and_an_ending(command, tmp_path):
    code, _, err = command("export", "none", "-o", tmp_path / "a.zip")
    assert code == 2 and "no model 'none'" in err
    code, _, err = command("export", DEFAULT_MODEL, "-o", tmp_path / "a.pth")
    assert code == 2 and ".zip (Fiji) or .onnx" in err
