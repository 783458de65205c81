"""Values by the definitions of Li et al., Science 376, 517 (2022), as far as these are well defined.

For comparison with older tables only: counts of surface voxels are a fifth lower than the area of a ball and depend on
its orientation, and grey and sphericity that take cracks in cannot be told from damage.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from napari_cathode.smoothing import gaussian
from napari_cathode.tomogram import Spacing

from .grey_kernels import highest
from .kernels import Mask, count, erode

CLOSING_VOXELS = 10
"""Radius of the ball with which particles are closed."""

Floats = npt.NDArray[np.float32]


def published_values(
    filled: Mask, solid: Mask, image: Floats | None, spacing_um: Spacing, smoothing_um: float
) -> dict[str, float]:
    """Give the features whose published definition differs from that of `describe`.

    Surfaces are voxels of a body that have a face on the outside, times the area of a voxel's face (in a slice, its
    edge): of F for the outer surface and of M, outside and cracks together, for the inner one, from which sphericity
    and the ratio of volume and surface come, too. Roughness is what smoothing leaves of such a count. Grey is that of
    all of F, and homogeneity its standard deviation.

    Parameters
    ----------
    filled, solid : ndarray of uint8, shape (z, y, x)
        The filled particle F, closed with a ball of CLOSING_VOXELS, and its solid M.
    image : ndarray of float32, shape (z, y, x), optional
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    smoothing_um : float
        Standard deviation of the Gaussian for roughness.

    Returns
    -------
    dict of str to float
        By column name.
    """
    flat = filled.shape[0] == 1
    edges = spacing_um[1:] if flat else spacing_um
    size = count(filled) * math.prod(edges)
    face = math.prod(edges) ** (1 / 2 if flat else 2 / 3)
    outer, inner = _surface_voxels(filled) * face, _surface_voxels(solid) * face
    values = {
        "rough_outer": _smoothed(filled, spacing_um, smoothing_um) * face / outer,
        "rough_inner": _smoothed(solid, spacing_um, smoothing_um) * face / inner if inner else math.nan,
    }
    if flat:
        values |= {"perimeter_um": outer, "perimeter_inner_um": inner}
        values["circularity"] = 4 * math.pi * size / inner**2 if inner else math.nan
    else:
        values |= {"surface_outer_um2": outer, "surface_inner_um2": inner}
        values["sphericity"] = 36 * math.pi * size**2 / inner**3 if inner else math.nan
        values["vs_ratio"] = size ** (1 / 3) / inner**0.5 if inner else math.nan
    if image is not None:
        greys = image[filled.view(bool)].astype(np.float64)
        values |= {"edensity": float(greys.mean()), "homogeneity": float(greys.std())}
    return values


def _surface_voxels(mask: Mask) -> int:
    """Count the voxels of a mask that have a face on the outside."""
    return count(mask) - count(erode(mask))


def _smoothed(mask: Mask, spacing_um: Spacing, length_um: float) -> int:
    """Count the surface voxels of a mask after smoothing that keeps its volume."""
    z, y, x = (length_um / edge for edge in spacing_um)
    return _surface_voxels(highest(gaussian(mask.astype(np.float32), (z, y, x)), count(mask)))
