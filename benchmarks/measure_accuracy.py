"""Damage against the truth of simulated electrodes: ``python benchmarks/measure_accuracy.py``.

For each preset, as a volume and as a slice: bias, standard deviation of the error, and correlation over whole
particles, for labels that are right, that leave the cracks out as the truth or as a threshold has them, that are one or
two voxels too wide or too narrow, and that wobble by a voxel; with ``--predicted`` also for those that the program
finds itself (in volumes only, with the default parameters; a particle found is one that shares half of its voxels with
a true one, as intersection over union).
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import ndimage

from napari_cathode.fuse import FuseParameters, fuse
from napari_cathode.identify import identify, identify_volume
from napari_cathode.measure import MeasureParameters, measure
from napari_cathode.simulate import PRESETS, Simulation, simulate, simulate_slice
from napari_cathode.tomogram import Tomogram


@dataclass(frozen=True)
class Compared:
    """Damage of whole particles: true labels' ids, measured values, and the truth."""

    ids: Any
    measured: Any
    truth: Any

    def __add__(self, other: Compared) -> Compared:
        pairs = zip((self.ids, self.measured, self.truth), (other.ids, other.measured, other.truth), strict=True)
        return Compared(*(np.concatenate(pair) for pair in pairs))

    def against(self, other: Compared) -> Compared:
        """Give these values with the other's in place of the truth, for particles that both have."""
        both, here, there = np.intersect1d(self.ids, other.ids, return_indices=True)
        return Compared(both, self.measured[here], other.measured[there])

    @property
    def bias(self) -> float:
        """Mean error."""
        return float((self.measured - self.truth).mean())

    @property
    def spread(self) -> float:
        """Standard deviation of the error."""
        return float((self.measured - self.truth).std())

    @property
    def correlation(self) -> float:
        """Pearson's."""
        return float(np.corrcoef(self.measured, self.truth)[0, 1])


def thresholded(simulation: Simulation) -> Any:
    """Give labels as a thresholding tool makes them: what is brighter than half way, each voxel its particle's."""
    labels = simulation.labels
    flat = labels.shape[0] == 1
    wide = np.where(labels > 0, labels, ndimage.grey_dilation(labels, size=(1 if flat else 3, 3, 3)))
    quiet = ndimage.gaussian_filter(simulation.image.astype(np.float32), (0 if flat else 0.7, 0.7, 0.7))
    middle = np.median(quiet[(labels > 0) & ~simulation.cracks]) + np.median(quiet[labels == 0])
    return np.where(quiet > middle / 2, wide, 0)


def labels_of_solid(simulation: Simulation) -> Iterator[tuple[str, Any]]:
    """Give (name, labels) of the solid alone."""
    yield "solid only", np.where(simulation.cracks, 0, simulation.labels)
    yield "thresholded", thresholded(simulation)


def predicted(simulation: Simulation, *, in_3d: bool = False) -> Any:
    """Give the labels that the program finds, each with the number of the true particle it stands for, or a new one.

    They are fused from three views, or found by the 3D network.
    """
    tomogram = Tomogram(simulation.image, simulation.spacing_um)
    if in_3d:
        labels = identify_volume(tomogram).labels
    else:
        labels = fuse(identify(tomogram), FuseParameters(), simulation.spacing_um).labels
    true = simulation.labels
    size = int(true.max()) + 1
    shared = np.bincount(
        labels.ravel().astype(np.int64) * size + true.ravel(), minlength=(int(labels.max()) + 1) * size
    )
    shared = shared.reshape(-1, size)
    either = shared.sum(1)[:, None] + shared.sum(0)[None] - shared
    overlap = shared / np.maximum(either, 1)
    overlap[0] = overlap[:, 0] = 0
    numbers = np.where(overlap.max(1) > 0.5, overlap.argmax(1), size + np.arange(len(overlap)))
    numbers[0] = 0
    return numbers[labels]


def variants(simulation: Simulation, rng: np.random.Generator) -> Iterator[tuple[str, Any]]:
    """Give (name, labels) as different ways of finding particles would."""
    labels = simulation.labels
    cross = ndimage.generate_binary_structure(3, 1)
    if labels.shape[0] == 1:
        cross[[0, 2]] = False
    yield "filled", labels
    yield from labels_of_solid(simulation)
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


def compare(simulation: Simulation, labels: Any, parameters: MeasureParameters) -> Compared:
    """Measure labels whose numbers are the true ones, and give the damage of whole particles."""
    size = int(simulation.labels.max()) + 1
    voxels = np.bincount(simulation.labels.ravel(), minlength=size)
    cracked = np.bincount(simulation.labels.ravel(), weights=simulation.cracks.ravel(), minlength=size)
    truth = cracked / np.maximum(voxels, 1)
    cut = np.ones(size, bool)
    cut[simulation.table["label"]] = simulation.table["touches_border"]
    labels = labels.astype(np.int32)
    table = measure(labels, simulation.image, simulation.spacing_um, parameters, simulation.field_of_view)
    table = table[table["damage"].notna() & (table["label"] < size)]
    table = table[~cut[table["label"]]]
    return Compared(table["label"].to_numpy(), table["damage"].to_numpy(), truth[table["label"]])


def report(name: str, variant: str, found: Compared) -> None:
    figures = f"bias {found.bias:+.4f}  sd {found.spread:.4f}  r {found.correlation:.3f}"
    print(f"{name:24} {variant:12} n {len(found.ids):4d}  {figures}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=160, help="voxels along an edge of the volumes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--closing-radius-um", type=float, default=MeasureParameters().closing_radius_um)
    parser.add_argument("--predicted", action="store_true", help="also labels that the program finds: takes minutes")
    options = parser.parse_args()
    parameters = MeasureParameters(closing_radius_um=options.closing_radius_um)
    for name, preset in PRESETS.items():
        cube = replace(preset, size_z=options.size, size_y=options.size, size_x=options.size)
        sheet = replace(preset, size_y=700, size_x=700)
        volume = simulate(cube, options.seed)
        for kind, simulation in ((name, volume), (f"{name}, slice", simulate_slice(sheet, options.seed))):
            for variant, labels in variants(simulation, np.random.default_rng(0)):
                report(kind, variant, compare(simulation, labels, parameters))
        if options.predicted:
            report(name, "predicted", compare(volume, predicted(volume), parameters))


if __name__ == "__main__":
    main()
