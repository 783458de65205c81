"""Odd inputs have defined results, and what cannot be measured says why."""

import numpy as np
import pandas as pd
import pytest

from napari_cathode.errors import InputError
from napari_cathode.measure import FEATURES, MeasureParameters, columns, iter_measure, measure, summarise
from napari_cathode.measure.crops import cut_crops
from napari_cathode.measure.features import CHOICES
from napari_cathode.measure.grey_kernels import median
from napari_cathode.measure.particle import OUTSIDE, Context
from napari_cathode.measure.threshold import GreyLevels
from napari_cathode.measure.volume_pass import iter_inventory
from napari_cathode.progress import drain

SPACING = (0.1, 0.1, 0.1)
SHAPE_COLUMNS = [
    "volume_um3",
    "surface_outer_um2",
    "elongation",
    "sphericity",
    "vs_ratio",
    "damage",
    "contact",
    "rough_outer",
]


def _cube(size=24, low=8, high=16):
    labels = np.zeros((size,) * 3, np.int32)
    labels[low:high, low:high, low:high] = 1
    return labels


def test_columns_are_the_dictionarys(balls):
    assert list(measure(balls.filled[:40, :40, :40], None, SPACING)) == columns(3)
    measured = {name for name, feature in FEATURES.items() if feature.group != "V"}
    assert set(columns(3)) | set(columns(2)) == measured


def test_no_particles():
    table = measure(np.zeros((4, 5, 6), np.int32), np.zeros((4, 5, 6)), SPACING)
    assert len(table) == 0 and list(table) == columns(3)


@pytest.mark.parametrize("shape", [(4, 5, 6), (1, 5, 6)], ids=["volume", "slice"])
def test_no_particles_and_no_image(shape):
    table = measure(np.zeros(shape, np.int32), None, SPACING)
    assert len(table) == 0 and list(table) == columns(2 if shape[0] == 1 else 3)


def test_without_an_image_greys_are_empty_and_the_rest_is_there(balls):
    table = measure(balls.filled, None, SPACING)
    assert table[["edensity", "homogeneity"]].isna().all(axis=None)
    for column in ("volume_um3", "surface_outer_um2", "damage", "elongation", "contact", "pdensity", "dist_nearest_um"):
        assert table[column].notna().all(), column


def test_one_particle_has_all_but_neighbours():
    row = measure(_cube(), np.where(_cube() > 0, 200, 100), SPACING).iloc[0]
    assert row[SHAPE_COLUMNS].notna().all() and row.damage == 0 and row.contact == 0
    assert np.isnan(row.dist_nearest_um) and np.isnan(row.orien_iso)


def test_one_voxel_has_a_place_and_a_volume_only():
    labels = np.zeros((9, 9, 9), np.int32)
    labels[3, 4, 5] = 7
    row = measure(labels, np.full(labels.shape, 50.0), SPACING).iloc[0]
    assert (row.z_um, row.y_um, row.x_um) == pytest.approx((0.3, 0.4, 0.5))
    assert row.volume_um3 == pytest.approx(1e-3) and row.voxel_count == 1
    assert (
        row[["elongation", "sphericity", "damage", "surface_outer_um2", "yaw_deg", "contact", "edensity"]].isna().all()
    )


def test_gaps_in_numbering_and_huge_numbers():
    labels = np.zeros((20, 20, 40), np.int64)
    labels[5:12, 5:12, 4:12] = 3
    labels[5:12, 5:12, 20:28] = 2_000_000_000
    table = measure(labels, None, SPACING)
    assert table["label"].tolist() == [3, 2_000_000_000]
    assert table["voxel_count"].tolist() == [392, 392]
    with pytest.raises(InputError, match="renumber"):
        measure(labels * 4, None, SPACING)


