"""Compiled loops on arrays of odd shapes, whose ends they reach, against SciPy and NumPy."""

import numpy as np
import pytest
from scipy import ndimage

from napari_cathode.measure.filling import fill_holes
from napari_cathode.measure.grey_kernels import mean_around, median, pick
from napari_cathode.measure.kernels import bounds, count_in_cells, count_pairs, erode, grow, within_ball
from napari_cathode.measure.surface import DIRECTIONS
from napari_cathode.measure.threshold import split_grey
from napari_cathode.smoothing import gaussian

CROSS, CUBE = ndimage.generate_binary_structure(3, 1), np.ones((3, 3, 3))
SHAPES = [
    (1, 1, 1),
    (1, 1, 7),
    (1, 6, 9),
    (1, 5, 1),
    (2, 3, 4),
    (6, 1, 5),
    (4, 7, 1),
    (4, 5, 2),
    (3, 2, 64),
    (5, 7, 65),
]


def masks(shape):
    """Give an empty and a full mask, and random ones of every density."""
    rng = np.random.default_rng(0)
    return [(rng.random(shape) < share).view(np.uint8) for share in (0, 0.05, 0.3, 0.6, 0.8, 0.95, 1.1)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_masks_up_to_their_ends(shape):
    flat = shape[0] == 1
    for mask in masks(shape):
        holes = ndimage.binary_fill_holes(mask[0])[None] if flat else ndimage.binary_fill_holes(mask)
        assert np.array_equal(fill_holes(mask), holes)
        assert np.array_equal(erode(mask), ndimage.binary_erosion(mask, CROSS[1:2] if flat else CROSS))
        assert np.array_equal(grow(mask), ndimage.binary_dilation(mask, CUBE))
        for spacing in ((1, 1, 1), (0.9, 0.4, 0.7)):
            distance = ndimage.distance_transform_edt(1 - mask, sampling=spacing) if mask.any() else np.inf
            found = within_ball(mask, np.array(spacing, np.float64), 2.2, False)
            assert np.array_equal(found, np.broadcast_to(distance <= 2.2, shape))
        places = np.argwhere(mask)
        ends = [places.min(axis=0), places.max(axis=0)] if len(places) else np.full((2, 3), -1)
        assert np.array_equal(bounds(mask), ends)
        origin, cell = np.array([0, 1, 2]), np.array([2, 3, 4])
        cells = tuple((origin + shape - 1) // cell + 1)
        expected = np.zeros(cells, int)
        np.add.at(expected, tuple(((places + origin) // cell).T), 1)
        assert np.array_equal(count_in_cells(mask, origin, cell, cells), expected)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_pairs_are_those_of_shifted_masks(shape):
    for filled in masks(shape):
        solid = filled & masks(shape)[4]
        code = np.pad(filled | solid << 1, [(int(shape[0] > 1),) * 2, (1, 1), (1, 1)])
        wide = np.pad(code, 1)
        expected = np.zeros((2, 13), int)
        for number, direction in enumerate(DIRECTIONS):
            if shape[0] > 1 or direction[0] == 0:
                there = np.roll(wide, direction, (0, 1, 2))
                expected[0, number] = ((wide ^ there) & 1).sum()
                expected[1, number] = (((wide ^ there) >> 1) & wide & there & 1).sum()
        assert np.array_equal(count_pairs(code), expected)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_greys_up_to_their_ends(shape):
    image = np.random.default_rng(1).normal(100, 20, shape).astype(np.float32)
    for sigma in (0.3, 0.5, 0.8, 1.2):  # kernels with an even and with an odd number of steps
        expected = image.astype(np.float64)
        for axis in range(int(shape[0] == 1), 3):
            expected = ndimage.gaussian_filter1d(
                expected, sigma, axis, mode="nearest", radius=int(np.ceil(3.5 * sigma))
            )
        assert gaussian(image, (sigma,) * 3) == pytest.approx(expected, abs=1e-3)
    for mask in masks(shape):
        for reach in (1, 4):
            where = np.pad(mask.astype(np.float64), reach)
            size = 2 * reach + 1
            counts = np.rint(ndimage.uniform_filter(where, size, mode="constant") * size**3)
            sums = ndimage.uniform_filter(np.pad(image.astype(np.float64), reach) * where, size, mode="constant")
            inner = (slice(reach, -reach),) * 3
            expected = np.where(counts >= 3, sums * size**3 / np.maximum(counts, 1), 7)[inner]
            assert mean_around(image, mask, reach, 3, 7.0) == pytest.approx(expected, rel=1e-4)
        assert np.array_equal(pick(image, mask, 5), image[mask.view(bool)][:: max(1, mask.sum() // 5)])


@pytest.mark.parametrize("share", [0.3, 0.6, 1.0])
def test_the_brighter_population_is_divided_half_way(share):
    rng = np.random.default_rng(2)
    bright = rng.random(5000) < share
    values = np.where(bright, rng.normal(180, 4, 5000), rng.normal(80, 4, 5000)).astype(np.float32)
    assert split_grey(values, 80.0) == pytest.approx(np.median(values[bright]), abs=0.05)
    assert np.isnan(split_grey(values, 400.0))


def test_a_median_may_be_the_lowest_of_the_values_that_are_sorted_together():
    rng = np.random.default_rng(3)
    values = np.concatenate([[0, 1024], rng.uniform(0, 0.9, 9), np.linspace(1.9, 1.1, 11)]).astype(np.float32)
    assert median(values) == pytest.approx(np.median(values.astype(np.float64)), abs=1e-9)
