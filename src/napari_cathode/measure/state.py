"""What a measurement keeps, so that after an edit of the labels only what depends on it is measured again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError
from napari_cathode.tomogram import Region, Spacing, check_region

from .parameters import MeasureParameters
from .particle import Measured, padding
from .threshold import GreyLevels
from .volume_pass import Bools, Inventory, find_edge, read_labels, take_stock

Boxes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class MeasureState:
    """What a measurement keeps beside its table (``table.attrs["state"]``); it is never changed and can be pickled.

    The grey levels of the image are kept, too: they are learnt from the image as a whole, and one particle's edit must
    not shift the numbers of all others.

    Attributes
    ----------
    shape : tuple of int
        Voxels (z, y, x) of the labels.
    spacing_um : tuple of float
    parameters : MeasureParameters
    with_image : bool
    grey : GreyLevels
        Of the whole image.
    inventory : Inventory
        The labels and their boxes.
    particles : dict of int to Measured
        What each label's crop gave.
    field_of_view : ndarray of bool, optional
    seen : ndarray of float64, shape (z, y, x), optional
        Voxels of the field of view in the cells of the coarse grid; None without a field of view.
    """

    shape: tuple[int, int, int]
    spacing_um: Spacing
    parameters: MeasureParameters
    with_image: bool
    grey: GreyLevels
    inventory: Inventory
    particles: dict[int, Measured]
    field_of_view: Bools | None
    seen: npt.NDArray[np.float64] | None

    # pandas copies what is attached to a table with every operation, and compares it.
    def __copy__(self) -> MeasureState:
        return self

    def __deepcopy__(self, memo: Any) -> MeasureState:
        return self

    @cached_property
    def pad(self) -> npt.NDArray[np.int64]:
        """Voxels (z, y, x) around a particle that its measurement looks at."""
        pad = np.array(padding(self.spacing_um, self.parameters), np.int64)
        if self.shape[0] == 1:
            pad[0] = 0
        return pad

    def check(self, shape: tuple[int, ...], spacing_um: Spacing, parameters: MeasureParameters, image: bool) -> None:
        """Check that labels can be measured in continuation.

        Raises
        ------
        InputError
            When grid, parameters or image are not those of before.
        """
        for name, before, now in (
            ("shape", self.shape, tuple(shape)),
            ("voxel size", self.spacing_um, spacing_um),
            ("parameters", self.parameters, parameters),
            ("image", self.with_image, image),
        ):
            if before != now:
                raise InputError(
                    f"The {name} of these labels is not that of the measurement before; measure all particles again."
                )

    def region(self, labels: Any, changed: Sequence[Region]) -> Region:
        """Give the part of labels and image that is read when some regions of the labels have changed.

        Parameters
        ----------
        labels : array-like of integers, shape (z, y, x)
            As they are now; only the regions are read.
        changed : sequence of ((int, int), (int, int), (int, int))
            First voxel and the one behind the last along (z, y, x), outside which nothing has changed.
        """
        low, high = self.inventory.low, self.inventory.high + 1
        starts, stops = [], []
        for region in changed:
            start, stop = np.array(check_region(region, self.shape, "the labels"), np.int64).T
            near = _overlap(low - self.pad, high + self.pad, start, stop)
            # A particle that was far away may have got voxels here.
            present = np.unique(labels[tuple(slice(first, last) for first, last in region)])
            near |= np.isin(self.inventory.ids, present)
            starts += [start[None], low[near]]
            stops += [stop[None], high[near]]
        first = np.maximum(np.concatenate(starts).min(axis=0) - self.pad, 0)
        last = np.minimum(np.concatenate(stops).max(axis=0) + self.pad, self.shape)
        z, y, x = zip(first.tolist(), last.tolist(), strict=True)
        return z, y, x

    def excerpt(self, array: Any, region: Region) -> Excerpt:
        """Cut a region out of labels or image, which then stands for the whole array when an edit is measured.

        Parameters
        ----------
        array : array-like, shape (z, y, x)
        region : ((int, int), (int, int), (int, int))
            As `region` gives it.
        """
        part = array[tuple(slice(first, stop) for first, stop in region)]
        return Excerpt(np.ascontiguousarray(part), region, self.shape)


class Excerpt:
    """A part of an array that is read like the whole and is light to hand on; see `MeasureState.excerpt`."""

    ndim = 3

    def __init__(self, part: npt.NDArray[Any], region: Region, shape: tuple[int, int, int]) -> None:
        self.part = part
        self.region = region
        self.shape = shape
        self.dtype = part.dtype

    def __getitem__(self, box: tuple[slice, slice, slice]) -> npt.NDArray[Any]:
        """Read a box, given as three slices."""
        inner = []
        for where, size, (first, stop) in zip(box, self.shape, self.region, strict=True):
            start, end, step = where.indices(size)
            if start < first or end > stop or step != 1:
                raise IndexError(f"{start}:{end} is not within the excerpt {first}:{stop}")
            inner.append(slice(start - first, end - first))
        part: npt.NDArray[Any] = self.part[tuple(inner)]
        return part


def find_changes(
    labels: Any, field_of_view: Bools | None, state: MeasureState, changed: Sequence[Region], only: Iterable[int]
) -> tuple[Inventory, npt.NDArray[np.int64]]:
    """Take stock again where labels have changed.

    Parameters
    ----------
    labels : array-like of integers, shape (z, y, x)
        As they are now.
    field_of_view : ndarray of bool, optional
    state : MeasureState
        Of the labels before.
    changed : sequence of regions
        Outside these every label is where it was.
    only : iterable of int
        Labels that are to be measured again in any case.

    Returns
    -------
    inventory : Inventory
        Of all labels, as they are now.
    affected : ndarray of int64, shape (n,)
        Labels whose measurement looks at what has changed, and those of ``only``.
    """
    before = state.inventory
    regions = [np.array(check_region(region, state.shape, "the labels"), np.int64).T for region in changed]
    touched = np.zeros(len(before.ids), np.bool_)
    for start, stop in regions:
        touched |= _overlap(before.low, before.high + 1, start, stop)
        touched |= np.isin(before.ids, _stock_of(labels, field_of_view, start, stop).ids)
    now = before
    if regions:
        starts = np.concatenate([before.low[touched], [start for start, _ in regions]]).min(axis=0)
        stops = np.concatenate([before.high[touched] + 1, [stop for _, stop in regions]]).max(axis=0)
        found = _stock_of(labels, field_of_view, starts, stops)
        # Whole in this part are the labels that were touched, and those that are new.
        whole = np.isin(found.ids, before.ids[touched]) | ~np.isin(found.ids, before.ids)
        now = _joined(before, ~touched, found, whole)
    affected = np.isin(now.ids, np.fromiter(only, np.int64))
    for start, stop in regions:
        affected |= _overlap(now.low - state.pad, now.high + 1 + state.pad, start, stop)
    # A particle that has withdrawn from a region is not what it was, either.
    affected |= np.isin(now.ids, before.ids[touched])
    return now, now.ids[affected]


def changed_between(before: Inventory, now: Inventory, only: Iterable[int]) -> list[Region]:
    """Give the boxes that the given labels had and have."""
    boxes: list[Region] = []
    chosen = np.fromiter(only, np.int64)
    for label in np.unique(chosen):
        parts = [
            (stock.low[place], stock.high[place] + 1)
            for stock in (before, now)
            for place in np.flatnonzero(stock.ids == label)
        ]
        if parts:
            low = np.min([part[0] for part in parts], axis=0)
            high = np.max([part[1] for part in parts], axis=0)
            z, y, x = zip(low.tolist(), high.tolist(), strict=True)
            boxes.append((z, y, x))
    return boxes


def _stock_of(labels: Any, field_of_view: Bools | None, starts: Boxes, stops: Boxes) -> Inventory:
    """Take stock of a part of the labels, in indices of the whole."""
    box = tuple(slice(int(start), int(stop)) for start, stop in zip(starts, stops, strict=True))
    part = read_labels(labels, (box[0], box[1], box[2]))
    return take_stock(part, find_edge(field_of_view, tuple(labels.shape), box), starts, tuple(labels.shape))


def _joined(before: Inventory, kept: Bools, found: Inventory, whole: Bools) -> Inventory:
    """Join what is left of one inventory with a part of another, by label."""
    ids = np.concatenate([before.ids[kept], found.ids[whole]])
    order = np.argsort(ids)
    both = (
        np.concatenate([old[kept], new[whole]])[order]
        for old, new in (
            (before.voxels, found.voxels),
            (before.low, found.low),
            (before.high, found.high),
            (before.touches_border, found.touches_border),
        )
    )
    return Inventory(ids[order], *both)


def _overlap(low: Boxes, high: Boxes, start: Boxes, stop: Boxes) -> Bools:
    """Tell which boxes low … high share a voxel with the box start … stop."""
    return np.asarray(((low < stop) & (high > start)).all(axis=1), np.bool_)
