"""All steps through their panels, in a window that must not stutter."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from napari_cathode.io import read_table
from napari_cathode.plugin.link import link_of
from napari_cathode.session import Colouring, ParticleSet
from napari_cathode.simulate import simulate_slice
from napari_cathode.simulate.samples import SAMPLES
from napari_cathode.widgets.docks import FEATURES, FUSE, IDENTIFY, SHAP, open_dock, open_results
from tests.plugin.conftest import needs_canvas, settle

from .heartbeat import Heartbeat

TIMEOUT_MS = 300_000


def run(qtbot, runner, start):
    """Start a step, wait for its end, and give the longest turn of the event loop meanwhile."""
    with Heartbeat() as heart, qtbot.waitSignal(runner.finished, timeout=TIMEOUT_MS):
        start()
    assert runner.error == "", runner._details
    assert heart.beats > 20
    return heart.longest


def coloured(viewer):
    """Give the share of the canvas that is not grey."""
    pixels = viewer.screenshot(canvas_only=True, flash=False)[..., :3].astype(int)
    return float((np.ptp(pixels, axis=-1) > 30).mean())


@pytest.fixture
def electrode():
    """Give a volume of 36 balls with hollow cores, and its labels."""
    z, y, x = np.ogrid[:24, :96, :96]
    grey = np.random.default_rng(1).normal(60, 6, (24, 96, 96))
    for cy in range(8, 96, 16):
        for cx in range(8, 96, 16):
            distance = (z - 12) ** 2 + (y - cy) ** 2 + (x - cx) ** 2
            grey[distance < (5 + (cx % 3)) ** 2] += 100
    return np.clip(grey, 0, 255).astype(np.uint8)


@pytest.fixture
def first_layers(viewer):
    """Let napari make its first layers of each kind, for which it takes 0.3 s each."""
    viewer.add_labels(np.zeros((1, 1), np.int32), name="first")
    viewer.layers.remove("first")


@needs_canvas
def test_find_fuse_and_measure(viewer, qtbot, electrode, first_layers):
    viewer.add_image(electrode, name="tomo", scale=(0.2,) * 3, units=("um",) * 3)
    link = link_of(viewer)
    identify = open_dock(viewer, IDENTIFY)
    identify.form.field("method").set_value("watershed")
    identify.form.field("diameter_um").set_value(2.4)
    settle()
    assert run(qtbot, identify.runner, identify.identify) < 0.2
    assert [set(found.views) for found in link.session.predictions] == [{"xy", "xz", "yz"}]
    views = link.views.layers(link.session.predictions[0])
    assert [view for view, layer in views.items() if layer.visible] == ["xy"], "what was found is seen"
    assert "the picture shows those of the xy slices" in identify.runner.status
    settle()
    assert coloured(viewer) > 0.05

    fuse = open_dock(viewer, FUSE)
    settle()
    assert run(qtbot, fuse.runner, fuse.fuse) < 0.2
    particles = link.session.current
    assert particles.labels.max() == 36
    assert not any(layer.visible for layer in views.values()), "the particles are seen instead"
    settle()
    assert coloured(viewer) > 0.05
    viewer.layers["tomo particles"].visible = False
    settle()
    assert coloured(viewer) == 0
    viewer.layers["tomo particles"].visible = True
    assert tuple(viewer.layers["tomo particles"].scale) == (0.2,) * 3

    features = open_dock(viewer, FEATURES)
    settle()
    assert run(qtbot, features.runner, features.measure) < 0.2
    assert len(particles.table) == 36
    assert "36 in all" in features.summary.text()
    assert "volume_um3" in viewer.layers["tomo particles"].features.columns


@needs_canvas
@pytest.mark.slow
def test_the_network_and_all_steps_do_not_stutter(viewer, qtbot, first_layers):
    image, _ = viewer.open_sample("napari-cathode", "nmc-slice")
    image.data = image.data[:256, :384]
    viewer.layers.remove(viewer.layers[1])
    identify = open_dock(viewer, IDENTIFY)
    identify.image.layer = image
    settle()
    assert run(qtbot, identify.runner, identify.identify) < 0.2
    with Heartbeat() as heart:
        identify.run_all()
        qtbot.waitUntil(lambda: not identify.flow.step and not identify.runner.running, timeout=TIMEOUT_MS)
    assert heart.longest < 0.2
    assert "at least 30 are needed" in identify.runner.error, "all else is kept"
    particles = link_of(viewer).session.current
    assert particles.colouring == Colouring("damage")
    with Heartbeat() as heart:
        open_results(viewer)
        qtbot.waitUntil(lambda: len(viewer.window.dock_widgets) == 3, timeout=300_000)
        qtbot.wait(1000)
    assert heart.longest < 0.2


@needs_canvas
def test_explain_export_and_click_a_point(viewer, qtbot, tmp_path):
    rng = np.random.default_rng(0)
    labels = np.arange(1, 65, dtype=np.int32).reshape(1, 8, 8).repeat(4, 1).repeat(4, 2)
    sphericity = rng.random(64)
    table = pd.DataFrame(
        {
            "label": np.arange(1, 65),
            "sphericity": sphericity,
            "contact": rng.random(64),
            "damage": 0.3 * sphericity + 0.02 * rng.random(64),
        }
    )
    link = link_of(viewer)
    particles = ParticleSet(labels, "p", (1.0, 1.0, 1.0))
    link.show(particles)
    link.set_table(particles, table)
    shap = open_dock(viewer, SHAP)
    shap.form.field("n_trees").set_value(10)
    settle()
    assert shap.target.currentData() == "damage"
    assert shap._ticked() == ("sphericity", "contact")
    assert run(qtbot, shap.runner, shap.explain) < 0.2
    assert "R²" in shap.score.text()
    shap.export_to(str(tmp_path / "shap.csv"))
    written = read_table(tmp_path / "shap.csv")
    np.testing.assert_allclose(
        written[["base_value", "sphericity", "contact"]].sum(axis=1), written["prediction"], atol=1e-9
    )
    with Heartbeat() as heart:
        qtbot.waitUntil(lambda: shap.swarm.drawn is not None and shap.swarm._background is not None, timeout=300_000)
    assert heart.longest < 0.2

    points = shap.swarm.drawn
    place = points.axes.transData.transform((points.x[5], points.y[5]))
    canvas = shap.swarm._canvas
    x, y = place[0] / canvas.device_pixel_ratio, canvas.height() - place[1] / canvas.device_pixel_ratio
    from qtpy.QtCore import QPoint, Qt
    from qtpy.QtTest import QTest

    QTest.mouseClick(canvas, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(round(x), round(y)))
    assert len(link.session.selection) == 1
    shap.bars.feature_clicked.emit("sphericity")
    assert particles.colouring == Colouring("sphericity", True)
    limits = shap.colour_by.bar.limits
    assert limits[0] == -limits[1], "zero is in the middle"


@needs_canvas
def test_one_slice_of_a_volume(viewer, qtbot, electrode):
    viewer.add_image(electrode, name="tomo", scale=(0.2,) * 3, units=("um",) * 3)
    identify = open_dock(viewer, IDENTIFY)
    identify.form.field("method").set_value("watershed")
    identify.form.field("diameter_um").set_value(2.4)
    identify.views.setCurrentIndex(identify.views.count() - 1)
    viewer.dims.set_point(0, 12 * 0.2)
    settle()
    run(qtbot, identify.runner, identify.identify)
    particles = link_of(viewer).session.current
    layer = link_of(viewer).layer_of(particles)
    assert particles.labels.shape == (1, 96, 96)
    assert layer.translate[0] == pytest.approx(12 * 0.2)
    assert "Found 36 particles" in identify.runner.status


@needs_canvas
def test_a_step_whose_layers_are_all_removed_at_once_shows_nothing(viewer, qtbot, electrode):
    viewer.add_image(electrode[12], name="tomo", scale=(0.2,) * 2, units=("um",) * 2)
    identify = open_dock(viewer, IDENTIFY)
    identify.form.field("method").set_value("watershed")
    identify.form.field("diameter_um").set_value(2.4)
    with qtbot.waitSignal(identify.runner.finished, timeout=TIMEOUT_MS):
        identify.identify()
        viewer.layers.clear()
    assert "“tomo” was removed" in identify.runner.status
    settle()
    assert len(viewer.layers) == 0


@needs_canvas
@pytest.mark.slow
def test_the_demo_ends_with_coloured_particles_table_and_plots(make_napari_viewer, qtbot, monkeypatch):
    from napari_cathode.plugin import demo, samples

    viewer = make_napari_viewer(show=True, strict_qt="raise")
    monkeypatch.setattr(demo.napari, "Viewer", lambda **_: viewer)
    whole = samples.load_sample(demo.SAMPLE)
    cut = np.s_[:96, :128, :128]  # 3D as the whole sample, in half the time
    small = replace(whole, image=whole.image[cut], labels=whole.labels[cut], field_of_view=whole.field_of_view)
    monkeypatch.setattr(samples, "load_sample", lambda _: small)
    _, start = demo.start_demo()
    assert start.runner.running
    with Heartbeat() as heart:
        qtbot.waitSignal(start.flow.completed, timeout=900_000).wait()
        qtbot.wait(500)
    assert start.runner.error == "", start.runner._details
    particles = link_of(viewer).session.current
    assert particles.colouring == Colouring("damage")
    assert particles.explanation is not None
    assert len(particles.table) > 40
    assert heart.longest < 0.2


@needs_canvas
def test_samples_are_in_the_menu_and_fit_their_images(make_napari_viewer):
    viewer = make_napari_viewer(strict_qt="raise")
    for key in SAMPLES:
        image, truth = viewer.open_sample("napari-cathode", key)
        assert image.visible and not truth.visible
        assert tuple(image.scale) == tuple(truth.scale)
        assert image.data.shape == truth.data.shape
        assert str(image.units[0]) == "micrometer"
        particles = link_of(viewer).adopt(truth)
        assert set(particles.table["label"]) == set(np.unique(truth.data)) - {0}
        assert "damage" in particles.table
        viewer.layers.clear()


@needs_canvas
def test_the_large_sample_comes_through_a_progress_bar(make_napari_viewer, qtbot, monkeypatch):
    from napari_cathode.plugin import samples

    from .steps import iter_small_sample

    monkeypatch.setattr(samples, "iter_generate_large", iter_small_sample)
    viewer = make_napari_viewer(strict_qt="raise")
    image, _ = viewer.open_sample("napari-cathode", "nmc-large")
    expected = simulate_slice(SAMPLES["nmc-slice"].parameters.__class__(size_z=1, size_y=64, size_x=64), 0)
    assert np.array_equal(image.data, expected.image[0])


@needs_canvas
def test_closing_the_window_ends_what_runs(make_napari_viewer, qtbot, electrode):
    from .test_runner import children

    viewer = make_napari_viewer(show=True, strict_qt="raise")
    viewer.add_image(np.tile(electrode, (4, 4, 4)), name="tomo", scale=(0.2,) * 3, units=("um",) * 3)
    identify = open_dock(viewer, IDENTIFY)
    identify.form.field("method").set_value("watershed")
    before = children()
    identify.identify()
    qtbot.waitUntil(lambda: bool(children() - before), timeout=300_000)
    viewer.close()
    qtbot.waitUntil(lambda: not children() - before, timeout=5000)
