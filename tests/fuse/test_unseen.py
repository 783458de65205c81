"""What no view sees: pieces left between views that part a particle at different places, and debris."""

import numpy as np
import pytest
from tests.fuse.test_fuse import ISOTROPIC, balls, lose, seen
from tests.fuse.test_pieces import chain

from napari_cathode.fuse.pieces import iter_graph
from napari_cathode.fuse.unseen import homes, iter_settle_unseen
from napari_cathode.progress import drain

ALL = ("xy", "xz", "yz")
TABLE = np.arange(5, dtype=np.int32)


def unseen(*labels):
    return np.isin(np.arange(5), labels)


def test_the_unseen_join_where_they_are_parted_least():
    np.testing.assert_array_equal(homes(chain(0.15, 0.1, 0.9), TABLE, unseen(2)), [0, 1, 3, 3, 4])
    np.testing.assert_array_equal(homes(chain(0.1, 0.15, 0.9), TABLE, unseen(2)), [0, 1, 1, 3, 4])


def test_the_unseen_that_are_parted_from_all_go_and_the_seen_stay_as_they_are():
    np.testing.assert_array_equal(homes(chain(0.1, 0.5, 0.5), TABLE, unseen(3)), [0, 1, 2, 0, 4])
    np.testing.assert_array_equal(homes(chain(0.1, 0.1, 0.1), TABLE, unseen()), TABLE)


def test_two_unseen_ones_may_make_a_particle():
    home = homes(chain(0.5, 0.1, 0.5), TABLE, unseen(2, 3))
    assert home[2] == home[3] in (2, 3)
    np.testing.assert_array_equal(homes(chain(0.1, 0.15, 0.5), TABLE, unseen(2, 3)), [0, 1, 1, 1, 4])


def test_what_the_views_say_of_pieces_adds_up_to_what_they_say_of_particles():
    """Of 2's pieces one is hardly parted from 1, two are: together they are parted too often."""
    table = np.array([0, 1, 2, 2, 2], np.int32)
    graph = chain(0.1, 0.5, 0.5)
    graph.pairs = np.array([[1, 2], [1, 3], [1, 4]], np.int32)
    np.testing.assert_array_equal(homes(graph, table, np.array([False, False, True])), [0, 1, 0])


@pytest.mark.parametrize("centre, joined", [(16, True), (6, False)])
def test_an_eighth_of_a_ball_is_joined_and_what_no_view_saw_goes_unless_the_border_cuts_it(centre, joined):
    """With its centre at 6 the ball, and the eighth of it, lies on the border."""
    ball = balls((40, 40, 40), [(centre, 20, 20)], 10.5)
    views = seen(ball)
    labels = ball.copy()
    eighth = np.s_[:centre, :20, :20]
    labels[eighth][ball[eighth] > 0] = 2
    labels[33:36, 33:36, 33:36] = 3
    graph = drain(iter_graph(labels, views, ALL, ISOTROPIC, 21.0))
    parts = labels.copy()
    drain(iter_settle_unseen(labels, graph, np.arange(4, dtype=np.int32), views))
    if joined:
        np.testing.assert_array_equal(labels, ball)
    else:
        np.testing.assert_array_equal(labels, np.where(parts == 3, 0, parts))


def test_a_single_view_is_believed():
    ball = balls((40, 40, 40), [(16, 20, 20)], 10.5)
    labels = np.where(ball > 0, 1, 0).astype(np.int32)
    labels[33:36, 33:36, 33:36] = 2
    before = labels.copy()
    drain(iter_settle_unseen(labels, chain(0.5), np.arange(3, dtype=np.int32), {"xy": seen(ball)["xy"]}))
    np.testing.assert_array_equal(labels, before)


def test_a_large_particle_that_the_views_lost_in_most_slices_stays():
    ball = balls((40, 40, 40), [(16, 20, 20)], 10.5)
    labels = ball.copy()
    labels[33:36, 33:36, 33:36] = 2
    views = {name: lose(seen(ball), name, np.s_[:18])[name] for name in ALL}
    for name in ALL:
        views = lose(views, name, np.s_[:, :, :18])
    graph = drain(iter_graph(labels, views, ALL, ISOTROPIC, 21.0))
    drain(iter_settle_unseen(labels, graph, np.arange(3, dtype=np.int32), views))
    np.testing.assert_array_equal(labels, ball)
