"""A small analysis, put together by hand: balls on a lattice with made-up damage."""

from dataclasses import dataclass
from types import SimpleNamespace

import numpy as np
import pandas as pd

from napari_cathode.explain import ExplainParameters, explain
from napari_cathode.measure import summarise
from napari_cathode.tomogram import Tomogram

SPACING = (0.2, 0.1, 0.1)


@dataclass(frozen=True)
class Parameters:
    """As the pipeline's: a seed of its own and one dataclass per step."""

    explain: ExplainParameters
    seed: int = 0


def tiny_result(dimensions: int = 3, explained: bool = True, name: str = "tiny <electrode>") -> SimpleNamespace:
    """Make a result of 5 × 8 balls in two layers (in 2D: 64 discs)."""
    rng = np.random.default_rng(0)
    labels, grey = _balls(dimensions, rng)
    ids = np.unique(labels)[1:]
    n = len(ids)
    sphericity = rng.beta(8, 2, n)
    damage = np.clip(0.3 - 0.3 * (sphericity - 0.8) + rng.normal(0, 0.005, n), 0, 1)
    border = ids % 9 == 0
    damage[border] = np.nan
    diameter = rng.lognormal(0, 0.2, n)
    shape, size, solid = (
        ("sphericity", "volume_um3", "solid_volume_um3")
        if dimensions == 3
        else ("circularity", "area_um2", "solid_area_um2")
    )
    table = pd.DataFrame(
        {
            "label": ids,
            "z_um": rng.uniform(0, 5, n),
            size: diameter**dimensions,
            "damage": damage,
            shape: sphericity,
            "contact": rng.random(n),
            "pdensity": rng.random(n),
            "equivalent_diameter_um": diameter,
            solid: 0.001 * diameter**dimensions,
            "touches_border": border,
        }
    )
    parameters = ExplainParameters(n_trees=10, repeats=1)
    return SimpleNamespace(
        tomogram=Tomogram(grey, SPACING, name=name, source="somewhere/tiny.tif"),
        views={},
        labels=labels,
        table=table,
        summary=summarise(table, labels, SPACING),
        explanation=explain(table, parameters) if explained else None,
        not_explained="" if explained else "Only 3 of 5 particles can be used; at least 30 are needed.",
        parameters=Parameters(parameters),
        used={"napari-cathode": "0.1.0", "model": {"name": "cathode2d"}},
    )


def _balls(dimensions: int, rng: np.random.Generator):
    shape = (12, 80, 60) if dimensions == 3 else (1, 96, 96)
    labels = np.zeros(shape, np.int32)
    z, y, x = np.indices(shape)
    place = 0
    for cz in (3, 9) if dimensions == 3 else (0,):
        for cy in range(6, shape[1], 12 if dimensions == 2 else 10):
            for cx in range(6, shape[2], 12):
                place += 1
                labels[(4 * (z - cz) ** 2 + (y - cy) ** 2 + (x - cx) ** 2) < 22] = place
    grey = np.where(labels > 0, 170, 90) + rng.normal(0, 12, shape)
    return labels, np.clip(grey, 0, 255).astype(np.uint8)
