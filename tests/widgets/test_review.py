"""The review queue in the window: worst first, keys on the canvas and in the panel, verdicts kept."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_cathode.fuse import agreement, prediction_from_labels
from napari_cathode.judging import judgement
from napari_cathode.plugin.link import link_of
from napari_cathode.session import ParticleSet
from napari_cathode.widgets.docks import EDIT, FUSE, open_dock
from tests.plugin.conftest import SPACING, click, settle

VIEWS = ("xy", "xz", "yz")


@pytest.fixture
def four():
    """Give four boxes, and views of which one lost two of them and another one more."""
    labels = np.zeros((12, 40, 40), np.int32)
    for label, (y, x) in enumerate([(4, 4), (4, 24), (24, 4), (24, 24)], 1):
        labels[2:10, y : y + 12, x : x + 12] = label
    seen = {name: labels.copy() for name in VIEWS}
    seen["xz"][np.isin(labels, (2, 4))] = 0
    seen["yz"][labels == 4] = 0
    return labels, {name: prediction_from_labels(name, found, SPACING) for name, found in seen.items()}


@pytest.fixture
def reviewed(viewer, four):
    """Give the viewer with the panel, and the particles with their agreement."""
    labels, views = four
    link = link_of(viewer)
    panel = open_dock(viewer, FUSE)
    particles = ParticleSet(labels, "found", SPACING)
    link.show(particles)
    link.session.set_agreement(particles, agreement(labels, views))
    viewer.reset_view()
    settle()
    return viewer, panel.review, particles


def press(viewer, key, modifier=Qt.KeyboardModifier.NoModifier):
    """Press a key on the picture."""
    native = viewer.window._qt_viewer.canvas.native
    native.setFocus()
    QTest.keyClick(native, key, modifier)
    settle()


def test_keys_on_the_picture_go_through_the_worst_first(reviewed):
    viewer, review, particles = reviewed
    session = link_of(viewer).session
    assert review.queue() == [4, 2, 1, 3]
    assert "4 particles" in review._state.text()
    assert not review.accept_button.isEnabled()
    press(viewer, Qt.Key.Key_N)
    assert session.selection == {4}
    assert "xz nothing" in review._particle.text() and "seen by 1 of 3" in review._particle.text()
    assert viewer.scene.camera.center[1:] == pytest.approx((29.5, 29.5)), "it is brought into view"
    press(viewer, Qt.Key.Key_D)
    assert particles.review == {4: judgement("excluded")} and session.selection == {2}
    press(viewer, Qt.Key.Key_A)
    assert particles.review == {4: judgement("excluded"), 2: judgement("accepted")} and session.selection == {1}
    press(viewer, Qt.Key.Key_N, Qt.KeyboardModifier.ShiftModifier)
    assert session.selection == {2} and "accepted" in review._particle.text()
    press(viewer, Qt.Key.Key_N)
    press(viewer, Qt.Key.Key_N)
    assert session.selection == {3}, "those that were looked at are passed over"
    press(viewer, Qt.Key.Key_A)
    assert session.selection == {1}
    press(viewer, Qt.Key.Key_A)
    assert "4 of 4 looked at, 1 excluded: all done" in review._state.text()


def test_buttons_and_clicks_on_the_picture(reviewed):
    viewer, review, particles = reviewed
    click(viewer, (10, 10))
    assert "Particle 1" in review._particle.text()
    QTest.mouseClick(review.exclude_button, Qt.MouseButton.LeftButton)
    settle()
    assert particles.review == {1: judgement("excluded")}
    click(viewer, (10, 10))
    QTest.keyClick(review.exclude_button, Qt.Key.Key_D)
    settle()
    assert particles.review == {}, "said twice, it is taken back"


def test_verdicts_and_agreement_are_columns_of_the_table(reviewed):
    viewer, _review, particles = reviewed
    session = link_of(viewer).session
    press(viewer, Qt.Key.Key_N)
    press(viewer, Qt.Key.Key_D)
    table = pd.DataFrame({"label": [1, 2, 3, 4], "damage": [0.1, 0.2, 0.3, 0.4]})
    session.set_table(particles, table)
    assert particles.table["review_excluded"].tolist() == [False, False, False, True]
    assert particles.table.loc[3, "view_count"] == 1
    press(viewer, Qt.Key.Key_A)
    assert particles.table["review_done"].tolist() == [False, True, False, True]
    features = viewer.layers["found"].features
    assert features.loc[features["index"] == 4, "review_excluded"].tolist() == [True]
    assert "review_done" not in table, "what was handed over is not changed"


def test_colours_before_and_after_measuring(reviewed):
    viewer, review, particles = reviewed
    plain = viewer.layers["found"].colormap
    QTest.mouseClick(review._colour, Qt.MouseButton.LeftButton)
    settle()
    assert particles.colouring.column == "view_agreement"
    assert viewer.layers["found"].colormap is not plain
    colour = viewer.layers["found"].get_color
    assert not np.allclose(colour(4), colour(1)) and np.allclose(colour(1), colour(3))
    link_of(viewer).session.set_table(particles, pd.DataFrame({"label": [1, 2, 3, 4], "damage": 0.1}))
    assert particles.colouring is not None, "the table has the column, too"
    QTest.mouseClick(review._colour, Qt.MouseButton.LeftButton)
    assert particles.colouring is None


def test_keys_are_given_back_when_the_panel_is_hidden(reviewed):
    viewer, review, _particles = reviewed
    press(viewer, Qt.Key.Key_N)
    link_of(viewer).session.selection = ()
    review.hide()
    settle()
    press(viewer, Qt.Key.Key_N)
    assert link_of(viewer).session.selection == frozenset()
    review.show()
    settle()
    press(viewer, Qt.Key.Key_N)
    assert link_of(viewer).session.selection == {4}


def test_edited_or_foreign_labels_are_compared_again(viewer, qtbot, four):
    labels, views = four
    panel = open_dock(viewer, FUSE)
    for name, view in views.items():
        layer = viewer.add_labels(view.labels, name=name, scale=SPACING, units=("um",) * 3)
        panel.views[name].layer = layer
    link = link_of(viewer)
    link.show(ParticleSet(labels, "of another tool", SPACING))
    settle()
    review = panel.review
    assert "not known" in review._state.text() and not review.next_button.isEnabled()
    with qtbot.waitSignal(panel.runner.finished, timeout=300_000):
        QTest.mouseClick(review.check_button, Qt.MouseButton.LeftButton)
    settle()
    assert review.queue() == [4, 2, 1, 3]
    assert not review.check_button.isVisibleTo(review)
    viewer.layers["of another tool"].paint((5, 10, 10), 4)
    assert "changed since" in review._state.text() and review.check_button.isVisibleTo(review)
    viewer.layers["of another tool"].data = labels[:, :30].copy()
    settle()
    assert review.queue() == []
    with qtbot.waitSignal(panel.runner.finished, timeout=300_000):
        panel.check()
    assert "only particles on the grid of the views" in panel.runner.error


def test_settings_are_those_of_the_method(viewer):
    form = open_dock(viewer, FUSE).form
    method = form.field("method")
    visible = {}
    for name in ("hybrid", "linking", "clusters"):
        method.set_value(name)
        settle()
        visible[name] = {key for key in form._fields if not form.field(key).isHidden()}
    assert {"split_merge", "outline_smoothing"} <= visible["hybrid"] and not visible["hybrid"] & {
        "link_by",
        "cluster_count",
    }
    assert {"link_by", "link_distance_um", "gap_slices"} <= visible["linking"] and "link_overlap" not in visible[
        "linking"
    ]
    assert not any("outline_smoothing" in visible[name] for name in ("linking", "clusters"))
    assert all("working_scale" in names for names in visible.values())
    assert "cluster_map" in visible["clusters"] and "gap_slices" not in visible["clusters"]


def test_labels_of_any_tool_are_gone_through_without_views(viewer, qtbot):
    labels = np.zeros((8, 30, 30), np.int32)
    labels[2:6, 2:12, 2:12], labels[3:5, 20:24, 20:24], labels[2:6, 2:8, 18:24] = 4, 9, 2
    viewer.add_labels(labels, name="cellpose", scale=SPACING, units=("um",) * 3)
    panel = open_dock(viewer, FUSE)
    settle()
    review = panel.review
    session = link_of(viewer).session
    assert session.current is None and review.labels.layer is None, "labels of a view are no particles unasked"
    review.labels.layer = viewer.layers["cellpose"]
    assert session.current is not None and "No views" in review._state.text()
    with qtbot.waitSignal(panel.runner.finished, timeout=300_000):
        QTest.mouseClick(review.check_button, Qt.MouseButton.LeftButton)
    assert review.queue() == [9, 2, 4] and "the smallest comes first" in review._state.text()
    assert not review._colour.isVisibleTo(review)
    press(viewer, Qt.Key.Key_N)
    assert session.selection == {9}
    press(viewer, Qt.Key.Key_D)
    assert session.selection == {2} and set(session.current.review) == {9}


def test_particles_are_fixed_on_the_way(viewer):
    labels = np.zeros((12, 64, 64), np.int32)
    z, y, x = np.mgrid[:12, :64, :64]
    for label, (cy, cx) in {1: (12, 12), 2: (12, 34), 3: (34, 12), 5: (34, 34), 6: (54, 12)}.items():
        labels[(2 * (z - 6)) ** 2 + (y - cy) ** 2 + (x - cx) ** 2 <= 64] = label
    labels[(2 * (z - 6)) ** 2 + (y - 34) ** 2 + (x - 48) ** 2 <= 64] = 5  # 5 is two balls
    link, session = link_of(viewer), link_of(viewer).session
    panel = open_dock(viewer, FUSE)
    particles = ParticleSet(labels, "found", SPACING)
    link.show(particles)
    agreed = pd.DataFrame({"label": [1, 2, 3, 5, 6], "view_agreement": [0.4, 0.9, 0.3, 0.1, 0.2], "view_count": 3})
    agreed["view_volume_spread"] = np.nan
    session.set_agreement(particles, agreed)
    viewer.reset_view()
    settle()
    review = panel.review
    assert review.queue() == [5, 6, 3, 1, 2]
    press(viewer, Qt.Key.Key_N)
    QTest.mouseClick(review.fix_button, Qt.MouseButton.LeftButton)
    settle()
    edit = open_dock(viewer, EDIT)
    assert edit.review.isVisible() and "Particle 5" in edit.review._particle.text()
    press(viewer, Qt.Key.Key_K)
    press(viewer, Qt.Key.Key_Return)
    settle()
    assert review.queue() == [5, 7, 6, 3, 1, 2], "what was split off comes next"
    press(viewer, Qt.Key.Key_A)
    assert session.selection == {7} and "new" in edit.review._particle.text()
    press(viewer, Qt.Key.Key_A)
    assert session.selection == {6}
    press(viewer, Qt.Key.Key_Delete)
    assert review.queue() == [5, 7, 3, 1, 2] and link.reviewing.at is None
    assert not edit.review.accept_button.isEnabled()
    press(viewer, Qt.Key.Key_N)
    assert session.selection == {3}, "the one after the particle that went"
    click(viewer, (12, 12, 12), Qt.KeyboardModifier.ShiftModifier)
    press(viewer, Qt.Key.Key_J)
    assert session.selection == {1} and review.queue() == [5, 7, 1, 2]
    assert "edited since" in edit.review._particle.text()
    press(viewer, Qt.Key.Key_D)
    assert session.selection == {2} and set(particles.review) == {5, 7, 1}
    assert "3 of 4 looked at, 1 excluded" in edit.review._words.text()
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert review.queue() == [5, 6, 3, 1, 2] and np.array_equal(np.unique(labels), [0, 1, 2, 3, 5, 6])
    press(viewer, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    assert review.queue() == [5, 7, 6, 3, 1, 2]
    assert "changed since" in review._state.text() and "looked at" in review._state.text()
