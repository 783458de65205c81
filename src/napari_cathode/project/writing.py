"""One save of a project: writes what is new, and puts the manifest together."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_cathode.edit.change import Change
from napari_cathode.progress import Steps
from napari_cathode.session import ParticleSet, Predictions
from napari_cathode.tomogram import Tomogram

from . import parts
from .explained import write_explanation
from .grey import find_place, same_data
from .manifest import PARTS, storable, sync
from .measured import write_measurement
from .state import ProjectState, latest
from .undo import MOST_FILES, KeptSteps, list_steps, steps_of, write_steps
from .views import describe_view, iter_write_view
from .written import Entry, Given, Written

if TYPE_CHECKING:
    from .saving import Project

_NOTES = ("notes", "definitions")


class Writing:
    """One save: writes what is new, and puts the manifest together.

    Parameters
    ----------
    project : Project
        Where, and what is there already.
    state : ProjectState
        What is saved.
    given : dict of str to str
        Files of the project's folder that hold parts of the current particle set already.

    Attributes
    ----------
    kept : list of Written
        What the project holds after it.
    made : list of Path
        What was written for it.
    """

    def __init__(self, project: Project, state: ProjectState, given: Given) -> None:
        self._project = project
        self._state = state
        self._given = given
        self._tomograms: list[Tomogram] = []
        self._entries: list[Entry] = []
        self.kept: list[Written] = []
        self.made: list[Path] = []

    def iter_content(self) -> Steps[Entry]:
        """Write the parts; gives the manifest's content."""
        state, project = self._state, self._project
        yield from self._iter_tomograms()
        sets: list[Entry] = []
        for particles in state.particle_sets:
            sets.append((yield from self._iter_particles(particles, len(sets) + 1)))
        views: list[Entry] = []
        for predictions in state.predictions:
            views.append((yield from self._iter_predictions(predictions, len(views) + 1)))
        aside: dict[str, list[Entry]] = {"particles": [], "views": []}
        for known in project.aside:
            place = self._place(known.tomogram, known.tomogram_entry)
            aside[known.kind].append({**known.entry, "tomogram": place})
        return {
            "current": None if state.current is None else state.particle_sets.index(state.current),
            "selection": sorted(state.selection),
            "parameters": dict(state.parameters),
            "tomograms": self._entries,
            "particles": sets,
            "views": views,
            "aside": aside["particles"],
            "views_aside": aside["views"],
        }

    # ---- grey values ---------------------------------------------------------------------------------

    def _iter_tomograms(self) -> Steps[None]:
        """Write those that no file holds; each is named once, whoever speaks of it."""
        state = self._state
        measured = [known.measurement.tomogram for known in state.particle_sets if known.measurement is not None]
        spoken_of = [*(known.tomogram for known in state.particle_sets), *(seen.tomogram for seen in state.predictions)]
        for one in (*state.tomograms, *spoken_of, *measured, *(known.tomogram for known in self._project.aside)):
            whole = None if one is None else one.whole or one
            if whole is not None and not any(same_data(whole.data, known.data) for known in self._tomograms):
                self._tomograms.append(whole)
        for number, tomogram in enumerate(self._tomograms, 1):
            self._entries.append((yield from self._iter_tomogram(tomogram, number)))
        self._entries += self._project.missing_alone

    def _iter_tomogram(self, tomogram: Tomogram, number: int) -> Steps[Entry]:
        known = next(
            (one for one in self._project.written if one.kind == "tomogram" and same_data(one.thing, tomogram.data)),
            None,
        )
        if known is None or ("path" in known.entry and not (self._project.folder / known.entry["path"]).exists()):
            place = find_place(tomogram, self._project.folder)
            if "file" not in place:
                path = self._path(number, "tomogram", "", ".zarr")
                yield from parts.iter_write_grey(path, tomogram)
                place["path"] = self._done(path)
            known = Written("tomogram", tomogram.data, 0, place)
        self.kept.append(known)
        return {
            "name": tomogram.name,
            "spacing_um": tomogram.spacing_um,
            "look": self._state.looks.get(tomogram, {}),
            **known.entry,
        }

    def _place(self, tomogram: Tomogram | None, missing: Entry | None) -> int | None:
        """Give the number of a tomogram in the manifest; one that was not found keeps its entry."""
        if tomogram is not None:
            whole = tomogram.whole or tomogram
            return next(place for place, known in enumerate(self._tomograms) if same_data(known.data, whole.data))
        if missing is None:
            return None
        if missing not in self._entries:
            self._entries.append(missing)
        return self._entries.index(missing)

    # ---- views ---------------------------------------------------------------------------------------

    def _iter_predictions(self, predictions: Predictions, number: int) -> Steps[Entry]:
        looks = self._state.looks.get(predictions, {})
        live = self._state.live.get(predictions, predictions)
        views: Entry = {}
        for name, view in predictions.views.items():
            revision = predictions.revisions.get(name, 0)
            known = self._project.find("view", view, revision)
            if known is None:
                path = self._path(number, "views", name, ".zarr")

                def revision_now(name: str = name, view: Any = view, taken: int = revision) -> int:
                    return live.revisions.get(name, 0) if live.views.get(name) is view else taken

                written = yield from iter_write_view(path, view, revision_now)
                known = Written("view", view, written, {"path": self._done(path), **describe_view(view)})
            self.kept.append(known)
            views[name] = {**known.entry, "look": looks.get(name, {})}
        return {
            "name": predictions.name,
            "tomogram": self._place(predictions.tomogram, None),
            "region": _region_of(predictions.tomogram),
            "views": views,
        }

    # ---- particles -----------------------------------------------------------------------------------

    def _iter_particles(self, particles: ParticleSet, number: int) -> Steps[Entry]:
        state = self._state
        live = state.live.get(particles, particles)
        missing = self._project.missing.get(live)
        given = self._given if particles is state.current else {}
        labels, revision = yield from self._iter_labels(particles, live, number, given)
        look, particles = state.looks.get(particles, {}), latest(particles, live, revision)
        tomogram = particles.tomogram
        made: Entry = {
            "name": particles.name,
            "spacing_um": particles.spacing_um,
            "tomogram": self._place(tomogram, None if missing is None else missing[0]),
            "region": missing[1] if tomogram is None and missing is not None else _region_of(tomogram),
            "labels": labels,
            "revisions": {
                "labels": revision,
                "last": max(particles.last_revision, revision),
                **{kind: getattr(particles, f"{kind}_revision") for kind in ("table", "agreement", "explanation")},
            },
            "summary": particles.summary,
            "colouring": particles.colouring,
            "review": particles.review,
            "filter": particles.filter,
            "provenance": particles.provenance,
            "look": look,
        }
        for kind in ("table", "agreement"):
            made[kind] = self._table(kind, getattr(particles, kind), number, given)
        contacts = _contacts(particles.table)
        made["contacts"] = None if contacts is None else self._contacts(contacts, number, given)
        made["measurement"] = self._measurement(particles, number, missing)
        made["explanation"] = self._explanation(particles.explanation, number, given)
        log = particles.history.log()
        made["edits"] = self._part("edits", log, number, ".json", _write_json) if log else None
        made["history"] = self._history(particles, number)
        for kind in ("table", "agreement", "explanation"):
            if made[kind] is not None:
                made[kind] = {**made[kind], "up_to_date": getattr(particles, f"{kind}_revision") == revision}
        if made["explanation"] is not None:
            made["explanation"]["without"] = sorted(particles.explanation_without)
        return made

    def _iter_labels(
        self, particles: ParticleSet, live: ParticleSet, number: int, given: Given
    ) -> Steps[tuple[Entry, int]]:
        known = self._project.find("labels", particles.labels, particles.revision)
        if known is None:
            revision, shape = particles.revision, list(particles.labels.shape)
            if "labels" in given:
                entry = {**self._given_file(given["labels"]), "shape": shape}
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
            entry = self._given_file(given[kind])
            entry["dtypes"] = {str(name): str(dtype) for name, dtype in table.dtypes.items()}
            entry["attrs"] = _notes(table)
            self.kept.append(Written(kind, table, 0, entry))
            return entry
        return {**self._part(kind, table, number, ".parquet", parts.write_table), "attrs": _notes(table)}

    def _contacts(self, contacts: Any, number: int, given: Given) -> Entry:
        if "contacts" not in given:
            write = lambda path, found: parts.write_table(path, found.table)  # noqa: E731
            return self._part("contacts", contacts, number, ".parquet", write)
        entry = self._given_file(given["contacts"])
        self.kept.append(Written("contacts", contacts, 0, entry))
        return entry

    def _measurement(self, particles: ParticleSet, number: int, missing: tuple[Entry, Any] | None) -> Entry | None:
        """Write what the table needs to follow edits, and where the labels changed since."""
        known = particles.measurement
        if known is None:
            return None
        lost = known.tomogram is None and known.state.with_image and missing is not None
        return {
            **self._part("measurement", known.state, number, "", write_measurement),
            "tomogram": self._place(known.tomogram, missing[0] if lost and missing is not None else None),
            "region": missing[1] if lost and missing is not None else _region_of(known.tomogram),
            "changed": [[[side.start, side.stop] for side in box] for box in known.changed],
        }

    def _explanation(self, explanation: Any, number: int, given: Given) -> Entry | None:
        if explanation is None:
            return None
        tables = {name: self._project.folder / given[name] for name in given if name in ("shap", "importance")}
        for path in tables.values():
            sync(path)
        return self._part(
            "explanation", explanation, number, "", lambda path, value: write_explanation(path, value, tables)
        )

    def _history(self, particles: ParticleSet, number: int) -> Entry | None:
        """Write the steps that are new, and the list of all that are kept."""
        kept = steps_of(particles.history)
        if not kept:
            return None
        files = self._files_with(kept)
        new = [change for change in kept.changes if not any(change in known.thing for known in files)]
        if len(files) >= MOST_FILES and new:
            files, new = [], list(kept.changes)
        if new:
            path = self._path(number, "particles", "steps", ".parquet")
            write_steps(path, new)
            files.append(Written("steps", tuple(new), 0, {"path": self._done(path), "sha256": parts.digest(path)}))
        self.kept += files
        places: dict[Change, tuple[int, int]] = {
            change: (place, row) for place, known in enumerate(files) for row, change in enumerate(known.thing)
        }
        listed = list_steps(kept, places.__getitem__)
        key = (kept.key(), [known.entry["path"] for known in files])
        entry = self._part("history", key, number, ".json", lambda path, _: _write_json(path, listed))
        return {**entry, "steps": [known.entry for known in files]}

    def _files_with(self, kept: KeptSteps) -> list[Written]:
        """Give the files that hold some of the steps already."""
        wanted = set(kept.changes)
        return [
            known
            for known in self._project.written
            if known.kind == "steps"
            and wanted.intersection(known.thing)
            and (self._project.folder / known.entry["path"]).exists()
        ]

    # ---- files ---------------------------------------------------------------------------------------

    def _part(self, kind: str, thing: Any, number: int, suffix: str, write: Callable[[Path, Any], None]) -> Entry:
        """Write a thing unless it is there already."""
        known = self._project.find(kind, thing)
        if known is None:
            path = self._path(number, "particles", kind, suffix)
            write(path, thing)
            entry = {"path": self._done(path), "sha256": parts.digest(path)}
            known = Written(kind, thing, 0, entry)
        self.kept.append(known)
        return dict(known.entry)

    def _path(self, number: int, what: str, kind: str, suffix: str) -> Path:
        """Name a new file or folder; whatever it leaves goes unless the save comes to its end."""
        name = "-".join(filter(None, (what, str(number), kind, f"{self._project.next_generation:04d}")))
        path = self._project.folder / PARTS / f"{name}{suffix}"
        self.made.append(path)
        return path

    def _done(self, path: Path) -> str:
        sync(path)
        return path.relative_to(self._project.folder).as_posix()

    def _given_file(self, name: str) -> Entry:
        path = self._project.folder / name
        sync(path)
        return {"path": name, "sha256": parts.digest(path)}


def _notes(table: Any) -> Entry:
    """Give what is said beside a table in words; what else goes with it has files of its own, or is made again."""
    return {name: table.attrs[name] for name in _NOTES if name in table.attrs}


def _contacts(table: Any) -> Any:
    from napari_cathode.measure import Contacts

    return None if table is None else Contacts.beside(table)


def _region_of(tomogram: Tomogram | None) -> Any:
    return None if tomogram is None or tomogram.whole is None else tomogram.region


def _revision_of(live: ParticleSet, particles: ParticleSet) -> Callable[[], int]:
    """Tell the revision of labels while they are written; others that the set got meanwhile do not count."""
    return lambda: live.revision if live.labels is particles.labels else particles.revision


def _write_json(path: Path, value: Any) -> None:
    text = json.dumps(storable(value), indent=1, ensure_ascii=False) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
