"""Folders of slices."""

import imagecodecs
import numpy as np
import pytest
import tifffile

from napari_cathode.io import can_read, read

GREY = np.random.default_rng(2).integers(0, 250, (12, 18, 25), dtype=np.uint8)


def test_slices_stand_in_natural_order_one_chunk_each(tmp_path):
    for z, image in enumerate(GREY):
        tifffile.imwrite(tmp_path / f"slice_{z + 1}.tif", image)
    (tmp_path / "scan.log").write_text("600 projections")
    (tmp_path / ".DS_Store").write_bytes(b"\0")
    tomogram = read(tmp_path)
    assert tomogram.data.chunks[0] == (1,) * 12
    assert tomogram.name == tmp_path.name
    np.testing.assert_array_equal(np.asarray(tomogram.data), GREY)
    np.testing.assert_array_equal(np.asarray(tomogram.data[3:9:2, 4, ::3]), GREY[3:9:2, 4, ::3])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_png_slices(tmp_path, dtype):
    for z, image in enumerate(GREY.astype(dtype) * (1 if dtype == np.uint8 else 200)):
        (tmp_path / f"{z}.PNG").write_bytes(imagecodecs.png_encode(image))
    tomogram = read(tmp_path)
    assert tomogram.data.dtype == dtype
    np.testing.assert_array_equal(np.asarray(tomogram.data), GREY.astype(dtype) * (1 if dtype == np.uint8 else 200))


@pytest.mark.parametrize("where", [".", "..", "../stack"])
def test_a_folder_given_from_within_has_its_name(tmp_path, monkeypatch, where):
    folder = tmp_path / "stack"
    (folder / "inner").mkdir(parents=True)
    tifffile.imwrite(folder / "1.tif", GREY[0])
    monkeypatch.chdir(folder / "inner" if where == ".." else folder)
    assert read(where).name == "stack"


def test_a_single_png_is_a_slice(tmp_path):
    (tmp_path / "one.png").write_bytes(imagecodecs.png_encode(GREY[0]))
    np.testing.assert_array_equal(read(tmp_path / "one.png").data, GREY[:1])


def test_the_kind_of_which_there_is_more_is_taken(tmp_path):
    for z in range(4):
        tifffile.imwrite(tmp_path / f"{z}.tif", GREY[z])
    (tmp_path / "preview.png").write_bytes(imagecodecs.png_encode(GREY[0]))
    assert read(tmp_path).shape == (4, 18, 25)


def test_the_voxel_size_comes_from_the_first_slice(tmp_path):
    for z in range(3):
        tifffile.imwrite(tmp_path / f"{z}.tif", GREY[z], imagej=True, resolution=(20, 20), metadata={"unit": "um"})
    assert read(tmp_path).spacing_um == pytest.approx((0.05, 0.05, 0.05))


def test_folders_are_offered_only_with_slices(tmp_path):
    assert not can_read(tmp_path)
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "folder.tif").mkdir()
    assert not can_read(tmp_path)
    tifffile.imwrite(tmp_path / "a.tif", GREY[0])
    assert can_read(tmp_path)
