"""What the SHAP panel asks for before it explains: target, predictors with the reasons why some are off, settings."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QHBoxLayout, QListWidget, QListWidgetItem, QPushButton, QVBoxLayout, QWidget

from napari_cathode.errors import InputError
from napari_cathode.explain import PRESETS, Choice, ExplainParameters, choose_predictors, why_left_out
from napari_cathode.explain.sample import usable_rows

from .colour_by import numeric_columns
from .forms import Form
from .names import axis_title, tooltip
from .parts import Fold, add_choice, choice_box, form_layout

_PRESET_NAMES = {"default": "Default", "li2022": "Li et al. 2022"}
_PRESET_TIPS = {
    "default": "All features that do not contain the target, and the better of two models.",
    "li2022": "Features and model of the study of NMC particles by Li et al. (Science, 2022).",
}
_CHOICES = {
    "model": {"auto": "the better of both", "forest": "random forest", "boosting": "gradient boosting"},
    "predictor_set": {"leak-free": "all that do not contain the target", "li2022": "those of Li et al. 2022"},
}


class ExplainSetup(QWidget):
    """Target, predictors and settings of an explanation."""

    def __init__(self) -> None:
        super().__init__()
        self._table: Any = None
        self._suggested: frozenset[str] = frozenset()
        self.target = choice_box()
        self.target.setPlaceholderText("choose a column")
        self._wanted = "damage"
        self.preset = choice_box()
        for key in PRESETS:
            add_choice(self.preset, _PRESET_NAMES[key], key, _PRESET_TIPS[key])
        self.preset.setToolTip("<p>Sets all settings at once; each can be changed below.</p>")
        self.predictors = QListWidget()
        self.predictors.setMinimumHeight(170)
        self.form = Form(ExplainParameters, skip=("target", "predictors"), choices=_CHOICES)
        self._lay_out()
        self.target.currentIndexChanged.connect(self._show_predictors)
        self.form.field("predictor_set").changed.connect(self._show_predictors)
        self.preset.activated.connect(self._on_preset)

    def _lay_out(self) -> None:
        form = form_layout()
        form.addRow("Explain", self.target)
        form.addRow("Settings", self.preset)
        columns = QWidget()
        inner = QVBoxLayout(columns)
        inner.setContentsMargins(0, 0, 0, 0)
        inner.addWidget(self.predictors)
        row = QHBoxLayout()
        self.suggested, self.none = QPushButton("Suggested"), QPushButton("None")
        for button, tip, slot in (
            (self.suggested, "Tick those that the settings choose.", self._show_predictors),
            (self.none, "Tick none.", lambda: self._tick(False)),
        ):
            button.setToolTip(tip)
            button.clicked.connect(slot)
            row.addWidget(button)
        row.addStretch(1)
        inner.addLayout(row)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(form)
        layout.addWidget(Fold("Predictors", columns))
        layout.addWidget(Fold("All settings", self.form))

    def show_table(self, table: Any) -> None:
        """Offer the columns of a table; what a person ticked or not stays while the target does."""
        self._table = table
        before = self.target.currentData() or "damage"
        by_hand = self._by_hand()
        self.target.blockSignals(True)
        self.target.clear()
        for name in [] if table is None else numeric_columns(table):
            add_choice(self.target, axis_title(name), name, tooltip(name))
        # None rather than another column, which nobody asked to have explained.
        self.target.setCurrentIndex(self.target.findData(before))
        self._wanted = before
        self.target.blockSignals(False)
        self._show_predictors()
        if self.target.currentData() == before:
            self._tick_again(by_hand)

    def ticked(self) -> tuple[str, ...]:
        """Give the predictors that are ticked."""
        return tuple(
            item.data(Qt.ItemDataRole.UserRole) for item in self._items() if item.checkState() == Qt.CheckState.Checked
        )

    def parameters(self) -> ExplainParameters:
        """Give what is set.

        Raises
        ------
        InputError
            When a value does not fit, no predictor is ticked, or the table has nothing that was to be explained.
        """
        if self.target.currentData() is None:
            raise InputError(
                f"The table has no numbers in a column {self._wanted}; choose under Explain what else to explain"
                + (", or measure with an image." if self._wanted == "damage" else ".")
            )
        return self.form.value(target=self.target.currentData(), predictors=self.ticked())

    def _on_preset(self, _index: int) -> None:
        self.form.set_value(PRESETS[self.preset.currentData()])
        self._show_predictors()

    def _tick(self, ticked: bool) -> None:
        for item in self._items():
            item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)

    def _items(self) -> list[Any]:
        """Give the columns that can be ticked."""
        items = [self.predictors.item(row) for row in range(self.predictors.count())]
        return [item for item in items if item.flags() & Qt.ItemFlag.ItemIsUserCheckable]

    def _by_hand(self) -> dict[str, bool]:
        """Give the columns that are ticked, or not, otherwise than the settings suggested."""
        ticked = self.ticked()
        names = (item.data(Qt.ItemDataRole.UserRole) for item in self._items())
        return {name: name in ticked for name in names if (name in ticked) != (name in self._suggested)}

    def _tick_again(self, by_hand: dict[str, bool]) -> None:
        for item in self._items():
            name = item.data(Qt.ItemDataRole.UserRole)
            if name in by_hand:
                item.setCheckState(Qt.CheckState.Checked if by_hand[name] else Qt.CheckState.Unchecked)

    def _choice(self, table: Any, target: str) -> Choice | None:
        """Give what the settings choose for the particles that will be used, as the command line does."""
        with suppress(InputError):  # what cannot be explained still has columns to choose from
            table, _ = usable_rows(table, target)
        try:
            return choose_predictors(table, self.form.value(target=target, predictors=None))
        except InputError:
            return None

    def _show_predictors(self, _index: Any = 0) -> None:
        """List the columns, those ticked that the settings choose, and why the others are not."""
        self.predictors.clear()
        self._suggested = frozenset()
        table, target = self._table, self.target.currentData()
        if table is None or target is None:
            return
        choice = self._choice(table, target)
        self._suggested = frozenset(choice.predictors if choice is not None else ())
        numbers = set(numeric_columns(table))
        for name in map(str, table.columns):
            if name in (target, "label"):
                continue
            ticked = name in self._suggested
            reason = "" if ticked else (choice.left_out.get(name) if choice else "") or why_left_out(name, target)
            if name not in numbers:
                reason = reason or "it holds text, not numbers"
            item = QListWidgetItem(axis_title(name) + (f" — {reason}" if reason else ""), self.predictors)
            item.setData(Qt.ItemDataRole.UserRole, name)
            if name in numbers:
                item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
                item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
            else:
                item.setFlags(Qt.ItemFlag.NoItemFlags)  # greyed out, without a box to tick
            item.setToolTip(tooltip(name) + (f"<p>Not chosen: {reason}.</p>" if reason else ""))
