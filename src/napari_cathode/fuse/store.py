"""Predictions of views kept in a folder, so that fusing again never runs the network again.

The folder holds ``predictions.json`` (what they were made from) and, for each view, a zarr group ``xy.zarr`` with the
arrays ``labels`` and ``probability`` on the tomogram's grid.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_cathode import __version__
from napari_cathode import parameters as parameter_tools
from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps
from napari_cathode.tomogram import Region, Spacing, check_spacing

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction

_INDEX = "predictions.json"
_CHUNK = 64
_MARK = "napari_cathode"


@dataclass(frozen=True, eq=False)
class StoredPredictions:
    """Predictions read from a folder.

    Attributes
    ----------
    views : dict of str to ViewPrediction
        With lazy (zarr) arrays.
    spacing_um : tuple of float or None
        Voxel edge lengths (z, y, x) in µm, None where they are not known.
    source : str
        The file that the particles were found in.
    """

    views: dict[str, ViewPrediction]
    spacing_um: Spacing | None
    source: str


def holds_predictions(folder: str | os.PathLike[str]) -> bool:
    """Whether a folder holds predictions that this program wrote."""
    return (Path(folder) / _INDEX).is_file()


def check_folder(folder: str | os.PathLike[str], views: Iterable[str], overwrite: bool = False) -> None:
    """Check, before the work, that predictions of views may be written into a folder.

    Raises
    ------
    InputError
        When it is a file, holds predictions and ``overwrite`` is not given, or has a ``<view>.zarr`` that this program
        did not write.
    """
    folder = Path(folder)
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder for the predictions.")
    known = set(_read_index(folder)["views"]) if holds_predictions(folder) else set()
    there = [name for name in views if (folder / f"{name}.zarr").exists()]
    for name in there:
        if name not in known and not _is_ours(folder / f"{name}.zarr"):
            raise InputError(f"{folder / name}.zarr does not come from napari-cathode; name another folder.")
    if (known or there) and not overwrite:
        raise InputError(f"{folder} holds predictions already; name another folder, or replace them with --overwrite.")


def iter_write_predictions(
    folder: str | os.PathLike[str],
    views: Mapping[str, ViewPrediction],
    spacing_um: Spacing | None,
    source: str = "",
    region: Region | None = None,
) -> Steps[None]:
    """Write predictions of views into a folder; earlier predictions there are replaced, other files are left alone.

    Earlier predictions stay until the new ones are whole. `check_folder` says before whether this will be possible.

    Parameters
    ----------
    folder : path
        Made where it does not exist.
    views : mapping of str to ViewPrediction
        What to write; all were made with the same parameters.
    spacing_um : tuple of float or None
        Voxel edge lengths (z, y, x) in µm.
    source : str
        The file that the particles were found in.
    region : tuple of three (int, int), optional
        The part of it that they were found in, (z, y, x) in voxels; None for the whole.

    Yields
    ------
    Progress
        In slabs written.

    Raises
    ------
    InputError
        When the folder is none, or has a ``<view>.zarr`` that this program did not write.
    """
    folder = Path(folder)
    check_folder(folder, views, overwrite=True)
    folder.mkdir(parents=True, exist_ok=True)
    parts = {name: folder / f"{name}.zarr.part" for name in views}
    try:
        yield from _iter_write_parts(parts, views)
        old = set(_read_index(folder)["views"]) if holds_predictions(folder) else set()
        (folder / _INDEX).unlink(missing_ok=True)
        for name in old | set(views):
            shutil.rmtree(folder / f"{name}.zarr", ignore_errors=True)
        for name, part in parts.items():
            part.rename(folder / f"{name}.zarr")
    finally:
        for part in parts.values():
            shutil.rmtree(part, ignore_errors=True)
    made_with = next((view.parameters for view in views.values() if view.parameters is not None), None)
    index = {
        "views": list(views),
        "spacing_um": None if spacing_um is None else list(spacing_um),
        "source": source,
        "region": None if region is None else [list(side) for side in region],
        "identify": None if made_with is None else parameter_tools.to_dict(made_with),
    }
    # Written last: a folder without it is not complete.
    (folder / _INDEX).write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")


def _iter_write_parts(paths: Mapping[str, Path], views: Mapping[str, ViewPrediction]) -> Steps[None]:
    import zarr

    for number, (name, view) in enumerate(views.items()):
        shutil.rmtree(paths[name], ignore_errors=True)
        group = zarr.open_group(paths[name], mode="w-", attributes={_MARK: __version__})
        arrays: tuple[tuple[str, Any, Any], ...] = (
            ("labels", view.labels, np.int32),
            ("probability", view.probability, np.float16),
        )
        shape = tuple(view.labels.shape)
        chunks = tuple(min(_CHUNK, length) for length in shape)
        kept = [group.create_array(what, shape=shape, chunks=chunks, dtype=dtype) for what, _, dtype in arrays]
        parts = [(low, min(low + chunks[0], shape[0])) for low in range(0, shape[0], chunks[0])]
        for done, (low, high) in enumerate(parts):
            for target, (_, values, dtype) in zip(kept, arrays, strict=True):
                target[low:high] = np.asarray(values[low:high]).astype(dtype, copy=False)
            yield Progress(number * len(parts) + done, len(views) * len(parts), f"Writing view {name}")


def read_predictions(folder: str | os.PathLike[str]) -> StoredPredictions:
    """Read predictions from a folder, lazily.

    Raises
    ------
    InputError
        When the folder holds none, or they are damaged.
    """
    import zarr

    from napari_cathode.identify import IdentifyParameters, ViewPrediction

    folder = Path(folder)
    if not holds_predictions(folder):
        raise InputError(
            f"{folder} holds no predictions ({_INDEX} is missing); make them with `napari-cathode identify`."
        )
    index = _read_index(folder)
    made_with = index.get("identify")
    parameters = (
        None if made_with is None else parameter_tools.from_dict(IdentifyParameters, made_with, f"{folder / _INDEX}")
    )
    spacing = None if index.get("spacing_um") is None else check_spacing(index["spacing_um"], str(folder))
    views = {}
    for name in index["views"]:
        try:
            group: Any = zarr.open_group(folder / f"{name}.zarr", mode="r")
            labels, probability = group["labels"], group["probability"]
        except (OSError, KeyError, ValueError):
            raise InputError(
                f"View {name} in {folder} is missing or damaged; run `napari-cathode identify` again."
            ) from None
        views[name] = ViewPrediction(
            view=name, labels=labels, probability=probability, spacing_um=spacing, parameters=parameters
        )
    return StoredPredictions(views, spacing, str(index.get("source", "")))


def _is_ours(path: Path) -> bool:
    """Whether this program wrote a view, be it one that was left without an index."""
    import zarr

    try:
        return _MARK in zarr.open_group(path, mode="r").attrs
    except (OSError, KeyError, ValueError, TypeError):
        return False


def _read_index(folder: Path) -> dict[str, Any]:
    try:
        index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
        assert isinstance(index, dict) and isinstance(index["views"], list)
    except (ValueError, KeyError, AssertionError):
        raise InputError(f"{folder / _INDEX} cannot be read; run `napari-cathode identify` again.") from None
    return index
