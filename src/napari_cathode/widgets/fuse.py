"""Dock widget: make 3D particles of what the views saw."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QPushButton

from napari_cathode.errors import InputError
from napari_cathode.fuse import FuseParameters
from napari_cathode.parameters import to_dict
from napari_cathode.plugin.layers import is_labels, prepare_labels, same_array, spacing_of, volume
from napari_cathode.plugin.link import link_of
from napari_cathode.plugin.steps import iter_compare_layers, iter_fuse_layers
from napari_cathode.session import ParticleSet

from .docks import FEATURES, Docked, open_dock
from .forms import Form
from .job import Job
from .parts import Connections, LayerChoice, Panel, Text, form_layout, primary_button
from .review import Review
from .runner import Runner

VIEWS = ("xy", "xz", "yz")
_EMPTY = (
    "Particles that were found slice by slice become 3D particles here. Find them first (Identify particles), "
    "or open Labels layers of another tool, one for each view."
)
_NOT_USED = "not used"
_METHODS = {
    "hybrid": "hybrid flow",
    "watershed": "watershed (fast)",
    "linking": "linked slices",
    "clusters": "k-means clusters (Li et al.)",
}
_ONLY_FOR = {
    "split_merge": ("hybrid", "watershed"),
    "gap_slices": ("hybrid", "watershed", "linking"),
    "minimal_votes": ("hybrid", "watershed", "linking"),
    "smoothing_um": ("hybrid", "watershed", "linking"),
    "link_by": ("linking",),
    "cluster_map": ("clusters",),
    "cluster_count": ("clusters",),
    "working_scale": ("clusters",),
}


class FuseWidget(Docked, Panel):
    """Choose a Labels layer for each view; they become one Labels layer of 3D particles."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self._viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._link = link_of(napari_viewer)
        self.views = {view: LayerChoice(self._viewer, _is_volume, _NOT_USED) for view in VIEWS}
        self.form = Form(FuseParameters, choices={"method": _METHODS})
        self.button = primary_button("Fuse views", "Makes 3D particles of the chosen views.")
        self.next_button = QPushButton("Next: measure the particles")
        self.runner = Runner()
        self.review = Review(self._viewer, self._link)
        self._empty = Text(_EMPTY)
        self._lay_out()
        self.align_labels()
        self.button.clicked.connect(self.fuse)
        self.next_button.clicked.connect(lambda: open_dock(self._viewer, FEATURES))
        self.review.check_button.clicked.connect(self.check)
        self.form.changed.connect(self._show_fields)
        for choice in self.views.values():
            choice.layer_changed.connect(self._refresh)
        self.runner.started.connect(self._refresh)
        self.runner.finished.connect(self._refresh)
        self._connections = Connections(self)
        self._connections.connect(self._link.session.predictions_changed, self._choose_newest)
        self._choose_newest()
        self._show_fields()
        self._refresh()

    def _lay_out(self) -> None:
        form = form_layout()
        for view, choice in self.views.items():
            choice.setToolTip(f"Labels made in {view} slices; they may start anew in each slice.")
            form.addRow(f"{view} slices", choice)
        self.column.addWidget(self._empty)
        self.column.addLayout(form)
        self.column.addWidget(self.form)
        self.column.addWidget(self.button)
        self.column.addWidget(self.runner)
        self.column.addWidget(self.next_button)
        self.column.addWidget(self.review)
        self.column.addStretch(1)
        self.next_button.hide()

    def _choose_newest(self) -> None:
        """Choose the views that were predicted last."""
        predictions = self._link.session.predictions
        if not predictions:
            return
        layers = self._link.layers_of(predictions[-1])
        for view, choice in self.views.items():
            choice.layer = layers.get(view)

    def _chosen(self) -> dict[str, Any]:
        return {view: choice.layer for view, choice in self.views.items() if choice.layer is not None}

    def _refresh(self, _layer: Any = None) -> None:
        self._empty.setVisible(not self._chosen())
        self.button.setEnabled(bool(self._chosen()) and not self.runner.running)

        self.review.check_button.setEnabled(self.button.isEnabled())

    def _show_fields(self) -> None:
        """Show the settings that the method has."""
        method, by = self.form.field("method").value(), self.form.field("link_by").value()
        for name, methods in _ONLY_FOR.items():
            self.form.show_field(name, method in methods)
        self.form.show_field("link_distance_um", method == "linking" and by == "distance")
        self.form.show_field("link_overlap", method == "linking" and by == "overlap")

    def fuse(self) -> None:
        """Fuse the chosen views."""
        self.next_button.hide()
        try:
            layers = self._chosen()
            spacing = self._spacing(layers)
            parameters = self.form.value()
            inputs = {view: self._input(view, layer) for view, layer in layers.items()}
        except InputError as error:
            self.runner.fail(str(error))
            return
        like = next(iter(layers.values()))
        known = self._link.prediction_of(like)
        tomogram = None if known is None else known[0].tomogram
        name = f"{like.name if tomogram is None else tomogram.name} particles"

        def on_result(fusion: Any) -> str:
            if like not in self._viewer.layers:
                return "The views were closed meanwhile; the result was dropped."
            how = {"fuse": to_dict(fusion.parameters), "views": list(fusion.views)}
            particles = ParticleSet(fusion.labels, name, spacing, tomogram, provenance=how)
            self._link.show(particles, like)
            self._link.session.set_agreement(particles, fusion.agreement)
            self.next_button.show()
            return f"Made {int(fusion.labels.max(initial=0))} particles of {len(fusion.views)} views."

        job = Job("Fuse views", iter_fuse_layers, inputs, parameters, spacing)
        job.prepare = prepare_labels
        self.runner.start(job, on_result)

    def check(self) -> None:
        """Compare the current particles, whatever made them, with the chosen views."""
        particles = self._link.session.current
        if particles is None:
            return
        try:
            layers = self._chosen()
            spacing = self._spacing(layers)
            inputs = {view: self._input(view, layer) for view, layer in layers.items()}
        except InputError as error:
            self.runner.fail(str(error))
            return
        revision = particles.revision

        def on_result(found: Any) -> str:
            if particles not in self._link.session.particle_sets:
                return "The particles were closed meanwhile; the result was dropped."
            if particles.revision != revision:
                raise InputError("The labels were changed while they were compared; compare again.")
            self._link.session.set_agreement(particles, found)
            return f"Compared {len(found)} particles with {len(inputs)} views."

        self.runner.start(Job("Compare with views", iter_compare_layers, particles.labels, inputs, spacing), on_result)

    def _spacing(self, layers: dict[str, Any]) -> tuple[float, float, float]:
        if not layers:
            raise InputError("No view is chosen; choose the Labels layer of at least one view.")
        for layer in layers.values():
            spacing = spacing_of(layer)
            if spacing is None:
                raise InputError(
                    f"The voxel size of {layer.name} is not known; set its scale and unit in the layer's properties."
                )
        return spacing

    def _input(self, view: str, layer: Any) -> Any:
        """Give the prediction that a layer shows, or its labels when it is another tool's or was exchanged."""
        known = self._link.prediction_of(layer)
        if known is None:
            return volume(layer)
        predictions, own_view = known
        if own_view != view:
            raise InputError(f"The layer {layer.name} was found in {own_view} slices; choose it there, not for {view}.")
        prediction = predictions.views[own_view]
        return prediction if same_array(volume(layer), prediction.labels) else volume(layer)


def _is_volume(layer: Any) -> bool:
    return is_labels(layer) and layer.ndim == 3
