"""How much time is left of a run: one figure that neither jumps nor contradicts what was told beforehand."""

import pytest

from napari_cathode.widgets.time_left import TimeLeft, Untold


class Clock:
    """A clock that is set by hand."""

    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


def run(left, clock, seconds, parts=100):
    """Run a step of some length, and give what is told of the time left after each part."""
    left.begin()
    told = []
    for part in range(parts):
        told.append(left.seconds(part / parts))
        clock.now += seconds / parts
    return told


def test_a_run_that_keeps_to_what_was_expected_counts_down_to_nothing():
    clock = Clock()
    left = TimeLeft((20, 40, 10), clock)
    told = run(left, clock, 20)
    assert told[0] == 70, "what was told before the run stands at its beginning"
    assert left.more_follow
    told += run(left, clock, 40)
    told += run(left, clock, 10)
    assert not left.more_follow
    gone = [0.2 * i for i in range(100)] + [20 + 0.4 * i for i in range(100)] + [60 + 0.1 * i for i in range(100)]
    assert told == pytest.approx([70 - passed for passed in gone], abs=0.5)


def test_a_slow_computer_is_noticed_and_its_pace_counts_for_the_steps_to_come():
    clock = Clock()
    left = TimeLeft((20, 40), clock)
    told = run(left, clock, 60)
    assert max(abs(a - b) for a, b in zip(told[1:], told, strict=False)) < 8, "no jumps"
    assert told[-1] > 80, "three times as slow: 120 s are left"
    told = run(left, clock, 120)
    assert told[60] == pytest.approx(48, rel=0.1)


def test_a_step_of_which_nothing_is_expected_is_told_from_its_pace():
    clock = Clock()
    left = TimeLeft(clock=clock)
    told = run(left, clock, 50)
    assert told[0] is None and not left.more_follow
    assert told[50] == pytest.approx(25)
    assert run(left, clock, 50)[0] is None, "the step before says nothing of this one"


def test_what_prepares_a_run_tells_no_time():
    clock = Clock()
    assert set(run(Untold(clock=clock), clock, 30)) == {None}
