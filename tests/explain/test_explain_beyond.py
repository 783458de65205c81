"""Regions left out, stability, two states, interactions, what-if, shapes and groups of particles."""

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from planted_tables import planted_table

from napari_cathode.errors import InputError
from napari_cathode.explain import (
    ExplainParameters,
    Explanation,
    blocked_folds,
    compare,
    explain,
    interactions,
    iter_compare,
    iter_stability,
    stability,
    what_if,
)
from napari_cathode.explain.clusters import cluster_profiles
from napari_cathode.explain.compare import state_names
from napari_cathode.explain.shape import name_shape
from napari_cathode.explain.stability import concordance, subset_size
from napari_cathode.explain.verdict import verdict
from napari_cathode.progress import drain

QUICK = ExplainParameters(n_trees=15, boosting_rounds=25, folds=3, repeats=2, blocked_repeats=1)


@functools.cache
def found(model: str = "boosting") -> Explanation:
    table = planted_table(150, seed=5)
    table.loc[::6, "edensity"] = np.nan
    return explain(table, replace(QUICK, model=model))


# ---- folds and verdict


def test_regions_are_compact_equal_and_leave_nobody_out():
    points = np.random.default_rng(0).uniform(0, 30, (200, 3))
    points[3] = np.nan
    folds = blocked_folds(points, 5, 2, 0)
    assert len(folds) == 10 and all(fold.blocked for fold in folds)
    for repeat in range(2):
        mine = [fold for fold in folds if fold.repeat == repeat]
        np.testing.assert_array_equal(np.sort(np.concatenate([fold.test for fold in mine])), np.arange(200))
        assert {len(fold.test) for fold in mine} == {40}
    known = np.where(np.isnan(points), 15.0, points)
    spread = np.mean([known[fold.test].std(axis=0).mean() for fold in folds])
    assert spread < 0.8 * known.std(axis=0).mean()
    assert not np.array_equal(folds[0].test, folds[5].test)


def test_what_only_neighbours_tell_does_not_carry_over_to_other_regions():
    """Damage that follows the place alone: random folds know it from neighbours, left-out regions do not."""
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"label": np.arange(1, 241), **{f"{axis}_um": rng.uniform(0, 100, 240) for axis in "yx"}})
    place = table[["y_um", "x_um"]].to_numpy()
    sites, level = rng.uniform(0, 100, (30, 2)), rng.uniform(0, 0.5, 30)
    nearest = np.linalg.norm(place[:, None] - sites, axis=2).argmin(axis=1)
    table["damage"] = level[nearest] + rng.normal(0, 0.02, 240)
    scores = explain(table, replace(QUICK, predictors=("y_um", "x_um"))).scores
    assert scores["random_folds"]["r2_mean"] > 0.3
    assert scores["blocked_folds"]["r2_mean"] < scores["random_folds"]["r2_mean"] - 0.3
    assert "near the particles that it was learnt from" in scores["verdict"]["text"]


def test_the_better_model_is_taken_and_both_are_shown():
    scores = explain(planted_table(150), QUICK).scores
    by_score = {key: each["r2_mean"] for key, each in scores["models"].items()}
    assert set(by_score) == {"forest", "boosting"}
    assert scores["model"] == max(by_score, key=by_score.get)
    assert scores["r2_mean"] == by_score[scores["model"]] == pytest.approx(np.mean(scores["r2_repeats"]))
    assert scores["r2_low"] < scores["r2_mean"] < scores["r2_high"]
    assert scores["baseline"]["mae_mean"] == scores["baseline_mae"]


def _scores(r2, repeats=None, low=0.3, other=None, blocked=0.4, p=0.001, n=400):
    one = {"r2_mean": r2, "r2_repeats": repeats or [r2], "r2_low": low, "r2_high": 0.6, "p_value": p,
           "mae_mean": 0.01, "baseline_mae": 0.02, "particles": n}  # fmt: skip
    models = {"forest": one, "boosting": {**one, "r2_mean": r2 if other is None else other}}
    regions = None if blocked is None else {"r2_mean": blocked}
    return {"model": "forest", "models": models, "random_folds": one, "blocked_folds": regions}


