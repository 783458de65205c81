"""From labels and image to the feature table: a pass over the volume, a crop per particle, the neighbourhoods."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps, drain
from napari_cathode.tomogram import Spacing, check_spacing

from .features import columns
from .neighbours import add_neighbour_features
from .packing import CoarseCounts
from .parameters import MeasureParameters
from .particle import OUTSIDE, Context, Crop, Measured, measure_particle, padding
from .threshold import GreyLevels, iter_image_greys
from .volume_pass import Inventory, iter_inventory, read_labels

Bools = npt.NDArray[np.bool_]

WAITING = 16
"""Crops handed to an executor at a time; more would only fill memory."""

_WIDE = 100
"""Voxels; no length of the measurement is wider in a small image, either."""


def iter_measure(
    labels: Any,
    image: Any | None,
    spacing_um: Spacing | None,
    parameters: MeasureParameters | None = None,
    field_of_view: Bools | None = None,
    *,
    executor: Executor | None = None,
) -> Steps[pd.DataFrame]:
    """Measure every particle of a label image.

    Parameters
    ----------
    labels : array-like of integers, shape (z, y, x)
        0 is background; numbers may have gaps. A slice has z = 1. In memory, memory-mapped or anything lazy that
        slices like an array. Labels may cover whole particles or only their solid.
    image : array-like, shape (z, y, x), optional
        Grey values on the same grid. Without it grey-based columns are NaN.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    parameters : MeasureParameters, optional
    field_of_view : ndarray of bool, optional
        Where the image shows something, broadcastable to the labels; None for everywhere.
    executor : concurrent.futures.Executor, optional
        Measures particles in parallel; threads do well, as the compiled loops hold no lock.

    Yields
    ------
    Progress
        After each slab and each particle.

    Returns
    -------
    DataFrame
        One row per label, ascending; the columns of `features.columns`. ``attrs["notes"]`` lists what a person should
        know about the parameters on these data.

    Raises
    ------
    InputError
        When labels, image and field of view do not fit each other, labels are no integers, or the spacing is missing.
    """
    parameters = parameters or MeasureParameters()
    spacing = _check(labels, image, spacing_um, field_of_view)
    shape = (int(labels.shape[0]), int(labels.shape[1]), int(labels.shape[2]))
    check_scale(shape, spacing, parameters)
    inventory = yield from iter_inventory(labels, field_of_view)
    grey = GreyLevels()
    if image is not None:
        grey = yield from iter_image_greys(labels, image, field_of_view)
    counts = CoarseCounts(shape, spacing, parameters.cube_edge_um, field_of_view)
    context = Context(spacing, parameters, grey, counts.cell)
    crops = _crops(labels, image, field_of_view, inventory, context, largest_first=executor is not None)
    rows = []
    total = len(inventory.ids)
    for measured in _measured(crops, context, executor):
        rows.append(measured.values)
        counts.add(measured.first_cell, measured.solid)
        yield Progress(len(rows), total, "Measuring particles")
    dimensions = 2 if shape[0] == 1 else 3
    yield Progress(total, total, "Comparing neighbours")
    table = _table(rows, dimensions)
    centres = table[["z_um", "y_um", "x_um"]].to_numpy(np.float64)
    table["pdensity"], table["pdensity_coverage"] = counts.density(centres)
    if _no_solid(image, parameters, grey):
        table["pdensity"] = np.nan
    add_neighbour_features(table, dimensions)
    table = table[columns(dimensions)]
    table.attrs["notes"] = [*_dim_particles(table), *_notes(table, parameters, spacing)]
    return table


def measure(
    labels: Any,
    image: Any | None,
    spacing_um: Spacing | None,
    parameters: MeasureParameters | None = None,
    field_of_view: Bools | None = None,
    *,
    executor: Executor | None = None,
) -> pd.DataFrame:
    """Measure every particle of a label image; see `iter_measure`."""
    return drain(iter_measure(labels, image, spacing_um, parameters, field_of_view, executor=executor))


def _check(labels: Any, image: Any | None, spacing_um: Spacing | None, field_of_view: Bools | None) -> Spacing:
    """Check that the inputs fit each other; give the spacing."""
    if spacing_um is None:
        raise InputError("The voxel size of the labels is not known; give it in µm along z, y and x.")
    spacing = check_spacing(spacing_um, "the labels")
    if getattr(labels, "ndim", 0) != 3 or 0 in labels.shape:
        raise InputError(f"The labels have shape {tuple(np.shape(labels))}; they need three dimensions (z, y, x).")
    if np.dtype(labels.dtype).kind not in "iub":
        raise InputError(
            f"The labels are {labels.dtype} numbers; they must be whole numbers (0 for background), "
            "so convert them to int32 or choose the label layer instead of the image."
        )
    if image is not None and tuple(image.shape) != tuple(labels.shape):
        raise InputError(
            f"The image has shape {tuple(image.shape)} and the labels {tuple(labels.shape)}; both must lie on one grid."
        )
    if image is not None and np.dtype(image.dtype).kind not in "iufb":
        raise InputError(f"The image has values of type {image.dtype}; it needs one grey value per voxel.")
    if field_of_view is not None:
        sizes = zip(np.shape(field_of_view), labels.shape, strict=False)
        if np.ndim(field_of_view) != 3 or any(size not in (1, full) for size, full in sizes):
            raise InputError(
                f"The field of view has shape {np.shape(field_of_view)}, which does not fit labels of {labels.shape}."
            )
    return spacing


def check_scale(shape: tuple[int, ...], spacing_um: Spacing, parameters: MeasureParameters) -> None:
    """Check that a voxel size is not in metres or millimetres by mistake.

    Parameters
    ----------
    shape : tuple of int
        Size of the image (z, y, x).
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    parameters : MeasureParameters

    Raises
    ------
    InputError
        When the closing radius, the gap tolerance or the smoothing is many voxels wide and wider than the image.
    """
    edge = min(spacing_um[1:] if shape[0] == 1 else spacing_um)
    for name, length in (
        ("closing radius", parameters.closing_radius_um),
        ("gap tolerance", parameters.gap_tolerance_um),
        ("smoothing", parameters.smoothing_um),
    ):
        if length / edge > max(_WIDE, *shape):
            raise InputError(
                f"The {name} of {length:g} µm is {length / edge:.0f} voxels, more than the image is wide; check that "
                f"the voxel size of {edge:g} µm is really in µm."
            )


def _crops(
    labels: Any,
    image: Any | None,
    field_of_view: Bools | None,
    inventory: Inventory,
    context: Context,
    *,
    largest_first: bool,
) -> Iterator[Crop]:
    """Cut out the particles one by one: from top to bottom, or the largest first to keep a pool busy to its end."""
    pad = np.array(padding(context.spacing_um, context.parameters))
    if labels.shape[0] == 1:
        pad[0] = 0
    order = np.argsort(-inventory.voxels if largest_first else inventory.low[:, 0], kind="stable")
    for place in order:
        low, high = inventory.low[place] - pad, inventory.high[place] + pad + 1
        yield Crop(
            int(inventory.ids[place]),
            bool(inventory.touches_border[place]),
            (int(low[0]), int(low[1]), int(low[2])),
            *_cut_out(labels, image, field_of_view, low, high),
        )


def _cut_out(
    labels: Any, image: Any | None, field_of_view: Bools | None, low: npt.NDArray[np.int64], high: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32] | None]:
    """Read a box of labels and image; beyond the volume and its field of view the label is OUTSIDE."""
    ends = np.minimum(high, labels.shape)
    starts = np.maximum(low, 0)
    box = tuple(slice(int(start), int(end)) for start, end in zip(starts, ends, strict=True))
    around = [
        (int(start - first), int(last - end)) for first, start, end, last in zip(low, starts, ends, high, strict=True)
    ]
    part = read_labels(labels, (box[0], box[1], box[2]))
    if field_of_view is not None:
        seen = np.broadcast_to(field_of_view, labels.shape)[box]
        part = np.where(seen, part, np.int32(OUTSIDE))
    inside = not any(before or after for before, after in around)
    if not inside:
        part = np.pad(part, around, constant_values=OUTSIDE)
    if image is None:
        return np.ascontiguousarray(part), None
    grey = np.ascontiguousarray(image[box], np.float32)
    return np.ascontiguousarray(part), grey if inside else np.pad(grey, around, mode="edge")


def _measured(crops: Iterator[Crop], context: Context, executor: Executor | None) -> Iterator[Measured]:
    """Measure crops here or in an executor, a few at a time."""
    if executor is None:
        for crop in crops:
            yield measure_particle(crop, context)
        return
    running: set[Future[Measured]] = set()
    try:
        for crop in crops:
            running.add(executor.submit(measure_particle, crop, context))
            if len(running) >= WAITING:
                done, running = wait(running, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in done)
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in done)
    finally:
        for future in running:
            future.cancel()


def _table(rows: list[dict[str, float]], dimensions: int) -> pd.DataFrame:
    """Make the table, by label; what a particle has no value for is NaN."""
    names = columns(dimensions)
    if "z_um" not in names:
        names = [*names, "z_um", "axis_z"]
    table = pd.DataFrame(rows, columns=names)
    kinds: dict[str, Any] = dict.fromkeys(names, np.float64)
    kinds |= {"label": np.int64, "voxel_count": np.int64, "touches_border": np.bool_}
    return table.astype(kinds).sort_values("label", ignore_index=True)


def _no_solid(image: Any | None, parameters: MeasureParameters, grey: GreyLevels) -> bool:
    """Whether solid was asked from an image that does not show any."""
    return image is not None and parameters.threshold == "global" and bool(np.isnan(grey.threshold))


def _dim_particles(table: pd.DataFrame) -> list[str]:
    """Say how many particles have no solid because they are not brighter than what surrounds them."""
    solid = table["solid_volume_um3" if "solid_volume_um3" in table else "solid_area_um2"]
    dim = int(solid.isna().sum())
    if not dim:
        return []
    note = (
        f"{dim} of {len(table)} particles {'does' if dim == 1 else 'do'} not stand out from the background: "
        "no damage is known of them, and they add nothing to the solid fraction."
    )
    if dim > len(table) / 5:
        note += " If particles are darker than what surrounds them, invert the image first."
    return [note]


def _notes(table: pd.DataFrame, parameters: MeasureParameters, spacing: Spacing) -> list[str]:
    """Say where a parameter does not suit the data."""
    notes = []
    diameters = table["equivalent_diameter_um"].dropna()
    radius = float(diameters.median()) / 2 if len(diameters) else float("nan")
    if parameters.closing_radius_um > radius / 4:
        notes.append(
            f"The closing radius of {parameters.closing_radius_um:g} µm is more than a quarter of the median particle "
            f"radius ({radius:.2g} µm): hollows between lumps may be taken for cracks."
        )
    if 0 < parameters.closing_radius_um < max(spacing[1:]):
        notes.append(
            f"The closing radius of {parameters.closing_radius_um:g} µm is smaller than a voxel and does nothing: "
            "cracks that reach the surface count only where the labels cover them."
        )
    if 0 < parameters.gap_tolerance_um < min(spacing[1:]):
        notes.append(
            f"The gap tolerance of {parameters.gap_tolerance_um:g} µm is smaller than a voxel: only particles whose "
            "labels adjoin are in contact."
        )
    return notes