def test_fragments_are_one_particle():
    labels = np.zeros((24, 24, 60), np.int32)
    labels[8:16, 8:16, 6:14] = 1
    labels[8:16, 8:16, 40:48] = 1
    row = measure(labels, None, SPACING).iloc[0]
    assert row.voxel_count == 1024 and row.x_um == pytest.approx(2.65)
    assert row.volume_um3 == pytest.approx(1.024)
    assert row.surface_outer_um2 == pytest.approx(2 * measure(_cube(), None, SPACING)["surface_outer_um2"][0])


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("face", ["low", "high"])
def test_border_cut(axis, face):
    labels = np.roll(_cube(), -8 if face == "low" else 8, axis)
    row = measure(labels, np.where(labels > 0, 200, 100), SPACING).iloc[0]
    assert row.touches_border
    assert row[SHAPE_COLUMNS].isna().all()
    assert row[["x_um", "voxel_count", "solid_volume_um3", "edensity"]].notna().all()


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("shift", [-7, 7])
def test_a_particle_one_voxel_away_is_whole(axis, shift):
    alone = measure(_cube(), np.where(_cube() > 0, 200, 100), SPACING).iloc[0]
    labels = np.roll(_cube(), shift, axis)
    row = measure(labels, np.where(labels > 0, 200, 100), SPACING).iloc[0]
    assert not row.touches_border
    by_place = ["x_um", "y_um", "z_um", "pdensity", "pdensity_coverage"]
    pd.testing.assert_series_equal(row.drop(by_place), alone.drop(by_place), rtol=1e-9, obj="next to the face")


def test_field_of_view_cuts_too():
    labels = np.zeros((24, 24, 60), np.int32)
    for number in range(3):
        labels[8:16, 8:16, 4 + 18 * number : 14 + 18 * number] = number + 1
    seen = np.ones((1, 24, 60), bool)
    seen[:, :, 50:] = False  # right at the third one's end
    table = measure(labels, None, SPACING, field_of_view=seen)
    assert table["touches_border"].tolist() == [False, False, True]
    whole = np.broadcast_to(seen, labels.shape).copy()
    assert measure(labels, None, SPACING, field_of_view=whole).equals(table)


def test_nothing_outside_the_field_of_view_is_counted(balls):
    seen = np.ones(balls.filled.shape, bool)
    seen[:, :, 46:] = False
    blind = np.where(seen, balls.image, 103).astype(np.uint8)
    labels = np.where(seen, balls.filled, 0)
    table = measure(labels, blind, SPACING, field_of_view=seen)
    whole = measure(balls.filled, balls.image, SPACING)
    kept = whole[whole["label"].isin(table["label"][~table["touches_border"]])]
    assert len(kept) == 4
    assert table["damage"].dropna().to_numpy() == pytest.approx(kept["damage"].to_numpy(), abs=0.002)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int64, np.uint32, bool])
def test_label_types(dtype):
    labels = _cube()
    assert measure(labels.astype(dtype), None, SPACING).equals(measure(labels, None, SPACING))


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.float64, np.int16])
def test_image_types(balls, dtype):
    reference = measure(balls.filled, balls.image, SPACING)
    scaled = measure(balls.filled, balls.image.astype(dtype), SPACING)
    assert scaled.equals(reference)


def test_grey_scale_does_not_matter(balls):
    reference = measure(balls.filled, balls.image, SPACING)
    scaled = measure(balls.filled, balls.image.astype(np.float32) * 1e-3 - 0.4, SPACING)
    assert scaled["damage"].to_numpy() == pytest.approx(reference["damage"].to_numpy(), abs=1e-3)


@pytest.mark.parametrize(
    ("labels", "image", "spacing", "field", "says"),
    [
        (_cube(), None, None, None, "voxel size"),
        (_cube(), None, (0.1, 0.1), None, "voxel size"),
        (_cube(), None, (0.1, -1, 0.1), None, "voxel size"),
        (_cube().astype(float), None, SPACING, None, "whole numbers"),
        (_cube()[0], None, SPACING, None, "three dimensions"),
        (-_cube(), None, SPACING, None, "negative"),
        (_cube(), np.zeros((24, 24, 23)), SPACING, None, "one grid"),
        (_cube(), np.zeros((24, 24, 24), complex), SPACING, None, "grey value"),
        (_cube(), None, SPACING, np.ones((24, 23, 24), bool), "field of view"),
        (_cube(), None, SPACING, np.ones((24, 24), bool), "field of view"),
        (np.zeros((0, 4, 4), np.int32), None, SPACING, None, "three dimensions"),
    ],
)
def test_bad_input_is_one_sentence(labels, image, spacing, field, says):
    with pytest.raises(InputError, match=says):
        measure(labels, image, spacing, field_of_view=field)


