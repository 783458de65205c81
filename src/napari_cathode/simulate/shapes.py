"""Star-convex particle bodies: lumpy ellipsoids and rounded polyhedra, given by their radius in every direction.

A body is centred at the origin; its surface lies at ``radius(u) u`` for each unit vector ``u``. Lengths are in voxels,
vectors in (z, y, x).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit

from .noise import random_directions, random_rotation
from .parameters import SimulationParameters

Floats = npt.NDArray[np.float32]
WAVES = 10
FACETS = 16
#: Exponent of the soft minimum that rounds the edges of a polyhedron; a power of two, so that roots are square roots.
_SHARPNESS = 16


@dataclass
class Bodies:
    """The bodies of n particles.

    Attributes
    ----------
    matrix : numpy.ndarray
        float32 (n, 3, 3); the ellipsoid's surface is where abs(matrix u) r = 1.
    waves : numpy.ndarray
        float32 (n, WAVES, 5): wave vector, phase and relative height of the lumps.
    facets : numpy.ndarray
        float32 (n, FACETS, 3): facet normals over their distance; zero where unused.
    faceted : numpy.ndarray
        bool (n,): whether the body is the polyhedron instead of the ellipsoid.
    reach : numpy.ndarray
        float32 (n,): no surface point lies farther from the centre than this.
    """

    matrix: Floats
    waves: Floats
    facets: Floats
    faceted: npt.NDArray[np.bool_]
    reach: Floats

    def __len__(self) -> int:
        """Give the number of bodies."""
        return len(self.reach)

    def pick(self, which: npt.NDArray[Any]) -> Bodies:
        """Give the bodies that an index array or mask picks."""
        return Bodies(self.matrix[which], self.waves[which], self.facets[which], self.faceted[which], self.reach[which])


@jit(fastmath=True)
def star_radius(uz: float, uy: float, ux: float, matrix: Floats, waves: Floats, facets: Floats, faceted: bool) -> float:
    """Radius of one body in the direction of a unit vector, in voxels."""
    if faceted:
        total = 1e-30
        for k in range(facets.shape[0]):
            s = facets[k, 0] * uz + facets[k, 1] * uy + facets[k, 2] * ux
            if s > 0:
                s2 = s * s
                s4 = s2 * s2
                s8 = s4 * s4
                total += s8 * s8
        r = 1.0 / np.sqrt(np.sqrt(np.sqrt(np.sqrt(total))))
    else:
        a = matrix[0, 0] * uz + matrix[0, 1] * uy + matrix[0, 2] * ux
        b = matrix[1, 0] * uz + matrix[1, 1] * uy + matrix[1, 2] * ux
        c = matrix[2, 0] * uz + matrix[2, 1] * uy + matrix[2, 2] * ux
        r = 1.0 / np.sqrt(a * a + b * b + c * c)
    lump = 1.0
    for k in range(waves.shape[0]):
        lump += waves[k, 4] * np.cos(waves[k, 0] * uz + waves[k, 1] * uy + waves[k, 2] * ux + waves[k, 3])
    return r * max(lump, 0.3)


@jit(fastmath=True)
def _radii(directions: Floats, matrix: Floats, waves: Floats, facets: Floats, faceted: npt.NDArray[Any]) -> Floats:
    out = np.empty((matrix.shape[0], directions.shape[0]), np.float32)
    for i in range(matrix.shape[0]):
        for j in range(directions.shape[0]):
            u = directions[j]
            out[i, j] = star_radius(u[0], u[1], u[2], matrix[i], waves[i], facets[i], faceted[i])
    return out


def sphere_points(n: int) -> Floats:
    """Spread ``n`` unit vectors evenly over the sphere (Fibonacci lattice); shape (n, 3)."""
    k = np.arange(n) + 0.5
    z = 1 - 2 * k / n
    turn = np.pi * (1 + 5**0.5) * k
    flat = np.sqrt(1 - z * z)
    points: Floats = np.stack([z, flat * np.sin(turn), flat * np.cos(turn)], axis=1).astype(np.float32)
    return points


def radii(bodies: Bodies, directions: Floats) -> Floats:
    """Radius of every body in every direction; shape (n bodies, n directions), voxels."""
    return _radii(directions, bodies.matrix, bodies.waves, bodies.facets, bodies.faceted)


def volume_and_surface(bodies: Bodies, directions: int = 1500) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Volume and surface area of each body by quadrature over the sphere.

    With r(u) the radius, V = ∫ r³/3 dΩ and S = ∫ r √(r² + (∇r)²) dΩ, where ∇ is the gradient on the unit sphere,
    taken by central differences. Needs no mesh and no voxels.

    Returns
    -------
    volume, surface : numpy.ndarray
        float64 (n,), in voxels³ and voxels².
    """
    u = sphere_points(directions).astype(np.float64)
    helper = np.where(np.abs(u[:, :1]) < 0.9, np.array([[1.0, 0, 0]]), np.array([[0, 1.0, 0]]))
    t1 = np.cross(u, helper)
    t1 /= np.linalg.norm(t1, axis=1, keepdims=True)
    t2 = np.cross(u, t1)
    r = radii(bodies, u.astype(np.float32)).astype(np.float64)
    step = 0.02
    slope2 = np.zeros_like(r)
    for tangent in (t1, t2):
        ahead = radii(bodies, (np.cos(step) * u + np.sin(step) * tangent).astype(np.float32)).astype(np.float64)
        behind = radii(bodies, (np.cos(step) * u - np.sin(step) * tangent).astype(np.float32)).astype(np.float64)
        slope2 += ((ahead - behind) / (2 * step)) ** 2
    weight = 4 * np.pi / directions
    volume = weight * (r**3).sum(axis=1) / 3
    surface = weight * (r * np.sqrt(r * r + slope2)).sum(axis=1)
    return volume, surface


