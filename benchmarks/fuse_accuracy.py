"""How well and how fast views are fused, on packings of known particles seen with known faults.

Run ``python benchmarks/fuse_accuracy.py [--size 160] [--seeds 11 12 13] [--z-spacing 1]``; it prints a table.
AP is the "accuracy" of StarDist, TP / (TP + FP + FN), at an intersection over union of 0.5 and 0.7, computed by
``stardist.matching``.

A packing is 69 % solid: lumpy, star-convex, touching particles around randomly packed centres. Each view sees it with
the faults of a 2D network: whole slices lost, single sections lost, particles never seen in that view, touching
neighbours taken for one, particles cut in two, outlines shifted, noisy probability.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage
from stardist.matching import matching

from napari_cathode.fuse import FuseParameters, fuse, prediction_from_labels
from napari_cathode.identify import VIEW_AXIS, ViewPrediction


@dataclass(frozen=True)
class Faults:
    """Shares of what goes wrong in a view; jitter in voxels, noise in units of probability."""

    slices_lost: float = 0.0
    sections_lost: float = 0.0
    particles_lost: float = 0.0
    slices_merging: float = 0.0
    pairs_merged: float = 0.0
    splits: float = 0.0
    jitter: float = 0.0
    noise: float = 0.0


FAULTS = {
    "none": Faults(),
    "standard": Faults(0.03, 0.08, 0.05, 0.20, 0.30, 0.03, 1.2, 0.06),
    "hard": Faults(0.06, 0.20, 0.12, 0.40, 0.40, 0.08, 1.8, 0.10),
}


def packing(size: int, rng: np.random.Generator, z_spacing: float = 1.0, solid: float = 0.69) -> np.ndarray:
    """Make labels of touching lumpy particles, about 28 voxels in diameter (int32, (z, y, x))."""
    shape = (round(size / z_spacing), size, size)
    centres: list[np.ndarray] = []
    radii: list[float] = []
    wanted = round(size**3 * solid / 12000)
    for _ in range(200 * wanted):
        radius = 13.5 * np.exp(0.22 * rng.standard_normal())
        centre = rng.uniform(0, size, 3)
        if centres:
            gaps = np.linalg.norm(np.array(centres) - centre, axis=1) - 0.88 * (np.array(radii) + radius)
            if gaps.min() < 0:
                continue
        centres.append(centre)
        radii.append(radius)
        if len(centres) == wanted:
            break
    nearest = np.full(shape, np.inf, dtype=np.float32)
    labels = np.zeros(shape, dtype=np.int32)
    step = np.array([z_spacing, 1.0, 1.0])
    for label, (centre, radius) in enumerate(zip(centres, radii, strict=True), start=1):
        low = np.maximum(np.floor((centre - 2.2 * radius) / step), 0).astype(int)
        high = np.minimum(np.ceil((centre + 2.2 * radius) / step) + 1, shape).astype(int)
        if (low >= high).any():
            continue
        box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        grid = [np.arange(a, b) * s - c for a, b, s, c in zip(low, high, step, centre, strict=True)]
        offset = np.stack(np.meshgrid(*grid, indexing="ij"), -1).astype(np.float32)
        length = np.linalg.norm(offset, axis=-1)
        direction = offset / np.maximum(length, 1e-6)[..., None]
        lumps = np.ones_like(length)
        for _ in range(5):
            axis = rng.standard_normal(3)
            axis /= np.linalg.norm(axis)
            lumps += 0.07 * np.cos(rng.uniform(1, 4) * np.arccos(np.clip(direction @ axis, -1, 1)) + rng.uniform(0, 6))
        distance = length / (radius * lumps)
        closer = distance < nearest[box]
        nearest[box][closer] = distance[closer]
        labels[box][closer] = label
    labels[nearest > np.quantile(nearest, solid)] = 0
    return labels


def see(labels: np.ndarray, view: str, faults: Faults, spacing: tuple, rng: np.random.Generator) -> ViewPrediction:
    """Make the prediction of one view: new labels in each slice, with faults."""
    axis = VIEW_AXIS[view]
    step = np.delete(np.asarray(spacing), axis)
    seen = np.moveaxis(labels.copy(), axis, 0)
    never = rng.random(labels.max() + 1) < faults.particles_lost
    for index, plane in enumerate(seen):
        if rng.random() < faults.slices_lost:
            plane[:] = 0
            continue
        merging = faults.pairs_merged if rng.random() < faults.slices_merging else 0.0
        seen[index] = _see_slice(np.where(never[plane], 0, plane), merging, faults, step, rng)
    found = prediction_from_labels(view, np.moveaxis(seen, 0, axis), spacing)
    noisy = found.probability + faults.noise * rng.standard_normal(labels.shape, dtype=np.float32)
    return replace(found, probability=np.clip(noisy, 0, 1).astype(np.float16))


def _see_slice(
    plane: np.ndarray, merging: float, faults: Faults, step: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    name = np.arange(plane.max() + 1)
    if merging:
        single = np.ones(name.size, dtype=bool)
        for one, other in rng.permutation(_touching(plane)):
            # Each merges once only; else chains of merged pairs would run through the whole packing.
            if rng.random() < merging and single[one] and single[other]:
                name[other] = one
                single[one] = single[other] = False
    plane = name[plane]
    seen = np.zeros_like(plane)
    count = 0
    for label, box in enumerate(ndimage.find_objects(plane), start=1):
        if box is None or rng.random() < faults.sections_lost:
            continue
        pixels = np.argwhere(plane[box] == label) + [part.start for part in box]
        side = np.zeros(len(pixels), dtype=int)
        if rng.random() < faults.splits:
            angle = rng.uniform(0, np.pi)
            side = ((pixels - pixels.mean(0)) @ [np.cos(angle), np.sin(angle)] > 0).astype(int)
        moved = pixels + np.rint(faults.jitter / step * rng.standard_normal(2)).astype(int)
        inside = ((moved >= 0) & (moved < plane.shape)).all(1)
        y, x = moved[inside].T
        seen[y, x] = count + 1 + side[inside]
        count += 2
    return seen


def _touching(plane: np.ndarray) -> np.ndarray:
    sides = [(plane[1:], plane[:-1]), (plane[:, 1:], plane[:, :-1])]
    pairs = np.concatenate([np.stack([a[k], b[k]], 1) for a, b in sides for k in [(a != b) & (a > 0) & (b > 0)]])
    return np.unique(np.sort(pairs, 1), axis=0)


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--size", type=int, default=160, help="edge of the volume in voxels of x")
    reader.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13])
    reader.add_argument("--z-spacing", type=float, default=1.0, help="spacing along z over that along y and x")
    reader.add_argument("--faults", nargs="+", default=list(FAULTS), choices=list(FAULTS))
    reader.add_argument("--views", nargs="+", default=list(VIEW_AXIS), choices=list(VIEW_AXIS))
    given = reader.parse_args()
    spacing = (given.z_spacing, 1.0, 1.0)
    print(f"{given.size} voxels, z spacing {given.z_spacing:g}, views {' '.join(given.views)}, seeds {given.seeds}")
    print(f"{'faults':<10} {'truth':>6} {'found':>6} {'AP50':>6} {'AP70':>6} {'CPU s/Mvoxel':>13}")
    _warm_up(spacing)
    for name in given.faults:
        rows = []
        for seed in given.seeds:
            rng = np.random.default_rng(seed)
            truth = packing(given.size, rng, given.z_spacing)
            views = {view: see(truth, view, FAULTS[name], spacing, rng) for view in given.views}
            start = time.process_time()
            labels = fuse(views, FuseParameters(), spacing).labels
            seconds = (time.process_time() - start) / (truth.size / 1e6)
            half, most = matching(truth, labels, thresh=(0.5, 0.7))
            rows.append((half.n_true, half.n_pred, half.accuracy, most.accuracy, seconds))
        true, found, ap50, ap70, seconds = np.mean(rows, axis=0)
        print(f"{name:<10} {true:6.0f} {found:6.0f} {ap50:6.3f} {ap70:6.3f} {seconds:13.2f}", flush=True)


def _warm_up(spacing: tuple) -> None:
    """Compile what is compiled on first use, so that it is not measured."""
    ball = np.zeros((8, 8, 8), dtype=np.int32)
    ball[2:6, 2:6, 2:6] = 1
    fuse({"xy": prediction_from_labels("xy", ball, spacing)}, FuseParameters(), spacing)


if __name__ == "__main__":
    main()
