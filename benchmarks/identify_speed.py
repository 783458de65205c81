"""CPU time against the stardist package: the same weights, thresholds and image, in one process and alternating.

``python benchmarks/identify_speed.py [--edge 2048] [--rounds 5] [--threshold 0.5]``

Image: a mosaic of simulated slices at the working size, normalised. Both are warmed up; medians of the rounds are
compared, CPU seconds of all threads. "network" is stardist's ``predict`` and ours; "all" is ``predict_instances`` and
ours with suppression and drawing. Labels are compared one by one.
"""

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

from napari_cathode.identify.models import open_model
from napari_cathode.identify.network import Network
from napari_cathode.identify.parameters import DEFAULT_MODEL
from napari_cathode.identify.rescale import grey_range, rescale
from napari_cathode.identify.stardist2d import draw_polygons, select_polygons
from napari_cathode.identify.state import quiet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--edge", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threshold", type=float, nargs="+", default=[0.5, 0.75])
    chosen = parser.parse_args()
    from stardist.models import StarDist2D

    model = open_model(DEFAULT_MODEL)
    image = mosaic(chosen.edge, model.info.diameter_px)
    with quiet():
        stardist = StarDist2D(None, name=model.info.folder.name, basedir=str(model.info.folder.parent))
        stardist.load_weights(model.info.weights.name)
    network = Network(model)
    overlap = model.info.overlap_threshold

    def all_of_ours(threshold: float) -> np.ndarray:
        probability, distance = network.predict(image)
        # stardist drops candidates within two grid points of the border, and with them particles that it cuts.
        inner = np.zeros_like(probability)
        inner[2:-2, 2:-2] = probability[2:-2, 2:-2]
        polygons = select_polygons(inner, distance, model.info.grid, threshold, overlap)
        return draw_polygons(polygons, image.shape, (1.0, 1.0))

    def all_of_theirs(threshold: float) -> np.ndarray:
        return stardist.predict_instances(image, prob_thresh=threshold, nms_thresh=overlap, verbose=False)[0]

    compare("network", chosen.rounds, lambda: stardist.predict(image, verbose=0), lambda: network.predict(image))
    for threshold in chosen.threshold:
        theirs, ours = compare(
            f"all, probability {threshold:g}",
            chosen.rounds,
            lambda at=threshold: all_of_theirs(at),
            lambda at=threshold: all_of_ours(at),
        )
        agreement(theirs, ours)


def mosaic(edge: int, diameter_px: float) -> np.ndarray:
    """Give simulated slices beside each other, at the model's working size."""
    from napari_cathode.identify.diameter import typical_diameter
    from napari_cathode.simulate import training_slice

    out, filled = np.zeros((edge, edge), np.float32), 0
    seed = 0
    while filled < edge:
        row, x = np.zeros((512, edge), np.float32), 0
        while x < edge:
            picture, labels = training_slice(np.random.default_rng([77, seed]), (768, 768))
            seed += 1
            factor = diameter_px / typical_diameter(labels)
            small = rescale(grey_range(picture).normalise(picture), (factor, factor))
            tile = np.tile(small, (-(-512 // small.shape[0]), 1))[:512, : edge - x]
            row[:, x : x + tile.shape[1]] = tile
            x += tile.shape[1]
        out[filled : filled + 512] = row[: edge - filled]
        filled += 512
    return out


def compare(what, rounds, theirs, ours):
    spent = {"stardist": [], "ours": []}
    results = [theirs(), ours()]
    for _ in range(rounds):
        for number, (name, run) in enumerate((("stardist", theirs), ("ours", ours))):
            start = time.process_time()
            results[number] = run()
            spent[name].append(time.process_time() - start)
    middle = {name: float(np.median(values)) for name, values in spent.items()}
    print(
        f"{what:24s} stardist {middle['stardist']:6.2f} CPU s, ours {middle['ours']:6.2f} CPU s, ratio "
        f"{middle['ours'] / middle['stardist']:.2f}",
        flush=True,
    )
    return results


def agreement(theirs: np.ndarray, ours: np.ndarray) -> None:
    from stardist.matching import matching

    found = matching(theirs, ours, thresh=0.5, report_matches=True)
    worst = min(score for score in found.matched_scores if score >= 0.5)
    same = sum(score >= 0.99 for score in found.matched_scores)
    print(
        f"  labels: {theirs.max()} and {ours.max()}, matched {found.tp}, of which {same} with IoU ≥ 0.99; "
        f"smallest IoU {worst:.3f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
