import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from discs import disc_slice

from napari_cathode import parameters as parameter_tools
from napari_cathode.errors import InputError
from napari_cathode.identify import VIEW_AXIS, IdentifyParameters, identify, iter_identify, match
from napari_cathode.identify.models import find_model
from napari_cathode.identify.parameters import DEFAULT_MODEL
from napari_cathode.pipeline import _filled_in
from napari_cathode.progress import Progress
from napari_cathode.tomogram import Tomogram

METHODS = ("stardist2d", "watershed")


def small_volume() -> tuple[np.ndarray, np.ndarray]:
    """Two spheres, 30 voxels across; (z, y, x)."""
    grid = np.mgrid[:40, :48, :84]
    truth = np.zeros(grid.shape[1:], np.int32)
    for number, centre in enumerate(((20, 24, 22), (20, 24, 60)), 1):
        truth[np.sqrt(sum((axis - c) ** 2 for axis, c in zip(grid, centre, strict=True))) <= 15] = number
    noise = np.random.default_rng(0).normal(0, 8, truth.shape)
    return np.clip(np.where(truth > 0, 180, 80) + noise, 0, 255).astype(np.uint8), truth


@pytest.mark.parametrize("method", METHODS)
def test_discs_on_a_slice(method):
    image, truth = disc_slice(hollow=0.3)
    found = identify(Tomogram(image[None]), IdentifyParameters(method=method))["xy"]
    assert found.labels.shape == (1, *image.shape)
    assert found.labels.dtype == np.int32
    assert found.probability.dtype == np.float16
    assert 0 <= found.probability.min() < found.probability.max() <= 1
    assert match(truth, found.labels[0], 0.7).f1 > 0.9


@pytest.mark.parametrize("method", METHODS)
def test_three_views_of_a_volume_lie_on_its_grid(method):
    image, truth = small_volume()
    tomogram = Tomogram(image, (0.1, 0.1, 0.1))
    views = identify(tomogram, IdentifyParameters(method=method, diameter_um=3.0))
    assert list(views) == list(VIEW_AXIS)
    for view, axis in VIEW_AXIS.items():
        labels = views[view].labels
        assert labels.shape == image.shape
        middle = {0: 20, 1: 24, 2: 22}[axis]
        assert match(np.take(truth, middle, axis), np.take(labels, middle, axis), 0.7).f1 == 1, view
        overlap = ((labels > 0) & (truth > 0)).sum() / ((labels > 0) | (truth > 0)).sum()
        assert overlap > 0.8, view


@pytest.mark.parametrize("method", METHODS)
def test_coarse_slices_are_resampled(method):
    """Every second z: the xz view is half as high, but the particles are the same."""
    image, truth = small_volume()
    tomogram = Tomogram(image[::2], (0.2, 0.1, 0.1))
    view = identify(tomogram, IdentifyParameters(method=method, diameter_um=3.0), ["xz"])["xz"]
    assert match(truth[::2, 24], view.labels[:, 24], 0.7).f1 == 1


@pytest.mark.parametrize("method", METHODS)
def test_nothing_is_labelled_outside_the_field_of_view(method):
    image, _ = disc_slice()
    inside = np.ones((1, *image.shape), bool)
    inside[:, :, :90] = False
    found = identify(Tomogram(image[None], field_of_view=inside), IdentifyParameters(method=method))["xy"]
    assert (found.labels[~inside] == 0).all()
    assert (found.probability[~inside] == 0).all()
    assert found.labels.max() > 3


@pytest.mark.parametrize("method", METHODS)
def test_what_was_used_is_filled_in_and_gives_the_same_again(method):
    image, _ = disc_slice()
    first = identify(Tomogram(image[None]), IdentifyParameters(method=method))["xy"]
    assert first.parameters.diameter_um == pytest.approx(40, rel=0.15)
    if method == "stardist2d":
        assert first.parameters.prob_threshold is not None
        assert first.parameters.nms_threshold is not None
    plain = parameter_tools.to_dict(first.parameters)
    again = identify(Tomogram(image[None]), parameter_tools.from_dict(IdentifyParameters, plain))["xy"]
    assert (first.labels == again.labels).all()
    assert (first.probability == again.probability).all()


def test_the_threshold_that_is_given_is_used():
    image, _ = disc_slice()
    parameters = IdentifyParameters(diameter_um=40.0, prob_threshold=0.3)
    many = identify(Tomogram(image[None]), parameters)["xy"].labels.max()
    none = identify(Tomogram(image[None]), replace(parameters, prob_threshold=0.99))["xy"].labels.max()
    assert none < many


