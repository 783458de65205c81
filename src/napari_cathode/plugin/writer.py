"""napari's writer: a Labels layer as a file that keeps its voxel size, and what was changed by hand beside it."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_cathode.edit import write_log_beside
from napari_cathode.io import write_labels
from napari_cathode.tomogram import Spacing

from .layers import um_factor
from .link import log_of


def write_labels_layer(path: str, data: Any, attributes: dict[str, Any]) -> list[str]:
    """Write one Labels layer as TIFF (for Fiji) or ``.npy``, and the log of its edits to ``NAME_edits.csv`` beside it.

    Parameters
    ----------
    path : str
        Where to; its suffix decides on the format.
    data : array-like of int, shape (z, y, x) or (y, x)
        The labels.
    attributes : dict
        The layer's, with ``scale`` and ``units``.

    Returns
    -------
    list of str
        The files written.

    Raises
    ------
    InputError
        When it cannot be written.
    """
    write_labels(path, np.asarray(data), _spacing(attributes))
    log = write_log_beside(path, log_of(data))
    return [path] if log is None else [path, str(log)]


def _spacing(attributes: dict[str, Any]) -> Spacing | None:
    """Give the voxel spacing (z, y, x) in µm, None for a layer in pixels.

    A slice is as thick as its pixels are high.
    """
    units = attributes.get("units") or ()
    factors = [um_factor(unit) for unit in units]
    if not factors or None in factors:
        return None
    lengths = [abs(float(scale)) * factor for scale, factor in zip(attributes["scale"], factors, strict=True)]
    lengths = [lengths[0], *lengths] if len(lengths) == 2 else lengths
    return (lengths[-3], lengths[-2], lengths[-1]) if len(lengths) >= 3 else None
