"""Colours of labels whatever their ids; napari's own map is the oracle."""

import numpy as np
import pytest
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_cathode.plugin.colours import _show
from napari_cathode.plugin.id_colours import IdColormap

OTHERS = (0.5, 0.5, 0.5, 1.0)


def both(ids, colours):
    """Give our map and napari's of the same colours."""
    by_id = {**dict(zip(ids.tolist(), colours, strict=True)), 0: np.zeros(4), None: np.array(OTHERS)}
    return IdColormap.make(ids, colours, OTHERS, "ours"), DirectLabelColormap(color_dict=by_id)


def some(count, seed=0):
    """Give ids up to 2³¹ with colours."""
    rng = np.random.default_rng(seed)
    ids = np.unique(np.append(rng.integers(1, 2**31, count - 1), 2**31 - 1))
    return ids, np.append(rng.random((len(ids), 3)), np.ones((len(ids), 1)), axis=1).astype(np.float32)


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint32])
@pytest.mark.parametrize("count", [1, 20, 400])
def test_colours_are_those_of_napari(count, dtype):
    ids, colours = some(count)
    ours, theirs = both(ids, colours)
    seen = np.random.default_rng(1).choice(np.append(ids, [0, 7]), (6, 40)).astype(dtype).repeat(3, 1)
    np.testing.assert_allclose(ours.map(seen), theirs.map(seen), atol=0.5 / 255)
    drawn = ours._data_to_texture(seen)
    assert drawn.dtype == theirs._data_to_texture(seen).dtype
    palette = ours._values_mapping_to_minimum_values_set()[1]
    np.testing.assert_allclose(
        [palette[place] for place in drawn.ravel().tolist()], theirs.map(seen.ravel()), atol=0.01
    )


def test_few_bits_one_chosen_label_and_single_values_are_as_in_napari():
    ids, colours = np.array([3, 200]), np.array([[1, 0, 0, 1], [0, 0, 1, 1]], np.float32)
    ours, theirs = both(ids, colours)
    small = np.array([[0, 3], [200, 9]], np.uint8)
    np.testing.assert_allclose(ours.map(small), theirs.map(small), atol=0.5 / 255)
    np.testing.assert_allclose(ours.map(3), theirs.map(3))
    for colormap in (ours, theirs):
        colormap.use_selection, colormap.selection = True, 200
    seen = small.astype(np.int32)
    np.testing.assert_array_equal(ours._data_to_texture(seen), theirs._data_to_texture(seen))
    np.testing.assert_allclose(ours.map(seen), theirs.map(seen), atol=0.5 / 255)


def test_nothing_to_colour():
    ours, _ = both(np.zeros(0, int), np.zeros((0, 4), np.float32))
    np.testing.assert_allclose(ours.map(np.array([0, 5], np.int32)), [np.zeros(4), OTHERS])
    assert ours.map(np.zeros((0, 3), np.int32)).shape == (0, 3, 4)


@pytest.mark.parametrize("count", [3, 400, 40_000, 80_000])
def test_the_window_draws_them(make_napari_viewer, count):
    ids, colours = some(count)
    viewer = make_napari_viewer(show=True, strict_qt="raise")
    data = np.zeros((60, 60), np.int32)
    data[20:40, 20:40] = ids[1]
    layer = viewer.add_layer(Labels(data, opacity=1))
    layer.colormap = IdColormap.make(ids, colours[::-1], OTHERS, "before")
    viewer.reset_view()
    viewer.screenshot(canvas_only=True, flash=False)
    sliced = layer._slice.image.view
    _show(layer, IdColormap.make(ids, colours, OTHERS, "ours"))
    assert (layer._slice.image.view is sliced) == (count < 2**16), "which ids are where is looked up once"
    picture = viewer.screenshot(canvas_only=True, flash=False)
    height, width = picture.shape[:2]
    np.testing.assert_allclose(picture[height // 2, width // 2, :3] / 255, colours[1, :3], atol=0.02)
    assert picture[height // 2, width // 2 - height // 3, :3].max() < 60, "background is the canvas"
