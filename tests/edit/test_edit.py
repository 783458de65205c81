"""Edits change what they say, nothing else, and everything can be taken back to the last byte."""

import json

import numpy as np
import pandas as pd
import pytest
import zarr
from scipy import ndimage

from napari_cathode.edit import (
    EditParameters,
    History,
    Step,
    delete,
    fill,
    fill_between,
    grow,
    iter_edit,
    label_boxes,
    merge,
    smooth,
    split_along_line,
    split_at_seeds,
    split_in_parts,
    write_log,
    write_log_beside,
)
from napari_cathode.edit.history import log_table
from napari_cathode.errors import InputError
from napari_cathode.progress import drain

SPACING = (0.2, 0.1, 0.1)


def ball(shape, centre, radius_um, spacing=SPACING):
    grids = np.indices(shape)
    return sum(((grids[i] - centre[i]) * spacing[i]) ** 2 for i in range(3)) <= radius_um**2


@pytest.fixture
def labels():
    """Two touching balls with one label (4), a hollow ball (9), and a far one (2); z steps are twice as long."""
    shape = (24, 60, 80)
    array = np.zeros(shape, np.int32)
    array[ball(shape, (12, 20, 15), 0.9) | ball(shape, (12, 20, 31), 0.9)] = 4
    array[ball(shape, (12, 40, 60), 1.0)] = 9
    array[ball(shape, (12, 40, 60), 0.3)] = 0
    array[ball(shape, (12, 50, 15), 0.6)] = 2
    return array


def done(array, change):
    result = array.copy()
    change.apply(result)
    return result


def test_merging_keeps_the_lowest_number(labels):
    change = merge(labels, [9, 2])
    after = done(labels, change)
    assert np.array_equal(after == 2, (labels == 2) | (labels == 9))
    assert np.array_equal(after == 4, labels == 4)
    assert change.labels == (2, 9) and change.voxels == (labels == 9).sum()


def test_deleting_leaves_the_others(labels):
    after = done(labels, delete(labels, [4]))
    assert set(np.unique(after)) == {0, 2, 9}
    assert np.array_equal(after[after > 0], labels[(labels > 0) & (labels != 4)])


def test_two_balls_are_parted_at_their_neck(labels):
    after = done(labels, split_in_parts(labels, 4, 2, SPACING, 10))
    assert set(np.unique(after)) == {0, 2, 4, 9, 10}
    sides = [set(np.unique(after[:, :, part][labels[:, :, part] == 4])) for part in (slice(0, 22), slice(25, 80))]
    assert sorted(map(len, sides)) == [1, 1] and sides[0] != sides[1]
    assert np.array_equal((after == 4) | (after == 10), labels == 4)


def test_a_chain_of_three_is_parted_in_three():
    shape = (1, 40, 120)
    array = np.zeros(shape, np.uint8)
    for x in (20, 50, 80):
        array[ball(shape, (0, 20, x), 1.6)] = 1
    after = done(array, split_in_parts(array, 1, 3, SPACING, 2))
    sizes = np.bincount(after.ravel())[1:]
    assert len(sizes) == 3 and sizes.min() > 0.8 * sizes.max()
    with pytest.raises(InputError, match="has 3 bulges only"):
        split_in_parts(array, 1, 4, SPACING, 2)


def test_particles_that_the_image_cuts_are_parted_at_their_neck(labels):
    cut = np.ascontiguousarray(labels[12:, 12:])
    after = done(cut, split_in_parts(cut, 4, 2, SPACING, 10))
    inner = cut == 4
    left, right = after[..., :22][inner[..., :22]], after[..., 25:][inner[..., 25:]]
    assert len(np.unique(left)) == len(np.unique(right)) == 1 and left[0] != right[0]


def test_a_ball_has_no_neck(labels):
    with pytest.raises(InputError, match="no neck"):
        split_in_parts(labels, 2, 2, SPACING, 10)


