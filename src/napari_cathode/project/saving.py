"""Saving a project: only what changed is written, beside what was there; one renamed file makes it the state."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from napari_cathode.errors import InputError
from napari_cathode.progress import Steps, drain
from napari_cathode.session import ParticleSet

from .grey import moved
from .manifest import MANIFEST, PARTS, holds_project, locked, read_manifest, sync_folder, write_manifest
from .state import ProjectState
from .writing import Writing
from .written import Aside, Entry, Written

_OURS = re.compile(r"(tomogram|particles|views)-\d+(-[a-z]+)?-\d{4,}(\.zarr|\.parquet|\.json)?")
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


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
    aside : list of Aside
        Particle sets and views that could not be read.
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
    aside: list[Aside] = field(default_factory=list)
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

    def inherit(self, former: Project) -> None:
        """Take over what another project says of tomograms that were not found.

        Parameters
        ----------
        former : Project
            Of the same session, in another folder.
        """
        self.missing = {
            known: (moved(entry, former.folder, self.folder), region)
            for known, (entry, region) in former.missing.items()
        }
        self.missing_alone = [moved(entry, former.folder, self.folder) for entry in former.missing_alone]

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
        writing = Writing(self, state, dict(given or {}))
        try:
            (self.folder / PARTS).mkdir(parents=True, exist_ok=True)
            with locked(self.folder):
                self._check_unchanged()
                self._remove_others(self._names(_manifest_or_nothing(self.folder)))
                content = yield from writing.iter_content()
                content |= {"generation": self.next_generation, "saved_by": by, "damaged": self.damaged}
                sync_folder(self.folder / PARTS)
                write_manifest(self.folder, content)
                self.generation = self.next_generation
                self.written = writing.kept
                writing.made.clear()
                self._remove_others(self._names(content))
        except OSError as error:
            raise InputError(_say(self.folder, error)) from error
        finally:
            for path in writing.made:
                _remove(path)

    def save(self, state: ProjectState, by: str = "napari", given: Mapping[str, str] | None = None) -> None:
        """Save a state: `iter_save` run to its end."""
        drain(self.iter_save(state, by, given))

    def find(self, kind: str, thing: Any, revision: int = 0) -> Written | None:
        """Give what was written of a thing, where it is the same and still there."""
        for known in self.written:
            if known.is_of(kind, thing, revision):
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
