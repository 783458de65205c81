"""Dock widget: save the work as a project, open one, and recover what a crash left."""

from __future__ import annotations

import html
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QMessageBox, QPushButton, QWidget

from napari_cathode.errors import InputError
from napari_cathode.plugin.layers import is_image, tomogram_of
from napari_cathode.project import holds_project
from napari_cathode.tomogram import Tomogram

from .docks import PROJECT, Docked, open_dock
from .keeper import SHORTCUT, Keeper, keeper_of
from .offers import Offers
from .opener import RECOVERED
from .parts import Connections, Panel, Text, primary_button

if TYPE_CHECKING:
    import napari.viewer

_EMPTY = "A project keeps everything in one folder: labels, tables, explanation, colours, settings and edits."
_ERROR = "border-left: 3px solid #d9534f; padding: 2px 2px 2px 8px;"
_CAUTION = "border-left: 3px solid #d9a441; padding: 2px 2px 2px 8px;"


class ProjectWidget(Docked, Panel):
    """Where the work is saved, what was not found in it, and what earlier sessions left."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self.keeper: Keeper = keeper_of(napari_viewer)
        self.offers = Offers()
        self._name = Text()
        self.state = Text()
        self.error = Text()
        self.error.setStyleSheet(_ERROR)
        self.notes = Text()
        self.notes.setStyleSheet(_CAUTION)
        self.save_button = primary_button("Save project", f"Saves everything as a project ({SHORTCUT}).")
        self.save_as_button = QPushButton("Save as …")
        self.save_as_button.setToolTip("Saves the project into another folder, where it stays from then on.")
        self.open_button = QPushButton("Open project …")
        self.open_button.setToolTip("Opens a project in the place of what is open, which is saved before.")
        self.locate_button = QPushButton("Show where it is …")
        self._lay_out()
        self.save_button.clicked.connect(self.save)
        self.save_as_button.clicked.connect(self.save_as)
        self.open_button.clicked.connect(self.open)
        self.locate_button.clicked.connect(self.locate)
        self.keeper.changed.connect(self._refresh)
        self.keeper.finished.connect(self._refresh)
        self._connections = Connections(self)
        for signal in (self._viewer.layers.events.inserted, self._viewer.layers.events.removed):
            self._connections.connect(signal, self._on_layers)
        self.offers.watch(self.keeper)
        self._refresh()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.save_as_button)
        row.addWidget(self.open_button)
        for widget in (self.offers, self._name, self.save_button):
            self.column.addWidget(widget)
        self.column.addLayout(row)
        for widget in (self.state, self.error, self.notes, self.locate_button):
            self.column.addWidget(widget)
        self.column.addStretch(1)

    # ---- what is done ------------------------------------------------------------------------------

    def save(self) -> None:
        """Save the project; the first time, ask where."""
        if self.keeper.project is None:
            self.save_as()
        else:
            self.keeper.save()

    def save_as(self) -> None:
        """Ask for a folder and save the project into it."""
        save_as(self._viewer, self)

    def open(self) -> None:
        """Ask for a project and open it."""
        open_another(self._viewer, self)

    def locate(self) -> None:
        """Ask where the missing tomogram is."""
        names = self.keeper.missing
        if not names:
            return
        title = f"Where is the tomogram {names[0]}?"
        path, _ = QFileDialog.getOpenFileName(self, title, _start_folder(self._viewer))
        if path:
            try:
                self.keeper.locate(path)
            except InputError as error:
                self.keeper.fail(str(error))

    # ---- what is shown -----------------------------------------------------------------------------

    def _on_layers(self, _event: Any) -> None:
        self._refresh()

    def _refresh(self) -> None:
        keeper = self.keeper
        folder = None if keeper.project is None else keeper.project.folder
        self._name.say(_EMPTY if folder is None else f"<b>{html.escape(folder.name)}</b><br>{html.escape(str(folder))}")
        something = bool(self._viewer.layers) and not keeper.busy
        self.save_button.setEnabled(something)
        self.save_as_button.setEnabled(something)
        self.open_button.setEnabled(not keeper.busy)
        self.state.say(_state(keeper))
        self.error.say(keeper.error)
        self.notes.say("<br><br>".join(html.escape(note) for note in keeper.notes))
        self.locate_button.setVisible(bool(keeper.missing))


def _state(keeper: Keeper) -> str:
    if keeper.busy:
        return keeper.status if keeper.status.endswith("…") else "Saving …"
    if not keeper.unsaved or not keeper.has_work:
        return keeper.status
    if keeper.status == RECOVERED:
        return RECOVERED
    if keeper.project is None:
        return "Not saved as a project yet; what you do is kept every half minute in case of a crash."
    return "Changed since it was saved; it is saved by itself every half minute."


# ---- commands of the menu ----------------------------------------------------------------------------


def save_project(viewer: napari.viewer.Viewer) -> None:
    """Save the work as a project; the first time, ask where."""
    keeper = keeper_of(viewer)
    if keeper.project is None:
        save_as(viewer, keeper.parent())
    else:
        keeper.save()


def save_project_as(viewer: napari.viewer.Viewer) -> None:
    """Ask for a folder and save the work as a project into it."""
    save_as(viewer, keeper_of(viewer).parent())


def open_project_folder(viewer: napari.viewer.Viewer) -> None:
    """Ask for a project and open it."""
    open_another(viewer, keeper_of(viewer).parent())


def save_as(viewer: Any, parent: QWidget) -> None:
    """Ask for a folder, and save into it."""
    keeper = keeper_of(viewer)
    option = QFileDialog.Option.DontConfirmOverwrite  # it is asked for below, knowing what is there
    start = str(Path(_start_folder(viewer)) / _suggested_name(viewer))
    path, _ = QFileDialog.getSaveFileName(parent, "Folder of the project", start, "", options=option)
    if not path:
        return
    overwrite = holds_project(path)
    question = f"{Path(path).name} holds a project already. Do you want to replace it?"
    here = keeper.project is not None and Path(path) == keeper.project.folder
    if here:
        keeper.save()
        return
    if overwrite and QMessageBox.question(parent, "Save project", question) != QMessageBox.StandardButton.Yes:
        return
    _show_panel(viewer)
    try:
        keeper.save_as(path, overwrite)
    except InputError as error:
        keeper.fail(str(error))


def open_another(viewer: Any, parent: QWidget) -> None:
    """Ask for the folder of a project, and open it."""
    path = QFileDialog.getExistingDirectory(parent, "Folder of the project", _start_folder(viewer))
    if path:
        _show_panel(viewer)
        keeper_of(viewer).open(path)


def _show_panel(viewer: Any) -> None:
    """Show the panel, which says what comes of it."""
    open_dock(getattr(viewer, "__wrapped__", viewer), PROJECT)


def _tomogram(viewer: Any) -> Tomogram | None:
    return next((tomogram_of(layer) for layer in viewer.layers if is_image(layer)), None)


def _start_folder(viewer: Any) -> str:
    """Give the folder beside which a project probably belongs."""
    keeper, tomogram = keeper_of(viewer), _tomogram(viewer)
    if keeper.project is not None:
        return str(keeper.project.folder.parent)
    if tomogram is not None and tomogram.source and Path(tomogram.source).exists():
        return str(Path(os.path.abspath(tomogram.source)).parent)
    return str(Path.home())


def _suggested_name(viewer: Any) -> str:
    tomogram = _tomogram(viewer)
    return "particles project" if tomogram is None else f"{tomogram.name} project"
