"""Which particles touch, where, and over what area."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.compile import jit
from napari_cathode.tomogram import Spacing

from .kernels import Mask, grow
from .surface import DIRECTIONS, crofton_weights, crofton_weights_2d

Rows = npt.NDArray[np.float64]


def contacts_of(
    filled: Mask, labels: npt.NDArray[np.int32], own: int, spacing_um: Spacing, gap_tolerance_um: float
) -> Rows:
    """Measure the contacts of one particle with each of its neighbours.

    A voxel outside the particle belongs to the neighbour whose nearest voxel is within the gap tolerance. The area is
    what the surfaces of the two would lose if they were united, in the Crofton formula the pairs of voxels with one in
    each.

    Parameters
    ----------
    filled : ndarray of uint8, shape (z, y, x)
        The particle, with a margin of more than the gap tolerance.
    labels : ndarray of int32, shape (z, y, x)
        What is not above 0 is no neighbour.
    own : int
        The particle's label.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    gap_tolerance_um : float

    Returns
    -------
    ndarray of float64, shape (n, 5)
        Neighbour's label, area in µm² (in a slice, length in µm), and place (z, y, x) in voxels of the array.
    """
    flat = filled.shape[0] == 1
    weights = crofton_weights_2d(spacing_um) if flat else crofton_weights(spacing_um)
    near = ((labels > 0) & (labels != own)).view(np.uint8)
    for _ in range(max(int(gap_tolerance_um / edge * (1 + 1e-5)) for edge in spacing_um)):
        near = grow(near)
    fringe = grow(filled) & near & (1 - filled)
    if not fringe.any():
        return np.zeros((0, 5))
    steps = _within(spacing_um, gap_tolerance_um, flat)
    return _contacts(filled, fringe, labels, own, steps, _both_ways(tuple(weights)))


@lru_cache(maxsize=32)
def _within(spacing_um: Spacing, radius_um: float, flat: bool) -> npt.NDArray[np.int64]:
    """List the steps (z, y, x) to the voxels within a radius, the nearest first."""
    limit = radius_um**2 * (1 + 1e-5)
    reach = [int(radius_um / edge * (1 + 1e-5)) for edge in spacing_um]
    if flat:
        reach[0] = 0
    grid = np.stack(np.meshgrid(*(np.arange(-far, far + 1) for far in reach), indexing="ij"), -1).reshape(-1, 3)
    squared = ((grid * np.asarray(spacing_um)) ** 2).sum(axis=1)
    order = np.argsort(squared, kind="stable")
    return np.ascontiguousarray(grid[order][squared[order] <= limit], np.int64)


@lru_cache(maxsize=32)
def _both_ways(weights: tuple[float, ...]) -> npt.NDArray[np.float64]:
    """Give the weights of the 13 directions as an array over all steps of −1, 0 and 1 along (z, y, x)."""
    result = np.zeros((3, 3, 3))
    for (dz, dy, dx), weight in zip(DIRECTIONS, weights, strict=True):
        result[1 + dz, 1 + dy, 1 + dx] = result[1 - dz, 1 - dy, 1 - dx] = weight
    return result


@jit
def _contacts(filled: Mask, fringe: Mask, labels: Any, own: int, steps: Any, weights: Any) -> Rows:
    """Add up the pairs of voxels between the particle and each neighbour."""
    nz, ny, nx = filled.shape
    found = np.zeros((16, 5))
    count = 0
    for z in range(nz):
        for y in range(ny):
            row = fringe[z, y]
            some = np.uint8(0)
            for x in range(nx):
                some |= row[x]
            if not some:
                continue
            for x in range(nx):
                if not row[x]:
                    continue
                owner = 0
                for step in range(len(steps)):
                    k, j, i = z + steps[step, 0], y + steps[step, 1], x + steps[step, 2]
                    if 0 <= k < nz and 0 <= j < ny and 0 <= i < nx:
                        label = labels[k, j, i]
                        if label > 0 and label != own:
                            owner = label
                            break
                if owner == 0:
                    continue
                area, at_z, at_y, at_x = 0.0, 0.0, 0.0, 0.0
                for k in range(max(z - 1, 0), min(z + 2, nz)):
                    for j in range(max(y - 1, 0), min(y + 2, ny)):
                        for i in range(max(x - 1, 0), min(x + 2, nx)):
                            if filled[k, j, i]:
                                weight = weights[k - z + 1, j - y + 1, i - x + 1]
                                area += weight
                                at_z += weight * 0.5 * (k + z)
                                at_y += weight * 0.5 * (j + y)
                                at_x += weight * 0.5 * (i + x)
                place = 0
                while place < count and found[place, 0] != owner:
                    place += 1
                if place == count:
                    if count == len(found):
                        larger = np.zeros((2 * count, 5))
                        larger[:count] = found
                        found = larger
                    found[place, 0] = owner
                    count += 1
                found[place, 1] += area
                found[place, 2] += at_z
                found[place, 3] += at_y
                found[place, 4] += at_x
    found = found[:count]
    for place in range(count):
        for axis in range(2, 5):
            found[place, axis] /= found[place, 1]
    return found


class Contacts:
    """The contacts of all particles, as they travel with a feature table (``table.attrs["contacts"]``).

    pandas copies such attachments with every operation on a table, and compares them; so this one is never changed, is
    its own copy, and equals nothing but itself.

    Attributes
    ----------
    table : DataFrame
        One row a pair: ``label_1`` < ``label_2``, ``area_um2`` (in a slice ``length_um``), ``z_um``, ``y_um``, ``x_um``
        and ``cut``, whether the border cuts one of the two.
    """

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table

    def __copy__(self) -> Contacts:
        return self

    def __deepcopy__(self, memo: Any) -> Contacts:
        return self

    def tolist(self) -> dict[str, list[Any]]:
        """Give the columns as plain lists, for files that hold nothing else."""
        return {str(name): column.tolist() for name, column in self.table.items()}

    @classmethod
    def beside(cls, table: pd.DataFrame) -> Contacts | None:
        """Give the contacts that came with a feature table, or with its file; None where there are none."""
        found = table.attrs.get("contacts")
        if isinstance(found, dict) and {"label_1", "label_2"} <= set(found):
            return cls(pd.DataFrame(found))
        return found if isinstance(found, cls) else None

    def of(self, labels: Iterable[int]) -> Contacts:
        """Keep the contacts among some particles."""
        kept = np.asarray(sorted(labels), np.int64)
        both = self.table["label_1"].isin(kept) & self.table["label_2"].isin(kept)
        return Contacts(self.table[both].reset_index(drop=True))


def contact_table(
    contacts: Iterable[tuple[int, Rows]], cut: Iterable[int], spacing_um: Spacing, *, flat: bool
) -> pd.DataFrame:
    """Join what each particle sees of its contacts.

    The two particles of a pair may see slightly different areas, since a gap between them may belong to one; the mean
    stands for the pair. Contacts of less than one face of a voxel are not counted.

    Parameters
    ----------
    contacts : iterable of (int, ndarray of float64, shape (n, 5))
        Label, and its contacts as `contacts_of` gives them with places in voxels of the volume.
    cut : iterable of int
        Labels of the particles that the border cuts.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    flat : bool
        Whether it is a slice.

    Returns
    -------
    DataFrame
        As in `Contacts`, by labels.
    """
    size = "length_um" if flat else "area_um2"
    parts = [np.column_stack([np.full(len(rows), float(label)), rows]) for label, rows in contacts if len(rows)]
    seen = np.concatenate([np.zeros((0, 6)), *parts])
    frame = pd.DataFrame(
        {
            "label_1": np.minimum(seen[:, 0], seen[:, 1]).astype(np.int64),
            "label_2": np.maximum(seen[:, 0], seen[:, 1]).astype(np.int64),
            size: seen[:, 2],
            **{name: seen[:, 3 + axis] * spacing_um[axis] for axis, name in enumerate(("z_um", "y_um", "x_um"))},
        }
    )
    pairs = frame.groupby(["label_1", "label_2"], as_index=False).mean()
    edges = sorted(spacing_um[1:] if flat else spacing_um)
    pairs = pairs[pairs[size] >= edges[0] * (1.0 if flat else edges[1])].reset_index(drop=True)
    border = np.asarray(sorted(cut), np.int64)
    pairs["cut"] = (pairs["label_1"].isin(border) | pairs["label_2"].isin(border)).astype(bool)
    return pairs


def coordination(table: pd.DataFrame, contacts: pd.DataFrame) -> npt.NDArray[np.float64]:
    """Count the neighbours that touch each particle; NaN for those the border cuts, which have more out of sight.

    Parameters
    ----------
    table : DataFrame
        With ``label`` and ``touches_border``.
    contacts : DataFrame
        As `contact_table` gives it.

    Returns
    -------
    ndarray of float64, shape (n,)
    """
    numbers = pd.concat([contacts["label_1"], contacts["label_2"]]).value_counts()
    counted = table["label"].map(numbers).fillna(0).to_numpy(np.float64)
    return np.where(table["touches_border"].to_numpy(bool), np.nan, counted)
