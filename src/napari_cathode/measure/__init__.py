"""Measure particles: position, size, shape, grey, damage, surfaces, contacts and neighbourhood, in physical units."""

from .features import FEATURES, Feature, columns
from .measuring import check_scale, iter_measure, measure
from .parameters import MeasureParameters
from .summary import Summary, summarise

__all__ = [
    "FEATURES",
    "Feature",
    "MeasureParameters",
    "Summary",
    "check_scale",
    "columns",
    "iter_measure",
    "measure",
    "summarise",
]
