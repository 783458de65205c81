"""The Train panel: a training on a sample slice, paused after its second validation."""

from __future__ import annotations

from window import open_window, press, take, wait, wait_until

from napari_cathode.widgets.docks import PLUGIN, TRAIN, open_dock

STEPS = 60


def main() -> None:
    """Train for a while."""
    viewer = open_window()
    _, truth = viewer.open_sample(PLUGIN, "nmc-slice")
    truth.visible, truth.contour = True, 2
    panel = open_dock(viewer, TRAIN)
    press(panel.sources.add_layers_button)
    panel.form.field("steps").set_value(STEPS)
    press(panel.button)
    wait_until(lambda: panel.runner.error or len(panel.curve.validations) > 1)
    if panel.runner.error:
        raise SystemExit(panel.runner.error)
    press(panel.pause_button)
    wait(4000)
    take("train.png")
    panel.runner.cancel()
    wait_until(lambda: not panel.runner.running)
    viewer.close()


if __name__ == "__main__":
    main()
