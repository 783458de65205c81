"""Step one: particles in the slices of a tomogram, by a trained network or by a watershed."""

from . import models
from .accuracy import Match, match
from .diameter import estimate_diameter
from .parameters import IdentifyParameters
from .predict import identify, iter_identify
from .views import VIEW_AXIS, ViewPrediction, whole_views

__all__ = [
    "VIEW_AXIS",
    "IdentifyParameters",
    "Match",
    "ViewPrediction",
    "estimate_diameter",
    "identify",
    "iter_identify",
    "match",
    "models",
    "whole_views",
]
