"""The steps chained, from a tomogram to files: what the command line runs and one parameter file drives."""

from __future__ import annotations

import os
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from . import results
from .errors import InputError
from .explain import ExplainParameters, Explanation, iter_explain
from .fuse import FuseParameters, with_agreement
from .fuse.blocks import iter_fuse_sized
from .identify import (
    VIEW_AXIS,
    IdentifyParameters,
    ViewPrediction,
    estimate_diameter,
    iter_identify,
    iter_identify_volume,
    whole_views,
)
from .identify.models import open_model
from .identify.predict import check_diameter
from .identify.predict_3d import check_volume
from .measure import MeasureParameters, Summary, check_scale, iter_measure, summarise
from .parameters import check, from_dict, parameter, to_dict
from .plain_files import read_parameter_values, write_yaml
from .progress import Progress, Steps, drain, stretch
from .project.of_run import RunProject
from .tomogram import Tomogram


@dataclass(frozen=True)
class PipelineParameters:
    """The parameters of all steps.

    Attributes
    ----------
    views : tuple of str
        In which slices of a volume particles are found; a single slice has only "xy".
    identify, fuse, measure, explain : dataclass
        The parameters of each step.
    """

    views: tuple[str, ...] = parameter(
        tuple(VIEW_AXIS), help="Slices in which particles are found: any of xy, xz and yz; fewer are faster"
    )
    identify: IdentifyParameters = field(default_factory=IdentifyParameters)
    fuse: FuseParameters = field(default_factory=FuseParameters)
    measure: MeasureParameters = field(default_factory=MeasureParameters)
    explain: ExplainParameters = field(default_factory=ExplainParameters)

    def __post_init__(self) -> None:
        check(self)
        names = [str(name) for name in self.views]  # a file may hold anything, lists too
        if not names or not set(names) <= set(VIEW_AXIS) or len(set(names)) < len(names):
            raise InputError(
                f"The parameter views is {', '.join(names) or 'empty'}; name each of "
                f"{', '.join(VIEW_AXIS)} at most once, and at least one."
            )


@dataclass(frozen=True, eq=False)
class PipelineResult:
    """Everything that a run found.

    Attributes
    ----------
    tomogram : Tomogram
        What was analysed.
    views : dict of str to ViewPrediction
        What each view saw; empty where a 3D network looked at the whole volume.
    labels : ndarray of int32, shape (z, y, x)
        The particles, 1 … n.
    table : DataFrame
        One row per particle, first column ``label``.
    summary : Summary
        The numbers that people quote.
    explanation : Explanation or None
        What drives the target.
    not_explained : str
        Why there is no explanation; empty when there is one.
    parameters : PipelineParameters
        As used: what was left open is decided.
    used : dict
        The parameters with the input and the versions of the libraries: the content of ``parameters.yaml``.
    agreement : DataFrame or None
        How well the views fit each particle, where views were fused; the table shows it, too.
    """

    tomogram: Tomogram
    views: Mapping[str, ViewPrediction]
    labels: npt.NDArray[np.int32]
    table: pd.DataFrame
    summary: Summary
    explanation: Explanation | None
    not_explained: str
    parameters: PipelineParameters
    used: dict[str, Any]
    agreement: pd.DataFrame | None = None


def iter_settle(tomogram: Tomogram, parameters: PipelineParameters) -> Steps[PipelineParameters]:
    """Check what can be checked before a run, and decide the particle diameter where it is left open.

    Yields
    ------
    Progress
        While the diameter is estimated.

    Returns
    -------
    PipelineParameters
        With a particle diameter.

    Raises
    ------
    InputError
        When the voxel size is not known or does not suit the lengths among the parameters, when the model cannot be
        used, or when the diameter does not suit the image.
    """
    check_scale(tomogram.shape, tomogram.require_spacing(), parameters.measure)
    identify = parameters.identify
    if identify.method == "stardist2d":
        for view in ("xy",) if tomogram.is_slice else parameters.views:
            open_model(identify.model_of(view))
    elif identify.method == "stardist3d":
        check_volume(tomogram)
        open_model(identify.model_3d, 3)
    if identify.diameter_um is None:
        yield Progress(0, 1000, "Estimating the particle diameter")
        identify = replace(identify, diameter_um=float(estimate_diameter(tomogram)))
    check_diameter(tomogram, identify)
    return replace(parameters, identify=identify)


