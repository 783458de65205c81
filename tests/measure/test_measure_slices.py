"""Slices: the two-dimensional counterparts."""

import numpy as np
import pytest
import SimpleITK as sitk
from scipy import ndimage

from napari_cathode.measure import columns, measure, summarise

SPACING = (0.1, 0.1, 0.1)


def _disc(shape, centre, radii, spacing=(1.0, 1.0)):
    points = np.stack(np.indices(shape), -1) * spacing - np.asarray(centre)
    return (points**2 / np.asarray(radii) ** 2).sum(-1) <= 1


@pytest.fixture(scope="module")
def section():
    rng = np.random.default_rng(0)
    labels = np.zeros((180, 180), np.int32)
    void = np.zeros(labels.shape, bool)
    for number, (row, column) in enumerate(np.ndindex(3, 3), start=1):
        centre = (30 + 60 * row, 30 + 60 * column)
        disc = _disc(labels.shape, centre, (18 + number, 26))
        labels[disc] = number
        void |= _disc(labels.shape, centre, (number, number))
    grey = np.where(labels > 0, 180.0, 95.0)
    grey[void] = 80
    image = ndimage.gaussian_filter(grey, 0.9) + rng.normal(0, 8, grey.shape)
    truth = np.array([void[labels == number].mean() for number in range(1, 10)])
    return image[None].astype(np.float32), labels[None], np.where(void, 0, labels)[None], truth


def test_columns(section):
    image, labels, _, _ = section
    table = measure(labels, image, SPACING)
    assert list(table) == columns(2)
    assert "volume_um3" not in table and "area_um2" in table and "damage" in table
    assert not table["touches_border"].any()


def test_disc_and_ellipse():
    body = _disc((90, 110), (45, 55), (30, 30)).astype(np.int32)[None]
    row = measure(body, None, SPACING).iloc[0]
    assert row.area_um2 == pytest.approx(np.pi * 9, rel=0.005)
    assert row.perimeter_um == pytest.approx(2 * np.pi * 3, rel=0.01)
    assert row.circularity == pytest.approx(1, abs=0.03)
    assert row.equivalent_diameter_um == pytest.approx(6, rel=0.003)
    long = _disc((90, 150), (45, 75), (20, 60)).astype(np.int32)[None]
    row = measure(long, None, SPACING).iloc[0]
    assert row.elongation == pytest.approx(3, rel=0.01)
    assert (row.axis_y, row.axis_x) == pytest.approx((0, 1), abs=1e-6) and row.yaw_deg == pytest.approx(0, abs=0.1)


def test_stretched_pixels():
    rows = []
    for edge in (0.1, 0.2):
        shape = (int(9 / edge), 90)
        body = _disc(shape, (4.5, 4.5), (3, 2), (edge, 0.1)).astype(np.int32)[None]
        rows.append(measure(body, None, (1.0, edge, 0.1)).iloc[0])
    # Four directions, of which stretched pixels take two nearly to one: the perimeter is good to 5 % only.
    for column, tolerance in (("area_um2", 0.01), ("elongation", 0.01), ("perimeter_um", 0.05)):
        assert rows[1][column] == pytest.approx(rows[0][column], rel=tolerance), column


def test_perimeter_is_simpleitks(section):
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.ComputePerimeterOn()
    shapes.Execute(sitk.GetImageFromArray(section[1][0]))
    table = measure(section[1], None, (1.0, 1.0, 1.0))
    for row in table.itertuples():
        assert row.perimeter_um == pytest.approx(shapes.GetPerimeter(row.label), rel=1e-9)


@pytest.mark.parametrize("which", [1, 2], ids=["filled", "solid-only"])
def test_damage(section, which):
    damage = measure(section[which], section[0], SPACING)["damage"]
    assert abs((damage - section[3]).mean()) < 0.01
    assert np.corrcoef(damage, section[3])[0, 1] > 0.99


def test_neighbours_and_contact(section):
    table = measure(section[1], section[0], SPACING)
    assert table["dist_nearest_um"].notna().all()
    assert table["orien_iso"].dropna().between(-1, 1).all()
    touching = np.zeros((1, 60, 100), np.int32)
    touching[0, 10:50, 10:50] = 1
    touching[0, 10:50, 50:90] = 2
    assert measure(touching, None, SPACING)["contact"].to_numpy() == pytest.approx([0.25, 0.25], abs=0.02)


def test_the_two_faces_of_a_slice_are_no_border_but_its_sides_are(section):
    labels = section[1][:, 30:]
    table = measure(labels, None, SPACING)
    assert table["touches_border"].tolist() == [True] * 3 + [False] * 6
    assert table["area_um2"].isna().tolist() == [True] * 3 + [False] * 6


def test_packing_density_in_a_square(section):
    labels = section[1]
    table = measure(labels, None, SPACING)
    assert table["pdensity"][4] == pytest.approx((labels > 0).mean(), abs=1e-6)  # the square holds the whole slice
    assert table["pdensity_coverage"][4] == pytest.approx(18**2 / 20**2, rel=0.01)


def test_summary_of_a_slice(section):
    image, labels, _, truth = section
    table = measure(labels, image, SPACING)
    summary = summarise(table, labels, SPACING)
    assert summary.dimensions == 2 and summary.count == summary.n_damage == 9
    assert summary.damage_mean == pytest.approx(truth.mean(), abs=0.01)
    solid = ((labels > 0).sum() - truth @ np.bincount(labels.ravel())[1:]) / labels.size
    assert summary.solid_fraction == pytest.approx(solid, abs=0.01)


def test_a_real_slice(real_data):
    import tifffile

    image = tifffile.imread(real_data / "nmc_slice_a.tif")[None]
    labels = tifffile.imread(real_data / "nmc_slice_a_labels.tif")[None].astype(np.int32)
    table = measure(labels, image, SPACING)
    damage = table["damage"].dropna()
    assert len(table) == 85 and len(damage) > 50
    # Most have a small hollow core; a few are cracked or pulverised.
    assert 0.01 < damage.median() < 0.15 and damage.min() >= 0 and damage.max() < 0.5
    assert table["edensity"].between(140, 230).all()