def draw_bodies(
    rng: np.random.Generator,
    parameters: SimulationParameters,
    diameter: npt.NDArray[Any],
    stretch: npt.NDArray[Any] | None = None,
    order: npt.NDArray[Any] | None = None,
) -> Bodies:
    """Draw bodies of given diameter.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    parameters : SimulationParameters
        Elongation, lumpiness and the shares of crystals and plates are used.
    diameter : numpy.ndarray
        (n,) diameter of the ball of equal volume, in voxels.
    stretch : numpy.ndarray, optional
        (n,) factor on how far the axis ratios depart from 1 (default all 1).
    order : numpy.ndarray, optional
        (n,) 0…1, how far the long axes lie along one common direction (default 0).

    Returns
    -------
    Bodies
        Scaled to the volume of those balls.
    """
    n = len(diameter)
    stretch = np.ones(n) if stretch is None else stretch
    excess = np.log(parameters.elongation) * stretch
    axes = np.zeros((n, 3))
    axes[:, 0] = excess * rng.gamma(6.0, 1 / 6.0, n)
    axes[:, 1] = axes[:, 0] * rng.uniform(0, 0.9, n)
    axes -= axes.mean(axis=1, keepdims=True)
    rotations = np.stack([random_rotation(rng) for _ in range(n)]) if n else np.zeros((0, 3, 3), np.float32)
    if order is not None:
        rotations = _align(rng, rotations, order)
    matrix = (np.exp(-axes)[:, :, None] * rotations).astype(np.float32)
    faceted = rng.random(n) < parameters.crystal_fraction
    waves = _draw_waves(rng, n, parameters.lumpiness)
    facets = np.zeros((n, FACETS, 3), np.float32)
    for i in np.flatnonzero(faceted):
        facets[i] = _draw_facets(rng, rotations[i], axes[i], bool(rng.random() < parameters.plate_fraction))
    bodies = Bodies(matrix, waves, facets, faceted, np.zeros(n, np.float32))
    if n:
        _scale_to(bodies, diameter)
    return bodies


