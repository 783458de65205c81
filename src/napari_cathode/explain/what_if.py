"""What the models would predict for a particle if one of its properties were another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError

if TYPE_CHECKING:
    from .explanation import Explanation

Floats = npt.NDArray[np.float64]

POINTS = 41


@dataclass(frozen=True, eq=False)
class WhatIf:
    """The prediction for one particle along the range of one property.

    Attributes
    ----------
    label : int
        The particle.
    feature : str
        The property that is changed; all others stay as they are.
    value : ndarray of float64, shape (points,)
        From the smallest to the largest value among the particles used.
    prediction, low, high : ndarray of float64, shape (points,)
        Mean, smallest and largest prediction of the models that never saw the particle.
    present : float
        The property as it is, NaN where it is missing.
    predicted : float
        The prediction as it is.
    supported : tuple of (float, float)
        5th and 95th percentile of the property: beyond, the models know few particles.
    """

    label: int
    feature: str
    value: Floats
    prediction: Floats
    low: Floats
    high: Floats
    present: float
    predicted: float
    supported: tuple[float, float]


def what_if(explanation: Explanation, label: int, feature: str, points: int = POINTS) -> WhatIf:
    """Change one property of a particle within its observed range; see `WhatIf`.

    Raises
    ------
    InputError
        When the particle or the property took no part in the explanation.
    """
    row = explanation.row_of(label)
    if feature not in explanation.predictors:
        raise InputError(f"{feature} took no part in the explanation; choose one of its predictors.")
    column = explanation.predictors.index(feature)
    values = explanation.values[list(explanation.predictors)].to_numpy(np.float64)
    known = values[np.isfinite(values[:, column]), column]
    grid = np.linspace(known.min(), known.max(), points)
    changed = np.repeat(values[row : row + 1], points + 1, axis=0)
    changed[:points, column] = grid
    predictions = np.array([trees.predict(changed) for trees in explanation.models_without(row)])
    low, high = np.percentile(known, (5, 95))
    return WhatIf(
        label=label,
        feature=feature,
        value=grid,
        prediction=predictions[:, :points].mean(axis=0),
        low=predictions[:, :points].min(axis=0),
        high=predictions[:, :points].max(axis=0),
        present=float(values[row, column]),
        predicted=float(predictions[:, points].mean()),
        supported=(float(low), float(high)),
    )
