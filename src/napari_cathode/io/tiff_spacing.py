"""The voxel size that a TIFF states, in its OME header or in ImageJ's tags.

The resolution of a plain TIFF is not used: most programs write 72 dpi there, whatever the image shows.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from typing import Any

import tifffile

from napari_cathode.tomogram import Spacing

from .units import to_um


def read_spacing(tif: tifffile.TiffFile) -> Spacing | None:
    """Give the voxel edge lengths (z, y, x) in µm, or None where the file does not state them.

    Where it states y and x only, z is taken to be as y: tomograms have cubic voxels.
    """
    if tif.is_ome and tif.ome_metadata:
        return _from_ome(tif.ome_metadata)
    if tif.is_imagej:
        return _from_imagej(tif)
    return None


def _complete(z: float | None, y: float | None, x: float | None) -> Spacing | None:
    if x is None and y is None:
        return None
    x = x or y
    y = y or x
    assert x is not None and y is not None
    return (z or y, y, x)


def _from_ome(xml: str) -> Spacing | None:
    """Read PhysicalSizeX, Y, Z of the first image; their unit is µm where none is given (OME schema 2016-06)."""
    try:
        root = ElementTree.fromstring(xml)
    except ElementTree.ParseError:
        return None
    pixels = next((element for element in root.iter() if element.tag.rpartition("}")[2] == "Pixels"), None)
    if pixels is None:
        return None

    def length(axis: str) -> float | None:
        try:
            value = float(pixels.get(f"PhysicalSize{axis}", ""))
        except ValueError:
            return None
        return to_um(value, pixels.get(f"PhysicalSize{axis}Unit", "µm"))

    return _complete(length("Z"), length("Y"), length("X"))


def _from_imagej(tif: tifffile.TiffFile) -> Spacing | None:
    """Read ImageJ's calibration: pixels per unit in the resolution tags, the rest in the description."""
    meta: dict[str, Any] = tif.imagej_metadata or {}
    unit = str(meta.get("unit", ""))
    tags = tif.pages.first.tags
    if not unit and tags.valueof("ResolutionUnit") == 3:
        unit = "cm"  # what ImageJ itself takes from the tag when the description has no unit

    def pixel(tag: str, own_unit: str) -> float | None:
        value = tags.valueof(tag)
        if not value or not value[0] or not value[1]:
            return None
        return to_um(value[1] / value[0], str(meta.get(own_unit, "") or unit))

    x, y = pixel("XResolution", "xunit"), pixel("YResolution", "yunit")
    try:
        z = to_um(float(meta["spacing"]), str(meta.get("zunit", "") or unit))
    except (KeyError, TypeError, ValueError):
        z = None
    return _complete(z, y, x)
