"""Imaging: fringes, noise, streaks, rings, slow gradients and the field of view."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.progress import Progress, Steps

from .parameters import SimulationParameters

Floats = npt.NDArray[np.float32]


def field_of_view(parameters: SimulationParameters, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Where the picture shows something; bool (1, y, x), the same in every slice.

    "side" cuts a straight, at times slanted strip off one or two edges; "circle" is the round field of a tomogram, seen
    whole or, in a crop, as an arc across a corner.
    """
    _, ny, nx = parameters.shape
    y, x = np.mgrid[0:ny, 0:nx].astype(np.float32)
    inside = np.ones((ny, nx), bool)
    if parameters.outside == "side":
        for _ in range(1 + int(rng.random() < 0.25)):
            axis_y = rng.random() < 0.5
            along, across, length = (x, y, ny) if axis_y else (y, x, nx)
            if rng.random() < 0.5:
                across = length - 1 - across
            slope = rng.choice([0.0, rng.normal(0, 0.15)])
            inside &= across >= parameters.outside_share * length * rng.uniform(0.5, 1.5) + slope * (
                along - along.mean()
            )
    elif parameters.outside == "circle":
        if rng.random() < 0.3:
            cy, cx, radius = ny / 2, nx / 2, 0.5 * np.hypot(ny, nx) * (1 - parameters.outside_share)
        else:
            radius = max(ny, nx) * rng.uniform(0.8, 2.5)
            turn = rng.uniform(0, 2 * np.pi)
            reach = (0.5 - 0.6 * parameters.outside_share) * (abs(np.sin(turn)) * ny + abs(np.cos(turn)) * nx)
            cy, cx = ny / 2 + (reach - radius) * np.sin(turn), nx / 2 + (reach - radius) * np.cos(turn)
        inside = (y - cy) ** 2 + (x - cx) ** 2 <= radius**2
    return inside[None]


def image_scene(
    grey: Floats, parameters: SimulationParameters, fov: npt.NDArray[np.bool_], rng: np.random.Generator
) -> Steps[npt.NDArray[np.uint8]]:
    """Image a painted scene.

    Parameters
    ----------
    grey : numpy.ndarray
        float32 (z, y, x); overwritten.
    parameters : SimulationParameters
        Strengths of all effects.
    fov : numpy.ndarray
        bool (1, y, x) field of view.
    rng : numpy.random.Generator
        Source of chance.

    Returns
    -------
    numpy.ndarray
        uint8 (z, y, x).
    """
    p = parameters
    flat = grey.shape[0] == 1
    yield from _blur(grey, (0 if flat else p.blur, p.blur, p.blur), "nearest", 3.0, Progress(0, 6, "Blurring"))
    for strength, width in ((p.fringe, p.fringe_width), (p.halo, 5 * p.fringe_width)):
        if strength > 0:
            yield from _sharpen(grey, strength, width, flat, Progress(1, 6, "Adding phase-contrast fringes"))
    if p.noise > 0:
        yield from _add_noise(grey, p, rng, flat, Progress(3, 6, "Adding noise"))
    yield Progress(4, 6, "Adding gradients")
    _fade(grey, p, rng)  # after the noise, which is weaker where contrast is
    yield Progress(5, 6, "Adding streaks and rings")
    lines = _Lines(p, rng)
    image = np.empty(grey.shape, np.uint8)
    for z in range(len(grey)):
        plane = lines.add(grey[z], z)
        plane[~fov[0]] = p.outside_grey
        image[z] = np.clip(np.rint(plane), 0, 255)
        if z % 16 == 15:
            yield Progress(5, 6, "Adding streaks and rings")
    return image


def _blur(values: Floats, sigma: tuple[float, ...], mode: str, truncate: float, here: Progress) -> Steps[None]:
    """Gaussian blur in place, one axis at a time."""
    for axis, width in enumerate(sigma):
        yield here
        if width > 0:
            ndimage.gaussian_filter1d(values, width, axis, output=values, mode=mode, truncate=truncate)


