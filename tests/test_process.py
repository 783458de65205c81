import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_cathode.errors import InputError
from napari_cathode.process import StepFailed, iter_in_process
from napari_cathode.progress import Progress, Steps, drain


def add_up(array: np.ndarray, twice: dict) -> Steps[dict]:
    yield Progress(1, 2, "half")
    print("a library that prints")  # must not disturb the messages
    yield Progress(2, 2, "all")
    return {"sum": int(array.sum()), "array": array + 1, "same": twice["again"] is array, "pid": os.getpid()}


def refuse() -> Steps[None]:
    yield Progress(0, 1, "reading")
    raise InputError("The layer is empty; choose another.")


def break_down() -> Steps[None]:
    yield Progress(0, 1, "dividing")
    raise ZeroDivisionError("nought")


def die() -> Steps[None]:
    yield Progress(0, 1, "dying")
    os.kill(os.getpid(), signal.SIGKILL)


def sleep_holding_the_lock(path: Path) -> Steps[None]:
    path.write_text(str(os.getpid()))
    yield Progress(0, 1, "sleeping")
    # A C call that never returns to Python, as native code does.
    sum(range(10**12))


def type_of(array: np.ndarray) -> Steps[str]:
    yield Progress(1, 1, "looking")
    return f"{type(array).__name__} {getattr(array, 'filename', '')}"


def test_values_and_progress_come_back():
    array = np.arange(500_000, dtype=np.float64).reshape(5, -1)  # large enough to travel by file
    seen = []
    result = drain(iter_in_process(add_up, array, {"again": array}), seen.append)
    assert result["sum"] == int(array.sum())
    assert result["same"]
    assert result["pid"] != os.getpid()
    np.testing.assert_array_equal(result["array"], array + 1)
    assert Progress(2, 2, "all") in seen


def test_input_error_keeps_its_sentence():
    with pytest.raises(InputError, match="The layer is empty; choose another"):
        drain(iter_in_process(refuse))


def test_other_errors_carry_their_traceback():
    with pytest.raises(StepFailed, match="nought") as caught:
        drain(iter_in_process(break_down))
    assert "break_down" in caught.value.details


@pytest.mark.skipif(sys.platform == "win32", reason="kills by signal")
def test_death_of_the_process_is_an_error():
    with pytest.raises(StepFailed, match="ended unexpectedly"):
        drain(iter_in_process(die))


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.skipif(sys.platform == "win32", reason="asks the system for a process id")
def test_closing_ends_the_process_even_inside_native_code(tmp_path):
    steps = iter_in_process(sleep_holding_the_lock, tmp_path / "pid")
    while next(steps).what != "sleeping":
        pass
    pid = int((tmp_path / "pid").read_text())
    assert alive(pid)
    steps.close()
    assert not alive(pid)


@pytest.mark.skipif(sys.platform == "win32", reason="asks the system for a process id")
def test_the_process_ends_with_its_parent(tmp_path):
    script = tmp_path / "parent.py"
    (tmp_path / "temporary").mkdir()
    # Without a guard for __main__, as people write scripts.
    script.write_text(
        "from pathlib import Path\n"
        "from tests.test_process import wait\n"
        "from napari_cathode.process import iter_in_process\n"
        "for progress in iter_in_process(wait, Path('pid')):\n"
        "    print(progress.what, flush=True)\n"
    )
    root = str(Path(__file__).resolve().parents[1])
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": root, "TMPDIR": str(tmp_path / "temporary")},
    )
    with parent:
        while parent.stdout.readline().strip() != "waiting":
            assert parent.poll() is None
        parent.kill()
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        if not alive(pid):
            break
        time.sleep(0.1)
    assert not alive(pid)
    assert list((tmp_path / "temporary").iterdir()) == []  # nor does it leave anything behind


def wait(path: Path) -> Steps[None]:
    path.write_text(str(os.getpid()))
    while True:
        yield Progress(0, 1, "waiting")
        time.sleep(0.05)


def test_the_process_ends_in_peace(monkeypatch):
    import napari_cathode.process as module

    started = []
    start = module.start_process
    monkeypatch.setattr(module, "start_process", lambda *what: started.append(start(*what)) or started[-1])
    drain(iter_in_process(type_of, np.zeros(3)))
    assert [process.returncode for process in started] == [0]


def test_memory_mapped_arrays_are_passed_by_name(tmp_path):
    path = tmp_path / "volume.npy"
    np.save(path, np.zeros((40, 200, 200), np.uint8))
    mapped = np.load(path, mmap_mode="r")
    assert str(path) in drain(iter_in_process(type_of, mapped[5:]))


def test_a_part_of_a_memory_mapped_array_has_the_right_values(tmp_path):
    path = tmp_path / "volume.npy"
    volume = np.random.default_rng(0).integers(0, 255, (40, 300, 200)).astype(np.uint8)
    np.save(path, volume)
    mapped = np.load(path, mmap_mode="r")
    for part, expected in ((mapped[7:30], volume[7:30]), (mapped[:, 3:], volume[:, 3:])):
        result = drain(iter_in_process(add_up, part, {"again": part}))
        assert result["sum"] == int(expected.sum())


def test_nothing_is_left_behind(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    drain(iter_in_process(add_up, np.zeros(300_000), {"again": 1}))
    assert list(tmp_path.iterdir()) == []


def test_writing_many_arrays_can_be_left(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    steps = iter_in_process(add_up, np.zeros((64, 1 << 20)), {})  # half a gigabyte
    next(steps)
    next(steps)  # the writer is at work
    steps.close()
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_sent_is_an_error():
    with pytest.raises(Exception, match="pickle"):
        drain(iter_in_process(add_up, lambda: 1, {}))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [np.uint8, ">f4", bool])
def test_arrays_of_any_layout_arrive(order, dtype):
    array = np.asarray(np.arange(3 * 700 * 1001).reshape(3, 700, 1001) % 2, dtype=dtype, order=order)[:, ::2]
    assert drain(iter_in_process(add_up, array, {"again": array}))["sum"] == int(array.sum())
