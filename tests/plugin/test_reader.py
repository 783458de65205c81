"""The reader as napari calls it, and what people see when a file is no good."""

import json

import h5py
import napari
import numpy as np
import pytest
import tifffile
from napari.utils.notifications import notification_manager
from npe2 import DynamicPlugin

from napari_cathode.errors import InputError
from napari_cathode.io import write_labels
from napari_cathode.plugin import reader
from napari_cathode.plugin.layers import TOMOGRAM_KEY, spacing_of, tomogram_of
from napari_cathode.plugin.reader import napari_get_reader
from napari_cathode.plugin.samples import nmc_slice, single_crystal

GREY = np.random.default_rng(0).normal(100, 10, (5, 30, 40)).astype(np.float32)
SPACING = (0.5, 0.128, 0.064)
PLUGIN = "cathode-under-test"


def write_tiff(path, values=GREY):
    metadata = {"spacing": SPACING[0], "unit": "um", "axes": "ZYX"[-values.ndim :]}
    tifffile.imwrite(path, values, imagej=True, resolution=(1 / SPACING[2], 1 / SPACING[1]), metadata=metadata)
    return str(path)


@pytest.fixture
def said():
    """Collect what napari shows to people."""
    shown = []
    keep = notification_manager.notification_ready.connect(lambda message: shown.append(message))
    yield shown
    notification_manager.notification_ready.disconnect(keep)


@pytest.fixture
def seen(model, monkeypatch, npe2pm):
    """Give a viewer that knows the reader."""
    monkeypatch.setattr(napari, "current_viewer", lambda: model)
    with DynamicPlugin(PLUGIN, plugin_manager=npe2pm) as plugin:
        plugin.contribute.reader(filename_patterns=["*.tif", "*.h5", "*.npy", "*.json"], accepts_directories=True)(
            napari_get_reader
        )
        yield model


def test_a_volume_becomes_a_layer_in_micrometres(seen, tmp_path):
    (layer,) = seen.open(write_tiff(tmp_path / "my scan.tif"), plugin=PLUGIN)
    assert layer.name == "my scan"
    assert layer.scale == pytest.approx(SPACING, rel=1e-6)
    assert [str(unit) for unit in layer.units] == ["micrometer"] * 3
    assert spacing_of(layer) == pytest.approx(SPACING, rel=1e-6)
    assert 60 < layer.contrast_limits[0] < 85 < 115 < layer.contrast_limits[1] < 140
    np.testing.assert_array_equal(layer.data, GREY)


def test_the_layer_remembers_its_tomogram(seen, tmp_path):
    inside = np.hypot(*np.ogrid[-15:15, -20:20]) < 15
    (layer,) = seen.open(write_tiff(tmp_path / "a.tif", np.where(inside, GREY, 0).astype(np.float32)), plugin=PLUGIN)
    assert layer.metadata[TOMOGRAM_KEY].source.endswith("a.tif")
    np.testing.assert_array_equal(tomogram_of(layer).field_of_view[0], inside)


def test_a_slice_becomes_a_two_dimensional_layer(seen, tmp_path):
    (layer,) = seen.open(write_tiff(tmp_path / "a.tif", GREY[0]), plugin=PLUGIN)
    assert layer.ndim == 2
    assert layer.scale == pytest.approx(SPACING[1:], rel=1e-6)
    assert tomogram_of(layer).shape == (1, 30, 40)


@pytest.mark.parametrize("values", [GREY, GREY[0]])
def test_other_data_in_a_layer_are_taken_instead_of_the_file(seen, tmp_path, values):
    inside = np.hypot(*np.ogrid[-15:15, -20:20]) < 15
    (layer,) = seen.open(write_tiff(tmp_path / "a.tif", np.where(inside, values, 0).astype(np.float32)), plugin=PLUGIN)
    assert tomogram_of(layer).field_of_view is not None
    layer.data = smooth = np.full_like(values, 7)
    found = tomogram_of(layer)
    assert np.shares_memory(found.data, smooth)
    assert found.field_of_view is None


