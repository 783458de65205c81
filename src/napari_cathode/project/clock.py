"""When work is saved by itself."""

from __future__ import annotations

import time
from collections.abc import Callable

SAVE_AFTER_S = 30.0
"""Changes are saved so long after the first of them, once nothing has changed for `QUIET_S`."""

AT_LAST_S = 10.0
"""But so much later even in the middle of work: a save of a large volume is whole within a minute, too."""

QUIET_S = 1.0


class SaveClock:
    """Tells when changes are to be saved.

    Parameters
    ----------
    now : callable
        Gives the time in seconds; it never goes back.

    Attributes
    ----------
    after_s : float
        How long after the first change it is time to save.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self.after_s = SAVE_AFTER_S
        self._since: float | None = None
        self._last = 0.0
        self._failed = False

    @property
    def unsaved(self) -> bool:
        """Whether something changed since the last save."""
        return self._since is not None

    def touch(self) -> bool:
        """Take note of a change; tells whether it is the first since the last save."""
        self._last = self._now()
        if self._since is not None:
            return False
        self._since = self._last
        return True

    @property
    def due(self) -> bool:
        """Whether it is time to save."""
        if self._since is None:
            return False
        now = self._now()
        waited = now - self._since
        return waited >= self.after_s + AT_LAST_S or (waited >= self.after_s and now - self._last >= QUIET_S)

    def begin(self) -> float | None:
        """Take note that a save begins, of which later changes are no part; gives what `failed` needs."""
        since, self._since = self._since, None
        return since

    def saved(self) -> None:
        """Take note that the save came to its end."""
        self._failed = False

    def failed(self, since: float | None) -> None:
        """Take note that it did not; the second time in a row, the next try is not at once."""
        self._since = self._now() if since is None or self._failed else since
        self._failed = True

    def reset(self) -> None:
        """Take all for saved."""
        self._since, self._failed = None, False
