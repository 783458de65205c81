"""How convex a particle is: its voxels against those within its convex hull."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit

from .kernels import Mask, bounds, count

FINE = 20
"""Voxels along an edge of the bounding box that are enough: of a larger mask every second, third … is looked at.

On simulated particles this moves the result by 0.002 (standard deviation)."""
SCALE, SHIFT = 2048, 15
"""Steps of a voxel in which points are shifted, and the most by which they are."""


def convexity(mask: Mask) -> float:
    """Give the voxels of a mask as a share of the voxels within the convex hull of their centres.

    The voxels in the hull are counted without drawing it. Its corners are points of the voxel grid, so that Ehrhart's
    polynomial gives their number: hull's volume + half the facets' areas, each in units of the grid in its plane, + a
    term linear in the size. Counting makes a drawn ball or box exactly convex, where volumes would be off by half a
    layer of voxels. The linear term is taken as twice the mean edge of the bounding box (a ball has 1.75 times it, a
    box three times): an error of less than 0.3 % from ten voxels in diameter on. In a slice the formula is Pick's and
    exact.

    Parameters
    ----------
    mask : ndarray of uint8, shape (z, y, x)

    Returns
    -------
    float
        At most 1; NaN for what has no extent along an axis.

    References
    ----------
    Beck and Robins, Computing the Continuous Discretely, Springer, 2015, chapters 2 and 5.
    """
    mask = _thinned(mask)
    points = row_ends(mask)
    size = np.ptp(points, axis=0)
    if mask.shape[0] == 1:
        area, border = _polygon(points[:, 1:].astype(np.int64))
        within = area + border / 2 + 1
    else:
        volume, area = hull_sizes(points.astype(np.int64))
        within = volume + area / 2 + 2 * float(size.mean()) + 1
    if (size[1:] if mask.shape[0] == 1 else size).min() == 0:
        return float("nan")
    return min(count(mask) / within, 1.0)


def _polygon(points: npt.NDArray[np.int64]) -> tuple[float, int]:
    """Give the area of a convex polygon, and its points of the grid on the border, from `row_ends` of a slice."""
    half = int(np.flatnonzero(np.diff(points[:, 0]) < 0)[0]) + 1 if len(points) > 2 else 1
    corners = np.concatenate([points[:half], points[half:][::-1]])
    steps = np.roll(corners, -1, axis=0) - corners
    twice = (corners[:, 0] * steps[:, 1] - corners[:, 1] * steps[:, 0]).sum()
    return abs(float(twice)) / 2, int(np.gcd(steps[:, 0], steps[:, 1]).sum())


def _thinned(mask: Mask) -> Mask:
    """Take every second, third … voxel along axes that are long; convexity does not depend on the voxels' edges."""
    first, last = bounds(mask)
    steps = np.maximum(np.rint((last - first + 1) / FINE), 1).astype(np.int64)
    part = tuple(slice(*ends) for ends in zip(first, last + 1, steps, strict=True))
    return np.ascontiguousarray(mask[part])


@jit
def row_ends(mask: Mask) -> npt.NDArray[np.int32]:
    """Give the corners of the convex hull of each of a mask's z slices; the hull of these is that of the mask.

    Returns
    -------
    ndarray of int32, shape (n, 3)
        Indices (z, y, x), some of them twice.
    """
    nz, ny, nx = mask.shape
    found = np.empty((2 * nz * ny, 3), np.int32)
    count = 0
    ys = np.empty(ny, np.int64)
    xs = np.empty(ny, np.int64)
    for z in range(nz):
        for side in range(2):
            size = 0
            for y in range(ny):
                row = mask[z, y]
                x = -1
                if side == 0:
                    for place in range(nx):
                        if row[place]:
                            x = place
                            break
                else:
                    for place in range(nx - 1, -1, -1):
                        if row[place]:
                            x = place
                            break
                if x < 0:
                    continue
                while size >= 2:
                    turn = (ys[size - 1] - ys[size - 2]) * (x - xs[size - 2]) - (xs[size - 1] - xs[size - 2]) * (
                        y - ys[size - 2]
                    )
                    if (side == 0 and turn <= 0) or (side == 1 and turn >= 0):
                        size -= 1
                    else:
                        break
                ys[size] = y
                xs[size] = x
                size += 1
            for place in range(size):
                found[count, 0] = z
                found[count, 1] = ys[place]
                found[count, 2] = xs[place]
                count += 1
    return found[:count]


