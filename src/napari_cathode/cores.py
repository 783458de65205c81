"""How many processor cores long work may use."""

from __future__ import annotations

import os

CORES = "NAPARI_CATHODE_CORES"
"""Environment variable with the largest number; unset, empty or 0 for all that there are."""


def usable_cores() -> int:
    """Give the number of cores that this process may use: those it is allowed to run on, at most `CORES`."""
    there = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = os.environ.get(CORES, "")
    return min(there, int(wanted)) if wanted.isdecimal() and int(wanted) > 0 else there
