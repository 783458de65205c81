"""Packing density: how much solid lies in a cube around each particle, corrected for the image's border."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.tomogram import Spacing

CELLS_PER_CUBE = 40


class CoarseCounts:
    """Solid voxels and seen voxels, counted in the cells of a coarse grid.

    A cube's content is interpolated in the grid's cumulative sum: as if the cells (for small cubes single voxels) that
    its faces cut were evenly filled.

    Parameters
    ----------
    shape : tuple of int
        Voxels (z, y, x) of the volume.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    edge_um : float
        Edge of the cubes.
    field_of_view : ndarray of bool, optional
        Broadcastable to the volume.
    seen : ndarray of float64, optional
        What an equal object has counted of the field of view.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        spacing_um: Spacing,
        edge_um: float,
        field_of_view: npt.NDArray[np.bool_] | None,
        seen: npt.NDArray[np.float64] | None = None,
    ) -> None:
        self.shape = shape
        self.spacing_um = spacing_um
        self.edge_um = edge_um
        z, y, x = (max(1, int(edge_um / CELLS_PER_CUBE / edge)) for edge in spacing_um)
        self.cell = (z, y, x)
        cells = tuple(-(-size // cell) for size, cell in zip(shape, self.cell, strict=True))
        self.solid = np.zeros(cells, np.int64)
        self.seen = self._count_seen(field_of_view) if seen is None else seen

    def add(self, first_cell: tuple[int, int, int], counts: npt.NDArray[np.int64]) -> None:
        """Add solid voxels; cells beyond the volume hold none and are ignored.

        Parameters
        ----------
        first_cell : tuple of int
            Cell (z, y, x) that the counts start at.
        counts : ndarray of int64, shape (z, y, x)
        """
        here, there = [], []
        for first, size, total in zip(first_cell, counts.shape, self.solid.shape, strict=True):
            low, high = max(first, 0), min(first + size, total)
            here.append(slice(low, high))
            there.append(slice(low - first, high - first))
        self.solid[tuple(here)] += counts[tuple(there)]

    def density(self, centres_um: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Give the packing density around points.

        Parameters
        ----------
        centres_um : ndarray of float64, shape (n, 3)
            Points (z, y, x) in µm, the first voxel's centre being the origin.

        Returns
        -------
        density : ndarray of float64, shape (n,)
            Solid volume in the cube over the cube's volume inside the image and its field of view.
        coverage : ndarray of float64, shape (n,)
            The share of the cube that lies inside.
        """
        if len(centres_um) == 0:
            return np.zeros(0), np.zeros(0)
        flat = self.shape[0] == 1
        corners = []
        whole = 1.0
        for axis in range(3):
            centre = centres_um[:, axis] / self.spacing_um[axis] + 0.5
            half = self.edge_um / self.spacing_um[axis] / 2
            if flat and axis == 0:
                ends = np.stack([np.zeros_like(centre), np.ones_like(centre)])
            else:
                ends = np.clip(np.stack([centre - half, centre + half]), 0, self.shape[axis])
                whole *= 2 * half
            borders = np.minimum(np.arange(self.solid.shape[axis] + 1) * self.cell[axis], self.shape[axis])
            corners.append(np.interp(ends, borders, np.arange(len(borders))))
        solid = _content(self.solid, corners)
        seen = _content(self.seen, corners)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(seen > 0, solid / seen, np.nan), seen / whole

    def _count_seen(self, field_of_view: npt.NDArray[np.bool_] | None) -> npt.NDArray[np.float64]:
        """Count the voxels of the field of view in each cell."""
        axes = [np.diff(np.minimum(np.arange(n + 1) * c, size)).astype(np.float64) for n, c, size in self._axes()]
        if field_of_view is None:
            return axes[0][:, None, None] * axes[1][None, :, None] * axes[2][None, None, :]
        counts: Any = np.asarray(field_of_view, bool)
        for axis, (cells, cell, size) in enumerate(self._axes()):
            if counts.shape[axis] == size:
                counts = np.add.reduceat(counts, np.arange(cells) * cell, axis=axis, dtype=np.int64)
            else:  # the same along this axis
                shape = [1, 1, 1]
                shape[axis] = -1
                counts = counts * axes[axis].reshape(shape)
        return np.asarray(counts, np.float64)

    def _axes(self) -> list[tuple[int, int, int]]:
        return list(zip(self.solid.shape, self.cell, self.shape, strict=True))


def _content(counts: npt.NDArray[Any], corners: list[npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """Sum counts over boxes whose faces (2, n) per axis are given in cells, fractions allowed."""
    total = np.zeros(tuple(size + 1 for size in counts.shape))
    total[1:, 1:, 1:] = counts.cumsum(0).cumsum(1).cumsum(2)
    result = np.zeros(corners[0].shape[1])
    for k in (0, 1):
        for j in (0, 1):
            for i in (0, 1):
                sign = (-1) ** (k + j + i + 1)
                result += sign * _interpolate(total, corners[0][k], corners[1][j], corners[2][i])
    return result


def _interpolate(
    total: npt.NDArray[np.float64],
    z: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    x: npt.NDArray[np.float64],
) -> npt.NDArray[np.float64]:
    """Interpolate linearly along each axis between the grid's corners."""
    from scipy.ndimage import map_coordinates

    return np.asarray(map_coordinates(total, np.stack([z, y, x]), order=1, mode="nearest"), np.float64)
