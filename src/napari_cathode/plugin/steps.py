"""The steps as the screen calls them, in a process of their own: with what layers lack, and without what is too large.

This module knows neither napari nor Qt, so that the process starts quickly.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd

from napari_cathode.cores import usable_cores
from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps, within
from napari_cathode.tomogram import Region, Spacing, Tomogram


def complete(tomogram: Tomogram) -> Tomogram:
    """Find the field of view where nobody has looked for it yet."""
    from napari_cathode.io import find_field_of_view

    if tomogram.field_of_view is not None:
        return tomogram
    if tomogram.whole is not None and tomogram.region is not None:
        return complete(tomogram.whole).part(tomogram.region)
    return replace(tomogram, field_of_view=find_field_of_view(tomogram.data))


@dataclass(frozen=True, eq=False)
class ViewsToFuse:
    """What is to be fused, and the name under which the process that fuses keeps it.

    Attributes
    ----------
    key : str
        Another one for other views.
    inputs : mapping or None
        For each view a `ViewPrediction`, or labels of any tool as an array (z, y, x); None for those kept under the
        name, which need not be handed over again.
    region : tuple of three (int, int), optional
        The part (z, y, x) in voxels that is fused.
    """

    key: str
    inputs: Mapping[str, Any] | None
    region: Region | None = None


@dataclass(frozen=True, eq=False)
class Fused:
    """What fusing gives the screen: of a `fuse.Fusion` what it shows, and whether the views are kept."""

    labels: Any
    views: tuple[str, ...]
    parameters: Any
    agreement: pd.DataFrame
    kept: bool


_KEPT_FUSE_VOXELS = 1 << 26
_fusers: dict[str, Any] = {}
"""Of the last views that this process fused."""


def iter_fuse_layers(views: ViewsToFuse, parameters: Any, spacing_um: Spacing) -> Steps[Fused]:
    """Fuse views; see `fuse.iter_fuse`. In a process that stays, fusing them again is quick."""
    yield Progress(0, 1000, "Reading the views")
    from napari_cathode.fuse import Fuser

    if views.key not in _fusers:
        if views.inputs is None:
            raise InputError("What was kept of these views is gone; press Fuse views again.")
        _fusers.clear()
        known = yield from within(_iter_views(_cut(views.inputs, views.region), spacing_um), 0, 4)
        if any(given.labels.size > _KEPT_FUSE_VOXELS for given in known.values()):
            return (yield from within(_iter_fuse_once(known, parameters, spacing_um), 1, 4))
        # The files in which they were handed over go with this call.
        fuser = Fuser({view: _in_memory(given) for view, given in known.items()}, spacing_um)
    else:
        fuser = _fusers[views.key]
    fusion = yield from within(fuser.iter_fuse(parameters), 1, 4)
    _fusers[views.key] = fuser
    return Fused(fusion.labels, fusion.views, fusion.parameters, fusion.agreement, True)


def _iter_fuse_once(views: Mapping[str, Any], parameters: Any, spacing_um: Spacing) -> Steps[Fused]:
    """Fuse views that are too large to be kept."""
    from napari_cathode.fuse.blocks import iter_fuse_sized

    with TemporaryDirectory(prefix="napari-cathode-") as scratch:
        fusion = yield from iter_fuse_sized(views, parameters, spacing_um, scratch)
        return Fused(np.array(fusion.labels), fusion.views, fusion.parameters, fusion.agreement, False)


def _in_memory(view: Any) -> Any:
    distance = None if view.distance is None else np.array(view.distance)
    return replace(view, labels=np.array(view.labels), probability=np.array(view.probability), distance=distance)


def _cut(inputs: Mapping[str, Any], region: Region | None) -> dict[str, Any]:
    """Take a part of the views."""
    if region is None:
        return dict(inputs)
    where = tuple(slice(*side) for side in region)
    parts: dict[str, Any] = {}
    for view, given in inputs.items():
        if hasattr(given, "probability"):
            distance = None if given.distance is None else given.distance[where]
            parts[view] = replace(
                given, labels=given.labels[where], probability=given.probability[where], distance=distance
            )
        else:
            parts[view] = given[where]
    return parts


def iter_compare_layers(labels: Any, inputs: Mapping[str, Any], spacing_um: Spacing) -> Steps[pd.DataFrame]:
    """Compare particles of any origin with the views; see `fuse.iter_agreement`.

    Without views there is a column ``label`` only, the smallest particle first.
    """
    from napari_cathode.fuse import iter_agreement
    from napari_cathode.fuse.tidy import voxel_counts

    if not inputs:
        yield Progress(0, 1, "Listing particles")
        sizes = voxel_counts(labels)
        order = np.argsort(sizes[1:], kind="stable") + 1
        return pd.DataFrame({"label": order[sizes[order] > 0]})
    views = yield from _iter_views(inputs, spacing_um)
    return (yield from iter_agreement(labels, views))


def _iter_views(inputs: Mapping[str, Any], spacing_um: Spacing) -> Steps[dict[str, Any]]:
    from napari_cathode.fuse import iter_prediction_from_labels

    views = {}
    for view, given in inputs.items():
        if hasattr(given, "probability"):
            views[view] = given
        else:
            views[view] = yield from iter_prediction_from_labels(view, np.asarray(given), spacing_um)
    return views


def iter_measure_layers(
    labels: Any, tomogram: Tomogram | None, spacing_um: Spacing, parameters: Any
) -> Steps[tuple[pd.DataFrame, Any]]:
    """Measure the particles of a Labels layer; gives the table and its summary."""
    from napari_cathode.measure import iter_measure, summarise

    image = None if tomogram is None else complete(tomogram)
    data = None if image is None else image.data
    seen = None if image is None else image.field_of_view
    with ThreadPoolExecutor(usable_cores()) as executor:
        table = yield from iter_measure(labels, data, spacing_um, parameters, seen, executor=executor)
    return table, summarise(table, labels, spacing_um, seen)


def iter_measure_edit(
    labels: Any, image: Any | None, state: Any, changed: Sequence[Region]
) -> Steps[tuple[pd.DataFrame, Any]]:
    """Measure again what depends on an edit of a Labels layer; gives the table and its summary.

    Parameters
    ----------
    labels, image : ndarray or Excerpt
        As they are now. Excerpts are quicker to hand over: ``state.excerpt(array, state.region(labels, changed))``.
    state : MeasureState
        ``table.attrs["state"]`` of the table before the edit.
    changed : sequence of regions
        First voxel and the one behind the last along (z, y, x), outside which no label has changed.
    """
    from napari_cathode.measure import iter_measure, summarise

    with ThreadPoolExecutor(usable_cores()) as executor:
        table = yield from iter_measure(
            labels, image, state.spacing_um, executor=executor, previous=state, changed=changed
        )
    return table, summarise(table, labels, state.spacing_um, state.field_of_view)


def iter_load_table(path: str, labels: Any, layer: str) -> Steps[Any]:
    """Read a table and match it with the labels of a layer; gives `measure.matching.Matched`."""
    from pathlib import Path

    from napari_cathode.io import read_table
    from napari_cathode.measure.matching import iter_find_labels, match_labels

    yield Progress(0, 0, f"Reading {Path(path).name}")
    table = read_table(path)
    ids = yield from iter_find_labels(labels)
    return match_labels(table, ids, Path(path).name, layer)


def iter_explain_table(table: pd.DataFrame, parameters: Any) -> Steps[Any]:
    """Explain a feature table; see `explain.iter_explain`."""
    yield Progress(0, 0, "Loading the regression")
    from napari_cathode.explain import iter_explain

    return (yield from iter_explain(table, parameters))


def iter_check_stability(explanation: Any) -> Steps[Any]:
    """Repeat an explanation with other seeds and subsets; see `explain.iter_stability`."""
    from napari_cathode.explain import iter_stability

    return (yield from iter_stability(explanation))


def iter_find_interactions(explanation: Any) -> Steps[Any]:
    """Divide attributions among pairs of features; see `explain.iter_interactions`."""
    from napari_cathode.explain import iter_interactions

    return (yield from iter_interactions(explanation))


def iter_compare_tables(
    first: pd.DataFrame, second: pd.DataFrame, parameters: Any, names: tuple[str, str]
) -> Steps[Any]:
    """Explain two states and compare them; see `explain.iter_compare`."""
    yield Progress(0, 0, "Loading the regression")
    from napari_cathode.explain import iter_compare

    return (yield from iter_compare(first, second, parameters, names))
