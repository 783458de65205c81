"""What the columns of the tables of a run mean: what stands in the JSON file beside each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .measure import FEATURES

if TYPE_CHECKING:
    import pandas as pd


def define_columns(table: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Give unit, formula and meaning of each column of a feature table that is a known feature."""
    published = table.attrs.get("definitions") == "li2022"
    described = {}
    for feature in (FEATURES[column] for column in map(str, table.columns) if column in FEATURES):
        unit, formula = feature.unit, feature.formula
        if published:
            unit, formula = feature.published_unit or unit, feature.published or formula
        described[feature.column] = {"unit": unit, "formula": formula, "meaning": feature.meaning}
    return described


SUMMARY_COLUMNS = {
    "quantity": "What it is; of a feature, its column in the feature table",
    "name": "As it is shown",
    "value": "Its value; of a feature, the mean over the particles",
    "sd": "Of a feature, the sample standard deviation over the particles",
    "unit": "Unit of value and sd",
    "particles": "Number of particles that it rests on",
}

CONTACT_COLUMNS = {
    "label_1": "One particle of the pair",
    "label_2": "The other; its number is higher",
    "area_um2": {"unit": "µm²", "meaning": "Area over which they touch within the gap tolerance, by Crofton"},
    "length_um": {"unit": "µm", "meaning": "Length over which they touch in the slice, by Crofton"},
    **{f"{axis}_um": {"unit": "µm", "meaning": f"Middle of the contact along {axis}"} for axis in "zyx"},
    "cut": "Whether the border cuts one of the two, so that the contact may go on outside",
}

IMPORTANCE_COLUMNS = {
    "feature": "Predictor",
    "share": "Its share of the summed mean absolute SHAP values",
    "spread": "Standard deviation of that share over the fitted models",
    "rank": "1 for the most important",
    "mean_abs_shap": "Mean absolute SHAP value, in units of the target",
    "direction": "Rank correlation of the predictor's value and its SHAP value",
    "group": "Leading predictor of the group of correlated predictors that it belongs to",
    "group_share": "Share of that group",
    "group_spread": "Standard deviation of that share over the fitted models",
    "permutation": "Loss of R² on held-out particles when the predictor is shuffled among them",
    "permutation_sd": "Standard deviation of that loss over the repeats",
    "group_permutation": "Loss of R² when the whole group is shuffled together",
    "shape": "How the attribution depends on the value",
    "turn": "Value where that dependence turns, in the predictor's unit",
}

STABILITY_COLUMNS = {
    "feature": "Predictor",
    "seed_share": "Mean share of the summed mean absolute SHAP values, over runs with other seeds",
    "seed_sd": "Its standard deviation over these runs",
    "subset_share": "Mean share over random subsets of the particles",
    "subset_sd": "Its standard deviation over the subsets",
    "sampling_sd": "Standard deviation expected over electrodes of this size (delete-d jackknife)",
    "best_rank": "Best rank over the subsets",
    "worst_rank": "Worst rank over the subsets",
    "first": "Part of the subsets in which it comes first",
    "top_five": "Part of the subsets in which it is among the first five",
}

INTERACTION_COLUMNS = {
    "first": "One predictor of the pair",
    "second": "The other",
    "mean_abs": "Mean absolute SHAP interaction value, in units of the target",
    "share": "Its share of all main effects and interactions",
}

COMPARISON_COLUMNS = {
    "feature": "Predictor",
    "first_sd": "Standard deviation of the first share over seeds and samples of particles",
    "second_sd": "The same of the second",
    "change": "Second share less the first",
    "change_sd": "Standard deviation of the change",
    "direction": "gained or lost; unsettled where the change is within twice its standard deviation",
}
