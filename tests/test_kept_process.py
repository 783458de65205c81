"""A process that stays: later calls find what earlier ones left, and none can hold the caller up."""

import os
import time

import numpy as np
import pytest

from napari_cathode.errors import InputError
from napari_cathode.kept_process import KeptProcess
from napari_cathode.process import StepFailed
from napari_cathode.progress import Progress, Steps, drain
from tests.test_process import add_up, break_down, die, refuse, sleep_holding_the_lock


@pytest.fixture
def kept():
    made = KeptProcess()
    yield made
    made.close()


def call_number() -> Steps[int]:
    yield Progress(0, 1, "counting")
    call_number.calls = getattr(call_number, "calls", 0) + 1
    return call_number.calls


def test_calls_share_one_process_and_leave_no_files(kept):
    array = np.arange(300_000.0)
    pids = {drain(kept.iter_call(add_up, array, {"again": array}))["pid"] for _ in range(2)}
    assert pids == {kept.pid}
    assert [drain(kept.iter_call(call_number)) for _ in range(3)] == [1, 2, 3]
    assert [path.name for path in kept._folder.iterdir()] == ["log"]


def test_errors_come_over_and_the_process_stays(kept):
    with pytest.raises(InputError, match="The layer is empty"):
        drain(kept.iter_call(refuse))
    pid = kept.pid
    with pytest.raises(StepFailed, match="nought"):
        drain(kept.iter_call(break_down))
    assert kept.pid == pid is not None


def test_a_process_that_dies_is_told_and_replaced(kept):
    with pytest.raises(StepFailed, match="ended unexpectedly"):
        drain(kept.iter_call(die))
    assert drain(kept.iter_call(call_number)) == 1


def test_leaving_a_call_ends_native_code_at_once(kept, tmp_path):
    steps = kept.iter_call(sleep_holding_the_lock, tmp_path / "pid")
    while not (tmp_path / "pid").exists():
        next(steps)
    pid = int((tmp_path / "pid").read_text() or kept.pid)
    started = time.monotonic()
    steps.close()
    assert time.monotonic() - started < 1
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert drain(kept.iter_call(call_number)) == 1
