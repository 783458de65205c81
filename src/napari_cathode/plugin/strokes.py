"""What napari's brush, fill and eraser did to a Labels layer, as a change of ours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from napari.layers import Labels

from napari_cathode.edit import Change, change_between

from .layers import volume

_KINDS = {"paint": "paint", "erase": "erase", "fill": "fill", "polygon": "draw"}


def take_stroke(layer: Labels, atoms: Sequence[Any]) -> Change | None:
    """Describe a stroke and take it out of napari's own history, so that nothing is undone twice.

    Parameters
    ----------
    layer : Labels
        The layer, which shows the stroke already.
    atoms : sequence
        What the event ``paint`` tells: napari's private records of the stroke, in the order in which they were made.
        Each holds a box, a mask, the former values and the new one, or indices, former and new values.

    Returns
    -------
    Change or None
        None when the stroke changed nothing.
    """
    layer._undo_history.clear()  # napari has no public name for it
    layer._redo_history.clear()
    places = [_place(atom) for atom in atoms]
    if not places:
        return None
    low = np.min([[side.start for side in place] for place in places], axis=0)
    high = np.max([[side.stop for side in place] for place in places], axis=0)
    box = tuple(map(slice, low.tolist(), high.tolist()))
    before = np.array(layer.data[box])
    for atom in reversed(atoms):
        _put(before, atom, low, new=False)
    after = before.copy()
    for atom in atoms:
        _put(after, atom, low, new=True)
    layer.data[box] = after  # holds the new values only later when the stroke was made by a script
    if layer.ndim == 2:
        before, after, low = before[None], after[None], np.insert(low, 0, 0)
    start = (int(low[0]), int(low[1]), int(low[2]))
    kind = _KINDS.get(str(layer.mode), "paint")
    return change_between(before.astype(volume(layer).dtype), after, start, kind)


def _is_masked(atom: Any) -> bool:
    return hasattr(atom, "slice_key")


def _place(atom: Any) -> tuple[slice, ...]:
    """Give the box around what an atom changed."""
    if _is_masked(atom):
        return tuple(atom.slice_key)
    return tuple(slice(int(np.min(index)), int(np.max(index)) + 1) for index in atom[0])


def _put(block: Any, atom: Any, low: Any, *, new: bool) -> None:
    """Put the new or the former values of an atom into a block that begins at ``low``."""
    if _is_masked(atom):
        part = block[tuple(slice(s.start - f, s.stop - f) for s, f in zip(atom.slice_key, low.tolist(), strict=True))]
        part[... if atom.mask is None else atom.mask] = atom.new_value if new else atom.old_values
        return
    indices, old_values, new_values = atom
    place = tuple(np.asarray(index) - first for index, first in zip(indices, low.tolist(), strict=True))
    block[place] = new_values if new else old_values
