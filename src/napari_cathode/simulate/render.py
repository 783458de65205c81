"""From bodies to voxels: who owns a voxel, which voxels are cracked, and how bright everything is before imaging."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit
from napari_cathode.progress import Progress, Steps

from .cracks import Flaws, crack_score, piece_grey
from .noise import noise_tile, random_rotation, sample_tile
from .parameters import SimulationParameters
from .shapes import Bodies, star_radius

Floats = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int32]
#: Voxels around a body in which its blurred edge may still be seen.
MARGIN = 6.0


@dataclass
class Scene:
    """Everything that lies in the picture, in voxels.

    Attributes
    ----------
    centre : numpy.ndarray
        float32 (n, 3), (z, y, x).
    bodies, flaws : Bodies, Flaws
        Shapes and cracks.
    grey, contrast, softness : numpy.ndarray
        float32 (n,): solid grey; share of the contrast to the background that is left (1: in focus); width of the
        edge in voxels.
    particle : numpy.ndarray
        bool (n,): a particle that gets a label (not debris, not a blob). Particles come first.
    level : numpy.ndarray
        float32 (n,): crack score below which a point is cracked.
    """

    centre: Floats
    bodies: Bodies
    flaws: Flaws
    grey: Floats
    contrast: Floats
    softness: Floats
    particle: npt.NDArray[np.bool_]
    level: Floats


@jit
def box_of(centre: Floats, reach: float, shape: tuple[int, int, int]) -> tuple[int, int, int, int, int, int]:
    """Voxels (z0, z1, y0, y1, x0, x1) within ``reach`` of a centre, cut to the picture."""
    z0, z1 = max(0, int(np.ceil(centre[0] - reach))), min(shape[0], int(np.floor(centre[0] + reach)) + 1)
    y0, y1 = max(0, int(np.ceil(centre[1] - reach))), min(shape[1], int(np.floor(centre[1] + reach)) + 1)
    x0, x1 = max(0, int(np.ceil(centre[2] - reach))), min(shape[2], int(np.floor(centre[2] + reach)) + 1)
    return z0, z1, y0, y1, x0, x1


@jit(fastmath=True)
def _claim(
    i: int,
    is_particle: bool,
    margin: float,
    centre: Floats,
    matrix: Floats,
    waves: Floats,
    facets: Floats,
    faceted: bool,
    reach: float,
    owner: Labels,
    best: Floats,
    second: Floats,
) -> None:
    """Let body ``i`` take the voxels that are deeper in it than in any other; keep the two smallest distances."""
    z0, z1, y0, y1, x0, x1 = box_of(centre, reach + margin, owner.shape)
    limit = (reach + margin) ** 2
    for z in range(z0, z1):
        dz = z - centre[0]
        for y in range(y0, y1):
            dy = y - centre[1]
            for x in range(x0, x1):
                dx = x - centre[2]
                d2 = dz * dz + dy * dy + dx * dx
                if d2 > limit:
                    continue
                if not is_particle and best[z, y, x] < 1.0:
                    continue
                dist = np.sqrt(d2) + 1e-6
                d = dist - star_radius(dz / dist, dy / dist, dx / dist, matrix, waves, facets, faceted)
                if d > margin:
                    continue
                if d < best[z, y, x]:
                    second[z, y, x] = best[z, y, x]
                    best[z, y, x] = d
                    owner[z, y, x] = i
                elif d < second[z, y, x]:
                    second[z, y, x] = d


@jit(fastmath=True)
def _scores(
    i: int,
    centre: Floats,
    matrix: Floats,
    waves: Floats,
    facets: Floats,
    faceted: bool,
    reach: float,
    core: Floats,
    cracks: Floats,
    pieces: Floats,
    gap: float,
    offset: Floats,
    tile: Floats,
    owner: Labels,
    best: Floats,
) -> Floats:
    """Crack scores of all voxels inside particle ``i``."""
    z0, z1, y0, y1, x0, x1 = box_of(centre, reach, owner.shape)
    out = np.empty(max(0, (z1 - z0) * (y1 - y0) * (x1 - x0)), np.float32)
    n = 0
    for z in range(z0, z1):
        dz = z - centre[0]
        for y in range(y0, y1):
            dy = y - centre[1]
            for x in range(x0, x1):
                if owner[z, y, x] != i or best[z, y, x] >= 0:
                    continue
                dx = x - centre[2]
                dist = np.sqrt(dz * dz + dy * dy + dx * dx) + 1e-6
                ratio = dist / (dist - best[z, y, x])
                out[n] = crack_score(dz, dy, dx, ratio, matrix, core, cracks, pieces, gap, offset, tile)
                n += 1
    return out[:n]


@jit(fastmath=True, inline="always")
def _step(t: float) -> float:
    """Smooth step from 0 (t ≤ −1) to 1 (t ≥ 1)."""
    t = min(max(0.5 + 0.5 * t, 0.0), 1.0)
    return t * t * (3.0 - 2.0 * t)


@jit(fastmath=True)
def _background(z: float, y: float, x: float, turn: Floats, look: Floats, tile: Floats) -> float:
    """Grey of the carbon-binder matrix with its pores."""
    a = turn[0, 0] * z + turn[0, 1] * y + turn[0, 2] * x + look[8]
    b = turn[1, 0] * z + turn[1, 1] * y + turn[1, 2] * x + look[9]
    c = turn[2, 0] * z + turn[2, 1] * y + turn[2, 2] * x + look[10]
    g = 1.0 / look[3]
    fine = sample_tile(tile, a * g, b * g, c * g)
    g *= 0.37
    middle = sample_tile(tile, b * g, c * g, a * g)
    g *= 0.3
    coarse = sample_tile(tile, c * g, a * g, b * g)
    pore = _step((coarse + 0.5 * middle - look[4]) / 0.7)
    grey = look[0] + look[2] * (0.65 * fine + 0.55 * middle + 0.35 * coarse)
    return grey + (look[1] - look[0]) * pore * (0.9 + 0.1 * fine)


@jit(fastmath=True)
def _paint(
    i: int,
    centre: Floats,
    matrix: Floats,
    reach: float,
    core: Floats,
    cracks: Floats,
    pieces: Floats,
    gap: float,
    offset: Floats,
    level: float,
    grey: float,
    contrast: float,
    softness: float,
    margin: float,
    look: Floats,
    turn: Floats,
    tile: Floats,
    owner: Labels,
    best: Floats,
    second: Floats,
    cracked: npt.NDArray[np.bool_],
) -> float:
    """Turn the distances of the voxels that ``i`` owns into greys, in place; give its highest coverage."""
    z0, z1, y0, y1, x0, x1 = box_of(centre, reach + margin, owner.shape)
    top = 0.0
    rough, texture, touch, bumps = look[5], look[6], look[7], look[11]
    for z in range(z0, z1):
        dz = z - centre[0]
        for y in range(y0, y1):
            dy = y - centre[1]
            for x in range(x0, x1):
                if owner[z, y, x] != i:
                    continue
                dx = x - centre[2]
                d = best[z, y, x]
                ground = _background(z, y, x, turn, look, tile)
                dist = np.sqrt(dz * dz + dy * dy + dx * dx) + 1e-6
                ratio = dist / max(dist - d, 1e-3)
                fine = sample_tile(tile, dz * 0.45 + offset[0], dy * 0.45 + offset[1], dx * 0.45 + offset[2])
                edge = max(d, 0.5 * (d - second[z, y, x] + touch))
                if edge > -4.0:
                    bump = sample_tile(tile, dz * bumps + offset[1], dy * bumps + offset[2], dx * bumps + offset[0])
                    edge += rough * (0.3 * fine + bump)
                cover = _step(-edge / (1.7 * softness))
                top = max(top, cover * contrast)
                if d < 3.0:
                    score = crack_score(dz, dy, dx, ratio, matrix, core, cracks, pieces, gap, offset, tile) - level
                    open_ = _step(-score / (1.5 * softness))
                    if d < 0 and score < 0:
                        cracked[z, y, x] = True
                    ground += (look[1] - ground) * 0.85 * min(1.0, cover) * open_
                    cover *= 1.0 - open_
                # Primary grains are longer along the radius: sample the tile mostly by direction.
                s = 0.3 * (dist - d) / dist
                grain = sample_tile(
                    tile, s * dz + 0.12 * dz + offset[2], s * dy + 0.12 * dy + offset[0], s * dx + 0.12 * dx + offset[1]
                )
                grain = 0.8 * fine + 0.4 * grain
                grain -= 2.0 * max(0.0, -0.6 - grain)  # small pores between grains: the dark tail is the longer one
                solid = grey + texture * grain + piece_grey(dz, dy, dx, pieces, gap)
                best[z, y, x] = ground + (solid - ground) * cover * contrast
    return top


@jit(fastmath=True)
def _paint_background(z0: int, z1: int, look: Floats, turn: Floats, tile: Floats, owner: Labels, grey: Floats) -> None:
    for z in range(z0, z1):
        for y in range(owner.shape[1]):
            for x in range(owner.shape[2]):
                if owner[z, y, x] < 0:
                    grey[z, y, x] = _background(z, y, x, turn, look, tile)


def _look(parameters: SimulationParameters, rng: np.random.Generator) -> Floats:
    p = parameters
    return np.array(
        [
            p.background_grey,
            p.pore_grey,
            p.background_texture,
            p.background_grain / 2,
            rng.uniform(0.6, 1.6),
            p.roughness_um / p.voxel_um,
            p.particle_texture,
            p.contact_gap,
            *rng.uniform(0, 64, 3),
            4 / max(3.0, p.roughness_grain_um / p.voxel_um),
        ],
        np.float32,
    )


@dataclass
class Canvas:
    """Voxel arrays while a scene is rendered, all of one shape (z, y, x).

    ``owner`` int32: index of the body in which a voxel lies deepest, -1 for none. ``best``, ``second`` float32:
    smallest and second smallest distance to a surface (negative inside); painting turns ``best`` into greys.
    """

    owner: Labels
    best: Floats
    second: Floats

    def inside(self, scene: Scene) -> npt.NDArray[np.bool_]:
        """Where a voxel lies inside a particle (not debris); valid before painting."""
        particle = np.append(scene.particle, False)  # the last one serves owner -1
        return particle[self.owner] & (self.best < 0)


def claim(scene: Scene, shape: tuple[int, int, int]) -> Steps[Canvas]:
    """Find out which body each voxel belongs to; one unit of progress per body.

    Where bodies overlap a voxel goes to the one in which it lies deepest, so that touching particles part in a facet.
    """
    owner = np.full(shape, -1, np.int32)
    best = np.full(shape, 1e3, np.float32)
    second = np.full(shape, 1e3, np.float32)
    b = scene.bodies
    yield Progress(0, max(1, len(b)), "Placing particles")
    for i in range(len(b)):
        _claim(
            i, scene.particle[i], max(MARGIN, 3 * scene.softness[i]), scene.centre[i], b.matrix[i], b.waves[i],
            b.facets[i], b.faceted[i], b.reach[i], owner, best, second,
        )  # fmt: skip
        yield Progress(i + 1, len(b), "Placing particles")
    return Canvas(owner, best, second)


def claim_bodies(centre: Floats, bodies: Bodies, shape: tuple[int, int, int], margin: float) -> tuple[Labels, Floats]:
    """Find out which of some placed bodies each voxel belongs to, without anything else in the picture.

    Returns
    -------
    owner : numpy.ndarray
        int32 (z, y, x), -1 farther than ``margin`` from all bodies.
    distance : numpy.ndarray
        float32 (z, y, x), to the owner's surface along the line to its centre; negative inside.
    """
    owner = np.full(shape, -1, np.int32)
    best = np.full(shape, 1e3, np.float32)
    second = np.full(shape, 1e3, np.float32)
    for i in range(len(bodies)):
        _claim(
            i, True, margin, centre[i], bodies.matrix[i], bodies.waves[i], bodies.facets[i], bodies.faceted[i],
            bodies.reach[i], owner, best, second,
        )  # fmt: skip
    return owner, best


def open_to(scene: Scene, canvas: Canvas, which: npt.NDArray[Any], target: npt.NDArray[Any]) -> Steps[None]:
    """Choose each particle's crack level so that cracked / filled voxels meets ``target``."""
    b, f, tile = scene.bodies, scene.flaws, noise_tile()
    for done, (i, share) in enumerate(zip(which, target, strict=True), 1):
        scores = _scores(
            i, scene.centre[i], b.matrix[i], b.waves[i], b.facets[i], b.faceted[i], b.reach[i], f.core[i], f.cracks[i],
            f.pieces[i], f.gaps[i], f.offset[i], tile, canvas.owner, canvas.best,
        )  # fmt: skip
        if len(scores):
            count = min(round(float(share) * len(scores)), len(scores) - 1)
            scene.level[i] = np.partition(scores, count)[count]
        yield Progress(done, len(target), "Opening cracks")


