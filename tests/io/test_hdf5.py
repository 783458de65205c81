"""HDF5 files: which data set is the tomogram, and how large its voxels are."""

import h5py
import numpy as np
import pytest

from napari_cathode.errors import InputError
from napari_cathode.io import can_read, list_datasets, read

GREY = np.random.default_rng(3).random((6, 20, 30)).astype(np.float32)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "volume.h5"


def test_the_only_volume_of_a_file_is_opened(path):
    with h5py.File(path, "w") as file:
        file["deep/down/there"] = GREY
        file["profile"] = np.arange(9)
        file["title"] = "scan"
    np.testing.assert_array_equal(np.asarray(read(path).data), GREY)
    assert list_datasets(path) == ["deep/down/there"]


def test_several_volumes_are_a_choice(path):
    with h5py.File(path, "w") as file:
        file["a"], file["b"] = GREY, GREY + 1
        file["same"] = file["a"]
    assert len(list_datasets(path)) == 2
    with pytest.raises(InputError, match="choose one of"):
        read(path)
    np.testing.assert_array_equal(np.asarray(read(path, dataset="b").data), GREY + 1)


def test_nabu_results_are_found_with_their_voxel_size(path):
    with h5py.File(path, "w") as file:
        group = file.create_group("entry0000/reconstruction")
        group["results/data"] = GREY
        group["configuration/processing_options/reconstruction/voxel_size_cm"] = 6.4e-6
        group["configuration/processing_options/phase/pixel_size_m"] = 1.0
        file["entry0000/other"] = GREY * 2
    tomogram = read(path)
    np.testing.assert_array_equal(np.asarray(tomogram.data), GREY)
    assert tomogram.spacing_um == pytest.approx((0.064, 0.064, 0.064))


def test_default_and_signal_lead_to_the_volume_and_its_axes(path):
    with h5py.File(path, "w") as file:
        file.attrs["default"] = "entry"
        entry = file.create_group("entry")
        entry.attrs["default"] = "reconstructed"
        data = entry.create_group("reconstructed")
        data.attrs["NX_class"] = "NXdata"
        data.attrs["signal"] = "grey"
        data.attrs["axes"] = ["z", "y", "x"]
        data["grey"], data["weights"] = GREY, GREY * 0
        for axis, length, step in zip("zyx", GREY.shape, (128, 64, 32), strict=True):
            data[axis] = np.arange(length) * step
            data[axis].attrs["units"] = "nm"
    tomogram = read(path)
    np.testing.assert_array_equal(np.asarray(tomogram.data), GREY)
    assert tomogram.spacing_um == pytest.approx((0.128, 0.064, 0.032))


def test_nxtomoproc_without_default(path):
    with h5py.File(path, "w") as file:
        file["entry/data/data"], file["entry/data/variance"] = GREY, GREY * 0
    np.testing.assert_array_equal(np.asarray(read(path).data), GREY)


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"element_size_um": [0.3, 0.2, 0.1]}, (0.3, 0.2, 0.1)),
        ({"voxel_size": 64.0, "units": "nm"}, (0.064, 0.064, 0.064)),
        ({"voxel_size": [1.0, 2.0, 4.0], "voxel_size_units": "um"}, (1.0, 2.0, 4.0)),
        ({"voxel_size": 64.0}, None),
        ({"pixel_size_um": "unknown"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_attributes_count_with_a_unit_only(path, attributes, expected):
    with h5py.File(path, "w") as file:
        file["volume"] = GREY
        file["volume"].attrs.update(attributes)
    assert read(path).spacing_um == (None if expected is None else pytest.approx(expected))


def test_leading_axes_of_one_are_dropped_and_a_slice_is_a_slice(path):
    with h5py.File(path, "w") as file:
        file["volume"] = GREY[np.newaxis, np.newaxis]
    assert read(path).shape == GREY.shape
    with h5py.File(path, "w") as file:
        file["image"] = GREY[0]
    assert read(path).shape == (1, 20, 30)


def test_files_without_images_are_not_offered(path):
    with h5py.File(path, "w") as file:
        file["spectrum"], file["name"] = np.arange(99), "scan"
    assert not can_read(path)
    with h5py.File(path, "a") as file:
        file["a/b"] = GREY
    assert can_read(path)


def test_a_volume_made_of_other_files_is_read_through_them(path, tmp_path):
    with h5py.File(tmp_path / "part.h5", "w") as part:
        part["data"] = GREY
    layout = h5py.VirtualLayout(GREY.shape, GREY.dtype)
    layout[:] = h5py.VirtualSource("part.h5", "data", GREY.shape)
    with h5py.File(path, "w") as file:
        file.create_virtual_dataset("entry0000/reconstruction/results/data", layout)
    np.testing.assert_array_equal(np.asarray(read(path).data), GREY)
