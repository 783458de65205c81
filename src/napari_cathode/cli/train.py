"""``napari-cathode train``: a model from one's own labelled images, or from simulated ones."""

from __future__ import annotations

import json
import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from napari_cathode.errors import InputError
from napari_cathode.identify.models import CARD
from napari_cathode.identify.own_images import AnnotationFile, Source, find_pairs
from napari_cathode.identify.own_parameters import OwnTrainingParameters
from napari_cathode.identify.own_training import PLAN, iter_resume, iter_train_own, work_folder
from napari_cathode.identify.parameters import DEFAULT_MODEL
from napari_cathode.identify.simulated_training import is_simulated, iter_resume_simulated, iter_train_simulated
from napari_cathode.identify.training import VOLUMES, TrainingParameters
from napari_cathode.parameters import from_dict
from napari_cathode.process import iter_in_process
from napari_cathode.progress import Steps, T

from .errors import STOPPED
from .options import Given, Overwrite, Quiet, with_parameters
from .progress import follow

_SIMULATED_NAMES = {
    "steps": "steps", "seed": "seed", "batch": "batch", "patch": "patch", "learning_rate": "learning_rate",
    "size_variation": "jitter", "rays": "n_rays", "depth": "depth", "filters": "filters",
}  # fmt: skip
_Paths = list[Path] | None


@with_parameters(OwnTrainingParameters, {"": ""})
def command(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the model to make.")],
    images: Annotated[
        _Paths, typer.Option(metavar="PATH", help="Image, or folder of images; may be given several times.")
    ] = None,
    labels: Annotated[
        _Paths,
        typer.Option(metavar="PATH", help="Its labels, or the folder of labels, named like the images; as many times."),
    ] = None,
    annotations: Annotated[
        _Paths,
        typer.Option(
            metavar="FILE", help="VIA or COCO JSON; --images is then the folder of its images, if they lie elsewhere."
        ),
    ] = None,
    only: Annotated[str, typer.Option("--class", metavar="NAME", help="Take only outlines of this class.")] = "",
    validation_images: Annotated[
        _Paths, typer.Option(metavar="PATH", help="Images to validate on, instead of a share of the others.")
    ] = None,
    validation_labels: Annotated[_Paths, typer.Option(metavar="PATH", help="Their labels.")] = None,
    start_from: Annotated[
        str, typer.Option(metavar="MODEL", help=f"Model to start from, by name or folder (default {DEFAULT_MODEL}).")
    ] = "",
    anew: Annotated[bool, typer.Option("--anew", help="Start from random weights instead of a model.")] = False,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Train on simulated slices or volumes, as the shipped models were.")
    ] = False,
    dimensions: Annotated[
        int, typer.Option(metavar="N", help="2: a network for slices; 3: one for volumes (with --simulated).")
    ] = 2,
    working_diameter: Annotated[
        float | None,
        typer.Option(metavar="PX", help="What particles measure across for the network (with --simulated)."),
    ] = None,
    faces: Annotated[
        float | None,
        typer.Option(
            metavar="SHARE",
            help="Share of the cubes, for each axis, that go on mirrored beyond a face, as tomograms do for a network "
            f"(with --simulated --dimensions 3; default {VOLUMES.faces}).",
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with an interrupted training of this name.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FOLDER", help="Where the model goes; your models by default.")
    ] = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    *,
    given: Given,
) -> None:
    """Images and labels are single slices or stacks, of which the slices with labels are used.

    While it trains, the model is measured on images kept for validation, and the best is kept. Ctrl+C interrupts;
    --resume goes on.
    """
    sources_given = images or labels or annotations or validation_images or validation_labels or only
    if anew and start_from:
        raise InputError("Give either --start-from or --anew.")
    if resume:
        if (
            sources_given
            or given
            or start_from
            or anew
            or dimensions != 2
            or working_diameter is not None
            or faces is not None
        ):
            raise InputError("--resume goes on with what the training began with; leave images and settings out.")
        again = iter_resume_simulated if is_simulated(name, out) else iter_resume
        steps = iter_in_process(again, name, out, overwrite)
    elif simulated:
        if sources_given:
            raise InputError("--simulated trains on simulated images; leave images, labels and classes out.")
        parameters = _simulated(given, dimensions, working_diameter, faces)
        steps = iter_in_process(iter_train_simulated, name, parameters, start_from, out, overwrite)
    else:
        if dimensions != 2 or working_diameter is not None or faces is not None:
            raise InputError(
                "--dimensions, --working-diameter and --faces go with --simulated only; own images train 2D models."
            )
        sources = _sources(images or [], labels or [], annotations or [], only)
        kept = _sources(validation_images or [], validation_labels or [], [], "")
        own = from_dict(OwnTrainingParameters, given, "the command line")
        start = "" if anew else start_from or DEFAULT_MODEL
        steps = iter_in_process(iter_train_own, name, sources, own, start, kept, out, overwrite)
    try:
        target = follow(_telling(steps, quiet), quiet)
    except KeyboardInterrupt:
        typer.echo(_stopped(name, out, overwrite), err=True)
        raise typer.Exit(STOPPED) from None
    typer.echo(_summary(target, out))


