"""The same particles, described otherwise: rows of ``measure_validation.py``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from measure_oracles import CUBES, ellipsoid, off, one, row, share
from scipy import ndimage

from napari_cathode.measure import measure
from napari_cathode.simulate import PRESETS, simulate

SIZES = ("volume_um3", "surface_outer_um2", "elongation", "vs_ratio")
SCALARS = (*SIZES, "sphericity")


def invariances() -> Iterator[str]:
    """Give one row per change of description."""
    electrode = simulate(replace(PRESETS["nmc-10-cycles"], size_z=80, size_y=80, size_x=80), 3)
    labels, image = electrode.labels, electrode.image
    base = measure(labels, image, CUBES)
    scalars = [*SCALARS, "surface_inner_um2", "edensity", "rough_outer", "pdensity", "dist_nearest_um"]
    worst, damage = 0.0, 0.0
    for plane in ((0, 1), (0, 2), (1, 2)):
        turned = measure(*(np.ascontiguousarray(np.rot90(a, axes=plane)) for a in (labels, image)), CUBES)
        worst = max(worst, *(off(turned[name], base[name]) for name in scalars if name != "surface_inner_um2"))
        damage = max(damage, float((turned["damage"] - base["damage"]).abs().max()))
    yield row("rotation by 90° about each axis", "sizes, shapes, greys, neighbours", share(worst), "1 %")
    yield row("rotation by 90° about each axis", "Damage", f"{damage:.1g}", "0.003")
    numbers = np.random.default_rng(0).permutation(10 * int(labels.max()))[: int(labels.max()) + 1] + 1
    numbers[0] = 0
    other = measure(numbers[labels].astype(np.int32), image, CUBES)
    back = base.assign(label=numbers[base["label"]]).sort_values("label", ignore_index=True)
    change = np.abs(other.to_numpy(float) - back.to_numpy(float))
    yield row("numbers permuted, with gaps", "all", share(float(np.nanmax(change))), "1e-12")
    moved = [one(ellipsoid((50,) * 3, (24 + shift,) * 3, (18, 14, 12))) for shift in (0.0, 0.25, 0.5)]
    for names, what, limit in ((("sphericity",), "Sphericity", "2 %"), (SIZES, "other sizes, shapes", "1 %")):
        worst = max(off(body[list(names)], moved[0][list(names)]) for body in moved[1:])
        yield row("half a voxel along each axis", what, share(worst), limit)
    for edge, name in ((0.2, "twice"), (0.05, "half")):
        bodies = [_hollow((z_edge, 0.1, 0.1)) for z_edge in (0.1, edge)]
        physical = [*SCALARS, "edensity", "rough_outer", "z_um", "y_um", "x_um"]
        worst = off(bodies[1][physical], bodies[0][physical])
        yield row(f"voxels {name} as long along z", "sizes, shapes, greys, places", share(worst), "3 %")
        worst = off(bodies[1].surface_inner_um2, bodies[0].surface_inner_um2)
        yield row(f"voxels {name} as long along z", "SurfaceInner", share(worst), "3 %")
        damage = abs(bodies[1].damage - bodies[0].damage)
        yield row(f"voxels {name} as long along z", "Damage", f"{damage:.1g}", "0.003")


def _hollow(spacing: tuple[float, float, float]) -> Any:
    """Measure a turned ellipsoid with a hollow, imaged with blur."""
    shape = (int(4.4 / spacing[0]), 44, 60)
    axes = np.linalg.qr(np.random.default_rng(9).normal(size=(3, 3)))[0]
    filled = ellipsoid(shape, (2.1, 2.15, 1.6), (1.6, 1.1, 1.2), spacing, axes)
    other = ellipsoid(shape, (2.1, 2.15, 4.2), (1.5, 1.5, 1.45), spacing)
    solid = filled & ~ellipsoid(shape, (2.1, 2.15, 1.6), (0.7, 0.6, 0.6), spacing)
    grey = ndimage.gaussian_filter(np.where(solid | other, 180.0, 90.0), 0.05 / np.array(spacing))
    return measure(np.where(filled, 1, 2 * other).astype(np.int32), grey, spacing).iloc[0]
