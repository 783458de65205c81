"""Accuracy on a real slice that a person outlined: the shipped model and the watershed.

``python benchmarks/accuracy_real.py [--data FOLDER] [--pictures FOLDER] [--model NAME] [--update-card]``

The folder holds nmc_slice_a.tif with nmc_slice_a_labels.tif, and nmc_slice_b.tif (no labels, pictures only). Nothing is
trained or chosen on these slices. The "given" diameter is the typical one of the outlines.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import tifffile

from napari_cathode import io
from napari_cathode.identify import IdentifyParameters, estimate_diameter, identify, match
from napari_cathode.identify.card import write_card
from napari_cathode.identify.diameter import typical_diameter
from napari_cathode.identify.models import find_model
from napari_cathode.identify.parameters import DEFAULT_MODEL
from napari_cathode.tomogram import Tomogram

RESAMPLED = (0.6, 0.75, 1.5, 2.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "real"
    parser.add_argument("--data", type=Path, default=beside, help="folder of the real slices")
    parser.add_argument("--pictures", type=Path, help="folder for pictures of the outlines")
    parser.add_argument("--model", default=DEFAULT_MODEL)
    parser.add_argument("--resampled", action="store_true", help="also at other pixel sizes, diameter estimated")
    parser.add_argument("--update-card", action="store_true", help="write the figures into the model's card")
    chosen = parser.parse_args()
    slice_a, slice_b = (io.read(chosen.data / f"nmc_slice_{letter}.tif") for letter in "ab")
    truth = tifffile.imread(chosen.data / "nmc_slice_a_labels.tif").astype(np.int32)
    diameter = typical_diameter(truth)
    print(f"slice a: {len(np.unique(truth)) - 1} outlined particles, typical diameter {diameter:.1f} px")
    print(
        f"estimated diameter: slice a {estimate_diameter(slice_a):.1f} px, slice b {estimate_diameter(slice_b):.1f} px"
    )
    print(f"{'method':32s}  F1@0.5  F1@0.7 recall@0.5 recall@0.7 mean IoU found  CPU s")
    model = IdentifyParameters(model=chosen.model)
    model_given = IdentifyParameters(model=chosen.model, diameter_um=diameter)
    rows = None
    for title, parameters in (
        ("model, diameter estimated", model),
        ("model, diameter given", model_given),
        ("watershed, diameter estimated", IdentifyParameters(method="watershed")),
        ("watershed, diameter given", IdentifyParameters(method="watershed", diameter_um=diameter)),
    ):
        measured = report(title, slice_a, truth, parameters)
        rows = rows or measured
    if chosen.resampled:
        for factor in RESAMPLED:
            resampled, labels = resample(slice_a, truth, factor)
            report(f"model, estimated, resampled {factor:g}", resampled, labels, model)
    list_unmatched(slice_a, truth, model, chosen.pictures)
    if chosen.pictures:
        draw(chosen.pictures, slice_a, truth, slice_b, model)
    if chosen.update_card:
        info = find_model(chosen.model)
        card = json.loads(json.dumps(info.card))
        card["accuracy"]["real"] = rows
        write_card(info.folder, card)


def report(title: str, tomogram: Tomogram, truth: np.ndarray, parameters: IdentifyParameters) -> list[dict[str, float]]:
    started = time.process_time()
    labels = identify(tomogram, parameters)["xy"].labels[0]
    seconds = time.process_time() - started
    loose, strict = (match(truth, labels, iou) for iou in (0.5, 0.7))
    print(
        f"{title:32s} {loose.f1:7.3f} {strict.f1:7.3f} {loose.recall:10.3f} {strict.recall:10.3f} "
        f"{loose.mean_iou:8.3f} {labels.max():5d} {seconds:6.2f}",
        flush=True,
    )
    return [
        {
            "iou": one.iou,
            "f1": round(one.f1, 4),
            "precision": round(one.precision, 4),
            "recall": round(one.recall, 4),
            "mean_matched_iou": round(one.mean_iou, 4),
        }
        for one in (loose, strict)
    ]


def resample(tomogram: Tomogram, truth: np.ndarray, factor: float) -> tuple[Tomogram, np.ndarray]:
    from skimage.transform import resize

    image = np.asarray(tomogram.data[0])
    shape = tuple(round(size * factor) for size in image.shape)
    small = resize(image.astype(np.float32), shape, order=1, anti_aliasing=factor < 1)
    labels = resize(truth, shape, order=0, anti_aliasing=False, preserve_range=True).astype(np.int32)
    field = None
    if tomogram.field_of_view is not None:
        inside = np.broadcast_to(tomogram.field_of_view, tomogram.shape)[0]
        field = resize(inside, shape, order=0, anti_aliasing=False)[None]
    return Tomogram(small[None], name=f"slice a × {factor:g}", field_of_view=field), labels


def list_unmatched(tomogram: Tomogram, truth: np.ndarray, parameters: IdentifyParameters, folder: Path | None) -> None:
    """Print what was found without an outlined partner; with a folder, draw each, for a person to judge."""
    from scipy import ndimage
    from skimage.measure import regionprops
    from stardist.matching import matching

    view = identify(tomogram, parameters)["xy"]
    image, labels = np.asarray(tomogram.data[0]), view.labels[0]
    result = matching(truth, labels, thresh=0.5, report_matches=True)
    hits = [pair for pair, score in zip(result.matched_pairs, result.matched_scores, strict=True) if score >= 0.5]
    missed = sorted(set(np.unique(truth)) - {0} - {true for true, _ in hits})
    gone = [f"({one.centroid[0]:.0f}, {one.centroid[1]:.0f})" for one in regionprops(truth) if one.label in missed]
    print("outlined and not found:", ", ".join(gone) or "none")
    print("found and not outlined: centre (y, x), diameter in px, probability, grey inside and around, share outlined")
    for region in regionprops(labels):
        if region.label in {found for _, found in hits}:
            continue
        inside = labels == region.label
        ring = ndimage.binary_dilation(inside, iterations=5) & (labels == 0)
        y, x = region.centroid
        print(
            f"  {region.label}: ({y:.0f}, {x:.0f}), {region.equivalent_diameter_area:.0f}, "
            f"{float(view.probability[0][inside].max()):.2f}, {image[inside].mean():.0f} and {image[ring].mean():.0f}, "
            f"{(truth[inside] > 0).mean():.2f}"
        )
        if folder is not None:
            outlines = [(truth, (255, 230, 0)), (inside, (0, 230, 255))]
            window = tuple(slice(max(0, int(c) - 64), int(c) + 64) for c in (y, x))
            save_picture(
                folder / f"unmatched_{region.label}.png", image[window], [(o[window], c) for o, c in outlines], 4
            )


def save_picture(path: Path, image: np.ndarray, outlines: list, times: int) -> None:
    """Write a picture enlarged some times; beside outlines, the image alone."""
    import matplotlib.image
    from skimage.segmentation import find_boundaries

    larger = np.ones((times, times), np.int32)
    plain = np.stack([np.kron(image, larger.astype(image.dtype))] * 3, axis=-1)
    drawn = plain.copy()
    for labels, colour in outlines:
        drawn[find_boundaries(np.kron(labels.astype(np.int32), larger), mode="inner")] = colour
    path.parent.mkdir(parents=True, exist_ok=True)
    matplotlib.image.imsave(path, np.concatenate([plain, drawn], axis=1) if times > 2 else drawn)


def draw(folder: Path, slice_a: Tomogram, truth: np.ndarray, slice_b: Tomogram, parameters: IdentifyParameters) -> None:
    """Draw outlines: true ones yellow, found ones cyan."""
    for tomogram, outlined in ((slice_a, truth), (slice_b, None)):
        labels = identify(tomogram, parameters)["xy"].labels[0]
        outlines = [] if outlined is None else [(outlined, (255, 230, 0))]
        save_picture(
            folder / f"{tomogram.name}.png", np.asarray(tomogram.data[0]), [*outlines, (labels, (0, 230, 255))], 2
        )


if __name__ == "__main__":
    main()
