"""A viewer's layers as the state of a project, and back."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import numpy as np
from napari.layers import Layer

from napari_cathode.errors import InputError
from napari_cathode.filtering import Filter
from napari_cathode.project import ProjectState, snapshot
from napari_cathode.project.grey import same_data
from napari_cathode.session import ParticleSet, Predictions
from napari_cathode.tomogram import Tomogram

from .layers import full_data, is_helper, is_image, tomogram_of
from .link import Link, link_of

_PLACED = ("translate", "rotate", "shear")
_SHOWN = ("visible", "opacity", "blending")
_IMAGE = ("contrast_limits", "gamma")
_LABELS = ("contour",)


def take_state(viewer: Any) -> ProjectState:
    """Give the state of a viewer's session with its images, quickly; see `snapshot`."""
    link = link_of(viewer)
    looks: dict[Any, Mapping[str, Any]] = {}
    tomograms = []
    for layer in viewer.layers:
        if is_image(layer):
            tomogram = tomogram_of(layer)
            tomograms.append(tomogram)
            looks[tomogram] = look_of(layer)
    for particles in link.session.particle_sets:
        layer = link.layer_of(particles)
        if layer is not None:
            looks[particles] = look_of(layer)
    for predictions in link.session.predictions:
        looks[predictions] = {view: look_of(layer) for view, layer in link.views.layers(predictions).items()}
    return snapshot(link.session, tomograms, link.parameters, looks)


def look_of(layer: Layer) -> dict[str, Any]:
    """Give how a layer is shown, as plain values."""
    names = (*_SHOWN, *_PLACED, *(_IMAGE if is_image(layer) else _LABELS))
    look = {name: np.asarray(value).tolist() for name in names if (value := getattr(layer, name)) is not None}
    look["affine"] = np.asarray(layer.affine.affine_matrix).tolist()
    if is_image(layer):
        look["colormap"] = str(layer.colormap.name)
    return look


def apply_look(layer: Layer, look: Mapping[str, Any]) -> None:
    """Show a layer as it was; what does not fit any more is left as it is."""
    for name, value in look.items():
        try:
            setattr(layer, name, np.asarray(value) if name in ("translate", "affine") else value)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue


def close_layers(viewer: Any, kept: bool) -> None:
    """Make room for a project: layers that were kept, lie in a file or only decorate others are closed.

    Parameters
    ----------
    viewer : napari.Viewer
    kept : bool
        Whether images without a file were saved before. Layers that a project does not hold stay where they are.
    """
    link = link_of(viewer)
    for layer in list(viewer.layers):
        ours = link.particles_of(layer) is not None or link.views.known(layer) is not None
        if ours or is_helper(layer) or (is_image(layer) and (kept or tomogram_of(layer).source)):
            viewer.layers.remove(layer)


def iter_show_state(viewer: Any, state: ProjectState) -> Generator[None, None, None]:
    """Show the state of a project in a viewer, a layer in each turn, everything linked."""
    from .reader import image_layer

    link = link_of(viewer)
    link.parameters.update({name: dict(value) for name, value in state.parameters.items() if isinstance(value, dict)})
    for tomogram in state.tomograms:
        data, options, _ = image_layer(tomogram)
        layer = viewer.add_image(data, **options)
        apply_look(layer, state.looks.get(tomogram, {}))
        yield
    for predictions in state.predictions:
        looks = state.looks.get(predictions, {})
        yield from iter_show_views(link, predictions, looks)
        if not state.particle_sets and not any(looks.values()):
            link.views.look_at(predictions)  # nothing else shows yet what was found
    for particles in state.particle_sets:
        yield from _iter_show(link, particles, state)
    if state.current is not None:
        link.session.current = state.current
        link.session.selection = state.selection
    viewer.reset_view()


def _iter_show(link: Link, particles: ParticleSet, state: ProjectState) -> Generator[None, None, None]:
    """Add a particle set; what depends on its layer follows when the layer is there, in later turns."""
    colouring, wanted = particles.colouring, particles.filter
    particles.colouring, particles.filter, particles.shown = None, Filter(), None
    layer = link.show(particles, *_place_of(link, particles.tomogram))
    yield
    if link.layer_of(particles) is not layer:
        return  # somebody closed it meanwhile
    link.return_columns(particles)
    apply_look(layer, state.looks.get(particles, {}))
    yield
    try:
        link.session.set_colouring(particles, colouring)
        link.session.set_filter(particles, wanted)
    except InputError:
        pass  # the columns that they speak of could not be read
    yield
    link.session.changed.emit(particles, "history")  # what was not measured yet when it was saved is measured now


def iter_show_views(link: Link, predictions: Predictions, looks: Mapping[str, Any]) -> Generator[None, None, None]:
    """Show what the views saw, as it was shown before."""
    like, first = _place_of(link, predictions.tomogram)
    yield from link.views.iter_show(predictions, like, first)
    for view, layer in link.views.layers(predictions).items():
        apply_look(layer, looks.get(view, {}))


def _place_of(link: Link, tomogram: Tomogram | None) -> tuple[Layer | None, tuple[int, int, int]]:
    """Give the image layer that labels lie upon, and the voxel at which they begin."""
    region = None if tomogram is None else tomogram.region
    first = (0, 0, 0) if region is None else (region[0][0], region[1][0], region[2][0])
    return _layer_of(link, tomogram), first


def _layer_of(link: Link, tomogram: Tomogram | None) -> Layer | None:
    """Give the image layer that shows a tomogram, or the one that it is a part of."""
    if tomogram is None:
        return None
    whole = tomogram.whole or tomogram
    for layer in link.layers:
        if is_image(layer):
            data = full_data(layer)
            shown = whole.data[0] if layer.ndim == 2 else whole.data
            if same_data(data, shown):
                return layer
    return None


def layer_data(state: ProjectState) -> list[tuple[Any, dict[str, Any], str]]:
    """Give the layers of a project as napari's readers give them, for a viewer that has no window."""
    from .reader import image_layer, placed

    layers = [image_layer(tomogram) for tomogram in state.tomograms]
    for particles in state.particle_sets:
        data = particles.labels[0] if particles.labels.shape[0] == 1 else particles.labels
        options: dict[str, Any] = {"name": particles.name, **placed(particles.spacing_um, data.ndim)}
        if particles.table is not None:
            options["features"] = particles.table.rename(columns={"label": "index"})
        layers.append((data, options, "labels"))
    return layers
