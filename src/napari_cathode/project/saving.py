"""Saving a project: only what changed is written, beside what was there; one renamed file makes it the state."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_cathode.errors import InputError
from napari_cathode.progress import Steps, drain
from napari_cathode.session import ParticleSet
from napari_cathode.tomogram import Tomogram

from . import parts
from .explained import write_explanation
from .grey import find_place, same_data
from .manifest import (
    MANIFEST,
    PARTS,
    holds_project,
    locked,
    read_manifest,
    sync,
    sync_folder,
    write_manifest,
)
from .state import ProjectState

Entry = dict[str, Any]
"""Plain values of the manifest."""

Given = Mapping[str, str]
"""Files that hold parts of a particle set already, by what they hold."""

_OURS = re.compile(r"(tomogram|particles)-\d+(-[a-z]+)?-\d{4,}(\.zarr|\.parquet|\.json)?")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@dataclass(frozen=True, eq=False)
class Written:
    """Something that lies in the project already.

    Attributes
    ----------
    kind : str
        "tomogram", "labels", "table", "agreement", "explanation" or "edits".
    thing : object
        What was written.
    revision : int
        Which state of it, for what is changed in place.
    entry : dict
        What the manifest says of it.
    """

    kind: str
    thing: Any
    revision: int
    entry: Entry


@dataclass(eq=False)
class Project:
    """A folder that a session is saved in, again and again.

    Attributes
    ----------
    folder : Path
        Where it is.
    generation : int
        How often it was saved; 0 for a project that does not exist yet.
    written : list of Written
        What need not be written again as long as it stays the same.
    missing : dict of ParticleSet to (dict, region)
        What the manifest said of tomograms that were not found, and which part of them was meant, by the live particle
        set that they belong to.
    missing_alone : list of dict
        The same of tomograms in which no particles were found.
    aside : list of dict
        What it said of particle sets that could not be read; they are kept, and tried again next time.
    damaged : list of str
        Other files that could not be read; they are kept.
    one_generation : bool
        Whether all saves count as the first, as those of a run, each of which only adds to the former.
    """

    folder: Path
    generation: int = 0
    written: list[Written] = field(default_factory=list)
    missing: dict[ParticleSet, tuple[Entry, Any]] = field(default_factory=dict)
    missing_alone: list[Entry] = field(default_factory=list)
    aside: list[Entry] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    one_generation: bool = False

    @property
    def next_generation(self) -> int:
        """The number of the next save."""
        return 1 if self.one_generation else self.generation + 1

    @classmethod
    def new(cls, folder: str | os.PathLike[str], overwrite: bool = False) -> Project:
        """Choose a folder for a project; nothing is written yet.

        Parameters
        ----------
        folder : path
            Need not exist; other files in it are never touched.
        overwrite : bool
            Whether a project that is there may be replaced, at the first save and not before.

        Raises
        ------
        InputError
            When that is not possible.
        """
        path = Path(os.path.abspath(folder))
        if path.exists() and not path.is_dir():
            raise InputError(f"{path} is a file; name a folder for the project.")
        if not (path / MANIFEST).exists():
            return cls(path)
        if not holds_project(path):
            raise InputError(f"{path / MANIFEST} does not come from napari-cathode; choose another folder.")
        if not overwrite:
            raise InputError(f"{path} holds a project already; choose another folder, or replace it.")
        try:
            generation = int(read_manifest(path).get("generation", 0))
        except InputError:
            (path / MANIFEST).unlink()  # damaged, or of a newer program, and given up
            return cls(path)
        return cls(path, generation)

    def iter_save(self, state: ProjectState, by: str = "napari", given: Mapping[str, str] | None = None) -> Steps[None]:
        """Save a state; the former one stays until the new one is whole.

        Parameters
        ----------
        state : ProjectState
            What is saved.
        by : str
            What saves it: "run", "napari" or "command line".
        given : mapping of str to str, optional
            Files of the project's folder that hold parts of the current particle set already: "labels", "table",
            "shap", "importance".

        Yields
        ------
        Progress
            While something large is written.

        Raises
        ------
        InputError
            When the disk is full, the place cannot be written to, or somebody else saved the project meanwhile. What
            was saved before is still there then.
        """
        save = _Save(self, state, dict(given or {}))
        try:
            (self.folder / PARTS).mkdir(parents=True, exist_ok=True)
            with locked(self.folder):
                self._check_unchanged()
                self._remove_others(self._names(_manifest_or_nothing(self.folder)))
                content = yield from save.iter_content()
                content |= {"generation": self.next_generation, "saved_by": by, "damaged": self.damaged}
                sync_folder(self.folder / PARTS)
                write_manifest(self.folder, content)
                self.generation = self.next_generation
                self.written = save.kept
                save.made.clear()
                self._remove_others(self._names(content))
        except OSError as error:
            raise InputError(_say(self.folder, error)) from error
        finally:
            for path in save.made:
                _remove(path)

    def save(self, state: ProjectState, by: str = "napari", given: Mapping[str, str] | None = None) -> None:
        """Save a state: `iter_save` run to its end."""
        drain(self.iter_save(state, by, given))

    def changed(self, state: ProjectState) -> bool:
        """Whether saving a state would write labels, a table, an explanation or an edit."""
        return any(
            self.find(kind, thing, revision) is None
            for particles in state.particle_sets
            for kind, thing, revision in parts_of(particles)
        )

    def find(self, kind: str, thing: Any, revision: int = 0) -> Written | None:
        """Give what was written of a thing, where it is the same and still there."""
        for known in self.written:
            if known.kind != kind or known.revision != revision:
                continue
            if known.thing is thing or (kind == "edits" and known.thing == thing):
                path = known.entry.get("path")
                return known if path is None or (self.folder / path).exists() else None
        return None

    def _check_unchanged(self) -> None:
        manifest = _manifest_or_nothing(self.folder)
        if manifest and manifest.get("generation") != self.generation:
            raise InputError(
                f"The project {self.folder} was saved by another program since it was opened here; save this one in "
                "another folder, or open the project again."
            )

    def _names(self, content: Any) -> set[str]:
        """Give the names of all files in the parts' folder that a manifest speaks of."""
        return {Path(path).name for path in (*_paths(content), *self.damaged) if Path(path).parent.name == PARTS}

    def _remove_others(self, names: set[str]) -> None:
        """Remove what a save that did not come to its end, or a former state, left."""
        for path in (self.folder / PARTS).iterdir():
            if path.name not in names and _OURS.fullmatch(path.name):
                _remove(path)


