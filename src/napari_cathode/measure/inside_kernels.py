"""Compiled loops over the inside of one particle; arrays are as in `kernels`."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit

from .kernels import Mask

Floats = npt.NDArray[np.float32]

PULL = np.array([0, 1, 1 / 2, 1 / 3])
"""Weight in a gradient of a neighbour whose distance is the root of 0, 1, 2 or 3, per voxel along an axis."""


@jit
def crack_pieces(filled: Mask, solid: Mask) -> tuple[Any, Any, Any]:
    """Find the pieces of what is filled but not solid; voxels that share a corner hang together.

    Returns
    -------
    voxels : ndarray of int32, shape (n, 3)
        Indices (z, y, x), piece by piece.
    starts : ndarray of int64, shape (pieces + 1,)
        Where each piece starts among the voxels, and the end.
    is_open : ndarray of bool, shape (pieces,)
        Whether a voxel of the piece shares a face with the outside.
    """
    nz, ny, nx = filled.shape
    todo = np.empty_like(filled)
    total = 0
    left, within, full = todo.ravel(), filled.ravel(), solid.ravel()
    for place in range(len(left)):
        left[place] = within[place] & ~full[place]
        total += left[place]
    voxels = np.empty((total, 3), np.int32)
    starts = np.zeros(total + 1, np.int64)
    is_open = np.zeros(total, np.bool_)
    count = 0
    pieces = 0
    for z in range(nz):
        if count == total:
            break
        for y in range(ny):
            for x in range(nx):
                if not todo[z, y, x]:
                    continue
                todo[z, y, x] = 0
                voxels[count, 0], voxels[count, 1], voxels[count, 2] = z, y, x
                head = count
                count += 1
                while head < count:
                    k, j, i = voxels[head, 0], voxels[head, 1], voxels[head, 2]
                    head += 1
                    for dz in range(-1 if k > 0 else 0, 2 if k < nz - 1 else 1):
                        for dy in range(-1 if j > 0 else 0, 2 if j < ny - 1 else 1):
                            for dx in range(-1 if i > 0 else 0, 2 if i < nx - 1 else 1):
                                if todo[k + dz, j + dy, i + dx]:
                                    todo[k + dz, j + dy, i + dx] = 0
                                    voxels[count, 0] = k + dz
                                    voxels[count, 1] = j + dy
                                    voxels[count, 2] = i + dx
                                    count += 1
                                elif abs(dz) + abs(dy) + abs(dx) == 1 and not filled[k + dz, j + dy, i + dx]:
                                    is_open[pieces] = True
                pieces += 1
                starts[pieces] = count
    return voxels, starts[: pieces + 1], is_open[:pieces]


@jit
def crack_order(voxels: Any, cracks: Mask, solid: Mask, centre: Any, edges: Any) -> tuple[float, float]:
    """Sum P2(cos θ) (in a slice cos 2θ) over the faces between cracks and solid, and the faces' areas.

    The normal is the gradient of the cracks around the solid voxel. A staircase has more faces than the slope that it
    stands for, by the sum of the normal's components: each counts by so much less.
    """
    nz, ny, nx = solid.shape
    flat = nz == 1
    total = 0.0
    areas = 0.0
    for number in range(len(voxels)):
        z, y, x = voxels[number, 0], voxels[number, 1], voxels[number, 2]
        for axis in range(1 if flat else 0, 3):
            for side in (-1, 1):
                k = z + (side if axis == 0 else 0)
                j = y + (side if axis == 1 else 0)
                i = x + (side if axis == 2 else 0)
                if k < 0 or j < 0 or i < 0 or k >= nz or j >= ny or i >= nx or not solid[k, j, i]:
                    continue
                g_z, g_y, g_x = 0.0, 0.0, 0.0
                for dz in range(-1 if k > 0 else 0, 2 if k < nz - 1 else 1):
                    for dy in range(-1 if j > 0 else 0, 2 if j < ny - 1 else 1):
                        for dx in range(-1 if i > 0 else 0, 2 if i < nx - 1 else 1):
                            pull = cracks[k + dz, j + dy, i + dx] * PULL[dz * dz + dy * dy + dx * dx]
                            g_z += pull * dz
                            g_y += pull * dy
                            g_x += pull * dx
                g_z, g_y, g_x = g_z / edges[0], g_y / edges[1], g_x / edges[2]
                length = np.sqrt(g_z * g_z + g_y * g_y + g_x * g_x)
                r_z = (0.5 * (z + k) - centre[0]) * edges[0]
                r_y = (0.5 * (y + j) - centre[1]) * edges[1]
                r_x = (0.5 * (x + i) - centre[2]) * edges[2]
                radius = np.sqrt(r_z * r_z + r_y * r_y + r_x * r_x)
                if length < 1e-9 or radius < 1e-9:
                    continue
                cosine = (g_z * r_z + g_y * r_y + g_x * r_x) / length / radius
                area = length / (abs(g_z) + abs(g_y) + abs(g_x))
                for other in range(1 if flat else 0, 3):
                    if other != axis:
                        area *= edges[other]
                total += area * (2 * cosine * cosine - 1 if flat else 1.5 * cosine * cosine - 0.5)
                areas += area
    return total, areas


@jit
def _direction(z: float, y: float, x: float, bins: int) -> int:
    """Give the number of a vector's direction among bins × bins squares on each face of a cube around it."""
    a_z, a_y, a_x = abs(z), abs(y), abs(x)
    if a_z >= a_y and a_z >= a_x:
        face, most, u, v = 0 if z > 0 else 1, a_z, y, x
    elif a_y >= a_x:
        face, most, u, v = 2 if y > 0 else 3, a_y, z, x
    else:
        face, most, u, v = 4 if x > 0 else 5, a_x, z, y
    if most == 0.0:
        return 0
    scale = 0.5 * bins / most
    row = min(int((u + most) * scale), bins - 1)
    column = min(int((v + most) * scale), bins - 1)
    return (face * bins + row) * bins + column


