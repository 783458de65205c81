"""Volumes that lie in files give the table of those in memory, with few voxels in memory at a time."""

import dask.array
import numpy as np
import pytest
import zarr

from napari_cathode.measure import measure, streaming, volume_pass
from napari_cathode.measure.streaming import ChunkReader, MappedReader, streamed

SPACING = (0.1, 0.1, 0.1)


@pytest.fixture(scope="module")
def whole(balls):
    return measure(balls.filled, balls.image, SPACING)


def stored(values, folder, how):
    if how == "zarr":
        array = zarr.create_array(store=str(folder), shape=values.shape, dtype=values.dtype, chunks=(16, 24, 40))
        array[...] = values
        return zarr.open_array(str(folder), mode="r")
    if how == "slices":
        return dask.array.from_array(values, chunks=(1, *values.shape[1:]))
    np.save(f"{folder}.npy", values)
    return np.load(f"{folder}.npy", mmap_mode="r")


@pytest.mark.parametrize("how", ["zarr", "slices", "mapped"])
def test_files_give_the_table_of_memory(balls, whole, tmp_path, monkeypatch, how):
    monkeypatch.setattr(volume_pass, "SLAB_BYTES", 5 * 4 * 92 * 92)
    monkeypatch.setattr(streaming, "MAPPED_BYTES", 10_000)
    labels, image = stored(balls.filled, tmp_path / "labels", how), stored(balls.image, tmp_path / "image", how)
    assert measure(labels, image, SPACING).equals(whole)


def test_mixed_files_give_the_table_of_memory(balls, whole, tmp_path):
    labels, image = stored(balls.filled, tmp_path / "labels", "zarr"), stored(balls.image, tmp_path / "image", "mapped")
    assert measure(labels, image, SPACING).equals(whole)
    assert measure(labels, balls.image, SPACING).equals(whole)


class Counted:
    """An array in chunks that counts how often it is asked."""

    def __init__(self, values, chunks):
        self.values, self.chunks, self.shape, self.dtype, self.ndim = values, chunks, values.shape, values.dtype, 3
        self.reads = []

    def __getitem__(self, box):
        self.reads.append(tuple(where.start for where in box))
        return self.values[box]


def test_a_chunk_is_read_once_while_boxes_move_on_and_few_are_kept(balls, monkeypatch):
    """Of labels and image the same part of the volume is kept."""
    monkeypatch.setattr(streaming, "KEPT_BYTES", 5 * 60 * 92 * 92)
    given = [Counted(values, (1, 92, 92)) for values in (balls.filled, balls.image)]
    readers = streamed(*given)
    for first in range(0, 92, 8):
        for reader in readers:
            reader[first : first + 30, 10:20, 5:9]
            assert sum(values.nbytes for values in reader._kept.values()) <= 60 * 92 * 92 * reader.dtype.itemsize
    for array in given:
        assert len(array.reads) == len(set(array.reads)) == 92


def test_boxes_are_those_of_the_array(tmp_path):
    values = np.random.default_rng(0).integers(0, 99, (13, 17, 19)).astype(np.int16)
    for chunk in ((5, 6, 7), (1, 17, 19), (13, 17, 19), (20, 20, 20)):
        reader = ChunkReader(values, chunk)
        reader.room = 500
        for box in np.ndindex(3, 3, 3):
            where = tuple(slice(at * 4, at * 6 + 3) for at in box)
            np.testing.assert_array_equal(reader[where], values[where])
        np.testing.assert_array_equal(reader[3:4], values[3:4])
        assert reader[4:4].size == 0
    np.save(tmp_path / "v.npy", values)
    mapped, _ = streamed(np.load(tmp_path / "v.npy", mmap_mode="r")[2:], None)
    assert isinstance(mapped, MappedReader)
    np.testing.assert_array_equal(mapped[1:4, 2:9, 3:5], values[3:6, 2:9, 3:5])
    # What can be written to is not ours to drop.
    assert isinstance(streamed(np.load(tmp_path / "v.npy", mmap_mode="c"), None)[0], np.memmap)
    assert streamed(values, values)[0] is values