def paint(
    scene: Scene, canvas: Canvas, parameters: SimulationParameters, rng: np.random.Generator
) -> Steps[tuple[npt.NDArray[np.bool_], npt.NDArray[Any]]]:
    """Paint the scene over ``canvas.best``; one unit of progress per body.

    Returns
    -------
    cracked : numpy.ndarray
        bool (z, y, x).
    coverage : numpy.ndarray
        float64 (n,): how much of its contrast a body reaches at its best voxel (a cap under the slice: little).
    """
    b, f, tile = scene.bodies, scene.flaws, noise_tile()
    look, turn = _look(parameters, rng), random_rotation(rng)
    cracked = np.zeros(canvas.owner.shape, bool)
    coverage = np.zeros(len(b))
    for i in range(len(b)):
        coverage[i] = _paint(
            i, scene.centre[i], b.matrix[i], b.reach[i], f.core[i], f.cracks[i], f.pieces[i], f.gaps[i], f.offset[i],
            scene.level[i], scene.grey[i], scene.contrast[i], scene.softness[i], max(MARGIN, 3 * scene.softness[i]),
            look, turn, tile, canvas.owner, canvas.best, canvas.second, cracked,
        )  # fmt: skip
        yield Progress(i + 1, len(b), "Painting particles")
    for z in range(0, len(canvas.owner), 16):
        _paint_background(z, min(z + 16, len(canvas.owner)), look, turn, tile, canvas.owner, canvas.best)
        yield Progress(len(b), len(b), "Painting the background")
    return cracked, coverage