def _sources(images: list[Path], labels: list[Path], annotations: list[Path], only: str) -> list[Source]:
    """Pair what was given."""
    if annotations and not labels:
        if len(images) > 1:
            raise InputError("Give the images of the annotations as one folder, or beside the annotation file.")
        folder = images[0] if images else None
        if folder is not None and not folder.is_dir():
            raise InputError(f"{folder} is no folder; give the folder of the annotated images.")
        return [AnnotationFile(path, folder, only) for path in annotations]
    if labels and len(labels) != len(images):
        raise InputError(f"There are {len(images)} --images but {len(labels)} --labels; give as many of both.")
    sources: list[Source] = [AnnotationFile(path, None, only) for path in annotations]
    for number, path in enumerate(images):
        sources += find_pairs(path, labels[number] if labels else None)
    return sources


def _simulated(
    given: Given, dimensions: int, working_diameter: float | None, faces: float | None
) -> TrainingParameters:
    unused = [name for name in given if name not in (*_SIMULATED_NAMES, "grid")]
    if unused:
        raise InputError(f"--{unused[0].replace('_', '-')} is of no use with --simulated; leave it out.")
    if dimensions not in (2, 3):
        raise InputError(f"--dimensions is {dimensions}; choose 2 for slices or 3 for volumes.")
    checked = {name: value for name, value in given.items() if name != "patch" or dimensions == 2}
    from_dict(OwnTrainingParameters, checked, "the command line")  # says what is out of bounds
    values: dict[str, Any] = {_SIMULATED_NAMES[name]: value for name, value in given.items() if name != "grid"}
    if "grid" in given:
        values["grid"] = (given["grid"],) * dimensions
    if working_diameter is not None:
        values["diameter_px"] = working_diameter
    if faces is not None:
        values["faces"] = faces
    parameters = replace(TrainingParameters() if dimensions == 2 else VOLUMES, **values)
    parameters.check()
    return parameters


def _telling(steps: Steps[T], quiet: bool) -> Steps[T]:
    """Print what each validation gave."""
    from tqdm import tqdm

    try:
        while True:
            try:
                report = next(steps)
            except StopIteration as stop:
                result: T = stop.value
                return result
            numbers = report.numbers or {}
            if "ap50" in numbers and not quiet:
                best = ", the best so far" if numbers["best"] == numbers["step"] else ""
                text = (
                    f"Step {numbers['step']}: AP {numbers['ap50']:.3f} at IoU 0.5, {numbers['ap70']:.3f} at 0.7{best}"
                )
                tqdm.write(text, file=sys.stderr)
            yield report
    finally:
        steps.close()


def _stopped(name: str, out: Path | None, overwrite: bool) -> str:
    """Say how to go on, where there is something to go on from."""
    if not (work_folder(name, out) / PLAN).is_file():
        return "Stopped."
    words = ["napari-cathode", "train", name, "--resume", *([] if out is None else ["-o", str(out)])]
    words += ["--overwrite"] if overwrite else []  # without it a model of this name that is there is not replaced
    return f"Stopped; go on with: {shlex.join(words)}"


def _summary(target: Path, out: Path | None) -> str:
    """Give the numbers that people quote."""
    card = json.loads((target / CARD).read_text(encoding="utf-8"))
    kind, rows = next(iter(card["accuracy"].items()))
    measured = ", ".join(f"F1 {row['f1']:.3f} at IoU {row['iou']:g}" for row in rows)
    use = target.name if out is None else str(target)
    what = "volumes" if len(card["training"]["grid"]) == 3 else "slices"
    option = "--identify-method stardist3d --identify-model-3d" if what == "volumes" else "--identify-model"
    return (
        f"{measured} on {'simulated' if kind == 'simulated' else 'validation'} {what}.\n"
        f"The model and its card are in {target}.\n"
        f"Use it: napari-cathode run INPUT -o FOLDER {option} {use}"
    )
