"""Contacts between particles and the electrode's faces, against lattices and bodies whose values are known."""

import copy
import json

import cc3d
import numpy as np
import pandas as pd
import pytest

from napari_cathode.measure import Contacts, MeasureParameters, measure

LABELS_ONLY = MeasureParameters(threshold="labels", closing_radius_um=0.0, gap_tolerance_um=0.0)


def contacts(table):
    return table.attrs["contacts"].table


@pytest.fixture(scope="module")
def lattice():
    """Eight boxes of 20 voxels a side, face to face, with a margin."""
    labels = np.zeros((46,) * 3, np.int32)
    for number, (z, y, x) in enumerate(np.ndindex(2, 2, 2), start=1):
        labels[3 + 20 * z : 23 + 20 * z, 3 + 20 * y : 23 + 20 * y, 3 + 20 * x : 23 + 20 * x] = 10 * number
    return measure(labels, None, (0.1,) * 3, LABELS_ONLY)


def test_faces_of_boxes(lattice):
    pairs = contacts(lattice)
    # Boxes also touch along edges; the estimate sees little area there. Flat faces along the grid come out too small.
    faces = pairs[pairs["area_um2"] > 1]
    assert len(faces) == 12
    assert (faces["label_1"] < faces["label_2"]).all() and not faces["cut"].any()
    assert faces["area_um2"].to_numpy() == pytest.approx(np.full(12, 4.0), rel=0.14)
    first = faces[(faces["label_1"] == 10) & (faces["label_2"] == 50)].iloc[0]
    assert (first["z_um"], first["y_um"], first["x_um"]) == pytest.approx((2.25, 1.25, 1.25), abs=1e-6)


def test_the_same_pairs_as_cc3d_finds(balls):
    labels = np.zeros((50, 50, 50), np.int32)
    rng = np.random.default_rng(2)
    seeds = rng.uniform(8, 42, (30, 3))
    grid = np.stack(np.indices(labels.shape), -1)
    distance = np.linalg.norm(grid[..., None, :] - seeds, axis=-1)
    labels = np.where(distance.min(axis=-1) < 7, distance.argmin(axis=-1) + 1, 0).astype(np.int32)
    table = measure(labels, None, (1.0, 1.0, 1.0), LABELS_ONLY)
    found = contacts(table).set_index(["label_1", "label_2"])["area_um2"]
    faces = {tuple(sorted(map(int, pair))): area for pair, area in cc3d.contacts(labels.astype(np.uint32)).items()}
    large = {pair for pair, area in faces.items() if area >= 12}
    assert large <= set(found.index) and set(found[found > 12].index) <= set(faces)
    # Faces of voxels overestimate what is not along the grid, by up to √3.
    ratio = np.array([found[pair] / faces[pair] for pair in large])
    assert np.all((ratio > 0.5) & (ratio < 1.1))


def test_coordination_counts_the_list(lattice):
    table = lattice
    pairs = contacts(table)
    counted = pd.concat([pairs["label_1"], pairs["label_2"]]).value_counts()
    assert table["coordination"].to_numpy() == pytest.approx(counted.reindex(table["label"], fill_value=0).to_numpy())


def test_simple_cubic_balls_have_six_neighbours():
    labels = np.zeros((66,) * 3, np.int32)
    grid = np.stack(np.indices((20,) * 3), -1) - 9.5
    ball = np.linalg.norm(grid, axis=-1) < 10
    for number, corner in enumerate(np.ndindex(3, 3, 3), start=1):
        z, y, x = (3 + 20 * place for place in corner)
        labels[z : z + 20, y : y + 20, x : x + 20][ball] = number
    table = measure(labels, None, (0.1,) * 3, LABELS_ONLY)
    assert table.set_index("label")["coordination"][14] == 6
    assert sorted(table["coordination"])[:8] == [3] * 8  # the corners
    pairs = contacts(table)
    middle = pairs[(pairs["label_1"] == 14) | (pairs["label_2"] == 14)]
    away = middle[["z_um", "y_um", "x_um"]] - 0.1 * 32.5
    assert np.linalg.norm(away, axis=1) == pytest.approx(np.full(6, 1.0), abs=0.01)


