"""Repairing views, and joining pieces that the views see as one."""

import numpy as np
import pytest
from tests.fuse.test_fuse import ISOTROPIC, balls, lose, overlaps, seen

from napari_cathode.fuse import FuseParameters, fuse
from napari_cathode.fuse.methods import METHODS
from napari_cathode.fuse.parameters import FuseParameters as Parameters
from napari_cathode.fuse.pieces import Graph, iter_graph, join
from napari_cathode.fuse.repair import FIXED, iter_gather
from napari_cathode.fuse.sizes import section_diameter
from napari_cathode.parameters import describe
from napari_cathode.progress import drain
from napari_cathode.simulate.faults import FAULTS, faulty_views
from napari_cathode.simulate.packed import packed_particles


@pytest.fixture(scope="module")
def ball():
    return balls((32, 32, 32), [(16, 15, 16)], 10.5)


def test_gaps_are_bridged_up_to_their_width_and_no_farther(ball):
    views = {"xy": lose(seen(ball, ("xy",)), "xy", np.s_[14:17])["xy"]}
    bridged = drain(iter_gather(views, ("xy",), ISOTROPIC, {"xy": 3}, 21.0))
    np.testing.assert_array_equal(bridged.seen[14:17, 12:18, 12:18], 1)
    assert not bridged.seen[:5].any() and not bridged.seen[28:].any()
    cut = drain(iter_gather(views, ("xy",), ISOTROPIC, {"xy": 2}, 21.0))
    assert not cut.seen[14:17].any()


def test_one_wrong_slice_is_outvoted_by_its_neighbours():
    """A slice that takes two balls for one leaves their centres where they are."""
    truth = balls((40, 40, 56), [(20, 20, 16), (20, 20, 38)], 11.5)
    views = seen(truth, ("xy",))
    views["xy"].labels[20] = np.where(truth[20] > 0, 1, 0)
    way = drain(iter_gather(views, ("xy",), ISOTROPIC, {"xy": 2}, 23.0)).offset[20, 20, :, 2] / FIXED
    assert abs(way[10] - 6) < 0.2 and abs(way[44] + 6) < 0.2
    wrong = drain(iter_gather(views, ("xy",), ISOTROPIC, {"xy": 0}, 23.0)).offset[20, 20, :, 2] / FIXED
    assert abs(wrong[10] - 17) < 0.5


def test_views_are_asked_about_neighbours(ball):
    halves = ball.copy()
    halves[..., 16:][ball[..., 16:] > 0] = 2
    graph = drain(iter_graph(halves, seen(ball), ("xy", "xz", "yz"), ISOTROPIC, 21.0))
    assert graph.pairs.tolist() == [[1, 2]] and graph.two[0] == 0 < graph.one[0]
    graph = drain(iter_graph(halves, seen(halves), ("xy", "xz", "yz"), ISOTROPIC, 21.0))
    assert graph.one[0] == 0 < graph.two[0]
    np.testing.assert_array_equal(graph.voxels, np.bincount(halves.ravel()))


def chain(*shares):
    """Give pieces in a row with 100 votes between neighbours, of which a share parts them."""
    n = len(shares)
    two = np.array([round(100 * share) for share in shares])
    pairs = np.stack([np.arange(1, n + 1), np.arange(2, n + 2)], 1).astype(np.int32)
    return Graph(pairs, 100 - two, two, np.array([0] + [1000] * (n + 1)), np.zeros((n + 2, 6), dtype=np.int64))


def test_pieces_are_joined_below_the_threshold():
    np.testing.assert_array_equal(join(chain(0.02, 0.9, 0.3), 0.1, 0), [0, 1, 1, 2, 3])
    np.testing.assert_array_equal(join(chain(0.02, 0.9, 0.3), 0.5, 0), [0, 1, 1, 2, 2])
    np.testing.assert_array_equal(join(chain(0.02, 0.9, 0.3), 1.0, 0), [0, 1, 1, 1, 1])
    np.testing.assert_array_equal(join(chain(0.0, 0.0), 0.0, 0), [0, 1, 2, 3])


def test_crumbs_join_unless_the_views_part_them_and_small_ones_go():
    graph = chain(0.4, 0.95)
    graph.voxels[1] = graph.voxels[3] = 10
    np.testing.assert_array_equal(join(graph, 0.1, 50), [0, 1, 1, 0])


def test_evidence_of_joined_pieces_adds_up():
    """Two halves of one particle: the third is parted from one of them by few votes and belongs to the other."""
    pairs = np.array([[1, 2], [1, 3], [2, 3]], np.int32)
    voxels = np.array([0, 900, 900, 900])
    graph = Graph(pairs, np.array([500, 1, 300]), np.array([0, 20, 10]), voxels, np.zeros((4, 6), dtype=np.int64))
    np.testing.assert_array_equal(join(graph, 0.2, 0), [0, 1, 1, 1])


def test_diameter_of_sections_is_near_that_of_the_balls():
    truth = balls((40, 40, 56), [(20, 20, 16), (20, 20, 38)], 11.5)
    assert section_diameter(seen(truth), ("xy", "xz", "yz"), ISOTROPIC) == pytest.approx(21, abs=3)


def test_every_method_is_on_offer():
    (info,) = [info for info in describe(Parameters) if info.name == "method"]
    assert set(info.choices) == set(METHODS)


@pytest.fixture(scope="module")
def packing():
    return packed_particles((64, 72, 72), 5, diameter=24.0)


def test_packed_particles_are_as_dense_as_asked_and_touch(packing):
    assert 0.67 < (packing > 0).mean() < 0.70
    np.testing.assert_array_equal(packing, packed_particles((64, 72, 72), 5, diameter=24.0))
    assert np.array_equal(np.unique(packing), np.arange(packing.max() + 1))
    touching = (packing[:, :, 1:] != packing[:, :, :-1]) & (packing[:, :, 1:] > 0) & (packing[:, :, :-1] > 0)
    assert touching.sum() > 5 * packing.max()


def test_faults_happen_as_often_as_asked(packing):
    views = faulty_views(packing, ISOTROPIC, FAULTS["hard"], 3, ("xy",), distances=True)
    view = views["xy"]
    share = (view.labels > 0).sum() / (packing > 0).sum()
    assert share == pytest.approx((1 - 0.06) * (1 - 0.20) * (1 - 0.12), abs=0.08)
    background = view.probability[view.labels == 0].astype(np.float32)
    assert background.mean() == pytest.approx(0.1 / np.sqrt(2 * np.pi), rel=0.05)  # noise, cut at 0
    assert view.distance is not None and 0 < view.distance.max() < 24
    whole = faulty_views(packing, ISOTROPIC, FAULTS["none"], 3, ("xz",))["xz"]
    np.testing.assert_array_equal(whole.labels > 0, packing > 0)


@pytest.mark.parametrize(("method", "share"), [("hybrid", 0.85), ("watershed", 0.7), ("linking", 0.7)])
def test_faults_are_outvoted(packing, method, share):
    views = faulty_views(packing, ISOTROPIC, FAULTS["standard"], 7)
    labels = fuse(views, FuseParameters(method=method), ISOTROPIC).labels
    assert (overlaps(packing, labels) > 0.5).mean() > share
