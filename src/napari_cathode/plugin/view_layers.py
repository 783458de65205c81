"""The layers that show what single views saw, waiting to be fused."""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import Any

from napari.layers import Labels, Layer

from napari_cathode.identify import VIEW_AXIS
from napari_cathode.session import Predictions, Session

from .layers import VIEW_KEY
from .new_layers import insert_layer, labels_layer


class ViewLayers:
    """Keeps the predictions of a session and their layers in a viewer the same.

    Parameters
    ----------
    viewer : napari.Viewer
        The viewer.
    session : Session
        The state.
    """

    def __init__(self, viewer: Any, session: Session) -> None:
        self._viewer = weakref.ref(viewer)
        self._session = session
        self._views: dict[Layer, tuple[Predictions, str]] = {}
        viewer.layers.events.removed.connect(self._on_removed)

    def show(self, predictions: Predictions, like: Layer | None = None) -> None:
        """Add the views of predictions to the session, and to the viewer as hidden layers."""
        for _ in self.iter_show(predictions, like):
            pass

    def iter_show(
        self, predictions: Predictions, like: Layer | None = None, first: tuple[int, int, int] = (0, 0, 0)
    ) -> Iterator[None]:
        """Do `show` layer by layer: napari takes a tenth of a second for each.

        ``first`` is the voxel (z, y, x) of the image at which they begin.
        """
        for view, prediction in predictions.views.items():
            name = f"{predictions.name} · {view} slices"
            layer = labels_layer(prediction.labels, name, predictions.tomogram.spacing_um, like, first)
            layer.visible = False
            layer.metadata[VIEW_KEY] = view
            self._views[layer] = (predictions, view)
            layer.events.paint.connect(self._on_painted)
            for key, act in _STROKE_KEYS.items():
                layer.bind_key(key, act, overwrite=True)
            yield
            insert_layer(self._viewer(), layer)
            yield
        self._session.add_predictions(predictions)

    def look_at(self, predictions: Predictions) -> str:
        """Show what one view saw, that of the slices in the picture if it is there, and hide all other views.

        Returns
        -------
        view : str
            The one that is shown; "" where the layers of all views were removed, and in the 3D display, in which
            sections that are numbered anew in each slice show nothing.
        """
        layers, dims = self.layers(predictions), self._viewer().dims
        self.hide()
        if not layers or dims.ndisplay == 3:
            return ""
        across = dims.order[-3] - dims.ndim + 3 if dims.ndim >= 3 else 0  # a view's slices lie across its axis
        view = next((view for view in layers if VIEW_AXIS[view] == across), next(iter(layers)))
        layers[view].visible = True
        self._viewer().layers.selection.active = layers[view]
        return view

    def hide(self) -> None:
        """Hide what the views saw, as when the particles made of it are there."""
        for layer in self._views:
            layer.visible = False

    def _on_painted(self, event: Any) -> None:
        """Note that the labels of a view are others now."""
        known = self._views.get(event.source)
        if known is not None:
            self._session.touch_prediction(*known)

    def layers(self, predictions: Predictions) -> dict[str, Layer]:
        """Give the layers that show the views of predictions."""
        return {view: layer for layer, (known, view) in self._views.items() if known is predictions}

    def known(self, layer: Layer | None) -> tuple[Predictions, str] | None:
        """Give the predictions, and which view of them, that a layer shows."""
        return None if layer is None else self._views.get(layer)

    def _on_removed(self, event: Any) -> None:
        layer = event.value
        if layer in self._views:
            layer.events.paint.disconnect(self._on_painted)
            predictions, view = self._views.pop(layer)
            self._session.remove_prediction(predictions, view)


def _undo_stroke(layer: Labels) -> None:
    """Take the last stroke on a view back."""
    layer.undo()
    layer.events.paint(value=[])  # napari tells nobody that the labels are others now


def _redo_stroke(layer: Labels) -> None:
    """Repeat the stroke on a view that was undone last."""
    layer.redo()
    layer.events.paint(value=[])


_STROKE_KEYS = {"Control-Z": _undo_stroke, "Control-Shift-Z": _redo_stroke}