def iter_run(
    tomogram: Tomogram,
    parameters: PipelineParameters | None = None,
    folder: str | os.PathLike[str] | None = None,
    dataset: str | None = None,
    executor: Executor | None = None,
    seen: Mapping[str, ViewPrediction] | None = None,
    keep_views: bool = False,
) -> Steps[PipelineResult]:
    """Find, fuse, measure and explain the particles of a tomogram.

    Parameters
    ----------
    tomogram : Tomogram
        A volume, or a single slice (which is not fused: its particles are those of view xy).
    parameters : PipelineParameters, optional
        How to do each step.
    folder : path, optional
        Where results are written; each file as soon as its step is done, so that a step that fails later takes
        nothing with it. The folder is prepared by `results.prepare_folder`.
    dataset : str, optional
        The data set within the input file, to be noted in ``used``.
    executor : Executor, optional
        Threads that measure particles side by side; the result is the same.
    seen : dict of str to ViewPrediction, optional
        What the views of this tomogram showed before; nothing is looked for then, and it is fused as it is.
    keep_views : bool
        Whether the project in the folder holds what each view saw, so that it can be fused again.

    Yields
    ------
    Progress
        In thousandths of the whole way.

    Returns
    -------
    PipelineResult
        What was found. That there are too few particles to explain, or nothing that could be explained, is no
        failure: ``not_explained`` says why.

    Raises
    ------
    InputError
        When the voxel size is not known or a step cannot use its input.
    """
    spacing_um = tomogram.require_spacing()
    parameters = parameters or PipelineParameters()
    if seen:
        check_scale(tomogram.shape, spacing_um, parameters.measure)
        parameters = replace(parameters, views=tuple(seen), identify=_filled_in(parameters.identify, seen))
        whole, chosen = False, tuple(seen)
    else:
        parameters = yield from iter_settle(tomogram, parameters)
        assert parameters.identify.diameter_um is not None
        whole = parameters.identify.method == "stardist3d"
        chosen = () if whole else whole_views(tomogram, parameters.views, parameters.identify.diameter_um)
    if folder is not None:
        results.write_parameters(folder, describe_run(tomogram, parameters, dataset))

    views: Mapping[str, ViewPrediction] = {}
    found_agreement: pd.DataFrame | None = None
    if whole:
        prediction = yield from stretch(iter_identify_volume(tomogram, parameters.identify), 0, 700)
        labels, parameters = prediction.labels, replace(parameters, identify=prediction.parameters)
        del prediction
    else:
        views = seen or (yield from stretch(iter_identify(tomogram, parameters.identify, chosen), 0, 600))
        parameters = replace(parameters, identify=_filled_in(parameters.identify, views))
        if tomogram.is_slice:
            labels = results.contiguous(views["xy"].labels)
        else:
            with TemporaryDirectory(prefix="napari-cathode-", dir=folder) as scratch:
                steps = iter_fuse_sized(views, parameters.fuse, spacing_um, scratch)
                fusion = yield from stretch(steps, 600, 700)
                labels, found_agreement = np.array(fusion.labels), fusion.agreement
                parameters = replace(parameters, fuse=fusion.parameters)
                del fusion
    used = describe_run(tomogram, parameters, dataset)
    if folder is not None:
        results.write_parameters(folder, used)
        results.write_labels(folder, labels, spacing_um)
        project = results.open_run_project(folder, tomogram)
        if keep_views:
            project.keep_views(views)
        project.save(to_dict(parameters), labels, used, agreement=found_agreement)

    table = yield from stretch(
        iter_measure(labels, tomogram.data, spacing_um, parameters.measure, tomogram.field_of_view, executor=executor),
        700,
        880,
    )
    if found_agreement is not None:
        table = with_agreement(table, found_agreement)
    if not (tomogram.is_slice or whole) and len(chosen) < len(parameters.views):
        note = f"Only {' and '.join(chosen)} slices were used; others are narrower than a particle."
        table.attrs["notes"] = [note, *table.attrs.get("notes", ())]
    found_notes = dict.fromkeys(note for view in views.values() for note in view.notes)
    if found_notes:
        table.attrs["notes"] = [*found_notes, *table.attrs.get("notes", ())]
    summary = summarise(table, labels, spacing_um, tomogram.field_of_view)
    if folder is not None:
        results.write_table(folder, table, used)
        results.write_summary(Path(folder) / results.TABLE, table, summary, used)
        project.save(to_dict(parameters), labels, used, agreement=found_agreement, table=table, summary=summary)

    explanation, not_explained = None, ""
    try:
        explanation = yield from stretch(iter_explain(table, parameters.explain), 880, 970)
    except InputError as error:
        not_explained = str(error)
    result = PipelineResult(
        tomogram=tomogram,
        views=views,
        labels=labels,
        table=table,
        summary=summary,
        explanation=explanation,
        not_explained=not_explained,
        parameters=parameters,
        used=used,
        agreement=found_agreement,
    )
    if folder is not None:
        results.write_explanation(folder, result)
        _save_project(project, result)
        yield from stretch(results.iter_write_report(folder, result), 970, 1000)
    yield Progress(1000, 1000, "Done")
    return result


