"""From which closing radius on damage suffers: measured against the truth of simulated particles.

Run ``python benchmarks/measure_closing.py``. The radius is given as a share of the median particle radius; labels are
the true ones, so that nothing but the measurement counts. Samples of secondary particles, and of single crystals and
plates; and two balls grown together without a crack, the worst that a lumpy particle is: all their damage is false.
"""

from __future__ import annotations

import numpy as np

from napari_cathode.measure import MeasureParameters, measure
from napari_cathode.simulate.samples import load_sample

SHARES = (0.0, 0.125, 0.25, 0.375, 0.5, 0.75, 1.0)
SAMPLES = ("nmc-10-cycles", "nmc-50-cycles", "single-crystal")


def main() -> None:
    """Print the table."""
    print("| sample | closing / median radius | particles | bias | mean error | largest error | correlation |")
    print("|---|---|---|---|---|---|---|")
    for name in SAMPLES:
        made = load_sample(name)
        volumes = np.bincount(made.labels.ravel())[1:] * np.prod(made.spacing_um)
        radius = float(np.median((volumes * 3 / (4 * np.pi)) ** (1 / 3)))
        for share in SHARES:
            parameters = MeasureParameters(closing_radius_um=share * radius, groups=("structure", "cracks"))
            table = measure(made.labels, made.image, made.spacing_um, parameters)
            both = table.merge(made.table, on="label", suffixes=("", "_true")).dropna(subset=["damage", "damage_true"])
            error = both["damage"] - both["damage_true"]
            print(
                f"| {name} | {share:g} | {len(both)} | {error.mean():+.4f} | {error.abs().mean():.4f} | "
                f"{error.abs().max():.3f} | {np.corrcoef(both['damage'], both['damage_true'])[0, 1]:.3f} |",
                flush=True,
            )
    print("\n| distance of two balls / radius | closing / radius | false damage |\n|---|---|---|")
    for apart in (1.2, 1.6):
        labels, radius = two_balls(apart)
        for share in SHARES:
            parameters = MeasureParameters(threshold="labels", closing_radius_um=share * radius)
            damage = measure(labels, None, (1.0,) * 3, parameters)["damage"].iloc[0]
            print(f"| {apart:g} | {share:g} | {damage:.4f} |", flush=True)


def two_balls(apart: float, radius: float = 14.0) -> tuple[np.ndarray, float]:
    """Give one particle of two balls, and the radius of the ball of its volume, in voxels."""
    z, y, x = np.mgrid[-30:31, -30:31, -45:46]
    ends = [z**2 + y**2 + (x - side * apart * radius / 2) ** 2 <= radius**2 for side in (-1, 1)]
    labels = (ends[0] | ends[1]).astype(np.int32)
    return labels, float((labels.sum() * 3 / (4 * np.pi)) ** (1 / 3))


if __name__ == "__main__":
    main()