def test_a_line_divides_along_the_view(labels):
    after = done(labels, split_along_line(labels, 2, (12, 44, 15.5), (12, 56, 15.5), 0, 10))
    assert np.array_equal((after == 2) | (after == 10), labels == 2)
    left, right = (
        np.unique(after[:, :, :16][labels[:, :, :16] == 2]),
        np.unique(after[:, :, 16:][labels[:, :, 16:] == 2]),
    )
    assert len(left) == len(right) == 1 and left != right
    with pytest.raises(InputError, match="does not cross"):
        split_along_line(labels, 2, (12, 0, 70), (12, 10, 70), 0, 10)
    with pytest.raises(InputError, match="too short"):
        split_along_line(labels, 2, (12, 44, 15), (12, 44, 15), 0, 10)


def test_each_seed_gets_a_part(labels):
    after = done(labels, split_at_seeds(labels, 4, [(12, 20, 15), (12, 20, 31)], SPACING, 10))
    assert after[12, 20, 15] != after[12, 20, 31] and {after[12, 20, 15], after[12, 20, 31]} == {4, 10}
    with pytest.raises(InputError, match="two or more seeds"):
        split_at_seeds(labels, 4, [(12, 20, 15), (0, 0, 0)], SPACING, 10)


def test_holes_are_filled_but_not_with_another_particle(labels):
    labels[12, 40, 60] = 7
    after = done(labels, fill(labels, [9]))
    assert after[12, 40, 60] == 7
    assert np.array_equal((after == 9) | (after == 7), ball(labels.shape, (12, 40, 60), 1.0))
    with pytest.raises(InputError, match="no hole"):
        fill(labels, [2])


def test_smoothing_takes_bumps_away_and_spares_neighbours(labels):
    labels[12, 50, 21:27] = 2
    labels[12, 49, 15] = 0
    after = done(labels, smooth(labels, [2], SPACING, 0.15))
    assert not (after[12, 50, 23:27] == 2).any() and after[12, 49, 15] == 2
    assert np.array_equal(after == 9, labels == 9) and np.array_equal(after == 4, labels == 4)


def test_growing_stops_at_the_edge_and_at_neighbours(labels):
    image = np.full(labels.shape, 80, np.uint8)
    whole = ball(labels.shape, (12, 50, 15), 0.9)
    image[whole] = 180
    image[labels == 4] = 180
    after = done(labels, grow(labels, [2], image, SPACING, 0.5))
    grown = after == 2
    assert (grown & whole).sum() > 0.97 * whole.sum() and (grown & ~whole).sum() < 0.05 * whole.sum()
    assert np.array_equal(after == 4, labels == 4)
    near = done(labels, grow(labels, [2], image, SPACING, 0.15)) == 2
    assert (labels == 2).sum() < near.sum() < grown.sum()
    with pytest.raises(InputError, match="needs the tomogram"):
        grow(labels, [2], None, SPACING, 0.5)
    with pytest.raises(InputError, match="does not stand out"):
        grow(labels, [2], np.zeros_like(image), SPACING, 0.5)


@pytest.mark.parametrize("make", [np.asarray, zarr.array])
def test_two_hundred_edits_are_taken_back_and_repeated(labels, make):
    rng = np.random.default_rng(3)
    array, history = make(labels), History()
    states = [np.array(array[:])]
    while len(history.done) < (200 if isinstance(array, np.ndarray) else 30):
        now = states[-1]
        ids = np.unique(now)[1:]
        label = int(rng.choice(ids)) if len(ids) else 0
        free = int(now.max()) + 1
        try:
            change = _some_edit(rng, array, label, [int(i) for i in rng.permutation(ids)[:2]], free)
        except InputError:
            change = _stroke(rng, array, free)
        change.apply(array)
        history.push(Step(change))
        states.append(np.array(array[:]))
    for before in states[-2::-1]:
        history.undo(array)
        assert np.array_equal(array[:], before)
    assert history.undo(array) is None
    for after in states[1:]:
        history.redo(array)
        assert np.array_equal(array[:], after)
    assert history.redo(array) is None


