"""Damage against what was planted, and the faults that make it wrong elsewhere."""

import numpy as np
import pytest
from scipy import ndimage

from napari_cathode.measure import MeasureParameters, measure

SPACING = (0.1, 0.1, 0.1)


@pytest.fixture(scope="module")
def tables(balls):
    return measure(balls.filled, balls.image, SPACING), measure(balls.solid, balls.image, SPACING)


@pytest.mark.parametrize("which", [0, 1], ids=["filled", "solid-only"])
def test_damage_follows_the_truth(balls, tables, which):
    measured = tables[which]["damage"].to_numpy()
    assert abs((measured - balls.damage).mean()) <= 0.005
    assert np.corrcoef(measured, balls.damage)[0, 1] >= 0.97


def test_filled_and_solid_only_labels_agree(tables):
    # What differs is the mouths of cracks: what spans them is not as round as the particle.
    filled, solid = tables
    assert solid["volume_um3"].to_numpy() == pytest.approx(filled["volume_um3"].to_numpy(), rel=0.01)
    for column, tolerance in (("damage", 0.005), ("edensity", 0.5), ("x_um", 0.02), ("sphericity", 0.05)):
        assert np.abs(filled[column] - solid[column]).max() <= tolerance, column


def test_noise_is_no_damage(make_cracked_balls):
    whole = make_cracked_balls(seed=3, noise=14, cracks=False)
    assert measure(whole.filled, whole.image, SPACING)["damage"].max() < 0.005


@pytest.mark.parametrize("voxels", [1, 2])
def test_labels_that_are_too_wide_add_little_damage(balls, voxels):
    wide = balls.filled
    for _ in range(voxels):
        grown = ndimage.grey_dilation(wide, footprint=ndimage.generate_binary_structure(3, 1))
        wide = np.where(wide > 0, wide, grown).astype(np.int32)
    bias = measure(wide, balls.image, SPACING)["damage"].to_numpy() - balls.damage
    assert np.abs(bias).max() < 0.03 and abs(bias.mean()) < 0.015


def test_closing_does_not_inflate_a_whole_ball(draw_ellipsoid):
    # Closing on a tight crop made volumes 1.15 to 2.2 times too large, and up to 0.54 of damage out of nothing.
    labels = draw_ellipsoid((48, 48, 48), (23.5, 23.5, 23.5), (12, 12, 12)).astype(np.int32)
    row = measure(labels, None, SPACING, MeasureParameters(closing_radius_um=1.0)).iloc[0]
    assert row.volume_um3 == pytest.approx(labels.sum() * 1e-3, rel=1e-9)
    assert row.damage == 0


def test_closing_does_not_take_neighbours_or_count_their_voxels(draw_ellipsoid):
    labels = np.zeros((40, 40, 64), np.int32)
    labels[draw_ellipsoid(labels.shape, (19.5, 19.5, 20), (11, 11, 11))] = 1
    labels[draw_ellipsoid(labels.shape, (19.5, 19.5, 42), (11, 11, 11))] = 2
    table = measure(labels, None, SPACING, MeasureParameters(closing_radius_um=0.5))
    voxels = np.bincount(labels.ravel())[1:]
    assert table["volume_um3"].to_numpy() * 1e3 == pytest.approx(voxels, abs=1)
    assert table["damage"].max() < 0.001


def test_a_neighbour_in_a_gap_is_not_taken():
    # A plate of another particle fills a slot that closing bridges, and a hole that filling closes.
    labels = np.zeros((30, 30, 40), np.int32)
    labels[5:25, 5:25, 5:35] = 1
    labels[13:17, 5:25, 20:38] = 2
    labels[13:17, 13:17, 10:14] = 3
    table = measure(labels, None, SPACING, MeasureParameters(closing_radius_um=0.5))
    voxels = np.bincount(labels.ravel())[1:]
    assert table["volume_um3"].to_numpy() * 1e3 == pytest.approx(voxels)
    assert (table["damage"] == 0).all()


