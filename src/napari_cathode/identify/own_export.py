"""The end of a training on own images: the best weights become a complete model folder with its card."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps

from .accuracy import Match
from .card import TEXT, image_statistics, write_card
from .export import choose_thresholds, convert_to_onnx, sweep
from .models import CARD, CONFIG, ONNX, THRESHOLDS, open_model, read_model
from .own_data import StoredSlices
from .own_parameters import Plan
from .own_state import OwnState
from .own_training import check_name
from .own_validation import Validation
from .state import WEIGHTS
from .training import TrainingParameters
from .training_data import TRAINING, VALIDATION

FILES = (CONFIG, WEIGHTS, ONNX, THRESHOLDS, CARD, TEXT)
_STATISTICS_SLICES = 16


def iter_export(
    state: OwnState,
    plan: Plan,
    training: TrainingParameters,
    work: Path,
    out: Path | None,
    overwrite: bool,
    validations: list[Validation],
) -> Steps[Path]:
    """Choose thresholds for the best weights, measure them, and put the model among the others.

    Returns
    -------
    Path
        The model's folder; where another model took the name meanwhile, a number is added to it.
    """
    steps = plan.steps
    yield Progress(steps, steps, "Converting the best model")
    target = free_target(plan.name, out, overwrite)
    card = _card(state, plan, training, validations, target.name)
    (work / CARD).write_text(json.dumps(card), encoding="utf-8")
    (work / THRESHOLDS).unlink(missing_ok=True)
    convert_to_onnx(read_model(work), work / ONNX)
    model = open_model(work)
    kept = StoredSlices(work / "slices", VALIDATION)
    several = len(kept) > 1
    yield Progress(steps, steps, "Choosing thresholds on the validation slices")
    probability, overlap = choose_thresholds(model, kept, range(0, len(kept), 2))
    card["thresholds"] = {"prob": probability, "nms": overlap}
    inherited = model.info.card.get("inherited_fused_threshold")
    if inherited is not None:
        card["thresholds"]["prob_fused"] = min(probability, float(inherited))
    (work / THRESHOLDS).write_text(json.dumps({"prob": probability, "nms": overlap}), encoding="utf-8")
    yield Progress(steps, steps, "Measuring the model")
    swept = sweep(model, kept, range(1, len(kept), 2) if several else range(1), ((probability, overlap),))
    card["accuracy"] = {"validation": [_row(one) for one in swept[probability, overlap]]}
    if not several:
        card["notes"].append("Thresholds were chosen, and accuracy measured, on the same slice: it flatters the model.")
    pool = StoredSlices(work / "slices", TRAINING)
    looked_at = range(0, len(pool), max(1, len(pool) // _STATISTICS_SLICES))
    card["image_statistics"] = image_statistics([pool[i] for i in looked_at], plan.diameter_px)
    card.pop("inherited_fused_threshold", None)
    write_card(work, card)
    publish(work, target)
    return target


def free_target(name: str, out: Path | None, overwrite: bool) -> Path:
    """Give the model's folder; never one that somebody filled while the training ran."""
    number = 1
    while True:
        try:
            return check_name(name if number == 1 else f"{name}-{number}", out, overwrite)
        except InputError:
            number += 1


def publish(work: Path, target: Path) -> None:
    """Put a finished model from its work folder in its place, whole; a model that it replaces goes last."""
    part, old = (target.with_name(f".{target.name}.{word}") for word in ("part", "old"))
    for folder in (part, old):
        shutil.rmtree(folder, ignore_errors=True)
    part.mkdir(parents=True)
    for name in FILES:
        shutil.copyfile(work / name, part / name)
    if target.exists():
        os.replace(target, old)
    os.replace(part, target)
    shutil.rmtree(old, ignore_errors=True)


def _card(
    state: OwnState, plan: Plan, training: TrainingParameters, validations: list[Validation], name: str
) -> dict[str, Any]:
    data = plan.data
    start = read_model(Path(plan.start_from)) if plan.start_from else None
    best = max(validations, key=lambda one: one.score)
    what = "trained on own images" if start is None else f"{start.name}, trained further on own images"
    kept = (
        f"{data['validation_slices']} slices of other images ({', '.join(data['validation_images'])})"
        if data["validation_images"]
        else f"{data['validation_slices']} slices or parts of the same images that were not trained on"
    )
    card: dict[str, Any] = {
        "name": name,
        "description": f"StarDist2D for particles, {what}",
        "working_diameter_px": plan.diameter_px,
        "training": asdict(training)
        | {"steps_done": best.step, "steps_run": state.step, "started_from": state.started_from},
        "loss": state.history[-1][1] if state.history else None,
        "training_data": f"{data['training_slices']} slices with {data['training_particles']} particles of "
        f"{', '.join(data['images'])}",
        "provenance": f"Validated on {kept}, with {data['validation_particles']} particles.",
        "thresholds_from": "validation slices",
        "validations": [one.plain() for one in validations],
        "limits": "Made for images like those that it was trained on; nobody knows how it does on others. Outlines are "
        "star-convex polygons: concave ones are smoothed.",
        "notes": [f"The weights are those of step {best.step} of {state.step}, which did best on the validation data."],
    }
    if start is not None and start.fused_probability_threshold < start.probability_threshold:
        card["inherited_fused_threshold"] = start.fused_probability_threshold
        card["notes"].append(
            f"The probability threshold for fused views is that of {start.name}; it was not chosen for this model."
        )
    return card


def _row(one: Match) -> dict[str, float]:
    return {
        "iou": one.iou,
        "f1": round(one.f1, 4),
        "precision": round(one.precision, 4),
        "recall": round(one.recall, 4),
        "mean_matched_iou": round(one.mean_iou, 4),
    }
