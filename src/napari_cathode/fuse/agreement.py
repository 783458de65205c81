"""Where the views disagree: each particle compared with what each view saw of it.

In each slice of a view, a particle's cross section is compared with the one section of that view that shares most with
it. A view that lost the particle, took it for two, or took two for one, fits badly.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.compile import jit
from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps, drain

from .maps import seeing
from .overlaps import slot
from .repair import numbered

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction

SEEN = 0.5
"""A view saw a particle where its outlines fit with an intersection over union of at least this."""
_SLAB_VOXELS = 1 << 25


def iter_agreement(labels: Any, views: Mapping[str, ViewPrediction]) -> Steps[pd.DataFrame]:
    """Compare particles with what the views saw.

    Parameters
    ----------
    labels : array-like of int32, shape (z, y, x)
        Particles of any origin; numbers may have gaps. Lazy arrays are read slab by slab.
    views : mapping of str to ViewPrediction
        On the same grid; those in which nothing was found do not count.

    Yields
    ------
    Progress

    Returns
    -------
    DataFrame
        One row per particle, ascending: ``label``; ``view_count``, how many views fit with an IoU of at least 0.5;
        ``view_agreement``, the mean IoU over the views; ``view_iou_<view>`` for each; ``view_volume_spread``, the
        largest less the smallest volume that those views saw of it, over its own (NaN where fewer than two saw it).

    Raises
    ------
    InputError
        When the shapes differ.
    """
    from napari_cathode.identify import VIEW_AXIS

    shape = tuple(int(length) for length in labels.shape)
    for name, view in views.items():
        if tuple(view.labels.shape) != shape:
            raise InputError(
                f"The particles have the shape {shape}, view {name} {tuple(view.labels.shape)}; only particles on the "
                "grid of the views can be compared with them."
            )
    names = tuple(sorted(seeing(views), key=list(VIEW_AXIS).index)) if views else ()
    thick = {name: _thickness(shape, VIEW_AXIS[name]) for name in VIEW_AXIS}
    most, low = 0, thick["xy"]
    for first in range(0, shape[0], low):
        most = max(most, int(np.asarray(labels[first : first + low]).max(initial=0)))
    size = np.zeros(most + 1, dtype=np.int64)
    common = np.zeros((len(names), most + 1), dtype=np.int64)
    section = np.zeros((len(names), most + 1), dtype=np.int64)
    parts = [
        (number, name, first)
        for number, name in enumerate(names)
        for first in range(0, shape[VIEW_AXIS[name]], thick[name])
    ]
    for done, (number, name, first) in enumerate(parts):
        yield Progress(done, len(parts), "Comparing particles with the views")
        axis = VIEW_AXIS[name]
        where = tuple(slice(first, first + thick[name]) if i == axis else slice(None) for i in range(3))
        own = np.ascontiguousarray(np.moveaxis(np.asarray(labels[where]), axis, 0), dtype=np.int32)
        seen = numbered(np.moveaxis(np.asarray(views[name].labels[where]), axis, 0))
        if number == 0:
            size += np.bincount(own.reshape(-1), minlength=size.size)
        _compare(own, seen, common[number], section[number])
    if not names:
        for first in range(0, shape[0], low):
            size += np.bincount(np.asarray(labels[first : first + low]).reshape(-1), minlength=size.size)
    return _table(size, common, section, names)


def _thickness(shape: tuple[int, ...], axis: int) -> int:
    """Give how many slices are looked at in one go: many, since chunked files are slow slice by slice."""
    return int(np.clip(_SLAB_VOXELS * shape[axis] // max(1, math.prod(shape)), 8, 32))


def agreement(labels: Any, views: Mapping[str, ViewPrediction]) -> pd.DataFrame:
    """Compare particles with what the views saw: `iter_agreement` run to its end."""
    return drain(iter_agreement(labels, views))


def with_agreement(table: pd.DataFrame, found: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of an agreement to a feature table, at its end; particles that it does not know get NaN."""
    by_label = found.set_index("label")
    return table.assign(**{str(name): table["label"].map(by_label[name]) for name in by_label.columns})


def _table(
    size: npt.NDArray[np.int64],
    common: npt.NDArray[np.int64],
    section: npt.NDArray[np.int64],
    names: tuple[str, ...],
) -> pd.DataFrame:
    ids = np.flatnonzero(size[1:]) + 1
    own, common, section = size[ids], common[:, ids], section[:, ids]
    iou = common / (own + section - common)
    fits = iou >= SEEN
    table = pd.DataFrame({"label": ids.astype(np.int64)})
    table["view_count"] = fits.sum(0).astype(np.int64)
    table["view_agreement"] = iou.mean(0) if names else np.nan
    for number, name in enumerate(names):
        table[f"view_iou_{name}"] = iou[number]
    largest = np.where(fits, section, 0).max(0, initial=0)
    smallest = np.where(fits, section, np.iinfo(np.int64).max).min(0, initial=np.iinfo(np.int64).max)
    table["view_volume_spread"] = np.where(fits.sum(0) > 1, (largest - smallest) / own, np.nan)
    return table


@jit
def _compare(own, seen, common, section):  # type: ignore[no-untyped-def]
    """Add up, slice by slice, what each particle shares with the section that fits it best, and that one's area."""
    n, ny, nx = own.shape
    best = np.zeros(common.size, dtype=np.int64)
    best_section = np.zeros(common.size, dtype=np.int64)
    keys = np.full(1 << 10, -1, dtype=np.int64)
    counts = np.zeros(keys.size, dtype=np.int64)
    for s in range(n):
        area = np.zeros(seen[s].max() + 1, dtype=np.int64)
        keys[:] = -1
        counts[:] = 0
        used = 0
        for y in range(ny):
            x = 0
            while x < nx:
                a, b = own[s, y, x], seen[s, y, x]
                start = x
                x += 1
                while x < nx and own[s, y, x] == a and seen[s, y, x] == b:
                    x += 1
                if b <= 0:
                    continue
                area[b] += x - start
                if a <= 0:
                    continue
                key = (np.int64(a) << 32) | np.int64(b)
                place = slot(keys, key)
                if keys[place] == -1:
                    keys[place] = key
                    used += 1
                counts[place] += x - start
                if 2 * used > keys.size:
                    old_keys, old_counts = keys, counts
                    keys = np.full(2 * old_keys.size, -1, dtype=np.int64)
                    counts = np.zeros(keys.size, dtype=np.int64)
                    for old in range(old_keys.size):
                        if old_keys[old] != -1:
                            place = slot(keys, old_keys[old])
                            keys[place] = old_keys[old]
                            counts[place] = old_counts[old]
        for place in range(keys.size):
            if keys[place] == -1:
                continue
            particle, other = keys[place] >> 32, keys[place] & 0xFFFFFFFF
            # Of equals the one with the smaller number, so that the order in the table does not matter.
            if counts[place] > best[particle] or (counts[place] == best[particle] and other < best_section[particle]):
                best[particle] = counts[place]
                best_section[particle] = other
        for place in range(keys.size):
            if keys[place] == -1:
                continue
            particle = keys[place] >> 32
            if best[particle] > 0:
                common[particle] += best[particle]
                section[particle] += area[best_section[particle]]
                best[particle] = 0
