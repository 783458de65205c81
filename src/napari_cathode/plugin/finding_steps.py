"""Finding particles as the Identify panel asks for it: a look beforehand, a slice, a region, other thresholds.

As `steps`, this module knows neither napari nor Qt, so that the process starts quickly.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from napari_cathode.progress import Progress, Steps
from napari_cathode.tomogram import Region, Tomogram

from .steps import complete

if TYPE_CHECKING:
    from napari_cathode.identify.candidates import Candidates, StoredCandidates


@dataclass(frozen=True, eq=False)
class Found:
    """What was found, and what it takes to draw it again with other thresholds.

    Attributes
    ----------
    views : dict of str to ViewPrediction
        By view; empty where a 3D network looked at all of it at once.
    volume : VolumePrediction or None
        What that network found.
    slice : Candidates or None
        Those of the only slice, where there is one.
    stored : StoredCandidates or None
        Those of all slices.
    field_of_view : ndarray of bool or None
        That of what a 3D network looked at, as `Tomogram` has it.
    """

    views: dict[str, Any]
    volume: Any = None
    slice: Candidates | None = None
    stored: StoredCandidates | None = None
    field_of_view: npt.NDArray[Any] | None = None

    @property
    def adjustable(self) -> bool:
        """Whether it can be drawn again with other thresholds."""
        return not (self.slice is None and self.stored is None and self.volume is None)


def iter_survey_layer(tomogram: Tomogram, parameters: Any) -> Steps[Any]:
    """Look at an image layer before particles are looked for; see `identify.survey.iter_survey`."""
    yield Progress(0, 0, "Loading the network's library")
    from napari_cathode.identify.survey import iter_survey

    return (yield from iter_survey(complete(tomogram), parameters))


def iter_find_layer(
    tomogram: Tomogram, parameters: Any, views: tuple[str, ...], region: Region, fused: bool, folder: Path | None
) -> Steps[Found]:
    """Find the particles in a region of an image layer.

    Parameters
    ----------
    tomogram : Tomogram
        The whole: grey range and diameter are learnt from it.
    parameters : IdentifyParameters
        How.
    views : tuple of str
        In which slices.
    region : tuple
        Where.
    fused : bool
        Whether the threshold that is left open is the one for several views, although one is looked at.
    folder : Path or None
        Where the candidates of many slices go; those of one slice are part of the result.
    """
    yield Progress(0, 0, "Loading the network's library")
    from napari_cathode.identify import VIEW_AXIS, iter_identify
    from napari_cathode.identify.candidates import CandidateWriter
    from napari_cathode.identify.models import find_model

    part = complete(tomogram).part(region)
    if parameters.method == "stardist3d":
        from napari_cathode.identify import iter_identify_volume

        found_3d = yield from iter_identify_volume(part, parameters)
        return Found({}, volume=found_3d, field_of_view=part.field_of_view)
    if fused and parameters.method == "stardist2d" and parameters.prob_threshold is None:
        parameters = replace(
            parameters, prob_threshold=find_model(parameters.model_of(views[0])).fused_probability_threshold
        )
    if len(views) == 1 and part.shape[VIEW_AXIS[views[0]]] == 1:
        kept: list[Any] = []
        found = yield from iter_identify(part, parameters, views, lambda _view, _index, one: kept.append(one))
        return Found(found, slice=kept[0] if kept else None)
    writer = None if folder is None else CandidateWriter(folder)
    found = yield from iter_identify(part, parameters, views, None if writer is None else writer.add)
    stored = None if writer is None else writer.close(part.shape, part.field_of_view)
    return Found(found, stored=stored)


def iter_adjust_slice(
    candidates: Candidates, overlap: float | None, probability: float
) -> Steps[tuple[Candidates, npt.NDArray[Any]]]:
    """Draw a slice with other thresholds.

    Parameters
    ----------
    candidates : Candidates
        Of the slice; the survivors of an earlier call when ``overlap`` is None.
    overlap : float or None
        Overlap threshold; None when the candidates are survivors already.
    probability : float
        Probability threshold.

    Returns
    -------
    survivors : Candidates
        Whatever their probability.
    labels : ndarray of int32, shape (y, x)
    """
    yield Progress(0, 1, "Drawing")
    survivors = candidates if overlap is None else candidates.suppressed(overlap)
    return survivors, survivors.above(probability).draw()


def iter_redraw_views(stored: StoredCandidates, probability: float, overlap: float) -> Steps[dict[str, Any]]:
    """Draw all slices of a run with other thresholds; see `identify.candidates.iter_redraw`."""
    yield Progress(0, 0, "Loading")
    from napari_cathode.identify.candidates import iter_redraw

    return (yield from iter_redraw(stored, probability, overlap))


def iter_redraw_volume(
    candidates: Any, parameters: Any, tomogram: Tomogram, scale: tuple[float, float, float]
) -> Steps[tuple[npt.NDArray[Any], int]]:
    """Draw what a 3D network found with other thresholds; see `identify.predict_3d.iter_select`.

    Returns
    -------
    labels : ndarray of int32, shape (z, y, x)
    count : int
        How many particles they are.
    """
    yield Progress(0, 0, "Loading")
    from napari_cathode.identify.predict_3d import iter_select

    selected, labels = yield from iter_select(candidates, parameters, tomogram, scale)
    return labels, len(selected.probability)
