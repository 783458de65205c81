"""VIA (VGG Image Annotator) JSON of versions 1 and 2: a project file, or an export of its annotations."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError

from .outlines import AnnotatedImage, Outline, ellipse_points, polygon_points

_METADATA, _SETTINGS = "_via_img_metadata", "_via_settings"
# What a VIA 3 project holds at its top.
_VERSION_3 = {"project", "config", "attribute", "file", "metadata", "view"}


def is_version_3(content: Any) -> bool:
    """Tell whether parsed JSON is a project of VIA 3."""
    return isinstance(content, dict) and len(_VERSION_3 & content.keys()) >= 4 and "project" in content


def recognises(content: Any) -> bool:
    """Tell whether parsed JSON is VIA's, version 1 or 2."""
    if not isinstance(content, dict):
        return False
    entries = content.get(_METADATA, content)
    if _METADATA in content:
        return isinstance(entries, dict)
    return bool(entries) and all(
        isinstance(one, dict) and "filename" in one and "regions" in one for one in entries.values()
    )


def parse(content: dict[str, Any], where: str) -> tuple[list[AnnotatedImage], tuple[str, ...]]:
    """Read the outlines.

    Parameters
    ----------
    content : dict
        Parsed JSON that `recognises` accepts.
    where : str
        The file's name, for errors.

    Returns
    -------
    images : list of AnnotatedImage
    notes : tuple of str
    """
    core = content.get(_SETTINGS, {})
    core = core.get("core", {}) if isinstance(core, dict) else {}
    default = core.get("default_filepath") if isinstance(core, dict) else None
    folders = (str(default),) if default else ()
    images, points = [], 0
    for entry in content.get(_METADATA, content).values():
        if not isinstance(entry, dict) or not entry.get("filename"):
            raise InputError(f"{where} has an entry without a file name; export the annotations from VIA again.")
        name = str(entry["filename"])
        outlines = []
        for number, region in _regions(entry):
            what = f"Region {number} of {name} in {where}"
            shape = region.get("shape_attributes") if isinstance(region, dict) else None
            if not isinstance(shape, dict):
                raise InputError(f"{what} has no shape; export the annotations from VIA again.")
            if shape.get("name") == "point":
                points += 1
                continue
            outlines.append(Outline(f"Region {number}", (_points(shape, what),), category=_category(region)))
        images.append(AnnotatedImage(name, tuple(outlines), None, folders))
    notes = (f"{points} single points in {where} were left out: they outline nothing.",) if points else ()
    return images, notes


def _regions(entry: dict[str, Any]) -> Iterator[tuple[int, Any]]:
    """Give each region with its number from 1, as VIA shows it; version 1 has a dictionary, version 2 a list."""
    regions = entry.get("regions") or []
    values = regions.values() if isinstance(regions, dict) else regions
    yield from enumerate(values, start=1)


def _points(shape: dict[str, Any], what: str) -> npt.NDArray[np.float64]:
    kind = shape.get("name")
    if kind in ("polygon", "polyline"):
        return polygon_points(shape.get("all_points_x", ()), shape.get("all_points_y", ()), what)
    if kind == "rect":
        x, y, width, height = _numbers(shape, ("x", "y", "width", "height"), what)
        return polygon_points([x, x + width, x + width, x], [y, y, y + height, y + height], what)
    if kind == "circle":
        cx, cy, r = _numbers(shape, ("cx", "cy", "r"), what)
        return ellipse_points(cx, cy, r, r)
    if kind == "ellipse":
        cx, cy, rx, ry = _numbers(shape, ("cx", "cy", "rx", "ry"), what)
        return ellipse_points(cx, cy, rx, ry, _numbers({"theta": 0.0, **shape}, ("theta",), what)[0])
    raise InputError(f"{what} has the shape {kind!r}; draw it as polygon, polyline, circle, ellipse or rect.")


def _numbers(shape: dict[str, Any], names: tuple[str, ...], what: str) -> list[float]:
    try:
        values = [float(shape[name]) for name in names]
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{what} lacks one of {', '.join(names)}; export the annotations from VIA again.") from None
    if not np.isfinite(values).all():
        raise InputError(f"{what} has values that are no numbers; export the annotations from VIA again.")
    return values


def _category(region: dict[str, Any]) -> str:
    """Give the class that a region's attributes state: what VIA's menus and texts were set to."""
    attributes = region.get("region_attributes")
    if not isinstance(attributes, dict):
        return ""
    return ", ".join(str(value) for value in attributes.values() if isinstance(value, str) and value.strip())
