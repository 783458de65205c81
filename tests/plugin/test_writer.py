"""A Labels layer, saved from napari, keeps its voxel size."""

import numpy as np
import pandas as pd
import pytest
from napari.layers import Labels
from napari.layers._source import layer_source

from napari_cathode.edit import delete
from napari_cathode.errors import InputError
from napari_cathode.io import read_labels
from napari_cathode.plugin.link import link_of
from napari_cathode.plugin.writer import write_labels_layer

LABELS = np.arange(6 * 8 * 9).reshape(6, 8, 9) // 50


@pytest.mark.parametrize(
    ("options", "spacing"),
    [
        ({"scale": (0.5, 0.2, 0.1), "units": ("um",) * 3}, (0.5, 0.2, 0.1)),
        ({"scale": (500, 200, 100), "units": ("nm",) * 3}, (0.5, 0.2, 0.1)),
        ({"scale": (2, 1, 1)}, None),
        ({}, None),
    ],
    ids=str,
)
def test_the_voxel_size_goes_along(tmp_path, options, spacing):
    path = str(tmp_path / "a.tif")
    data, attributes, _ = Labels(LABELS, **options).as_layer_data_tuple()
    assert write_labels_layer(path, data, attributes) == [path]
    labels, written = read_labels(path)
    np.testing.assert_array_equal(labels, LABELS)
    assert written == (None if spacing is None else pytest.approx(spacing))


def test_a_slice_is_as_thick_as_its_pixels_are_high(tmp_path):
    path = str(tmp_path / "a.tif")
    write_labels_layer(path, *Labels(LABELS[3], scale=(0.2, 0.1), units=("um",) * 2).as_layer_data_tuple()[:2])
    assert read_labels(path)[1] == pytest.approx((0.2, 0.2, 0.1))


def test_other_names_and_shapes_are_refused(tmp_path):
    with pytest.raises(InputError, match="ends in"):
        write_labels_layer(str(tmp_path / "a.csv"), *Labels(LABELS).as_layer_data_tuple()[:2])
    with pytest.raises(InputError, match="4 axes"):
        write_labels_layer(str(tmp_path / "a.tif"), *Labels(LABELS[None]).as_layer_data_tuple()[:2])


def test_what_was_changed_by_hand_lies_beside_the_labels(tmp_path, model):
    path = str(tmp_path / "a.tif")
    layer = model.add_labels(LABELS.copy(), name="found")
    link = link_of(model)
    particles = link.adopt(layer)

    def save():
        return write_labels_layer(path, *layer.as_layer_data_tuple()[:2])

    assert save() == [path] and len(list(tmp_path.iterdir())) == 1
    link.session.edit(particles, delete(particles.labels, [5]))
    assert save() == [path, str(tmp_path / "a_edits.csv")]
    assert pd.read_csv(tmp_path / "a_edits.csv")["labels"].tolist() == [5]
    assert 5 not in read_labels(path)[0]
    link.undo()
    save()
    assert len(pd.read_csv(tmp_path / "a_edits.csv")) == 0


def test_the_log_beside_a_file_goes_on_when_it_is_edited_again(tmp_path, model):
    path, log = str(tmp_path / "a.tif"), tmp_path / "a_edits.csv"

    def opened():
        labels = read_labels(path)[0]
        with layer_source(path=path):
            return model.add_layer(Labels(labels.copy()))

    first = model.add_labels(LABELS.copy())
    link = link_of(model)
    link.session.edit(link.adopt(first), delete(first.data, [5]))
    write_labels_layer(path, *first.as_layer_data_tuple()[:2])
    before = log.read_bytes()
    again = opened()
    write_labels_layer(path, *again.as_layer_data_tuple()[:2])
    assert log.read_bytes() == before, "of labels that nobody has looked at as particles"
    link.session.edit(link.adopt(again), delete(again.data, [3]))
    write_labels_layer(path, *again.as_layer_data_tuple()[:2])
    assert pd.read_csv(log)["labels"].tolist() == [5, 3]
    assert log.read_bytes().startswith(before)
    log.write_text("somebody's own notes", encoding="utf-8")
    assert link.adopt(opened()).history.log() == []


def test_slices_are_written_with_their_log_too(tmp_path, model):
    layer = model.add_labels(LABELS[3].copy())
    link = link_of(model)
    particles = link.adopt(layer)
    link.session.edit(particles, delete(particles.labels, [int(LABELS[3].max())]))
    assert len(write_labels_layer(str(tmp_path / "a.npy"), *layer.as_layer_data_tuple()[:2])) == 2
