"""From labels and image to the feature table: a pass over the volume, a crop per particle, the neighbourhoods."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps, drain
from napari_cathode.tomogram import Region, Spacing, check_spacing

from .contacts import Contacts, contact_table, coordination
from .crops import cut_crops, measure_crops
from .faces import add_depths
from .features import columns
from .neighbours import add_neighbour_features
from .packing import CoarseCounts
from .parameters import MeasureParameters
from .particle import UNKNOWN, Context, Measured, solid_only
from .state import MeasureState, changed_between, find_changes
from .streaming import streamed
from .threshold import GreyLevels, iter_image_greys
from .volume_pass import Inventory, iter_inventory

LITTLE = 1 / 3
"""Share of the cube for packing density that has to lie inside the image, in the median."""

Bools = npt.NDArray[np.bool_]

_WIDE = 100
"""Voxels; no length of the measurement is wider in a small image, either."""
_LONG = 100
"""Times that a voxel may be as long as wide; sections are cut ten times as thick as a pixel is wide, at most."""


def iter_measure(
    labels: Any,
    image: Any | None,
    spacing_um: Spacing | None,
    parameters: MeasureParameters | None = None,
    field_of_view: Bools | None = None,
    *,
    executor: Executor | None = None,
    previous: MeasureState | None = None,
    only: Iterable[int] | None = None,
    changed: Sequence[Region] | None = None,
) -> Steps[pd.DataFrame]:
    """Measure every particle of a label image.

    Parameters
    ----------
    labels : array-like of integers, shape (z, y, x)
        0 is background; numbers may have gaps. A slice has z = 1. In memory, memory-mapped or anything lazy that
        slices like an array (zarr, dask), of which little is in memory at a time. Labels may cover whole particles or
        only their solid.
    image : array-like, shape (z, y, x), optional
        Grey values on the same grid. Without it grey-based columns are NaN.
    spacing_um : tuple of float
        Voxel edges (z, y, x) in µm.
    parameters : MeasureParameters, optional
    field_of_view : ndarray of bool, optional
        Where the image shows something, broadcastable to the labels; None for everywhere.
    executor : concurrent.futures.Executor, optional
        Measures particles in parallel; threads do well, as the compiled loops hold no lock.
    previous : MeasureState, optional
        ``attrs["state"]`` of a table of these labels before they were edited. Only the particles whose crops an edit
        reached are measured again; what particles have by their neighbourhood is found anew for all. The parameters
        and the field of view are those of before where they are not given, the grey levels of the whole image in any
        case. With neither ``only`` nor ``changed``, all particles are measured again, with these grey levels: an edit
        gives the same table, bit for bit.
    only : iterable of int, optional
        The labels that were edited, made or removed.
    changed : sequence of ((int, int), (int, int), (int, int)), optional
        Regions of the labels, first voxel and the one behind the last along (z, y, x), outside which no voxel has
        another label than before. With them nothing else is read; without, all labels are read once.

    Yields
    ------
    Progress
        After each slab and each particle.

    Returns
    -------
    DataFrame
        One row per label, ascending; the columns of `features.columns`. ``attrs["notes"]`` lists what a person should
        know about the parameters on these data, ``attrs["contacts"]`` are the `Contacts` of the particles, and
        ``attrs["state"]`` is the `MeasureState` with which an edit of the labels is measured in a moment.

    Raises
    ------
    InputError
        When labels, image and field of view do not fit each other, labels are no integers, or the spacing is missing;
        when the measurement before was of another grid, or with other parameters.
    """
    spacing = _check(labels, image, spacing_um, field_of_view)
    if previous is not None:
        parameters = parameters or previous.parameters
        field_of_view = previous.field_of_view if field_of_view is None else field_of_view
        previous.check(labels.shape, spacing, parameters, image is not None)
    parameters = parameters or MeasureParameters()
    shape = (int(labels.shape[0]), int(labels.shape[1]), int(labels.shape[2]))
    check_scale(shape, spacing, parameters)
    labels, image = streamed(labels, image)
    inventory, affected = yield from _iter_what_to_measure(labels, field_of_view, previous, only, changed)
    grey = GreyLevels()
    if previous is not None:
        grey = previous.grey
    elif image is not None:
        grey = yield from iter_image_greys(labels, image, field_of_view)
    counts = CoarseCounts(
        shape, spacing, parameters.cube_edge_um, field_of_view, None if previous is None else previous.seen
    )
    context = Context(spacing, parameters, grey, counts.cell)
    crops = cut_crops(labels, image, field_of_view, inventory.of(affected), context, largest_first=executor is not None)
    particles: dict[int, Measured] = {}
    if previous is not None:
        kept = np.setdiff1d(inventory.ids, affected)
        particles = {int(label): previous.particles[int(label)] for label in kept}
    for done, measured in enumerate(measure_crops(crops, context, executor), 1):
        particles[int(measured.values["label"])] = measured
        yield Progress(done, len(affected), "Measuring particles")
    with_image = image is not None
    del crops, labels, image  # what was read of files makes room for the grids of the neighbourhood
    yield Progress(len(affected), len(affected), "Comparing neighbours")
    seen = None if field_of_view is None else counts.seen
    state = MeasureState(shape, spacing, parameters, with_image, grey, inventory, particles, field_of_view, seen)
    return _assemble(state, counts)


def _iter_what_to_measure(
    labels: Any,
    field_of_view: Bools | None,
    previous: MeasureState | None,
    only: Iterable[int] | None,
    changed: Sequence[Region] | None,
) -> Steps[tuple[Inventory, npt.NDArray[np.int64]]]:
    """Give the inventory of the labels, and which of them have to be measured."""
    if previous is None and (only is not None or changed is not None):
        raise ValueError("only and changed need the state of the measurement before")
    if previous is not None and changed is not None:
        return find_changes(labels, field_of_view, previous, changed, only or ())
    inventory = yield from iter_inventory(labels, field_of_view)
    if previous is None or only is None:
        return inventory, inventory.ids
    only = list(only)
    return find_changes(labels, field_of_view, previous, changed_between(previous.inventory, inventory, only), only)


def _assemble(state: MeasureState, counts: CoarseCounts) -> pd.DataFrame:
    """Make the table of what the particles' crops gave, with what particles have by their neighbourhood."""
    parameters, spacing = state.parameters, state.spacing_um
    dimensions = 2 if state.shape[0] == 1 else 3
    particles = [state.particles[label] for label in sorted(state.particles)]
    for measured in particles:
        counts.add(measured.first_cell, measured.solid)
    table = _table([measured.values for measured in particles], dimensions)
    centres = table[["z_um", "y_um", "x_um"]].to_numpy(np.float64)
    table["pdensity"], table["pdensity_coverage"] = counts.density(centres)
    if _no_solid(state.with_image, parameters, state.grey):
        table["pdensity"] = np.nan
    add_neighbour_features(table, dimensions)
    particles_cut = table["label"][table["touches_border"]]
    contacts = ((int(measured.values["label"]), measured.contacts) for measured in particles)
    touching = contact_table(contacts, particles_cut, spacing, flat=dimensions == 2)
    table["coordination"] = coordination(table, touching)
    add_depths(table, counts, parameters.thickness_axis)
    notes = [
        *_without_grey(particles),
        *_dim_particles(table),
        *_outlined(parameters, state.grey),
        *_notes(table, parameters, spacing),
    ]
    table = table[columns(dimensions, parameters.groups)]
    table.attrs["notes"] = notes
    table.attrs["state"] = state
    table.attrs["contacts"] = Contacts(touching)
    table.attrs["definitions"] = parameters.definitions
    return table


