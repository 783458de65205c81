"""Figures of an explanation, as matplotlib objects without any screen: whoever shows them embeds the figure."""

from .bars import comparison_rows, importance_bars, interaction_bars, stability_rows
from .drawn import Bars, Curve, Points
from .features import Histogram, Scatter, Shade, histogram, scatter
from .particle import waterfall, what_if_curve
from .points import beeswarm, dependence, predicted_measured

__all__ = [
    "Bars",
    "Curve",
    "Histogram",
    "Points",
    "Scatter",
    "Shade",
    "beeswarm",
    "comparison_rows",
    "dependence",
    "histogram",
    "importance_bars",
    "interaction_bars",
    "predicted_measured",
    "scatter",
    "stability_rows",
    "waterfall",
    "what_if_curve",
]
