"""Sample data: small simulated electrodes that ship with the package, and a larger one that is made on demand.

``python -m napari_cathode.simulate.samples [-o FOLDER]`` makes the shipped files again.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import tifffile
from scipy import ndimage

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps, drain, within
from napari_cathode.resources import cache_folder, sample_data_folder

from .parameters import PRESETS, SimulationParameters
from .randomise import realistic
from .result import Simulation
from .slices import simulate_slice
from .volume import iter_simulate, simulate

LARGE_EDGE = 256
_PARTS = ("", "_labels", "_cracks")


@dataclass(frozen=True)
class Sample:
    """One set of sample data.

    Attributes
    ----------
    name : str
        As in `load_sample`; the files are ``<name>.tif``, ``<name>_labels.tif``, ``<name>_cracks.tif`` and
        ``<name>_truth.csv``.
    title : str
        For a menu.
    description : str
        One sentence.
    parameters : SimulationParameters
        What was simulated.
    seed : int
        With which seed.
    """

    name: str
    title: str
    description: str
    parameters: SimulationParameters
    seed: int

    @property
    def path(self) -> Path:
        """Where the shipped image lies."""
        return sample_data_folder() / f"{self.name}.tif"


def _small(name: str, diameter_um: float) -> SimulationParameters:
    return replace(PRESETS[name], size_z=96, size_y=192, size_x=192, voxel_um=0.2, diameter_um=diameter_um)


SAMPLES = {
    sample.name: sample
    for sample in (
        Sample(
            "nmc-10-cycles",
            "NMC cathode, 10 cycles (3D, simulated)",
            "Little damage, planted to follow what a particle is: sphericity, elongation, electron density and depth.",
            _small("nmc-10-cycles", 5.0),
            10,
        ),
        Sample(
            "nmc-50-cycles",
            "NMC cathode, 50 cycles (3D, simulated)",
            "More damage, planted to follow where a particle sits: contact, packing and neighbours.",
            _small("nmc-50-cycles", 4.8),
            50,
        ),
        Sample(
            "single-crystal",
            "Single crystals and plates (3D, simulated)",
            "Blocky crystals of two sizes, some of them plates.",
            _small("single-crystal", 5.4),
            1,
        ),
        Sample(
            "nmc-slice",
            "NMC cathode, one slice (2D, simulated)",
            "A slice as nano-tomography gives it, with hollow cores, cracks and debris.",
            realistic(np.random.default_rng(2), (512, 768), "fine"),
            2,
        ),
    )
}


def list_samples() -> list[Sample]:
    """List the sample data that ship with the package."""
    return list(SAMPLES.values())


def load_sample(name: str) -> Simulation:
    """Load shipped sample data with their truth.

    Parameters
    ----------
    name : str
        One of `list_samples`.

    Returns
    -------
    Simulation
        A slice has shape (1, y, x).

    Raises
    ------
    InputError
        If there is no such sample.
    """
    if name not in SAMPLES:
        raise InputError(f"There is no sample {name!r}; choose one of {', '.join(SAMPLES)}.")
    return _read(sample_data_folder(), SAMPLES[name])


def large_folder(name: str = "nmc-50-cycles") -> Path:
    """Give the folder in which the large sample of a preset is cached; its name changes with what is simulated."""
    sample = _large(name)
    recipe = hashlib.sha256(repr((sample.parameters, sample.seed)).encode()).hexdigest()[:12]
    return cache_folder() / "samples" / f"{sample.name}-{recipe}"


def iter_generate_large(name: str = "nmc-50-cycles") -> Steps[Simulation]:
    """Simulate a volume of 256³ voxels, or load it where that was done before.

    Parameters
    ----------
    name : str
        A preset.

    Yields
    ------
    Progress
        In thousandths.

    Returns
    -------
    Simulation
        Also written as sample files to `large_folder`. Stopping early leaves nothing behind.
    """
    sample, folder = _large(name), large_folder(name)
    if folder.is_dir():
        yield Progress(0, 1, "Loading")
        return _read(folder, sample)
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder.parent))
    try:
        result = yield from within(iter_simulate(sample.parameters, sample.seed), 0, 1)
        yield from within(iter_write(unfinished, sample.name, result), 99, 100)
        try:
            os.replace(unfinished, folder)
        except OSError:
            if not folder.is_dir():  # else another process was faster, with the same result
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return result


def _large(name: str) -> Sample:
    if name not in PRESETS:
        raise InputError(f"There is no preset {name!r}; choose one of {', '.join(PRESETS)}.")
    edge = LARGE_EDGE
    parameters = replace(PRESETS[name], size_z=edge, size_y=edge, size_x=edge)
    return Sample(f"{name}-large", f"{name}, {edge}³ voxels", "Made on demand.", parameters, 256)


def _read(folder: Path, sample: Sample) -> Simulation:
    image, labels, cracks = (_stack(tifffile.imread(folder / f"{sample.name}{part}.tif")) for part in _PARTS)
    p = sample.parameters
    return Simulation(
        image=image,
        labels=labels.astype(np.int32),
        cracks=cracks > 0,
        field_of_view=np.ones(image.shape, bool) if p.outside == "none" else _seen(image, p),
        spacing_um=p.spacing_um,
        table=pd.read_csv(folder / f"{sample.name}_truth.csv"),
        parameters=p,
        seed=sample.seed,
    )


def _seen(image: npt.NDArray[np.uint8], p: SimulationParameters) -> npt.NDArray[np.bool_]:
    """Field of view: all but the largest connected area of the outside's grey."""
    parts, n = ndimage.label(image == round(p.outside_grey))
    sizes = np.bincount(parts.ravel(), minlength=n + 1)
    seen: npt.NDArray[np.bool_] = parts != 1 + int(np.argmax(sizes[1:]))
    return seen


def _stack(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return array[None] if array.ndim == 2 else array


def iter_write(folder: Path, name: str, result: Simulation) -> Steps[None]:
    """Write a simulation: TIFF files that Fiji opens with their voxel size, and the table; names as in `Sample`."""
    labels = result.labels
    kinds: tuple[npt.NDArray[Any], ...] = (result.image, labels.astype(np.uint16), result.cracks * np.uint8(255))
    for done, (part, array) in enumerate(zip(_PARTS, kinds, strict=True)):
        yield Progress(done, len(_PARTS), "Writing")
        z, y, x = result.spacing_um
        tifffile.imwrite(
            folder / f"{name}{part}.tif",
            array[0] if len(array) == 1 else array,
            imagej=True,
            compression="zlib",
            compressionargs={"level": 9},
            resolution=(1 / x, 1 / y),
            metadata={"axes": "YX" if len(array) == 1 else "ZYX", "spacing": z, "unit": "um"},
        )
    result.table.to_csv(folder / f"{name}_truth.csv", index=False, float_format="%.6g")


def main() -> None:
    """Make the shipped sample data."""
    parser = argparse.ArgumentParser(description="Make the sample data that ship with the package.")
    parser.add_argument("-o", "--out", type=Path, default=sample_data_folder(), help="folder to write to")
    folder = parser.parse_args().out
    folder.mkdir(parents=True, exist_ok=True)
    for sample in list_samples():
        make = simulate_slice if sample.parameters.size_z == 1 else simulate
        result = make(sample.parameters, sample.seed)
        drain(iter_write(folder, sample.name, result))
        whole = int((~result.table["touches_border"]).sum())
        size = sum(path.stat().st_size for path in folder.glob(f"{sample.name}*")) / 1e6
        print(f"{sample.name}: {len(result.table)} particles, {whole} not cut by the border, {size:.1f} MB")


if __name__ == "__main__":
    main()
