"""Where a session keeps work that has no project yet, or whose project cannot be written."""

from __future__ import annotations

from .recovery import Recoverable, RecoveryFolder
from .saving import Project


class UnsavedWork:
    """The recovery folder of a session, made when it is needed.

    Attributes
    ----------
    project : Project or None
        The project in it; None while there is none.
    """

    def __init__(self) -> None:
        self.project: Project | None = None
        self._folder: RecoveryFolder | None = None
        self._read_from: list[RecoveryFolder] = []
        self._was_left = False

    def place(self, former: Project | None) -> Project:
        """Give the project to keep work in; ``former`` knows what is missing of it."""
        if self._folder is None or self.project is None:
            self._folder, self._was_left = RecoveryFolder(), False
            self.project = Project.new(self._folder.project, overwrite=True)
            if former is not None:
                self.project.inherit(former)
        self._folder.claim()
        return self.project

    def adopt(self, left: Recoverable, project: Project) -> None:
        """Go on with what another session left, and was opened here."""
        self._folder, self.project, self._was_left = RecoveryFolder(left.folder), project, True

    def forget(self) -> None:
        """Do without: the work was saved elsewhere.

        Large arrays of what another session left are read from its files as they are needed, so these go at the end.
        """
        if self._folder is not None:
            if self._was_left:
                self._folder.retire()
                self._read_from.append(self._folder)
            else:
                self._folder.remove()
        self._folder = self.project = None

    def leave(self) -> None:
        """Let go of the folder, so that its work is offered at the next start; nothing is read from here any more."""
        for folder in (self._folder, *self._read_from):
            if folder is not None:
                folder.release()
        self._folder = self.project = None
        self._read_from = []
