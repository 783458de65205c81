"""The Identify panel: a sample slice previewed, with the thresholds that can be moved afterwards."""

from __future__ import annotations

from window import open_window, press, run, take, wait_until

from napari_cathode.widgets.docks import IDENTIFY, PLUGIN, open_dock


def main() -> None:
    """Preview it."""
    viewer = open_window()
    viewer.open_sample(PLUGIN, "nmc-slice")
    panel = open_dock(viewer, IDENTIFY)
    panel.look.setCurrentIndex(1)
    wait_until(lambda: panel.before.survey is not None)
    run(panel, lambda: press(panel.preview_button))
    wait_until(lambda: not panel.before.looking)
    panel.adjust.probability.slider.setValue(60)
    wait_until(lambda: not panel.adjust.busy)
    viewer.reset_view()
    take("identify.png")
    viewer.close()


if __name__ == "__main__":
    main()
