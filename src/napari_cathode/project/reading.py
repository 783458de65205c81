"""What parts of a particle set are made of files and of the manifest's values."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from napari_cathode.errors import InputError
from napari_cathode.filtering import Filter
from napari_cathode.session import Colouring, ParticleSet, passing

from . import parts
from .manifest import restored
from .written import Entry

WORDS = {
    "labels": "labels",
    "table": "feature table",
    "agreement": "agreement of the views",
    "contacts": "list of contacts",
    "explanation": "explanation",
    "edits": "list of edits",
    "measurement": "measurement behind the feature table",
    "history": "list of what can be undone",
    "steps": "list of what can be undone",
    "views": "view",
}


def check_shape(labels: Any, entry: Entry, folder: Path) -> None:
    """Check that labels have the shape that they were saved with: all else in the project is about that.

    Raises
    ------
    InputError
        When another program made them others.
    """
    if list(labels.shape) != list(entry["shape"]):
        found, wanted = (" × ".join(map(str, shape)) for shape in (labels.shape, entry["shape"]))
        raise InputError(f"{folder / entry['path']} has {found} voxels instead of {wanted}; restore the file.")


def read_table(path: Path, entry: Entry) -> Any:
    """Read a feature table, with what is said beside it."""
    table = parts.read_features(path, entry.get("dtypes", {}))
    table.attrs = dict(entry.get("attrs", {}))
    return table


def read_contacts(path: Path) -> Any:
    """Read the pairs of particles that touch."""
    from napari_cathode.measure import Contacts

    return Contacts(parts.read_parquet(path) if path.suffix == ".parquet" else parts.read_csv(path))


def read_json(path: Path) -> Any:
    """Read plain values.

    Raises
    ------
    InputError
        When the file is missing or damaged.
    """
    try:
        return restored(json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise InputError(f"{path} is missing.") from None
    except (OSError, ValueError, TypeError):
        raise InputError(f"{path} is damaged and cannot be read.") from None


def read_log(path: Path) -> list[dict[str, Any]]:
    """Read a list of edits."""
    try:
        return [dict(entry) for entry in read_json(path)]
    except (TypeError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path} is damaged and cannot be read.") from None


def restore_summary(values: Entry) -> Any:
    """Make a summary of the manifest's values."""
    from napari_cathode.measure import Summary

    known = {name: values[name] for name in Summary.__dataclass_fields__ if name in values}
    return Summary(**known)


def restore_filter(particles: ParticleSet, values: Entry) -> None:
    """Filter particles as before, where what is asked for could be read."""
    ranges = tuple((name, low, high) for name, low, high in values["ranges"])
    wanted = Filter(**{**values, "ranges": ranges})
    with suppress(InputError):  # what it asks for could not be read
        particles.shown = passing(particles, wanted)
        particles.filter = wanted


def restore_colouring(particles: ParticleSet, values: Entry | None) -> Colouring | None:
    """Make a colouring of the manifest's values; None where what it showed could not be read."""
    if values is None:
        return None
    limits = values.get("limits")
    colouring = Colouring(**{**values, "limits": None if limits is None else (limits[0], limits[1])})
    try:
        particles.values(colouring)
    except InputError:
        return None  # what it showed could not be read
    return colouring
