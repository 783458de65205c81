"""The explanation finds what was planted, admits when there is nothing, and repeats itself exactly."""

import functools
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from planted_tables import DRIVERS, planted_table

from napari_cathode.explain import (
    PRESETS,
    ExplainParameters,
    Explanation,
    TooFewParticles,
    explain,
    iter_explain,
    random_folds,
    why_left_out,
)
from napari_cathode.measure import FEATURES

QUICK = ExplainParameters(n_trees=20, boosting_rounds=30, folds=4, repeats=2, blocked_repeats=1)
FOREST = ExplainParameters(model="forest", n_trees=20, repeats=1, blocked_repeats=0)


@functools.cache
def planted() -> Explanation:
    return explain(planted_table(150), QUICK)


def test_the_planted_drivers_lead():
    for seed in range(3):
        found = explain(planted_table(160, seed), replace(QUICK, repeats=1, seed=seed))
        assert set(found.importance["feature"].head(3)) == set(DRIVERS)
        assert found.scores["verdict"]["explains"]


def test_directions_have_the_planted_signs():
    direction = planted().importance.set_index("feature")["direction"]
    assert direction["edensity"] > 0.9
    assert direction["sphericity"] < -0.8
    assert direction["z_um"] < -0.8


def test_what_contains_damage_is_left_out_with_its_reason():
    found = planted()
    for column in ("crack_volume_um3", "surface_inner_um2", "rough_inner"):
        assert "contains damage by construction" in found.left_out[column]
    assert "as sphericity does" in found.left_out["vs_ratio"]
    assert {"axis_x", "axis_y", "axis_z"} <= set(found.predictors)
    assert not {"label", "x_um", "yaw_deg", "voxel_count", "touches_border", "damage"} & set(found.predictors)


@pytest.mark.parametrize("model", ["forest", "boosting"])
@pytest.mark.parametrize("attributions", ["out-of-fold", "in-sample"])
def test_attributions_add_up(attributions, model):
    table = planted_table(120)
    table.loc[::4, "edensity"] = np.nan
    found = explain(table, replace(QUICK, model=model, folds=3, attributions=attributions))
    total = found.base_values + found.shap[list(found.predictors)].to_numpy().sum(axis=1)
    np.testing.assert_allclose(total, found.explained, atol=1e-6)
    # ``prediction`` comes from the models themselves, so this compares shap with scikit-learn.
    if attributions == "out-of-fold":
        np.testing.assert_allclose(total, found.prediction, atol=1e-6)
    else:
        error = np.abs(found.measured - found.explained).mean()
        assert error < 0.7 * np.abs(found.residual).mean(), "in-sample predictions are closer than held-out ones"


@pytest.mark.parametrize("model", ["forest", "boosting"])
def test_the_unit_of_the_target_does_not_matter(model):
    """Volumes in m³ vary by less than what scikit-learn takes for a variance of zero."""
    table, unit = planted_table(120), 2.0**-55
    settings = replace(QUICK, model=model)
    large, small = (explain(each, settings) for each in (table, table.assign(damage=table["damage"] * unit)))
    columns = list(large.predictors)
    np.testing.assert_array_equal(small.shap[columns].to_numpy() / unit, large.shap[columns].to_numpy())
    assert small.importance["shape"].tolist() == large.importance["shape"].tolist()
    assert small.scores["r2_mean"] == large.scores["r2_mean"]


def test_in_sample_attributions_are_called_so():
    found = explain(planted_table(80), replace(QUICK, attributions="in-sample", repeats=1))
    assert any(note.startswith("The attributions are in-sample") for note in found.notes)


def test_one_fold_against_sklearn_by_hand():
    from sklearn.ensemble import RandomForestRegressor

    table = planted_table(90)
    parameters = ExplainParameters(model="forest", n_trees=25, repeats=1, folds=3, seed=7)
    found = explain(table, parameters)
    fold = random_folds(len(found.labels), 3, 1, 7)[1]
    x = found.values[list(found.predictors)].to_numpy()
    forest = RandomForestRegressor(
        25, max_leaf_nodes=64, min_samples_leaf=3, max_features=1 / 3, random_state=fold.seed(7)
    ).fit(x[fold.train], found.measured[fold.train])
    np.testing.assert_allclose(found.prediction[fold.test], forest.predict(x[fold.test]), rtol=1e-12)
    squares = ((found.measured[fold.test] - found.prediction[fold.test]) ** 2).sum()
    baseline = ((found.measured[fold.test] - found.measured[fold.train].mean()) ** 2).sum()
    mine = found.fold_scores[found.fold_scores["folds"] == "random"]
    assert mine["r2"][1] == pytest.approx(1 - squares / baseline)