def _some_edit(rng, array, label, two, free):
    z, y, x = (rng.uniform(0, n, 2) for n in array.shape)
    return [
        lambda: merge(array, two),
        lambda: split_in_parts(array, label, 2, SPACING, free),
        lambda: split_along_line(array, label, (z[0], y[0], x[0]), (z[0], y[1], x[1]), 0, free),
        lambda: fill(array, [label]),
        lambda: smooth(array, [label], SPACING, 0.2),
        lambda: _stroke(rng, array, free),
        lambda: _stroke(rng, array, 0),
        lambda: delete(array, [label]),
    ][rng.choice(8, p=[0.1, 0.15, 0.15, 0.1, 0.1, 0.3, 0.05, 0.05])]()


def _stroke(rng, array, label):
    from napari_cathode.edit import change_between

    start = tuple(int(rng.integers(0, n - 6)) for n in array.shape)
    box = tuple(slice(first, first + int(rng.integers(2, 6))) for first in start)
    before = np.array(array[box])
    after = np.where(rng.random(before.shape) < 0.7, label + 1, before)
    return change_between(before, after, start, "paint")


def test_only_the_box_of_a_change_is_touched(labels):
    change = merge(labels, [2, 9])
    whole = [(side.start, side.stop) for side in change.box]
    there = np.argwhere(labels == 9)
    assert whole == list(zip(there.min(0), there.max(0) + 1, strict=True))
    assert change.nbytes < labels.nbytes / 20


def test_old_steps_are_dropped_and_told_of(labels):
    history = History(limit_bytes=2500)
    array = labels.copy()
    for label in (2, 4, 9):
        change = delete(array, [label])
        change.apply(array)
        history.push(Step(change))
    assert history.dropped > 0 and len(history.done) == 3 - history.dropped
    assert [entry["labels"] for entry in history.log()] == [[2], [4], [9]]


def test_the_log_holds_what_the_labels_hold(labels):
    history = History()
    for change in (delete(labels, [2]), delete(labels, [4])):
        change.apply(labels)
        history.push(Step(change))
    history.undo(labels)
    entries = json.loads(json.dumps(history.log()))
    assert [entry["details"]["deleted"] for entry in entries] == [[2]]
    row = log_table(entries)[0]
    assert row["edit"] == "delete" and row["voxels"] == entries[0]["voxels"] and row["labels"] == "2"
    assert History(log=entries).log() == entries


def test_a_step_is_not_undone_over_somebody_elses_change(labels):
    history = History()
    change = delete(labels, [2])
    change.apply(labels)
    history.push(Step(change))
    labels[12, 50, 15] = 99
    with pytest.raises(InputError, match="changed by something else"):
        history.undo(labels)
    assert labels[12, 50, 15] == 99 and len(history.done) == 1


def test_what_cannot_be_done_is_said(labels, tmp_path):
    for edit in (delete, fill):
        with pytest.raises(InputError, match="There is no particle 77"):
            edit(labels, [77])
        with pytest.raises(InputError, match="Select the particles"):
            edit(labels, [])
    with pytest.raises(InputError, match="two or more"):
        merge(labels, [2])
    np.save(tmp_path / "labels.npy", labels)
    closed = np.load(tmp_path / "labels.npy", mmap_mode="r")
    with pytest.raises(InputError, match="reading only"):
        delete(closed, [2]).apply(closed)
    small = np.where(labels == 4, 255, 0).astype(np.uint8)
    with pytest.raises(InputError, match="no room for another particle"):
        split_in_parts(small, 255, 2, SPACING, 256)