def measure(
    labels: Any,
    image: Any | None,
    spacing_um: Spacing | None,
    parameters: MeasureParameters | None = None,
    field_of_view: Bools | None = None,
    *,
    executor: Executor | None = None,
    previous: MeasureState | None = None,
    only: Iterable[int] | None = None,
    changed: Sequence[Region] | None = None,
) -> pd.DataFrame:
    """Measure every particle of a label image; see `iter_measure`."""
    steps = iter_measure(
        labels,
        image,
        spacing_um,
        parameters,
        field_of_view,
        executor=executor,
        previous=previous,
        only=only,
        changed=changed,
    )
    return drain(steps)


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
    """Check that a voxel size is not in metres, millimetres or nanometres by mistake.

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
        When the closing radius, the gap tolerance or the smoothing is many voxels wide and wider than the image; when
        a voxel is wider than the cube of the packing density, or far longer than it is wide.
    """
    edges = spacing_um[1:] if shape[0] == 1 else spacing_um
    edge = min(edges)
    usual = MeasureParameters(definitions=parameters.definitions)
    if max(edges) > _LONG * edge:
        raise InputError(
            f"The voxel size of {max(edges):g} µm along one axis is more than {_LONG} times that of {edge:g} µm along "
            "another; check both, and that they are in the same unit (µm)."
        )
    if edge > max(parameters.cube_edge_um, usual.cube_edge_um):
        raise InputError(
            f"The voxel size of {edge:g} µm looks too large: no particle of an electrode would show. Is it really in "
            "µm? 200 nm are 0.2 µm."
        )
    for name, length, usual_length in (
        ("closing radius", parameters.closing_um(spacing_um), usual.closing_um(spacing_um)),
        ("gap tolerance", parameters.gap_tolerance_um, usual.gap_tolerance_um),
        ("smoothing", parameters.smoothing_um, usual.smoothing_um),
    ):
        if length / edge <= max(_WIDE, *shape):
            continue
        if length <= usual_length:
            wide = max(size * along for size, along in zip(shape, spacing_um, strict=True))
            raise InputError(
                f"The voxel size of {edge:g} µm looks too small: the whole image would be {wide:.2g} µm wide. Is it "
                "really in µm? 200 nm are 0.2 µm, and so are 0.0002 mm."
            )
        raise InputError(
            f"The {name} of {length:g} µm is {length / edge:.0f} voxels, more than the image is wide; check it, and "
            f"that the voxel size of {edge:g} µm is really in µm."
        )


