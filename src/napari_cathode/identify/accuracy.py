"""How well found particles match true ones."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Match:
    """Found against true particles at one threshold of overlap.

    Attributes
    ----------
    iou : float
        Intersection over union from which a pair counts.
    true_positives, false_positives, false_negatives : int
        Matched pairs, found particles without partner, true particles without partner.
    mean_iou : float
        Mean intersection over union of the matched pairs; 0 without any.
    """

    iou: float
    true_positives: int
    false_positives: int
    false_negatives: int
    mean_iou: float

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN)."""
        total = 2 * self.true_positives + self.false_positives + self.false_negatives
        return 2 * self.true_positives / total if total else 0.0

    @property
    def average_precision(self) -> float:
        """TP / (TP + FP + FN): what StarDist calls accuracy and many papers AP."""
        total = self.true_positives + self.false_positives + self.false_negatives
        return self.true_positives / total if total else 0.0

    @property
    def precision(self) -> float:
        """TP / (TP + FP)."""
        found = self.true_positives + self.false_positives
        return self.true_positives / found if found else 0.0

    @property
    def recall(self) -> float:
        """TP / (TP + FN)."""
        true = self.true_positives + self.false_negatives
        return self.true_positives / true if true else 0.0


def match(true: npt.NDArray[Any], found: npt.NDArray[Any], iou: float = 0.5) -> Match:
    """Match found particles with true ones, one to one, by intersection over union (`stardist.matching`).

    Parameters
    ----------
    true, found : ndarray of int, same shape
        Labels, 0 = background; 2D or 3D.
    iou : float
        Threshold.

    Returns
    -------
    Match
    """
    from stardist.matching import matching

    result = matching(np.asarray(true, np.int32), np.asarray(found, np.int32), thresh=iou)
    return Match(iou, int(result.tp), int(result.fp), int(result.fn), float(result.mean_matched_score))


def total(matches: list[Match]) -> Match:
    """Add up matches of several images at the same threshold."""
    hits = sum(one.true_positives for one in matches)
    weighted = sum(one.mean_iou * one.true_positives for one in matches)
    return Match(
        matches[0].iou,
        hits,
        sum(one.false_positives for one in matches),
        sum(one.false_negatives for one in matches),
        weighted / hits if hits else 0.0,
    )
