"""Two states of an electrode: which properties gained and which lost importance."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.errors import InputError
from napari_cathode.progress import Steps, drain, within

from .attribution import iter_explain
from .explanation import Explanation
from .names import display_name
from .parameters import ExplainParameters
from .sample import take_sample
from .stability import RUNS, Stability, iter_stability

Floats = npt.NDArray[np.float64]

SIGMAS = 2.0
"""A change counts when it is larger than this many of its standard deviations."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """The same target explained by the same predictors in two states.

    Attributes
    ----------
    names : tuple of (str, str)
        What the states are called.
    explanations : tuple of (Explanation, Explanation)
        Of each state.
    checks : tuple of (Stability, Stability)
        The seeds and subsets of each state.
    only_one : tuple of str
        Predictors that one of the tables lacks.
    """

    names: tuple[str, str]
    explanations: tuple[Explanation, Explanation]
    checks: tuple[Stability, Stability]
    only_one: tuple[str, ...]

    @property
    def target(self) -> str:
        """What is explained."""
        return self.explanations[0].target

    def table(self) -> pd.DataFrame:
        """Give one row per predictor, by the size of its change.

        Returns
        -------
        DataFrame
            ``feature``; ``first_share``, ``first_sd``, ``second_share``, ``second_sd``: share and its standard
            deviation over seeds and samples together; ``change`` and ``change_sd``; ``direction``: "gained",
            "lost", or "unsettled" where the change is within twice its standard deviation.
        """
        parts = []
        for side, explanation, check in zip(("first", "second"), self.explanations, self.checks, strict=True):
            share = explanation.importance.set_index("feature")["share"]
            spread = np.hypot(check.seeds.std(axis=0, ddof=1), check.sampling_sd())
            sd = pd.Series(spread, index=list(check.features))
            parts += [share.rename(f"{side}_share"), sd.rename(f"{side}_sd")]
        table = pd.concat(parts, axis=1).rename_axis("feature").reset_index()
        table["change"] = table["second_share"] - table["first_share"]
        table["change_sd"] = np.hypot(table["first_sd"], table["second_sd"])
        clear = table["change"].abs() > SIGMAS * table["change_sd"]
        table["direction"] = np.where(clear, np.where(table["change"] > 0, "gained", "lost"), "unsettled")
        return table.sort_values("change", key=np.abs, ascending=False, kind="stable", ignore_index=True)

    def text(self) -> str:
        """Say what changed; first whether either state is explained at all."""
        unexplained = [
            name
            for name, found in zip(self.names, self.explanations, strict=True)
            if not found.scores["verdict"]["explains"]
        ]
        if unexplained:
            return (
                f"Nothing of {self.target} is explained in {' and in '.join(unexplained)}, so a change of shares "
                "between the two states means nothing."
            )
        table = self.table()
        parts = []
        for direction in ("gained", "lost"):
            names = [display_name(name) for name in table.loc[table["direction"] == direction, "feature"]]
            if names:
                parts.append(f"{', '.join(names)} {direction}")
        found = "; ".join(parts) if parts else "no property gained or lost more than its uncertainty"
        return f"From {self.names[0]} to {self.names[1]}: {found}."


def compare(
    first: pd.DataFrame,
    second: pd.DataFrame,
    parameters: ExplainParameters | None = None,
    names: tuple[str, str] = ("first", "second"),
    runs: int = RUNS,
    workers: int | None = 1,
) -> Comparison:
    """Explain two states and compare what matters in each; see `iter_compare`."""
    return drain(iter_compare(first, second, parameters, names, runs, workers))


def iter_compare(
    first: pd.DataFrame,
    second: pd.DataFrame,
    parameters: ExplainParameters | None = None,
    names: tuple[str, str] = ("first", "second"),
    runs: int = RUNS,
    workers: int | None = None,
) -> Steps[Comparison]:
    """Explain two states and compare what matters in each.

    Both are explained by the predictors that both tables have, by the same kind of model (by default the one that
    predicts held-out particles of the first state better), since two kinds share out importance differently.

    Parameters
    ----------
    first, second : DataFrame
        Feature tables; the states need not have the same particles.
    parameters : ExplainParameters, optional
        For both.
    names : tuple of (str, str)
        What the states are called.
    runs : int
        Seeds, and subsets, of each state; see `stability.iter_stability`.
    workers : int, optional
        See `side_by_side.iter_side_by_side`.

    Yields
    ------
    Progress
        In thousandths.

    Returns
    -------
    Comparison
        Both explanations, the change of each share and its spread.

    Raises
    ------
    InputError
        When a table cannot be used, or both have no predictor in common; the text names the state.
    """
    parameters, only_one = in_common(first, second, parameters, names)
    before = yield from within(iter_explain(first, parameters), 0, 4, names[0])
    parameters = replace(parameters, model=before.scores["model"])
    after = yield from within(iter_explain(second, parameters), 1, 4, names[1])
    checks = []
    for number, (found, name) in enumerate(((before, names[0]), (after, names[1]))):
        checks.append((yield from within(iter_stability(found, runs, workers=workers), 2 + number, 4, name)))
    return Comparison(names, (before, after), (checks[0], checks[1]), only_one)


def state_names(first: Path, second: Path) -> tuple[str, str]:
    """Name two states by their files; by their folders where both files have one name, as ``features.csv``."""
    names = (first.stem, second.stem)
    if names[0] == names[1]:
        names = (first.resolve().parent.name, second.resolve().parent.name)
    return names if names[0] != names[1] else (names[0], f"{names[1]} (2)")


def in_common(
    first: pd.DataFrame, second: pd.DataFrame, parameters: ExplainParameters | None, names: tuple[str, str]
) -> tuple[ExplainParameters, tuple[str, ...]]:
    """Check two states, and give the parameters with the predictors of both, and the predictors of one alone.

    Raises
    ------
    InputError
        As `iter_compare`.
    """
    parameters = parameters or ExplainParameters()
    chosen = []
    for table, name in ((first, names[0]), (second, names[1])):
        try:
            chosen.append(list(map(str, take_sample(table, parameters).values.columns)))
        except InputError as error:
            raise InputError(f"{name}: {error}") from error
    common = tuple(column for column in chosen[0] if column in chosen[1])
    if not common:
        raise InputError(
            f"{names[0]} and {names[1]} have no predictor of {parameters.target} in common; "
            "compare tables with the same columns."
        )
    return replace(parameters, predictors=common), tuple(sorted(set(chosen[0]) ^ set(chosen[1])))