def _sharpen(grey: Floats, strength: float, width: float, flat: bool, here: Progress) -> Steps[None]:
    """Subtract a blurred copy, as an edge-enhancing fringe does; wide blurs are made on a coarser grid."""
    step = max(1, int(width // 3))
    if step == 1:
        soft = grey.copy()
        yield from _blur(soft, (0 if flat else width, width, width), "nearest", 2.5, here)
        soft *= -strength / (1 + strength)
        grey += soft
        grey *= 1 + strength
        return
    zstep = 1 if flat else step
    small = np.ascontiguousarray(
        ndimage.uniform_filter(grey[:: max(1, zstep // 2)], (1, step, step))[..., ::step, ::step]
    )
    sigma = (0 if flat else width / max(1, zstep // 2), width / step, width / step)
    yield from _blur(small, sigma, "nearest", 2.5, here)
    nz, ny, nx = grey.shape
    yx = np.meshgrid(
        np.minimum(np.arange(ny) / step, small.shape[1] - 1),
        np.minimum(np.arange(nx) / step, small.shape[2] - 1),
        indexing="ij",
    )
    for z in range(nz):
        plane = small[min(z // max(1, zstep // 2), len(small) - 1)]
        if z % 16 == 0:
            yield here
        grey[z] += strength * (grey[z] - ndimage.map_coordinates(plane, yx, order=1, mode="nearest"))


def _bumps(rng: np.random.Generator, ny: int, nx: int) -> Floats:
    """Draw a smooth random field (y, x) of standard deviation about 1 with a few hills and hollows."""
    places = np.meshgrid(np.linspace(0, 3, ny), np.linspace(0, 3, nx), indexing="ij")
    field: Floats = ndimage.map_coordinates(rng.standard_normal((4, 4)), places, order=3, mode="nearest")
    return field.astype(np.float32)


def _fade(grey: Floats, p: SimulationParameters, rng: np.random.Generator) -> None:
    """Slow brightness and contrast changes: planes and a smooth random field."""
    _, ny, nx = grey.shape
    y, x = np.linspace(-1, 1, ny, dtype=np.float32)[:, None], np.linspace(-1, 1, nx, dtype=np.float32)[None]
    turn, turn2 = rng.uniform(0, 2 * np.pi, 2)
    bumps = _bumps(rng, ny, nx)
    shift = p.gradient * (0.5 * (y * np.sin(turn) + x * np.cos(turn)) + 0.5 * bumps)
    side = 0.5 + 0.5 * (y * np.sin(turn2) + x * np.cos(turn2))
    gain = 1 - p.contrast_fade * np.clip(side, 0, 1)
    mean = 0.5 * (p.particle_grey + p.background_grey)
    for plane in grey:
        plane -= mean
        plane *= gain
        plane += mean + shift


#: Grains of the noise relative to the finest, and their standard deviations: reconstructed noise has a long tail.
_OCTAVES = ((0.0, 0.13), (0.85, 0.8), (1.7, 0.7), (3.5, 0.6), (12.0, 0.6))


def _add_noise(
    grey: Floats, p: SimulationParameters, rng: np.random.Generator, flat: bool, here: Progress
) -> Steps[None]:
    strength = np.clip(1 + 0.25 * _bumps(rng, *grey.shape[1:]), 0.5, 1.7)  # noise is not alike everywhere
    scale = p.noise / np.sqrt(sum(w * w for _, w in _OCTAVES))
    for grain, weight in _OCTAVES if p.noise_grain > 0 else ((0.0, 1.0),):
        sigma = p.noise_grain * grain
        stretch = np.sqrt(p.noise_direction)
        step = 1 if sigma < 3 else 2
        shape = grey.shape if step == 1 else tuple(n if n == 1 else -(-n // step) for n in grey.shape)
        yield here
        noise = rng.standard_normal(shape, dtype=np.float32)
        sigmas = (0 if flat else sigma / step, sigma / stretch / step, sigma * stretch / step)
        yield from _blur(noise, sigmas, "wrap", 2.5, here)
        noise *= scale * weight / noise[:8].std()
        if step == 1:
            for plane, plane_noise in zip(grey, noise, strict=True):
                plane += strength * plane_noise
            continue
        for z in range(len(grey)):  # nearest neighbours will do: the grain spans many voxels
            plane = np.repeat(np.repeat(noise[z // step if not flat else 0], step, 0), step, 1)
            grey[z] += strength * plane[: grey.shape[1], : grey.shape[2]]


class _Lines:
    """Streaks and rings, drawn once as profiles and added slice by slice."""

    def __init__(self, p: SimulationParameters, rng: np.random.Generator) -> None:
        _, ny, nx = p.shape
        size = int(np.hypot(ny, nx)) + 4
        self.shape, self.strengths = (ny, nx), (p.streaks, p.rings)
        self.turn = rng.choice([0.0, np.pi / 2, rng.uniform(0, np.pi)])
        y, x = np.mgrid[0:ny, 0:nx].astype(np.float32)
        across = (y - ny / 2) * np.cos(self.turn) - (x - nx / 2) * np.sin(self.turn) + size / 2
        self.across = np.clip(across, 0, size - 1).astype(np.int32)
        far = size * rng.uniform(0.0, 3.0)
        angle = rng.uniform(0, 2 * np.pi)
        cy, cx = ny / 2 + far * np.sin(angle), nx / 2 + far * np.cos(angle)
        r = np.hypot(y - cy, x - cx)
        self.radius = (r - r.min()).astype(np.int32)
        self.profiles = [_profile(rng, size, 0.7), _profile(rng, int(self.radius.max()) + 1, 0.6)]
        self.drift = rng.uniform(0, 2 * np.pi, 2)
        along = (y - ny / 2) * np.sin(self.turn) + (x - nx / 2) * np.cos(self.turn)
        self.swell = (1 + 0.8 * np.sin(along / max(ny, nx) * rng.uniform(2, 9) + self.drift[0])).astype(np.float32)

    def add(self, plane: Floats, z: int) -> Floats:
        streaks, rings = self.strengths
        out = plane
        if streaks > 0:
            out = out + streaks * np.cos(0.15 * z + self.drift[0]) * self.swell * self.profiles[0][self.across]
        if rings > 0:
            out = out + rings * self.profiles[1][self.radius]
        result: Floats = out if out is not plane else plane.copy()
        return result


def _profile(rng: np.random.Generator, size: int, grain: float) -> Floats:
    line = ndimage.gaussian_filter1d(rng.standard_normal(size), grain)
    strong = rng.random(size) < 0.03
    line[strong] *= 2.5
    profile: Floats = (line / (line.std() + 1e-9)).astype(np.float32)
    return profile
