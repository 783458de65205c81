"""Edits, saves and runs in a process that is killed at random moments; started by test_killed.py.

One process imports everything and forks those that work, those that look, so that twenty deaths cost no twenty imports.
It never uses zarr or Arrow itself, whose threads would not survive the fork, but loads them. Moments are counted in
processor time of the process that dies, so that a busy machine does not kill all of them before they have begun.
"""

import importlib
import os
import signal
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path

import numpy as np
import pandas as pd
import psutil

from napari_cathode import io, results
from napari_cathode.edit import operations
from napari_cathode.project import Project, holds_project, open_project, snapshot
from napari_cathode.session import ParticleSet, Session
from napari_cathode.tomogram import Tomogram

for name in ("zarr", "pyarrow.parquet", "pyarrow.dataset", "napari_cathode.fuse", "napari_cathode.project.of_run"):
    importlib.import_module(name)

EDGE, COUNT = 4, 1000
LONGEST_S = 0.25
SPACING = (0.2, 0.1, 0.1)


def original() -> np.ndarray:
    """Give 1,000 cubes."""
    z, y, x = np.indices((40, 40, 40)) // EDGE
    return (1 + x + 10 * (y + 10 * z)).astype(np.int32)


def table_of(step: int) -> pd.DataFrame:
    return pd.DataFrame({"label": np.arange(1, 101), "step": step, "damage": np.linspace(0, 1, 100)})


def work(folder: Path, done: Path) -> None:
    """Delete one cube after the other, and save each time; now and then measure, judge, explain, and run anew."""
    session = Session()
    if holds_project(folder):
        opened = open_project(folder)
        project, (particles,) = opened.project, opened.state.particle_sets
    else:
        project = Project.new(folder)
        grey = Tomogram(np.arange(40**3, dtype=np.uint16).reshape(40, 40, 40), SPACING, "grey")
        particles = ParticleSet(original(), "cubes", SPACING, grey)
    session.add(particles)
    while True:
        step = len(particles.history.log()) + 1
        session.edit(particles, operations.delete(particles.labels, [step]))
        if step % 3 == 0:
            session.set_table(particles, table_of(step))
        session.judge(particles, [COUNT], note=str(step))
        project.save(snapshot(session))
        note(done, step)
        if step % 4 == 0:
            run(folder.with_name("run"), step)


def note(done: Path, step: int) -> None:
    """Take note of how many steps are saved for certain."""
    done.with_suffix(".new").write_text(str(step))
    done.with_suffix(".new").replace(done)


def run(folder: Path, step: int) -> None:
    """Write what a run writes, in its order, over the results of the run before."""
    results.prepare_folder(folder, overwrite=True)
    results.write_parameters(folder, {"napari_cathode": "test"})
    labels = original()[:8]
    results.write_labels(folder, labels, SPACING)
    kept = results.open_run_project(folder, Tomogram(labels.astype(np.uint16), SPACING, "grey"))
    kept.save({}, labels, {"step": step})
    table = table_of(step)
    results.write_table(folder, table, {})
    kept.save({}, labels, {"step": step}, table=table)


def look(folder: Path, done: Path) -> None:
    """Check that the project opens, holds one whole state, and nothing that was saved is lost."""
    saved = int(done.read_text()) if done.exists() else 0
    if not holds_project(folder):
        assert saved == 0
    else:
        opened = open_project(folder)
        assert opened.notes == (), opened.notes
        (particles,) = opened.state.particle_sets
        log = particles.history.log()
        step = len(log)
        assert saved <= step <= saved + 1, (saved, step)
        assert [entry["labels"] for entry in log] == [[number] for number in range(1, step + 1)]
        note(done, step)  # what was seen once must not be lost later
        expected = original()
        expected[expected <= step] = 0
        assert np.array_equal(particles.labels, expected)
        assert particles.review[COUNT]["note"] == str(step)
        measured = step - step % 3
        if measured:
            assert (particles.table["step"] == measured).all() and particles.out_of_date == (measured != step)
        assert particles.tomogram.data[1, 2, 3] == 40 * 40 + 2 * 40 + 3
        assert len(particles.history.done) == step
        while particles.history.undo(particles.labels):
            pass
        assert np.array_equal(particles.labels, original()), "all of it can be undone"
    ran = folder.with_name("run")
    if holds_project(ran):
        opened = open_project(ran)
        assert opened.notes == (), opened.notes
        assert np.array_equal(opened.state.current.labels, io.read_labels(ran / results.LABELS)[0])


def in_child(function, *arguments) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            function(*arguments)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return pid


def wait_for_moment(pid: int, moment_s: float) -> None:
    """Wait until a process has worked for so long; should it end by itself, that is found out later."""
    process, latest = psutil.Process(pid), time.monotonic() + 20
    with suppress(psutil.Error):
        while time.monotonic() < latest:
            used = process.cpu_times()
            if used.user + used.system >= moment_s:
                return
            time.sleep(0.003)


def main(folder: Path, deaths: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    project, done = folder / "project of mine", folder / "done"
    reached = 0
    for _ in range(deaths):
        pid = in_child(work, project, done)
        wait_for_moment(pid, float(rng.uniform(0.01, LONGEST_S)))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if not os.WIFSIGNALED(status):
            raise SystemExit("the work ended by itself")
        _, status = os.waitpid(in_child(look, project, done), 0)
        if status:
            raise SystemExit("something was lost")
        reached = int(done.read_text()) if done.exists() else reached
    left = {path.name for path in (project / "project").iterdir()}
    print(f"{deaths} deaths, {reached} saves, {len(left)} files in the end")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
