"""Time from an edit to the new table, against measuring all: ``python benchmarks/measure_edits.py``.

Merges, deletes, splits and paints particles of a simulated electrode, and compares the table with that of a full run.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from measure_speed import electrode, timed

from napari_cathode.measure import measure


def edit(labels: Any, kind: str, rng: np.random.Generator) -> tuple[Any, Any]:
    """Give edited labels and the box of what changed."""
    after = labels.copy()
    ids, counts = np.unique(labels[labels > 0], return_counts=True)
    label = rng.choice(ids[counts > np.median(counts)])  # the larger half: what people edit, and what costs most
    place = np.argwhere(labels == label)
    if kind == "merge":
        box = tuple(slice(max(at - 3, 0), end + 4) for at, end in zip(place.min(0), place.max(0), strict=True))
        near, sizes = np.unique(labels[box], return_counts=True)
        sizes[(near == 0) | (near == label)] = 0
        after[labels == near[np.argmax(sizes)]] = label
    elif kind == "delete":
        after[labels == label] = 0
    elif kind == "split":
        after[tuple(place[place[:, 0] > np.median(place[:, 0])].T)] = ids.max() + 1
    else:
        z, y, x = place[len(place) // 2]
        after[z, max(y - 6, 0) : y + 6, max(x - 6, 0) : x + 6] = label
    where = np.argwhere(after != labels)
    return after, tuple((int(low), int(high) + 1) for low, high in zip(where.min(0), where.max(0), strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=128, help="voxels along an edge of the simulated block")
    parser.add_argument("--repeats", type=int, default=2, help="blocks along each axis")
    parser.add_argument("--edits", type=int, default=3, help="edits of each kind")
    options = parser.parse_args()
    labels, image, spacing = electrode(options.size, options.repeats)
    rng = np.random.default_rng(1)
    with ThreadPoolExecutor(2) as pool:
        measure(labels[:64, :64, :64], image[:64, :64, :64], spacing)  # compiles
        cpu, wall, table = timed(lambda: measure(labels, image, spacing, executor=pool))
        print(f"{labels.shape} voxels, {len(table)} particles; all: {cpu:.1f} CPU s, {wall:.1f} s")
        for kind in ("paint", "split", "delete", "merge"):
            for number in range(options.edits):
                after, box = edit(labels, kind, rng)
                state = table.attrs["state"]
                given = {"executor": pool, "previous": state}

                def again(after: Any = after, box: Any = box, given: Any = given, state: Any = state) -> Any:
                    reach = state.region(after, [box])
                    parts = state.excerpt(after, reach), state.excerpt(image, reach)
                    return measure(*parts, spacing, changed=[box], **given)

                cpu, wall, edited = timed(again)
                same = edited.equals(measure(after, image, spacing, **given)) if number == 0 else "not compared"
                now = edited.attrs["state"].particles
                fresh = sum(now[label] is not state.particles.get(label) for label in now)
                print(f"{kind}: {fresh} particles anew, {cpu:.2f} CPU s, {wall:.2f} s; equal to a full run: {same}")
        whole = measure(after, image, spacing, executor=pool)
        shift = (edited.set_index("label")["damage"] - whole.set_index("label")["damage"]).abs().max()
        print(f"largest difference of damage when the grey levels are learnt afresh after the last edit: {shift:.5f}")


if __name__ == "__main__":
    main()
