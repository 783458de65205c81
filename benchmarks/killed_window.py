"""Kill a real window by ``kill -9`` at random moments of a long series of edits, measurements and saves.

Twenty deaths take about a quarter of an hour, most of it waiting::

    xvfb-run -a -s "-screen 0 1366x768x24" python benchmarks/killed_window.py

Every other life works in a project, the others in what was never saved; each goes on where the one before was cut off:
it opens the project, or takes up the offer to recover. After each death what is on the disk is opened and compared with
the edits that were made: how old is the oldest that is lost, and do all edits that are there go back to the labels as
they were in the beginning.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

EDIT_MS = 1000
SAMPLE = "nmc-50-cycles"


def main() -> None:
    """Let it live and die."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deaths", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--longest", type=float, default=75.0, help="seconds of work before a death, at most")
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)
    place = Path(tempfile.mkdtemp(prefix="killed-"))
    worst, made = 0.0, 0
    print(f"{'death':>5} {'kind':>8} {'lived':>7} {'edits':>6} {'kept':>6} {'oldest lost':>12}")
    for death in range(arguments.deaths):
        kind = ("recovery", "project")[death % 2]
        lived, edits, kept, lost = _live_and_die(place / kind, kind, death, float(rng.uniform(3, arguments.longest)))
        worst, made = max(worst, lost), made + edits
        print(f"{death + 1:>5} {kind:>8} {lived:>6.1f}s {edits:>6} {kept:>6} {lost:>11.1f}s", flush=True)
    print(f"{arguments.deaths} deaths, {made} edits: the oldest edit that was ever lost was {worst:.1f} s old")


def _live_and_die(folder: Path, kind: str, life: int, moment_s: float) -> tuple[float, int, int, float]:
    """Start a window, kill it, and look: how long it worked, edits made and kept, age of the oldest that is lost."""
    folder.mkdir(exist_ok=True)
    log = folder / f"edits-{life}"
    environment = {**os.environ, "NAPARI_CATHODE_RECOVERY": str(folder / "unsaved")}
    os.environ["NAPARI_CATHODE_RECOVERY"] = str(folder / "unsaved")
    window = subprocess.Popen(
        [sys.executable, __file__, "--deaths", "0"],
        env={**environment, "KILLED_WINDOW": kind, "KILLED_LOG": str(log), "KILLED_SEED": str(life)},
        stderr=(folder / f"errors-{life}").open("w"),
    )
    while not log.exists():
        if window.poll() is not None:
            raise SystemExit((folder / f"errors-{life}").read_text())
        time.sleep(0.1)
    started = time.time()
    time.sleep(moment_s)
    if window.poll() is not None:
        raise SystemExit((folder / f"errors-{life}").read_text())
    window.send_signal(signal.SIGKILL)
    window.wait()
    died = time.time()
    rows = [line.split() for line in log.read_text().splitlines()]
    edits = [(int(count), float(when)) for count, when in rows]
    kept = _look(folder, kind)
    lost = [when for count, when in edits[1:] if count > kept]
    return died - started, len(edits) - 1, kept, died - min(lost) if lost else 0.0


def _look(folder: Path, kind: str) -> int:
    """Open what is on the disk, check that it is whole, and tell how many edits it holds."""
    from napari_cathode.project import holds_project, list_recoverable, open_project
    from napari_cathode.simulate.samples import load_sample

    left = list_recoverable()
    place = folder / "project" if kind == "project" else (left[0].project if left else None)
    newest = [one.project for one in left if kind == "project"]  # kept beside the project: nothing should be
    if newest:
        raise SystemExit(f"work was kept beside the project: {newest}")
    if place is None or not holds_project(place):
        return 0
    opened = open_project(place)
    if opened.notes:
        raise SystemExit(f"something is missing: {opened.notes}")
    particles = opened.state.current
    count = len(particles.history.log())
    labels = particles.labels.copy()
    while particles.history.undo(labels):
        pass  # raises where a step does not fit the labels
    if particles.history.earlier == 0 and not np.array_equal(labels, load_sample(SAMPLE).labels):
        raise SystemExit("the edits do not go back to the beginning")
    return count


def _work() -> None:
    """Be the window: go on with what is there, edit, measure, save now and then."""
    from napari import Viewer, run
    from qtpy.QtCore import QTimer

    from napari_cathode.edit.change import Change, change_between
    from napari_cathode.plugin.link import link_of
    from napari_cathode.project import holds_project
    from napari_cathode.widgets.docks import FEATURES, PLUGIN, open_dock
    from napari_cathode.widgets.keeper import keeper_of

    kind, log = os.environ["KILLED_WINDOW"], Path(os.environ["KILLED_LOG"])
    rng = np.random.default_rng(int(os.environ["KILLED_SEED"]))
    viewer = Viewer()
    features = open_dock(viewer, FEATURES)
    keeper, session = keeper_of(viewer), link_of(viewer).session
    project = log.parent / "project"

    def begin() -> None:
        if session.current is None:
            viewer.open_sample(PLUGIN, SAMPLE)
            link_of(viewer).adopt(viewer.layers[1])
        if kind == "project" and keeper.project is None:
            keeper.save_as(project)
        features.measure()
        timer.start()

    def note() -> None:
        with log.open("a") as stream:
            stream.write(f"{len(session.current.history.log())} {time.time()}\n")

    def edit() -> None:
        particles = session.current
        if features.runner.running:
            return  # what is measured must stay as it is meanwhile
        if not log.exists():
            note()
        if rng.random() < 0.02 and keeper.project is not None:
            keeper.save()
        if rng.random() < 0.03:
            features.measure()
        elif rng.random() < 0.2 and session.undo(particles):
            session.redo(particles)
        else:
            session.edit(particles, erased(particles.labels))
        note()

    def erased(labels: np.ndarray) -> Change:
        """Take a random bit out of a particle."""
        middle = np.argwhere(labels[labels.shape[0] // 2])
        y, x = middle[int(rng.integers(len(middle)))]
        z = labels.shape[0] // 2
        box = tuple(slice(max(0, int(place) - 1), int(place) + 2) for place in (z, y, x))
        before = np.array(labels[box])
        return change_between(before, np.zeros_like(before), tuple(side.start for side in box), "erase")

    timer = QTimer()
    timer.setInterval(EDIT_MS)
    timer.timeout.connect(edit)
    if holds_project(project):
        keeper.finished.connect(lambda: session.current is not None and not timer.isActive() and begin())
        keeper.open(project)
    elif keeper.recoverable:
        keeper.finished.connect(lambda: session.current is not None and not timer.isActive() and begin())
        keeper.recover(keeper.recoverable[0])
    else:
        begin()
    run()


if __name__ == "__main__":
    _work() if "KILLED_WINDOW" in os.environ else main()
