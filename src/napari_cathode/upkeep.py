"""What of a particle set follows when its labels, its table or what is said of it change; `Session` tells of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from .edit.change import Change
from .edit.table_change import table_change
from .filtering import Filter
from .judging import COLUMNS, with_review
from .particles import Measurement, ParticleSet


def _complete(table: pd.DataFrame, particles: ParticleSet) -> pd.DataFrame:
    """Put beside the features how far the views agree, and what a person said of the particles."""
    from .fuse.agreement import with_agreement

    known = [name for name in table.columns if str(name).startswith("view_")]
    if particles.agreement is not None:
        table = with_agreement(table.drop(columns=known), particles.agreement)
    if particles.review or set(COLUMNS) & set(table.columns):
        table = with_review(table, particles.review)
    return table


def complete_table(particles: ParticleSet) -> None:
    """Bring what stands beside the features, and the summary, up to date."""
    if particles.table is None:
        return
    particles.table = _complete(particles.table, particles)
    if particles.summary is not None and particles.spacing_um is not None:
        if len(particles.excluded) or particles.summary.count_excluded:
            from .measure.summary import summarise

            particles.summary = summarise(
                particles.table, particles.labels, particles.spacing_um, particles.summary.seen
            )


def passing(particles: ParticleSet, wanted: Filter) -> np.ndarray[Any, Any] | None:
    """Give the labels of the particles that pass a filter, None where there is nothing to pass."""
    table = particles.table
    if table is None or not wanted.chooses:
        return None
    columns = {str(name): table[name].to_numpy() for name in table.columns}
    return columns["label"][wanted.rows(columns)].astype(np.int64)


def renew(particles: ParticleSet) -> None:
    """Give labels a revision that no other content of them had."""
    particles.last_revision = max(particles.last_revision, particles.revision) + 1
    particles.revision = particles.last_revision


def take_said(particles: ParticleSet, labels: Iterable[int]) -> dict[str, dict[int, Any]]:
    """Take away what a person said of some particles, and give it."""
    return {"review": {label: particles.review.pop(label) for label in labels if label in particles.review}}


def mark_changed(particles: ParticleSet, change: Change) -> None:
    """Take note of where the labels changed since they were measured, and since their boxes were found."""
    known = particles.measurement
    if known is not None:
        particles.measurement = replace(known, changed=(*known.changed, change.box))
    if particles.boxes is not None:
        particles.boxes.note(change)


def _measured(table: pd.DataFrame) -> pd.DataFrame:
    """Give the columns that belong to the labels, without what is put beside them."""
    return table[[name for name in table.columns if not (str(name).startswith("view_") or name in COLUMNS)]]


def remember_way(particles: ParticleSet, table: Any, summary: Any, measurement: Measurement | None) -> None:
    """Keep how one gets from the former table to a new one and back, where both were measured alike."""
    former, known = particles.table, particles.measurement
    alike = (None if known is None else known.state.parameters) == (
        None if measurement is None else measurement.state.parameters
    )
    way = None
    if alike and former is not None and table is not None:
        revisions = (particles.table_revision, particles.revision)
        summaries = (particles.summary, summary)
        way = table_change(_measured(former), _measured(table), revisions, particles.epoch, summaries)
    if way is None:
        particles.epoch += 1
    else:
        particles.history.add_table(way)


def follow_labels(particles: ParticleSet) -> bool:
    """Bring the table to the present labels where a way is known; tells whether there was one."""
    table = particles.table
    if table is None or not particles.out_of_date:
        return False
    wanted = (particles.table_revision, particles.revision)
    for way in particles.history.tables:
        if way.epoch == particles.epoch and wanted in (way.revisions, way.revisions[::-1]):
            forward = wanted == way.revisions
            particles.table, particles.summary = way.apply(table, forward), way.summaries[1 if forward else 0]
            particles.table_revision = particles.revision
            complete_table(particles)
            return True
    return False
