"""View agreement: a slow, plain computation as the oracle, and cases with known answers."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from tests.fuse.test_fuse import ISOTROPIC, balls, lose, seen

from napari_cathode.errors import InputError
from napari_cathode.explain import ExplainParameters
from napari_cathode.explain.predictors import why_left_out
from napari_cathode.explain.sample import take_sample
from napari_cathode.fuse import FuseParameters, agreement, fuse, with_agreement
from napari_cathode.identify import VIEW_AXIS
from napari_cathode.measure import FEATURES
from napari_cathode.simulate.faults import FAULTS, faulty_views
from napari_cathode.simulate.packed import packed_particles


def plainly(labels, view, axis):
    """Compare particle by particle and slice by slice, as the definition says."""
    iou, volume = {}, {}
    for particle in np.unique(labels[labels > 0]):
        common = together = seen_volume = 0
        for own, sections in zip(np.moveaxis(labels == particle, axis, 0), np.moveaxis(view, axis, 0), strict=True):
            shares = np.bincount(sections[own], minlength=1)
            shares[0] = 0
            other = sections == shares.argmax() if shares.any() else np.zeros_like(own)
            common += (own & other).sum()
            together += (own | other).sum()
            seen_volume += other.sum()
        iou[particle], volume[particle] = common / together, seen_volume
    return pd.Series(iou), pd.Series(volume)


@pytest.fixture(scope="module")
def two():
    return balls((40, 40, 56), [(20, 14, 16), (20, 26, 34)], 11.5)


def test_it_is_what_the_definition_says():
    truth = packed_particles((40, 48, 44), 3, diameter=18.0)
    truth = np.where(truth > 0, 3 * truth + 2, 0).astype(np.int32)  # numbers with gaps
    views = faulty_views(truth, ISOTROPIC, FAULTS["hard"], 1)
    found = agreement(truth, views)
    np.testing.assert_array_equal(found["label"], np.unique(truth)[1:])
    volumes, fits = [], []
    for name, axis in VIEW_AXIS.items():
        iou, volume = plainly(truth, views[name].labels, axis)
        np.testing.assert_allclose(found[f"view_iou_{name}"], iou)
        fits.append(iou.to_numpy() >= 0.5)
        volumes.append(np.where(fits[-1], volume, np.nan))
    np.testing.assert_array_equal(found["view_count"], np.sum(fits, 0))
    np.testing.assert_allclose(found["view_agreement"], found.filter(like="view_iou").mean(axis=1))
    many = np.sum(fits, 0) > 1
    known = np.array(volumes)[:, many]
    spread = (np.nanmax(known, 0) - np.nanmin(known, 0)) / np.bincount(truth.ravel())[found["label"][many]]
    np.testing.assert_allclose(found["view_volume_spread"][many], spread)
    assert found["view_volume_spread"][~many].isna().all()


def test_a_view_that_lost_a_particle_and_one_that_took_two_for_one(two):
    views = lose(seen(two), "xz", two == 2)
    merged = np.where(two > 0, 1, 0).astype(np.int32)
    views["yz"] = replace(views["yz"], labels=merged)
    found = agreement(two, views).set_index("label")
    assert found.loc[1, "view_iou_xy"] == found.loc[2, "view_iou_xy"] == found.loc[1, "view_iou_xz"] == 1
    assert found.loc[2, "view_iou_xz"] == 0
    assert found.loc[2, "view_iou_yz"] < 0.95
    assert found.loc[2, "view_agreement"] < found.loc[1, "view_agreement"]
    assert found.loc[2, "view_count"] < found.loc[1, "view_count"] == 3


def test_fusing_tells_how_far_the_views_agree(two):
    result = fuse(lose(seen(two), "xz", two == 2), FuseParameters(), ISOTROPIC)
    found = result.agreement
    assert found["label"].tolist() == [1, 2]
    lost = result.labels[20, 26, 34]
    assert found.set_index("label").loc[lost, "view_iou_xz"] < 0.05
    assert found.sort_values("view_agreement")["label"].iloc[0] == lost


def test_a_missing_or_empty_view_does_not_count(two):
    views = lose(seen(two), "yz", np.s_[:])
    found = agreement(two, views)
    assert "view_iou_yz" not in found and (found["view_agreement"] == 1).all()
    nothing = agreement(two, {})
    assert nothing["label"].tolist() == [1, 2] and nothing["view_agreement"].isna().all()
    assert len(agreement(np.zeros_like(two), seen(two))) == 0


def test_another_grid_is_refused(two):
    with pytest.raises(InputError, match="only particles on the grid"):
        agreement(two[:-1], seen(two))


def test_columns_are_known_and_joined_by_label(two):
    found = agreement(two, seen(two))
    table = pd.DataFrame({"label": [2, 5], "damage": [0.1, 0.2]})
    table.attrs["notes"] = ["kept"]
    joined = with_agreement(table, found)
    assert joined["view_agreement"].tolist()[0] == 1 and np.isnan(joined["view_agreement"][1])
    assert joined.attrs["notes"] == ["kept"] and "view_agreement" not in table
    assert set(found.columns) - {"label"} <= set(FEATURES)
    assert all(why_left_out(name, "damage") for name in (*found.columns, "review_done", "review_excluded"))


def test_excluded_particles_are_not_explained():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"label": np.arange(1, 201), "damage": rng.random(200), "volume_um3": rng.random(200)})
    table["touches_border"] = table["label"] <= 10
    table["review_excluded"] = table["label"].isin([5, 50, 60])
    sample = take_sample(table, ExplainParameters())
    assert not {5, 50, 60} & set(sample.labels) and len(sample.labels) == 188
    assert sample.dropped["excluded in review"] == 2 and sample.dropped["cut by the border"] == 10
