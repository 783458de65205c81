"""Peak memory of finding particles in a volume with the 3D model, in a process of its own.

``python benchmarks/identify_memory.py [--size 512] [--diameter 36]``

The volume (uint8) repeats a simulated block and lies in a memory-mapped file. The peak is the largest resident
set of the process, the file's mapped pages included; what was resident before the run is given beside it.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", type=int, default=512)
    parser.add_argument("--diameter", type=float, default=36.0, help="of the particles, voxels")
    parser.add_argument("--file", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.file:
        measure(chosen.file, chosen.diameter)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "volume.npy"
        write(path, chosen.size, chosen.diameter)
        options = ["--file", str(path), "--diameter", str(chosen.diameter)]
        subprocess.run([sys.executable, __file__, *options], check=True)


def write(path: Path, size: int, diameter: float) -> None:
    from napari_cathode.simulate import PRESETS, simulate

    preset = PRESETS["nmc-10-cycles"]
    block = simulate(
        replace(preset, size_z=128, size_y=128, size_x=128, voxel_um=preset.diameter_um / diameter), 1
    ).image
    volume = np.lib.format.open_memmap(path, "w+", np.uint8, (size,) * 3)
    times = -(-size // 128)
    for z in range(0, size, 128):
        part = min(128, size - z)
        volume[z : z + part] = np.tile(block, (1, times, times))[:part, :size, :size]


def measure(path: str, diameter: float) -> None:
    from napari_cathode.identify import IdentifyParameters, identify_volume
    from napari_cathode.tomogram import Tomogram

    volume = np.load(path, mmap_mode="r")
    before, start = peak(), time.process_time()
    found = identify_volume(Tomogram(volume), IdentifyParameters(method="stardist3d", diameter_um=diameter))
    print(
        f"{volume.shape[0]}³ uint8, particles of {diameter:g} voxels: {found.labels.max()} found, peak "
        f"{peak():.2f} GB ({before:.2f} GB before the run), {time.process_time() - start:.0f} CPU s"
    )


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