def parts_of(particles: ParticleSet) -> Iterator[tuple[str, Any, int]]:
    """Give what is written of a particle set in files of its own: kind, thing and revision."""
    yield "labels", particles.labels, particles.revision
    for kind in ("table", "agreement", "explanation"):
        if getattr(particles, kind) is not None:
            yield kind, getattr(particles, kind), 0
    contacts = _contacts(particles.table)
    if contacts is not None:
        yield "contacts", contacts, 0
    log = particles.history.log()
    if log:
        yield "edits", log, 0


class _Save:
    """One save: writes what is new, and puts the manifest together.

    Attributes
    ----------
    kept : list of Written
        What the project holds after it.
    made : list of Path
        What was written for it.
    """

    def __init__(self, project: Project, state: ProjectState, given: dict[str, str]) -> None:
        self.project = project
        self.state = state
        self.given = given
        self.kept: list[Written] = []
        self.made: list[Path] = []

    def iter_content(self) -> Steps[Entry]:
        state, project = self.state, self.project
        tomograms: list[Tomogram] = []
        for one in (*state.tomograms, *(known.tomogram for known in state.particle_sets)):
            whole = None if one is None else one.whole or one
            if whole is not None and not any(same_data(whole.data, known.data) for known in tomograms):
                tomograms.append(whole)
        entries: list[Entry] = []
        for tomogram in tomograms:
            entries.append((yield from self._iter_tomogram(tomogram, len(entries) + 1)))
        entries += project.missing_alone
        sets: list[Entry] = []
        for particles in state.particle_sets:
            made = yield from self._iter_particles(particles, len(sets) + 1)
            made["tomogram"] = self._place_of(particles, tomograms, entries)
            sets.append(made)
        current = None if state.current is None else state.particle_sets.index(state.current)
        return {
            "current": current,
            "selection": sorted(state.selection),
            "parameters": dict(state.parameters),
            "tomograms": entries,
            "particles": sets,
            "aside": project.aside,
        }

    def _place_of(self, particles: ParticleSet, tomograms: list[Tomogram], entries: list[Entry]) -> int | None:
        """Give the number of a particle set's tomogram; one that was not found keeps its entry."""
        tomogram = particles.tomogram
        if tomogram is not None:
            whole = tomogram.whole or tomogram
            return next(place for place, known in enumerate(tomograms) if same_data(known.data, whole.data))
        missing = self._missing(particles)
        if missing is None:
            return None
        entry = missing[0]
        if entry not in entries:
            entries.append(entry)
        return entries.index(entry)

    def _missing(self, particles: ParticleSet) -> tuple[Entry, Any] | None:
        return self.project.missing.get(self.state.live.get(particles, particles))

    def _region(self, particles: ParticleSet) -> Any:
        tomogram, missing = particles.tomogram, self._missing(particles)
        if tomogram is None:
            return None if missing is None else missing[1]
        return None if tomogram.whole is None else tomogram.region

    def _iter_tomogram(self, tomogram: Tomogram, number: int) -> Steps[Entry]:
        known = next(
            (one for one in self.project.written if one.kind == "tomogram" and same_data(one.thing, tomogram.data)),
            None,
        )
        if known is None or ("path" in known.entry and not (self.project.folder / known.entry["path"]).exists()):
            place = find_place(tomogram, self.project.folder)
            if "file" not in place:
                path = self._path(number, "tomogram", "", ".zarr")
                yield from parts.iter_write_grey(path, tomogram)
                place["path"] = self._done(path)
            known = Written("tomogram", tomogram.data, 0, place)
        self.kept.append(known)
        return {
            "name": tomogram.name,
            "spacing_um": tomogram.spacing_um,
            "look": self.state.looks.get(tomogram, {}),
            **known.entry,
        }

    def _iter_particles(self, particles: ParticleSet, number: int) -> Steps[Entry]:
        live = self.state.live.get(particles, particles)
        colouring = particles.colouring
        given = self.given if particles is self.state.current else {}
        labels, revision = yield from self._iter_labels(particles, live, number, given)
        made: Entry = {
            "name": particles.name,
            "spacing_um": particles.spacing_um,
            "region": self._region(particles),
            "labels": labels,
            "summary": particles.summary,
            "colouring": colouring,
            "review": particles.review,
            "filter": particles.filter,
            "provenance": particles.provenance,
            "look": self.state.looks.get(particles, {}),
        }
        for kind in ("table", "agreement"):
            made[kind] = self._table(kind, getattr(particles, kind), number, given)
        contacts = _contacts(particles.table)
        made["contacts"] = None if contacts is None else self._contacts(contacts, number, given)
        made["explanation"] = self._explanation(particles.explanation, number, given)
        log = particles.history.log()
        made["edits"] = self._part("edits", log, number, ".json", _write_json) if log else None
        for kind in ("table", "agreement", "explanation"):
            if made[kind] is not None:
                made[kind] = {**made[kind], "up_to_date": getattr(particles, f"{kind}_revision") == revision}
        if made["explanation"] is not None:
            made["explanation"]["without"] = sorted(particles.explanation_without)
        return made

    def _iter_labels(
        self, particles: ParticleSet, live: ParticleSet, number: int, given: Given
    ) -> Steps[tuple[Entry, int]]:
        known = self.project.find("labels", particles.labels, particles.revision)
        if known is None:
            revision, shape = particles.revision, list(particles.labels.shape)
            if "labels" in given:
                entry = {**self._given(given["labels"]), "shape": shape}
            else:
                path = self._path(number, "particles", "labels", ".zarr")
                revision = yield from parts.iter_write_labels(
                    path, particles.labels, particles.spacing_um, _revision_of(live, particles)
                )
                entry = {"path": self._done(path), "shape": shape}
            known = Written("labels", particles.labels, revision, entry)
        self.kept.append(known)
        return known.entry, known.revision

    def _table(self, kind: str, table: Any, number: int, given: Given) -> Entry | None:
        if table is None:
            return None
        if kind in given:
            entry = self._given(given[kind])
            entry["dtypes"] = {str(name): str(dtype) for name, dtype in table.dtypes.items()}
            entry["attrs"] = _notes(table)
            self.kept.append(Written(kind, table, 0, entry))
            return entry
        return {**self._part(kind, table, number, ".parquet", parts.write_table), "attrs": _notes(table)}

    def _contacts(self, contacts: Any, number: int, given: Given) -> Entry:
        if "contacts" not in given:
            write = lambda path, found: parts.write_table(path, found.table)  # noqa: E731
            return self._part("contacts", contacts, number, ".parquet", write)
        entry = self._given(given["contacts"])
        self.kept.append(Written("contacts", contacts, 0, entry))
        return entry

    def _explanation(self, explanation: Any, number: int, given: Given) -> Entry | None:
        if explanation is None:
            return None
        tables = {name: self.project.folder / given[name] for name in given if name in ("shap", "importance")}
        for path in tables.values():
            sync(path)
        return self._part(
            "explanation", explanation, number, "", lambda path, value: write_explanation(path, value, tables)
        )

    def _part(self, kind: str, thing: Any, number: int, suffix: str, write: Callable[[Path, Any], None]) -> Entry:
        """Write a thing unless it is there already."""
        known = self.project.find(kind, thing)
        if known is None:
            path = self._path(number, "particles", kind, suffix)
            write(path, thing)
            entry = {"path": self._done(path), "sha256": parts.digest(path)}
            known = Written(kind, thing, 0, entry)
        self.kept.append(known)
        return dict(known.entry)

    def _path(self, number: int, what: str, kind: str, suffix: str) -> Path:
        """Name a new file or folder; whatever it leaves goes unless the save comes to its end."""
        name = "-".join(filter(None, (what, str(number), kind, f"{self.project.next_generation:04d}")))
        path = self.project.folder / PARTS / f"{name}{suffix}"
        self.made.append(path)
        return path

    def _done(self, path: Path) -> str:
        sync(path)
        return path.relative_to(self.project.folder).as_posix()

    def _given(self, name: str) -> Entry:
        path = self.project.folder / name
        sync(path)
        return {"path": name, "sha256": parts.digest(path)}


