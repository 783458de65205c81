"""The population's numbers, and the dictionary's page."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_cathode.measure import FEATURES, measure, population_table, summarise
from napari_cathode.measure.features import FAMILIES, GROUPS
from napari_cathode.measure.page import as_markdown


def _table(diameters, damage, cut):
    volume = np.pi / 6 * np.asarray(diameters, float) ** 3
    cut = np.asarray(cut)
    return pd.DataFrame(
        {
            "equivalent_diameter_um": np.where(cut, np.nan, diameters),
            "volume_um3": np.where(cut, np.nan, volume),
            "solid_volume_um3": volume,
            "damage": np.where(cut, np.nan, damage),
            "touches_border": cut,
        }
    )


def test_figures_and_their_numbers():
    diameters = np.arange(1, 11.0)
    cut = np.zeros(10, bool)
    cut[0] = True
    labels = np.zeros((10, 20, 30), np.int32)
    summary = summarise(_table(diameters, np.linspace(0, 0.9, 10), cut), labels, (1.0, 1.0, 1.0))
    assert (summary.count, summary.count_border, summary.n_diameter, summary.n_damage, summary.n_solid) == (
        10,
        1,
        9,
        9,
        10,
    )
    assert summary.solid_fraction == pytest.approx(np.pi / 6 * (diameters**3).sum() / 6000)
    assert (summary.d10_um, summary.d50_um, summary.d90_um) == pytest.approx((2.8, 6, 9.2))
    # By volume: 2³ + … + 10³ = 3024; the running sum passes 302 at 6, 1512 at 9 and 2722 at 10.
    assert (summary.d10_volume_um, summary.d50_volume_um, summary.d90_volume_um) == (6, 9, 10)
    assert summary.damage_mean == pytest.approx(0.5)
    assert summary.damage_sd == pytest.approx(np.std(np.linspace(0.1, 0.9, 9), ddof=1))


def test_solid_fraction_is_within_the_field_of_view():
    labels = np.zeros((10, 20, 30), np.int32)
    seen = np.zeros((1, 20, 30), bool)
    seen[:, :, :15] = True
    table = _table([5.0], [0.1], [False])
    whole = summarise(table, labels, (1.0, 1.0, 1.0)).solid_fraction
    assert summarise(table, labels, (1.0, 1.0, 1.0), seen).solid_fraction == pytest.approx(2 * whole)


def test_each_feature_has_its_mean_and_its_number():
    cut = np.zeros(10, bool)
    cut[0] = True
    table = _table(np.arange(1, 11.0), np.linspace(0, 0.9, 10), cut).assign(yaw_deg=1.0, contact=np.nan, mine=3.0)
    summary = summarise(table, np.zeros((10, 20, 30), np.int32), (1.0, 1.0, 1.0))
    found = population_table(table, summary).set_index("quantity")
    assert found["value"]["d50_volume_um"] == 9 and found["particles"]["d50_volume_um"] == 9
    row = found.loc["damage"]
    assert (row["value"], row["sd"]) == pytest.approx((0.5, np.std(np.linspace(0.1, 0.9, 9), ddof=1)))
    assert (row["particles"], row["name"], found["unit"]["volume_um3"]) == (9, "Damage", "µm³")
    assert np.isnan(found["value"]["contact"]) and found["particles"]["contact"] == 0
    assert not {"yaw_deg", "mine", "touches_border"} & set(found.index)


def test_nothing_to_summarise():
    labels = np.zeros((6, 6, 6), np.int32)
    summary = summarise(measure(labels, None, (1.0, 1.0, 1.0)), labels, (1.0, 1.0, 1.0))
    assert summary.count == summary.n_damage == 0
    assert np.isnan(summary.d50_um) and np.isnan(summary.damage_mean) and summary.solid_fraction == 0
    assert [row[0] for row in summary.rows()][:2] == ["Particles", "Cut by the border"]


def test_every_feature_is_fully_described():
    for column, feature in FEATURES.items():
        assert feature.column == column
        assert feature.display and feature.formula and feature.meaning and feature.group in GROUPS, column
        suffixed = {"µm": "_um", "µm²": "_um2", "µm³": "_um3", "°": "_deg"}
        if feature.unit in suffixed:
            assert column.endswith(suffixed[feature.unit]), column
        assert feature.family in ("", *FAMILIES), column


def test_the_features_page_is_current():
    page = Path(__file__).resolve().parents[2] / "docs" / "features.md"
    if not page.parent.is_dir():
        pytest.skip("docs are not beside the tests")
    assert page.read_text(encoding="utf-8") == as_markdown(), "run: python -m napari_cathode.measure > docs/features.md"


def test_the_drawings_are_current():
    docs = Path(__file__).resolve().parents[2] / "docs"
    if not docs.is_dir():
        pytest.skip("docs are not beside the tests")
    draw = runpy.run_path(str(docs / "draw_features.py"))
    page = (docs / "features.md").read_text(encoding="utf-8")
    for name, drawing in draw["DRAWINGS"].items():
        assert (docs / "images" / name).read_text(encoding="utf-8") == drawing(), "run: python docs/draw_features.py"
        assert f"(images/{name})" in page
    assert len(draw["DRAWINGS"]) == len(GROUPS) - 1, "a drawing for each group but the further columns"
