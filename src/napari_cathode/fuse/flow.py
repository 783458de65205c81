"""Pieces of particles: voxels that flow to the same place.

Each voxel walks: half of its direction leads to the centres of the sections that the views see it in, half up the fused
probability. Voxels of one particle end close together; where many end is a piece. The study calls this the
clustering of pixels that converge to the same fixed points (Li et al., Science 2022, supplement); flow to instance
centres is that of u-Segment3D (Zhou et al., 2024) and Cellpose (Stringer et al., Nature Methods 2021).
"""

from __future__ import annotations

import math

import cc3d
import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.compile import jit
from napari_cathode.progress import Progress, Steps
from napari_cathode.tomogram import Spacing

from .basins import Labels, Map, slabs
from .repair import FIXED, Gathered

Flow = npt.NDArray[np.int8]

_ONE = 127
_STEP_SHARE = 1 / 16
"""Length of a step over the typical particle diameter."""
_STEPS = 20
_DENSITY_SHARE = 0.0004
"""A piece begins where more voxels end than this share of a particle's."""
_SMOOTHING = 1.0
_LEAST_WEIGHT = 0.05
_CENTRE = 0.5


def iter_flow(gathered: Gathered, probability: Map, spacing_um: Spacing, diameter_um: float) -> Steps[Flow]:
    """Find the way of each voxel.

    Parameters
    ----------
    gathered : Gathered
        What the views say.
    probability : ndarray of float32, shape (z, y, x)
        The fused, smoothed probability.
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x) in µm.
    diameter_um : float
        Typical diameter of particles, with which the length of a step grows: 20 steps of a sixteenth of it lead out
        of particles of up to two and a half times the size.

    Returns
    -------
    ndarray of int8, shape (z, y, x, 3)
        The first step from each voxel along (z, y, x); 127 is a whole step.
    """
    return (yield from _iter_flow(gathered, probability, *_steps(spacing_um, diameter_um)))


def iter_flow_pieces(
    flow: Flow, foreground: npt.NDArray[np.bool_], spacing_um: Spacing, diameter_um: float
) -> Steps[Labels]:
    """Divide the foreground into pieces whose voxels flow to the same place.

    Parameters
    ----------
    flow : ndarray of int8, shape (z, y, x, 3)
        Of `iter_flow`.
    foreground : ndarray of bool, shape (z, y, x)
    spacing_um, diameter_um
        As there.

    Returns
    -------
    ndarray of int32, shape (z, y, x)
        Pieces 1 … n; every voxel of the foreground that can be reached from a piece belongs to one.
    """
    edges, step = _steps(spacing_um, diameter_um)
    ends = np.empty(foreground.shape, dtype=np.int32 if foreground.size < 2**31 else np.int64)
    parts = slabs(foreground.shape, voxels=1 << 19)
    for done, (first, last) in enumerate(parts):
        _follow(flow, foreground, edges, step, first, last, ends)
        yield Progress(done, len(parts) + 1, "Following voxels to their centres")
    dense = max(3.0, _DENSITY_SHARE * math.pi / 6 * diameter_um**3 / math.prod(spacing_um))
    crowd = np.zeros(ends.size, dtype=np.uint16)
    _count(ends.reshape(-1), crowd)
    crowded = (crowd > dense).reshape(ends.shape)
    del crowd
    cores = cc3d.connected_components(crowded, connectivity=26, out_dtype=np.uint32)
    yield Progress(len(parts), len(parts) + 1, "Gathering the voxels of each particle")
    _name(ends.reshape(-1), cores.reshape(-1).view(np.int32))
    return ends.astype(np.int32, copy=False)


def _steps(spacing_um: Spacing, diameter_um: float) -> tuple[npt.NDArray[np.float64], float]:
    """Give the voxel's edges and the length of a step in units of the finest one."""
    finest = min(spacing_um)
    return np.asarray(spacing_um) / finest, max(1.0, _STEP_SHARE * diameter_um / finest)


def _iter_flow(gathered: Gathered, probability: Map, edges: npt.NDArray[np.float64], step: float) -> Steps[Flow]:
    """Mix the way to the centres with the way up the probability; lengths of at most 127 stand for one step."""
    looking = [
        np.array([sum(bits >> k & 1 for k in range(3) if k in gathered.along(axis)) for bits in range(8)], np.float32)
        for axis in range(3)
    ]
    shape = probability.shape
    flow = np.zeros((*shape, 3), dtype=np.int8)
    sigma = _SMOOTHING / edges
    halo = int(3 * sigma[0] + 1.5)
    parts = slabs(shape, voxels=max(1 << 20, 6 * halo * shape[1] * shape[2]))
    for done, (first, last) in enumerate(parts):
        low, high = max(0, first - halo), min(shape[0], last + halo)
        centre = np.empty((3, high - low, *shape[1:]), dtype=np.float32)
        for axis in range(3):
            # The mean over neighbours and views comes first, the cut to one step after it: the other way round
            # small errors near the centre would weigh as much as the way from the rim.
            ndimage.gaussian_filter(
                gathered.offset[low:high, ..., axis].astype(np.float32), sigma, mode="nearest", truncate=3.0,
                output=centre[axis],
            )  # fmt: skip
            count = looking[axis][gathered.seen[low:high]]
            weight = ndimage.gaussian_filter(count, sigma, mode="nearest", truncate=3.0)
            centre[axis] *= edges[axis] / FIXED
            centre[axis] /= np.maximum(weight, _LEAST_WEIGHT, out=weight)
            yield Progress(3 * done + axis, 3 * len(parts), "Finding ways to the centres")
        _mix(centre, probability, edges, step, low, first, last, flow)
    return flow


