"""What colours the particles, and its colour bar."""

import numpy as np
import pandas as pd
import pytest

from napari_cathode.session import Colouring, ParticleSet, Session
from napari_cathode.widgets.colour_by import ColourBy, tick


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


def test_numbers_are_on_offer_and_text_is_not(chooser):
    items = [chooser._value.itemText(i) for i in range(chooser._value.count())]
    assert items == ["Each its own colour", "Damage"]


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


def test_a_choice_made_elsewhere_is_shown(chooser, session):
    session.set_colouring(session.current, Colouring("damage", colormap="magma"))
    assert chooser._value.currentText() == "Damage"
    assert chooser._map.currentText() == "magma"
    chooser.grab()  # paints the bar


@pytest.mark.parametrize(
    ("value", "span", "text"),
    [(0.000216, 0.257, "0"), (0.129, 0.257, "0.129"), (63.4, 117, "63"), (1.25, 3, "1.25"), (2e7, 5e7, "2e+07")],
)
def test_ticks_have_no_more_digits_than_they_can_bear(value, span, text):
    assert tick(value, span) == text
