"""True values of simulated particles, by the definitions of the measured features of the same name.

Position, volume, contact and packing density are counted on the true labels (that is what was planted); surface,
sphericity, elongation and the long axis come from the body's formula by quadrature over the sphere, with neither mesh
nor voxels, for the whole body even where the border cuts it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import sparse
from scipy.spatial import cKDTree

from napari_cathode.progress import Progress, Steps

from .parameters import SimulationParameters
from .shapes import Bodies, principal_axes, volume_and_surface

NEIGHBOURS = 6
#: Shape and damage of a particle that the border cuts are not known to anyone who sees only the picture.
CUT_COLUMNS = ("volume_um3", "surface_outer_um2", "elongation", "sphericity", "vs_ratio", "contact", "damage")


def iter_truth(
    labels: npt.NDArray[np.int32],
    bodies: Bodies,
    grey: npt.NDArray[Any],
    outside: npt.NDArray[np.bool_],
    parameters: SimulationParameters,
) -> Steps[pd.DataFrame]:
    """Tabulate the true values of undamaged particles.

    Parameters
    ----------
    labels : numpy.ndarray
        int32 (z, y, x), 0 background, 1…n.
    bodies : Bodies
        Body k belongs to label k + 1.
    grey : numpy.ndarray
        (n,) planted solid grey.
    outside : numpy.ndarray
        bool (1, y, x), True outside the field of view.
    parameters : SimulationParameters
        The spacing and the cube of the packing density.

    Returns
    -------
    pandas.DataFrame
        One row per label. Values of whole bodies also for those that the border cuts (`touches_border`).
    """
    n, um = len(bodies), parameters.voxel_um
    yield Progress(0, 4, "Counting voxels")
    count, centre, cut = _count(labels, n, outside)
    whole, surface, spread, axis = yield from _measure_bodies(bodies)
    volume = np.where(cut, whole, count)  # facets where particles touch make the labels a little smaller
    yield Progress(2, 4, "Finding contacts")
    contact = (yield from _contact_areas(labels, n)) / surface
    yield Progress(3, 4, "Looking at neighbours")
    table = pd.DataFrame(
        {
            "label": np.arange(1, n + 1),
            "z_um": centre[:, 0] * um,
            "y_um": centre[:, 1] * um,
            "x_um": centre[:, 2] * um,
            "voxel_count": count,
            "touches_border": cut,
            "volume_um3": volume * um**3,
            "surface_outer_um2": surface * um**2,
            "elongation": spread,
            "sphericity": 36 * np.pi * whole**2 / surface**3,
            "vs_ratio": np.cbrt(whole) / np.sqrt(surface),
            "edensity": grey,
            "contact": contact,
            "pdensity": packing_density(labels > 0, centre, parameters),
        }
    )
    _add_neighbour_columns(table, axis)
    return table


def _count(
    labels: npt.NDArray[np.int32], n: int, outside: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Voxels and centroid (voxels) of each label, and whether the border of the picture cuts it."""
    count, sums = np.zeros(n + 1), np.zeros((3, n + 1))
    rim = outside[0].copy()
    for axis in (0, 1):
        for shift in (-1, 1):
            rim |= np.roll(outside[0], shift, axis)
    rim[[0, -1]] = True
    rim[:, [0, -1]] = True
    cut = np.zeros(n + 1, bool)
    y, x = (a.ravel() for a in np.indices(labels.shape[1:]))
    for z, plane in enumerate(labels):
        flat = plane.ravel()
        here = np.bincount(flat, minlength=n + 1)
        count += here
        sums[0] += here * z
        sums[1] += np.bincount(flat, y, minlength=n + 1)
        sums[2] += np.bincount(flat, x, minlength=n + 1)
        cut[np.unique(plane if z in (0, len(labels) - 1) else plane[rim])] = True
    return count[1:].astype(np.int64), (sums / np.maximum(count, 1)).T[1:], cut[1:]


