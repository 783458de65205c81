"""What colours the particles, and the colour bar that says which value each colour means."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from qtpy.QtCore import QRectF, QSize, Qt
from qtpy.QtGui import QColor, QLinearGradient, QPainter, QPaintEvent, QResizeEvent
from qtpy.QtWidgets import QBoxLayout, QCheckBox, QHBoxLayout, QLabel, QSizePolicy, QWidget

from napari_cathode.plugin.colours import CHOICES, MISSING, ColourScale, scale_for
from napari_cathode.session import Colouring, ParticleSet, Session

from .names import axis_title, display_name, tooltip
from .parts import Connections, choice_box

_PLAIN = "Each its own colour"
_NO_SHAP = "choose what to show"
_WIDE_PX = 520
_RESULTS = {
    "prediction": "Predicted {target}",
    "residual": "{target}: measured − predicted",
    "cluster": "Group by cause",
}
_STOPS = 33


class ColourBar(QWidget):
    """A colour map with the values at its ends and in its middle."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._scale: ColourScale | None = None
        self._missing = False

    @property
    def limits(self) -> tuple[float, float] | None:
        """Values at the ends, None while nothing is shown."""
        return None if self._scale is None else self._scale.limits

    def show_scale(self, scale: ColourScale | None, missing: bool = False) -> None:
        """Show a scale; ``missing`` adds the colour of particles without a value."""
        self._scale, self._missing = scale, missing
        self.setVisible(scale is not None)
        self.update()

    def sizeHint(self) -> QSize:
        """Ask for a bar and a line of text."""
        return QSize(200, 18 + self.fontMetrics().height())

    def minimumSizeHint(self) -> QSize:
        """Ask for room for the three numbers."""
        return QSize(120, self.sizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """Draw it."""
        if self._scale is None:
            return
        painter = QPainter(self)
        text = self.palette().windowText().color()
        height = self.fontMetrics().height()
        if self._scale.classes:
            self._paint_classes(painter, text, height)
            painter.end()
            return
        aside = 22 + self.fontMetrics().horizontalAdvance("no value") if self._missing else 0
        bar = QRectF(1, 1, self.width() - 2 - aside, 12)
        gradient = QLinearGradient(bar.topLeft(), bar.topRight())
        for share, colour in zip(
            np.linspace(0, 1, _STOPS), self._scale.colormap.map(np.linspace(0, 1, _STOPS)), strict=True
        ):
            gradient.setColorAt(float(share), QColor.fromRgbF(*(float(part) for part in colour[:3])))
        painter.fillRect(bar, gradient)
        low, high = self._scale.limits
        painter.setPen(text)
        place = QRectF(1, 15, bar.width(), height)
        for value, side in (
            (low, Qt.AlignmentFlag.AlignLeft),
            ((low + high) / 2, Qt.AlignmentFlag.AlignHCenter),
            (high, Qt.AlignmentFlag.AlignRight),
        ):
            painter.drawText(place, int(side | Qt.AlignmentFlag.AlignVCenter), tick(value, high - low))
        if self._missing:
            painter.fillRect(QRectF(bar.right() + 10, 1, 12, 12), QColor.fromRgbF(*MISSING))
            words = QRectF(bar.right() + 10, 15, aside, height)
            painter.drawText(words, int(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter), "no value")
        painter.end()

    def _paint_classes(self, painter: QPainter, text: QColor, height: int) -> None:
        """Draw a box with its number for each group."""
        scale, width = self._scale, self.width() / len(self._scale.classes)
        for place, (number, colour) in enumerate(zip(scale.classes, scale.map(np.array(scale.classes)), strict=True)):
            box = QRectF(place * width + 1, 1, width - 4, 12)
            painter.fillRect(box, QColor.fromRgbF(*(float(part) for part in colour[:3])))
            painter.setPen(text)
            painter.drawText(
                QRectF(box.left(), 15, box.width(), height), int(Qt.AlignmentFlag.AlignHCenter), f"{number}"
            )


def tick(value: float, span: float) -> str:
    """Write a value on an axis of some length: three digits of the length, no more."""
    if not 1e-4 <= span < 1e6:
        return f"{value:.3g}"
    text = f"{value:.{max(0, 2 - math.floor(math.log10(span)))}f}"
    return "0" if float(text) == 0 else text


class ColourBy(QWidget):
    """Chooses the value that colours the particles of the session's current set.

    Parameters
    ----------
    session : Session
        The state that is shown and changed.
    shap_only : bool
        Whether only SHAP values are on offer.
    """

    def __init__(self, session: Session, shap_only: bool = False) -> None:
        super().__init__()
        self._session = session
        self._shap_only = shap_only
        self._value = choice_box()
        self._map = choice_box()
        self._map.setMinimumContentsLength(4)
        self._map.setToolTip("Colour map. All are safe for colour-blind people.")
        self._map.addItem("auto", "")
        for name in CHOICES:
            self._map.addItem(name, name)
        self._bar = ColourBar()
        self._hide = QCheckBox("hide")
        self._hide.setToolTip("Hide particles without a value, such as those that the border cuts.")
        self._lay_out()
        self._value.activated.connect(self._on_chosen)
        self._map.activated.connect(self._on_chosen)
        self._hide.clicked.connect(self._on_chosen)
        self._connections = Connections(self)
        self._connections.connect(session.current_changed, self._on_current)
        self._connections.connect(session.changed, self._on_changed)
        self._refresh()

    @property
    def bar(self) -> ColourBar:
        """The colour bar."""
        return self._bar

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addWidget(QLabel("Colour by"))
        row.addWidget(self._value, 5)
        row.addWidget(self._map, 2)
        self._map.setVisible(not self._shap_only)  # the diverging map suits them, and the panel is narrow
        self._layout = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(6)
        self._layout.addLayout(row, 2)
        below = QHBoxLayout()
        below.addWidget(self._bar, 1)
        below.addWidget(self._hide)
        self._layout.addLayout(below, 3)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the colour bar beside the lists where there is room."""
        super().resizeEvent(event)
        wide = event.size().width() >= _WIDE_PX
        self._layout.setDirection(QBoxLayout.Direction.LeftToRight if wide else QBoxLayout.Direction.TopToBottom)

    def choose(self, colouring: Colouring | None) -> None:
        """Colour the current particles by a value."""
        if self._session.current is not None:
            self._session.set_colouring(self._session.current, colouring)

    def _colouring(self, column: str, shap: bool, result: bool) -> Colouring:
        colormap, hide = self._map.currentData(), self._hide.isChecked()
        return Colouring(column, shap, colormap, hide_missing=hide, result=result)

    def _on_chosen(self, _index: Any) -> None:
        chosen = self._value.currentData()
        if chosen is None and self._shap_only:
            return
        self.choose(None if chosen is None else self._colouring(*chosen))

    def _on_current(self, _particles: ParticleSet | None) -> None:
        self._refresh()

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        if particles is self._session.current and what != "labels":
            self._refresh()

    def _refresh(self) -> None:
        particles = self._session.current
        colouring = None if particles is None else particles.colouring
        self._value.clear()
        self._value.addItem(_NO_SHAP if self._shap_only else _PLAIN, None)
        for column, shap, result in self._on_offer(particles):
            name = self._result_name(column) if result else display_name(column)
            self._value.addItem(f"SHAP of {name}" if shap else name, (column, shap, result))
            self._value.setItemData(self._value.count() - 1, tooltip(column), Qt.ItemDataRole.ToolTipRole)
        chosen = None if colouring is None else (colouring.column, colouring.shap, colouring.result)
        places = [place for place in range(self._value.count()) if self._value.itemData(place) == chosen]
        self._value.setCurrentIndex(places[0] if places else 0)
        self._value.setEnabled(self._value.count() > 1)
        self._map.setEnabled(colouring is not None)
        self._map.setCurrentIndex(max(0, self._map.findData("" if colouring is None else colouring.colormap)))
        self._show_bar(particles, colouring if places and chosen is not None else None)

    def _show_bar(self, particles: ParticleSet | None, colouring: Colouring | None) -> None:
        if particles is None or colouring is None:
            self._bar.show_scale(None)
            self._hide.hide()
            return
        values = particles.values(colouring)[1]
        missing = _has_missing(particles, values)
        self._bar.show_scale(scale_for(values, colouring), missing)
        self._hide.setVisible(missing)
        self._hide.setChecked(colouring.hide_missing)
        title = self._result_name(colouring.column) if colouring.result else axis_title(colouring.column)
        self._bar.setToolTip(title)

    def _on_offer(self, particles: ParticleSet | None) -> list[tuple[str, bool, bool]]:
        if particles is None:
            return []
        found: list[tuple[str, bool, bool]] = []
        if particles.columns is not None and not self._shap_only:
            found += [(name, False, False) for name in numeric_columns(particles.columns)]
        if particles.explanation is not None:
            by_share = [str(name) for name in particles.explanation.importance["feature"]]
            shap = [(name, True, False) for name in by_share]
            results = [(name, False, True) for name in _RESULTS]
            found += results + shap if self._shap_only else shap + results
        return found

    def _result_name(self, column: str) -> str:
        target = display_name(self._session.current.explanation.target)
        return _RESULTS[column].format(target=target)


def _has_missing(particles: ParticleSet, values: np.ndarray[Any, Any]) -> bool:
    """Whether particles are there without a value: NaN, or measured but not explained."""
    known = len(values) if particles.columns is None else len(particles.columns)
    return bool(np.isnan(values).any()) or len(values) < known


def numeric_columns(table: Any) -> list[str]:
    """List the columns of numbers but the label."""
    kept = [str(name) for name in table.columns if pd.api.types.is_numeric_dtype(table[name])]
    return [name for name in kept if name != "label"]
