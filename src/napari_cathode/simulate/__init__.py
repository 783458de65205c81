"""Simulated battery electrodes with ground truth: slices for training, volumes with planted damage for checking."""

from .parameters import DRIVERS, PRESETS, SimulationParameters
from .randomise import randomise, realistic
from .result import Simulation
from .slices import simulate_slice, training_slice

__all__ = [
    "DRIVERS",
    "PRESETS",
    "Simulation",
    "SimulationParameters",
    "randomise",
    "realistic",
    "simulate_slice",
    "training_slice",
]