@pytest.mark.parametrize(
    ("scores", "explains", "firm", "words"),
    [
        (_scores(0.4), True, True, "40 % of its variation"),
        (_scores(0.4), True, True, "R² 0.40 (95 % interval "),
        (_scores(0.4, blocked=None), True, True, "These properties explain a part"),
        (_scores(0.1, [-0.02, 0.2], n=75), True, False, "from one division of the particles to the next"),
        (_scores(0.1, low=-0.1), True, False, "reaches down to R² −0.10"),
        (_scores(0.4, other=-0.1), True, False, "gradient boosting reaches R² −0.10"),
        (_scores(0.4, blocked=0.0), True, False, "whole regions were left out, R² is 0.00"),
        (_scores(-0.1, p=0.9), False, True, "no better than guessing the mean"),
        (_scores(-0.1, p=0.9, n=75), False, True, "a weak relation is easily missed"),
        (_scores(0.3, p=0.2), False, False, "too uncertain"),
    ],
)
def test_the_verdict_says_how_firm_it_is(scores, explains, firm, words):
    said = verdict("damage", scores)
    if words == "too uncertain":  # the other model is as good, but as uncertain
        firm = True
    assert (said["explains"], said["firm"]) == (explains, firm), said["text"]
    assert words in said["text"]
    assert ("hangs on the settings" in said["text"]) == (not firm and scores["random_folds"]["particles"] < 300)


# ---- stability


def test_stability_repeats_itself_in_whatever_processes():
    one = stability(found(), runs=3)
    two = drain(iter_stability(found(), runs=3, workers=2))
    np.testing.assert_array_equal(one.seeds, two.seeds)
    np.testing.assert_array_equal(one.subsets, two.subsets)
    assert one.seeds.shape == one.subsets.shape == (3, len(found().predictors))
    np.testing.assert_allclose(one.seeds.sum(axis=1), 1)
    assert one.features == tuple(found().importance["feature"])
    table = one.table()
    np.testing.assert_allclose(table["seed_share"], one.seeds.mean(axis=0))
    assert (table["best_rank"] <= table["worst_rank"]).all()
    assert f"{one.subset_particles} of {one.particles} particles" in one.text()


@pytest.mark.parametrize(("particles", "size"), [(2000, 500), (750, 500), (600, 400), (90, 60), (30, 20)])
def test_subsets_leave_some_particles_out(particles, size):
    assert subset_size(particles) == size


def test_concordance_against_its_definition():
    same = np.tile([0.5, 0.3, 0.2], (4, 1))
    assert concordance(same) == pytest.approx(1)
    # Legendre's textbook case by hand: ranks 1 2 3 / 3 2 1 sum to 4 4 4.
    assert concordance(np.array([[3.0, 2, 1], [1, 2, 3]])) == pytest.approx(0)


# ---- two states


def test_two_states_show_what_gained_and_lost():
    first = planted_table(220, seed=1)
    second = planted_table(220, seed=2)
    law = 0.2 + 0.9 * (second["contact"] - 0.2) - 0.003 * (second["z_um"] - 17)
    second["damage"] = law.where(~second["touches_border"])
    second = second.drop(columns="homogeneity")
    seen = compare(first, second, replace(QUICK, repeats=1, folds=3), ("10 cycles", "50 cycles"), runs=3)
    table = seen.table().set_index("feature")
    assert table.loc["contact", "direction"] == "gained" and table.loc["sphericity", "direction"] == "lost"
    assert table.loc["contact", "change"] == pytest.approx(
        table.loc["contact", "second_share"] - table.loc["contact", "first_share"]
    )
    assert seen.only_one == ("homogeneity",)
    assert "Contact" in seen.text() and seen.text().startswith("From 10 cycles to 50 cycles")
    models = {explanation.scores["model"] for explanation in seen.explanations}
    assert len(models) == 1


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (("a/early.csv", "b/late.csv"), ("early", "late")),
        (("10/features.csv", "50/features.csv"), ("10", "50")),
        (("10/features.csv", "10/features.parquet"), ("10", "10 (2)")),
    ],
)
def test_states_are_named_by_what_differs(files, names):
    assert state_names(Path(files[0]), Path(files[1])) == names


def test_a_state_that_cannot_be_used_is_named():
    with pytest.raises(InputError, match=r"^50 cycles: The table has no column 'damage'"):
        compare(planted_table(60), planted_table(60).drop(columns="damage"), QUICK, ("10 cycles", "50 cycles"))


def test_states_are_checked_before_the_long_work():
    steps = iter_compare(planted_table(60), planted_table(60).drop(columns="damage"), QUICK, ("10 cycles", "50 cycles"))
    with pytest.raises(InputError, match=r"^50 cycles: The table has no column 'damage'"):
        next(steps)


# ---- interactions


@pytest.mark.parametrize("model", ["forest", "boosting"])
def test_interactions_add_up_to_the_attributions(model):
    explanation = explain(planted_table(90), replace(QUICK, model=model, repeats=1))
    pairs = interactions(explanation, particles=40)
    rows = np.searchsorted(explanation.labels, pairs.labels)
    shap = explanation.shap[list(explanation.predictors)].to_numpy()[rows]
    np.testing.assert_allclose(pairs.pairs.sum(axis=2), shap, atol=1e-9)
    np.testing.assert_allclose(pairs.pairs, pairs.pairs.transpose(0, 2, 1), atol=1e-12)


