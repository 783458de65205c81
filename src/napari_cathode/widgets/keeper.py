"""Keeps the work of a window: saves it as a project, by itself too, and brings back what a crash left."""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QObject, QTimer, Signal
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QMainWindow

from napari_cathode.errors import InputError
from napari_cathode.plugin.layers import is_image
from napari_cathode.plugin.link import link_of
from napari_cathode.plugin.project_layers import iter_show_state, take_state
from napari_cathode.project import (
    OpenedProject,
    Project,
    Recoverable,
    RecoveryFolder,
    list_recoverable,
    open_project,
)
from napari_cathode.project.grey import locate, open_tomogram
from napari_cathode.session import ParticleSet
from napari_cathode.tomogram import check_region

from .panel_parameters import apply_parameters, take_parameters
from .parts import Connections

SHORTCUT = "Ctrl+Shift+S"
"""Ctrl+S is napari's own, which saves layers."""

SAVE_AFTER_S = 30.0
"""Changes are saved so long after the first of them, once nothing has changed for `QUIET_S`."""

SAVE_AT_LAST_S = 50.0
"""But after so long even in the middle of work."""

QUIET_S = 1.0
_TICK_MS = 2000
_TURN_MS = 200


def keeper_of(viewer: Any) -> Keeper:
    """Give the keeper of a viewer's window, which lives as long as the window."""
    viewer = getattr(viewer, "__wrapped__", viewer)
    main = viewer.window._qt_window
    known = main.findChild(Keeper)
    return Keeper(viewer, main) if known is None else known


def is_work(particles: ParticleSet) -> bool:
    """Whether somebody would miss a particle set: it was made, measured, explained, judged or corrected here."""
    return bool(
        particles.provenance
        or particles.summary is not None
        or particles.explanation is not None
        or particles.review
        or particles.history.log()
    )


