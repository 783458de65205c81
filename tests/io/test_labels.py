"""Label images as files, read back by tifffile as well."""

import os

import numpy as np
import pytest
import tifffile

from napari_cathode.errors import InputError
from napari_cathode.io import is_labels, read_labels, write_labels

SPACING = (0.5, 0.128, 0.064)


def labels_up_to(highest):
    labels = np.zeros((4, 16, 20), np.int32)
    labels[1, 2:5, 3:9], labels[2, 8:, 8:], labels[3, 0, 0] = 1, highest - 1, highest
    return labels


@pytest.mark.parametrize(
    ("highest", "dtype", "kind"),
    [
        (300, np.uint16, "is_imagej"),
        (65_535, np.uint16, "is_imagej"),
        (65_536, np.float32, "is_imagej"),
        (2**24, np.float32, "is_imagej"),
        (2**24 + 1, np.int32, "is_ome"),
        (2**31 - 1, np.int32, "is_ome"),
    ],
)
def test_labels_come_back_with_their_voxel_size_in_a_type_that_fiji_opens(tmp_path, highest, dtype, kind):
    path = tmp_path / "labels.tif"
    labels = labels_up_to(highest)
    write_labels(path, labels, SPACING)
    with tifffile.TiffFile(path) as tif:
        assert getattr(tif, kind)
        assert tif.series[0].dtype == dtype
        assert tif.series[0].axes == "ZYX"
        assert tif.pages.first.compression.name == "ADOBE_DEFLATE"
        np.testing.assert_array_equal(tif.asarray(), labels)
        if kind == "is_imagej":  # what Fiji's Image > Properties shows
            assert tif.imagej_metadata["spacing"] == 0.5
            assert tif.imagej_metadata["unit"] == "um"
            for tag, size in (("XResolution", 0.064), ("YResolution", 0.128)):
                above, below = tif.pages.first.tags.valueof(tag)
                assert below / above == pytest.approx(size, rel=1e-6)
    again, spacing = read_labels(path)
    assert again.dtype == np.int32
    np.testing.assert_array_equal(again, labels)
    assert spacing == pytest.approx(SPACING, rel=1e-6)
    assert is_labels(path)


def test_a_slice_and_labels_without_voxel_size(tmp_path):
    for name in ("a.tif", "a.npy"):
        write_labels(tmp_path / name, labels_up_to(9)[1], None)
        labels, spacing = read_labels(tmp_path / name)
        np.testing.assert_array_equal(labels, labels_up_to(9)[1:2])
        assert spacing is None


def test_labels_of_a_slice_keep_their_voxel_size(tmp_path):
    write_labels(tmp_path / "a.tif", labels_up_to(9)[1:2], SPACING)
    assert read_labels(tmp_path / "a.tif")[1] == pytest.approx(SPACING, rel=1e-6)


def test_numpy_labels_are_int32(tmp_path):
    write_labels(tmp_path / "a.npy", labels_up_to(9).astype(np.int64), SPACING)
    assert np.load(tmp_path / "a.npy").dtype == np.int32


def test_no_particles_at_all(tmp_path):
    write_labels(tmp_path / "a.tif", np.zeros((3, 9, 9), np.int32), SPACING)
    assert not read_labels(tmp_path / "a.tif")[0].any()


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.uint32, np.float64, np.float32])
def test_labels_of_other_types_are_read(tmp_path, dtype):
    np.save(tmp_path / "a.npy", labels_up_to(200).astype(dtype))
    np.testing.assert_array_equal(read_labels(tmp_path / "a.npy")[0], labels_up_to(200))


def test_labels_that_do_not_fit_are_refused(tmp_path):
    np.save(tmp_path / "a.npy", np.full((2, 5, 5), 2**31, np.int64))
    with pytest.raises(InputError, match="2147483648"):
        read_labels(tmp_path / "a.npy")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "labels.tif"
    write_labels(path, labels_up_to(9), SPACING)
    before = path.read_bytes()

    def full(part, *args, **kwargs):
        part.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tifffile, "imwrite", full)
    with pytest.raises(InputError, match="No space left"):
        write_labels(path, labels_up_to(5), SPACING)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["labels.tif"]


def test_missing_folders_are_made(tmp_path):
    write_labels(tmp_path / "new" / "folder" / "a.tif", labels_up_to(5), None)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_labels(tmp_path / "file" / "a.tif", labels_up_to(5), None)


def test_other_tiffs_are_not_taken_for_labels(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", labels_up_to(9))
    (tmp_path / "b.tif").write_text("text")
    assert not is_labels(tmp_path / "a.tif")
    assert not is_labels(tmp_path / "b.tif")
