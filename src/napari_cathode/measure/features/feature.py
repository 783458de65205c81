"""What is known of a column of the feature table, and what several columns say in the same words."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Feature:
    """One column of the feature table.

    Attributes
    ----------
    column : str
        Name in tables and files, with the unit as suffix.
    display : str
        Name on the screen; the study's, where it has one.
    unit : str
        "" for none.
    formula : str
        Definition.
    meaning : str
        What it tells about a particle.
    group : str
        Key of `GROUPS`.
    dimensions : tuple of int
        3 for volumes, 2 for slices.
    source : str
        Where the definition comes from.
    not_for_damage : str
        Why it contains damage by construction, and so must not predict it; "" where it does not.
    not_a_property : str
        Why it tells nothing of the particle as such, and so predicts nothing; "" where it does.
    family : str
        Columns of one family (`FAMILIES`) contain each other by construction: none predicts another.
    detail_of : str
        Column that stands for this one where predictors are chosen; "" where it stands for itself.
    published : str
        Definition under ``definitions="li2022"``; "" where it is the same.
    published_unit : str
        Unit under it where that is another.
    """

    column: str
    display: str
    unit: str
    formula: str
    meaning: str
    group: str
    dimensions: tuple[int, ...] = (2, 3)
    source: str = ""
    not_for_damage: str = ""
    not_a_property: str = ""
    family: str = ""
    detail_of: str = ""
    published: str = ""
    published_unit: str = ""


STUDY = "Li et al. 2022"
CROFTON = "Lehmann & Legland 2012"

FOUND = "it says how the particle was found or counted, not what it is"
IN_PLANE = "the place within the plane of the electrode is arbitrary"
ANGLE = "angles jump at ±180°; orientation enters by the components of the axis"
INNER = "the inner surface is that of the cracks which damage counts"
LESS_CRACKS = "the solid is the particle less the cracks which damage counts"

PART = "it is part of what damage counts, or made of it"
FRINGE = "fringes of the imaging brighten solid beside voids, so that it shows where cracks are"
SHELLS = ("in the core", "outside the core", "half way out", "under the rim", "at the rim")
