"""Opens projects in a window, and what earlier sessions left."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_cathode.errors import InputError
from napari_cathode.plugin.layers import prepare_labels
from napari_cathode.plugin.link import Link
from napari_cathode.plugin.project_layers import close_layers, iter_show_state
from napari_cathode.project import (
    OpenedProject,
    Presence,
    Project,
    Recoverable,
    RecoveryFolder,
    list_recoverable,
    open_project,
)
from napari_cathode.project.clock import SaveClock
from napari_cathode.project.unsaved import UnsavedWork
from napari_cathode.work import FOLLOW

from .docks import open_table
from .errands import Errands
from .locating import find_missing, names_of_missing
from .panel_parameters import apply_parameters
from .turns import later

RECOVERED = (
    "Recovered. Save it as a project to keep it for good; until then it is kept every half minute in case of a crash."
)

_ELSEWHERE = (
    "This project is open in another window, too. Work in one of them: what is done in the one that saves second is "
    "kept, but has to be saved as a project of its own."
)
_REDRAW_MS = 50


class Opener(Errands):
    """The part of a `Keeper` that opens."""

    _viewer: Callable[[], Any]
    _main: Any
    _link: Link
    _unsaved: UnsavedWork
    _saved: tuple[Any, ...]
    clock: SaveClock
    project: Project | None
    notes: list[str]
    recoverable: list[Recoverable]
    has_work: bool
    _has_kept = False
    _presence: Presence | None = None

    def open(self, path: str | Path) -> None:
        """Open a project in the place of what is open, which is saved before."""
        self._open(Path(path), None)

    def recover(self, left: Recoverable) -> None:
        """Open what a session left; it stays unsaved work until it is saved."""
        self._open(left.project, left)

    def discard(self, left: Recoverable) -> None:
        """Remove what a session left."""
        RecoveryFolder(left.folder).remove()
        self.recoverable = [other for other in self.recoverable if other.folder != left.folder]
        self.say("Removed.")

    def _open(self, path: Path, left: Recoverable | None) -> None:
        if self.busy:
            self.then(lambda: self._open(path, left))
            return
        busy = [work.name for work in self._link.session.running if work.about is not None and work.name != FOLLOW]
        if busy:
            self.fail(f"“{busy[0]}” is running; wait for its end, or cancel it, before something else is opened.")
            return
        if left is not None and left.folder not in [known.folder for known in list_recoverable()]:
            self.recoverable = [other for other in self.recoverable if other.folder != left.folder]
            self.fail("This work was recovered or discarded in another window.")
            return
        try:
            self._has_kept = self.has_work
            self.finish()
        except (InputError, OSError) as error:
            self.fail(f"What is open cannot be saved, so that nothing else is opened: {error}")
            return
        self.say(f"Opening {path.name} …")
        self.run(lambda: _read(path), lambda opened: self._on_opened(opened, left), lambda e: self.fail(str(e)))

    def _on_opened(self, opened: OpenedProject, left: Recoverable | None) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        self._showing = True
        close_layers(viewer, self._has_kept)
        self._link.parameters.clear()
        self._unsaved.leave()
        self.project = None
        self.recoverable, self._saved = list_recoverable(), ()
        if left is None:
            self.project = opened.project
            self._saved = (*opened.state.particle_sets, *opened.state.predictions)
        else:
            self._unsaved.adopt(left, opened.project)
            self.recoverable = [other for other in self.recoverable if other.folder != left.folder]
        self._be_in(self.project)
        elsewhere = self._presence is not None and self._presence.others
        self.notes = [_ELSEWHERE] * elsewhere + list(opened.notes)
        # In a turn of its own, in which napari draws that the others went.
        parts = iter_show_state(viewer, opened.state)
        later(lambda: self._show_next(parts, opened), _REDRAW_MS)

    def _be_in(self, project: Project | None) -> None:
        """Let other windows know which project is open here."""
        if self._presence is not None:
            self._presence.leave()
        self._presence = None if project is None else Presence(project.folder)

    def _show_next(self, parts: Any, opened: OpenedProject) -> None:
        """Show a layer in each turn of the event loop."""
        try:
            next(parts)
            later(lambda: self._show_next(parts, opened), 0)
            return
        except StopIteration:
            self.say(f"Opened {opened.project.folder}." if self.project is not None else RECOVERED)
        except Exception as error:  # whatever napari makes of a layer
            self.say(f"Opened {opened.project.folder}.")
            self.fail(f"Not all of {opened.project.folder} could be shown: {error}")
        self._showing = False
        self.clock.reset()
        apply_parameters(self._main, self._link)
        if self.project is None:
            self.touch()
            self._show_table()
        self.end()

    def _show_table(self) -> None:
        """Show the table of what was recovered, from which people go on."""
        particles, viewer = self._link.session.current, self._viewer()
        if viewer is not None and particles is not None and particles.table is not None:
            open_table(viewer)

    @property
    def missing(self) -> list[str]:
        """Names of tomograms that the project names, but that were not found."""
        return names_of_missing(self.project or self._unsaved.project)

    def locate(self, path: str | Path) -> None:
        """Say where the missing tomogram is.

        Raises
        ------
        InputError
            When that is another one.
        """
        project, viewer = self.project or self._unsaved.project, self._viewer()
        if project is None or viewer is None or not self.missing:
            return
        found = find_missing(viewer, project, path)
        self.notes = [known for known in self.notes if found.name not in known] + list(found.notes)
        self.touch()
        self.say(f"Found {found.name}.")


def _read(path: Path) -> OpenedProject:
    """Open a project, in a thread, and load what its labels will be shown with."""
    prepare_labels()
    return open_project(path)
