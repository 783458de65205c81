"""Random textures that look up instead of compute: one periodic tile of smooth noise, sampled at any point."""

from functools import lru_cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.compile import jit

Floats = npt.NDArray[np.float32]
TILE_SIZE = 64


@lru_cache(maxsize=1)
def noise_tile() -> Floats:
    """Make the tile: 64³ of Gaussian noise, periodic, mean 0, standard deviation 1, features about 4 cells across.

    Returns
    -------
    numpy.ndarray
        float32, shape (64, 64, 64). The same on every call: places and turns come from who samples it.
    """
    white = np.random.default_rng(20220428).standard_normal((TILE_SIZE,) * 3, dtype=np.float32)
    smooth = ndimage.gaussian_filter(white, 1.0, mode="wrap")
    smooth -= smooth.mean()
    tile: Floats = np.ascontiguousarray(smooth / smooth.std(), dtype=np.float32)
    return tile


@jit(fastmath=True, inline="always")
def sample_tile(tile: Floats, z: float, y: float, x: float) -> float:
    """Interpolate the periodic tile at a point (in cells, any sign), trilinearly."""
    fz, fy, fx = np.floor(z), np.floor(y), np.floor(x)
    tz, ty, tx = z - fz, y - fy, x - fx
    z0, y0, x0 = int(fz) & 63, int(fy) & 63, int(fx) & 63
    z1, y1, x1 = (z0 + 1) & 63, (y0 + 1) & 63, (x0 + 1) & 63
    a = tile[z0, y0, x0] * (1 - tx) + tile[z0, y0, x1] * tx
    b = tile[z0, y1, x0] * (1 - tx) + tile[z0, y1, x1] * tx
    c = tile[z1, y0, x0] * (1 - tx) + tile[z1, y0, x1] * tx
    d = tile[z1, y1, x0] * (1 - tx) + tile[z1, y1, x1] * tx
    return (a * (1 - ty) + b * ty) * (1 - tz) + (c * (1 - ty) + d * ty) * tz


def random_rotation(rng: np.random.Generator) -> Floats:
    """Draw a rotation matrix, all orientations alike likely (QR of a Gaussian matrix)."""
    q, r = np.linalg.qr(rng.standard_normal((3, 3)))
    q *= np.sign(np.diag(r))
    if np.linalg.det(q) < 0:
        q[:, 0] *= -1
    rotation: Floats = q.astype(np.float32)
    return rotation


def random_directions(rng: np.random.Generator, n: int) -> Floats:
    """Draw ``n`` unit vectors, all directions alike likely; shape (n, 3)."""
    v = rng.standard_normal((n, 3))
    directions: Floats = (v / np.linalg.norm(v, axis=1, keepdims=True)).astype(np.float32)
    return directions
