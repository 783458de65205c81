"""The state that all views share."""

import threading
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from napari_cathode.edit.change import change_between
from napari_cathode.errors import InputError
from napari_cathode.session import Colouring, ParticleSet, Predictions, Session
from napari_cathode.tomogram import Tomogram


@pytest.fixture
def session():
    made = Session()
    table = pd.DataFrame({"label": [1, 2], "damage": [0.1, 0.2], "name": ["a", "b"]})
    made.add(ParticleSet(np.ones((1, 2, 2), np.int32), "p", table=table))
    return made


@pytest.fixture
def heard(session):
    """Collect what the session says."""
    said = []
    session.changed.connect(lambda _particles, what: said.append(what))
    session.selection_changed.connect(lambda ids: said.append(set(ids)))
    session.current_changed.connect(lambda particles: said.append(getattr(particles, "name", None)))
    return said


def explanation():
    return SimpleNamespace(shap=pd.DataFrame({"label": [1, 2], "size": [-0.1, 0.1]}))


def test_setting_what_is_there_is_silent(session, heard):
    session.selection = {2, 1, 0}
    session.selection = [1, 2]
    session.current = session.current
    session.set_table(session.current, session.current.table)
    assert heard == [{1, 2}]


def test_another_set_starts_with_nothing_selected(session, heard):
    session.selection = {1}
    session.add(ParticleSet(np.zeros((1, 1, 1), np.int32), "q"))
    assert heard == [{1}, set(), "q"]
    session.remove(session.current)
    assert session.current.name == "p"
    session.remove(session.current)
    assert session.current is None


def test_a_new_table_takes_the_explanation_with_it_but_keeps_colours_that_still_mean_something(session, heard):
    particles = session.current
    session.set_explanation(particles, explanation())
    session.set_colouring(particles, Colouring("size", shap=True))
    session.set_table(particles, particles.table.copy())
    assert particles.explanation is None
    assert particles.colouring is None
    session.set_colouring(particles, Colouring("damage"))
    heard.clear()
    session.set_table(particles, particles.table.copy())
    assert particles.colouring == Colouring("damage")
    assert heard == ["table", "colouring"]
    session.set_table(particles, None)
    assert particles.colouring is None


def test_edited_labels_make_the_table_out_of_date_until_measured(session):
    particles = session.current
    session.touch(particles)
    assert particles.out_of_date
    session.set_table(particles, particles.table.copy())
    assert not particles.out_of_date


def test_other_labels_have_no_table_yet(session):
    session.set_labels(session.current, np.zeros((1, 2, 2), np.int32))
    assert session.current.table is None


@pytest.mark.parametrize(
    ("colouring", "words"),
    [
        (Colouring("size", shap=True), "fit the SHAP panel"),
        (Colouring("volume_um3"), "measure the particles"),
    ],
)
def test_only_what_is_there_can_colour(session, colouring, words):
    with pytest.raises(InputError, match=words):
        session.set_colouring(session.current, colouring)
    assert session.current.colouring is None


def test_predictions_lose_views_one_by_one(session):
    predictions = Predictions("t", {"xy": 1, "xz": 2}, Tomogram(np.zeros((2, 2, 2))))
    session.add_predictions(predictions)
    session.remove_prediction(predictions, "xy")
    assert session.predictions == (predictions,)
    session.remove_prediction(predictions, "xz")
    assert session.predictions == ()


def test_other_threads_may_not_change_it(session):
    raised = []

    def change():
        try:
            session.selection = {1}
        except RuntimeError as error:
            raised.append(error)

    thread = threading.Thread(target=change)
    thread.start()
    thread.join()
    assert len(raised) == 1


def test_what_an_undone_edit_takes_away_is_not_selected_any_more(session):
    """Also where nobody knows yet where each particle lies, as in a project that was just opened."""
    labels = np.zeros((4, 4, 4), np.int32)
    labels[0] = 1
    particles = ParticleSet(labels, "p", (1.0, 1.0, 1.0))
    session.add(particles)
    session.current = particles
    after = labels.copy()
    after[3] = 2
    change = change_between(labels, after, (0, 0, 0), "draw")
    assert change is not None
    session.edit(particles, change)
    session.selection = {1, 2}
    particles.boxes = None
    session.undo(particles)
    assert session.selection == {1}
