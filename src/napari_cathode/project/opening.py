"""Opening a project: whatever can be read is read, and what cannot is said in a sentence."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from napari_cathode.edit.history import History
from napari_cathode.errors import InputError
from napari_cathode.filtering import Filter
from napari_cathode.progress import Progress, Steps, drain
from napari_cathode.session import Colouring, ParticleSet, passing
from napari_cathode.tomogram import Tomogram, check_region

from . import parts
from .explained import read_explanation
from .grey import open_tomogram
from .manifest import PARTS, folder_of, read_manifest, restored
from .saving import Entry, Project, Written
from .state import Look, ProjectState

T = TypeVar("T")
_OLD = -1
"""Revision of what was made of earlier labels than those that are saved, which get 0."""


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

    def iter_open(self, manifest: Entry) -> Steps[OpenedProject]:
        project = self.project
        project.generation = int(manifest["generation"])
        project.damaged = list(manifest["damaged"])
        tomograms = [self._tomogram(entry) for entry in manifest["tomograms"]]
        sets: list[ParticleSet | None] = []
        entries = [*manifest["particles"], *manifest["aside"]]
        for number, entry in enumerate(entries):
            yield Progress(number, len(entries), f"Opening {entry['name']}")
            sets.append(self._particles(entry, tomograms, manifest["tomograms"]))
        named = {entry["tomogram"] for entry in entries}
        project.missing_alone = [
            entry
            for place, entry in enumerate(manifest["tomograms"])
            if tomograms[place] is None and place not in named
        ]
        known = tuple(particles for particles in sets if particles is not None)
        current = None if manifest["current"] is None else sets[manifest["current"]]
        state = ProjectState(
            particle_sets=known,
            current=current or (known[-1] if known else None),
            selection=frozenset(manifest["selection"]) if current is not None else frozenset(),
            tomograms=tuple(tomogram for tomogram in tomograms if tomogram is not None),
            parameters=manifest["parameters"],
            looks=self.looks,
        )
        return OpenedProject(project, state, tuple(self.notes))

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

    def _particles(
        self, entry: Entry, tomograms: list[Tomogram | None], tomogram_entries: list[Entry]
    ) -> ParticleSet | None:
        name = entry["name"]
        try:
            same = self._is_as_written(entry["labels"], "labels", name)
            labels = parts.read_labels(self.folder / entry["labels"]["path"])
        except InputError as error:
            self.notes.append(f"The particles {name} are left out: {error}")
            self.project.aside.append(entry)
            return None
        place = entry["tomogram"]
        tomogram = None if place is None else tomograms[place]
        if tomogram is not None and entry["region"] is not None:
            tomogram = tomogram.part(check_region(entry["region"], tomogram.shape, tomogram.name))
        spacing, colouring = entry["spacing_um"], entry["colouring"]
        particles = ParticleSet(
            labels,
            name,
            None if spacing is None else (spacing[0], spacing[1], spacing[2]),
            tomogram,
            review={int(label): said for label, said in entry["review"].items()},
            provenance=entry["provenance"],
        )
        self.project.written.append(Written("labels", labels, 0, entry["labels"]))
        if place is not None and tomograms[place] is None:
            self.project.missing[particles] = (tomogram_entries[place], entry["region"])
        for kind in ("table", "agreement"):
            table = self._part(entry[kind], kind, name, lambda path, said: _table(path, said))
            setattr(particles, kind, table)
        contacts = self._part(entry["contacts"], "contacts", name, lambda path, _: _contacts(path))
        if contacts is not None and particles.table is not None:
            particles.table.attrs["contacts"] = contacts
        particles.explanation = self._part(
            entry["explanation"], "explanation", name, lambda path, _: read_explanation(path)
        )
        log = self._part(entry["edits"], "edits", name, lambda path, _: _log(path))
        particles.history = History(log=log)
        for kind in ("table", "agreement", "explanation"):
            if entry[kind] is not None:
                setattr(particles, f"{kind}_revision", 0 if entry[kind]["up_to_date"] and same else _OLD)
        if entry["explanation"] is not None:
            particles.explanation_without = frozenset(entry["explanation"]["without"])
        if particles.table is not None and entry["summary"] is not None:
            particles.summary = _summary(entry["summary"])
        particles.colouring = _colouring(particles, colouring)
        _filter(particles, entry["filter"])
        self.looks[particles] = entry["look"]
        return particles

    def _part(self, entry: Entry | None, kind: str, name: str, read: Callable[[Path, Entry], T]) -> T | None:
        """Read a part of a particle set; where that is not possible it is kept, and the set does without."""
        if entry is None:
            return None
        try:
            self._is_as_written(entry, kind, name)
            value = read(self.folder / entry["path"], entry)
        except InputError as error:
            self.notes.append(f"The {_WORDS[kind]} of {name} is left out: {error}")
            self.project.damaged.append(entry["path"])
            return None
        described = {key: value for key, value in entry.items() if key not in ("up_to_date", "without", "attrs")}
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
        self.notes.append(
            f"{path}, the {_WORDS[kind]} of {name}, was changed by another program since the project was saved; it is "
            "shown as it is now."
        )
        return False


_WORDS = {
    "labels": "labels",
    "table": "feature table",
    "agreement": "agreement of the views",
    "contacts": "list of contacts",
    "explanation": "explanation",
    "edits": "list of edits",
}


def _table(path: Path, entry: Entry) -> Any:
    table = parts.read_features(path, entry.get("dtypes", {}))
    table.attrs = dict(entry.get("attrs", {}))
    return table


def _contacts(path: Path) -> Any:
    from napari_cathode.measure import Contacts

    return Contacts(parts.read_parquet(path) if path.suffix == ".parquet" else parts.read_csv(path))


def _log(path: Path) -> list[dict[str, Any]]:
    try:
        log = restored(json.loads(path.read_text(encoding="utf-8")))
        return [dict(entry) for entry in log]
    except FileNotFoundError:
        raise InputError(f"{path} is missing.") from None
    except (OSError, ValueError, TypeError):
        raise InputError(f"{path} is damaged and cannot be read.") from None


def _summary(values: Entry) -> Any:
    from napari_cathode.measure import Summary

    known = {name: values[name] for name in Summary.__dataclass_fields__ if name in values}
    return Summary(**known)


def _filter(particles: ParticleSet, values: Entry) -> None:
    ranges = tuple((name, low, high) for name, low, high in values["ranges"])
    wanted = Filter(**{**values, "ranges": ranges})
    with suppress(InputError):  # what it asks for could not be read
        particles.shown = passing(particles, wanted)
        particles.filter = wanted


def _colouring(particles: ParticleSet, values: Entry | None) -> Colouring | None:
    if values is None:
        return None
    limits = values.get("limits")
    colouring = Colouring(**{**values, "limits": None if limits is None else (limits[0], limits[1])})
    try:
        particles.values(colouring)
    except InputError:
        return None  # what it showed could not be read
    return colouring
