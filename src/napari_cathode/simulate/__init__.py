"""Simulated battery electrodes with ground truth: slices for training, volumes with planted damage for checking."""

from .parameters import DRIVERS, PRESETS, SimulationParameters
from .randomise import randomise, realistic
from .result import Simulation
from .slices import simulate_slice, training_slice
from .training_volumes import training_volume
from .volume import iter_simulate, simulate

__all__ = [
    "DRIVERS",
    "PRESETS",
    "Simulation",
    "SimulationParameters",
    "iter_simulate",
    "randomise",
    "realistic",
    "simulate",
    "simulate_slice",
    "training_slice",
    "training_volume",
]
