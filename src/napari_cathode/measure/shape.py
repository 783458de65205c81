"""Moments of a particle: centroid, principal axes, orientation."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from napari_cathode.tomogram import Spacing

from .kernels import moments

ALIKE = 1.02
"""Two principal lengths within this ratio have no direction of their own."""


@dataclass(frozen=True)
class Shape:
    """Second-order shape of a body.

    Attributes
    ----------
    voxels : int
    centroid : tuple of float
        (z, y, x) in voxels from the array's corner voxel.
    lengths_um : tuple of float
        Square roots of the covariance's eigenvalues, the largest first; two in a slice.
    elongation : float
        √(λ_max / λ_min) of the covariance.
    axis : tuple of float
        Unit vector (z, y, x) of the longest axis, its x ≥ 0; NaN where it has no direction of its own.
    yaw_deg, pitch_deg, roll_deg : float
        The principal axes as Euler angles, each in (−90, 90]; see `euler_angles`.
    """

    voxels: int
    centroid: tuple[float, float, float]
    lengths_um: tuple[float, ...]
    elongation: float
    axis: tuple[float, float, float]
    yaw_deg: float
    pitch_deg: float
    roll_deg: float


def measure_shape(mask: npt.NDArray[np.uint8], spacing_um: Spacing) -> Shape:
    """Measure the second-order shape of a mask.

    Parameters
    ----------
    mask : ndarray of uint8, shape (z, y, x)
        At least one voxel; with z = 1 the shape is that in the plane.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    """
    sums = moments(mask)
    voxels = sums[0]
    mean = sums[1:4] / voxels
    zz, yy, xx, zy, zx, yx = sums[4:] / voxels
    second = np.array([[zz, zy, zx], [zy, yy, yx], [zx, yx, xx]])
    edges = np.asarray(spacing_um)
    # Each voxel is a small box, not a point: its own covariance is edge² / 12.
    covariance = (second - np.outer(mean, mean)) * np.outer(edges, edges) + np.diag(edges**2 / 12)
    flat = mask.shape[0] == 1
    values, vectors = np.linalg.eigh(covariance[1:, 1:] if flat else covariance)
    lengths = np.sqrt(values[::-1])
    axes = np.zeros((len(lengths), 3))
    axes[:, 1 if flat else 0 :] = vectors.T[::-1]
    long = axes[0] if lengths[0] >= ALIKE * lengths[1] else np.full(3, np.nan)
    middle = axes[1] if flat or lengths[1] >= ALIKE * lengths[2] else np.full(3, np.nan)
    long = _sign_free(long)
    yaw, pitch, roll = euler_angles(long, middle)
    return Shape(
        voxels=int(voxels),
        centroid=(float(mean[0]), float(mean[1]), float(mean[2])),
        lengths_um=tuple(map(float, lengths)),
        elongation=float(lengths[0] / lengths[-1]),
        axis=(float(long[0]), float(long[1]), float(long[2])),
        yaw_deg=yaw,
        pitch_deg=pitch,
        roll_deg=roll,
    )


def principal_radii(shape: Shape) -> tuple[float, ...]:
    """Give the radii (µm, the longest first) of the ellipsoid, in a slice the ellipse, with the same second moments."""
    # The variance of an ellipsoid along an axis is radius² / 5, of an ellipse radius² / 4.
    factor = (5 if len(shape.lengths_um) == 3 else 4) ** 0.5
    return tuple(factor * length for length in shape.lengths_um)


def euler_angles(long: npt.NDArray[np.float64], middle: npt.NDArray[np.float64]) -> tuple[float, float, float]:
    """Give the ZYX Euler angles of the frame of principal axes.

    The frame is R = Rz(yaw) · Ry(pitch) · Rx(roll) with the long axis as its first column and the middle axis as its
    second, in coordinates (x, y, z). Axes have no sign, so the long one points to x ≥ 0 and the middle one is taken so
    that the roll lies in (−90, 90].

    Parameters
    ----------
    long, middle : ndarray of float64, shape (3,)
        Unit vectors (z, y, x); NaN where undefined.

    Returns
    -------
    yaw, pitch, roll : float
        Degrees; NaN where the axes they come from are.
    """
    z, y, x = long
    yaw = np.arctan2(y, x)
    pitch = -np.arcsin(np.clip(z, -1, 1))
    # Turn the middle axis back by yaw and pitch: what is left of it lies in the y-z plane, at the roll angle.
    m_z, m_y, m_x = middle
    along = np.cos(yaw) * m_x + np.sin(yaw) * m_y
    across = -np.sin(yaw) * m_x + np.cos(yaw) * m_y
    up = np.sin(pitch) * along + np.cos(pitch) * m_z
    roll = np.arctan2(up, across)
    return float(np.degrees(yaw)), float(np.degrees(pitch)), _half_turn(float(np.degrees(roll)))


def _half_turn(degrees: float) -> float:
    """Bring the angle of a line into (−90, 90]."""
    return 90.0 - (90.0 - degrees) % 180.0


def _sign_free(axis: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Choose the sign of an axis: x ≥ 0, then y ≥ 0, then z ≥ 0."""
    for value in axis[::-1]:
        if not abs(value) <= 1e-12:
            return -axis if value < 0 else axis
    return axis
