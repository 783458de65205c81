"""Measured values against oracles: rows of ``measure_validation.py``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import cc3d
import numpy as np
import SimpleITK as sitk
from scipy import ndimage
from scipy.spatial.transform import Rotation

from napari_cathode.measure import MeasureParameters, measure
from napari_cathode.measure.filling import fill_holes
from napari_cathode.measure.kernels import OUTER, within_ball
from napari_cathode.measure.neighbours import alignment, nearest_neighbours
from napari_cathode.measure.surface import interface_areas
from napari_cathode.simulate import PRESETS, simulate

AS_LABELLED = MeasureParameters(threshold="labels", closing_radius_um=0.0, gap_tolerance_um=0.0)
CUBES = (0.1, 0.1, 0.1)
STRETCHED = (0.2, 0.1, 0.15)


def ellipsoid(shape: Any, centre: Any, radii: Any, spacing: Any = (1.0, 1.0, 1.0), rotation: Any = None) -> Any:
    """Draw an ellipsoid; centre and radii in the unit of the spacing, rotation's rows are its axes."""
    points = np.stack(np.indices(shape), -1) * np.asarray(spacing) - np.asarray(centre)
    if rotation is not None:
        points = points @ np.asarray(rotation).T
    return (points**2 / np.asarray(radii) ** 2).sum(-1) <= 1


def turn(seed: int) -> Any:
    return Rotation.random(random_state=seed).as_matrix()


def one(body: Any, spacing: Any = CUBES, parameters: MeasureParameters = AS_LABELLED) -> Any:
    return measure(body.astype(np.int32), None, spacing, parameters).iloc[0]


def off(measured: Any, expected: Any) -> float:
    """Give the largest relative error."""
    return float(np.nanmax(np.abs(np.asarray(measured, float) / np.asarray(expected, float) - 1)))


def share(value: float) -> str:
    """Write a relative error."""
    return "0" if value == 0 else f"{value:.0e}" if value < 1e-6 else f"{100 * value:.2g} %"


def row(feature: str, oracle: str, error: str, limit: str) -> str:
    return f"| {feature} | {oracle} | {error} | {limit} |"


def itk_shapes(labels: Any, spacing: Any) -> Any:
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing(spacing[::-1])
    shapes = sitk.LabelShapeStatisticsImageFilter()
    shapes.ComputePerimeterOn()
    shapes.Execute(image)
    return shapes


def oracles() -> Iterator[str]:
    """Give one row per feature and oracle."""
    electrode = simulate(replace(PRESETS["nmc-10-cycles"], size_z=80, size_y=80, size_x=80), 3)
    yield from _libraries(electrode.labels, electrode.image)
    yield from _masks(electrode.labels, electrode.cracks)
    yield from _bodies()
    yield from _insides()
    yield from _inner_structure()
    yield from _contacts()
    yield from _neighbours()
    yield from _slices()