def test_a_planted_interaction_comes_first():
    rng = np.random.default_rng(4)
    table = pd.DataFrame(rng.normal(size=(300, 5)), columns=list("abcde")).assign(label=np.arange(1, 301))
    table["damage"] = 0.3 + 0.05 * table["b"] * table["d"] + 0.02 * table["a"]
    seen = interactions(explain(table, replace(QUICK, model="boosting", boosting_rounds=80)), particles=150)
    assert set(seen.table().loc[0, ["first", "second"]]) == {"b", "d"}
    assert seen.partner("b") == "d"


# ---- what-if


@pytest.mark.parametrize("model", ["forest", "boosting"])
def test_trees_predict_as_the_models_they_come_from(model):
    explanation = found(model)
    values = explanation.values[list(explanation.predictors)].to_numpy()
    assert np.isnan(values).any()
    for row in (0, 7, 60):
        predicted = np.mean([trees.predict(values[row : row + 1])[0] for trees in explanation.models_without(row)])
        assert predicted == pytest.approx(explanation.prediction[row], abs=1e-12)


def test_what_if_changes_one_property_within_its_range():
    explanation = found()
    label = int(explanation.labels[4])
    seen = what_if(explanation, label, "sphericity")
    values = explanation.values["sphericity"]
    assert (seen.value[0], seen.value[-1]) == (values.min(), values.max())
    assert seen.predicted == pytest.approx(explanation.prediction[4])
    assert (seen.low <= seen.prediction + 1e-12).all() and (seen.prediction <= seen.high + 1e-12).all()
    assert seen.prediction[0] > seen.prediction[-1], "damage falls with sphericity"
    with pytest.raises(InputError, match="took no part"):
        what_if(explanation, label, "crack_volume_um3")
    with pytest.raises(InputError, match="Particle 9999 took no part"):
        what_if(explanation, 9999, "sphericity")


# ---- shapes


CURVES = {
    "rises": lambda x: x,
    "falls": lambda x: -x,
    "rises then falls": lambda x: -((x - 0.5) ** 2) * 4,
    "falls then rises": lambda x: np.abs(x - 0.6) * 2,
    "rises then level": lambda x: np.minimum(x, 0.4) * 2.5,
    "level then falls": lambda x: -np.maximum(x - 0.6, 0) * 2.5,
}


@pytest.mark.parametrize("kind", CURVES)
def test_shapes_are_named(kind):
    rng = np.random.default_rng(11)
    right = 0
    for _ in range(10):
        x = rng.uniform(0, 1, 300)
        right += name_shape(x, CURVES[kind](x) + rng.normal(0, 0.15, 300)).kind == kind
    assert right >= 9


def test_noise_has_no_shape():
    rng = np.random.default_rng(12)
    kinds = [name_shape(rng.uniform(0, 1, 200), rng.normal(size=200)).kind for _ in range(10)]
    assert kinds == ["no clear shape"] * 10
    assert name_shape(np.full(100, np.nan), np.zeros(100)).kind == "no clear shape"


def test_the_turn_is_where_it_was_planted():
    x = np.random.default_rng(13).uniform(0, 1, 600)
    shape = name_shape(x, -np.abs(x - 0.7))
    assert shape.kind == "rises then falls" and shape.turn == pytest.approx(0.7, abs=0.08)


# ---- groups of particles


def test_particles_moved_by_the_same_properties_are_one_group():
    rng = np.random.default_rng(14)
    why = np.repeat([0, 1], [60, 40])
    shap = rng.normal(0, 0.05, (100, 3))
    shap[why == 0, 0] += 1.0
    shap[why == 1, 2] -= 1.0
    shap *= rng.lognormal(0, 0.5, 100)[:, None]  # how much must not matter
    shap = np.vstack([shap, 1e-4 * rng.normal(size=(5, 3))])
    clusters, table = cluster_profiles(shap, ("a", "b", "c"))
    assert set(clusters[:60]) == {1} and set(clusters[60:100]) == {2} and set(clusters[100:]) == {0}
    assert table["drivers"].tolist() == ["", "+a", "\N{MINUS SIGN}c"]
    assert table["particles"].tolist() == [5, 60, 40]


def test_without_structure_there_is_one_group():
    shap = np.random.default_rng(15).normal(size=(200, 8))
    clusters, table = cluster_profiles(shap, tuple("abcdefgh"))
    assert set(clusters) <= {0, 1} and len(table) <= 2


def test_a_single_property_moves_up_or_down():
    shap = np.random.default_rng(16).normal(size=(50, 1)) + 0.3
    clusters, table = cluster_profiles(shap, ("a",))
    assert table["drivers"].tolist()[-2:] == ["+a", "\N{MINUS SIGN}a"]
    assert (shap[clusters == 1] > 0).all() and (shap[clusters == 2] < 0).all()
