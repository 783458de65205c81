"""The 3D model on simulated volumes that it never saw, beside a classical way.

``python benchmarks/accuracy_3d.py [--model NAME] [--size 160] [--seeds 9001 9002 9003] [--only CONDITION …]``. With
``--thresholds`` it prints what the model's threshold was chosen by: AP of each probability on volumes of other seeds,
with ``--working`` for a network that sees particles at another size; with ``--joining`` the same for how readily parts
of one particle are joined.

AP is TP / (TP + FP + FN) of 3D labels against the truth; "whole" leaves out true particles that the border cuts, and
found ones whose partner is one of those. The classical way is Otsu's threshold, closed and filled, and a watershed on
the distance transform; its smoothing and seed depth are the best of a grid on other seeds (``--tune``). The diameter is
that of the truth, as a person would measure it.
"""

import argparse
import time
from dataclasses import replace

import numpy as np

from napari_cathode.identify import IdentifyParameters, identify_volume, match
from napari_cathode.identify.joining import iter_join
from napari_cathode.identify.models import OpenModel, open_model
from napari_cathode.identify.network import Network
from napari_cathode.identify.parameters import DEFAULT_MODEL_3D
from napari_cathode.identify.polyhedra import iter_draw, iter_refine, suppress
from napari_cathode.identify.predict_3d import iter_candidates, iter_select
from napari_cathode.identify.training_volumes import typical_diameter_3d
from napari_cathode.progress import drain
from napari_cathode.simulate import PRESETS, simulate
from napari_cathode.tomogram import Tomogram

# Presets, and other ranges of the parameters that matter: size, packing, contrast, noise, blur.
CONDITIONS = {
    "nmc-10-cycles": PRESETS["nmc-10-cycles"],
    "nmc-50-cycles": PRESETS["nmc-50-cycles"],
    "single-crystal": PRESETS["single-crystal"],
    "fine voxels": replace(PRESETS["nmc-10-cycles"], voxel_um=0.11),
    "coarse voxels": replace(PRESETS["nmc-10-cycles"], voxel_um=0.3, density_cube_um=20),
    "noisy, blurred": replace(PRESETS["nmc-50-cycles"], noise=22.0, blur=1.8),
    "dense": replace(PRESETS["nmc-10-cycles"], packing=0.6, contact_gap=-1.0),
}
CHOOSING = [
    *((name, 8003) for name in ("nmc-10-cycles", "nmc-50-cycles", "single-crystal", "coarse voxels")),
    *((name, 8004) for name in ("nmc-10-cycles", "nmc-50-cycles", "single-crystal", "dense", "noisy, blurred")),
]
"""Volumes that thresholds are chosen on."""
OVERLAP = 0.2
"""Overlap threshold with which they are; 0.3 was worse with each probability."""
ANISOTROPIC = "nmc-10-cycles, z step 2"
# (smoothing in voxels per diameter, seed depth in radii); chosen by --tune.
CLASSICAL = (0.02, 0.03)
GRID = [(smoothing, depth) for smoothing in (0.02, 0.03, 0.06) for depth in (0.015, 0.03, 0.05, 0.1, 0.2)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=DEFAULT_MODEL_3D)
    parser.add_argument("--size", type=int, default=160)
    parser.add_argument("--seeds", type=int, nargs="+", default=[9001, 9002, 9003])
    parser.add_argument("--only", nargs="+")
    parser.add_argument("--tune", action="store_true", help="choose the classical way's parameters, on seeds 8001 …")
    parser.add_argument("--thresholds", action="store_true", help="AP by thresholds, on seeds 8003 and 8004 of 128³")
    parser.add_argument("--working", type=float, help="with --thresholds: particle size for the network, in voxels")
    parser.add_argument("--joining", action="store_true", help="the same by how readily parts are joined")
    chosen = parser.parse_args()
    if chosen.joining:
        by_joining(chosen.model)
        return
    if chosen.thresholds:
        by_thresholds(chosen.model, chosen.working)
        return
    if chosen.tune:
        tune(chosen.size)
        return
    print(f"{'condition':26s} {'method':10s}  AP50  AP70 | whole AP50  AP70 |   IoU  true found  CPU s")
    for name in chosen.only or [*CONDITIONS, ANISOTROPIC]:
        step = 2 if name == ANISOTROPIC else 1
        parameters = CONDITIONS.get(name, PRESETS["nmc-10-cycles"])
        rows: dict[str, list[tuple]] = {"stardist3d": [], "classical": []}
        for seed in chosen.seeds:
            tomogram, truth, diameter_um = electrode(parameters, chosen.size, seed, step)
            settings = IdentifyParameters(method="stardist3d", model_3d=chosen.model, diameter_um=diameter_um)
            start = time.process_time()
            found = identify_volume(tomogram, settings).labels
            rows["stardist3d"].append((*scores(truth, found), time.process_time() - start))
            start = time.process_time()
            found = classical(np.asarray(tomogram.data), diameter_um / np.array(tomogram.spacing_um), *CLASSICAL)
            rows["classical"].append((*scores(truth, found), time.process_time() - start))
        for method, several in rows.items():
            a50, a70, w50, w70, iou, true, found, cpu = np.mean(several, axis=0)
            print(
                f"{name:26s} {method:10s} {a50:5.3f} {a70:5.3f} |      {w50:5.3f} {w70:5.3f} | {iou:5.3f} "
                f"{true:5.0f} {found:5.0f} {cpu:6.1f}",
                flush=True,
            )