class Keeper(QObject):
    """Saves the work of a window, and opens it again.

    Attributes
    ----------
    project : Project or None
        Where the work is saved; None until it is saved for the first time.
    notes : list of str
        What is missing or damaged in the project that was opened.
    status : str
        What was done last, in a sentence.
    error : str
        What went wrong, "" for nothing.
    recoverable : list of Recoverable
        What earlier sessions left without saving.
    """

    changed = Signal()
    finished = Signal()

    def __init__(self, viewer: Any, main: QMainWindow) -> None:
        super().__init__(main)
        self._viewer = weakref.ref(viewer)
        self._main = main
        self._link = link_of(viewer)
        self._session = self._link.session
        self.project: Project | None = None
        self.notes: list[str] = []
        self.status = ""
        self.error = ""
        self.recoverable = list_recoverable()
        self._recovery: RecoveryFolder | None = None
        self._kept: Project | None = None
        self._saved: tuple[ParticleSet, ...] = ()
        self._since: float | None = None
        self._last = 0.0
        self._showing = self._offered = False
        self._failed = False
        self._task: _Task | None = None
        self._handlers: Any = None
        self._next: Callable[[], None] | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_TICK_MS)
        self._timer.timeout.connect(self._tick)
        main.installEventFilter(self)
        self.shortcut = QShortcut(QKeySequence(SHORTCUT), main)
        self.shortcut.activated.connect(self._on_shortcut)
        self._connections = Connections(self)
        session, layers = self._session, viewer.layers.events
        for signal in (
            session.changed,
            session.particle_sets_changed,
            session.current_changed,
            session.predictions_changed,
            session.predictions_edited,
        ):
            self._connections.connect(signal, self.touch)
        for signal in (layers.inserted, layers.removed):
            self._connections.connect(signal, self._on_layer)

    def _on_shortcut(self) -> None:
        from .project import save_project

        save_project(self._viewer())

    # ---- what changed --------------------------------------------------------------------------------

    @property
    def unsaved(self) -> bool:
        """Whether something changed since the last save."""
        return self._since is not None

    @property
    def busy(self) -> bool:
        """Whether something is being saved or opened."""
        return self._task is not None or self._showing

    @property
    def has_work(self) -> bool:
        """Whether there is something worth keeping."""
        sets, views = self._session.particle_sets, self._session.predictions
        return bool(views) or (bool(sets) and (self.project is not None or any(is_work(known) for known in sets)))

    def touch(self, *_: Any) -> None:
        """Notice that something changed."""
        if self._showing:
            return
        self._last = time.monotonic()
        if self._since is None:
            self._since = self._last
            self.changed.emit()
        if not self._timer.isActive():
            self._timer.start()

    def _on_layer(self, event: Any) -> None:
        if is_image(event.value):
            self.touch()

    def _tick(self) -> None:
        """Save by itself when it is time."""
        if self._since is None or not self.has_work:
            return
        now = time.monotonic()
        waited = now - self._since
        if waited >= SAVE_AT_LAST_S or (waited >= SAVE_AFTER_S and now - self._last >= QUIET_S):
            self.keep()

    # ---- saving --------------------------------------------------------------------------------------

    def save(self) -> None:
        """Save the project where it is.

        Raises
        ------
        InputError
            When nobody has said yet where that is.
        """
        if self.project is None:
            raise InputError("Choose a folder for the project first.")
        self._write(self.project, said=True)

    def save_as(self, folder: str | Path, overwrite: bool = False) -> None:
        """Save the project into a folder, where it stays from now on.

        Raises
        ------
        InputError
            When that cannot be a project's folder.
        """
        self._write(Project.new(folder, overwrite), said=True)

    def keep(self) -> None:
        """Save by itself: into the project, or where it is found after a crash while there is none."""
        if self.busy:
            return
        try:
            self._write(self._place(), said=False)
        except (InputError, OSError) as error:
            self._fail(f"Your work cannot be kept by itself: {error}")

    @property
    def _whole(self) -> bool:
        """Whether all particle sets that the project holds are still there: none is removed from it unasked."""
        return set(self._saved) <= set(self._session.particle_sets)

    def _place(self) -> Project:
        """Give the project that work is kept in by itself."""
        return self.project if self.project is not None and self._whole else self._recovery_project()

    def _recovery_project(self) -> Project:
        if self._recovery is None:
            self._recovery = RecoveryFolder()
            self._kept = Project.new(self._recovery.project, overwrite=True)
        self._recovery.claim()
        assert self._kept is not None
        return self._kept

    def _write(self, project: Project, said: bool) -> None:
        if self.busy:
            self._next = lambda: self._write(project, said)
            return
        viewer = self._viewer()
        if viewer is None:
            return
        take_parameters(self._main, self._link)
        state = take_state(viewer)
        since, self._since = self._since, None
        sets = self._session.particle_sets
        self._run(
            lambda: project.save(state),
            lambda _: self._on_saved(project, sets, said),
            lambda error: self._on_failed(error, since),
        )

    def _on_saved(self, project: Project, sets: tuple[ParticleSet, ...], said: bool) -> None:
        self._failed = False
        if project is self._kept and not said:
            lost = " Particles were removed since the project was saved; save it to make that so." * (not self._whole)
            self._say(f"Kept at {_now()} in case of a crash, but not saved as a project.{lost}")
            return
        self.project, self._saved = project, sets
        self._forget_recovery()
        self._say(f"Saved at {_now()} in {project.folder}.")

    def _on_failed(self, error: Exception, since: float | None) -> None:
        now = time.monotonic()
        self._since = now if since is None or self._failed else since  # the next try is not at once
        self._failed = True
        self._fail(str(error))

    def _forget_recovery(self) -> None:
        if self._recovery is not None:
            self._recovery.remove()
        self._recovery = self._kept = None

    # ---- opening -------------------------------------------------------------------------------------

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
        self._say("Removed.")

    def _open(self, path: Path, left: Recoverable | None) -> None:
        if self.busy:
            self._next = lambda: self._open(path, left)
            return
        try:
            self.finish()
        except InputError as error:
            self._fail(f"What is open cannot be saved, so that nothing else is opened: {error}")
            return
        self._say(f"Opening {path.name} …")
        self._run(
            lambda: open_project(path), lambda opened: self._on_opened(opened, left), lambda e: self._fail(str(e))
        )

    def _on_opened(self, opened: OpenedProject, left: Recoverable | None) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        self._showing = True
        viewer.layers.clear()
        self._link.parameters.clear()
        self._recovery = self._kept = self.project = None
        self.recoverable, self._saved = list_recoverable(), ()
        if left is None:
            self.project, self._saved = opened.project, opened.state.particle_sets
        else:
            self._recovery, self._kept = RecoveryFolder(left.folder), opened.project
            self.recoverable = [other for other in self.recoverable if other.folder != left.folder]
        self.notes = list(opened.notes)
        self._show_next(iter_show_state(viewer, opened.state), opened)

    def _show_next(self, parts: Any, opened: OpenedProject) -> None:
        """Show a layer in each turn of the event loop."""
        try:
            next(parts)
            QTimer.singleShot(0, lambda: self._show_next(parts, opened))
        except StopIteration:
            self._showing = False
            self._since = None
            apply_parameters(self._main, self._link)
            if self.project is None:
                self.touch()
                self._say("Recovered. Save it as a project to keep it for good.")
            else:
                self._say(f"Opened {opened.project.folder}.")
            self.finished.emit()

    @property
    def missing(self) -> list[str]:
        """Names of tomograms that the project names, but that were not found."""
        project = self.project or self._kept
        found = [] if project is None else [entry for entry, _ in project.missing.values()]
        return list(dict.fromkeys(str(entry["name"]) for entry in found))

    def locate(self, path: str | Path) -> None:
        """Say where the missing tomogram is.

        Raises
        ------
        InputError
            When that is another one.
        """
        project, viewer = self.project or self._kept, self._viewer()
        if project is None or viewer is None or not project.missing:
            return
        entry = next(iter(project.missing.values()))[0]
        tomogram, note = open_tomogram(locate(entry, path, project.folder), project.folder)
        from napari_cathode.plugin.reader import image_layer

        data, options, _ = image_layer(tomogram)
        layer = viewer.add_image(data, **options)
        viewer.layers.move(viewer.layers.index(layer), 0)
        for particles, (known, region) in list(project.missing.items()):
            if known == entry:
                part = None if region is None else check_region(region, tomogram.shape, tomogram.name)
                particles.tomogram = tomogram if part is None else tomogram.part(part)
                del project.missing[particles]
        self.notes = [known for known in self.notes if str(entry["name"]) not in known] + [note] * bool(note)
        self.touch()
        self._say(f"Found {tomogram.name}.")

    # ---- at the end ----------------------------------------------------------------------------------

    def finish(self) -> None:
        """Save what is not saved, and wait for it.

        Raises
        ------
        InputError
            When that is not possible.
        """
        self._timer.stop()
        if self._task is not None:
            self._task.wait()
            self._next = None
            self._settle()
        viewer = self._viewer()
        if viewer is not None and self._since is not None and self.has_work and not self._showing:
            take_parameters(self._main, self._link)
            self._place().save(take_state(viewer))
            self._since = None
        if self._recovery is not None:
            self._recovery.release()

    def start(self, panel: Any) -> None:
        """Begin with the first panel that is shown, and show what earlier sessions left, once."""
        apply_parameters(panel, self._link)
        if self.recoverable and not self._offered:
            self._offered = True
            QTimer.singleShot(_TURN_MS, self._offer)

    def _offer(self) -> None:
        from .docks import PROJECT, open_dock

        viewer = self._viewer()
        if viewer is not None:
            open_dock(viewer, PROJECT)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Save when the window closes; what has no project yet is offered at the next start."""
        if event.type() == QEvent.Type.Close and watched is self.parent():
            try:
                self.finish()
            except (InputError, OSError) as error:
                self._fail(str(error))
        return False

    # ---- in the background ---------------------------------------------------------------------------

    def _run(
        self, function: Callable[[], Any], on_result: Callable[[Any], None], on_error: Callable[[Exception], None]
    ) -> None:
        self._task = _Task(function)
        self._handlers = on_result, on_error
        self._task.done.connect(self._settle)
        self.changed.emit()
        self._task.start()

    def _settle(self) -> None:
        """Take what a task gave, once."""
        task, handlers = self._task, self._handlers
        if task is None or not task.over:
            return
        self._task = None
        if task.error is None:
            handlers[0](task.result)
        elif isinstance(task.error, InputError):
            handlers[1](task.error)
        else:
            handlers[1](InputError(f"This did not work: {type(task.error).__name__}: {task.error}"))
        if not self._showing:
            self.finished.emit()
            following, self._next = self._next, None
            if following is not None:
                following()

    def _say(self, text: str) -> None:
        self.status, self.error = text, ""
        self.changed.emit()

    def _fail(self, text: str) -> None:
        self.error = text
        self.changed.emit()


class _Task(QObject):
    """A function in a thread; its end is told on the main thread."""

    done = Signal()

    def __init__(self, function: Callable[[], Any]) -> None:
        super().__init__()
        self.over = False
        self.result: Any = None
        self.error: Exception | None = None
        self._function = function
        self._thread = threading.Thread(target=self._work, name="napari-cathode project")

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def wait(self) -> None:
        """Wait for the end."""
        self._thread.join()

    def _work(self) -> None:
        try:
            self.result = self._function()
        except Exception as caught:
            self.error = caught
        self.over = True
        with suppress(RuntimeError):  # the window is gone
            self.done.emit()


def _now() -> str:
    return time.strftime("%H:%M")
