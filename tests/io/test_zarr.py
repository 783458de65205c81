"""Zarr arrays and OME-Zarr images."""

import pickle

import numpy as np
import pytest
import zarr

from napari_cathode import io
from napari_cathode.errors import InputError
from napari_cathode.io import lazy, zarr_store


@pytest.fixture
def values():
    return np.random.default_rng(0).integers(0, 200, (6, 24, 32)).astype(np.uint16)


def write_ome(path, values, version, unit="micrometer", scale=(0.4, 0.2, 0.1)):
    group = zarr.open_group(str(path), mode="w", zarr_format=2 if version == "0.4" else 3)
    lead = values.ndim - 3
    axes = [{"name": name, "type": "space", "unit": unit} for name in "zyx"]
    axes = [{"name": name, "type": kind} for name, kind in (("t", "time"), ("c", "channel"))][:lead] + axes
    steps = [{"type": "scale", "scale": [1.0] * lead + list(scale)}]
    coarse = [{"type": "scale", "scale": [1.0] * lead + [2 * length for length in scale]}]
    image = {
        "axes": axes,
        "datasets": [
            {"path": "0", "coordinateTransformations": steps},
            {"path": "1", "coordinateTransformations": coarse},
        ],
    }
    group.create_array("0", shape=values.shape, dtype=values.dtype, chunks=(1,) * lead + (4, 16, 16))[...] = values
    group.create_array("1", data=np.ascontiguousarray(values[..., ::2, ::2, ::2]))
    group.attrs.update({"multiscales": [image]} if version == "0.4" else {"ome": {"multiscales": [image]}})


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_has_its_voxel_size(tmp_path, values, version):
    path = tmp_path / "scan.ome.zarr"
    write_ome(path, values, version)
    tomogram = io.read(path)
    np.testing.assert_array_equal(tomogram.data, values)
    assert tomogram.spacing_um == pytest.approx((0.4, 0.2, 0.1))
    assert io.can_read(path) and io.list_datasets(path) == []


def test_other_units_and_leading_axes(tmp_path, values):
    write_ome(tmp_path / "a.zarr", values[None, None], "0.5", "nanometer", (400, 200, 100))
    tomogram = io.read(tmp_path / "a.zarr")
    assert tomogram.spacing_um == pytest.approx((0.4, 0.2, 0.1)) and tomogram.shape == values.shape
    write_ome(tmp_path / "b.zarr", values, "0.5", "pixel")
    assert io.read(tmp_path / "b.zarr").spacing_um is None
    write_ome(tmp_path / "c.zarr", np.stack([values, values]), "0.5")
    with pytest.raises(InputError, match="several channels"):
        io.read(tmp_path / "c.zarr")


def test_plain_arrays_are_lazy_when_large(tmp_path, values, monkeypatch):
    zarr.create_array(store=str(tmp_path / "v.zarr"), data=values, chunks=(2, 8, 8))
    np.testing.assert_array_equal(io.read(tmp_path / "v.zarr").data, values)
    monkeypatch.setattr(zarr_store, "EAGER_BYTES", 100)
    labels, spacing = io.open_labels(tmp_path / "v.zarr")
    assert labels.chunksize == (2, 8, 8) and spacing is None
    again = pickle.loads(pickle.dumps(labels))
    np.testing.assert_array_equal(again[1:5, 3:9, 2:30].compute(), values[1:5, 3:9, 2:30])


def test_groups_of_arrays(tmp_path, values):
    group = zarr.open_group(str(tmp_path / "g.zarr"), mode="w")
    with pytest.raises(InputError, match="no array"):
        io.read(tmp_path / "g.zarr")
    group.create_array("first", data=values)
    group.create_array("notes", data=np.arange(3))
    np.testing.assert_array_equal(io.read(tmp_path / "g.zarr").data, values)
    group.create_array("deep/second", data=values + 1)
    assert io.list_datasets(tmp_path / "g.zarr") == ["deep/second", "first"]
    with pytest.raises(InputError, match="--dataset"):
        io.read(tmp_path / "g.zarr")
    np.testing.assert_array_equal(io.read(tmp_path / "g.zarr", dataset="deep/second").data, values + 1)
    with pytest.raises(InputError, match="no array third"):
        io.read(tmp_path / "g.zarr", dataset="third")


def test_labels_as_floats_are_checked_as_they_are_read(tmp_path, values, monkeypatch):
    monkeypatch.setattr(zarr_store, "EAGER_BYTES", 100)
    zarr.create_array(store=str(tmp_path / "v.zarr"), data=values.astype(np.float32), chunks=(2, 24, 32))
    labels, _ = io.open_labels(tmp_path / "v.zarr")
    assert labels.dtype == np.int32 and labels[1:3].dtype == np.int32
    np.testing.assert_array_equal(labels[1:3, :4], values[1:3, :4])
    zarr.create_array(store=str(tmp_path / "w.zarr"), data=values + 0.5, chunks=(2, 24, 32))
    labels, _ = io.open_labels(tmp_path / "w.zarr")
    with pytest.raises(InputError, match="no whole numbers"):
        labels[:1]


def test_a_damaged_store_says_so(tmp_path, values):
    zarr.create_array(store=str(tmp_path / "v.zarr"), data=values)
    (tmp_path / "v.zarr" / "zarr.json").write_text("{")
    assert io.can_read(tmp_path / "v.zarr")
    with pytest.raises(InputError, match="damaged"):
        io.read(tmp_path / "v.zarr")


def test_large_maps_stay_maps(tmp_path, values, monkeypatch):
    monkeypatch.setattr(lazy, "MAP_BYTES", 100)
    np.save(tmp_path / "v.npy", values)
    labels, _ = io.open_labels(tmp_path / "v.npy")
    assert isinstance(labels, np.memmap)
