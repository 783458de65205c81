"""Compiled loops over star-convex polygons: greedy suppression, and drawing.

Whether two polygons overlap too much is told from samples of the smaller one wherever that leaves no doubt, and
otherwise from the area of their intersection on whole pixels, as the stardist package has it.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit

from .rescale import BoolArray, FloatArray

CELLS = 64
"""Cells along each side of the square map that finds the sector of a direction."""
SHELLS = 2
"""Points on each ray at which overlap is sampled."""
DOUBT = np.float32(0.1)
"""Overlap as sampled is trusted where it is farther than this from the threshold."""
CELL = 16.0
"""Edge in pixels of the cells that neighbours are looked up in."""
SMALLEST = np.float32(1e-3)
"""Least distance along a ray, as StarDist has it."""
FARTHEST = np.float32(1e6)
"""Pixels beyond which no outline is followed: a spike in the image can send a network anywhere, to infinity too."""


def _directions(n_rays: int) -> npt.NDArray[np.float64]:
    """Give the unit vectors (y, x) of the rays."""
    angle = 2 * np.pi * np.arange(n_rays) / n_rays
    return np.stack([np.sin(angle), np.cos(angle)], axis=1)


@cache
def _sectors(n_rays: int) -> tuple[FloatArray, npt.NDArray[np.int32]]:
    """Give directions (y, x) of the rays, and the sector behind each cell of a square around the centre."""
    rays = _directions(n_rays).astype(np.float32)
    middle = (np.arange(CELLS) + 0.5) / CELLS * 2 - 1
    edge = np.ones(CELLS)
    y, x = np.stack([middle, middle, -edge, edge]), np.stack([-edge, edge, middle, middle])
    sides = np.floor(np.mod(np.arctan2(y, x), 2 * np.pi) / (2 * np.pi) * n_rays).astype(np.int32) % n_rays
    return rays, sides


@jit
def _inside(y, x, distance, rays, wide, sides):  # type: ignore[no-untyped-def]
    """Whether a point at (y, x) from the centre lies in a polygon; ``wide`` is the sine between two rays."""
    ay, ax = abs(y), abs(x)
    if ax >= ay:
        if ax == 0:
            return True
        side, u = (1 if x > 0 else 0), y / ax
    else:
        side, u = (3 if y > 0 else 2), x / ay
    k = sides[side, min(int((u + 1) * np.float32(CELLS / 2)), CELLS - 1)]
    after = k + 1 if k + 1 < rays.shape[0] else 0
    # The point is a sum of parts of the two rays (times the sine); with each part as a share of its distance, the
    # shares add to one on the outline.
    first, second = x * rays[after, 0] - y * rays[after, 1], y * rays[k, 1] - x * rays[k, 0]
    near, far = max(distance[k], SMALLEST), max(distance[after], SMALLEST)
    return first * far + second * near <= wide * near * far


@jit
def _sampled(offset_y, offset_x, small, large, needed, doubt, left, rays, sides):  # type: ignore[no-untyped-def]
    """Whether more than an area ``needed`` of the small polygon lies in the large one: 1 yes, 0 no, -1 in doubt.

    The small one's centre lies at the offset from the large one's, and ``left`` is its area.
    """
    n = rays.shape[0]
    hit, wide = np.float32(0), rays[1, 0] * rays[0, 1]
    for turn in range(4):  # every fourth ray first: most pairs are told by a part of the rays
        for k in range(turn, n, 4):
            before, after = small[k - 1 if k else n - 1], small[k + 1 if k + 1 < n else 0]
            part = small[k] * (before + after) * wide / 4
            y, x = small[k] * rays[k, 0], small[k] * rays[k, 1]
            for s in range(SHELLS):
                t = np.float32(((s + 0.5) / SHELLS) ** 0.5)
                if _inside(offset_y + t * y, offset_x + t * x, large, rays, wide, sides):
                    hit += part / SHELLS
            left -= part
            if hit > needed + doubt:
                return 1
            if hit + left < needed - doubt:
                return 0
    return -1


@jit
def _corners(centre, distance, rays, out):  # type: ignore[no-untyped-def]
    """Fill in the corners (y, x) on whole pixels, cut off as the stardist package does, and give twice the area."""
    n = rays.shape[0]
    for k in range(n):
        length = max(distance[k], SMALLEST)
        out[k, 0] = np.trunc(centre[0] + length * rays[k, 0])
        out[k, 1] = np.trunc(centre[1] + length * rays[k, 1])
    double = 0.0
    for k in range(n):
        after = k + 1 if k + 1 < n else 0
        double += out[k, 1] * out[after, 0] - out[k, 0] * out[after, 1]
    return abs(double)


@jit
def _holds(corners, y, x):  # type: ignore[no-untyped-def]
    """Whether a point lies in a polygon."""
    inside = False
    for k in range(corners.shape[0]):
        ay, ax, by, bx = corners[k - 1, 0], corners[k - 1, 1], corners[k, 0], corners[k, 1]
        if (ay > y) != (by > y) and x < ax + (y - ay) / (by - ay) * (bx - ax):
            inside = not inside
    return inside


@jit
def _bounded(corners, inside, count, where, point):  # type: ignore[no-untyped-def]
    """Twice what the parts of a polygon's outline inside another one add to the area of their intersection."""
    n, double = corners.shape[0], 0.0
    for k in range(n):
        number = count[k]
        for i in range(1, number):  # few: sorted by insertion
            j = i
            while j > 0 and where[k, j] < where[k, j - 1]:
                where[k, j], where[k, j - 1] = where[k, j - 1], where[k, j]
                for axis in range(2):
                    point[k, j, axis], point[k, j - 1, axis] = point[k, j - 1, axis], point[k, j, axis]
                j -= 1
        y, x = corners[k, 0], corners[k, 1]
        after = k + 1 if k + 1 < n else 0
        for i in range(number + 1):
            if i < number:
                to_y, to_x = point[k, i, 0], point[k, i, 1]
            else:
                to_y, to_x = corners[after, 0], corners[after, 1]
            if inside:
                double += x * to_y - y * to_x
            if i < number:
                inside = not inside
            y, x = to_y, to_x
    return double


