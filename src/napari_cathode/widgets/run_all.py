"""All steps at once, and their results on the screen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from napari_cathode.pipeline import PipelineParameters
from napari_cathode.plugin.layers import prepare_labels
from napari_cathode.plugin.link import Link
from napari_cathode.plugin.steps import Outcome, iter_run_layer
from napari_cathode.session import Colouring, ParticleSet, Predictions
from napari_cathode.tomogram import Tomogram

from .job import Job
from .plots import prepare_plots
from .runner import Showing


def all_steps(tomogram: Tomogram, identify: Any, views: tuple[str, ...]) -> Job:
    """Make the job that finds, fuses, measures and explains the particles of a tomogram.

    Parameters
    ----------
    tomogram : Tomogram
        With a voxel size.
    identify : IdentifyParameters
        How particles are found; the other steps use their defaults.
    views : tuple of str
        Where they are looked for.
    """
    parameters = replace(PipelineParameters(), identify=identify, views=views)
    job = Job("Run all steps", iter_run_layer, tomogram, parameters)
    job.prepare = _prepare
    return job


def _prepare() -> None:
    prepare_labels()
    prepare_plots()


def iter_show(
    link: Link, layer: Any, tomogram: Tomogram, outcome: Outcome, first: tuple[int, ...] = (0, 0, 0)
) -> Showing:
    """Add the results of a run to the viewer, linked, particles coloured by damage; says what came out."""
    if layer not in link.layers:
        return "The image was closed meanwhile; the result was dropped."
    if outcome.views:
        predictions = Predictions(tomogram.name, dict(outcome.views), tomogram)
        yield from link.iter_show_predictions(predictions, layer, first)
    particles = ParticleSet(
        outcome.labels, f"{tomogram.name} particles", tomogram.spacing_um, tomogram, provenance=outcome.used
    )
    link.show(particles, layer, first)
    yield
    link.session.set_agreement(particles, outcome.agreement)
    link.set_table(particles, outcome.table, outcome.summary, tomogram)
    yield
    link.session.set_explanation(particles, outcome.explanation)
    if len(outcome.table) and outcome.table["damage"].notna().any():
        link.session.set_colouring(particles, Colouring("damage"))
    found = f"Found {len(outcome.table)} particles."
    return f"{found} {outcome.not_explained}".strip()
