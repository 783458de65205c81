"""Run a step in a process of its own, so that nothing it does can freeze the caller, and it can be ended at any moment.

Python's global lock is held by training, by tree fits, by compilation and by much else; a thread is no
shelter from that. The child is started as ``python -m napari_cathode.process`` rather than by `multiprocessing`,
which would import the caller's main script (napari with all its plugins) once more.

Values travel by pickle, arrays beside it in files that the other side memory-maps or reads; arrays that already lie
memory-mapped in a file are passed by its name. Only this program reads those files, in a folder of its own.
"""

from __future__ import annotations

import json
import os
import pickle
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np

from .errors import InputError
from .progress import Progress, Steps

T = TypeVar("T")

_ARRAY_BYTES = 1 << 20
_CALL = "call"
HEARTBEAT_S = 0.1
"""Whoever waits for a process looks up this often."""


class StepFailed(RuntimeError):
    """A step ended by an error that is not the user's; ``details`` holds the traceback for a bug report."""

    def __init__(self, message: str, details: str = "") -> None:
        super().__init__(message)
        self.details = details


def iter_in_process(function: Callable[..., Steps[T]], /, *args: Any, **kwargs: Any) -> Steps[T]:
    """Run a generator of long work in a process of its own.

    Parameters
    ----------
    function : callable
        An importable generator function that yields `Progress` and returns a picklable value. Environment variables
        that its process is to be started with stand in its attribute ``environment``, where it has one.
    *args, **kwargs
        Its arguments; NumPy arrays of any size are fine.

    Yields
    ------
    Progress
        What the work reports, and at least every 0.1 s what it reported last, so that whoever runs this generator can
        leave it in time. Closing the generator ends the process.

    Returns
    -------
    object
        What the work returns.

    Raises
    ------
    InputError
        As raised by the work.
    StepFailed
        For every other error, and when the process died.
    """
    folder = Path(tempfile.mkdtemp(prefix="napari-cathode-"))
    process: subprocess.Popen[bytes] | None = None
    last = Progress(0, 0, "Starting")
    try:
        yield last
        yield from dumping((function, args, kwargs), folder / _CALL, last)
        process = start_process(folder, "napari_cathode.process", getattr(function, "environment", {}))
        messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        threading.Thread(target=listen, args=(process.stdout, messages), daemon=True).start()
        while True:
            try:
                message = messages.get(timeout=HEARTBEAT_S)
            except queue.Empty:
                yield last
                continue
            if message is None:
                process.wait()
                break
            last = Progress(message["done"], message["total"], message["what"])
            yield replace(last, numbers=message["numbers"])  # once; what is repeated above has none
        result: T = outcome(process.returncode, folder, _CALL)
        return result
    finally:
        if process is not None:
            end_process(process)
        shutil.rmtree(folder, ignore_errors=True)


def dumping(value: Any, path: Path, last: Progress) -> Steps[None]:
    """Write a value in a thread, so that writing many gigabytes can be left at any moment."""
    left = threading.Event()
    failed: list[BaseException] = []

    def write() -> None:
        try:
            _dump(value, path, left)
        except BaseException as error:
            failed.append(error)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    try:
        while writer.is_alive():
            writer.join(HEARTBEAT_S)
            yield last
    finally:
        left.set()
        writer.join()
    if failed:
        raise failed[0]


