"""What the explanation step returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.errors import InputError

from .parameters import ExplainParameters
from .trees import Trees


@dataclass(frozen=True, eq=False)
class Explanation:
    """What drives the target, for the whole electrode and for each particle.

    Rows are the ``n`` particles used, ordered by label; columns the ``k`` predictors.

    Attributes
    ----------
    labels : ndarray of int64, shape (n,)
        Label ids.
    target : str
        Column that is explained.
    predictors : tuple of str
        Columns that explain it.
    values : DataFrame
        ``label`` and one column per predictor: what was measured, NaN where missing.
    measured : ndarray of float64, shape (n,)
        The target.
    prediction : ndarray of float64, shape (n,)
        By models that never saw the particle, mean over the repeats.
    shap : DataFrame
        ``label`` and one column per predictor, in units of the target.
    base_values : ndarray of float64, shape (n,)
        What each particle's attributions are added to.
    explained : ndarray of float64, shape (n,)
        Prediction that the attributions explain, always ``base_values`` + the sum of the row of ``shap``. The same as
        ``prediction`` unless the attributions are in-sample.
    importance : DataFrame
        See `importance.importance_table`.
    clusters : ndarray of int64, shape (n,)
        Which group of attribution profiles each particle belongs to; see `clusters.cluster_profiles`.
    cluster_table : DataFrame
        The groups.
    scores : dict
        Plain values that JSON can hold: ``model`` (the chosen one), ``models`` (scores of each that was tried),
        ``baseline`` (the mean-only guess), ``random_folds`` and ``blocked_folds`` (of the chosen one; see
        `evaluate.HeldOut.scores`; the latter None where positions are missing), ``verdict`` (see `verdict.verdict`),
        and the entries of ``random_folds`` once more.
    fold_scores : DataFrame
        See `evaluate.HeldOut.fold_scores`; also ``model`` and ``folds`` ("random" or "blocked").
    models : tuple of Trees
        The models of the random folds, repeat by repeat.
    fold_of : ndarray of int16, shape (repeats, n)
        In which fold of each repeat a particle was held out.
    dropped : dict of str to int
        Why rows of the table were not used, and how many each.
    left_out : dict of str to str
        Columns that are no predictors, and why.
    notes : tuple of str
        Cautions about the predictors that took part.
    parameters : ExplainParameters
        How it was done.
    used : dict of str to str
        Versions of the libraries and ``data_sha256``, a fingerprint of the numbers that went in.
    """

    labels: npt.NDArray[np.int64]
    target: str
    predictors: tuple[str, ...]
    values: pd.DataFrame
    measured: npt.NDArray[np.float64]
    prediction: npt.NDArray[np.float64]
    shap: pd.DataFrame
    base_values: npt.NDArray[np.float64]
    explained: npt.NDArray[np.float64]
    importance: pd.DataFrame
    clusters: npt.NDArray[np.int64]
    cluster_table: pd.DataFrame
    scores: dict[str, Any]
    fold_scores: pd.DataFrame
    models: tuple[Trees, ...]
    fold_of: npt.NDArray[np.int16]
    dropped: dict[str, int]
    left_out: dict[str, str]
    notes: tuple[str, ...]
    parameters: ExplainParameters
    used: dict[str, str]

    @property
    def base_value(self) -> float:
        """Mean of ``base_values``: the prediction for a particle of which nothing is known."""
        return float(self.base_values.mean())

    def shap_table(self) -> pd.DataFrame:
        """Give ``shap`` with what it adds up to, so that the sum can be checked from the table alone.

        Returns
        -------
        DataFrame
            ``shap``, ``base_value``, ``prediction`` (`explained`: the base value and all SHAP values of the row) and
            ``measured``. Where a predictor has such a name already, an underscore is put before the new column.
        """
        table = self.shap.copy()
        for name, values in (
            ("base_value", self.base_values),
            ("prediction", self.explained),
            ("measured", self.measured),
        ):
            while name in table.columns:
                name = f"_{name}"
            table[name] = values
        return table

    def row_of(self, label: int) -> int:
        """Give the row of a particle.

        Raises
        ------
        InputError
            When it was not used.
        """
        row = int(np.searchsorted(self.labels, label))
        if row == len(self.labels) or self.labels[row] != label:
            raise InputError(
                f"Particle {label} took no part in the explanation: it is cut by the border, excluded or has no "
                f"{self.target}; choose another."
            )
        return row

    def models_without(self, row: int) -> list[Trees]:
        """Give the models that were not fitted to the particle of a row, one per repeat."""
        folds = self.parameters.folds
        return [self.models[repeat * folds + int(number)] for repeat, number in enumerate(self.fold_of[:, row])]

    def particle_table(self) -> pd.DataFrame:
        """Give what is known of each particle as a whole: ``label``, ``prediction``, ``residual``, ``cluster``."""
        return pd.DataFrame(
            {
                "label": self.labels,
                "prediction": self.prediction,
                "residual": self.residual,
                "cluster": self.clusters.astype(np.float64),
            }
        )

    @property
    def residual(self) -> npt.NDArray[np.float64]:
        """Measured minus predicted, shape (n,)."""
        return self.measured - self.prediction
