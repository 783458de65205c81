"""Opening a project: whatever can be read is read, and what cannot is said in a sentence."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from napari_cathode.edit.history import History
from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps, drain
from napari_cathode.session import Measurement, ParticleSet, Predictions
from napari_cathode.tomogram import Tomogram, check_region

from . import parts
from .explained import read_explanation
from .grey import open_tomogram
from .manifest import PARTS, folder_of, read_manifest
from .measured import read_measurement
from .reading import (
    WORDS,
    check_shape,
    read_contacts,
    read_json,
    read_log,
    read_table,
    restore_colouring,
    restore_filter,
    restore_summary,
)
from .saving import Project
from .state import Look, ProjectState
from .undo import history_of, read_steps, steps_of
from .views import read_view
from .written import Aside, Entry, Written

T = TypeVar("T")
_OF_STATE = ("up_to_date", "without", "attrs", "tomogram", "region", "changed", "steps")
"""What an entry says beside what lies in its file."""

_OLD = -1
"""Revision of what was made of other labels than those that are there."""


@dataclass(frozen=True, eq=False)
class OpenedProject:
    """A project that was opened.

    Attributes
    ----------
    project : Project
        To save it again.
    state : ProjectState
        What it holds.
    notes : tuple of str
        What is missing, damaged or changed, a sentence each.
    """

    project: Project
    state: ProjectState
    notes: tuple[str, ...]


def iter_open_project(path: str | os.PathLike[str]) -> Steps[OpenedProject]:
    """Open a project.

    Parameters
    ----------
    path : path
        Its folder, or the manifest in it.

    Yields
    ------
    Progress
        In particle sets.

    Returns
    -------
    OpenedProject
        Labels and tables are in memory, large tomograms are not.

    Raises
    ------
    InputError
        When it is no project, its manifest is damaged, or a newer program wrote it.
    """
    folder = folder_of(path)
    manifest = read_manifest(folder)
    opening = _Opening(folder)
    try:
        return (yield from opening.iter_open(manifest))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"The manifest of {folder} holds something unexpected ({type(error).__name__}: {error}); it was changed by "
            "another program. Restore it from a backup; labels and tables can be opened one by one."
        ) from None


def open_project(path: str | os.PathLike[str]) -> OpenedProject:
    """Open a project: `iter_open_project` run to its end."""
    return drain(iter_open_project(path))


class _Opening:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.project = Project(folder)
        self.notes: list[str] = []
        self.looks: dict[Any, Look] = {}
        self.tomograms: list[Tomogram | None] = []
        self.entries: list[Entry] = []
        self.changed: set[str] = set()

    def iter_open(self, manifest: Entry) -> Steps[OpenedProject]:
        project = self.project
        project.generation = int(manifest["generation"])
        project.damaged = list(manifest["damaged"])
        self.entries = list(manifest["tomograms"])
        self.tomograms = [self._tomogram(entry) for entry in self.entries]
        sets: list[ParticleSet | None] = []
        entries = [*manifest["particles"], *manifest["aside"]]
        views = [*manifest.get("views", ()), *manifest.get("views_aside", ())]
        for number, entry in enumerate(entries):
            yield Progress(number, len(entries) + len(views), f"Opening {entry['name']}")
            sets.append(self._particles(entry))
        predictions: list[Predictions | None] = []
        for number, entry in enumerate(views, len(entries)):
            yield Progress(number, len(entries) + len(views), f"Opening what the views of {entry['name']} show")
            predictions.append(self._predictions(entry))
        named = {entry["tomogram"] for entry in (*entries, *views)}
        project.missing_alone = [
            entry for place, entry in enumerate(self.entries) if self.tomograms[place] is None and place not in named
        ]
        known = tuple(particles for particles in sets if particles is not None)
        current = None if manifest["current"] is None else sets[manifest["current"]]
        state = ProjectState(
            particle_sets=known,
            current=current or (known[-1] if known else None),
            selection=frozenset(manifest["selection"]) if current is not None else frozenset(),
            predictions=tuple(found for found in predictions if found is not None),
            tomograms=tuple(tomogram for tomogram in self.tomograms if tomogram is not None),
            parameters=manifest["parameters"],
            looks=self.looks,
        )
        return OpenedProject(project, state, tuple(self.notes))

    # ---- grey values and views -----------------------------------------------------------------------

    def _tomogram(self, entry: Entry) -> Tomogram | None:
        try:
            tomogram, note = open_tomogram(entry, self.folder)
        except InputError as error:
            self.notes.append(str(error))
            return None
        if note:
            self.notes.append(note)
        described = {name: value for name, value in entry.items() if name not in ("name", "spacing_um", "look")}
        self.project.written.append(Written("tomogram", tomogram.data, 0, described))
        self.looks[tomogram] = entry["look"]
        return tomogram

    def _part_of(self, entry: Entry) -> tuple[Tomogram | None, Tomogram | None]:
        """Give the tomogram that an entry speaks of: the part of it, and the whole."""
        place = entry["tomogram"]
        whole = None if place is None else self.tomograms[place]
        if whole is None or entry["region"] is None:
            return whole, whole
        return whole.part(check_region(entry["region"], whole.shape, whole.name)), whole

    def _lay_aside(self, kind: str, entry: Entry) -> None:
        """Keep what cannot be read, with the tomogram that it belongs to."""
        place = entry["tomogram"]
        whole = None if place is None else self.tomograms[place]
        self.project.aside.append(Aside(kind, entry, whole, None if place is None else self.entries[place]))

    def _predictions(self, entry: Entry) -> Predictions | None:
        """Open what the views saw; all of it is laid aside where a part of it cannot be read."""
        self._lay_aside("views", entry)
        seen = read_views(self.project, self.project.aside[-1], self.notes)
        if seen is None:
            return None
        self.project.aside.pop()
        self.looks[seen[0]] = seen[1]
        return seen[0]

    # ---- particles -----------------------------------------------------------------------------------

    def _particles(self, entry: Entry) -> ParticleSet | None:
        name = entry["name"]
        try:
            same = self._is_as_written(entry["labels"], "labels", name)
            labels = parts.read_labels(self.folder / entry["labels"]["path"])
            check_shape(labels, entry["labels"], self.folder)
        except InputError as error:
            self.notes.append(f"The particles {name} are left out: {error}")
            self._lay_aside("particles", entry)
            return None
        tomogram, whole = self._part_of(entry)
        spacing = entry["spacing_um"]
        particles = ParticleSet(
            labels,
            name,
            None if spacing is None else (spacing[0], spacing[1], spacing[2]),
            tomogram,
            review={int(label): said for label, said in entry["review"].items()},
            provenance=entry["provenance"],
        )
        _restore_revisions(particles, entry, same)
        self.project.written.append(Written("labels", labels, particles.revision, entry["labels"]))
        if entry["tomogram"] is not None and whole is None:
            self.project.missing[particles] = (self.entries[entry["tomogram"]], entry["region"])
        self._read_tables(particles, entry)
        particles.explanation = self._part(
            entry["explanation"], "explanation", name, lambda path, _: read_explanation(path)
        )
        self._read_edits(particles, entry, same)
        if entry["explanation"] is not None:
            particles.explanation_without = frozenset(entry["explanation"]["without"])
        if particles.table is not None and entry["summary"] is not None:
            particles.summary = restore_summary(entry["summary"])
        particles.colouring = restore_colouring(particles, entry["colouring"])
        restore_filter(particles, entry["filter"])
        self.looks[particles] = entry["look"]
        return particles

    def _read_tables(self, particles: ParticleSet, entry: Entry) -> None:
        name = particles.name
        for kind in ("table", "agreement"):
            table = self._part(entry[kind], kind, name, lambda path, said: read_table(path, said))
            setattr(particles, kind, table)
        contacts = self._part(entry["contacts"], "contacts", name, lambda path, _: read_contacts(path))
        if contacts is not None and particles.table is not None:
            particles.table.attrs["contacts"] = contacts

    def _read_edits(self, particles: ParticleSet, entry: Entry, same: bool) -> None:
        """Read the list of edits, what can be undone, and what the table needs to follow further ones."""
        name = particles.name
        log = self._part(entry["edits"], "edits", name, lambda path, _: read_log(path))
        particles.history = History(log=log)
        if not same:
            return  # nobody knows where another program changed the labels
        listed = entry.get("history")
        if listed is not None:
            self._read_history(particles, listed, log if log is not None or entry["edits"] is not None else [])
        said = entry.get("measurement")
        if said is None or particles.table is None or entry["table"]["path"] in self.changed:
            return  # a table that somebody changed would lose that with the next edit
        state = self._part(said, "measurement", name, lambda path, _: read_measurement(path))
        if state is not None and (state.shape, state.spacing_um) == (particles.labels.shape, particles.spacing_um):
            changed = tuple(tuple(slice(*side) for side in box) for box in said["changed"])
            particles.measurement = Measurement(state, self._part_of(said)[0], changed)

    def _read_history(self, particles: ParticleSet, listed: Entry, log: list[dict[str, Any]] | None) -> None:
        name, files = particles.name, []
        for said in listed["steps"]:
            changes = self._part(said, "steps", name, lambda path, _: tuple(read_steps(path)))
            if changes is None:
                return
            files.append(changes)
        history = self._part(
            listed, "history", name, lambda path, _: history_of(log, read_json(path), files, particles.labels.shape)
        )
        if history is None:
            return
        particles.history = history
        key = (steps_of(history).key(), [said["path"] for said in listed["steps"]])
        described = {name: listed[name] for name in ("path", "sha256")}
        self.project.written[-1] = Written("history", key, 0, described)

    # ---- files ---------------------------------------------------------------------------------------

    def _part(self, entry: Entry | None, kind: str, name: str, read: Callable[[Path, Entry], T]) -> T | None:
        """Read a part of a particle set; where that is not possible it is kept, and the set does without."""
        if entry is None:
            return None
        try:
            self._is_as_written(entry, kind, name)
            value = read(self.folder / entry["path"], entry)
        except InputError as error:
            self.notes.append(f"The {WORDS[kind]} of {name} is left out: {error}")
            self.project.damaged.append(entry["path"])
            return None
        described = {key: value for key, value in entry.items() if key not in _OF_STATE}
        self.project.written.append(Written(kind, value, 0, described))
        return value

    def _is_as_written(self, entry: Entry, kind: str, name: str) -> bool:
        """Whether a file is as it was saved; one that a person may have changed is shown as it is now, and said so.

        Raises
        ------
        InputError
            When it is one that nobody changes, or there is none.
        """
        path = self.folder / entry["path"]
        try:
            if "sha256" not in entry or parts.digest(path) == entry["sha256"]:
                return True
        except OSError as error:
            reason = "is missing" if isinstance(error, FileNotFoundError) else f"cannot be read ({error.strerror})"
            raise InputError(f"{path} {reason}.") from None
        if path.parent.name == PARTS:
            raise InputError(f"{path} is damaged: its content is not what was written.")
        self.changed.add(entry["path"])
        self.notes.append(
            f"{path}, the {WORDS[kind]} of {name}, was changed by another program since the project was saved; it is "
            "shown as it is now."
        )
        return False


def read_views(project: Project, aside: Aside, notes: list[str]) -> tuple[Predictions, Look] | None:
    """Open what views saw, and how it is shown; None where that cannot be read, with a note that says why."""
    entry, tomogram = aside.entry, aside.tomogram
    try:
        if tomogram is None:
            raise InputError("They are of use with its tomogram only.")
        if entry["region"] is not None:
            tomogram = tomogram.part(check_region(entry["region"], tomogram.shape, tomogram.name))
        views = {name: read_view(project.folder / one["path"], name, one) for name, one in entry["views"].items()}
    except InputError as error:
        notes.append(f"What the views of {entry['name']} show is left out: {error}")
        return None
    for name, one in entry["views"].items():
        described = {key: value for key, value in one.items() if key != "look"}
        project.written.append(Written("view", views[name], 0, described))
    looks = {name: one["look"] for name, one in entry["views"].items()}
    return Predictions(entry["name"], views, tomogram), looks


def _restore_revisions(particles: ParticleSet, entry: Entry, same: bool) -> None:
    """Say which of a particle set's parts belong to its labels as they are; older projects say less of it."""
    known = entry.get("revisions", {"labels": 0, "last": 0})
    particles.revision, particles.last_revision = int(known["labels"]), int(known["last"])
    if not same:
        particles.revision = particles.last_revision = particles.last_revision + 1
    for kind in ("table", "agreement", "explanation"):
        if entry[kind] is not None:
            there = particles.revision if entry[kind]["up_to_date"] else known.get(kind, _OLD)
            setattr(particles, f"{kind}_revision", there if same else _OLD)
