"""The manifest of a project, ``project.json``: the one small file whose replacement makes a save real."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from napari_cathode import __version__
from napari_cathode.errors import InputError

MANIFEST = "project.json"
PARTS = "project"
"""Folder beside the manifest with the files that only projects have."""

VERSION = 1
"""Version of the layout; a program reads its own and all earlier ones."""

_FORMAT = "napari-cathode project"
_LOCK = ".lock"
_NOT_FINITE = "not_finite"


def holds_project(folder: str | os.PathLike[str]) -> bool:
    """Tell quickly whether a folder, or a manifest itself, is a project of ours, whatever its version."""
    path = _manifest_of(folder)
    try:
        with path.open("rb") as stream:
            return path.name == MANIFEST and _FORMAT.encode() in stream.read(200)
    except OSError:
        return False


def folder_of(path: str | os.PathLike[str]) -> Path:
    """Give the folder of a project, named by itself or by its manifest."""
    return Path(os.path.abspath(_manifest_of(path).parent))


def _manifest_of(path: str | os.PathLike[str]) -> Path:
    path = Path(path)
    return path if path.name == MANIFEST and not path.is_dir() else path / MANIFEST


def read_manifest(folder: Path) -> dict[str, Any]:
    """Read the manifest of a project.

    Raises
    ------
    InputError
        When there is none, it is damaged, or a newer program wrote it.
    """
    path = folder / MANIFEST
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(
            f"{folder} is no project: it has no {MANIFEST}; choose the folder that a project was saved in."
        ) from None
    except OSError as error:
        raise InputError(f"The project {folder} cannot be opened ({error.strerror}).") from None
    except ValueError:
        raise InputError(
            f"{path} is damaged, so that the project cannot be opened; restore the file from a backup. Labels and "
            f"tables lie in {PARTS}/ and can be opened one by one."
        ) from None
    if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT:
        raise InputError(f"{path} does not come from napari-cathode; choose the folder of a project.")
    version = manifest.get("version")
    if not isinstance(version, int) or version > VERSION:
        raise InputError(
            f"The project {folder} was saved by a newer program ({manifest.get('program', 'unknown')}, project version "
            f"{version}; this is napari-cathode {__version__}, which reads up to {VERSION}); update napari-cathode."
        )
    return restored(manifest)


def write_manifest(folder: Path, content: dict[str, Any]) -> None:
    """Replace the manifest, so that after a crash at any moment either the former or the new one is there."""
    manifest = {"format": _FORMAT, "version": VERSION, "program": f"napari-cathode {__version__}", **content}
    text = json.dumps(storable(manifest), indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    part = folder / f".{MANIFEST}.part"
    try:
        with part.open("w", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, folder / MANIFEST)
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
    sync_folder(folder)


def storable(value: Any) -> Any:
    """Make of plain values and dataclasses what JSON can hold, so that `restored` gives back every number."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: storable(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, dict):
        return {str(key): storable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [storable(item) for item in value]
    if hasattr(value, "tolist"):  # NumPy's numbers and arrays
        return storable(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return {_NOT_FINITE: repr(value)}
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def restored(value: Any) -> Any:
    """Undo `storable`, but for tuples, which come back as lists."""
    if isinstance(value, dict):
        if list(value) == [_NOT_FINITE]:
            return float(value[_NOT_FINITE])
        return {key: restored(item) for key, item in value.items()}
    return [restored(item) for item in value] if isinstance(value, list) else value


def sync(path: Path) -> None:
    """Wait until a file, or all of a folder, is on the disk."""
    if path.is_dir():
        for root, _, names in os.walk(path):
            for name in names:
                _sync_file(Path(root) / name)
            sync_folder(Path(root))
    else:
        _sync_file(path)


def _sync_file(path: Path) -> None:
    handle = os.open(path, os.O_RDWR)  # Windows syncs nothing that is open for reading only
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sync_folder(folder: Path) -> None:
    """Wait until the names in a folder are on the disk, where the system can do so."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems refuse it
            os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep others from saving into a project meanwhile; the lock ends with the process, however that ends.

    Raises
    ------
    InputError
        When somebody else is saving.
    """
    with (folder / PARTS / _LOCK).open("a+b") as stream:
        try:
            _lock(stream.fileno())
        except OSError:
            raise InputError(f"Another program is saving {folder} at this moment; try again.") from None
        yield


def _lock(handle: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        return
    import fcntl

    with suppress(NotImplementedError):
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
