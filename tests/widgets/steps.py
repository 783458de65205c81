"""Stand-ins for steps, small enough to watch the frame around them."""

import time

import numpy as np

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress


def iter_count(number, pause=0.02):
    """Count to a number."""
    for done in range(number):
        yield Progress(done, number, f"Counting {done}")
        time.sleep(pause)
    return number


def iter_wrong_input():
    """Fail as the user's input makes steps fail."""
    yield Progress(0, 1, "Looking")
    raise InputError("The layer x is empty; choose another.")


def iter_broken():
    """Fail as a bug makes steps fail."""
    yield Progress(0, 1, "Looking")
    raise ZeroDivisionError("by nought")


def iter_busy(seconds):
    """Hold Python's global lock without a report, as native code does."""
    yield Progress(0, 1, "Computing")
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(200_000))
    return np.ones((64, 64, 64))


def iter_small_sample(name):
    """Stand in for the simulation of the large sample."""
    from napari_cathode.simulate import SimulationParameters, simulate_slice

    yield Progress(0, 1, "Simulating")
    return simulate_slice(SimulationParameters(size_z=1, size_y=64, size_x=64), 0)
