"""CPU seconds of the explanation step at its defaults and of the stability check, imports apart.

Run ``python benchmarks/explain_speed.py [--particles N] [--model auto|forest|boosting] [--stability]``. 2,000 particles
× 21 predictors; exits with 1 above the limits: 25 CPU s for the step (both regressions tried; random and blocked
folds; attributions of held-out particles), 60 CPU s for ten seeds.
"""

import argparse
import sys
import time

import numpy as np
import pandas as pd

from napari_cathode.explain import ExplainParameters, Explanation, explain, iter_explain
from napari_cathode.explain.stability import stability

PREDICTORS = 21
LIMIT_S, STABILITY_LIMIT_S = 25.0, 60.0


def table(particles: int, smooth: bool = False) -> pd.DataFrame:
    """Make a table; with ``smooth`` a law that boosting follows better than the forest, else one for the forest."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(particles, PREDICTORS))
    damage = 0.2 + 0.03 * values[:, 0] - 0.02 * np.abs(values[:, 1]) + 0.03 * values[:, 2] * values[:, 3]
    noise = 0.03
    if not smooth:
        damage, noise = 0.2 + 0.05 * np.sign(values[:, 0]), 0.08
    damage += rng.normal(0, noise, particles)
    values[rng.random(values.shape) < 0.05] = np.nan
    named = pd.DataFrame(values, columns=[f"property_{number:02d}" for number in range(PREDICTORS)])
    places = {f"{axis}_um": rng.uniform(0, 100, particles) for axis in "yx"}
    return named.assign(damage=damage, label=np.arange(1, particles + 1), **places)


def measure_step(particles: int, model: str, smooth: bool) -> tuple[Explanation, bool]:
    wall, cpu, gap = time.perf_counter(), time.process_time(), 0.0
    steps = iter_explain(table(particles, smooth), ExplainParameters(model=model))
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
    print(f"{particles} particles x {len(found.predictors)} predictors, {len(found.fold_scores)} fits:")
    print(f"  {scores['model']} taken, R2 {scores['r2_mean']:.2f}, {scores['blocked_folds']['r2_mean']:.2f} in blocks")
    print(f"  {cpu:.1f} CPU s (limit {LIMIT_S:.0f}), {wall:.1f} s, at most {gap:.2f} s between two steps", flush=True)
    return found, cpu <= LIMIT_S


def measure_stability(found: Explanation) -> bool:
    cpu = time.process_time()
    check = stability(found, workers=1)
    cpu = time.process_time() - cpu
    print(f"  ten seeds and ten subsets: {cpu:.1f} CPU s (limit for the seeds {STABILITY_LIMIT_S:.0f})")
    print(f"  {check.text()}", flush=True)
    return cpu <= STABILITY_LIMIT_S


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--particles", type=int, default=2000)
    arguments.add_argument("--model", default="auto")
    arguments.add_argument("--stability", action="store_true")
    given = arguments.parse_args()

    explain(table(60), ExplainParameters(n_trees=2, boosting_rounds=2, repeats=1))  # imports
    good = True
    for smooth in (True, False):
        found, quick = measure_step(given.particles, given.model, smooth)
        good &= quick
        if given.stability:
            good &= measure_stability(found)
    return int(not good)


if __name__ == "__main__":
    sys.exit(main())
