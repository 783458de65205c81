"""Files that commands write: nothing that is there is replaced without being asked for."""

from __future__ import annotations

from pathlib import Path

from napari_cathode.errors import InputError
from napari_cathode.resources import check_writable


def may_write(path: Path, overwrite: bool) -> Path:
    """Check that a file may be written.

    Raises
    ------
    InputError
        When it exists and ``overwrite`` is not given, is a folder, or may not be written.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder; name a file.")
    if path.exists() and not overwrite:
        raise InputError(f"{path} exists; name another file, or replace it with --overwrite.")
    check_writable(path.parent)
    return path


def may_write_into(folder: Path, names: list[str], overwrite: bool) -> Path:
    """Check that files may be written into a folder, and make the folder.

    Raises
    ------
    InputError
        When it is a file or may not be written to, or one of the files exists and ``overwrite`` is not given.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder.")
    present = [name for name in names if (folder / name).exists()]
    if present and not overwrite:
        raise InputError(
            f"{folder} has a file {present[0]} already; name another folder, or replace it with --overwrite."
        )
    check_writable(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
