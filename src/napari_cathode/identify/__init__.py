"""Step one: particles in the slices or the whole of a tomogram, by a trained network or by a watershed."""

from . import models
from .accuracy import Match, match
from .diameter import estimate_diameter
from .parameters import IdentifyParameters
from .predict import identify, iter_identify
from .predict_3d import VolumePrediction, identify_volume, iter_identify_volume
from .views import VIEW_AXIS, ViewPrediction, whole_views

__all__ = [
    "VIEW_AXIS",
    "IdentifyParameters",
    "Match",
    "ViewPrediction",
    "VolumePrediction",
    "estimate_diameter",
    "identify",
    "identify_volume",
    "iter_identify",
    "iter_identify_volume",
    "match",
    "models",
    "whole_views",
]
