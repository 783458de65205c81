"""What a simulated volume costs: CPU time, memory per voxel, particles, and how well damage follows its law.

python benchmarks/simulate_cost.py [--size 256] [--preset nmc-10-cycles]

Memory is the peak of the arrays (tracemalloc sees NumPy's), beyond what was there before. Compiling is not counted: a
tiny volume is simulated first.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from dataclasses import replace

import numpy as np

from napari_cathode.simulate import PRESETS, simulate, training_slice


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=256, help="edge of the volume, voxels")
    parser.add_argument("--preset", choices=sorted(PRESETS), default="nmc-10-cycles")
    args = parser.parse_args()
    preset = PRESETS[args.preset]
    simulate(replace(preset, size_z=32, size_y=48, size_x=48, diameter_um=2.5), 0)
    start = time.process_time()
    for k in range(10):
        training_slice(np.random.default_rng(k))
    print(f"training slice of 256 x 256: {(time.process_time() - start) / 10:.3f} CPU s")
    parameters = replace(preset, size_z=args.size, size_y=args.size, size_x=args.size)
    start = time.process_time()
    result = simulate(parameters, 0)
    cpu = time.process_time() - start
    del result
    tracemalloc.start()
    result = simulate(parameters, 0)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    whole = result.table[~result.table["touches_border"]]
    print(f"{args.preset}, {args.size}^3: {cpu:.1f} CPU s, peak {peak / result.image.size:.1f} bytes per voxel")
    print(f"{len(result.table)} particles, {len(whole)} not cut by the border")
    print(
        f"correlation of realised and target damage: {np.corrcoef(whole['damage'], whole['damage_target'])[0, 1]:.4f}"
    )


if __name__ == "__main__":
    main()
