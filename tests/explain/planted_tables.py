"""Feature tables with a planted damage law, as the measuring step would write them."""

import numpy as np
import pandas as pd

DRIVERS = ("sphericity", "edensity", "z_um")


def planted_table(n: int = 150, seed: int = 0, noise: float = 0.02) -> pd.DataFrame:
    """Make a table of ``n`` particles whose damage falls with sphericity and depth and rises with density.

    Damage also decides the columns that contain it by construction (cracks, inner surface), and a few particles
    are cut by the border, as in a measured table.
    """
    rng = np.random.default_rng(seed)
    radius = rng.lognormal(np.log(3.5), 0.25, n)
    axis = rng.normal(size=(n, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    sphericity = rng.beta(8, 2, n)
    edensity = rng.normal(150, 8, n)
    z = rng.uniform(0, 35, n)
    law = 0.18 - 0.25 * (sphericity - 0.8) + 0.006 * (edensity - 150) - 0.003 * (z - 17)
    damage = np.clip(law + rng.normal(0, noise, n), 0.001, 0.9)
    volume = 4 / 3 * np.pi * radius**3
    table = pd.DataFrame(
        {
            "label": rng.permutation(np.arange(1, n + 1)),
            "x_um": rng.uniform(0, 100, n),
            "y_um": rng.uniform(0, 100, n),
            "z_um": z,
            "yaw_deg": np.degrees(np.arctan2(axis[:, 1], axis[:, 0])),
            "pitch_deg": np.degrees(np.arcsin(axis[:, 2])),
            "roll_deg": rng.uniform(-180, 180, n),
            "axis_x": axis[:, 0],
            "axis_y": axis[:, 1],
            "axis_z": axis[:, 2],
            "edensity": edensity,
            "homogeneity": rng.gamma(20, 0.01, n),
            "surface_inner_um2": damage * volume * 3,
            "surface_outer_um2": 4 * np.pi * radius**2 / sphericity ** (1 / 3),
            "volume_um3": volume,
            "damage": damage,
            "crack_volume_um3": damage * volume,
            "elongation": 1 + rng.gamma(2, 0.15, n),
            "sphericity": sphericity,
            "vs_ratio": (sphericity / (36 * np.pi)) ** (1 / 6),
            "rough_inner": np.where(damage > 0.15, 1 + damage, np.nan),
            "rough_outer": 1 + rng.gamma(2, 0.03, n),
            "contact": rng.beta(2, 8, n),
            "pdensity": rng.beta(12, 12, n),
            "dist_nearest_um": rng.normal(9, 1, n),
            "elong_std": np.where(rng.random(n) < 0.2, np.nan, rng.gamma(4, 0.05, n)),
            "voxel_count": np.round(volume * 900).astype(int),
            "touches_border": rng.random(n) < 0.08,
        }
    )
    table.loc[table["touches_border"], ["damage", "sphericity", "volume_um3", "surface_outer_um2"]] = np.nan
    return table
