"""What a whole run and its steps take, from the tomogram to the explanation, told before they begin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from napari_cathode.fuse.blocks import LARGE_VOXELS
from napari_cathode.identify.survey import Estimate, Survey, estimate
from napari_cathode.tomogram import Tomogram

FIND, FUSE, MEASURE, EXPLAIN = "find", "fuse", "measure", "explain"
"""The steps of a run."""

# Seconds of a processor on which `Survey.slowness` is 1 (measured, `benchmarks/estimate.py --steps` and `--whole`).
FUSE_S, MEASURE_S = 0.65, 0.38
"""For each million voxels."""
EXPLAIN_S, PARTICLE_S = 4.0, 0.009
"""For trying the regressions on few particles, and for each particle more."""
START_S = 1.4
"""For the libraries of each step."""
_FUSING_S = {"hybrid": 0.55, "watershed": 0.2, "linking": 0.3, "clusters": 0.1}
"""What of `FUSE_S` fusing itself takes, by method."""
TRAIN_S, TRAIN_START_S = 0.5, 20.0
"""For each step of a training with eight patches of 128 pixels, validations with it; and until the first."""
PROCESS_BYTES = 0.3e9
"""What a step's process takes with its libraries."""
FUSE_BYTES = 54.0
"""Of each voxel, while views are fused (`benchmarks/fuse_memory.py`)."""
BLOCK_BYTES = 2.5e9
"""Where large volumes are fused block by block."""
MEASURE_BYTES, MEASURE_MOST_BYTES = 6.0, 4e9
"""Of each voxel, while particles are measured (`benchmarks/measure_speed.py`), and at most: files are streamed."""
EXPLAIN_BYTES, TRAIN_BYTES = 0.4e9, 1.5e9
"""What the libraries of explaining and of training need; tables and patches add little."""
_SOLID = 0.6
"""Share of an electrode that particles take, as good as one can say before they are found."""


@dataclass(frozen=True)
class WholeRun:
    """What a run takes.

    Attributes
    ----------
    finding : Estimate
        Finding the particles.
    later : dict of str to float
        Seconds of each step after that, by `FUSE`, `MEASURE` and `EXPLAIN`.
    memory : float
        Bytes at the peak, beside the tomogram itself.
    starting : float
        What of the seconds libraries take to load.
    """

    finding: Estimate
    later: dict[str, float]
    memory: float
    starting: float

    @property
    def steps(self) -> dict[str, float]:
        """Seconds of each step, finding too."""
        return {FIND: self.finding.seconds, **self.later}

    @property
    def seconds(self) -> float:
        """Seconds of all steps."""
        return sum(self.steps.values())


@dataclass(frozen=True)
class Expected:
    """What a step takes.

    Attributes
    ----------
    seconds : float
        On a processor of usual speed.
    memory : float
        Bytes at the peak, beside what is open already.
    """

    seconds: float
    memory: float


def expect_fusing(voxels: int, method: str = "hybrid", working_scale: float = 1.0) -> Expected:
    """Estimate what fusing views of so many voxels takes."""
    each = FUSE_S - _FUSING_S["hybrid"] + _FUSING_S[method] * working_scale**2
    by_blocks = voxels > LARGE_VOXELS and method in ("hybrid", "watershed")
    return Expected(each * voxels / 1e6 + START_S, BLOCK_BYTES if by_blocks else PROCESS_BYTES + FUSE_BYTES * voxels)


def expect_measuring(voxels: int) -> Expected:
    """Estimate what measuring the particles among so many voxels takes."""
    memory = min(PROCESS_BYTES + MEASURE_BYTES * voxels, MEASURE_MOST_BYTES)
    return Expected(MEASURE_S * voxels / 1e6 + START_S, memory)


def expect_explaining(particles: int) -> Expected:
    """Estimate what explaining a table of so many particles takes."""
    return Expected(EXPLAIN_S + PARTICLE_S * particles + START_S, EXPLAIN_BYTES)


def expect_training(steps: int, batch: int, patch: int) -> Expected:
    """Estimate what a training takes; its first seconds tell better."""
    return Expected(TRAIN_S * steps * batch / 8 * (patch / 128) ** 2 + TRAIN_START_S, TRAIN_BYTES)


def estimate_run(survey: Survey, tomogram: Tomogram, views: Sequence[str]) -> WholeRun:
    """Estimate what finding, fusing, measuring and explaining the particles of a tomogram take, at their defaults.

    Parameters
    ----------
    survey, tomogram, views
        As `identify.survey.estimate` takes them.

    Raises
    ------
    InputError
        As `identify.survey.estimate`.
    """
    finding = estimate(survey, tomogram, views)
    slow = survey.slowness
    later = expect_later(tomogram, particles_in(survey, tomogram), slow)
    memory = finding.memory
    if survey.volume is not None:
        later.pop(FUSE, None)  # a 3D network sees the volume as it is
    elif not tomogram.is_slice:
        memory = max(memory, expect_fusing(math.prod(tomogram.shape)).memory)
    return WholeRun(finding, later, memory, slow * START_S * len(later))


def expect_later(tomogram: Tomogram, particles: float, slow: float = 1.0) -> dict[str, float]:
    """Estimate what each step after finding takes, at its defaults.

    Parameters
    ----------
    tomogram : Tomogram
        Only its shape counts.
    particles : float
        How many it holds, or may hold.
    slow : float
        `Survey.slowness`.

    Returns
    -------
    dict of str to float
        Seconds by `FUSE` (not of a single slice), `MEASURE` and `EXPLAIN`.
    """
    millions = math.prod(tomogram.shape) / 1e6
    later = {} if tomogram.is_slice else {FUSE: slow * (FUSE_S * millions + START_S)}
    later[MEASURE] = slow * (MEASURE_S * millions + START_S)
    later[EXPLAIN] = slow * (EXPLAIN_S + PARTICLE_S * particles + START_S)
    return later


def particles_in(survey: Survey, tomogram: Tomogram) -> float:
    """Guess how many particles a tomogram holds, from their diameter."""
    diameter, spacing = survey.parameters.diameter_um, tomogram.spacing_um or (1.0, 1.0, 1.0)
    assert diameter is not None
    if tomogram.is_slice:
        return _SOLID * math.prod(tomogram.shape) * spacing[1] * spacing[2] / (math.pi / 4 * diameter**2)
    return _SOLID * math.prod(tomogram.shape) * math.prod(spacing) / (math.pi / 6 * diameter**3)
