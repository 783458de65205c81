"""The constant grey outside the field of view."""

import numpy as np
import pytest
from scipy import ndimage

from napari_cathode.io import contrast_limits, find_field_of_view, read

SIZE = 256
YY, XX = np.mgrid[:SIZE, :SIZE]


def disc(radius, size=SIZE):
    return (YY - size / 2) ** 2 + (XX - size / 2) ** 2 < radius**2


def texture(slices=5, sd=12.0, blur=1.0, seed=0):
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=(slices, SIZE, SIZE)), (0, blur, blur))
    return 110 + sd * noise / noise.std()


@pytest.mark.parametrize("radius", [110, 140, 165])
@pytest.mark.parametrize(("grey", "dtype"), [(99, np.uint8), (0, np.float32), (110, np.uint16), (np.nan, np.float32)])
def test_the_circle_of_a_reconstruction_is_found_exactly(radius, grey, dtype):
    inside = disc(radius)
    image = np.where(inside, texture(), grey).astype(dtype)
    found = find_field_of_view(image)
    assert found.shape == (1, SIZE, SIZE)
    wrong = found[0] != inside
    assert wrong.sum() <= 0.001 * wrong.size
    assert not (wrong & inside).sum() > 20  # hardly any of the sample is given away


def test_a_tilted_rectangle_is_found():
    inside = np.abs(YY - SIZE / 2 + 0.2 * (XX - SIZE / 2)) < 90
    found = find_field_of_view(np.where(inside, texture(), 0).astype(np.float32))
    assert (found[0] != inside).mean() < 0.001


def test_one_grey_level_of_lossy_compression_is_borne():
    inside = disc(140)
    blurred = np.where(inside, texture(1), 99.0)
    ripple = np.random.default_rng(1).integers(-1, 2, blurred.shape)
    edge = ndimage.binary_dilation(inside, iterations=5) & ~inside
    found = find_field_of_view(np.where(edge, blurred + ripple, blurred).astype(np.uint8))
    assert (found[0] != inside).mean() < 0.005


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_picture_that_fills_its_frame_has_no_outside(dtype):
    assert find_field_of_view(texture().astype(dtype)) is None


def test_black_between_particles_is_not_outside():
    rng = np.random.default_rng(5)
    image = np.zeros((4, SIZE, SIZE))
    for _ in range(40):
        y, x = rng.integers(0, SIZE, 2)
        image[:, (YY - y) ** 2 + (XX - x) ** 2 < rng.integers(8, 20) ** 2] = 1
    assert 0.2 < image.mean() < 0.7
    assert find_field_of_view((image * texture(4)).astype(np.uint8)) is None


def test_a_black_hole_inside_is_not_outside():
    image = texture()
    image[:, 80:160, 80:160] = 0
    assert find_field_of_view(image.astype(np.float32)) is None


def test_constant_images_and_tiny_ones_have_none():
    assert find_field_of_view(np.zeros((3, 64, 64))) is None
    assert find_field_of_view(np.full((3, 8, 8), np.nan)) is None
    assert find_field_of_view(np.arange(8).reshape(2, 2, 2)) is None


def test_empty_slices_at_the_ends_do_not_hide_it():
    image = np.where(disc(120), texture(9), 0)
    image[[0, 1, -1]] = 0
    found = find_field_of_view(image.astype(np.float32))
    np.testing.assert_array_equal(found[0], disc(120))


def test_an_outside_that_moves_with_z_is_followed():
    inside = np.stack([np.abs(YY - 128 - 6 * z) < 90 for z in range(8)])
    found = find_field_of_view(np.where(inside, texture(8), 0).astype(np.float32))
    assert found.shape == inside.shape
    assert (found != inside).mean() < 0.002


class Counting:
    """A large volume that counts what is read of it."""

    def __init__(self, shape):
        self.shape, self.ndim, self.dtype, self.read = shape, 3, np.dtype(np.float32), 0
        self.inside = disc(120)

    def __getitem__(self, index):
        self.read += 1
        return np.where(self.inside, texture(1, seed=self.read)[0], 0).astype(np.float32)


def test_of_a_large_volume_few_slices_are_read():
    volume = Counting((20_000, SIZE, SIZE))
    np.testing.assert_array_equal(find_field_of_view(volume)[0], disc(120))
    assert volume.read <= 16


def test_real_slices(real_data):
    """Slice b is cut by the circle of the reconstruction at its two left corners, slice a has a strip on top."""
    found = read(real_data / "nmc_slice_b.tif").field_of_view[0]
    outside = ~found
    assert 0.014 < outside.mean() < 0.018
    assert not outside[:, 170:].any()
    assert not outside[230:560].any()
    for widths in (outside[:195].sum(axis=1), outside[400:, :150].sum(axis=0)):  # two arcs of a circle
        place = np.arange(widths.size)
        off = widths - np.polyval(np.polyfit(place, widths, 2), place)
        assert off.std() < 1.3
        assert np.abs(off).max() < 4
    image = np.asarray(read(real_data / "nmc_slice_b.tif").data[0]).astype(int)
    assert np.abs(image[outside] - 99).max() <= 20  # filled pockets of compression noise included
    assert (np.abs(image[outside] - 99) <= 3).mean() > 0.99
    strip = read(real_data / "nmc_slice_a.tif").field_of_view[0]
    assert not strip[:12].any()
    assert strip[16:].all()


def test_values_that_are_not_numbers_are_filled_and_outside(tmp_path):
    inside = disc(120)
    volume = np.where(inside, texture(3), np.nan).astype(np.float32)
    volume[1, 120, 120] = np.inf
    np.save(tmp_path / "a.npy", volume)
    tomogram = read(tmp_path / "a.npy")
    assert np.isfinite(tomogram.data).all()
    assert tomogram.field_of_view.shape == volume.shape
    np.testing.assert_array_equal(tomogram.field_of_view, np.isfinite(volume))
    np.testing.assert_array_equal(tomogram.data[tomogram.field_of_view], volume[np.isfinite(volume)])


def test_contrast_is_taken_from_within_the_field_of_view():
    inside = disc(100)
    image = np.where(inside, texture(), 0).astype(np.float32)
    low, high = contrast_limits(image, inside[np.newaxis])
    assert low == pytest.approx(110 - 2.6 * 12, abs=4)
    assert high == pytest.approx(110 + 2.9 * 12, abs=4)
    assert contrast_limits(np.zeros((2, 5, 5))) == (0.0, 1.0)
