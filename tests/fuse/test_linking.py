"""Linking sections from slice to slice: brute force as the oracle of the assignment, and analytic cases."""

from itertools import permutations

import numpy as np
import pytest
from tests.fuse.test_fuse import ISOTROPIC, balls, lose, overlaps, seen

from napari_cathode.errors import InputError
from napari_cathode.fuse import FuseParameters, fuse, linking, prediction_from_labels
from napari_cathode.fuse.linking import LinkRule, assign, iter_link
from napari_cathode.fuse.overlaps import shared
from napari_cathode.identify import VIEW_AXIS
from napari_cathode.progress import drain

BY_DISTANCE = LinkRule("distance", 4.0, 0.3, 2)
BY_OVERLAP = LinkRule("overlap", 4.0, 0.3, 2)


def best_by_brute_force(table):
    """Try every way to pair rows with columns, and give the largest total; a pair may be left out (worth 0)."""
    table = table if table.shape[0] <= table.shape[1] else table.T
    rows = range(table.shape[0])
    return max(
        sum(max(0.0, table[i, j]) for i, j in zip(rows, way, strict=True))
        for way in permutations(range(table.shape[1]), len(rows))
    )


@pytest.mark.parametrize("dense", [1 << 18, 0], ids=["as a whole", "group by group"])
@pytest.mark.parametrize("seed", range(12))
def test_assignment_is_as_good_as_the_best_of_all(seed, dense, monkeypatch):
    monkeypatch.setattr(linking, "_DENSE", dense)
    rng = np.random.default_rng(seed)
    shape = rng.integers(1, 7, 2)
    table = np.where(rng.random(shape) < 0.5, rng.random(shape), -rng.random(shape))
    i, j = np.indices(shape).reshape(2, -1)
    order = rng.permutation(i.size)
    one, other, gain = 10 * i[order] + 3, 7 * j[order], table[i, j][order]
    chosen = assign(one, other, gain)
    assert len(set(one[chosen])) == len(set(other[chosen])) == chosen.size
    assert (gain[chosen] > 0).all()
    assert gain[chosen].sum() == pytest.approx(best_by_brute_force(table))


def test_the_best_total_wins_over_the_best_pair():
    np.testing.assert_array_equal(assign([0, 0, 1], [0, 1, 0], [3.0, 2.0, 2.0]), [1, 2])
    assert assign([], [], []).size == 0


@pytest.mark.parametrize("seed", range(4))
def test_shared_voxels_are_counted(seed):
    rng = np.random.default_rng(seed)
    one, other = rng.integers(0, 70, (2, 13, 17, 11)).astype(np.int32)
    first, second, voxels = shared(one, other)
    pairs, counts = np.unique(np.stack([one, other])[:, (one > 0) & (other > 0)], axis=1, return_counts=True)
    np.testing.assert_array_equal([first, second, voxels], [*pairs, counts])
    assert len(voxels) > 1024, "the table has grown"


CENTRES = [(20, 14, 16), (20, 26, 34)]
"""Aslant to the axes: where one ball ends and one begins at the same place of the next slice, any linker takes both for
one particle."""


@pytest.fixture(scope="module")
def two():
    return balls((40, 40, 56), CENTRES, 11.5)


@pytest.mark.parametrize("rule", [BY_DISTANCE, BY_OVERLAP], ids=["distance", "overlap"])
@pytest.mark.parametrize("name", list(VIEW_AXIS))
def test_whole_stacks_give_back_the_particles(two, name, rule):
    found = drain(iter_link(seen(two, (name,))[name].labels, VIEW_AXIS[name], ISOTROPIC, rule))
    assert found.dtype == np.int32 and found.flags.c_contiguous
    first, second, voxels = shared(two, found)
    assert len(first) == len(set(second)) == 2, "one number for each ball"
    np.testing.assert_array_equal(voxels, np.bincount(two.ravel())[1:])


@pytest.mark.parametrize("rule", [BY_DISTANCE, BY_OVERLAP], ids=["distance", "overlap"])
def test_gaps_are_closed_up_to_their_width_and_filled(two, rule):
    view = lose(seen(two, ("xy",)), "xy", np.s_[14:16])["xy"]
    found = drain(iter_link(view.labels, 0, ISOTROPIC, rule))
    assert (overlaps(two, found) > 0.98).all()
    assert not found[14][two[14] == 0].any() and (found[14] > 0).sum() > 0.9 * (two[14] > 0).sum()
    cut = drain(iter_link(view.labels, 0, ISOTROPIC, LinkRule(rule.by, 4.0, 0.3, 1)))
    assert len(np.unique(cut)) - 1 == 4 and not cut[14:16].any()