def test_contrast_and_offset_of_the_grey_values_do_not_matter():
    image, _ = disc_slice()
    parameters = IdentifyParameters(diameter_um=40.0)
    plain = identify(Tomogram(image[None]), parameters)["xy"].labels
    other = identify(Tomogram((image[None] * 0.01 - 3.0).astype(np.float32)), parameters)["xy"].labels
    assert match(plain[0], other[0], 0.9).f1 == 1


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [bool, np.int16, np.uint16, np.float64])
def test_any_type_of_grey_value_will_do(method, dtype):
    image, truth = disc_slice(noise=0.02)
    typed = image > 128 if dtype is bool else (image.astype(dtype) - 100 if dtype is np.int16 else image.astype(dtype))
    found = identify(Tomogram(typed[None]), IdentifyParameters(method=method))["xy"]
    assert match(truth, found.labels[0], 0.7).f1 > 0.9


@pytest.mark.parametrize("method", METHODS)
def test_thin_volumes_and_tiny_slices_do_not_break(method):
    image, _ = disc_slice((60, 70), diameter=20)
    thin = identify(Tomogram(np.stack([image] * 2), (3.0, 0.1, 0.1)), IdentifyParameters(method=method))
    assert thin["xz"].labels.shape == (2, 60, 70)
    tiny = identify(Tomogram(image[None, :5, :7]), IdentifyParameters(method=method, diameter_um=4.0))
    assert tiny["xy"].labels.shape == (1, 5, 7)


def test_progress_counts_slices_and_closing_stops_the_work():
    image, _ = small_volume()
    steps = iter_identify(Tomogram(image[:6], (0.1, 0.1, 0.1)), IdentifyParameters(diameter_um=3.0), ["xy"])
    seen = [next(steps) for _ in range(6)]
    assert all(isinstance(step, Progress) and step.total == 6 for step in seen)
    steps.close()
    with pytest.raises(StopIteration):
        next(steps)


def test_a_lazy_volume_is_read_slab_by_slab():
    dask = pytest.importorskip("dask.array")
    image, _ = small_volume()
    parameters = IdentifyParameters(method="watershed", diameter_um=3.0)
    lazy = identify(Tomogram(dask.from_array(image, chunks=16), (0.1, 0.1, 0.1)), parameters, ["yz"])["yz"]
    plain = identify(Tomogram(image, (0.1, 0.1, 0.1)), parameters, ["yz"])["yz"]
    assert (lazy.labels == plain.labels).all()


def bad(data, said, **parameters):
    for method in METHODS:
        with pytest.raises(InputError, match=said):
            identify(Tomogram(data, name="sample.tif"), IdentifyParameters(method=method, **parameters))


def test_images_in_which_nothing_can_be_found_are_named():
    bad(np.zeros((1, 0, 40), np.uint8), "empty")
    bad(np.zeros((0, 40, 40), np.uint8), "empty", diameter_um=10.0)
    bad(np.full((1, 60, 60), 9, np.uint8), "constant", diameter_um=20.0)
    bad(np.full((1, 60, 60), 9, np.uint8), "one constant grey")
    bad(np.full((1, 60, 60), 9, np.complex64), "complex")
    holed = disc_slice()[0].astype(np.float32)[None]
    holed[0, 50, 50] = np.nan
    bad(holed, "NaN", diameter_um=40.0)
    bad(holed, "not numbers")
    bad(np.arange(16.0).reshape(1, 4, 4), "give the particle diameter")


@pytest.mark.parametrize("dtype", ["float16", ">u2", ">f4", "int8"])
@pytest.mark.parametrize("method", METHODS)
def test_the_kind_of_numbers_does_not_matter(method, dtype):
    image, _ = disc_slice()
    parameters = IdentifyParameters(method=method)
    shifted = image.astype(int) // 2 if dtype == "int8" else image
    plain = identify(Tomogram(shifted[None].astype(np.int32)), parameters)["xy"]
    found = identify(Tomogram(shifted[None].astype(dtype)), parameters)["xy"]
    np.testing.assert_array_equal(found.labels, plain.labels)


def test_a_diameter_that_does_not_fit_the_image_is_named():
    image = disc_slice()[0][None]
    bad(image, "more than 2 voxels", diameter_um=1.5)
    bad(image, "larger than", diameter_um=1000.0)
    with pytest.raises(InputError, match="at least"):
        IdentifyParameters(diameter_um=-1.0)


