"""Labels of the solid alone: particles are completed across cracks wider than closing can bridge."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import Delaunay

from napari_cathode.measure import MeasureParameters, measure
from napari_cathode.measure.outline import convex_hull
from napari_cathode.measure.threshold import GreyLevels

SPACING = (0.1, 0.1, 0.1)


def _split_ball(draw_ellipsoid, half_width, noise=8.0):
    """Image, filled and solid-only labels of a ball with a slit that opens at the surface, and of a hollow one."""
    shape = (46, 46, 92)
    filled = np.zeros(shape, np.int32)
    filled[draw_ellipsoid(shape, (22.5, 22.6, 22.4), (18,) * 3)] = 1
    filled[draw_ellipsoid(shape, (22.5, 22.6, 68.4), (18,) * 3)] = 2
    _, y, x = np.indices(shape)
    void = (filled == 1) & (np.abs(y - 22.5) < half_width) & (x > 14)
    void |= draw_ellipsoid(shape, (22.5, 22.6, 68.4), (6,) * 3)
    grey = np.where(filled > 0, 180.0, 95.0)
    grey[void] = 70.0
    image = ndimage.gaussian_filter(grey, 0.8) + np.random.default_rng(0).normal(0, noise, shape)
    return image.astype(np.float32), filled, np.where(void, 0, filled).astype(np.int32), void


def test_convex_hull_is_delaunays(balls):
    mask = (balls.solid == 4)[::2, ::2, ::2][:23, 23:, 23:].astype(np.uint8)
    hull = convex_hull(mask).astype(bool)
    points = np.argwhere(mask)
    corners = np.argwhere(np.ones(mask.shape))
    inside = Delaunay(points).find_simplex(corners, tol=1e-9) >= 0
    assert np.array_equal(hull.ravel(), inside)
    flat = np.zeros((1, 9, 9), np.uint8)
    flat[0, 1, 1] = flat[0, 1, 7] = flat[0, 7, 1] = 1
    assert convex_hull(flat)[0].sum() == 28 and convex_hull(flat)[0, 4, 4] == 1 and convex_hull(flat)[0, 5, 4] == 0
    line = np.zeros((5, 5, 5), np.uint8)
    line[2, 2] = 1
    assert np.array_equal(convex_hull(line), line)


@pytest.mark.parametrize(
    ("half_width", "lost"),
    [(3, 0.01), (5, 0.01), (7, 0.025)],
    ids=["closed", "nearly as wide as closing", "wider than closing"],
)
def test_a_slit_counts_alike_for_filled_and_for_solid_only_labels(draw_ellipsoid, half_width, lost):
    image, filled, solid, void = _split_ball(draw_ellipsoid, half_width)
    planted = (void & (filled == 1)).sum() / (filled == 1).sum()
    of_filled, of_solid = (measure(labels, image, SPACING).iloc[0] for labels in (filled, solid))
    assert of_filled.damage == pytest.approx(planted, abs=0.01)
    assert of_solid.damage == pytest.approx(of_filled.damage, abs=0.01)
    # The hull is flat across a mouth, the ball is not.
    assert of_solid.volume_um3 == pytest.approx(of_filled.volume_um3, rel=lost)


def test_the_crack_of_a_neighbour_is_left_to_it():
    # The second ball sits in a dent of the first, with a crack as dark as any of the first
    z, y, x = np.indices((56, 56, 76))
    second = (z - 27.5) ** 2 + (y - 27.6) ** 2 + (x - 46.4) ** 2 < 14**2
    first = ((z - 27.5) ** 2 + (y - 27.6) ** 2 + (x - 26.4) ** 2 < 22**2) & ~second
    crack = second & (np.abs(x - 41) < 3) & (y > 20)
    grey = np.where(first | second, 180.0, 95.0)
    grey[crack] = 70.0
    image = ndimage.gaussian_filter(grey, 0.8) + np.random.default_rng(0).normal(0, 8, grey.shape)
    solid = (first + 2 * (second & ~crack)).astype(np.int32)
    table = measure(solid, image, SPACING, MeasureParameters(labels_cover="solid"))
    assert table["damage"][0] < 0.01
    assert table["volume_um3"][0] == pytest.approx(first.sum() * 1e-3, rel=0.01)
    assert table["damage"][1] == pytest.approx(crack.sum() / second.sum(), abs=0.03)


@pytest.mark.parametrize("gap", [2, 6], ids=["closed", "open"])
def test_a_wide_crack_is_found_between_neighbours_on_all_sides(gap):
    # Eight neighbours around a ball, nearer to each other than closing reaches, or farther
    z, y, x = np.indices((61,) * 3) - 30
    away = z**2 + y**2 + x**2
    ball = away < 15**2
    crack = ball & (np.abs(y) < 4.5) & (x > -4)
    apart = (np.abs([z, y, x]) > gap / 2).all(axis=0) & (away > (15 + gap) ** 2)
    labels = np.where(apart, 2 + (z > 0) * 4 + (y > 0) * 2 + (x > 0), ball & ~crack).astype(np.int32)
    settings = MeasureParameters(labels_cover="solid", closing_radius_um=0.6)
    table = measure(labels, None, (0.2,) * 3, settings).set_index("label")
    assert table.volume_um3[1] == pytest.approx(ball.sum() * 8e-3, rel=0.05)


def test_what_labels_cover_is_noticed_and_can_be_said(draw_ellipsoid):
    image, filled, solid, void = _split_ball(draw_ellipsoid, 7)
    said = [measure(solid, image, SPACING, MeasureParameters(labels_cover=cover)) for cover in ("solid", "particles")]
    noticed = measure(solid, image, SPACING)
    assert noticed.equals(said[0])
    assert any("labels cover" in note for note in noticed.attrs["notes"])
    assert not any("labels cover" in note for note in said[0].attrs["notes"])
    assert said[1]["damage"][0] < 0.5 * said[0]["damage"][0]
    of_filled = measure(filled, image, SPACING)
    assert of_filled.equals(measure(filled, image, SPACING, MeasureParameters(labels_cover="particles")))
    blind = measure(solid, None, SPACING, MeasureParameters(labels_cover="solid")).iloc[0]
    assert blind.damage == pytest.approx((void & (filled == 1)).sum() / (filled == 1).sum(), abs=0.03)


def test_grey_scale_does_not_matter(draw_ellipsoid):
    image, _, solid, _ = _split_ball(draw_ellipsoid, 7)
    tables = [measure(solid, grey, SPACING) for grey in (image, image * 0.01 - 3)]
    assert tables[1]["damage"].to_numpy() == pytest.approx(tables[0]["damage"].to_numpy(), abs=1e-3)
    assert tables[1]["volume_um3"].to_numpy() == pytest.approx(tables[0]["volume_um3"].to_numpy(), rel=1e-3)


def test_stretched_voxels_of_solid_only_labels(draw_ellipsoid):
    damage = []
    for edge in (0.1, 0.2):
        spacing = (edge, 0.1, 0.1)
        shape = (round(5 / edge), 46, 92)
        filled = draw_ellipsoid(shape, (2.25, 2.26, 2.24), (1.8,) * 3, spacing)
        hollow = draw_ellipsoid(shape, (2.25, 2.26, 6.84), (1.8,) * 3, spacing)
        _, y, x = np.indices(shape)
        void = filled & (np.abs(y - 22.5) < 7) & (x > 14)
        void |= draw_ellipsoid(shape, (2.25, 2.26, 6.84), (0.6,) * 3, spacing)
        grey = np.where(filled | hollow, 180.0, 95.0)
        grey[void] = 70
        image = ndimage.gaussian_filter(grey, 0.08 / np.array(spacing))
        solid = np.where(void, 0, filled + 2 * hollow).astype(np.int32)
        damage.append(measure(solid, image, spacing)["damage"].to_numpy())
    assert damage[1] == pytest.approx(damage[0], abs=0.02)
    assert damage[0][0] > 0.3


def test_what_lies_between_scattered_pieces_is_no_crack():
    labels = np.zeros((30, 30, 80), np.int32)
    labels[8:20, 8:20, 6:18] = 1
    labels[8:20, 8:20, 58:70] = 1
    row = measure(labels, None, SPACING, MeasureParameters(labels_cover="solid")).iloc[0]
    assert row.damage == 0 and row.volume_um3 == pytest.approx(2 * 1.728)


def test_completing_takes_nothing_of_neighbours(draw_ellipsoid):
    shape = (40, 40, 60)
    labels = np.zeros(shape, np.int32)
    labels[draw_ellipsoid(shape, (19.5, 19.5, 24), (15,) * 3)] = 1
    labels[draw_ellipsoid(shape, (19.5, 19.5, 42), (9,) * 3)] = 2  # sits in a dent of the first
    table = measure(labels, None, SPACING, MeasureParameters(labels_cover="solid", closing_radius_um=0.2))
    assert table["volume_um3"][1] * 1e3 == pytest.approx((labels == 2).sum(), rel=0.01)
    assert table["damage"].max() < 0.02


def test_a_slice_of_solid_only_labels(draw_ellipsoid):
    image, filled, solid, _ = _split_ball(draw_ellipsoid, 6, noise=4)
    middle = np.s_[22:23]
    tables = [measure(labels[middle], image[middle], SPACING) for labels in (filled, solid)]
    assert tables[0]["damage"][0] > 0.2
    assert tables[1]["damage"][0] == pytest.approx(tables[0]["damage"][0], abs=0.02)


def test_what_is_farther_from_a_particle_than_its_reach_tells_nothing(draw_ellipsoid, monkeypatch):
    from napari_cathode.measure import outline

    whole = draw_ellipsoid((44, 44, 44), (22, 22, 22), (12, 12, 12))
    z, y, x = np.indices(whole.shape)
    solid = whole & ~((np.abs(x - 22) < 4) & (z > 18)) & ~((np.abs(y - 20) < 2) & (z < 24))
    rng = np.random.default_rng(0)
    others = (ndimage.gaussian_filter(rng.random(whole.shape), 2) > 0.52) & ~whole
    image = np.where(solid | others, 180.0, np.where(whole, 70.0, 95.0)) + rng.normal(0, 12, whole.shape)
    image = ndimage.gaussian_filter(image, 0.8).astype(np.float32)
    filled, labelled = solid.view(np.uint8), (solid | others).view(np.uint8)
    free = (~others).view(np.uint8)
    greys = GreyLevels(solid=180.0, background=95.0, spread=5.0, void=70.0)
    found = outline.complete_outline(filled, labelled, free, image, greys, (1.0, 1.0, 1.0))
    assert found.sum() > filled.sum()
    monkeypatch.setattr(outline, "REACH", (44, 44, 44))
    assert np.array_equal(found, outline.complete_outline(filled, labelled, free, image, greys, (1.0, 1.0, 1.0)))
    monkeypatch.setattr(outline, "REACH", (1, 1, 1))
    short = outline.complete_outline(filled, labelled, free, image, greys, (1.0, 1.0, 1.0))
    assert not np.array_equal(found, short)
