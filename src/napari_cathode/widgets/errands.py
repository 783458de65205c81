"""Errands that are run beside the window, one after the other, and told of in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QObject, Signal

from napari_cathode.errors import InputError

from .task import Task


class Errands(QObject):
    """Runs one function at a time in a thread.

    Attributes
    ----------
    status : str
        What was done last, in a sentence.
    error : str
        What went wrong, "" for nothing.
    """

    changed = Signal()
    finished = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.status = ""
        self.error = ""
        self._showing = False
        self._task: Task | None = None
        self._handlers: Any = None
        self._next: Callable[[], None] | None = None

    @property
    def busy(self) -> bool:
        """Whether something is being done."""
        return self._task is not None or self._showing

    def run(
        self, function: Callable[[], Any], on_result: Callable[[Any], None], on_error: Callable[[Exception], None]
    ) -> None:
        """Run a function; what it gives or raises is handed on on the main thread."""
        self._task = Task(function)
        self._handlers = on_result, on_error
        self._task.done.connect(self._settle)
        self.changed.emit()
        self._task.start()

    def then(self, following: Callable[[], None]) -> None:
        """Do something as soon as nothing else is being done; it takes the place of what was to follow."""
        self._next = following

    def wait(self) -> None:
        """Wait until nothing is being done, and let nothing follow."""
        self._next = None
        while self._task is not None:  # one may begin another
            self._task.wait()
            self._settle()

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
        if not self.busy:
            self.end()

    def end(self) -> None:
        """Tell that all is done, and go on with what was to follow."""
        self.finished.emit()
        following, self._next = self._next, None
        if following is not None:
            following()

    def say(self, text: str) -> None:
        """Show what was done."""
        self.status, self.error = text, ""
        self.changed.emit()

    def fail(self, text: str) -> None:
        """Show what went wrong."""
        self.error = text
        self.changed.emit()
