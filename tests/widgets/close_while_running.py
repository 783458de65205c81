"""A script: opens napari, starts the steps, closes the window in the middle, and says which processes are left."""

import time

import napari
import psutil
from qtpy.QtCore import QTimer

from napari_cathode.widgets.docks import START, open_dock

if __name__ == "__main__":
    viewer = napari.Viewer(show=True)
    start = open_dock(viewer, START)
    start.open_sample("nmc-slice")
    start.run()
    children = []
    timer = QTimer()

    def close() -> None:
        """Close as soon as a step is under way."""
        children.extend(psutil.Process().children(recursive=True))
        if children:
            timer.stop()
            viewer.close()

    timer.timeout.connect(close)
    timer.start(500)
    napari.run()
    until = time.monotonic() + 10
    while any(child.is_running() for child in children) and time.monotonic() < until:
        psutil.wait_procs(children, timeout=0.2)
    print(f"{len(children)} started, {sum(child.is_running() for child in children)} left")
