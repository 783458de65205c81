"""What each kind of unusable table or setting is answered."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from planted_tables import planted_table

from napari_cathode.errors import InputError
from napari_cathode.explain import ExplainParameters, explain

QUICK = ExplainParameters(n_trees=5, boosting_rounds=10, repeats=1, blocked_repeats=1)


def _changed(**columns) -> pd.DataFrame:
    return planted_table(60).assign(**columns)


def _with(column: str, value, rows=slice(3, 5)) -> pd.DataFrame:
    table = planted_table(60)
    table[column] = table[column].astype(object if isinstance(value, str) else float)
    table.iloc[rows, table.columns.get_loc(column)] = value
    return table


TABLES = {
    "odd border flags": (_changed(touches_border=["maybe"] * 60), "touches_border holds 'maybe'"),
    "no target": (planted_table(60).drop(columns="damage"), "no column 'damage' to explain"),
    "no label": (planted_table(60).drop(columns="label"), "no column label"),
    "constant target": (_changed(damage=0.25), "damage is 0.25 for every usable particle"),
    "target constant but for rounding": (
        _changed(damage=0.2 + np.arange(60) % 3 * 3e-17),
        "damage is 0.2 for every usable particle",
    ),
    "empty target": (_changed(damage=np.nan), "damage has no value for any particle"),
    "text target": (_changed(damage="much"), "damage holds text"),
    "infinite target": (_with("damage", np.inf), "damage holds infinite values"),
    "infinite predictor": (
        _with("edensity", -np.inf, slice(0, 30)), r"edensity holds infinite values in \d\d rows; leave",
    ),
    "beyond float32": (_with("edensity", 1e39), "edensity holds infinite values"),
    "duplicate labels": (_changed(label=[1, 1, *range(3, 61)]), "label 1 stands in more than one row"),
    "fractional labels": (_changed(label=np.arange(60) + 0.5), "whole numbers"),
    "missing label": (_with("label", np.nan), "whole numbers"),
    "two columns of one name": (
        pd.concat([planted_table(60), planted_table(60)[["damage"]]], axis=1), "two columns named 'damage'",
    ),
    "nothing to explain by": (planted_table(60)[["label", "damage", "x_um"]], "No column of the table can explain"),
}  # fmt: skip


@pytest.mark.parametrize("case", TABLES)
def test_tables(case):
    table, sentence = TABLES[case]
    with pytest.raises(InputError, match=sentence):
        explain(table, QUICK)


PREDICTORS = {
    "missing": (planted_table(60), ("edensity", "colour"), "no column 'colour' to explain damage by"),
    "empty": (_changed(edensity=np.nan), ("edensity",), "edensity cannot be used: it has no value"),
    "infinite everywhere": (_changed(edensity=np.inf), ("edensity",), "edensity cannot be used: it is infinite"),
    "text": (_with("edensity", "?"), ("edensity",), "edensity cannot be used: it holds text"),
    "misspelt": (planted_table(60), ("EDensity",), "no column 'EDensity' .*; perhaps 'edensity' is meant"),
    "label": (planted_table(60), ("label", "edensity"), "label only numbers the particles; take it off"),
}


@pytest.mark.parametrize("case", PREDICTORS)
def test_named_predictors(case):
    table, predictors, sentence = PREDICTORS[case]
    with pytest.raises(InputError, match=sentence):
        explain(table, replace(QUICK, predictors=predictors))


@pytest.mark.parametrize(
    ("target", "sentence"), [("label", "label only numbers the particles"), ("Damage", "perhaps 'damage' is meant")]
)
def test_targets(target, sentence):
    with pytest.raises(InputError, match=sentence):
        explain(planted_table(60), replace(QUICK, target=target))


def test_by_default_unusable_columns_step_aside():
    table = _changed(edensity=np.nan, contact="loose", pdensity=0.5)
    found = explain(table, QUICK)
    assert "no value" in found.left_out["edensity"]
    assert "text" in found.left_out["contact"]
    assert "the same for every particle" in found.left_out["pdensity"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"predictors": ()}, "No predictor is chosen"),
        ({"predictors": ("damage", "z_um")}, "cannot be one of its own predictors"),
        ({"predictors": ("z_um", "z_um")}, "named twice"),
        ({"predictors": (1, 2)}, "list of column names"),
        ({"folds": 1}, "between 2 and 20"),
        ({"n_trees": 0}, "between 1 and 5000"),
        ({"criterion": "gini"}, "choose one of"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_parameters(values, sentence):
    with pytest.raises(InputError, match=sentence):
        ExplainParameters(**values)


@pytest.mark.parametrize(("yes", "no"), [("WAHR", "FALSCH"), ("Vrai", "Faux"), ("TRUE", "FALSE"), ("True", np.nan)])
def test_border_flags_of_any_spreadsheet(yes, no):
    flags = np.array([yes] * 7 + [no] * 53, object)
    found = explain(_changed(touches_border=flags), QUICK)
    assert found.dropped["cut by the border"] == 7


def test_it_is_said_when_the_border_cuts_all():
    with pytest.raises(InputError, match=r"no value for any particle \(60 of 60 are cut by the border\)"):
        explain(_changed(damage=np.nan, touches_border=True))
