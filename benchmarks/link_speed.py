"""How long it takes to link the sections of a stack of slices.

Run ``python benchmarks/link_speed.py [--slices 500] [--labels 200] [--size 512]``; it prints the CPU seconds of each
way to link, and how many particles are linked through all slices. Filling the gaps is counted.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from napari_cathode.fuse.linking import LinkRule, iter_link
from napari_cathode.progress import drain


def stack(slices: int, labels: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Give slices of discs that wander, and a twentieth of which is lost; truth, and labels that start anew."""
    rng = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(labels)))
    cell = size / side
    centres = (np.argwhere(np.ones((side, side)))[:labels] + 0.5) * cell
    y, x = np.mgrid[:size, :size]
    truth = np.zeros((slices, size, size), dtype=np.int32)
    seen = np.zeros_like(truth)
    at = centres.copy()
    for index in range(slices):
        at = np.clip(at + rng.normal(0, 0.4, at.shape), centres - cell / 8, centres + cell / 8)
        lost = rng.random(labels) < 0.05
        number = rng.permutation(labels) + 1
        for label, (cy, cx) in enumerate(at):
            low = np.maximum((cy - cell / 2, cx - cell / 2), 0).astype(int)
            box = np.s_[low[0] : low[0] + int(cell) + 2, low[1] : low[1] + int(cell) + 2]
            disc = (y[box] - cy) ** 2 + (x[box] - cx) ** 2 < (0.36 * cell) ** 2
            truth[index][box][disc] = label + 1
            if not lost[label]:
                seen[index][box][disc] = number[label]
    return truth, seen


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--slices", type=int, default=500)
    reader.add_argument("--labels", type=int, default=200)
    reader.add_argument("--size", type=int, default=512, help="edge of a slice in pixels")
    given = reader.parse_args()
    truth, seen = stack(given.slices, given.labels, given.size, 0)
    print(f"{given.slices} slices of {given.size}² pixels with {given.labels} labels, 5 % of the sections lost")
    for by in ("distance", "overlap"):
        rule = LinkRule(by, 0.25 * given.size / np.sqrt(given.labels), 0.3, 3)
        drain(iter_link(seen[:4], 0, (1, 1, 1), rule))  # compiles
        start = time.process_time()
        found = drain(iter_link(seen, 0, (1, 1, 1), rule))
        seconds = time.process_time() - start
        both = (truth > 0) & (seen > 0)
        pairs = np.unique(np.stack([truth[both], found[both]]), axis=1)
        whole = (np.bincount(pairs[0])[1:] == 1).sum()
        print(f"{by:<9} {seconds:6.2f} CPU s, {whole} of {given.labels} particles linked through all slices")


if __name__ == "__main__":
    main()
