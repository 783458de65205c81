"""The voxel size that an HDF5 file states, where it says the unit too."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

from napari_cathode.tomogram import Spacing

from .units import to_um

_NAMED = re.compile(r"(?:voxel|pixel|element)_?(?:size|spacing)(?:_(m|cm|mm|um|nm))?", re.IGNORECASE)


def read_spacing(dataset: h5py.Dataset) -> Spacing | None:
    """Give the voxel edge lengths (z, y, x) in µm, or None where no known field states them with a unit.

    Looked at, in this order: attributes of the data set and its group (``element_size_um``, ``voxel_size`` with
    ``units``); the axes of its NXdata group; nabu's ``voxel_size_cm`` and the like beside the results. The pixel
    size of the detector is not used, since files differ in whether it includes the magnification.
    """
    for owner in (dataset, dataset.parent):
        found = _from_attributes(owner.attrs)
        if found:
            return found
    return _from_axes(dataset) or _from_fields(dataset)


def _word(value: Any) -> str:
    if isinstance(value, np.ndarray):
        value = value.ravel()[0] if value.size else ""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value) if value is not None else ""


def _unit_of(attributes: Any) -> str:
    return _word(attributes.get("units", attributes.get("unit")))


def _triple(value: Any, unit: str) -> Spacing | None:
    """Make a spacing of one length or of three in the order (z, y, x)."""
    try:
        numbers = np.asarray(value, float).ravel()
    except (TypeError, ValueError):
        return None
    if numbers.size == 1:
        numbers = np.repeat(numbers, 3)
    if numbers.size != 3:
        return None
    z, y, x = (to_um(float(number), unit) for number in numbers)
    return (z, y, x) if z and y and x else None


def _from_attributes(attributes: Any) -> Spacing | None:
    for name in attributes:
        match = _NAMED.fullmatch(name)
        if match:
            unit = match[1] or _word(attributes.get(f"{name}_units", attributes.get(f"{name}_unit")))
            found = _triple(attributes[name], (unit or _unit_of(attributes)).lower())
            if found:
                return found
    return None


def _step(axis: Any) -> float | None:
    """Give the even step of an NXdata axis in µm."""
    if not isinstance(axis, h5py.Dataset) or axis.ndim != 1 or axis.size < 2 or axis.dtype.kind not in "uif":
        return None
    ends = axis[[0, 1, axis.size - 1]] if axis.size > 2 else axis[()]
    step = (float(ends[-1]) - float(ends[0])) / (axis.size - 1)
    if not np.isclose(step, float(ends[1]) - float(ends[0]), rtol=1e-3):
        return None
    return to_um(abs(step), _unit_of(axis.attrs))


def _from_axes(dataset: h5py.Dataset) -> Spacing | None:
    group = dataset.parent
    names = group.attrs.get("axes")
    axes = [_word(name) for name in np.atleast_1d(names)] if names is not None else []
    axes = axes[-3:] if len(axes) >= 3 else ["z", "y", "x"]
    z, y, x = (_step(group.get(name)) if name in group else None for name in axes)
    return (z, y, x) if z and y and x else None


def _fields(place: Any, depth: int) -> Iterator[tuple[str, h5py.Dataset]]:
    """List the small data sets below a group, not deeper than ``depth``."""
    if not isinstance(place, h5py.Group):
        return
    for name in place:
        item = place.get(name)
        if isinstance(item, h5py.Dataset) and item.size is not None and item.size <= 3:
            yield name, item
        elif depth:
            yield from _fields(item, depth - 1)


def _from_fields(dataset: h5py.Dataset) -> Spacing | None:
    """Look at the fields beside the data, and in nabu's ``reconstruction/configuration``."""
    places = [(dataset.parent, 0)]
    if dataset.name.endswith("/reconstruction/results/data"):
        places.append((dataset.parent.parent.get("configuration"), 4))
    for place, depth in places:
        ranked: list[tuple[bool, Spacing]] = []
        for name, field in _fields(place, depth):
            match = _NAMED.fullmatch(name)
            if not match or field.dtype.kind not in "uif":
                continue
            found = _triple(field[()], (match[1] or _unit_of(field.attrs)).lower())
            if found:
                ranked.append((not name.lower().startswith("voxel"), found))
        if ranked:
            return min(ranked, key=lambda pair: pair[0])[1]
    return None
