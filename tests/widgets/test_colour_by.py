"""What colours the particles, and its colour bar."""

import numpy as np
import pandas as pd
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest

from napari_cathode.errors import InputError
from napari_cathode.plugin.colours import scale_for
from napari_cathode.plugin.link import link_of
from napari_cathode.session import Colouring, ParticleSet, Session
from napari_cathode.widgets.colour_bar import tick
from napari_cathode.widgets.colour_by import ColourBy
from napari_cathode.widgets.docks import FEATURES, open_dock
from tests.plugin.conftest import SPACING, needs_canvas, settle


@pytest.fixture
def session():
    made = Session()
    table = pd.DataFrame({"label": [1, 2, 3], "damage": [0.0, 0.5, np.nan], "name": ["a", "b", "c"]})
    made.add(ParticleSet(np.zeros((1, 2, 2), np.int32), "p", table=table))
    return made


@pytest.fixture
def chooser(session, qtbot):
    made = ColourBy(session)
    qtbot.addWidget(made)
    made.show()
    return made


def test_numbers_and_categories_are_on_offer_and_running_text_is_not(chooser, session):
    items = [chooser._value.itemText(i) for i in range(chooser._value.count())]
    assert items == ["Each its own colour", "Damage", "Name"]
    table = session.current.table.assign(review_note=["a", "", ""], cut=[True, False, True])
    session.set_table(session.current, table)
    items = [chooser._value.itemText(i) for i in range(chooser._value.count())]
    assert {"Name", "Cut"} <= set(items)
    assert "review_note" not in [(chooser._value.itemData(i) or [""])[0] for i in range(chooser._value.count())]


def test_categories_get_a_colour_and_a_name_each(chooser, session):
    particles = session.current
    session.set_table(particles, particles.table.assign(name=["sound", "", "cracked"], cut=[True, False, True]))
    session.set_colouring(particles, Colouring("name"))
    values = particles.values(particles.colouring)[1]
    assert particles.names_of(particles.colouring) == ("cracked", "sound")
    np.testing.assert_array_equal(values, [1, np.nan, 0])
    scale = scale_for(values, particles.colouring, particles.names_of(particles.colouring))
    assert len({tuple(colour) for colour in scale.map(values)}) == 3
    assert chooser._none.isVisible() and chooser._none.legend.text() == "1 no value", (
        "a particle without a name is grey"
    )
    chooser.grab()
    session.set_colouring(particles, Colouring("cut"))
    np.testing.assert_array_equal(particles.values(particles.colouring)[1], [1, 0, 1])
    chooser.grab()
    many = pd.DataFrame({"label": np.arange(1, 31), "name": [f"n{i}" for i in range(30)]})
    session.set_table(particles, many)
    with pytest.raises(InputError, match="more than 12 names"):
        session.set_colouring(particles, Colouring("name"))


def test_the_list_takes_the_room_that_there_is(chooser, session):
    particles = session.current
    session.set_table(particles, particles.table.assign(SHAP_of_PDensity=1.0, touches_border=[False, False, True]))
    session.set_colouring(particles, Colouring("damage"))
    assert chooser._none.isVisible(), "the legend takes its part"
    chooser._value.setCurrentIndex(chooser._value.count() - 2)
    name = chooser._value.currentText()
    assert len(name) == len("SHAP of PDensity")
    chooser.resize(600, 60)  # beside a panel at 1366 px
    QTest.qWait(1)
    assert chooser._value.shown_text() == name
    assert chooser.bar.width() >= chooser.bar.minimumSizeHint().width()
    chooser.resize(1200, 60)
    QTest.qWait(1)
    assert chooser.bar.width() > chooser._value.width(), "what the list does not need is the bar's"


def test_one_click_goes_back_to_plain_labels(chooser, session):
    assert not chooser._plain.isVisible()
    session.set_colouring(session.current, Colouring("damage"))
    assert chooser._plain.isVisible()
    QTest.mouseClick(chooser._plain, Qt.MouseButton.LeftButton)
    assert session.current.colouring is None


def _drag(bar, start, stop):
    y = 26
    where = [QPoint(round(bar._x(value)), y) for value in (start, stop)]
    QTest.mousePress(bar, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, where[0])
    for share in (0.5, 1.0):
        QTest.mouseMove(bar, where[0] + (where[1] - where[0]) * share)
    QTest.mouseRelease(bar, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, where[1])


