"""Smooth outlines: particles keep their volume, notches go, neighbours and thin plates keep what is theirs."""

import numpy as np
import pytest
from scipy import ndimage

from napari_cathode.fuse.outlines import iter_round
from napari_cathode.progress import drain


def ball(shape, centre, radius, spacing=(1.0, 1.0, 1.0)):
    axes = np.meshgrid(*((np.arange(n) - c) * s for n, c, s in zip(shape, centre, spacing, strict=True)), indexing="ij")
    return sum(axis**2 for axis in axes) < radius**2


def rounded(labels, share=0.1, spacing=(1.0, 1.0, 1.0)):
    return drain(iter_round(labels.copy(), share, spacing))


@pytest.mark.parametrize("share", [0.05, 0.1, 0.15])
@pytest.mark.parametrize(
    ("radius", "spacing"), [(6, (1, 1, 1)), (12, (1, 1, 1)), (12, (2, 1, 1)), (5, (0.5, 0.5, 0.5))]
)
def test_balls_keep_their_volume_and_place(radius, spacing, share):
    shape = tuple(int(2.6 * radius / edge) for edge in spacing)
    labels = ball(shape, [n / 2 for n in shape], radius, spacing).astype(np.int32)
    smooth = rounded(labels, share, spacing)
    assert smooth.sum() == pytest.approx(labels.sum(), rel=0.05)
    assert (smooth & labels).sum() / (smooth | labels).sum() > 0.94


def test_notches_and_spikes_go():
    whole = ball((40, 40, 40), (20, 20, 20), 12)
    torn = whole.copy()
    torn[19:21, :14] = False  # a notch as disagreeing views leave it
    torn[20, 20, 31:38] = True
    smooth = rounded(torn.astype(np.int32))
    notch = whole & ~torn
    assert smooth[notch].mean() > 0.7
    assert not smooth[20, 20, 34:].any()


def test_each_particle_by_its_own_size():
    labels = np.zeros((40, 40, 60), np.int32)
    labels[ball(labels.shape, (20, 20, 20), 15)] = 1
    labels[ball(labels.shape, (20, 20, 50), 3)] = 2
    smooth = rounded(labels)
    assert np.bincount(smooth.ravel())[1:] == pytest.approx(np.bincount(labels.ravel())[1:], rel=0.06)


def test_touching_particles_take_nothing_from_each_other_and_stay_in_touch():
    labels = np.ones((20, 20, 40), np.int32)
    labels[:, :, 20:] = 2
    smooth = rounded(labels)
    assert (smooth == labels).all(), "at the border of the volume particles go on"
    balls = np.zeros((30, 30, 50), np.int32)
    balls[ball(balls.shape, (15, 15, 15), 11)] = 1
    balls[ball(balls.shape, (15, 15, 35), 11) & (balls == 0)] = 2
    smooth = rounded(balls)
    assert not ((smooth == 2) & (balls == 1)).any()
    assert not ((smooth == 1) & (balls == 2)).any()
    assert ((smooth[..., :-1] == 1) & (smooth[..., 1:] == 2)).any()


def test_the_order_of_the_numbers_has_no_say():
    rng = np.random.default_rng(1)
    labels = np.zeros((40, 40, 60), np.int32)
    for number, (centre, radius) in enumerate((((20, 18, 12), 9), ((20, 20, 30), 11), ((18, 20, 48), 8)), 1):
        labels[ball(labels.shape, centre, radius) & (labels == 0) & (rng.random(labels.shape) < 0.95)] = number
    order = np.array([0, 3, 1, 2], np.int32)
    assert (rounded(order[labels]) == order[rounded(labels)]).all()


def test_what_would_dissolve_keeps_its_outline():
    plate = np.zeros((20, 60, 60), np.int32)
    plate[10, 10:50, 10:50] = 1
    assert (rounded(plate) == plate).all()
    crumb = np.zeros((5, 5, 5), np.int32)
    crumb[2, 2, 2] = 7
    assert (rounded(crumb) == crumb).all()


def test_a_particle_stays_in_one_part():
    labels = np.zeros((40, 40, 70), np.int32)
    labels[ball(labels.shape, (20, 20, 15), 11) | ball(labels.shape, (20, 20, 45), 4)] = 1
    labels[20, 20, 20:45] = 1  # a bridge one voxel wide
    smooth = rounded(labels)
    assert smooth[20, 20, 15] == 1
    assert smooth[20, 20, 45] == 0


def test_equal_ones_are_told_apart_by_their_place():
    rng = np.random.default_rng(2)
    half = ball((30, 30, 20), (15, 15, 12), 9) & (rng.random((30, 30, 20)) < 0.9)
    labels = np.concatenate([half * 1, half[..., ::-1] * 2], axis=2).astype(np.int32)
    swapped = np.array([0, 2, 1], np.int32)
    assert (rounded(swapped[labels]) == swapped[rounded(labels)]).all()


def test_a_mouth_that_closes_leaves_no_hole():
    labels = ball((50, 50, 50), (25, 25, 25), 20)
    labels &= ~ball(labels.shape, (25, 25, 25), 7)
    labels[24:26, 24:26, 25:] = False
    smooth = rounded(labels.astype(np.int32))
    assert smooth[25, 25, 25] == 1
    assert (ndimage.binary_fill_holes(smooth > 0) == (smooth > 0)).all()


def test_files_in_place_of_memory(tmp_path):
    labels = np.zeros((30, 30, 40), np.int32)
    labels[ball(labels.shape, (15, 15, 14), 10)] = 1
    labels[10:12, :15] = 0
    file = np.lib.format.open_memmap(tmp_path / "labels.npy", mode="w+", dtype=np.int32, shape=labels.shape)
    file[:] = labels
    drain(iter_round(file, 0.1, (1.0, 1.0, 1.0)))
    assert (np.asarray(file) == rounded(labels)).all()


def test_none_asked_none_done():
    labels = np.random.default_rng(0).integers(0, 3, (8, 8, 8)).astype(np.int32)
    assert (rounded(labels, 0.0) == labels).all()
    assert not rounded(np.zeros((4, 4, 4), np.int32)).any()
