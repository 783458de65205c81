"""Cutting particles out of a volume, and measuring them one by one or several at a time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Any

import numpy as np
import numpy.typing as npt

from .grey_kernels import with_numbers
from .particle import OUTSIDE, Context, Crop, Measured, measure_particle, padding
from .streaming import reading_order
from .volume_pass import Inventory, read_labels

Bools = npt.NDArray[np.bool_]

WAITING = 16
"""Crops handed to an executor at a time; more would only fill memory."""


def cut_crops(
    labels: Any,
    image: Any | None,
    field_of_view: Bools | None,
    inventory: Inventory,
    context: Context,
    *,
    largest_first: bool,
) -> Iterator[Crop]:
    """Cut out the particles one by one.

    From top to bottom, or as files are laid out; in memory the largest first where that keeps a pool busy to its end.
    """
    pad = np.array(padding(context.spacing_um, context.parameters))
    if labels.shape[0] == 1:
        pad[0] = 0
    if largest_first and isinstance(labels, np.ndarray) and isinstance(image, np.ndarray | None):
        order = np.argsort(-inventory.voxels, kind="stable")
    else:
        order = reading_order(inventory.low, labels.shape, (labels, image))
    for place in order:
        low, high = inventory.low[place] - pad, inventory.high[place] + pad + 1
        label = int(inventory.ids[place])
        yield Crop(
            label,
            bool(inventory.touches_border[place]),
            (int(low[0]), int(low[1]), int(low[2])),
            *_cut_out(labels, image, field_of_view, label, low, high),
        )


def _cut_out(
    labels: Any,
    image: Any | None,
    field_of_view: Bools | None,
    label: int,
    low: npt.NDArray[np.int64],
    high: npt.NDArray[np.int64],
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32] | None, Bools | None]:
    """Read a box of labels and image, and mark where the grey is no number; None where that is nowhere.

    Beyond the volume and its field of view the label is OUTSIDE.
    """
    ends = np.minimum(high, labels.shape)
    starts = np.maximum(low, 0)
    box = tuple(slice(int(start), int(end)) for start, end in zip(starts, ends, strict=True))
    around = [
        (int(start - first), int(last - end)) for first, start, end, last in zip(low, starts, ends, high, strict=True)
    ]
    part = read_labels(labels, (box[0], box[1], box[2]))
    if field_of_view is not None:
        seen = np.broadcast_to(field_of_view, labels.shape)[box]
        own = part == label
        if not (own & seen).any():  # of a label that lies outside altogether, where it is remains known
            seen = seen | own
        part = np.where(seen, part, np.int32(OUTSIDE))
    inside = not any(before or after for before, after in around)
    if not inside:  # np.pad would take several times as long
        wide = np.full([int(size) for size in high - low], OUTSIDE, np.int32)
        middle = tuple(slice(before, before + size) for (before, _), size in zip(around, part.shape, strict=True))
        wide[middle] = part
        part = wide
    if image is None:
        return np.ascontiguousarray(part), None, None
    given = np.ascontiguousarray(image[box], np.float32)
    there = with_numbers(given)
    unknown = None if there is given else np.pad(~np.isfinite(given), around)
    if inside:
        return np.ascontiguousarray(part), there, unknown
    grey = np.empty(part.shape, np.float32)
    grey[middle] = there
    for axis, where in enumerate(middle):  # the image's edge, repeated
        planes = grey.swapaxes(0, axis)
        planes[: where.start] = planes[where.start]
        planes[where.stop :] = planes[where.stop - 1]
    return part, grey, unknown


def measure_crops(crops: Iterator[Crop], context: Context, executor: Executor | None) -> Iterator[Measured]:
    """Measure crops here or in an executor, a few at a time."""
    if executor is None:
        for crop in crops:
            yield measure_particle(crop, context)
        return
    running: set[Future[Measured]] = set()
    try:
        for crop in crops:
            running.add(executor.submit(measure_particle, crop, context))
            if len(running) >= WAITING:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        for future in running:
            future.cancel()
