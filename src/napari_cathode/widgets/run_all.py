"""All steps at once, and their results on the screen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from napari_cathode.pipeline import PipelineParameters
from napari_cathode.plugin.link import Link
from napari_cathode.plugin.steps import Outcome, iter_run_layer
from napari_cathode.session import Colouring, ParticleSet, Predictions
from napari_cathode.tomogram import Tomogram

from .plots import MODULES
from .runner import Job, Runner


def run_all(link: Link, runner: Runner, layer: Any, tomogram: Tomogram, identify: Any, views: tuple[str, ...]) -> None:
    """Find, fuse, measure and explain the particles of an image layer.

    Parameters
    ----------
    link : Link
        Of the viewer.
    runner : Runner
        Runs it.
    layer : Image
        The image layer that shows the tomogram.
    tomogram : Tomogram
        With a voxel size.
    identify : IdentifyParameters
        How particles are found.
    views : tuple of str
        Where they are looked for.
    """
    parameters = replace(PipelineParameters(), identify=identify, views=views)
    job = Job("Run all steps", iter_run_layer, tomogram, parameters)
    job.needs = MODULES
    runner.start(job, lambda outcome: show_outcome(link, layer, tomogram, outcome))


def show_outcome(link: Link, layer: Any, tomogram: Tomogram, outcome: Outcome) -> str:
    """Add the results of a run to the viewer, linked, particles coloured by damage; says what came out."""
    if layer not in link.layers:
        return "The image was closed meanwhile; the result was dropped."
    if outcome.views:
        link.show_predictions(Predictions(tomogram.name, dict(outcome.views), tomogram), layer)
    particles = ParticleSet(
        outcome.labels, f"{tomogram.name} particles", tomogram.spacing_um, tomogram, provenance=outcome.used
    )
    link.show(particles, layer)
    link.set_table(particles, outcome.table, outcome.summary)
    link.session.set_explanation(particles, outcome.explanation)
    if len(outcome.table) and outcome.table["damage"].notna().any():
        link.session.set_colouring(particles, Colouring("damage"))
    found = f"Found {len(outcome.table)} particles."
    return f"{found} {outcome.not_explained}".strip()