def edited(array, kind, ids, **options):
    """Give the labels after an edit by its name, and the change."""
    change = drain(iter_edit(kind, array, ids, SPACING, EditParameters(smoothing_um=0.2), **options))
    return done(array, change), change


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("kind", ["merge", "delete", "fill", "smooth", "split"])
def test_only_one_slice_is_edited(labels, kind, axis):
    index = {0: 12, 1: 40, 2: 60}[axis]
    others = [slice(None)] * 3
    others[axis] = np.arange(labels.shape[axis]) != index
    section = tuple(index if other == axis else slice(None) for other in range(3))
    labels[12, 44:48, 50:66] = 9
    ids = [9]
    if kind == "merge":
        labels[12, 40, 56] = labels[11, 40, 60] = labels[12, 41, 60] = 4
        labels[12, 44, 60] = labels[12, 40, 50] = 2
        labels[section][3, 5] = 2
        labels[section][5, 5] = 9
        ids = [2, 9]
    given = {}
    if kind == "split":
        middle = [12.0, 40.0, 60.0]
        across = next(other for other in range(3) if other != axis)
        begin, end = middle.copy(), middle.copy()
        begin[across], end[across] = 0.0, 100.0
        given = {"new_id": 20, "line": (begin, end, axis)}
    after, change = edited(labels, kind, ids, plane=(axis, index), **given)
    assert np.array_equal(after[tuple(others)], labels[tuple(others)])
    assert not np.array_equal(after[section], labels[section])
    assert change.details["only_slice"] == f"{'zyx'[axis]} {index}"
    if kind == "fill":
        expected = ndimage.binary_fill_holes(labels[section] == 9)
        assert np.array_equal(after[section] == 9, expected & ((labels[section] == 9) | (labels[section] == 0)))
    if kind == "delete":
        assert not (after[section] == 9).any()
    if kind == "split":
        assert {9, 20} <= set(np.unique(after[section]))


def test_particles_beside_the_slice_are_told_of(labels):
    with pytest.raises(InputError, match="Particle 2 does not lie in this slice"):
        edited(labels, "delete", [2], plane=(0, 0))
    before = int(np.flatnonzero((labels == 2).any(axis=(1, 2)))[0]) - len(labels)  # a block need not reach the slice
    with pytest.raises(InputError, match="not lie in this slice"):
        drain(iter_edit("delete", labels, [2], SPACING, EditParameters(), start=(90, 0, 0), plane=(0, 90 + before)))
    with pytest.raises(InputError, match="only 2 lies in this slice"):
        edited(labels, "merge", [2, 9], plane=(1, 54))


def test_a_slanted_plane_parts_a_ball_in_halves(labels):
    # In µm the plane's normal is (1, 1, 0); the directions within it are given in voxels.
    line = ((12.0, 50.0, 10.0), (12.0, 50.0, 20.0), (0.1 / 0.2, -1.0, 0.0))
    after, change = edited(labels, "split", [2], line=line, new_id=10)
    z, y, _ = np.nonzero(labels == 2)
    above = (z - 12) * 0.2 + (y - 50) * 0.1 > 1e-9
    below = (z - 12) * 0.2 + (y - 50) * 0.1 < -1e-9
    found = after[labels == 2]
    assert len(set(found[above])) == 1 and len(set(found[below])) == 1 and set(found) == {2, 10}
    assert change.details["begin"] == [12.0, 50.0, 10.0]


def test_the_log_gives_places_in_all_labels(labels):
    block = labels[6:, 38:, 5:]
    line = ((12, 40, 15.5), (12, 60, 15.5), 0)
    change = drain(iter_edit("split", block, [2], SPACING, EditParameters(), start=(6, 38, 5), line=line, new_id=10))
    assert change.details["begin"] == [12.0, 40.0, 15.5] and change.details["end"] == [12.0, 60.0, 15.5]
    assert np.array_equal(done(labels, change), done(labels, split_along_line(labels, 2, *line, 10)))
    seeds = [(12, 50, 12), (12, 50, 18)]
    change = drain(iter_edit("split", block, [2], SPACING, EditParameters(), start=(6, 38, 5), seeds=seeds, new_id=10))
    assert change.details["seeds"] == [[12.0, 50.0, 12.0], [12.0, 50.0, 18.0]]


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_slices_that_were_left_out_are_filled(axis):
    shape = (24, 40, 40)
    whole = ball(shape, (12, 20, 20), 1.5)
    drawn = np.zeros(shape, np.int32)
    places = {0: (5, 8, 12, 16, 19), 1: (6, 12, 20, 28, 34), 2: (6, 12, 20, 28, 34)}[axis]
    keep = tuple(list(places) if other == axis else slice(None) for other in range(3))
    drawn[keep] = np.where(whole[keep], 3, 0)
    drawn[12, 20, 22] = 7 if axis == 2 else 3
    after = done(drawn, fill_between(drawn, [3], axis, SPACING)) == 3
    inner = tuple(slice(places[0], places[-1] + 1) if other == axis else slice(None) for other in range(3))
    both, either = (after & whole)[inner].sum(), (after | whole)[inner].sum()
    assert both / either > 0.9, both / either
    assert np.array_equal(after[keep], drawn[keep] == 3)
    with pytest.raises(InputError, match="No slice along"):
        fill_between(np.where(whole, 3, 0), [3], axis, SPACING)