def test_the_limits_are_dragged_on_the_bar(chooser, session):
    particles = session.current
    values = np.linspace(0, 1, 101)
    table = pd.DataFrame({"label": np.arange(1, 102), "damage": values, "change": values - 0.3})
    session.set_table(particles, table)
    session.set_colouring(particles, Colouring("damage"))
    chooser.resize(500, 120)
    bar = chooser.bar
    assert bar.limits == pytest.approx((0.02, 0.98))
    assert bar._counts.sum() == 101
    _drag(bar, 0.98, 0.5)
    assert particles.colouring.limits == pytest.approx((0.02, 0.5), abs=0.01)
    assert "percentiles 2 and 50" in bar.toolTip()
    _drag(bar, 0.02, 0.9)
    low, high = particles.colouring.limits
    assert low < high, "the ends do not pass each other"
    centre = QPoint(round(bar._x(0.5)), 26)
    QTest.mouseDClick(bar, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, centre)
    assert particles.colouring == Colouring("damage")
    session.set_colouring(particles, Colouring("change"))
    _drag(bar, bar.limits[1], 0.4)
    low, high = particles.colouring.limits
    assert low == -high and high == pytest.approx(0.4, abs=0.02), "zero stays in the middle"
    chooser.grab()


def test_choosing_colours_and_shows_the_limits(chooser, session):
    chooser._value.setCurrentIndex(1)
    chooser._value.activated.emit(1)
    assert session.current.colouring == Colouring("damage")
    assert chooser.bar.isVisible()
    assert chooser.bar.limits == pytest.approx((0.01, 0.49))
    assert chooser._hide.isVisible(), "one particle has no value"
    chooser._hide.click()
    assert session.current.colouring.hide_missing
    chooser._value.setCurrentIndex(0)
    chooser._value.activated.emit(0)
    assert session.current.colouring is None
    assert not chooser.bar.isVisible()


def test_the_grey_is_told_with_its_reason(chooser, session):
    particles = session.current
    table = particles.table.assign(touches_border=[False, True, True])
    session.set_table(particles, table)
    session.set_colouring(particles, Colouring("damage"))
    assert chooser._none.legend.text() == "1 at border"
    session.set_table(particles, table.assign(damage=[0.1, np.nan, np.nan], touches_border=[False, False, True]))
    assert chooser._none.legend.text() == "2 no value"
    assert "border of the image cuts 1 of them" in chooser._none.legend.toolTip()
    session.set_table(particles, table.assign(damage=[0.1, 0.2, 0.3]))
    assert not chooser._none.isVisible(), "nothing is grey"


def test_a_choice_made_elsewhere_is_shown(chooser, session):
    session.set_colouring(session.current, Colouring("damage", colormap="magma"))
    assert chooser._value.currentText() == "Damage"
    assert chooser._map.currentText() == "magma"
    chooser.grab()  # paints the bar


@pytest.mark.parametrize(
    ("value", "span", "text"),
    [
        (0.000216, 0.257, "0"),
        (0.129, 0.257, "0.129"),
        (63.4, 117, "63"),
        (1.25, 3, "1.25"),
        (2e7, 5e7, "2e+07"),
        (-1.25, 3, "\N{MINUS SIGN}1.25"),
        (-2e7, 5e7, "\N{MINUS SIGN}2e+07"),
        (-0.0001, 3, "0"),
    ],
)
def test_ticks_have_no_more_digits_than_they_can_bear(value, span, text):
    assert tick(value, span) == text


@needs_canvas
def test_the_colour_map_is_read_while_it_waits(viewer, labels, table):
    """napari's style draws a greyed list with less room in it."""
    particles = ParticleSet(labels, "found", SPACING)
    link_of(viewer).show(particles)
    link_of(viewer).set_table(particles, table)
    box = open_dock(viewer, FEATURES, "bottom").colour_by._map
    settle()
    assert not box.isEnabled() and box.shown_text() == "auto"
    link_of(viewer).session.set_colouring(particles, Colouring("volume_um3"))
    assert box.isEnabled() and box.shown_text() == "auto"