def test_closing_radius_is_a_length(draw_ellipsoid):
    # A slit of 0.3 µm through the ball is closed by the same radius in µm, however fine the voxels are.
    for spacing in (0.1, 0.05):
        shape = (int(3.2 / spacing),) * 3
        ball = draw_ellipsoid(shape, (1.6,) * 3, (1.2,) * 3, (spacing,) * 3)
        labels = ball.astype(np.int32)
        labels[(np.abs(np.arange(shape[0]) * spacing - 1.6) < 0.16), :, :] = 0
        slit = 1 - labels.sum() / ball.sum()
        wide, narrow = MeasureParameters(closing_radius_um=0.3), MeasureParameters(closing_radius_um=0.1)
        assert measure(labels, None, (spacing,) * 3, wide)["damage"][0] == pytest.approx(slit, abs=0.02)
        assert measure(labels, None, (spacing,) * 3, narrow)["damage"][0] < 0.01


def test_closing_is_scipys(balls):
    from napari_cathode.measure.kernels import within_ball

    mask = balls.solid[:46, :46, :46] > 0
    spacing = np.array([0.2, 0.1, 0.15])
    swollen = within_ball(mask.view(np.uint8), spacing, 0.45, False)
    closed = 1 - within_ball(swollen, spacing, 0.45, True)
    reach = np.stack(np.meshgrid(*[np.arange(-5, 6)] * 3, indexing="ij"), -1) * spacing
    element = (reach**2).sum(-1) <= 0.45**2 * (1 + 1e-9)
    expected = ndimage.binary_dilation(mask, element)
    assert np.array_equal(swollen.astype(bool), expected)
    assert np.array_equal(closed.astype(bool), ndimage.binary_erosion(expected, element, border_value=1))


@pytest.mark.parametrize("flat", [False, True], ids=["volume", "slice"])
def test_filling_is_scipys(balls, flat):
    from napari_cathode.measure.filling import fill_holes, fill_particle

    mask = (balls.solid == 8)[46:, 46:, 46:]
    mask = mask[23:24] if flat else mask
    holes = np.random.default_rng(0).random(mask.shape) < 0.05
    porous = (mask & ~holes).view(np.uint8)
    expected = ndimage.binary_fill_holes(porous[0] if flat else porous)
    assert np.array_equal(np.squeeze(fill_holes(porous)), np.squeeze(expected))
    noise = (np.random.default_rng(1).random((1 if flat else 9, 14, 11)) < 0.7).view(np.uint8)  # windings to the end
    assert np.array_equal(np.squeeze(fill_holes(noise)), ndimage.binary_fill_holes(np.squeeze(noise)))
    # A particle is filled while it is swollen: dilation, filling, erosion of it all.
    reach = np.stack(np.meshgrid(*[np.arange(-3, 4)] * 3, indexing="ij"), -1)
    element = (reach**2).sum(-1) <= 9
    element = element[3:4] if flat else element
    swollen = ndimage.binary_dilation(porous, element)
    swollen = ndimage.binary_fill_holes(swollen[0])[None] if flat else ndimage.binary_fill_holes(swollen)
    closed = ndimage.binary_erosion(swollen, element, border_value=1)
    found = fill_particle(porous, porous, np.zeros(porous.shape, bool), SPACING, 0.3)
    assert np.array_equal(found[1], closed) and np.array_equal(found[0], closed | porous.astype(bool))


def test_filters_are_scipys(balls):
    from napari_cathode.measure.kernels import erode, grow
    from napari_cathode.smoothing import gaussian

    image = balls.image[:40, :42, :44].astype(np.float32)
    mask = (balls.solid[:40, :42, :44] > 0).view(np.uint8)
    cross, cube = ndimage.generate_binary_structure(3, 1), np.ones((3, 3, 3))
    assert np.array_equal(erode(mask), ndimage.binary_erosion(mask, cross))
    assert any(np.array_equal(grow(mask), ndimage.binary_dilation(mask, element)) for element in (cross, cube))
    smooth = ndimage.gaussian_filter(image, 0.8, mode="nearest", truncate=4)
    assert gaussian(image, (0.8, 0.8, 0.8)) == pytest.approx(smooth, abs=0.05)


