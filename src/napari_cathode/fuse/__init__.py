"""From the 2D predictions of one, two or three views to 3D particles."""

from .agreement import agreement, iter_agreement, with_agreement
from .from_labels import iter_prediction_from_labels, prediction_from_labels
from .fusion import Fusion, fuse, iter_fuse, typical_diameter
from .parameters import FuseParameters

__all__ = [
    "FuseParameters",
    "Fusion",
    "agreement",
    "fuse",
    "iter_agreement",
    "iter_fuse",
    "iter_prediction_from_labels",
    "prediction_from_labels",
    "typical_diameter",
    "with_agreement",
]
