"""Block by block is as in memory."""

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score
from tests.fuse.test_fuse import ISOTROPIC, seen

from napari_cathode.errors import InputError
from napari_cathode.fuse import FuseParameters, fuse, prediction_from_labels
from napari_cathode.fuse import blocks as blocks_module
from napari_cathode.fuse.blocks import iter_fuse_blocks, iter_fuse_sized, plan_blocks
from napari_cathode.fuse.store import iter_write_predictions, read_predictions
from napari_cathode.progress import drain
from napari_cathode.simulate.faults import FAULTS, faulty_views
from napari_cathode.simulate.packed import packed_particles


@pytest.fixture(scope="module")
def packing():
    """Give a dense packing seen with the standard faults."""
    truth = packed_particles((72, 80, 88), 5, diameter=15.0)
    return faulty_views(truth, ISOTROPIC, FAULTS["standard"], 5)


@pytest.mark.parametrize("method", ["hybrid", "watershed"])
def test_blocks_give_what_memory_gives(packing, method, tmp_path):
    drain(iter_write_predictions(tmp_path / "views", packing, ISOTROPIC))
    stored = read_predictions(tmp_path / "views").views
    parameters = FuseParameters(method=method)
    whole = fuse(stored, parameters, ISOTROPIC)
    parts = drain(iter_fuse_blocks(stored, parameters, ISOTROPIC, tmp_path, block=72))
    assert isinstance(parts.labels, np.memmap) and parts.labels.dtype == np.int32
    foreground = (whole.labels > 0) | (parts.labels > 0)
    assert adjusted_rand_score(whole.labels[foreground], parts.labels[foreground]) >= 0.999
    assert ((whole.labels > 0) == (parts.labels > 0)).mean() > 0.9995
    assert parts.labels.max() == whole.labels.max() == len(parts.agreement)
    assert np.unique(parts.labels).size == parts.labels.max() + 1, "numbers have no gaps"
    assert parts.agreement["view_agreement"].mean() == pytest.approx(whole.agreement["view_agreement"].mean(), abs=1e-3)
    assert parts.parameters.minimal_diameter_um == pytest.approx(whole.parameters.minimal_diameter_um, rel=1e-3)
    assert parts.views == whole.views and parts.probability is None


def test_blocks_cover_the_volume_once():
    shape = (50, 333, 200)
    cores, halo = plan_blocks(shape, (2.0, 1.0, 1.0), 20.0, 128)
    assert halo == (13, 25, 25)
    times = np.zeros(shape, dtype=np.uint8)
    for core in cores:
        times[tuple(slice(*side) for side in core)] += 1
        assert all(high - low + 2 * around <= 128 for (low, high), around in zip(core, halo, strict=True))
    assert (times == 1).all()


def test_only_large_volumes_and_methods_that_can_go_by_blocks(packing, tmp_path, monkeypatch):
    corner = {
        name: prediction_from_labels(name, np.ascontiguousarray(view.labels[:24, :24, :24]), ISOTROPIC)
        for name, view in packing.items()
    }
    assert not isinstance(drain(iter_fuse_sized(corner, FuseParameters(), ISOTROPIC, tmp_path)).labels, np.memmap)
    monkeypatch.setattr(blocks_module, "LARGE_VOXELS", 1000)
    assert isinstance(drain(iter_fuse_sized(corner, FuseParameters(), ISOTROPIC, tmp_path)).labels, np.memmap)
    linked = drain(iter_fuse_sized(corner, FuseParameters(method="linking"), ISOTROPIC, tmp_path))
    assert not isinstance(linked.labels, np.memmap)


def test_nothing_seen_and_bad_input(tmp_path):
    nothing = seen(np.zeros((20, 20, 20), dtype=np.int32))
    empty = drain(iter_fuse_blocks(nothing, FuseParameters(), ISOTROPIC, tmp_path))
    assert empty.labels.shape == (20, 20, 20) and not empty.labels.any() and len(empty.agreement) == 0
    with pytest.raises(InputError, match="voxel size is not known"):
        drain(iter_fuse_sized(nothing, FuseParameters(), None, tmp_path))
    with pytest.raises(InputError, match="no predictions"):
        drain(iter_fuse_sized({}, FuseParameters(), ISOTROPIC, tmp_path))
