"""What the screen is about: particle sets, the current one, and the selected particles. No Qt, no napari.

Views subscribe to the signals and write what the person wants into the session; they never call each other. Loops
stop by equality: setting what is already there is silent. Assign from the main thread only.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from psygnal import Signal

from .boxes import Box
from .edit.change import Change
from .edit.history import History, Step
from .edit.label_boxes import LabelBoxes, label_boxes
from .edit.table_change import table_change
from .errors import InputError
from .filtering import Filter
from .judging import COLUMNS, Judgement, judgement, labels_with, with_review
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


class Session:
    """The state that all views of one viewer share.

    Signals
    -------
    predictions_changed : ()
        Predictions came, went, or lost a view.
    predictions_edited : ()
        Somebody drew in the labels of a view.
    particle_sets_changed : ()
        A particle set came or went.
    current_changed : (ParticleSet or None)
        Another particle set is current.
    changed : (ParticleSet, str)
        Something of a particle set changed: "labels", "table", "agreement", "review", "explanation", "colouring",
        "filter" or "history".
    selection_changed : (frozenset of int)
        Other particles of the current set are selected.
    focus_requested : (int)
        Somebody wants to see this particle of the current set; whoever shows particles moves there.
    models_changed : ()
        There are other models than before.
    """

    predictions_changed = Signal()
    predictions_edited = Signal()
    particle_sets_changed = Signal()
    current_changed = Signal(object)
    changed = Signal(object, str)
    selection_changed = Signal(object)
    focus_requested = Signal(int)
    models_changed = Signal()

    def __init__(self) -> None:
        self._predictions: list[Predictions] = []
        self._sets: list[ParticleSet] = []
        self._current: ParticleSet | None = None
        self._selection: frozenset[int] = frozenset()

    @property
    def predictions(self) -> tuple[Predictions, ...]:
        """All predictions, oldest first."""
        return tuple(self._predictions)

    def add_predictions(self, predictions: Predictions) -> None:
        """Keep predictions for fusing."""
        _on_main_thread()
        if predictions not in self._predictions:
            self._predictions.append(predictions)
            self.predictions_changed.emit()

    def touch_prediction(self, predictions: Predictions, view: str) -> None:
        """Say that somebody edited the labels of a view in place."""
        _on_main_thread()
        predictions.revisions[view] = predictions.revisions.get(view, 0) + 1
        self.predictions_edited.emit()

    def remove_prediction(self, predictions: Predictions, view: str) -> None:
        """Forget one view of some predictions, and all of them with the last one."""
        _on_main_thread()
        if predictions not in self._predictions or view not in predictions.views:
            return
        del predictions.views[view]
        if not predictions.views:
            self._predictions.remove(predictions)
        self.predictions_changed.emit()

    @property
    def particle_sets(self) -> tuple[ParticleSet, ...]:
        """All particle sets, oldest first."""
        return tuple(self._sets)

    @property
    def current(self) -> ParticleSet | None:
        """The particle set that tables, plots and selection are about."""
        return self._current

    @current.setter
    def current(self, particles: ParticleSet | None) -> None:
        _on_main_thread()
        if particles is self._current:
            return
        if particles is not None and particles not in self._sets:
            raise ValueError("add the particle set to the session before it becomes current")
        self.selection = ()
        self._current = particles
        self.current_changed.emit(particles)

    @property
    def selection(self) -> frozenset[int]:
        """Label ids of the selected particles of the current set."""
        return self._selection

    @selection.setter
    def selection(self, ids: Iterable[int]) -> None:
        _on_main_thread()
        new = frozenset(int(label) for label in ids) - {0}
        if new == self._selection:
            return
        self._selection = new
        self.selection_changed.emit(new)

    def focus(self, label: int) -> None:
        """Ask whoever shows the particles to bring one of the current set into view."""
        _on_main_thread()
        self.focus_requested.emit(int(label))

    def add(self, particles: ParticleSet) -> None:
        """Add a particle set and make it the current one."""
        _on_main_thread()
        if particles not in self._sets:
            self._sets.append(particles)
            self.particle_sets_changed.emit()
        self.current = particles

    def remove(self, particles: ParticleSet) -> None:
        """Forget a particle set; where it was current, the newest of the others becomes so."""
        _on_main_thread()
        if particles not in self._sets:
            return
        if particles is self._current:
            rest = [other for other in self._sets if other is not particles]
            self.current = rest[-1] if rest else None
        self._sets.remove(particles)
        self.particle_sets_changed.emit()

    def set_labels(self, particles: ParticleSet, labels: Any) -> None:
        """Give a particle set new labels; its table and explanation are of the old ones and go."""
        _on_main_thread()
        particles.labels = labels
        particles.boxes = None
        _renew(particles)
        particles.review.clear()
        particles.history.clear()
        particles.measurement = None
        self.changed.emit(particles, "labels")
        self.changed.emit(particles, "history")
        self.set_table(particles, None)
        self.set_agreement(particles, None)

    def touch(self, particles: ParticleSet) -> None:
        """Say that somebody edited the labels in place; the table stays, marked as out of date."""
        _on_main_thread()
        _renew(particles)
        particles.boxes = None
        particles.history.forget_revisions()
        particles.measurement = None  # nobody knows where
        self.changed.emit(particles, "labels")

    def edit(self, particles: ParticleSet, change: Change, *, applied: bool = False) -> None:
        """Change labels in place as one step that can be undone; what was said of the changed particles goes with it.

        The table and the explanation stay, marked as out of date.

        Parameters
        ----------
        particles : ParticleSet
            Whose labels.
        change : Change
            See `napari_cathode.edit`.
        applied : bool
            Whether the labels hold the change already, as after a stroke of a brush.

        Raises
        ------
        InputError
            When the labels cannot be written; nothing is changed then.
        """
        _on_main_thread()
        if not applied:
            change.apply(particles.labels)
        before, said = particles.revision, _take_said(particles, change.labels)
        _renew(particles)
        particles.history.push(Step(change, (before, particles.revision), (said, {})))
        _mark_changed(particles, change)
        self._emit_edit(particles, change, reviewed=bool(said["review"]))

    def undo(self, particles: ParticleSet) -> Step | None:
        """Take the last edit back, with all that it changed; None when there is none."""
        return self._go(particles, back=True)

    def redo(self, particles: ParticleSet) -> Step | None:
        """Repeat the edit that was undone last; None when there is none."""
        return self._go(particles, back=False)

    def _go(self, particles: ParticleSet, *, back: bool) -> Step | None:
        _on_main_thread()
        history = particles.history
        step = history.undo(particles.labels) if back else history.redo(particles.labels)
        if step is None:
            return None
        now, (before, after) = _take_said(particles, step.change.labels), step.said
        step.said = (before, now) if back else (now, after)
        known = before if back else after
        particles.review.update(known.get("review", {}))
        if step.revisions is None:
            _renew(particles)
        else:
            particles.revision = step.revisions[0 if back else 1]
        _mark_changed(particles, step.change)
        reviewed = now["review"] != known.get("review", {})
        if _follow(particles):
            self._emit_table(particles)
        self._emit_edit(particles, step.change, reviewed=reviewed)
        return step

    def _emit_edit(self, particles: ParticleSet, change: Change, *, reviewed: bool) -> None:
        """Tell of an edit; particles that are gone are not selected any more."""
        if reviewed and particles.table is not None:
            _complete_table(particles)
            self._emit_table(particles)
        self.changed.emit(particles, "labels")
        if reviewed:
            self.changed.emit(particles, "review")
        self.changed.emit(particles, "history")
        touched = self.selection.intersection(change.labels)
        boxes = particles.find_boxes() if particles is self.current and touched else None
        if boxes is not None:
            self.selection -= {label for label in touched if boxes.box(particles.labels, label) is None}

    def replace_array(self, particles: ParticleSet, labels: Any) -> None:
        """Let labels lie in another array that holds the same, such as a copy in memory; all that is known stays."""
        _on_main_thread()
        particles.labels = labels
        self.changed.emit(particles, "labels")

    def set_table(
        self,
        particles: ParticleSet,
        table: pd.DataFrame | None,
        summary: Any = None,
        measurement: Measurement | None = None,
    ) -> None:
        """Give a particle set a feature table of its present labels; an explanation of another table goes.

        Parameters
        ----------
        particles : ParticleSet
        table : DataFrame, optional
        summary : object, optional
            `napari_cathode.measure.Summary` of the table.
        measurement : Measurement, optional
            With it the table can follow edits of the labels.
        """
        _on_main_thread()
        if table is particles.table:
            particles.table_revision = particles.revision
            return
        self._replace_table(particles, table, summary, measurement)
        self.set_explanation(particles, None)
        self._keep_colours(particles)

    def update_table(
        self, particles: ParticleSet, table: pd.DataFrame, summary: Any, measurement: Measurement | None
    ) -> None:
        """Give a particle set the table that followed an edit; the explanation stays, marked as out of date."""
        _on_main_thread()
        self._replace_table(particles, table, summary, measurement)
        self._keep_colours(particles)

    def _replace_table(self, particles: ParticleSet, table: Any, summary: Any, measurement: Measurement | None) -> None:
        _remember_way(particles, table, summary, measurement)
        particles.table, particles.summary, particles.measurement = table, summary, measurement
        particles.table_revision = particles.revision
        _complete_table(particles)
        self._emit_table(particles)

    def update_columns(self, particles: ParticleSet, table: pd.DataFrame) -> None:
        """Show a table of the same measurement with other columns of other tools; summary and explanation stay."""
        _on_main_thread()
        particles.table = table
        _complete_table(particles)
        self._emit_table(particles)
        self._keep_colours(particles)

    def set_agreement(self, particles: ParticleSet, agreement: pd.DataFrame | None) -> None:
        """Give a particle set what comparing its present labels with the views found; a table shows it, too."""
        _on_main_thread()
        if agreement is particles.agreement:
            return
        particles.agreement = agreement
        particles.agreement_revision = particles.revision
        if particles.table is not None:
            _complete_table(particles)
            self._emit_table(particles)
        self.changed.emit(particles, "agreement")
        self._keep_colours(particles)

    def set_review(self, particles: ParticleSet, label: int, verdict: str | None) -> None:
        """Accept, flag or exclude a particle, or take that back (None)."""
        self.judge(particles, (label,), verdict=verdict or "")

    def judge(
        self,
        particles: ParticleSet,
        labels: Iterable[int],
        *,
        verdict: str | None = None,
        kind: str | None = None,
        note: str | None = None,
    ) -> None:
        """Say something of particles; what is None stays as it was, "" takes it back.

        Columns, summary and figures follow. An explanation stays, marked as out of date where other particles are
        excluded than it left out.

        Parameters
        ----------
        particles : ParticleSet
            The set.
        labels : iterable of int
            Which of its particles.
        verdict : str, optional
            One of `napari_cathode.judging.VERDICTS`.
        kind : str, optional
            The class of the particles.
        note : str, optional
            A remark.
        """
        _on_main_thread()
        review = dict(particles.review)
        for label in map(int, labels):
            known = review.pop(label, judgement())
            new = judgement(
                known["verdict"] if verdict is None else verdict,
                known["class"] if kind is None else kind,
                known["note"] if note is None else note,
            )
            if any(new.values()):
                review[label] = new
        self.replace_review(particles, review)

    def replace_review(self, particles: ParticleSet, review: Mapping[int, Judgement]) -> None:
        """Take over judgements of all particles, such as those of a file."""
        _on_main_thread()
        if review == particles.review:
            return
        particles.review = dict(review)
        if particles.table is not None:
            _complete_table(particles)
            self._emit_table(particles)
            self._keep_colours(particles)
        self.changed.emit(particles, "review")

    def set_filter(self, particles: ParticleSet, wanted: Filter) -> None:
        """Show only some particles.

        Raises
        ------
        InputError
            When the filter cannot be read, or names an unknown column; what was shown is shown still.
        """
        _on_main_thread()
        if wanted == particles.filter:
            return
        shown = passing(particles, wanted)
        particles.filter, particles.shown = wanted, shown
        self.changed.emit(particles, "filter")

    def _emit_table(self, particles: ParticleSet) -> None:
        """Tell of a table, and of who passes the filter in it; a condition that does not fit it any more is dropped."""
        try:
            particles.shown = passing(particles, particles.filter)
        except InputError:
            particles.filter = replace(particles.filter, text="")
            particles.shown = passing(particles, particles.filter)
        self.changed.emit(particles, "table")
        if particles.filter.chooses:
            self.changed.emit(particles, "filter")

    def _keep_colours(self, particles: ParticleSet) -> None:
        """Show the colours of new values, or none where there are none any more."""
        colouring = particles.colouring
        if colouring is None or colouring.shap or colouring.result:
            return
        if particles.columns is None or colouring.column not in particles.columns:
            self.set_colouring(particles, None)
        else:
            self.changed.emit(particles, "colouring")

    def set_explanation(self, particles: ParticleSet, explanation: Any, without: frozenset[int] | None = None) -> None:
        """Give a particle set an explanation; colours that showed the former one go.

        Parameters
        ----------
        particles : ParticleSet
        explanation : Explanation, optional
        without : frozenset of int, optional
            Labels that were excluded when it was begun; those that are now where it is not given.
        """
        _on_main_thread()
        if explanation is particles.explanation:
            return
        particles.explanation = explanation
        particles.explanation_revision = particles.table_revision
        particles.explanation_without = particles.excluded if without is None else without
        self.changed.emit(particles, "explanation")
        colouring = particles.colouring
        if colouring is not None and (colouring.shap or colouring.result):
            kept = explanation is not None and (colouring.result or colouring.column in explanation.shap.columns)
            if kept:
                self.changed.emit(particles, "colouring")
            else:
                self.set_colouring(particles, None)

    def set_colouring(self, particles: ParticleSet, colouring: Colouring | None) -> None:
        """Colour the particles by a value, or each in a colour of its own (None)."""
        _on_main_thread()
        if colouring == particles.colouring:
            return
        if colouring is not None:
            particles.values(colouring)  # raises when there is nothing to show
        particles.colouring = colouring
        self.changed.emit(particles, "colouring")


def _complete(table: pd.DataFrame, particles: ParticleSet) -> pd.DataFrame:
    """Put beside the features how far the views agree, and what a person said of the particles."""
    from .fuse.agreement import with_agreement

    known = [name for name in table.columns if str(name).startswith("view_")]
    if particles.agreement is not None:
        table = with_agreement(table.drop(columns=known), particles.agreement)
    if particles.review or set(COLUMNS) & set(table.columns):
        table = with_review(table, particles.review)
    return table


def _complete_table(particles: ParticleSet) -> None:
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


def _renew(particles: ParticleSet) -> None:
    """Give labels a revision that no other content of them had."""
    particles.last_revision = max(particles.last_revision, particles.revision) + 1
    particles.revision = particles.last_revision


def _take_said(particles: ParticleSet, labels: Iterable[int]) -> dict[str, dict[int, Any]]:
    """Take away what a person said of some particles, and give it."""
    return {"review": {label: particles.review.pop(label) for label in labels if label in particles.review}}


def _mark_changed(particles: ParticleSet, change: Change) -> None:
    """Take note of where the labels changed since they were measured, and since their boxes were found."""
    known = particles.measurement
    if known is not None:
        particles.measurement = replace(known, changed=(*known.changed, change.box))
    if particles.boxes is not None:
        particles.boxes.note(change)


def _measured(table: pd.DataFrame) -> pd.DataFrame:
    """Give the columns that belong to the labels, without what is put beside them."""
    return table[[name for name in table.columns if not (str(name).startswith("view_") or name in COLUMNS)]]


def _remember_way(particles: ParticleSet, table: Any, summary: Any, measurement: Measurement | None) -> None:
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


def _follow(particles: ParticleSet) -> bool:
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
            _complete_table(particles)
            return True
    return False


def _on_main_thread() -> None:
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("the session is changed from the main thread only")
