"""What drives damage: cross-validated regression on particle properties, attributed particle by particle."""

from .attribution import explain, iter_explain
from .compare import Comparison, compare, iter_compare
from .explanation import Explanation
from .folds import blocked_folds, random_folds
from .interactions import Interactions, interactions, iter_interactions
from .parameters import MINIMUM_PARTICLES, PRESETS, ExplainParameters
from .predictors import STUDY_PREDICTORS, Choice, choose_predictors, why_left_out
from .sample import TooFewParticles
from .stability import Stability, iter_stability, stability
from .what_if import WhatIf, what_if

__all__ = [
    "MINIMUM_PARTICLES",
    "PRESETS",
    "STUDY_PREDICTORS",
    "Choice",
    "Comparison",
    "ExplainParameters",
    "Explanation",
    "Interactions",
    "Stability",
    "TooFewParticles",
    "WhatIf",
    "blocked_folds",
    "choose_predictors",
    "compare",
    "explain",
    "interactions",
    "iter_compare",
    "iter_explain",
    "iter_interactions",
    "iter_stability",
    "random_folds",
    "stability",
    "what_if",
    "why_left_out",
]
