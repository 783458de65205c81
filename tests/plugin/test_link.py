"""Particles on the screen: layers, colours, clicks."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtTest import QTest

from napari_cathode.edit import merge
from napari_cathode.errors import InputError
from napari_cathode.identify.views import ViewPrediction
from napari_cathode.judging import judgement
from napari_cathode.plugin.layers import is_helper, spacing_of
from napari_cathode.plugin.link import link_of
from napari_cathode.session import Colouring, ParticleSet, Predictions
from napari_cathode.tomogram import Tomogram

from .conftest import SPACING, click, drag, needs_canvas, settle


def test_a_particle_set_becomes_a_layer_in_um_and_goes_with_it(model, labels):
    link = link_of(model)
    particles = ParticleSet(labels, "found", SPACING)
    link.session.add(particles)
    layer = model.layers["found"]
    assert layer.data is labels
    assert tuple(layer.scale) == SPACING
    assert spacing_of(layer) == SPACING
    assert link.session.current is particles
    model.layers.remove(layer)
    assert link.session.particle_sets == ()
    assert link.session.current is None


def test_removing_the_set_removes_the_layer(model, labels):
    link = link_of(model)
    particles = ParticleSet(labels, "found", SPACING)
    link.session.add(particles)
    link.session.remove(particles)
    assert "found" not in model.layers


def test_a_slice_lies_flat(model, labels):
    link = link_of(model)
    link.session.add(ParticleSet(labels[8:9], "slice", SPACING))
    layer = model.layers["slice"]
    assert layer.data.shape == (40, 40)
    assert tuple(layer.scale) == SPACING[1:]


def test_one_slice_of_a_volume_lies_in_its_place(model, labels):
    link = link_of(model)
    image = model.add_image(labels.astype(np.uint8), scale=SPACING, units=("um",) * 3, translate=(1, 2, 3))
    layer = link.show(ParticleSet(labels[5:6], "slice", SPACING), image, first=(5, 0, 0))
    assert layer.data.shape == (1, 40, 40)
    assert np.allclose(layer.translate, (1 + 5 * 2.0, 2, 3))


def test_any_labels_layer_becomes_particles_and_brings_its_features(model, labels):
    features = pd.DataFrame({"index": [0, 3, 7], "mine": [np.nan, 1.5, 2.5]})
    layer = model.add_labels(labels, scale=(2000, 1000, 1000), units=("nm",) * 3, features=features)
    link = link_of(model)
    particles = link.adopt(layer)
    assert link.adopt(layer) is particles
    assert particles.spacing_um == pytest.approx(SPACING)
    assert particles.table.to_dict("list") == {"label": [3, 7], "mine": [1.5, 2.5]}


def test_a_layer_of_four_dimensions_is_refused(model):
    layer = model.add_labels(np.zeros((2, 3, 4, 5), np.int32), name="film")
    with pytest.raises(InputError, match="film"):
        link_of(model).adopt(layer)


def test_features_are_written_by_label_beside_the_users(model, labels, table):
    features = pd.DataFrame({"index": [3, 7], "mine": ["a", "b"], "damage": [9.0, 9.0]})
    layer = model.add_labels(labels, scale=SPACING, units=("um",) * 3, features=features)
    link = link_of(model)
    particles = link.adopt(layer)
    link.set_table(particles, table)
    written = layer.features
    assert written["index"].tolist() == list(range(8))
    assert written.loc[7, "volume_um3"] == 3053.0
    assert written.loc[3, "mine"] == "a"
    assert written.loc[3, "damage"] == 9.0, "a user's column is never replaced"
    assert particles.table["damage"].iloc[0] == 0.1
    link.set_table(particles, None)
    assert "volume_um3" not in layer.features.columns
    assert "mine" in layer.features.columns


def test_sparse_ids_keep_one_row_each(model):
    labels = np.zeros((1, 8, 8), np.int32)
    labels[0, :3], labels[0, 5:] = 5, 2**31 - 1
    link = link_of(model)
    particles = ParticleSet(labels, "sparse", SPACING)
    link.session.add(particles)
    link.set_table(particles, pd.DataFrame({"label": [5, 2**31 - 1], "damage": [0.0, 1.0]}))
    layer = link.layer_of(particles)
    assert layer.features["index"].tolist() == [0, 5, 2**31 - 1]
    link.session.set_colouring(particles, Colouring("damage"))
    assert np.allclose(layer.get_color(5), link.colour_scale(particles).map(np.array([0.0]))[0], atol=1e-3)
    assert not np.allclose(layer.get_color(5), layer.get_color(2**31 - 1))


@needs_canvas
def test_coloured_particles_stay_above_the_images(viewer):
    """napari draws a layer whose colour table needs another kind of number as the lowest of all."""
    labels = np.zeros((4, 20, 20), np.int32)
    labels[:, :5], labels[:, 10:] = 3, 300
    link = link_of(viewer)
    for name in ("one", "two"):
        viewer.add_image(np.zeros(labels.shape, np.uint8), name=name, scale=SPACING)
    particles = ParticleSet(labels, "found", SPACING)
    link.session.add(particles)
    link.set_table(particles, pd.DataFrame({"label": [3, 300], "damage": [0.1, 0.2], "volume_um3": [2.0, 3.0]}))
    visuals = viewer.window._qt_viewer.canvas.layer_to_visual
    for colouring in (Colouring("volume_um3"), None, Colouring("damage")):
        link.session.set_colouring(particles, colouring)
        settle()
        orders = [visuals[layer].node.order for layer in viewer.layers]
        assert orders == sorted(orders) and len(set(orders)) == len(orders), orders


class _Frames(QObject):
    """Counts how often a window is put up on the screen: that takes as long as drawing what changed."""

    def __init__(self, window):
        super().__init__()
        self.count = 0
        window.installEventFilter(self)

    def eventFilter(self, _watched, event):
        self.count += event.type() == QEvent.Type.UpdateRequest
        return False


@needs_canvas
def test_colours_and_outlines_come_with_their_thumbnails_in_one_frame(viewer, qtbot):
    labels = np.zeros((4, 20, 20), np.int32)
    labels[:, :5], labels[:, 10:] = 3, 300
    link = link_of(viewer)
    particles = ParticleSet(labels, "found", SPACING)
    link.session.add(particles)
    link.set_table(particles, pd.DataFrame({"label": [3, 300], "damage": [0.1, 0.2], "volume_um3": [2.0, 3.0]}))
    link.session.set_colouring(particles, Colouring("damage"))
    link.session.selection = {3}
    qtbot.wait(300)
    frames = _Frames(viewer.window._qt_window)
    link.session.set_colouring(particles, Colouring("volume_um3"))
    qtbot.wait(100)
    assert frames.count == 1
    link.session.selection = {300}
    qtbot.wait(100)
    assert frames.count == 2


def test_colours_follow_the_values_and_go_back(model, labels, table):
    link = link_of(model)
    particles = ParticleSet(labels, "found", SPACING)
    link.session.add(particles)
    layer = link.layer_of(particles)
    plain = layer.get_color(3)
    link.set_table(particles, table)
    link.session.set_colouring(particles, Colouring("volume_um3"))
    scale = link.colour_scale(particles)
    assert scale.limits[0] < scale.limits[1]
    expected = scale.map(np.array([2144.0, 3053.0]))
    assert np.allclose([layer.get_color(3), layer.get_color(7)], expected, atol=1e-3)
    assert layer.colormap.map(np.array([0]))[0, 3] == 0
    link.session.set_colouring(particles, Colouring("damage"))
    assert np.allclose(layer.get_color(7), (0.5, 0.5, 0.5, 1)), "no value is grey"
    link.session.set_colouring(particles, None)
    assert np.allclose(layer.get_color(3), plain)


def test_more_labels_than_a_colour_table_has_rows(model):
    count = 70_000
    labels = np.arange(count, dtype=np.int32).reshape(1, 250, 280)
    link = link_of(model)
    particles = ParticleSet(labels, "many", SPACING)
    link.session.add(particles)
    ids = np.arange(1, count)
    link.set_table(particles, pd.DataFrame({"label": ids, "rank": ids.astype(float)}))
    link.session.set_colouring(particles, Colouring("rank"))
    layer = link.layer_of(particles)
    scale = link.colour_scale(particles)
    assert np.allclose(layer.get_color(69_999), scale.map(np.array([69_999.0]))[0], atol=1e-3)
    assert np.allclose(layer.get_color(1), scale.map(np.array([1.0]))[0], atol=1e-3)


def test_painting_marks_the_table_as_out_of_date(model, labels, table):
    link = link_of(model)
    particles = ParticleSet(labels, "found", SPACING)
    link.session.add(particles)
    link.set_table(particles, table)
    link.layer_of(particles).paint((8, 20, 20), 3)
    assert particles.out_of_date
    assert particles.table is not None


def _polygon(layer):
    layer.mode = "polygon"
    layer.paint_polygon([[4, 5, 5], [4, 5, 20], [4, 20, 20]], 9)


@pytest.mark.parametrize(
    "stroke",
    [
        lambda layer: layer.paint((8, 20, 20), 3),
        lambda layer: layer.paint((8, 10, 10), 0),
        lambda layer: layer.fill((8, 10, 10), 5),
        lambda layer: layer.data_setitem((np.array([1, 2]), np.array([3, 3]), np.array([4, 5])), 8),
        _polygon,
    ],
    ids=["paint", "erase", "fill", "voxels", "polygon"],
)
def test_strokes_are_undone_in_the_one_history(model, labels, table, stroke):
    link = link_of(model)
    particles = ParticleSet(labels, "found", SPACING)
    link.session.add(particles)
    link.set_table(particles, table)
    layer = link.layer_of(particles)
    before = labels.copy()
    stroke(layer)
    after = layer.data.copy()
    assert not np.array_equal(before, after)
    assert len(particles.history.done) == 1 and not layer._undo_history
    link.undo()
    assert np.array_equal(layer.data, before) and not particles.out_of_date
    link.redo()
    assert np.array_equal(layer.data, after) and particles.out_of_date
    layer.data = fresh = labels.copy()
    assert layer.data is particles.labels is fresh and not particles.history.done


def test_an_edit_takes_what_was_said_along_and_undoing_brings_it_back(model, labels, table):
    link = link_of(model)
    session = link.session
    particles = ParticleSet(labels, "found", SPACING)
    session.add(particles)
    link.set_table(particles, table)
    session.set_review(particles, 7, "excluded")
    known = particles.table
    session.edit(particles, merge(particles.labels, [3, 7]))
    assert particles.review == {} and not particles.table["review_excluded"].any()
    measured = table.head(1)
    link.set_table(particles, measured)
    assert not particles.out_of_date
    session.undo(particles)
    assert particles.review == {7: judgement("excluded")} and not particles.out_of_date
    pd.testing.assert_frame_equal(particles.table, known)
    session.redo(particles)
    assert particles.review == {} and not particles.out_of_date and len(particles.table) == 1
    session.undo(particles)
    session.edit(particles, merge(particles.labels, [3, 7]))
    assert particles.out_of_date, "other edits never get a revision that was measured already"


def test_what_cannot_be_undone_is_said(model, labels, monkeypatch):
    said = []
    monkeypatch.setattr("napari_cathode.plugin.link.show_warning", said.append)
    link = link_of(model)
    particles = ParticleSet(labels, "found", SPACING)
    link.session.add(particles)
    link.session.edit(particles, merge(particles.labels, [3, 7]))
    labels[labels > 0] = 1
    link.undo()
    assert "changed by something else" in said[0]


def test_other_labels_drop_the_table(model, labels, table):
    link = link_of(model)
    particles = ParticleSet(labels, "found", SPACING)
    link.session.add(particles)
    link.set_table(particles, table)
    link.layer_of(particles).data = labels.copy()
    assert particles.table is None


@needs_canvas
@pytest.mark.parametrize("ndisplay", [2, 3])
def test_clicks_select_and_drags_do_not(viewer, labels, ndisplay):
    link = link_of(viewer)
    link.session.add(ParticleSet(labels, "found", SPACING))
    viewer.dims.ndisplay = ndisplay
    viewer.reset_view()
    settle()
    drag(viewer, (10, 10), (28, 28))
    assert link.session.selection == frozenset()
    viewer.scene.camera.angles = (0, 0, 90)
    viewer.reset_view()
    settle()
    click(viewer, (10, 10))
    assert link.session.selection == {3}
    click(viewer, (28, 28), Qt.KeyboardModifier.ShiftModifier)
    assert link.session.selection == {3, 7}
    outline = next(layer for layer in viewer.layers if is_helper(layer))
    assert outline.data.any()
    click(viewer, (1, 38))
    assert link.session.selection == frozenset()
    assert not outline.data.any()


@needs_canvas
def test_clicks_on_a_flat_image_and_escape(viewer, labels):
    link = link_of(viewer)
    viewer.add_image(np.zeros((40, 40), np.uint8), scale=SPACING[1:], units=("um",) * 2)
    link.session.add(ParticleSet(labels[8:9], "slice", SPACING))
    settle()
    click(viewer, (28, 28))
    assert link.session.selection == {7}
    QTest.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_Escape)
    settle()
    assert link.session.selection == frozenset()


def test_focus_moves_the_view_to_the_particle(model, labels, table):
    link = link_of(model)
    model.add_image(labels.astype(np.uint8), scale=np.asarray(SPACING) * 1000, units=("nm",) * 3)
    particles = ParticleSet(labels, "found", SPACING)
    link.session.add(particles)
    link.set_table(particles, table)
    model.dims.set_point(0, 0)
    link.session.selection = {7}
    link.session.focus(7)
    # The viewer's world is in nm here, the smaller unit of the two layers.
    assert model.dims.point[0] == pytest.approx(16_000)
    assert model.scene.camera.center[1:] == pytest.approx((28_000, 28_000))


def test_the_outline_covers_the_selected_particles_only(model, labels):
    link = link_of(model)
    link.session.add(ParticleSet(labels, "found", SPACING))
    active = model.layers.selection.active
    link.session.selection = {3}
    outline = next(layer for layer in model.layers if is_helper(layer))
    assert outline.data.sum() == (labels == 3).sum()
    assert outline.data.shape == (9, 17, 17)
    assert np.allclose(outline.translate, (8, 2, 2))
    assert model.layers.selection.active is active
    link.session.selection = {3, 7}
    assert outline.data.sum() == (labels > 0).sum()
    model.layers.remove(outline)
    link.session.selection = {3}
    assert any(is_helper(layer) and layer.data.any() for layer in model.layers)


@needs_canvas
def test_what_the_first_outline_needs_is_made_before_and_nobody_sees_it(viewer, qtbot, labels):
    """The first selection of a session would take twice as long as the others."""
    image = viewer.add_image(labels.astype(np.uint8), scale=SPACING, units=("um",) * 3, name="grey")
    link, rows = link_of(viewer), viewer.window._qt_viewer.layers
    particles = ParticleSet(labels, "found", SPACING)
    link.session.add(particles)
    viewer.layers.selection.active = image
    extent, point = viewer.layers.extent.world.copy(), viewer.dims.point
    qtbot.waitUntil(lambda: any(map(is_helper, viewer.layers)), timeout=10_000)
    outline = next(layer for layer in viewer.layers if is_helper(layer))

    def listed():
        model = rows.model()
        return [model.index(row, 0).data() for row in range(model.rowCount()) if not rows.isRowHidden(row)]

    assert listed() == ["found", "grey"]
    assert viewer.layers.selection.active is image and viewer.layers.selection == {image}
    assert np.array_equal(viewer.layers.extent.world, extent) and viewer.dims.point == point
    upper = viewer.add_points(np.zeros((1, 3)), name="points")
    viewer.layers.move(0, 3)
    settle()
    assert "Selected particles" not in listed() and len(listed()) == 3, "other layers come and move"
    link.session.selection = {3}
    settle()
    assert outline.data.any() and listed()[0] == "Selected particles" and viewer.layers[-1] is outline
    for layer in (upper, image, link.layer_of(particles)):
        viewer.layers.remove(layer)
    settle()
    assert list(viewer.layers) == [outline] and not outline.data.any(), "napari crashes where it goes with them"


@needs_canvas
def test_lazy_and_multiscale_layers_are_picked_too(viewer, labels):
    link = link_of(viewer)
    place = {"scale": SPACING, "units": ("um",) * 3}
    lazy = viewer.add_labels(da.from_array(labels, chunks=8), **place)
    settle()
    link.adopt(lazy)
    click(viewer, (28, 28))
    assert link.session.selection == {7}
    outline = next(layer for layer in viewer.layers if is_helper(layer))
    assert outline.data.sum() == (labels == 7).sum()
    lazy.visible = False
    pyramid = viewer.add_labels([labels, labels[::2, ::2, ::2]], multiscale=True, **place)
    settle()
    particles = link.adopt(pyramid)
    assert particles.labels.shape == labels.shape
    click(viewer, (10, 10))
    assert link.session.selection == {3}


def test_thousands_of_selected_particles_are_outlined_at_once(model):
    grid = np.arange(1, 2501, dtype=np.int32).reshape(1, 50, 50).repeat(4, 1).repeat(4, 2)
    link = link_of(model)
    link.session.add(ParticleSet(grid, "grid", SPACING))
    link.session.selection = range(1, 2501, 2)
    outline = next(layer for layer in model.layers if is_helper(layer))
    seen = outline.colormap.map(grid.ravel()).reshape(*grid.shape, 4)[..., 3] > 0
    assert np.array_equal(seen, grid % 2 == 1)
    link.session.selection = {5, 6}
    assert outline.data.sum() == 2 * 16 and outline.get_color(1)[3] > 0
    link.session.selection = range(2, 2501, 2)
    assert outline.get_color(1)[3] == 0 and outline.get_color(2)[3] > 0
    link.session.selection = ()
    assert not outline.data.any()


def test_another_voxel_size_makes_the_table_out_of_date(model, labels, table):
    link = link_of(model)
    particles = ParticleSet(labels, "found", SPACING)
    link.session.add(particles)
    link.set_table(particles, table)
    link.layer_of(particles).scale = (1, 1, 1)
    assert particles.spacing_um == (1, 1, 1)
    assert particles.out_of_date


@needs_canvas
@pytest.mark.parametrize("ndisplay", [2, 3])
def test_what_is_hidden_is_not_clicked(viewer, ndisplay):
    """In 3D a click goes through a hidden plate to the particle behind it."""
    labels = np.zeros((12, 40, 40), np.int32)
    labels[1:11, 4:36, 4:36] = 9
    labels[4:8, 10:30, 10:30] = 5
    link = link_of(viewer)
    particles = ParticleSet(labels, "found", (1.0, 1.0, 1.0))
    link.session.add(particles)
    link.set_table(particles, pd.DataFrame({"label": [5, 9], "damage": [0.5, np.nan]}))
    link.session.set_colouring(particles, Colouring("damage", hide_missing=True))
    viewer.dims.ndisplay = ndisplay
    viewer.scene.camera.angles = (0, 0, 90)
    viewer.reset_view()
    settle()
    click(viewer, (20, 20))
    assert link.session.selection == {5}
    click(viewer, (7, 7))
    assert link.session.selection == frozenset()


def test_particles_of_the_same_name_get_one_layer_each(model, labels):
    link = link_of(model)
    sets = [ParticleSet(labels.copy(), "found", SPACING) for _ in range(3)]
    for particles in sets:
        layer = link.show(particles)
        assert link.layer_of(particles) is layer
    assert [layer.name for layer in model.layers] == ["found", "found [1]", "found [2]"]
    assert [particles.name for particles in link.session.particle_sets] == ["found", "found [1]", "found [2]"]


def test_the_outline_goes_before_the_layer_does(model, labels):
    link = link_of(model)
    particles = ParticleSet(labels, "found", SPACING)
    layer = link.show(particles)
    link.session.selection = {3}
    seen = []
    link.session.selection_changed.connect(lambda ids: seen.append((ids, layer in model.layers)))
    model.layers.remove(layer)
    assert seen == [(frozenset(), True)]
    assert not model.layers["Selected particles"].data.any()


@needs_canvas
def test_removing_particles_with_a_selection_does_not_crash_napari(viewer, labels):
    link = link_of(viewer)
    image = viewer.add_image(labels.astype(np.uint8), scale=SPACING, units=("um",) * 3)
    layer = link.show(ParticleSet(labels, "found", SPACING), image)
    link.session.selection = {3}
    settle()
    viewer.layers.remove(layer)
    settle()
    viewer.add_labels(np.zeros((5, 5, 5), np.int32), scale=SPACING, units=("um",) * 3)
    settle()
    assert len([layer for layer in viewer.layers if not is_helper(layer)]) == 2


def test_of_the_views_the_one_whose_slices_the_picture_shows_is_seen(model, labels):
    link = link_of(model)
    image = model.add_image(labels.astype(np.uint8), scale=SPACING, units=("um",) * 3, name="tomo")
    tomogram = Tomogram(image.data, SPACING, "tomo")

    def predictions(*views):
        found = {
            view: ViewPrediction(view, labels.copy(), (labels > 0).astype(np.float16), SPACING, None) for view in views
        }
        made = Predictions("tomo", found, tomogram)
        link.views.show(made, image)
        return made

    def seen():
        return [layer.name for layer in model.layers if layer.visible and layer is not image]

    first = predictions("xy", "xz", "yz")
    assert seen() == []
    assert link.views.look_at(first) == "xy" and seen() == ["tomo · xy slices"]
    assert model.layers.selection.active.name == "tomo · xy slices"
    model.dims.order = (1, 0, 2)
    assert link.views.look_at(first) == "xz" and seen() == ["tomo · xz slices"]
    second = predictions("yz")
    assert link.views.look_at(second) == "yz" and seen() == ["tomo · yz slices [1]"]
    link.views.hide()
    assert seen() == []
    model.dims.ndisplay = 3
    assert link.views.look_at(first) == "" and seen() == []
    model.dims.ndisplay = 2
    for layer in link.views.layers(second).values():
        model.layers.remove(layer)
    assert link.views.look_at(second) == ""


def test_a_selected_particle_is_sliced_and_outlined_once(model, labels, table):
    link = link_of(model)
    particles = ParticleSet(labels, "found", SPACING)
    link.session.add(particles)
    link.set_table(particles, table)
    link.session.selection = {3}
    times = {layer.name: [] for layer in model.layers}
    for layer in model.layers:
        layer.events.set_data.connect(lambda event: times[event.source.name].append(1))
    model.dims.set_point(0, 0)
    assert [len(known) for known in times.values()] == [1, 1]
    link.session.selection = {7}
    link.session.focus(7)
    assert times["found"] == [1, 1], "the slice of particle 7"
    assert len(times["Selected particles"]) == 3, "its outline, and the slice of it"
    assert model.dims.point[0] % SPACING[0] == 0, "where napari's slider can be"


def test_measuring_shows_the_damage_of_plain_particles_and_leaves_chosen_colours(model, labels, table):
    link = link_of(model)

    def measured(particles):
        return link.show_measured(particles, (table.copy(), None), None, {"groups": []})

    # A table of another tool was there: nobody has seen the damage yet.
    particles = ParticleSet(labels.copy(), "found", SPACING, table=table[["label", "volume_um3"]])
    link.session.add(particles)
    assert measured(particles) and particles.colouring == Colouring("damage")
    # Plain labels were chosen instead of it.
    link.session.set_colouring(particles, None)
    assert measured(particles) and particles.colouring is None
    # As was another column.
    other = ParticleSet(labels.copy(), "other", SPACING, table=table[["label", "volume_um3"]])
    link.session.add(other)
    link.session.set_colouring(other, Colouring("volume_um3", colormap="magma"))
    measured(other)
    assert other.colouring == Colouring("volume_um3", colormap="magma")
    # Nothing is coloured by what nobody has.
    without = ParticleSet(labels.copy(), "without", SPACING)
    link.session.add(without)
    assert not link.show_measured(without, (table.assign(damage=np.nan), None), None, {}) and without.colouring is None
