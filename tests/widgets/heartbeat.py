"""How long the window stands still."""

import gc
import time

from qtpy.QtCore import QTimer


class Heartbeat:
    """Counts the processor time that the main thread takes between two beats of a timer.

    The clock's time would also count what other programs do to the machine.
    """

    def __init__(self):
        self.longest = 0.0
        self.beats = 0
        self._last = time.thread_time()
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)

    def _beat(self):
        now = time.thread_time()
        self.longest = max(self.longest, now - self._last)
        self.beats += 1
        self._last = now

    def __enter__(self):
        # Collecting what earlier tests left is no part of a step.
        gc.collect()
        gc.disable()
        self._last = time.thread_time()
        self._timer.start(10)
        return self

    def __exit__(self, *_):
        self._timer.stop()
        gc.enable()
