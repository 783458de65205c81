"""The tomogram: a lazy (z, y, x) array, its voxel spacing in µm and where it came from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import InputError

Spacing = tuple[float, float, float]
"""Edge lengths of a voxel in µm, in the order (z, y, x)."""


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
    """

    data: Any
    spacing_um: Spacing | None = None
    name: str = "tomogram"
    source: str = ""
    field_of_view: npt.NDArray[np.bool_] | None = None

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

    def with_spacing(self, spacing_um: Spacing | None) -> Tomogram:
        """Give the same tomogram with another voxel spacing (µm, (z, y, x))."""
        return replace(self, spacing_um=spacing_um)

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
