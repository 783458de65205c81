"""Our own convolutions against plain sums in numpy and against ONNX Runtime."""

import json
import platform
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from discs import disc_slice

from napari_cathode.errors import InputError
from napari_cathode.identify import IdentifyParameters, export, identify, unet, winograd, winograd_code
from napari_cathode.identify.fiji import iter_export_model as iter_export
from napari_cathode.identify.models import open_model, read_model
from napari_cathode.identify.network import MEMORY, Network, kept_network
from napari_cathode.identify.parameters import DEFAULT_MODEL
from napari_cathode.identify.unet import Runner, read_unet
from napari_cathode.identify.winograd_code import AVAILABLE, DOUBLED, FULL, POOLED
from napari_cathode.tomogram import Tomogram

needs_vectors = pytest.mark.skipif(not AVAILABLE, reason="this processor does not multiply and add vectors in one step")


def convolved(image: np.ndarray, kernel: np.ndarray, bias: np.ndarray) -> np.ndarray:
    """Convolve as Keras does ("same", ReLU): nine shifted products, in double precision."""
    rows, columns = image.shape[:2]
    padded = np.pad(image.astype(np.float64), ((1, 1), (1, 1), (0, 0)))
    total = sum(padded[i : i + rows, j : j + columns] @ kernel[i, j] for i in range(3) for j in range(3))
    return np.maximum(total + bias, 0)


