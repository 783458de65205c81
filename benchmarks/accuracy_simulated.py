"""2D models beside each other on the same simulated slices, which none of them saw, with CPU time.

``python benchmarks/accuracy_simulated.py [--models nmc-2d FOLDER …] [--slices 48] [--working 24 12] [--keep FOLDER]``

Each model has its own thresholds, or with ``--choose`` those that are chosen on the even slices, as training does.
Models are compared slice by slice with the first one. ``--working`` gives other particle sizes for the network, in
pixels: 12 runs a model for 24 on an image of half the size. CPU seconds are those of network, suppression and drawing
per Mpx of the slices.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from napari_cathode.identify.accuracy import Match, total
from napari_cathode.identify.export import choose_thresholds, sweep
from napari_cathode.identify.models import OpenModel, open_model
from napari_cathode.identify.parameters import DEFAULT_MODEL
from napari_cathode.identify.training import simulated
from napari_cathode.identify.training_data import VALIDATION, SlicePool


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=[DEFAULT_MODEL])
    parser.add_argument("--slices", type=int, default=48)
    parser.add_argument("--seed", type=int, default=5001, help="of the slices; no training's seed")
    parser.add_argument("--working", type=float, nargs="+", help="particle sizes for the network, in pixels")
    parser.add_argument("--choose", action="store_true", help="thresholds from the even slices, F1 of the odd ones")
    parser.add_argument("--keep", type=Path, help="folder in which the simulated slices are kept")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pool = SlicePool(chosen.keep or Path(folder), chosen.seed, VALIDATION, (512, 512), simulated)
        of = "thresholds from the even ones, F1 of the odd ones" if chosen.choose else "each model's own thresholds"
        print(f"{chosen.slices} slices of 512², seed {chosen.seed}: {of}")
        print(
            "| model | particle px | probability, overlap | F1@0.5 | F1@0.7 | precision | recall | mean IoU "
            "| CPU s / Mpx | mean F1 less that of the first |"
        )
        print("|---|---|---|---|---|---|---|---|---|---|")
        first: list[list[Match]] = []
        for name in chosen.models:
            model = open_model(name)
            for working in chosen.working or [model.info.diameter_px]:
                sized = OpenModel(replace(model.info, diameter_px=working), model.onnx)
                found = report(sized, pool, chosen.slices, chosen.choose, first)
                first = first or found


def report(model: OpenModel, pool: SlicePool, slices: int, choose: bool, first: list[list[Match]]) -> list[list[Match]]:
    info = model.info
    pair, indices = (info.probability_threshold, info.overlap_threshold), range(slices)
    if choose:
        pair, indices = choose_thresholds(model, pool, range(0, slices, 2)), range(1, slices, 2)
    for index in indices:
        pool.raw(index)  # made on first use
    sweep(model, pool, range(1), (pair,))  # opens the network
    started = time.process_time()
    found = [sweep(model, pool, range(index, index + 1), (pair,))[pair] for index in indices]
    seconds = (time.process_time() - started) / (len(indices) * 512 * 512 / 1e6)
    loose, strict = (total(list(ones)) for ones in zip(*found, strict=True))
    print(
        f"| {info.folder.parent.name}/{info.name} | {info.diameter_px:g} | {pair[0]:g}, {pair[1]:g} | "
        f"{loose.f1:.3f} | {strict.f1:.3f} | {loose.precision:.3f} | {loose.recall:.3f} | {loose.mean_iou:.3f} | "
        f"{seconds:.2f} | {difference(found, first) if first else ''} |",
        flush=True,
    )
    return found


def difference(found: list[list[Match]], first: list[list[Match]]) -> str:
    """Give the difference of the mean F1 at both IoU, with its standard error by drawing slices anew."""

    def mean(several: list[list[Match]], drawn: Iterable[int]) -> float:
        drawn = list(drawn)
        return float(np.mean([total([several[i][which] for i in drawn]).f1 for which in (0, 1)]))

    rng, count = np.random.default_rng(0), len(found)
    draws = [rng.integers(0, count, count) for _ in range(400)]
    error = np.std([mean(found, drawn) - mean(first, drawn) for drawn in draws])
    return f"{mean(found, range(count)) - mean(first, range(count)):+.4f} ± {error:.4f}"


if __name__ == "__main__":
    main()
