"""How many voxels two label images share, pair by pair of labels."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit

Counts = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32], npt.NDArray[np.int64]]


def shared(one: npt.NDArray[Any], other: npt.NDArray[Any]) -> Counts:
    """Count the voxels of each pair of labels that lie on each other.

    Parameters
    ----------
    one, other : ndarray of int32
        Label images of one shape; 0 and below is background, and counts nowhere.

    Returns
    -------
    first, second : ndarray of int32
        The labels of the pairs, in ascending order.
    voxels : ndarray of int64
        How many voxels each pair shares.
    """
    keys, counts = _shared(np.ascontiguousarray(one).reshape(-1), np.ascontiguousarray(other).reshape(-1))
    filled = np.flatnonzero(keys >= 0)
    filled = filled[np.argsort(keys[filled])]
    pairs = keys[filled]
    return (pairs >> 32).astype(np.int32), (pairs & 0xFFFFFFFF).astype(np.int32), counts[filled]


@jit
def _shared(one, other):  # type: ignore[no-untyped-def]
    """Count runs of equal pairs into a hash table that grows."""
    keys = np.full(1 << 10, -1, dtype=np.int64)
    counts = np.zeros(keys.size, dtype=np.int64)
    used = 0
    i, n = 0, one.size
    while i < n:
        a, b = one[i], other[i]
        first = i
        i += 1
        while i < n and one[i] == a and other[i] == b:
            i += 1
        if a <= 0 or b <= 0:
            continue
        key = (np.int64(a) << 32) | np.int64(b)
        place = slot(keys, key)
        if keys[place] == -1:
            keys[place] = key
            used += 1
        counts[place] += i - first
        if 2 * used > keys.size:
            old_keys, old_counts = keys, counts
            keys = np.full(2 * old_keys.size, -1, dtype=np.int64)
            counts = np.zeros(keys.size, dtype=np.int64)
            for old in range(old_keys.size):
                if old_keys[old] != -1:
                    place = slot(keys, old_keys[old])
                    keys[place] = old_keys[old]
                    counts[place] = old_counts[old]
    return keys, counts


@jit
def slot(keys, key):  # type: ignore[no-untyped-def]
    """Find the place of a key in a hash table (its size a power of two), or the free one where it would go."""
    mask = keys.size - 1
    # Knuth's multiplicative hash of both halves; only the low bits are kept.
    place = ((key >> 32) * 2654435761 + (key & 0xFFFFFFFF) * 40503) & mask
    while keys[place] != -1 and keys[place] != key:
        place = (place + 1) & mask
    return place
