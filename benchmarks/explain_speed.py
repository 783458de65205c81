"""CPU seconds of the explanation step at its defaults: 2,000 particles × 21 predictors, imports apart.

Run ``python benchmarks/explain_speed.py [--particles N] [--limit SECONDS]``; exits with 1 above the limit.
"""

import argparse
import sys
import time

import numpy as np
import pandas as pd

from napari_cathode.explain import ExplainParameters, explain, iter_explain

PREDICTORS = 21


def table(particles: int) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(particles, PREDICTORS))
    damage = 0.2 + 0.03 * values[:, 0] - 0.02 * np.abs(values[:, 1]) + 0.03 * values[:, 2] * values[:, 3]
    damage += rng.normal(0, 0.03, particles)
    values[rng.random(values.shape) < 0.05] = np.nan
    named = pd.DataFrame(values, columns=[f"property_{number:02d}" for number in range(PREDICTORS)])
    return named.assign(damage=damage, label=np.arange(1, particles + 1))


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--particles", type=int, default=2000)
    arguments.add_argument("--limit", type=float, default=25.0)
    given = arguments.parse_args()

    explain(table(40), ExplainParameters(n_trees=2, repeats=1))  # imports
    wall, cpu, gap = time.perf_counter(), time.process_time(), 0.0
    steps = iter_explain(table(given.particles))
    while True:
        before = time.perf_counter()
        try:
            next(steps)
        except StopIteration as stop:
            found = stop.value
            break
        gap = max(gap, time.perf_counter() - before)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    scores = found.scores
    print(f"{given.particles} particles x {len(found.predictors)} predictors, {len(found.fold_scores)} fits:")
    print(f"  {cpu:.1f} CPU s, {wall:.1f} s, at most {gap:.2f} s between two steps; R2 {scores['r2_mean']:.2f}")
    return int(cpu > given.limit)


if __name__ == "__main__":
    sys.exit(main())
