"""napari's reader: a file or a folder of slices becomes a layer in µm, named after it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import napari
import numpy as np
from napari.utils.notifications import show_error, show_warning

from napari_cathode.errors import InputError
from napari_cathode.io import (
    can_read,
    contrast_limits,
    find_field_of_view,
    is_annotations,
    is_labels,
    list_datasets,
    read,
    read_annotations,
    read_labels,
)
from napari_cathode.io.annotations import iter_annotated, missing_pictures, say_missing
from napari_cathode.project import holds_project, open_project
from napari_cathode.tomogram import Spacing, Tomogram

from .layers import AXES, SHOWN_KEY, TOMOGRAM_KEY
from .project_layers import layer_data

LayerData = tuple[Any, dict[str, Any], str]

_NOTHING: list[Any] = [(None,)]  # how a reader says "done, and there is no layer", without napari asking others
_MOST_LAYERS = 4


def napari_get_reader(path: str | Sequence[str]) -> Callable[[str], list[Any]] | None:
    """Say quickly whether a file or folder is for us, and give the function that reads it.

    Parameters
    ----------
    path : str or list of str
        What was dropped; a list is a stack of files, of which we take none with more than one file (the folder of
        the slices is what we open).

    Returns
    -------
    callable or None
        `read_layers`, or None.
    """
    if not isinstance(path, str):
        if len(path) != 1:
            return None
        path = path[0]
    return read_layers if holds_project(path) or can_read(path) or is_annotations(path) else None


def read_layers(path: str | Sequence[str]) -> list[Any]:
    """Read a file or folder as napari layers.

    Returns
    -------
    list of tuple
        An Image layer for each data set, a Labels layer for a file of ours, or both for each annotated image. A project
        takes the place of what is open in the window. What is wrong with a file is shown as one sentence in the viewer,
        and no layer is added.

    Raises
    ------
    InputError
        When the file cannot be read and there is no viewer that could say so.
    """
    one = path if isinstance(path, str) else path[0]
    try:
        return _project(Path(one)) if holds_project(one) else _layers(Path(one))
    except InputError as error:
        if napari.current_viewer() is None:
            raise
        show_error(str(error))
        return _NOTHING


def _project(path: Path) -> list[Any]:
    """Open a project in the window; without one, give its layers."""
    viewer = napari.current_viewer()
    if viewer is None or threading.current_thread() is not threading.main_thread():
        opened = open_project(path)
        if viewer is not None:
            for note in opened.notes:
                show_warning(note)
        return layer_data(opened.state)
    from napari_cathode.widgets.keeper import keeper_of

    keeper_of(viewer).open(path)
    return _NOTHING


def _layers(path: Path) -> list[LayerData]:
    if path.suffix.lower() == ".json":
        return _annotated(path)
    if path.is_file() and is_labels(path):
        labels, spacing = read_labels(path)
        data = labels[0] if labels.shape[0] == 1 else labels
        return [(data, {"name": path.stem, **placed(spacing, data.ndim)}, "labels")]
    tomograms = _tomograms(path)
    unknown = [tomogram.name for tomogram in tomograms if tomogram.spacing_um is None]
    if unknown and napari.current_viewer() is not None:
        show_warning(
            f"No voxel size in {' and '.join(unknown)}: shown in pixels. Give it in µm in Plugins ▸ Cathode ▸ "
            "Start here, or in the first Cathode panel that you use."
        )
    return [image_layer(tomogram) for tomogram in tomograms]


def _annotated(path: Path) -> list[LayerData]:
    """Open the images that an annotation file names, each with its particles; many of one size as a stack."""
    annotations = read_annotations(path)
    missing = missing_pictures(annotations)
    if len(missing) == len(annotations.images):
        raise InputError(say_missing(annotations, missing))
    said = [*annotations.notes, *([say_missing(annotations, missing)] if missing else [])]
    if said and napari.current_viewer() is not None:
        show_warning(" ".join(said))
    found = [(file.stem, grey[np.newaxis], labels[np.newaxis]) for file, grey, labels in iter_annotated(annotations)]
    if len(found) > _MOST_LAYERS and len({(grey.shape, grey.dtype) for _, grey, _ in found}) == 1:
        found = [(path.stem, np.concatenate([one[1] for one in found]), np.concatenate([one[2] for one in found]))]
    layers = []
    for name, grey, labels in found:
        image = image_layer(Tomogram(grey, None, name, str(path), find_field_of_view(grey)))
        shown = labels[0] if len(labels) == 1 else labels
        layers += [image, (shown, {"name": f"{name} labels", **placed(None, shown.ndim)}, "labels")]
    return layers


def _tomograms(path: Path) -> list[Tomogram]:
    """Open the tomogram of a file, or of an HDF5 file without a default the few that it holds."""
    try:
        return [read(path)]
    except InputError:
        names: list[str] = []
        with suppress(InputError):  # a file that cannot be opened at all has been told already
            names = list_datasets(path)
        if len(names) < 2:
            raise
        chosen = names if len(names) <= _MOST_LAYERS else _ask(path, names)
        if not chosen:
            raise
    opened = [read(path, dataset=name) for name in chosen]
    return [
        Tomogram(made.data, made.spacing_um, f"{made.name}: {name}", made.source, made.field_of_view, dataset=name)
        for made, name in zip(opened, chosen, strict=True)
    ]


def _ask(path: Path, names: list[str]) -> list[str]:
    """Let the person choose one of many data sets; nothing where there is no window or they cancel."""
    viewer = napari.current_viewer()
    if viewer is None or threading.current_thread() is not threading.main_thread():
        return []
    from qtpy.QtWidgets import QInputDialog

    window = viewer.window._qt_window
    name, accepted = QInputDialog.getItem(window, path.name, "Which data set is the tomogram?", names, 0, False)
    return [name] if accepted else []


def placed(spacing_um: Spacing | None, ndim: int) -> dict[str, Any]:
    """Give the keyword arguments that put a layer at the origin, in µm where the voxel size is known."""
    named: dict[str, Any] = {"axis_labels": AXES[-ndim:]}
    return named if spacing_um is None else {"scale": spacing_um[-ndim:], "units": ("µm",) * ndim, **named}


def image_layer(tomogram: Tomogram) -> LayerData:
    """Make an image layer of a tomogram, two-dimensional for a slice."""
    data = tomogram.data[0] if tomogram.is_slice else tomogram.data
    options: dict[str, Any] = {
        "name": tomogram.name,
        "contrast_limits": contrast_limits(tomogram.data, tomogram.field_of_view),
        "colormap": "gray",
        "metadata": {TOMOGRAM_KEY: tomogram, SHOWN_KEY: data},
        **placed(tomogram.spacing_um, data.ndim),
    }
    return data, options, "image"
