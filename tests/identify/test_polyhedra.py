"""Polyhedra against StarDist's own code and against balls."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from stardist import Rays_GoldenSpiral
from stardist.geometry import polyhedron_to_label
from stardist.nms import non_maximum_suppression_3d_inds

from napari_cathode.identify.polyhedra import EXCESS, Polyhedra, iter_draw, iter_refine, suppress
from napari_cathode.identify.star_kernels import ray_table, volumes
from napari_cathode.progress import drain

RAYS = Rays_GoldenSpiral(64)
TABLE = ray_table(RAYS)
FIELDS = ("centres", "distances", "probability")


def lumpy(count, low=3.0, high=7.0, size=40, seed=0) -> Polyhedra:
    """Random lumpy bodies of mean radii between low and high in a cube."""
    rng = np.random.default_rng(seed)
    radius = rng.uniform(low, high, (count, 1))
    lumps = 1 + 0.2 * np.sin(RAYS.vertices @ rng.normal(0, 2, (3, count)) + rng.uniform(0, 6, count)).T
    centres = rng.uniform(high, size - high, (count, 3)).round()
    return Polyhedra(
        centres.astype(np.float32), (radius * lumps).astype(np.float32), rng.permutation(count) / count + 0.001, RAYS
    )


def true_to(distances):
    """Give the distances that a network would predict for a polyhedron that is to be drawn as it is."""
    return (distances / TABLE.inflation + EXCESS).astype(np.float32)


def draw(polyhedra, shape, scale=(1.0, 1.0, 1.0), **options):
    return drain(iter_draw(polyhedra, shape, scale, **options))


def test_drawing_agrees_with_stardist():
    bodies = lumpy(12, seed=3)
    ours, drawn = draw(bodies, (40, 40, 40))
    theirs = polyhedron_to_label(
        (bodies.distances - EXCESS) * TABLE.inflation,
        bodies.centres,
        RAYS,
        (40, 40, 40),
        prob=bodies.probability,
        labels=np.argsort(np.argsort(-bodies.probability)) + 1,
        verbose=False,
    )
    assert len(drawn) == ours.max()
    back = np.concatenate([[0], np.argsort(np.argsort(-bodies.probability))[drawn] + 1])[ours]
    # Points on a face belong to it or not by rounding.
    assert (back != theirs).sum() < 0.005 * (theirs > 0).sum()


def test_drawing_in_slabs_gives_the_same_labels():
    bodies = lumpy(12, seed=4)
    whole, _ = draw(bodies, (40, 40, 40), slab=64)
    slabs, _ = draw(bodies, (40, 40, 40), slab=7)
    assert np.array_equal(whole, slabs)


def test_a_ball_keeps_its_size_on_other_voxels():
    ball = Polyhedra(np.full((1, 3), 15.5, np.float32), true_to(np.full((1, 64), 8)), np.ones(1, np.float32), RAYS)
    labels, _ = draw(ball, (16, 64, 64), (2.0, 0.5, 0.5))
    size = draw(replace(ball, distances=np.full((1, 64), 8 + EXCESS, np.float32)), (32, 32, 32))[0].sum()
    assert size == pytest.approx(4 / 3 * np.pi * 8**3, rel=0.02)  # a network's ball keeps its volume
    working_voxel = 2.0 * 0.5 * 0.5
    inscribed = float(volumes(np.full((1, 64), 8, np.float32), TABLE.faces, TABLE.size)[0])
    assert labels.sum() * working_voxel == pytest.approx(inscribed, rel=0.01)
    centre = np.argwhere(labels).mean(axis=0)
    assert centre == pytest.approx([(15.5 + 0.5) / 2 - 0.5, 31.5, 31.5], abs=0.1)


def test_bodies_end_at_the_field_of_view_and_hidden_ones_get_no_label():
    small, large = np.full((1, 64), 3, np.float32), np.full((1, 64), 8, np.float32)
    bodies = Polyhedra(
        np.array([[10, 10, 10], [10, 10, 11]], np.float32),
        np.concatenate([large, small]),
        np.array([0.9, 0.8], np.float32),
        RAYS,
    )
    seen = np.zeros((1, 20, 20), bool)
    seen[:, :, :11] = True
    labels, drawn = draw(bodies, (20, 20, 20), field_of_view=seen)
    assert drawn.tolist() == [0]
    assert labels.max() == 1
    assert not labels[:, :, 11:].any()


def test_overlap_is_the_share_of_the_smaller_body():
    bodies = lumpy(60, seed=5)
    fine = []
    for i in range(60):
        one = bodies.pick(np.array([i]))
        wider = replace(one, distances=true_to(one.distances))
        fine.append(np.flatnonzero(draw(wider, (120, 120, 120), (1 / 3, 1 / 3, 1 / 3))[0]))
    checked = 0
    for i in range(60):
        for j in range(i + 1, 60):
            pair = bodies.pick(np.array([i, j]))
            true = len(np.intersect1d(fine[i], fine[j])) / min(len(fine[i]), len(fine[j]))
            if true > 0.1:
                checked += 1
                assert len(suppress(pair, 0.0, true - 0.03).centres) == 1
                assert len(suppress(pair, 0.0, true + 0.03).centres) == 2
    assert checked > 20


def test_suppression_agrees_with_stardist_where_bodies_overlap_clearly():
    rng = np.random.default_rng(2)
    corners = np.stack(np.meshgrid(*[np.arange(14, 90, 30)] * 3), -1).reshape(-1, 3)
    alike = lumpy(27, 9, 12, seed=8)
    several = [
        Polyhedra((corners + rng.uniform(-4, 4, (27, 3))).astype(np.float32), alike.distances, rng.random(27), RAYS)
        for _ in range(4)
    ]
    bodies = Polyhedra(*(np.concatenate([getattr(s, n) for s in several]) for n in FIELDS), RAYS)
    order = np.argsort(-bodies.probability)
    kept = non_maximum_suppression_3d_inds(
        bodies.distances[order], bodies.centres[order], RAYS, bodies.probability[order], thresh=0.3, verbose=False
    )
    assert np.array_equal(suppress(bodies, 0.0, 0.3).centres, bodies.centres[order][kept])
    assert 20 < kept.sum() < 40


def test_suppression_of_nothing():
    none = lumpy(3).pick(np.zeros(3, bool))
    assert len(suppress(none, 0.5, 0.3).centres) == 0
    assert len(suppress(lumpy(3), 2.0, 0.3).centres) == 0
    labels, drawn = draw(none, (8, 8, 8))
    assert not labels.any() and len(drawn) == 0


def test_volumes_are_those_of_the_polyhedra():
    bodies = lumpy(5)
    fine = [
        (
            draw(
                replace(bodies.pick(np.array([i])), distances=true_to(bodies.distances[[i]])), (160,) * 3, (0.25,) * 3
            )[0]
            > 0
        )
        for i in range(5)
    ]
    measured = volumes(bodies.distances, TABLE.faces, TABLE.size)
    assert measured == pytest.approx([body.sum() / 64 for body in fine], rel=0.01)
    ball = volumes(np.full((1, 64), 3, np.float32), TABLE.faces, TABLE.size)[0]
    assert ball == pytest.approx(ConvexHull(RAYS.vertices * 3).volume, rel=1e-4)


def seen_from_within(centre, radius, short=0.0, probability=0.9) -> Polyhedra:
    """Candidates at every second voxel of a ball; each sees its surface too short, the more the farther it is."""
    points = np.argwhere(np.ones((np.ceil(2 * radius).astype(int) + 1,) * 3)) - np.ceil(radius)
    points = points[(np.linalg.norm(points, axis=1) < radius - 1) & (points % 2 == 0).all(axis=1)]
    along = points @ RAYS.vertices.T.astype(float)
    distance = np.sqrt(along**2 + radius**2 - (points**2).sum(axis=1)[:, None]) - along
    distance *= 1 - short * distance / radius
    central = np.full(len(points), probability) - 0.01 * np.linalg.norm(points, axis=1)
    return Polyhedra(
        (points + centre).astype(np.float32), (distance + EXCESS).astype(np.float32), central.astype(np.float32), RAYS
    )


def joined(*parts: Polyhedra) -> Polyhedra:
    return Polyhedra(*(np.concatenate([getattr(part, name) for part in parts]) for name in FIELDS), RAYS)


def refine(candidates, chosen):
    return drain(iter_refine(candidates, chosen))


def test_near_candidates_mend_what_the_centre_sees_too_short():
    ball = seen_from_within((0, 0, 0), 12.0, short=0.25)
    chosen = suppress(ball, 0.5, 0.2)
    refined = refine(ball, chosen)
    assert len(chosen.centres) == 1 and (refined.centres == chosen.centres).all()
    assert np.allclose(chosen.distances - EXCESS, 9.0, atol=0.1)
    assert np.abs(refined.distances - EXCESS - 12).max() < 0.09 * 12
    assert abs((refined.distances - EXCESS).mean() - 12) < 0.05 * 12


def test_agreeing_candidates_change_nothing():
    ball = seen_from_within((5, 5, 5), 9.0)
    chosen = suppress(ball, 0.5, 0.2)
    change = refine(ball, chosen).distances - chosen.distances
    # Faces are flat: seen from other centres a ball's surface lies now below, now above.
    assert np.abs(change).max() < 0.04 * 9 and abs(change.mean()) < 0.01 * 9


def test_neighbours_have_no_say():
    left, right = seen_from_within((0, 0, 0), 9.0, 0.1), seen_from_within((0, 0, 17), 8.0, 0.1)
    both = joined(left, right)
    chosen = suppress(both, 0.5, 0.2)
    assert len(chosen.centres) == 2
    refined = refine(both, chosen)
    for n, ball in enumerate((left, right)):
        alone = refine(ball, suppress(ball, 0.5, 0.2))
        at = int(np.argmin(np.linalg.norm(refined.centres - alone.centres[0], axis=1)))
        np.testing.assert_array_equal(refined.distances[at], alone.distances[0], err_msg=str(n))


def test_nothing_is_refined_to_nothing():
    none = lumpy(3).pick(np.zeros(3, bool))
    assert len(refine(none, none).centres) == 0
