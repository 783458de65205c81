"""CPU time and memory of measuring, on a simulated electrode: ``python benchmarks/measure_speed.py``.

A simulated block is repeated along all axes, its labels renumbered, so that large volumes cost no simulation. Prints
CPU seconds per million solid voxels (compilation apart), the time with two threads, and the peak memory over that of
labels and image.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_cathode.measure import MeasureParameters, measure
from napari_cathode.simulate import PRESETS, simulate


def electrode(size: int, repeats: int) -> tuple[Any, Any, tuple[float, float, float]]:
    """Give labels, image and spacing of a simulated cube of ``size · repeats`` voxels a side."""
    simulation = simulate(replace(PRESETS["nmc-50-cycles"], size_z=size, size_y=size, size_x=size), 0)
    labels = np.tile(simulation.labels, (repeats,) * 3)
    step = int(simulation.labels.max())
    for number, corner in enumerate(np.ndindex(*(repeats,) * 3)):
        block = tuple(slice(size * place, size * (place + 1)) for place in corner)
        labels[block][labels[block] > 0] += np.int32(number * step)
    return labels, np.tile(simulation.image, (repeats,) * 3), simulation.spacing_um


def timed(work: Callable[[], Any]) -> tuple[float, float, Any]:
    """Give CPU seconds, seconds and result of some work."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = work()
    return time.process_time() - cpu, time.perf_counter() - wall, result


def resident_bytes() -> int:
    """Give the memory that this process holds now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


class PeakMemory:
    """Watch the process's memory while some work runs."""

    def __enter__(self) -> PeakMemory:
        self.before = self.peak = resident_bytes()
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            self.peak = max(self.peak, resident_bytes())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=400, help="voxels along an edge of the simulated block")
    parser.add_argument("--repeats", type=int, default=1, help="blocks along each axis")
    parser.add_argument("--closing-voxels", type=float, default=5, help="closing radius in voxels")
    options = parser.parse_args()

    labels, image, spacing = electrode(options.size, options.repeats)
    parameters = MeasureParameters(closing_radius_um=options.closing_voxels * spacing[0])
    small = tuple(slice(0, 128) for _ in range(3))  # with whole particles, so that all is compiled
    compiling, _, _ = timed(lambda: measure(labels[small], image[small], spacing, parameters))
    solid = np.count_nonzero(labels) / 1e6
    print(f"{labels.shape} voxels, {len(np.unique(labels)) - 1} particles, {solid:.1f} million solid voxels")
    print(f"first call on a small part (compiled or loaded from the cache): {compiling:.1f} CPU s")
    with PeakMemory() as memory:
        cpu, wall, table = timed(lambda: measure(labels, image, spacing, parameters))
    extra, given = memory.peak - memory.before, labels.nbytes + image.nbytes
    print(f"one thread: {cpu:.1f} CPU s ({cpu / solid:.3f} per million solid voxels), {wall:.1f} s")
    print(f"memory beyond labels and image: {extra / 1e6:.0f} MB; all together {1 + extra / given:.2f} times these")
    with ThreadPoolExecutor(2) as pool:
        cpu_two, wall_two, again = timed(lambda: measure(labels, image, spacing, parameters, executor=pool))
    print(f"two threads: {cpu_two:.1f} CPU s, {wall_two:.1f} s; same table: {again.equals(table)}")


if __name__ == "__main__":
    main()
