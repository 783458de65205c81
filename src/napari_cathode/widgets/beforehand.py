"""What is known before particles are looked for: time, memory, where the network runs, and what speaks against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import psutil
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_cathode.errors import InputError
from napari_cathode.identify.survey import Survey
from napari_cathode.kept_process import KeptProcess
from napari_cathode.plugin.finding_steps import iter_survey_layer
from napari_cathode.tomogram import Tomogram
from napari_cathode.whole_run import FIND, estimate_run, expect_later, particles_in

from .background import Background
from .forecast import duration_text
from .job import Job
from .parts import Text

_WAIT_MS = 700
_WARNING = "border-left: 3px solid #e0a000; padding: 2px 2px 2px 8px;"
_TOOLTIP = (
    "<p>From timing a piece of this image with this model on this computer. With other programs busy it takes longer; "
    "loading libraries takes some seconds more.</p>"
)


class Beforehand(QWidget):
    """Surveys an image in the background, once a moment has passed without a change.

    Parameters
    ----------
    kept : KeptProcess
        Where it is done; what is loaded for it is there for the preview.
    all_steps : bool
        Whether all steps will follow, rather than finding alone.

    Attributes
    ----------
    expected : dict of str to float
        Seconds that each step of what was planned will take; empty while that is not known.
    """

    def __init__(self, kept: KeptProcess, all_steps: bool = False) -> None:
        super().__init__()
        self.facts = Text()
        self.facts.setToolTip(_TOOLTIP)
        self.warning = Text()
        self.warning.setStyleSheet(_WARNING)
        self.survey: Survey | None = None
        self._kept, self._all_steps = kept, all_steps
        self._background = Background(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_WAIT_MS)
        self._timer.timeout.connect(self._look)
        self._asked: tuple[Tomogram, Any] | None = None
        self._key: Any = None
        self._again = False
        self._planned: tuple[Tomogram, Sequence[str]] | None = None
        self._left: Mapping[str, float | None] | None = None
        self._running = False
        self.expected: dict[str, float] = {}
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.facts)
        layout.addWidget(self.warning)

    @property
    def looking(self) -> bool:
        """Whether a survey is under way or about to begin."""
        return self._timer.isActive() or self._background.running

    def look(self, tomogram: Tomogram | None, parameters: Any) -> None:
        """Survey an image, unless it was surveyed with the same settings; None forgets what was known."""
        key = None if tomogram is None else _key(tomogram, parameters)
        if key == self._key and not self._again:
            return
        if key != self._key:
            self.warning.say("")
        self._again = False
        self._key, self._asked = key, None if tomogram is None else (tomogram, parameters)
        self.survey, self.expected = None, {}
        self._background.cancel()
        self.facts.say("" if tomogram is None else "Estimating time and memory …")
        self._timer.stop()
        if tomogram is not None:
            self._timer.start()

    def plan(self, tomogram: Tomogram, views: Sequence[str]) -> None:
        """Show the estimate for a part of the image, or for the whole, in some views."""
        self._planned = tomogram, tuple(views)
        self._tell()

    def plan_steps(
        self, tomogram: Tomogram, views: Sequence[str], steps: Sequence[str], particles: int | None = None
    ) -> None:
        """Show the estimate for some of all steps, with so many particles where that is known."""
        self._left = dict.fromkeys(steps, particles)
        self.plan(tomogram, views)

    def set_running(self, running: bool) -> None:
        """Leave the time out while what was planned runs: the time that is left stands below."""
        if running != self._running:
            self._running = running
            self._tell()

    def knows(self, tomogram: Tomogram, parameters: Any) -> bool:
        """Whether this image was surveyed with these settings."""
        return self.survey is not None and self._key == _key(tomogram, parameters)

    def filled_in(self, tomogram: Tomogram, parameters: Any) -> Any:
        """Give parameters with the diameter that was estimated, when this image was surveyed with them."""
        if self.survey is None or not self.knows(tomogram, parameters):
            return parameters
        return replace(parameters, diameter_um=self.survey.parameters.diameter_um)

    def job(self) -> Job | None:
        """Give the survey that was asked for as a step that people wait for, None when its result is known.

        What it returns goes to `take`.
        """
        self.stop()
        return None if self._asked is None or self.survey is not None else self._job()

    def take(self, survey: Survey) -> None:
        """Show what a survey found out."""
        self._again = False
        self.survey = survey
        self.tell_notes(survey.notes)
        self._tell()

    def stop(self) -> None:
        """Leave the computer to what was started; what is not known yet is asked for again later."""
        if self.looking:
            self._timer.stop()
            self._background.cancel()
            self._again = True
            self.facts.say("")

    def _look(self) -> None:
        if self._asked is None:
            return
        if not self.isVisible():
            self._again = True
            self.facts.say("")
            return
        self._background.start(self._job(), self.take, self._on_error)

    def _job(self) -> Job:
        assert self._asked is not None
        job = Job("Survey", iter_survey_layer, *self._asked)
        job.kept = self._kept
        return job

    def _on_error(self, error: Exception) -> None:
        self.facts.say("")
        if isinstance(error, InputError):
            self.tell_notes((str(error),))

    def tell_notes(self, notes: Sequence[str]) -> None:
        """Show what a person should know before trusting the result."""
        self.warning.say("\n".join(notes))

    def _tell(self) -> None:
        self.expected = {}
        if self._planned is None:
            return
        tomogram, views = self._planned
        if self.survey is None:
            self._tell_rest(tomogram)
            return
        try:
            whole = estimate_run(self.survey, tomogram, views)
        except InputError:
            self.facts.say("")
            return
        expected: Any = whole if self._all_steps else whole.finding
        self.expected = dict(whole.steps)
        if self._left is not None and FIND not in self._left:
            self._tell_rest(tomogram)
            return
        survey, free = self.survey, psutil.virtual_memory().available
        text = f"{expected.memory / 1e9:.1f} GB of memory on the {survey.backend}"
        if not self._running:
            time = f"About {duration_text(expected.seconds)}"
            if self._all_steps:
                time += f" for all steps, {duration_text(whole.finding.seconds)} of it to find the particles,"
            text = f"{time} and {text}"
        unit = "voxels" if tomogram.spacing_um is None else "µm"
        text += f"; particle diameter {survey.parameters.diameter_um:.3g} {unit}."
        if expected.memory > free:
            text += f" Only {free / 1e9:.1f} GB are free: choose a region, or fewer views."
        self.facts.say(text)

    def _tell_rest(self, tomogram: Tomogram) -> None:
        """Say what the steps after finding take, where they alone are left."""
        if self._left is None:
            return
        if FIND in self._left:  # finding is not timed, and no longer about to be
            if not self.looking:
                self.facts.say("")
            return
        survey, known = self.survey, next(iter(self._left.values()), None)
        particles = known if known is not None else 0 if survey is None else particles_in(survey, tomogram)
        later = expect_later(tomogram, particles, 1.0 if survey is None else survey.slowness)
        self.expected = {step: later[step] for step in self._left if step in later}
        seconds = sum(self.expected.values())
        rest = "step that is" if len(self.expected) == 1 else "steps that are"
        self.facts.say("" if self._running else f"About {duration_text(seconds)} for the {rest} left.")


def _key(tomogram: Tomogram, parameters: Any) -> tuple[Any, ...]:
    """Give what a survey depends on; the name stands for the data, of which a 2D layer gives a new view each time."""
    # With other thresholds the same is said still: a slider that moves must not start it anew.
    settings = replace(parameters, prob_threshold=None, nms_threshold=None)
    return tomogram.name, tomogram.shape, tomogram.spacing_um, settings
