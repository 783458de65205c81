"""The model card: what a model was trained on and how well it does, for machines (card.json) and for people."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .diameter import structure_diameter
from .models import CARD
from .rescale import BoolArray, FloatArray, rescale

if TYPE_CHECKING:
    from .training_data import LabelledSlice

TEXT = "model_card.md"

_LIMITS = (
    "Made for bright, roundish, filled particles on a darker ground, as in X-ray nano-tomograms of battery electrodes. "
    "Outlines are star-convex polygons: concave ones are smoothed. Particles that are much smaller (below a third) or "
    "larger (above three times) than the typical one are found less reliably, and so are pulverised ones."
)


def slice_statistics(image: FloatArray, inside: BoolArray | None = None) -> dict[str, float]:
    """Describe the look of a normalised slice at working scale, so that images unlike the training data can be told.

    Parameters
    ----------
    image : ndarray of float32, shape (y, x)
        Normalised to percentiles, rescaled so that particles have the working diameter.
    inside : ndarray of bool, shape (y, x), optional
        Field of view.

    Returns
    -------
    dict
        ``contrast``: difference of the 90th and the 10th percentile of the smoothed image; ``noise``: robust standard
        deviation of the difference to the smoothed image (Gaussian of 1 px); ``sharpness``: 95th percentile of the
        gradient magnitude (Gaussian of 1 px), per pixel; ``bright_share``: share of pixels above 0.5; ``size``: the
        particle diameter in pixels at which the thresholded image has most structure (`structure_diameter`).
    """
    from scipy import ndimage

    if inside is None or not inside.any():
        inside = np.ones(image.shape, bool)
    image = np.where(inside, image, image[inside].mean()).astype(np.float32)
    core = ndimage.binary_erosion(inside, iterations=4, border_value=1)  # the field of view's edge is no gradient
    core = core if core.any() else inside
    smooth = ndimage.gaussian_filter(image, 1)
    rest = (image - smooth)[core]
    low, high = np.percentile(smooth[core], (10, 90))
    return {
        "contrast": float(high - low),
        "noise": float(1.4826 * np.median(np.abs(rest - np.median(rest)))),
        "sharpness": float(np.percentile(ndimage.gaussian_gradient_magnitude(image, 1)[core], 95)),
        "bright_share": float((image[core] > 0.5).mean()),
        "size": structure_diameter(image, inside),
    }


def image_statistics(
    slices: Sequence[LabelledSlice], diameter_px: float, jitter: float = 0.5, seed: int = 0
) -> dict[str, dict[str, float]]:
    """Describe the `slice_statistics` of training slices: as they are, and as training varies their size and grey.

    Parameters
    ----------
    slices : sequence of LabelledSlice
        A hundred or more give reliable limits.
    diameter_px : float
        Working diameter.
    jitter : float
        How much training varies sizes, see `cut_patch`.
    seed : int
        Of the variation.

    Returns
    -------
    dict
        For each statistic minimum, median, maximum, and as ``low`` and ``high`` the 1st and 99th percentile.
    """
    from .training_data import vary_grey

    rows = []
    rng = np.random.default_rng([seed, 4])
    for one in slices:
        factor = diameter_px / one.diameter_px
        rows.append(slice_statistics(rescale(one.image, (factor, factor))))
        factor *= (1 + jitter) ** rng.uniform(-1, 1)
        rows.append(slice_statistics(vary_grey(rescale(one.image, (factor, factor)), rng)))
    described = {}
    for name in rows[0]:
        values = np.array([row[name] for row in rows])
        low, high = np.percentile(values, (1, 99))
        numbers = {"min": values.min(), "low": low, "median": np.median(values), "high": high, "max": values.max()}
        described[name] = {key: round(float(value), 4) for key, value in numbers.items()}
    return described


def update_statistics(folder: Path, slices: int = 160, seed: int = 77) -> dict[str, dict[str, float]]:
    """Write the `image_statistics` of so many simulated training slices into the card of a model.

    Parameters
    ----------
    folder : Path
        The model's folder, with a card.
    slices : int
        How many slices are simulated.
    seed : int
        Of the slices.
    """
    from .training import simulated
    from .training_data import TRAINING, SlicePool

    card = json.loads((folder / CARD).read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as kept:
        pool = SlicePool(Path(kept), seed, TRAINING, (512, 512), simulated)
        statistics = image_statistics(
            [pool[index] for index in range(slices)],
            float(card["working_diameter_px"]),
            float(card.get("training", {}).get("jitter", 0.5)),
        )
    card["image_statistics"] = statistics
    write_card(folder, card)
    return statistics


def write_card(folder: Path, card: dict[str, Any]) -> None:
    """Write card.json and model_card.md into a model folder."""
    (folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8")
    (folder / TEXT).write_text(card_text(card), encoding="utf-8")


def card_text(card: dict[str, Any]) -> str:
    """Write a model card for people from the one for machines."""
    training = card["training"]
    flat = len(training["grid"]) == 2
    kind_of_image = "slices" if flat else "volumes"
    lines = [
        f"# {card['name']}",
        "",
        f"{card['description']}.",
        "",
        f"- Input: one {kind_of_image[:-1]}, one channel, grey values normalised to percentiles 1–99.8 inside the "
        f"field of view, rescaled so that a typical particle measures {card['working_diameter_px']:g} px across.",
        f"- Network: StarDist{2 if flat else 3}D, {training['n_rays']} rays, grid {tuple(training['grid'])}, "
        f"U-Net of depth {training['depth']} with {training['filters']} filters; `weights_best.h5` (Keras) and the "
        "same as `model.onnx`.",
        f"- Trained on: {card['training_data']}. {card.get('provenance') or _simulated('real' in card['accuracy'])}",
        *_training_lines(training),
        f"- Thresholds (chosen on {card.get('thresholds_from', f'simulated {kind_of_image} of other seeds')}): "
        "probability "
        f"{card['thresholds']['prob']:g}, overlap {card['thresholds']['nms']:g}.",
    ]
    if "prob_fused" in card["thresholds"]:
        chosen = "" if "thresholds_from" in card else " (chosen on simulated volumes of other seeds)"
        lines.append(f"- Where several views are fused: probability {card['thresholds']['prob_fused']:g}{chosen}.")
    lines += [f"- {note}" for note in card.get("notes", ())]
    lines += [
        "",
        "## Accuracy",
        "",
        "| data | IoU | F1 | precision | recall | mean matched IoU |",
        "|---|---|---|---|---|---|",
    ]
    titles = {
        "simulated": f"simulated {kind_of_image} of other seeds",
        "real": "real slice, outlined by a person",
        "validation": "validation slices",
    }
    for kind, rows in card["accuracy"].items():
        lines += [
            f"| {titles.get(kind, kind)} | {row['iou']:g} | {row['f1']:.3f} | {row['precision']:.3f} | "
            f"{row['recall']:.3f} | {row['mean_matched_iou']:.3f} |"
            for row in rows
        ]
    lines += [
        "",
        "## Limits",
        "",
        card.get("limits", _LIMITS),
        "",
    ]
    return "\n".join(lines)


def _simulated(real: bool) -> str:
    """Say where weights and thresholds come from, and what that means for the figures of a real slice."""
    rest = (
        ", of which one is the real slice below; its figures are therefore not those of an electrode that nobody had "
        "seen."
        if real
        else "."
    )
    return (
        "Weights and thresholds come from simulated data alone. The look of the simulation (grey levels, noise, blur, "
        f"pores) was matched to two real slices{rest}"
    )


def _training_lines(training: dict[str, Any]) -> list[str]:
    """Say how a model was trained, its start last."""
    power = "²" if len(training["grid"]) == 2 else "³"
    share = training.get("faces", 0.0)
    faces = f"{100 * share:g} % of them mirrored beyond a face for each axis, " if share else ""
    lines = [
        f"- Training: {training['steps_done']} steps of {training['batch']} patches of {training['patch']}{power} "
        f"working pixels, {faces}sizes varied by up to {1 + training['jitter']:g}×, Adam with a peak rate of "
        f"{training['learning_rate']:g} and cosine decay by steps, seed {training['seed']}."
    ]
    before = training.get("started_from")
    if before is not None and "steps_done" in before:
        lines.append("- It started from the weights of an earlier training:")
        lines += [f"  {line}" for line in _training_lines(before)]
    return lines
