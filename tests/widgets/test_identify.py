"""The Identify panel with real events: preview, region, line, thresholds afterwards, Cancel, models, warnings."""

import json
import os
import time
from dataclasses import replace

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_cathode import io
from napari_cathode.edit import delete
from napari_cathode.identify import IdentifyParameters, candidates, predict_3d
from napari_cathode.kept_process import KeptProcess
from napari_cathode.plugin.finding_steps import Found
from napari_cathode.plugin.layers import is_helper, tomogram_of, voxel_at
from napari_cathode.plugin.link import link_of
from napari_cathode.progress import Progress
from napari_cathode.simulate.samples import SAMPLES
from napari_cathode.whole_run import EXPLAIN, FIND, MEASURE
from napari_cathode.widgets.adjust import FLOOR, FLOOR_3D
from napari_cathode.widgets.diameter_line import DiameterLine
from napari_cathode.widgets.docks import IDENTIFY, open_dock
from napari_cathode.widgets.job import Job
from napari_cathode.widgets.region_choice import RegionChoice
from napari_cathode.widgets.runner import Runner
from tests.plugin.conftest import canvas_point, click, drag, settle

TIMEOUT_MS = 300_000
EDGE = 0.1


def balls(shape=(5, 120, 160)) -> np.ndarray:
    """Give bright discs, 26 voxels across, that go through all slices."""
    rows, columns = np.mgrid[: shape[1], : shape[2]]
    image = np.full(shape[1:], 60.0)
    for y in range(20, shape[1], 40):
        for x in range(20, shape[2], 40):
            image[np.hypot(rows - y, columns - x) <= 13] = 190
    noisy = image + np.random.default_rng(0).normal(0, 9, shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


@pytest.fixture
def panel(viewer):
    """The panel beside a small volume, which has unequal voxels: z is twice as long."""
    viewer.add_image(balls(), name="tomo", scale=(2 * EDGE, EDGE, EDGE), units=("um",) * 3)
    made = open_dock(viewer, IDENTIFY)
    made.form.field("diameter_um").set_value(26 * EDGE)
    settle()
    return made


def press(qtbot, button, runner):
    """Click a button and wait for the end of the run."""
    with qtbot.waitSignal(runner.finished, timeout=TIMEOUT_MS):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def test_preview_then_thresholds_without_the_network(viewer, qtbot, panel):
    viewer.dims.set_point(0, 3 * 2 * EDGE)
    press(qtbot, panel.preview_button, panel.runner)
    assert panel.runner.error == ""
    layer = viewer.layers["tomo · preview"]
    assert is_helper(layer), "no step takes a preview for particles"
    assert layer.data.shape == (1, 120, 160)
    assert voxel_at(viewer.layers["tomo"], layer.data_to_world((0, 0, 0)), None)[0] == pytest.approx(3)
    assert "xy slice 3" in panel.runner.status
    count = int(layer.data.max())
    assert count == 12
    assert panel.adjust.isVisibleTo(panel)
    # No particle is as probable as that …
    panel.adjust.probability.slider.setFocus()
    QTest.keyClick(panel.adjust.probability.slider, Qt.Key.Key_End)
    qtbot.waitUntil(lambda: not layer.data.any(), timeout=TIMEOUT_MS)
    assert panel.form.field("prob_threshold").value() == pytest.approx(0.99)
    # … and moving back finds them again.
    panel.adjust.probability.slider.setValue(50)
    qtbot.waitUntil(lambda: not panel.adjust.busy and layer.data.max() == count, timeout=TIMEOUT_MS)
    assert "12 particles" in panel.adjust.count.text()
    panel.look.setCurrentIndex(1)
    assert layer.contour == 2


def test_layers_that_are_no_tomogram_are_named(viewer):
    panel = open_dock(viewer, IDENTIFY)
    settle()
    assert panel._empty.text().startswith("Open a tomogram first")
    viewer.add_image(np.zeros((40, 40, 3), np.uint8), name="photo")
    assert "photo is a colour image" in panel._empty.text()
    viewer.layers.clear()
    assert panel._empty.text().startswith("Open a tomogram first")
    viewer.add_image(np.zeros((2, 3, 40, 40)), name="channels")
    assert "channels has 4 axes" in panel._empty.text()
    viewer.add_image(balls(), name="tomo")
    assert not panel._empty.text() and panel.button.isEnabled()


@pytest.mark.parametrize(("seen", "floor"), [("slice", FLOOR), ("volume", FLOOR_3D)])
def test_the_slider_goes_as_far_down_as_there_are_candidates(panel, seen, floor):
    assert (floor == candidates.FLOOR) if seen == "slice" else (floor == predict_3d.FLOOR)
    found = Found({}, **{seen: object()})
    for used, lowest in ((0.4, floor), (0.05, 0.05)):
        parameters = IdentifyParameters(prob_threshold=used, nms_threshold=0.3)
        panel.adjust.show_found(found, parameters, lambda _labels: None)
        assert panel.adjust.probability.value() == used
        panel.adjust.probability.slider.blockSignals(True)
        panel.adjust.probability.slider.setValue(0)
        panel.adjust.probability.slider.blockSignals(False)
        assert panel.adjust.probability.value() == lowest


def test_preview_along_another_axis(viewer, qtbot, panel):
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_point(1, 20 * EDGE)
    settle()
    press(qtbot, panel.preview_button, panel.runner)
    assert panel.runner.error == ""
    assert viewer.layers["tomo · preview"].data.shape == (5, 1, 160)
    assert "xz slice 20" in panel.runner.status


def test_particles_of_a_rectangle_lie_where_they_were_drawn(viewer, qtbot, panel):
    corners = np.array([[0, 41, 41], [0, 41, 119], [0, 119, 119], [0, 119, 41]]) * [2 * EDGE, EDGE, EDGE]
    viewer.add_shapes([corners], shape_type="rectangle", name="here", units=("um",) * 3)
    index = panel.region.findText("rectangle in here")
    panel.region.setCurrentIndex(index)
    assert panel.region.region(viewer.layers["tomo"]) == ((0, 5), (41, 120), (41, 120))
    panel.views.setCurrentIndex(panel.views.findText("xy slices"))
    press(qtbot, panel.button, panel.runner)
    assert panel.runner.error == ""
    layer = viewer.layers["tomo · xy slices"]
    assert layer.data.shape == (5, 79, 79)
    assert layer.data_to_world((0, 0, 0)) == pytest.approx((0, 41 * EDGE, 41 * EDGE))
    centre = [round(value) for value in layer.world_to_data((0, 60 * EDGE, 60 * EDGE))]
    assert layer.data[tuple(centre)] > 0
    # All slices anew with an impossible probability: none is left, and what will be fused or saved knows it.
    assert panel.adjust.button.isVisibleTo(panel)
    session = link_of(viewer).session
    told = []
    session.predictions_edited.connect(lambda: told.append(True))
    panel.adjust.probability.slider.setValue(99)
    press(qtbot, panel.adjust.button, panel.runner)
    assert not layer.data.any() and told
    (predictions,) = session.predictions
    assert predictions.views["xy"].labels is layer.data
    assert predictions.views["xy"].parameters.prob_threshold == pytest.approx(0.99)
    layer.visible = True
    settle()
    layer.data_setitem((np.array([2]), np.array([5]), np.array([6])), 7)
    panel.adjust.probability.slider.setValue(50)
    QTest.mouseClick(panel.adjust.button, Qt.MouseButton.LeftButton)
    assert "xy slices were painted on" in panel.runner.error and not panel.runner.running
    assert layer.data[2, 5, 6] == 7, "what a person painted stays"


def test_thresholds_leave_a_slice_alone_that_somebody_worked_on(viewer, qtbot):
    viewer.add_image(balls()[0], name="tomo", scale=(EDGE, EDGE), units=("um",) * 2)
    panel = open_dock(viewer, IDENTIFY)
    panel.form.field("diameter_um").set_value(26 * EDGE)
    settle()
    press(qtbot, panel.button, panel.runner)
    session = link_of(viewer).session
    particles = session.current
    panel.adjust.probability.slider.setValue(60)
    qtbot.waitUntil(lambda: "12 particles" in panel.adjust.count.text(), timeout=TIMEOUT_MS)
    assert particles.provenance["identify"]["prob_threshold"] == 0.6
    assert particles.provenance["identify"]["percentile_low"] == 1.0
    session.edit(particles, delete(particles.labels, [3]))
    panel.adjust.probability.slider.setValue(99)
    qtbot.waitUntil(lambda: "0 particles" in panel.adjust.count.text(), timeout=TIMEOUT_MS)
    assert "Find particles makes new ones" in panel.runner.status
    assert particles.labels.max() == 12 and len(particles.history.done) == 1


def test_thresholds_of_a_3d_network_without_the_network(viewer, qtbot):
    grid = np.mgrid[:48, :64, :64]
    image = np.full((48, 64, 64), 60.0)
    for centre in ((14, 18, 18), (14, 46, 46), (34, 32, 20)):
        image[np.linalg.norm(grid - np.reshape(centre, (3, 1, 1, 1)), axis=0) <= 10] = 190
    noisy = np.clip(image + np.random.default_rng(0).normal(0, 9, image.shape), 0, 255).astype(np.uint8)
    viewer.add_image(noisy, name="tomo", scale=(EDGE,) * 3, units=("um",) * 3)
    panel = open_dock(viewer, IDENTIFY)
    panel.form.field("method").set_value("stardist3d")
    panel.form.field("diameter_um").set_value(20 * EDGE)
    settle()
    press(qtbot, panel.button, panel.runner)
    assert panel.runner.error == "" and "Found 3 particles" in panel.runner.status
    session = link_of(viewer).session
    particles = session.current
    found = particles.labels.copy()
    assert found.max() == 3
    assert panel.adjust.isVisibleTo(panel) and panel.adjust.button.isVisibleTo(panel)
    panel.adjust.probability.slider.setValue(99)
    assert panel.form.field("prob_threshold").value() == pytest.approx(0.99)
    press(qtbot, panel.adjust.button, panel.runner)
    assert panel.runner.status.startswith("0 particles") and not particles.labels.any()
    assert particles.provenance["identify"]["prob_threshold"] == 0.99
    panel.adjust.probability.slider.setValue(50)
    press(qtbot, panel.adjust.button, panel.runner)
    assert panel.runner.status.startswith("3 particles")
    np.testing.assert_array_equal(particles.labels > 0, found > 0)
    session.edit(particles, delete(particles.labels, [3]))
    QTest.mouseClick(panel.adjust.button, Qt.MouseButton.LeftButton)
    assert "Find particles makes new ones" in panel.runner.error and not panel.runner.running
    assert particles.labels.max() == 2, "what a person corrected stays"


def test_the_part_in_view(viewer, panel):
    choice = panel.region
    choice.setCurrentIndex(1)
    layer = viewer.layers["tomo"]
    viewer.reset_view()
    qtbot_wait(viewer)
    assert choice.region(layer) == ((0, 5), (0, 120), (0, 160))
    viewer.scene.camera.zoom *= 4
    viewer.scene.camera.center = (0, 60 * EDGE, 80 * EDGE)
    qtbot_wait(viewer)
    (z, y, x) = choice.region(layer)
    assert z == (0, 5)
    assert 0 < y[0] < 60 < y[1] < 120
    assert 0 < x[0] < 80 < x[1] < 160
    viewer.scene.camera.center = (0, 1e4, 1e4)
    qtbot_wait(viewer)
    panel.show_preview()
    assert "tomo is not in view" in panel.runner.error


def test_what_comes_and_goes_leaves_the_chosen_region_alone(viewer, panel):
    changes = []
    panel.region.setCurrentIndex(1)
    panel.region.currentIndexChanged.connect(changes.append)
    preview = viewer.add_labels(np.zeros((5, 120, 160), int), name="preview")
    shapes = viewer.add_shapes(name="box")
    assert panel.region.currentIndex() == 1
    panel.region.setCurrentIndex(2)
    viewer.layers.remove(preview)
    viewer.layers.move(0, 2)
    assert panel.region.currentData() is shapes
    viewer.layers.remove(shapes)
    assert panel.region.whole
    assert changes == [2, 0]


def qtbot_wait(viewer):
    """Let the canvas be drawn, which is when napari looks up what is in view."""
    viewer.window._qt_viewer.canvas.native.repaint()
    QTest.qWait(150)


@pytest.mark.parametrize("how", ["clicks", "drag"])
def test_a_line_sets_the_diameter_and_selects_nothing(viewer, panel, how):
    viewer.reset_view()
    settle()
    centre = tuple(viewer.scene.camera.center)
    QTest.mouseClick(panel.line, Qt.MouseButton.LeftButton)
    assert panel.line.isChecked()
    start, stop = np.array([60, 47]) * EDGE, np.array([60, 73]) * EDGE
    if how == "drag":
        drag(viewer, start, stop)
    else:
        click(viewer, start)
        for share in (0.3, 0.6):
            point = canvas_point(viewer, start + share * (stop - start))
            QTest.mouseMove(viewer.window._qt_viewer.canvas.native, point)
            QTest.qWait(50)
        assert "particle diameter" in [layer.name for layer in viewer.layers], "the line is seen while it grows"
        click(viewer, stop)
    assert not panel.line.isChecked()
    assert panel.form.field("diameter_um").value() == pytest.approx(26 * EDGE, rel=0.05)
    assert [layer.name for layer in viewer.layers] == ["tomo"], "the line goes"
    assert viewer.scene.camera.mouse_pan
    assert tuple(viewer.scene.camera.center) == centre, "drawing does not move the picture"


def test_a_line_is_measured_in_micrometres_whatever_the_units(viewer):
    """Across unequal voxels, in a window whose unit is the nanometre."""
    image = viewer.add_image(np.zeros((50, 60)), scale=(2.0, 1.0), units=("um", "um"))
    viewer.add_image(np.zeros((50, 60)), scale=(2000.0, 1000.0), units=("nm", "nm"), opacity=0.5)
    line = DiameterLine(viewer, lambda: (image, (2.0, 2.0, 1.0)))
    viewer.window.add_dock_widget(line)
    lengths = []
    line.measured.connect(lengths.append)
    viewer.reset_view()
    settle()
    for start, stop in (((10, 30), (20, 30)), ((20, 10), (20, 40))):
        line.setChecked(True)
        world = [np.array(point) * [2000, 1000] for point in (start, stop)]
        drag(viewer, *world)
    assert lengths == pytest.approx([20.0, 30.0], rel=0.05)


def test_a_line_needs_a_voxel_size(viewer):
    viewer.add_image(np.zeros((40, 40)))
    panel = open_dock(viewer, IDENTIFY)
    settle()
    QTest.mouseClick(panel.line, Qt.MouseButton.LeftButton)
    assert not panel.line.isChecked()
    assert "voxel size" in panel.runner.error


def test_time_memory_and_backend_are_told_before_the_run(viewer, qtbot, panel):
    panel.form.field("diameter_um").set_value(None)
    qtbot.waitUntil(lambda: panel.before.survey is not None, timeout=TIMEOUT_MS)
    text = panel.before.facts.text()
    assert text.startswith("About ")
    assert "GB of memory" in text
    assert panel.before.survey.backend in text
    assert panel.before.survey.parameters.diameter_um == pytest.approx(2.6, rel=0.3)
    assert panel.before.warning.text() == ""
    panel.views.setCurrentIndex(panel.views.findText("only the slice shown"))
    assert panel.before.facts.text().startswith("About 1 s")


def test_the_work_of_a_3d_network_is_told_too(viewer, qtbot, panel):
    panel.form.field("method").set_value("stardist3d")
    qtbot.waitUntil(
        lambda: panel.before.survey is not None and panel.before.survey.volume is not None, timeout=TIMEOUT_MS
    )
    text = panel.before.facts.text()
    assert text.startswith("About ")
    assert "GB of memory" in text
    tomogram, parameters = tomogram_of(panel.image.layer), panel.form.value()
    assert panel.before.knows(tomogram, replace(parameters, prob_threshold=0.7))
    for other in ({"model_3d": "another"}, {"model_xz": "another"}):
        assert not panel.before.knows(tomogram, replace(parameters, **other)), "it may be slower"


def test_one_time_is_told_for_all_steps_of_a_3d_network(viewer, panel, monkeypatch):
    panel.form.field("method").set_value("stardist3d")
    times = []
    monkeypatch.setattr(panel.flow, "_next", lambda: times.append(panel.flow._time))
    expected = {FIND: 50.0, MEASURE: 20.0, EXPLAIN: 10.0}  # nothing is fused
    layer = panel.image.layer
    panel.flow.start(layer, tomogram_of(layer), panel.form.value(), again=True, expected=expected)
    times[0].begin()
    assert times[0].seconds(0.0) == 80
    assert panel.flow._left == [FIND, MEASURE, EXPLAIN]


@pytest.mark.parametrize(
    ("image", "words"),
    [
        (np.full((40, 40), 7, np.uint8), "constant"),
        (np.full((40, 40), np.nan, np.float32), "not numbers"),
    ],
)
def test_images_that_cannot_be_used_are_told_in_one_sentence(viewer, qtbot, image, words):
    viewer.add_image(image, name="mine", scale=(0.1, 0.1), units=("um",) * 2)
    panel = open_dock(viewer, IDENTIFY)
    panel.form.field("diameter_um").set_value(1.0)
    settle()
    press(qtbot, panel.preview_button, panel.runner)
    assert words in panel.runner.error
    assert "mine" in panel.runner.error
    assert not panel.runner._copy.isVisible()


def test_inverted_contrast_is_told(viewer, qtbot):
    sample = io.read(SAMPLES["nmc-slice"].path)
    grey = np.asarray(sample.data)[0]
    viewer.add_image(grey.max() - grey, name="dark", scale=sample.spacing_um[1:], units=("um",) * 2)
    panel = open_dock(viewer, IDENTIFY)
    panel.form.field("diameter_um").set_value(4.5)  # µm, as its particles measure across
    settle()
    press(qtbot, panel.preview_button, panel.runner)
    assert "invert the image" in panel.before.warning.text()


def test_a_model_folder_is_opened_or_refused_in_one_sentence(viewer, tmp_path):
    panel = open_dock(viewer, IDENTIFY)
    box = panel.form.field("model").editor
    assert "24 pixels" in panel.model_facts["stardist2d"].summary.text(), "what the card says"
    shipped = panel.model_facts["stardist2d"].info.folder
    own = tmp_path / "mine"
    own.mkdir()
    panel.model_facts["stardist2d"].open_folder(str(own))
    assert "config.json" in panel.runner.error
    config = json.loads((shipped / "config.json").read_text())
    (own / "config.json").write_text(json.dumps(config | {"n_dim": 3, "grid": [2, 2, 2], "unet_pool": [2, 2, 2]}))
    panel.model_facts["stardist2d"].open_folder(str(own))
    assert "3D" in panel.runner.error
    (own / "config.json").write_text(json.dumps(config))
    panel.model_facts["stardist2d"].open_folder(str(own))
    assert "no weights" in panel.runner.error
    assert box.currentData() == "nmc-2d", "what is refused is not chosen"
    (own / "weights_best.h5").write_bytes(b"")
    panel.model_facts["stardist2d"].open_folder(str(own))
    assert panel.runner.error == ""
    assert panel.form.value().model == str(own)
    assert "accuracy is not known" in panel.model_facts["stardist2d"].summary.text()


def iter_suppress_for_ever(path):
    """Hold Python's lock in StarDist's suppression."""
    from stardist.nms import non_maximum_suppression_inds

    rng = np.random.default_rng(0)
    points = rng.uniform(0, 400, (60_000, 2))
    distances = rng.uniform(5, 60, (60_000, 32)).astype(np.float32)
    with open(path, "w") as file:
        file.write(str(os.getpid()))
    yield Progress(0, 1, "Suppressing")
    non_maximum_suppression_inds(distances, points, np.ones(60_000), thresh=1.0)


def test_cancel_ends_suppression_within_a_second(qtbot, tmp_path):
    runner = Runner()
    qtbot.addWidget(runner)
    runner.show()
    job = Job("Suppress", iter_suppress_for_ever, str(tmp_path / "pid"))
    job.kept = KeptProcess()
    runner.start(job, lambda _: "done")
    qtbot.waitUntil(lambda: runner.status == "Suppressing", timeout=TIMEOUT_MS)
    QTest.qWait(500)
    pid = int((tmp_path / "pid").read_text())
    os.kill(pid, 0)
    started = time.monotonic()
    QTest.mouseClick(runner._cancel, Qt.MouseButton.LeftButton)
    assert not runner.running
    qtbot.waitUntil(lambda: not _alive(pid), timeout=5000)
    assert time.monotonic() - started < 1.0
    assert "Cancelled" in runner.status


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_shapes_are_offered_while_they_are_there(qtbot, model):
    choice = RegionChoice(model)
    qtbot.addWidget(choice)
    image = model.add_image(np.zeros((4, 20, 20)))
    shapes = model.add_shapes(name="box")
    choice.setCurrentIndex(choice.findText("rectangle in box"))
    from napari_cathode.errors import InputError

    with pytest.raises(InputError, match="no shape in box"):
        choice.region(image)
    model.layers.remove(shapes)
    assert choice.whole


def test_all_steps_keep_what_was_found_when_the_last_one_fails(viewer, qtbot, panel):
    panel.form.field("method").set_value("watershed")
    QTest.mouseClick(panel.all_button, Qt.MouseButton.LeftButton)
    assert not panel.all_button.isEnabled()
    qtbot.waitUntil(lambda: not panel.flow.step and not panel.runner.running, timeout=4 * TIMEOUT_MS)
    particles = link_of(viewer).session.current
    assert len(particles.table) == particles.labels.max() == 12
    assert particles.agreement is not None
    assert panel.runner.error, "twelve particles are too few to be explained"
    assert particles.explanation is None
    assert panel.all_button.isEnabled()