def principal_axes(bodies: Bodies, directions: int = 1500) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    """Elongation and long axis of each body, from its second moments ∫ x xᵀ dV = ∫ u uᵀ r⁵/5 dΩ.

    Returns
    -------
    elongation : numpy.ndarray
        float64 (n,): √(λ_max / λ_min) of the covariance, with a voxel's own 1/12 on its diagonal.
    axis : numpy.ndarray
        float64 (n, 3), unit vectors (z, y, x).
    """
    u = sphere_points(directions).astype(np.float64)
    r = radii(bodies, u.astype(np.float32)).astype(np.float64)
    weight = 4 * np.pi / directions
    volume = weight * (r**3).sum(axis=1) / 3
    mean = weight * (r**4) @ u / 4 / volume[:, None]
    second = np.einsum("nd,di,dj->nij", r**5, u, u) * weight / 5 / volume[:, None, None]
    covariance = second - mean[:, :, None] * mean[:, None, :] + np.eye(3) / 12
    values, vectors = np.linalg.eigh(covariance)
    return np.sqrt(values[:, 2] / values[:, 0]), vectors[:, :, 2]


def _align(rng: np.random.Generator, rotations: Floats, order: npt.NDArray[Any]) -> Floats:
    """Turn the long axes (first rows) towards one direction by the share ``order``."""
    common = random_directions(rng, 1)[0].astype(np.float64)
    turned = rotations.astype(np.float64)
    for k, share in enumerate(order):
        long = turned[k, 0]
        goal = (1 - share) * long + share * common * np.sign(long @ common)
        goal /= np.linalg.norm(goal)
        axis = np.cross(long, goal)
        s, c = np.linalg.norm(axis), long @ goal
        if s < 1e-6:
            continue
        x, y, z = axis / s
        cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
        turned[k] = turned[k] @ (np.eye(3) + s * cross + (1 - c) * cross @ cross).T
    result: Floats = turned.astype(np.float32)
    return result


def _draw_waves(rng: np.random.Generator, n: int, lumpiness: float) -> Floats:
    """Lumps as random waves on the sphere: a few long ones that bend the body, more short ones that make it bumpy."""
    waves = np.zeros((n, WAVES, 5), np.float32)
    frequency = np.concatenate([rng.uniform(1.6, 3.2, (n, 4)), rng.uniform(4, 8, (n, WAVES - 4))], axis=1)
    waves[..., :3] = random_directions(rng, n * WAVES).reshape(n, WAVES, 3) * frequency[..., None]
    waves[..., 3] = rng.uniform(0, 2 * np.pi, (n, WAVES))
    each = rng.gamma(4.0, 0.25, (n, 1)) * lumpiness
    waves[:, :4, 4] = each * 0.8
    waves[:, 4:, 4] = each * 0.28
    return waves


def _draw_facets(rng: np.random.Generator, rotation: Floats, axes: npt.NDArray[Any], plate: bool) -> Floats:
    """Facets of a crystal: a stretched box with some of its corners and edges cut, or a flat plate."""
    half = np.exp(axes) * rng.uniform(0.85, 1.15, 3)
    if plate:
        half[int(rng.integers(3))] *= rng.uniform(0.28, 0.45)
    normals = [s * np.eye(3)[a] / half[a] for a in range(3) for s in (-1, 1)]
    for _ in range(int(rng.integers(4, FACETS - 5))):
        direction = random_directions(rng, 1)[0]
        far = float(np.abs(direction) @ half)
        normals.append(direction / (far * rng.uniform(0.6, 0.85)))
    facets = np.zeros((FACETS, 3), np.float32)
    facets[: len(normals)] = (np.array(normals) @ rotation)[:FACETS]
    return facets


def _scale_to(bodies: Bodies, diameter: npt.NDArray[Any]) -> None:
    r = radii(bodies, sphere_points(400))
    mean3 = (r.astype(np.float64) ** 3).mean(axis=1)
    factor = (diameter / 2 / np.cbrt(mean3)).astype(np.float32)
    bodies.matrix /= factor[:, None, None]
    bodies.facets /= factor[:, None, None]
    bodies.reach = (r.max(axis=1) * factor * 1.03).astype(np.float32)
