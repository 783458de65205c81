import numpy as np
import pytest
from stardist import Rays_GoldenSpiral

from napari_cathode.identify.joining import _iter_bodies, iter_join
from napari_cathode.identify.polyhedra import Polyhedra
from napari_cathode.progress import drain

PROBABILITY = np.array([0.9, 0.8, 0.7], np.float32)


def three_blocks() -> np.ndarray:
    """Give three blocks in a row along x: 1 at the left, 3 in the middle, 2 at the right."""
    labels = np.zeros((20, 24, 60), np.int32)
    for label, left in ((1, 4), (3, 20), (2, 36)):
        labels[4:16, 4:20, left : left + 16] = label
    return labels


def candidates(labels: np.ndarray, walls: tuple[int, ...], scale: float = 1.0, grid: int = 2) -> Polyhedra:
    """Give what a network would propose where it sees surfaces at the walls only (x)."""
    size = [int(n * scale) for n in labels.shape]
    points = np.stack(np.meshgrid(*(np.arange(0, n, grid) for n in size), indexing="ij"), -1).reshape(-1, 3)
    inside = labels[tuple(np.minimum(points / scale, np.array(labels.shape) - 1).astype(int).T)] > 0
    points = points[inside]
    near = np.min([np.abs(points[:, 2] / scale - wall) for wall in walls], axis=0)
    probability = np.minimum(0.8, near / 8).astype(np.float32)
    kept = probability > 0.2
    return Polyhedra(
        points[kept].astype(np.float32),
        np.ones((kept.sum(), 64), np.float32),
        probability[kept],
        Rays_GoldenSpiral(64),
    )


@pytest.mark.parametrize("scale", [1.0, 0.5, 1.5])
def test_parts_without_a_surface_between_them_are_joined(scale):
    labels = three_blocks()
    before = labels.copy()
    # A surface at 36 (between 3 and 2), none at 20 (between 1 and 3).
    leaders = drain(iter_join(candidates(labels, (4, 36, 52), scale), labels, PROBABILITY, (scale,) * 3))
    assert leaders.tolist() == [0, 1]
    assert (labels == np.array([0, 1, 2, 1])[before]).all()


def test_parts_are_joined_in_a_chain():
    labels = three_blocks()
    before = labels.copy()
    leaders = drain(iter_join(candidates(labels, (4, 52)), labels, PROBABILITY, (1.0,) * 3))
    assert leaders.tolist() == [0]
    assert (labels == (before > 0)).all()


def test_parts_that_make_a_notched_body_together_stay_apart():
    labels = three_blocks()
    labels[:, :, 20:36] = 0
    labels[8:12, 8:14, 20:36] = 3  # a thin neck, seen through as well as the whole block in the middle
    before = labels.copy()
    leaders = drain(iter_join(candidates(labels, (4, 14, 40, 52)), labels, PROBABILITY, (1.0,) * 3))
    assert leaders.tolist() == [0, 1, 2]
    assert (labels == before).all()
    filled = three_blocks()
    assert drain(iter_join(candidates(filled, (4, 14, 40, 52)), filled, PROBABILITY, (1.0,) * 3)).tolist() == [0]


def test_particles_that_touch_stay_apart():
    labels = three_blocks()
    before = labels.copy()
    leaders = drain(iter_join(candidates(labels, (4, 20, 36, 52)), labels, PROBABILITY, (1.0,) * 3))
    assert leaders.tolist() == [0, 1, 2]
    assert (labels == before).all()


def test_a_body_is_measured_against_its_convex_hull():
    labels = np.zeros((6, 6, 12), np.int32)
    labels[1:4, 1:4, 1:9] = 2
    labels[1:4, 1:4, 3:5] = 0  # what lies between does not count, the hull goes over it
    labels[5, 5, 11] = 1
    bodies = drain(_iter_bodies(np.array([1, 2]), labels, [np.arange(n) for n in labels.shape]))
    assert (bodies[1].cells, bodies[2].cells) == (1, 54)
    assert bodies[1].fullness == pytest.approx(1.0) and bodies[2].fullness == pytest.approx(54 / 72)
    assert bodies[2].corners.min(axis=0).tolist() == [1, 1, 1] and bodies[2].corners.max(axis=0).tolist() == [4, 4, 9]


def test_numbers_stay_in_order_of_probability():
    labels = three_blocks()
    before = labels.copy()
    labels[:] = np.array([0, 2, 3, 1])[before]  # the one in the middle is the most probable
    before = labels.copy()
    leaders = drain(iter_join(candidates(labels, (4, 20, 52)), labels, PROBABILITY, (1.0,) * 3))
    assert leaders.tolist() == [0, 1]  # 1 and 3 are one particle now, 2 keeps its number
    assert (labels == np.array([0, 1, 2, 1])[before]).all()


def test_one_particle_and_none_are_left_alone():
    labels = np.ones((4, 4, 4), np.int32)
    one = candidates(labels, (100,))
    assert drain(iter_join(one, labels, PROBABILITY[:1], (1.0,) * 3)).tolist() == [0]
    assert drain(iter_join(one.pick(np.zeros(0, int)), labels * 0, PROBABILITY[:0], (1.0,) * 3)).tolist() == []
