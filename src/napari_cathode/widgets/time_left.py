"""How much time is left of a run: first as it was expected, then more and more as it was measured."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

_BEFORE_ESTIMATE_S = 2.0
_LEAST_SHARE = 0.02
_TRUSTED_SHARE = 0.3
"""From this share of a step on, its own pace counts alone."""
_PRIOR_S = 10.0
"""Seconds for which the expectation speaks against the pace of the steps so far."""
_SETTLING_S = 5.0
"""In so many seconds the figure follows a new estimate; one that jumps is trusted by nobody."""


class TimeLeft:
    """One figure for a run of one or more steps.

    Parameters
    ----------
    expected : sequence of float
        Seconds that each step is expected to take, in their order; without them only the present step is known, from
        its own pace.
    clock : callable
        Gives seconds.
    """

    def __init__(self, expected: Sequence[float] = (), clock: Callable[[], float] = time.monotonic) -> None:
        self._expected = list(expected)
        self._clock = clock
        self._done_s = self._done_expected_s = 0.0
        self._step = -1
        self._begun = self._since = clock()
        self._from = self._last = 0.0
        self._told: tuple[float, float] | None = None

    @property
    def more_follow(self) -> bool:
        """Whether the figure is for steps after the present one, too."""
        return self._step + 1 < len(self._expected)

    def begin(self) -> None:
        """Begin the next step."""
        now = self._clock()
        if 0 <= self._step < len(self._expected):
            self._done_s += now - self._begun
            self._done_expected_s += self._expected[self._step]
        self._step += 1
        self._begun = self._since = now
        self._from = self._last = 0.0
        if not self._expected:
            self._told = None  # the steps before say nothing of this one

    def seconds(self, share: float) -> float | None:
        """Give the seconds that are left when a share of the present step is done; None while nobody knows."""
        now = self._clock()
        if share < self._last:  # another part of the step began
            self._since, self._from = now, share
        self._last = share
        left = self._estimate(share, now)
        if left is None:
            return None
        if self._told is not None:
            before, told = self._told
            passed = now - before
            counted = max(told - passed, 0.0)
            left = counted + (left - counted) * min(1.0, passed / _SETTLING_S)
        self._told = now, left
        return left

    def _estimate(self, share: float, now: float) -> float | None:
        gained, taken = share - self._from, now - self._since
        known = taken >= _BEFORE_ESTIMATE_S and gained >= _LEAST_SHARE
        measured = taken * (1 - share) / gained if known else None
        if not 0 <= self._step < len(self._expected):
            return measured
        expected = self._expected[self._step]
        left = expected * self._pace(0.0, 0.0) * (1 - share)
        weight = 0.0
        if measured is not None:
            weight = min(1.0, share / _TRUSTED_SHARE)
            left += weight * (measured - left)
        pace = self._pace(weight * (now - self._begun + left), weight * expected)
        return left + pace * sum(self._expected[self._step + 1 :])

    def _pace(self, took: float, expected: float) -> float:
        """Give how much longer than expected the steps take, with what the present one tells of it."""
        return (self._done_s + took + _PRIOR_S) / (self._done_expected_s + expected + _PRIOR_S)


class Untold(TimeLeft):
    """For what only prepares a run, and is over before its time could be told."""

    def seconds(self, share: float) -> float | None:
        """Say nothing."""
        return None