def test_folds_part_the_rows():
    for repeat in range(2):
        folds = [fold for fold in random_folds(53, 5, 2, 0) if fold.repeat == repeat]
        np.testing.assert_array_equal(np.sort(np.concatenate([fold.test for fold in folds])), np.arange(53))
        assert {len(fold.test) for fold in folds} <= {10, 11}
        for fold in folds:
            np.testing.assert_array_equal(np.sort(np.r_[fold.train, fold.test]), np.arange(53))
    first, second = random_folds(53, 5, 2, 0)[0], random_folds(53, 5, 2, 0)[5]
    assert not np.array_equal(first.test, second.test)
    assert first.seed(0) != second.seed(0) != first.seed(1)


def test_a_shuffled_target_is_not_explained():
    for seed in range(10):
        table = planted_table(120, seed)
        kept = table["damage"].notna()
        table.loc[kept, "damage"] = np.random.default_rng(seed).permutation(table.loc[kept, "damage"])
        verdict = explain(table, replace(QUICK, seed=seed)).scores["verdict"]
        assert verdict["explains"] is False
        assert verdict["text"].startswith("Nothing of damage is explained")


def test_the_same_input_gives_the_same_bytes():
    again = explain(planted_table(150).sample(frac=1, random_state=3), QUICK)
    for name in ("shap", "importance", "fold_scores", "values"):
        assert getattr(again, name).to_csv() == getattr(planted(), name).to_csv(), name
    assert json.dumps(again.scores) == json.dumps(planted().scores)
    assert again.used == planted().used


def test_another_seed_gives_other_numbers():
    other = explain(planted_table(150), replace(QUICK, seed=1))
    assert not np.array_equal(other.prediction, planted().prediction)
    assert other.used["data_sha256"] == planted().used["data_sha256"]


def test_the_number_of_cores_does_not_matter(monkeypatch):
    one = []
    for cores in (1, 4):
        monkeypatch.setattr("os.cpu_count", lambda cores=cores: cores)
        monkeypatch.setattr("os.sched_getaffinity", lambda _, cores=cores: set(range(cores)), raising=False)
        one.append(explain(planted_table(80), replace(QUICK, repeats=1)).shap.to_csv())
    assert one[0] == one[1]


def test_missing_predictor_values_drop_no_particle():
    table = planted_table(120)
    table.loc[::3, "edensity"] = np.nan
    table.loc[table.index[:-2], "homogeneity"] = np.nan  # hardly any value at all
    found = explain(table, QUICK)
    cut = int(table["touches_border"].sum())
    assert len(found.labels) == 120 - cut
    assert found.dropped == {"cut by the border": cut, "without a value of damage": 0}
    assert found.values["edensity"].isna().sum() > 20
    total = found.base_values + found.shap[list(found.predictors)].to_numpy().sum(axis=1)
    np.testing.assert_allclose(total, found.prediction, atol=1e-6)


def test_rows_without_a_target_are_dropped_and_counted():
    table = planted_table(120).assign(touches_border=False)
    missing = int(table["damage"].isna().sum())
    assert missing > 0
    found = explain(table, QUICK)
    assert found.dropped == {"cut by the border": 0, "without a value of damage": missing}
    assert set(found.labels) == set(table["label"][table["damage"].notna()])


def test_flags_and_labels_survive_a_csv(tmp_path):
    planted_table(150).to_csv(tmp_path / "features.csv", index=False)
    table = pd.read_csv(tmp_path / "features.csv")
    assert explain(table, QUICK).importance["feature"].tolist() == planted().importance["feature"].tolist()
    words = table.assign(touches_border=table["touches_border"].map({True: "True", False: "False"}))
    assert explain(words, QUICK).dropped == planted().dropped


def test_importance_agrees_with_the_attributions():
    found = planted()
    mean = found.shap[list(found.predictors)].abs().mean()
    table = found.importance.set_index("feature")
    np.testing.assert_allclose(table["mean_abs_shap"], mean[table.index], rtol=1e-12)
    np.testing.assert_allclose(table["share"], mean[table.index] / mean.sum(), rtol=1e-12)
    assert table["share"].sum() == pytest.approx(1)
    assert list(table["rank"]) == list(range(1, len(table) + 1))
    assert table["share"].is_monotonic_decreasing
    grouped = table.groupby("group")["share"].sum()
    np.testing.assert_allclose(table["group_share"], grouped[table["group"]], rtol=1e-12)
    single = table["group"].map(table["group"].value_counts()) == 1
    np.testing.assert_allclose(table.loc[single, "group_spread"], table.loc[single, "spread"], rtol=1e-12)
    most = table.groupby("group")["spread"].sum()
    assert (table["group_spread"] <= most[table["group"]].to_numpy() + 1e-12).all()
    assert table["group"]["volume_um3"] == table["group"]["surface_outer_um2"]
    assert table["group"]["edensity"] == "edensity"


def test_results_align_with_the_labels():
    found = planted()
    assert (np.diff(found.labels) > 0).all()
    for frame in (found.shap, found.values):
        assert frame.columns[0] == "label"
        np.testing.assert_array_equal(frame["label"], found.labels)
    damage = planted_table(150).set_index("label")["damage"]
    np.testing.assert_array_equal(found.measured, damage[found.labels])


