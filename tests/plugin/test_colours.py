"""From values to colours."""

import numpy as np
import pytest
from napari.layers import Labels

from napari_cathode.plugin.colours import (
    CHOICES,
    DIVERGING,
    MISSING,
    forget_largest,
    label_colormap,
    largest_of,
    named,
    recolour,
    scale_for,
)
from napari_cathode.session import Colouring

from .conftest import needs_canvas, settle


def test_limits_are_percentiles():
    scale = scale_for(np.append(np.arange(1, 102.0), np.nan), Colouring("v"))
    assert scale.limits == pytest.approx((3, 99))
    assert scale.colormap.name == "viridis"


@pytest.mark.parametrize(("values", "shap"), [([-1.0, 3.0], False), ([1.0, 3.0], True)])
def test_zero_is_in_the_middle_of_signed_values(values, shap):
    scale = scale_for(np.array(values), Colouring("v", shap))
    assert scale.colormap.name == DIVERGING
    assert scale.limits[0] == -scale.limits[1]
    assert scale.map(np.array([0.0]))[0, :3].min() > 0.9, "zero is white"


@pytest.mark.parametrize("values", [[], [np.nan], [2.0], [0.0, 0.0]])
def test_limits_differ_whatever_the_values(values):
    low, high = scale_for(np.array(values, float), Colouring("v")).limits
    assert low < high


def test_given_limits_and_map_are_kept():
    scale = scale_for(np.array([-5.0, 5.0]), Colouring("v", colormap="magma", limits=(0.0, 1.0)))
    assert scale.limits == (0.0, 1.0)
    assert scale.colormap.name == "magma"


def test_every_choice_exists():
    assert all(named(name).map(np.array([0.0, 1.0])).shape == (2, 4) for name in CHOICES)


def test_missing_values_are_grey_or_hidden():
    values = np.array([np.nan, 1.0])
    assert np.allclose(scale_for(values, Colouring("v")).map(values)[0], MISSING)
    assert scale_for(values, Colouring("v", hide_missing=True)).map(values)[0, 3] == 0


def test_labels_without_a_row_are_grey_and_ids_do_not_wrap():
    red = np.array([[1.0, 0, 0, 1]])
    colormap = label_colormap(np.array([2]), red, largest=5)
    assert np.allclose(colormap.map(np.array([0, 2, 5], np.int32)), [[0, 0, 0, 0], [1, 0, 0, 1], MISSING])


@pytest.mark.parametrize("largest", [200_000, 2**31 - 1])
def test_ids_beyond_the_table_of_colours(largest):
    ids = np.array([1, 70_000, largest])
    values = np.array([0.0, 0.5, 1.0])
    scale = scale_for(values, Colouring("v", limits=(0.0, 1.0)))
    layer = Labels(np.array([[0, 1], [70_000, largest]], np.int32))
    recolour(layer, ids, values, scale)
    expected = scale.map(values)
    for label, colour in zip(ids.tolist(), expected, strict=True):
        np.testing.assert_allclose(layer.get_color(label), colour, atol=1e-3)
    assert layer.colormap.map(np.array([0]))[0, 3] == 0
    np.testing.assert_allclose(layer.colormap.map(np.array([5]))[0], MISSING)


def test_the_largest_id_is_looked_for_once_and_again_after_an_edit():
    data = np.array([[0, 1], [2, 3]], np.int32)
    layer = Labels(data)
    assert largest_of(layer) == 3
    layer.data[0, 0] = 9
    assert largest_of(layer) == 3
    forget_largest(layer)
    assert largest_of(layer) == 9


def sliced_in(layer):
    """Give a list that grows with each time that a layer hands its slice over to be drawn."""
    times = []
    layer.events.set_data.connect(lambda _event: times.append(1))
    return times


def test_other_colours_for_the_same_labels_need_no_other_slice():
    layer = Labels(np.array([[0, 1], [2, 3]], np.int32))
    times, ids = sliced_in(layer), np.array([1, 2, 3])
    for values in ([1.0, 2.0, 3.0], [3.0, 2.0, 1.0]):
        scale = scale_for(np.array(values), Colouring("v", limits=(1.0, 3.0)))
        recolour(layer, ids, np.array(values), scale)
        np.testing.assert_allclose(layer.get_color(1), scale.map(np.array(values[:1]))[0], atol=1e-3)
    assert len(times) == 1, "the first table has other places than napari's own"
    assert layer.thumbnail[-1, 0, :3].tolist() != layer.thumbnail[-1, -1, :3].tolist()
    layer.data = np.array([[0, 9], [2, 3]], np.int32)
    recolour(layer, np.array([2, 9]), np.array([1.0, 3.0]), scale)
    assert len(times) == 3, "the larger id made a longer table"


@needs_canvas
def test_the_picture_has_the_colours_of_the_last_values(viewer):
    layer = viewer.add_labels(np.repeat(np.int32([[1, 2]]), 2, 0), opacity=1.0)
    viewer.window._qt_viewer.canvas.native.show()
    for values in ([0.0, 1.0], [1.0, 0.0], [0.5, 0.0]):
        scale = scale_for(np.array(values), Colouring("v", limits=(0.0, 1.0)))
        recolour(layer, np.array([1, 2]), np.array(values), scale)
        settle()
        picture = viewer.screenshot(flash=False)
        middle = picture.shape[0] // 2, picture.shape[1] // 2
        shown = [picture[middle[0], middle[1] + aside, :3] / 255 for aside in (-40, 40)]
        np.testing.assert_allclose(shown, scale.map(np.array(values))[:, :3], atol=0.02)