@pytest.mark.parametrize("edge", [1e-7, 1e-4])  # metres, millimetres
def test_voxel_sizes_in_other_units_are_noticed(edge):
    with pytest.raises(InputError, match=r"voxel size of .* µm looks too small: .* really in µm") as caught:
        measure(_cube(), None, (edge, edge, edge))
    assert "closing" not in str(caught.value), "nobody asked for one"


@pytest.mark.parametrize("edge", [100.0, 1e9])  # nanometres, and what no unit explains
def test_voxels_too_large_for_any_particle_are_noticed(edge):
    with pytest.raises(InputError, match=r"voxel size of .* µm looks too large: .* really in µm"):
        measure(_cube(), None, (edge, edge, edge))
    wide = MeasureParameters(cube_edge_um=900.0)
    if edge < 900:
        assert len(measure(_cube(), None, (edge, edge, edge), wide)) == 1, "who chooses such a cube means it"


def test_voxels_whose_edges_are_not_in_one_unit_are_noticed():
    with pytest.raises(InputError, match="same unit"):
        measure(_cube(), None, (200.0, 0.1, 0.1))
    with pytest.raises(InputError, match="same unit"):
        measure(_cube(), None, (0.2, 0.1, 100.0))
    section = _cube()[12:13]
    assert len(measure(section, None, (200.0, 0.1, 0.1))) == 1, "a slice has no thickness that matters"


def test_a_length_that_somebody_chose_too_large_is_named():
    with pytest.raises(InputError, match=r"closing radius of 40 µm is \d+ voxels"):
        measure(_cube(), None, (0.1, 0.1, 0.1), MeasureParameters(closing_radius_um=40.0))


def test_bad_parameters():
    with pytest.raises(InputError, match="closing_radius_um"):
        MeasureParameters(closing_radius_um=-1)
    with pytest.raises(InputError, match="threshold"):
        MeasureParameters(threshold="otsu")


def test_notes_tell_what_does_not_suit():
    notes = measure(_cube(), None, SPACING, MeasureParameters(closing_radius_um=0.3)).attrs["notes"]
    assert any("quarter" in note for note in notes)
    suited = MeasureParameters(closing_radius_um=0.3, groups=("structure", "cracks"))
    assert measure(_cube(40, 4, 36), None, SPACING, suited).attrs["notes"] == []
    coarse = measure(_cube(40, 4, 36), None, (1.0, 1.0, 1.0)).attrs["notes"]
    for name in ("closing radius", "gap tolerance", "smoothing"):
        assert any(name in note and "voxel" in note for note in coarse)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"closing_radius_um": 1.2}, "hollows between lumps"),
        ({"smoothing_um": 0.6}, "shape of the whole particle"),
        ({"gap_tolerance_um": 0.6}, "far apart count as touching"),
        ({"cube_edge_um": 3.0}, "little more than the particle itself"),
        ({"cube_edge_um": 20.0}, "far beyond the image"),
    ],
)
def test_each_length_is_held_against_the_data(balls, changed, words):
    suited = {"closing_radius_um": 0.2, "smoothing_um": 0.2, "gap_tolerance_um": 0.1, "cube_edge_um": 7.0}
    clear = measure(balls.filled, None, SPACING, MeasureParameters(**suited)).attrs["notes"]
    assert clear == []
    notes = measure(balls.filled, None, SPACING, MeasureParameters(**(suited | changed))).attrs["notes"]
    assert len(notes) == 1 and words in notes[0] and f"{next(iter(changed.values())):g} µm" in notes[0]


def test_only_chosen_groups_are_measured(balls):
    alone = {}
    whole = measure(balls.filled, balls.image, SPACING)
    for name, letter in CHOICES.items():
        table = measure(balls.filled, balls.image, SPACING, MeasureParameters(groups=(name,)))
        assert list(table) == columns(3, (name,))
        assert {FEATURES[column].group for column in table} <= {letter, "", "A"}
        pd.testing.assert_frame_equal(table, whole[list(table)])
        alone[name] = set(table)
    assert set.union(*alone.values()) == set(whole)
    assert "damage" in alone["structure"] and "x_um" in alone["cracks"]
    summary = summarise(
        measure(balls.filled, None, SPACING, MeasureParameters(groups=("position",))), balls.filled, SPACING
    )
    assert summary.count == 8 and np.isnan(summary.d50_um) and np.isnan(summary.solid_fraction)


