"""Inside a particle: cracks, hollow core and shells against bodies whose values are known, and against scipy."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import ConvexHull

from napari_cathode.measure import MeasureParameters, measure
from napari_cathode.measure.grey_kernels import highest
from napari_cathode.measure.hull import convexity, hull_sizes, row_ends
from napari_cathode.measure.inside import lacking_grey, measure_cracks, measure_radially
from napari_cathode.measure.inside_kernels import crack_order, crack_pieces
from napari_cathode.measure.threshold import GreyLevels

ISOTROPIC = (1.0, 1.0, 1.0)
SPACINGS = [ISOTROPIC, (2.0, 1.0, 1.0), (0.5, 1.0, 1.0)]
RADIUS = 16.0
FRAME = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
LABELS_ONLY = MeasureParameters(threshold="labels", closing_radius_um=0.0)


def ball(spacing=ISOTROPIC, radius=RADIUS):
    """Offsets from the centre in µm, the distance from it, the mask, and its centroid in voxels."""
    width = 2 * radius + 8
    shape = tuple(int(width / edge) for edge in spacing)
    centre = np.full(3, width / 2)
    offset = np.stack(np.indices(shape), -1) * np.asarray(spacing) - centre
    distance = np.linalg.norm(offset, axis=-1)
    return offset, distance, (distance < radius).astype(np.uint8), tuple(centre / spacing)


def without(filled, crack):
    return filled & ~crack.astype(np.uint8)


def test_pieces_are_scipys():
    rng = np.random.default_rng(3)
    filled = (ndimage.gaussian_filter(rng.normal(size=(30, 34, 38)), 3) > 0).astype(np.uint8)
    filled[[0, -1]] = filled[:, [0, -1]] = filled[:, :, [0, -1]] = 0
    cracks = filled & (rng.random(filled.shape) < 0.06)
    voxels, starts, is_open = crack_pieces(filled, without(filled, cracks))
    found, number = ndimage.label(cracks, np.ones((3, 3, 3)))
    at_surface = cracks & ndimage.binary_dilation(filled == 0)
    assert len(is_open) == number and len(voxels) == cracks.sum()
    for piece in range(number):
        numbers = found[tuple(voxels[starts[piece] : starts[piece + 1]].T)]
        assert len(set(numbers)) == 1 and (found == numbers[0]).sum() == len(numbers)
        assert is_open[piece] == at_surface[found == numbers[0]].any()


@pytest.mark.parametrize("spacing", SPACINGS)
def test_open_cracks_and_closed_pores_apart(spacing):
    offset, _, filled, centroid = ball(spacing)
    slit = (np.abs(offset[..., 1] - 8) < 1.2) & (filled > 0)
    pore = np.linalg.norm(offset - (0, -5, 0), axis=-1) < 5
    cracks = measure_cracks(filled, without(filled, slit | pore), centroid, spacing)
    assert (cracks.open, cracks.closed) == (slit.sum(), pore.sum())
    assert cracks.largest == slit.sum()
    # The slit is a disc at 8 from the centre.
    assert cracks.extent_um == pytest.approx(2 * np.sqrt(RADIUS**2 - 7**2), abs=1.5)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_cracks_that_run_along_the_radius_or_the_surface(spacing):
    offset, distance, filled, centroid = ball(spacing)

    def orientation(crack):
        return measure_cracks(filled, without(filled, crack), centroid, spacing).orientation

    # A plane at the distance h within the radius a on it: mean of (3 h² / (h² + s²) − 1) / 2 over the disc.
    def of_plane(h):
        a = np.sqrt(RADIUS**2 - h**2)
        return 1.5 * h**2 * np.log(1 + a**2 / h**2) / a**2 - 0.5

    half = 1.5  # voxels are up to 2 µm high
    for normal in (*FRAME, (1, 0, 0), (0, 0, 1)):
        through = np.abs(offset @ np.asarray(normal)) < half
        assert orientation(through) == pytest.approx(of_plane(half), abs=0.08 if spacing == ISOTROPIC else 0.12)
        aside = np.abs(offset @ np.asarray(normal) - 8) < half
        assert orientation(aside) == pytest.approx((of_plane(6.5) + of_plane(9.5)) / 2, abs=0.06)
    assert orientation(np.abs(distance - 10) < half) > 0.9
    assert np.isnan(orientation(distance < 0))


@pytest.mark.parametrize("spacing", SPACINGS)
def test_hollow_core(spacing):
    offset, distance, filled, centroid = ball(spacing)

    def hollow(crack):
        return measure_radially(filled, without(filled, crack), None, centroid, spacing).hollow / filled.sum()

    for share in (0.3, 0.45, 0.7):
        assert hollow(distance < share * RADIUS) == pytest.approx(share**3, rel=0.06)
    # A hollow that is a little off the centre, one that is far off, a crack through the middle, and none.
    assert hollow(np.linalg.norm(offset - (2, 1, 0), axis=-1) < 7) == pytest.approx((7 / RADIUS) ** 3, rel=0.1)
    assert hollow(np.linalg.norm(offset - (9, 0, 0), axis=-1) < 5) == 0
    assert hollow(np.abs(offset @ FRAME[0]) < 1) < 0.005
    assert hollow(distance < 0) == 0


@pytest.mark.parametrize("spacing", SPACINGS)
def test_shells_of_a_ball(spacing):
    _, distance, filled, centroid = ball(spacing)
    hollow = distance < 0.4 * RADIUS
    image = distance.astype(np.float32)
    radial = measure_radially(filled, without(filled, hollow), image, centroid, spacing)
    assert radial.damage() == pytest.approx([1, 1, 0, 0, 0], abs=0.08)
    assert radial.filled / filled.sum() == pytest.approx(np.diff(np.linspace(0, 1, 6) ** 3), abs=0.012)
    # The grey is the distance from the centre: its mean over a shell is 3/4 of the ratio of differences of r⁴ and r³.
    ends = np.linspace(0, RADIUS, 6)
    means = 0.75 * np.diff(ends**4) / np.diff(ends**3)
    whole = measure_radially(filled, filled, image, centroid, spacing)
    assert whole.mean_grey()[1:4] == pytest.approx(means[1:4], abs=0.35)
    assert np.isnan(radial.mean_grey()[0])


def test_shells_follow_the_shape(draw_ellipsoid):
    radii, shape, centre = np.array((22, 14, 10)), (52, 36, 28), np.array((25.5, 17.5, 13.5))
    filled = draw_ellipsoid(shape, centre, radii).astype(np.uint8)
    hollow = draw_ellipsoid(shape, centre, 0.6 * radii)
    damage = measure_radially(filled, without(filled, hollow), None, tuple(centre), ISOTROPIC).damage()
    assert damage[:2] == pytest.approx([1, 1], abs=0.02)
    assert damage[2] > 0.85 and damage[3] < 0.15 and damage[4] == 0


def test_blur_at_the_rim_is_not_taken_for_a_profile():
    _, _, filled, centroid = ball(radius=14.0)
    image = ndimage.gaussian_filter(np.where(filled > 0, 180.0, 95.0), 0.9).astype(np.float32)
    grey = measure_radially(filled, filled, image, centroid, ISOTROPIC).mean_grey()
    # Less than 1 % of the contrast in the shells, where the rim without erosion would lose a fifth of it.
    assert grey[:4] == pytest.approx(np.full(4, 180), abs=0.3)
    assert grey[4] == pytest.approx(180, abs=0.85)


def test_cracks_thinner_than_a_voxel_show_in_the_grey():
    offset, _, filled, _ = ball()
    for width in (0.3, 0.6):
        from_plane = np.abs(offset[..., 0] - 0.2)
        share = np.clip(width / 2 + 0.5 - from_plane, 0, min(width, 1))  # of each voxel that the slit takes
        grey = ndimage.gaussian_filter(np.where(filled > 0, 180.0, 100.0) - 100 * share * filled, 0.7)
        grey += np.random.default_rng(0).normal(0, 4, grey.shape)
        true = (share * filled).sum() / filled.sum()
        found = lacking_grey(filled, filled, grey.astype(np.float32), GreyLevels(180, 100, 4, 80))
        assert found == pytest.approx(true, rel=0.15)
        assert measure(filled.astype(np.int32), grey, (0.1,) * 3)["damage"][0] < 0.5 * true


def test_cracks_reach_the_table():
    offset, _, filled, _ = ball()
    slit = (np.abs(offset[..., 1] - 9) < 1.5) & (filled > 0)
    pore = np.linalg.norm(offset - (0, -5, 0), axis=-1) < 5
    grey = np.where(filled > 0, 180.0, 95.0)
    grey[slit | pore] = 80
    row = measure(filled.astype(np.int32), grey, (0.1,) * 3).iloc[0]
    assert row.damage_open == pytest.approx(slit.sum() / filled.sum(), rel=0.12)
    assert row.damage_closed == pytest.approx(pore.sum() / filled.sum(), rel=0.1)
    assert row.damage_open + row.damage_closed == pytest.approx(row.damage, rel=1e-9)
    assert row.closed_pore_volume_um3 == pytest.approx(4 / 3 * np.pi * 0.5**3, rel=0.1)
    assert row.open_crack_volume_um3 == pytest.approx(row.damage_open * row.volume_um3, rel=1e-9)
    assert row.largest_crack_volume_um3 == pytest.approx(row.open_crack_volume_um3, rel=1e-9)
    assert row.largest_crack_extent_um == pytest.approx(2 * np.sqrt(1.6**2 - 0.75**2), rel=0.06)
    assert row.damage_grey == pytest.approx(row.damage, abs=0.01)


def test_without_an_image_nothing_is_known_of_grey(balls):
    table = measure(balls.filled, None, (0.1,) * 3)
    assert table[["damage_grey", "grey_shell_1", "grey_shell_5", "grey_gradient"]].isna().all().all()
    assert (table["damage_open"] == 0).all() and table["crack_orientation"].isna().all()


@pytest.mark.parametrize("spacing", SPACINGS)
def test_principal_radii(draw_ellipsoid, spacing):
    shape = tuple(int(46 / edge) for edge in spacing)
    body = draw_ellipsoid(shape, (22.7, 22.5, 22.6), (20, 13, 8), spacing, FRAME)
    row = measure(body.astype(np.int32), None, spacing, LABELS_ONLY).iloc[0]
    assert (row.radius_long_um, row.radius_middle_um, row.radius_short_um) == pytest.approx((20, 13, 8), rel=0.015)


def test_convex_bodies_are_convex(draw_ellipsoid):
    for frame in (np.eye(3), FRAME):
        for radii in ((20, 13, 8), (12, 12, 12), (6, 5, 5)):
            body = draw_ellipsoid((46,) * 3, (22.7, 22.5, 22.6), radii, rotation=frame)
            assert convexity(body.astype(np.uint8)) == pytest.approx(1, abs=0.01)
    box = np.zeros((30, 20, 40), np.uint8)
    box[5:25, 5:15, 5:35] = 1
    assert convexity(box) == pytest.approx(1, abs=0.002)


@pytest.mark.parametrize("stretch", [(1, 1, 1), (2, 1, 1)])
def test_convexity_of_bodies_with_hollows(stretch):
    # Two balls that touch fill 4/5 of their hull, a ball's length of cylinder between two half balls.
    grid = np.stack(np.indices((44 * stretch[0], 44, 84)), -1) / stretch
    two = np.minimum(*(np.linalg.norm(grid - (21.5, 21.5, 21.5 + place), axis=-1) for place in (0, 40))) < 20
    assert convexity(two.astype(np.uint8)) == pytest.approx(0.8, abs=0.01)
    # An L of three cubes leaves out an eighth of a box with a half cube: 3 of 3.5.
    corner = np.zeros((24, 44, 44), np.uint8)
    corner[2:22, 2:42, 2:22] = corner[2:22, 2:22, 2:42] = 1
    assert convexity(corner) == pytest.approx(3 / 3.5, abs=0.02)


def test_the_hull_is_qhulls():
    rng = np.random.default_rng(7)
    clouds = [rng.integers(0, 30, (count, 3)) for count in (5, 40, 300)]
    body = ndimage.gaussian_filter(rng.normal(size=(24, 30, 20)), 4) > 0.01
    box = np.zeros((9, 8, 7), bool)
    box[2:7, 1:7, 1:6] = True  # all points in six planes
    clouds += [row_ends(mask.astype(np.uint8)) for mask in (body, box)]
    for points in clouds:
        hull = ConvexHull(points)
        facets = points[hull.simplices].astype(np.int64)
        normals = np.cross(facets[:, 1] - facets[:, 0], facets[:, 2] - facets[:, 0])
        volume, surface = hull_sizes(points.astype(np.int64))
        assert volume == pytest.approx(hull.volume, rel=1e-9)
        assert surface == np.gcd.reduce(normals, axis=1).sum() / 2
    flat = np.array([[0, 0, 0], [0, 5, 0], [0, 0, 5], [0, 5, 5], [0, 2, 9]])
    assert hull_sizes(flat)[0] == 0 and hull_sizes(flat[:3]) == (0, 0)


def test_convexity_in_a_slice_counts_pixels():
    corner = np.zeros((1, 20, 20), np.uint8)
    corner[0, 2:18, 2:10] = corner[0, 2:10, 2:18] = 1
    from skimage.morphology import convex_hull_image

    hull = convex_hull_image(corner[0], offset_coordinates=False)
    assert convexity(corner) == pytest.approx(corner.sum() / hull.sum(), rel=1e-9)
    assert np.isnan(convexity(np.ones((1, 1, 9), np.uint8)))


@pytest.mark.parametrize("depth", [1, 12], ids=["slice", "volume"])
def test_orientation_is_that_of_filtered_cracks(depth):
    filled = np.pad(np.ones((depth - 2 * (depth > 1), 12, 14), np.uint8), [(int(depth > 1),) * 2, (1, 1), (1, 1)])
    rough = ndimage.gaussian_filter(np.random.default_rng(0).random(filled.shape), 1)
    solid = filled & (rough < np.median(rough)).view(np.uint8)
    cracks = filled & (1 - solid)
    edges, centre = np.array([0.3, 0.1, 0.2]), np.array([(depth - 1) / 2, 6.2, 7.1])
    # A neighbour draws by its steps along each axis, over the square of its distance in voxels.
    steps = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing="ij"))
    weights = steps / np.maximum((steps**2).sum(axis=0), 1)
    normal = np.stack([ndimage.correlate(cracks * 1.0, weight, mode="constant") for weight in weights])
    normal /= edges[:, None, None, None]
    total = areas = 0.0
    for axis in range(int(depth == 1), 3):
        for side in (-1, 1):
            there = np.roll(solid, -side, axis)  # the border is empty
            for voxel in np.argwhere(cracks & there):
                beside = voxel + side * (np.arange(3) == axis)
                n, r = normal[:, *beside], (0.5 * (voxel + beside) - centre) * edges
                if np.linalg.norm(n) < 1e-9:
                    continue
                cosine = n @ r / np.linalg.norm(n) / np.linalg.norm(r)
                face = np.prod([edges[k] for k in range(int(depth == 1), 3) if k != axis])
                area = face * np.linalg.norm(n) / np.abs(n).sum()
                total += area * (2 * cosine**2 - 1 if depth == 1 else 1.5 * cosine**2 - 0.5)
                areas += area
    found = crack_order(crack_pieces(filled, solid)[0], cracks, solid, centre, edges)
    assert found == pytest.approx((total, areas), rel=1e-6) and areas > 0.5


def test_highest_values_are_those_of_sorting():
    rng = np.random.default_rng(5)
    values = np.maximum(rng.normal(0.3, 0.3, (7, 8, 9)), 0).astype(np.float32)
    values[:3] = np.round(values[:3], 1)
    for voxels in (1, 17, 200, 10_000):
        ordered = np.sort(values[values > 0])
        level = ordered[-voxels] if voxels <= len(ordered) else ordered[0]
        assert np.array_equal(highest(values, voxels), values >= level)
    assert not highest(values, 0).any()


TURNED = {
    "damage_open": 1e-3, "damage_closed": 1e-3, "largest_crack_volume_um3": 0.005, "largest_crack_extent_um": 0.15,
    "hollow_core": 0.002, "crack_orientation": 0.02, "convexity": 0.006, "damage_grey": 0.002, "grey_gradient": 0.4,
    "radius_long_um": 1e-9, "radius_middle_um": 1e-9, "radius_short_um": 1e-9, "coordination": 1e-9,
    **{f"damage_shell_{shell}": 0.02 for shell in range(2, 6)}, **{f"grey_shell_{shell}": 0.5 for shell in range(2, 6)},
}  # fmt: skip
"""What a turn by a right angle may change at most: sums of grey, and so counts of voxels, are rounded otherwise."""


@pytest.mark.parametrize("plane", [(0, 1), (0, 2), (1, 2)])
def test_a_turn_changes_nothing_inside(balls, plane):
    before = measure(balls.filled, balls.image, (0.1,) * 3)
    labels, image = (np.ascontiguousarray(np.rot90(given, axes=plane)) for given in (balls.filled, balls.image))
    after = measure(labels, image, (0.1,) * 3)
    for column, most in TURNED.items():
        assert after[column].to_numpy() == pytest.approx(before[column].to_numpy(), abs=most, nan_ok=True), column


@pytest.mark.parametrize("edge", [0.2, 0.05], ids=["twice", "half"])
def test_other_voxels_give_the_same_inside(edge):
    rows = []
    for z_edge in (0.1, edge):
        spacing = (z_edge, 0.1, 0.1)
        offset, distance, filled, _ = ball(tuple(10 * edge for edge in spacing))
        void = (distance < 5) | ((np.abs(offset @ FRAME[0]) < 1.6) & (distance > 8) & (offset @ FRAME[1] > 3))
        grey = np.where(filled > 0, 180.0, 95.0)
        grey[void & (filled > 0)] = 80
        image = ndimage.gaussian_filter(grey, 0.06 / np.array(spacing))
        rows.append(measure(filled.astype(np.int32), image, spacing).iloc[0])
    first, second = rows
    assert second.convexity == pytest.approx(first.convexity, rel=0.03)
    for column in ("radius_long_um", "radius_short_um", "largest_crack_extent_um", "grey_shell_3", "grey_shell_4"):
        assert second[column] == pytest.approx(first[column], rel=0.04), column
    for column in ("hollow_core", "damage_open", "damage_closed", "damage_shell_3", "damage_shell_4"):
        assert second[column] == pytest.approx(first[column], abs=0.015), column
    assert second.damage_grey == pytest.approx(first.damage_grey, abs=0.02)
    assert second.crack_orientation == pytest.approx(first.crack_orientation, abs=0.1)


def test_odd_particles_have_defined_values():
    labels = np.zeros((24, 24, 24), np.int32)
    labels[4, 4, 4] = 1  # one voxel
    labels[8:12, 8:12, 8:12] = labels[16:20, 16:20, 16:20] = 2  # two pieces
    labels[0:6, 14:20, 14:20] = 3  # cut by the border
    table = measure(labels, None, (0.1,) * 3).set_index("label")
    inside = [name for name in TURNED if name not in ("coordination",)]
    assert table.loc[1, inside].isna().all() and table.loc[3, inside].isna().all()
    assert 0 < table.loc[2, "convexity"] < 0.5
    assert table.loc[2, "radius_long_um"] > table.loc[2, "radius_short_um"] > 0
    assert table.loc[[1, 2], "coordination"].tolist() == [0, 0] and np.isnan(table.loc[3, "coordination"])


def test_in_a_slice():
    offset = np.stack(np.indices((1, 80, 80)), -1) - (0, 39.5, 39.5)
    distance = np.linalg.norm(offset, axis=-1)
    disc = (distance < 30).astype(np.uint8)
    spokes = np.minimum(np.abs(offset[..., 1]), np.abs(offset[..., 2])) < 1

    def of(crack):
        solid = disc & ~crack.astype(np.uint8)
        cracks = measure_cracks(disc, solid, (0.0, 39.5, 39.5), ISOTROPIC)
        return cracks, measure_radially(disc, solid, None, (0.0, 39.5, 39.5), ISOTROPIC)

    assert of(spokes & (distance > 8))[0].orientation < -0.9
    assert of(np.abs(distance - 18) < 1.5)[0].orientation > 0.9
    cracks, radial = of(distance < 12)
    assert radial.hollow / disc.sum() == pytest.approx(0.4**2, rel=0.03)
    assert radial.damage() == pytest.approx([1, 1, 0, 0, 0], abs=0.04)
    assert cracks.largest == (distance < 12).sum() and cracks.extent_um == pytest.approx(24, abs=1)
    image = np.where(distance < 12, 80.0, np.where(disc > 0, 180.0, 95.0))
    row = measure(disc.astype(np.int32), image, (1.0, 0.1, 0.1)).iloc[0]
    assert row.hollow_core == pytest.approx(0.16, rel=0.06) and "damage_open" not in row
    assert row.largest_crack_area_um2 == pytest.approx(np.pi * 1.2**2, rel=0.06)
    assert (row.radius_long_um, row.radius_short_um) == pytest.approx((3, 3), rel=0.01)
    assert row.convexity == pytest.approx(1, abs=0.01)
