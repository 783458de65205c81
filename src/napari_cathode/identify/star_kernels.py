"""Compiled loops over star-convex polyhedra: which point lies in which, how much two overlap, how they are drawn.

A polyhedron has a centre and a distance along each of fixed rays; the triangles between neighbouring rays' ends are its
faces. A point that lies α v_a + β v_b + γ v_c from the centre, in the cone of the face with the unit rays v_a, v_b, v_c
(α, β, γ ≥ 0), is inside exactly where α / d_a + β / d_b + γ / d_c ≤ 1: the plane through the three ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit

from .rescale import FloatArray

CELLS = 96
"""Cells along each edge of the cube map that finds the face of a direction."""
SHELLS = 4
"""Points below each face at which overlap is sampled."""
LIKE = 4.0
"""Candidates of the same particle differ in volume by no more than this factor."""
HALVINGS = 9
"""Of the interval in which a ray crosses a surface."""

Ints = npt.NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class RayTable:
    """Fixed directions and the triangles between them, prepared for looking up.

    Attributes
    ----------
    vertices : ndarray of float32, shape (n_rays, 3)
        Unit vectors (z, y, x).
    faces : ndarray of int32, shape (n_faces, 3)
        Rays at the corners of each triangle.
    inverse : ndarray of float32, shape (n_faces, 3, 3)
        Turns an offset (z, y, x) into α, β, γ of a face.
    cube : ndarray of int32, shape (6, CELLS, CELLS)
        The face at the middle of each cell of a cube around the centre.
    size : ndarray of float32, shape (n_faces,)
        Six times the volume between the centre and each triangle where all distances are 1.
    inflation : float
        A polyhedron with ends on a ball's surface has less volume; with distances multiplied by this it has the same.
    """

    vertices: FloatArray
    faces: Ints
    inverse: FloatArray
    cube: Ints
    size: FloatArray
    inflation: float


@cache
def rays_of(n_rays: int) -> Any:
    """Give StarDist's directions for polyhedra: points of a golden spiral on the sphere."""
    from stardist import Rays_GoldenSpiral

    return Rays_GoldenSpiral(n_rays)


@cache
def ray_table(rays: Any) -> RayTable:
    """Prepare StarDist's rays (`stardist.rays3d.Rays_Base`)."""
    vertices = np.asarray(rays.vertices, np.float64)
    vertices /= np.linalg.norm(vertices, axis=1, keepdims=True)
    faces = np.asarray(rays.faces, np.int32)
    corners = vertices[faces]
    inverse = np.linalg.inv(corners.transpose(0, 2, 1))
    middle = (np.arange(CELLS) + 0.5) / CELLS * 2 - 1
    first, second = np.meshgrid(middle, middle, indexing="ij")
    cube = np.empty((6, CELLS, CELLS), np.int32)
    for side in range(6):
        axis, sign = side // 2, 1 if side % 2 else -1
        direction = np.empty((CELLS, CELLS, 3))
        direction[..., axis] = sign
        direction[..., (axis + 1) % 3], direction[..., (axis + 2) % 3] = first, second
        parts = np.einsum("fij,abj->abfi", inverse, direction)
        cube[side] = parts.min(axis=-1).argmax(axis=-1)
    size = np.abs(np.linalg.det(corners))
    return RayTable(
        vertices.astype(np.float32),
        faces,
        inverse.astype(np.float32),
        cube,
        size.astype(np.float32),
        float(np.cbrt(8 * np.pi / size.sum())),
    )


@jit
def _depth(z, y, x, distance, faces, inverse, cube):  # type: ignore[no-untyped-def]
    """How far out a point lies: 0 at the centre, 1 on the surface."""
    az, ay, ax = abs(z), abs(y), abs(x)
    if az >= ay and az >= ax:
        if az == 0:
            return np.float32(0)
        side, u, v = (1 if z > 0 else 0), y / az, x / az
    elif ay >= ax:
        side, u, v = (3 if y > 0 else 2), x / ay, z / ay
    else:
        side, u, v = (5 if x > 0 else 4), z / ax, y / ax
    cells = cube.shape[1]
    i = min(int((u + 1) * 0.5 * cells), cells - 1)
    j = min(int((v + 1) * 0.5 * cells), cells - 1)
    face = cube[side, i, j]
    depth = np.float32(0)
    for k in range(3):
        part = inverse[face, k, 0] * z + inverse[face, k, 1] * y + inverse[face, k, 2] * x
        depth += part / distance[faces[face, k]]
    return depth