@jit
def distances_to(surface: Mask, centre: Any, edges: Any, bins: int) -> Floats:
    """Give the mean distance from the centre to the voxels of a surface in each direction; 0 where there is none."""
    nz, ny, nx = surface.shape
    sums = np.zeros(6 * bins * bins, np.float32)
    counts = np.zeros(6 * bins * bins, np.float32)
    for k in range(nz):
        z = np.float32((k - centre[0]) * edges[0])
        for j in range(ny):
            y = np.float32((j - centre[1]) * edges[1])
            row = surface[k, j]
            for i in range(nx):
                if row[i]:
                    x = np.float32((i - centre[2]) * edges[2])
                    place = _direction(z, y, x, bins)
                    sums[place] += np.sqrt(z * z + y * y + x * x)
                    counts[place] += 1
    for place in range(len(sums)):
        if counts[place] > 0:
            sums[place] /= counts[place]
    return sums


@jit
def radial_sums(
    filled: Mask,
    solid: Mask,
    inner: Mask,
    image: Floats,
    centre: Any,
    edges: Any,
    reach: Floats,
    shells: int,
    step: float,
) -> tuple[Any, Any]:
    """Sum up a particle in shells and in rings.

    Parameters
    ----------
    filled, solid, inner : ndarray of uint8, shape (z, y, x)
        ``inner`` is where grey is taken; with ``image``, of shape (1, 1, 1) where there is none.
    image : ndarray of float32, shape (z, y, x)
    centre, edges : ndarray of float64, shape (3,)
        Centroid in voxels, and the voxels' edges.
    reach : ndarray of float32, shape (6 · bins²,)
        Distance to the surface in each direction.
    shells : int
        Of equal thickness as shares of that distance.
    step : float
        Thickness of a ring.

    Returns
    -------
    sums : ndarray of float64, shape (4, shells)
        Voxels, voxels that are not solid, voxels with grey, and the sum of their grey.
    rings : ndarray of int64, shape (rings, 2)
        Voxels, and voxels that are not solid, by distance from the centre.
    """
    nz, ny, nx = filled.shape
    bins = int(np.sqrt(len(reach) / 6) + 0.5)
    with_grey = inner.size == filled.size
    most = np.float32(0)
    for place in range(len(reach)):
        most = max(most, reach[place])
    sums = np.zeros((4, shells))
    rings = np.zeros((int(2 * most / step) + 2, 2), np.int64)
    per_step = np.float32(1 / step)
    for k in range(nz):
        z = np.float32((k - centre[0]) * edges[0])
        for j in range(ny):
            y = np.float32((j - centre[1]) * edges[1])
            row = filled[k, j]
            for i in range(nx):
                if not row[i]:
                    continue
                x = np.float32((i - centre[2]) * edges[2])
                radius = np.sqrt(z * z + y * y + x * x)
                whole = max(reach[_direction(z, y, x, bins)], radius)
                shell = min(int(shells * radius / whole), shells - 1) if whole > 0 else 0
                ring = min(int(radius * per_step + np.float32(0.5)), len(rings) - 1)
                sums[0, shell] += 1
                rings[ring, 0] += 1
                if not solid[k, j, i]:
                    sums[1, shell] += 1
                    rings[ring, 1] += 1
                elif with_grey and inner[k, j, i]:
                    sums[2, shell] += 1
                    sums[3, shell] += image[k, j, i]
    return sums, rings