@jit(fastmath=True)
def _mix(centre, probability, edges, step, low, first, last, flow):  # type: ignore[no-untyped-def]
    nz, ny, nx = probability.shape
    for z in range(first, last):
        z0, z1 = max(z - 1, 0), min(z + 1, nz - 1)
        for y in range(ny):
            y0, y1 = max(y - 1, 0), min(y + 1, ny - 1)
            for x in range(nx):
                x0, x1 = max(x - 1, 0), min(x + 1, nx - 1)
                a = (probability[z1, y, x] - probability[z0, y, x]) / edges[0]
                b = (probability[z, y1, x] - probability[z, y0, x]) / edges[1]
                c = (probability[z, y, x1] - probability[z, y, x0]) / edges[2]
                factor = (1 - _CENTRE) / max(1e-9, np.sqrt(a * a + b * b + c * c))
                u, v, w = centre[0, z - low, y, x], centre[1, z - low, y, x], centre[2, z - low, y, x]
                share = _CENTRE / max(step, np.sqrt(u * u + v * v + w * w))
                flow[z, y, x, 0] = np.int8(np.rint(_ONE * (share * u + factor * a)))
                flow[z, y, x, 1] = np.int8(np.rint(_ONE * (share * v + factor * b)))
                flow[z, y, x, 2] = np.int8(np.rint(_ONE * (share * w + factor * c)))


@jit(fastmath=True)
def _follow(flow, foreground, edges, step, first, last, ends):  # type: ignore[no-untyped-def]
    """Walk from each voxel of the foreground; note where it ends, -1 for background."""
    nz, ny, nx = foreground.shape
    sz, sy, sx = step / (_ONE * edges[0]), step / (_ONE * edges[1]), step / (_ONE * edges[2])
    most_z, most_y, most_x = np.float32(nz - 1.001), np.float32(ny - 1.001), np.float32(nx - 1.001)
    zero, one = np.float32(0), np.float32(1)
    for z0 in range(first, last):
        for y0 in range(ny):
            for x0 in range(nx):
                if not foreground[z0, y0, x0]:
                    ends[z0, y0, x0] = -1
                    continue
                z, y, x = np.float32(z0), np.float32(y0), np.float32(x0)
                for _ in range(_STEPS):
                    z, y, x = min(max(z, zero), most_z), min(max(y, zero), most_y), min(max(x, zero), most_x)
                    k, j, i = int(z), int(y), int(x)
                    fz, fy, fx = z - np.float32(k), y - np.float32(j), x - np.float32(i)
                    w00, w01 = (one - fz) * (one - fy), (one - fz) * fy
                    w10, w11 = fz * (one - fy), fz * fy
                    gx = one - fx
                    moved = zero
                    for c in range(3):
                        v = (
                            w00 * (gx * flow[k, j, i, c] + fx * flow[k, j, i + 1, c])
                            + w01 * (gx * flow[k, j + 1, i, c] + fx * flow[k, j + 1, i + 1, c])
                            + w10 * (gx * flow[k + 1, j, i, c] + fx * flow[k + 1, j, i + 1, c])
                            + w11 * (gx * flow[k + 1, j + 1, i, c] + fx * flow[k + 1, j + 1, i + 1, c])
                        )
                        if c == 0:
                            z += np.float32(v * sz)
                        elif c == 1:
                            y += np.float32(v * sy)
                        else:
                            x += np.float32(v * sx)
                        moved += v * v
                    if moved < np.float32(64.0):  # a sixteenth of a step
                        break
                k = min(max(int(np.rint(z)), 0), nz - 1)
                j = min(max(int(np.rint(y)), 0), ny - 1)
                i = min(max(int(np.rint(x)), 0), nx - 1)
                ends[z0, y0, x0] = (k * ny + j) * nx + i


@jit
def _count(ends, crowd):  # type: ignore[no-untyped-def]
    for i in range(ends.size):
        if ends[i] >= 0 and crowd[ends[i]] < 65535:
            crowd[ends[i]] += 1


@jit
def _name(ends, cores):  # type: ignore[no-untyped-def]
    """Replace each end by the number of its core, in place."""
    for i in range(ends.size):
        ends[i] = cores[ends[i]] if ends[i] >= 0 else 0