CROSSINGS = 12
"""Crossings that one edge can have; with more, the rest is left out."""


@jit
def _common(first, second, count, where, point):  # type: ignore[no-untyped-def]
    """Twice the area that two polygons with corners on whole pixels share; crossings lie on whole pixels, too.

    The second one is moved by a thousandth of a pixel where it is asked what lies inside, so that no corner lies on an
    edge. ``count``, ``where`` and ``point`` are room for the crossings of both.
    """
    n = first.shape[0]
    dy, dx = 1.37e-3, 0.73e-3
    count[:] = 0
    for k in range(n):
        after = k + 1 if k + 1 < n else 0
        ay, ax = first[k, 0], first[k, 1]
        by, bx = first[after, 0] - ay, first[after, 1] - ax
        low_y, high_y = min(0.0, by) - 0.01, max(0.0, by) + 0.01
        low_x, high_x = min(0.0, bx) - 0.01, max(0.0, bx) + 0.01
        cy, cx = second[0, 0] + dy - ay, second[0, 1] + dx - ax
        for m in range(n):
            later = m + 1 if m + 1 < n else 0
            ey, ex = second[later, 0] + dy - ay, second[later, 1] + dx - ax
            py, px = cy, cx
            cy, cx = ey, ex
            if max(py, ey) < low_y or min(py, ey) > high_y or max(px, ex) < low_x or min(px, ex) > high_x:
                continue
            fy, fx = ey - py, ex - px
            wide = bx * fy - by * fx
            if wide == 0:
                continue
            t = (px * fy - py * fx) / wide
            u = (px * by - py * bx) / wide
            if 0 <= t < 1 and 0 <= u < 1 and count[0, k] < CROSSINGS and count[1, m] < CROSSINGS:
                y, x = np.round(ay + t * by), np.round(ax + t * bx)
                for side, edge, part in ((0, k, t), (1, m, u)):
                    number = count[side, edge]
                    where[side, edge, number] = part
                    point[side, edge, number, 0], point[side, edge, number, 1] = y, x
                    count[side, edge] = number + 1
    starts = _holds(second, first[0, 0] - dy, first[0, 1] - dx), _holds(first, second[0, 0] + dy, second[0, 1] + dx)
    double = _bounded(first, starts[0], count[0], where[0], point[0])
    return abs(double + _bounded(second, starts[1], count[1], where[1], point[1]))


