"""The settings of the Fuse panel: those that the chosen method has, and a slider from splitting to merging."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSlider

from napari_cathode.fuse import FuseParameters

from .forms import Form

_METHODS = {
    "hybrid": "hybrid flow",
    "watershed": "watershed (fast)",
    "linking": "linked slices",
    "clusters": "k-means clusters (Li et al.)",
}
_ONLY_FOR = {
    "split_merge": ("hybrid", "watershed"),
    "outline_smoothing": ("hybrid", "watershed"),
    "gap_slices": ("hybrid", "watershed", "linking"),
    "minimal_votes": ("hybrid", "watershed", "linking"),
    "smoothing_um": ("hybrid", "watershed", "linking"),
    "link_by": ("linking",),
    "cluster_map": ("clusters",),
    "cluster_count": ("clusters",),
}
_STEPS = 100


class FuseForm(Form):
    """Fields for the parameters of fusing."""

    def __init__(self) -> None:
        super().__init__(FuseParameters, choices={"method": _METHODS})
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setRange(0, _STEPS)
        self.slider.setToolTip("<p>Left splits, right merges; after a run the particles follow at once.</p>")
        self.field("split_merge").layout().insertWidget(0, self.slider, 2)
        self.slider.valueChanged.connect(self._on_slider)
        self.field("split_merge").changed.connect(self._show_on_slider)
        self.changed.connect(self._show_fields)
        self._show_fields()
        self._show_on_slider()

    def _show_fields(self) -> None:
        """Show the settings that the method has."""
        method, by = self.field("method").value(), self.field("link_by").value()
        for name, methods in _ONLY_FOR.items():
            self.show_field(name, method in methods)
        self.show_field("link_distance_um", method == "linking" and by == "distance")
        self.show_field("link_overlap", method == "linking" and by == "overlap")

    def _on_slider(self, position: int) -> None:
        self.field("split_merge").set_value(round((position / _STEPS) ** 2, 4))

    def _show_on_slider(self) -> None:
        """Show the split and merge value; most of the way belongs to small ones, which matter most."""
        self.slider.blockSignals(True)
        self.slider.setValue(round(_STEPS * float(np.sqrt(self.field("split_merge").value()))))
        self.slider.blockSignals(False)
