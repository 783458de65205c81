"""Where the particles of a label array are, known through all edits, so that none has to be searched for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from napari_cathode.boxes import Box
from napari_cathode.errors import InputError
from napari_cathode.measure.volume_pass import Inventory, iter_inventory
from napari_cathode.progress import Steps, drain

from .change import Change


class LabelBoxes:
    """The box around each particle of a label array; make it with `iter_label_boxes`.

    After an edit the boxes of what it changed are too large at first; they are narrowed when they are asked for, from
    the voxels within them.

    Parameters
    ----------
    boxes : dict of int to tuple of slice
        The boxes (z, y, x) of all particles, each the smallest.
    """

    def __init__(self, boxes: dict[int, Box]) -> None:
        self._boxes = boxes
        self._loose: set[int] = set()

    @classmethod
    def of_inventory(cls, found: Inventory) -> LabelBoxes:
        """Take them over from a measurement."""
        ends = np.stack([found.low, found.high + 1], axis=2).tolist()
        return cls(
            {
                label: tuple(slice(first, stop) for first, stop in sides)
                for label, sides in zip(found.ids.tolist(), ends, strict=True)
            }
        )

    def note(self, change: Change) -> None:
        """Take note of a change, made or taken back."""
        for label in change.labels:
            known = self._boxes.get(label)
            if known is None:
                self._boxes[label] = change.box
            else:
                pairs = zip(known, change.box, strict=True)
                self._boxes[label] = tuple(slice(min(a.start, b.start), max(a.stop, b.stop)) for a, b in pairs)
            self._loose.add(label)

    def box(self, labels: Any, label: int) -> Box | None:
        """Give the smallest box around a particle, None where there is no such particle.

        Parameters
        ----------
        labels : array of integers, shape (z, y, x)
            The labels as they are now; only the particle's box is read, and only after an edit.
        label : int
            The particle.
        """
        if label in self._loose:
            self._narrow(labels, label)
        return self._boxes.get(label)

    def boxes(self, labels: Any, ids: Iterable[int]) -> dict[int, Box]:
        """Give the smallest box around each of some particles.

        Raises
        ------
        InputError
            When one does not exist.
        """
        found = {}
        for label in ids:
            box = self.box(labels, label)
            if box is None:
                raise InputError(f"There is no particle {label} in these labels.")
            found[int(label)] = box
        return found

    def existing(self, labels: Any) -> frozenset[int]:
        """Give all particles that there are."""
        for label in tuple(self._loose):
            self._narrow(labels, label)
        return frozenset(self._boxes)

    def free_id(self, labels: Any) -> int:
        """Give the lowest number above all that the labels hold."""
        return 1 + max(self.existing(labels), default=0)

    def _narrow(self, labels: Any, label: int) -> None:
        self._loose.discard(label)
        box = self._boxes[label]
        own = np.asarray(labels[box]) == label
        sides = []
        for axis, side in enumerate(box):
            along = np.flatnonzero(own.any(axis=tuple(other for other in range(own.ndim) if other != axis)))
            if not along.size:
                del self._boxes[label]
                return
            sides.append(slice(side.start + int(along[0]), side.start + int(along[-1]) + 1))
        self._boxes[label] = tuple(sides)


def iter_label_boxes(labels: Any) -> Steps[LabelBoxes]:
    """Find the boxes of all particles in one pass over the labels.

    Parameters
    ----------
    labels : array of integers, shape (z, y, x)
        In memory or lazy; read slab by slab.

    Yields
    ------
    Progress

    Returns
    -------
    LabelBoxes

    Raises
    ------
    InputError
        When labels are negative or too large.
    """
    found = yield from iter_inventory(labels, None)
    return LabelBoxes.of_inventory(found)


def label_boxes(labels: Any) -> LabelBoxes:
    """Do `iter_label_boxes` at once."""
    return drain(iter_label_boxes(labels))
