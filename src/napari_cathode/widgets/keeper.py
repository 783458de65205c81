"""Keeps the work of a window: saves it as a project, by itself too, and brings back what a crash left."""

from __future__ import annotations

import time
import weakref
from pathlib import Path
from typing import Any

from qtpy.QtCore import QEvent, QObject, QTimer
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QMainWindow, QWidget

from napari_cathode.errors import InputError
from napari_cathode.plugin.layers import is_image
from napari_cathode.plugin.link import link_of
from napari_cathode.plugin.preferences import preferences
from napari_cathode.plugin.project_layers import take_state
from napari_cathode.project import Project, list_recoverable
from napari_cathode.project.clock import SaveClock
from napari_cathode.project.unsaved import UnsavedWork
from napari_cathode.session import ParticleSet

from .opener import Opener
from .panel_parameters import apply_parameters, take_parameters
from .parts import Connections

SHORTCUT = "Ctrl+Shift+S"
"""Ctrl+S is napari's own, which saves layers."""

_TICK_MS = 2000
_TURN_MS = 200


def save_after_s() -> float:
    """Give how long after a change it is saved: what is set in the preferences."""
    return float(preferences().work.keep_after_s)


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


class Keeper(Opener):
    """Saves the work of a window, and opens it again.

    Attributes
    ----------
    project : Project or None
        Where the work is saved; None until it is saved for the first time.
    notes : list of str
        What is missing or damaged in the project that was opened.
    recoverable : list of Recoverable
        What earlier sessions left without saving.
    clock : SaveClock
        Tells when it saves by itself.
    """

    def __init__(self, viewer: Any, main: QMainWindow) -> None:
        super().__init__(main)
        self._viewer = weakref.ref(viewer)
        self._main = main
        self._link = link_of(viewer)
        self._session = self._link.session
        self.project: Project | None = None
        self.notes: list[str] = []
        self.recoverable = list_recoverable()
        self.clock = SaveClock()
        self._unsaved = UnsavedWork()
        self._saved: tuple[Any, ...] = ()
        self._offered = False
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
        return self.clock.unsaved

    @property
    def has_work(self) -> bool:
        """Whether there is something worth keeping."""
        sets, views = self._session.particle_sets, self._session.predictions
        return bool(views) or (bool(sets) and (self.project is not None or any(is_work(known) for known in sets)))

    def touch(self, *_: Any) -> None:
        """Notice that something changed."""
        if self._showing:
            return
        if self.clock.touch():
            self.changed.emit()
        if not self._timer.isActive():
            self._timer.start()

    def _on_layer(self, event: Any) -> None:
        if is_image(event.value):
            self.touch()

    def _tick(self) -> None:
        """Save by itself when it is time."""
        self.clock.after_s = save_after_s()
        if self.clock.due and self.has_work:
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
        project, former = Project.new(folder, overwrite), self.project or self._unsaved.project
        if former is not None:
            project.inherit(former)
        self._write(project, said=True)

    def keep(self) -> None:
        """Save by itself: into the project, or where it is found after a crash while there is none."""
        if self.busy:
            return
        try:
            self._write(self._place(), said=False)
        except (InputError, OSError) as error:
            self.fail(f"Your work cannot be kept by itself: {error}")

    @property
    def _whole(self) -> bool:
        """Whether all particles and views that the project holds are still there: none is removed from it unasked."""
        return set(self._saved) <= set(self._things)

    @property
    def _things(self) -> tuple[Any, ...]:
        """What a person would miss."""
        return (*self._session.particle_sets, *self._session.predictions)

    def _place(self) -> Project:
        """Give the project that work is kept in by itself."""
        return self.project if self.project is not None and self._whole else self._unsaved.place(self.project)

    def _write(self, project: Project, said: bool) -> None:
        if self.busy:
            self.then(lambda: self._write(project, said))
            return
        viewer = self._viewer()
        if viewer is None:
            return
        take_parameters(self._main, self._link)
        state = take_state(viewer)
        since, things = self.clock.begin(), self._things
        self.run(
            lambda: project.save(state),
            lambda _: self._on_saved(project, things, said),
            lambda error: self._on_failed(error, since, project, said),
        )

    def _on_saved(self, project: Project, things: tuple[Any, ...], said: bool) -> None:
        self.clock.saved()
        if project is self._unsaved.project and not said:
            lost = " Particles were removed since the project was saved; save it to make that so." * (not self._whole)
            self.say(f"Kept at {_now()} in case of a crash, but not saved as a project.{lost}")
            return
        if project is not self.project:
            self._be_in(project)
        self.project, self._saved = project, things
        self._unsaved.forget()
        self.say(f"Saved at {_now()} in {project.folder}.")

    def _on_failed(self, error: Exception, since: float | None, project: Project, said: bool) -> None:
        """Say what is wrong; what the project does not take is kept elsewhere."""
        self.clock.failed(since)
        self.fail(str(error))
        if project is self.project and not said:
            self._keep_elsewhere(str(error))

    def _keep_elsewhere(self, why: str) -> None:
        viewer = self._viewer()
        if viewer is None:
            return
        state = take_state(viewer)
        try:
            place = self._unsaved.place(self.project)
        except OSError:
            return
        self.run(
            lambda: place.save(state),
            lambda _: self.fail(f"{why} What you do is kept until you save it, and offered after a crash."),
            lambda error: self.fail(f"{why} Nor can it be kept in case of a crash: {error}"),
        )

    # ---- at the end ----------------------------------------------------------------------------------

    def finish(self) -> None:
        """Save what is not saved, and wait for it.

        Raises
        ------
        InputError
            When that is not possible.
        """
        self._timer.stop()
        self.wait()
        viewer = self._viewer()
        if viewer is not None and self.clock.unsaved and self.has_work and not self._showing:
            take_parameters(self._main, self._link)
            self._place().save(take_state(viewer))
            self.clock.reset()

    def _close(self) -> None:
        """Save when the window closes; what cannot be saved, or has no project yet, is offered at the next start."""
        try:
            self.finish()
        except (InputError, OSError) as error:
            self.fail(str(error))
            viewer = self._viewer()
            if viewer is not None:
                try:
                    self._unsaved.place(self.project).save(take_state(viewer))
                except (InputError, OSError) as again:
                    self.fail(f"{error} {again}")
        self._unsaved.leave()
        self._be_in(None)

    def start(self, panel: Any) -> None:
        """Begin with the first panel that is shown, and offer what earlier sessions left, once.

        A panel that has a place for offers shows them itself, so that nothing covers it; else the Project panel does.
        """
        apply_parameters(panel, self._link)
        offers = getattr(panel, "offers", None)
        if offers is not None:
            offers.watch(self)
            self._offered = True
        elif self.recoverable and not self._offered:
            QTimer.singleShot(_TURN_MS, self._offer)

    def _offer(self) -> None:
        from .docks import Docked

        if self._offered or not self.recoverable:
            return
        self._offered = True
        panels = [widget for widget in self._main.findChildren(QWidget) if isinstance(widget, Docked)]
        if not any(hasattr(panel, "offers") and panel.isVisible() for panel in panels):  # one may have come meanwhile
            self.show_panel()

    def show_panel(self) -> None:
        """Bring the Project panel to the front."""
        from .docks import PROJECT, open_dock

        viewer = self._viewer()
        if viewer is not None:
            open_dock(viewer, PROJECT)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice that the window closes."""
        if event.type() == QEvent.Type.Close and watched is self.parent():
            self._close()
        return False


def _now() -> str:
    return time.strftime("%H:%M")
