"""Going from particle to particle: in the order of the table, and to neighbours."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.session import ParticleSet, Session, Sorting


def walk(session: Session, step: int) -> None:
    """Select the next particle (1) or the one before (-1) in the order that the table shows, and go there.

    At the end it begins anew. From a particle that the table does not show, or from none, the first follows.
    """
    particles = session.current
    order = [] if particles is None else order_of(particles, session.sorting)
    if not len(order):
        return
    at = [place for place, label in enumerate(order) if label in session.selection]
    if not at:
        place = 0 if step > 0 else len(order) - 1
    else:
        place = (at[-1] + 1 if step > 0 else at[0] - 1) % len(order)
    go_to(session, order[place])


def go_to(session: Session, label: int) -> None:
    """Select one particle and bring it into view."""
    session.selection = {label}
    session.focus(label)


def order_of(particles: ParticleSet, sorting: Sorting) -> list[int]:
    """List the labels in the order in which the table shows them, or would if it were on the screen."""
    if particles.order is not None:
        return [int(label) for label in particles.order]
    table = particles.columns
    if table is None:
        return []
    labels = table["label"].to_numpy(np.int64)
    if particles.shown is not None:
        table = table[np.isin(labels, particles.shown)]
        labels = table["label"].to_numpy(np.int64)
    column, falling = sorting
    if column in table.columns:
        labels = labels[sort_order(table[column].to_numpy(), falling)]
    return [int(label) for label in labels]


def sort_order(values: npt.NDArray[Any], falling: bool) -> npt.NDArray[np.int64]:
    """Give the places of values in their order; those that are missing come last either way."""
    if values.dtype.kind in "biuf":
        keys = values.astype(np.float64)
    else:
        keys = np.unique([str(value) for value in values], return_inverse=True)[1].astype(np.float64)
        keys[pd.isna(values)] = np.nan
    return np.argsort(-keys if falling else keys, kind="stable")  # NaN comes last


def distances(particles: ParticleSet, label: int) -> dict[int, float]:
    """Give how far the centres of all other particles are in µm, the nearest first; nothing without a table."""
    table = particles.table
    names = [name for name in ("z_um", "y_um", "x_um") if table is not None and name in table.columns]
    if table is None or len(names) < 2 or not (table["label"] == label).any():
        return {}
    centres: Any = table[names].to_numpy(np.float64)
    labels = table["label"].to_numpy(np.int64)
    far = np.sqrt(((centres - centres[labels == label][0]) ** 2).sum(1))
    order = [place for place in np.argsort(far, kind="stable") if labels[place] != label and np.isfinite(far[place])]
    return dict(zip(labels[order].tolist(), far[order].tolist(), strict=True))