def test_a_lazy_layer_keeps_its_tomogram_until_it_gets_other_data(seen, tmp_path):
    for z, image in enumerate(GREY):
        write_tiff(tmp_path / f"{z}.tif", image)
    (layer,) = seen.open(str(tmp_path), plugin=PLUGIN)
    assert tomogram_of(layer).data is layer.metadata[TOMOGRAM_KEY].data
    layer.data = smooth = layer.data + 1
    assert tomogram_of(layer).data is smooth


@pytest.mark.parametrize("make", [nmc_slice, single_crystal])
def test_a_sample_keeps_its_tomogram_until_it_gets_other_data(model, make):
    image, options, _ = make()[0]
    layer = model.add_image(image, **options)
    assert tomogram_of(layer).source == "simulated"
    layer.data = smooth = image + 1
    assert np.shares_memory(tomogram_of(layer).data, smooth)


def test_without_a_voxel_size_the_layer_is_in_pixels_and_people_are_told(seen, said, tmp_path):
    np.save(tmp_path / "a.npy", GREY)
    (layer,) = seen.open(str(tmp_path / "a.npy"), plugin=PLUGIN)
    assert spacing_of(layer) is None
    assert [message.severity.value for message in said] == ["warning"]
    assert "No voxel size in a" in said[0].message


def test_a_folder_of_slices_becomes_one_lazy_layer(seen, tmp_path):
    for z, image in enumerate(GREY):
        write_tiff(tmp_path / f"{z}.tif", image)
    (layer,) = seen.open(str(tmp_path), plugin=PLUGIN)
    assert layer.name == tmp_path.name
    assert layer.data.shape == GREY.shape
    assert not isinstance(layer.data, np.ndarray)


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.tif", b"hello", "a.tif is not a TIFF, in spite of its name; export it again."),
        ("b.tif", b"", "b.tif is empty (0 bytes); copy or export it again."),
        ("c.h5", b"\x89HDF\r\n\x1a\n" + bytes(40), "c.h5 is cut off or damaged; copy or export it again."),
    ],
)
def test_a_bad_file_gives_one_sentence_and_no_layer(seen, said, tmp_path, name, content, sentence):
    (tmp_path / name).write_bytes(content)
    assert seen.open(str(tmp_path / name), plugin=PLUGIN) == []
    assert [(message.severity.value, message.message) for message in said] == [("error", sentence)]
    assert not seen.layers


def test_without_a_viewer_the_error_is_raised(tmp_path, monkeypatch):
    monkeypatch.setattr(napari, "current_viewer", lambda: None)
    (tmp_path / "a.tif").write_text("hello")
    with pytest.raises(InputError, match="not a TIFF"):
        napari_get_reader(str(tmp_path / "a.tif"))(str(tmp_path / "a.tif"))


def write_many(path, count):
    with h5py.File(path, "w") as file:
        for number in range(count):
            file[f"scan/v{number}"] = GREY + number
    return str(path)


def test_a_few_data_sets_become_a_layer_each(seen, tmp_path):
    layers = seen.open(write_many(tmp_path / "m.h5", 3), plugin=PLUGIN)
    assert [layer.name for layer in layers] == ["m: scan/v0", "m: scan/v1", "m: scan/v2"]
    np.testing.assert_array_equal(layers[2].data, GREY + 2)


