"""2D models beside each other on the same simulated slices, which none of them saw, with CPU time.

``python benchmarks/accuracy_simulated.py [--models nmc-2d FOLDER …] [--slices 48] [--working 24 12] [--keep FOLDER]``

For each model the thresholds are chosen on the even slices, as training does, and F1 is measured on the odd ones; its
own thresholds are measured beside. ``--working`` gives other particle sizes for the network, in pixels: 12 runs a model
for 24 on an image of half the size. CPU seconds are those of network, suppression and drawing per Mpx of the slices.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

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
    parser.add_argument("--keep", type=Path, help="folder in which the simulated slices are kept")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pool = SlicePool(chosen.keep or Path(folder), chosen.seed, VALIDATION, (512, 512), simulated)
        print(f"{chosen.slices} slices of 512², seed {chosen.seed}: thresholds on the even ones, F1 on the odd ones")
        print(
            "| model | particle px | probability, overlap | F1@0.5 | F1@0.7 | precision | recall | mean IoU "
            "| CPU s / Mpx |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        for name in chosen.models:
            model = open_model(name)
            for working in chosen.working or [model.info.diameter_px]:
                report(OpenModel(replace(model.info, diameter_px=working), model.onnx), pool, chosen.slices)


def report(model: OpenModel, pool: SlicePool, slices: int) -> None:
    even, odd = range(0, slices, 2), range(1, slices, 2)
    info = model.info
    pairs = {
        "chosen": choose_thresholds(model, pool, even),
        "own": (info.probability_threshold, info.overlap_threshold),
    }
    for whose, pair in pairs.items():
        started = time.process_time()
        loose, strict = sweep(model, pool, odd, (pair,))[pair]
        seconds = (time.process_time() - started) / (len(odd) * 512 * 512 / 1e6)
        print(
            f"| {info.folder.parent.name}/{info.name} | {info.diameter_px:g} | {pair[0]:g}, {pair[1]:g} ({whose}) | "
            f"{loose.f1:.3f} | {strict.f1:.3f} | {loose.precision:.3f} | {loose.recall:.3f} | {loose.mean_iou:.3f} | "
            f"{seconds:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