def test_gaps_within_the_tolerance_are_contacts():
    labels = np.zeros((20, 20, 40), np.int32)
    labels[5:15, 5:15, 5:15] = 1
    labels[5:15, 5:15, 17:27] = 2
    for tolerance, number in ((0.1, 0), (0.2, 1)):
        table = measure(labels, None, (0.1,) * 3, MeasureParameters(threshold="labels", gap_tolerance_um=tolerance))
        assert (table["coordination"] == number).all() and len(contacts(table)) == number
    assert contacts(table)["x_um"][0] == pytest.approx(1.55, abs=0.06)


def test_cut_particles_touch_but_are_not_counted():
    labels = np.zeros((20, 20, 40), np.int32)
    labels[5:15, 5:15, 0:10] = 1
    labels[5:15, 5:15, 10:20] = 2
    table = measure(labels, None, (0.1,) * 3, LABELS_ONLY)
    assert np.isnan(table["coordination"][0]) and table["coordination"][1] == 1
    assert list(contacts(table)["cut"]) == [True]


def test_in_a_slice_contacts_have_a_length():
    labels = np.zeros((1, 30, 40), np.int32)
    labels[0, 5:15, 5:15] = 3
    labels[0, 5:15, 15:25] = 7
    table = measure(labels, None, (1.0, 0.1, 0.1), LABELS_ONLY)
    assert list(contacts(table)) == ["label_1", "label_2", "length_um", "z_um", "y_um", "x_um", "cut"]
    assert contacts(table)["length_um"][0] == pytest.approx(1.0, rel=0.12)
    assert list(table["coordination"]) == [1, 1]


def test_contacts_travel_with_the_table(lattice):
    table = lattice
    attached = table.attrs["contacts"]
    assert table[table["label"] < 100].copy().attrs["contacts"] is attached
    assert copy.deepcopy(attached) is attached
    pd.concat([table, table])  # compares the attachments
    assert set(attached.of([10, 20, 30]).table["label_2"]) == {20, 30}


def test_contacts_come_back_from_plain_values(lattice):
    attached = Contacts.beside(lattice)
    again = lattice.copy()
    again.attrs["contacts"] = json.loads(json.dumps(attached.tolist()))
    pd.testing.assert_frame_equal(Contacts.beside(again).table, attached.table)
    again.attrs["contacts"] = "something else"
    assert Contacts.beside(again) is None and Contacts.beside(pd.DataFrame({"label": [1]})) is None


def test_nothing_touches_nothing():
    table = measure(np.zeros((6, 6, 6), np.int32), None, (0.1,) * 3)
    assert len(contacts(table)) == 0 and "area_um2" in contacts(table)


def electrode(low=20, high=80, width=48, axis=0):
    """Balls of radius 6 at random between two faces."""
    rng = np.random.default_rng(0)
    labels = np.zeros((100, width, width), np.int32)
    grid = np.stack(np.indices((13,) * 3), -1) - 6
    ball = np.linalg.norm(grid, axis=-1) < 6.2
    number = 0
    for _ in range(4000):
        z, y, x = rng.integers((low, 0, 0), (high - 12, width - 12, width - 12))
        part = labels[z : z + 13, y : y + 13, x : x + 13]
        if not part[ball].any():
            number += 1
            part[ball] = number
    return np.moveaxis(labels, 0, axis)


@pytest.mark.parametrize(("axis", "name"), [(0, "z"), (2, "x")])
def test_depth_below_the_electrodes_faces(axis, name):
    labels = electrode(axis=axis)
    parameters = MeasureParameters(thickness_axis=name)
    table = measure(labels, None, (0.5,) * 3, parameters)
    place = table[f"{name}_um"]
    # The faces are at half of the density, which balls reach about half a radius below their topmost points.
    assert (place - table["depth_low_um"]).to_numpy() == pytest.approx(np.full(len(table), 20 * 0.5 + 1.5), abs=0.8)
    assert (place + table["depth_high_um"]).to_numpy() == pytest.approx(np.full(len(table), 80 * 0.5 - 1.5), abs=0.8)
    assert table["thickness_position"].min() > 0.02 and table["thickness_position"].max() < 0.98
    assert np.corrcoef(table["thickness_position"], place)[0, 1] == pytest.approx(1)


def test_a_face_that_the_image_does_not_show_has_no_place():
    table = measure(electrode()[26:], None, (0.5,) * 3)
    assert table["depth_low_um"].isna().all() and table["thickness_position"].isna().all()
    assert table["depth_high_um"].notna().all()
    assert measure(electrode()[26:74], None, (0.5,) * 3)["depth_high_um"].isna().all()
