"""What saving and opening a project cost: processor time, size on the disk, and how long the window is held up.

Run it as ``python benchmarks/project_speed.py [--edges 256 512] [--views]``; one line a size. With ``--views`` the
project also holds what three views saw, of which probabilities with noise in all bits are the worst case.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from napari_cathode.edit import operations
from napari_cathode.identify import ViewPrediction
from napari_cathode.measure import FEATURES
from napari_cathode.project import Project, open_project, snapshot
from napari_cathode.session import ParticleSet, Predictions, Session
from napari_cathode.tomogram import Tomogram

SPACING = (0.1, 0.1, 0.1)


def balls(edge: int, cell: int = 32) -> np.ndarray:
    """Give a ball in each cell of a volume."""
    z, y, x = (np.indices((cell,) * 3) - cell / 2 + 0.5) * 2.1 / cell
    ball = (z**2 + y**2 + x**2 < 1).astype(np.int32)
    count = edge // cell
    numbers = 1 + np.arange(count**3, dtype=np.int32).reshape((count,) * 3)
    return np.kron(numbers, np.ones((cell,) * 3, np.int32)) * np.tile(ball, (count,) * 3)


def table_of(labels: np.ndarray) -> pd.DataFrame:
    """Give a table with all columns that there are."""
    ids = np.unique(labels)[1:]
    rng = np.random.default_rng(0)
    return pd.DataFrame({"label": ids, **{name: rng.random(len(ids)) for name in FEATURES if name != "label"}})


def timed(function) -> tuple[float, object]:
    """Give the processor time of a call, of all threads, and what it returns."""
    start = time.process_time()
    result = function()
    return time.process_time() - start, result


def main() -> None:
    """Save, edit, save again, and open."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edges", type=int, nargs="+", default=[256, 512])
    parser.add_argument("--views", action="store_true", help="with what three views saw")
    arguments = parser.parse_args()
    print("edge  particles  take (ms)  first save  unchanged  after an edit  open (CPU s)  on disk (MB)")
    for edge in arguments.edges:
        with tempfile.TemporaryDirectory() as scratch:
            measure(edge, Path(scratch) / "project", arguments.views)


def views_of(labels: np.ndarray) -> Predictions:
    """Give what three views saw: probabilities that are high inside, with noise."""
    rng = np.random.default_rng(0)
    inside = (labels > 0) * rng.uniform(0.4, 1.0, labels.shape).astype(np.float16)
    views = {name: ViewPrediction(name, labels.copy(), inside, SPACING, None) for name in ("xy", "xz", "yz")}
    return Predictions("balls", views, Tomogram(np.zeros((1, *labels.shape[1:]), np.uint8), SPACING, "grey"))


def measure(edge: int, folder: Path, views: bool) -> None:
    """Print a line for one size."""
    session = Session()
    particles = ParticleSet(balls(edge), "balls", SPACING)
    session.add(particles)
    if views:
        session.add_predictions(views_of(particles.labels))
    session.set_table(particles, table_of(particles.labels))
    project = Project.new(folder)
    first, _ = timed(lambda: project.save(snapshot(session)))
    unchanged, _ = timed(lambda: project.save(snapshot(session)))
    for label in range(2, 200):
        session.edit(particles, operations.delete(particles.labels, [label]))
    take, state = timed(lambda: snapshot(session))
    again, _ = timed(lambda: project.save(state))
    opening, opened = timed(lambda: open_project(folder))
    assert np.array_equal(opened.state.current.labels, particles.labels) and opened.notes == ()
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 2**20
    count = len(particles.table)
    costs = f"{1000 * take:9.1f}  {first:10.2f}  {unchanged:9.3f}  {again:13.2f}  {opening:12.2f}  {size:12.1f}"
    print(f"{edge:4}  {count:9}  {costs}")


if __name__ == "__main__":
    main()
