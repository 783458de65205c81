"""The list of images that a model is to be trained on: pairs of layers, files, folders, VIA and COCO."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QListWidget, QMenu, QPushButton, QVBoxLayout, QWidget

from napari_cathode.errors import InputError
from napari_cathode.identify.own_images import IMAGE_SUFFIXES, AnnotationFile, ImagePair, Source, find_pairs
from napari_cathode.io import read_annotations
from napari_cathode.io.annotations import missing_pictures, say_missing
from napari_cathode.plugin.layers import is_image, is_labels, tomogram_of, volume

from .parts import LayerChoice, form_layout

_HEIGHT = 84


@dataclass
class _Entry:
    """A line of the list: files, or a pair of layers."""

    text: str
    sources: list[Source]
    image: Any = None
    labels: Any = None


class TrainingSources(QWidget):
    """Choose layers or files, and see what is chosen.

    Parameters
    ----------
    viewer : napari.Viewer
        Whose layers are offered.
    """

    changed = Signal()
    failed = Signal(str)

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self._entries: list[_Entry] = []
        self.image = LayerChoice(viewer, is_image)
        self.labels = LayerChoice(viewer, is_labels)
        self.add_layers_button = QPushButton("Add these layers")
        self.add_layers_button.setToolTip("Adds the image and its labels to the list below.")
        self.add_files_button = QPushButton("Add files")
        menu = QMenu(self)
        menu.addAction("An image and its labels …", self._ask_files)
        menu.addAction("A folder of images, a folder of labels …", self._ask_folders)
        menu.addAction("A VIA or COCO file …", self._ask_annotations)
        self.add_files_button.setMenu(menu)
        self.list = QListWidget()
        self.list.setFixedHeight(_HEIGHT)
        self.list.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.remove_button = QPushButton("Remove")
        self.remove_button.setToolTip("Takes the chosen line out of the list.")
        self._lay_out()
        self.add_layers_button.clicked.connect(self.add_layers)
        self.remove_button.clicked.connect(self._remove)
        self.list.currentRowChanged.connect(lambda _row: self._refresh())
        for choice in (self.image, self.labels):
            choice.layer_changed.connect(lambda _layer: self._refresh())
        self._refresh()

    def _lay_out(self) -> None:
        form = form_layout()
        form.addRow("Image", self.image)
        form.addRow("Labels", self.labels)
        buttons = QHBoxLayout()
        for button in (self.add_layers_button, self.add_files_button, self.remove_button):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(6)
        layout.addLayout(form)
        layout.addLayout(buttons)
        layout.addWidget(self.list)

    def sources(self) -> list[Source]:
        """Give the images: those of the list, or the two layers that are chosen while it is empty.

        Raises
        ------
        InputError
            When there are none, or a layer of the list was closed.
        """
        if not self._entries:
            if self.image.layer is None or self.labels.layer is None:
                raise InputError(
                    "There is nothing to train on: open an image, add a Labels layer and label particles in it, or add "
                    "files."
                )
            return [_pair(self.image.layer, self.labels.layer)]
        found: list[Source] = []
        for entry in self._entries:
            if entry.image is None:
                found += entry.sources
                continue
            for layer in (entry.image, entry.labels):
                if layer not in self._viewer.layers:
                    raise InputError(f"The layer {layer.name} was closed; take its line out of the list, or open it.")
            found.append(_pair(entry.image, entry.labels))
        return found

    def add_layers(self) -> None:
        """Add the image and the labels that are chosen."""
        image, labels = self.image.layer, self.labels.layer
        if volume(image).shape != volume(labels).shape:
            shapes = [" × ".join(map(str, layer.data.shape)) for layer in (image, labels)]
            self.failed.emit(f"{image.name} has {shapes[0]} voxels, but {labels.name} has {shapes[1]}.")
            return
        if not any(entry.image is image and entry.labels is labels for entry in self._entries):
            self._add(_Entry(f"{image.name}  +  {labels.name}", [], image, labels))

    def add_pairs(self, images: Path, labels: Path | None) -> None:
        """Add an image file with its labels, or a folder of them; see `own_images.find_pairs`."""
        try:
            pairs = find_pairs(images, labels)
        except InputError as error:
            self.failed.emit(str(error))
            return
        count = f"{len(pairs)} {'image' if len(pairs) == 1 else 'images'}"
        self._add(_Entry(f"{images.name}: {count} with labels", list(pairs)))

    def add_annotations(self, path: Path, images: Path | None = None) -> bool:
        """Add a VIA or COCO file; gives back whether its images were found."""
        try:
            annotations = read_annotations(path)
        except InputError as error:
            self.failed.emit(str(error))
            return True
        if missing_pictures(annotations, images):
            return False
        outlines = sum(len(image.outlines) for image in annotations.images)
        count = len(annotations.images)
        text = f"{path.name}: {outlines} outlines in {count} {'image' if count == 1 else 'images'} ({annotations.kind})"
        self._add(_Entry(text, [AnnotationFile(path, images)]))
        return True

    def _add(self, entry: _Entry) -> None:
        self._entries.append(entry)
        self.list.addItem(entry.text)
        self.list.item(self.list.count() - 1).setToolTip(entry.text)
        self._refresh()
        self.changed.emit()

    def _remove(self) -> None:
        row = self.list.currentRow()
        del self._entries[row]
        self.list.takeItem(row)
        self._refresh()
        self.changed.emit()

    def _refresh(self) -> None:
        self.add_layers_button.setEnabled(self.image.layer is not None and self.labels.layer is not None)
        self.remove_button.setEnabled(self.list.currentRow() >= 0)

    def _ask_files(self) -> None:
        kinds = f"Images ({' '.join(f'*{suffix}' for suffix in IMAGE_SUFFIXES)})"
        image, _ = QFileDialog.getOpenFileName(self, "The image", "", kinds)
        labels = image and QFileDialog.getOpenFileName(self, "Its labels", str(Path(image).parent), kinds)[0]
        if labels:
            self.add_pairs(Path(image), Path(labels))

    def _ask_folders(self) -> None:
        images = QFileDialog.getExistingDirectory(self, "The folder of the images")
        if not images:
            return
        try:  # the folder may hold both
            find_pairs(Path(images))
        except InputError:
            labels = QFileDialog.getExistingDirectory(self, "The folder of their labels", str(Path(images).parent))
            if labels:
                self.add_pairs(Path(images), Path(labels))
        else:
            self.add_pairs(Path(images), None)

    def _ask_annotations(self) -> None:
        chosen, _ = QFileDialog.getOpenFileName(self, "VIA or COCO annotations", "", "Annotations (*.json)")
        if not chosen or self.add_annotations(Path(chosen)):
            return
        folder = QFileDialog.getExistingDirectory(self, "The folder of the annotated images", str(Path(chosen).parent))
        if folder and not self.add_annotations(Path(chosen), Path(folder)):
            annotations, place = read_annotations(chosen), Path(folder)
            self.failed.emit(say_missing(annotations, missing_pictures(annotations, place), place))


def _pair(image: Any, labels: Any) -> ImagePair:
    return ImagePair(image.name, tomogram_of(image).data, volume(labels))