@jit
def _survivors(centre, distance, threshold, rays, sides):  # type: ignore[no-untyped-def]
    """Greedy suppression of polygons that are sorted by falling probability."""
    n, n_rays = distance.shape
    reach, area = np.empty(n, np.float32), np.empty(n, np.float32)
    wide = rays[0, 1] * rays[1, 0] / 2
    for i in range(n):
        total, longest, last = np.float32(0), np.float32(0), max(distance[i, n_rays - 1], SMALLEST)
        for k in range(n_rays):
            length = max(distance[i, k], SMALLEST)
            total += last * length
            longest = max(longest, length)
            last = length
        # Corners cut off to whole pixels may lie a diagonal further out.
        reach[i], area[i] = longest + np.float32(1.5), total * wide
    low_y, low_x = centre[:, 0].min(), centre[:, 1].min()
    rows = int((centre[:, 0].max() - low_y) // CELL) + 1
    columns = int((centre[:, 1].max() - low_x) // CELL) + 1
    cell = np.empty(n, np.int32)
    start, furthest = np.zeros(rows * columns + 1, np.int64), np.zeros(rows * columns, np.float32)
    for i in range(n):
        cell[i] = int((centre[i, 0] - low_y) // CELL) * columns + int((centre[i, 1] - low_x) // CELL)
        start[cell[i] + 1] += 1
        furthest[cell[i]] = max(furthest[cell[i]], reach[i])
    start = np.cumsum(start)
    order, filled = np.empty(n, np.int32), start.copy()
    for i in range(n):
        order[filled[cell[i]]] = i
        filled[cell[i]] += 1
    span = reach.max()
    alive = np.ones(n, np.bool_)
    own, other = np.empty((n_rays, 2)), np.empty((n_rays, 2))
    count = np.zeros((2, n_rays), np.int32)
    where, point = np.empty((2, n_rays, CROSSINGS)), np.empty((2, n_rays, CROSSINGS, 2))
    for i in range(n):
        if not alive[i]:
            continue
        own_double = -1.0
        y, x = centre[i, 0] - low_y, centre[i, 1] - low_x
        far = reach[i] + span
        for row in range(max(0, int((y - far) // CELL)), min(rows, int((y + far) // CELL) + 1)):
            away_y = max(0.0, row * CELL - y, y - (row + 1) * CELL)
            for column in range(max(0, int((x - far) // CELL)), min(columns, int((x + far) // CELL) + 1)):
                number = row * columns + column
                away_x = max(0.0, column * CELL - x, x - (column + 1) * CELL)
                if away_y * away_y + away_x * away_x >= (reach[i] + furthest[number]) ** 2:
                    continue
                for position in range(start[number], start[number + 1]):
                    j = order[position]
                    if j <= i or not alive[j]:
                        continue
                    dy, dx = np.float32(centre[j, 0] - centre[i, 0]), np.float32(centre[j, 1] - centre[i, 1])
                    if dy * dy + dx * dx >= (reach[i] + reach[j]) ** 2:
                        continue
                    smaller = min(area[i], area[j])
                    doubt = DOUBT * smaller
                    if area[j] <= area[i]:
                        told = _sampled(
                            dy, dx, distance[j], distance[i], threshold * smaller, doubt, smaller, rays, sides
                        )
                    else:
                        told = _sampled(
                            -dy, -dx, distance[i], distance[j], threshold * smaller, doubt, smaller, rays, sides
                        )
                    if told < 0:
                        if own_double < 0:
                            own_double = _corners(centre[i], distance[i], rays, own)
                        other_double = _corners(centre[j], distance[j], rays, other)
                        shared = _common(own, other, count, where, point)
                        told = shared > threshold * min(own_double, other_double)
                    if told:
                        alive[j] = False
    return alive


def _bound(distance: FloatArray) -> FloatArray:
    """Give distances that can be reckoned with: those that are no numbers are 0."""
    return np.ascontiguousarray(np.clip(np.nan_to_num(distance), -FARTHEST, FARTHEST), np.float32)


def survivors(centre: npt.NDArray[Any], distance: FloatArray, threshold: float) -> BoolArray:
    """Choose polygons by greedy non-maximum suppression (Schmidt et al., MICCAI 2018).

    Parameters
    ----------
    centre : ndarray, shape (n, 2)
        Centres (y, x) in pixels, by falling probability.
    distance : ndarray of float32, shape (n, n_rays)
        From the centre to the outline along equally spaced directions, in pixels.
    threshold : float
        Polygons that share more than this part of the smaller one's area with a more probable survivor go.

    Returns
    -------
    ndarray of bool, shape (n,)
        True for those that stay.
    """
    if not len(centre):
        return np.zeros(0, np.bool_)
    rays, sides = _sectors(distance.shape[1])
    centre, distance = np.ascontiguousarray(centre, np.float64), _bound(distance)
    alive: BoolArray = _survivors(centre, distance, np.float32(threshold), rays, sides)
    return alive


@jit
def _draw(labels, centre, distance, scale, number, rays, crossings):  # type: ignore[no-untyped-def]
    """Draw polygons row by row; pixels that are taken stay."""
    rows, columns = labels.shape
    n = rays.shape[0]
    corner = np.empty((n, 2))
    for i in range(centre.shape[0]):
        low, high = np.inf, -np.inf
        for k in range(n):
            length = np.float64(distance[i, k])
            corner[k, 0] = (centre[i, 0] + length * rays[k, 0] + 0.5) / scale[0] - 0.5
            corner[k, 1] = (centre[i, 1] + length * rays[k, 1] + 0.5) / scale[1] - 0.5
            low, high = min(low, corner[k, 0]), max(high, corner[k, 0])
        for row in range(max(0, int(np.ceil(low))), min(rows - 1, int(np.floor(high))) + 1):
            found = 0
            for k in range(n):
                ay, ax, by, bx = corner[k - 1, 0], corner[k - 1, 1], corner[k, 0], corner[k, 1]
                if (ay > row) != (by > row):
                    x = ax + (row - ay) / (by - ay) * (bx - ax)
                    at = found
                    while at > 0 and crossings[at - 1] > x:
                        crossings[at] = crossings[at - 1]
                        at -= 1
                    crossings[at] = x
                    found += 1
            for pair in range(0, found - 1, 2):
                first, last = int(np.ceil(crossings[pair])), int(np.floor(crossings[pair + 1]))
                for column in range(max(0, first), min(columns - 1, last) + 1):
                    if labels[row, column] == 0:
                        labels[row, column] = number[i]


def draw(
    labels: npt.NDArray[np.int32],
    centre: npt.NDArray[Any],
    distance: FloatArray,
    scale: tuple[float, float],
    number: npt.NDArray[np.int32],
) -> None:
    """Draw polygons into a label image; a pixel belongs to the first whose outline holds its centre.

    Parameters
    ----------
    labels : ndarray of int32, shape (y, x)
        The image; pixels that are not 0 stay.
    centre : ndarray, shape (n, 2)
        Centres (y, x) in working pixels.
    distance : ndarray of float32, shape (n, n_rays)
        From the centre to the outline along equally spaced directions, in working pixels.
    scale : tuple of float
        Working pixels per pixel of the image (y, x); see `rescale.rescale`.
    number : ndarray of int32, shape (n,)
        The label of each.
    """
    rays = _directions(distance.shape[1])
    centre, distance = np.ascontiguousarray(centre, np.float64), _bound(distance)
    number = np.ascontiguousarray(number, np.int32)
    _draw(labels, centre, distance, np.asarray(scale, np.float64), number, rays, np.empty(len(rays)))
