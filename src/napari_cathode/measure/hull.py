"""How convex a particle is: its voxels against those within its convex hull."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit

from .kernels import Mask, bounds, count

FINE = 20
"""Voxels along an edge of the bounding box that are enough: of a larger mask every second, third … is looked at.

On simulated particles this moves the result by 0.002 (standard deviation) and takes a quarter of the time."""


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
    from scipy.spatial import ConvexHull, QhullError

    mask = _thinned(mask)
    points = row_ends(mask)
    flat = mask.shape[0] == 1
    corners = points[:, 1:] if flat else points
    try:
        hull = ConvexHull(corners)
    except (QhullError, ValueError):
        return float("nan")
    facets = corners[hull.simplices].astype(np.int64)
    if flat:
        steps = np.abs(facets[:, 1] - facets[:, 0])
        within = hull.volume + np.gcd(steps[:, 0], steps[:, 1]).sum() / 2 + 1
    else:
        normals = np.cross(facets[:, 1] - facets[:, 0], facets[:, 2] - facets[:, 0])
        edges = np.ptp(corners, axis=0)
        within = hull.volume + np.gcd.reduce(normals, axis=1).sum() / 4 + 2 * edges.mean() + 1
    return min(count(mask) / within, 1.0)


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
