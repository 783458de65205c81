"""What the single views saw, as zarr groups, so that fusing again needs no network after a project was opened."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cathode.errors import InputError
from napari_cathode.parameters import from_dict, to_dict
from napari_cathode.progress import Steps

from . import parts
from .written import Entry

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction

_ARRAYS = ("labels", "probability", "distance")
_MAP = np.dtype(np.float16)


def iter_write_view(path: Path, view: ViewPrediction, revision: Callable[[], int]) -> Steps[int]:
    """Write what a view saw; gives the revision of its labels that was written."""
    import zarr

    zarr.open_group(path, mode="w-", attributes={"axes": "zyx", "view": view.view})
    written = yield from parts.iter_write_labels(path / "labels", view.labels, view.spacing_um, revision)
    for name in _ARRAYS[1:]:
        values = getattr(view, name)
        if values is not None:
            yield from parts.iter_write_array(path / name, values, _MAP, f"Saving what {view.view} slices show")
    return written


def describe_view(view: ViewPrediction) -> Entry:
    """Give what the manifest says of a view."""
    return {
        "spacing_um": view.spacing_um,
        "parameters": None if view.parameters is None else to_dict(view.parameters),
        "notes": list(view.notes),
        "arrays": [name for name in _ARRAYS if getattr(view, name) is not None],
    }


def read_view(path: Path, name: str, entry: Entry) -> ViewPrediction:
    """Open what a view saw; large arrays stay in their files.

    Raises
    ------
    InputError
        When something of it is missing or damaged.
    """
    from napari_cathode.identify import IdentifyParameters, ViewPrediction

    arrays: dict[str, Any] = {array: parts.open_values(path / array) for array in entry["arrays"]}
    if {"labels", "probability"} - set(arrays) or any(values.ndim != 3 for values in arrays.values()):
        raise InputError(f"{path} does not hold what a view shows; it was replaced by something else.")
    made_with, spacing = entry["parameters"], entry["spacing_um"]
    return ViewPrediction(
        view=name,
        spacing_um=None if spacing is None else (spacing[0], spacing[1], spacing[2]),
        parameters=None if made_with is None else from_dict(IdentifyParameters, made_with, str(path)),
        notes=tuple(entry["notes"]),
        **arrays,
    )
