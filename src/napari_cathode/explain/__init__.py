"""What drives damage: cross-validated regression on particle properties, attributed particle by particle."""

from .attribution import explain, iter_explain
from .explanation import Explanation
from .folds import blocked_folds, random_folds
from .parameters import MINIMUM_PARTICLES, PRESETS, ExplainParameters
from .predictors import STUDY_PREDICTORS, Choice, choose_predictors, why_left_out
from .sample import TooFewParticles

__all__ = [
    "MINIMUM_PARTICLES",
    "PRESETS",
    "STUDY_PREDICTORS",
    "Choice",
    "ExplainParameters",
    "Explanation",
    "TooFewParticles",
    "blocked_folds",
    "choose_predictors",
    "explain",
    "iter_explain",
    "random_folds",
    "why_left_out",
]
