"""Watershed, U-Net, StarDist 2D, per-view, fused and 3D on the same images: writes what docs/comparison.md shows.

``python benchmarks/compare_methods.py [--keep FOLDER] [--slices 32] [--size 112] [--seeds 9201 9202] [--docs docs]``

Simulated slices and volumes have seeds that no training, no choice of thresholds and no other benchmark uses; the real
slice is measured where its folder is (``--data``). The U-Net is trained first where FOLDER holds no trained one
(``benchmarks/unet.py``); its thresholds are chosen on simulated slices of other seeds, as those of the shipped models
were. On simulated images every method is given the true typical diameter, on the real slice the estimated one. What is
done is kept in FOLDER, and an interrupted run goes on.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tifffile
from accuracy_3d import CLASSICAL, CONDITIONS, classical, electrode, whole_precision
from compare_pictures import draw_slices, draw_volume
from unet import PARAMETERS, WEIGHTS, UNet, components, grid

from napari_cathode import io
from napari_cathode.fuse import FuseParameters, fuse
from napari_cathode.identify import VIEW_AXIS, IdentifyParameters, estimate_diameter, identify, identify_volume, match
from napari_cathode.identify.accuracy import Match, total
from napari_cathode.identify.predict import diameter_in_view
from napari_cathode.identify.rescale import constant_part, rescale, resize_to
from napari_cathode.identify.training import simulated
from napari_cathode.identify.training_data import VALIDATION, SlicePool
from napari_cathode.identify.views import iter_slices, volume_grey_range
from napari_cathode.tomogram import Tomogram

CHOOSING, REPORTED = 5001, 6001
"""Seeds of the slices that the U-Net's thresholds are chosen on, and of those that are reported."""
WORKING = PARAMETERS.diameter_px
Labels = np.ndarray
SliceMethod = Callable[[Tomogram, float], Labels]


# ---- methods ---------------------------------------------------------------------------------------------------------


def unet_slice(network: UNet, tomogram: Tomogram, diameter: float, rims: bool, chosen: tuple[float, float]) -> Labels:
    found, shape = unet_maps(network, tomogram, diameter)
    return unet_labels(found, shape, tomogram.field_of_view, rims, chosen)


def unet_maps(network: UNet, tomogram: Tomogram, diameter: float) -> tuple[np.ndarray, tuple[int, int]]:
    image = np.asarray(tomogram.data[0])
    small = rescale(volume_grey_range(tomogram, 1.0, 99.8).normalise(image), (WORKING / diameter,) * 2)
    return network.predict(small), image.shape


def unet_labels(found, shape, field_of_view, rims: bool, chosen: tuple[float, float]) -> Labels:
    small = components(found, rims, *chosen, WORKING)
    at = [
        np.minimum(((np.arange(n) + 0.5) * m / n).astype(int), m - 1) for n, m in zip(shape, small.shape, strict=True)
    ]
    labels = small[np.ix_(*at)]
    return labels if field_of_view is None else np.where(field_of_view[0], labels, 0)


def starred(tomogram: Tomogram, diameter: float, method: str) -> Labels:
    return identify(tomogram, IdentifyParameters(method=method, diameter_um=diameter))["xy"].labels[0]


def unet_volume(network: UNet, tomogram: Tomogram, diameter_um: float, chosen: tuple[float, float]) -> Labels:
    """Average the views' maps; 3D connected components of the particle voxels without rims, grown back to the rims."""
    from scipy import ndimage
    from skimage.segmentation import watershed

    grey = volume_grey_range(tomogram, 1.0, 99.8)
    mean = np.zeros((2, *tomogram.shape), np.float32)
    for view, axis in VIEW_AXIS.items():
        diameter = diameter_in_view(tomogram, IdentifyParameters(diameter_um=diameter_um), view)
        for index, image, _ in iter_slices(tomogram, view):
            found = network.predict(rescale(grey.normalise(image), tuple(WORKING / one for one in diameter)))
            where = tuple(index if i == axis else slice(None) for i in range(3))
            for channel in range(2):
                mean[channel][where] += resize_to(np.ascontiguousarray(found[..., channel]), image.shape) / 3
    threshold, smallest = chosen
    least = smallest**1.5 * np.pi / 6 * np.prod(diameter_um / np.array(tomogram.spacing_um))
    seeds, _ = ndimage.label(mean[0] - mean[1] > threshold)
    seeds[(np.bincount(seeds.ravel()) < 0.2 * least)[seeds]] = 0
    labels = watershed(-mean[0], seeds, mask=mean[0] > 0.5)
    small = np.bincount(labels.ravel()) < least
    small[0] = False
    labels[small[labels]] = 0
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape).astype(np.int32)


