"""Where the published definitions differ from ours, and where they do not."""

import numpy as np
import pytest
from scipy import ndimage

from napari_cathode.measure import FEATURES, MeasureParameters, measure

SPACING = (0.1, 0.1, 0.1)
STANDARD = MeasureParameters(closing_radius_um=0.3)
PUBLISHED = MeasureParameters(closing_radius_um=0.3, definitions="li2022")


@pytest.fixture(scope="module")
def cracked():
    """A ball of 16 voxels' radius with a concentric hollow and a slit to the surface."""
    offset = np.stack(np.indices((44,) * 3), -1) - 21.5
    distance = np.linalg.norm(offset, axis=-1)
    filled = distance < 16
    void = (distance < 5) | ((np.abs(offset[..., 0]) < 1.5) & (offset[..., 2] > 0) & filled)
    image = np.where(filled, 180.0, 95.0)
    image[void] = 80
    rng = np.random.default_rng(0)
    return filled, void, image + rng.normal(0, 3, image.shape)


@pytest.fixture(scope="module")
def both(cracked):
    filled, _, image = cracked
    labels = filled.astype(np.int32)
    return tuple(measure(labels, image, SPACING, parameters).iloc[0] for parameters in (STANDARD, PUBLISHED))


def test_what_differs_is_what_the_dictionary_says(both):
    standard, published = both
    for name in standard.index:
        same = standard[name] == published[name] or (np.isnan(standard[name]) and np.isnan(published[name]))
        # A compact ball is not changed by closing, so its size and damage are the same here.
        assert same or FEATURES[name].published, name
    for name in ("edensity", "homogeneity", "surface_outer_um2", "surface_inner_um2", "sphericity", "vs_ratio"):
        assert standard[name] != published[name], name


def test_grey_takes_cracks_in(cracked, both):
    filled, _, image = cracked
    standard, published = both
    assert published.edensity == pytest.approx(image[filled].mean(), rel=1e-5)
    assert published.homogeneity == pytest.approx(image[filled].std(), rel=1e-4)
    assert standard.edensity > 179 > 175 > published.edensity


def test_surfaces_are_counts_of_voxels(cracked, both):
    filled, _, _ = cracked
    standard, published = both
    count = (filled & ~ndimage.binary_erosion(filled)).sum()
    assert published.surface_outer_um2 == pytest.approx(0.01 * count, rel=1e-9)
    # A fifth too low for a ball, where Crofton's estimate is right.
    assert published.surface_outer_um2 == pytest.approx(4 * np.pi * 1.6**2 * 0.8, rel=0.02)
    assert standard.surface_outer_um2 == pytest.approx(4 * np.pi * 1.6**2, rel=0.01)
    # The inner surface is that of the solid inside and out, and sphericity comes from it: damage leaks into it.
    assert published.surface_inner_um2 > published.surface_outer_um2 > standard.surface_inner_um2
    size = published.volume_um3
    assert published.sphericity == pytest.approx(36 * np.pi * size**2 / published.surface_inner_um2**3, rel=1e-9)
    assert published.vs_ratio == pytest.approx(size ** (1 / 3) / published.surface_inner_um2**0.5, rel=1e-9)
    assert published.sphericity < 0.5 * 36 * np.pi * size**2 / published.surface_outer_um2**3
    assert standard.sphericity == pytest.approx(1, abs=0.02)


def test_closing_is_by_ten_voxels(draw_ellipsoid):
    # Two lumps of one particle, with a groove between them that a ball of ten voxels bridges.
    labels = np.zeros((60, 60, 90), np.int32)
    for x in (32, 57):
        labels[draw_ellipsoid(labels.shape, (30, 30, x), (17,) * 3)] = 1
    standard, published = (measure(labels, None, SPACING, parameters).iloc[0] for parameters in (STANDARD, PUBLISHED))
    closed = ndimage.binary_closing(np.pad(labels > 0, 12), np.linalg.norm(np.indices((21,) * 3) - 10.0, axis=0) <= 10)
    assert published.volume_um3 == pytest.approx(closed.sum() * 1e-3, rel=1e-3)
    assert published.volume_um3 > 1.01 * standard.volume_um3
    finer = measure(labels, None, (0.05,) * 3, PUBLISHED).iloc[0]
    assert finer.damage == pytest.approx(published.damage), "a number of voxels, whatever their size"


def test_roughness_falls_as_roughness_grows():
    distance = np.linalg.norm(np.indices((52,) * 3) - 25.5, axis=0)
    bumps = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=distance.shape), 1.5)
    bumps /= bumps.std()
    bodies = [(distance + height * bumps < 20).astype(np.int32) for height in (0.0, 1.5)]
    published, standard = (
        [measure(body, None, SPACING, parameters)["rough_outer"][0] for body in bodies]
        for parameters in (PUBLISHED, STANDARD)
    )
    assert published[1] < published[0] - 0.05 and standard[1] > standard[0] + 0.05


def test_in_a_slice():
    disc = (np.linalg.norm(np.indices((1, 50, 50))[1:] - 24.5, axis=0) < 20).astype(np.int32)
    row = measure(disc, None, SPACING, PUBLISHED).iloc[0]
    count = (disc[0] & ~ndimage.binary_erosion(disc[0])).sum()
    assert row.perimeter_um == row.perimeter_inner_um == pytest.approx(0.1 * count)
    assert row.circularity == pytest.approx(4 * np.pi * row.area_um2 / row.perimeter_um**2)
