"""The Edit panel: a split before it is accepted."""

from __future__ import annotations

import numpy as np
from window import open_window, take, wait

from napari_cathode.edit import merge
from napari_cathode.plugin.link import link_of
from napari_cathode.session import ParticleSet
from napari_cathode.simulate.samples import load_sample
from napari_cathode.tomogram import Tomogram
from napari_cathode.widgets.docks import EDIT, open_dock


def main() -> None:
    """Merge two neighbours of a simulated electrode, and propose to part them again."""
    viewer = open_window()
    found = load_sample("nmc-10-cycles")
    tomogram = Tomogram(found.image, found.spacing_um, "electrode")
    image = viewer.add_image(found.image, name="electrode", scale=found.spacing_um, units=("µm",) * 3)
    particles = ParticleSet(found.labels.copy(), "electrode particles", found.spacing_um, tomogram)
    link = link_of(viewer)
    link.show(particles, image)
    panel = open_dock(viewer, EDIT)
    pair = _neighbours(particles.labels)
    link.session.edit(particles, merge(particles.labels, pair))
    link.session.selection = {min(pair)}
    link.session.focus(min(pair))
    wait(500)
    panel.edit("split")
    take("edit.png")
    viewer.close()


def _neighbours(labels: np.ndarray) -> list[int]:
    """Give two particles that touch in the middle of the volume."""
    z, y, x = (size // 4 for size in labels.shape)
    part = labels[2 * z, y:-y, x:-x]
    beside = (part[:, :-1] != part[:, 1:]) & (part[:, :-1] > 0) & (part[:, 1:] > 0)
    pairs, counts = np.unique(np.stack([part[:, :-1][beside], part[:, 1:][beside]], 1), axis=0, return_counts=True)
    return [int(label) for label in pairs[np.argmax(counts)]]


if __name__ == "__main__":
    main()
