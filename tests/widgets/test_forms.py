"""Forms that are made from parameter dataclasses."""

from dataclasses import dataclass

import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest

from napari_cathode.errors import InputError
from napari_cathode.explain import ExplainParameters
from napari_cathode.fuse import FuseParameters
from napari_cathode.identify import IdentifyParameters
from napari_cathode.identify.own_parameters import OwnTrainingParameters
from napari_cathode.measure import MeasureParameters
from napari_cathode.parameters import check, parameter
from napari_cathode.widgets.forms import Form


@dataclass(frozen=True)
class Example:
    count: int = parameter(3, help="How many.", bounds=(1, 9))
    width_um: float = parameter(0.05, help="How wide.", unit="µm", bounds=(0.0, None))
    height_um: float | None = parameter(None, help="How high.", unit="µm", bounds=(0.0, None))
    kind: str = parameter("a", help="Which.", choices=("a", "b"))
    on: bool = parameter(True, help="Whether.")
    names: tuple[str, ...] | None = parameter(None, help="Who.", advanced=True)

    def __post_init__(self):
        check(self)
        if self.kind == "b" and self.count == 9:
            raise InputError("Nine is too many for b.")


@pytest.mark.parametrize("cls", [Example, IdentifyParameters, FuseParameters, MeasureParameters, ExplainParameters])
def test_defaults_come_out_as_they_went_in(qtbot, cls):
    form = Form(cls)
    qtbot.addWidget(form)
    assert form.value() == cls()


def test_values_are_shown_and_read(qtbot):
    form = Form(Example)
    qtbot.addWidget(form)
    wanted = Example(count=5, width_um=1.25, height_um=2.5, kind="b", on=False, names=("x", "y"))
    form.set_value(wanted)
    assert form.value() == wanted


def test_lengths_below_a_nanometre_are_kept(qtbot):
    form = Form(Example)
    qtbot.addWidget(form)
    form.field("width_um").editor.setValue(0.000325)
    assert form.value().width_um == 0.000325


def test_lengths_that_nobody_typed_are_shown_with_four_digits_and_kept_whole(qtbot):
    form = Form(Example)
    qtbot.addWidget(form)
    form.show()
    field = form.field("height_um")
    field.set_value(1.656677)
    assert field.editor.text() == "1.657 µm" and form.value().height_um == 1.656677
    field.set_value(0.0325)
    assert field.editor.text() == "0.0325 µm" and form.value().height_um == 0.0325
    field.set_value(1234.5678)
    assert field.editor.text() == "1235 µm" and form.value().height_um == 1234.5678
    field.editor.setFocus()
    field.editor.selectAll()
    QTest.keyClicks(field.editor, "0.987654")
    QTest.keyClick(field.editor, Qt.Key.Key_Return)
    assert form.value().height_um == 0.987654 and field.editor.text().startswith("0.987654")
    field.set_value(1.656677)
    assert field.editor.text() == "1.657 µm" and form.value().height_um == 1.656677


def test_numbers_as_small_as_the_least_are_kept(qtbot):
    form = Form(OwnTrainingParameters)
    qtbot.addWidget(form)
    rate = form.field("learning_rate")
    rate.set_value(3e-4)
    assert form.value().learning_rate == 3e-4
    assert rate.editor.text() == "0.0003"


def test_units_help_and_bounds_are_on_the_screen(qtbot):
    form = Form(Example)
    qtbot.addWidget(form)
    width = form.field("width_um").editor
    assert width.text() == "0.05 µm"
    assert "How wide." in width.parent().toolTip()
    assert form.field("count").editor.maximum() == 9


def test_auto_hides_the_number_and_stands_for_none(qtbot):
    form = Form(Example)
    qtbot.addWidget(form)
    field = form.field("height_um")
    assert field.editor.text() == ""
    assert not field.editor.isEnabled()
    field._auto.click()
    assert field.editor.text() == "1 µm"
    assert form.value().height_um == 1.0
    field._auto.click()
    assert form.value().height_um is None


def test_what_does_not_go_together_is_said(qtbot):
    form = Form(Example)
    qtbot.addWidget(form)
    form.field("kind").set_value("b")
    form.field("count").set_value(9)
    with pytest.raises(InputError, match="Nine"):
        form.value()


def test_skipped_fields_come_from_the_caller(qtbot):
    form = Form(Example, skip=("count",))
    qtbot.addWidget(form)
    assert form.value(count=7).count == 7
