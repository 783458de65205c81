"""A process that stays for the next step: what it imported and opened once is there when the next step comes.

A preview takes a fresh process seconds to import libraries and to open the network, and a slider's position has to be
drawn in a tenth of one. Otherwise it is as `process.iter_in_process`: closing the generator in the middle of a step
ends the process, in native code too, and the next step gets a new one.
"""

from __future__ import annotations

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from .cores import CORES
from .process import HEARTBEAT_S, dumping, end_process, listen, outcome, perform, start_process
from .progress import Progress, Steps

T = TypeVar("T")

IDLE_S = 600.0
"""A process that nobody asks for anything that long ends, and gives its memory back."""


class KeptProcess:
    """Runs one step at a time in a process that stays."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._folder: Path | None = None
        self._messages: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._busy = threading.Lock()
        self._calls = 0
        self._cores: str | None = None
        self._tidy: Callable[[], Any] = lambda: None

    @property
    def pid(self) -> int | None:
        """The number of the process that the next call goes to; None while there is none."""
        return None if self._process is None or not self._usable else self._process.pid

    @property
    def _usable(self) -> bool:
        """Whether there is a process, and it may use as many cores as are set now."""
        there = self._process is not None and self._process.poll() is None
        return there and os.environ.get(CORES) == self._cores

    def iter_call(self, function: Callable[..., Steps[T]], /, *args: Any, **kwargs: Any) -> Steps[T]:
        """Run a generator of long work; see `process.iter_in_process`.

        A call that comes while another one runs waits for it.
        """
        last = Progress(0, 0, "Starting")
        yield last
        while not self._busy.acquire(timeout=HEARTBEAT_S):
            yield last
        whole = False
        try:
            process, folder = self._ready()
            self._calls += 1
            name = f"call-{self._calls}"
            yield from dumping((function, args, kwargs), folder / name, last)
            assert process.stdin is not None
            try:
                process.stdin.write(f"{name}\n".encode())
                process.stdin.flush()
            except OSError:
                pass  # it died; the end of its messages says so
            while True:
                try:
                    message = self._messages.get(timeout=HEARTBEAT_S)
                except queue.Empty:
                    yield last
                    continue
                if message is None:
                    process.wait()
                    break
                if "end" in message:
                    whole = True
                    break
                last = Progress(message["done"], message["total"], message["what"])
                yield last
            try:
                result: T = outcome(process.returncode, folder, name)
            finally:
                for path in folder.glob(f"{name}*"):
                    path.unlink(missing_ok=True)
            return result
        finally:
            if not whole:
                self._end()
            self._busy.release()

    def close(self) -> None:
        """End the process; the next call starts a new one."""
        self._end()

    def _ready(self) -> tuple[subprocess.Popen[bytes], Path]:
        if not self._usable:
            self._end()
            self._cores = os.environ.get(CORES)
            self._folder = Path(tempfile.mkdtemp(prefix="napari-cathode-"))
            self._process = start_process(self._folder, "napari_cathode.kept_process")
            self._messages = queue.Queue()
            threading.Thread(target=listen, args=(self._process.stdout, self._messages), daemon=True).start()
            self._tidy = weakref.finalize(self, _remove, self._process, self._folder)
        assert self._process is not None and self._folder is not None
        return self._process, self._folder

    def _end(self) -> None:
        self._tidy()
        self._process = None


def _remove(process: subprocess.Popen[bytes], folder: Path) -> None:
    end_process(process)
    shutil.rmtree(folder, ignore_errors=True)


def _serve(folder: Path) -> None:
    """Do in the child what the lines on standard input name, until they end or nothing comes for long."""
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # what libraries print must not disturb the messages
    calls: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_hear, args=(folder, calls), daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(5)  # the window comes first
    while True:
        try:
            name = calls.get(timeout=IDLE_S)
        except queue.Empty:
            return
        perform(folder, name, out)
        out.write(json.dumps({"end": name}).encode() + b"\n")


def _hear(folder: Path, calls: queue.Queue[str]) -> None:
    """Queue what the parent asks for; when its end of the pipe is gone, end this process and take its files along."""
    rest = b""
    # The bare descriptor: a thread that waits inside Python's buffered input makes a regular exit abort.
    while block := os.read(0, 4096):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            calls.put(line.decode())
    shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    # Pickles name classes by this module's real name, not by "__main__".
    from napari_cathode.kept_process import _serve as serve

    serve(Path(sys.argv[1]))