def _filled_in(given: IdentifyParameters, views: Mapping[str, ViewPrediction]) -> IdentifyParameters:
    """Give the parameters that find the same views again; thresholds stay open where several models have their own."""
    known = {view: one.parameters for view, one in views.items() if one.parameters is not None}
    if not known:
        return given
    used = next(iter(known.values()))
    models = {view: one.model for view, one in known.items()}
    if all(given.model_of(view) == model for view, model in models.items()):
        used = replace(used, model=given.model, model_xz=given.model_xz, model_yz=given.model_yz)
    else:  # the views were found before, by other models than those that are set now
        own = models.get("xy", given.model)
        others = {view: "" if model == own else model for view, model in models.items()}
        used = replace(used, model=own, model_xz=others.get("xz", ""), model_yz=others.get("yz", ""))
    if len({(one.prob_threshold, one.nms_threshold) for one in known.values()}) > 1:
        used = replace(used, prob_threshold=None, nms_threshold=None)
    return used


def run(
    tomogram: Tomogram,
    parameters: PipelineParameters | None = None,
    folder: str | os.PathLike[str] | None = None,
    dataset: str | None = None,
    executor: Executor | None = None,
) -> PipelineResult:
    """Find, fuse, measure and explain the particles of a tomogram: `iter_run` run to its end."""
    return drain(iter_run(tomogram, parameters, folder, dataset, executor))


def write_results(result: PipelineResult, folder: str | os.PathLike[str]) -> None:
    """Write all files of a result into a folder that `results.prepare_folder` made ready."""
    results.write_parameters(folder, result.used)
    results.write_labels(folder, result.labels, result.tomogram.require_spacing())
    results.write_table(folder, result.table, result.used)
    results.write_summary(Path(folder) / results.TABLE, result.table, result.summary, result.used)
    results.write_explanation(folder, result)
    _save_project(results.open_run_project(folder, result.tomogram), result)
    drain(results.iter_write_report(folder, result))


def _save_project(project: RunProject, result: PipelineResult) -> None:
    project.save(
        to_dict(result.parameters),
        result.labels,
        result.used,
        table=result.table,
        summary=result.summary,
        agreement=result.agreement,
        explanation=result.explanation,
    )


def describe_run(tomogram: Tomogram, parameters: PipelineParameters, dataset: str | None = None) -> dict[str, Any]:
    """Give everything that decides about the result of a run as plain values, without date or time."""
    source = tomogram.source
    return {
        "napari_cathode": results.versions()["napari-cathode"],
        "input": {
            # Absolute, so that a rerun from any folder finds it.
            "path": os.path.abspath(source) if source and Path(source).exists() else source,
            "dataset": dataset,
            "spacing_um": None if tomogram.spacing_um is None else list(tomogram.spacing_um),
            "shape": list(tomogram.shape),
            **({} if tomogram.region is None else {"region": [list(side) for side in tomogram.region]}),
            "dtype": str(tomogram.data.dtype),
        },
        **to_dict(parameters),
        "versions": results.versions(),
    }


def load_parameters(path: str | os.PathLike[str]) -> PipelineParameters:
    """Read the parameters of all steps from a YAML file; what it does not name keeps its default.

    Raises
    ------
    InputError
        When the file cannot be read, or holds an unknown name or a value that does not fit.
    """
    return from_dict(PipelineParameters, read_parameter_values(path), str(path))


def save_parameters(path: str | os.PathLike[str], parameters: PipelineParameters) -> None:
    """Write the parameters of all steps to a YAML file that `load_parameters` and the command line read."""
    write_yaml(Path(path), to_dict(parameters))
