"""Files that appear whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_cathode.errors import InputError


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a name to write to; the file takes its place under ``path`` when all of it is written.

    The name has the suffix of ``path``. Missing folders are made. After an error nothing is left behind.

    Raises
    ------
    InputError
        When the place cannot be written to.
    """
    path = Path(path)
    part = path.with_name(f".{path.stem}-{os.getpid()}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield part
        os.replace(part, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputError(f"{path} cannot be written ({reason}); choose another folder or make room.") from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