def by_thresholds(name: str, working: float | None) -> None:
    """Print the mean AP50 and AP70 by probability threshold; that of the largest AP50 was taken."""
    model = open_model(name, 3)
    network = Network(OpenModel(replace(model.info, diameter_px=working or model.info.diameter_px), model.onnx))
    reached: dict[float, list[tuple[float, float]]] = {at: [] for at in (0.3, 0.35, 0.4, 0.45, 0.5, 0.55)}
    for condition, seed in CHOOSING:
        tomogram, truth, diameter_um = electrode(CONDITIONS[condition], 128, seed)
        settings = IdentifyParameters(method="stardist3d", diameter_um=diameter_um)
        candidates, scale = drain(iter_candidates(network, tomogram, settings))
        for probability, several in reached.items():
            moved = replace(settings, prob_threshold=probability, nms_threshold=OVERLAP)
            found = drain(iter_select(candidates, moved, tomogram, scale))[1]
            several.append((match(truth, found, 0.5).average_precision, match(truth, found, 0.7).average_precision))
    for probability, several in reached.items():
        loose, strict = np.mean(several, axis=0)
        print(f"probability {probability:.2f}: AP50 {loose:.3f}, AP70 {strict:.3f}", flush=True)


def by_joining(name: str) -> None:
    """Print the AP50 and AP70 of each volume with parts joined more or less readily; 9 joins none."""
    network = Network(open_model(name, 3))
    shares = (0.2, 0.25, 0.3, 0.35, 0.4, 9.0)
    info = network.info
    for condition, seed in CHOOSING:
        tomogram, truth, diameter_um = electrode(CONDITIONS[condition], 128, seed)
        settings = IdentifyParameters(
            method="stardist3d",
            diameter_um=diameter_um,
            prob_threshold=info.probability_threshold,
            nms_threshold=info.overlap_threshold,
        )
        candidates, scale = drain(iter_candidates(network, tomogram, settings))
        chosen = suppress(candidates, settings.prob_threshold, settings.nms_threshold)
        chosen = drain(iter_refine(candidates, chosen))
        labels, kept = drain(iter_draw(chosen, tomogram.shape, scale, tomogram.field_of_view))
        row = []
        for share in shares:
            joined = labels.copy()
            drain(iter_join(candidates, joined, chosen.probability[kept], scale, share))
            values = [match(truth, joined, iou).average_precision for iou in (0.5, 0.7)]
            row.append(f"{share:g}: {values[0]:.3f} {values[1]:.3f} ({labels.max() - joined.max()} joined)")
        print(f"{condition:16s} {seed}  " + "  ".join(row), flush=True)


