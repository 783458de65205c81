"""What colours the particles, and the colour bar that says which value each colour means."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QBoxLayout, QComboBox, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QWidget

from napari_cathode.plugin.colours import CHOICES, DIVERGING, scale_for
from napari_cathode.session import Colouring, ParticleSet, Session, category_names

from .colour_bar import ColourBar
from .names import axis_title, display_name, tooltip
from .no_value import NoValue
from .parts import Connections, add_choice, choice_box

_PLAIN = "Each its own colour"
_NO_SHAP = "choose what to show"
_PLAIN_TIP = "Each particle has a colour of its own, which only tells it from others."
_NO_SHAP_TIP = "Choose below what colours the particles in the picture."
_RESULT_TIPS = {
    "prediction": "What models that never saw the particle predict for its {target}.",
    "residual": "How much higher the {target} was measured than it is predicted from the features.",
    "cluster": "Particles whose {target} has the same causes have one colour.",
}
_WIDE_PX = 520
_VALUE_PX, _MAP_PX = 300, 80
_RESULTS = {
    "prediction": "Predicted {target}",
    "residual": "{target}: measured − predicted",
    "cluster": "Group by cause",
}


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
        self._shown: Colouring | None = None
        self._offered: list[tuple[str, Any]] | None = None
        self._value = choice_box()
        self._value.setMaximumWidth(_VALUE_PX)
        if not shap_only:  # there the panel would widen
            self._value.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToContents)
        self._map = choice_box()
        self._map.setMinimumContentsLength(4)
        self._map.setMinimumWidth(_MAP_PX)
        self._map.setMaximumWidth(_MAP_PX)
        self._map.setToolTip("Colour map. All are safe for colour-blind people.")
        add_choice(self._map, "auto", "", "One that suits the values: two-sided where they have a zero in the middle.")
        for name in CHOICES:
            kind = (
                "For values about a zero: blue below, red above." if name == DIVERGING else "From low to high values."
            )
            add_choice(self._map, name, name, kind)
        self._bar = ColourBar()
        self._plain = QPushButton("Plain")
        self._plain.setToolTip("<p>Shows each particle in a colour of its own again.</p>")
        self._none = NoValue()
        self._hide = self._none.hide_box
        self._lay_out()
        self._value.activated.connect(self._on_chosen)
        self._map.activated.connect(self._on_chosen)
        self._hide.clicked.connect(self._on_chosen)
        self._plain.clicked.connect(lambda: self.choose(None))
        self._bar.limits_changed.connect(self._on_limits)
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
        row.setSpacing(6)
        row.addWidget(QLabel("In the picture" if self._shap_only else "Colour by"))
        row.addWidget(self._value, 5)
        row.addWidget(self._map)
        row.addWidget(self._plain)
        self._plain.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)
        row.addStretch(0)  # what the lists do not take on a wide screen
        self._map.setVisible(not self._shap_only)  # the diverging map suits them, and the panel is narrow
        self._layout = QBoxLayout(QBoxLayout.Direction.TopToBottom, self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(6)
        self._layout.addLayout(row)
        below = QHBoxLayout()
        below.addWidget(self._bar, 1)
        below.addWidget(self._none)
        self._layout.addLayout(below, 1)

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

    def _on_limits(self, limits: tuple[float, float] | None) -> None:
        """Take over limits that were dragged."""
        particles = self._session.current
        if particles is not None and particles.colouring is not None:
            self.choose(replace(particles.colouring, limits=limits))

    def _on_current(self, _particles: ParticleSet | None) -> None:
        self._refresh()

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        if particles is not self._session.current or what in ("labels", "history", "review", "filter"):
            return
        if what == "colouring" and self._shown == _without_limits(particles.colouring):
            self._show_bar(particles, particles.colouring)  # only its limits changed, perhaps many times a second
        elif what == "colouring":
            self._show_chosen(particles)
        else:
            self._refresh()

    def _refresh(self) -> None:
        self._offer(self._session.current)
        self._show_chosen(self._session.current)

    def _show_chosen(self, particles: ParticleSet | None) -> None:
        colouring = None if particles is None else particles.colouring
        chosen = None if colouring is None else (colouring.column, colouring.shap, colouring.result)
        places = [place for place, (_, data) in enumerate(self._offered or ()) if data == chosen]
        self._value.setCurrentIndex(places[0] if places else 0)
        self._value.setEnabled(self._value.count() > 1)
        self._map.setEnabled(colouring is not None)
        self._map.setCurrentIndex(max(0, self._map.findData("" if colouring is None else colouring.colormap)))
        self._show_bar(particles, colouring if places and chosen is not None else None)

    def _offer(self, particles: ParticleSet | None) -> None:
        """Fill the list, unless it says the same already: dozens of entries take longer than all else here."""
        offered: list[tuple[str, Any]] = [(_NO_SHAP if self._shap_only else _PLAIN, None)]
        for column, shap, result in self._on_offer(particles):
            name = self._result_name(column) if result else display_name(column)
            offered.append((f"SHAP of {name}" if shap else name, (column, shap, result)))
        if offered == self._offered:
            return
        self._offered = offered
        self._value.clear()
        for text, data in offered:
            add_choice(self._value, text, data, self._meaning(data))

    def _show_bar(self, particles: ParticleSet | None, colouring: Colouring | None) -> None:
        self._shown = _without_limits(colouring)
        self._plain.setVisible(particles is not None and particles.colouring is not None)
        if particles is None or colouring is None:
            self._bar.show_scale(None)
            self._none.hide()
            return
        labels, values = particles.values(colouring)
        title = self._result_name(colouring.column) if colouring.result else axis_title(colouring.column)
        title = f"SHAP of {title}" if colouring.shap else title
        self._bar.show_scale(scale_for(values, colouring, particles.names_of(colouring)), values, title)
        self._none.show_particles(particles, labels, values)
        self._hide.setChecked(colouring.hide_missing)

    def _on_offer(self, particles: ParticleSet | None) -> list[tuple[str, bool, bool]]:
        if particles is None:
            return []
        found: list[tuple[str, bool, bool]] = []
        if particles.columns is not None and not self._shap_only:
            found += [(name, False, False) for name in colour_columns(particles.columns)]
        if particles.explanation is not None:
            by_share = [str(name) for name in particles.explanation.importance["feature"]]
            shap = [(name, True, False) for name in by_share]
            results = [(name, False, True) for name in _RESULTS]
            found += results + shap if self._shap_only else shap + results
        return found

    def _meaning(self, offered: tuple[str, bool, bool] | None) -> str:
        """Say what an entry of the list shows."""
        if offered is None:
            return _NO_SHAP_TIP if self._shap_only else _PLAIN_TIP
        column, shap, result = offered
        if not (shap or result):
            return tooltip(column)
        target = display_name(self._session.current.explanation.target)
        if result:
            return _RESULT_TIPS[column].format(target=target)
        adds = f"<p>What this feature adds to the predicted {target} of each particle, or takes from it.</p>"
        return adds + tooltip(column)

    def _result_name(self, column: str) -> str:
        target = display_name(self._session.current.explanation.target)
        return _RESULTS[column].format(target=target)


def numeric_columns(table: Any) -> list[str]:
    """List the columns of numbers but the label."""
    kept = [str(name) for name, kind in table.dtypes.items() if pd.api.types.is_numeric_dtype(kind)]
    return [name for name in kept if name != "label"]


def colour_columns(table: Any) -> list[str]:
    """List the columns that particles can be coloured by: numbers and categories."""
    numbers = set(numeric_columns(table))
    return [name for name in map(str, table.columns) if name in numbers or _is_category(table, name)]


def _is_category(table: Any, name: str) -> bool:
    return name not in ("label", "review_note") and len(category_names(table[name])) > 0


def _without_limits(colouring: Colouring | None) -> Colouring | None:
    return None if colouring is None else replace(colouring, limits=None)
