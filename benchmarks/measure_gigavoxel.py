"""Memory and time of measuring a volume that lies in files: ``python benchmarks/measure_gigavoxel.py``.

Tiles a simulated block to the size of a full scan (492 × 1324 × 1985 voxels) in a temporary folder, as zarr or as
memory-mapped files, and measures it in a process of its own, whose peak memory is printed.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_cathode.simulate import PRESETS, simulate


def write(folder: Path, shape: tuple[int, int, int], block: int, kind: str, chunk: int) -> tuple[int, Any]:
    """Write labels and image; give the number of particles and the voxel size."""
    simulation = simulate(replace(PRESETS["nmc-50-cycles"], size_z=block, size_y=block, size_x=block), 0)
    labels, image = simulation.labels, simulation.image
    step = int(labels.max())
    stored = {
        name: create(folder, name, shape, values.dtype, kind, chunk)
        for name, values in (("labels", labels), ("image", image))
    }
    count = 0
    rows = -(-shape[1] // block), -(-shape[2] // block)
    for layer, first in enumerate(range(0, shape[0], block)):
        deep = min(block, shape[0] - first)
        whole = {name: np.empty((deep, *shape[1:]), array.dtype) for name, array in stored.items()}
        for j in range(rows[0]):
            for i in range(rows[1]):
                place = (slice(None), slice(j * block, (j + 1) * block), slice(i * block, (i + 1) * block))
                room = whole["labels"][place].shape
                part = labels[: room[0], : room[1], : room[2]]
                number = (layer * rows[0] + j) * rows[1] + i
                whole["labels"][place] = np.where(part > 0, part + number * step, 0)
                whole["image"][place] = image[: room[0], : room[1], : room[2]]
                count += len(np.unique(part)) - 1
        for name, array in stored.items():
            array[first : first + deep] = whole[name]
    return count, simulation.spacing_um


def create(folder: Path, name: str, shape: tuple[int, int, int], dtype: Any, kind: str, chunk: int) -> Any:
    """Make an empty array in a file."""
    if kind == "npy":
        return np.lib.format.open_memmap(folder / f"{name}.npy", "w+", dtype, shape)
    import zarr

    chunks = tuple(min(chunk, size) for size in shape)
    return zarr.create_array(store=str(folder / f"{name}.zarr"), shape=shape, dtype=dtype, chunks=chunks)


def measure_files(folder: Path, kind: str, spacing: list[float]) -> None:
    """Measure what `write` wrote, as the command line does; print figures as JSON."""
    from napari_cathode import io
    from napari_cathode.cli.progress import follow, threads
    from napari_cathode.measure import iter_measure

    labels, _ = io.open_labels(folder / f"labels.{kind}")
    image = io.read(folder / f"image.{kind}")
    start, cpu = time.perf_counter(), time.process_time()
    with threads() as executor:
        steps = iter_measure(labels, image.data, tuple(spacing), None, image.field_of_view, executor=executor)
        table = follow(steps)
    figures = {
        "particles": len(table),
        "damage": float(table["damage"].mean()),
        "cpu": time.process_time() - cpu,
        "wall": time.perf_counter() - start,
        "peak_gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9,
    }
    print(json.dumps(figures), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", type=int, nargs=3, default=(492, 1324, 1985), metavar=("Z", "Y", "X"))
    parser.add_argument("--block", type=int, default=160, help="voxels along an edge of the simulated block")
    parser.add_argument("--kind", choices=("zarr", "npy"), default="zarr")
    parser.add_argument("--chunk", type=int, default=128, help="edge of the chunks of zarr")
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--spacing", type=float, nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder is not None:
        measure_files(options.folder, options.kind, options.spacing)
        return
    shape = tuple(options.shape)
    with tempfile.TemporaryDirectory() as name:
        count, spacing = write(Path(name), shape, options.block, options.kind, options.chunk)
        command = [sys.executable, __file__, "--kind", options.kind, "--folder", name, "--spacing", *map(str, spacing)]
        found = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    size = float(np.prod(shape)) / 1e6
    print(f"{' × '.join(map(str, shape))} = {size:.0f} million voxels as {options.kind}; {count} particles written")
    print(
        f"measured {found['particles']} particles (mean damage {found['damage']:.4f}) in {found['cpu']:.0f} CPU s "
        f"({found['cpu'] / size:.3f} per million voxels), {found['wall']:.0f} s; peak memory {found['peak_gb']:.2f} GB"
    )


if __name__ == "__main__":
    main()
