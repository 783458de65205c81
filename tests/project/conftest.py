"""A small session with something of everything."""

from dataclasses import replace

import numpy as np
import pytest
import tifffile
from tests.report.tiny_result import SPACING, tiny_result

from napari_cathode import cli, io
from napari_cathode.edit import operations
from napari_cathode.filtering import Filter
from napari_cathode.session import Colouring, ParticleSet, Session
from napari_cathode.simulate import PRESETS, simulate_slice
from napari_cathode.tomogram import Tomogram

QUICK = ["--explain-n-trees", "5", "--explain-repeats", "1", "-q"]


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory):
    """Give the folder of a run, with its image beside it; not to be changed."""
    folder = tmp_path_factory.mktemp("run")
    small = replace(PRESETS["nmc-10-cycles"], size_z=1, size_y=320, size_x=320, diameter_um=2.5, voxel_um=0.1)
    tifffile.imwrite(folder / "slice.tif", simulate_slice(small, 3).image[0])
    given = ["--spacing", "0.1", "0.1", "0.1", "--identify-method", "watershed", *QUICK]
    with pytest.raises(SystemExit) as leave:
        cli.main(["run", str(folder / "slice.tif"), "-o", str(folder / "found"), *given])
    assert not leave.value.code
    return folder / "found"


@pytest.fixture(scope="session")
def tiny():
    """Give a result of 80 balls with its explanation; not to be changed."""
    return tiny_result()


@pytest.fixture
def scan(tmp_path, tiny):
    """Give a tomogram's file."""
    path = tmp_path / "data" / "scan.npy"
    path.parent.mkdir()
    np.save(path, tiny.tomogram.data)
    return path


@pytest.fixture
def session(tiny, scan):
    """Give a session with a measured, explained, coloured, reviewed and edited particle set, and a bare one."""
    tomogram = io.read(scan, spacing_um=SPACING)
    made = Session()
    made.add(ParticleSet(np.where(tiny.labels > 20, tiny.labels, 0), "others", SPACING))
    particles = ParticleSet(tiny.labels.copy(), "balls", SPACING, tomogram, provenance={"fuse": {"method": "hybrid"}})
    made.add(particles)
    made.set_table(particles, tiny.table.assign(where=["left", "right"] * 40), tiny.summary)
    made.set_explanation(particles, tiny.explanation)
    made.set_colouring(particles, Colouring("sphericity", shap=True, limits=(-0.1, 0.1)))
    made.judge(particles, [4, 6], verdict="excluded", kind="halo", note="wäre rund")
    made.set_filter(particles, Filter("sphericity > 0.5", (("damage", 0.1, 0.4),)))
    change = operations.delete(particles.labels, [5])
    made.edit(particles, change)
    made.selection = {7, 9}
    return made


@pytest.fixture
def tomogram(tiny):
    """Give a tomogram that no file holds."""
    return Tomogram(tiny.tomogram.data, SPACING, "in memory")