def start_process(folder: Path, module: str, environment: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a module of ours in a process of its own, with a folder that it shares with this one."""
    flags = getattr(subprocess, "CREATE_NO_WINDOW", 0)  # Windows only: no console window
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", module, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            env={**os.environ, **(environment or {}), "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
            creationflags=flags,
        )


def end_process(process: subprocess.Popen[bytes]) -> None:
    """End a process at once, whatever it does."""
    if process.poll() is None:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()


def listen(stream: IO[bytes] | None, messages: queue.Queue[dict[str, Any] | None]) -> None:
    """Put the child's lines into a queue, then None at their end."""
    try:
        if stream is not None:
            for line in stream:
                messages.put(json.loads(line))
    except (ValueError, OSError):
        pass  # the pipe was closed, or cut in the middle of a line, because the child was ended
    messages.put(None)


def outcome(returncode: int | None, folder: Path, call: str) -> Any:
    """Give the result that a call left in the folder, or raise its error."""
    result, failed = folder / f"{call}-result", folder / f"{call}-error"
    if result.exists():
        return _load(result, copy=True)
    if failed.exists():
        error = _load(failed, copy=True)
        if error["input"]:
            raise InputError(error["text"])
        raise StepFailed(error["text"], error["details"])
    log = (folder / "log").read_text(errors="replace")
    raise StepFailed(
        f"The step's process ended unexpectedly (code {returncode}); this happens when memory runs out. "
        "Try a smaller region, or close other programs.",
        log[-4000:],
    )


class _Pickler(pickle.Pickler):
    """Leave large arrays out of the pickle and in files beside it."""

    def __init__(self, stream: IO[bytes], folder: Path, stem: str, left: threading.Event | None) -> None:
        super().__init__(stream, protocol=pickle.HIGHEST_PROTOCOL)
        self._left = left
        self._folder = folder
        self._stem = stem
        self._saved: dict[int, tuple[Any, tuple[Any, ...]]] = {}

    def persistent_id(self, obj: Any) -> tuple[Any, ...] | None:
        if not isinstance(obj, np.ndarray) or obj.nbytes < _ARRAY_BYTES or obj.dtype.hasobject:
            return None
        if id(obj) not in self._saved:
            place = _place_in_file(obj) or self._save(obj)
            self._saved[id(obj)] = (obj, place)  # the array is kept, so that its id stays its own
        return self._saved[id(obj)][1]

    def _save(self, array: np.ndarray[Any, Any]) -> tuple[Any, ...]:
        name = f"{self._stem}-{len(self._saved)}.npy"
        array = np.atleast_1d(np.asarray(array))
        rows = max(1, _ARRAY_BYTES * 16 // max(1, array[:1].nbytes))
        with (self._folder / name).open("wb") as stream:
            np.lib.format.write_array_header_1_0(
                stream,
                {"descr": np.lib.format.dtype_to_descr(array.dtype), "fortran_order": False, "shape": array.shape},
            )
            for first in range(0, len(array), rows):
                if self._left is not None and self._left.is_set():
                    raise InterruptedError("whoever wanted the result has gone")
                np.ascontiguousarray(array[first : first + rows]).tofile(stream)
        return ("saved", name)


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: IO[bytes], folder: Path, copy: bool) -> None:
        super().__init__(stream)
        self._folder = folder
        self._copy = copy
        self._loaded: dict[tuple[Any, ...], Any] = {}

    def persistent_load(self, pid: Any) -> Any:
        if pid not in self._loaded:
            self._loaded[pid] = self._open(pid)
        return self._loaded[pid]

    def _open(self, pid: tuple[Any, ...]) -> Any:
        if pid[0] == "saved":
            return np.load(self._folder / pid[1], mmap_mode=None if self._copy else "r", allow_pickle=False)
        _, filename, dtype, shape, offset = pid
        return np.memmap(filename, dtype=dtype, shape=shape, offset=offset, mode="r")


def _place_in_file(array: np.ndarray[Any, Any]) -> tuple[Any, ...] | None:
    """Say where in which file an array lies, when it is an unchanged, contiguous part of a memory-mapped one."""
    root = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    if not isinstance(root, np.memmap) or root.mode not in ("r", "r+") or not array.flags.c_contiguous:
        return None
    if not root.filename or not os.path.exists(root.filename):
        return None
    if root.mode == "r+":
        root.flush()
    start = array.__array_interface__["data"][0] - root.__array_interface__["data"][0] + root.offset
    return ("file", str(root.filename), array.dtype.str, array.shape, start)


def _dump(value: Any, path: Path, left: threading.Event | None = None) -> None:
    """Write a value; the file appears only when it is whole. Stops between parts of an array when ``left`` is set."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as stream:
        _Pickler(stream, path.parent, path.name, left).dump(value)
    part.replace(path)


def _load(path: Path, copy: bool) -> Any:
    with path.open("rb") as stream:
        return _Unpickler(stream, path.parent, copy).load()


def _serve(folder: Path) -> None:
    """Do the work in the child: report on standard output, leave the result or the error in the folder."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print must not disturb the messages
    threading.Thread(target=_die_with_parent, args=(folder,), daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(5)  # the window comes first
    perform(folder, _CALL, out)


def perform(folder: Path, call: str, out: IO[bytes]) -> None:
    """Do what a file in the folder says: progress goes to ``out``, the result or the error into the folder."""
    try:
        function, args, kwargs = _load(folder / call, copy=False)
        steps = function(*args, **kwargs)
        while True:
            try:
                progress = next(steps)
            except StopIteration as stop:
                _dump(stop.value, folder / f"{call}-result")
                return
            line = json.dumps(asdict(progress))
            out.write(line.encode() + b"\n")
    except Exception as error:
        known = isinstance(error, (InputError, MemoryError))
        text = str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
        if isinstance(error, MemoryError):
            text = "There is not enough memory for this step; try a smaller region, or close other programs."
        _dump({"input": known, "text": text, "details": traceback.format_exc()}, folder / f"{call}-error")


def _die_with_parent(folder: Path) -> None:
    """End this process, and take its files along, when the parent's end of the pipe is gone."""
    # The bare descriptor: a thread that waits inside Python's buffered input makes a regular exit abort.
    while os.read(0, 4096):
        pass
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    # Pickles name classes by this module's real name, not by "__main__".
    from napari_cathode.process import _serve as serve

    serve(Path(sys.argv[1]))
