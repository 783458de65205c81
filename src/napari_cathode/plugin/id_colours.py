"""A colour for each label id, whatever the ids: napari's map from ids to colours, without its time per id."""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from pydantic import field_validator

_OTHERS = 0
"""The place of what has no colour of its own, for napari's drawing too."""

_MOST_PLACES = 2**16 - 3
"""As many as napari draws from 16 bits: its own count has two more."""


class IdColormap(DirectLabelColormap):
    """`DirectLabelColormap` for thousands of labels.

    napari checks the colours one by one, and looks pixels up in a dictionary that is filled one by one: that takes
    more than a tenth of a second for 10,000 labels. Here ids are looked up in a sorted array, once for each run of
    pixels of one label. Each id has a place of its own among the colours, so that a slice need not be looked up again
    when the colours are others; of more ids than fit, colours that a screen cannot tell apart (8 bits a channel) are
    one. What is not taken over is napari's.
    """

    @field_validator("color_dict", mode="before")
    @classmethod
    def _validate_color_dict(cls, value: Any) -> Any:
        """Take RGBA rows as they are; `make` gives no others."""
        return value

    @classmethod
    def make(cls, ids: np.ndarray[Any, Any], colours: np.ndarray[Any, Any], others: Any, name: str) -> IdColormap:
        """Make one; 0 is transparent.

        Parameters
        ----------
        ids : ndarray of int, shape (n,)
            Label ids, each once.
        colours : ndarray of float, shape (n, 4)
            Their RGBA.
        others : sequence of float
            RGBA of all other labels.
        name : str
            What it is called.
        """
        rows: Any = np.asarray(colours, np.float32)
        by_id: dict[int | None, Any] = dict(zip(ids.tolist(), rows, strict=True))
        by_id[0] = np.zeros(4, np.float32)
        by_id[None] = np.asarray(others, np.float32)
        made = cls(color_dict=defaultdict(lambda: np.zeros(4), by_id), name=name)
        kept = ids != 0
        made.__dict__["_lookup"] = _lookup(np.append(ids[kept], 0), np.append(rows[kept], [by_id[0]], 0), by_id[None])
        return made

    @property
    def ids(self) -> np.ndarray[Any, Any]:
        """The ids that have colours, in rising order."""
        return self._lookup[0]

    @property
    def places_are_ids(self) -> bool:
        """Whether the place of a colour depends on nothing but the ids."""
        return not self.use_selection and len(self.ids) <= _MOST_PLACES

    @cached_property
    def _lookup(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Give the ids in rising order, the place of each one's colour, and the colours, those of others first."""
        known = {label: colour for label, colour in self.color_dict.items() if label is not None}
        rows = np.array(list(known.values()), np.float32).reshape(-1, 4)
        return _lookup(np.fromiter(known, np.int64, len(known)), rows, self.default_color)

    @cached_property
    def _num_unique_colors(self) -> int:
        return len(self._lookup[2]) - 1

    @cached_property
    def _label_mapping_and_color_dict(self) -> tuple[dict[int | None, int], dict[int, np.ndarray[Any, Any]]]:
        ids, places, colours = self._lookup
        by_id: dict[int | None, int] = {None: _OTHERS, **dict(zip(ids.tolist(), places.tolist(), strict=True))}
        return by_id, _Palette(enumerate(colours))

    def _clear_cache(self) -> None:
        super()._clear_cache()
        self.__dict__.pop("_lookup", None)

    def _data_to_texture(self, values: Any) -> Any:
        """Give the place of each pixel's colour; arrays of few bits and one chosen label are napari's."""
        if self.use_selection or not isinstance(values, np.ndarray) or values.dtype.itemsize <= 2:
            return super()._data_to_texture(values)
        return self._places(values).astype(_least_type(self._num_unique_colors + 2), copy=False)

    def map(self, values: Any) -> np.ndarray[Any, Any]:
        """Give the colours of label ids."""
        if self.use_selection or not isinstance(values, np.ndarray) or values.dtype.kind not in "iu":
            return super().map(values)
        return self._lookup[2][self._places(values)]

    def _places(self, values: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        ids, places, _ = self._lookup
        flat = values.ravel()
        if not flat.size:
            return np.zeros(values.shape, np.int64)
        starts = np.concatenate([[0], np.flatnonzero(flat[1:] != flat[:-1]) + 1])
        of_runs = flat[starts].astype(np.int64)
        found = np.minimum(np.searchsorted(ids, of_runs), len(ids) - 1)
        of_runs = np.where(ids[found] == of_runs, places[found], _OTHERS)
        return np.repeat(of_runs, np.diff(starts, append=flat.size)).reshape(values.shape)


class _Palette(dict[int, np.ndarray[Any, Any]]):
    """Colours by their places, which are handed over at once to what draws them: napari puts each by itself."""

    def items(self) -> Any:
        """Give all places with all colours."""
        return [(np.arange(len(self)), np.array(list(self.values())))]


def _lookup(
    ids: np.ndarray[Any, Any], rows: np.ndarray[Any, Any], others: Any
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Give the ids in rising order, the place of each one's colour, and the colours, those of others first."""
    order, first = np.argsort(ids), np.asarray(others, np.float32)[None]
    ids, rows = ids[order].astype(np.int64), rows[order]
    if len(ids) <= _MOST_PLACES:
        return ids, np.arange(1, len(ids) + 1), np.concatenate([first, rows])
    packed = np.rint(rows * 255).astype(np.uint8).view(np.uint32).ravel()
    _, firsts, places = np.unique(packed, return_index=True, return_inverse=True)
    return ids, places + 1, np.concatenate([first, rows[firsts]])


def _least_type(colours: int) -> np.dtype[Any]:
    """Give the type of texture that napari draws so many colours from."""
    for kind in (np.uint8, np.uint16):
        if colours <= np.iinfo(kind).max:
            return np.dtype(kind)
    return np.dtype(np.float32)
