"""Train a StarDist model on simulated slices (2D) or volumes (3D); resumes where it was interrupted.

``python -m napari_cathode.identify.training --name NAME [--dimensions 3] --steps N --seed S --out FOLDER [--resume]``
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps

from .training_data import TRAINING, VALIDATION, SliceMaker, SlicePool, fill_pool, make_batch
from .training_volumes import VolumePool, make_batch_3d

# Without these, glibc gives every freed tensor back to the system, and half of the time goes into page faults.
MALLOC_SETTINGS = {"MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": "17179869184"}


@dataclass(frozen=True)
class TrainingParameters:
    """How a model is trained.

    Attributes
    ----------
    steps : int
        Optimiser steps in all.
    seed : int
        Seed of the weights, the slices and the batches.
    batch, patch : int
        Patches per step, and their edge in working pixels.
    diameter_px : float
        Working diameter: what particles measure across for the network, in pixels.
    jitter : float
        Sizes are varied by a factor of up to 1 + jitter, both ways.
    faces : float
        Share of the patches of volumes, for each axis, that go on mirrored beyond a face, as tomograms do when a
        network looks for particles in them. Nothing for networks that work slice by slice.
    learning_rate : float
        Peak learning rate of Adam; warmed up over ``warm_up`` steps, then lowered along a cosine by steps.
    warm_up : int
        Steps of the warm-up.
    slice_shape : tuple of int
        Size (y, x) of the simulated slices, or (z, y, x) of the volumes.
    first_slices, steps_per_slice : int
        Slices in use at the first step, and the steps after which one more comes into use.
    validation_slices : int
        Slices of the validation stream.
    n_rays, grid, depth, filters, last_filters : int, tuple of int, int, int, int
        Architecture (StarDist's names: n_rays, grid, unet_n_depth, unet_n_filter_base, net_conv_after_unet).
    """

    steps: int = 3000
    seed: int = 0
    batch: int = 8
    patch: int = 128
    diameter_px: float = 24.0
    jitter: float = 0.5
    faces: float = 0.0
    learning_rate: float = 4e-4
    warm_up: int = 100
    slice_shape: tuple[int, ...] = (512, 512)
    first_slices: int = 24
    steps_per_slice: int = 10
    validation_slices: int = 16
    n_rays: int = 32
    grid: tuple[int, ...] = (2, 2)
    depth: int = 3
    filters: int = 32
    last_filters: int = 128

    @property
    def dimensions(self) -> int:
        """2 for a network that works slice by slice, 3 for one that works on volumes."""
        return len(self.grid)

    def check(self) -> None:
        """Raise `InputError` where patches do not fit the network or the simulated images."""
        divisor = max(self.grid) * 2**self.depth
        if self.patch % divisor or not self.patch <= min(self.slice_shape):
            raise InputError(
                f"The patch is {self.patch} px; for this network it must be a multiple of {divisor} up to "
                f"{min(self.slice_shape)}."
            )
        if not 4 <= self.diameter_px <= self.patch:
            raise InputError(
                f"The working diameter is {self.diameter_px:g} px; it must be from 4 to {self.patch} px, the patch."
            )
        if not 0 <= self.faces <= 1 or (self.faces and self.dimensions == 2):
            raise InputError(
                f"The share of patches beyond a face is {self.faces:g}; it must be from 0 to 1, and 0 for slices."
            )

    def pool(self, folder: Path, stream: int, make: SliceMaker) -> SlicePool:
        """Give the slices or volumes of a stream."""
        kind = {2: SlicePool, 3: VolumePool}[self.dimensions]
        return kind(folder, self.seed, stream, self.slice_shape, make)

    def batch_at(self, pool: SlicePool, step: int) -> Any:
        """Make the batch of a step: each step has its own generator, so that a resumed run sees the same batches."""
        rng = np.random.default_rng([self.seed, 2, step])
        cut: Any = make_batch if self.dimensions == 2 else partial(make_batch_3d, faces=self.faces)
        return cut(
            pool,
            self.slices_at(step),
            rng,
            self.batch,
            self.patch,
            self.diameter_px,
            self.jitter,
            self.n_rays,
            self.grid,
        )

    def slices_at(self, step: int) -> int:
        """Give the number of slices in use at a step; depends on the step alone, so that runs can be repeated."""
        return self.first_slices + step // self.steps_per_slice

    def rate_at(self, step: int) -> float:
        """Give the learning rate at a step."""
        warm = min(1.0, (step + 1) / self.warm_up)
        return float(self.learning_rate * warm * (0.01 + 0.99 * 0.5 * (1 + np.cos(np.pi * step / self.steps))))


VOLUMES = TrainingParameters(
    steps=2400,
    batch=2,
    patch=64,
    diameter_px=16.0,
    jitter=0.4,
    faces=0.35,
    learning_rate=4e-4,
    slice_shape=(144, 144, 144),
    first_slices=8,
    steps_per_slice=20,
    validation_slices=8,
    n_rays=64,
    grid=(2, 2, 2),
    depth=2,
    filters=24,
    last_filters=64,
)
"""How 3D models are trained where nothing else is asked for; the card of the shipped one says what it was given."""


def simulated(rng: np.random.Generator, shape: tuple[int, ...]) -> tuple[Any, Any]:
    """Make a domain-randomised slice (y, x) or volume (z, y, x) of the simulator."""
    from napari_cathode.simulate import training_slice, training_volume

    if len(shape) == 2:
        return training_slice(rng, (shape[0], shape[1]))
    return training_volume(rng, (shape[0], shape[1], shape[2]))


def iter_train(
    name: str,
    out: Path,
    parameters: TrainingParameters,
    resume: bool = False,
    start_from: Path | None = None,
    make_slice: SliceMaker = simulated,
    checkpoint_seconds: float = 120.0,
    until: int | None = None,
) -> Steps[Path]:
    """Train, validate and export a model.

    Parameters
    ----------
    name : str
        Name of the model and of its folder.
    out : Path
        Folder that gets the folder ``name``.
    parameters : TrainingParameters
        How.
    resume : bool
        Go on from the checkpoint in the folder instead of starting anew.
    start_from : Path, optional
        Folder of a model with the same architecture whose weights are the start.
    make_slice : callable
        Source of slices, importable by name (a child process makes slices ahead).
    checkpoint_seconds : float
        A checkpoint is written about this often.
    until : int, optional
        Stop and export after this step, as if the run had been interrupted there.

    Yields
    ------
    Progress
        In steps.

    Returns
    -------
    Path
        The model's folder: config.json, weights_best.h5, thresholds.json, model.onnx, card.json, model_card.md.

    Raises
    ------
    InputError
        When the folder holds a checkpoint and ``resume`` is not set, or none and it is; or when TensorFlow is missing.
    """
    from .export import export_model, require_tensorflow
    from .state import TrainingState

    require_tensorflow("train a model")
    folder = out / name
    state_file = folder / "state" / "checkpoint.npz"
    if state_file.exists() and not resume:
        raise InputError(f"{folder} holds a training already; resume it, or choose another name.")
    if resume and not state_file.exists():
        raise InputError(f"There is no training to resume in {folder}; start it without resuming.")
    state = TrainingState.start(name, out, parameters, start_from)
    if resume:
        state.load(state_file)
    pool = parameters.pool(folder / "slices", TRAINING, make_slice)
    ahead = multiprocessing.get_context("spawn").Process(
        target=fill_pool, args=(pool, parameters.slices_at(parameters.steps)), daemon=True
    )
    ahead.start()
    try:
        yield from _loop(state, pool, parameters, state_file, checkpoint_seconds, until)
    finally:
        ahead.terminate()
        ahead.join()
    validation = parameters.pool(folder / "slices", VALIDATION, make_slice)
    yield Progress(parameters.steps, parameters.steps, "Choosing thresholds on simulated images")
    export_model(state, validation, parameters, folder)
    return folder


def _loop(
    state: Any,
    pool: SlicePool,
    parameters: TrainingParameters,
    state_file: Path,
    checkpoint_seconds: float,
    until: int | None,
) -> Steps[None]:
    saved = time.monotonic()
    last = min(parameters.steps, until or parameters.steps)
    while state.step < last:
        step = state.step
        batch = parameters.batch_at(pool, step)
        losses = state.train_step(batch, parameters.rate_at(step))
        if time.monotonic() - saved > checkpoint_seconds or state.step == last:
            state.save(state_file)
            saved = time.monotonic()
        yield Progress(state.step, parameters.steps, f"Training, loss {losses['loss']:.3f}")


def train(name: str, out: Path, parameters: TrainingParameters, **options: Any) -> Path:
    """Train a model without reporting progress; see `iter_train`."""
    from napari_cathode.progress import drain

    return drain(iter_train(name, out, parameters, **options))


def main(arguments: Iterable[str] | None = None) -> None:
    """Run the command line of this module."""
    defaults = TrainingParameters()
    parser = argparse.ArgumentParser(prog="python -m napari_cathode.identify.training", description=__doc__)
    parser.add_argument("--name", required=True, help="name of the model")
    parser.add_argument("--dimensions", type=int, choices=(2, 3), default=2, help="of the network")
    parser.add_argument("--steps", type=int, help="optimiser steps in all")
    parser.add_argument("--seed", type=int, default=defaults.seed)
    parser.add_argument("--out", type=Path, default=Path("training"), help="folder that gets the model's folder")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--start-from", type=Path, help="model folder whose weights are the start")
    parser.add_argument("--learning-rate", type=float)
    parser.add_argument("--batch", type=int)
    parser.add_argument("--patch", type=int)
    parser.add_argument("--diameter", type=float, dest="diameter_px", help="working diameter in pixels")
    parser.add_argument("--faces", type=float, help="share of patches that go on mirrored beyond a face, for each axis")
    parser.add_argument("--grid", type=int, nargs="+", help="pixels between two predictions, along each axis")
    parser.add_argument("--filters", type=int, help="of the first level (StarDist's unet_n_filter_base)")
    parser.add_argument("--until", type=int, help="stop and export after this step; resume later")
    chosen = parser.parse_args(None if arguments is None else list(arguments))
    given = {
        name: getattr(chosen, name)
        for name in ("steps", "seed", "learning_rate", "batch", "patch", "diameter_px", "faces", "filters")
        if getattr(chosen, name) is not None
    }
    if chosen.grid:
        given["grid"] = tuple(chosen.grid)
    parameters = replace(defaults if chosen.dimensions == 2 else VOLUMES, **given)
    try:
        if parameters.dimensions != chosen.dimensions:
            raise InputError(f"Give --grid {chosen.dimensions} numbers, one for each axis.")
        parameters.check()
    except InputError as error:
        sys.exit(str(error))
    print(json.dumps({"name": chosen.name, **asdict(parameters)}), flush=True)
    steps = iter_train(chosen.name, chosen.out, parameters, chosen.resume, chosen.start_from, until=chosen.until)
    # Ended by a signal, the run still ends the process that makes slices ahead.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    started, shown = time.monotonic(), -1
    try:
        while True:
            progress = next(steps)
            if progress.done // 50 > shown:
                shown = progress.done // 50
                seconds = time.monotonic() - started
                print(f"{progress.done}/{progress.total} {progress.what} ({seconds:.0f} s)", flush=True)
    except StopIteration as stop:
        print(f"The model is in {stop.value}", flush=True)
    except InputError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    if any(os.environ.get(key) != value for key, value in MALLOC_SETTINGS.items()) and sys.platform == "linux":
        # The allocator reads them when the process starts, so start again with them.
        os.environ.update(MALLOC_SETTINGS)
        os.execv(sys.executable, [sys.executable, "-m", "napari_cathode.identify.training", *sys.argv[1:]])
    main()