def _libraries(labels: Any, image: Any) -> Iterator[str]:
    """Compare simulated particles, as they are labelled, with cc3d and SimpleITK."""
    table = measure(labels, image, STRETCHED, AS_LABELLED)
    table = table[~table["touches_border"]]
    ids = table["label"].to_numpy()
    statistics = cc3d.statistics(labels.astype(np.uint32))
    voxel = float(np.prod(STRETCHED))
    error = off(table["volume_um3"], statistics["voxel_counts"][ids] * voxel)
    yield row("Volume", "cc3d.statistics", share(error), "1e-12")
    centres = statistics["centroids"][ids] * STRETCHED
    error = np.abs(table[["z_um", "y_um", "x_um"]].to_numpy() - centres).max()
    yield row("X, Y, Z", "cc3d.statistics", f"{error:.0e} µm", "1e-6 of the value")
    eroded = np.zeros_like(labels)
    for label in ids:
        eroded[ndimage.binary_erosion(labels == label)] = label
    greys = sitk.LabelStatisticsImageFilter()
    greys.Execute(sitk.GetImageFromArray(image), sitk.GetImageFromArray(eroded))
    inside = [int(label) for label in ids if label in greys.GetLabels()]
    chosen = table.set_index("label").loc[inside]
    error = off(chosen["edensity"], [greys.GetMean(label) for label in inside])
    yield row("EDensity", "SimpleITK LabelStatistics of the eroded particle", share(error), "1e-6")
    counts = np.array([greys.GetCount(label) for label in inside])
    sigma = np.array([greys.GetSigma(label) for label in inside]) * np.sqrt((counts - 1) / counts)
    several = counts > 1
    error = off(chosen["homogeneity"][several], 1 / sigma[several])
    yield row("Homogeneity", "SimpleITK LabelStatistics of the eroded particle", share(error), "1e-6")
    shapes = itk_shapes(labels, STRETCHED)
    elongation, direction = [], []
    for particle in table.itertuples():
        axes = np.array(shapes.GetPrincipalAxes(particle.label)).reshape(3, 3)
        moments = axes.T @ np.diag(shapes.GetPrincipalMoments(particle.label)) @ axes
        values, vectors = np.linalg.eigh(moments + np.diag(np.square(STRETCHED[::-1]) / 12))
        elongation.append(np.sqrt(values[-1] / values[0]))
        direction.append(abs(vectors[:, -1] @ (particle.axis_x, particle.axis_y, particle.axis_z)))
    yield row(
        "Elongation", "SimpleITK principal moments + edge² / 12", share(off(table["elongation"], elongation)), "1e-9"
    )
    angle = np.degrees(np.arccos(np.clip(np.nanmin(direction), 0, 1)))
    yield row("Direction of the long axis", "SimpleITK principal axes", f"{angle:.0e}°", "1e-6 of the unit vector")
    shapes = itk_shapes(labels, (1.0, 1.0, 1.0))
    areas, expected = [], []
    for label in ids[:: max(1, len(ids) // 20)]:
        areas.append(interface_areas(np.pad((labels == label).astype(np.uint8) * OUTER, 1), (1.0, 1.0, 1.0))[0])
        expected.append(shapes.GetPerimeter(int(label)))
    yield row("SurfaceOuter", "SimpleITK GetPerimeter", share(off(areas, expected)), "1e-9")


def _masks(labels: Any, cracks: Any) -> Iterator[str]:
    """Compare closing and filling with scipy."""
    solid = ((labels > 0) & ~cracks)[:48, :48, :48]
    swollen = within_ball(solid.view(np.uint8), np.array(STRETCHED), 0.45, False)
    closed = 1 - within_ball(swollen, np.array(STRETCHED), 0.45, True)
    reach = np.stack(np.meshgrid(*[np.arange(-5, 6)] * 3, indexing="ij"), -1) * STRETCHED
    element = (reach**2).sum(-1) <= 0.45**2 * (1 + 1e-9)
    expected = ndimage.binary_erosion(ndimage.binary_dilation(solid, element), element, border_value=1)
    yield row("Closing", "scipy binary_dilation, binary_erosion", f"{(closed != expected).sum()} voxels", "0 voxels")
    wrong = (fill_holes(solid.view(np.uint8)) != ndimage.binary_fill_holes(solid)).sum()
    yield row("Filling", "scipy binary_fill_holes", f"{wrong} voxels", "0 voxels")


def _bodies() -> Iterator[str]:
    """Balls, ellipsoids and boxes."""
    for radius, limit in ((5, "2 %"), (10, "0.5 %"), (15, "0.5 %")):
        size = 2 * radius + 6
        places = np.random.default_rng(radius).uniform(-0.5, 0.5, (8, 3)) + size / 2
        rows = [one(ellipsoid((size,) * 3, place, (radius,) * 3), (1.0,) * 3) for place in places]
        area = [particle.surface_outer_um2 for particle in rows]
        error = off(area, 4 * np.pi * radius**2)
        yield row("SurfaceOuter", f"balls of radius {radius} voxels, 8 places", share(error), limit)
    names = (("Volume", "volume_um3", 4 / 3 * np.pi * 15**3, "0.5 %"), ("Sphericity", "sphericity", 1, "1.5 %"))
    names += (("VSratio", "vs_ratio", (4 / 3 * np.pi) ** (1 / 3) / (4 * np.pi) ** 0.5, "0.5 %"),)
    names += (("Elongation", "elongation", 1, "1.5 %"), ("RoughOuter", "rough_outer", 1, "2 %"))
    for name, column, expected, limit in names:
        yield row(name, "balls of radius 15 voxels, 8 places", share(off([r[column] for r in rows], expected)), limit)
    long, short = 20.0, 10.0
    flatness = np.sqrt(1 - (short / long) ** 2)
    area = 2 * np.pi * short**2 * (1 + long / (short * flatness) * np.arcsin(flatness))
    bodies = [ellipsoid((46,) * 3, (22.5,) * 3, (long, short, short), rotation=turn(seed)) for seed in range(6)]
    rows = [one(body, (1.0,) * 3) for body in bodies]
    error = off([particle.surface_outer_um2 for particle in rows], area)
    yield row("SurfaceOuter", "ellipsoids 2 : 1 : 1 in 6 directions", share(error), "1 %")
    error = off([particle.elongation for particle in rows], 2)
    yield row("Elongation", "ellipsoids 2 : 1 : 1 in 6 directions", share(error), "1 %")
    angles = []
    for seed in range(6):
        yaw, pitch, roll = np.random.default_rng(seed).uniform((-80, -60, -80), (80, 60, 80))
        frame = Rotation.from_euler("ZYX", (yaw, pitch, roll), degrees=True).as_matrix()
        found = one(ellipsoid((44,) * 3, (21.5,) * 3, (20, 13, 8), rotation=frame.T[:, ::-1]))
        angles += [found.yaw_deg - yaw, found.pitch_deg - pitch, found.roll_deg - roll]
    yield row("Yaw, Pitch, Roll", "ellipsoids turned by scipy's Rotation", f"{np.abs(angles).max():.2f}°", "1.5°")
    halves = np.array([6.0, 10.0, 20.0])
    grid = np.stack(np.indices((56,) * 3), -1) - 27.4
    boxes = [one((np.abs(grid @ turn(seed)) < halves).all(-1), (1.0,) * 3) for seed in range(6)]
    area = 8 * (halves[0] * halves[1] + halves[0] * halves[2] + halves[1] * halves[2])
    ratios = np.array([particle.surface_outer_um2 for particle in boxes]) / area
    yield row(
        "SurfaceOuter", "boxes in 6 directions", f"{share(1 - ratios.max())} to {share(1 - ratios.min())} low", "6 %"
    )
    box = np.zeros((40, 50, 60), bool)
    box[5:17, 6:26, 7:47] = True
    error = off(one(box).elongation, 40 / 12)
    yield row("Elongation", "box along the voxels", share(error), "1e-6")
    area = 2 * (1.2 * 2 + 1.2 * 4 + 2 * 4)
    low = f"{share(1 - one(box).surface_outer_um2 / area)} low"
    yield row("SurfaceOuter", "box along the voxels", low, "none")


def _insides() -> Iterator[str]:
    """Hollow balls."""
    for inner in (6, 12):
        hollow = ellipsoid((64,) * 3, (31.5,) * 3, (26,) * 3) & ~ellipsoid((64,) * 3, (31.5,) * 3, (inner,) * 3)
        found = one(hollow, CUBES, MeasureParameters())
        error = off(found.surface_inner_um2, 4 * np.pi * (inner / 10) ** 2)
        yield row("SurfaceInner", f"ball with a hollow of radius {inner} voxels", share(error), "2 %")
        error = abs(found.damage - (inner / 26) ** 3)
        yield row("Damage", f"ball with a hollow of radius {inner} voxels", f"{error:.1g}", "0.002")


def _inner_structure() -> Iterator[str]:
    """Draw radii, hulls, slits, pores and hollows."""
    rows = [one(ellipsoid((46,) * 3, (22.5,) * 3, (20, 13, 8), rotation=turn(seed)), (1.0,) * 3) for seed in range(4)]
    found = [(r.radius_long_um, r.radius_middle_um, r.radius_short_um) for r in rows]
    yield row("Principal radii", "ellipsoids 20, 13, 8 in 4 directions", share(off(found, [(20, 13, 8)] * 4)), "1.5 %")
    yield row("Convexity", "ellipsoids: 1", share(off([r.convexity for r in rows], 1)), "1 %")
    place = np.stack(np.indices((44, 44, 84)), -1) - 21.5
    two = np.minimum(np.linalg.norm(place, axis=-1), np.linalg.norm(place - (0, 0, 40), axis=-1)) < 20
    yield row("Convexity", "two balls that touch: 4/5", f"{abs(one(two).convexity - 0.8):.1g}", "0.01")
    radius, shape, middle = 20, (52,) * 3, (25.5,) * 3
    ball = ellipsoid(shape, middle, (radius,) * 3)
    slit = ball & (np.abs(np.indices(shape)[1] - 33.5) < 1.2)
    pore = ellipsoid(shape, np.array(middle) - (0, 7, 0), (5,) * 3)
    cracked = one(ball & ~slit & ~pore, CUBES, replace(AS_LABELLED, closing_radius_um=0.3))
    for name, column, body in (("Open cracks", "damage_open", slit), ("Closed pores", "damage_closed", pore)):
        error = abs(cracked[column] - body.sum() / ball.sum())
        yield row(name, "ball with a slit and a pore", f"{error:.1g}", "0.003")
    hollow = ellipsoid(shape, middle, (0.4 * radius,) * 3)
    found = one(ball & ~hollow)
    error = off(found.hollow_core, 0.4**3)
    yield row("Hollow core", "ball with a hollow of 0.4 of its radius", share(error), "6 %")
    shells = [found[f"damage_shell_{number}"] for number in range(1, 6)]
    error = np.abs(np.array(shells) - (1, 1, 0, 0, 0)).max()
    yield row("Damage from core to rim", "ball with a hollow of 0.4 of its radius", f"{error:.1g}", "0.08")


def _contacts() -> Iterator[str]:
    """Balls cut by a plane, boxes face to face, and who touches whom."""
    directions = [turn(seed)[0] for seed in range(8)]
    error = max(_cut_balls(direction) for direction in directions)
    yield row("Contact", "disc between two balls in 8 directions", share(error), "6 %")
    yield row(
        "Contact", "disc between two balls along the voxels", share(_cut_balls(np.array([0.0, 0.0, 1.0]))), "none"
    )
    boxes = np.zeros((50, 50, 80), np.int32)
    boxes[5:45, 5:45, 5:35], boxes[5:45, 5:45, 35:75] = 1, 2
    faces = cc3d.contacts(boxes.astype(np.uint32), connectivity=6)[(1, 2)]
    found = measure(boxes, None, (1.0,) * 3, AS_LABELLED).iloc[0]
    error = off(found.contact * found.surface_outer_um2, faces)
    yield row("Contact", "cc3d.contacts, boxes face to face along the voxels", share(error), "none")
    seeds = np.random.default_rng(6).uniform(2, 58, (60, 3))
    nearest = np.linalg.norm(np.stack(np.indices((60,) * 3), -1)[..., None, :] - seeds, axis=-1)
    labels = np.pad(np.where(nearest.min(-1) < 7, nearest.argmin(-1) + 1, 0), 1).astype(np.int32)
    pairs = cc3d.contacts(labels.astype(np.uint32), connectivity=26, surface_area=False)
    touching = {label for pair in pairs for label in pair}
    table = measure(labels, None, (1.0,) * 3, AS_LABELLED)
    wrong = set(table["label"][table["contact"] > 1e-9]) ^ touching
    yield row("Contact", f"cc3d.contacts: which of {len(table)} touch", f"{len(wrong)} wrong", "0 wrong")
    found = {tuple(pair) for pair in table.attrs["contacts"].table[["label_1", "label_2"]].to_numpy().tolist()}
    counted = cc3d.contacts(labels.astype(np.uint32), connectivity=6)
    faces = {(min(pair), max(pair)): area for pair, area in counted.items()}
    large = {tuple(map(int, pair)) for pair, area in faces.items() if area >= 12}
    wrong = (large - found) | (found - {tuple(map(int, pair)) for pair in pairs})
    yield row(
        "Contact list", f"cc3d.contacts: {len(large)} pairs of at least 12 faces", f"{len(wrong)} wrong", "0 wrong"
    )
    yield row("Coordination", "touching balls on a cubic lattice: 6", f"{_touching_balls():g}", "6")


def _touching_balls() -> float:
    """Give the coordination of the middle one of 27 balls on a lattice."""
    labels = np.zeros((66,) * 3, np.int32)
    ball = ellipsoid((20,) * 3, (9.5,) * 3, (10,) * 3)
    for number, (z, y, x) in enumerate(np.ndindex(3, 3, 3), start=1):
        labels[3 + 20 * z : 23 + 20 * z, 3 + 20 * y : 23 + 20 * y, 3 + 20 * x : 23 + 20 * x][ball] = number
    return float(measure(labels, None, (1.0,) * 3, AS_LABELLED).set_index("label")["coordination"][14])


def _cut_balls(direction: Any) -> float:
    """Give the relative error of the contact between two balls that a plane divides."""
    shape, radius, half = (72,) * 3, 20, 12.0
    middle = np.array([35.3, 35.6, 35.4])
    caps = np.zeros(shape, np.int32)
    beyond = (np.stack(np.indices(shape), -1) - middle) @ direction > 0
    caps[ellipsoid(shape, middle - half * direction, (radius,) * 3) & ~beyond] = 1
    caps[ellipsoid(shape, middle + half * direction, (radius,) * 3) & beyond] = 2
    found = measure(caps, None, (1.0,) * 3, AS_LABELLED).iloc[0]
    return off(found.contact * found.surface_outer_um2, np.pi * (radius**2 - half**2))


def _neighbours() -> Iterator[str]:
    """Lattices, fields of axes, and brute force."""
    pitch, size = 12, 60
    labels = np.zeros((size,) * 3, np.int32)
    for number, corner in enumerate(np.ndindex(5, 5, 5), start=1):
        labels[ellipsoid(labels.shape, np.array(corner) * pitch + pitch // 2, (4,) * 3)] = number
    table = measure(labels, None, (0.5,) * 3, AS_LABELLED)
    inner = table[(np.abs(table[["z_um", "y_um", "x_um"]] - 15) < 7).all(axis=1)]
    yield row("DistNearest", "cubic lattice", share(off(inner["dist_nearest_um"], 6)), "1e-9")
    worst = inner[["elong_std", "volume_std_um3", "sphericity_std"]].abs().max(axis=None)
    yield row("ElongStd, VolumeStd, SphericityStd", "cubic lattice: 0", f"{worst:.0e}", "1e-9")
    edge = 9.0
    cube = measure(labels, None, (0.5,) * 3, replace(AS_LABELLED, cube_edge_um=edge))
    places = np.arange(size) * 0.5
    errors = []
    for particle in cube.iloc[::7].itertuples():
        weights = [
            np.clip(np.minimum(places + 0.25, c + edge / 2) - np.maximum(places - 0.25, c - edge / 2), 0, None)
            for c in (particle.z_um, particle.y_um, particle.x_um)
        ]
        box = weights[0][:, None, None] * weights[1][:, None] * weights[2]
        errors.append(abs(particle.pdensity - (box * (labels > 0)).sum() / box.sum()))
    yield row("PDensity", "brute-force box", f"{max(errors):.1g}", "0.003")
    rng = np.random.default_rng(2)
    centres = rng.uniform(size=(4000, 3))
    neighbours = nearest_neighbours(centres)[0]
    aligned = np.tile([0.0, 0.6, 0.8], (4000, 1)) * rng.choice([-1, 1], (4000, 1))
    axes = rng.normal(size=(4000, 3))
    axes /= np.linalg.norm(axes, axis=1)[:, None]
    yield row("OrienIso", "aligned axes: 1", f"{np.abs(alignment(aligned, neighbours, 3) - 1).max():.0e}", "1e-6")
    mean = abs(float(alignment(axes, neighbours, 3).mean()))
    yield row("OrienIso", "random axes: 0 on average", f"{mean:.1g}", "0.01")


def _slices() -> Iterator[str]:
    """Discs."""
    body = ellipsoid((1, 90, 110), (0, 45.2, 55.3), (1, 30, 30)).astype(np.int32)
    found = one(body)
    yield row("Area (slice)", "disc of radius 30 pixels", share(off(found.area_um2, np.pi * 9)), "0.5 %")
    yield row("Perimeter (slice)", "disc of radius 30 pixels", share(off(found.perimeter_um, 6 * np.pi)), "1 %")
    yield row("Circularity (slice)", "disc of radius 30 pixels", share(off(found.circularity, 1)), "3 %")