@pytest.mark.parametrize("groups", [(), ("shape",), ("grey", "grey")])
def test_groups_have_names(groups):
    with pytest.raises(InputError, match="The parameter groups is"):
        MeasureParameters(groups=groups)


def test_particles_that_do_not_stand_out_are_counted(balls):
    grey = np.full(balls.filled.shape, 100.0, np.float32) + np.random.default_rng(0).normal(0, 1, balls.filled.shape)
    grey[balls.filled > 0] -= 60
    table = measure(balls.filled, grey.astype(np.float32), SPACING)
    count = len(table)
    (note,) = [note for note in table.attrs["notes"] if "stand out" in note]
    assert note.startswith(f"{count} of {count} particles do not stand out") and "invert the image" in note
    assert np.isnan(summarise(table, balls.filled, SPACING).solid_fraction), "unknown, not nothing"
    clear = measure(balls.filled, balls.image, SPACING)
    assert not [note for note in clear.attrs["notes"] if "stand out" in note]


def test_executor_gives_the_same(balls):
    from concurrent.futures import ThreadPoolExecutor

    serial = measure(balls.filled, balls.image, SPACING)
    with ThreadPoolExecutor(2) as pool:
        assert measure(balls.filled, balls.image, SPACING, executor=pool).equals(serial)


def test_progress_counts_particles_and_can_be_cancelled(balls):
    steps = iter_measure(balls.filled, balls.image, SPACING)
    seen = []
    for step in steps:
        seen.append(step)
        if step.what == "Measuring particles":
            break
    assert (seen[-1].done, seen[-1].total) == (1, 8)
    assert {step.what for step in seen[:-1]} == {"Taking stock of the labels", "Reading grey levels"}
    steps.close()


def test_a_cancelled_run_drops_what_its_executor_has_not_begun(balls):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        steps = iter_measure(balls.filled, balls.image, SPACING, executor=pool)
        while next(steps).what != "Measuring particles":
            pass
        steps.close()
        assert pool.submit(int).result(timeout=10) == 0


def test_crops_can_travel_to_another_process(balls):
    import pickle

    from napari_cathode.measure.crops import _cut_out
    from napari_cathode.measure.particle import Context, Crop, measure_particle
    from napari_cathode.measure.threshold import GreyLevels

    labels, image, _ = _cut_out(balls.filled, balls.image, None, 1, np.array([-2, 0, 4]), np.array([50, 50, 50]))
    job = (Crop(1, False, (-2, 0, 4), labels, image), Context(SPACING, MeasureParameters(), GreyLevels(), (2, 2, 2)))
    here, there = measure_particle(*job), measure_particle(*pickle.loads(pickle.dumps(job)))
    assert here.values["damage"] == pickle.loads(pickle.dumps(there)).values["damage"]


