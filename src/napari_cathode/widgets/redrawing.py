"""What was found, drawn again with other thresholds, as long as nobody has worked on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from napari_cathode.errors import InputError
from napari_cathode.identify import IdentifyParameters
from napari_cathode.parameters import to_dict
from napari_cathode.plugin.finding_steps import Found, iter_redraw_views, iter_redraw_volume
from napari_cathode.plugin.layers import prepare_labels
from napari_cathode.plugin.link import Link
from napari_cathode.session import ParticleSet, Predictions
from napari_cathode.words import particles_in_words
from napari_cathode.work import REDRAW_PARTICLES

from .adjust import Adjust
from .background import ScratchFolder
from .job import Job
from .runner import Runner

_WORKED_ON = "These particles were edited, reviewed or measured; Find particles makes new ones."


class Redrawing:
    """Lets the sliders of the thresholds draw a slice, or all that the last run found in a volume.

    Parameters
    ----------
    link : Link
        Where particles and views are shown.
    runner : Runner
        Runs what takes long, and says what cannot be done.
    adjust : Adjust
        The sliders.
    """

    def __init__(self, link: Link, runner: Runner, adjust: Adjust) -> None:
        self._link, self._runner, self._adjust = link, runner, adjust
        self._stored: Any = None
        self._volume: tuple[Found, ParticleSet] | None = None
        self._folder: ScratchFolder | None = None
        self._predictions: Predictions | None = None
        self._revisions: dict[str, int] = {}
        self._revision = 0
        adjust.redraw_all.connect(self.redraw_all)

    def forget(self) -> None:
        """Leave what the last run found as it is."""
        self._stored = self._volume = None

    def keep(self, stored: Any, folder: ScratchFolder) -> None:
        """Keep what a run has stored, from which all its slices can be drawn again."""
        self._stored, self._folder, self._volume = stored, folder, None

    def follow_slice(self, found: Found, particles: ParticleSet, used: IdentifyParameters) -> None:
        """Let the sliders draw the particles of a slice."""
        self._revision = particles.revision
        self._adjust.show_found(found, used, lambda drawn: self._redraw_slice(particles, used, drawn))

    def follow_volume(self, found: Found, particles: ParticleSet, used: IdentifyParameters) -> None:
        """Let the sliders draw the particles that a 3D network found."""
        self._revision, self._volume = particles.revision, (found, particles)
        self._adjust.show_found(found, used, lambda _labels: None)

    def follow_views(self, found: Found, predictions: Predictions, used: IdentifyParameters) -> None:
        """Let the sliders draw the views of a volume."""
        self._remember(predictions)
        self._adjust.show_found(found, used, lambda _labels: None)

    def _redraw_slice(self, particles: ParticleSet, used: IdentifyParameters, drawn: Any) -> None:
        if particles not in self._link.session.particle_sets:
            return
        why = self._link.session.why_not(REDRAW_PARTICLES, particles)
        if why or not particles.untouched_since(self._revision):
            self._runner.say(why or _WORKED_ON)
            return
        probability, overlap = self._adjust.probability.value(), self._adjust.overlap.value()
        self._set_labels(particles, used, np.asarray(drawn)[np.newaxis], probability, overlap)

    def _set_labels(
        self, particles: ParticleSet, used: IdentifyParameters, labels: Any, probability: float, overlap: float
    ) -> None:
        how = replace(used, prob_threshold=probability, nms_threshold=overlap)
        particles.provenance["identify"] = to_dict(how)
        self._link.session.set_labels(particles, labels)
        self._revision = particles.revision

    def redraw_all(self, probability: float, overlap: float) -> None:
        """Draw what the last run found in a volume with other thresholds."""
        if self._volume is not None:
            self._redraw_volume(*self._volume, probability, overlap)
            return
        predictions = self._predictions
        if self._stored is None or predictions is None:
            return
        try:
            self._refuse_painted(predictions)
        except InputError as error:
            self._runner.fail(str(error))
            return
        job = Job("Redraw slices", iter_redraw_views, self._stored, probability, overlap)
        job.on(predictions.tomogram, needs=[predictions])
        job.prepare = prepare_labels

        def on_drawn(drawn: dict[str, Any]) -> str:
            self._refuse_painted(predictions)
            self._redraw_views(predictions, drawn, probability, overlap)
            return f"All slices are drawn with probability {probability:g} and overlap {overlap:g}."

        self._runner.start(job, on_drawn)

    def _redraw_volume(self, found: Found, particles: ParticleSet, probability: float, overlap: float) -> None:
        """Draw the particles of a 3D network anew, unless somebody has worked on them."""

        def refuse() -> None:
            if particles not in self._link.session.particle_sets:
                raise InputError("The particles of the last run were removed; Find particles makes new ones.")
            if not particles.untouched_since(self._revision):
                raise InputError(_WORKED_ON)

        try:
            refuse()
        except InputError as error:
            self._runner.fail(str(error))
            return
        seen, used = found.volume, found.volume.parameters
        wanted = replace(used, prob_threshold=probability, nms_threshold=overlap)
        assert particles.tomogram is not None
        tomogram = replace(particles.tomogram, field_of_view=found.field_of_view)
        job = Job("Redraw particles", iter_redraw_volume, seen.candidates, wanted, tomogram, seen.scale)
        job.on(particles)
        job.prepare = prepare_labels

        def on_drawn(drawn: tuple[Any, int]) -> str:
            refuse()
            labels, count = drawn
            self._set_labels(particles, used, labels, probability, overlap)
            return f"{particles_in_words(count)} with probability {probability:g} and overlap {overlap:g}."

        self._runner.start(job, on_drawn)

    def _redraw_views(
        self, predictions: Predictions, drawn: dict[str, Any], probability: float, overlap: float
    ) -> None:
        layers = self._link.views.layers(predictions)
        for view, labels in drawn.items():
            if view not in layers:
                continue  # its layer was removed meanwhile
            known = predictions.views[view]
            parameters = replace(known.parameters, prob_threshold=probability, nms_threshold=overlap)
            predictions.views[view] = replace(known, labels=labels, parameters=parameters)
            layers[view].data = labels
            self._link.session.touch_prediction(predictions, view)
        self._remember(predictions)

    def _refuse_painted(self, predictions: Predictions) -> None:
        painted = [
            view for view in predictions.views if predictions.revisions.get(view, 0) != self._revisions.get(view, 0)
        ]
        if painted:
            raise InputError(f"The {' and '.join(painted)} slices were painted on; Find particles makes new ones.")

    def _remember(self, predictions: Predictions) -> None:
        """Note how the views are now, so that what somebody paints on them is not drawn over."""
        self._predictions, self._revisions = predictions, dict(predictions.revisions)
