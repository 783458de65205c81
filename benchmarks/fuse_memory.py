"""How much memory fusing takes in memory and block by block.

Run ``python benchmarks/fuse_memory.py [--sizes 160 256] [--tiles 1] [--block 192]``; it prints for each size the most
memory of a fresh process that fuses, less that before the views are opened, per voxel and altogether, its CPU seconds
per million voxels, and the adjusted Rand index between both ways on the voxels that either takes for particle. The
views lie in a zarr folder, as the command line has them. What the system holds of memory-mapped labels does not count,
since it gives that back. Larger volumes are made quickly of mirrored copies (``--tiles``).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

SPACING = (1.0, 1.0, 1.0)


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--sizes", type=int, nargs="+", default=[160, 256], help="edges of the volumes in voxels")
    reader.add_argument("--tiles", type=int, default=1, help="mirrored copies of each volume along each axis")
    reader.add_argument("--block", type=int, default=192, help="edge of a block with its surroundings")
    reader.add_argument("--method", default="hybrid")
    reader.add_argument("--diameter", type=float, default=24.0, help="median diameter of the particles in voxels")
    reader.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    given = reader.parse_args()
    if given.child:
        measure(given.child[0], Path(given.child[1]), given.method, given.block)
        return
    from sklearn.metrics import adjusted_rand_score

    print(f"{given.method}, blocks of {given.block} voxels with their surroundings")
    print(f"{'size':>5} {'way':<10} {'particles':>9} {'peak MB':>8} {'bytes/voxel':>12} {'CPU s/Mvox':>11} {'rand':>8}")
    for size in given.sizes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            made = [sys.executable, "-c", _MAKE, str(folder), str(size), str(given.diameter), str(given.tiles)]
            edge = size * given.tiles
            subprocess.run(made, check=True)
            labels = {}
            for way in ("memory", "blocks"):
                call = [sys.executable, __file__, "--child", way, name, "--method", given.method]
                out = subprocess.run([*call, "--block", str(given.block)], check=True, capture_output=True, text=True)
                found = json.loads(out.stdout)
                labels[way] = np.load(folder / f"{way}.npy", mmap_mode="r")
                rand = ""
                if way == "blocks":
                    either = (labels["memory"] > 0) | (labels["blocks"] > 0)
                    rand = f"{adjusted_rand_score(labels['memory'][either], labels['blocks'][either]):8.5f}"
                print(
                    f"{edge:5d} {way:<10} {found['particles']:9d} {found['bytes'] / 1e6:8.0f} "
                    f"{found['bytes'] / edge**3:12.1f} {found['seconds'] / edge**3 * 1e6:11.2f} {rand:>8}",
                    flush=True,
                )


_MAKE = f"""
import sys
from dataclasses import replace
import numpy as np
from napari_cathode.fuse.store import iter_write_predictions
from napari_cathode.progress import drain
from napari_cathode.simulate.faults import FAULTS, faulty_views
from napari_cathode.simulate.packed import packed_particles
folder, size, diameter, tiles = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
views = faulty_views(packed_particles((size,) * 3, 11, diameter=diameter), {SPACING}, FAULTS["standard"], 11)
def tiled(array):
    return np.pad(array, [(0, (tiles - 1) * size)] * 3, mode="symmetric")
copy = sum(np.ogrid[tuple(slice(0, size * tiles) for _ in range(3))][axis] // size * tiles**axis for axis in range(3))
for name, view in views.items():
    labels = tiled(view.labels)
    labels += np.where(labels > 0, copy * (labels.max() + 1), 0).astype(np.int32)  # copies are sections of their own
    views[name] = replace(view, labels=labels, probability=tiled(view.probability), distance=None)
drain(iter_write_predictions(folder, views, {SPACING}))
"""


def measure(way: str, folder: Path, method: str, block: int) -> None:
    """Fuse in this process, and print what it took as JSON."""
    from napari_cathode.fuse import FuseParameters, iter_fuse, prediction_from_labels
    from napari_cathode.fuse.blocks import iter_fuse_blocks
    from napari_cathode.fuse.store import read_predictions
    from napari_cathode.progress import drain

    parameters = FuseParameters(method=method)
    ball = np.zeros((8, 8, 8), dtype=np.int32)
    ball[2:6, 2:6, 2:6] = 1
    small = {view: prediction_from_labels(view, ball, SPACING) for view in ("xy", "xz", "yz")}
    drain(iter_fuse(small, parameters, SPACING))  # compiles
    before = _own_bytes()
    watcher = Watcher()
    views = read_predictions(folder).views
    start = time.process_time()
    if way == "memory":
        fusion = drain(iter_fuse(views, parameters, SPACING))
    else:
        fusion = drain(iter_fuse_blocks(views, parameters, SPACING, folder, block))
    seconds = time.process_time() - start
    peak = watcher.peak()
    np.save(folder / f"{way}.npy", fusion.labels)
    print(json.dumps({"bytes": peak - before, "seconds": seconds, "particles": int(fusion.labels.max())}))


class Watcher(threading.Thread):
    """Looks at this process's memory a hundred times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._most = 0
        self.start()

    def run(self) -> None:
        """Look, until the process ends."""
        while True:
            self._most = max(self._most, _own_bytes())
            time.sleep(0.01)

    def peak(self) -> int:
        """Give the most that it has seen."""
        return self._most


def _own_bytes() -> int:
    """Give the memory of this process that no file backs, in bytes; Linux only."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("RssAnon"))


if __name__ == "__main__":
    main()
