"""Volumes: planted values against what the voxels say."""

from dataclasses import replace

import cc3d
import numpy as np
import pytest
from scipy import ndimage

from napari_cathode.progress import Progress
from napari_cathode.simulate import PRESETS, SimulationParameters, iter_simulate, simulate
from napari_cathode.simulate.damage import target_damage
from napari_cathode.simulate.shapes import draw_bodies, principal_axes, volume_and_surface
from napari_cathode.simulate.truth import packing_density

SMALL = {"size_z": 64, "size_y": 96, "size_x": 96, "voxel_um": 0.25}


@pytest.fixture(scope="module", params=sorted(PRESETS))
def volume(request):
    return simulate(replace(PRESETS[request.param], **SMALL), 4)


def test_the_same_seed_gives_the_same_volume():
    parameters = replace(PRESETS["nmc-50-cycles"], size_z=24, size_y=48, size_x=48, voxel_um=0.3)
    first, again, other = simulate(parameters, 1), simulate(parameters, 1), simulate(parameters, 2)
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.labels, again.labels)
    assert first.table.equals(again.table)
    assert not np.array_equal(first.image, other.image)


def test_damage_is_what_the_voxels_show_and_follows_its_law(volume):
    table = volume.table[~volume.table["touches_border"]]
    counts = np.bincount(volume.labels.ravel())[1:]
    cracked = np.bincount(volume.labels[volume.cracks], minlength=len(counts) + 1)[1:]
    assert np.allclose(table["damage"], (cracked / counts)[table["label"] - 1])
    assert not volume.cracks[volume.labels == 0].any()
    assert np.corrcoef(table["damage"], table["damage_target"])[0, 1] > 0.95
    assert table["damage"].std() > 0.01


def test_geometry_agrees_with_an_independent_count(volume):
    statistics = cc3d.statistics(volume.labels.astype(np.uint32))
    table = volume.table
    um = volume.parameters.voxel_um
    assert len(statistics["voxel_counts"]) - 1 == len(table)
    assert np.array_equal(table["voxel_count"], statistics["voxel_counts"][1:])
    assert np.allclose(table[["z_um", "y_um", "x_um"]], statistics["centroids"][1:] * um)
    inner = np.pad(np.ones([n - 2 for n in volume.labels.shape], bool), 1)
    touching = set(np.unique(volume.labels[~inner])) - {0}
    assert set(table["label"][table["touches_border"]]) == touching
    whole = table[~table["touches_border"]]
    assert np.allclose(whole["volume_um3"], whole["voxel_count"] * um**3)
    assert table.loc[table["touches_border"], ["damage", "sphericity", "volume_um3"]].isna().all(axis=None)


def test_labels_are_single_pieces(volume):
    pieces = cc3d.connected_components(volume.labels.astype(np.uint32), connectivity=26)
    sizes = np.bincount(pieces.ravel())
    stray = sizes[1:][sizes[1:] < 10]
    assert stray.sum() < 0.001 * (volume.labels > 0).sum()


def test_elongation_agrees_with_the_voxels(volume):
    whole = volume.table[~volume.table["touches_border"]]
    whole = whole[whole["voxel_count"] > 600]
    measured = []
    for label in whole["label"]:
        points = np.argwhere(volume.labels == label)
        values = np.linalg.eigvalsh(np.cov(points.T) + np.eye(3) / 12)
        measured.append(np.sqrt(values[-1] / values[0]))
    # Contact facets cut a little off the planted bodies.
    assert np.corrcoef(measured, whole["elongation"])[0, 1] > 0.85


def test_electron_density_survives_imaging():
    volume = simulate(replace(PRESETS["nmc-10-cycles"], **{**SMALL, "size_y": 128}), 4)
    core = ndimage.minimum_filter((volume.labels > 0) & ~volume.cracks, 5)
    whole = volume.table[~volume.table["touches_border"]]
    enough = np.array([(core & (volume.labels == label)).sum() > 50 for label in whole["label"]])
    mean = ndimage.mean(volume.image, np.where(core, volume.labels, 0), whole["label"][enough])
    assert np.corrcoef(mean, whole["edensity"][enough])[0, 1] > 0.8