def test_sections_that_do_not_overlap_are_joined():
    drawn = np.zeros((9, 40, 60), np.int32)
    drawn[0, 10:20, 5:15], drawn[8, 20:30, 45:55] = 4, 4
    after = done(drawn, fill_between(drawn, [4], 0, SPACING)) == 4
    assert after.any(axis=(1, 2)).all() and np.allclose(after.sum(axis=(1, 2)), 100, atol=12)
    assert np.allclose(np.argwhere(after[4]).mean(axis=0), (19.5, 29.5), atol=0.6)


@pytest.mark.parametrize("make", [np.array, zarr.array])
def test_boxes_stay_right_through_edits(labels, make):
    array, history = make(labels), History()
    known = label_boxes(array)
    rng = np.random.default_rng(8)
    for turn in range(40):
        now = np.array(array[:])
        ids = [int(label) for label in np.unique(now)[1:]]
        change = delete(array, [ids[0]]) if turn % 7 == 6 and len(ids) > 2 else _stroke(rng, array, int(now.max()) % 12)
        change.apply(array)
        history.push(Step(change))
        known.note(change)
        if turn % 3 == 2:
            known.note(history.undo(array).change)
        now = np.array(array[:])
        assert known.existing(array) == set(np.unique(now)) - {0}
        assert known.free_id(array) == now.max() + 1
        for label, box in known.boxes(array, known.existing(array)).items():
            there = np.argwhere(now == label)
            assert [(s.start, s.stop) for s in box] == list(zip(there.min(0), there.max(0) + 1, strict=True))
    assert known.box(array, 999) is None
    with pytest.raises(InputError, match="no particle 999"):
        known.boxes(array, [999])


def test_only_the_box_of_a_particle_is_read_once_it_is_known(labels):
    class Watched:
        shape, dtype, ndim = labels.shape, labels.dtype, 3
        read = 0

        def __getitem__(self, box):
            part = labels[box]
            self.read += part.size
            return part

    array = Watched()
    known = label_boxes(array)
    assert array.read == labels.size
    change = delete(labels, [2])
    change.apply(labels)
    known.note(change)
    assert known.existing(array) == {4, 9} and known.free_id(array) == 10
    assert array.read <= labels.size + np.prod([side.stop - side.start for side in change.box])


def test_the_log_lies_beside_what_was_edited(labels, tmp_path):
    assert write_log_beside(tmp_path / "a.tif", []) is None and not list(tmp_path.iterdir())
    history = History()
    change = delete(labels, [2])
    change.apply(labels)
    history.push(Step(change))
    assert write_log_beside(tmp_path / "a.tif", history.log()) == tmp_path / "a_edits.csv"
    assert list(pd.read_csv(tmp_path / "a_edits.csv")["edit"]) == ["delete"]
    assert write_log_beside(tmp_path / "a.tif", []) is None
    assert len(pd.read_csv(tmp_path / "a_edits.csv")) == 0, "the log of other labels does not stay"
    assert write_log(tmp_path / "b.txt", history.log()) == tmp_path / "b.txt.csv"
