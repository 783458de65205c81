"""After an edit only what depends on it is measured again, with the values of a full run."""

import pickle

import numpy as np
import pytest

from napari_cathode.errors import InputError
from napari_cathode.measure import MeasureParameters, iter_measure, measure
from napari_cathode.progress import drain

SPACING = (0.1, 0.1, 0.1)
LABELS_ONLY = MeasureParameters(threshold="labels", closing_radius_um=0.2)


@pytest.fixture(scope="module")
def many():
    """Forty small bodies, some touching, some cut by the border, with grey values and a few dark voxels inside."""
    rng = np.random.default_rng(5)
    labels = np.zeros((72, 80, 88), np.int32)
    grid = np.indices(labels.shape)
    for label in range(3, 163, 4):
        centre = rng.uniform(0, labels.shape)
        inside = ((grid - centre[:, None, None, None]) ** 2).sum(0) < rng.uniform(4, 9) ** 2
        labels[inside & (labels == 0)] = label
    image = np.where(labels > 0, 180.0, 90.0) + rng.normal(0, 8, labels.shape)
    image[(rng.random(labels.shape) < 0.02) & (labels > 0)] = 80
    return labels, image.clip(0, 255).astype(np.uint8)


def edited(labels, kind, rng):
    """Do one random edit, of the given kind."""
    after = labels.copy()
    ids = np.unique(labels[labels > 0])
    label = rng.choice(ids)
    place = np.argwhere(labels == label)
    if kind == "merge":
        centres = {other: np.argwhere(labels == other).mean(0) for other in ids if other != label}
        nearest = min(centres, key=lambda other: ((centres[other] - place.mean(0)) ** 2).sum())
        after[labels == nearest] = label
    elif kind == "delete":
        after[labels == label] = 0
    elif kind == "split":
        axis = rng.integers(3)
        above = place[place[:, axis] > np.median(place[:, axis])]
        after[tuple(above.T)] = ids.max() + 1
    elif kind in ("paint", "new"):
        centre = place[rng.integers(len(place))] + rng.integers(-4, 5, 3)
        ball = ((np.indices(labels.shape) - centre[:, None, None, None]) ** 2).sum(0) < 16
        after[ball] = label if kind == "paint" else ids.max() + 1
    elif kind == "erase":
        low = place[rng.integers(len(place))]
        after[tuple(slice(max(at - 3, 0), at + 3) for at in low)] = 0
    return after


def region(before, after):
    """Give the box outside which nothing changed."""
    where = np.argwhere(before != after)
    return tuple((int(low), int(high) + 1) for low, high in zip(where.min(0), where.max(0), strict=True))


def touched(before, after):
    changed = before != after
    return set(np.unique(before[changed])) | set(np.unique(after[changed])) - {0}


@pytest.mark.parametrize("with_image", [False, True])
def test_random_edits_give_the_table_of_a_full_run(many, with_image):
    labels, image = many
    image = image if with_image else None
    rng = np.random.default_rng(11)
    table = measure(labels, image, SPACING)
    for kind in ("merge", "delete", "split", "paint", "new", "erase", "merge"):
        after = edited(labels, kind, rng)
        assert (after != labels).any()
        state = table.attrs["state"]
        table = measure(after, image, SPACING, previous=state, changed=[region(labels, after)])
        full = measure(after, image, SPACING, previous=state) if with_image else measure(after, None, SPACING)
        assert table.equals(full), kind
        assert table.attrs["notes"] == full.attrs["notes"]
        by_label = measure(after, image, SPACING, previous=state, only=touched(labels, after))
        assert by_label.equals(full), kind
        labels = after


def test_few_particles_are_measured_again(many):
    labels, image = many
    state = measure(labels, image, SPACING).attrs["state"]
    after = edited(labels, "erase", np.random.default_rng(0))
    steps = iter_measure(after, image, SPACING, previous=state, changed=[region(labels, after)])
    last = list(steps)[-1]
    assert 1 <= last.total < len(state.particles) / 2


