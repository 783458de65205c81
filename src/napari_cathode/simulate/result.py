"""What a simulation gives."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from .parameters import SimulationParameters


@dataclass(frozen=True)
class Simulation:
    """A simulated electrode with its ground truth.

    Attributes
    ----------
    image : numpy.ndarray
        uint8 (z, y, x).
    labels : numpy.ndarray
        int32 (z, y, x): 1…n, the *filled* particles (cracks and hollow core included); 0 is background.
    cracks : numpy.ndarray
        bool (z, y, x): cracks, hollow cores and gaps between fragments inside particles.
    field_of_view : numpy.ndarray
        bool, broadcastable to (z, y, x): False where the image is constant.
    spacing_um : tuple of float
        Voxel spacing (z, y, x) in µm.
    table : pandas.DataFrame
        One row per label, ascending; first column ``label``. True values under the names of measured features.
    parameters : SimulationParameters
        What was asked for.
    seed : int
        The seed; -1 when a generator was handed in.
    """

    image: npt.NDArray[np.uint8]
    labels: npt.NDArray[np.int32]
    cracks: npt.NDArray[np.bool_]
    field_of_view: npt.NDArray[np.bool_]
    spacing_um: tuple[float, float, float]
    table: pd.DataFrame
    parameters: SimulationParameters
    seed: int
