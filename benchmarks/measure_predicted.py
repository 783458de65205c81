"""Damage of labels that the program finds itself, by how alike they are to the truth.

``python benchmarks/measure_predicted.py --preset single-crystal --seed 301``: errors of measuring show in all
particles, errors of the labels only where label and particle differ. Lists the worst particles, too. Takes minutes.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import Any

import measure_accuracy
import numpy as np

from napari_cathode.measure import MeasureParameters
from napari_cathode.simulate import PRESETS, simulate

LEAST = (0.5, 0.6, 0.7, 0.8)
WORST = 5


def overlaps(labels: Any, true: Any, ids: Any) -> Any:
    """Give the intersection over union of each label with the true particle of the same number."""
    size = int(max(labels.max(), true.max())) + 1
    both = np.bincount(labels[labels == true].ravel(), minlength=size)
    either = np.bincount(labels.ravel(), minlength=size) + np.bincount(true.ravel(), minlength=size) - both
    return both[ids] / either[ids]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--preset", choices=sorted(PRESETS), default="single-crystal")
    parser.add_argument("--size", type=int, default=144, help="voxels along an edge of the volume")
    parser.add_argument("--seed", type=int, default=301)
    options = parser.parse_args()
    cube = {"size_z": options.size, "size_y": options.size, "size_x": options.size}
    simulation = simulate(replace(PRESETS[options.preset], **cube), options.seed)
    labels = measure_accuracy.predicted(simulation).astype(np.int32)
    found = measure_accuracy.compare(simulation, labels, MeasureParameters())
    alike = overlaps(labels, simulation.labels, found.ids)
    for least in LEAST:
        kept = alike >= least
        some = measure_accuracy.Compared(found.ids[kept], found.measured[kept], found.truth[kept])
        measure_accuracy.report(options.preset, f"IoU ≥ {least:g}", some)
    cracked = np.bincount(simulation.labels[simulation.cracks].ravel(), minlength=int(found.ids.max()) + 1)
    in_label = (labels == simulation.labels) & simulation.cracks
    kept_cracks = np.bincount(simulation.labels[in_label].ravel(), minlength=len(cracked))
    print("the worst particles: label, measured and true damage, overlap, share of its crack voxels in its label")
    for row in np.argsort(-abs(found.measured - found.truth))[:WORST]:
        label = found.ids[row]
        share = kept_cracks[label] / max(cracked[label], 1)
        print(f"{label:5d}  {found.measured[row]:.3f}  {found.truth[row]:.3f}  {alike[row]:.2f}  {share:.2f}")


if __name__ == "__main__":
    main()
