"""The folder of a run as a project: what the run writes is named by the manifest, nothing is written twice."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_cathode.session import Colouring, Measurement, ParticleSet, Predictions
from napari_cathode.tomogram import Tomogram

from .saving import Project
from .state import ProjectState

BY_RUN = "run"
"""What the manifest of such a folder says of who saved it; a later save of anybody else says something else."""


class RunProject:
    """Keeps the manifest of a run's folder, step by step.

    Parameters
    ----------
    folder : path
        The run's folder, made ready by `results.prepare_folder`.
    tomogram : Tomogram
        What is analysed.
    files : mapping of str to str
        The names of the run's files: "labels", "table", "shap", "importance".
    """

    def __init__(self, folder: str | os.PathLike[str], tomogram: Tomogram, files: dict[str, str]) -> None:
        self._project = Project.new(folder)
        self._project.one_generation = True
        self._folder = Path(folder)
        self._tomogram = tomogram
        self._files = files
        self._predictions: tuple[Predictions, ...] = ()

    def keep_views(self, views: Mapping[str, Any]) -> None:
        """Let all saves from now on hold what the views saw, so that it can be fused again."""
        if views:
            self._predictions = (Predictions(self._tomogram.name, dict(views), self._tomogram),)

    def save(self, parameters: dict[str, Any], labels: Any, used: dict[str, Any], **found: Any) -> None:
        """Save what has been found so far, whose files are written.

        Parameters
        ----------
        parameters : dict
            Of all steps.
        labels : ndarray of int32, shape (z, y, x)
            The particles.
        used : dict
            How they were made.
        **found
            ``table``, ``summary``, ``agreement`` and ``explanation`` as a `ParticleSet` has them.
        """
        tomogram = self._tomogram
        particles = ParticleSet(
            labels, f"{tomogram.name} particles", tomogram.spacing_um, tomogram, provenance=used, **found
        )
        table = particles.table
        if table is not None and "state" in table.attrs:
            particles.measurement = Measurement(table.attrs["state"], tomogram)
        if table is not None and "damage" in table and table["damage"].notna().any():
            particles.colouring = Colouring("damage")
        given = {kind: name for kind, name in self._files.items() if (self._folder / name).exists()}
        state = ProjectState((particles,), particles, predictions=self._predictions, parameters=parameters)
        self._project.save(state, BY_RUN, given)
