"""How well and how fast views are fused, on packings of known particles seen with known faults.

Run ``python benchmarks/fuse_accuracy.py [--size 160] [--seeds 11 12 13] [--z-step 1] [--scale 1]``; it
prints a table of methods
and faults. AP is the "accuracy" of StarDist, TP / (TP + FP + FN), at an intersection over union of 0.5 and 0.7,
computed by ``stardist.matching``. A true particle is split when two found ones each lie in it by more than half of
themselves and cover a tenth of it, and a found one is a merge when it covers more than half of two or more true ones;
both in percent of the true ones. Peak memory is that of NumPy's arrays beyond the predictions, per voxel. Parameters
were chosen on the seeds 1, 2 and 3.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from dataclasses import replace

import numpy as np
from stardist.matching import matching

from napari_cathode.fuse import FuseParameters, fuse, prediction_from_labels
from napari_cathode.identify import VIEW_AXIS
from napari_cathode.simulate.faults import FAULTS, faulty_views
from napari_cathode.simulate.packed import packed_particles

DIAMETER = 31.0
METHODS = {
    "hybrid": FuseParameters(),
    "watershed": FuseParameters(method="watershed"),
    "linked by distance": FuseParameters(method="linking"),
    "linked by overlap": FuseParameters(method="linking", link_by="overlap"),
    "k-means, probability": FuseParameters(method="clusters"),
    "k-means, distance": FuseParameters(method="clusters", cluster_map="distance"),
}
"""The study's own ways are the linking by distance, and k-means on the summed distances."""


def errors(truth: np.ndarray, found: np.ndarray) -> tuple[float, float]:
    """Give splits and merges in percent of the true particles."""
    both = np.zeros((truth.max() + 1, found.max() + 1), dtype=np.int64)
    np.add.at(both, (truth.ravel(), found.ravel()), 1)
    true_size, found_size = both.sum(1)[1:, None], both.sum(0)[None, 1:]
    shared = both[1:, 1:]
    merged = ((shared > 0.5 * true_size).sum(0) > 1).sum()
    split = (((shared > 0.5 * found_size) & (shared > 0.1 * true_size)).sum(1) > 1).sum()
    return 100 * split / len(true_size), 100 * merged / len(true_size)


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--size", type=int, default=160, help="edge of the volume in voxels of x")
    reader.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    reader.add_argument("--z-step", type=int, default=1, help="spacing along z over that along y and x")
    reader.add_argument("--faults", nargs="+", default=["standard", "hard"], choices=list(FAULTS))
    reader.add_argument("--views", nargs="+", default=list(VIEW_AXIS), choices=list(VIEW_AXIS))
    reader.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    reader.add_argument("--scale", type=float, default=1.0, help="working scale")
    reader.add_argument("--memory", action="store_true", help="measure peak memory, which slows everything down")
    given = reader.parse_args()
    spacing = (float(given.z_step), 1.0, 1.0)
    print(
        f"{given.size} voxels, z spacing {given.z_step}, views {' '.join(given.views)}, seeds {given.seeds}, "
        f"working scale {given.scale:g}"
    )
    print(
        f"{'faults':<9} {'method':<21} {'truth':>6} {'found':>6} {'AP50':>6} {'AP70':>6} {'splits':>7} {'merges':>7} "
        f"{'CPU s/Mvox':>11} {'bytes/voxel':>12}"
    )
    _warm_up(given.methods)
    for faults in given.faults:
        rows: dict[str, list[tuple[float, ...]]] = {method: [] for method in given.methods}
        for seed in given.seeds:
            shape = (given.size // given.z_step, given.size, given.size)
            truth = packed_particles(shape, seed, diameter=DIAMETER, z_step=given.z_step)
            views = faulty_views(truth, spacing, FAULTS[faults], seed, given.views)
            for method in given.methods:
                parameters = replace(METHODS[method], working_scale=given.scale)
                rows[method].append(_measure(truth, views, parameters, spacing, given.memory))
        for method, values in rows.items():
            true, found, ap50, ap70, split, merged, seconds, memory = np.mean(values, axis=0)
            print(
                f"{faults:<9} {method:<21} {true:6.0f} {found:6.0f} {ap50:6.3f} {ap70:6.3f} {split:6.1f}% "
                f"{merged:6.1f}% {seconds:11.2f} {memory:12.1f}",
                flush=True,
            )


def _measure(truth, views, parameters, spacing, memory) -> tuple[float, ...]:
    peak = float("nan")
    if memory:
        tracemalloc.start()
    start = time.process_time()
    labels = fuse(views, parameters, spacing).labels
    seconds = (time.process_time() - start) / (truth.size / 1e6)
    if memory:
        peak = tracemalloc.get_traced_memory()[1] / truth.size
        tracemalloc.stop()
    half, most = matching(truth, labels, thresh=(0.5, 0.7))
    return half.n_true, half.n_pred, half.accuracy, most.accuracy, *errors(truth, labels), seconds, peak


def _warm_up(methods) -> None:
    """Compile what is compiled on first use, so that it is not measured."""
    ball = np.zeros((8, 8, 8), dtype=np.int32)
    ball[2:6, 2:6, 2:6] = 1
    for method in methods:
        fuse({"xy": prediction_from_labels("xy", ball, (1, 1, 1))}, METHODS[method], (1, 1, 1))


if __name__ == "__main__":
    main()
