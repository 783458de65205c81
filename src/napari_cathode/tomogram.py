"""The tomogram: a lazy (z, y, x) array, its voxel spacing in µm and where it came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InputError

Spacing = tuple[float, float, float]
"""Edge lengths of a voxel in µm, in the order (z, y, x)."""

Region = tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
"""First voxel and the one behind the last, along (z, y, x)."""


@dataclass(frozen=True, eq=False)
class Tomogram:
    """A tomogram, or one slice of one.

    Attributes
    ----------
    data : array-like, shape (z, y, x)
        Grey values: a NumPy array, a memory-map, or anything lazy that slices like one (dask, zarr, HDF5).
        A single slice has z = 1.
    spacing_um : tuple of float, optional
        Voxel edge lengths (z, y, x) in µm; None where nobody stated them.
    name : str
        Short name, for layers and reports.
    source : str
        The file, folder or generator it came from, for provenance.
    field_of_view : ndarray of bool, optional
        Where the detector saw something, broadcastable to ``data``'s shape; None when that is everywhere.
    region : tuple of three (int, int), optional
        First voxel and the one behind the last along (z, y, x), where this is a part of a larger tomogram.
    whole : Tomogram, optional
        That larger tomogram: grey range and particle diameter are learnt from it, so that particles are found in a
        part as they are in the whole. Left out where nothing is left to be learnt.
    dataset : str, optional
        Which data set of its file it is, where that holds several.
    """

    data: Any
    spacing_um: Spacing | None = None
    name: str = "tomogram"
    source: str = ""
    field_of_view: npt.NDArray[np.bool_] | None = None
    region: Region | None = None
    whole: Tomogram | None = None
    dataset: str | None = None

    def __post_init__(self) -> None:
        if getattr(self.data, "ndim", None) != 3:
            ndim = getattr(self.data, "ndim", "no")
            raise InputError(f"{self.name} has {ndim} dimensions; a tomogram has three (z, y, x).")
        if self.spacing_um is not None:
            object.__setattr__(self, "spacing_um", check_spacing(self.spacing_um, self.name))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of voxels along (z, y, x)."""
        z, y, x = self.data.shape
        return int(z), int(y), int(x)

    @property
    def is_slice(self) -> bool:
        """Whether this is a single slice (z = 1)."""
        return self.shape[0] == 1

    def overlaps(self, other: Tomogram) -> bool:
        """Whether both show the same grey values, or one a part of the other's; nothing is read.

        Parts of lazy arrays are known by the file that they come from.
        """
        if self.data is other.data:
            return True
        if isinstance(self.data, np.ndarray) and isinstance(other.data, np.ndarray):
            return bool(np.may_share_memory(self.data, other.data))
        return bool(self.source) and (self.source, self.dataset) == (other.source, other.dataset)

    def with_spacing(self, spacing_um: Spacing | None) -> Tomogram:
        """Give the same tomogram with another voxel spacing (µm, (z, y, x))."""
        return replace(self, spacing_um=spacing_um)

    def part(self, region: Region) -> Tomogram:
        """Give a part of the tomogram, which knows the whole; nothing lazy is read.

        Raises
        ------
        InputError
            When the region is empty or reaches beyond the tomogram.
        """
        region = check_region(region, self.shape, self.name)
        where = tuple(slice(first, stop) for first, stop in region)
        seen = self.field_of_view
        if seen is not None:
            seen = seen[tuple(slice(None) if size == 1 else at for size, at in zip(seen.shape, where, strict=True))]
        return replace(self, data=self.data[where], field_of_view=seen, region=region, whole=self)

    def require_spacing(self) -> Spacing:
        """Give the voxel spacing in µm.

        Raises
        ------
        InputError
            When it is not known.
        """
        if self.spacing_um is None:
            raise InputError(
                f"The voxel size of {self.name} is not known; give it in µm (command line: --spacing Z Y X; "
                "napari: the voxel size fields)."
            )
        return self.spacing_um


def check_spacing(spacing_um: Any, name: str = "the tomogram") -> Spacing:
    """Check a voxel spacing and give it back as a tuple of three floats.

    Raises
    ------
    InputError
        When it is not three positive finite numbers.
    """
    try:
        values = tuple(float(value) for value in spacing_um)
    except (TypeError, ValueError):
        values = ()
    if len(values) != 3 or not all(np.isfinite(value) and value > 0 for value in values):
        raise InputError(
            f"The voxel size {spacing_um!r} of {name} is not usable; give three positive numbers in µm (z, y, x)."
        )
    return values[0], values[1], values[2]


def check_region(region: Any, shape: tuple[int, int, int], name: str = "the tomogram") -> Region:
    """Check a region of a tomogram and give it back as integers.

    Raises
    ------
    InputError
        When it does not lie within the tomogram or holds no voxel.
    """
    sides = []
    for (first, stop), size, axis in zip(region, shape, "zyx", strict=True):
        if not 0 <= first < stop <= size:
            raise InputError(
                f"The region {first}:{stop} along {axis} is not usable; {name} has the voxels 0:{size} there."
            )
        sides.append((int(first), int(stop)))
    return sides[0], sides[1], sides[2]


def parse_region(text: str, shape: tuple[int, int, int], name: str = "the tomogram") -> Region:
    """Read a region as people type it: ``z,y,x``, each ``first:stop`` in voxels, either of which may be left out.

    Raises
    ------
    InputError
        When it is not written so, or does not lie within the tomogram.
    """
    sides = [side.split(":") for side in text.split(",")]
    try:
        if len(sides) != 3 or any(len(side) != 2 for side in sides):
            raise ValueError(text)
        region = [
            (int(first) if first.strip() else 0, int(stop) if stop.strip() else size)
            for (first, stop), size in zip(sides, shape, strict=True)
        ]
    except ValueError:
        raise InputError(
            f"The region {text!r} is not readable; write first:stop for z, y and x in voxels, as in 0:64,100:400,:"
        ) from None
    return check_region(region, shape, name)
