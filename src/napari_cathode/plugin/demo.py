"""The demo: the sample tomogram, analysed while the window is open, with table and SHAP panel linked."""

from __future__ import annotations

import gc
from typing import Any

import napari

from napari_cathode.widgets.docks import START, fill_screen, open_dock

SAMPLE = "nmc-50-cycles"


def open_demo() -> None:
    """Open napari with the sample, run all steps, and stay until the window is closed."""
    start_demo()
    napari.run()
    gc.freeze()  # else Python looks through all that was imported for garbage before it ends, for a second


def start_demo() -> tuple[napari.Viewer, Any]:
    """Open the sample and start the analysis.

    Returns
    -------
    viewer : napari.Viewer
    start : StartWidget
        Its flow says when the analysis is done.
    """
    viewer = napari.Viewer(title="Cathode demo", show_welcome_screen=False)
    fill_screen(viewer)
    start = open_dock(viewer, START, "right")
    start.open_sample(SAMPLE)
    start.run()
    return viewer, start
