"""The box around one particle."""

import dask.array as da
import numpy as np
import pytest

from napari_cathode.boxes import find_box


@pytest.fixture
def labels():
    made = np.zeros((30, 60, 60), np.int32)
    made[4:28, 10:50, 3:40] = 5
    made[0, 0, 0] = 2**31 - 1
    return made


BOX = (slice(4, 28), slice(10, 50), slice(3, 40))


def test_from_a_voxel_inside(labels):
    assert find_box(labels, 5, (10, 12, 5)) == BOX


def test_a_wrong_guess_is_no_harm(labels):
    assert find_box(labels, 5, (0, 59, 59)) == BOX
    assert find_box(labels, 5, (99, -7, 1e6)) == BOX


def test_without_a_guess(labels):
    assert find_box(labels, 5) == BOX
    assert find_box(labels, 2**31 - 1) == (slice(0, 1),) * 3
    assert find_box(labels, 4) is None


def test_lazy_arrays_are_read_around_the_voxel_only(labels):
    read = []

    def block(block_info=None):
        read.append(block_info[None]["chunk-location"])
        return np.zeros((10, 10, 10), np.int32) + (block_info[None]["chunk-location"] == (1, 1, 1))

    lazy = da.map_blocks(block, chunks=((10,) * 9,) * 3, dtype=np.int32)
    assert find_box(lazy, 1, (15, 15, 15)) == (slice(10, 20),) * 3
    assert max(max(place) for place in read) <= 3
    assert find_box(lazy, 1) is None