def pooled(image: np.ndarray) -> np.ndarray:
    rows, columns, channels = image.shape
    return image.reshape(rows // 2, 2, columns // 2, 2, channels).max(axis=(1, 3))


def doubled(image: np.ndarray) -> np.ndarray:
    return image.repeat(2, axis=0).repeat(2, axis=1)


@needs_vectors
@pytest.mark.parametrize("shape", [(8, 12), (6, 10), (2, 50)])
@pytest.mark.parametrize("channels", [(32, 32), (64, 96), (256, 128)])
@pytest.mark.parametrize("mode", [FULL, POOLED, FULL | POOLED, DOUBLED])
def test_a_convolution_gives_what_plain_sums_give(shape, channels, mode):
    random = np.random.default_rng(sum(shape))
    image = random.normal(size=(*shape, channels[0])).astype(np.float32)
    kernel = random.normal(size=(3, 3, *channels)).astype(np.float32) / np.sqrt(9 * channels[0])
    bias = random.normal(size=channels[1]).astype(np.float32)
    source = winograd.room(*shape, channels[0])
    source[1 : shape[0] + 1, 1 : shape[1] + 1] = image
    factor = 2 if mode == DOUBLED else 1
    target = winograd.room(shape[0] * factor, shape[1] * factor, channels[1] + 32)
    small = winograd.room(shape[0] // 2, shape[1] // 2, channels[1])
    down, across = (-(-size // winograd.TILE) for size in shape)
    winograd.convolve(mode, source, 0, winograd.transformed(kernel), bias, 0, down, across, target, 32, small)
    expected = convolved(image, kernel, bias)
    if mode & (FULL | DOUBLED):
        wanted = doubled(expected) if mode == DOUBLED else expected
        got = target[1 : wanted.shape[0] + 1, 1 : wanted.shape[1] + 1]
        np.testing.assert_allclose(got[..., 32:], wanted, atol=1e-4)
        assert not got[..., :32].any()
    if mode & POOLED:
        np.testing.assert_allclose(small[1 : shape[0] // 2 + 1, 1 : shape[1] // 2 + 1], pooled(expected), atol=1e-4)


def write_model(folder: Path, grid: int, convolutions: int, depth: int, n_rays: int, **other) -> dict:
    """Write a StarDist folder with random weights as Keras lays them out, and give the weights."""
    folder.mkdir()
    config = json.loads((open_model(DEFAULT_MODEL).info.folder / "config.json").read_text())
    config |= {"grid": [grid, grid], "unet_n_conv_per_depth": convolutions, "unet_n_depth": depth, "n_rays": n_rays}
    config |= {"net_conv_after_unet": 64} | other
    (folder / "config.json").write_text(json.dumps(config))
    sizes: dict[str, tuple[int, ...]] = {}
    channels = 1

    def add(name, into, edge=3):
        nonlocal channels
        sizes[name] = (edge, edge, channels, into)
        channels = into

    for number in range((grid.bit_length() - 1) * convolutions):
        add(f"conv2d_{number + 4}", 32)
    for level in range(depth):
        for number in range(convolutions):
            add(f"down_level_{level}_no_{number}", 32 * 2**level)
    for number in range(convolutions - 1):
        add(f"middle_{number}", 32 * 2**depth)
    add(f"middle_{convolutions}", 32 * 2 ** max(0, depth - 1))
    for level in reversed(range(depth)):
        channels += 32 * 2**level
        for number in range(convolutions - 1):
            add(f"up_level_{level}_no_{number}", 32 * 2**level)
        add(f"up_level_{level}_no_{convolutions}", 32 * 2 ** max(0, level - 1))
    add("features", 64)
    sizes |= {"prob": (1, 1, 64, 1), "dist": (1, 1, 64, n_rays)}
    random = np.random.default_rng(0)
    weights = {
        name: (
            (random.normal(size=size) * np.sqrt(2 / np.prod(size[:3]))).astype(np.float32),
            random.normal(size=size[-1]).astype(np.float32) * np.float32(0.1),
        )
        for name, size in sizes.items()
    }
    with h5py.File(folder / "weights_best.h5", "w") as file:
        file.attrs["layer_names"] = ["input", *weights]
        file.create_group("input").attrs["weight_names"] = np.array([], dtype="S1")
        for name, (kernel, bias) in weights.items():
            group = file.create_group(name)
            group.attrs["weight_names"] = [f"{name}/kernel:0", f"{name}/bias:0"]
            group[f"{name}/kernel:0"], group[f"{name}/bias:0"] = kernel, bias
    return weights


def expected_of(weights: dict, image: np.ndarray, grid: int, convolutions: int, depth: int) -> tuple:
    """Run the network as csbdeep's `unet_block` and StarDist's heads are described, with plain sums."""
    layers = iter(weights.values())

    def run(tensor, count):
        for _ in range(count):
            kernel, bias = next(layers)
            tensor = convolved(tensor, kernel, bias)
        return tensor

    tensor = image[..., None]
    for _ in range(grid.bit_length() - 1):
        tensor = pooled(run(tensor, convolutions))
    skips = []
    for _ in range(depth):
        skips.append(run(tensor, convolutions))
        tensor = pooled(skips[-1])
    tensor = run(tensor, convolutions)
    for skip in reversed(skips):
        tensor = run(np.concatenate([doubled(tensor), skip], axis=-1), convolutions)
    tensor = run(tensor, 1)
    (kernel, bias), (rays, of_rays) = weights["prob"], weights["dist"]
    return 1 / (1 + np.exp(-(tensor @ kernel[0, 0] + bias)[..., 0])), tensor @ rays[0, 0] + of_rays


@needs_vectors
@pytest.mark.parametrize(("grid", "convolutions", "depth", "n_rays"), [(1, 2, 2, 32), (2, 2, 3, 32), (4, 3, 1, 40)])
def test_networks_of_each_grid_give_what_plain_sums_give(tmp_path, grid, convolutions, depth, n_rays):
    weights = write_model(tmp_path / "model", grid, convolutions, depth, n_rays)
    network = read_unet(read_model(tmp_path / "model"))
    assert network is not None
    step = grid * 2**depth
    image = np.random.default_rng(1).random((3 * step, 5 * step), dtype=np.float32)
    probability, distance = Runner(network, 2).run(image)
    expected = expected_of(weights, image, grid, convolutions, depth)
    np.testing.assert_allclose(probability, expected[0], atol=1e-5)
    np.testing.assert_allclose(distance, expected[1], atol=1e-4)


@needs_vectors
def test_the_shipped_network_gives_what_onnx_runtime_gives(monkeypatch):
    network = Network(open_model(DEFAULT_MODEL))
    assert network._runner is not None
    monkeypatch.setattr(unet, "CHUNK", 1)
    for shape in ((16, 16), (48, 80), (176, 208)):
        image = np.random.default_rng(shape[0]).random(shape, dtype=np.float32)
        for one, other in zip(network._runner.run(image), network._run_session(image), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)


@needs_vectors
def test_threads_change_nothing():
    network = read_unet(open_model(DEFAULT_MODEL).info)
    image = np.random.default_rng(3).random((160, 96), dtype=np.float32)
    one, three = Runner(network, 1).run(image), Runner(network, 3).run(image)
    assert all(np.array_equal(first, second) for first, second in zip(one, three, strict=True))


@pytest.mark.parametrize(
    "other",
    [
        {"unet_batch_norm": True},
        {"unet_kernel_size": [5, 5]},
        {"unet_activation": "elu"},
        {"unet_pool": [4, 4]},
        {"grid": [2, 1]},
        {"unet_n_conv_per_depth": 1},
        {"unet_n_conv_per_depth": None},
        {"n_rays": 40},
        {"unet_n_depth": 2},
    ],
)
def test_networks_of_another_make_are_left_to_onnx_runtime(tmp_path, other):
    write_model(tmp_path / "model", 2, 2, 1, 32)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    (tmp_path / "model" / "config.json").write_text(json.dumps(config | other))
    assert read_unet(read_model(tmp_path / "model")) is None


@pytest.mark.parametrize("name", ["conv2d_5", "down_level_0_no_1", "middle_2", "up_level_0_no_0", "features", "dist"])
def test_a_layer_that_does_not_take_what_the_one_before_gives_is_never_run(tmp_path, name):
    """Compiled loops would read or write beyond the arrays."""
    kernel = write_model(tmp_path / "model", 2, 2, 1, 32)[name][0]
    with h5py.File(tmp_path / "model" / "weights_best.h5", "r+") as file:
        del file[name][name]["kernel:0"]
        file[name][name]["kernel:0"] = np.concatenate([kernel, kernel], axis=2)
    assert read_unet(read_model(tmp_path / "model")) is None


@needs_vectors
def test_weights_within_a_whole_model_are_read_alike(tmp_path):
    """Keras' ``save`` puts the weights into a group beside those of the optimiser."""
    weights = write_model(tmp_path / "model", 1, 2, 1, 32)
    path = tmp_path / "model" / "weights_best.h5"
    image = np.random.default_rng(8).random((16, 24), dtype=np.float32)
    expected = Runner(read_unet(read_model(tmp_path / "model")), 1).run(image)
    with h5py.File(path, "r+") as file:
        whole = file.create_group("model_weights")
        whole.attrs["layer_names"] = file.attrs["layer_names"]
        del file.attrs["layer_names"]
        for name in ("input", *weights):
            file.move(name, f"model_weights/{name}")
        file.create_group("optimizer_weights")
    found = Runner(read_unet(read_model(tmp_path / "model")), 1).run(image)
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


@needs_vectors
@pytest.mark.parametrize(("grid", "convolutions", "depth"), [(1, 2, 3), (2, 2, 2), (4, 3, 1)])
def test_kept_memory_leaves_no_trace_in_the_next_image(tmp_path, monkeypatch, grid, convolutions, depth):
    """Every pixel that a layer reads has been written for this image, or lies outside it and is zero."""
    write_model(tmp_path / "model", grid, convolutions, depth, 32)
    network = read_unet(read_model(tmp_path / "model"))
    give = unet._Run.give

    def soil(self, image):
        if image is not None:
            assert not image[0].any() and not image[:, 0].any()
            image[1:, 1:] = 1e4
        give(self, image)

    step = grid * 2**depth
    images = np.random.default_rng(9).random((2, 3 * step, step), dtype=np.float32)
    expected = Runner(network, 1).run(images[1])
    monkeypatch.setattr(unet._Run, "give", soil)
    runner = Runner(network, 1)
    runner.run(np.where(images[0] > 0.5, np.float32(np.nan), images[0]))
    assert all(np.array_equal(one, other) for one, other in zip(runner.run(images[1]), expected, strict=True))


@needs_vectors
def test_images_from_two_threads_run_one_after_the_other(monkeypatch):
    network = Network(open_model(DEFAULT_MODEL), 1)
    result, running, together = unet._Run.result, [], []

    def slow(self):
        running.append(self)
        together.append(len(running))
        time.sleep(0.05)
        running.remove(self)
        return result(self)

    monkeypatch.setattr(unet._Run, "result", slow)
    images = [np.random.default_rng(size).random((size, 48), dtype=np.float32) for size in (32, 48, 32, 64)]
    expected = [network.predict(image)[1] for image in images]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda image: network.predict(image)[1], images))
    assert max(together) == 1
    assert all(np.array_equal(one, other) for one, other in zip(found, expected, strict=True))


@needs_vectors
@pytest.mark.parametrize("grid", [1, 2, 4])
def test_the_memory_that_a_network_states_is_what_it_takes(tmp_path, monkeypatch, grid):
    monkeypatch.setattr(export, "can_convert", lambda: False)
    write_model(tmp_path / "model", grid, 2, 3, 32)
    network = Network(open_model(tmp_path / "model"), 1)
    network.predict(np.zeros((512, 512), np.float32))
    # Arrays between the layers; results and what a thread holds come on top.
    kept = sum(image.nbytes for images in network._runner._spare.values() for image in images)
    assert 0.7 < kept / (network.pixel_bytes * 512**2) < 1
    assert network.most * network.pixel_bytes == pytest.approx(MEMORY)
    network.forget()
    assert not network._runner._spare


@needs_vectors
def test_found_particles_leave_no_memory_of_the_network():
    runner = kept_network(open_model(DEFAULT_MODEL))._runner
    image, _ = disc_slice(hollow=0.3)
    runner.run(np.zeros((64, 64), np.float32))
    assert runner._spare
    identify(Tomogram(image[None]), IdentifyParameters())
    assert not runner._spare


@pytest.mark.skipif(platform.machine().lower() in ("arm64", "aarch64"), reason="its vectors cannot be forbidden")
def test_vectors_that_numba_may_not_use_are_not_used(monkeypatch):
    """A cluster of unlike nodes shares compiled code for the simplest one: there each step would be a function call."""
    monkeypatch.setattr(winograd_code.config, "CPU_FEATURES", "+sse4.2")
    assert winograd_code._processor() == (0, 0, 0)
    monkeypatch.setattr(winograd_code.config, "CPU_FEATURES", "+avx2,+fma")
    assert winograd_code._processor()[0] == 8


def test_where_vectors_lack_or_numbers_differ_onnx_runtime_takes_over(monkeypatch):
    model = open_model(DEFAULT_MODEL)
    image = np.random.default_rng(4).random((64, 64), dtype=np.float32)
    expected = Network(model)._run_session(image)
    with monkeypatch.context() as patch:
        patch.setattr(unet, "AVAILABLE", False)
        assert read_unet(model.info) is None
    right = Runner.run
    monkeypatch.setattr(Runner, "run", lambda self, image: tuple(0.9 * part for part in right(self, image)))
    network = Network(model)
    assert network._runner is None
    assert all(np.array_equal(one, other) for one, other in zip(network._run(image), expected, strict=True))


def test_weights_that_are_missing_leave_the_network_to_onnx_runtime(tmp_path):
    info = open_model(DEFAULT_MODEL).info
    assert read_unet(replace(info, folder=tmp_path)) is None


@needs_vectors
def test_without_tensorflow_a_folder_of_stardist_runs_from_its_weights(tmp_path, monkeypatch):
    """A folder as StarDist leaves it has no ONNX file."""
    shipped = open_model(DEFAULT_MODEL)
    folder = tmp_path / "LIB100_70nm"
    folder.mkdir()
    for name in ("config.json", "weights_best.h5"):
        shutil.copy(shipped.info.folder / name, folder)
    monkeypatch.setattr(export, "can_convert", lambda: False)
    model = open_model(folder)
    assert model.onnx is None and not (folder / "model.onnx").exists()
    image = np.random.default_rng(5).random((64, 96), dtype=np.float32)
    for one, other in zip(kept_network(model).predict(image), Network(shipped).predict(image), strict=True):
        np.testing.assert_array_equal(one, other)
    monkeypatch.setattr(export, "_missing", lambda: ["tensorflow"])
    with pytest.raises(InputError, match="To export a model as ONNX, tensorflow must be installed"):
        list(iter_export(folder, tmp_path / "model.onnx"))
