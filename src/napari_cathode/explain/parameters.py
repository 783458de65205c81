"""Parameters of the explanation step, and the study's settings as a named preset."""

from __future__ import annotations

from dataclasses import dataclass

from napari_cathode.errors import InputError
from napari_cathode.parameters import check, parameter

MINIMUM_PARTICLES = 30
"""Fewer usable particles than this are not explained: five folds of six decide nothing."""

MANY_PARTICLES = 500
"""From so many particles on, three repeats of the cross-validation settle its score."""

MODELS = ("forest", "boosting")
"""Regressions that are tried: random forest, histogram gradient boosting."""

MODEL_NAMES = {"forest": "random forest", "boosting": "gradient boosting"}


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
    model: str = parameter(
        "auto",
        help="Regression: both are tried and the better one in cross-validation is taken, or one of them.",
        choices=("auto", "forest", "boosting"),
    )
    n_trees: int = parameter(80, label="Trees", help="Trees of a random forest.", bounds=(1, 5000))
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
    boosting_rounds: int = parameter(
        150, help="Trees of gradient boosting, each correcting those before.", bounds=(1, 5000), advanced=True
    )
    boosting_rate: float = parameter(
        0.06, help="How much each of them corrects; less needs more rounds.", bounds=(0.001, 1.0), advanced=True
    )
    boosting_leaves: int = parameter(12, help="Most leaves of such a tree.", bounds=(2, 4096), advanced=True)
    folds: int = parameter(5, help="Parts of the cross-validation.", bounds=(2, 20))
    repeats: int | None = parameter(
        None,
        help="How often the cross-validation is repeated with other parts; auto: 5 times, 3 from 500 particles on.",
        bounds=(1, 50),
        advanced=True,
    )
    blocked_repeats: int = parameter(
        2,
        label="Regions",
        help="How often it is repeated with whole regions of the electrode left out; 0: not at all.",
        bounds=(0, 50),
        advanced=True,
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

    @property
    def models(self) -> tuple[str, ...]:
        """The regressions that are tried."""
        return MODELS if self.model == "auto" else (self.model,)

    def repeats_for(self, particles: int) -> int:
        """Say how often the cross-validation of so many particles is repeated: fewer need more to settle."""
        if self.repeats is not None:
            return self.repeats
        return 5 if particles < MANY_PARTICLES else 3


PRESETS: dict[str, ExplainParameters] = {
    "default": ExplainParameters(),
    # Li et al., Science 376, 517 (2022): forest as in its published code.
    "li2022": ExplainParameters(
        predictor_set="li2022",
        model="forest",
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
