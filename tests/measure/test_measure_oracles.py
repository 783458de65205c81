"""Values against libraries that others wrote, and against bodies whose values are known."""

import cc3d
import numpy as np
import pytest
import SimpleITK as sitk

from napari_cathode.measure import MeasureParameters, measure
from napari_cathode.measure.kernels import OUTER
from napari_cathode.measure.surface import interface_areas

LABELS_ONLY = MeasureParameters(threshold="labels", closing_radius_um=0.0)


@pytest.fixture(scope="module")
def table(balls):
    return measure(balls.filled, balls.image, (0.2, 0.1, 0.15), LABELS_ONLY)


def test_volume_and_centroid_are_cc3ds(balls, table):
    statistics = cc3d.statistics(balls.filled.astype(np.uint32))
    voxel = 0.2 * 0.1 * 0.15
    assert table["volume_um3"].to_numpy() == pytest.approx(statistics["voxel_counts"][1:] * voxel, rel=1e-12)
    assert np.array_equal(table["voxel_count"], statistics["voxel_counts"][1:])
    centroids = statistics["centroids"][1:] * (0.2, 0.1, 0.15)
    assert table[["z_um", "y_um", "x_um"]].to_numpy() == pytest.approx(centroids, rel=1e-6)


def test_grey_is_simpleitks_of_the_eroded_label(balls, table):
    from scipy import ndimage

    eroded = np.zeros_like(balls.filled)
    for number in range(1, 9):
        eroded[ndimage.binary_erosion(balls.filled == number)] = number
    statistics = sitk.LabelStatisticsImageFilter()
    statistics.Execute(sitk.GetImageFromArray(balls.image), sitk.GetImageFromArray(eroded))
    for row in table.itertuples():
        assert row.edensity == pytest.approx(statistics.GetMean(row.label), rel=1e-6)
        voxels = statistics.GetCount(row.label)
        sigma = statistics.GetSigma(row.label) * np.sqrt((voxels - 1) / voxels)
        assert row.homogeneity == pytest.approx(1 / sigma, rel=1e-6)


def _itk_shapes(labels, spacing):
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing(spacing[::-1])
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.ComputePerimeterOn()
    shapes.Execute(image)
    return shapes


def test_principal_moments_are_simpleitks(draw_ellipsoid):
    spacing = (0.2, 0.1, 0.15)
    turn = np.linalg.qr(np.random.default_rng(4).normal(size=(3, 3)))[0]
    body = draw_ellipsoid((40, 60, 50), (3.9, 2.9, 3.6), (3.0, 1.2, 2.0), spacing, turn)
    row = measure(body.astype(np.int32), None, spacing, LABELS_ONLY).iloc[0]
    shapes = _itk_shapes(body.astype(np.uint8), spacing)
    # SimpleITK takes voxels for points; a box adds edge² / 12 to each variance.
    axes = np.array(shapes.GetPrincipalAxes(1)).reshape(3, 3)
    points = axes.T @ np.diag(shapes.GetPrincipalMoments(1)) @ axes + np.diag(np.square(spacing[::-1]) / 12)
    values, vectors = np.linalg.eigh(points)
    assert row.elongation == pytest.approx(np.sqrt(values[-1] / values[0]), rel=1e-9)
    long = vectors[:, -1] * np.sign(vectors[0, -1])
    assert (row.axis_x, row.axis_y, row.axis_z) == pytest.approx(long, abs=1e-6)
    assert row.elongation == pytest.approx(3.0 / 1.2, rel=0.01)


def test_crofton_surface_is_simpleitks(balls, draw_ellipsoid):
    labels = balls.filled.copy()
    labels[:40, :40, :40][draw_ellipsoid((40, 40, 40), (20, 19, 21), (9, 14, 6))] = 9
    shapes = _itk_shapes(labels, (1.0, 1.0, 1.0))
    for label in (1, 5, 8, 9):
        code = np.pad((labels == label).astype(np.uint8) * OUTER, 1)
        outer, inner = interface_areas(code, (1.0, 1.0, 1.0))
        assert outer == pytest.approx(shapes.GetPerimeter(label), rel=1e-9)
        assert inner == 0


