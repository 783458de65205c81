import numpy as np
import pytest
from skimage.transform import resize

from napari_cathode.errors import InputError
from napari_cathode.identify.rescale import constant_part, grey_range, rescale, resize_to


def test_normalisation_maps_the_percentiles_to_zero_and_one():
    values = np.arange(1001, dtype=np.uint16)
    grey = grey_range(values, 1.0, 99.8)
    assert (grey.low, grey.high) == pytest.approx((10.0, 998.0))
    assert grey.normalise(np.array([10, 998, 504])) == pytest.approx([0, 1, 0.5])


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros(0, np.uint8), "empty"),
        (np.full(50, 7, np.uint8), "one constant grey"),
        (np.array([1.0, np.nan, 3.0]), "not numbers"),
        (np.array([1.0, np.inf, 3.0]), "not numbers"),
    ],
)
def test_grey_values_that_cannot_be_normalised_are_named(values, said):
    with pytest.raises(InputError, match=said):
        grey_range(values, name="sample.tif")


@pytest.mark.parametrize("scale", [(0.5, 0.5), (0.31, 0.47), (2.0, 1.5)])
def test_rescaling_agrees_with_scikit_image(scale):
    image = np.random.default_rng(0).random((60, 83)).astype(np.float32)
    ours = rescale(image, scale)
    theirs = resize(image, ours.shape, order=1, mode="edge", anti_aliasing=min(scale) < 1)
    assert ours.shape == (round(60 * scale[0]), round(83 * scale[1]))
    assert np.abs(ours - theirs).max() < 2e-3


def test_points_return_to_where_they_came_from():
    image = np.zeros((120, 160), np.float32)
    image[70:75, 40:45] = 1  # centre (72, 42)
    small = rescale(image, (0.5, 0.25))
    rows, columns = np.indices(small.shape)
    centre = np.array([(rows * small).sum(), (columns * small).sum()]) / small.sum()
    assert (centre + 0.5) / (0.5, 0.25) - 0.5 == pytest.approx([72, 42], abs=0.1)


def test_enlarging_keeps_positions():
    small = np.zeros((30, 40), np.float32)
    small[10, 20] = 1
    full = resize_to(small, (120, 160))
    rows, columns = np.indices(full.shape)
    centre = np.array([(rows * full).sum(), (columns * full).sum()]) / full.sum()
    assert centre == pytest.approx([41.5, 81.5], abs=0.05)


def test_the_flat_part_outside_the_field_of_view_is_told_from_flat_noise():
    image = np.random.default_rng(1).integers(90, 160, (80, 90)).astype(np.uint8)
    assert not constant_part(image).any()
    image[:15] = 104
    outside = constant_part(image)
    assert outside[:15].all()
    assert outside[16:].sum() == 0
