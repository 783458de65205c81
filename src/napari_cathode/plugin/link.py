"""The link between a viewer's layers and its session: particle sets are Labels layers, and the other way round.

The session knows arrays; this module alone knows which layer shows which. Widgets talk to the session only.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import Any

from napari import current_viewer
from napari.layers import Labels, Layer
from napari.utils.notifications import show_warning

from napari_cathode.boxes import Box
from napari_cathode.edit import read_log_beside
from napari_cathode.edit.history import History
from napari_cathode.errors import InputError
from napari_cathode.session import Colouring, Measurement, ParticleSet, Session
from napari_cathode.tomogram import Tomogram
from napari_cathode.work import EDIT

from .colours import ColourScale, forget_largest
from .feature_copy import adopted_table, is_ours, with_user_columns, write_features
from .layers import draw_list_now, full_data, is_image, is_labels, same_array, spacing_of, tomogram_of, volume
from .new_layers import insert_layer, labels_layer
from .particle_colours import scale_of, show_colours
from .preferences import connect_preferences
from .remeasuring import Remeasuring
from .reviewing import Reviewing
from .selecting import Selecting
from .strokes import take_stroke
from .view_layers import ViewLayers
from .viewer_keys import UNDO_KEYS, bind_keys, bind_undo, spare_the_brush

_links: dict[int, tuple[weakref.ref[Any], Link]] = {}


def link_of(viewer: Any) -> Link:
    """Give the link of a viewer, which lives as long as the viewer does."""
    viewer = getattr(viewer, "__wrapped__", viewer)  # plugins are handed a proxy
    key = id(viewer)
    if key not in _links or _links[key][0]() is not viewer:
        _links[key] = (weakref.ref(viewer), Link(viewer))
        weakref.finalize(viewer, _links.pop, key, None)
    return _links[key][1]


def log_of(data: Any) -> list[dict[str, Any]]:
    """Give the log of edits of an array of labels that a viewer shows; empty for any other array.

    Labels that nobody has looked at as particles yet have the log that lay beside their file.
    """
    for _, link in _links.values():
        for particles in link.session.particle_sets:
            layer = link.layer_of(particles)
            if layer is not None and same_array(full_data(layer), data):
                return particles.history.log()
    viewers = [current_viewer(), *(viewer() for viewer, _ in _links.values())]
    shown = (layer for viewer in viewers if viewer is not None for layer in viewer.layers if is_labels(layer))
    return next((_earlier_log(layer) for layer in shown if same_array(full_data(layer), data)), [])


def _earlier_log(layer: Labels) -> list[dict[str, Any]]:
    """Give the edits that are told of beside the file that a layer was read from."""
    return read_log_beside(layer.source.path) if layer.source.path else []


def _has_damage(table: Any) -> bool:
    return table is not None and "damage" in table and bool(table["damage"].notna().any())


@dataclass(eq=False)
class _Binding:
    """What belongs to one particle set on the screen."""

    layer: Labels
    plain: Any
    ours: frozenset[str] = frozenset()
    hides: bool = False
    writing: bool = False


class Link:
    """Keeps a viewer's Labels layers and the session of its particles the same.

    Attributes
    ----------
    session : Session
        The state that all views of the viewer share.
    views : ViewLayers
        The layers of what single views saw.
    remeasuring : Remeasuring
        Keeps tables up to date while labels are edited.
    reviewing : Reviewing
        Where one is among the particles to look at.
    parameters : dict
        Parameters of the steps as they were set last, by the step's name: plain values.
    """

    def __init__(self, viewer: Any) -> None:
        self.session = Session()
        self.parameters: dict[str, dict[str, Any]] = {}
        self._viewer = weakref.ref(viewer)
        self._bindings: dict[ParticleSet, _Binding] = {}
        self._copied: weakref.WeakKeyDictionary[Layer, list[dict[str, Any]]] = weakref.WeakKeyDictionary()
        spare_the_brush(viewer)
        bind_keys(viewer, self)
        self.views = ViewLayers(viewer, self.session)
        viewer.layers.events.inserted.connect(self._on_layer_inserted)
        viewer.layers.events.removing.connect(self._on_layer_removing)
        viewer.layers.events.removed.connect(self._on_layer_removed)
        session = self.session
        session.particle_sets_changed.connect(self._on_particle_sets_changed)
        session.changed.connect(self._on_changed)
        self.remeasuring = Remeasuring(session, self._update_table)
        self.reviewing = Reviewing(session)
        self._selecting = Selecting(viewer, session, self.layer_of)
        connect_preferences(self._on_preferred_colours)

    @property
    def layers(self) -> Any:
        """The viewer's layer list."""
        return self._viewer().layers

    # ---- layers and particle sets ------------------------------------------------------------------

    def layer_of(self, particles: ParticleSet) -> Labels | None:
        """Give the layer that shows a particle set."""
        binding = self._bindings.get(particles)
        return None if binding is None else binding.layer

    def particles_of(self, layer: Layer | None) -> ParticleSet | None:
        """Give the particle set that a layer shows, None when it shows none yet."""
        return next((known for known, binding in self._bindings.items() if binding.layer is layer), None)

    def adopt(self, layer: Labels) -> ParticleSet:
        """Give the particle set of any Labels layer; what ``layer.features`` hold becomes its table."""
        known = self.particles_of(layer)
        if known is not None:
            return known
        if not is_labels(layer):
            raise InputError(f"The layer {layer.name} is no Labels layer of two or three dimensions; choose another.")
        history = History(log=self._copied.get(layer) or _earlier_log(layer))
        particles = ParticleSet(
            volume(layer), layer.name, spacing_of(layer), table=adopted_table(layer), history=history
        )
        self._bind(particles, layer)
        self.session.add(particles)
        return particles

    def show(
        self, particles: ParticleSet, like: Layer | None = None, first: tuple[int, int, int] = (0, 0, 0)
    ) -> Labels:
        """Add a particle set to the session and the viewer, and make it the current one.

        Parameters
        ----------
        particles : ParticleSet
            The set.
        like : Layer, optional
            The image layer that its labels lie upon.
        first : tuple of int
            Voxel (z, y, x) of that image at which the labels begin.
        """
        layer = labels_layer(particles.labels, particles.name, particles.spacing_um, like, first)
        self._bind(particles, layer)  # before the viewer tells others of a layer that they do not know
        insert_layer(self._viewer(), layer)
        self.session.add(particles)
        return layer

    def tomogram_of(self, particles: ParticleSet) -> Tomogram | None:
        """Give the grey values of a particle set: its own, else those of an image layer of the same shape."""
        shape = tuple(particles.labels.shape)
        if particles.tomogram is not None and particles.tomogram.shape == shape:
            return particles.tomogram
        images = (tomogram_of(layer) for layer in reversed(self.layers) if is_image(layer))
        return next((image for image in images if image.shape == shape), None)

    def box_of(self, particles: ParticleSet, label: int) -> Box | None:
        """Give the box (z, y, x) around a particle where it is known already; nothing is read."""
        layer = self.layer_of(particles)
        return None if layer is None else self._selecting.known_box(particles, label)

    def set_table(
        self, particles: ParticleSet, table: Any, summary: Any = None, tomogram: Tomogram | None = None
    ) -> None:
        """Give a particle set a feature table, with the columns that other tools gave its layer beside it.

        A table that `measure` made follows edits of the labels; for that it has to know the tomogram that was measured.
        """
        known = None
        if table is not None and "state" in table.attrs:
            table = table.copy(deep=False)
            known = Measurement(table.attrs.pop("state"), tomogram)
        self.session.set_table(particles, self._with_user_columns(particles, table), summary, known)

    def show_measured(
        self, particles: ParticleSet, result: tuple[Any, Any], tomogram: Tomogram | None, how: dict[str, Any]
    ) -> bool:
        """Give particles the table and summary that were measured, and let plain ones show their damage.

        A colour that somebody chose stays, and so do plain labels where damage was measured before: they were chosen
        instead of it.

        Parameters
        ----------
        particles : ParticleSet
        result : tuple of (DataFrame, Summary)
        tomogram : Tomogram, optional
            The grey values that were measured.
        how : dict
            The parameters, as plain values.

        Returns
        -------
        bool
            Whether the damage of any particle is known.
        """
        before = "measure" in particles.provenance and _has_damage(particles.table)
        particles.provenance["measure"] = how
        self.set_table(particles, *result, tomogram)
        has_damage = _has_damage(particles.table)
        if has_damage and not before and particles.colouring is None:
            self.session.set_colouring(particles, Colouring("damage"))
        return has_damage

    def _update_table(self, particles: ParticleSet, table: Any, summary: Any, known: Measurement) -> None:
        """Show the table that followed an edit."""
        self.session.update_table(particles, self._with_user_columns(particles, table), summary, known)

    def _with_user_columns(self, particles: ParticleSet, table: Any) -> Any:
        binding = self._bindings.get(particles)
        return table if binding is None or table is None else with_user_columns(table, binding.layer, binding.ours)

    def return_columns(self, particles: ParticleSet) -> None:
        """Take the columns of an opened table that no step of ours makes for those of other tools.

        They stay beside what is measured then, as before the project was saved.
        """
        binding = self._bindings[particles]
        binding.ours = frozenset(name for name in binding.ours if is_ours(name))

    def _bind(self, particles: ParticleSet, layer: Labels) -> None:
        self._bindings[particles] = _Binding(layer, layer.colormap)
        layer.events.data.connect(self._on_layer_data)
        layer.events.features.connect(self._on_layer_features)
        layer.events.paint.connect(self._on_layer_painted)
        layer.events.name.connect(self._on_layer_renamed)
        layer.events.scale.connect(self._on_layer_scaled)
        layer.events.units.connect(self._on_layer_scaled)
        layer.events.mode.connect(self._on_layer_mode)
        layer.bind_key("Escape", self._on_layer_escape, overwrite=True)
        bind_undo(layer, self)
        if particles.table is not None:
            self._write_features(particles)

    def _unbind(self, particles: ParticleSet) -> Labels | None:
        binding = self._bindings.pop(particles, None)
        if binding is None:
            return None
        layer = binding.layer
        layer.events.data.disconnect(self._on_layer_data)
        layer.events.features.disconnect(self._on_layer_features)
        layer.events.paint.disconnect(self._on_layer_painted)
        layer.events.name.disconnect(self._on_layer_renamed)
        layer.events.scale.disconnect(self._on_layer_scaled)
        layer.events.units.disconnect(self._on_layer_scaled)
        layer.events.mode.disconnect(self._on_layer_mode)
        for key in ("Escape", *UNDO_KEYS):
            layer.bind_key(key, None)
        return layer

    def _on_layer_inserted(self, event: Any) -> None:
        """Take note of the edits that the labels of a duplicated layer hold."""
        original = event.value.source.parent
        particles = None if original is None else self.particles_of(original())  # a weak reference
        if particles is not None and is_labels(event.value) and particles.history.log():
            self._copied[event.value] = particles.history.log()

    def _on_layer_removing(self, event: Any) -> None:
        """Take the outline away before what it outlines."""
        particles = self.particles_of(self.layers[event.index])
        if particles is not None and particles is self.session.current:
            self.session.selection = ()

    def _on_layer_removed(self, event: Any) -> None:
        layer = event.value
        particles = self.particles_of(layer)
        if particles is not None:
            self._unbind(particles)
            self.session.remove(particles)
        self.session.gone.emit(layer)

    def _on_particle_sets_changed(self) -> None:
        known = set(self.session.particle_sets)
        for particles in known - set(self._bindings):
            layer = labels_layer(particles.labels, particles.name, particles.spacing_um)
            self._bind(particles, layer)
            insert_layer(self._viewer(), layer)
        viewer = self._viewer()
        for particles in set(self._bindings) - known:
            layer = self._unbind(particles)
            if viewer is not None and layer in viewer.layers:
                viewer.layers.remove(layer)

    def _on_layer_data(self, event: Any) -> None:
        particles = self.particles_of(event.source)
        if particles is None:
            return
        data = volume(event.source)
        if not same_array(data, particles.labels):
            self.session.set_labels(particles, data)

    def _on_layer_painted(self, event: Any) -> None:
        """Take a stroke of napari's brushes over into the history of the particles, the only one that there is."""
        layer, particles = event.source, self.particles_of(event.source)
        if particles is None:
            return
        change = take_stroke(layer, event.value)
        if change is not None:
            self.session.current = particles  # whose history the next Ctrl+Z goes back in
            self.session.edit(particles, change, applied=True)

    # ---- undo and redo -----------------------------------------------------------------------------

    def undo(self) -> None:
        """Take the last edit of the current particles back."""
        self._step(self.session.undo)

    def redo(self) -> None:
        """Repeat the edit of the current particles that was undone last."""
        self._step(self.session.redo)

    def _step(self, go: Any) -> None:
        particles = self.session.current
        if particles is None:
            return
        why = self.session.why_not(EDIT, particles)
        if why:
            show_warning(why)
            return
        try:
            go(particles)
        except InputError as error:
            show_warning(str(error))

    def _on_layer_renamed(self, event: Any) -> None:
        particles = self.particles_of(event.source)
        if particles is not None and particles.name != event.source.name:
            particles.name = event.source.name
            if particles in self.session.particle_sets:  # not yet while napari names a new layer
                self.session.particle_sets_changed.emit()

    def _on_layer_scaled(self, event: Any) -> None:
        particles, spacing = self.particles_of(event.source), spacing_of(event.source)
        if particles is None or spacing == particles.spacing_um:
            return
        known, particles.spacing_um = particles.spacing_um, spacing
        if particles is self.session.current:
            self._selecting.show()
        if known is not None:
            self.session.touch(particles)  # what was measured was measured with another voxel size

    def _on_layer_mode(self, event: Any) -> None:
        """Leave Escape to napari while a polygon is drawn."""
        drawing = str(event.source.mode) == "polygon"
        event.source.bind_key("Escape", None if drawing else self._on_layer_escape, overwrite=True)

    def _on_layer_escape(self, _layer: Any) -> None:
        """Clear the selection of particles."""
        self.session.selection = ()

    # ---- tables and colours ------------------------------------------------------------------------

    def _on_changed(self, particles: ParticleSet, what: str) -> None:
        if particles not in self._bindings:
            return
        if what == "labels":
            self._on_labels_changed(particles)
        elif what == "table":
            self._write_features(particles)
        elif what == "colouring":
            self._recolour(particles)
        elif what == "filter" and (particles.filter.hide_others or self._bindings[particles].hides):
            self._recolour(particles)

    def _on_labels_changed(self, particles: ParticleSet) -> None:
        layer = self._bindings[particles].layer
        forget_largest(layer)
        if not same_array(volume(layer), particles.labels):
            data = particles.labels[0] if layer.ndim == 2 else particles.labels
            # Views of the same memory: napari wants several scales where there were several.
            layer.data = [data, data[..., ::2, ::2]] if layer.multiscale else data
        with layer._block_refresh():
            anew = particles.colouring is not None and self._show_colours(particles)
        layer.refresh(extent=False)  # once: they may have changed in place, and the colours with them
        if anew:
            self._put_in_order()

    def _on_preferred_colours(self, _event: Any = None) -> None:
        """Colour anew where nobody chose a colour map."""
        for particles in self._bindings:
            if particles.colouring is not None and not particles.colouring.colormap:
                self.session.changed.emit(particles, "colouring")

    def _write_features(self, particles: ParticleSet) -> None:
        binding = self._bindings[particles]
        binding.writing = True
        binding.ours = write_features(binding.layer, particles.table, binding.ours)
        binding.writing = False

    def _on_layer_features(self, event: Any) -> None:
        """Show what another tool wrote into ``layer.features`` beside what is known."""
        particles = self.particles_of(event.source)
        if particles is None or self._bindings[particles].writing:
            return
        binding, table = self._bindings[particles], particles.table
        known = [] if table is None else [name for name in table.columns if name == "label" or name in binding.ours]
        if len(known) > 1:
            self.session.update_columns(particles, with_user_columns(table[known], binding.layer, binding.ours))
        else:
            self.session.set_table(particles, adopted_table(binding.layer))

    def colour_scale(self, particles: ParticleSet) -> ColourScale | None:
        """Give the colour scale of a particle set, None while each particle has a colour of its own."""
        return scale_of(particles)

    def _recolour(self, particles: ParticleSet) -> None:
        if self._show_colours(particles):
            self._put_in_order()
        else:
            draw_list_now(self._viewer())

    def _show_colours(self, particles: ParticleSet) -> bool:
        """Colour a layer; say whether that is more than other colours."""
        binding = self._bindings[particles]
        binding.hides = particles.filter.hide_others and particles.shown is not None
        return show_colours(binding.layer, particles, binding.plain)

    def _put_in_order(self) -> None:
        """Put layers in order again: napari draws one with another kind of colour table as the lowest."""
        self.layers.events.reordered()
