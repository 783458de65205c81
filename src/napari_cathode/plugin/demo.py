"""The demo: the sample tomogram, analysed while the window is open, with table and SHAP panel linked."""

from __future__ import annotations

from typing import Any

import napari

from napari_cathode.widgets.docks import IDENTIFY, PLUGIN, fill_screen, open_dock, open_results

from .link import link_of

SAMPLE = "nmc-50-cycles"


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
    fill_screen(viewer)
    viewer.open_sample(PLUGIN, SAMPLE)
    viewer.layers.selection.active = viewer.layers[0]
    identify = open_dock(viewer, IDENTIFY, "right")
    identify.image.layer = viewer.layers[0]
    identify.runner.finished.connect(lambda: _on_finished(viewer))
    identify.run_all()
    return viewer, identify


def _on_finished(viewer: napari.Viewer) -> None:
    particles = link_of(viewer).session.current
    if particles is not None and particles.table is not None:  # else it was cancelled, or says why it failed
        open_results(viewer)
