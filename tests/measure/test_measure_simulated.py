"""Against the truth of a simulated electrode, imaged with blur, noise, fringes and gradients."""

from dataclasses import replace

import numpy as np
import pytest

from napari_cathode.measure import measure
from napari_cathode.simulate import PRESETS, simulate


@pytest.fixture(scope="module", params=["nmc-10-cycles", "nmc-50-cycles"])
def electrode(request):
    simulation = simulate(replace(PRESETS[request.param], size_z=96, size_y=144, size_x=144), 0)
    table = measure(simulation.labels, simulation.image, simulation.spacing_um, None, simulation.field_of_view)
    truth = simulation.table.set_index("label").loc[table["label"]].reset_index()
    return simulation, table, truth


def test_damage(electrode):
    simulation, table, truth = electrode
    assert np.array_equal(table["touches_border"], truth["touches_border"])
    # In particles under 15 voxels across the blur of a dim one fills all cracks.
    whole = table["damage"].notna() & (table["voxel_count"] > 2000)
    voxels = np.bincount(simulation.labels.ravel())
    cracked = np.bincount(simulation.labels.ravel(), weights=simulation.cracks.ravel())
    planted = (cracked / np.maximum(voxels, 1))[table["label"]]
    assert whole.sum() > 10
    assert abs((table["damage"] - planted)[whole].mean()) <= 0.01
    assert np.corrcoef(table["damage"][whole], planted[whole])[0, 1] >= 0.9


def test_damage_of_labels_that_leave_the_cracks_out(electrode):
    simulation, table, _ = electrode
    bare = np.where(simulation.cracks, 0, simulation.labels).astype(np.int32)
    other = measure(bare, simulation.image, simulation.spacing_um, None, simulation.field_of_view)
    both = table.merge(other, on="label", suffixes=("", "_bare"))
    whole = both["damage"].notna() & both["damage_bare"].notna() & (both["voxel_count"] > 2000)
    difference = (both["damage_bare"] - both["damage"])[whole]
    assert abs(difference.mean()) <= 0.005 and difference.abs().median() <= 0.005
    assert np.corrcoef(both["damage_bare"][whole], both["damage"][whole])[0, 1] >= 0.97


def test_what_drives_damage(electrode):
    _, table, truth = electrode
    whole = ~table["touches_border"]
    for column, tolerance in (
        ("volume_um3", 0.02),
        ("surface_outer_um2", 0.03),
        ("elongation", 0.02),
        ("sphericity", 0.06),
        ("pdensity", 0.03),
        ("dist_nearest_um", 0.01),
    ):
        ratio = table[column][whole] / truth[column][whole]
        assert np.median(np.abs(ratio - 1)) < tolerance, column
    # Slow brightness changes over the image stay in EDensity.
    assert np.median(np.abs(table["edensity"] - truth["edensity"])[whole]) < 6
    for column in ("contact", "elongation", "sphericity"):
        assert np.corrcoef(table[column][whole], truth[column][whole])[0, 1] > 0.85, column
