"""Make the pictures of the Fuse panel in images/, on a screen of 1366 × 768.

Run it in the repository's environment, where there is no such screen under Xvfb::

    xvfb-run -s "-screen 0 1366x768x24" python docs/screenshots_fuse.py
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")  # not what the person has set
os.environ["NAPARI_CATHODE_RECOVERY"] = tempfile.mkdtemp()

import napari
import numpy as np
from qtpy.QtCore import QEventLoop, QTimer

from napari_cathode.plugin.layers import spacing_of
from napari_cathode.plugin.link import link_of
from napari_cathode.simulate.faults import FAULTS, faulty_views
from napari_cathode.widgets.docks import FUSE, open_dock

IMAGES = Path(__file__).parent / "images"
SIZE = (1366, 768)


def main() -> None:
    """Fuse what views with known faults saw of a sample's true particles, and go through the review."""
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    _, truth = viewer.open_sample("napari-cathode", "nmc-10-cycles")
    truth.visible = False
    views = faulty_views(np.asarray(truth.data), spacing_of(truth), FAULTS["standard"], 4)
    panel = open_dock(viewer, FUSE)
    for name, view in views.items():
        layer = viewer.add_labels(
            np.asarray(view.labels), name=f"{name} slices", scale=truth.scale, units=truth.units, visible=False
        )
        panel.views[name].layer = layer
    viewer.dims.set_current_step(0, truth.data.shape[0] // 2)
    run(panel, panel.show_preview)
    take(viewer, "fuse_preview.png")
    run(panel, panel.fuse)
    session = link_of(viewer).session
    review = panel.review
    panel.ensureWidgetVisible(review)
    review.go_on()
    for number in range(40):
        review.say("excluded" if number % 5 == 1 else "accepted")
        first, last = np.array(viewer.scene.camera.center[-2:]), np.array(truth.extent.world[1][-2:])
        if number > 5 and (np.abs(first / last - 0.5) < 0.2).all():
            break  # one in the middle of the picture
    review._colour.click()
    panel.verticalScrollBar().setValue(panel.verticalScrollBar().maximum())
    session.focus(next(iter(session.selection)))
    viewer.theme = "light"
    take(viewer, "fuse_review.png")
    viewer.close()


def run(panel, start) -> None:
    """Run a step and wait for its end."""
    finished = QEventLoop()
    panel.runner.finished.connect(finished.quit)
    start()
    finished.exec()
    if panel.runner.error:
        raise SystemExit(panel.runner.error)


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