@jit
def volumes(distance: FloatArray, faces: Ints, size: FloatArray) -> FloatArray:
    """Volume of each polyhedron: the tetrahedra between its centre and its faces."""
    n = distance.shape[0]
    out = np.empty(n, np.float32)
    for i in range(n):
        total = np.float32(0)
        for f in range(faces.shape[0]):
            total += size[f] * distance[i, faces[f, 0]] * distance[i, faces[f, 1]] * distance[i, faces[f, 2]]
        out[i] = total / 6
    return out


@jit
def _overlaps(offset, small, large, needed, left, vertices, size, faces, inverse, cube, shells):  # type: ignore[no-untyped-def]
    """Whether more than a volume ``needed`` of the small polyhedron (of volume ``left``) lies in the large one.

    The small one's centre lies at the offset from the large one's. Each tetrahedron below a face is cut into shells of
    equal volume, each sampled on the line to the middle of the face.
    """
    hit = np.float32(0)
    for f in range(faces.shape[0]):
        a, b, c = faces[f, 0], faces[f, 1], faces[f, 2]
        da, db, dc = small[a] / 3, small[b] / 3, small[c] / 3
        z = da * vertices[a, 0] + db * vertices[b, 0] + dc * vertices[c, 0]
        y = da * vertices[a, 1] + db * vertices[b, 1] + dc * vertices[c, 1]
        x = da * vertices[a, 2] + db * vertices[b, 2] + dc * vertices[c, 2]
        part = size[f] * da * db * dc * np.float32(4.5)
        for s in range(shells):
            t = np.float32(((s + 0.5) / shells) ** (1 / 3))
            depth = _depth(offset[0] + t * z, offset[1] + t * y, offset[2] + t * x, large, faces, inverse, cube)
            if depth <= 1:
                hit += part / shells
        left -= part
        if hit > needed:
            return True
        if hit + left <= needed:
            return False
    return False


@jit
def survivors(  # type: ignore[no-untyped-def]
    centre,
    distance,
    volume,
    reach,
    order,
    start,
    cell,
    cells,
    threshold,
    vertices,
    size,
    faces,
    inverse,
    cube,
    shells,
):
    """Greedy suppression of polyhedra that are sorted by falling probability.

    ``order`` lists them by cell of a grid, ``start`` where each cell begins in it, ``cell`` each one's cell (z, y, x),
    ``cells`` the shape of the grid, whose cells are at least as wide as the largest reach.
    """
    n = centre.shape[0]
    alive = np.ones(n, np.bool_)
    for i in range(n):
        if not alive[i]:
            continue
        for cz in range(max(0, cell[i, 0] - 2), min(cells[0], cell[i, 0] + 3)):
            for cy in range(max(0, cell[i, 1] - 2), min(cells[1], cell[i, 1] + 3)):
                for cx in range(max(0, cell[i, 2] - 2), min(cells[2], cell[i, 2] + 3)):
                    number = (cz * cells[1] + cy) * cells[2] + cx
                    for position in range(start[number], start[number + 1]):
                        j = order[position]
                        if j <= i or not alive[j]:
                            continue
                        z = centre[j, 0] - centre[i, 0]
                        y = centre[j, 1] - centre[i, 1]
                        x = centre[j, 2] - centre[i, 2]
                        if z * z + y * y + x * x >= (reach[i] + reach[j]) ** 2:
                            continue
                        if volume[j] <= volume[i]:
                            offset, small, large = (z, y, x), distance[j], distance[i]
                        else:
                            offset, small, large = (-z, -y, -x), distance[i], distance[j]
                        smaller = min(volume[i], volume[j])
                        alive[j] = not _overlaps(
                            offset,
                            small,
                            large,
                            threshold * smaller,
                            smaller,
                            vertices,
                            size,
                            faces,
                            inverse,
                            cube,
                            shells,
                        )
    return alive