def _table(rows: list[dict[str, float]], dimensions: int) -> pd.DataFrame:
    """Make the table, by label; what a particle has no value for is NaN."""
    names = columns(dimensions)
    if "z_um" not in names:
        names = [*names, "z_um", "axis_z"]
    table = pd.DataFrame(rows, columns=names)
    kinds: dict[str, Any] = dict.fromkeys(names, np.float64)
    kinds |= {"label": np.int64, "voxel_count": np.int64, "touches_border": np.bool_}
    return table.astype(kinds).sort_values("label", ignore_index=True)


def _no_solid(with_image: bool, parameters: MeasureParameters, grey: GreyLevels) -> bool:
    """Whether solid was asked from an image that does not show any."""
    return with_image and parameters.threshold == "global" and bool(np.isnan(grey.threshold))


def _dim_particles(table: pd.DataFrame) -> list[str]:
    """Say how many particles have no solid because they are not brighter than what surrounds them."""
    solid = table["solid_volume_um3" if "solid_volume_um3" in table else "solid_area_um2"]
    dim = int(solid.isna().sum())
    if not dim:
        return []
    note = (
        f"{dim} of {len(table)} particles {'does' if dim == 1 else 'do'} not stand out from the background: no damage "
        f"is known of {'it, and it adds' if dim == 1 else 'them, and they add'} nothing to the solid fraction."
    )
    if dim > len(table) / 5:
        note += " If particles are darker than what surrounds them, invert the image first."
    return [note]


def _without_grey(particles: list[Measured]) -> list[str]:
    """Say where the image holds no number."""
    unknown = [int(measured.values[UNKNOWN]) for measured in particles if UNKNOWN in measured.values]
    if not unknown:
        return []
    return [
        f"The image holds no number (NaN or infinite) at {sum(unknown):,} voxel{'s' * (sum(unknown) > 1)} of "
        f"{len(unknown):,} particle{'s' * (len(unknown) > 1)}: the median grey around stands in, and hides cracks."
    ]


def _outlined(parameters: MeasureParameters, grey: GreyLevels) -> list[str]:
    """Say that outlines were drawn across the mouths of cracks, where nobody asked for that."""
    if parameters.labels_cover == "solid" or not solid_only(parameters, grey):
        return []
    return [
        "The labels leave wide cracks out, so particles were completed across the mouths of their cracks; "
        "if the labels do cover whole particles, set what labels cover to particles."
    ]


def _notes(table: pd.DataFrame, parameters: MeasureParameters, spacing: Spacing) -> list[str]:
    """Say where a parameter does not suit the data."""
    diameters = table["equivalent_diameter_um"].dropna()
    radius = float(diameters.median()) / 2 if len(diameters) else float("nan")
    closing = parameters.closing_um(spacing)
    notes = []
    if closing > radius / 2:  # what closing adds to a particle without cracks: `benchmarks/measure_closing.py`
        notes.append(
            f"The closing radius of {closing:g} µm is more than half of the median particle "
            f"radius ({radius:.2g} µm): hollows between lumps may be taken for cracks."
        )
    if 0 < closing < max(spacing[1:]):
        notes.append(
            f"The closing radius of {closing:g} µm is smaller than a voxel and does nothing: "
            "cracks that reach the surface count only where the labels cover them."
        )
    if "surroundings" in parameters.groups:
        notes += _notes_on_surroundings(table, parameters, spacing, radius)
    if "structure" in parameters.groups and parameters.smoothing_um > radius / 4:
        notes.append(
            f"The smoothing of {parameters.smoothing_um:g} µm is more than a quarter of the median particle radius "
            f"({radius:.2g} µm): roughness then tells the shape of the whole particle."
        )
    if "structure" in parameters.groups and parameters.smoothing_um < min(spacing[1:]):
        notes.append(
            f"The smoothing of {parameters.smoothing_um:g} µm is shorter than a voxel: what is called roughness is "
            "mostly the staircase of the voxels."
        )
    return notes


def _notes_on_surroundings(
    table: pd.DataFrame, parameters: MeasureParameters, spacing: Spacing, radius: float
) -> list[str]:
    """Say where the gap tolerance or the cube does not suit the data."""
    notes = []
    if 0 < parameters.gap_tolerance_um < min(spacing[1:]):
        notes.append(
            f"The gap tolerance of {parameters.gap_tolerance_um:g} µm is smaller than a voxel: only particles whose "
            "labels adjoin are in contact."
        )
    if parameters.gap_tolerance_um > radius / 4:
        notes.append(
            f"The gap tolerance of {parameters.gap_tolerance_um:g} µm is more than a quarter of the median particle "
            f"radius ({radius:.2g} µm): particles that are far apart count as touching."
        )
    if parameters.cube_edge_um < 4 * radius:
        notes.append(
            f"The cube edge of {parameters.cube_edge_um:g} µm is less than two median particle diameters "
            f"({2 * radius:.2g} µm): PDensity tells little more than the particle itself."
        )
    covered = float(table["pdensity_coverage"].median())
    if covered < LITTLE:
        notes.append(
            f"The cube edge of {parameters.cube_edge_um:g} µm reaches far beyond the image: PDensity rests on "
            f"{100 * covered:.0f} % of the cube (median)."
        )
    return notes
