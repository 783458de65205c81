"""What a person says of particles: kept, shown as columns, and left out of what is counted."""

import json

import numpy as np
import pandas as pd
import pytest

from napari_cathode.errors import InputError
from napari_cathode.explain import ExplainParameters
from napari_cathode.explain.sample import take_sample
from napari_cathode.filtering import Filter
from napari_cathode.io import read_table, write_table
from napari_cathode.judging import classes_of, is_counted, judgement, plain_review, review_in, with_review
from napari_cathode.measure import summarise
from napari_cathode.session import ParticleSet, Session

SPACING = (1.0, 1.0, 1.0)


@pytest.fixture
def session():
    count = 40
    rng = np.random.default_rng(1)
    table = pd.DataFrame({
        "label": np.arange(1, count + 1), "damage": rng.random(count), "elongation": 1 + rng.random(count),
        "volume_um3": 50 + rng.random(count), "solid_volume_um3": 40 + rng.random(count),
        "equivalent_diameter_um": 4 + rng.random(count), "touches_border": False,
    })  # fmt: skip
    labels = np.zeros((20, 20, 20), np.int32)
    made = Session()
    particles = ParticleSet(labels, "p", SPACING)
    made.add(particles)
    made.set_table(particles, table, summarise(table, labels, SPACING, 0.5))
    return made


def test_what_is_said_is_plain_and_becomes_columns(session):
    particles = session.current
    session.judge(particles, [3, 5], verdict="flagged", kind="  shell ", note="broken\nin two")
    session.judge(particles, [5], verdict="excluded")
    assert particles.review == {3: judgement("flagged", "shell", "broken\nin two"),
                                5: judgement("excluded", "shell", "broken\nin two")}  # fmt: skip
    assert plain_review(json.loads(json.dumps(particles.review))) == particles.review
    rows = particles.table.set_index("label")
    assert rows.loc[[3, 5, 6], "review_flagged"].tolist() == [True, False, False]
    assert rows.loc[[3, 5, 6], "review_excluded"].tolist() == [False, True, False]
    assert rows.loc[[3, 5, 6], "review_class"].tolist() == ["shell", "shell", ""]
    assert classes_of(particles.review) == ["shell"]
    session.judge(particles, [3, 5], verdict="", kind="", note="")
    assert particles.review == {} and not particles.table["review_done"].any()


def test_verdicts_that_do_not_exist_are_refused(session):
    with pytest.raises(ValueError, match="accepted, flagged, excluded"):
        session.judge(session.current, [3], verdict="perhaps")
    assert session.current.review == {}


def test_the_summary_leaves_excluded_particles_out_and_takes_them_back(session):
    particles = session.current
    before = particles.summary
    gone = [1, 2, 3]
    session.judge(particles, gone, verdict="excluded")
    rest = particles.table[~particles.table["label"].isin(gone)]
    after = particles.summary
    assert (after.count, after.count_excluded, after.n_damage) == (37, 3, 37)
    assert after.damage_mean == pytest.approx(rest["damage"].mean())
    assert after.solid_fraction == pytest.approx(rest["solid_volume_um3"].sum() / (0.5 * 8000))
    session.judge(particles, gone, verdict="flagged")
    assert particles.summary == before


def test_an_explanation_is_out_of_date_while_other_particles_are_excluded(session):
    particles = session.current
    explanation = type("Explained", (), {"shap": pd.DataFrame()})()
    session.set_explanation(particles, explanation)
    assert not particles.explanation_out_of_date
    session.judge(particles, [4], verdict="excluded")
    assert particles.explanation is explanation and particles.explanation_out_of_date
    sample = take_sample(particles.table, ExplainParameters())
    assert 4 not in sample.labels and sample.dropped["excluded in review"] == 1
    session.judge(particles, [4], verdict="accepted")
    assert not particles.explanation_out_of_date


def test_a_csv_file_brings_the_judgements_back(session, tmp_path):
    particles = session.current
    session.judge(particles, [7], verdict="excluded", note='a "pore", not a particle')
    session.judge(particles, [8], kind="plate")
    session.judge(particles, [9], verdict="accepted")
    for name in ("t.csv", "t.parquet"):
        write_table(tmp_path / name, particles.table)
        assert review_in(read_table(tmp_path / name)) == particles.review
    assert is_counted(read_table(tmp_path / "t.csv")).sum() == 39
    assert with_review(particles.table, particles.review).equals(particles.table)


def test_measuring_again_keeps_what_was_said(session):
    particles = session.current
    session.judge(particles, [7], verdict="excluded")
    table = particles.table.drop(columns=[name for name in particles.table if name.startswith("review_")])
    session.set_table(particles, table, summarise(table, particles.labels, SPACING))
    assert particles.table["review_excluded"].sum() == 1 and particles.summary.count == 39


def test_a_filter_is_kept_by_the_session(session):
    particles, told = session.current, []
    session.changed.connect(lambda _particles, what: told.append(what))
    wanted = Filter("damage > 0.5").with_range("elongation", (1.8, 1.2))
    session.set_filter(particles, wanted)
    table = particles.table
    expected = table[(table["damage"] > 0.5) & table["elongation"].between(1.2, 1.8)]["label"]
    assert 0 < len(expected) < 40 and particles.shown.tolist() == expected.tolist()
    session.set_filter(particles, wanted)
    assert told == ["filter"], "what is there already is silent"
    with pytest.raises(InputError, match="did you mean damage"):
        session.set_filter(particles, Filter("damge > 1"))
    assert particles.filter == wanted
    session.judge(particles, [int(expected.iloc[0])], kind="x")
    session.set_filter(particles, Filter('review_class == "x"'))
    assert particles.shown.tolist() == [expected.iloc[0]]
    session.set_table(particles, table[["label", "damage"]].copy())
    assert particles.shown.tolist() == [expected.iloc[0]], "what was said goes on being there"
    session.set_filter(particles, Filter("damage > 0.5"))
    session.set_table(particles, pd.DataFrame({"label": [1, 2], "size": [1.0, 2.0]}))
    assert particles.shown is None and particles.filter == Filter()