def test_means_and_medians_are_scipys_and_numpys(balls):
    from napari_cathode.measure.grey_kernels import mean_around, median, pick

    image = balls.image[:24, :26, :28].astype(np.float32)
    mask = (balls.solid[:24, :26, :28] > 0).view(np.uint8)
    counts = np.rint(ndimage.uniform_filter(mask.astype(np.float64), 5, mode="constant") * 125)
    sums = ndimage.uniform_filter(image.astype(np.float64) * mask, 5, mode="constant") * 125
    expected = np.where(counts >= 30, sums / np.maximum(counts, 1), 0)
    assert mean_around(image, mask, 2, 30, 0.0) == pytest.approx(expected, rel=1e-4)
    assert np.array_equal(np.isnan(mean_around(image, mask, 2, 30, np.nan)), counts < 30)
    values = image[mask.view(bool)] + np.random.default_rng(0).random(mask.sum(), np.float32)
    for number in (1, 2, 3, 1000, 1001):
        assert median(values[:number]) == pytest.approx(np.median(values[:number]), abs=1e-5)
    assert np.isnan(median(values[:0])) and median(np.full(7, 3.0, np.float32)) == 3
    assert np.array_equal(pick(image, mask, 1 << 30), image[mask.view(bool)])
    assert np.array_equal(pick(image, mask, 100), image[mask.view(bool)][:: mask.sum() // 100])


@pytest.mark.parametrize("radius", [0.05, 0.3, 0.5, 1.5], ids=str)
def test_distances_in_bytes_are_those_of_numbers(radius):
    from napari_cathode.measure.kernels import within_ball

    mask = (ndimage.gaussian_filter(np.random.default_rng(1).random((21, 24, 27)), 2) > 0.5).view(np.uint8)
    for inverted in (False, True):
        distance = ndimage.distance_transform_edt(mask if inverted else 1 - mask)
        expected = distance * 0.1 <= radius + 1e-6
        assert np.array_equal(within_ball(mask, np.full(3, 0.1), radius, inverted).view(bool), expected)


def test_grey_does_not_leak_cracks(balls, tables):
    # Solid has one grey everywhere here, so EDensity must not follow damage.
    edensity = tables[0]["edensity"]
    assert np.abs(edensity - 178).max() < 3.5
    naive = ndimage.mean(balls.image, balls.filled, np.arange(1, 9))
    assert np.ptp(naive) > 12


def test_shape_does_not_leak_cracks(balls, tables, make_cracked_balls):
    whole = make_cracked_balls(cracks=False)
    intact = measure(whole.filled, whole.image, SPACING)
    for column in ("sphericity", "elongation", "surface_outer_um2", "volume_um3", "radius_short_um", "convexity"):
        assert tables[0][column].to_numpy() == pytest.approx(intact[column].to_numpy(), rel=0.02), column
    for column in ("vs_ratio", "equivalent_diameter_um"):  # roots, which hardly move with what they are made of
        assert tables[0][column].to_numpy() == pytest.approx(intact[column].to_numpy(), rel=0.005), column


def test_inner_surface_of_a_hollow_ball(draw_ellipsoid):
    shape, middle = (64,) * 3, (31.5,) * 3
    hollow = draw_ellipsoid(shape, middle, (26,) * 3) & ~draw_ellipsoid(shape, middle, (12,) * 3)
    row = measure(hollow.astype(np.int32), None, SPACING).iloc[0]
    assert row.surface_inner_um2 == pytest.approx(4 * np.pi * 1.2**2, rel=0.02)
    assert row.surface_outer_um2 == pytest.approx(4 * np.pi * 2.6**2, rel=0.01)
    assert row.damage == pytest.approx((12 / 26) ** 3, abs=0.002)
    assert row.rough_inner == pytest.approx(1, abs=0.03)


def test_a_particle_that_does_not_stand_out_has_no_damage(balls):
    flat = np.random.default_rng(0).normal(100, 5, balls.filled.shape).astype(np.float32)
    table = measure(balls.filled, flat, SPACING)
    assert table["damage"].isna().all()
    assert table["volume_um3"].notna().all()


def test_thresholds_to_choose_from(balls):
    global_table = measure(balls.filled, balls.image, SPACING, MeasureParameters(threshold="global"))
    assert np.abs(global_table["damage"] - balls.damage).max() < 0.05
    labels_table = measure(balls.filled, balls.image, SPACING, MeasureParameters(threshold="labels"))
    assert labels_table["damage"].max() < 0.001
    assert labels_table["edensity"].notna().all()


def test_a_shattered_particle_is_as_bright_as_its_grains():
    """Most of its voxels lie beside cracks, where blur makes them darker."""
    from napari_cathode.measure.threshold import GreyLevels, particle_greys

    z, y, x = np.indices((40, 40, 40))
    own = (z - 19.5) ** 2 + (y - 19.5) ** 2 + (x - 19.5) ** 2 < 15**2
    cracks = (x % 7 < 2) | (y % 7 < 2)
    image = ndimage.gaussian_filter(np.where(own & ~cracks, 180.0, np.where(own, 70.0, 95.0)), 0.8)
    quiet = (image + np.random.default_rng(0).normal(0, 3, image.shape)).astype(np.float32)
    found = particle_greys(quiet, own.view(np.uint8), (~own).view(np.uint8), GreyLevels())
    assert 170 < found.solid < 180  # the median of all that is brighter than half way is 153
    assert found.background == pytest.approx(95, abs=1)


def test_few_voxels_away_from_the_surface_do_not_tell_the_solid():
    from napari_cathode.measure.threshold import GreyLevels, particle_greys

    own = np.zeros((20, 20, 20), np.uint8)
    own[8:11, 8:11, 8:13] = 1
    quiet = np.where(own, 180.0, 95.0).astype(np.float32)
    quiet[9, 9, 9:12] = 240  # all that have no darker voxel beside them
    assert particle_greys(quiet, own, 1 - own, GreyLevels()).solid == 180


def test_a_particle_that_stands_out_is_not_lost_by_its_inner_voxels():
    from napari_cathode.measure.threshold import GreyLevels, particle_greys

    own = np.zeros((30, 30, 30), np.uint8)
    own[8:22, 8:22, 8:22] = 1
    quiet = np.random.default_rng(0).normal(100, 10, own.shape).astype(np.float32)
    quiet[own > 0] = np.where(np.indices(own.shape).sum(0) % 2, 90, 130)[own > 0]
    quiet[12:17, 12:17, 12:17] = 119  # all that have no darker voxel beside them: less than two standard deviations
    assert particle_greys(quiet, own, 1 - own, GreyLevels()).solid == 130


def test_cracks_in_a_darker_piece_are_as_wide():
    """What a crack lacks is a share of what the solid around it would lack in a void, not of the brightest solid."""
    from napari_cathode.measure.cracks import weigh_cracks

    z, _, x = np.indices((30, 24, 60))
    cracks = ((x // 2) % 8 == 3) & (z > 5) & (z < 24)
    image = ndimage.gaussian_filter(np.where(cracks, 70.0, np.where(x < 30, 180.0, 150.0)), 0.8).astype(np.float32)
    inner = np.ones(image.shape, np.uint8)
    found = weigh_cracks((image < 125).view(np.uint8), inner, image, image, 180.0, 70.0)
    for half in (np.s_[:, :, 3:26], np.s_[:, :, 34:57]):
        assert found[half].sum() == pytest.approx(cracks[half].sum(), rel=0.06)


def test_a_busy_place_hides_no_particle_that_stands_out_elsewhere():
    """Rims of close neighbours around a particle are no noise: half of what is around is dark, half is bright."""
    from napari_cathode.measure.threshold import GreyLevels, particle_greys

    quiet = np.full((1, 60, 60), 70.0, np.float32)
    quiet[:, ::2] = 135.0
    own = np.zeros(quiet.shape, np.uint8)
    own[:, 20:40, 20:40] = 1
    quiet[own > 0] = 170.0
    quiet += np.random.default_rng(0).normal(0, 2, quiet.shape).astype(np.float32)
    free = (1 - own).astype(np.uint8)
    assert np.isnan(particle_greys(quiet, own, free, GreyLevels()).threshold)
    found = particle_greys(quiet, own, free, GreyLevels(solid=170.0, background=95.0, spread=20.0))
    assert found.background < found.threshold < 170
