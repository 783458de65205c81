"""The Project panel: the offer to recover what an earlier session left."""

from __future__ import annotations

from napari import Viewer
from window import open_window, take, wait

from napari_cathode.edit import operations
from napari_cathode.plugin.link import link_of
from napari_cathode.plugin.project_layers import take_state
from napari_cathode.project import Project, RecoveryFolder
from napari_cathode.session import Colouring
from napari_cathode.widgets.docks import FEATURES, PLUGIN, PROJECT, open_dock


def main() -> None:
    """Leave work behind, start again, and take the pictures."""
    _leave_work()
    viewer = open_window()
    open_dock(viewer, FEATURES)
    wait(1500)
    panel = open_dock(viewer, PROJECT)
    wait(500)
    take("recovery.png")
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
