"""How well a network in training finds the particles of validation slices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass

import numpy as np

from .accuracy import Match, match, total
from .own_data import StoredSlices
from .rescale import FloatArray, rescale
from .stardist2d import draw_polygons, select_polygons

PROBABILITIES = (0.3, 0.4, 0.5, 0.6, 0.7)
OVERLAP = 0.4
MOST_SLICES = 12

Predict = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""A normalised image at working scale in, object probability and ray distances out."""


@dataclass(frozen=True)
class Validation:
    """Average precision on the validation slices.

    Attributes
    ----------
    step : int
        Training steps done.
    ap50, ap70 : float
        TP / (TP + FP + FN) at IoU 0.5 and 0.7, with the probability threshold that gives the best mean of the two.
    """

    step: int
    ap50: float
    ap70: float

    @property
    def score(self) -> float:
        """What the best model is chosen by: the mean of both."""
        return (self.ap50 + self.ap70) / 2

    def plain(self) -> dict[str, float]:
        """Give plain values for a report."""
        return asdict(self)


def validate(
    predict: Predict, slices: StoredSlices, grid: tuple[int, int], diameter_px: float, step: int
) -> Validation:
    """Find the particles of the validation slices, at working scale, and compare.

    Parameters
    ----------
    predict : callable
        The network.
    slices : StoredSlices
        The slices; of many, `MOST_SLICES` spread evenly are used.
    grid : tuple of int
        Working pixels between two predictions.
    diameter_px : float
        Working diameter in pixels.
    step : int
        Training steps done.
    """
    count = min(len(slices), MOST_SLICES)
    found: dict[float, dict[float, list[Match]]] = {p: {0.5: [], 0.7: []} for p in PROBABILITIES}
    for index in np.linspace(0, len(slices) - 1, count).round().astype(int):
        one = slices[int(index)]
        factor = diameter_px / one.diameter_px
        small = rescale(one.image, (factor, factor))
        rows, columns = (
            np.minimum(((np.arange(new) + 0.5) * old / new).astype(int), old - 1)
            for new, old in zip(small.shape, one.labels.shape, strict=True)
        )
        true = one.labels[np.ix_(rows, columns)]
        probability, distance = predict(small)
        for threshold, matches in found.items():
            polygons = select_polygons(probability, distance, grid, threshold, OVERLAP)
            drawn = draw_polygons(polygons, (small.shape[0], small.shape[1]), (1.0, 1.0))
            for iou, listed in matches.items():
                listed.append(match(true, drawn, iou))
    results = [
        Validation(step, *(round(total(matches[iou]).average_precision, 4) for iou in (0.5, 0.7)))
        for matches in found.values()
    ]
    return max(results, key=lambda result: result.score)
