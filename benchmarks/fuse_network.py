"""Fused views beside each single view and the 3D network, on what the networks see of simulated volumes.

``python benchmarks/fuse_network.py [--size 128] [--seeds 9101] [--only CONDITION …] [--methods METHOD …]``

Conditions, seeds kept apart from training, diameter and scores are those of ``accuracy_3d.py``: AP is TP / (TP + FP +
FN) against the truth; "whole" leaves out particles that the border cuts. A single view is fused too: its sections
become particles by the same flow, without other views. "joined by truth" gives each piece of *hybrid* to the particle
that it shares most with: what no way of joining pieces surpasses by much. CPU seconds are those of fusing, those of the
networks stand in the rows "network" and "nmc-3d".
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
from accuracy_3d import ANISOTROPIC, CONDITIONS, electrode, scores

from napari_cathode.fuse import FuseParameters, fuse, prediction_from_labels
from napari_cathode.fuse.outlines import iter_round
from napari_cathode.identify import VIEW_AXIS, IdentifyParameters, identify, identify_volume
from napari_cathode.progress import drain
from napari_cathode.simulate import PRESETS

METHODS = {
    "hybrid": FuseParameters(),
    "watershed": FuseParameters(method="watershed"),
    "linked by distance": FuseParameters(method="linking"),
    "linked by overlap": FuseParameters(method="linking", link_by="overlap"),
    "k-means, distance": FuseParameters(method="clusters", cluster_map="distance"),
}


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    reader.add_argument("--size", type=int, default=128)
    reader.add_argument("--seeds", type=int, nargs="+", default=[9101])
    reader.add_argument("--only", nargs="+", default=["nmc-10-cycles", "nmc-50-cycles", "single-crystal", ANISOTROPIC])
    reader.add_argument("--methods", nargs="+", default=list(METHODS), choices=list(METHODS))
    given = reader.parse_args()
    print(f"{given.size} voxels, seeds {given.seeds}")
    print(f"{'condition':26s} {'way':20s}  AP50  AP70 | whole AP50  AP70 | true found  CPU s")
    _warm_up()
    for condition in given.only:
        step = 2 if condition == ANISOTROPIC else 1
        rows: dict[str, list[Any]] = {}
        for seed in given.seeds:
            parameters = CONDITIONS.get(condition, PRESETS["nmc-10-cycles"])
            for way, row in _compare(given.methods, *electrode(parameters, given.size, seed, step)):
                rows.setdefault(way, []).append(row)
        for way, several in rows.items():
            a50, a70, w50, w70, _, true, found, seconds = np.mean(several, axis=0)
            print(
                f"{condition:26s} {way:20s} {a50:5.3f} {a70:5.3f} |      {w50:5.3f} {w70:5.3f} | {true:4.0f} "
                f"{found:5.0f} {seconds:6.1f}",
                flush=True,
            )


def _compare(methods, tomogram, truth, diameter_um):
    """Give each way with its scores and CPU seconds."""
    start = time.process_time()
    views = identify(tomogram, IdentifyParameters(diameter_um=diameter_um))
    network = time.process_time() - start
    ways = {name: (views, METHODS[name]) for name in methods}
    ways |= {f"{view} alone": ({view: views[view]}, FuseParameters()) for view in views}
    for name, (chosen, parameters) in ways.items():
        start = time.process_time()
        found = fuse(chosen, parameters, tomogram.spacing_um).labels
        yield name, (*scores(truth, found), time.process_time() - start)
    apart = FuseParameters(split_merge=0.0, minimal_diameter_um=0.0, outline_smoothing=0.0)
    joined = joined_by_truth(fuse(views, apart, tomogram.spacing_um).labels, truth)
    share = FuseParameters().outline_smoothing
    yield "joined by truth", (*scores(truth, drain(iter_round(joined, share, tomogram.spacing_um))), np.nan)
    yield "network", (*[np.nan] * 5, truth.max(), np.nan, network)
    start = time.process_time()
    found = identify_volume(tomogram, IdentifyParameters(method="stardist3d", diameter_um=diameter_um)).labels
    yield "nmc-3d", (*scores(truth, found), time.process_time() - start)


def joined_by_truth(pieces: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Give each piece the label of the true particle that it shares most with, 0 where that is the background."""
    both = np.zeros((pieces.max() + 1, truth.max() + 1), dtype=np.int64)
    np.add.at(both, (pieces.ravel(), truth.ravel()), 1)
    best = both.argmax(axis=1).astype(np.int32)
    best[0] = 0
    return best[pieces]


def _warm_up() -> None:
    """Compile what is compiled on first use, so that it is not measured."""
    ball = np.zeros((8, 8, 8), dtype=np.int32)
    ball[2:6, 2:6, 2:6] = 1
    for parameters in METHODS.values():
        fuse({view: prediction_from_labels(view, ball, (1, 1, 1)) for view in VIEW_AXIS}, parameters, (1, 1, 1))


if __name__ == "__main__":
    main()
