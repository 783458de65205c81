"""COCO JSON with outlines of objects: polygons or run-length encoded masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError

from .outlines import AnnotatedImage, Outline, polygon_points


def recognises(content: Any) -> bool:
    """Tell whether parsed JSON is COCO."""
    return isinstance(content, dict) and all(isinstance(content.get(key), list) for key in ("images", "annotations"))


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
    categories = {one.get("id"): str(one.get("name", "")) for one in content.get("categories") or [] if _is_entry(one)}
    names: dict[Any, str] = {}
    outlines: dict[Any, list[Outline]] = {}
    shapes: dict[Any, tuple[int, int] | None] = {}
    for image in content["images"]:
        if not _is_entry(image) or not image.get("file_name"):
            raise InputError(f"{where} has an image without an id or a file name; export the annotations again.")
        names[image["id"]] = str(image["file_name"])
        shapes[image["id"]] = _shape(image)
        outlines[image["id"]] = []
    for one in content["annotations"]:
        if not _is_entry(one) or one.get("image_id") not in names:
            raise InputError(f"{where} has an annotation of an image that it does not list; export it again.")
        what = f"Annotation {one['id']} of {names[one['image_id']]} in {where}"
        parts, mask = _segmentation(one.get("segmentation"), what)
        outlines[one["image_id"]].append(
            Outline(f"Annotation {one['id']}", parts, mask, categories.get(one.get("category_id"), ""))
        )
    return [AnnotatedImage(names[key], tuple(outlines[key]), shapes[key]) for key in names], ()


def _is_entry(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("id"), (int, str))


def _shape(image: dict[str, Any]) -> tuple[int, int] | None:
    height, width = image.get("height"), image.get("width")
    if isinstance(height, (int, float)) and isinstance(width, (int, float)) and height > 0 and width > 0:
        return int(height), int(width)
    return None


def _segmentation(
    segmentation: Any, what: str
) -> tuple[tuple[npt.NDArray[np.float64], ...], npt.NDArray[np.bool_] | None]:
    if isinstance(segmentation, dict):
        return (), _mask(segmentation, what)
    if not isinstance(segmentation, list) or not segmentation:
        raise InputError(f"{what} has no outline (a box alone is not enough); outline the particle, or delete it.")
    flat = segmentation if all(isinstance(part, list) for part in segmentation) else [segmentation]
    return tuple(polygon_points(part[0::2], part[1::2], what) for part in flat), None


def _mask(encoded: dict[str, Any], what: str) -> npt.NDArray[np.bool_]:
    """Decode COCO's run lengths: down the columns, background first."""
    try:
        height, width = (int(value) for value in encoded["size"])
        counts = encoded["counts"]
        runs = np.asarray(_uncompressed(counts) if isinstance(counts, str) else counts, int)
        values = np.repeat(np.arange(runs.size) % 2 == 1, runs)
        return values.reshape(width, height).T
    except (KeyError, TypeError, ValueError):
        raise InputError(f"{what} has a mask that cannot be decoded; export the annotations again.") from None


def _uncompressed(text: str) -> list[int]:
    """Read run lengths from COCO's text form.

    Each number is written in groups of five bits, least first, as characters from "0" on; 32 says that another group
    follows, and the highest bit of the last group is the sign. From the fourth on they are differences to the last but
    one.
    """
    runs: list[int] = []
    value, shift = 0, 0
    for character in text:
        group = ord(character) - 48
        value |= (group & 31) << shift
        shift += 5
        if group & 32:
            continue
        if group & 16:
            value -= 1 << shift
        runs.append(value + runs[-2] if len(runs) > 2 else value)
        value, shift = 0, 0
    return runs
