"""Neighbourhoods: lattices, aligned and random fields, packing density against a brute-force box."""

import numpy as np
import pytest

from napari_cathode.measure import MeasureParameters, measure
from napari_cathode.measure.neighbours import alignment, nearest_neighbours, spread
from napari_cathode.measure.packing import CoarseCounts


def _lattice(n=5, pitch=12, radius=4):
    points = np.stack(np.meshgrid(*[np.arange(n) * pitch + pitch // 2] * 3, indexing="ij"), -1).reshape(-1, 3)
    labels = np.zeros((n * pitch,) * 3, np.int32)
    reach = np.arange(-radius, radius + 1)
    ball = np.stack(np.meshgrid(reach, reach, reach, indexing="ij"), -1).reshape(-1, 3)
    ball = ball[(ball**2).sum(1) <= radius**2]
    for number, point in enumerate(points, start=1):
        labels[tuple((point + ball).T)] = number
    return labels, points


def test_cubic_lattice():
    labels, _ = _lattice()
    table = measure(labels, None, (0.5, 0.5, 0.5))
    inner = table[(np.abs(table[["z_um", "y_um", "x_um"]] - 15) < 7).all(axis=1)]
    assert len(inner) == 27
    assert inner["dist_nearest_um"].to_numpy() == pytest.approx(6.0, rel=1e-9)
    for column in ("elong_std", "volume_std_um3", "sphericity_std"):
        assert inner[column].to_numpy() == pytest.approx(0.0, abs=1e-9), column
    assert table["contact"].max() == 0


def test_a_particle_is_not_its_own_neighbour_and_all_six_count():
    # The published code indexed one element, off by one, and its deviations collapsed to 0.
    rng = np.random.default_rng(5)
    centres = rng.uniform(0, 100, (200, 3))
    values = rng.normal(size=200)
    neighbours, distances = nearest_neighbours(centres)
    apart = np.linalg.norm(centres[:, None] - centres[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    order = np.argsort(apart, axis=1)[:, :6]
    assert np.array_equal(np.sort(neighbours, 1), np.sort(order, 1))
    assert distances.mean(1) == pytest.approx(np.take_along_axis(apart, order, 1).mean(1))
    assert spread(values, neighbours) == pytest.approx(values[order].std(axis=1))


def test_coinciding_centres_are_neighbours():
    centres = np.zeros((9, 3))
    neighbours, distances = nearest_neighbours(centres)
    assert not (neighbours == np.arange(9)[:, None]).any()
    assert (distances == 0).all()


@pytest.mark.parametrize("count", [0, 1, 6])
def test_without_six_neighbours_nothing_is_invented(count):
    labels = np.zeros((30, 30, 90), np.int32)
    for number in range(count):
        labels[10:20, 10:20, 4 + 14 * number : 14 + 14 * number] = number + 1
    table = measure(labels, None, (1.0, 1.0, 1.0))
    assert len(table) == count
    for column in ("dist_nearest_um", "elong_std", "volume_std_um3", "sphericity_std", "orien_iso"):
        assert table[column].isna().all(), column


def test_cut_particles_serve_as_neighbours_without_a_shape():
    labels, _ = _lattice(3)
    labels = labels[5:]  # cuts the lowest layer
    table = measure(labels, None, (0.5, 0.5, 0.5))
    assert table["touches_border"].sum() == 9
    middle = table[table["label"] == 14].iloc[0]
    assert middle.dist_nearest_um == pytest.approx(6, abs=0.2)
    assert middle.elong_std == pytest.approx(0, abs=1e-9)


def test_spread_needs_three_neighbours_with_a_value():
    values = np.array([np.nan, 1, 2, 3, np.nan, np.nan, np.nan, 4])
    neighbours = np.array([[1, 2, 3, 4, 5, 6], [2, 3, 4, 5, 6, 0]] + [[0, 4, 5, 6, 0, 4]] * 6)
    result = spread(values, neighbours)
    assert result[0] == pytest.approx(np.std([1, 2, 3]))
    assert np.isnan(result[1:]).all()


def test_alignment_of_aligned_random_and_crossed_axes():
    rng = np.random.default_rng(2)
    neighbours = nearest_neighbours(rng.uniform(size=(4000, 3)))[0]
    aligned = np.tile([0.0, 0.6, 0.8], (4000, 1)) * rng.choice([-1, 1], (4000, 1))
    assert alignment(aligned, neighbours, 3) == pytest.approx(1)
    axes = rng.normal(size=(4000, 3))
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    assert alignment(axes, neighbours, 3).mean() == pytest.approx(0, abs=0.01)
    flat = axes * (0, 1, 1)
    flat /= np.linalg.norm(flat, axis=1)[:, None]
    assert alignment(flat, neighbours, 2).mean() == pytest.approx(0, abs=0.02)
    crossed = np.eye(3)[np.array([0, 1, 2, 0, 1, 2, 0])]
    # Of the 15 pairs 3 are parallel (1) and 12 at right angles (−1/2).
    assert alignment(crossed, np.array([[0, 1, 2, 3, 4, 5]] * 7), 3) == pytest.approx((3 - 12 / 2) / 15)


def test_angles_do_not_wrap():
    # Two particles at −89° and +89° are nearly parallel; the standard deviation of angles says the opposite.
    angles = np.radians([89, -89, 88, -88, 90, -90, 87])
    axes = np.stack([np.zeros(7), np.sin(angles), np.cos(angles)], 1)
    assert alignment(axes, nearest_neighbours(np.random.default_rng(0).uniform(size=(7, 3)))[0], 2).min() > 0.98


@pytest.mark.parametrize("edge", [0.7, 2.0, 5.3, 9.0])
def test_packing_density_is_the_brute_force_box(edge):
    labels, points = _lattice(6, 11, 4)
    labels[np.random.default_rng(0).random(labels.shape) < 0.1] = 0
    spacing = (0.1, 0.1, 0.12)
    parameters = MeasureParameters(cube_edge_um=edge, threshold="labels", closing_radius_um=0)
    field = np.ones(labels.shape, bool)
    field[:, :, 60:] = False
    table = measure(labels, None, spacing, parameters, field)
    solid = (labels > 0) & field
    indices = [np.arange(size) * step for size, step in zip(labels.shape, spacing, strict=True)]
    # Fine brute force: every voxel is cut into 4³ points.
    for row in table.iloc[::17].itertuples():
        weights = []
        for axis, centre in enumerate((row.z_um, row.y_um, row.x_um)):
            low, high = centre - edge / 2, centre + edge / 2
            step = spacing[axis]
            weights.append(
                np.clip(np.minimum(indices[axis] + step / 2, high) - np.maximum(indices[axis] - step / 2, low), 0, None)
            )
        box = weights[0][:, None, None] * weights[1][:, None] * weights[2]
        assert row.pdensity == pytest.approx((box * solid).sum() / (box * field).sum(), abs=0.003)
        assert row.pdensity_coverage == pytest.approx((box * field).sum() / edge**3, abs=0.003)
    assert len(points) == len(table)


def test_packing_density_at_the_corner_is_not_above_one():
    labels = np.ones((20, 20, 20), np.int32)
    table = measure(labels, None, (1.0, 1.0, 1.0))
    assert table["pdensity"][0] == pytest.approx(1.0)
    assert table["pdensity_coverage"][0] == pytest.approx(1.0)
    counts = CoarseCounts((20, 20, 20), (1.0, 1.0, 1.0), 20.0, None)
    counts.add((-1, -1, -1), np.pad(np.ones((20, 20, 20), np.int64), 1))
    density, coverage = counts.density(np.array([[0.0, 0.0, 0.0], [19.0, 19.0, 19.0]]))
    assert density == pytest.approx(1.0) and coverage == pytest.approx((10.5 / 20) ** 3)
