"""The legend of the grey: how many particles have no value, why, and a box that hides them."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtGui import QColor, QIcon, QPixmap
from qtpy.QtWidgets import QCheckBox, QLabel, QVBoxLayout, QWidget

from napari_cathode.plugin.colours import MISSING
from napari_cathode.session import ParticleSet

_HIDE = "<p>Hide the grey particles, which have no value.</p>"
_BORDER = "touches_border"


class NoValue(QWidget):
    """A grey box to tick, "hide grey", and below it what the grey stands for."""

    def __init__(self) -> None:
        super().__init__()
        self.hide_box = QCheckBox("hide")
        swatch = QPixmap(12, 12)
        swatch.fill(QColor.fromRgbF(*MISSING))
        self.hide_box.setIcon(QIcon(swatch))
        self.legend = QLabel()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.hide_box)
        column.addWidget(self.legend)

    def show_particles(self, particles: ParticleSet, labels: Any, values: Any) -> None:
        """Say which particles have no value; takes no room where all have one."""
        counts = missing_counts(particles, labels, values)
        self.setVisible(counts is not None)
        if counts is None:
            return
        missing, cut = counts
        # Without "grey" in it, beside the box of that colour, nobody can cut it to a lie.
        self.legend.setText(f"{missing} at border" if cut == missing else f"{missing} no value")
        why = f"{missing} particles are grey: they have no value."
        if cut:
            why += f" The border of the image cuts {'all' if cut == missing else cut} of them."
        self.legend.setToolTip(f"<p>{why}</p>")
        self.hide_box.setToolTip(f"{_HIDE}<p>{why}</p>")


def missing_counts(particles: ParticleSet, labels: Any, values: Any) -> tuple[int, int] | None:
    """Count the particles without a value, and those among them that the border cuts; None where all have one.

    Parameters
    ----------
    particles : ParticleSet
        Its table knows all particles, those that are not explained too.
    labels : ndarray of int
        Particles that may have a value.
    values : ndarray of float
        Their values, NaN for none.
    """
    table, valued = particles.columns, np.asarray(labels)[~np.isnan(values)]
    if table is None:
        missing = int(np.isnan(values).sum())
        return (missing, 0) if missing else None
    without = ~np.isin(table["label"].to_numpy(), valued)
    if not without.any():
        return None
    cut = table[_BORDER].to_numpy(bool) if _BORDER in table.columns else np.zeros(len(table), bool)
    return int(without.sum()), int((without & cut).sum())