# ---- slices ----------------------------------------------------------------------------------------------------------


def slices_of(seed: int, count: int, keep: Path):
    """Give simulated slices, as tomograms with field of view, with their truth and typical diameter in pixels."""
    pool = SlicePool(keep / f"slices{seed}", seed, VALIDATION, (512, 512), simulated)
    for index in range(count):
        image, truth = pool.raw(index)
        yield Tomogram(image[None], field_of_view=~constant_part(image)[None]), truth, pool[index].diameter_px


def choose_unet(network: UNet, keep: Path, count: int) -> dict[str, tuple[float, float]]:
    """Choose threshold and smallest size, by the mean F1 at IoU 0.5 and 0.7 on the even slices of another seed."""
    file = keep / "unet_thresholds.json"
    if file.exists():
        return {name: tuple(pair) for name, pair in json.loads(file.read_text()).items()}
    scores: dict[str, dict[tuple[float, float], list[tuple[Match, Match]]]] = {"plain": {}, "rims": {}}
    for number, (tomogram, truth, diameter) in enumerate(slices_of(CHOOSING, count, keep)):
        if number % 2:
            continue
        found, shape = unet_maps(network, tomogram, diameter)
        for name, pairs in scores.items():
            for pair in grid():
                labels = unet_labels(found, shape, tomogram.field_of_view, name == "rims", pair)
                pairs.setdefault(pair, []).append((match(truth, labels, 0.5), match(truth, labels, 0.7)))
    chosen = {
        name: max(pairs, key=lambda pair: sum(total(list(ones)).f1 for ones in zip(*pairs[pair], strict=True)))
        for name, pairs in scores.items()
    }
    file.write_text(json.dumps(chosen))
    return chosen


def slice_methods(network: UNet, thresholds: dict[str, tuple[float, float]]) -> dict[str, SliceMethod]:
    return {
        "Otsu's threshold, watershed": lambda t, d: starred(t, d, "watershed"),
        "U-Net, connected components": lambda t, d: unet_slice(network, t, d, False, thresholds["plain"]),
        "U-Net with rims, connected components": lambda t, d: unet_slice(network, t, d, True, thresholds["rims"]),
        "StarDist 2D (`nmc-2d`)": lambda t, d: starred(t, d, "stardist2d"),
    }


