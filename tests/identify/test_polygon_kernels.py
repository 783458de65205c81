"""Suppression against that of the stardist package, drawing against scikit-image."""

import numpy as np
import pytest
from skimage.draw import polygon
from stardist.geometry import dist_to_coord
from stardist.nms import non_maximum_suppression_inds

from napari_cathode.identify.polygon_kernels import _common, _corners, _sectors, draw, survivors


def crowd(seed: int, n: int = 3000, n_rays: int = 32, edge: int = 300) -> tuple[np.ndarray, np.ndarray]:
    """Give lumpy polygons of all sizes at random places."""
    rng = np.random.default_rng(seed)
    angle = np.linspace(0, 2 * np.pi, n_rays, endpoint=False)
    radius = rng.choice([3.0, 9.0, 12.0, 30.0], (n, 1), p=[0.1, 0.3, 0.5, 0.1]) * rng.uniform(0.8, 1.2, (n, 1))
    lumps = (
        1 + 0.25 * np.sin(2 * angle + rng.uniform(0, 6, (n, 1))) + 0.1 * np.sin(5 * angle + rng.uniform(0, 6, (n, 1)))
    )
    distance = (radius * lumps + rng.normal(0, 0.2, (n, n_rays))).astype(np.float32)
    return rng.integers(0, edge, (n, 2)).astype(np.int32), distance


@pytest.mark.parametrize("threshold", [0.05, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("n_rays", [8, 32, 61])
def test_the_survivors_are_those_of_stardist(threshold, n_rays):
    centre, distance = crowd(n_rays, n_rays=n_rays)
    score = np.linspace(1, 0.1, len(centre)).astype(np.float32)
    theirs = np.zeros(len(centre), bool)
    theirs[non_maximum_suppression_inds(distance, centre, scores=score, thresh=threshold, verbose=False)] = True
    ours = survivors(centre, distance, threshold)
    assert theirs.sum() > 30
    # Their intersections are rounded to pixels, so that a pair exactly at the threshold may go either way.
    assert (ours != theirs).sum() <= 0.02 * theirs.sum()


def test_the_shared_area_of_two_squares():
    corners = [np.array([[0, 0], [0, 10], [10, 10], [10, 0]], float) + shift for shift in (0, (4, 3))]
    room = np.zeros((2, 4), np.int32), np.empty((2, 4, 12)), np.empty((2, 4, 12, 2))
    assert _common(*corners, *room) / 2 == pytest.approx(6 * 7)
    assert _common(corners[0], corners[0], *room) / 2 == pytest.approx(100, abs=1)
    assert _common(corners[0], corners[0] + 20, *room) == 0


def test_the_shared_area_is_that_of_the_pixels():
    centre, distance = crowd(5, n=60, edge=40)
    rays, _ = _sectors(32)
    room = np.zeros((2, 32), np.int32), np.empty((2, 32, 12)), np.empty((2, 32, 12, 2))
    first, second = np.empty((32, 2)), np.empty((32, 2))
    for i in range(0, 60, 2):
        _corners(centre[i].astype(float), 4 * distance[i], rays, first)
        _corners(centre[i + 1].astype(float), 4 * distance[i + 1], rays, second)
        images = np.zeros((2, 700, 700), bool)
        for image, corners in zip(images, (first, second), strict=True):
            image[polygon(*(corners + 300).T, image.shape)] = True
        both = images.all(axis=0).sum()
        around = 2 * np.pi * 4 * float(min(distance[i].mean(), distance[i + 1].mean()))
        assert _common(first, second, *room) / 2 == pytest.approx(both, abs=1.2 * around)


def test_one_and_no_polygon_survive():
    centre, distance = crowd(1, n=1)
    assert survivors(centre, distance, 0.3).tolist() == [True]
    assert survivors(centre[:0], distance[:0], 0.3).tolist() == []


def test_distances_below_zero_are_no_area():
    centre, distance = np.array([[10, 10], [11, 11]], np.int32), np.full((2, 32), -1.0, np.float32)
    distance[0] = 8
    assert survivors(centre, distance, 0.3).tolist()[0]


@pytest.mark.parametrize("spike", [np.nan, np.inf, -np.inf, 1e30, -1e30])
def test_one_outline_without_bounds_leaves_the_others_alone(spike):
    centre, distance = crowd(2, n=500)
    usual = survivors(centre, distance, 0.3)
    last = int(np.flatnonzero(usual)[-1])
    distance[last, 3] = spike
    assert (survivors(centre, distance, 0.3)[:last] == usual[:last]).all()
    labels = np.zeros((300, 300), np.int32)
    draw(labels, centre[usual], distance[usual], (1.0, 1.0), np.arange(1, usual.sum() + 1))
    assert (labels == usual[: last + 1].sum()).any()


@pytest.mark.parametrize("scale", [(1.0, 1.0), (0.4, 0.7)])
def test_drawing_is_that_of_scikit_image(scale):
    centre, distance = crowd(3, n=80, edge=120)
    ours, theirs = np.zeros((2, 200, 150), np.int32)
    draw(ours, centre, distance, scale, np.arange(1, 81))
    outlines = dist_to_coord(distance, centre).astype(float)
    for number in range(80, 0, -1):
        points = (outlines[number - 1].T + 0.5) / scale - 0.5
        theirs[polygon(*points.T, theirs.shape)] = number
    assert (ours != theirs).sum() <= 3  # pixels whose centre lies on an outline


def test_pixels_that_are_taken_stay():
    labels = np.zeros((20, 20), np.int32)
    labels[:10] = 7
    draw(labels, np.array([[10, 10]]), np.full((1, 32), 5, np.float32), (1.0, 1.0), np.array([3]))
    assert set(np.unique(labels[:10])) == {7}
    assert (labels[10:] == 3).sum() > 30
