"""Large files: opened lazily, read right, and as light as a name when they travel to another process."""

import multiprocessing
import pickle

import dask.array
import h5py
import numpy as np
import pytest
import tifffile

from napari_cathode.io import lazy, read
from napari_cathode.process import iter_in_process
from napari_cathode.progress import Progress, drain

GREY = np.random.default_rng(4).integers(0, 60000, (9, 40, 50)).astype(np.uint16)


def _write_npy(path, **options):
    np.save(path, np.asfortranarray(GREY) if options.get("fortran") else GREY)


def _write_tiff(path, **options):
    tifffile.imwrite(path, GREY, **options)


def _write_h5(path, **options):
    with h5py.File(path, "w") as file:
        file.create_dataset("volume", data=GREY, **options)


def _write_folder(path, **options):
    path.mkdir()
    for z, image in enumerate(GREY):
        tifffile.imwrite(path / f"{z}.tif", image, **options)


KINDS = [
    ("a.npy", _write_npy, {}, np.memmap),
    ("f.npy", _write_npy, {"fortran": True}, np.memmap),
    ("a.tif", _write_tiff, {"bigtiff": True}, np.memmap),
    ("z.tif", _write_tiff, {"compression": "zlib"}, dask.array.Array),
    ("ome.tif", _write_tiff, {"ome": True, "compression": "zlib", "tile": (16, 16)}, dask.array.Array),
    ("ij.tif", _write_tiff, {"imagej": True}, dask.array.Array),  # big-endian
    ("a.h5", _write_h5, {}, np.memmap),
    ("c.h5", _write_h5, {"chunks": (4, 16, 16), "compression": "gzip"}, dask.array.Array),
    ("folder", _write_folder, {}, dask.array.Array),
]


@pytest.fixture(params=KINDS, ids=[kind[0] for kind in KINDS])
def tomogram(request, tmp_path, monkeypatch):
    """Give a tomogram that was opened as if it were large."""
    name, write, options, kind = request.param
    monkeypatch.setattr(lazy, "EAGER_BYTES", 100)
    monkeypatch.setattr(lazy, "MAP_BYTES", 100)
    monkeypatch.setattr("napari_cathode.io.tiff.EAGER_BYTES", 100)
    monkeypatch.setattr("napari_cathode.io.hdf5.EAGER_BYTES", 100)
    if name == "ij.tif":
        options = {**options, "byteorder": ">"}
    write(tmp_path / name, **options)
    opened = read(tmp_path / name)
    assert isinstance(opened.data, kind)
    return opened


def test_regions_are_read_right(tomogram):
    data = tomogram.data
    assert data.dtype == np.uint16
    assert data.dtype.isnative
    np.testing.assert_array_equal(np.asarray(data), GREY)
    np.testing.assert_array_equal(np.asarray(data[4]), GREY[4])
    np.testing.assert_array_equal(np.asarray(data[-1, ::2]), GREY[-1, ::2])
    np.testing.assert_array_equal(np.asarray(data[2:8:3, 5, 10:20]), GREY[2:8:3, 5, 10:20])
    np.testing.assert_array_equal(np.asarray(data[:, :, 7]), GREY[:, :, 7])


def test_a_pickle_holds_the_place_not_the_values(tomogram):
    frozen = pickle.dumps(tomogram)
    assert len(frozen) < GREY.nbytes / 2
    np.testing.assert_array_equal(np.asarray(pickle.loads(frozen).data), GREY)
    part = tomogram.data[2:5]
    np.testing.assert_array_equal(np.asarray(pickle.loads(pickle.dumps(part))), GREY[2:5])
    crossed = tomogram.data[:, 3:9, ::2]
    np.testing.assert_array_equal(np.asarray(pickle.loads(pickle.dumps(crossed))), GREY[:, 3:9, ::2])


def test_what_is_computed_from_a_mapped_file_is_pickled_by_value(tmp_path):
    np.save(tmp_path / "a.npy", GREY)
    mapped = lazy.map_file(tmp_path / "a.npy", np.uint16, GREY.shape, 128)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(mapped + 1)), GREY + 1)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(mapped.copy())), GREY)


def total(data):
    """Sum up in another process."""
    return int(np.asarray(data).sum(dtype=np.int64))


def iter_total(data):
    yield Progress(0, 1, "Adding")
    return total(data)


@pytest.mark.slow
def test_spawned_processes_open_the_files_anew(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_cathode.io.lazy.MAP_BYTES", 100)
    monkeypatch.setattr("napari_cathode.io.hdf5.EAGER_BYTES", 100)
    _write_npy(tmp_path / "a.npy")
    _write_h5(tmp_path / "c.h5", chunks=(4, 16, 16))
    _write_folder(tmp_path / "folder")
    arrays = [read(tmp_path / name).data for name in ("a.npy", "c.h5", "folder")]
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        assert pool.map(total, arrays) == [GREY.sum()] * 3
    for data in arrays:
        assert drain(iter_in_process(iter_total, data)) == GREY.sum()


def test_blocks_of_an_hdf5_file_are_read_whole_but_not_all_at_once(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_cathode.io.hdf5.EAGER_BYTES", 100)
    monkeypatch.setattr("napari_cathode.io.hdf5._CHUNK_BYTES", 4 * 50 * 2 * 20)
    _write_h5(tmp_path / "c.h5", chunks=(4, 8, 16))
    data = read(tmp_path / "c.h5").data
    assert data.chunksize == (4, 16, 50)
    np.testing.assert_array_equal(np.asarray(data), GREY)
