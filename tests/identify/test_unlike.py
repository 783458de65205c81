"""Images unlike the training data are told, those like them are not."""

import numpy as np
import pytest
from scipy import ndimage

from napari_cathode.identify import IdentifyParameters, identify
from napari_cathode.identify.card import slice_statistics
from napari_cathode.identify.models import find_model
from napari_cathode.identify.training_data import typical_diameter
from napari_cathode.identify.unlike import _range, unlike_training
from napari_cathode.simulate import training_slice
from napari_cathode.tomogram import Tomogram


@pytest.fixture(scope="module")
def held_out():
    """Give a simulated slice that no training saw, and its typical diameter."""
    image, labels = training_slice(np.random.default_rng([505, 3]), (384, 384))
    return image, float(typical_diameter(labels))


def notes(image, diameter):
    return identify(Tomogram(image[None]), IdentifyParameters(diameter_um=diameter), ("xy",))["xy"].notes


def test_a_slice_like_the_training_data_is_passed(held_out):
    assert notes(*held_out) == ()


@pytest.mark.parametrize("what", ["inverted", "noise", "blurred", "small", "large"])
def test_what_is_off_is_named(held_out, what):
    image, diameter = held_out
    if what == "inverted":
        said = notes(255 - image, diameter)
        assert "invert the image" in said[-1]
    elif what == "noise":
        noise = np.random.default_rng(0).normal(100, 20, image.shape).astype(np.float32)
        assert any("contrast" in note for note in notes(noise, diameter))
    elif what == "blurred":
        said = notes(ndimage.gaussian_filter(image.astype(np.float32), 0.25 * diameter), diameter)
        assert any("sharpness" in note and "blurred" in note for note in said)
    else:
        factor = 3.0 if what == "small" else 1 / 3
        said = notes(image, diameter * factor)
        assert any("times as large as the particle diameter says" in note for note in said)


def test_models_without_a_card_say_nothing(held_out):
    info = find_model("nmc-2d")
    from dataclasses import replace

    image = held_out[0].astype(np.float32) / 255
    samples = [(1 - image, np.ones(image.shape, bool))]
    bare = replace(info, card={}, diameter_px=None)
    assert unlike_training(samples, (50.0, 50.0), bare, lambda piece: np.zeros(piece.shape, bool)) == ()


def test_statistics_look_inside_the_field_of_view_only():
    rng = np.random.default_rng(0)
    image = rng.random((64, 64)).astype(np.float32)
    inside = np.zeros(image.shape, bool)
    inside[:, :40] = True
    other = image.copy()
    other[:, 40:] = 50.0
    assert slice_statistics(image, inside) == slice_statistics(other, inside)


def test_limits_of_few_slices_are_wider():
    assert _range({"min": 1.0, "max": 3.0, "low": 1.0, "high": 3.0}) == pytest.approx((0.7, 3.3))
    assert _range({"min": 1.0, "max": 3.0}) == pytest.approx((0.0, 4.0))
    assert _range(None) is None
