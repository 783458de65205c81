"""Damage against the truth of simulated electrodes: ``python benchmarks/measure_accuracy.py``.

For each preset, as a volume and as a slice: bias, standard deviation of the error, and correlation over whole
particles, for labels that are right, that leave the cracks out, that are one or two voxels too wide or too narrow,
and that wobble by a voxel.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from scipy import ndimage

from napari_cathode.measure import MeasureParameters, measure
from napari_cathode.simulate import PRESETS, Simulation, simulate, simulate_slice


def variants(simulation: Simulation, rng: np.random.Generator) -> Iterator[tuple[str, Any]]:
    """Give (name, labels) as different ways of finding particles would."""
    labels = simulation.labels
    cross = ndimage.generate_binary_structure(3, 1)
    if labels.shape[0] == 1:
        cross[[0, 2]] = False
    yield "filled", labels
    yield "solid only", np.where(simulation.cracks, 0, labels)
    wide, narrow = labels, labels
    for voxels in (1, 2):
        wide = np.where(wide > 0, wide, ndimage.grey_dilation(wide, footprint=cross))
        yield f"{voxels} wider", wide
    same = ndimage.grey_dilation(narrow, footprint=cross) == ndimage.grey_erosion(narrow, footprint=cross)
    yield "1 narrower", np.where(same, narrow, 0)
    shift = ndimage.gaussian_filter(rng.normal(size=(3, *labels.shape)), (0, 6 if labels.shape[0] > 1 else 0, 6, 6))
    shift /= shift.std()
    if labels.shape[0] == 1:
        shift[0] = 0
    yield "wobbling", ndimage.map_coordinates(labels, np.indices(labels.shape) + shift, order=0, mode="nearest")


def report(name: str, simulation: Simulation, parameters: MeasureParameters) -> None:
    size = int(simulation.labels.max()) + 1
    voxels = np.bincount(simulation.labels.ravel(), minlength=size)
    cracked = np.bincount(simulation.labels.ravel(), weights=simulation.cracks.ravel(), minlength=size)
    truth = cracked / np.maximum(voxels, 1)
    cut = np.ones(size, bool)
    cut[simulation.table["label"]] = simulation.table["touches_border"]
    for variant, labels in variants(simulation, np.random.default_rng(0)):
        labels = labels.astype(np.int32)
        table = measure(labels, simulation.image, simulation.spacing_um, parameters, simulation.field_of_view)
        table = table[table["damage"].notna() & ~cut[table["label"]]]
        error = table["damage"].to_numpy() - truth[table["label"]]
        together = np.corrcoef(table["damage"], truth[table["label"]])[0, 1]
        figures = f"bias {error.mean():+.4f}  sd {error.std():.4f}  r {together:.3f}"
        print(f"{name:24} {variant:12} n {len(table):4d}  {figures}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=160, help="voxels along an edge of the volumes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--closing-radius-um", type=float, default=MeasureParameters().closing_radius_um)
    options = parser.parse_args()
    parameters = MeasureParameters(closing_radius_um=options.closing_radius_um)
    for name, preset in PRESETS.items():
        cube = replace(preset, size_z=options.size, size_y=options.size, size_x=options.size)
        report(name, simulate(cube, options.seed), parameters)
        sheet = replace(preset, size_y=700, size_x=700)
        report(f"{name}, slice", simulate_slice(sheet, options.seed), parameters)


if __name__ == "__main__":
    main()