def test_of_many_data_sets_people_choose_one(seen, said, tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(reader, "_ask", lambda path, names: asked.append(names) or names[4:5])
    (layer,) = seen.open(write_many(tmp_path / "m.h5", 6), plugin=PLUGIN)
    assert len(asked[0]) == 6
    np.testing.assert_array_equal(layer.data, GREY + 4)
    monkeypatch.setattr(reader, "_ask", lambda path, names: [])
    assert seen.open(str(tmp_path / "m.h5"), plugin=PLUGIN) == []
    assert "6 data sets" in said[-1].message


def test_our_own_labels_come_back_as_labels(seen, tmp_path):
    labels = np.zeros((4, 20, 20), np.int32)
    labels[1:3, 5:9, 5:9] = 7
    write_labels(tmp_path / "labels.tif", labels, SPACING)
    (layer,) = seen.open(str(tmp_path / "labels.tif"), plugin=PLUGIN)
    assert isinstance(layer, napari.layers.Labels)
    assert spacing_of(layer) == pytest.approx(SPACING, rel=1e-6)
    np.testing.assert_array_equal(layer.data, labels)


def test_only_what_can_be_opened_is_claimed(tmp_path):
    (tmp_path / "notes.txt").write_text("hello")
    with h5py.File(tmp_path / "spectrum.h5", "w") as file:
        file["counts"] = np.arange(9)
    assert napari_get_reader(str(tmp_path / "notes.txt")) is None
    assert napari_get_reader(str(tmp_path / "spectrum.h5")) is None
    assert napari_get_reader(str(tmp_path)) is None
    path = write_tiff(tmp_path / "a.tif")
    assert napari_get_reader(path) is not None
    assert napari_get_reader([path]) is not None
    assert napari_get_reader([path, path]) is None


def test_the_question_is_a_list_in_the_window(make_napari_viewer, tmp_path, monkeypatch):
    from qtpy.QtWidgets import QInputDialog

    viewer = make_napari_viewer(strict_qt="raise")
    monkeypatch.setattr(napari, "current_viewer", lambda: viewer)
    monkeypatch.setattr(QInputDialog, "getItem", lambda parent, title, text, names, *rest: (names[1], True))
    assert reader._ask(tmp_path / "m.h5", ["a", "b"]) == ["b"]
    monkeypatch.setattr(QInputDialog, "getItem", lambda *args: ("a", False))
    assert reader._ask(tmp_path / "m.h5", ["a", "b"]) == []


def annotated(folder, names, pictures):
    """Write a VIA file that outlines two particles in each image, and some of the images."""
    shapes = [
        {"name": "circle", "cx": 12, "cy": 15, "r": 6},
        {"name": "rect", "x": 25, "y": 5, "width": 10, "height": 20},
    ]
    regions = [{"shape_attributes": shape, "region_attributes": {}} for shape in shapes]
    path = folder / "outlines.json"
    path.write_text(json.dumps({f"{name}-1": {"filename": name, "size": -1, "regions": regions} for name in names}))
    for name in pictures:
        tifffile.imwrite(folder / name, GREY[0])
    return str(path)


def test_annotations_open_as_images_with_labels(seen, said, tmp_path):
    path = annotated(tmp_path, ["a.tif", "b.tif", "c.tif"], ["a.tif", "b.tif"])
    layers = seen.open(path, plugin=PLUGIN)
    assert [layer.name for layer in layers] == ["a", "a labels", "b", "b labels"]
    assert all(layer.data.shape == (30, 40) for layer in layers)
    assert set(np.unique(layers[1].data)) == {0, 1, 2}
    assert (layers[1].data == 2).sum() == 200
    assert any("c.tif" in str(message.message) for message in said)


def test_many_annotated_slices_open_as_a_stack(seen, tmp_path):
    names = [f"s{i}.tif" for i in range(6)]
    image, labels = seen.open(annotated(tmp_path, names, names), plugin=PLUGIN)
    assert image.data.shape == labels.data.shape == (6, 30, 40)
    assert (labels.data[5] == 2).sum() == 200


def test_annotations_without_any_image_say_which_is_missing(seen, said, tmp_path):
    path = annotated(tmp_path, ["a.tif"], [])
    assert seen.open(path, plugin=PLUGIN) == []
    assert any("a.tif" in str(message.message) for message in said)


def test_other_json_files_are_left_to_others(tmp_path):
    (tmp_path / "other.json").write_text('{"a": 1}')
    assert napari_get_reader(str(tmp_path / "other.json")) is None