def test_a_slice_that_takes_two_for_one_is_passed_over(two):
    view = seen(two, ("xy",))["xy"]
    view.labels[20] = two[20] > 0
    found = drain(iter_link(view.labels, 0, ISOTROPIC, BY_DISTANCE))
    assert (overlaps(two, found) > 0.97).all()
    assert len(np.unique(found[20])) == 3


def test_distances_are_in_micrometres():
    """A tilted rod moves three pixels of 2 µm in each slice."""
    rod = np.zeros((6, 8, 30), np.int32)
    for z in range(6):
        rod[z, 2:6, 3 * z : 3 * z + 6] = 1
    for far, count in ((6.5, 1), (5.5, 6)):
        found = drain(iter_link(rod, 0, (1.0, 2.0, 2.0), LinkRule("distance", far, 0.3, 0)))
        assert len(np.unique(found)) - 1 == count


def test_labels_with_large_and_missing_numbers(two):
    view = seen(two, ("xy",))["xy"].labels.astype(np.int64)
    view[view > 0] += 5_000_000_000
    found = drain(iter_link(view, 0, ISOTROPIC, BY_OVERLAP))
    assert (overlaps(two, found) == 1).all()
    with pytest.raises(InputError, match="negative"):
        drain(iter_link(-view, 0, ISOTROPIC, BY_OVERLAP))


def test_an_empty_stack_has_no_particles():
    assert not drain(iter_link(np.zeros((4, 5, 6), np.int32), 1, ISOTROPIC, BY_DISTANCE)).any()


@pytest.mark.parametrize("by", ["distance", "overlap"])
def test_a_stack_of_labels_of_any_tool_keeps_its_outlines(two, by):
    """How many people first meet it: one view, labelled elsewhere."""
    result = fuse(seen(two, ("xy",)), FuseParameters(method="linking", link_by=by), ISOTROPIC)
    np.testing.assert_array_equal(result.labels > 0, two > 0)
    assert (overlaps(two, result.labels) == 1).all()
    assert result.parameters.link_distance_um == pytest.approx(0.25 * 21, abs=1)


@pytest.mark.parametrize("spacing", [ISOTROPIC, (2.0, 1.0, 1.0)], ids=["isotropic", "z 2"])
def test_views_agree_on_particles(spacing):
    shape = (round(40 / spacing[0]), 40, 56)
    truth = balls(shape, CENTRES, 11.5, spacing)
    views = seen(truth, spacing=spacing)
    views = lose(views, "xy", np.s_[len(truth) // 2])
    views = lose(views, "xz", truth == 2)
    views["yz"].labels[:, :, 30:40] = truth[:, :, 30:40] > 0
    result = fuse(views, FuseParameters(method="linking"), spacing)
    assert result.labels.max() == 2
    assert (overlaps(truth, result.labels) > 0.85).all()


def test_minimal_votes_hold_for_linked_particles(two):
    views = lose(lose(seen(two), "xz", two == 2), "yz", two == 2)
    one_view = FuseParameters(method="linking", minimal_votes=1)
    assert fuse(views, FuseParameters(method="linking"), ISOTROPIC).labels.max() == 1
    assert fuse(views, one_view, ISOTROPIC).labels.max() == 2


def test_particles_of_the_wrong_size_go():
    truth = balls((30, 30, 60), [(15, 15, 15), (15, 15, 45)], 9.0)
    truth[12:17, 12:17, 28:33] = 3
    views = {name: prediction_from_labels(name, truth, ISOTROPIC) for name in VIEW_AXIS}
    for method in ("hybrid", "watershed", "linking", "clusters"):
        all_of_them = fuse(views, FuseParameters(method=method, minimal_diameter_um=1.0), ISOTROPIC)
        assert all_of_them.labels.max() == 3, method
        large = fuse(views, FuseParameters(method=method, minimal_diameter_um=8.0), ISOTROPIC)
        assert large.labels.max() == 2 and not large.labels[14, 14, 30], method
        small = FuseParameters(method=method, minimal_diameter_um=1.0, maximal_diameter_um=8.0)
        kept = fuse(views, small, ISOTROPIC).labels
        assert kept.max() == 1 and kept[14, 14, 30] == 1, method
