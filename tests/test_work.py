"""Which steps wait for which, so that none is done for nothing."""

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest

from napari_cathode.particles import ParticleSet
from napari_cathode.session import Session
from napari_cathode.tomogram import Tomogram
from napari_cathode.work import (
    COMPARE,
    EDIT,
    EXPLAIN,
    FIND,
    FOLLOW,
    FUSE,
    LOAD,
    MEASURE,
    PAIRS,
    REDRAW_PARTICLES,
    REDRAW_SLICES,
    STATES,
    Work,
    why_not,
)


@pytest.mark.parametrize(
    ("wanted", "running", "apart"),
    [
        (EXPLAIN, MEASURE, True),  # another table comes
        (MEASURE, EXPLAIN, True),  # the explanation would be refused
        (PAIRS, MEASURE, True),
        (EXPLAIN, PAIRS, True),
        (MEASURE, STATES, True),
        (MEASURE, EDIT, True),
        (EDIT, MEASURE, True),
        (EDIT, COMPARE, True),
        (EDIT, EDIT, True),
        (MEASURE, REDRAW_PARTICLES, True),
        (REDRAW_PARTICLES, MEASURE, True),
        (MEASURE, MEASURE, True),
        (FUSE, FIND, True),
        (FUSE, REDRAW_SLICES, True),
        (FIND, FUSE, True),
        (EXPLAIN, FOLLOW, True),
        (EDIT, EXPLAIN, False),  # the table follows edits, and the explanation stays
        (EDIT, FOLLOW, False),
        (LOAD, EXPLAIN, False),  # its columns come beside the others
        (COMPARE, MEASURE, False),
        (COMPARE, EXPLAIN, False),
        (PAIRS, STATES, False),
        (FUSE, FUSE, False),
        ("Train", MEASURE, False),
    ],
)
def test_what_waits_for_what(wanted, running, apart):
    about = object()
    assert bool(why_not(Work(wanted, about), Work(running, about))) is apart
    assert why_not(Work(wanted, about), Work(running, object())) == "", "other particles are nobody's business"
    assert why_not(Work(wanted), Work(running)) == ""


def test_views_of_one_tomogram_are_told_by_its_memory():
    data = np.zeros((4, 5, 6), np.uint8)
    one, again, other = (Tomogram(each, None, "t") for each in (data, data[:], data.copy()))
    assert "replace what this begins with" in why_not(Work(FUSE, one), Work(FIND, again))
    assert why_not(Work(FUSE, one), Work(FIND, other)) == ""


@pytest.mark.parametrize("lazy", [False, True])
def test_views_of_a_region_are_made_anew_with_those_of_the_whole(lazy):
    data = np.zeros((4, 5, 6), np.uint8)
    whole, other = (
        Tomogram(da.from_array(array) if lazy else array, None, name, f"{name}.h5")
        for array, name in ((data, "a"), (data.copy(), "b"))
    )
    region = replace(whole.part(((1, 3), (0, 5), (2, 6))), whole=None)  # as what is found there remembers it
    assert "replace what this begins with" in why_not(Work(FUSE, region), Work(FIND, whole))
    assert "would replace" in why_not(Work(FIND, whole), Work(FUSE, region))
    assert why_not(Work(FUSE, region), Work(FIND, other)) == ""


def test_a_session_tells_of_what_begins_and_ends():
    session, told = Session(), []
    particles = ParticleSet(np.ones((1, 2, 2), np.int32), "p")
    session.running_changed.connect(lambda: told.append([work.name for work in session.running]))
    work = Work(MEASURE, particles)
    session.begin(work)
    assert "“Measure particles” is running" in session.why_not(EXPLAIN, particles)
    session.end(work)
    session.end(work)
    assert session.why_not(EXPLAIN, particles) == ""
    assert told == [["Measure particles"], []]
