"""Train on a person's own images: fine-tune a model or start anew; pause, stop and keep the best; resume."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_cathode import resources
from napari_cathode.errors import InputError
from napari_cathode.parameters import from_dict, to_dict
from napari_cathode.progress import Progress, Steps

from .models import CONFIG, ModelInfo, find_model
from .own_data import StoredSlices, iter_prepare
from .own_images import Source
from .own_parameters import RATE, STEPS, VALIDATIONS, WORKING_DIAMETER_PX, OwnTrainingParameters, Plan
from .own_validation import Validation, validate
from .rescale import FloatArray
from .training import MALLOC_SETTINGS, TrainingParameters
from .training_data import TRAINING, VALIDATION, cut_patch, targets

WORK = ".training"
"""Folder beside the models in which trainings lie until their model is finished."""
PLAN, STATE, VALIDATIONS_FILE = "training.json", "state", "validations.json"
_CHECKPOINT, _PAUSE, _STOP = "checkpoint.npz", "pause", "stop"
CHECKPOINT_SECONDS = 30.0
_PAUSE_SECONDS = 0.2
_TRIES = 3


@dataclass(frozen=True)
class Interrupted:
    """A training that can be resumed.

    Attributes
    ----------
    name : str
        Of the model.
    step, steps : int
        Steps done and in all.
    """

    name: str
    step: int
    steps: int


class Controls:
    """Pause, resume and stop a training from another process.

    Parameters
    ----------
    name : str
        The model's name.
    out : Path, optional
        Folder that gets the model's folder; the person's own models by default.
    """

    def __init__(self, name: str, out: Path | None = None) -> None:
        self._folder = work_folder(name, out) / STATE

    def pause(self) -> None:
        """Let the training wait after the present step."""
        self._put(_PAUSE)

    def resume(self) -> None:
        """Let it go on."""
        (self._folder / _PAUSE).unlink(missing_ok=True)

    def stop(self) -> None:
        """Let it end after the present step, and keep the best model."""
        self._put(_STOP)
        self.resume()

    def _put(self, name: str) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        (self._folder / name).touch()

    @property
    def paused(self) -> bool:
        """Whether it is told to wait."""
        return (self._folder / _PAUSE).exists()

    @property
    def stopped(self) -> bool:
        """Whether it is told to end."""
        return (self._folder / _STOP).exists()

    def clear(self) -> None:
        """Forget what was said to an earlier run."""
        for name in (_PAUSE, _STOP):
            (self._folder / name).unlink(missing_ok=True)


def work_folder(name: str, out: Path | None = None) -> Path:
    """Give the folder in which a model is trained."""
    return (out or resources.user_models_folder()) / WORK / name


def find_interrupted(out: Path | None = None) -> list[Interrupted]:
    """List the trainings that can be resumed, by name."""
    base = (out or resources.user_models_folder()) / WORK
    found = []
    for folder in sorted(base.iterdir()) if base.is_dir() else []:
        try:
            plan = json.loads((folder / PLAN).read_text(encoding="utf-8"))
            with np.load(folder / STATE / _CHECKPOINT) as file:
                found.append(Interrupted(folder.name, int(file["step"]), int(plan["steps"])))
        except (OSError, ValueError, KeyError):
            continue  # nothing to go on from
    return found


def check_name(name: str, out: Path | None = None, overwrite: bool = False) -> Path:
    """Give the folder of a model to be trained.

    Raises
    ------
    InputError
        When the name cannot be that of a folder, would hide a shipped model among the person's own, or is that of a
        model that is there already and ``overwrite`` is not set.
    """
    if not name or name != name.strip() or name[0] == "." or any(sign in '<>:"/\\|?*' for sign in name):
        raise InputError(f"The name {name!r} cannot be that of a model; use letters, digits, - and _.")
    if out is None and (resources.models_folder() / name).exists():
        raise InputError(f"A model {name} ships with napari-cathode; choose another name.")
    target = (out or resources.user_models_folder()) / name
    if target.exists() and not (overwrite and (target / CONFIG).is_file()):
        raise InputError(
            f"There is a model {name} already in {target.parent}; choose another name, or replace it (command line: "
            "--overwrite)."
            if (target / CONFIG).is_file()
            else f"{target} exists and is no model; choose another name."
        )
    return target


def check_not_begun(name: str, out: Path | None = None, overwrite: bool = False) -> None:
    """Raise `InputError` when there is a training of this name to go on with, and ``overwrite`` is not set."""
    if (work_folder(name, out) / STATE / _CHECKPOINT).exists() and not overwrite:
        raise InputError(
            f"A training of {name} was interrupted; resume it, choose another name, or start over (command line: "
            "--resume or --overwrite)."
        )


def iter_train_own(
    name: str,
    sources: Sequence[Source],
    parameters: OwnTrainingParameters | None = None,
    start_from: str = "",
    validation: Sequence[Source] = (),
    out: Path | None = None,
    overwrite: bool = False,
) -> Steps[Path]:
    """Train a model on one's own images.

    Parameters
    ----------
    name : str
        Name of the model.
    sources : sequence of Source
        Images with labels: `ImagePair`, `AnnotationFile`.
    parameters : OwnTrainingParameters, optional
        How.
    start_from : str
        Name or folder of a 2D StarDist model to start from; "" starts anew.
    validation : sequence of Source
        Images to validate on; without any, a share of the sources is kept for it.
    out : Path, optional
        Folder that gets the folder ``name``; the person's own models by default.
    overwrite : bool
        Replace a model of this name, and an interrupted training.

    Yields
    ------
    Progress
        In steps. Its numbers: ``loss``; at validations ``ap50``, ``ap70`` and ``best`` (the step of the best); after
        resuming once ``history`` and ``validations``.

    Returns
    -------
    Path
        The model's folder.

    Raises
    ------
    InputError
        When images, name or model cannot be used, or TensorFlow is missing.
    """
    from .export import require_tensorflow

    parameters = parameters or OwnTrainingParameters()
    require_tensorflow("train a model")
    check_name(name, out, overwrite)
    resources.check_writable(out or resources.user_models_folder())
    work = work_folder(name, out)
    check_not_begun(name, out, overwrite)
    start = None if not start_from else check_start(start_from)
    shutil.rmtree(work, ignore_errors=True)
    try:
        data = yield from iter_prepare(sources, validation, work / "slices", parameters)
    except BaseException:
        shutil.rmtree(work, ignore_errors=True)
        raise
    plan = make_plan(name, parameters, start, data)
    write_json(work / PLAN, {**asdict(plan), "parameters": to_dict(parameters)})
    return (yield from _iter_run(plan, out, overwrite))


def iter_resume(name: str, out: Path | None = None, overwrite: bool = False) -> Steps[Path]:
    """Go on with an interrupted training, with the images and parameters that it began with; see `iter_train_own`."""
    from .export import require_tensorflow

    require_tensorflow("train a model")
    check_name(name, out, overwrite)
    file = work_folder(name, out) / PLAN
    if not file.is_file():
        known = ", ".join(one.name for one in find_interrupted(out)) or "none"
        raise InputError(f"There is no training of {name} to resume; interrupted trainings: {known}.")
    values = json.loads(file.read_text(encoding="utf-8"))
    if "kind" in values:
        raise InputError(
            f"The training of {name} is one on simulated images; go on with it on the command line: "
            f"napari-cathode train {name} --resume."
        )
    values["parameters"] = from_dict(OwnTrainingParameters, values["parameters"], str(file))
    return (yield from _iter_run(Plan(**values), out, overwrite))


# What the process that trains is to be started with: the allocator reads it at its start.
iter_train_own.environment = MALLOC_SETTINGS  # type: ignore[attr-defined]
iter_resume.environment = MALLOC_SETTINGS  # type: ignore[attr-defined]


def check_start(name_or_folder: str, dimensions: int = 2) -> ModelInfo:
    """Find the model to start from.

    Raises
    ------
    InputError
        When there is none, or it is not a model for so many dimensions, of one class, with weights.
    """
    info = find_model(name_or_folder)
    if info.dimensions != dimensions:
        kinds = {2: "slices", 3: "volumes"}
        raise InputError(
            f"The model {info.name} is for {kinds[info.dimensions]}; this training needs a {dimensions}D model to "
            "start from."
        )
    if info.weights is None:
        raise InputError(f"The model {info.name} has no weights (.h5) to start from; copy its weights file to it.")
    config = json.loads((info.folder / CONFIG).read_text(encoding="utf-8"))
    if config.get("n_classes"):
        raise InputError(f"The model {info.name} also tells classes, which is not supported; choose another model.")
    return info


def make_plan(name: str, parameters: OwnTrainingParameters, start: ModelInfo | None, data: dict[str, Any]) -> Plan:
    """Fill in what was left open."""
    kind = "anew" if start is None else "start"
    steps = parameters.steps or STEPS[kind]
    diameter = WORKING_DIAMETER_PX
    if start is not None:
        # Where nothing is known of the size that a model was trained with, the images keep their own.
        diameter = start.diameter_px or float(data["diameter_px"])
    return Plan(
        name=name,
        parameters=parameters,
        steps=steps,
        validate_every=parameters.validate_every or max(1, steps // VALIDATIONS),
        learning_rate=parameters.learning_rate or RATE[kind],
        diameter_px=diameter,
        start_from="" if start is None else str(start.folder),
        data=data,
    )


def _iter_run(plan: Plan, out: Path | None, overwrite: bool) -> Steps[Path]:
    """Train, or go on training, and write the model."""
    yield Progress(0, plan.steps, "Loading TensorFlow")
    from .own_export import iter_export
    from .own_state import start_state

    work = work_folder(plan.name, out)
    controls = Controls(plan.name, out)
    controls.clear()
    state, training = start_state(plan, work)
    checkpoint = work / STATE / _CHECKPOINT
    validations: list[Validation] = []
    if checkpoint.exists():
        state.load(checkpoint)
        listed = json.loads((work / STATE / VALIDATIONS_FILE).read_text(encoding="utf-8"))
        validations = [Validation(**one) for one in listed]
        before = {"history": state.history, "validations": [one.plain() for one in validations]}
        yield Progress(state.step, plan.steps, f"Going on from step {state.step}", before)
    yield from _loop(state, plan, training, work, controls, validations)
    finished = state.step >= plan.steps
    target = yield from iter_export(state, plan, training, work, out, overwrite, validations)
    if finished:
        shutil.rmtree(work, ignore_errors=True)
    return target


def _loop(
    state: Any,
    plan: Plan,
    training: TrainingParameters,
    work: Path,
    controls: Controls,
    validations: list[Validation],
) -> Steps[None]:
    pool = StoredSlices(work / "slices", TRAINING)
    kept = StoredSlices(work / "slices", VALIDATION)
    grid = (training.grid[0], training.grid[1])
    saved = time.monotonic()

    def check() -> Progress:
        """Measure the network, keep its weights when they are the best so far, and save."""
        validations.append(validate(state.predict, kept, grid, plan.diameter_px, state.step))
        best = max(validations, key=lambda one: one.score)
        if best is validations[-1]:
            state.save_weights(work)
        write_json(work / STATE / VALIDATIONS_FILE, [one.plain() for one in validations])
        state.save(work / STATE / _CHECKPOINT)
        numbers = {**validations[-1].plain(), "best": best.step}
        return Progress(state.step, plan.steps, f"Validated, AP {validations[-1].ap50:.3f} at IoU 0.5", numbers)

    if not validations:
        yield Progress(state.step, plan.steps, "Measuring the model before training")
        yield check()
    while state.step < plan.steps and not controls.stopped:
        if controls.paused:
            yield Progress(state.step, plan.steps, f"Paused at step {state.step}")
            time.sleep(_PAUSE_SECONDS)
            continue
        batch = make_batch(pool, training, state.step)
        losses = state.train_step(batch, training.rate_at(state.step))
        text = f"Training, loss {losses['loss']:.3f}"
        yield Progress(state.step, plan.steps, text, {"step": state.step, "loss": losses["last"]})
        if state.step % plan.validate_every == 0 or state.step == plan.steps:
            yield check()
            saved = time.monotonic()
        elif time.monotonic() - saved > CHECKPOINT_SECONDS:
            state.save(work / STATE / _CHECKPOINT)
            saved = time.monotonic()
    if validations[-1].step != state.step:  # stopped in between
        yield check()


def make_batch(
    pool: StoredSlices, training: TrainingParameters, step: int
) -> tuple[FloatArray, tuple[FloatArray, FloatArray]]:
    """Cut the patches of a step, with what is to be learnt.

    Slices are drawn in proportion to their area; a patch without any particle is cut again a few times. The batch
    depends on the seed and the step alone, so that a resumed training sees the same ones.
    """
    rng = np.random.default_rng([training.seed, 2, step])
    grid = (training.grid[0], training.grid[1])
    images, probabilities, distances = [], [], []
    for index in rng.choice(len(pool), training.batch, p=pool.weights):
        for _ in range(_TRIES):
            image, labels = cut_patch(pool[int(index)], rng, training.patch, training.diameter_px, training.jitter)
            if labels.any():
                break
        probability, distance = targets(labels, training.n_rays, grid)
        images.append(image[..., None])
        probabilities.append(probability)
        distances.append(distance)
    return np.stack(images), (np.stack(probabilities), np.stack(distances))


def write_json(path: Path, value: Any) -> None:
    """Write JSON so that an interruption never leaves half a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(json.dumps(value, indent=1), encoding="utf-8")
    os.replace(part, path)


def train_own(
    name: str, sources: Sequence[Source], on_progress: Callable[[Progress], None] | None = None, **options: Any
) -> Path:
    """Train a model on one's own images; see `iter_train_own`."""
    from napari_cathode.progress import drain

    return drain(iter_train_own(name, sources, **options), on_progress)
