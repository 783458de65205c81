"""Time of edits with all that follows them, and of undoing: ``python benchmarks/edit_speed.py``.

On a simulated electrode, repeated to the size asked for, in a viewer without a window: labels, history, table, colours
and the layer's features follow each edit; only drawing on the screen is not counted. Splits in two part a pair that was
merged before, holes and missing slices are made before they are filled. CPU seconds, the slowest of each.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from measure_speed import electrode
from napari.components import ViewerModel

from napari_cathode.edit import Change, EditParameters, change_between, merge
from napari_cathode.errors import InputError
from napari_cathode.measure import measure, summarise
from napari_cathode.plugin.link import link_of
from napari_cathode.progress import drain
from napari_cathode.session import Colouring, ParticleSet
from napari_cathode.tomogram import Tomogram
from napari_cathode.widgets.edit_jobs import edit_job

KINDS = (
    "merge with the nearest",
    "split in two",
    "split along a line",
    "split along a slanted plane",
    "split at seeds",
    "delete",
    "fill holes",
    "smooth",
    "grow",
    "delete in one slice",
    "fill between slices",
    "brush stroke",
)


def edit_of(kind: str, particles: ParticleSet, rng: np.random.Generator) -> tuple[Change | None, Callable[[], Change]]:
    """Give an edit of a particle drawn by lot, as the Edit panel makes it, and what has to be done to it before.

    The latter makes the fault that the edit corrects: two particles in one, a hole, slices that were left out.
    """
    labels, spacing, table = particles.labels, particles.spacing_um, particles.table
    boxes = particles.find_boxes()
    assert spacing is not None and table is not None and boxes is not None
    row = table.iloc[int(rng.integers(len(table)))]
    label = int(row["label"])
    z, y, x = (float(row[f"{axis}_um"]) / edge for axis, edge in zip("zyx", spacing, strict=True))
    apart = ((table[["z_um", "y_um", "x_um"]] - row[["z_um", "y_um", "x_um"]]).astype(float) ** 2).sum(axis=1)
    near = int(table["label"].iloc[int(np.argsort(apart.to_numpy())[1])])
    known = {
        "merge with the nearest": ("merge", [label, near], {}),
        "split in two": ("split", [min(label, near)], {}),
        "split along a line": ("split", [label], {"line": ((z, y - 1, x), (z, y + 1, x), 0)}),
        "split along a slanted plane": ("split", [label], {"line": ((z, y - 1, x), (z, y + 1, x), (0.6, 0.0, 0.8))}),
        "split at seeds": ("split", [label], {"seeds": [(z, y, x - 2), (z, y, x + 2)]}),
        "delete": ("delete", [label], {}),
        "fill holes": ("fill", [label], {}),
        "smooth": ("smooth", [label], {}),
        "grow": ("grow", [label], {}),
        "delete in one slice": ("delete", [label], {"plane": (0, round(z))}),
        "fill between slices": ("fill between", [label], {}),
    }
    name, ids, options = known[kind]
    fault = None
    if kind == "split in two":
        fault = merge(labels, [label, near])
    elif kind in ("fill holes", "fill between slices"):
        box = boxes.boxes(labels, [label])[label]
        before = labels[box].copy()
        after = before.copy()
        if kind == "fill holes":
            hole = tuple(
                slice(max(0, round(c) - s.start - 1), round(c) - s.start + 2)
                for c, s in zip((z, y, x), box, strict=True)
            )
        else:
            hole = (slice(len(after) // 3, 2 * len(after) // 3), slice(None), slice(None))
        after[hole][after[hole] == label] = 0
        fault = change_between(before, after, tuple(side.start for side in box), "fault")
    return fault, lambda: drain(edit_job(particles, boxes, name, ids, EditParameters(), **options).here())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=128, help="voxels along an edge of the simulated block")
    parser.add_argument("--repeats", type=int, default=2, help="blocks along each axis")
    parser.add_argument("--rounds", type=int, default=4, help="edits of each kind")
    options = parser.parse_args()
    labels, image, spacing = electrode(options.size, options.repeats)
    tomogram = Tomogram(image, spacing, "electrode")
    viewer = ViewerModel()
    link = link_of(viewer)
    particles = ParticleSet(labels, "particles", spacing, tomogram)
    link.session.add(particles)
    with ThreadPoolExecutor(2) as pool:
        began = time.process_time()
        table = measure(labels, image, spacing, executor=pool)
    print(f"{labels.shape} voxels, {len(table)} particles; measuring all: {time.process_time() - began:.1f} CPU s")
    link.set_table(particles, table, summarise(table, labels, spacing), tomogram)
    link.session.set_colouring(particles, Colouring("damage"))
    rng = np.random.default_rng(5)
    took: dict[str, list[tuple[float, float, float]]] = {}
    for _ in range(options.rounds):
        for kind in KINDS:
            timed = _time(link, particles, kind, rng)
            if timed is not None:
                took.setdefault(kind, []).append(timed)
    for kind, times in took.items():
        finding, following, back = np.max(times, axis=0)
        print(
            f"{kind}: {finding + following:.2f} CPU s ({finding:.2f} to find the change, {following:.2f} until table "
            f"and colours follow), undo {back:.2f}; slowest of {len(times)}"
        )
    print(f"history: {particles.history.nbytes / 1e6:.2f} MB for {len(particles.history.done)} edits")


def _time(link: Any, particles: ParticleSet, kind: str, rng: np.random.Generator) -> tuple[float, float, float] | None:
    """Give the CPU seconds that an edit takes: to find it, until the table follows, to undo it; it is repeated then."""
    if kind == "brush stroke":
        layer = link.layer_of(particles)
        layer.brush_size, layer.n_edit_dimensions = 9, 3
        row = particles.table.iloc[int(rng.integers(len(particles.table)))]
        edges = zip("zyx", particles.spacing_um, particles.labels.shape, strict=True)
        # Beside its centre: strokes far from the particle would make it as large as the volume.
        place = [min(row[f"{axis}_um"] / edge + 6, size - 1) for axis, edge, size in edges]
        began = found = time.process_time()
        layer.paint(place, int(row["label"]))
    else:
        fault, make = edit_of(kind, particles, rng)
        if fault is not None:
            link.session.edit(particles, fault)
        began = time.process_time()
        try:
            change = make()
        except InputError:  # no seed within the particle, nothing beside it
            return None
        found = time.process_time()
        link.session.edit(particles, change)
    if particles.out_of_date:
        raise SystemExit(f"the table did not follow: {link.remeasuring.problem}")
    done = time.process_time()
    link.session.undo(particles)
    undone = time.process_time()
    link.session.redo(particles)
    return found - began, done - found, undone - done


if __name__ == "__main__":
    main()