_NOTES = ("notes", "definitions")


def _notes(table: Any) -> Entry:
    """Give what is said beside a table in words; what else goes with it has files of its own, or is made again."""
    return {name: table.attrs[name] for name in _NOTES if name in table.attrs}


def _contacts(table: Any) -> Any:
    from napari_cathode.measure import Contacts

    return None if table is None else Contacts.beside(table)


def _revision_of(live: ParticleSet, particles: ParticleSet) -> Callable[[], int]:
    """Tell the revision of labels while they are written; others that the set got meanwhile do not count."""
    return lambda: live.revision if live.labels is particles.labels else particles.revision


def _write_json(path: Path, value: Any) -> None:
    import json

    from .manifest import storable

    path.write_text(json.dumps(storable(value), indent=1, ensure_ascii=False) + "\n", encoding="utf-8", newline="\n")


def _paths(content: Any) -> Iterator[str]:
    """Give all paths of parts in a manifest."""
    if isinstance(content, dict):
        for name, value in content.items():
            if name == "path" and isinstance(value, str):
                yield value
            else:
                yield from _paths(value)
    elif isinstance(content, list):
        for value in content:
            yield from _paths(value)


def _manifest_or_nothing(folder: Path) -> Entry:
    return read_manifest(folder) if (folder / MANIFEST).exists() else {}


def _remove(path: Path) -> None:
    with suppress(OSError):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _say(folder: Path, error: OSError) -> str:
    if error.errno in _FULL:
        return (
            f"The project {folder} was not saved, since the disk is full; make room there or choose another folder. "
            "What was saved before is still there."
        )
    reason = error.strerror or str(error) or type(error).__name__
    return f"The project {folder} was not saved ({reason}); what was saved before is still there."
