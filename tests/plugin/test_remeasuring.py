"""Tables follow edits, forth and back to the last byte."""

import threading
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from napari_cathode.edit import change_between, delete, fill, merge, smooth, split_along_line, split_in_parts
from napari_cathode.errors import InputError
from napari_cathode.measure import MeasureParameters, measure
from napari_cathode.plugin import remeasuring
from napari_cathode.plugin.link import link_of
from napari_cathode.session import Colouring, ParticleSet
from napari_cathode.tomogram import Tomogram
from napari_cathode.work import EXPLAIN

SPACING = (0.4, 0.2, 0.2)
PARAMETERS = MeasureParameters(closing_radius_um=0.0, smoothing_um=0.2, cube_edge_um=6.0)


@pytest.fixture(scope="module")
def packing():
    """Give twelve balls in an anisotropic volume, and an image of them."""
    rng = np.random.default_rng(4)
    labels = np.zeros((20, 48, 64), np.int32)
    z, y, x = np.indices(labels.shape)
    for number, (j, i) in enumerate(np.ndindex(3, 4), 1):
        ball = (2 * (z - 10)) ** 2 + (y - 8 - 16 * j) ** 2 + (x - 8 - 16 * i) ** 2 <= rng.uniform(5.5, 8.5) ** 2
        labels[ball & (labels == 0)] = number
    image = np.where(labels > 0, 170, 80) + rng.normal(0, 6, labels.shape)
    return labels, np.clip(image, 0, 255).astype(np.uint8)


@pytest.fixture
def measured(model, packing):
    """Give a viewer's link and particles whose table was measured."""
    labels, image = packing[0].copy(), packing[1]
    link = link_of(model)
    tomogram = Tomogram(image, SPACING, "balls")
    particles = ParticleSet(labels, "found", SPACING, tomogram)
    link.session.add(particles)
    link.set_table(particles, measure(labels, image, SPACING, PARAMETERS), None, tomogram)
    return link, particles


@pytest.fixture
def at_once(monkeypatch):
    """Let tables follow at once, as in a script without a window."""
    monkeypatch.setattr(remeasuring, "QApplication", SimpleNamespace(instance=lambda: None))


def same(one, other):
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    assert set(one.attrs) == set(other.attrs) and one.attrs["notes"] == other.attrs["notes"]
    pd.testing.assert_frame_equal(one.attrs["contacts"].table, other.attrs["contacts"].table, check_exact=True)


def afresh(particles):
    """Measure all particles, with the grey levels of the first measurement."""
    state, tomogram = particles.measurement.state, particles.measurement.tomogram
    table = measure(particles.labels, tomogram.data, SPACING, previous=state)
    del table.attrs["state"]
    return table


def test_the_table_follows_an_edit_beside_the_window(measured, qtbot):
    link, particles = measured
    session = link.session
    before, known = particles.table, particles.labels.copy()
    shap = pd.DataFrame({"label": before["label"], "elongation": 0.5})
    session.set_explanation(particles, SimpleNamespace(shap=shap))
    session.set_colouring(particles, Colouring("volume_um3"))
    session.edit(particles, merge(particles.labels, [6, 7]))
    assert particles.out_of_date and link.remeasuring.running(particles)
    qtbot.waitUntil(lambda: not particles.out_of_date, timeout=300_000)
    assert not link.remeasuring.running(particles) and link.remeasuring.problem == ""
    assert 7 not in set(particles.table["label"])
    same(particles.table, afresh(particles))
    assert particles.summary.count == 11
    assert particles.explanation is not None and particles.explanation_out_of_date
    layer = link.layer_of(particles)
    value = particles.table.set_index("label").loc[6, "volume_um3"]
    assert np.allclose(layer.get_color(6), link.colour_scale(particles).map(np.array([value]))[0], atol=1e-3)
    assert layer.features.set_index("index").loc[6, "volume_um3"] == value
    session.undo(particles)
    assert not particles.out_of_date and not link.remeasuring.running(particles), "nothing has to be measured"
    same(particles.table, before)
    assert np.array_equal(particles.labels, known)
    assert not particles.explanation_out_of_date
    session.redo(particles)
    assert len(particles.table) == 11 and not particles.out_of_date


def test_edits_in_a_row_are_measured_together(measured, qtbot):
    link, particles = measured
    before = particles.table
    for label in (1, 12, 6):
        link.session.edit(particles, delete(particles.labels, [label]))
    qtbot.waitUntil(lambda: not particles.out_of_date, timeout=300_000)
    same(particles.table, afresh(particles))
    for _ in range(3):
        link.session.undo(particles)
    assert not particles.out_of_date
    same(particles.table, before)


def test_strokes_of_a_brush_are_measured(measured, at_once):
    link, particles = measured
    layer = link.layer_of(particles)
    layer.selected_label = 40
    layer.brush_size, layer.n_edit_dimensions = 5, 3
    layer.paint((10, 2, 60), 40)
    assert 40 in set(particles.table["label"]) and not particles.out_of_date
    same(particles.table, afresh(particles))
    link.undo()
    assert 40 not in set(particles.table["label"])