@pytest.mark.parametrize(
    ("spacing", "tolerance"), [((0.1, 0.1, 0.1), 0.005), ((0.2, 0.1, 0.1), 0.01), ((0.05, 0.1, 0.1), 0.01)]
)
@pytest.mark.parametrize("radius", [1.0, 1.5])
def test_ball(draw_ellipsoid, spacing, tolerance, radius):
    shape = tuple(int(4 / edge) for edge in spacing)
    body = draw_ellipsoid(shape, (2.02, 1.97, 2.01), (radius,) * 3, spacing)
    row = measure(body.astype(np.int32), None, spacing).iloc[0]
    assert row.surface_outer_um2 == pytest.approx(4 * np.pi * radius**2, rel=tolerance)
    assert row.volume_um3 == pytest.approx(4 / 3 * np.pi * radius**3, rel=tolerance)
    assert row.equivalent_diameter_um == pytest.approx(2 * radius, rel=tolerance)
    assert row.sphericity == pytest.approx(1, abs=3 * tolerance)
    assert row.vs_ratio == pytest.approx((4 / 3 * np.pi) ** (1 / 3) / (4 * np.pi) ** 0.5, rel=tolerance)
    assert row.elongation == pytest.approx(1, abs=0.015)
    assert row.rough_outer == pytest.approx(1, abs=0.02)
    assert np.isnan(row.yaw_deg) and np.isnan(row.axis_x)


def test_box():
    labels = np.zeros((40, 50, 60), np.int32)
    labels[5:17, 6:26, 7:47] = 1
    row = measure(labels, None, (0.1, 0.1, 0.1), LABELS_ONLY).iloc[0]
    assert row.volume_um3 == pytest.approx(1.2 * 2.0 * 4.0)
    assert row.elongation == pytest.approx(4.0 / 1.2)
    assert (row.z_um, row.y_um, row.x_um) == pytest.approx((1.05, 1.55, 2.65))
    assert (row.yaw_deg, row.pitch_deg) == pytest.approx((0, 0), abs=1e-6)


def test_surface_of_turned_boxes():
    # Flat faces and edges are where 13 directions are at their worst: 10 % low where faces lie along the voxels.
    halves = np.array([6.0, 10.0, 20.0])
    ideal = 8 * (halves[0] * halves[1] + halves[0] * halves[2] + halves[1] * halves[2])
    grid = np.stack(np.indices((54,) * 3), -1) - 26.4
    ratios = []
    for seed in range(4):
        turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0]
        body = (np.abs(grid @ turn) < halves).all(-1)
        row = measure(body.astype(np.int32), None, (1.0, 1.0, 1.0), LABELS_ONLY).iloc[0]
        assert row.elongation == pytest.approx(20 / 6, rel=0.01)
        ratios.append(row.surface_outer_um2 / ideal)
    assert np.mean(ratios) == pytest.approx(0.97, abs=0.02) and min(ratios) > 0.94


def test_surface_is_no_count_of_border_voxels(draw_ellipsoid):
    # Such counts were 18 to 28 % low on balls.
    from scipy import ndimage

    for radius in (8, 12, 16):
        body = draw_ellipsoid((40,) * 3, (19.6, 19.3, 19.9), (radius,) * 3)
        ideal = 4 * np.pi * radius**2
        counted = (body & ~ndimage.binary_erosion(body)).sum()
        row = measure(body.astype(np.int32), None, (1.0, 1.0, 1.0), LABELS_ONLY).iloc[0]
        assert row.surface_outer_um2 == pytest.approx(ideal, rel=0.01) and counted < 0.85 * ideal


