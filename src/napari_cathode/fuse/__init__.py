"""From the 2D predictions of one, two or three views to 3D particles."""

from .agreement import agreement, iter_agreement, with_agreement
from .from_labels import iter_prediction_from_labels, prediction_from_labels
from .fusion import Fuser, Fusion, fuse, iter_fuse
from .parameters import FuseParameters
from .sizes import typical_diameter

__all__ = [
    "FuseParameters",
    "Fuser",
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