def _measure_bodies(bodies: Bodies) -> Steps[tuple[npt.NDArray[Any], ...]]:
    """Volume, surface (voxel units), elongation and long axis by formula, some bodies at a time."""
    parts = []
    for start in range(0, len(bodies), 64):
        some = bodies.pick(np.arange(start, min(start + 64, len(bodies))))
        parts.append((*volume_and_surface(some), *principal_axes(some)))
        yield Progress(1, 4, "Measuring bodies")
    if not parts:
        return np.zeros(0), np.zeros(0), np.zeros(0), np.zeros((0, 3))
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def _contact_areas(labels: npt.NDArray[np.int32], n: int) -> Steps[npt.NDArray[Any]]:
    """Area (voxels²) in which each particle touches others, at most one voxel of gap between.

    Faces between two particles are summed as vectors, whose length is the area of a flat interface whatever its
    direction (the plain number of faces is up to √3 too large).
    """
    pairs = [sparse.csr_matrix((n + 1, n + 1)) for _ in range(3)]
    slab = 32
    for axis in range(3):
        for start in range(0, labels.shape[0], slab):
            block = labels[start : start + slab + (2 if axis == 0 else 0)]
            moved = np.moveaxis(block, axis, 0)
            for gap in (1, 2):
                stop = len(moved) - gap
                if axis == 0:
                    stop = min(stop, slab)
                low, high = moved[:stop], moved[gap : gap + stop]
                touch = (low != high) & (low > 0) & (high > 0)
                if gap == 2:
                    touch &= moved[1 : 1 + stop] == 0
                i, j = low[touch], high[touch]
                sign = np.where(i < j, 1.0, -1.0)
                entry = (sign, (np.minimum(i, j), np.maximum(i, j)))
                pairs[axis] = pairs[axis] + sparse.csr_matrix(entry, shape=(n + 1, n + 1))
            yield Progress(axis, 3, "Finding contacts")
    area = (pairs[0].multiply(pairs[0]) + pairs[1].multiply(pairs[1]) + pairs[2].multiply(pairs[2])).sqrt()
    return np.asarray(area.sum(axis=0)).ravel()[1:] + np.asarray(area.sum(axis=1)).ravel()[1:]


def packing_density(
    solid: npt.NDArray[np.bool_], centre: npt.NDArray[Any], parameters: SimulationParameters
) -> npt.NDArray[Any]:
    """Share of solid voxels in a cube around each centre, of the part of the cube that lies in the picture.

    Parameters
    ----------
    solid : numpy.ndarray
        bool (z, y, x).
    centre : numpy.ndarray
        (n, 3), voxels.
    parameters : SimulationParameters
        ``density_cube_um`` and ``voxel_um`` are used.
    """
    half = 0.5 * parameters.density_cube_um / parameters.voxel_um
    low = np.maximum(np.rint(centre - half).astype(int), 0)
    high = np.minimum(np.rint(centre + half).astype(int) + 1, solid.shape)
    share = np.empty(len(centre))
    for k, (a, b) in enumerate(zip(low, high, strict=True)):
        cube = solid[a[0] : b[0], a[1] : b[1], a[2] : b[2]]
        share[k] = np.count_nonzero(cube) / max(cube.size, 1)
    return share


def _add_neighbour_columns(table: pd.DataFrame, axis: npt.NDArray[Any]) -> None:
    """Add what the six nearest say; NaN where there are fewer."""
    n = len(table)
    names = ("dist_nearest_um", "elong_std", "volume_std_um3", "sphericity_std", "orien_iso")
    if n <= NEIGHBOURS:
        for name in names:
            table[name] = np.nan
        return
    points = table[["z_um", "y_um", "x_um"]].to_numpy()
    distance, near = cKDTree(points).query(points, k=NEIGHBOURS + 1)
    near = near[:, 1:]
    table["dist_nearest_um"] = distance[:, 1:].mean(axis=1)
    table["elong_std"] = table["elongation"].to_numpy()[near].std(axis=1)
    table["volume_std_um3"] = table["volume_um3"].to_numpy()[near].std(axis=1)
    table["sphericity_std"] = table["sphericity"].to_numpy()[near].std(axis=1)
    a, b = np.triu_indices(NEIGHBOURS, 1)
    cosine = (axis[near][:, a] * axis[near][:, b]).sum(axis=2)
    table["orien_iso"] = (1.5 * cosine**2 - 0.5).mean(axis=1)