@jit
def agreed_distances(  # type: ignore[no-untyped-def]
    chosen, own_distance, start, near, centre, distance, probability, volume, sharpness, vertices, faces, inverse, cube
):
    """Distances of polyhedra along their rays, as the candidates near each see them.

    ``near[start[n]:start[n + 1]]`` are the candidates whose centres lie near that of the candidate ``chosen[n]``. Each
    tells where its own surface crosses a ray; it counts by its probability over a power of its distance from there.
    ``distance`` is such that flat faces lie as much outside of the true surfaces as inside.
    """
    rays = vertices.shape[0]
    out = np.empty((chosen.shape[0], rays), np.float32)
    for n in range(chosen.shape[0]):
        i = chosen[n]
        for k in range(rays):
            own = own_distance[n, k]
            weight = probability[i] / (own * own + 1.0) ** (sharpness / 2)
            total, weights = weight * own, weight
            for position in range(start[n], start[n + 1]):
                j = near[position]
                z, y, x = centre[j, 0] - centre[i, 0], centre[j, 1] - centre[i, 1], centre[j, 2] - centre[i, 2]
                # Those on the far side of the centre have next to no weight.
                if j == i or z * vertices[k, 0] + y * vertices[k, 1] + x * vertices[k, 2] <= 0:
                    continue
                if not 1 / LIKE <= volume[j] / volume[i] <= LIKE:
                    continue
                low, high = np.float32(0), np.float32(2 * own + 2)
                for _ in range(HALVINGS):
                    middle = (low + high) / 2
                    dz, dy, dx = middle * vertices[k, 0] - z, middle * vertices[k, 1] - y, middle * vertices[k, 2] - x
                    if _depth(dz, dy, dx, distance[j], faces, inverse, cube) <= 1:
                        low = middle
                    else:
                        high = middle
                middle = (low + high) / 2
                dz, dy, dx = middle * vertices[k, 0] - z, middle * vertices[k, 1] - y, middle * vertices[k, 2] - x
                weight = probability[j] / (dz * dz + dy * dy + dx * dx + 1.0) ** (sharpness / 2)
                total += weight * middle
                weights += weight
            out[n, k] = total / weights
    return out


@jit
def depths(chosen, start, near, centre, distance, faces, inverse, cube):  # type: ignore[no-untyped-def]
    """How far out in the polyhedron of candidate ``chosen[n]`` the centres of ``near[start[n]:start[n + 1]]`` lie."""
    out = np.empty(near.shape[0], np.float32)
    for n in range(chosen.shape[0]):
        i = chosen[n]
        for position in range(start[n], start[n + 1]):
            j = near[position]
            z, y, x = centre[j, 0] - centre[i, 0], centre[j, 1] - centre[i, 1], centre[j, 2] - centre[i, 2]
            out[position] = _depth(z, y, x, distance[i], faces, inverse, cube)
    return out


@jit
def draw(labels, first, centre, distance, reach, number, spacing, faces, inverse, cube):  # type: ignore[no-untyped-def]
    """Draw polyhedra, the most probable first, into slices ``first`` … of a volume; voxels that are taken stay.

    Centres are in voxels, distances and reach in working voxels; ``spacing`` is a voxel's edge in working voxels.
    """
    for i in range(centre.shape[0]):
        z0 = max(int(np.ceil(centre[i, 0] - reach[i] / spacing[0])), first)
        z1 = min(int(np.floor(centre[i, 0] + reach[i] / spacing[0])) + 1, first + labels.shape[0])
        y0 = max(int(np.ceil(centre[i, 1] - reach[i] / spacing[1])), 0)
        y1 = min(int(np.floor(centre[i, 1] + reach[i] / spacing[1])) + 1, labels.shape[1])
        x0 = max(int(np.ceil(centre[i, 2] - reach[i] / spacing[2])), 0)
        x1 = min(int(np.floor(centre[i, 2] + reach[i] / spacing[2])) + 1, labels.shape[2])
        for z in range(z0, z1):
            dz = np.float32((z - centre[i, 0]) * spacing[0])
            for y in range(y0, y1):
                dy = np.float32((y - centre[i, 1]) * spacing[1])
                for x in range(x0, x1):
                    if labels[z - first, y, x] == 0:
                        dx = np.float32((x - centre[i, 2]) * spacing[2])
                        if _depth(dz, dy, dx, distance[i], faces, inverse, cube) <= 1:
                            labels[z - first, y, x] = number[i]
