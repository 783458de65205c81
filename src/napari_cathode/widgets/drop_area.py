"""Where a tomogram can be dropped."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFrame, QLabel, QVBoxLayout

_DROP = "<p>Drop a tomogram here</p><p>TIFF, HDF5, NumPy, or a folder of slices</p>"


class DropArea(QFrame):
    """Where a tomogram can be dropped; the whole panel takes it, this says so."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("drop")
        self._text = QLabel(_DROP)
        self._text.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._text.setWordWrap(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 4)
        layout.addWidget(self._text)
        self.set_hot(False)
        self.set_small(False)

    def set_hot(self, hot: bool) -> None:
        """Show that a drop would be taken."""
        colour = "#2a6db0" if hot else "rgba(128, 128, 128, 160)"
        self.setStyleSheet(f"QFrame#drop {{ border: 2px dashed {colour}; border-radius: 6px; }}")

    def set_small(self, small: bool) -> None:
        """Take less room once there is a tomogram."""
        self._text.setText("Drop another tomogram here" if small else _DROP)
        self.setMinimumHeight(34 if small else 96)
