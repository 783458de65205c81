"""File ▸ Open Sample ▸ Cathode: simulated electrodes with their true particles.

Each opens as an image and, hidden above it, a Labels layer of the true particles whose features are their true values.
"""

from __future__ import annotations

from typing import Any

import napari
from qtpy.QtCore import QEventLoop, Qt
from qtpy.QtWidgets import QApplication, QProgressDialog

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, drain
from napari_cathode.simulate import Simulation
from napari_cathode.simulate.samples import LARGE_EDGE, iter_generate_large, load_sample
from napari_cathode.tomogram import Tomogram

from .layers import AXES, SHOWN_KEY, TOMOGRAM_KEY

LayerData = tuple[Any, dict[str, Any], str]

LARGE = "nmc-50-cycles"


def nmc_10_cycles() -> list[LayerData]:
    """Open the small volume with damage that follows what particles are."""
    return sample_layers(load_sample("nmc-10-cycles"), "NMC 10 cycles")


def nmc_50_cycles() -> list[LayerData]:
    """Open the small volume with damage that follows where particles sit."""
    return sample_layers(load_sample("nmc-50-cycles"), "NMC 50 cycles")


def single_crystal() -> list[LayerData]:
    """Open the small volume of blocky crystals and plates."""
    return sample_layers(load_sample("single-crystal"), "Single crystals")


def nmc_slice() -> list[LayerData]:
    """Open the single slice."""
    return sample_layers(load_sample("nmc-slice"), "NMC slice")


def nmc_large() -> list[LayerData]:
    """Simulate the large volume, or load it where that was done before."""
    return sample_layers(_generate(), f"NMC {LARGE_EDGE}³")


def sample_layers(simulation: Simulation, name: str) -> list[LayerData]:
    """Turn a simulation into an image layer and a hidden layer of its true particles."""
    seen = simulation.field_of_view
    tomogram = Tomogram(simulation.image, simulation.spacing_um, name, "simulated", None if seen.all() else seen)
    flat = tomogram.is_slice
    image, labels = (array[0] if flat else array for array in (simulation.image, simulation.labels))
    placed = {
        "scale": simulation.spacing_um[-image.ndim :],
        "units": ("µm",) * image.ndim,
        "axis_labels": AXES[-image.ndim :],
    }
    truth = simulation.table.rename(columns={"label": "index"})
    return [
        (
            image,
            {"name": name, "colormap": "gray", "metadata": {TOMOGRAM_KEY: tomogram, SHOWN_KEY: image}, **placed},
            "image",
        ),
        (labels, {"name": f"{name}: true particles", "visible": False, "features": truth, **placed}, "labels"),
    ]


def _generate() -> Simulation:
    """Simulate in a process of its own, behind a progress bar when there is a window."""
    if QApplication.instance() is None or napari.current_viewer() is None:
        return drain(iter_generate_large(LARGE))
    from napari_cathode.widgets.job import Job, make_worker

    outcome: dict[str, Any] = {}
    dialog = QProgressDialog(f"Simulating {LARGE_EDGE}³ voxels, once", "Cancel", 0, 1000, _window())
    dialog.setWindowTitle("Cathode sample")
    dialog.setWindowModality(Qt.WindowModality.WindowModal)
    dialog.setMinimumDuration(0)
    dialog.setMinimumWidth(360)
    dialog.setAutoReset(False)
    loop = QEventLoop()
    worker = make_worker(Job("Simulate the large sample", iter_generate_large, LARGE))
    worker.yielded.connect(lambda report: _show(dialog, report))
    worker.returned.connect(lambda result: outcome.update(result=result))
    worker.errored.connect(lambda error: outcome.update(error=error))
    worker.finished.connect(loop.quit)
    dialog.canceled.connect(worker.quit)
    worker.start()
    loop.exec()
    dialog.close()
    dialog.deleteLater()
    if "error" in outcome:
        raise outcome["error"]
    if "result" not in outcome:
        raise InputError("The large sample was not made, since you cancelled; open it again to start anew.")
    return outcome["result"]


def _window() -> Any:
    active = QApplication.activeWindow()
    return active if active is not None else next(iter(QApplication.topLevelWidgets()), None)


def _show(dialog: QProgressDialog, report: Progress) -> None:
    if report.total and not dialog.wasCanceled():
        dialog.setValue(round(1000 * report.done / report.total))
