"""A Labels layer for each view, chosen by the user or found by the networks last."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QWidget

from napari_cathode.errors import InputError
from napari_cathode.plugin.layers import is_labels, same_array, spacing_of, volume
from napari_cathode.tomogram import Spacing

from .parts import LayerChoice, form_layout

VIEWS = ("xy", "xz", "yz")
_NOT_USED = "not used"


class ViewChoices(QWidget):
    """Choices of the layers of the three views.

    Parameters
    ----------
    viewer : napari.Viewer
    link : plugin.link.Link
        Knows which layers show which predictions.
    """

    changed = Signal()

    def __init__(self, viewer: Any, link: Any) -> None:
        super().__init__()
        self._link = link
        self._choices = {view: LayerChoice(viewer, _is_volume, _NOT_USED) for view in VIEWS}
        form = form_layout()
        form.setContentsMargins(0, 0, 0, 0)
        for view, choice in self._choices.items():
            choice.setToolTip(f"Labels made in {view} slices; they may start anew in each slice.")
            choice.layer_changed.connect(lambda _layer: self.changed.emit())
            form.addRow(f"{view} slices", choice)
        self.setLayout(form)

    def __getitem__(self, view: str) -> LayerChoice:
        return self._choices[view]

    def choose_newest(self) -> None:
        """Choose the views that were predicted last."""
        predictions = self._link.session.predictions
        if not predictions:
            return
        layers = self._link.views.layers(predictions[-1])
        for view, choice in self._choices.items():
            choice.layer = layers.get(view)

    def offers_layers(self) -> bool:
        """Whether any layer could be chosen."""
        return any(_is_volume(layer) for layer in self._link.layers)

    def chosen(self) -> dict[str, Any]:
        """Give the layer of each view that one is chosen for."""
        return {view: choice.layer for view, choice in self._choices.items() if choice.layer is not None}

    def spacing(self, layers: dict[str, Any]) -> Spacing:
        """Give the voxel size of the chosen layers.

        Raises
        ------
        InputError
            When there is none.
        """
        if not layers:
            raise InputError("No view is chosen; choose the Labels layer of at least one view.")
        for layer in layers.values():
            spacing = spacing_of(layer)
            if spacing is None:
                raise InputError(
                    f"The voxel size of {layer.name} is not known; set its scale and unit in the layer's properties."
                )
        return spacing

    def inputs(self, layers: dict[str, Any]) -> dict[str, Any]:
        """Give the prediction that each layer shows, or its labels; raises InputError for a layer of another view."""
        return {view: self._input(view, layer) for view, layer in layers.items()}

    def _input(self, view: str, layer: Any) -> Any:
        """Give the prediction that a layer shows, or its labels when it is another tool's or was exchanged."""
        known = self._link.views.known(layer)
        if known is None:
            return volume(layer)
        predictions, own_view = known
        if own_view != view:
            raise InputError(f"The layer {layer.name} was found in {own_view} slices; choose it there, not for {view}.")
        prediction = predictions.views[own_view]
        return prediction if same_array(volume(layer), prediction.labels) else volume(layer)


def _is_volume(layer: Any) -> bool:
    return is_labels(layer) and layer.ndim == 3
