"""Cracks inside particles, and contacts, on simulated electrodes: ``python benchmarks/measure_inside.py``.

For each preset, over whole particles, with true labels of whole particles and with true labels of their solid: bias and
correlation of damage, damage from grey, open and closed shares, hollow core, damage in shells and crack orientation as
measured on the image, against the same quantities of the true cracks; and of the coordination number and the contact
area of pairs on the labels, found with one more voxel of gap tolerance, for how much hangs on it.

The seeds (301 …) were not used to choose anything.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from napari_cathode.measure import MeasureParameters, measure
from napari_cathode.measure.inside import measure_cracks, measure_radially
from napari_cathode.simulate import PRESETS, Simulation, simulate

COLUMNS = ("damage", "damage_grey", "damage_open", "damage_closed", "hollow_core", "crack_orientation")
SHELLS = tuple(f"damage_shell_{shell}" for shell in range(1, 6))


def truth_of(simulation: Simulation) -> pd.DataFrame:
    """Measure the true cracks, voxel by voxel."""
    rows = {}
    for label, box in enumerate(ndimage.find_objects(simulation.labels), 1):
        if box is None:
            continue
        filled = np.pad((simulation.labels[box] == label).astype(np.uint8), 2)
        solid = filled & ~np.pad(simulation.cracks[box], 2).astype(np.uint8)
        centre = tuple(map(float, np.argwhere(filled).mean(axis=0)))
        cracks = measure_cracks(filled, solid, centre, simulation.spacing_um)
        radial = measure_radially(filled, solid, None, centre, simulation.spacing_um)
        size = int(filled.sum())
        damage = 1 - int(solid.sum()) / size
        rows[label] = {
            "damage": damage,
            "damage_grey": damage,
            "damage_open": cracks.open / size,
            "damage_closed": cracks.closed / size,
            "hollow_core": radial.hollow / size,
            "crack_orientation": cracks.orientation,
            **dict(zip(SHELLS, radial.damage(), strict=True)),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def compare(name: str, table: pd.DataFrame, truth: pd.DataFrame) -> None:
    """Print bias, spread and correlation of each column."""
    whole = table[~table["touches_border"]].set_index("label")
    true = truth.loc[whole.index]
    for column in (*COLUMNS, *SHELLS):
        known = whole[column].notna() & true[column].notna()
        error = (whole[column] - true[column])[known]
        together = np.corrcoef(whole[column][known], true[column][known])[0, 1]
        print(
            f"{name:26} {column:18} n {known.sum():4d}  true mean {true[column][known].mean():7.4f}  "
            f"bias {error.mean():+.4f}  sd {error.std():.4f}  r {together:.3f}"
        )


def contacts(name: str, labels: Any, simulation: Simulation) -> None:
    """Print what one more voxel of gap tolerance does to contacts."""
    edge = max(simulation.spacing_um)
    tables = [
        measure(labels, None, simulation.spacing_um, MeasureParameters(gap_tolerance_um=gap, groups=("surroundings",)))
        for gap in (edge, 2 * edge)
    ]
    numbers = [table["coordination"].mean() for table in tables]
    areas = [table.attrs["contacts"].table["area_um2"].sum() for table in tables]
    print(
        f"{name:26} coordination {numbers[0]:.2f}, one voxel more {numbers[1]:.2f}; contact area "
        f"{areas[0]:.0f}, one voxel more {areas[1]:.0f} µm²"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--presets", nargs="+", default=["nmc-10-cycles", "nmc-50-cycles"], choices=list(PRESETS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[301])
    parser.add_argument("--size", type=int, default=160, help="voxels along an edge")
    options = parser.parse_args()
    size = {f"size_{axis}": options.size for axis in "zyx"}
    for preset in options.presets:
        for seed in options.seeds:
            simulation = simulate(replace(PRESETS[preset], **size), seed)
            truth = truth_of(simulation)
            solid = np.where(simulation.cracks, 0, simulation.labels).astype(np.int32)
            for which, labels in (("whole", simulation.labels), ("solid", solid)):
                table = measure(labels, simulation.image, simulation.spacing_um, None, simulation.field_of_view)
                compare(f"{preset} {seed} {which}", table, truth)
            contacts(f"{preset} {seed}", simulation.labels, simulation)


if __name__ == "__main__":
    main()
