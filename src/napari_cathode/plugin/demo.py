"""The demo: the sample tomogram, analysed while the window is open, with table and SHAP panel linked."""

from __future__ import annotations

from typing import Any

import napari
from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QMainWindow

from napari_cathode.widgets.docks import FEATURES, IDENTIFY, PLUGIN, SHAP, dock_of, open_dock

SAMPLE = "nmc-50-cycles"

_TABLE_SHARE = 0.36
_LAYOUT_MS = 100


def open_demo() -> None:
    """Open napari with the sample, run all steps, and stay until the window is closed."""
    start_demo()
    napari.run()


def start_demo() -> tuple[napari.Viewer, Any]:
    """Open the sample and start the analysis.

    Returns
    -------
    viewer : napari.Viewer
    identify : IdentifyWidget
        Its runner says when the analysis is done.
    """
    viewer = napari.Viewer(title="Cathode demo", show_welcome_screen=False)
    viewer.open_sample(PLUGIN, SAMPLE)
    viewer.layers.selection.active = viewer.layers[0]
    identify = open_dock(viewer, IDENTIFY, "right")
    identify.image.layer = viewer.layers[0]
    identify.runner.finished.connect(lambda: show_results(viewer))
    identify.run_all()
    return viewer, identify


def show_results(viewer: napari.Viewer) -> None:
    """Open the SHAP panel at the right and the table at the bottom, below the picture."""
    shap = open_dock(viewer, SHAP, "right")
    main = shap.window()
    if isinstance(main, QMainWindow):
        # The side docks keep their height; otherwise the window would have to grow.
        main.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
        main.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
    features = open_dock(viewer, FEATURES, "bottom")
    if isinstance(main, QMainWindow):
        height = round(_TABLE_SHARE * main.height())
        main.resizeDocks([dock_of(features)], [height], Qt.Orientation.Vertical)
        main.resizeDocks([dock_of(shap)], [420], Qt.Orientation.Horizontal)
    QTimer.singleShot(_LAYOUT_MS, viewer.reset_view)  # the canvas has its new size only then