def test_a_ball_has_the_values_of_a_ball():
    ball = SimulationParameters(elongation=1.0, lumpiness=0.0)
    bodies = draw_bodies(np.random.default_rng(0), ball, np.array([20.0, 40.0]))
    volume, surface = volume_and_surface(bodies)
    assert np.allclose(volume, np.pi / 6 * np.array([20.0, 40.0]) ** 3, rtol=1e-3)
    assert np.allclose(surface, np.pi * np.array([20.0, 40.0]) ** 2, rtol=1e-3)
    assert np.allclose(principal_axes(bodies)[0], 1, atol=1e-2)


def test_an_ellipsoid_has_the_surface_that_thomsen_gives():
    shape = SimulationParameters(elongation=2.0, lumpiness=0.0)
    bodies = draw_bodies(np.random.default_rng(3), shape, np.full(5, 30.0))
    _, surface = volume_and_surface(bodies)
    semi = 1 / np.linalg.svd(bodies.matrix.astype(float), compute_uv=False)
    a, b, c = semi.T
    p = 1.6075
    thomsen = 4 * np.pi * (((a * b) ** p + (a * c) ** p + (b * c) ** p) / 3) ** (1 / p)
    assert np.allclose(surface, thomsen, rtol=0.015)
    elongation, _ = principal_axes(bodies)
    assert np.allclose(elongation, semi.max(1) / semi.min(1), rtol=0.01)


def test_packing_density_of_a_half_full_volume():
    solid = np.zeros((40, 40, 40), bool)
    solid[:, :, :20] = True
    parameters = SimulationParameters(voxel_um=1.0, density_cube_um=10.0)
    share = packing_density(solid, np.array([[20, 20, 5], [20, 20, 19.5], [20, 20, 35]]), parameters)
    assert np.allclose(share, [1.0, 0.5, 0.0], atol=0.06)


def test_the_law_gives_the_asked_mean_spread_and_share_of_noise():
    import pandas as pd

    rng = np.random.default_rng(0)
    table = pd.DataFrame({"contact": rng.normal(3, 2, 4000), "sphericity": rng.normal(size=4000)})
    parameters = SimulationParameters(
        drivers=(("contact", 1.0),), damage_mean=0.2, damage_spread=0.03, damage_noise=0.6
    )
    target, rank = target_damage(table, parameters, rng)
    assert target.mean() == pytest.approx(0.2, abs=0.003)
    assert target.std() == pytest.approx(0.03, abs=0.002)
    assert np.corrcoef(target, table["contact"])[0, 1] == pytest.approx(0.8, abs=0.02)
    assert abs(np.corrcoef(target, table["sphericity"])[0, 1]) < 0.05
    assert rank[np.argmax(target)] == 1


@pytest.mark.slow
def test_the_two_states_are_driven_by_different_things():
    def strongest(name: str) -> dict[str, float]:
        table = simulate(replace(PRESETS[name], size_z=64, size_y=128, size_x=128, voxel_um=0.3), 0).table
        whole = table[~table["touches_border"]]
        return {c: abs(whole["damage"].corr(whole[c], method="spearman")) for c in ("sphericity", "contact")}

    early, late = strongest("nmc-10-cycles"), strongest("nmc-50-cycles")
    assert early["sphericity"] > 0.5 > early["contact"]
    assert late["contact"] > 0.45 > late["sphericity"]


def test_progress_comes_and_closing_stops_it():
    steps = iter_simulate(replace(PRESETS["nmc-10-cycles"], size_z=24, size_y=48, size_x=48), 0)
    seen = [next(steps) for _ in range(5)]
    steps.close()
    assert all(isinstance(p, Progress) for p in seen)
    assert [p.done for p in seen] == sorted(p.done for p in seen)


def test_an_empty_electrode_and_a_single_plane_are_simulated_too():
    dust = replace(PRESETS["nmc-50-cycles"], size_z=16, size_y=32, size_x=32, packing=0.01, diameter_um=0.4)
    empty = simulate(dust, 0)  # particles of 14 voxels get no label
    assert len(empty.table) == 0
    assert not empty.labels.any()
    plane = simulate(replace(PRESETS["nmc-50-cycles"], size_z=1, size_y=64, size_x=64), 0)
    assert plane.image.shape == (1, 64, 64)
    assert plane.table["touches_border"].all()