def test_without_a_place_for_its_cache_code_is_compiled_anew(monkeypatch):
    import numba

    from napari_cathode import compile as compiling

    real = numba.njit

    def nowhere(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return real(**options)

    monkeypatch.setattr(numba, "njit", nowhere)
    assert compiling.jit(lambda number: number + 1)(1) == 2


def test_lazy_arrays(balls, tmp_path):
    import dask.array

    np.save(tmp_path / "labels.npy", balls.filled)
    labels = np.load(tmp_path / "labels.npy", mmap_mode="r")
    image = dask.array.from_array(balls.image, chunks=32)
    assert measure(labels, image, SPACING).equals(measure(balls.filled, balls.image, SPACING))


def test_slabs_merge_exactly(balls, monkeypatch):
    whole = measure(balls.filled, None, SPACING)
    monkeypatch.setattr("napari_cathode.measure.volume_pass.SLAB_BYTES", 5 * 4 * 92 * 92)
    assert measure(balls.filled, None, SPACING).equals(whole)


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_median_passes_over_what_is_no_number(odd):
    values = np.array([4, 1, odd, 2, 3], np.float32)
    assert median(values) == 2.5
    assert np.isnan(median(np.array([odd], np.float32)))


def test_median_of_tiny_and_of_huge_values():
    for scale in (1e-41, 1e-36, 1e37):
        values = (np.arange(1, 8) * np.float32(scale)).astype(np.float32)
        assert median(values) == values[3]


def test_values_that_are_no_number_leave_the_other_particles_as_they_are():
    labels = np.zeros((20, 20, 44), np.int32)
    labels[5:15, 5:15, 5:15], labels[5:15, 5:15, 28:38] = 1, 2
    image = np.where(labels > 0, 200, 50).astype(np.float32)
    image += np.random.default_rng(0).normal(0, 3, image.shape).astype(np.float32)
    parameters = MeasureParameters(closing_radius_um=2, smoothing_um=1, cube_edge_um=20)
    whole = measure(labels, image, (1.0, 1.0, 1.0), parameters)
    image[9:11, 9:11, 9:11] = np.nan
    found = measure(labels, image, (1.0, 1.0, 1.0), parameters)
    assert found["volume_um3"].tolist() == whole["volume_um3"].tolist()
    assert found["edensity"][1] == pytest.approx(whole["edensity"][1], rel=0.01)
    assert not [note for note in whole.attrs["notes"] if "NaN" in note]
    assert any("(NaN or infinite) at 8 voxels of 1 particle:" in note for note in found.attrs["notes"])


def test_values_that_are_no_number_are_told_of_filled_particles_within_the_field_of_view():
    labels = np.zeros((20, 20, 30), np.int32)
    labels[5:15, 5:15, 5:15] = 1
    image = np.where(labels > 0, np.float32(200), np.float32(50))
    image[9:11, 9:11, 9:12] = np.nan
    image[:, :, :7] = np.nan
    labels[9:11, 9:11, 9:12] = 0  # as a threshold leaves it: NaN is above none
    seen = np.ones((1, 20, 30), bool)
    seen[..., :7] = False
    found = measure(labels, image, (1.0, 1.0, 1.0), MeasureParameters(cube_edge_um=20), seen)
    assert [note for note in found.attrs["notes"] if "(NaN or infinite) at 12 voxels of 1 particle:" in note]
    image[9:11, 9:11, 9:12] = 200
    found = measure(labels, image, (1.0, 1.0, 1.0), MeasureParameters(cube_edge_um=20), seen)
    assert not [note for note in found.attrs["notes"] if "NaN" in note]


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_values_that_are_no_number_here_and_there_change_little(balls, odd):
    image = balls.image.astype(np.float32)
    image[np.random.default_rng(0).random(image.shape) < 0.001] = odd
    given = image.copy()
    found = measure(balls.filled, image, SPACING)
    assert np.abs(found["damage"] - balls.damage).max() < 0.02
    assert np.abs(found["edensity"] - 178).max() < 3.5
    assert np.array_equal(image, given, equal_nan=True)


@pytest.mark.parametrize("label", [1, 2, 3])
def test_beyond_the_volume_the_edge_of_the_image_goes_on(label):
    labels = np.zeros((9, 10, 11), np.int32)
    labels[0, 1, 9:], labels[4, 4, 4], labels[8, 7:, 0] = 1, 2, 3
    image = np.random.default_rng(0).random(labels.shape, np.float32)
    context = Context((1.0, 1.0, 1.0), MeasureParameters(closing_radius_um=2), GreyLevels(), (4, 4, 4))
    crops = cut_crops(labels, image, None, drain(iter_inventory(labels, None)), context, largest_first=False)
    crop = next(crop for crop in crops if crop.label == label)
    before = [-start for start in crop.start]
    around = [(a, full - size - a) for a, size, full in zip(before, labels.shape, crop.labels.shape, strict=True)]
    assert max(map(max, around)) > 0
    wide = [(max(a, 0), max(b, 0)) for a, b in around]
    inside = tuple(slice(max(-a, 0), size - max(-b, 0)) for (a, b), size in zip(around, labels.shape, strict=True))
    assert np.array_equal(crop.image, np.pad(image[inside], wide, mode="edge"))
    assert np.array_equal(crop.labels, np.pad(labels[inside], wide, constant_values=OUTSIDE))