def test_unknown_views_and_methods_are_named():
    with pytest.raises(InputError, match="xy, xz and yz"):
        identify(Tomogram(disc_slice()[0][None]), views=["zz"])
    with pytest.raises(InputError, match="choose one of"):
        IdentifyParameters(method="magic")
    with pytest.raises(InputError, match="smaller than percentile_high"):
        IdentifyParameters(percentile_low=50.0, percentile_high=50.0)


def test_a_real_slice_reaches_the_accuracy_that_the_card_claims(real_data):
    from napari_cathode.identify.models import find_model
    from napari_cathode.io import read

    truth = tifffile.imread(real_data / "nmc_slice_a_labels.tif").astype(np.int32)
    labels = identify(read(real_data / "nmc_slice_a.tif"))["xy"].labels[0]
    claimed = {row["iou"]: row for row in find_model("nmc-2d").card["accuracy"]["real"]}
    for iou in (0.5, 0.7):
        assert match(truth, labels, iou).f1 == pytest.approx(claimed[iou]["f1"], abs=0.015)


def test_inference_needs_neither_tensorflow_nor_the_screen():
    code = (
        "import sys, numpy as np\n"
        "import napari_cathode.identify as step\n"
        "early = {'tensorflow', 'keras', 'onnxruntime', 'stardist', 'skimage', 'matplotlib'} & set(sys.modules)\n"
        "assert not early, early\n"
        "from napari_cathode.tomogram import Tomogram\n"
        "image = np.random.default_rng(0).integers(0, 255, (1, 64, 64)).astype('uint8')\n"
        "step.identify(Tomogram(image), step.IdentifyParameters(diameter_um=20.0))\n"
        "heavy = {'tensorflow', 'keras', 'napari', 'qtpy', 'vispy', 'magicgui'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_views_that_are_fused_have_a_lower_threshold():
    info = find_model(IdentifyParameters().model)
    assert info.fused_probability_threshold < info.probability_threshold
    volume = np.random.default_rng(0).integers(0, 255, (24, 24, 24)).astype(np.uint8)
    tomogram, parameters = Tomogram(volume, (1, 1, 1)), IdentifyParameters(diameter_um=12.0)
    one = identify(tomogram, parameters, ("xy",))["xy"].parameters
    two = identify(tomogram, parameters, ("xy", "xz"))["xz"].parameters
    assert one.prob_threshold == info.probability_threshold
    assert two.prob_threshold == info.fused_probability_threshold


def test_a_volume_with_empty_slices_has_a_threshold():
    image, truth = disc_slice()
    volume = np.stack([np.zeros_like(image)] * 3 + [image] * 3)
    found = identify(Tomogram(volume), IdentifyParameters(method="watershed", diameter_um=40.0), ["xy"])["xy"]
    assert match(truth, found.labels[-1], 0.7).f1 > 0.9


def test_views_across_a_thin_volume_are_left_out():
    image, _ = disc_slice()
    thin = Tomogram(np.stack([image] * 3), (1, 1, 1))
    assert set(identify(thin, IdentifyParameters(method="watershed", diameter_um=40.0))) == {"xy"}


def test_each_view_can_have_a_model_of_its_own(tmp_path):
    """The other model is the shipped one with a stricter threshold, which shows in what each view used."""
    other = tmp_path / "strict"
    shutil.copytree(find_model(DEFAULT_MODEL).folder, other)
    (other / "thresholds.json").write_text('{"prob": 0.9, "nms": 0.2}')
    card = json.loads((other / "card.json").read_text())
    (other / "card.json").write_text(json.dumps(card | {"thresholds": {"prob": 0.9, "nms": 0.2}}))
    image, truth = small_volume()
    parameters = IdentifyParameters(diameter_um=30.0, model_yz=str(other))
    views = identify(Tomogram(image, (1, 1, 1)), parameters)
    used = {view: (one.parameters.model, one.parameters.prob_threshold) for view, one in views.items()}
    fused = find_model(DEFAULT_MODEL).fused_probability_threshold
    assert used == {"xy": (DEFAULT_MODEL, fused), "xz": (DEFAULT_MODEL, fused), "yz": (str(other), 0.9)}
    assert match(truth[:, :, 22], views["yz"].labels[:, :, 22], 0.7).f1 == 1
    assert _filled_in(parameters, views) == parameters, "thresholds of several models stay open"
    only = {view: views[view] for view in ("xy", "xz")}
    assert _filled_in(parameters, only) == replace(parameters, prob_threshold=fused, nms_threshold=0.3)
