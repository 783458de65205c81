"""Measure how long it takes to open tomograms of more than 1 GB, as napari's reader does it.

Run ``python benchmarks/open_large.py [--gigabytes 1.5] [--folder FOLDER]``; one file is there at a time.
Each file is opened in a process of its own: reading with the search for the field of view, and the contrast limits.
The limit is 2 s of CPU; the files lie in the system's cache, so that discs do not count.
"""

from __future__ import annotations

import argparse
import itertools
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import tifffile

SIDE = 1536
LIMIT_S = 2.0

OPEN = """
import sys, time
from napari_cathode.io import contrast_limits, read
import dask.array, h5py  # what a viewer has loaded before
start_cpu, start = time.process_time(), time.perf_counter()
tomogram = read(sys.argv[1])
opened = time.process_time() - start_cpu
limits = contrast_limits(tomogram.data, tomogram.field_of_view)
cpu, wall = time.process_time() - start_cpu, time.perf_counter() - start
kind, field = type(tomogram.data).__name__, tomogram.field_of_view
found = "no" if field is None else f"{field.mean():.0%} inside"
print(f"{opened:.2f} | {cpu:.2f} | {wall:.2f} | {kind} | {found}")
"""


def noise_slice(dtype: type) -> np.ndarray:
    y, x = np.ogrid[:SIDE, :SIDE]
    inside = (y - SIDE / 2) ** 2 + (x - SIDE / 2) ** 2 < (SIDE / 2) ** 2
    grey = np.random.default_rng(0).normal(120, 15, (SIDE, SIDE)).clip(1, 250)
    return np.where(inside, grey, 0).astype(dtype)


def make_npy(path: Path, slices: int) -> None:
    volume = np.lib.format.open_memmap(path, "w+", np.uint8, (slices, SIDE, SIDE))
    volume[:] = noise_slice(np.uint8)


def make_bigtiff(path: Path, slices: int) -> None:
    volume = tifffile.memmap(path, shape=(slices, SIDE, SIDE), dtype=np.uint8, bigtiff=True, photometric="minisblack")
    volume[:] = noise_slice(np.uint8)


def make_packed_tiff(path: Path, slices: int) -> None:
    packed = zlib.compress(noise_slice(np.uint8).tobytes(), 1)
    tifffile.imwrite(
        path,
        itertools.repeat(packed, slices),
        shape=(slices, SIDE, SIDE),
        dtype=np.uint8,
        compression="zlib",
        rowsperstrip=SIDE,
        bigtiff=True,
        photometric="minisblack",
    )


def make_hdf5(path: Path, slices: int) -> None:
    with h5py.File(path, "w") as file:
        volume = file.create_dataset("entry0000/reconstruction/results/data", (slices // 4, SIDE, SIDE), np.float32)
        for z in range(slices // 4):
            volume[z] = noise_slice(np.float32) if z == 0 else volume[0]


def make_packed_hdf5(path: Path, slices: int) -> None:
    """Pack each column of chunks once and store it at every depth."""
    edge, image = 32, noise_slice(np.float32)
    depth = slices // 4 // edge * edge
    with h5py.File(path, "w") as file:
        volume = file.create_dataset(
            "entry0000/reconstruction/results/data",
            (depth, SIDE, SIDE),
            np.float32,
            chunks=(edge,) * 3,
            compression="gzip",
        )
        for y, x in itertools.product(range(0, SIDE, edge), repeat=2):
            block = np.broadcast_to(image[y : y + edge, x : x + edge], (edge,) * 3)
            packed = zlib.compress(np.ascontiguousarray(block).tobytes(), 1)
            for z in range(0, depth, edge):
                volume.id.write_direct_chunk((z, y, x), packed)


def make_folder(path: Path, slices: int) -> None:
    path.mkdir()
    image = noise_slice(np.uint16)
    for z in range(slices // 2):
        tifffile.imwrite(path / f"slice_{z}.tif", image)


FILES = [
    ("NumPy uint8", "volume.npy", make_npy),
    ("BigTIFF uint8", "volume.tif", make_bigtiff),
    ("BigTIFF uint8, zlib", "packed.tif", make_packed_tiff),
    ("HDF5 float32, contiguous", "volume.h5", make_hdf5),
    ("HDF5 float32, gzip chunks of 32³", "packed.h5", make_packed_hdf5),
    ("folder of uint16 TIFF slices", "slices", make_folder),
]


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure how long large tomograms take to open.")
    parser.add_argument("--gigabytes", type=float, default=1.2, help="size of each volume")
    parser.add_argument("--folder", default=None, help="where the files are made (default: a temporary folder)")
    chosen = parser.parse_args()
    slices = int(chosen.gigabytes * 2**30 / SIDE**2)
    print(f"{slices * SIDE**2 / 2**30:.2f} GiB each\n")
    print("| file | read, CPU s | with contrast, CPU s | wall s | opened as | field of view |")
    print("|---|---|---|---|---|---|")
    late = 0
    for name, file_name, make in FILES:
        with tempfile.TemporaryDirectory(dir=chosen.folder) as folder:
            path = Path(folder, file_name)
            make(path, slices)
            done = subprocess.run([sys.executable, "-c", OPEN, str(path)], capture_output=True, text=True, check=True)
        print(f"| {name} | {done.stdout.strip()} |", flush=True)
        late += float(done.stdout.split("|")[1]) > LIMIT_S
    return late


if __name__ == "__main__":
    sys.exit(main())
