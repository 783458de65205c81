"""Training and conversion with TensorFlow: slow, and only where it is installed."""

import json
import shutil

import numpy as np
import pytest
from discs import disc_slice

from napari_cathode import resources
from napari_cathode.errors import InputError
from napari_cathode.identify import match
from napari_cathode.identify.models import open_model, read_model
from napari_cathode.identify.network import Network
from napari_cathode.identify.parameters import DEFAULT_MODEL
from napari_cathode.identify.stardist2d import draw_polygons, select_polygons
from napari_cathode.identify.training import TrainingParameters, iter_train, train

pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore")]

TINY = TrainingParameters(
    steps=6, seed=1, batch=2, patch=64, slice_shape=(96, 96), first_slices=2, steps_per_slice=3, validation_slices=2,
    depth=1, filters=8, warm_up=2,
)  # fmt: skip


@pytest.fixture(autouse=True)
def tensorflow():
    pytest.importorskip("tf2onnx")
    return pytest.importorskip("tensorflow")


def make_discs(rng, shape):
    return disc_slice(shape, diameter=24.0, seed=int(rng.integers(1000)))


def weights(folder):
    with np.load(folder / "state" / "checkpoint.npz") as file:
        return [file[name] for name in sorted(file.files) if name.startswith(("weight_", "optimiser_"))]


def test_an_interrupted_training_ends_like_an_uninterrupted_one(tmp_path):
    whole = train("tiny", tmp_path / "whole", TINY, make_slice=make_discs)
    half = train("tiny", tmp_path / "parts", TINY, make_slice=make_discs, until=3)
    before = weights(half)
    resumed = train("tiny", tmp_path / "parts", TINY, make_slice=make_discs, resume=True)
    assert any((one != other).any() for one, other in zip(before, weights(resumed), strict=True))
    for one, other in zip(weights(whole), weights(resumed), strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-5)
    card = json.loads((resumed / "card.json").read_text())
    assert card["training"]["steps_done"] == 6
    model = open_model(resumed)
    assert model.info.diameter_px == 24
    assert model.info.probability_threshold == card["thresholds"]["prob"]
    with pytest.raises(InputError, match="resume it"):
        next(iter_train("tiny", tmp_path / "whole", TINY, make_slice=make_discs))
    with pytest.raises(InputError, match="no training to resume"):
        next(iter_train("other", tmp_path / "whole", TINY, resume=True, make_slice=make_discs))


def test_training_lowers_the_loss_and_can_start_from_a_model(tmp_path):
    parameters = TrainingParameters(**(TINY.__dict__ | {"steps": 40, "learning_rate": 3e-3}))
    losses = [
        float(step.what.rsplit(" ", 1)[1])
        for step in iter_train("tiny", tmp_path, parameters, make_slice=make_discs)
        if "loss" in step.what
    ]
    assert losses[-1] < 0.8 * losses[0]
    again = TrainingParameters(**(TINY.__dict__ | {"steps": 2}))
    train("more", tmp_path, again, make_slice=make_discs, start_from=tmp_path / "tiny", until=1)
    folder = train("more", tmp_path, again, make_slice=make_discs, resume=True)
    assert json.loads((folder / "card.json").read_text())["training"]["started_from"]["steps_done"] == 40
    with pytest.raises(InputError, match="do not fit"):
        wider = TrainingParameters(**(TINY.__dict__ | {"steps": 1, "filters": 16}))
        train("wider", tmp_path, wider, make_slice=make_discs, start_from=tmp_path / "tiny")


def test_the_shipped_onnx_file_computes_what_the_keras_weights_compute():
    from stardist.models import StarDist2D

    folder = resources.models_folder() / DEFAULT_MODEL
    keras = StarDist2D(None, name=folder.name, basedir=str(folder.parent))
    image = np.random.default_rng(0).random((80, 112)).astype(np.float32)
    network = Network(open_model(DEFAULT_MODEL))
    theirs = keras.predict(image)
    for one, other in zip(network.predict(image), theirs, strict=True):  # other sums, hence other rounding
        assert np.abs(one - other).max() < 1e-3
    network._runner = None
    for one, other in zip(network.predict(image), theirs, strict=True):
        assert np.abs(one - other).max() < 1e-4