@pytest.mark.parametrize("kind", ["split", "merge"])
def test_an_edit_reads_only_its_surroundings(many, kind):
    labels, image = many
    state = measure(labels, image, SPACING).attrs["state"]
    after = edited(labels, kind, np.random.default_rng(2))
    changed = [region(labels, after)]
    reach = state.region(after, changed)
    # As it goes to another process and back.
    handed_on = (state, state.excerpt(after, reach), state.excerpt(image, reach))
    state, part, grey = pickle.loads(pickle.dumps(handed_on))
    assert part.part.size < labels.size
    table = measure(part, grey, SPACING, previous=state, changed=changed)
    assert table.equals(measure(after, image, SPACING, previous=state))


def test_the_grey_levels_of_the_image_stay(many):
    """A fresh run learns them anew, which shifts all values a little."""
    labels, image = many
    state = measure(labels, image, SPACING).attrs["state"]
    after = edited(labels, "delete", np.random.default_rng(4))
    table = measure(after, image, SPACING, previous=state, changed=[region(labels, after)])
    fresh = measure(after, image, SPACING)
    assert table.attrs["state"].grey == state.grey
    np.testing.assert_allclose(table["damage"], fresh["damage"], atol=0.002)


def test_edits_within_a_field_of_view(many):
    labels, _ = many
    y, x = np.indices(labels.shape[1:])
    seen = ((y - 40) ** 2 + (x - 44) ** 2 < 38**2)[None]
    for field_of_view in (seen, np.broadcast_to(seen, labels.shape).copy()):
        state = measure(labels, None, SPACING, LABELS_ONLY, field_of_view).attrs["state"]
        for kind in ("split", "new"):
            after = edited(labels, kind, np.random.default_rng(8))
            table = measure(after, None, SPACING, None, field_of_view, previous=state, changed=[region(labels, after)])
            assert table.equals(measure(after, None, SPACING, LABELS_ONLY, field_of_view))


def test_edits_of_a_slice(many):
    labels, image = many
    labels, image = labels[36:37], image[36:37]
    table = measure(labels, image, SPACING)
    rng = np.random.default_rng(3)
    for kind in ("merge", "split", "delete"):
        after = edited(labels, kind, rng) if kind != "split" else np.where(labels == labels.max(), 900, labels)
        state = table.attrs["state"]
        table = measure(after, image, SPACING, previous=state, changed=[region(labels, after)])
        assert table.equals(measure(after, image, SPACING, previous=state))
        labels = after


def test_all_particles_may_go_and_come(many):
    labels, image = many
    state = measure(labels, image, SPACING).attrs["state"]
    whole = [tuple((0, size) for size in labels.shape)]
    none = measure(np.zeros_like(labels), image, SPACING, previous=state, changed=whole)
    assert len(none) == 0
    again = measure(labels, image, SPACING, previous=none.attrs["state"], changed=whole)
    assert again.equals(measure(labels, image, SPACING))


def test_what_does_not_continue_is_refused(many):
    labels, image = many
    state = measure(labels, image, SPACING, executor=None).attrs["state"]
    with pytest.raises(InputError, match="parameters of these labels"):
        measure(labels, image, SPACING, LABELS_ONLY, previous=state, changed=[])
    with pytest.raises(InputError, match="voxel size"):
        measure(labels, image, (0.2, 0.1, 0.1), previous=state, changed=[])
    with pytest.raises(InputError, match="image"):
        measure(labels, None, SPACING, previous=state, changed=[])
    with pytest.raises(InputError, match="region"):
        measure(labels, image, SPACING, previous=state, changed=[((0, 5), (0, 5), (0, 500))])
    with pytest.raises(ValueError, match="state"):
        drain(iter_measure(labels, image, SPACING, only=[3]))
