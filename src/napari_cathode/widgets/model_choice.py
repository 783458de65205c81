"""Models on offer: what their cards say, and any StarDist model folder that somebody has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QPushButton, QTextBrowser, QVBoxLayout, QWidget

from napari_cathode.errors import InputError
from napari_cathode.identify.card import TEXT
from napari_cathode.identify.models import ModelInfo, check_usable, find_model

from .parts import Text


class ModelFacts(QWidget):
    """Says what the card of the chosen model says, and opens model folders.

    Parameters
    ----------
    box : QComboBox
        The list of models, by name or folder.
    dimensions : int
        2 or 3: for images of how many dimensions.

    Signals
    -------
    refused : str
        A folder cannot be used; the sentence says why.
    opened : str, str
        A folder can be used: the model's name, and the folder.
    """

    refused = Signal(str)
    opened = Signal(str, str)

    def __init__(self, box: Any, dimensions: int = 2) -> None:
        super().__init__()
        self._box = box
        self._dimensions = dimensions
        self.summary = Text()
        self.card_button = QPushButton("Model card")
        self.card_button.setToolTip("Training data, accuracy and limits of this model.")
        self.folder_button = QPushButton("Open model folder …")
        self.folder_button.setToolTip(
            f"<p>Any StarDist {dimensions}D model folder: config.json with weights (.h5). It is converted once, which "
            "needs TensorFlow.</p>"
        )
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.card_button)
        row.addWidget(self.folder_button)
        row.addStretch(1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.summary)
        layout.addLayout(row)
        self._box.currentIndexChanged.connect(self.refresh)
        self.folder_button.clicked.connect(self.choose_folder)
        self.card_button.clicked.connect(self.show_card)
        self.refresh()

    @property
    def info(self) -> ModelInfo | None:
        """What is known of the chosen model; None where it cannot be read."""
        chosen = self._box.currentData()
        try:
            return None if chosen is None else find_model(chosen)
        except InputError:
            return None

    def refresh(self, _index: int = 0) -> None:
        """Show what the card says."""
        info = self.info
        self.summary.say("" if info is None else info.summary)
        self.card_button.setEnabled(info is not None and (info.folder / TEXT).is_file())

    def choose_folder(self) -> None:
        """Ask for a model folder."""
        folder = QFileDialog.getExistingDirectory(self, "Open a StarDist model folder")
        if folder:
            self.open_folder(folder)

    def open_folder(self, folder: str) -> None:
        """Put a model folder on the list and choose it; says why when it cannot be used."""
        try:
            info = check_usable(find_model(str(Path(folder).absolute())), self._dimensions)
        except InputError as error:
            self.refused.emit(str(error))
            return
        place = str(info.folder)
        index = self._box.findData(place)
        if index < 0:
            self._box.addItem(f"{info.name} (folder)", place)
            index = self._box.count() - 1
        self._box.setCurrentIndex(index)
        self.opened.emit(info.name, place)
        self.refused.emit("")

    def show_card(self) -> None:
        """Show the whole card."""
        info = self.info
        if info is None:
            return
        dialog = QDialog(self)
        dialog.setWindowTitle(f"Model card of {info.name}")
        dialog.resize(640, 520)
        text = QTextBrowser()
        text.setMarkdown((info.folder / TEXT).read_text(encoding="utf-8"))
        close = QPushButton("Close")
        close.clicked.connect(dialog.accept)
        layout = QVBoxLayout(dialog)
        layout.addWidget(text)
        layout.addWidget(close)
        dialog.open()
