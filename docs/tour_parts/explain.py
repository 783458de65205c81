"""Make the pictures of the SHAP panel in images/, on a screen of 1366 × 768.

Run it in the repository's environment, where there is no such screen under Xvfb::

    xvfb-run -s "-screen 0 1366x768x24" python docs/screenshots_explain.py
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")  # not what the person has set

import napari
from qtpy.QtCore import QEventLoop, QTimer

from napari_cathode.plugin.link import link_of
from napari_cathode.session import Colouring
from napari_cathode.widgets.docks import SHAP, open_dock

IMAGES = Path(__file__).parent / "images"
SIZE = (1366, 768)


def main() -> None:
    """Explain the true particles of a sample, and take a picture of three views."""
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    _, truth = viewer.open_sample("napari-cathode", "nmc-50-cycles")
    truth.visible = True
    particles = link_of(viewer).adopt(truth)
    shap = open_dock(viewer, SHAP)
    finished = QEventLoop()
    shap.runner.finished.connect(finished.quit)
    shap.explain()
    finished.exec()
    if shap.runner.error:
        raise SystemExit(shap.runner.error)
    leading = str(particles.explanation.importance["feature"].iloc[0])
    shap.colour_by.choose(Colouring(leading, True))
    take(viewer, "explain.png")
    link_of(viewer).session.selection = {int(particles.explanation.labels[particles.explanation.prediction.argmax()])}
    take(viewer, "explain_particle.png")
    viewer.theme = "light"
    shap.colour_by.choose(Colouring("cluster", result=True))
    shap.choose_view(shap.importance)
    take(viewer, "explain_groups.png")
    viewer.close()


def take(viewer, name: str) -> None:
    """Write a picture of the whole window."""
    wait(2500)
    IMAGES.mkdir(exist_ok=True)
    viewer.screenshot(str(IMAGES / name), canvas_only=False, flash=False)


def wait(milliseconds: int) -> None:
    """Let the window work."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


if __name__ == "__main__":
    main()