def test_small_ball_surface(draw_ellipsoid):
    body = draw_ellipsoid((16, 16, 16), (7.5, 7.4, 7.6), (5,) * 3)
    row = measure(body.astype(np.int32), None, (1.0, 1.0, 1.0)).iloc[0]
    assert row.surface_outer_um2 == pytest.approx(4 * np.pi * 25, rel=0.02)


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.5, 0.5, 0.707), (-0.6, 0.3, 0.74)])
def test_prolate_ellipsoid(draw_ellipsoid, axis):
    # Surface of a prolate ellipsoid: 2πa²(1 + c/(a e) asin e).
    a, c = 10.0, 20.0
    eccentricity = np.sqrt(1 - (a / c) ** 2)
    area = 2 * np.pi * a**2 * (1 + c / (a * eccentricity) * np.arcsin(eccentricity))
    long = np.array(axis) / np.linalg.norm(axis)
    frame = np.linalg.qr(np.column_stack([long, np.eye(3)[:, np.argmin(np.abs(long))], np.ones(3)]))[0].T
    body = draw_ellipsoid((46,) * 3, (22.5,) * 3, (c, a, a), rotation=frame)
    row = measure(body.astype(np.int32), None, (1.0, 1.0, 1.0)).iloc[0]
    assert row.surface_outer_um2 == pytest.approx(area, rel=0.01)
    assert row.elongation == pytest.approx(2, rel=0.01)
    assert row.sphericity == pytest.approx(36 * np.pi * (4 / 3 * np.pi * a * a * c) ** 2 / area**3, rel=0.03)
    measured = np.array([row.axis_z, row.axis_y, row.axis_x])
    assert abs(measured @ long) == pytest.approx(1, abs=1e-3)
    assert np.isnan(row.roll_deg)


def test_euler_angles_turn_the_body_as_scipy_does(draw_ellipsoid):
    from scipy.spatial.transform import Rotation

    for yaw, pitch, roll in ((30, 20, 40), (-50, -35, 70), (80, 10, -15)):
        frame = Rotation.from_euler("ZYX", (yaw, pitch, roll), degrees=True).as_matrix()  # columns in x, y, z
        axes = frame.T[:, ::-1]  # rows: long, middle, short axis in z, y, x
        body = draw_ellipsoid((44,) * 3, (21.5,) * 3, (20, 13, 8), rotation=axes)
        row = measure(body.astype(np.int32), None, (1.0, 1.0, 1.0)).iloc[0]
        assert (row.yaw_deg, row.pitch_deg, row.roll_deg) == pytest.approx((yaw, pitch, roll), abs=1.5)


def test_roughness_grows_with_bumps(draw_ellipsoid):
    rng = np.random.default_rng(1)
    from scipy import ndimage

    distance = np.sqrt(((np.stack(np.indices((52,) * 3), -1) - 25.5) ** 2).sum(-1))
    bumps = ndimage.gaussian_filter(rng.normal(size=distance.shape), 1.5)
    bumps /= bumps.std()
    for column in ("rough_outer", "rough_inner"):
        roughness = []
        for height in (0.0, 0.7, 1.5):
            bumpy = distance + height * bumps < (20 if column == "rough_outer" else 15)
            body = bumpy if column == "rough_outer" else (distance < 23) & ~bumpy
            roughness.append(measure(body.astype(np.int32), None, (0.1,) * 3, LABELS_ONLY)[column][0])
        assert roughness[0] == pytest.approx(1, abs=0.015), column
        assert roughness[0] < roughness[1] - 0.02 < roughness[2] - 0.08, column


def test_smoothing_is_a_length_along_each_axis():
    from scipy import ndimage

    distance = np.sqrt(((np.stack(np.indices((52,) * 3), -1) - 25.5) ** 2).sum(-1))
    bumps = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=distance.shape), 1.5)
    body = (distance + 1.5 * bumps / bumps.std() < 20).astype(np.int32)
    smooth = []
    for thin in (1, 3):  # the same body; its steps are others, but not what smoothing leaves of it
        row = measure(np.repeat(body, thin, axis=0), None, (0.1 / thin, 0.1, 0.1), LABELS_ONLY).iloc[0]
        smooth.append(row.surface_outer_um2 / row.rough_outer)
    assert smooth[1] == pytest.approx(smooth[0], rel=0.015)


