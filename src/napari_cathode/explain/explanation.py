"""What the explanation step returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from .parameters import ExplainParameters


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
    scores : dict
        See `evaluate.HeldOut.scores`; plain values that JSON can hold.
    fold_scores : DataFrame
        See `evaluate.HeldOut.fold_scores`.
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
    scores: dict[str, Any]
    fold_scores: pd.DataFrame
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

    @property
    def residual(self) -> npt.NDArray[np.float64]:
        """Measured minus predicted, shape (n,)."""
        return self.measured - self.prediction
