"""TIFF stacks: values, axes and the voxel size, against what tifffile and ImageJ's own rules say."""

import numpy as np
import pytest
import tifffile

from napari_cathode.io import read
from napari_cathode.io.units import to_um, um_per_unit

GREY = np.random.default_rng(1).integers(0, 60000, (7, 20, 30)).astype(np.uint16)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"bigtiff": True},
        {"imagej": True},
        {"ome": True, "metadata": {"axes": "ZYX"}},
        {"compression": "zlib"},
        {"compression": "lzw", "predictor": True},
        {"tile": (16, 16), "compression": "deflate"},
        {"byteorder": ">"},
        {"metadata": None},
        {"imagej": True, "metadata": {"axes": "TYX"}},
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_every_kind_of_stack_gives_its_values(tmp_path, options, dtype):
    values = (GREY / 7).astype(dtype)
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, values, photometric="minisblack", **options)
    tomogram = read(path)
    np.testing.assert_array_equal(np.asarray(tomogram.data), values)
    assert tomogram.data.dtype == np.dtype(dtype)
    assert tomogram.data.dtype.isnative
    assert tomogram.name == "stack"
    assert tomogram.spacing_um is None


def test_a_two_dimensional_image_is_one_slice(tmp_path):
    tifffile.imwrite(tmp_path / "slice.tif", GREY[0])
    tomogram = read(tmp_path / "slice.tif")
    assert tomogram.shape == (1, 20, 30)
    assert tomogram.is_slice


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("um", 1),
        ("µm", 1),
        ("μm", 1),
        ("\\u00B5m", 1),
        ("micron", 1),
        ("microns", 1),
        ("micrometers", 1),
        ("nm", 1e-3),
        ("mm", 1e3),
        ("cm", 1e4),
        ("m", 1e6),
        ("inch", 25400),
        ("inches", 25400),
        ("\\u00C5", 1e-4),
        ("pixel", None),
        ("pixels", None),
        ("", None),
        (None, None),
        ("furlong", None),
    ],
)
def test_units_are_understood_in_all_spellings(unit, factor):
    assert um_per_unit(unit) == (None if factor is None else pytest.approx(factor))


@pytest.mark.parametrize("length", [0.0, -1.0, float("nan"), float("inf")])
def test_a_length_that_is_none_is_not_passed_on(length):
    assert to_um(length, "um") is None


@pytest.mark.parametrize("unit", ["um", "micron", "\\u00B5m"])
def test_imagej_calibration_is_read(tmp_path, unit):
    path = tmp_path / "fiji.tif"
    tifffile.imwrite(
        path,
        GREY,
        imagej=True,
        resolution=(1 / 0.064, 1 / 0.128),
        metadata={"spacing": 0.5, "unit": unit, "axes": "ZYX"},
    )
    assert read(path).spacing_um == pytest.approx((0.5, 0.128, 0.064), rel=1e-8)


def test_imagej_calibration_in_nanometres_and_per_axis_units(tmp_path):
    path = tmp_path / "fiji.tif"
    metadata = {"spacing": 0.2, "unit": "nm", "zunit": "um", "axes": "ZYX"}
    tifffile.imwrite(path, GREY, imagej=True, resolution=(1 / 64, 1 / 64), metadata=metadata)
    assert read(path).spacing_um == pytest.approx((0.2, 0.064, 0.064))


@pytest.mark.parametrize("unit", ["pixel", "", None])
def test_imagej_pixels_are_no_micrometres(tmp_path, unit):
    metadata = {"spacing": 2.0, "axes": "ZYX"} | ({} if unit is None else {"unit": unit})
    tifffile.imwrite(tmp_path / "fiji.tif", GREY, imagej=True, resolution=(2.0, 2.0), metadata=metadata)
    assert read(tmp_path / "fiji.tif").spacing_um is None


def test_without_a_depth_voxels_are_cubes(tmp_path):
    tifffile.imwrite(tmp_path / "fiji.tif", GREY, imagej=True, resolution=(10.0, 10.0), metadata={"unit": "um"})
    assert read(tmp_path / "fiji.tif").spacing_um == pytest.approx((0.1, 0.1, 0.1))


def test_ome_sizes_are_read_with_their_unit(tmp_path):
    metadata = {"axes": "ZYX", "PhysicalSizeX": 64.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.128}
    metadata |= {"PhysicalSizeZ": 0.0005, "PhysicalSizeZUnit": "mm"}
    tifffile.imwrite(tmp_path / "a.ome.tif", GREY, ome=True, metadata=metadata)
    tomogram = read(tmp_path / "a.ome.tif")
    assert tomogram.spacing_um == pytest.approx((0.5, 0.128, 0.064))
    assert tomogram.name == "a"


def test_dots_per_inch_of_a_plain_tiff_are_not_believed(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, resolution=(72, 72), resolutionunit="INCH")
    assert read(tmp_path / "a.tif").spacing_um is None


def test_a_given_voxel_size_overrides_the_file(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY, imagej=True, resolution=(10.0, 10.0), metadata={"unit": "um"})
    assert read(tmp_path / "a.tif", spacing_um=(3, 2, 1)).spacing_um == (3.0, 2.0, 1.0)


def test_a_thumbnail_beside_the_image_is_left_aside(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as writer:
        writer.write(GREY, metadata={"axes": "ZYX", "Name": "volume"})
        writer.write(GREY[0, :5, :5], metadata={"Name": "thumbnail"})
    np.testing.assert_array_equal(np.asarray(read(tmp_path / "a.ome.tif").data), GREY)
