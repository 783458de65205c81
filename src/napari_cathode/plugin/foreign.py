"""Tables of other tools, or of an earlier day, for the particles of a layer."""

from __future__ import annotations

import math
from typing import Any

from napari_cathode.judging import COLUMNS, review_in
from napari_cathode.measure import summarise
from napari_cathode.measure.matching import Matched
from napari_cathode.session import ParticleSet

from .link import Link

_SUMMARISED = frozenset({"equivalent_diameter_um", "damage", "touches_border"})


def add_columns(link: Link, particles: ParticleSet, matched: Matched, source: str) -> str:
    """Give particles the columns of a table; what was measured here stays, and so does what was said of particles.

    Parameters
    ----------
    link : Link
        The viewer's link.
    particles : ParticleSet
        To whom the rows belong.
    matched : Matched
        The table, matched with their labels.
    source : str
        Where it comes from, as shown.

    Returns
    -------
    str
        What came of it, in sentences.
    """
    said = {**review_in(matched.table), **particles.review}
    table = matched.table.drop(columns=[name for name in COLUMNS if name in matched.table])
    text = matched.describe(source, particles.name)
    if particles.table is None:
        link.set_table(particles, table, _summary(particles, table))
    else:
        kept = [name for name in table.columns if name != "label" and name in particles.table.columns]
        new = table.drop(columns=kept)
        if kept:
            named = ", ".join(kept[:4]) + (" …" if len(kept) > 4 else "")
            text += f" Not taken, since the table has them already: {named}."
        link.session.update_columns(particles, particles.table.merge(new, on="label", how="left"))
    particles.provenance.setdefault("tables", []).append(source)
    link.session.replace_review(particles, said)
    return text


def _summary(particles: ParticleSet, table: Any) -> Any:
    """Summarise a table that has what a summary needs; the field of view, and so the solid fraction, is not known."""
    flat = particles.labels.shape[0] == 1
    sizes = {"solid_area_um2", "area_um2"} if flat else {"solid_volume_um3", "volume_um3"}
    if particles.spacing_um is None or not (_SUMMARISED | sizes) <= set(table.columns):
        return None
    return summarise(table, particles.labels, particles.spacing_um, math.nan)
