import numpy as np
import pytest
from discs import disc_slice

from napari_cathode.identify.diameter import typical_diameter
from napari_cathode.identify.training_data import (
    TRAINING,
    VALIDATION,
    LabelledSlice,
    SlicePool,
    cut_patch,
    fill_pool,
    make_batch,
    targets,
)
from napari_cathode.identify.training_volumes import LabelledVolume, cut_block
from napari_cathode.identify.working_volume import MIRRORED


def make_discs(rng, shape):
    return disc_slice(shape, diameter=float(rng.uniform(20, 30)), seed=int(rng.integers(1000)))


def test_a_slice_depends_on_seed_stream_and_index_alone(tmp_path):
    first = SlicePool(tmp_path / "a", 3, TRAINING, (96, 96), make_discs)
    fill_pool(first, 3)
    second = SlicePool(tmp_path / "b", 3, TRAINING, (96, 96), make_discs)
    assert (first.raw(2)[0] == second.raw(2)[0]).all()
    assert (first[1].labels == second[1].labels).all()
    for other in (
        SlicePool(tmp_path / "c", 4, TRAINING, (96, 96), make_discs),
        SlicePool(tmp_path / "d", 3, VALIDATION, (96, 96), make_discs),
    ):
        assert (first.raw(2)[0] != other.raw(2)[0]).any()


def test_patches_show_particles_at_the_working_diameter():
    image, labels = disc_slice((300, 300), diameter=60)
    source = LabelledSlice(image.astype(np.float32) / 255, labels, typical_diameter(labels))
    rng = np.random.default_rng(0)
    measured = []
    for _ in range(12):
        patch, cut = cut_patch(source, rng, 96, 24.0, jitter=0.0)
        assert patch.shape == cut.shape == (96, 96)
        assert patch.dtype == np.float32
        assert np.corrcoef(patch.ravel(), (cut > 0).ravel())[0, 1] > 0.7  # image and labels stay together
        measured.append(typical_diameter(cut))
    assert np.median(measured) == pytest.approx(24, rel=0.08)


def test_jitter_varies_the_size_within_its_bounds():
    image, labels = disc_slice((400, 400), diameter=40)
    source = LabelledSlice(image.astype(np.float32) / 255, labels, typical_diameter(labels))
    rng = np.random.default_rng(1)
    sizes = [typical_diameter(cut_patch(source, rng, 96, 24.0, jitter=0.5)[1]) for _ in range(30)]
    assert 24 / 1.7 < min(sizes) < 20
    assert 29 < max(sizes) < 24 * 1.6


def test_targets_of_a_disc():
    rows, columns = np.mgrid[:64, :64]
    labels = (np.hypot(rows - 32, columns - 32) <= 20).astype(np.int32)
    probability, distance = targets(labels, 32, (2, 2))
    assert probability.shape == (32, 32, 1)
    assert distance.shape == (32, 32, 33)
    assert probability[16, 16, 0] == pytest.approx(1, abs=0.06)
    assert distance[16, 16, :32] == pytest.approx(20, abs=1.0)
    assert (distance[..., 32] == probability[..., 0]).all()
    assert probability[0, 0] == 0


@pytest.mark.parametrize("fill", [0, 1])
def test_a_patch_without_any_edge_has_targets(fill):
    probability, distance = targets(np.full((32, 32), fill, np.int32), 8, (2, 2))
    assert (probability == fill).all()
    assert np.isfinite(distance).all()


def test_a_batch_has_the_shapes_that_keras_wants(tmp_path):
    pool = SlicePool(tmp_path, 0, TRAINING, (128, 128), make_discs)
    images, (probability, distance) = make_batch(pool, 2, np.random.default_rng(0), 3, 64, 24.0, 0.5, 32, (2, 2))
    assert images.shape == (3, 64, 64, 1)
    assert probability.shape == (3, 32, 32, 1)
    assert distance.shape == (3, 32, 32, 33)
    assert images.dtype == probability.dtype == distance.dtype == np.float32


def test_cubes_go_on_mirrored_beyond_faces_at_either_end():
    cells = np.arange(1000).reshape(10, 10, 10)
    labels = cells.repeat(6, 0).repeat(6, 1).repeat(6, 2).astype(np.int32)
    source = LabelledVolume(labels / np.float32(999), labels, 12.0)
    ends = set()
    for seed in range(12):
        image, mirrored = cut_block(source, np.random.default_rng(seed), 48, 12.0, 0.0, 1.0)
        assert image.shape == mirrored.shape == (48, 48, 48)
        for axis in range(3):
            along = np.moveaxis(mirrored, axis, 0)
            # What lies side by side lay so in the volume.
            assert set(np.unique(np.abs(np.diff(along, axis=0)))) <= {0, 1, 10, 100}
            found = [
                (axis, end)
                for end, seen in (("low", along), ("high", along[::-1]))
                for n in range(MIRRORED // 2, MIRRORED * 3 // 2)
                if (seen[:n][::-1] == seen[n : 2 * n]).all()
            ]
            assert len(set(found)) == 1
            ends.update(found)
    assert len(ends) == 6