def test_another_target_does_without_its_own_family():
    found = explain(planted_table(150), replace(FOREST, target="volume_um3"))
    assert "surface_outer_um2" in found.left_out
    assert "damage" in found.predictors


@pytest.mark.parametrize(
    ("column", "target", "contained"),
    [
        ("solid_volume_um3", "damage", True),
        ("solid_volume_um3", "volume_um3", True),  # the volume less the cracks
        ("solid_area_um2", "equivalent_diameter_um", True),
        ("damage", "solid_volume_um3", True),
        ("volume_um3", "solid_volume_um3", True),
        ("perimeter_inner_um", "area_um2", False),
        ("volume_um3", "damage", False),
        ("volume_std_um3", "volume_um3", False),
    ],
)
def test_what_a_target_contains_by_construction(column, target, contained):
    assert ("by construction" in why_left_out(column, target)) == contained


def test_the_dictionary_of_features_says_what_contains_damage():
    for name, feature in FEATURES.items():
        reason = why_left_out(name, "damage")
        if name == "damage":
            assert reason == "it is the target"
        elif feature.not_for_damage:
            assert feature.not_for_damage in reason and "contains damage by construction" in reason
            assert why_left_out("damage", name)
        else:
            assert reason == feature.not_a_property or (feature.detail_of and feature.detail_of in reason)


@pytest.mark.parametrize("column", ["pore_count", "CrackVolume", "n_pores", "sub_label", "probability", "x_px"])
def test_columns_of_other_tools_are_judged_by_name(column):
    assert bool(why_left_out(column, "damage")) == (column != "sub_label")


def test_the_study_preset_works_with_the_columns_there_are():
    found = explain(planted_table(100), PRESETS["li2022"])
    assert "rough_inner" in found.predictors
    assert "crack_volume_um3" not in found.predictors
    assert found.left_out["orien_iso"] == "the table does not have it"
    assert any("rough_inner take part although they contain damage" in note for note in found.notes)


def test_chosen_predictors_are_taken_in_their_order():
    found = explain(planted_table(80), replace(FOREST, predictors=("z_um", "edensity")))
    assert found.predictors == ("z_um", "edensity")
    assert list(found.shap.columns) == ["label", "z_um", "edensity"]


def test_what_was_not_chosen_keeps_its_reason_and_cautions_are_said_once():
    table = planted_table(60).assign(pitch_deg=np.arange(60.0), roll_deg=np.arange(60.0) % 7)
    chosen = ("sphericity", "pitch_deg", "roll_deg")
    found = explain(table, replace(QUICK, predictors=chosen))
    assert "contains damage" in found.left_out["surface_inner_um2"]
    assert found.left_out["contact"] == "it was not chosen"
    assert len(found.notes) == 1 and found.notes[0].startswith("Mind that pitch_deg and roll_deg take part although")


def test_progress_counts_up_and_stops_when_closed():
    steps = iter_explain(planted_table(60), QUICK)
    seen = [next(steps) for _ in range(6)]
    done = [progress.done for progress in seen]
    assert done == sorted(done) and done[-1] > 0
    assert all(progress.what for progress in seen)
    steps.close()
    last = list(iter_explain(planted_table(60), QUICK))[-1]
    assert last.done == last.total == 1000 * (2 * 8 + 4 + 8)


def test_the_table_is_not_changed():
    table = planted_table(60)
    before = table.copy()
    explain(table, FOREST)
    pd.testing.assert_frame_equal(table, before)


def test_too_few_particles():
    with pytest.raises(TooFewParticles, match=r"^Only \d\d of 31 particles can be used \(\d cut by the border\); to"):
        explain(planted_table(31, seed=2))
    with pytest.raises(TooFewParticles, match="The table holds 0 particles; to"):
        explain(planted_table(40).head(0))


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["nmc-10-cycles", "nmc-50-cycles"])
def test_what_the_simulator_planted_is_found(preset):
    from napari_cathode.simulate import PRESETS as ELECTRODES
    from napari_cathode.simulate import simulate

    parameters = replace(ELECTRODES[preset], size_z=96, size_y=192, size_x=192, voxel_um=0.2)
    once = ExplainParameters(repeats=1, blocked_repeats=0)
    shares = []
    for seed in (1, 2, 3):
        found = explain(simulate(parameters, seed).table, once)
        assert found.scores["verdict"]["explains"]
        shares.append(found.importance.set_index("feature")["share"])
    # In one electrode of some hundred particles a weak driver may drown; on average over three none may.
    mean = pd.concat(shares, axis=1).mean(axis=1).sort_values(ascending=False)
    drivers = {name for name, _ in parameters.drivers}
    assert set(mean.index[: len(drivers)]) == drivers
