"""How right the measured values are: ``python benchmarks/measure_validation.py > docs/validation.md``.

Each feature against an oracle from elsewhere, the same particle described otherwise, and damage against the truth of
simulated electrodes. Takes some minutes; ``--without-simulated`` leaves out the last part and takes one.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator
from dataclasses import replace

import measure_accuracy
import measure_invariances
import measure_oracles
import numpy as np

from napari_cathode.measure import MeasureParameters
from napari_cathode.simulate import PRESETS, simulate

SEEDS = (701, 702, 703, 704)
"""Seeds that no parameter was chosen with."""
SIZE = 144

INTRODUCTION = """# How right the values are

This page is made by `python benchmarks/measure_validation.py > docs/validation.md`. [Features](features.md) says what
each value means.

## Against oracles

Every value is compared with one that somebody else's code gives, or that geometry gives. The error is the largest that
was seen, and the limit is what the tests hold it to.

| Feature | Oracle | Error | Limit |
|---|---|---|---|
"""
SAME = """
## The same particle, described otherwise

The largest change of a value when a particle is sampled, turned, moved or numbered in another way.

| What changes | Features | Change | Limit |
|---|---|---|---|
"""
DAMAGE = """
## Damage of simulated electrodes

Electrodes with known cracks are imaged with blur, noise, fringes and uneven brightness, and measured with the default
parameters. *Filled* labels are the true ones; *solid only* leave the true cracks out; *thresholded* are what is
brighter than half way between solid and background; *predicted* are those that the program finds itself, *fused* from
the three views or in *3D*, where one shares at least half of its voxels with a true particle (as intersection over
union). Volumes of {size}³ voxels, seeds {seeds}; particles that the border does not cut. r is the correlation.

| Electrode | Labels | Particles | Bias | SD of error | r | Aim |
|---|---|---|---|---|---|---|
"""
AGREEMENT = """
Labels that leave the cracks out against filled labels of the same particles:

| Electrode | Labels | Mean difference | Mean of absolute differences | Median of these | Within 0.005 |
|---|---|---|---|---|---|
"""
AFTER = """
What is off in *predicted* are the labels more than measuring: particles that were divided along a crack, so that the
crack lies in no label, or that took in what is beside them, which weighs most in small crystals. Of the fused labels of
single crystals that share at least 0.8 of their voxels with the particle r is 0.96 and 0.98
(`python benchmarks/measure_predicted.py`, seeds 701 and 703). The 3D network, which sees crystals whole, divides fewer:
find single crystals with it. Each volume holds some 30 to 70 whole particles, so that a few of them move r.

Where labels that leave the cracks out and filled ones differ by more than 0.005, it is in the mouths of wide cracks of
shattered particles: there neither the image nor the shape of the rest tells to the voxel where the particle ended.

In slices a section may run along a crack, so that little solid is left to tell where the particle ended: there, labels
of the solid alone give r of 0.8 to 0.93 (`python benchmarks/measure_accuracy.py`); use labels that cover particles.
Flat faces that lie along the voxels are seen 10 % too small by any estimate from 2 × 2 × 2 voxels in 13 directions,
faces in other directions 1 to 6 %.
"""
FUSED, IN_3D = "predicted, fused", "predicted, 3D"
FOUND = (0.02, 0.9)
AIMS = {"filled": (0.005, 0.97), "solid only": (0.005, 0.97), "thresholded": FOUND, FUSED: FOUND, IN_3D: FOUND}


def simulated(seeds: tuple[int, ...], size: int) -> Iterator[str]:
    """Give the rows of damage against the truth, then those of agreement."""
    parameters = MeasureParameters()
    later = []
    together: dict[str, measure_accuracy.Compared] = {}
    for name, preset in PRESETS.items():
        found: dict[str, measure_accuracy.Compared] = {}
        agreed: dict[str, measure_accuracy.Compared] = {}
        for seed in seeds:
            simulation = simulate(replace(preset, size_z=size, size_y=size, size_x=size), seed)
            ways = dict(measure_accuracy.labels_of_solid(simulation))
            ways[FUSED] = measure_accuracy.predicted(simulation)
            ways[IN_3D] = measure_accuracy.predicted(simulation, in_3d=True)
            filled = measure_accuracy.compare(simulation, simulation.labels, parameters)
            _add(found, "filled", filled)
            for way, labels in ways.items():
                compared = measure_accuracy.compare(simulation, labels, parameters)
                _add(found, way, compared)
                _add(agreed, way, compared.against(filled))
        for way, values in found.items():
            yield _row(name, way, values)
            _add(together, way, values)
        for way in ("solid only", "thresholded"):
            apart = agreed[way].measured - agreed[way].truth
            near = (abs(apart) <= 0.005).mean()
            later.append(
                f"| {name} | {way} | {apart.mean():+.4f} | {abs(apart).mean():.4f} | {np.median(abs(apart)):.4f} | "
                f"{near:.0%} |"
            )
    for way, values in together.items():
        yield _row("all three", way, values)
    yield AGREEMENT.rstrip("\n")
    yield from later


def _row(name: str, way: str, values: measure_accuracy.Compared) -> str:
    bias, correlation = AIMS[way]
    missed = "" if abs(values.bias) <= bias and values.correlation >= correlation else " **missed**"
    return (
        f"| {name} | {way} | {len(values.ids)} | {values.bias:+.4f} | {values.spread:.4f} | "
        f"{values.correlation:.3f} | ≤ {bias:g}, ≥ {correlation:g}{missed} |"
    )


def _add(found: dict[str, measure_accuracy.Compared], way: str, values: measure_accuracy.Compared) -> None:
    found[way] = found[way] + values if way in found else values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--without-simulated", action="store_true", help="only oracles and invariances")
    parser.add_argument("--size", type=int, default=SIZE, help="voxels along an edge of the simulated volumes")
    parser.add_argument("--seeds", type=int, nargs="+", default=SEEDS)
    options = parser.parse_args()
    # The page has signs such as µ and ≤, whatever the terminal's own encoding is.
    assert isinstance(sys.stdout, io.TextIOWrapper)
    sys.stdout.reconfigure(encoding="utf-8", newline="\n", line_buffering=True)
    sys.stdout.write(INTRODUCTION)
    for row in measure_oracles.oracles():
        print(row)
    sys.stdout.write(SAME)
    for row in measure_invariances.invariances():
        print(row)
    if options.without_simulated:
        return
    sys.stdout.write(DAMAGE.format(size=options.size, seeds=", ".join(map(str, options.seeds))))
    for line in simulated(tuple(options.seeds), options.size):
        print(line)
    sys.stdout.write(AFTER)


if __name__ == "__main__":
    main()
