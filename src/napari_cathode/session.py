"""What the screen is about: particle sets, the current one, and the selected particles. No Qt, no napari.

Views subscribe to the signals and write what the person wants into the session; they never call each other. Loops
stop by equality: setting what is already there is silent. Assign from the main thread only.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pandas as pd
from psygnal import Signal

from .edit.change import Change
from .edit.history import Step
from .errors import InputError
from .filtering import Filter
from .judging import Judgement, judgement
from .particles import Colouring, Measurement, ParticleSet, Predictions, category_names
from .upkeep import complete_table, follow_labels, mark_changed, passing, remember_way, renew, take_said
from .work import Work, why_not

Sorting = tuple[str | None, bool]
FIRST_SORT = "damage"

__all__ = ["Colouring", "Measurement", "ParticleSet", "Predictions", "Session", "category_names", "passing"]


class Session:
    """The state that all views of one viewer share.

    Attributes
    ----------
    sorting : tuple of (str or None, bool)
        The column that gives particles their order, None for that of the table itself, and whether the largest value
        comes first: the most damaged particle, until somebody chooses otherwise.

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
    running_changed : ()
        A step began or ended.
    gone : (object)
        What a step may need is not there any more: a particle set, predictions, or whatever shows a tomogram.
    """

    predictions_changed = Signal()
    predictions_edited = Signal()
    particle_sets_changed = Signal()
    current_changed = Signal(object)
    changed = Signal(object, str)
    selection_changed = Signal(object)
    focus_requested = Signal(int)
    models_changed = Signal()
    running_changed = Signal()
    gone = Signal(object)

    def __init__(self) -> None:
        self._predictions: list[Predictions] = []
        self._sets: list[ParticleSet] = []
        self._current: ParticleSet | None = None
        self._selection: frozenset[int] = frozenset()
        self._running: list[Work] = []
        self.sorting: Sorting = (FIRST_SORT, True)

    @property
    def running(self) -> tuple[Work, ...]:
        """The steps that run, in the order in which they began."""
        return tuple(self._running)

    def begin(self, work: Work) -> None:
        """Take note of a step that runs until `end`."""
        _on_main_thread()
        self._running.append(work)
        self.running_changed.emit()

    def end(self, work: Work) -> None:
        """Take note that a step runs no longer; nothing happens when that is known."""
        if work in self._running:
            self._running.remove(work)
            self.running_changed.emit()

    def why_not(self, name: str, about: Any) -> str:
        """Say why a step must not be started beside those that run, "" where it may; see `napari_cathode.work`."""
        wanted = Work(name, about)
        return next((why for running in self._running if (why := why_not(wanted, running))), "")

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
            self.gone.emit(predictions)
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
        self.gone.emit(particles)
        self.particle_sets_changed.emit()

    def set_labels(self, particles: ParticleSet, labels: Any) -> None:
        """Give a particle set new labels; its table and explanation are of the old ones and go."""
        _on_main_thread()
        particles.labels = labels
        particles.boxes = None
        renew(particles)
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
        renew(particles)
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
        before, said = particles.revision, take_said(particles, change.labels)
        renew(particles)
        particles.history.push(Step(change, (before, particles.revision), (said, {})))
        mark_changed(particles, change)
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
        now, (before, after) = take_said(particles, step.change.labels), step.said
        step.said = (before, now) if back else (now, after)
        known = before if back else after
        particles.review.update(known.get("review", {}))
        if step.revisions is None:
            renew(particles)
        else:
            particles.revision = step.revisions[0 if back else 1]
        mark_changed(particles, step.change)
        reviewed = now["review"] != known.get("review", {})
        if follow_labels(particles):
            self._emit_table(particles)
        self._emit_edit(particles, step.change, reviewed=reviewed)
        return step

    def _emit_edit(self, particles: ParticleSet, change: Change, *, reviewed: bool) -> None:
        """Tell of an edit; particles that are gone are not selected any more."""
        if reviewed and particles.table is not None:
            complete_table(particles)
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
        remember_way(particles, table, summary, measurement)
        particles.table, particles.summary, particles.measurement = table, summary, measurement
        particles.table_revision = particles.revision
        complete_table(particles)
        self._emit_table(particles)

    def update_columns(self, particles: ParticleSet, table: pd.DataFrame) -> None:
        """Show a table of the same measurement with other columns of other tools; summary and explanation stay."""
        _on_main_thread()
        particles.table = table
        complete_table(particles)
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
            complete_table(particles)
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
            complete_table(particles)
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

    def set_explanation(
        self,
        particles: ParticleSet,
        explanation: Any,
        without: frozenset[int] | None = None,
        revision: int | None = None,
    ) -> None:
        """Give a particle set an explanation; colours that showed the former one go.

        Parameters
        ----------
        particles : ParticleSet
        explanation : Explanation, optional
        without : frozenset of int, optional
            Labels that were excluded when it was begun; those that are now where it is not given.
        revision : int, optional
            ``table_revision`` when it was begun, that of the present table where it is not given.
        """
        _on_main_thread()
        if explanation is particles.explanation:
            return
        particles.explanation = explanation
        particles.explanation_revision = particles.table_revision if revision is None else revision
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


def _on_main_thread() -> None:
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("the session is changed from the main thread only")
