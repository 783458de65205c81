"""The study's method: scikit-learn as the oracle of k-means, and where the method works."""

import numpy as np
import pytest
from sklearn.cluster import KMeans
from tests.fuse.test_fuse import ISOTROPIC, balls, overlaps, seen

from napari_cathode.fuse import FuseParameters, fuse
from napari_cathode.fuse.clustering import kmeans_1d


def spread(values, weights, borders):
    """Give the sum of squared distances to the centroids of the clusters."""
    cluster = np.searchsorted(borders, values)
    total = 0.0
    for k in np.unique(cluster):
        own = cluster == k
        total += (weights[own] * (values[own] - np.average(values[own], weights=weights[own])) ** 2).sum()
    return total


@pytest.mark.parametrize("k", [2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_clusters_are_at_least_as_good_as_those_of_scikit_learn(k, seed):
    rng = np.random.default_rng(seed)
    values = np.sort(rng.random(60) ** 2)
    weights = rng.integers(1, 50, 60).astype(float)
    oracle = KMeans(k, n_init=20, random_state=seed).fit(values[:, None], sample_weight=weights)
    borders = kmeans_1d(values, weights, k)
    assert (np.diff(borders) > 0).all() and len(borders) == k - 1
    assert spread(values, weights, borders) <= oracle.inertia_ * (1 + 1e-9)


def test_fewer_values_than_clusters():
    np.testing.assert_allclose(kmeans_1d([0.0, 1.0, 5.0], [3, 0, 1], 5), [2.5])


@pytest.mark.parametrize("of", ["probability", "distance"])
@pytest.mark.parametrize("spacing", [ISOTROPIC, (2.0, 1.0, 1.0)], ids=["isotropic", "z 2"])
def test_particles_that_lie_apart_are_found(of, spacing):
    truth = balls((round(40 / spacing[0]), 40, 72), [(20, 20, 18), (20, 20, 52)], 12.0, spacing)
    result = fuse(seen(truth, spacing=spacing), FuseParameters(method="clusters", cluster_map=of), spacing)
    assert result.labels.max() == 2
    # The lowest cluster takes the rim along: the particles come out too small, as in the study.
    assert (overlaps(truth, result.labels) > 0.5).all()
    assert not result.labels[truth == 0].any()


def test_the_background_is_the_lowest_cluster_however_small_it_is():
    truth = balls((24, 24, 24), [(12, 12, 12)], 40.0)
    truth[:, :, 12] = 0
    assert fuse(seen(truth), FuseParameters(method="clusters"), ISOTROPIC).labels.max() == 2


def test_a_working_scale_keeps_the_grid():
    truth = balls((33, 41, 75), [(16, 20, 18), (16, 20, 54)], 12.0)
    half = fuse(seen(truth), FuseParameters(method="clusters", working_scale=0.5), ISOTROPIC)
    assert half.labels.shape == truth.shape and half.labels.max() == 2
    whole = fuse(seen(truth), FuseParameters(method="clusters"), ISOTROPIC)
    assert overlaps(whole.labels, half.labels).min() > 0.7


def test_nothing_to_tell_apart_is_no_particle():
    views = seen(balls((16, 16, 16), [(8, 8, 8)], 5))
    for view in views.values():
        view.probability[:] = 0.5
    assert not fuse(views, FuseParameters(method="clusters"), ISOTROPIC).labels.any()
