"""Whether the explanation finds the drivers of damage that the simulator planted.

Run ``python benchmarks/explain_planted.py [--seeds N] [--measured]``. For each preset and seed a volume is simulated;
its true table (with ``--measured``: the table measured on the true labels and the image) is explained. Precision at k
is the part of the k leading groups of correlated features that hold a planted driver, with k the number of groups that
do.
"""

import argparse
from dataclasses import replace

import numpy as np

from napari_cathode.explain import Explanation, explain
from napari_cathode.measure import measure
from napari_cathode.simulate import PRESETS, Simulation, simulate

SIZE = {"size_z": 192, "size_y": 256, "size_x": 256}
STUDY = ("nmc-10-cycles", "nmc-50-cycles")


def precision(found: Explanation, drivers: set[str]) -> float:
    groups = found.importance.groupby("group", sort=False)
    planted = {name for name, members in groups if drivers & set(members["feature"])}
    leading = groups["group_share"].first().sort_values(ascending=False).head(len(planted))
    return len(planted & set(leading.index)) / len(planted)


def table_of(simulation: Simulation, measured: bool):
    if not measured:
        return simulation.table
    return measure(simulation.labels, simulation.image, simulation.spacing_um, field_of_view=simulation.field_of_view)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--measured", action="store_true")
    given = arguments.parse_args()
    for preset in STUDY:
        reached = []
        drivers = dict(PRESETS[preset].drivers)
        for seed in range(given.seeds):
            simulation = simulate(replace(PRESETS[preset], **SIZE), seed)
            found = explain(table_of(simulation, given.measured))
            reached.append(precision(found, set(drivers)))
            lead = ", ".join(f"{row.feature} {100 * row.share:.0f} %" for row in found.importance.head(6).itertuples())
            scores = found.scores
            print(
                f"{preset} seed {seed}: precision {reached[-1]:.2f}, R2 {scores['r2_mean']:.2f}, "
                f"{scores['particles']} particles; {lead}",
                flush=True,
            )
        print(f"{preset}: planted {', '.join(drivers)}; mean precision {np.mean(reached):.2f}")


if __name__ == "__main__":
    main()
