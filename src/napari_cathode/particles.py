"""Labels of particles with what is known of them, and what waits to be fused into them. No Qt, no napari."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from .boxes import Box
from .edit.history import History
from .edit.label_boxes import LabelBoxes, label_boxes
from .errors import InputError
from .filtering import Filter
from .judging import Judgement, labels_with
from .tomogram import Spacing, Tomogram


@dataclass(frozen=True)
class Colouring:
    """How particles get their colours.

    Attributes
    ----------
    column : str
        Column of the feature table, or of the SHAP values when ``shap`` is true.
    shap : bool
        Whether the SHAP value of the column is meant.
    colormap : str
        Name of a colour map; "" means: one that suits the values (diverging where they have a zero).
    limits : tuple of (float, float), optional
        Values at the ends of the colour map; None means the 2nd and 98th percentile (symmetric about zero for
        diverging ones).
    hide_missing : bool
        Whether particles without a value are left out instead of grey.
    result : bool
        Whether ``column`` is a result of the explanation for the particle as a whole ("prediction", "residual",
        "cluster") instead of a feature.
    """

    column: str
    shap: bool = False
    colormap: str = ""
    limits: tuple[float, float] | None = None
    hide_missing: bool = False
    result: bool = False


@dataclass(frozen=True, eq=False)
class Measurement:
    """How a table was measured, so that it can follow edits.

    Attributes
    ----------
    state : object
        `napari_cathode.measure.MeasureState` of the labels as they were then.
    tomogram : Tomogram, optional
        The grey values that were measured.
    changed : tuple of Box
        Boxes of the labels outside which nothing has changed since.
    """

    state: Any
    tomogram: Tomogram | None = None
    changed: tuple[Box, ...] = ()


SEARCHED_AT_ONCE = 1 << 26
"""Voxels in memory in which all particles are found at once; with more the window would stutter."""

_LAZY_FACTOR = 64
"""How much longer it takes, about, to read a voxel of a file."""

MOST_CATEGORIES = 12
"""Names in a column that can be told apart by their colours."""


def category_names(column: pd.Series) -> tuple[str, ...]:
    """Give the names in a column of categories, sorted; none where it holds numbers, or too many names."""
    if pd.api.types.is_bool_dtype(column):
        return ("no", "yes")
    if pd.api.types.is_numeric_dtype(column):
        return ()
    found = {str(name) for name in pd.unique(column.dropna())} - {""}
    return tuple(sorted(found, key=str.casefold)) if len(found) <= MOST_CATEGORIES else ()


def _category(name: str) -> Any:
    """Give what a name stands for in a column: yes and no are True and False there."""
    return {"no": False, "yes": True}.get(name, name)


@dataclass(eq=False)
class ParticleSet:
    """Labels of particles, with what is known of them.

    Attributes
    ----------
    labels : ndarray of int, shape (z, y, x)
        Particles by label id, 0 is background. A slice has z = 1.
    name : str
        As shown.
    spacing_um : tuple of float, optional
        Voxel spacing (z, y, x) in µm.
    tomogram : Tomogram, optional
        The grey values that belong to the labels.
    table : DataFrame, optional
        Features; its column ``label`` names the particle of each row.
    summary : object, optional
        `napari_cathode.measure.Summary` of the table.
    explanation : object, optional
        `napari_cathode.explain.Explanation`.
    colouring : Colouring, optional
        None shows every label in a colour of its own.
    agreement : DataFrame, optional
        How well the views fit each particle; see `napari_cathode.fuse.agreement`.
    review : dict of int to Judgement
        What a person said of particles, by label; see `napari_cathode.judging`.
    filter : Filter
        Which particles are shown.
    shown : ndarray of int64, optional
        Labels of the particles that pass the filter, in the order of the table; None where all do.
    order : ndarray of int64, optional
        Labels in the order in which a table shows them; None while none does.
    provenance : dict
        How the labels were made.
    revision : int
        Another one with every change of ``labels``, whose content cannot be compared cheaply; undoing brings the former
        one back.
    table_revision : int
        The revision of the labels that ``table`` was measured on.
    agreement_revision : int
        The revision of the labels that ``agreement`` is of.
    explanation_revision : int
        The revision of the labels that the explained table was measured on.
    explanation_without : frozenset of int
        Labels of the particles that a person had excluded when the rest was explained.
    history : History
        The edits of the labels.
    measurement : Measurement, optional
        How the table was measured; None where it cannot follow edits.
    epoch : int
        Grows with every table that was not measured as the one before it.
    last_revision : int
        The highest revision that was given.
    boxes : LabelBoxes, optional
        Where each particle is; None until somebody needs it, see `known_boxes`.
    """

    labels: Any
    name: str = "particles"
    spacing_um: Spacing | None = None
    tomogram: Tomogram | None = None
    table: pd.DataFrame | None = None
    summary: Any = None
    explanation: Any = None
    colouring: Colouring | None = None
    agreement: pd.DataFrame | None = None
    review: dict[int, Judgement] = field(default_factory=dict)
    filter: Filter = field(default_factory=Filter)
    shown: np.ndarray[Any, Any] | None = None
    order: np.ndarray[Any, Any] | None = None
    provenance: dict[str, Any] = field(default_factory=dict)
    revision: int = 0
    table_revision: int = 0
    agreement_revision: int = 0
    explanation_revision: int = 0
    explanation_without: frozenset[int] = frozenset()
    history: History = field(default_factory=History)
    measurement: Measurement | None = None
    epoch: int = 0
    last_revision: int = 0
    boxes: LabelBoxes | None = field(default=None, repr=False)

    @property
    def explanation_out_of_date(self) -> bool:
        """Whether the labels changed since the explained table was measured, or other particles are excluded."""
        if self.explanation is None:
            return False
        return self.explanation_revision != self.revision or self.explanation_without != self.excluded

    @property
    def excluded(self) -> frozenset[int]:
        """Labels of the particles that a person excluded: statistics, figures and explanations leave them out."""
        return labels_with(self.review, "excluded")

    @property
    def out_of_date(self) -> bool:
        """Whether the labels changed since the table was measured."""
        return self.table is not None and self.table_revision != self.revision

    def untouched_since(self, revision: int) -> bool:
        """Whether nobody edited, reviewed or measured the particles since then; other labels would cost that work."""
        return self.revision == revision and not self.review and self.table is None

    @property
    def known_boxes(self) -> LabelBoxes | None:
        """Where each particle is, as far as that is known without reading the labels: from edits, or a measurement."""
        known = self.measurement
        if self.boxes is None and known is not None and not known.changed and not self.out_of_date:
            self.boxes = LabelBoxes.of_inventory(known.state.inventory)
        return self.boxes

    def find_boxes(self) -> LabelBoxes | None:
        """Give where each particle is; None where it would take long to find out, see `edit.iter_label_boxes`."""
        if self.known_boxes is None:
            factor = 1 if isinstance(self.labels, np.ndarray) else _LAZY_FACTOR
            if factor * int(np.prod(self.labels.shape)) > SEARCHED_AT_ONCE:
                return None
            self.boxes = label_boxes(self.labels)
        return self.boxes

    @property
    def columns(self) -> pd.DataFrame | None:
        """What is known of each particle: its features, or before they are measured how far the views agree."""
        return self.agreement if self.table is None else self.table

    def values(self, colouring: Colouring) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Give the label ids and the values that a colouring shows.

        Returns
        -------
        ids : ndarray of int
        values : ndarray of float
            NaN where a particle has no value; of names their place in `names_of`.

        Raises
        ------
        InputError
            When there is no such column.
        """
        if colouring.shap:
            source = None if self.explanation is None else self.explanation.shap
            missing = f"There is no SHAP value of {colouring.column}; fit the SHAP panel first."
        elif colouring.result:
            source = None if self.explanation is None else self.explanation.particle_table()
            missing = f"There is no {colouring.column} yet; fit the SHAP panel first."
        else:
            source = self.columns
            missing = f"There is no feature {colouring.column}; measure the particles first."
        if source is None or colouring.column not in source.columns:
            raise InputError(missing)
        column = source[colouring.column]
        names = category_names(column)
        if names:
            values = column.map({_category(name): place for place, name in enumerate(names)}).to_numpy(np.float64)
        elif pd.api.types.is_numeric_dtype(column):
            values = column.to_numpy(np.float64)
        else:
            raise InputError(
                f"{colouring.column} holds no numbers and no more than {MOST_CATEGORIES} names can be told apart by "
                "colour; choose another feature to colour by."
            )
        return source["label"].to_numpy(np.int64), values

    def names_of(self, colouring: Colouring) -> tuple[str, ...]:
        """Give the names that the values of a colouring stand for; none for amounts."""
        if colouring.shap or colouring.result or self.columns is None or colouring.column not in self.columns:
            return ()
        return category_names(self.columns[colouring.column])


@dataclass(eq=False)
class Predictions:
    """What identification found in one tomogram, view by view, before it is fused.

    Attributes
    ----------
    name : str
        As shown.
    views : dict of str to `napari_cathode.identify.ViewPrediction`
        By the view's name ("xy", "xz", "yz").
    tomogram : Tomogram
        Where it was found.
    revisions : dict of str to int
        By view, another number with every change that a person made to its labels in place.
    """

    name: str
    views: dict[str, Any]
    tomogram: Tomogram
    revisions: dict[str, int] = field(default_factory=dict)
