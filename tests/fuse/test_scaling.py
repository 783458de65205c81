"""Fusing at a working scale."""

from dataclasses import replace

import numpy as np
import pytest
from tests.fuse.test_fuse import ISOTROPIC, balls, seen

from napari_cathode.fuse import FuseParameters, Fuser, fuse, prediction_from_labels
from napari_cathode.fuse import blocks as blocks_module
from napari_cathode.fuse.blocks import iter_fuse_sized
from napari_cathode.fuse.scaling import enlarge_map, iter_enlarge, iter_sample, working_blocks
from napari_cathode.progress import drain

TOUCHING = [(20, 20, 16), (20, 20, 42)]


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


@pytest.fixture(scope="module")
def two():
    """Give two balls that touch."""
    return balls((41, 40, 59), TOUCHING, 13.5)


@pytest.mark.parametrize("method", ["hybrid", "watershed", "linking"])
def test_half_the_scale_finds_the_same_particles(two, method):
    half = fuse(seen(two), FuseParameters(method=method, working_scale=0.5), ISOTROPIC)
    whole = fuse(seen(two), FuseParameters(method=method), ISOTROPIC)
    assert half.labels.shape == half.probability.shape == two.shape and half.labels.max() == 2
    for centre in TOUCHING:
        label = half.labels[centre]
        assert iou(half.labels == label, whole.labels == whole.labels[centre]) > 0.95
        middle, true_middle = (np.mean(np.nonzero(v == v[centre]), axis=1) for v in (half.labels, two))
        np.testing.assert_allclose(middle, true_middle, atol=0.2, err_msg="nothing is shifted")
        assert (half.labels == label).sum() == pytest.approx((two == two[centre]).sum(), rel=0.05), "nor does it swell"
    assert half.parameters.working_scale == 0.5 and half.parameters.smoothing_um == 2.0
    assert half.spacing_um == ISOTROPIC and (half.agreement["view_count"] == 3).all()


def test_the_scale_goes_by_true_lengths():
    assert working_blocks((30, 60, 60), (2.0, 1.0, 1.0), 0.5) == (1, 2, 2)
    assert working_blocks((30, 60, 60), (1.0, 1.0, 1.0), 0.25) == (4, 4, 4)
    assert working_blocks((3, 60, 60), (1.0, 1.0, 1.0), 0.25) == (1, 4, 4), "at least two slices are left"
    assert working_blocks((30, 60, 60), (1.0, 1.0, 1.0), 1.0) == (1, 1, 1)


@pytest.mark.parametrize("blocks", [(2, 2, 2), (1, 3, 4), (5, 1, 2)])
def test_samples_come_back_to_where_they_were(blocks):
    labels = np.random.default_rng(0).integers(0, 5, (11, 13, 17)).astype(np.int32)
    views = {"xy": replace(seen(balls((11, 13, 17), [(5, 6, 8)], 4))["xy"], labels=labels)}
    small = drain(iter_sample(views, blocks))["xy"]
    back = drain(iter_enlarge(small.labels, blocks, views, np.empty_like(labels)))
    where = tuple(slice(block // 2, None, block) for block in blocks)
    np.testing.assert_array_equal(back[where], labels[where])
    assert small.probability.dtype == views["xy"].probability.dtype
    assert enlarge_map(small.probability.astype(np.float32), blocks, labels.shape).shape == labels.shape


def test_between_samples_the_views_say_where_the_background_begins():
    small = np.zeros((2, 2, 2), dtype=np.int32)
    small[:, :, 1] = 7  # the samples lie at 2 and 7
    for first in (4, 5, 6):
        seen_there = np.zeros((2, 2, 10), dtype=np.int32)
        seen_there[..., first:] = 1
        views = {"xy": prediction_from_labels("xy", seen_there, ISOTROPIC)}
        back = drain(iter_enlarge(small, (1, 1, 5), views, np.empty((2, 2, 10), dtype=np.int32)))
        np.testing.assert_array_equal(back, 7 * seen_there)


def test_between_samples_of_two_particles_the_nearer_one_wins():
    small = np.array([[[3, 5]] * 2] * 2, dtype=np.int32)
    views = {"xy": prediction_from_labels("xy", np.ones((2, 2, 10), dtype=np.int32), ISOTROPIC)}
    back = drain(iter_enlarge(small, (1, 1, 5), views, np.empty((2, 2, 10), dtype=np.int32)))
    np.testing.assert_array_equal(back[0, 0], [3, 3, 3, 3, 3, 5, 5, 5, 5, 5])


def test_a_gap_is_counted_in_slices_of_the_tomogram(two):
    fuser = Fuser(seen(two), ISOTROPIC)
    assert set(fuser.reach(FuseParameters(gap_slices=4)).values()) == {4}
    halved = Fuser(drain(iter_sample(fuser.views, (1, 2, 2))), (1.0, 2.0, 2.0), blocks=(1, 2, 2))
    assert halved.reach(FuseParameters(gap_slices=3)) == {"xy": 3, "xz": 2, "yz": 2}


def test_what_is_kept_serves_other_splits_and_other_scales(two):
    fuser = Fuser(seen(two), ISOTROPIC)
    for scale, split in ((0.5, 0.05), (0.5, 1.0), (1.0, 0.05), (0.5, 0.05)):
        parameters = FuseParameters(working_scale=scale, split_merge=split)
        anew = fuse(seen(two), parameters, ISOTROPIC)
        np.testing.assert_array_equal(drain(fuser.iter_fuse(parameters)).labels, anew.labels)


@pytest.mark.parametrize("large", [40_000, 1_000])
def test_large_volumes_are_sampled_into_files(two, tmp_path, monkeypatch, large):
    """With samples that are fused in memory, and with samples that are fused block by block."""
    parameters = FuseParameters(working_scale=0.5, gap_slices=2)
    whole = fuse(seen(two), parameters, ISOTROPIC)
    monkeypatch.setattr(blocks_module, "LARGE_VOXELS", large)
    filed = drain(iter_fuse_sized(seen(two), parameters, ISOTROPIC, tmp_path))
    assert isinstance(filed.labels, np.memmap) and filed.probability is None
    np.testing.assert_array_equal(filed.labels, whole.labels)
    assert filed.parameters == whole.parameters and filed.agreement.equals(whole.agreement)
    assert [path.name for path in tmp_path.iterdir()] == ["labels.npy"], "samples are removed"


def test_nothing_seen(tmp_path, monkeypatch):
    nothing = seen(np.zeros((20, 20, 20), dtype=np.int32))
    parameters = FuseParameters(working_scale=0.5)
    assert not fuse(nothing, parameters, ISOTROPIC).labels.any()
    monkeypatch.setattr(blocks_module, "LARGE_VOXELS", 1000)
    filed = drain(iter_fuse_sized(nothing, parameters, ISOTROPIC, tmp_path))
    assert not filed.labels.any() and filed.labels.shape == (20, 20, 20) and len(filed.agreement) == 0
