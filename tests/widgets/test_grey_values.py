"""An image is measured with labels only where its voxels are theirs; what does not fit is said."""

import numpy as np
import pytest
from qtpy.QtCore import QPoint

from napari_cathode.errors import InputError
from napari_cathode.plugin.layers import tomogram_of
from napari_cathode.plugin.link import link_of
from napari_cathode.session import ParticleSet
from napari_cathode.widgets.docks import FEATURES, START, open_dock
from napari_cathode.widgets.flow import settled
from napari_cathode.widgets.grey_values import apart, differ, grey_values_of
from tests.plugin.conftest import SPACING, needs_canvas, settle

UM = ("um",) * 3
TIMEOUT_MS = 300_000


def image_of(labels, **more):
    """Give what an image layer of labels is made of."""
    return {"data": labels.astype(np.uint8), "name": "tomo", "scale": SPACING, "units": UM, **more}


@pytest.mark.parametrize(
    ("scale", "units", "fits"),
    [
        ((2.0, 1.0, 1.0), UM, True),
        ((2000.0, 1000.0, 1000.0), ("nm",) * 3, True),
        ((2.0, 1.0, 1.0005), UM, True),  # a file rounds
        ((1.0, 1.0, 1.0), ("pixel",) * 3, True),  # states nothing
        ((2.0, 1.0, 1.01), UM, False),
        ((2.0, 1.0, 1.0), ("nm",) * 3, False),
    ],
)
def test_labels_and_image_of_different_voxels_are_refused(model, labels, scale, units, fits):
    image = model.add_image(**image_of(labels, scale=scale, units=units))
    particles = ParticleSet(labels, "found", SPACING)
    assert differ(particles, image) is not fits
    if fits:
        assert grey_values_of(particles, image)[0].data is image.data
        return
    with pytest.raises(InputError, match=r"found state voxels of 2 × 1 × 1 µm, the image tomo of .* Correct the one"):
        grey_values_of(particles, image)


def test_labels_of_a_region_are_measured_with_its_grey_values_and_another_image_is_named(model, labels):
    whole = model.add_image(**image_of(labels))
    part = labels[:, 4:, :30]
    particles = ParticleSet(part, "found", SPACING, settled(tomogram_of(whole), ((0, 16), (4, 40), (0, 30))))
    other = model.add_image(**image_of(labels[:8].copy(), name="other"))
    assert grey_values_of(particles, whole) == (particles.tomogram, "")
    tomogram, said = grey_values_of(particles, other)
    assert tomogram is particles.tomogram and "other has another shape" in said
    whole.scale = (4.0, 2.0, 2.0)  # corrected since
    with pytest.raises(InputError, match="found state voxels of 2 × 1 × 1 µm, the image tomo of 4 × 2 × 2"):
        grey_values_of(particles, whole)
    particles.tomogram = None
    with pytest.raises(InputError, match="tomo has 16 × 40 × 40 voxels, the labels found 16 × 36 × 30"):
        grey_values_of(particles, whole)


def test_what_lies_apart_in_the_picture_is_told(model, labels):
    shown = model.add_labels(labels, name="found", scale=SPACING, units=UM)
    image = model.add_image(**image_of(labels))
    assert apart(shown, image) == "" == apart(shown, None)
    image.translate = (0.0, 0.4, 0.0)
    assert apart(shown, image) == "", "not half a voxel"
    image.translate = (0.0, -7.0, 0.0)
    assert "found and tomo 7 µm apart" in apart(shown, image)
    shown.translate = (0.0, -7.0, 0.0)
    assert apart(shown, image) == ""
    image.rotate = 90
    assert "apart" in apart(shown, image)
    image.units = ("pixel",) * 3
    assert apart(shown, image) == "", "nobody knows"


@needs_canvas
def test_the_panel_refuses_another_voxel_size_asks_for_the_right_one_and_tells_of_a_shift(viewer, qtbot, labels):
    viewer.add_image(**image_of(labels, translate=(0.0, 5.0, 0.0)))
    layer = viewer.add_labels(labels, name="found", scale=(1.0, 0.5, 0.5), units=UM)
    panel = open_dock(viewer, FEATURES)
    settle()
    assert panel.voxel_size.isVisible(), "one of both is wrong"
    panel.measure()
    assert "found state voxels of 1 × 0.5 × 0.5 µm, the image tomo of 2 × 1 × 1 µm" in panel.runner.error
    assert not panel.runner.running
    settle()
    below = panel.runner.mapTo(panel, QPoint()).y() - panel.load_button.mapTo(panel, QPoint()).y()
    assert 0 < below < 60, "where one looks when one has pressed the button, not at the bottom of the dock"
    for box, length in zip(panel.voxel_size._boxes, SPACING, strict=True):
        box.setValue(length)
    settle()
    assert tuple(layer.scale) == SPACING and not panel.voxel_size.isVisible() and not panel.runner.error
    with qtbot.waitSignal(panel.runner.finished, timeout=TIMEOUT_MS):
        panel.measure()
    assert len(link_of(viewer).session.current.table) == 2
    assert "found and tomo 5 µm apart" in panel.runner.status
    settle()
    assert panel.runner.isVisible() and not panel.load_button.isVisible(), "above the table"


@needs_canvas
def test_an_error_about_an_image_goes_when_another_is_chosen(viewer, labels):
    fitting = viewer.add_image(**image_of(labels))
    wrong = viewer.add_image(**image_of(labels, name="wrong", scale=(1.0, 0.5, 0.5)))
    viewer.add_labels(labels, name="found", scale=SPACING, units=UM)
    panel = open_dock(viewer, FEATURES)
    panel.image.layer = wrong
    panel.measure()
    assert "the image wrong of 1 × 0.5 × 0.5 µm" in panel.runner.error and panel.voxel_size.isVisible()
    panel.image.layer = fitting
    settle()
    assert panel.runner.error == "" and not panel.voxel_size.isVisible()


@needs_canvas
def test_a_run_of_all_steps_refuses_them_too(viewer, labels):
    viewer.add_image(**image_of(labels))
    layer = viewer.add_labels(labels, name="found", scale=(1.0, 0.5, 0.5), units=UM)
    link_of(viewer).adopt(layer)
    panel = open_dock(viewer, START)
    panel.before.job = lambda: None
    panel.run()
    assert "found state voxels of 1 × 0.5 × 0.5 µm" in panel.runner.error
    assert not panel.runner.running and panel.flow.step == ""