def test_contact_is_what_surfaces_lose_when_united(balls):
    labels = balls.filled[:46, :46].copy()
    labels[:, :, 20:26][labels[:, :, 20:26] > 0] = 1  # two particles with a ragged common face
    labels[:, :, 26:][labels[:, :, 26:] > 0] = 2
    labels[:, :, :20] = np.where(labels[:, :, :20] > 0, 1, 0)
    united = np.pad((labels > 0).astype(np.uint8), 1)
    apart = np.pad(labels, 1)
    surface = _itk_shapes(apart, (1.0, 1.0, 1.0))
    lost = surface.GetPerimeter(1) + surface.GetPerimeter(2) - _itk_shapes(united, (1.0, 1.0, 1.0)).GetPerimeter(1)
    tight = MeasureParameters(threshold="labels", closing_radius_um=0, gap_tolerance_um=0)
    table = measure(apart, None, (1.0, 1.0, 1.0), tight)
    for row in table.itertuples():
        assert row.contact * row.surface_outer_um2 == pytest.approx(lost / 2, rel=1e-9)
        assert lost > 100


def test_who_is_in_contact_is_cc3ds():
    rng = np.random.default_rng(6)
    seeds = rng.uniform(2, 38, (30, 3))
    nearest = np.linalg.norm(np.stack(np.indices((40,) * 3), -1)[..., None, :] - seeds, axis=-1)
    labels = np.where(nearest.min(-1) < 6, nearest.argmin(-1) + 1, 0).astype(np.int32)
    labels = np.pad(labels, 1)
    pairs = cc3d.contacts(labels.astype(np.uint32), connectivity=26, surface_area=False)
    tight = MeasureParameters(threshold="labels", closing_radius_um=0, gap_tolerance_um=0)
    table = measure(labels, None, (1.0,) * 3, tight)
    touching = {label for pair in pairs for label in pair}
    assert 4 < len(touching) < len(table)
    assert set(table["label"][table["contact"] > 1e-9]) == touching


def test_contact_of_boxes_face_to_face():
    labels = np.zeros((50, 50, 80), np.int32)
    labels[5:45, 5:45, 5:35] = 1
    labels[5:45, 5:45, 35:75] = 2
    table = measure(labels, None, (0.1,) * 3, LABELS_ONLY)
    faces = cc3d.contacts(labels.astype(np.uint32), connectivity=6)[(1, 2)]
    assert faces == 1600
    area = table["contact"] * table["surface_outer_um2"]
    # At the seam's edge the two surfaces meet in a line, which the united body does not have.
    assert area.to_numpy() == pytest.approx(faces * 0.01, rel=0.06)


def test_contact_area_of_two_caps(draw_ellipsoid):
    caps = np.zeros((64, 64, 90), np.int32)
    caps[draw_ellipsoid(caps.shape, (31.5, 31.5, 31.5), (20,) * 3)] = 1
    caps[draw_ellipsoid(caps.shape, (31.5, 31.5, 59.5), (20,) * 3) & (caps == 0)] = 2
    caps[:, :, 46:][caps[:, :, 46:] == 1] = 2
    row = measure(caps, None, (1.0,) * 3, MeasureParameters(threshold="labels", closing_radius_um=0)).iloc[0]
    disc = np.pi * (20**2 - 14**2)
    assert row.contact * row.surface_outer_um2 == pytest.approx(disc, rel=0.06)


def test_gap_tolerance(draw_ellipsoid):
    labels = np.zeros((40, 40, 64), np.int32)
    labels[10:30, 10:30, 10:30] = 1
    labels[10:30, 10:30, 32:52] = 2  # two empty voxels between
    near = measure(labels, None, (0.1,) * 3, MeasureParameters(gap_tolerance_um=0.1, threshold="labels"))
    bridged = measure(labels, None, (0.1,) * 3, MeasureParameters(gap_tolerance_um=0.2, threshold="labels"))
    assert near["contact"].max() < 1e-12
    assert bridged["contact"].min() > 0.15