def test_what_was_said_meanwhile_stays(measured, at_once):
    link, particles = measured
    session = link.session
    session.edit(particles, merge(particles.labels, [2, 3]))
    session.set_review(particles, 9, "excluded")
    session.undo(particles)
    assert set(particles.review) == {9} and particles.excluded == {9}
    assert particles.table.set_index("label")["review_excluded"].sum() == 1
    session.redo(particles)
    assert particles.table.set_index("label").loc[9, "review_excluded"] and len(particles.table) == 11


def test_another_measurement_in_between_is_followed_from_there(measured, at_once):
    link, particles = measured
    session = link.session
    session.edit(particles, delete(particles.labels, [5]))
    other = MeasureParameters(closing_radius_um=0.0, smoothing_um=0.2, cube_edge_um=4.0)
    image = particles.tomogram.data
    link.set_table(particles, measure(particles.labels, image, SPACING, other), None, particles.tomogram)
    session.undo(particles)
    assert particles.measurement.state.parameters == other and not particles.out_of_date
    same(particles.table, afresh(particles))


def test_labels_changed_by_others_are_only_marked(measured, at_once):
    link, particles = measured
    session = link.session
    session.edit(particles, delete(particles.labels, [5]))
    particles.labels[0, 0, 0] = 30
    session.touch(particles)
    assert particles.out_of_date and particles.measurement is None
    session.undo(particles)
    assert particles.out_of_date, "the labels are not those that were measured first"
    assert set(np.unique(particles.labels)) >= {5, 30}


def test_what_goes_wrong_is_said(measured, qtbot, monkeypatch):
    def fail(*_):
        raise InputError("The image is gone.")
        yield

    monkeypatch.setattr(remeasuring, "iter_measure_edit", fail)
    link, particles = measured
    link.session.edit(particles, delete(particles.labels, [5]))
    qtbot.waitUntil(lambda: link.remeasuring.problem != "", timeout=300_000)
    assert "The image is gone" in link.remeasuring.problem and particles.out_of_date


def test_labels_that_change_while_they_are_read_leave_nothing_running(measured, qtbot, monkeypatch):
    changed = threading.Event()

    def fail(*_):
        changed.wait(60)
        raise IndexError("Labels changed while they were read.")
        yield

    monkeypatch.setattr(remeasuring, "iter_measure_edit", fail)
    link, particles = measured
    link.session.edit(particles, delete(particles.labels, [5]))
    assert link.session.why_not(EXPLAIN, particles)
    particles.labels[0, 0, 0] = 30
    link.session.touch(particles)
    changed.set()
    qtbot.waitUntil(lambda: not link.remeasuring.running(particles), timeout=20_000)
    assert not link.session.running and link.remeasuring.problem == ""


@pytest.mark.slow
def test_two_hundred_edits_and_their_tables_go_back_and_forth(measured, at_once):
    link, particles = measured
    session, rng = link.session, np.random.default_rng(11)
    states = [(particles.labels.tobytes(), particles.table)]
    while len(particles.history.done) < 200:
        change = _some_edit(rng, particles.labels)
        if change is not None:
            session.edit(particles, change)
            states.append((particles.labels.tobytes(), particles.table))
    assert particles.history.dropped == 0
    same(particles.table, afresh(particles))
    for labels, table in states[-2::-1]:
        session.undo(particles)
        assert particles.labels.tobytes() == labels and not particles.out_of_date
        same(particles.table, table)
    for labels, table in states[1:]:
        session.redo(particles)
        assert particles.labels.tobytes() == labels and not particles.out_of_date
        same(particles.table, table)
    same(particles.table, afresh(particles))


def _some_edit(rng, labels):
    ids = np.unique(labels)[1:]
    label, free = int(rng.choice(ids)), int(labels.max()) + 1
    z, y, x = (rng.uniform(0, size, 2) for size in labels.shape)
    try:
        return [
            lambda: merge(labels, rng.permutation(ids)[:2].tolist()),
            lambda: split_in_parts(labels, label, 2, SPACING, free),
            lambda: split_along_line(labels, label, (z[0], y[0], x[0]), (z[0], y[1], x[1]), 0, free),
            lambda: fill(labels, [label]),
            lambda: smooth(labels, [label], SPACING, 0.3),
            lambda: _blob(rng, labels, free if rng.random() < 0.5 else label),
            lambda: _blob(rng, labels, 0),
            lambda: delete(labels, [label]),
        ][rng.choice(8, p=[0.1, 0.15, 0.15, 0.1, 0.1, 0.25, 0.1, 0.05])]()
    except InputError:
        return None


def _blob(rng, labels, label):
    start = tuple(int(rng.integers(0, size - 8)) for size in labels.shape)
    box = tuple(slice(first, first + int(rng.integers(3, 8))) for first in start)
    before = labels[box].copy()
    return change_between(before, np.full_like(before, label), start, "paint")