def compare_slices(methods: dict[str, SliceMethod], images) -> list[str]:
    """Give the lines of a table: F1 and the rest over all particles, with the spread that other slices would give."""
    rows: dict[str, list[tuple[Match, Match]]] = {name: [] for name in methods}
    spent = dict.fromkeys(methods, 0.0)
    pixels = 0
    for tomogram, truth, diameter in images:
        pixels += truth.size
        for name, run in methods.items():
            started = time.process_time()
            labels = run(tomogram, diameter)
            spent[name] += time.process_time() - started
            rows[name].append((match(truth, labels, 0.5), match(truth, labels, 0.7)))
    lines = [
        "| method | F1 at IoU 0.5 | F1 at 0.7 | precision | recall | mean IoU | CPU s / Mpx |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, several in rows.items():
        loose, strict = (total(list(ones)) for ones in zip(*several, strict=True))
        lines.append(
            f"| {name} | {loose.f1:.3f}{spread(several, 0)} | {strict.f1:.3f}{spread(several, 1)} | "
            f"{loose.precision:.3f} | {loose.recall:.3f} | {loose.mean_iou:.3f} | {spent[name] / pixels * 1e6:.1f} |"
        )
        print(lines[-1], flush=True)
    return lines


def spread(several: list[tuple[Match, Match]], which: int) -> str:
    """Give the bootstrap's standard error of F1 over slices."""
    if len(several) < 5:
        return ""
    rng = np.random.default_rng(0)
    drawn = [total([several[i][which] for i in rng.integers(0, len(several), len(several))]).f1 for _ in range(400)]
    return f" ± {np.std(drawn):.3f}"


# ---- volumes ---------------------------------------------------------------------------------------------------------


def volume_methods(network: UNet, thresholds: dict[str, tuple[float, float]], tomogram: Tomogram, diameter_um: float):
    """Give each method's name and run, to be run one after the other: later ones use the views of earlier ones."""
    image, spacing = np.asarray(tomogram.data), tomogram.spacing_um
    yield "Otsu's threshold, 3D watershed", lambda: classical(image, diameter_um / np.array(spacing), *CLASSICAL)
    shed = IdentifyParameters(method="watershed", diameter_um=diameter_um)
    yield "watershed in three views, fused", lambda: fuse(identify(tomogram, shed), FuseParameters(), spacing).labels
    yield (
        "U-Net in three views, averaged, 3D components",
        lambda: unet_volume(network, tomogram, diameter_um, thresholds["rims"]),
    )
    views = {}
    star = IdentifyParameters(diameter_um=diameter_um)
    for view in VIEW_AXIS:

        def alone(view: str = view) -> Labels:
            # The threshold is the one for several views in all rows, so that only the number of views differs.
            low = replace(star, prob_threshold=0.4)
            views[view] = identify(tomogram, low, [view])[view]
            return fuse({view: views[view]}, FuseParameters(), spacing).labels

        yield f"StarDist 2D, {view} slices alone", alone
    linked = FuseParameters(method="linking", link_by="overlap")
    yield "StarDist 2D, xy slices linked by overlap", lambda: fuse({"xy": views["xy"]}, linked, spacing).labels
    clusters = FuseParameters(method="clusters", cluster_map="distance")
    yield "StarDist 2D, three views, k-means (the study's way)", lambda: fuse(views, clusters, spacing).labels
    yield "StarDist 2D, three views, fused", lambda: fuse(views, FuseParameters(), spacing).labels
    solid = IdentifyParameters(method="stardist3d", diameter_um=diameter_um)
    yield "StarDist 3D (`nmc-3d`)", lambda: identify_volume(tomogram, solid).labels


def compare_volumes(network: UNet, thresholds, conditions, seeds, size: int, keep: Path) -> tuple[list[str], dict]:
    """Give the lines of a table of AP50 / AP70 for each condition, and what is to be drawn."""
    kept = keep / f"volumes_{size}.json"
    done = json.loads(kept.read_text()) if kept.exists() else {}
    picture = {}
    for condition in conditions:
        for seed in seeds:
            key = f"{condition} {seed}"
            first = condition == conditions[0] and seed == seeds[0]
            if key in done and not first:
                continue
            tomogram, truth, diameter_um = electrode(CONDITIONS[condition], size, seed)
            rows = {}
            for name, run in volume_methods(network, thresholds, tomogram, diameter_um):
                started = time.process_time()
                labels = run()
                seconds = time.process_time() - started
                loose, strict = match(truth, labels, 0.5), match(truth, labels, 0.7)
                rows[name] = (
                    loose.average_precision,
                    strict.average_precision,
                    whole_precision(truth, labels, 0.5),
                    seconds,
                )
                print(f"{key:24s} {name:50s}", *(f"{value:6.3f}" for value in rows[name]), flush=True)
                if first:
                    picture[name] = labels[size // 2]
            if first:
                picture |= {"image": np.asarray(tomogram.data[size // 2]), "truth": truth[size // 2]}
            done[key] = rows
            kept.write_text(json.dumps(done))
    return volume_table(done, conditions, seeds, size), picture


def volume_table(done: dict, conditions, seeds, size: int) -> list[str]:
    lines = [f"| method | {' | '.join(conditions)} | CPU s / Mvox |", "|---|" + "---|" * (len(conditions) + 1)]
    costs, names = {}, list(next(iter(done.values())))
    for name in names:
        several = [[done[f"{condition} {seed}"][name] for seed in seeds] for condition in conditions]
        cells = ["{:.2f} / {:.2f} ({:.2f})".format(*np.mean(ones, axis=0)[:3]) for ones in several]
        costs[name] = np.mean([row[3] for ones in several for row in ones]) / size**3 * 1e6
        lines.append(f"| {name} | {' | '.join(cells)} | {full_cost(name, costs):.1f} |")
    return lines


def full_cost(name: str, costs: dict[str, float]) -> float:
    """Give what a method costs with the views that it needs; the xy, xz and yz rows hold finding and fusing each."""
    needed = {"three views, k-means": tuple(VIEW_AXIS), "three views, fused": tuple(VIEW_AXIS), "linked": ("xy",)}
    for part, views in needed.items():
        if part in name and name.startswith("StarDist"):
            return costs[name] + sum(costs[f"StarDist 2D, {view} slices alone"] for view in views)
    return costs[name]


# ---- all of it -------------------------------------------------------------------------------------------------------


def real_slice(data: Path):
    """Give the real slice with outlines, and the diameter that is estimated on it; nothing where it is not there."""
    if not (data / "nmc_slice_a.tif").exists():
        return []
    tomogram = io.read(data / "nmc_slice_a.tif")
    truth = tifffile.imread(data / "nmc_slice_a_labels.tif").astype(np.int32)
    return [(tomogram, truth, estimate_diameter(tomogram))]


def write_block(page: Path, name: str, lines: list[str]) -> None:
    """Put lines between the marks of a block of the page."""
    text = page.read_text(encoding="utf-8")
    start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
    before, rest = text.split(start)
    after = rest.split(end)[1]
    page.write_text(before + start + "\n".join(lines) + "\n" + end + after, encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "real"
    parser.add_argument("--keep", type=Path, default=Path("training") / "comparison")
    parser.add_argument("--slices", type=int, default=32)
    parser.add_argument("--size", type=int, default=160, help="edge of the volumes in voxels")
    parser.add_argument("--seeds", type=int, nargs="+", default=[9201, 9202], help="of the volumes")
    parser.add_argument("--conditions", nargs="+", default=["nmc-10-cycles", "nmc-50-cycles", "single-crystal"])
    parser.add_argument("--data", type=Path, default=beside, help="folder of the real slice")
    parser.add_argument("--docs", type=Path, default=Path(__file__).resolve().parents[1] / "docs")
    given = parser.parse_args()
    given.keep.mkdir(parents=True, exist_ok=True)
    if not (given.keep / "unet" / WEIGHTS).exists():
        train = [sys.executable, str(Path(__file__).with_name("unet.py")), "--out", str(given.keep / "unet")]
        subprocess.run(train, check=True)
    network = UNet(given.keep / "unet")
    thresholds = choose_unet(network, given.keep, given.slices)
    print("U-Net, threshold and smallest size:", thresholds)
    methods, page = slice_methods(network, thresholds), given.docs / "comparison.md"
    write_block(page, "slices", compare_slices(methods, slices_of(REPORTED, given.slices, given.keep)))
    if real := real_slice(given.data):
        write_block(page, "real slice", compare_slices(methods, real))
    lines, picture = compare_volumes(network, thresholds, given.conditions, given.seeds, given.size, given.keep)
    write_block(page, "volumes", lines)
    draw_slices(given.docs / "images" / "comparison_slices.png", methods, slices_of(REPORTED, given.slices, given.keep))
    draw_volume(given.docs / "images" / "comparison_volume.png", picture)


if __name__ == "__main__":
    main()
