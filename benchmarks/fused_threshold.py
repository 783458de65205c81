"""Choose the probability threshold for views that are fused, on simulated volumes of other seeds than any sample.

``python benchmarks/fused_threshold.py [--model NAME] [--update-card]``

Prints the average precision of the fused particles (TP / (TP + FP + FN)) for each threshold.
"""

import argparse
import json
from dataclasses import replace

import numpy as np

from napari_cathode.fuse import FuseParameters, fuse
from napari_cathode.identify import IdentifyParameters, estimate_diameter, identify, match
from napari_cathode.identify.card import write_card
from napari_cathode.identify.models import find_model
from napari_cathode.identify.parameters import DEFAULT_MODEL
from napari_cathode.simulate import PRESETS, simulate
from napari_cathode.tomogram import Tomogram

VOLUMES = (("nmc-10-cycles", 901), ("nmc-50-cycles", 902), ("single-crystal", 903))
THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.75)
TIE = 0.01


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--update-card", action="store_true", help="write the best threshold into the model's card")
    chosen = parser.parse_args()
    scores = np.zeros((len(THRESHOLDS), len(VOLUMES), 2))
    for column, (preset, seed) in enumerate(VOLUMES):
        truth = simulate(replace(PRESETS[preset], size_z=80, size_y=160, size_x=160), seed)
        tomogram = Tomogram(truth.image, truth.spacing_um, preset)
        diameter = estimate_diameter(tomogram)
        for row, threshold in enumerate(THRESHOLDS):
            views = identify(
                tomogram, IdentifyParameters(model=chosen.model, diameter_um=diameter, prob_threshold=threshold)
            )
            fused = fuse(views, FuseParameters(), truth.spacing_um).labels
            scores[row, column] = [average_precision(truth.labels, fused, iou) for iou in (0.5, 0.7)]
    print("threshold", *(f"{preset:>16}" for preset, _ in VOLUMES), "  (AP50 / AP70)")
    for threshold, line in zip(THRESHOLDS, scores, strict=True):
        print(f"{threshold:9g}", *(f"{half:9.3f} /{strict:5.3f}" for half, strict in line))
    means = scores.mean(axis=(1, 2))
    # The strictest of those that are as good: real images hold things that simulated ones do not.
    best = max(threshold for threshold, mean in zip(THRESHOLDS, means, strict=True) if mean > means.max() - TIE)
    print(f"strictest within {TIE:g} of the best on average: {best:g}")
    if chosen.update_card:
        model = find_model(chosen.model)
        card = json.loads(json.dumps(dict(model.card)))
        card["thresholds"]["prob_fused"] = best
        write_card(model.folder, card)


def average_precision(truth, found, iou: float) -> float:
    matched = match(truth, found, iou)
    return matched.true_positives / (matched.true_positives + matched.false_positives + matched.false_negatives)


if __name__ == "__main__":
    main()
