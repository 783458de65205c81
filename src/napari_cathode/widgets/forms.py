"""A form made from a parameter dataclass: labels, units, bounds, help and defaults come from its fields."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from napari_cathode.parameters import ParameterInfo, describe

from .parts import Fold, choice_box, form_layout

_DECIMALS = 3
_DIGITS = 4
_LENGTH_DECIMALS = 6  # a voxel of nano-tomography has 0.0325 µm


class Form(QWidget):
    """Fields for the parameters of a step.

    Parameters
    ----------
    parameters : type
        The parameter dataclass.
    skip : collection of str
        Parameters that something else asks for.
    choices : mapping of str to sequence or mapping
        Values on offer for parameters that the dataclass leaves free, or what is written for each value.
    """

    changed = Signal()

    def __init__(
        self,
        parameters: type,
        skip: Collection[str] = (),
        choices: Mapping[str, Collection[Any]] | None = None,
    ) -> None:
        super().__init__()
        self._cls = parameters
        self._fields: dict[str, _Field] = {}
        self._labels: dict[str, QLabel] = {}
        plain, advanced = form_layout(), form_layout()
        for info in describe(parameters):
            if info.name in skip:
                continue
            field = _field(info, (choices or {}).get(info.name, info.choices))
            self._add(advanced if info.advanced else plain, info, field)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(plain)
        if advanced.rowCount():
            folded = QWidget()
            folded.setLayout(advanced)
            layout.addWidget(Fold("More settings", folded))

    def _add(self, form: Any, info: ParameterInfo, field: _Field) -> None:
        label = QLabel(info.label)
        for widget in (label, field):
            widget.setToolTip(f"<p>{info.help}</p>")
        field.changed.connect(self.changed)
        self._fields[info.name] = field
        self._labels[info.name] = label
        form.addRow(label, field)

    @property
    def kind(self) -> type:
        """The parameter dataclass."""
        return self._cls

    def value(self, **others: Any) -> Any:
        """Make the parameters from what stands in the form and from the values of skipped fields.

        Raises
        ------
        InputError
            When a value does not fit.
        """
        for field in self._fields.values():
            field.take_typed()
        return self._cls(**{name: field.value() for name, field in self._fields.items()}, **others)

    def set_value(self, parameters: Any) -> None:
        """Show the values of some parameters."""
        for name, field in self._fields.items():
            field.set_value(getattr(parameters, name))

    def plain_values(self) -> dict[str, Any]:
        """Give what stands in the fields, as plain values that a file can hold."""
        values = {name: field.value() for name, field in self._fields.items()}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}

    def set_plain_values(self, values: Mapping[str, Any]) -> None:
        """Show such values; what does not fit any more is left as it is."""
        for name, value in values.items():
            if name in self._fields:
                with suppress(ValueError, TypeError):
                    self._fields[name].set_value(tuple(value) if isinstance(value, list) else value)

    def show_field(self, name: str, visible: bool) -> None:
        """Show or hide one field with its label."""
        self._fields[name].setVisible(visible)
        self._labels[name].setVisible(visible)

    def field(self, name: str) -> _Field:
        """Give the field of a parameter."""
        return self._fields[name]


class _Field(QWidget):
    """A field, with a box to tick when the program is to decide."""

    changed = Signal()

    def __init__(self, editor: QWidget, read: Callable[[], Any], write: Callable[[Any], None], info: ParameterInfo):
        super().__init__()
        self.editor = editor
        self._read = read
        self._write = write
        self._auto: QCheckBox | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(editor, 1)
        if info.optional:
            self._auto = QCheckBox("auto")
            self._auto.toggled.connect(self._on_auto)
            self._auto.toggled.connect(lambda _on: self.changed.emit())
            row.addWidget(self._auto)
        self.set_value(info.default)

    def _on_auto(self, auto: bool) -> None:
        self.editor.setDisabled(auto)
        if isinstance(self.editor, (_Whole, _Number)):
            self.editor.set_blank(auto)

    def take_typed(self) -> None:
        """Take over what is being typed: who presses a button need not leave the field first."""
        if isinstance(self.editor, (_Whole, _Number)) and self.editor.isEnabled():
            self.editor.interpretText()

    def value(self) -> Any:
        """Give what stands in the field, None for "auto"."""
        return None if self._auto is not None and self._auto.isChecked() else self._read()

    def set_value(self, value: Any) -> None:
        """Show a value."""
        if self._auto is not None:
            self._auto.setChecked(value is None)
        if value is not None:
            self._write(value)


def _field(info: ParameterInfo, choices: Collection[Any]) -> _Field:
    if choices:
        return _ticks_field(info, choices) if info.kind is tuple else _choice_field(info, choices)
    if info.kind is bool:
        check = QCheckBox()
        return _watched(_Field(check, check.isChecked, check.setChecked, info), check.toggled)
    if info.kind is int:
        whole = _Whole()
        low, high = info.bounds
        whole.setRange(
            int(low if low is not None else -(2**31)), int(min(high if high is not None else 2**31 - 1, 2**31 - 1))
        )
        whole.setValue(int(_start(info)))
        _dress(whole, info)
        return _watched(_Field(whole, whole.value, lambda value: whole.setValue(int(value)), info), whole.valueChanged)
    if info.kind is float:
        number = number_box(info.bounds, info.unit, _start(info))
        _dress(number, info)
        write = number.show_rounded if info.unit == "µm" else number.setValue
        return _watched(_Field(number, number.value, write, info), number.valueChanged)
    return _text_field(info)


def _choice_field(info: ParameterInfo, choices: Collection[Any]) -> _Field:
    box: QComboBox = choice_box()
    for value in choices:
        text = choices[value] if isinstance(choices, Mapping) else str(value).replace("_", " ")
        box.addItem(text, value)
        box.setItemData(box.count() - 1, f"<p>{info.help}</p>", Qt.ItemDataRole.ToolTipRole)

    def write(value: Any) -> None:
        index = box.findData(value)
        if index >= 0:
            box.setCurrentIndex(index)

    return _watched(_Field(box, box.currentData, write, info), box.currentIndexChanged)


def _ticks_field(info: ParameterInfo, choices: Collection[Any]) -> _Field:
    """Make a box to tick for each of several values."""
    column = QWidget()
    layout = QVBoxLayout(column)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(2)
    boxes = {}
    for value in choices:
        boxes[value] = QCheckBox(choices[value] if isinstance(choices, Mapping) else str(value))
        layout.addWidget(boxes[value])

    def write(values: Any) -> None:
        for value, box in boxes.items():
            box.setChecked(value in values)

    field = _Field(column, lambda: tuple(value for value, box in boxes.items() if box.isChecked()), write, info)
    for box in boxes.values():
        _watched(field, box.toggled)
    return field


def _text_field(info: ParameterInfo) -> _Field:
    line = QLineEdit()
    if info.kind is tuple:
        line.setPlaceholderText("names, parted by commas")

        def read() -> Any:
            return tuple(part.strip() for part in line.text().split(",") if part.strip())

        return _watched(
            _Field(line, read, lambda value: line.setText(", ".join(map(str, value))), info), line.textChanged
        )
    return _watched(_Field(line, lambda: line.text().strip(), line.setText, info), line.textChanged)


def _watched(field: _Field, signal: Any) -> _Field:
    signal.connect(lambda *_: field.changed.emit())
    return field


def _dress(box: QAbstractSpinBox, info: ParameterInfo) -> None:
    box.setButtonSymbols(QAbstractSpinBox.ButtonSymbols.NoButtons if info.optional else box.buttonSymbols())
    box.setKeyboardTracking(False)
    if info.kind is int and info.unit:
        box.setSuffix(f" {info.unit}")


def number_box(bounds: tuple[float | None, float | None], unit: str = "", default: Any = None) -> _Number:
    """Make a field for a number whose steps suit its size.

    Parameters
    ----------
    bounds : tuple of (float or None, float or None)
        Smallest and largest value.
    unit : str
        Shown after the number.
    default : float, optional
        Gives the number of decimals, with the smallest value.
    """
    box = _Number()
    low, high = bounds
    box.setDecimals(max(_decimals(default), _decimals(low), _LENGTH_DECIMALS if unit == "µm" else 0))
    box.setRange(low if low is not None else -1e9, high if high is not None else 1e9)
    box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
    if unit:
        box.setSuffix(f" {unit}")
    if default is not None:
        box.setValue(default)
    return box


def _start(info: ParameterInfo) -> float:
    """Give the default, or for "decide for me" a value from which people can start."""
    if info.default is not None:
        return float(info.default)
    low, high = info.bounds
    if low is not None and high is not None:
        return (low + high) / 2
    return max(1.0, low or 0.0)


def _decimals(default: Any) -> int:
    return max(_DECIMALS, math.ceil(-math.log10(abs(default)))) if default else _DECIMALS


class _Blank:
    """Shows nothing while the program decides."""

    _blank = False

    def set_blank(self, blank: bool) -> None:
        """Hide or show the value."""
        self._blank = blank
        unit = self.suffix() or self.property("unit") or ""
        self.setProperty("unit", unit)
        self.setSuffix("" if blank else unit)
        self.setSpecialValueText(self.specialValueText())  # makes Qt write the text anew


class _Whole(_Blank, QSpinBox):
    """A whole number."""

    def textFromValue(self, value: int) -> str:
        """Write a value."""
        return "" if self._blank else str(value)


class _Number(_Blank, QDoubleSpinBox):
    """A number without the zeros at its end; of one that nobody typed four digits are shown."""

    def __init__(self) -> None:
        super().__init__()
        self._exact: float | None = None
        self.lineEdit().textEdited.connect(lambda _text: self.show_exactly())

    def show_rounded(self, value: float) -> None:
        """Take a value that was computed or read; it stays as it is, whatever is shown of it."""
        self._exact = value
        self.setValue(value)
        self.setSpecialValueText(self.specialValueText())  # makes Qt write the text anew

    def show_exactly(self) -> None:
        """Show what is typed as it is typed."""
        self._exact = None

    def valueFromText(self, text: str) -> float:
        """Read a value: what stands there is rounded unless it was typed."""
        known = self.value()
        return known if text == f"{self.textFromValue(known)}{self.suffix()}" else float(super().valueFromText(text))

    def textFromValue(self, value: float) -> str:
        """Write a value."""
        if self._blank:
            return ""
        decimals = self.decimals()
        if self._exact is not None and value and abs(value - self._exact) < 10.0**-decimals:
            decimals = int(np.clip(_DIGITS - 1 - math.floor(math.log10(abs(value))), 0, decimals))
        text = self.locale().toString(value, "f", decimals)
        point = self.locale().decimalPoint()
        return text.rstrip("0").rstrip(point) if point in text else text