@jit
def grey_histogram(image: Floats, mask: Mask, low: float, high: float, steps: int) -> tuple[Any, float]:
    """Count the grey values of a mask in equal steps from low to high (what is beyond counts at the ends), and sum."""
    counts = np.zeros(steps, np.int64)
    total = 0.0
    scale = np.float32(steps / (high - low))
    start = np.float32(low)
    values = image.ravel()
    inside = mask.ravel()
    for place in range(len(values)):
        if inside[place]:
            counts[min(max(int((values[place] - start) * scale), 0), steps - 1)] += 1
            total += values[place]
    return counts, total


@jit
def middle(counts: Any) -> float:
    """Give the median of a histogram, in steps, without its tails.

    Cracks make a tail towards the dark, which draws the median: it is taken again of what lies within two standard
    deviations, as the bright side, which has no such tail, tells them.
    """
    below = np.zeros(len(counts) + 1)
    below[1:] = counts.cumsum()
    first, last = 0.0, float(len(counts))
    centre = 0.0
    for _ in range(4):
        centre = _place(below, (_level(below, first) + _level(below, last)) / 2)
        # A normal distribution has half of its upper side within 0.6745 standard deviations.
        spread = (_place(below, (_level(below, centre) + below[-1]) / 2) - centre) / 0.6745
        first, last = max(centre - 2 * spread, 0.0), min(centre + 2 * spread, float(len(counts)))
    return centre


@jit
def _level(line: Any, place: float) -> float:
    """Interpolate a line at a place along it."""
    step = min(int(place), len(line) - 2)
    return line[step] + (line[step + 1] - line[step]) * (place - step)


@jit
def _place(line: Any, level: float) -> float:
    """Give the last place at which a line that never falls has a level."""
    step = len(line) - 1
    if level >= line[step]:
        return float(step)
    while line[step] > level:
        step -= 1
    return step + 1 / (line[step + 1] - line[step]) * (level - line[step])


@jit
def largest_distance(points: Any) -> float:
    """Give the largest distance between points: from one end to the farthest, from there to the farthest, and so on.

    Parameters
    ----------
    points : ndarray of float64, shape (n, 3)
    """
    place = np.zeros(3)
    for number in range(len(points)):
        place += points[number]
    place /= len(points)
    extent = 0.0
    for _ in range(6):
        most, farthest = -1.0, 0
        for number in range(len(points)):
            z, y, x = points[number, 0] - place[0], points[number, 1] - place[1], points[number, 2] - place[2]
            squared = z * z + y * y + x * x
            if squared > most:
                most, farthest = squared, number
        place = points[farthest].copy()
        if np.sqrt(most) <= extent:
            break
        extent = np.sqrt(most)
    return extent if len(points) > 1 else 0.0
