"""What a step will take, said above the button that begins it."""

from __future__ import annotations

import psutil

from napari_cathode.whole_run import Expected

from .parts import Text

_TOOLTIP = (
    "<p>From times measured on a usual laptop; on a busy or slower computer it takes longer. While it runs, the time "
    "that is left is shown.</p>"
)


class Forecast(Text):
    """One line with the time and the memory of a step."""

    def __init__(self) -> None:
        super().__init__()
        self.setToolTip(_TOOLTIP)

    def tell(self, expected: Expected | None) -> None:
        """Show what is expected; None where nothing can begin."""
        if expected is None:
            self.say("")
            return
        free = psutil.virtual_memory().available
        text = f"About {duration_text(expected.seconds)} and {max(expected.memory / 1e9, 0.1):.1f} GB of memory."
        if expected.memory > free:
            text += f" Only {free / 1e9:.1f} GB are free."
        self.say(text)


def duration_text(seconds: float) -> str:
    """Say how long something takes, no finer than it is known."""
    if seconds < 1:
        return "1 s"
    if seconds < 10:
        return f"{seconds:.0f} s"
    if seconds < 90:
        return f"{5 * round(seconds / 5)} s"
    if seconds < 5400:
        return f"{round(seconds / 60)} min"
    return f"{seconds / 3600:.1f} h"