def test_particles_agree_with_those_of_stardist_itself():
    from stardist.models import StarDist2D

    folder = resources.models_folder() / DEFAULT_MODEL
    keras = StarDist2D(None, name=folder.name, basedir=str(folder.parent))
    image, _ = disc_slice((160, 192), diameter=24, gap=4)
    image = (image / 255).astype(np.float32)
    theirs, _ = keras.predict_instances(image)
    network = Network(open_model(DEFAULT_MODEL))
    polygons = select_polygons(
        *network.predict(image), (2, 2), network.info.probability_threshold, network.info.overlap_threshold
    )
    ours = draw_polygons(polygons, image.shape, (1.0, 1.0))
    assert theirs.max() > 15
    assert match(theirs, ours, 0.99).f1 == 1


def test_a_stardist_folder_is_converted_once(tmp_path):
    shipped = resources.models_folder() / DEFAULT_MODEL
    folder = tmp_path / "LIB100_70nm"
    folder.mkdir()
    shutil.copy(shipped / "config.json", folder)
    shutil.copy(shipped / "weights_best.h5", folder)
    first = open_model(folder)
    assert first.onnx == folder / "model.onnx"
    written = first.onnx.stat().st_mtime_ns
    assert open_model(folder).onnx.stat().st_mtime_ns == written
    image = np.random.default_rng(0).random((64, 64)).astype(np.float32)
    same = Network(open_model(DEFAULT_MODEL)).predict(image)
    assert np.abs(Network(first).predict(image)[1] - same[1]).max() < 1e-5


def test_weights_of_another_architecture_are_named(tmp_path):
    shipped = resources.models_folder() / DEFAULT_MODEL
    folder = tmp_path / "odd"
    folder.mkdir()
    config = json.loads((shipped / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"unet_n_filter_base": 16}))
    shutil.copy(shipped / "weights_best.h5", folder)
    with pytest.raises(InputError, match="cannot be loaded"):
        open_model(folder)


def test_a_residual_network_of_stardist3d_opens_too(tmp_path):
    from stardist import Rays_GoldenSpiral
    from stardist.models import Config3D, StarDist3D

    config = Config3D(
        rays=Rays_GoldenSpiral(16, anisotropy=(2, 1, 1)),
        grid=(1, 2, 2),
        backbone="resnet",
        resnet_n_blocks=2,
        resnet_n_filter_base=4,
        net_conv_after_resnet=8,
    )
    theirs = StarDist3D(config, name="residual", basedir=str(tmp_path))
    theirs.keras_model.save_weights(str(tmp_path / "residual" / "weights_last.h5"))
    network = Network(open_model(tmp_path / "residual", 3))
    assert network.info.divisor == (1, 2, 2)
    image = np.random.default_rng(0).random((9, 24, 22)).astype(np.float32)
    for one, other in zip(network.run_block(image), theirs.predict(image, verbose=0), strict=True):
        assert np.abs(one - np.maximum(other, 0 if other.ndim == 3 else 1e-3)).max() < 1e-4
    far = np.full((1, 2, 96), 0.5, np.float32)
    changed = far.copy()
    changed[..., :4] = 1.0
    difference = np.abs(network.run_block(far)[1] - network.run_block(changed)[1]).max(axis=(0, 1, 3))
    assert network.margin // 2 < 2 * np.nonzero(difference)[0].max() - 3 <= network.margin


def test_large_kernels_see_as_far_as_is_said(tmp_path):
    from stardist.models import Config2D, StarDist2D

    config = Config2D(
        n_rays=8,
        grid=(4, 4),
        unet_n_depth=1,
        unet_kernel_size=(13, 13),
        unet_n_conv_per_depth=1,
        unet_n_filter_base=4,
        net_conv_after_unet=8,
        unet_activation="linear",  # nothing is lost on the way
    )
    theirs = StarDist2D(config, name="far", basedir=str(tmp_path))
    image = np.full((1, 16, 512, 1), 0.5, np.float32)
    changed = image.copy()
    changed[:, :, :16] = 1.0
    one, other = (theirs.keras_model.predict(each, verbose=0)[1] for each in (image, changed))
    seen = 4 * np.nonzero(np.abs(one - other).max(axis=(0, 1, 3)))[0].max() - 15
    reach = read_model(tmp_path / "far").reach
    assert reach - 24 < seen <= reach
