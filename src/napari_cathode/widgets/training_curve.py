"""The course of a training as a figure: the loss of each step, and what the validations gave."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np

from napari_cathode.explain.theme import Theme, mix, style

_SMOOTHED_STEPS = 25
_SECOND = "#e07b00"


@dataclass
class TrainingCurve:
    """What a training has reported so far.

    Attributes
    ----------
    steps, losses : list
        Step and loss.
    validations : list of mapping
        ``step``, ``ap50`` and ``ap70`` of each validation.
    best : int
        Step of the best validation.
    """

    steps: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    validations: list[Mapping[str, float]] = field(default_factory=list)
    best: int = 0

    def add(self, numbers: Mapping[str, Any]) -> None:
        """Take in the numbers of a report; see `identify.own_training.iter_train_own`."""
        if "history" in numbers:
            self.steps = [int(step) for step, _ in numbers["history"]]
            self.losses = [float(loss) for _, loss in numbers["history"]]
            self.validations = list(numbers["validations"])
            if self.validations:
                self.best = int(max(self.validations, key=lambda one: one["ap50"] + one["ap70"])["step"])
        elif "loss" in numbers:
            if not self.steps or int(numbers["step"]) > self.steps[-1]:  # a report is repeated while nothing is new
                self.steps.append(int(numbers["step"]))
                self.losses.append(float(numbers["loss"]))
        elif "ap50" in numbers:
            if not self.validations or numbers["step"] > self.validations[-1]["step"]:
                self.validations.append(numbers)
            self.best = int(numbers["best"])

    def draw(self, theme: Theme, figure: Any) -> Any:
        """Draw both curves into a matplotlib figure, one above the other."""
        figure.clear()
        figure.set_facecolor(theme["background"])
        figure.set_layout_engine("constrained")
        upper, lower = figure.subplots(2, 1, sharex=True)
        for axes in (upper, lower):
            style(axes, theme)
            axes.yaxis.label.set_fontsize(8.5)
        upper.plot(self.steps, self.losses, color=mix(theme, 0.35), linewidth=0.8)
        if len(self.losses) > _SMOOTHED_STEPS:
            mean = np.convolve(self.losses, np.ones(_SMOOTHED_STEPS) / _SMOOTHED_STEPS, "valid")
            upper.plot(self.steps[_SMOOTHED_STEPS - 1 :], mean, color=theme["accent"], linewidth=1.8)
        if self.losses:
            upper.set_ylim(0, 1.15 * max(self.losses))  # from zero, lest noise look like a course
        upper.set_ylabel("loss")
        at = [one["step"] for one in self.validations]
        for name, title, colour in (("ap50", "at IoU 0.5", theme["accent"]), ("ap70", "at IoU 0.7", _SECOND)):
            lower.plot(at, [one[name] for one in self.validations], "o-", color=colour, markersize=4, label=title)
        if self.validations:
            lower.axvline(self.best, color=mix(theme, 0.5), linewidth=1, linestyle=":")
            late = self.best > 0.7 * at[-1]  # there is no room at its right
            lower.annotate(
                "best", (self.best, 0.02), xytext=(-3 if late else 3, 0), textcoords="offset points", fontsize=8,
                color=theme["foreground"], ha="right" if late else "left",
            )  # fmt: skip
            lower.legend(
                frameon=False, fontsize=8, labelcolor=theme["foreground"], loc="lower left" if late else "lower right"
            )
        lower.set_ylim(0, 1.02)
        lower.set_ylabel("validation AP")
        lower.set_xlabel("step")
        return SimpleNamespace(axes=lower)
