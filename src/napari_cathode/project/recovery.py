"""Work that was not saved yet: a project of its own for each session, found again after a crash."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from napari_cathode.resources import recovery_folder

from .manifest import MANIFEST, holds_project, read_manifest

_OWNER = "owner.json"
_WORK = "work"


class RecoveryFolder:
    """Where a session keeps what nobody has saved.

    Parameters
    ----------
    folder : path, optional
        One that another session left; None makes a new one.

    Attributes
    ----------
    folder : Path
        Its folder.
    """

    def __init__(self, folder: Path | None = None) -> None:
        if folder is None:
            recovery_folder().mkdir(parents=True, exist_ok=True)
            stamp = datetime.now().strftime("%Y-%m-%d-%H%M%S-")
            folder = Path(tempfile.mkdtemp(prefix=stamp, dir=recovery_folder()))
        self.folder = folder
        self.claim()

    @property
    def project(self) -> Path:
        """The folder of the project in it."""
        return self.folder / _WORK

    def claim(self) -> None:
        """Say that this process is at work here."""
        owner = {"pid": os.getpid(), "started": _start_of(os.getpid())}
        (self.folder / _OWNER).write_text(json.dumps(owner) + "\n", encoding="utf-8")

    def release(self) -> None:
        """Say that nobody is at work here any more; what was not saved is offered next time."""
        with suppress(OSError):
            (self.folder / _OWNER).unlink(missing_ok=True)
            if not holds_project(self.project):
                shutil.rmtree(self.folder, ignore_errors=True)

    def retire(self) -> None:
        """Offer it no more; its files stay until `release`."""
        with suppress(OSError):
            (self.project / MANIFEST).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove it: its work was saved elsewhere, or is not wanted."""
        shutil.rmtree(self.folder, ignore_errors=True)


@dataclass(frozen=True)
class Recoverable:
    """Work that a session left without saving.

    Attributes
    ----------
    folder : Path
        Its recovery folder.
    names : tuple of str
        The particle sets in it, or the tomograms where there are none.
    edits : bool
        Whether labels were corrected by hand.
    saved : float
        When it was kept last (seconds since 1970).
    """

    folder: Path
    names: tuple[str, ...]
    edits: bool
    saved: float

    @property
    def project(self) -> Path:
        """The folder of the project in it."""
        return self.folder / _WORK

    def describe(self) -> tuple[str, str]:
        """Say what it is, and from when."""
        when = datetime.fromtimestamp(self.saved)
        today = when.date() == datetime.now().date()
        day = "today" if today else f"{when.day} {when:%B %Y}"
        corrected = "corrected by hand, " if self.edits else ""
        return ", ".join(self.names) or "unnamed", f"{corrected}kept {day}, {when:%H:%M}"


def list_recoverable() -> list[Recoverable]:
    """List the work that sessions left that are no longer running, the newest first; empty leftovers are removed."""
    root = recovery_folder()
    found = []
    for folder in sorted(root.iterdir()) if root.is_dir() else ():
        if not folder.is_dir() or _is_owned(folder):
            continue
        if not (folder / _WORK / MANIFEST).exists():
            if time.time() - folder.stat().st_mtime > 60:  # a session that begins has none yet
                shutil.rmtree(folder, ignore_errors=True)
            continue
        found.append(_describe(folder))
    return sorted(found, key=lambda one: -one.saved)


def _describe(folder: Path) -> Recoverable:
    names: list[str] = []
    edits = False
    with suppress(ValueError, KeyError, TypeError):  # a manifest that cannot be read says so when it is opened
        manifest = read_manifest(folder / _WORK)
        names = [entry["name"] for entry in manifest["particles"]] or [entry["name"] for entry in manifest["tomograms"]]
        edits = any(entry["edits"] for entry in manifest["particles"])
    return Recoverable(folder, tuple(names), edits, (folder / _WORK / MANIFEST).stat().st_mtime)


def _is_owned(folder: Path) -> bool:
    """Whether the session that made a folder is still running."""
    try:
        owner = json.loads((folder / _OWNER).read_text(encoding="utf-8"))
        started = _start_of(int(owner["pid"]))
        return started is not None and started == owner["started"]
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _start_of(pid: int) -> float | None:
    """Give when a process was started, which tells it from a later one of its number; None when it is gone."""
    import psutil

    try:
        process = psutil.Process(pid)
        # One that was killed keeps its number until whoever started it takes notice.
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.Error:
        return None
