"""How long fusing the same views again takes when the split and merge value, or more, has changed.

Run ``python benchmarks/fuse_again.py [--size 160]``; it prints the CPU and wall seconds of the first fusing and of
those after it, in this process, and what a click in the napari panel waits for: the same in a process that stays,
with the labels handed over.
"""

from __future__ import annotations

import argparse
import time

from napari_cathode.fuse import FuseParameters
from napari_cathode.kept_process import KeptProcess
from napari_cathode.plugin.steps import ViewsToFuse, iter_fuse_layers
from napari_cathode.progress import drain
from napari_cathode.simulate.faults import FAULTS, faulty_views
from napari_cathode.simulate.packed import packed_particles

SPACING = (1.0, 1.0, 1.0)
CHANGES = {
    "first": FuseParameters(),
    "split_merge 0.3": FuseParameters(split_merge=0.3),
    "split_merge 0.02": FuseParameters(split_merge=0.02),
    "minimal diameter 20": FuseParameters(split_merge=0.02, minimal_diameter_um=20.0),
    "minimal votes 1": FuseParameters(minimal_votes=1),
    "watershed": FuseParameters(method="watershed"),
}


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--size", type=int, default=160, help="edge of the volume in voxels")
    reader.add_argument("--seed", type=int, default=11)
    given = reader.parse_args()
    truth = packed_particles((given.size,) * 3, given.seed, diameter=31.0)
    views = faulty_views(truth, SPACING, FAULTS["standard"], given.seed)
    print(f"{given.size} voxels")
    print(f"{'change':<20} {'particles':>9} {'CPU s here':>11} {'wall s here':>12} {'wall s panel':>13}")
    drain(iter_fuse_layers(ViewsToFuse("compiles", views), FuseParameters(), SPACING))
    kept = KeptProcess()
    try:
        for number, (name, parameters) in enumerate(CHANGES.items()):
            given_views = ViewsToFuse("views", views if number == 0 else None)
            cpu, wall = time.process_time(), time.perf_counter()
            fusion = drain(iter_fuse_layers(given_views, parameters, SPACING))
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            start = time.perf_counter()
            drain(
                kept.iter_call(
                    iter_fuse_layers, ViewsToFuse("views", views if number == 0 else None), parameters, SPACING
                )
            )
            panel = time.perf_counter() - start
            print(f"{name:<20} {fusion.labels.max():9d} {cpu:11.2f} {wall:12.2f} {panel:13.2f}", flush=True)
    finally:
        kept.close()


if __name__ == "__main__":
    main()
