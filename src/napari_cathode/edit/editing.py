"""Any edit by its name, as a step that can run in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_cathode.progress import Progress, Steps
from napari_cathode.tomogram import Spacing

from .change import Change
from .operations import delete, fill, grow, merge, smooth
from .parameters import EditParameters
from .splitting import split_along_line, split_at_seeds, split_in_parts

EDITS = ("merge", "delete", "fill", "smooth", "grow", "split")
_SLAB_VOXELS = 1 << 24


def iter_edit(
    kind: str,
    labels: Any,
    ids: Sequence[int],
    spacing_um: Spacing,
    parameters: EditParameters,
    *,
    image: Any | None = None,
    start: Sequence[int] = (0, 0, 0),
    new_id: int = 0,
    line: tuple[Sequence[float], Sequence[float], int] | None = None,
    seeds: Sequence[Sequence[float]] = (),
) -> Steps[Change]:
    """Make an edit; nothing is changed before the change is applied.

    Parameters
    ----------
    kind : {"merge", "delete", "fill", "smooth", "grow", "split"}
    labels : array of integers, shape (z, y, x)
        All labels, or a block that holds the particles with `room` around them.
    ids : sequence of int
        The particles; a split takes one.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    parameters : EditParameters
    image : array, shape (z, y, x), optional
        Grey values of the same block, to grow by.
    start : sequence of int
        Index (z, y, x) of the block's first voxel.
    new_id : int
        From here on numbers are free; see `free_id`.
    line : tuple, optional
        Two points (z, y, x) in voxels of all labels, and the axis along which one looks: splits along them.
    seeds : sequence, optional
        Points (z, y, x) in voxels of all labels: splits at them.

    Yields
    ------
    Progress

    Returns
    -------
    Change
        With its box in all labels.
    """
    yield Progress(0, 1, f"Edit: {kind}")
    shift = np.asarray(start, float)
    if kind == "split" and line is not None:
        begin, end, axis = line
        change = split_along_line(
            labels, ids[0], np.asarray(begin, float) - shift, np.asarray(end, float) - shift, axis, new_id
        )
    elif kind == "split" and len(seeds):
        change = split_at_seeds(labels, ids[0], np.asarray(seeds, float) - shift, spacing_um, new_id)
    elif kind == "split":
        change = split_in_parts(labels, ids[0], parameters.parts, spacing_um, new_id)
    elif kind == "merge":
        change = merge(labels, ids)
    elif kind == "delete":
        change = delete(labels, ids)
    elif kind == "fill":
        change = fill(labels, ids)
    elif kind == "smooth":
        change = smooth(labels, ids, spacing_um, parameters.smoothing_um)
    elif kind == "grow":
        change = grow(labels, ids, image, spacing_um, parameters.reach_um)
    else:
        raise ValueError(f"there is no edit {kind!r}")
    yield Progress(1, 1, f"Edit: {kind}")
    return change.shifted(start)


def room(kind: str, spacing_um: Spacing, parameters: EditParameters) -> tuple[int, ...]:
    """Give the voxels (z, y, x) around the particles that an edit looks at."""
    lengths = {"smooth": 3 * parameters.smoothing_um, "grow": 2 * parameters.reach_um}
    extra = {"grow": 8}.get(kind, 1)
    return tuple(int(np.ceil(lengths.get(kind, 0.0) / edge)) + extra for edge in spacing_um)


def free_id(labels: Any) -> int:
    """Give the lowest number above all that the labels (z, y, x) hold."""
    thick = max(1, _SLAB_VOXELS // max(1, int(np.prod(labels.shape[1:]))))
    return 1 + max(int(np.max(labels[first : first + thick])) for first in range(0, int(labels.shape[0]), thick))
