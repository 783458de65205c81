"""Volumes: packed particles with planted damage, imaged, and everything true about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.progress import Progress, Steps, drain, within

from .cracks import draw_flaws
from .damage import target_damage
from .imaging import field_of_view, image_scene
from .noise import noise_tile, sample_tile
from .packing import relax
from .parameters import SimulationParameters
from .render import MARGIN, Canvas, Scene, claim, open_to, paint
from .result import Simulation
from .scene import complete_scene, draw_diameters
from .shapes import Bodies, draw_bodies
from .truth import CUT_COLUMNS, iter_truth, packing_density

Floats = npt.NDArray[np.float32]
#: A body that shows fewer voxels than this in the picture gets no label.
LEAST_VOXELS = 30


def simulate(parameters: SimulationParameters, seed: int = 0) -> Simulation:
    """Simulate a volume; see `iter_simulate`."""
    return drain(iter_simulate(parameters, seed))


def iter_simulate(parameters: SimulationParameters, seed: int = 0) -> Steps[Simulation]:
    """Simulate a volume with planted damage.

    Parameters
    ----------
    parameters : SimulationParameters
        The electrode, its damage and its imaging; see `PRESETS`.
    seed : int
        Same parameters and seed give the same volume.

    Yields
    ------
    Progress
        In thousandths.

    Returns
    -------
    Simulation
        Its table holds true values by the definitions of the measured features (see `truth`), among them the realised
        ``damage`` and, for checking, ``damage_target``, what the law asked for. Shape, contact and damage of particles
        that the border cuts are NaN.
    """
    p, rng = parameters, np.random.default_rng(seed)
    centre, bodies, box = yield from within(_pack(p, rng), 0, 10, "Packing")
    n = len(bodies)
    grey = rng.normal(p.particle_grey, p.particle_grey_spread, n)
    flaws = draw_flaws(rng, p, bodies.reach, np.zeros(n), always=True)  # drawn anew when the damage is known
    yield Progress(100, 1000, "Adding debris")
    scene = complete_scene(rng, p, centre, bodies, flaws, grey, box, may_dim=False)
    yield Progress(100, 1000, "Adding debris")
    canvas = yield from within(claim(scene, p.shape), 1, 10, "")
    fov = field_of_view(p, rng)
    labels, kept = _label(scene, canvas, fov)
    table = yield from within(iter_truth(labels, bodies.pick(kept), grey[kept], ~fov, p), 3, 10, "")
    target, rank = target_damage(table, p, rng)
    _plant(scene, p, rng, kept, table["volume_um3"].to_numpy(), rank)
    yield from within(open_to(scene, canvas, kept, target), 4, 10, "")
    cracked, _ = yield from within(paint(scene, canvas, p, rng), 6, 10, "")
    grey_values = canvas.best
    del canvas
    cracked &= labels > 0
    image = yield from within(image_scene(grey_values, p, fov, rng), 8, 10, "")
    counts = np.bincount(labels[cracked], minlength=len(table) + 1)[1:]
    table["damage"] = counts / table["voxel_count"]
    table["damage_target"] = target
    position = table[["z_um", "y_um", "x_um"]].to_numpy() / p.voxel_um
    table["pdensity"] = packing_density((labels > 0) & ~cracked, position, p)
    table.loc[table["touches_border"], list(CUT_COLUMNS)] = np.nan
    return Simulation(image, labels, cracked, np.broadcast_to(fov, p.shape), p.spacing_um, table, p, seed)


def _pack(p: SimulationParameters, rng: np.random.Generator) -> Steps[tuple[Floats, Bodies, tuple[Floats, Floats]]]:
    """Throw particles in and push them apart; where they crowd, lie aligned and are long varies from place to place."""
    margin = 0.35 * p.diameter_um / p.voxel_um
    low = np.full(3, -margin, np.float32)
    high = (np.array(p.shape) + margin).astype(np.float32)
    diameter = draw_diameters(rng, p, low, high)
    n = len(diameter)
    field = _SlowField(p, rng)
    candidates = (low + (high - low) * rng.random((6 * n, 3))).astype(np.float32)
    crowding = np.exp(1.6 * p.density_trend * field.at(candidates, 0))
    centre = candidates[rng.choice(6 * n, n, replace=False, p=crowding / crowding.sum())]
    stretch = np.exp(np.clip(p.density_trend * 0.6 * field.at(centre, 1) * rng.standard_normal(n), -1.5, 0.8))
    order = np.clip(p.density_trend * (0.3 + 0.5 * field.at(centre, 2)), 0, 0.95)
    bodies = draw_bodies(rng, p, diameter, stretch, order)
    rounds = 20
    for k in range(rounds):
        yield Progress(k, rounds, "particles")
        if relax(centre, bodies, low, high, 0.01, 10) < 0.3:
            break
    reach = bodies.reach[:, None] + MARGIN
    near = np.all((centre > -reach) & (centre < np.array(p.shape) + reach), axis=1)
    return centre[near], bodies.pick(near), (low, high)


class _SlowField:
    """Smooth random functions of place, standard normal, that change over about half the picture."""

    def __init__(self, p: SimulationParameters, rng: np.random.Generator) -> None:
        self.scale = 5.0 / max(p.shape)
        self.offset = rng.uniform(0, 64, (3, 3))

    def at(self, points: npt.NDArray[Any], which: int) -> npt.NDArray[Any]:
        """Values at points (n, 3)."""
        tile = noise_tile()
        place = points * self.scale + self.offset[which]
        return np.array([sample_tile(tile, float(z), float(y), float(x)) for z, y, x in place])


def _label(
    scene: Scene, canvas: Canvas, fov: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Labels 1…m of the particles that show enough voxels, and which bodies these are."""
    n = len(scene.centre)
    count = np.zeros(n + 1, np.int64)
    for owner, best in zip(canvas.owner, canvas.best, strict=True):
        count += np.bincount(np.where((best < 0) & fov[0], owner, n).ravel(), minlength=n + 1)
    kept = np.flatnonzero(scene.particle & (count[:n] >= LEAST_VOXELS))
    number = np.zeros(n + 1, np.int32)  # the last entry serves owner -1
    number[kept] = np.arange(1, len(kept) + 1)
    labels = np.empty(canvas.owner.shape, np.int32)
    for z, (owner, best) in enumerate(zip(canvas.owner, canvas.best, strict=True)):
        labels[z] = np.where((best < 0) & fov[0], number[owner], 0)
    return labels, kept


def _plant(
    scene: Scene,
    p: SimulationParameters,
    rng: np.random.Generator,
    kept: npt.NDArray[np.int64],
    volume_um3: npt.NDArray[Any],
    rank: npt.NDArray[Any],
) -> None:
    """Give the labelled particles flaws that suit the rank of their damage."""
    radius = np.cbrt(volume_um3 * 0.75 / np.pi) / p.voxel_um
    drawn = draw_flaws(rng, p, radius, rank, always=True)
    for name in ("core", "cracks", "pieces", "gaps", "offset"):
        getattr(scene.flaws, name)[kept] = getattr(drawn, name)
