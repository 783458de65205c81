"""The Fuse panel: what views with known faults saw of a sample's true particles, and the review of the result."""

from __future__ import annotations

import numpy as np
from window import open_window, run, take

from napari_cathode.plugin.layers import spacing_of
from napari_cathode.plugin.link import link_of
from napari_cathode.simulate.faults import FAULTS, faulty_views
from napari_cathode.widgets.docks import FUSE, open_dock


def main() -> None:
    """Fuse what views with known faults saw of a sample's true particles, and go through the review."""
    viewer = open_window()
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
    take("fuse_preview.png")
    run(panel, panel.fuse)
    session = link_of(viewer).session
    review = panel.review
    panel.ensureWidgetVisible(review)
    walk = link_of(viewer).reviewing
    walk.go_on()
    for number in range(40):
        walk.say("excluded" if number % 5 == 1 else "accepted")
        first, last = np.array(viewer.scene.camera.center[-2:]), np.array(truth.extent.world[1][-2:])
        if number > 5 and (np.abs(first / last - 0.5) < 0.2).all():
            break  # one in the middle of the picture
    review._colour.click()
    panel.verticalScrollBar().setValue(panel.verticalScrollBar().maximum())
    session.focus(next(iter(session.selection)))
    viewer.theme = "light"
    take("fuse_review.png")
    viewer.close()


if __name__ == "__main__":
    main()
