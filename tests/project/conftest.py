"""A small session with something of everything."""

import numpy as np
import pytest
from tests.report.tiny_result import SPACING, tiny_result

from napari_cathode import io
from napari_cathode.edit import operations
from napari_cathode.filtering import Filter
from napari_cathode.session import Colouring, ParticleSet, Session
from napari_cathode.tomogram import Tomogram


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
