"""Time of edits with all that follows them, and of undoing: ``python benchmarks/edit_speed.py``.

On a simulated electrode, repeated to the size asked for, in a viewer without a window: labels, history, table, colours
and the layer's features follow each edit; only drawing on the screen is not counted. CPU seconds, the slowest of each.
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

from napari_cathode.edit import Change, delete, fill, free_id, grow, merge, smooth, split_along_line, split_in_parts
from napari_cathode.errors import InputError
from napari_cathode.measure import measure, summarise
from napari_cathode.plugin.link import link_of
from napari_cathode.session import Colouring, ParticleSet
from napari_cathode.tomogram import Tomogram


def edits(particles: ParticleSet, rng: np.random.Generator) -> dict[str, Callable[[], Change]]:
    """Give an edit of each kind, of particles drawn by lot."""
    labels, spacing = particles.labels, particles.spacing_um
    assert spacing is not None and particles.tomogram is not None
    image = particles.tomogram.data
    table = particles.table
    row = table.iloc[int(rng.integers(len(table)))]
    label = int(row["label"])
    z, y, x = (row[f"{axis}_um"] / edge for axis, edge in zip("zyx", spacing, strict=True))
    apart = ((table[["z_um", "y_um", "x_um"]] - row[["z_um", "y_um", "x_um"]]).astype(float) ** 2).sum(axis=1)
    near = int(table["label"].iloc[int(np.argsort(apart.to_numpy())[1])])
    new = free_id(labels)
    return {
        "merge with the nearest": lambda: merge(labels, [label, near]),
        "split in two": lambda: split_in_parts(labels, label, 2, spacing, new),
        "split along a line": lambda: split_along_line(labels, label, (z, y - 1, x), (z, y + 1, x), 0, new),
        "delete": lambda: delete(labels, [label]),
        "fill holes": lambda: fill(labels, [label]),
        "smooth": lambda: smooth(labels, [label], spacing, 0.3),
        "grow": lambda: grow(labels, [label], image, spacing, 0.5),
    }


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
        for kind in [*edits(particles, rng), "brush stroke"]:
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
    began = time.process_time()
    if kind == "brush stroke":
        layer = link.layer_of(particles)
        layer.brush_size, layer.n_edit_dimensions = 9, 3
        row = particles.table.iloc[int(rng.integers(len(particles.table)))]
        edges = zip("zyx", particles.spacing_um, particles.labels.shape, strict=True)
        # Beside its centre: strokes far from the particle would make it as large as the volume.
        place = [min(row[f"{axis}_um"] / edge + 6, size - 1) for axis, edge, size in edges]
        layer.paint(place, int(row["label"]))
        found = began
    else:
        try:
            change = edits(particles, rng)[kind]()
        except InputError:  # nothing to fill, no neck
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
