"""Random electrodes and instruments: close to known kinds, or of all kinds (domain randomisation)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from .parameters import SimulationParameters


def realistic(
    rng: np.random.Generator, shape: tuple[int, int] = (256, 256), kind: str = "fine"
) -> SimulationParameters:
    """Draw parameters close to slices of real NMC cathodes in X-ray phase-contrast nano-tomography.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    shape : tuple of int
        (y, x), pixels.
    kind : str
        "fine": particles of about 50 px in a sharp, noisy picture; "coarse": particles of about 110 px in a blurred
        picture with streaky noise and a particle-free layer at its edges.
    """
    u, voxel, coarse = rng.uniform, 0.1, kind == "coarse"
    return SimulationParameters(
        size_z=1,
        size_y=shape[0],
        size_x=shape[1],
        voxel_um=voxel,
        diameter_um=(u(98, 118) if coarse else u(50, 60)) * voxel,
        diameter_spread=u(0.1, 0.2),
        small_fraction=u(0.06, 0.18),
        small_ratio=u(0.4, 0.6),
        packing=u(0.38, 0.48) if coarse else u(0.43, 0.52),
        elongation=u(1.3, 1.5),
        lumpiness=u(0.03, 0.06),
        roughness_um=(u(1.2, 2.2) if coarse else u(0.6, 1.1)) * voxel,
        roughness_grain_um=(u(9, 13) if coarse else u(4.5, 6.5)) * voxel,
        hollow_fraction=u(0.8, 0.95),
        hollow_size=u(0.28, 0.38),
        crack_fraction=u(0.2, 0.45) if coarse else u(0.1, 0.25),
        crack_width_um=(u(2.5, 5) if coarse else u(1, 2)) * voxel,
        pulverised_fraction=u(0.03, 0.08) if coarse else u(0.02, 0.04),
        particle_grey=u(178, 188) if coarse else u(173, 182),
        particle_grey_spread=u(4, 7),
        particle_texture=u(7, 10) if coarse else u(3, 6),
        background_grey=u(86, 96) if coarse else u(83, 91),
        pore_grey=u(66, 80) if coarse else u(52, 66),
        background_texture=u(13, 17) if coarse else u(10, 14),
        background_grain=u(5, 9) if coarse else u(1.8, 3.2),
        debris=u(1.5, 3) if coarse else u(0.6, 1.2),
        dim_blobs=u(0.1, 0.3),
        dim_fraction=u(0.02, 0.06),
        contact_gap=u(-1, 1),
        min_label_diameter=30.0 if coarse else 18.0,
        blur=u(2.3, 3.0) if coarse else u(0.75, 1.1),
        fringe=u(0.08, 0.22),
        fringe_width=u(2, 3),
        halo=u(0.1, 0.25),
        noise=u(12, 14.5) if coarse else u(11.5, 15),
        noise_grain=u(1.3, 1.5) if coarse else u(0.6, 0.75),
        noise_direction=u(1.15, 1.4) if coarse else u(0.9, 1.0),
        streaks=u(0.5, 1.5),
        rings=u(0, 1),
        gradient=u(4, 12),
        contrast_fade=u(0, 0.2) if coarse else u(0.05, 0.3),
        outside="circle" if coarse else "side",
        outside_share=u(0.04, 0.08),
        outside_grey=u(95, 106),
        collector=u(0.08, 0.15) if coarse else 0.0,
    )


def randomise(rng: np.random.Generator, shape: tuple[int, int] = (256, 256)) -> SimulationParameters:
    """Draw the parameters of a random slice.

    Particles are 15 to 120 pixels across and always brighter than what is around them. Voxels are 0.1 µm.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    shape : tuple of int
        (y, x), pixels.
    """
    u, voxel = rng.uniform, 0.1
    diameter = float(np.exp(u(np.log(22), np.log(105))))
    background = u(65, 115)
    contrast = u(50, 115)
    particle = min(background + contrast, 225)
    large = diameter / 50  # resolution: what is small in particles, and the instrument's blur, scale with it
    quality = u(0, 1)  # 0 noisy and blurred, 1 clean: they come together
    return SimulationParameters(
        size_z=1,
        size_y=shape[0],
        size_x=shape[1],
        voxel_um=voxel,
        diameter_um=diameter * voxel,
        diameter_spread=u(0.08, 0.3),
        small_fraction=u(0, 0.3),
        small_ratio=u(0.35, 0.7),
        packing=u(0.3, 0.62),
        elongation=u(1.1, 1.5),
        lumpiness=u(0.02, 0.11),
        roughness_um=u(0.4, 2.0) * voxel * large**0.5,
        roughness_grain_um=u(4, 9) * voxel * large**0.5,
        crystal_fraction=float(rng.choice([0.0, 0.0, 0.0, 0.0, u(0, 0.3), u(0, 1)])),
        plate_fraction=u(0, 0.2),
        hollow_fraction=u(0.1, 1.0),
        hollow_size=u(0.18, 0.5),
        crack_fraction=u(0, 0.6),
        crack_width_um=u(0.7, 2.4) * voxel * large**0.5,
        pulverised_fraction=float(rng.choice([0.0, u(0, 0.15)])),
        particle_grey=particle,
        particle_grey_spread=u(1, 9),
        particle_texture=u(3, 0.15 * contrast),
        background_grey=background,
        pore_grey=background - u(0.05, 0.4) * contrast,
        background_texture=u(3, 0.2 * contrast),
        background_grain=u(2.5, 6) * large**0.5,
        debris=u(0, 1.2),
        dim_blobs=u(0, 0.5),
        dim_fraction=u(0, 0.1),
        contact_gap=u(-2.0, 2.0),
        min_label_diameter=max(10.0, 0.25 * diameter),
        blur=(0.5 + 1.4 * (1 - quality) * u(0.3, 1)) * max(0.8, large**0.5),
        fringe=u(0, 0.5),
        fringe_width=u(1.5, 4),
        halo=u(0, 0.4),
        noise=(3 + 0.2 * contrast * (1 - quality) * u(0.3, 1)),
        noise_grain=u(0.5, 1.4) * max(0.8, large**0.5),
        noise_direction=float(np.exp(rng.choice([0.0, rng.normal(0, 0.5)]))),
        streaks=float(rng.choice([0.0, rng.exponential(1.5)])),
        rings=float(rng.choice([0.0, rng.exponential(1.2)])),
        gradient=u(0, 15),
        contrast_fade=u(0, 0.4),
        outside=str(rng.choice(["none", "none", "none", "side", "circle"])),
        outside_share=u(0.03, 0.25),
        outside_grey=background + u(-0.3, 0.5) * contrast,
        collector=float(rng.choice([0.0, 0.0, 0.0, u(0.1, 0.35)])),
    )


def crystals(rng: np.random.Generator, shape: tuple[int, int] = (256, 256)) -> SimulationParameters:
    """Draw parameters of a random slice of single crystals: blocks and plates with smooth faces that touch in facets.

    Parameters
    ----------
    rng : numpy.random.Generator
        Source of chance.
    shape : tuple of int
        (y, x), pixels.
    """
    p, u = randomise(rng, shape), rng.uniform
    return replace(
        p,
        diameter_spread=u(0.1, 0.3),
        small_fraction=u(0, 0.55),
        small_ratio=u(0.4, 0.75),
        packing=u(0.35, 0.6),
        elongation=u(1.0, 1.6),
        lumpiness=u(0.0, 0.03),
        roughness_um=u(0.05, 0.5) * p.roughness_um,
        crystal_fraction=u(0.75, 1.0),
        plate_fraction=u(0, 0.4),
        hollow_fraction=u(0, 0.4),
        pulverised_fraction=u(0, 0.05),
        particle_texture=u(1.5, 0.08 * p.particle_grey - 0.08 * p.background_grey + 1.5),
    )
