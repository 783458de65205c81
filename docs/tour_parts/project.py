"""Make the picture of the Project panel in images/: the offer to recover what an earlier session left.

Run it in the repository's environment, where there is no such screen under Xvfb::

    xvfb-run -s "-screen 0 1366x768x24" python docs/screenshots_project.py
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from napari import Viewer
from screenshots import SIZE, take, wait  # not what the person has set

from napari_cathode.edit import operations
from napari_cathode.plugin.link import link_of
from napari_cathode.plugin.project_layers import take_state
from napari_cathode.project import Project, RecoveryFolder
from napari_cathode.session import Colouring
from napari_cathode.widgets.docks import FEATURES, PLUGIN, PROJECT, open_dock
from napari_cathode.widgets.keeper import keeper_of

SCRATCH = Path(tempfile.mkdtemp())
os.environ["NAPARI_CATHODE_RECOVERY"] = str(SCRATCH / "recovery")


def main() -> None:
    """Leave work behind, start again, and take the pictures."""
    _leave_work()
    viewer = Viewer()
    viewer.window.resize(*SIZE)
    open_dock(viewer, FEATURES)
    wait(1500)
    panel = open_dock(viewer, PROJECT)
    wait(500)
    take(viewer, "recovery.png")
    keeper = keeper_of(viewer)
    keeper.recover(keeper.recoverable[0])
    while keeper.busy:
        wait(100)
    wait(1000)
    if os.environ.get("ALSO"):
        take(viewer, os.environ["ALSO"])
        keeper.save_as(SCRATCH / "nmc-50-cycles project")
        while keeper.busy:
            wait(100)
        viewer.theme = "light"
        wait(500)
        take(viewer, os.environ["ALSO"].replace(".png", "_light.png"))
    assert panel.error.text() == ""
    viewer.close()


def _leave_work() -> None:
    """Correct particles of a sample, and be gone without saving."""
    viewer = Viewer(show=False)
    viewer.open_sample(PLUGIN, "nmc-50-cycles")
    link = link_of(viewer)
    particles = link.adopt(viewer.layers[1])
    particles.name = "nmc-50-cycles particles"
    viewer.layers[1].visible = True
    link.session.set_colouring(particles, Colouring("damage"))
    for label in particles.table["label"].head(2):
        link.session.edit(particles, operations.delete(particles.labels, [int(label)]))
    left = RecoveryFolder()
    Project.new(left.project).save(take_state(viewer))
    left.release()
    viewer.close()


if __name__ == "__main__":
    main()
