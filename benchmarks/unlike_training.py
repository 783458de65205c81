"""How often the warning "unlike the training data" is wrong, and how often it is missing where it should be.

Held-out simulated slices (other seeds than training and than the card's limits) should raise no warning; the same
slices inverted, blurred, drowned in noise or given with a wrong diameter should, and so should pure noise. Run
``python benchmarks/unlike_training.py``; with ``--write-card MODEL`` the limits in the card of a model are first made
anew from simulated training slices.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np
from scipy import ndimage

from napari_cathode import io
from napari_cathode.identify import IdentifyParameters
from napari_cathode.identify.card import update_statistics
from napari_cathode.identify.models import find_model
from napari_cathode.identify.predict import StarDistFinder
from napari_cathode.identify.training_data import typical_diameter
from napari_cathode.simulate import training_slice
from napari_cathode.tomogram import Tomogram

SEED = 909
REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "real"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=60, help="held-out slices")
    parser.add_argument("--model", default="nmc-2d")
    parser.add_argument("--write-card", action="store_true", help="make the limits of the model's card anew, and stop")
    chosen = parser.parse_args()
    if chosen.write_card:
        print(update_statistics(find_model(chosen.model).folder))
        return
    told: dict[str, list[tuple[str, ...]]] = {}
    for index in range(chosen.slices):
        rng = np.random.default_rng([SEED, index])
        image, labels = training_slice(rng, (512, 512))
        diameter = float(typical_diameter(labels))
        for name, changed, size in variants(image, diameter, rng):
            parameters = IdentifyParameters(model=chosen.model, diameter_um=size)
            told.setdefault(name, []).append(StarDistFinder(Tomogram(changed[None]), parameters, False).notes)
    print(f"| image | warned | of | what was off |\n|---|---|---|---|\n{table(told)}")
    for name in ("nmc_slice_a.tif", "nmc_slice_b.tif"):
        if (REAL / name).is_file():
            tomogram = io.read(REAL / name).with_spacing(None)
            size = 51.5 if "_a" in name else None
            print(f"\n{name}: {StarDistFinder(tomogram, real_parameters(tomogram, size), False).notes or 'no warning'}")


def real_parameters(tomogram: Tomogram, size: float | None) -> IdentifyParameters:
    from napari_cathode.identify import estimate_diameter

    return IdentifyParameters(diameter_um=size or estimate_diameter(tomogram))


def variants(image, diameter, rng):
    """Give (name, image, diameter in pixels)."""
    grey = image.astype(np.float32)
    yield "as simulated", image, diameter
    yield "diameter wrong by 1.4", image, diameter * 1.4 ** rng.choice((-1, 1))
    yield "inverted", 255 - image, diameter
    yield "white noise", rng.normal(128, 30, image.shape).astype(np.float32), diameter
    blobs = ndimage.gaussian_filter(rng.normal(0, 1, image.shape), diameter / 6)
    yield "noise as coarse as particles", blobs.astype(np.float32), diameter
    yield "much noise added (σ 60 of 255)", grey + rng.normal(0, 60, image.shape).astype(np.float32), diameter
    yield "blur of 0.15 diameters", ndimage.gaussian_filter(grey, 0.15 * diameter), diameter
    yield "blur of 0.25 diameters", ndimage.gaussian_filter(grey, 0.25 * diameter), diameter
    for factor in (1 / 3, 0.5, 2, 3):
        yield f"particles {factor:.2g} times as large as said", image, diameter / factor


def table(told: dict[str, list[tuple[str, ...]]]) -> str:
    lines = []
    for name, notes in told.items():
        off = Counter(kind(note) for one in notes for note in one)
        what = ", ".join(f"{word} {count}" for word, count in off.most_common())
        lines.append(f"| {name} | {sum(map(bool, notes))} | {len(notes)} | {what} |")
    return "\n".join(lines)


def kind(note: str) -> str:
    for words, name in (("takes only", "covered"), ("times as large", "size")):
        if words in note:
            return name
    return note.split("image's ")[1].split(" (")[0]


if __name__ == "__main__":
    main()
