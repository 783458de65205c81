"""Single slices: cut through a slab of packed particles; fast, for training."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cc3d
import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.progress import drain

from .cracks import draw_flaws
from .imaging import field_of_view, image_scene
from .parameters import SimulationParameters
from .randomise import crystals, randomise, realistic
from .render import MARGIN, claim, paint
from .result import Simulation
from .scene import complete_scene, draw_diameters, place
from .shapes import Bodies, draw_bodies

Floats = npt.NDArray[np.float32]


def simulate_slice(
    parameters: SimulationParameters, seed: int | np.random.Generator = 0, blur_across: bool = False
) -> Simulation:
    """Simulate one slice (the plane z = 0 of a slab of packed 3D particles).

    Parameters
    ----------
    parameters : SimulationParameters
        ``size_z`` is ignored.
    seed : int or numpy.random.Generator
        Same parameters and seed give the same slice.
    blur_across : bool
        Whether the blur reaches across the slice too, as in a slice of a tomogram: what lies just above and below
        shines through, so that the caps of particles fade. Takes several times longer.

    Returns
    -------
    Simulation
        Shape (1, y, x). The table has the two-dimensional features; damage is drawn, not planted.
    """
    rng = np.random.default_rng(seed)
    p = parameters
    low, high = _slab(rng, p)
    diameter = draw_diameters(rng, p, low, high)
    bodies = draw_bodies(rng, p, diameter)
    centre = place(rng, p, bodies, low, high, 80)
    centre, bodies, diameter = _near_plane(centre, bodies, diameter)
    n = len(bodies)
    flaws = draw_flaws(rng, p, diameter / 2, rng.random(n))
    grey = rng.normal(p.particle_grey, p.particle_grey_spread, n)
    low[0], high[0] = -8, 8
    scene = complete_scene(rng, p, centre, bodies, flaws, grey, (low, high))
    half = int(np.ceil(1.5 * p.blur)) if blur_across else 0
    scene.centre[:, 0] += half  # the slice is the middle one of the planes that are painted
    shape = (1, p.size_y, p.size_x)
    canvas = drain(claim(scene, (2 * half + 1, *shape[1:])))
    inside = canvas.inside(scene)[half : half + 1]
    cracked, coverage = drain(paint(scene, canvas, p, rng))
    cracked, owner = cracked[half : half + 1], canvas.owner[half : half + 1]
    fov = field_of_view(p, rng)
    weight = np.exp(-0.5 * (np.arange(-half, half + 1) / max(p.blur, 1e-3)) ** 2)
    seen = np.tensordot((weight / weight.sum()).astype(np.float32), canvas.best, 1)[None]
    image = drain(image_scene(seen, p, fov, rng))
    labels = _label(owner, inside & fov, coverage, p)
    cracked &= labels > 0
    table = _table(labels, cracked, grey, owner, p)
    return Simulation(
        image,
        labels,
        cracked,
        np.broadcast_to(fov, shape),
        p.spacing_um,
        table,
        p,
        -1 if isinstance(seed, np.random.Generator) else int(seed),
    )


def training_slice(
    rng: np.random.Generator, shape: tuple[int, int] = (256, 256)
) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int32]]:
    """Draw a random electrode and simulate one slice of it, as training data.

    Seven of twenty are close to known kinds of picture (`realistic`), one of five shows single crystals (`crystals`),
    the others are of all kinds (`randomise`).

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    shape : tuple of int
        (y, x), pixels.

    Returns
    -------
    image : numpy.ndarray
        uint8 (y, x).
    labels : numpy.ndarray
        int32 (y, x), 1…n, of the filled particles; 0 is background.
    """
    kind = rng.random()
    if kind < 0.35:
        parameters = realistic(rng, shape, "coarse" if rng.random() < 0.4 else "fine")
        if rng.random() < 0.75:  # these pictures are cut from the middle of larger ones
            parameters = replace(parameters, outside="none", collector=0.0)
    else:
        parameters = (crystals if kind < 0.55 else randomise)(rng, shape)
    result = simulate_slice(parameters, rng, blur_across=True)
    return result.image[0], result.labels[0]


def _slab(rng: np.random.Generator, p: SimulationParameters) -> tuple[Floats, Floats]:
    """Box (low, high) that centres lie in; leaves the particle-free layer at one or two edges empty."""
    radius = 0.5 * p.diameter_um / p.voxel_um
    low = np.array([-1.7 * radius, -0.7 * radius, -0.7 * radius], np.float32)
    high = np.array([1.7 * radius, p.size_y + 0.7 * radius, p.size_x + 0.7 * radius], np.float32)
    if p.collector > 0:
        axis = 1 + int(rng.random() < 0.3)
        size = (p.size_y, p.size_x)[axis - 1]
        if rng.random() < 0.6:
            low[axis] = p.collector * size + 0.9 * radius
        if rng.random() < 0.6:
            high[axis] = (1 - p.collector) * size - 0.9 * radius
        high[axis] = max(high[axis], low[axis] + radius)
    return low, high


def _near_plane(centre: Floats, bodies: Bodies, diameter: npt.NDArray[Any]) -> tuple[Floats, Bodies, npt.NDArray[Any]]:
    """Keep the particles that the plane z = 0 cuts or nearly touches."""
    keep = np.abs(centre[:, 0]) < bodies.reach + MARGIN
    return centre[keep], bodies.pick(keep), diameter[keep]


def _label(
    owner: npt.NDArray[np.int32], inside: npt.NDArray[np.bool_], coverage: npt.NDArray[Any], p: SimulationParameters
) -> npt.NDArray[np.int32]:
    """Labels 1…n: one connected piece per particle, large and visible enough for a person to outline."""
    seen = coverage >= 0.35
    raw = np.where(inside & seen[owner], owner + 1, 0).astype(np.int32)
    parts = cc3d.connected_components(raw[0], connectivity=4).astype(np.int32)
    sizes = np.bincount(parts.ravel())
    whose = np.zeros(len(sizes), np.int32)
    whose[parts.ravel()] = raw.ravel()
    sizes[0] = 0
    least = np.pi / 4 * p.min_label_diameter**2
    new = np.zeros(len(sizes), np.int32)
    largest: dict[int, int] = {}
    for part in np.argsort(sizes)[::-1]:
        if sizes[part] < least:
            break
        if whose[part] and int(whose[part]) not in largest:
            largest[int(whose[part])] = int(part)
    for number, part in enumerate(sorted(largest.values()), 1):
        new[part] = number
    return new[parts][None]


def _table(
    labels: npt.NDArray[np.int32],
    cracked: npt.NDArray[np.bool_],
    grey: npt.NDArray[Any],
    owner: npt.NDArray[np.int32],
    p: SimulationParameters,
) -> pd.DataFrame:
    """Tabulate the true values of the labelled sections."""
    n = int(labels.max())
    flat = labels.ravel()
    area = np.bincount(flat, minlength=n + 1)[1:]
    y, x = np.indices(labels.shape[1:])
    y_um = np.bincount(flat, y.ravel(), minlength=n + 1)[1:] / np.maximum(area, 1) * p.voxel_um
    x_um = np.bincount(flat, x.ravel(), minlength=n + 1)[1:] / np.maximum(area, 1) * p.voxel_um
    body = np.zeros(n + 1, np.int64)
    body[flat] = owner.ravel()
    plane = labels[0]
    border = np.unique(np.concatenate([plane[0], plane[-1], plane[:, 0], plane[:, -1]]))
    return pd.DataFrame(
        {
            "label": np.arange(1, n + 1),
            "y_um": y_um,
            "x_um": x_um,
            "area_um2": area * p.voxel_um**2,
            "damage": np.bincount(flat, cracked.ravel(), minlength=n + 1)[1:] / np.maximum(area, 1),
            "edensity": grey[body[1:]] if n else np.zeros(0),
            "touches_border": np.isin(np.arange(1, n + 1), border),
        }
    )
