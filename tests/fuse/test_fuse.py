"""Fusing: analytic cases, and scikit-image as the oracle of the basins."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import label as components
from skimage.morphology import local_maxima, reconstruction

from napari_cathode.errors import InputError
from napari_cathode.fuse import FuseParameters, Fuser, fuse, iter_fuse, prediction_from_labels, typical_diameter
from napari_cathode.fuse.basins import iter_basins
from napari_cathode.identify import VIEW_AXIS
from napari_cathode.progress import Progress, drain

ISOTROPIC = (1.0, 1.0, 1.0)


def balls(shape, centres, radius, spacing=ISOTROPIC):
    """Give labelled balls; a voxel of two balls belongs to the nearer centre."""
    grid = np.stack(np.meshgrid(*[np.arange(n) * s for n, s in zip(shape, spacing, strict=True)], indexing="ij"), -1)
    distance = np.stack([np.linalg.norm(grid - np.asarray(c), axis=-1) for c in centres])
    return np.where(distance.min(0) <= radius, distance.argmin(0) + 1, 0).astype(np.int32)


def seen(truth, names=("xy", "xz", "yz"), spacing=ISOTROPIC):
    """Give what views see, with labels that start anew in each slice."""
    views = {}
    for name in names:
        axis = VIEW_AXIS[name]
        labels = np.stack([np.unique(s, return_inverse=True)[1].reshape(s.shape) for s in np.moveaxis(truth, axis, 0)])
        labels *= np.moveaxis(truth, axis, 0) > 0
        views[name] = prediction_from_labels(name, np.moveaxis(labels, 0, axis), spacing)
    return views


def lose(views, name, where):
    """Let one view find nothing in a part of the volume."""
    view = views[name]
    labels, probability = view.labels.copy(), view.probability.copy()
    labels[where] = 0
    probability[where] = 0
    return {**views, name: replace(view, labels=labels, probability=probability)}


def overlaps(truth, labels):
    """Give, for each true particle, the best intersection over union with a found one."""
    best = []
    for particle in range(1, truth.max() + 1):
        mask = truth == particle
        found = np.bincount(labels[mask], minlength=labels.max() + 1)
        found[0] = 0
        other = labels == found.argmax()
        best.append((mask & other).sum() / (mask | other).sum() if found.any() else 0.0)
    return np.array(best)


@pytest.fixture(scope="module")
def two():
    return balls((40, 40, 56), [(20, 20, 16), (20, 20, 38)], 11.5)


def test_touching_balls_become_two_particles(two):
    result = fuse(seen(two), FuseParameters(), ISOTROPIC)
    assert result.labels.dtype == np.int32 and result.labels.max() == 2
    assert (overlaps(two, result.labels) > 0.93).all()
    assert result.views == ("xy", "xz", "yz")
    assert 0 <= result.probability.min() and result.probability.max() <= 1


@pytest.mark.parametrize("names", [("xy",), ("yz",), ("xy", "xz"), ("xz", "yz")])
def test_views_may_be_missing(two, names):
    result = fuse(seen(two, names), FuseParameters(), ISOTROPIC)
    assert result.labels.max() == 2
    assert (overlaps(two, result.labels) > 0.85).all()


def test_a_lost_slice_does_not_cut_a_particle(two):
    views = lose(seen(two), "xy", np.s_[20:22])
    result = fuse(views, FuseParameters(), ISOTROPIC)
    assert result.labels.max() == 2
    assert (overlaps(two, result.labels) > 0.9).all()


def test_a_particle_missing_in_one_view_is_kept(two):
    views = lose(seen(two), "xz", two == 2)
    result = fuse(views, FuseParameters(), ISOTROPIC)
    assert (overlaps(two, result.labels) > 0.8).all()


@pytest.mark.parametrize("method", ["hybrid", "watershed"])
def test_a_view_that_lost_a_particle_has_no_vote_on_it(two, method):
    own, asked = FuseParameters(method=method), FuseParameters(method=method, minimal_votes=2)
    views = lose(seen(two), "xz", two == 2)
    assert overlaps(two, fuse(views, own, ISOTROPIC).labels).min() > 0.97
    assert overlaps(two, fuse(views, asked, ISOTROPIC).labels)[1] < 0.9, "asked for votes, every view has one"
    # Slices that the others lost leave voxels that one view alone sees.
    views = lose(lose(views, "xy", np.s_[20:24]), "yz", np.s_[:, :, 36:40])
    own, asked = replace(own, gap_slices=0), replace(asked, gap_slices=0)
    assert overlaps(two, fuse(views, own, ISOTROPIC).labels).min() > 0.8
    assert overlaps(two, fuse(views, asked, ISOTROPIC).labels)[1] < 0.5


@pytest.mark.parametrize("method", ["hybrid", "watershed"])
@pytest.mark.parametrize("name", ["xy", "xz", "yz"])
def test_a_large_particle_that_one_view_alone_sees_is_found(two, name, method):
    views = seen(two)
    for other in set(views) - {name}:
        views = lose(views, other, two == 2)
    result = fuse(views, FuseParameters(method=method), ISOTROPIC)
    assert result.labels.max() == 2
    assert overlaps(two, result.labels).min() > 0.85
    assert result.agreement["view_count"].tolist() == [3, 1], "it is the first to be reviewed"


def test_a_small_thing_that_one_view_alone_sees_is_no_particle(two):
    small = balls(two.shape, [(8, 8, 8)], 4)
    views = seen(np.where(small > 0, 3, two))
    for name in ("xy", "xz"):
        views = lose(views, name, small > 0)
    assert fuse(views, FuseParameters(minimal_diameter_um=2.0), ISOTROPIC).labels.max() == 2


@pytest.mark.parametrize("name", ["xy", "yz"])
def test_a_flake_that_one_view_alone_sees_is_no_particle(name):
    """It has the voxels of a small particle, but lies in a few slices."""
    truth = balls((48, 56, 56), [(28, 30, 34)], 11.5)
    z, y, x = np.indices(truth.shape) - np.reshape([14, 14, 10] if name == "yz" else [10, 14, 14], (3, 1, 1, 1))
    along, across = (x, z) if name == "yz" else (z, x)
    flake = (np.abs(along) <= 2) & (across**2 + y**2 < 10**2)
    assert not (truth[flake] > 0).any() and flake.sum() > 1200
    views = seen(np.where(flake, 2, truth).astype(np.int32))
    for other in set(views) - {name}:
        views = lose(views, other, flake)
    assert fuse(views, FuseParameters(), ISOTROPIC).labels.max() == 1


@pytest.mark.parametrize("first, found", [(0, True), (30, True), (8, False)])
def test_a_thin_slice_that_one_view_alone_sees_is_a_particle_on_the_border(first, found):
    """The border leaves two slices of a ball: whole sections for the view along it, thin strips for the others."""
    truth = balls((32, 48, 48), [(16, 30, 30)], 11.5)
    disc = balls((1, 48, 48), [(0, 12, 12)], 7.0)[0]
    truth[first : first + 2][:, disc > 0] = 2
    views = seen(truth)
    for name in ("xz", "yz"):
        views = lose(views, name, truth == 2)
    labels = fuse(views, FuseParameters(), ISOTROPIC).labels
    assert labels.max() == 1 + found
    assert overlaps(truth, labels)[1] > 0.5 or not found


def test_minimal_votes_decides_whether_one_view_is_enough(two):
    views = lose(lose(seen(two), "xz", two == 2), "yz", two == 2)
    assert fuse(views, FuseParameters(minimal_votes=2), ISOTROPIC).labels.max() == 1
    assert fuse(views, FuseParameters(minimal_votes=1), ISOTROPIC).labels.max() == 2
    views = lose(seen(two), "xz", two == 2)
    assert fuse(views, FuseParameters(minimal_votes=3), ISOTROPIC).labels.max() == 1


def test_an_empty_view_has_no_vote(two):
    views = lose(seen(two), "yz", np.s_[:])
    result = fuse(views, FuseParameters(), ISOTROPIC)
    assert result.views == ("xy", "xz")
    np.testing.assert_array_equal(
        result.labels, fuse({n: views[n] for n in ("xy", "xz")}, FuseParameters(), ISOTROPIC).labels
    )


def test_nothing_found_gives_no_particles(two):
    views = seen(np.zeros_like(two))
    result = fuse(views, FuseParameters(), ISOTROPIC)
    assert result.labels.max() == 0 and result.labels.shape == two.shape and result.views == ()


def test_anisotropic_spacing_finds_the_same_particles():
    spacing = (2.0, 1.0, 1.0)
    truth = balls((20, 40, 56), [(20, 20, 16), (20, 20, 38)], 11.5, spacing)
    result = fuse(seen(truth, spacing=spacing), FuseParameters(), spacing)
    assert result.labels.max() == 2
    assert (overlaps(truth, result.labels) > 0.9).all()


def test_units_do_not_matter(two):
    """The same voxels at another voxel size give the same particles, with lengths scaled."""
    views = seen(two)
    one = fuse(views, FuseParameters(smoothing_um=1.5, minimal_diameter_um=4), ISOTROPIC)
    other = fuse(views, FuseParameters(smoothing_um=0.15, minimal_diameter_um=0.4), (0.1, 0.1, 0.1))
    np.testing.assert_array_equal(one.labels, other.labels)


def test_split_merge_slider_merges(two):
    views = seen(two)
    assert fuse(views, FuseParameters(split_merge=1.0), ISOTROPIC).labels.max() == 1
    assert fuse(views, FuseParameters(split_merge=0.0), ISOTROPIC).labels.max() == 2


def test_small_particles_are_dropped_by_volume():
    truth = balls((40, 40, 60), [(20, 20, 16)], 11.5)
    truth[balls(truth.shape, [(20, 20, 48)], 4.2) > 0] = 2
    views = seen(truth)
    assert fuse(views, FuseParameters(minimal_diameter_um=6), ISOTROPIC).labels.max() == 2
    assert fuse(views, FuseParameters(minimal_diameter_um=10), ISOTROPIC).labels.max() == 1
    used = fuse(views, FuseParameters(), ISOTROPIC).parameters
    assert used.smoothing_um == 2.0
    assert used.minimal_diameter_um == pytest.approx(23 / 3, rel=0.05)


def test_holes_are_filled(two):
    views = seen(two)
    core = (two == 1) & (ndimage.distance_transform_edt(two == 1) > 7)
    for name in views:
        views = lose(views, name, core)
    result = fuse(views, FuseParameters(split_merge=0.3), ISOTROPIC)
    assert (result.labels[core] > 0).all()


def test_the_input_is_left_alone(two):
    views = seen(two)
    before = {name: (view.labels.copy(), view.probability.copy()) for name, view in views.items()}
    fuse(views, FuseParameters(), ISOTROPIC)
    for name, (labels, probability) in before.items():
        np.testing.assert_array_equal(views[name].labels, labels)
        np.testing.assert_array_equal(views[name].probability, probability)


def test_progress_grows_and_work_can_be_stopped(two):
    steps = list(iter_fuse(seen(two), FuseParameters(), ISOTROPIC))
    fractions = [step.done / step.total for step in steps]
    assert all(isinstance(step, Progress) and step.what for step in steps)
    assert fractions == sorted(fractions) and fractions[-1] <= 1
    work = iter_fuse(seen(two), FuseParameters(), ISOTROPIC)
    next(work)
    work.close()


@pytest.mark.parametrize("h", [0.5, 2.5, 5.5])
@pytest.mark.parametrize("seed", [0, 1])
def test_basins_are_those_of_the_h_maxima(h, seed):
    """As many basins as h-maxima, each with exactly one of them, and all of the foreground divided."""
    rng = np.random.default_rng(seed)
    height = np.rint(60 * ndimage.gaussian_filter(rng.standard_normal((24, 25, 26)), 2) / 0.07).astype(np.float32)
    height -= height.min()
    foreground = ndimage.gaussian_filter(rng.standard_normal(height.shape), 2) > -0.03
    labels = drain(iter_basins(height, foreground, ISOTROPIC, h))
    inside = np.where(foreground, height + 100, 0.0).astype(np.float64)
    flattened = reconstruction(np.maximum(inside - h, 0), inside, footprint=np.ones((3, 3, 3)))
    peaks = components(local_maxima(flattened, connectivity=3) & foreground, connectivity=3)
    np.testing.assert_array_equal(labels > 0, foreground)
    pairs = np.unique(np.stack([peaks[peaks > 0], labels[peaks > 0]]), axis=1)
    assert peaks.max() == labels.max() == pairs.shape[1] > 3
    for basin in range(1, labels.max() + 1):
        assert components(labels == basin, connectivity=3).max() == 1


def test_a_large_hash_table_loses_no_saddle():
    """With thousands of single-voxel basins and no depth asked for, everything merges into one."""
    height = np.random.default_rng(0).random((30, 30, 30), dtype=np.float32)
    everywhere = np.ones(height.shape, dtype=bool)
    assert drain(iter_basins(height, everywhere, ISOTROPIC, 0.0)).max() > 700
    assert drain(iter_basins(height, everywhere, ISOTROPIC, 1.1)).max() == 1


def test_probability_from_labels_is_the_normalised_distance():
    plane = np.zeros((1, 9, 9), dtype=np.int32)
    plane[0, 2:7, 2:7] = 5
    depth = prediction_from_labels("xy", plane, ISOTROPIC).probability[0]
    np.testing.assert_allclose(depth[4, 2:7], [1 / 3, 2 / 3, 1, 2 / 3, 1 / 3], atol=1e-3)
    assert depth[0].max() == 0


def test_typical_diameter_is_not_moved_by_crumbs():
    assert typical_diameter([1000.0] * 3 + [1.0] * 500) == pytest.approx((6000 / np.pi) ** (1 / 3))
    assert typical_diameter([]) == 0


def bad_inputs():
    truth = balls((16, 16, 16), [(8, 8, 8)], 5)
    views = seen(truth)
    xy = views["xy"]
    cut = replace(xy, labels=xy.labels[:-1], probability=xy.probability[:-1])
    nan = replace(xy, probability=np.full(truth.shape, np.nan, np.float16))
    slice_only = {"xy": replace(xy, labels=xy.labels[:1], probability=xy.probability[:1])}
    return [
        ({}, ISOTROPIC, "no predictions"),
        (views, None, "voxel size is not known"),
        (views, (1, 0, 1), "voxel size"),
        (views, (1, 1), "voxel size"),
        ({**views, "xz": cut}, ISOTROPIC, "view xz have the shape"),
        ({**views, "xz": replace(xy, labels=xy.labels.astype(np.float32))}, ISOTROPIC, "float32"),
        ({**views, "xz": replace(xy, probability=xy.labels)}, ISOTROPIC, "int32"),
        ({"xy": replace(xy, labels=xy.labels[8])}, ISOTROPIC, "2 dimensions"),
        ({"xy": nan}, ISOTROPIC, "no numbers"),
        (slice_only, ISOTROPIC, "single slice"),
    ]


@pytest.mark.parametrize(
    ("views", "spacing", "says"), bad_inputs(), ids=lambda value: value if type(value) is str else ""
)
def test_bad_input_gets_one_sentence(views, spacing, says):
    with pytest.raises(InputError, match=says) as error:
        fuse(views, FuseParameters(), spacing)
    assert "\n" not in str(error.value)


def test_bad_labels_for_a_prediction():
    with pytest.raises(InputError, match="float32"):
        prediction_from_labels("xy", np.zeros((3, 3, 3), np.float32), ISOTROPIC)
    with pytest.raises(InputError, match="no view 'zz'"):
        prediction_from_labels("zz", np.zeros((3, 3, 3), np.int32), ISOTROPIC)


@pytest.mark.parametrize(
    "values", [{"method": "magic"}, {"split_merge": 2.0}, {"minimal_votes": 4}, {"smoothing_um": -1.0}]
)
def test_bad_parameters_are_refused(values):
    with pytest.raises(InputError, match=next(iter(values))):
        FuseParameters(**values)


@pytest.mark.parametrize(
    ("method", "smooths"), [("hybrid", True), ("watershed", True), ("linking", False), ("clusters", False)]
)
def test_outlines_are_smoothed_where_the_setting_says_so(two, method, smooths):
    views = lose(seen(two), "xy", (two == 1) & (np.arange(two.shape[0])[:, None, None] % 3 > 0))
    plain, smooth = (
        fuse(views, FuseParameters(method=method, outline_smoothing=share), ISOTROPIC).labels for share in (0.0, 0.15)
    )
    assert (plain != smooth).any() == smooths


@pytest.mark.parametrize("method", ["hybrid", "watershed", "linking", "clusters"])
def test_fusing_again_gives_what_fusing_anew_gives(two, method):
    views = seen(two)
    fuser = Fuser(views, ISOTROPIC)
    first = FuseParameters(method=method)
    changed = [
        replace(first, split_merge=0.9),
        replace(first, outline_smoothing=0.0),
        replace(first, minimal_diameter_um=2.0),
        replace(first, smoothing_um=1.0),
        replace(first, minimal_votes=1),
        replace(first, gap_slices=0),
        replace(first, cluster_count=3, link_by="overlap"),
        first,
    ]
    drain(fuser.iter_fuse(first))
    for parameters in changed:
        again, anew = drain(fuser.iter_fuse(parameters)), fuse(views, parameters, ISOTROPIC)
        np.testing.assert_array_equal(again.labels, anew.labels)
        np.testing.assert_array_equal(again.probability, anew.probability)
        assert again.parameters == anew.parameters


def test_another_split_merge_value_does_not_look_at_the_views_again(two):
    fuser = Fuser(seen(two), ISOTROPIC)
    before = drain(fuser.iter_fuse(FuseParameters()))
    kept = before.labels.copy()
    reports = [report.what for report in fuser.iter_fuse(FuseParameters(split_merge=1.0))]
    assert reports and not {"Looking at xy slices", "Following voxels to their centres"} & set(reports)
    np.testing.assert_array_equal(before.labels, kept, "what was given away is not changed")
