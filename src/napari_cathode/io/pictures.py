"""Single pictures as annotation programs show them: also JPEG and BMP, and grey ones that were saved as colour."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError

from .base import sizes
from .registry import open_volume

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp")
"""Of the files that this module decodes itself; the others are opened as tomograms are."""

_SAME_GREY = 3.0  # JPEG stores brightness and colour apart, and rounds both


def read_picture(path: str | Path) -> npt.NDArray[Any]:
    """Read one slice.

    Parameters
    ----------
    path : path
        PNG, JPEG or BMP, or any file that holds a single slice.

    Returns
    -------
    ndarray, shape (y, x)
        Grey values.

    Raises
    ------
    InputError
        When it cannot be read, is in colour, or is a stack.
    """
    path = Path(path)
    if path.suffix.lower() in SUFFIXES:
        return _grey(_decode(path), path.name)
    volume = open_volume(path).data
    if volume.shape[0] != 1:
        raise InputError(f"{path.name} is a stack of {volume.shape[0]} slices; annotations belong to single slices.")
    return np.asarray(volume[0])


def _decode(path: Path) -> npt.NDArray[Any]:
    import imagecodecs

    if not path.is_file():
        raise InputError(f"{path} does not exist; check the name.")
    content = path.read_bytes()
    if not content:
        raise InputError(f"{path.name} is empty (0 bytes); copy or export it again.")
    decoders: tuple[tuple[bytes, Any], ...] = (
        (b"\x89PNG", imagecodecs.png_decode),
        (b"\xff\xd8", imagecodecs.jpeg8_decode),
        (b"BM", imagecodecs.bmp_decode),
    )
    for magic, decode in decoders:
        if content.startswith(magic):
            try:
                return np.asarray(decode(content))
            except Exception as error:  # the decoders raise errors of their own
                raise InputError(f"{path.name} is cut off or damaged; copy or export it again.") from error
    raise InputError(f"{path.name} is no PNG, JPEG or BMP image, in spite of its name.")


def _grey(values: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """Take one channel of a grey picture that was saved as colour."""
    if values.ndim == 2:
        return values
    if values.ndim != 3 or values.shape[-1] > 4:
        raise InputError(f"{name} has {values.ndim} axes ({sizes(values.shape)}); one slice has two.")
    if values.shape[-1] <= 2:  # grey, perhaps with transparency
        return np.ascontiguousarray(values[..., 0])
    spread = np.ptp(values[..., :3].astype(np.int32), axis=-1)
    if spread.mean() > _SAME_GREY:
        raise InputError(f"{name} is a colour image; convert it to grey values (in Fiji: Image > Type > 8-bit).")
    return np.ascontiguousarray(values[..., 1])
