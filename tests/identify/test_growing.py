"""Particles of a 3D network are grown to where the image shows that they end."""

import numpy as np
import pytest

from napari_cathode.identify import growing
from napari_cathode.identify.growing import grey_levels, iter_grow
from napari_cathode.progress import drain
from napari_cathode.tomogram import Tomogram

SHAPE = (40, 48, 48)


def _cube(noise=4.0, solid=180.0):
    """A cube of 28 voxels with a slit that opens at the surface, and labels that round its corners and edges off."""
    z, y, x = np.indices(SHAPE)
    cube = (np.abs(z - 19.5) < 14) & (np.abs(y - 23.5) < 14) & (np.abs(x - 23.5) < 14)
    slit = cube & (np.abs(y - 23.5) < 3) & (x > 26)
    image = np.where(cube & ~slit, solid, 90.0) + np.random.default_rng(0).normal(0, noise, SHAPE)
    ball = (z - 19.5) ** 2 + (y - 23.5) ** 2 + (x - 23.5) ** 2 < 19**2
    return image.astype(np.float32), cube, slit, (cube & ball).astype(np.int32)


@pytest.mark.parametrize("slab", [8, 64])
def test_corners_that_the_image_shows_are_the_particles(monkeypatch, slab):
    monkeypatch.setattr(growing, "MOST", slab)
    image, cube, slit, labels = _cube()
    before = labels.copy()
    drain(iter_grow(labels, Tomogram(image), (64.0,) * 3))
    missing = (cube & ~slit).sum() - (before > 0)[cube & ~slit].sum()
    assert (labels > 0)[cube & ~slit].sum() > (cube & ~slit).sum() - 0.2 * missing
    assert (labels > 0)[~cube].sum() < 0.002 * cube.sum()
    assert (labels[before > 0] == 1).all()  # a crack that opens at the surface stays the particle's


def test_slabs_change_nothing(monkeypatch):
    image, _, _, labels = _cube(30.0)
    ends = [labels.copy() for _ in range(2)]
    for slab, end in zip((1, 64), ends, strict=True):
        monkeypatch.setattr(growing, "FEWEST", 1)
        monkeypatch.setattr(growing, "MOST", slab)
        drain(iter_grow(end, Tomogram(image), (64.0,) * 3))
    assert np.array_equal(*ends) and not np.array_equal(ends[0], labels)


def test_no_more_layers_than_the_diameter_allows_along_each_axis():
    image = np.full(SHAPE, 90.0, np.float32)
    image[10:30, 10:38, 10:38] = 180
    labels = np.zeros(SHAPE, np.int32)
    labels[18:22, 16:32, 16:32] = 1
    drain(iter_grow(labels, Tomogram(image), (8.0, 24.0, 16.0)))
    z, y, x = (np.flatnonzero((labels > 0).any(axis=tuple({0, 1, 2} - {axis}))) for axis in range(3))
    assert [(side[0], side[-1]) for side in (z, y, x)] == [(17, 22), (13, 34), (14, 33)]


def test_the_more_probable_of_two_takes_what_lies_between():
    image = np.full(SHAPE, 90.0, np.float32)
    image[5:35, 5:43, 5:43] = 180
    labels = np.zeros(SHAPE, np.int32)
    labels[5:35, 5:43, 5:23] = 2
    labels[5:35, 5:43, 24:43] = 1
    drain(iter_grow(labels, Tomogram(image), (16.0,) * 3))
    assert (labels[5:35, 5:43, 23] == 1).all()


@pytest.mark.parametrize("what", ["no contrast", "darker than the background", "nothing but particles"])
def test_nothing_grows_where_solid_does_not_stand_out(what):
    image, cube, _, labels = _cube(40.0 if what == "no contrast" else 4.0, 120.0 if what == "no contrast" else 40.0)
    if what == "nothing but particles":
        image, labels = np.where(cube, 180.0, 90.0).astype(np.float32), np.ones(SHAPE, np.int32)
        labels[0, 0, 0] = 0
    before = labels.copy()
    assert np.isnan(grey_levels(labels, Tomogram(image))[1])
    drain(iter_grow(labels, Tomogram(image), (64.0,) * 3))
    assert np.array_equal(labels, before)


def test_nothing_grows_out_of_the_field_of_view():
    image, cube, _, labels = _cube()
    seen = np.ones((1, *SHAPE[1:]), bool)
    seen[:, :, :14] = False
    labels[np.broadcast_to(~seen, SHAPE)] = 0
    drain(iter_grow(labels, Tomogram(image, field_of_view=seen), (64.0,) * 3))
    assert not labels[np.broadcast_to(~seen, SHAPE)].any() and (labels > 0).sum() > 0.7 * cube.sum()
