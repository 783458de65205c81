"""Train on simulated slices or volumes, as the shipped models were, into the person's models; resumes like others."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict
from pathlib import Path

from napari_cathode import resources
from napari_cathode.errors import InputError
from napari_cathode.parameters import from_dict
from napari_cathode.progress import Steps

from .own_export import publish
from .own_training import (
    CHECKPOINT_SECONDS,
    PLAN,
    check_name,
    check_not_begun,
    check_start,
    work_folder,
    write_json,
)
from .training import MALLOC_SETTINGS, TrainingParameters, iter_train

_KIND = "simulated"


def is_simulated(name: str, out: Path | None = None) -> bool:
    """Whether the interrupted training of this name is one on simulated slices."""
    file = work_folder(name, out) / PLAN
    try:
        return bool(json.loads(file.read_text(encoding="utf-8")).get("kind") == _KIND)
    except (OSError, ValueError):
        return False


def iter_train_simulated(
    name: str,
    parameters: TrainingParameters,
    start_from: str = "",
    out: Path | None = None,
    overwrite: bool = False,
) -> Steps[Path]:
    """Train a model on simulated slices or volumes; see `training.iter_train`.

    Parameters
    ----------
    name : str
        Name of the model.
    parameters : TrainingParameters
        How.
    start_from : str
        Name or folder of a model of the same architecture to start from; "" starts anew.
    out : Path, optional
        Folder that gets the folder ``name``; the person's own models by default.
    overwrite : bool
        Replace a model of this name, and an interrupted training.

    Returns
    -------
    Path
        The model's folder.
    """
    target = check_name(name, out, overwrite)
    resources.check_writable(out or resources.user_models_folder())
    check_not_begun(name, out, overwrite)
    start = check_start(start_from, parameters.dimensions).folder if start_from else None
    work = work_folder(name, out)
    shutil.rmtree(work, ignore_errors=True)
    plan = {"kind": _KIND, "steps": parameters.steps, "parameters": asdict(parameters), "start_from": str(start or "")}
    write_json(work / PLAN, plan)
    yield from iter_train(name, work.parent, parameters, False, start, checkpoint_seconds=CHECKPOINT_SECONDS)
    return _finish(work, target)


def iter_resume_simulated(name: str, out: Path | None = None, overwrite: bool = False) -> Steps[Path]:
    """Go on with an interrupted training, with the parameters that it began with; see `iter_train_simulated`."""
    target = check_name(name, out, overwrite)
    work = work_folder(name, out)
    if not is_simulated(name, out):
        raise InputError(f"There is no training of {name} on simulated slices to resume.")
    plan = json.loads((work / PLAN).read_text(encoding="utf-8"))
    parameters = from_dict(TrainingParameters, plan["parameters"], str(work / PLAN))
    start = Path(plan["start_from"]) if plan["start_from"] else None
    resume = (work / "state" / "checkpoint.npz").exists()
    yield from iter_train(name, work.parent, parameters, resume, start, checkpoint_seconds=CHECKPOINT_SECONDS)
    return _finish(work, target)


# As for own images: what the process that trains is to be started with.
iter_train_simulated.environment = MALLOC_SETTINGS  # type: ignore[attr-defined]
iter_resume_simulated.environment = MALLOC_SETTINGS  # type: ignore[attr-defined]


def _finish(work: Path, target: Path) -> Path:
    publish(work, target)
    shutil.rmtree(work, ignore_errors=True)
    return target
