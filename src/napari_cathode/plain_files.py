"""Plain values in YAML and JSON: parameter files, scores."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from .errors import InputError
from .io.atomic import replacing
from .tomogram import Spacing, check_spacing

# Sections of parameters.yaml that are no parameters but say what they were used on.
_PROVENANCE = ("napari_cathode", "input", "versions")


def write_yaml(path: Path, values: dict[str, Any]) -> None:
    """Write plain values as YAML, in their order."""
    text = yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=100)
    _write_text(path, text)


def write_json(path: Path, values: Any) -> None:
    """Write plain values as JSON."""
    text = json.dumps(plain(values), indent=2, ensure_ascii=False, allow_nan=False)
    _write_text(path, text + "\n")


def plain(value: Any) -> Any:
    """Turn dataclasses, tuples and NumPy values into what JSON and YAML can hold; what is not finite becomes None."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: plain(getattr(value, name)) for name in value.__dataclass_fields__}
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value


def read_parameter_values(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read the parameters of all steps from a YAML file as plain values, without what they were used on.

    Raises
    ------
    InputError
        When the file cannot be read.
    """
    return {name: value for name, value in read_yaml(path).items() if name not in _PROVENANCE}


def read_input(path: str | os.PathLike[str]) -> tuple[str | None, str | None, Spacing | None]:
    """Give path, data set and spacing (µm, (z, y, x)) of the input that a parameter file names.

    Each is None where the file is silent.
    """
    named = read_yaml(path).get("input") or {}
    if not isinstance(named, dict):
        raise InputError(f"The part input of {path} should hold path, dataset and spacing_um.")
    spacing = named.get("spacing_um")
    return (
        named.get("path") or None,
        named.get("dataset") or None,
        None if spacing is None else check_spacing(spacing, str(path)),
    )


def read_region(path: str | os.PathLike[str]) -> Any:
    """Give the part of the input, (first, stop) along (z, y, x), that a parameter file names; None for the whole.

    Raises
    ------
    InputError
        When it is not three pairs of whole numbers.
    """
    region = (read_yaml(path).get("input") or {}).get("region")
    if region is None:
        return None
    pairs = isinstance(region, list) and [side for side in region if isinstance(side, list) and len(side) == 2]
    if not pairs or len(pairs) != 3 or not all(isinstance(end, int) for side in pairs for end in side):
        raise InputError(f"The region in {path} should be three pairs of voxel numbers, [first, stop] for z, y and x.")
    return pairs


def read_yaml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read a YAML file that holds names with values.

    Raises
    ------
    InputError
        When that is not possible.
    """
    try:
        values = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"There is no parameter file {path}.") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"The parameter file {path} cannot be read as YAML ({reason}).") from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise InputError(f"The parameter file {path} should hold names with values (identify:, fuse:, …).")
    return values


def _write_text(path: Path, text: str) -> None:
    with replacing(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")
