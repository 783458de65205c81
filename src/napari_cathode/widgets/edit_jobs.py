"""What an edit asked for in the window needs: the part of the labels that it looks at, and where one is looking."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from napari.layers import Labels

from napari_cathode.edit import EditParameters, LabelBoxes, Line, Plane, iter_edit, iter_label_boxes, room
from napari_cathode.errors import InputError
from napari_cathode.plugin.layers import voxel_at
from napari_cathode.progress import Progress, Steps
from napari_cathode.session import ParticleSet

from .job import Job

_AT_ONCE = {"split": 400_000, "split at seeds": 1_000_000, "grow": 1_000_000}
_SLAB_VOXELS = 1 << 24
_ELSE_AT_ONCE = 8_000_000
"""Voxels around the particles that are edited at once, in a tenth of a second; with more the window would stutter."""


class EditJob(Job):
    """An edit of a block of labels.

    Attributes
    ----------
    quick : bool
        Whether it holds the window up so shortly that no process is needed.
    """

    def __init__(self, voxels: int, kind: str, *args: Any, line: Any, seeds: Any, **kwargs: Any) -> None:
        super().__init__(f"Edit: {kind}", iter_edit, kind, *args, line=line, seeds=seeds, **kwargs)
        how = "split along a line" if line is not None else f"{kind} at seeds" if len(seeds) else kind
        self.quick = voxels <= _AT_ONCE.get(how, _ELSE_AT_ONCE)

    def here(self) -> Steps[Any]:
        """Give its steps without a process."""
        function, args, kwargs = self._call
        return function(*args, **kwargs)


class ReadingJob(Job):
    """Reads all of large or lazy labels in a thread: reading releases Python's lock."""

    def steps(self) -> Any:
        """Run in the worker's own thread."""
        function, args, kwargs = self._call
        return function(*args, **kwargs)


def search_job(labels: Any) -> ReadingJob:
    """Find out where the particles are."""
    return ReadingJob("Find the particles in the labels", iter_label_boxes, labels)


def copy_job(labels: Any) -> ReadingJob:
    """Copy labels into memory."""
    return ReadingJob("Copy the labels into memory", _iter_copy, labels)


def _iter_copy(labels: Any) -> Steps[npt.NDArray[Any]]:
    copy = np.empty(labels.shape, labels.dtype)
    thick = max(1, _SLAB_VOXELS // max(1, int(np.prod(labels.shape[1:]))))
    for first in range(0, len(copy), thick):
        yield Progress(first, len(copy), "Copying the labels into memory")
        copy[first : first + thick] = np.asarray(labels[first : first + thick])
    return copy


def in_memory(labels: Any) -> bool:
    """Whether labels can be changed by all edits, brushes included."""
    return isinstance(labels, np.ndarray) and bool(labels.flags.writeable)


def viewed_axis(viewer: Any, layer: Labels) -> int | None:
    """Give the axis (0, 1, 2 for z, y, x) across the slices that are shown of a layer, None in 3D."""
    if viewer.dims.ndisplay == 3:
        return None
    if layer.ndim == 2:
        return 0
    missing = viewer.dims.ndim - 3
    return next((axis for axis in range(3) if axis + missing not in viewer.dims.displayed), None)


def viewed_slice(viewer: Any, layer: Labels) -> Plane | None:
    """Give the slice of a layer that is shown, None in 3D."""
    axis = viewed_axis(viewer, layer)
    if axis is None or layer.ndim == 2:
        return None if axis is None else (0, 0)
    index = round(float(voxel_at(layer, viewer.dims.point, viewer.layers.units)[axis]))
    return axis, int(np.clip(index, 0, layer.data.shape[axis] - 1))


def free_number(particles: ParticleSet, boxes: LabelBoxes) -> int:
    """Give a number that no particle has, and that none had which the log of edits names."""
    named = (label for entry in particles.history.log() for label in entry["labels"])
    return max(boxes.free_id(particles.labels), 1 + max(named, default=0))


def edit_job(
    particles: ParticleSet,
    boxes: LabelBoxes,
    kind: str,
    ids: list[int],
    parameters: EditParameters,
    *,
    line: Line | None = None,
    seeds: Any = (),
    plane: Plane | None = None,
    axis: int = 0,
) -> EditJob:
    """Cut out what an edit needs.

    Parameters
    ----------
    particles : ParticleSet
    boxes : LabelBoxes
        Of its labels.
    kind : str
        One of `napari_cathode.edit.EDITS`.
    ids : list of int
        The selected particles.
    parameters : EditParameters
    line, seeds, plane, axis
        See `napari_cathode.edit.iter_edit`.

    Raises
    ------
    InputError
        When there is nothing selected, or something else is missing.
    """
    if not ids:
        raise InputError("Select a particle first: click it in the picture or in the table.")
    spacing = particles.spacing_um
    if spacing is None:
        if kind in ("smooth", "grow"):
            raise InputError("The voxel size of these particles is not known; enter it in Particle features first.")
        spacing = (1.0, 1.0, 1.0)
    labels = particles.labels
    image = None if kind != "grow" or particles.tomogram is None else particles.tomogram.data
    pads = room(kind, spacing, parameters)
    found = list(boxes.boxes(labels, ids).values())
    low = [max(0, min(box[i].start for box in found) - pads[i]) for i in range(3)]
    high = [min(labels.shape[i], max(box[i].stop for box in found) + pads[i]) for i in range(3)]
    if plane is not None:
        low[plane[0]], high[plane[0]] = plane[1], plane[1] + 1
    place = tuple(map(slice, low, high))
    block = np.asarray(labels[place])
    grey = None if image is None else np.asarray(image[place])
    new_id = free_number(particles, boxes) if kind == "split" else 0
    given = {"line": line, "seeds": seeds, "plane": plane, "axis": axis}
    return EditJob(block.size, kind, block, ids, spacing, parameters, image=grey, start=low, new_id=new_id, **given)