def electrode(parameters, size: int, seed: int, step: int = 1):
    made = simulate(replace(parameters, size_z=size, size_y=size, size_x=size), seed)
    diameter_um = typical_diameter_3d(made.labels) * parameters.voxel_um
    spacing = (parameters.voxel_um * step, parameters.voxel_um, parameters.voxel_um)
    field = None if made.field_of_view is None else made.field_of_view[::step]
    return Tomogram(made.image[::step], spacing, field_of_view=field), made.labels[::step], diameter_um


def scores(truth: np.ndarray, found: np.ndarray) -> tuple[float, ...]:
    loose, strict = match(truth, found, 0.5), match(truth, found, 0.7)
    return (
        loose.average_precision,
        strict.average_precision,
        *(whole_precision(truth, found, iou) for iou in (0.5, 0.7)),
        loose.mean_iou,
        len(np.unique(truth)) - 1,
        found.max(),
    )


def whole_precision(truth: np.ndarray, found: np.ndarray, iou: float) -> float:
    """AP over the particles that the border does not cut."""
    from stardist.matching import matching

    result = matching(truth, found, thresh=iou, report_matches=True)
    cut = {int(label) for axis in range(3) for end in (0, -1) for label in np.unique(np.take(truth, end, axis))}
    cut_found = {int(label) for axis in range(3) for end in (0, -1) for label in np.unique(np.take(found, end, axis))}
    pairs = [pair for pair, score in zip(result.matched_pairs, result.matched_scores, strict=True) if score >= iou]
    hits = sum(true not in cut for true, _ in pairs)
    partners = {guess for _, guess in pairs}
    missed = sum(label not in cut and label != 0 for label in np.unique(truth)) - hits
    invented = sum(label not in partners | cut_found and label != 0 for label in np.unique(found))
    return hits / max(hits + missed + invented, 1)


def classical(image: np.ndarray, diameter: np.ndarray, smoothing: float, depth: float) -> np.ndarray:
    """Otsu's threshold, closed and filled, and a watershed on the distance transform, all on voxels of any shape."""
    import fill_voids
    from scipy import ndimage
    from skimage.filters import threshold_otsu
    from skimage.morphology import h_maxima
    from skimage.segmentation import watershed

    smooth = ndimage.gaussian_filter(image.astype(np.float32), smoothing * diameter)
    mask = smooth > threshold_otsu(smooth)
    step = diameter.max() / diameter  # voxel edges, the shortest being 1
    radius = 0.08 * diameter.max()
    outside = ndimage.distance_transform_edt(~mask, sampling=step)
    closed = ndimage.distance_transform_edt(outside < radius, sampling=step) > radius
    mask = fill_voids.fill(closed | mask)
    inner = ndimage.distance_transform_edt(mask, sampling=step) / (diameter.max() / 2)
    inner = ndimage.gaussian_filter(inner, 0.05 * diameter)
    seeds, _ = ndimage.label(h_maxima(np.round(inner, 3), depth))
    labels = watershed(-inner, seeds, mask=mask)
    small = np.bincount(labels.ravel()) < 0.02 * np.pi / 6 * np.prod(diameter)
    small[0] = False
    labels[small[labels]] = 0
    return labels.astype(np.int32)


def tune(size: int) -> None:
    """Choose the classical way's parameters by the mean AP50 on the presets with seed 8001."""
    volumes = [electrode(CONDITIONS[name], size, 8001) for name in ("nmc-10-cycles", "nmc-50-cycles", "single-crystal")]
    for smoothing, depth in GRID:
        points = [
            match(truth, classical(np.asarray(t.data), d / np.array(t.spacing_um), smoothing, depth), 0.5)
            for t, truth, d in volumes
        ]
        print(smoothing, depth, round(float(np.mean([one.average_precision for one in points])), 3), flush=True)


if __name__ == "__main__":
    main()
