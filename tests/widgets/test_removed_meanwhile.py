"""What a step needs is removed while it runs: the step goes too, and says so."""

import numpy as np
import pandas as pd
import pytest

from napari_cathode.plugin.link import link_of
from napari_cathode.session import ParticleSet
from napari_cathode.tomogram import Tomogram
from napari_cathode.widgets import beforehand, features, flow, fuse, identify, shap
from napari_cathode.widgets.docks import FEATURES, FUSE, IDENTIFY, SHAP, START, open_dock
from tests.plugin.conftest import SPACING, needs_canvas, settle

from .steps import iter_count

pytestmark = needs_canvas


def endless(*_args):
    """Stand in for a step that takes long."""
    return (yield from iter_count(10_000))


@pytest.fixture
def image(viewer, labels):
    """Give the layer of a tomogram."""
    return viewer.add_image(labels.astype(np.uint8), name="tomo", scale=SPACING, units=("um",) * 3)


@pytest.fixture
def particles(viewer, image, labels, table):
    """Give its particles, measured."""
    shown = ParticleSet(labels, "found", SPACING, Tomogram(image.data, SPACING, "tomo"))
    link_of(viewer).show(shown, image)
    link_of(viewer).set_table(shown, pd.concat([table] * 32).assign(label=range(1, 65), damage=np.linspace(0, 1, 64)))
    return shown


def remove(viewer, layer, runner):
    """Remove another layer, which changes nothing, then one that the step needs."""
    assert runner.running, runner.error
    other = viewer.add_image(np.zeros((2, 2)), name="other")
    settle()  # napari crashes when a layer goes before it was drawn
    viewer.layers.remove(other)
    settle()
    assert runner.running
    viewer.layers.remove(layer)
    settle()
    assert not runner.running and not link_of(viewer).session.running
    assert (runner.status, runner.error) == (f"Cancelled, because “{layer.name}” was removed.", "")


@pytest.mark.parametrize("start", ["identify", "show_preview", "run_all"])
def test_finding_ends_with_its_image(viewer, monkeypatch, image, start):
    for module in (identify, flow):
        monkeypatch.setattr(module, "iter_find_layer", endless)
    panel = open_dock(viewer, IDENTIFY)
    panel.form.field("method").set_value("watershed")
    panel.form.field("diameter_um").set_value(8.0)
    getattr(panel, start)()
    remove(viewer, image, panel.runner)
    assert panel.flow.step == ""


def test_the_look_before_a_run_of_all_steps_ends_with_its_image_and_no_other_is_analysed(viewer, monkeypatch, image):
    monkeypatch.setattr(beforehand, "iter_survey_layer", endless)
    second = viewer.add_image(image.data.copy(), name="second", scale=SPACING, units=("um",) * 3)
    panel = open_dock(viewer, START)
    panel.image.layer = second
    panel.run()
    remove(viewer, second, panel.runner)
    assert panel.image.layer is image and panel.flow.step == "" and panel.button.isEnabled()


def test_fusing_ends_with_one_of_the_views(viewer, monkeypatch, labels):
    monkeypatch.setattr(fuse, "iter_fuse_layers", endless)
    panel = open_dock(viewer, FUSE)
    for view in ("xy", "xz"):
        shown = viewer.add_labels(labels.copy(), name=view, scale=SPACING, units=("um",) * 3)
        panel.views[view].layer = shown
    panel.fuse()
    remove(viewer, shown, panel.runner)


def test_measuring_ends_with_its_labels_but_not_with_the_image_it_has_already(viewer, monkeypatch, image, particles):
    monkeypatch.setattr(features, "iter_measure_layers", endless)
    panel = open_dock(viewer, FEATURES)
    panel.measure()
    # As if the image were removed: without a graphics card napari crashes when labels alone are left.
    link_of(viewer).session.gone.emit(image)
    assert panel.runner.running, "the table will be that of the labels, which are there"
    remove(viewer, link_of(viewer).layer_of(particles), panel.runner)


def test_explaining_ends_with_its_labels(viewer, monkeypatch, particles):
    monkeypatch.setattr(shap, "iter_explain_table", endless)
    panel = open_dock(viewer, SHAP)
    panel.explain()
    remove(viewer, link_of(viewer).layer_of(particles), panel.runner)


def test_comparing_ends_with_its_labels(viewer, monkeypatch, particles):
    monkeypatch.setattr(fuse, "iter_compare_layers", endless)
    panel = open_dock(viewer, FUSE)
    panel.check()
    remove(viewer, link_of(viewer).layer_of(particles), panel.runner)


def test_a_run_of_all_steps_ends_with_the_particles_that_it_measures(viewer, monkeypatch, image, particles):
    monkeypatch.setattr(flow, "iter_measure_layers", endless)
    particles.table = None
    panel = open_dock(viewer, START)
    panel.run()
    settle()
    assert panel.flow.step == flow.MEASURE
    remove(viewer, link_of(viewer).layer_of(particles), panel.runner)
    assert panel.flow.step == ""
