"""Any edit by its name, as a step that can run in a process of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps
from napari_cathode.tomogram import Spacing

from .between import fill_between
from .change import Change
from .operations import delete, fill, grow, merge, smooth
from .parameters import EditParameters
from .splitting import split_along_line, split_at_seeds, split_in_parts

EDITS = ("merge", "delete", "fill", "smooth", "grow", "split", "fill between")

Line = tuple[Sequence[float], Sequence[float], int | Sequence[float]]
"""Two points (z, y, x) in voxels, and the direction in which one looks, or its axis."""

Plane = tuple[int, int]
"""An axis, and the index of a slice across it."""

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
    line: Line | None = None,
    seeds: Sequence[Sequence[float]] = (),
    plane: Plane | None = None,
    axis: int = 0,
) -> Steps[Change]:
    """Make an edit; nothing is changed before the change is applied.

    Parameters
    ----------
    kind : str
        One of `EDITS`.
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
    line : Line, optional
        In voxels of all labels: splits along the plane through it.
    seeds : sequence, optional
        Points (z, y, x) in voxels of all labels: splits at them.
    plane : Plane, optional
        Only this slice of all labels is edited: the particles' sections with it.
    axis : int
        The axis across the slices between which is filled.

    Yields
    ------
    Progress

    Returns
    -------
    Change
        With its box in all labels.
    """
    yield Progress(0, 1, f"Edit: {kind}")
    if plane is not None:
        labels, image, start, ids = _in_plane(plane, labels, image, start, ids, kind)
    shift = np.asarray(start, float)
    if kind == "split" and line is not None:
        begin, end, along = line
        change = split_along_line(
            labels, ids[0], np.asarray(begin, float) - shift, np.asarray(end, float) - shift, along, new_id
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
    elif kind == "fill between":
        change = fill_between(labels, ids, axis, spacing_um)
    else:
        raise ValueError(f"there is no edit {kind!r}")
    yield Progress(1, 1, f"Edit: {kind}")
    if line is not None or len(seeds):
        change = replace(change, details={**change.details, **_places(line, seeds)})
    if plane is not None:
        change = replace(change, details={**change.details, "only_slice": f"{'zyx'[plane[0]]} {plane[1]}"})
    return change.shifted(start)


def _places(line: Line | None, seeds: Sequence[Sequence[float]]) -> dict[str, Any]:
    """Give where a split was drawn, in voxels of all labels."""
    if line is None:
        return {"seeds": [_rounded(seed) for seed in seeds]}
    return {"begin": _rounded(line[0]), "end": _rounded(line[1])}


def _rounded(point: Sequence[float]) -> list[float]:
    return [round(float(index), 2) for index in point]


def _in_plane(
    plane: Plane, labels: Any, image: Any | None, start: Sequence[int], ids: Sequence[int], kind: str
) -> tuple[Any, Any | None, tuple[int, ...], list[int]]:
    """Cut one slice out of a block, with those of the particles that lie in it."""
    axis, index = plane
    first = index - int(start[axis])
    cut = tuple(slice(first, first + 1) if other == axis else slice(None) for other in range(3))
    inside = 0 <= first < labels.shape[axis]  # a block need not reach the slice
    labels = np.asarray(labels[cut])
    here = sorted(set(ids) & {int(label) for label in np.unique(labels)}) if inside else []
    if not here:
        which = f"Particle {ids[0]} does" if len(ids) == 1 else "The selected particles do"
        raise InputError(
            f"{which} not lie in this slice; go to a slice through it, or edit whole particles (Only in this slice)."
        )
    if kind == "merge" and len(here) < 2:
        raise InputError(f"Of the selected particles only {here[0]} lies in this slice; there is nothing to merge.")
    starts = tuple(index if other == axis else int(low) for other, low in enumerate(start))
    return labels, None if image is None else np.asarray(image[cut]), starts, here


def room(kind: str, spacing_um: Spacing, parameters: EditParameters) -> tuple[int, ...]:
    """Give the voxels (z, y, x) around the particles that an edit looks at."""
    lengths = {"smooth": 3 * parameters.smoothing_um, "grow": 2 * parameters.reach_um}
    extra = {"grow": 8}.get(kind, 1)
    return tuple(int(np.ceil(lengths.get(kind, 0.0) / edge)) + extra for edge in spacing_um)


def free_id(labels: Any) -> int:
    """Give the lowest number above all that the labels (z, y, x) hold."""
    thick = max(1, _SLAB_VOXELS // max(1, int(np.prod(labels.shape[1:]))))
    return 1 + max(int(np.max(labels[first : first + thick])) for first in range(0, int(labels.shape[0]), thick))
