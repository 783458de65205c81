"""When work is saved by itself, with a clock that is turned by hand: no change waits for a minute."""

import numpy as np
import pytest

from napari_cathode.project.clock import SaveClock


class Hands:
    """A clock that stands until it is turned."""

    def __init__(self):
        self.time = 1000.0

    def __call__(self):
        return self.time


@pytest.fixture
def hands():
    return Hands()


def test_a_change_is_saved_after_half_a_minute(hands):
    clock = SaveClock(hands)
    assert not clock.unsaved and not clock.due
    assert clock.touch() and not clock.touch()
    hands.time += 29
    assert clock.unsaved and not clock.due
    hands.time += 2
    assert clock.due
    clock.begin()
    clock.saved()
    assert not clock.unsaved and not clock.due


def test_work_that_goes_on_puts_it_off_but_not_for_ever(hands):
    clock = SaveClock(hands)
    waited = 0.0
    while not clock.due:
        clock.touch()
        hands.time += 0.5
        waited += 0.5
    assert 30 < waited <= 50


def test_a_save_that_fails_is_tried_again(hands):
    clock = SaveClock(hands)
    clock.touch()
    hands.time += 31
    clock.failed(clock.begin())
    assert clock.unsaved and clock.due, "at once"
    clock.failed(clock.begin())
    assert clock.unsaved and not clock.due, "then not all the time"
    hands.time += 31
    assert clock.due


@pytest.mark.parametrize("seed", range(5))
def test_at_most_the_last_minute_is_lost(hands, seed):
    """Changes at any moments, saves of up to 6 s: whenever it is cut off, what is lost is younger than a minute."""
    rng = np.random.default_rng(seed)
    clock = SaveClock(hands)
    changes, covered, lost = [], 0, 0.0
    coming = hands.time + rng.exponential(np.where(rng.random(400) < 0.9, 0.4, 60)).cumsum()
    while covered < len(coming):
        hands.time += 2  # as often as the window looks
        for time in coming[len(changes) : np.searchsorted(coming, hands.time)]:
            now, hands.time = hands.time, float(time)
            clock.touch()
            changes.append(time)
            hands.time = now
        if clock.due:
            clock.begin()
            count = len(changes)
            hands.time += float(rng.uniform(0, 6))
            lost = max(lost, hands.time - changes[covered])  # cut off just before the save is whole
            covered = count
            clock.saved()
    assert 30 < lost < 60
