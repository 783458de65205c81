"""Writing the feature table into files: the table, and beside it contacts, summary and what was changed by hand."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from qtpy.QtWidgets import QMenu, QMessageBox, QPushButton, QWidget

from napari_cathode.column_meanings import define_columns
from napari_cathode.edit import log_beside, write_log_beside
from napari_cathode.io import write_table
from napari_cathode.measure import Contacts
from napari_cathode.results import beside, write_contacts, write_summary
from napari_cathode.session import ParticleSet
from napari_cathode.words import particles_in_words

from .parts import TABLE_ENDINGS, ask_table_path

_TITLE = "Export features"


def export_button(export: Callable[[str], None]) -> QPushButton:
    """Make a button that asks whether "all" particles are written, those "shown" or those "selected"."""
    button = QPushButton("Export")
    button.setToolTip("Writes the table as CSV or Parquet, and its units and definitions beside it.")
    menu = QMenu(button)
    for text, which in (("All particles", "all"), ("Rows shown", "shown"), ("Selected rows", "selected")):
        menu.addAction(text, lambda which=which: export(which))
    button.setMenu(menu)
    return button


def ask_path(parent: QWidget, particles: ParticleSet, which: str) -> str:
    """Ask where to write, and before files beside the table are replaced; nothing when they are to stay."""
    path = ask_table_path(parent, _TITLE, f"{particles.name}.csv")
    present = _present(path, particles, which) if path else []
    if not present:
        return path
    question = (
        f"{present[0]} already exists. Do you want to replace it?"
        if len(present) == 1
        else f"{', '.join(present[:-1])} and {present[-1]} already exist. Do you want to replace them?"
    )
    return path if QMessageBox.question(parent, _TITLE, question) == QMessageBox.StandardButton.Yes else ""


def with_ending(path: str) -> str:
    """Give the path of a table an ending where it has none."""
    return path if path.lower().endswith(TABLE_ENDINGS) else f"{path}.csv"


def rows_in_order(
    table: pd.DataFrame, shown: npt.NDArray[np.int64], chosen: Collection[int] | None = None
) -> pd.DataFrame:
    """Give the rows of a table in the order in which the window shows them.

    Parameters
    ----------
    table : DataFrame
        With a column ``label``.
    shown : ndarray of int, shape (n,)
        Labels from the top row of the window down.
    chosen : collection of int, optional
        Only these; those that the window does not show come last, by their labels. All that are shown without it.
    """
    order = pd.Index(shown)
    if chosen is not None:
        order = order[order.isin(list(chosen))].append(pd.Index(sorted(set(chosen).difference(shown.tolist()))))
    rows = pd.Index(table["label"]).get_indexer(order)
    return table.iloc[rows[rows >= 0]]


def write_features(path: str, table: pd.DataFrame, particles: ParticleSet, which: str) -> str:
    """Write a table of some particles, and what comes beside it; give a sentence that says so.

    Raises
    ------
    InputError
        When it cannot be written.
    """
    path = with_ending(path)
    spacing = None if particles.spacing_um is None else list(particles.spacing_um)
    made_with = {"spacing_um": spacing, **particles.provenance}
    write_table(path, table, define_columns(table), made_with)
    written = [write_contacts(path, table, made_with)]
    if which == "all" and particles.summary is not None:
        written.append(write_summary(path, table, particles.summary, made_with))
    written.append(write_log_beside(path, particles.history.log()))
    names = " and ".join(", ".join(place.name for place in written if place is not None).rsplit(", ", 1))
    return f"Wrote {particles_in_words(len(table))} to {path}" + (f", {names} beside it." if names else ".")


def _present(path: str, particles: ParticleSet, which: str) -> list[str]:
    """Name the files that would be replaced, but for the table, which the dialog asks for, and what goes with each."""
    table = Path(with_ending(path))
    places = [] if Contacts.beside(particles.table) is None else [beside(table, "contacts")]
    if which == "all" and particles.summary is not None:
        places.append(beside(table, "summary"))
    found = [place for place in places if place.exists()]
    if log_beside(table).exists():  # emptied where nothing was changed by hand
        found.append(log_beside(table))
    for place in (table, *places):
        sidecar = place.with_suffix(".json")
        if sidecar.exists() and not place.exists():
            found.append(sidecar)
    return [place.name for place in found]
