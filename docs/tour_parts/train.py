"""The Train panel: a model for NMC particles on its way to single crystals, paused after some validations."""

from __future__ import annotations

from window import open_window, press, take, wait, wait_until

from napari_cathode.widgets.docks import PLUGIN, TRAIN, open_dock

SETTINGS = {"steps": 160, "batch": 2, "validate_every": 20, "learning_rate": 3e-4, "slices_per_stack": 24}
VALIDATIONS = 8


def main() -> None:
    """Train for a while."""
    viewer = open_window()
    _, truth = viewer.open_sample(PLUGIN, "single-crystal")
    truth.visible, truth.contour = True, 2
    panel = open_dock(viewer, TRAIN)
    press(panel.sources.add_layers_button)
    for name, value in SETTINGS.items():
        panel.form.field(name).set_value(value)
    press(panel.button)
    wait_until(lambda: panel.runner.error or len(panel.curve.validations) >= VALIDATIONS)
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
