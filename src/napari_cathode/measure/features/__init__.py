"""The dictionary of features: what each column is, in one place.

Tooltips, CSV sidecars, reports and the documentation (`page`) all come from here, and so does what may explain what.
"""

from __future__ import annotations

from collections.abc import Iterable

from .feature import Feature as Feature
from .further import FURTHER
from .study import OF_THE_STUDY
from .views import OF_VIEWS

GROUPS = {
    "A": "Position and orientation",
    "B": "Chemistry (grey)",
    "C": "Particle structure",
    "K": "Cracks and pores",
    "D": "Local morphology",
    "V": "Agreement of the views, and review",
    "": "Further columns",
}
"""Groups of features; A to D after Li et al., Science 376, 517 (2022)."""

CHOICES = {"position": "A", "grey": "B", "structure": "C", "cracks": "K", "surroundings": "D"}
"""Names by which groups are chosen to be measured; columns of no group are always there."""

PLACE = ("x_um", "y_um", "z_um")
"""Columns that are always there, like those of no group: without a place nothing can be found again."""

FAMILIES = ("size", "roundness", "elongation")
"""Families of columns that are made of the same sizes of the particle; that of damage is `Feature.not_for_damage`."""

FEATURES: dict[str, Feature] = {feature.column: feature for feature in (*OF_THE_STUDY, *FURTHER, *OF_VIEWS)}
"""Column → feature, in the order of the table."""


def columns(dimensions: int, groups: Iterable[str] = tuple(CHOICES)) -> list[str]:
    """List the columns of a table for slices (2) or volumes (3), in order; of some groups (`CHOICES`) only."""
    wanted = {CHOICES[name] for name in groups} | {""}
    return [
        feature.column
        for feature in (*OF_THE_STUDY, *FURTHER)
        if dimensions in feature.dimensions and (feature.group in wanted or feature.column in PLACE)
    ]