@jit
def hull_sizes(points: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Give the volume of the convex hull of points of the grid, and its surface in units of the grid in each facet.

    The hull grows point by point: the facets that see the next point make way for those that join it to their rim. All
    is done in whole numbers. Points of a grid often lie in one plane; they are shifted at random by less than a
    hundredth of a voxel to tell inside from outside, and the sizes are taken without the shift.

    Parameters
    ----------
    points : ndarray of int64, shape (n, 3)
        With coordinates of less than 2^14.

    Returns
    -------
    volume, surface : float
        0 for points that lie in a plane.
    """
    n = len(points)
    if n < 4:
        return 0.0, 0.0
    fine = np.empty((n, 3), np.int64)
    state = np.int64(12345)
    for i in range(n):
        for axis in range(3):
            state = (state * np.int64(1103515245) + np.int64(12345)) % np.int64(2147483648)
            fine[i, axis] = points[i, axis] * SCALE + (state >> 16) % (2 * SHIFT + 1) - SHIFT
    order = np.arange(n)
    for i in range(n - 1, 0, -1):
        state = (state * np.int64(1103515245) + np.int64(12345)) % np.int64(2147483648)
        j = (state >> 8) % (i + 1)
        order[i], order[j] = order[j], order[i]
    corners = np.empty((4 * n + 8, 3), np.int64)
    planes = np.empty((4 * n + 8, 4), np.int64)
    seen = np.zeros((n, n), np.uint8)
    first, second, third, fourth = order[0], order[1], order[2], order[3]
    facets = 0
    for a, b, c, d in (
        (first, second, third, fourth),
        (first, second, fourth, third),
        (first, third, fourth, second),
        (second, third, fourth, first),
    ):
        _set_facet(corners, planes, facets, fine, a, b, c)
        if _above(planes, facets, fine, d) > 0:  # the fourth point lies inside
            _set_facet(corners, planes, facets, fine, a, c, b)
        facets += 1
    visible = np.empty(4 * n + 8, np.int64)
    for number in range(4, n):
        point = order[number]
        found = 0
        for facet in range(facets):
            if _above(planes, facet, fine, point) > 0:
                visible[found] = facet
                found += 1
        if found == 0:
            continue
        for place in range(found):
            a, b, c = corners[visible[place]]
            seen[a, b] = seen[b, c] = seen[c, a] = 1
        rim = 0
        edges = np.empty((3 * found, 2), np.int64)
        for place in range(found):
            a, b, c = corners[visible[place]]
            for start, end in ((a, b), (b, c), (c, a)):
                if not seen[end, start]:
                    edges[rim, 0], edges[rim, 1] = start, end
                    rim += 1
        for place in range(found):
            a, b, c = corners[visible[place]]
            seen[a, b] = seen[b, c] = seen[c, a] = 0
        for place in range(found - 1, -1, -1):  # the last facets fill the gaps
            facets -= 1
            corners[visible[place]] = corners[facets]
            planes[visible[place]] = planes[facets]
        for place in range(rim):
            _set_facet(corners, planes, facets, fine, edges[place, 0], edges[place, 1], point)
            facets += 1
    volume = np.int64(0)
    surface = np.int64(0)
    for facet in range(facets):
        a, b, c = points[corners[facet, 0]], points[corners[facet, 1]], points[corners[facet, 2]]
        n_z = (b[1] - a[1]) * (c[2] - a[2]) - (b[2] - a[2]) * (c[1] - a[1])
        n_y = (b[2] - a[2]) * (c[0] - a[0]) - (b[0] - a[0]) * (c[2] - a[2])
        n_x = (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
        volume += a[0] * n_z + a[1] * n_y + a[2] * n_x
        common = abs(n_z)
        for other in (abs(n_y), abs(n_x)):
            while other:
                common, other = other, common % other
        surface += common
    return abs(volume) / 6.0, surface / 2.0


@jit
def _set_facet(corners: Any, planes: Any, facet: int, fine: Any, a: int, b: int, c: int) -> None:
    """Make a facet of three points."""
    corners[facet, 0], corners[facet, 1], corners[facet, 2] = a, b, c
    u_z, u_y, u_x = fine[b, 0] - fine[a, 0], fine[b, 1] - fine[a, 1], fine[b, 2] - fine[a, 2]
    v_z, v_y, v_x = fine[c, 0] - fine[a, 0], fine[c, 1] - fine[a, 1], fine[c, 2] - fine[a, 2]
    planes[facet, 0] = u_y * v_x - u_x * v_y
    planes[facet, 1] = u_x * v_z - u_z * v_x
    planes[facet, 2] = u_z * v_y - u_y * v_z
    planes[facet, 3] = planes[facet, 0] * fine[a, 0] + planes[facet, 1] * fine[a, 1] + planes[facet, 2] * fine[a, 2]


@jit
def _above(planes: Any, facet: int, fine: Any, point: int) -> int:
    """Say how far a point lies outside a facet's plane; negative inside."""
    return (
        planes[facet, 0] * fine[point, 0]
        + planes[facet, 1] * fine[point, 1]
        + planes[facet, 2] * fine[point, 2]
        - planes[facet, 3]
    )
