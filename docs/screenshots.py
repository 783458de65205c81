"""Make the pictures of the window in images/: the demo's analysis in 2D and in 3D, on a screen of 1366 × 768.

Run it in the repository's environment, where there is no such screen under Xvfb::

    xvfb-run -s "-screen 0 1366x768x24" python docs/screenshots.py
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ["NAPARI_CONFIG"] = str(Path(tempfile.mkdtemp()) / "settings.yaml")  # not what the person has set

from napari import Viewer
from qtpy.QtCore import QEventLoop, QTimer

from napari_cathode.plugin.demo import start_demo
from napari_cathode.plugin.link import link_of
from napari_cathode.widgets.docks import IDENTIFY, PLUGIN, open_dock

IMAGES = Path(__file__).parent / "images"
SIZE = (1366, 768)


def main() -> None:
    """Run the demo, select a particle, and take the pictures."""
    viewer, identify = start_demo()
    viewer.window.resize(*SIZE)
    finished = QEventLoop()
    identify.runner.finished.connect(finished.quit)
    finished.exec()
    if identify.runner.error:
        raise SystemExit(identify.runner.error)
    wait(2000)  # the panels open one after the other
    session = link_of(viewer).session
    session.selection = {_damaged_in_sight(viewer, session.current)}
    take(viewer, "window.png")
    session.selection = ()
    _show_volume(viewer)
    take(viewer, "window_3d.png")
    viewer.close()
    _identify_panel()


def _identify_panel() -> None:
    """Preview a sample slice, and show the thresholds that can be moved afterwards."""
    viewer = Viewer()
    viewer.window.resize(*SIZE)
    viewer.open_sample(PLUGIN, "nmc-slice")
    panel = open_dock(viewer, IDENTIFY)
    panel.look.setCurrentIndex(1)
    while panel.before.survey is None:
        wait(100)
    finished = QEventLoop()
    panel.runner.finished.connect(finished.quit)
    panel.show_preview()
    finished.exec()
    while panel.before.looking:
        wait(100)
    panel.adjust.probability.slider.setValue(60)
    while panel.adjust.busy:
        wait(100)
    viewer.reset_view()
    take(viewer, "identify.png")
    viewer.close()


def _damaged_in_sight(viewer, particles) -> int:
    """Choose the most damaged particle of the slice that is shown."""
    layer = link_of(viewer).layer_of(particles)
    seen = set(layer.data[round(layer.world_to_data(viewer.dims.point)[0])].ravel().tolist())
    table = particles.table[particles.table["label"].isin(seen)]
    return int(table.loc[table["damage"].idxmax(), "label"])


def _show_volume(viewer) -> None:
    """Show the particles alone, from a corner."""
    session = link_of(viewer).session
    layer = link_of(viewer).layer_of(session.current)
    for other in viewer.layers:
        other.visible = other is layer
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    viewer.scene.camera.angles = (-15, 30, 140)
    viewer.scene.camera.zoom *= 1.2


def take(viewer, name: str) -> None:
    """Write a picture of the whole window."""
    wait(1500)
    IMAGES.mkdir(exist_ok=True)
    viewer.screenshot(str(IMAGES / name), canvas_only=False, flash=False)


def wait(milliseconds: int) -> None:
    """Let the window work."""
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


if __name__ == "__main__":
    main()
