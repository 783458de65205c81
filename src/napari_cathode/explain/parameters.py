"""Parameters of the explanation step, and the study's settings as a named preset."""

from __future__ import annotations

from dataclasses import dataclass

from napari_cathode.errors import InputError
from napari_cathode.parameters import check, parameter

MINIMUM_PARTICLES = 30
"""Fewer usable particles than this are not explained: five folds of six decide nothing."""


@dataclass(frozen=True)
class ExplainParameters:
    """How damage (or another column) is regressed on particle properties and attributed to them.

    The defaults were chosen for 150 to 2,000 particles and some twenty predictors.
    """

    target: str = parameter("damage", help="Column that is to be explained.")
    predictor_set: str = parameter(
        "leak-free",
        help="Predictors when none are named: all that do not contain the target, or those of the study.",
        choices=("leak-free", "li2022"),
    )
    predictors: tuple[str, ...] | None = parameter(
        None, help="Columns to explain it by; empty: the predictor set decides."
    )
    n_trees: int = parameter(100, label="Trees", help="Trees of a random forest.", bounds=(1, 5000))
    max_leaves: int = parameter(
        64, label="Leaves", help="Most leaves of a tree; fewer is smoother and faster.", bounds=(2, 4096), advanced=True
    )
    min_leaf_particles: int = parameter(
        3, label="Particles in a leaf", help="Fewest particles in a leaf.", bounds=(1, 1000), advanced=True
    )
    split_features: str = parameter(
        "third",
        label="Predictors a split",
        help="How many predictors each split chooses among.",
        choices=("third", "sqrt", "all"),
        advanced=True,
    )
    criterion: str = parameter(
        "squared_error",
        help="Error that a split lowers.",
        choices=("squared_error", "absolute_error"),
        advanced=True,
    )
    min_impurity_decrease: float = parameter(
        0.0, help="Splits that lower the error by less are not made.", bounds=(0.0, None), advanced=True
    )
    folds: int = parameter(5, help="Parts of the cross-validation.", bounds=(2, 20))
    repeats: int = parameter(
        3, help="How often the cross-validation is repeated with other parts.", bounds=(1, 50), advanced=True
    )
    attributions: str = parameter(
        "out-of-fold",
        help="Explain each particle by models that never saw it, or (the study's way) by one fitted to it.",
        choices=("out-of-fold", "in-sample"),
        advanced=True,
    )
    group_correlation: float = parameter(
        0.7,
        label="Group from",
        help="Predictors with a mean rank correlation of at least this share one group.",
        bounds=(0.0, 1.0),
        advanced=True,
    )
    seed: int = parameter(0, help="Seed of everything random here.", bounds=(0, 2**32 - 1), advanced=True)

    def __post_init__(self) -> None:
        check(self)
        if self.predictors is None:
            return
        if not self.predictors:
            raise InputError("No predictor is chosen; name at least one column, or leave the choice to the tool.")
        if not all(isinstance(name, str) for name in self.predictors):
            raise InputError("The parameter predictors should be a list of column names.")
        if len(set(self.predictors)) < len(self.predictors):
            raise InputError("A predictor is named twice; name each column once.")
        if self.target in self.predictors:
            raise InputError(f"The column {self.target} is the target; it cannot be one of its own predictors.")


PRESETS: dict[str, ExplainParameters] = {
    "default": ExplainParameters(),
    # Li et al., Science 376, 517 (2022): forest as in its published code.
    "li2022": ExplainParameters(
        predictor_set="li2022",
        n_trees=40,
        max_leaves=30,
        min_leaf_particles=1,
        split_features="sqrt",
        criterion="absolute_error",
        min_impurity_decrease=1.02e-5,
        attributions="in-sample",
    ),
}
"""Named settings: the default, and the study's forest with its 21 predictors and in-sample attributions."""
