"""The report: complete, self-contained, the same every time."""

import base64
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from tiny_result import SPACING, tiny_result

from napari_cathode.errors import InputError
from napari_cathode.report import iter_write_report, write_report
from napari_cathode.report.embed import png
from napari_cathode.report.pictures import damage_range, draw_section, middle_sections, nice_length
from napari_cathode.tomogram import Tomogram


class _Page(HTMLParser):
    """Collect what the page loads, and check that its tags close in order."""

    _VOID = ("meta", "img", "br", "link")

    def __init__(self, text):
        super().__init__()
        self.sources, self.open, self.tags, self.words = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.words.append("" if tag in ("b", "code", "small") else " ")
        self.sources += [value for name, value in attributes if name in ("src", "href", "srcset", "data", "poster")]
        if tag not in self._VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return re.sub(r"\s+", " ", "".join(self.words))


@pytest.fixture(scope="module")
def result():
    return tiny_result()


@pytest.fixture(scope="module")
def page(result, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert write_report(result, path, date="23 November 2026") == path
    return path.read_text(encoding="utf-8")


def test_the_page_is_whole_and_needs_nothing_else(page):
    parsed = _Page(page)
    assert parsed.open == []
    assert parsed.sources and all(source.startswith("data:image/") for source in parsed.sources)
    assert not {"script", "link", "iframe", "object"} & set(parsed.tags)
    assert "url(" not in page and "@import" not in page


def test_the_pictures_decode(page):
    kinds = []
    for source in _Page(page).sources:
        kind, data = source.removeprefix("data:image/").split(";base64,")
        raw = base64.b64decode(data, validate=True)
        kinds.append(kind)
        if kind == "png":
            assert raw.startswith(b"\x89PNG")
        else:
            assert ET.fromstring(raw).tag.endswith("svg")
    assert kinds == ["png"] * 3 + ["svg+xml"] * 5  # three views; two distributions and three figures of the explanation


def test_the_first_page_holds_the_numbers_people_quote(page, result):
    text = _Page(page).text
    summary = result.summary
    first = text[: text.index("Size and damage")]
    assert "Particles of tiny <electrode>" in first
    assert "tiny.tif" in first and "12 × 80 × 60 voxels (z × y × x)" in first and "0.2 × 0.1 × 0.1 µm" in first
    assert "2.4 × 8 × 6 µm" in first
    assert f"{summary.count} {summary.count_border} cut by the border" in first
    assert f"{100 * summary.solid_fraction:#.3g} %" in first
    for value in (summary.d10_um, summary.d50_um, summary.d90_um):
        assert f"{value:#.3g} µm n = {summary.n_diameter}" in first
    damage = f"{100 * summary.damage_mean:#.3g} ± {100 * summary.damage_sd:#.3g} % mean ± SD, n = {summary.n_damage}"
    assert damage in first


def test_the_explanation_comes_with_its_verdict(page, result):
    text = _Page(page).text
    scores = result.explanation.scores
    assert scores["verdict"]["text"] in text
    assert f"{scores['r2_mean']:.2f} ± {scores['r2_sd']:.2f}" in text
    assert f"{scores['r2_low']:.2f} to {scores['r2_high']:.2f}" in text
    assert ("tried as well" in text and "whole regions at a time" in text) or scores["blocked_folds"] is None
    assert f"not used: {result.explanation.dropped['cut by the border']} cut by the border" in text
    assert "Sphericity" in text and "more of it, less damage" in text
    assert "it contains damage by construction" in text


def test_parameters_versions_and_definitions_are_there(page):
    text = _Page(page).text
    assert "n_trees 10 Trees of a random forest" in text
    assert "model.name cathode2d" in text
    assert "equivalent_diameter_um Diameter µm" in text


def test_names_are_escaped(page):
    assert "<electrode>" not in page


def test_the_same_result_gives_the_same_bytes(result, page, tmp_path):
    again = write_report(result, tmp_path / "again.html", date="23 November 2026").read_text(encoding="utf-8")
    assert again == page
    undated = write_report(result, tmp_path / "undated.html").read_text(encoding="utf-8")
    assert undated == page.replace("    <span>23 November 2026</span>\n", "")


def test_what_is_not_explained_says_why(tmp_path):
    result = tiny_result(dimensions=2, explained=False)
    text = _Page(write_report(result, tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "Only 3 of 5 particles can be used; at least 30 are needed." in text
    assert "96 × 96 pixels (y × x)" in text and "disc of the same area" in text
    assert "held-out" not in text


def test_a_result_without_image_values_still_reports(tmp_path):
    result = tiny_result(dimensions=2, explained=False)
    result.table["damage"] = np.nan
    result.table["equivalent_diameter_um"] = np.nan
    from napari_cathode.measure import summarise

    result.summary = summarise(result.table, result.labels, SPACING)
    text = _Page(write_report(result, tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "Damage: no particle has a value." in text and not re.search(r"\bnan\b", text)


def test_no_particle_at_all(tmp_path):
    result = tiny_result(dimensions=2, explained=False)
    result.labels = np.zeros_like(result.labels)
    result.table = result.table.head(0)
    from napari_cathode.measure import summarise

    result.summary = summarise(result.table, result.labels, SPACING)
    text = _Page(write_report(result, tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "Particles 0" in text


def test_progress_comes_with_every_figure(result, tmp_path):
    seen = list(iter_write_report(result, tmp_path / "report.html"))
    assert [progress.done for progress in seen] == list(range(9))
    assert {progress.total for progress in seen} == {8}


def test_a_place_that_cannot_be_written(result, tmp_path):
    with pytest.raises(InputError, match="cannot be written"):
        write_report(result, tmp_path / "missing" / "report.html")


def test_sections_are_the_middle_of_each_axis():
    data = np.arange(4 * 5 * 6).reshape(4, 5, 6)
    field = np.zeros((1, 5, 6), bool)
    field[:, 1:4] = True
    sections = {
        section.view: section for section in middle_sections(Tomogram(data, (3.0, 2.0, 1.0), field_of_view=field), data)
    }
    np.testing.assert_array_equal(sections["xy"].grey, data[2])
    np.testing.assert_array_equal(sections["xz"].grey, data[:, 2])
    np.testing.assert_array_equal(sections["yz"].labels, data[:, :, 3])
    assert [sections[view].pixel_um for view in ("xy", "xz", "yz")] == [(2.0, 1.0), (3.0, 1.0), (3.0, 2.0)]
    assert sections["xz"].position_um == 4.0
    np.testing.assert_array_equal(sections["yz"].seen, np.broadcast_to([False, True, True, True, False], (4, 5)))


def test_big_slices_are_thinned_with_their_scale():
    data = np.zeros((1, 3000, 20), np.uint8)
    (section,) = middle_sections(Tomogram(data, (1.0, 0.1, 0.1)), data)
    assert section.grey.shape == (1000, 7)
    assert section.pixel_um == pytest.approx((0.3, 0.3))


def test_colours_follow_damage():
    from matplotlib import colormaps

    labels = np.zeros((1, 30, 30), np.int32)
    labels[0, 2:12, 2:12], labels[0, 2:12, 16:26], labels[0, 16:26, 2:12] = 1, 2, 3
    table = pd.DataFrame({"label": [1, 2, 3], "damage": [0.0, 0.4, np.nan]})
    (section,) = middle_sections(Tomogram(labels * 50, (1.0, 1.0, 1.0)), labels)
    picture = draw_section(section, table).axes[1].images[0].get_array()
    high = damage_range(table)[1]
    assert high == pytest.approx(0.392)
    np.testing.assert_allclose(picture[6, 6], colormaps["viridis"](0.0)[:3], atol=1e-6)
    np.testing.assert_allclose(picture[6, 20], colormaps["viridis"](1.0)[:3], atol=1e-6)
    assert np.ptp(picture[20, 6]) < 0.06, "no damage value: grey"
    assert picture[28, 28].max() < 0.15, "background: dark"


@pytest.mark.parametrize(("columns", "beside"), [(90, True), (600, False)])
def test_wide_slices_stand_above_their_colours(columns, beside):
    labels = np.zeros((1, 60, columns), np.int32)
    (section,) = middle_sections(Tomogram(labels, (1.0, 1.0, 1.0)), labels)
    grey, colours = draw_section(section, pd.DataFrame({"label": [], "damage": []})).axes[:2]
    same_row = grey.get_subplotspec().rowspan == colours.get_subplotspec().rowspan
    assert same_row == beside


@pytest.mark.parametrize("shape", [(1, 3, 100), (1, 2, 900), (1, 1200, 4), (1, 5, 5)])
def test_slices_of_any_shape_can_be_drawn(shape):
    labels = np.zeros(shape, np.int32)
    (section,) = middle_sections(Tomogram(labels, (1.0, 1.0, 1.0)), labels)
    figure = draw_section(section, pd.DataFrame({"label": [], "damage": []}))
    png(figure, dpi=60)  # warnings are errors here: a layout that collapses gives one
    width, height = figure.get_size_inches()
    assert 1.5 < height < width


def test_the_scale_bar_hides_no_flat_slice():
    labels = np.zeros((1, 3, 100), np.int32)
    (section,) = middle_sections(Tomogram(labels, (1.0, 1.0, 1.0)), labels)
    axes = draw_section(section, pd.DataFrame({"label": [], "damage": []})).axes[0]
    assert axes.patches and all(patch.get_y() >= 3 for patch in axes.patches)


def test_notes_of_the_measurement_are_in_the_report(tmp_path):
    result = tiny_result(dimensions=2, explained=False)
    result.table.attrs["notes"] = ["2 of 5 particles do not stand out."]
    text = _Page(write_report(result, tmp_path / "report.html").read_text(encoding="utf-8")).text
    assert "2 of 5 particles do not stand out." in text


@pytest.mark.parametrize(("most", "length"), [(1.0, 1.0), (4.9, 2.0), (19.0, 10.0), (0.07, 0.05), (600, 500)])
def test_scale_bars_have_round_lengths(most, length):
    assert nice_length(most) == pytest.approx(length)


def test_parameters_are_listed_once():
    from napari_cathode.report.content import provenance

    result = tiny_result(explained=False)
    used = {
        "input": {"path": "a.tif", "dataset": None},
        "explain": {"n_trees": 10},
        "seed": 0,
        "versions": {"numpy": "2"},
    }
    rows = provenance(used, result.parameters)
    assert rows == [("input.path", "a.tif"), ("input.dataset", "–"), ("versions.numpy", "2")]
