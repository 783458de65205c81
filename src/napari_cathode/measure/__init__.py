"""Measure particles: position, size, shape, grey, damage, surfaces, contacts and neighbourhood, in physical units."""

from .contacts import Contacts
from .features import FEATURES, Feature, columns
from .measuring import check_scale, iter_measure, measure
from .parameters import MeasureParameters
from .state import MeasureState
from .statistics import iter_label_statistics, label_statistics
from .summary import Summary, population_table, summarise

__all__ = [
    "FEATURES",
    "Contacts",
    "Feature",
    "MeasureParameters",
    "MeasureState",
    "Summary",
    "check_scale",
    "columns",
    "iter_label_statistics",
    "iter_measure",
    "label_statistics",
    "measure",
    "population_table",
    "summarise",
]
