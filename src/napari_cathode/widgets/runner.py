"""Runs a step in a process of its own and shows how far it is; the window stays free."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, TypeAlias

from napari.utils import progress as activity
from qtpy.QtCore import Signal
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QHBoxLayout, QLabel, QMainWindow, QProgressBar, QPushButton, QVBoxLayout, QWidget

from napari_cathode.errors import InputError
from napari_cathode.process import StepFailed
from napari_cathode.progress import Progress
from napari_cathode.session import Session
from napari_cathode.work import Work

from .job import Job, make_worker
from .parts import Connections, Text
from .time_left import TimeLeft
from .turns import Turn

_SPINNER_PERCENT = 15
_ERROR = "border-left: 3px solid #d9534f; padding: 2px 2px 2px 8px;"


Showing: TypeAlias = Generator[None, None, str | None]
"""Shows a result in parts, each in a turn of the event loop of its own; returns what came out of it."""


class Runner(QWidget):
    """Progress bar, Cancel, what is being done, and the error where there was one.

    One run at a time. A result that comes after `cancel` is dropped. What must not run beside another step is not
    started, and what a step is about or needs takes the step with it when it is removed.

    Parameters
    ----------
    session : Session, optional
        Knows what else runs.
    """

    started = Signal()
    finished = Signal()
    progressed = Signal(object)

    def __init__(self, session: Session | None = None) -> None:
        super().__init__()
        self._session = session
        self._work: Work | None = None
        self._ending = _Ending(session)
        self.destroyed.connect(self._ending)
        self._worker: Any = None
        self.job_name = ""
        self._on_result: Callable[[Any], str | Showing | None] = _nothing
        self._showing: Showing | None = None
        self._turn = Turn(self, self._show_next, 0)
        self._done = False
        self._reporting = False
        self._activity: activity | None = None
        self._details = ""
        self._time = TimeLeft()
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(8)
        self._cancel = QPushButton("Cancel")
        self._cancel.clicked.connect(self.cancel)
        self._status = Text()
        self._error = Text()
        self._error.setStyleSheet(_ERROR)
        self._copy = QPushButton("Copy details")
        self._copy.setToolTip("Copies what a bug report needs to the clipboard.")
        self._copy.clicked.connect(self._copy_details)
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self._bar, 1)
        row.addWidget(self._cancel)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(row)
        layout.addWidget(self._status)
        layout.addWidget(self._error)
        layout.addWidget(self._copy)
        self._show_running(False)
        self._show_error("", "")
        self._connections = Connections(self)
        if session is not None:
            self._connections.connect(session.gone, self._on_gone)

    @property
    def running(self) -> bool:
        """Whether a step is running."""
        return self._worker is not None

    @property
    def work(self) -> Work | None:
        """What is running, as the session knows it."""
        return self._work

    @property
    def status(self) -> str:
        """What stands below the bar."""
        return str(self._status.text())

    @property
    def error(self) -> str:
        """The error that is shown, "" for none."""
        return str(self._error.text())

    def start(self, job: Job, on_result: Callable[[Any], str | Showing | None], left: TimeLeft | None = None) -> None:
        """Run a step.

        Parameters
        ----------
        job : Job
            The step.
        on_result : callable
            Called on the main thread with what the step returns; gives back the sentence that says what came out of
            it, or a generator that shows the result in parts; may raise `InputError`.
        left : TimeLeft, optional
            What tells how much time is left; of several steps all have the same. Else it is told from the pace of
            this step alone.
        """
        if self._worker is not None:
            return
        if self._session is not None:
            why = self._session.why_not(job.work.name, job.work.about)
            if why:
                self.fail(why)
                return
        self.job_name = str(job)
        self.say("Starting …")
        self._on_result = on_result
        self._done = False
        self._time = left or TimeLeft()
        self._time.begin()
        self._bar.setRange(0, 1000)
        self._bar.setValue(0)
        self._activity = activity(total=1000, desc=str(job))
        _slow_spinner(self.window())
        worker = make_worker(job)
        worker.yielded.connect(self._on_progress)
        worker.returned.connect(self._on_returned)
        worker.errored.connect(self._on_errored)
        worker.finished.connect(self._on_finished)
        worker.finished.connect(_Closing(self._activity))
        self.destroyed.connect(worker.quit)
        self._worker = worker
        self._show_running(True)
        self._begin(job.work)
        self.started.emit()
        worker.start()

    def _begin(self, work: Work) -> None:
        """Let the other panels know."""
        if self._session is not None:
            self._work = self._ending.work = work
            self._session.begin(work)

    def cancel(self) -> None:
        """Stop what is running; nothing of it is kept.

        The process ends at its next sign of life, a tenth of a second later; nobody has to wait for it.
        """
        if self._worker is None or not self._cancel.isEnabled():
            return
        self._worker.quit()
        self._end()
        self.say("Cancelled. Nothing was changed.")

    def _on_gone(self, gone: Any) -> None:
        """Spare a step its end: what its result would be shown on was removed."""
        if self._work is not None and self._work.is_lost_with(gone) and self._cancel.isEnabled():
            self.cancel()
            self.say(f"Cancelled, because “{gone.name}” was removed.")

    def leave(self) -> None:
        """Stop what is running: its panel was closed."""
        self.cancel()

    def say(self, text: str) -> None:
        """Show a sentence, and no error."""
        self._status.say(text)
        self._show_error("", "")

    def fail(self, text: str, details: str = "") -> None:
        """Show an error."""
        self._status.say("")
        self._show_error(text, details)

    def _on_progress(self, report: Progress) -> None:
        if not self._is_current():
            return
        self.progressed.emit(report)
        # napari's activity bar handles events while it is updated, and so the next reports: they must not pile up.
        if self._reporting:
            return
        self._reporting = True
        try:
            self._show_progress(report)
        finally:
            self._reporting = False

    def _show_progress(self, report: Progress) -> None:
        done = round(1000 * min(1.0, report.done / report.total)) if report.total else 0
        self._bar.setValue(done)
        left = self._time.seconds(done / 1000)
        self._status.say(report.what if left is None else f"{report.what} · {_left(left, self._time.more_follow)}")
        if self._activity is not None:
            self._activity.set_description(report.what or str(self._activity.desc))
        if self._activity is not None:  # its description lets the window work, and the step may end meanwhile
            self._activity.update(max(0, done - self._activity.n))

    def _is_current(self) -> bool:
        """Whether a signal comes from the present worker, not from one that was cancelled."""
        return self._worker is not None and self.sender() is self._worker.signals

    def _on_returned(self, result: Any) -> None:
        if not self._is_current():
            return
        self._cancel.setEnabled(False)
        try:
            shown = self._on_result(result)
        except InputError as error:
            self.fail(str(error))
            return
        if isinstance(shown, Generator):
            self._showing = shown
            self._show_next()
        else:
            self.say(shown or "")

    def _show_next(self) -> None:
        """Show the next part of a result, the others in the next turns."""
        showing, self._showing = self._showing, None
        try:
            next(showing)
            self._showing = showing
            self._turn.start()
        except StopIteration as stop:
            self.say(stop.value or "")
        except InputError as error:
            self.fail(str(error))
        finally:
            if self._showing is None and self._done:
                self._end()

    def _on_errored(self, error: Exception) -> None:
        if not self._is_current():
            return
        if isinstance(error, InputError):
            self.fail(str(error))
        elif isinstance(error, StepFailed):
            self.fail(f"This step did not work: {error}", error.details or repr(error))
        else:
            self.fail(f"This step did not work: {type(error).__name__}: {error}", repr(error))

    def _on_finished(self) -> None:
        if not self._is_current():
            return
        self._done = True
        if self._showing is None:
            self._end()

    def _end(self) -> None:
        if self._activity is not None:
            _Closing(self._activity)()
        self._worker = None
        self._activity = None
        self._on_result = _nothing
        self._show_running(False)
        if self._session is not None and self._work is not None:
            work, self._work, self._ending.work = self._work, None, None
            self._session.end(work)
        self.finished.emit()

    def _show_running(self, running: bool) -> None:
        self._bar.setVisible(running)
        self._cancel.setVisible(running)
        self._cancel.setEnabled(running)

    def _show_error(self, text: str, details: str) -> None:
        self._details = details
        self._error.say(text)
        self._copy.setVisible(bool(details))

    def _copy_details(self) -> None:
        QGuiApplication.clipboard().setText(f"{self.error}\n\n{self._details}")


def _slow_spinner(window: QWidget) -> None:
    """Let napari's spinner turn slowly.

    Whatever moves has the whole window composed anew, canvas included. Without a graphics card that takes as much of
    the processor as there is, from the very step that the spinner stands for. A bar that runs to and fro does the same,
    so that ours stands still until something is known.
    """
    if isinstance(window, QMainWindow):
        for label in window.statusBar().findChildren(QLabel):
            if label.movie() is not None:
                label.movie().setSpeed(_SPINNER_PERCENT)


class _Closing:
    """Closes an activity of napari's once, however often it is called; outlives the widget that opened it."""

    def __init__(self, opened: activity) -> None:
        self._opened = opened

    def __call__(self) -> None:
        if self._opened in activity._all_instances:
            self._opened.close()


class _Ending:
    """Takes note that a step ended with its panel; outlives the panel."""

    def __init__(self, session: Session | None) -> None:
        self._session = session
        self.work: Work | None = None

    def __call__(self, _widget: Any = None) -> None:
        if not vars(self):  # the garbage collector, which ends the widget, has cleared this already
            return
        if self._session is not None and self.work is not None:
            self._session.end(self.work)


def _left(seconds: float, in_all: bool = False) -> str:
    """Say how much time is left, of all steps where more follow."""
    if seconds < 5:
        left = "a few seconds"
    elif seconds < 90:
        left = f"about {5 * round(seconds / 5)} s"
    else:
        left = f"about {round(seconds / 60)} min"
    return f"{left} left for all steps" if in_all else f"{left} left"


def _nothing(_result: Any) -> None:
    """Stand in while nothing runs."""
