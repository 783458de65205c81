"""The same particle, described otherwise: turned, renumbered, moved, or sampled with other voxels."""

import numpy as np
import pytest
from scipy import ndimage

from napari_cathode.measure import MeasureParameters, measure

SPACING = (0.1, 0.1, 0.1)
SCALARS = [
    "volume_um3",
    "surface_outer_um2",
    "surface_inner_um2",
    "elongation",
    "sphericity",
    "edensity",
    "rough_outer",
]
SCALARS += ["dist_nearest_um", "elong_std", "volume_std_um3", "pdensity", "orien_iso"]


@pytest.fixture(scope="module")
def table(balls):
    return measure(balls.filled, balls.image, SPACING)


@pytest.mark.parametrize("plane", [(0, 1), (0, 2), (1, 2)])
def test_rotation_by_a_right_angle(balls, table, plane):
    labels = np.ascontiguousarray(np.rot90(balls.filled, axes=plane))
    turned = measure(labels, np.ascontiguousarray(np.rot90(balls.image, axes=plane)), SPACING)
    for column in [*SCALARS, "damage", "contact"]:
        expected = table[column].to_numpy()
        assert turned[column].to_numpy() == pytest.approx(expected, rel=5e-3, abs=1e-3, nan_ok=True), column
    names = ["z_um", "y_um", "x_um"]
    first, second = names[plane[0]], names[plane[1]]
    # rot90 takes the first axis to the second, and the second to the first, turned round.
    assert turned[second].to_numpy() == pytest.approx(table[first].to_numpy(), abs=1e-9)
    assert turned[first].to_numpy() == pytest.approx(9.1 - table[second].to_numpy(), abs=1e-9)


@pytest.mark.parametrize("plane", [(0, 1), (0, 2), (1, 2)])
def test_the_long_axis_turns_with_the_particle(draw_ellipsoid, plane):
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
    body = draw_ellipsoid((44,) * 3, (21.5,) * 3, (19, 13, 9), rotation=turn).astype(np.int32)
    axes = [
        measure(labels, None, SPACING)[["axis_z", "axis_y", "axis_x"]].to_numpy()[0]
        for labels in (body, np.ascontiguousarray(np.rot90(body, axes=plane)))
    ]
    expected = axes[0].copy()
    expected[plane[0]], expected[plane[1]] = -axes[0][plane[1]], axes[0][plane[0]]
    assert abs(axes[1] @ expected) == pytest.approx(1, abs=1e-9)


def test_relabelling_changes_only_the_numbers(balls, table):
    numbers = np.array([0, 90, 4, 77, 12, 31, 8, 55, 1])
    other = measure(numbers[balls.filled].astype(np.int32), balls.image, SPACING)
    back = table.assign(label=numbers[table["label"]]).sort_values("label", ignore_index=True)
    assert other.drop(columns="label").to_numpy(float) == pytest.approx(
        back.drop(columns="label").to_numpy(float), rel=1e-12, nan_ok=True
    )


def test_moving_by_voxels_moves_positions_only(balls, table):
    moved = measure(np.pad(balls.filled, 5), np.pad(balls.image, 5, mode="edge"), SPACING)
    assert (moved["x_um"] - table["x_um"]).to_numpy() == pytest.approx(0.5)
    for column in ("volume_um3", "surface_outer_um2", "damage", "edensity", "elongation"):
        assert moved[column].to_numpy() == pytest.approx(table[column].to_numpy(), rel=0.01, abs=0.003), column


@pytest.mark.parametrize("edge", [0.2, 0.05], ids=["twice", "half"])
def test_anisotropic_voxels(draw_ellipsoid, edge):
    turn = np.linalg.qr(np.random.default_rng(9).normal(size=(3, 3)))[0]
    rows = []
    for z_edge in (0.1, edge):
        spacing = (z_edge, 0.1, 0.1)
        shape = (int(4.4 / z_edge), 44, 60)
        filled = draw_ellipsoid(shape, (2.1, 2.15, 1.6), (1.6, 1.1, 1.2), spacing, turn)
        other = draw_ellipsoid(shape, (2.1, 2.15, 4.2), (1.5, 1.5, 1.45), spacing)
        hollow = filled & ~draw_ellipsoid(shape, (2.1, 2.15, 1.6), (0.7, 0.6, 0.6), spacing)
        labels = np.where(filled, 1, 2 * other).astype(np.int32)
        grey = ndimage.gaussian_filter(np.where(hollow | other, 180.0, 90.0), 0.05 / np.array(spacing))
        rows.append(measure(labels, grey, spacing).iloc[0])
    physical = ["volume_um3", "surface_outer_um2", "surface_inner_um2", "elongation", "sphericity", "vs_ratio"]
    physical += ["equivalent_diameter_um", "edensity", "rough_outer", "z_um", "y_um", "x_um"]
    for column in physical:
        assert rows[1][column] == pytest.approx(rows[0][column], rel=0.03), column
    assert rows[1].damage == pytest.approx(rows[0].damage, abs=0.003)
    assert abs(np.dot(*[[row.axis_z, row.axis_y, row.axis_x] for row in rows])) > 0.99


def test_half_a_voxel_makes_no_difference(draw_ellipsoid):
    rows = [
        measure(draw_ellipsoid((50,) * 3, (24 + shift,) * 3, (18, 14, 12)).astype(np.int32), None, SPACING).iloc[0]
        for shift in (0.0, 0.5)
    ]
    for column in ("volume_um3", "surface_outer_um2", "elongation"):
        assert rows[1][column] == pytest.approx(rows[0][column], rel=0.01), column
    assert rows[1].sphericity == pytest.approx(rows[0].sphericity, rel=0.02)
    assert rows[1].x_um - rows[0].x_um == pytest.approx(0.05, abs=1e-3)


def test_closing_radius_beyond_the_crop_of_a_neighbour(balls):
    # A wide closing takes in nothing of other labels, whatever lies around.
    table = measure(balls.filled, None, SPACING, MeasureParameters(closing_radius_um=1.5))
    claimed = (table["volume_um3"] / 1e-3).sum()
    assert claimed <= balls.filled.size
    assert (table["volume_um3"] * 1e3).to_numpy() == pytest.approx(np.bincount(balls.filled.ravel())[1:], rel=0.02)
