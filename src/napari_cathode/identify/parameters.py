"""Parameters of the identification step."""

from __future__ import annotations

from dataclasses import dataclass, replace

from napari_cathode.errors import InputError
from napari_cathode.parameters import check, parameter

DEFAULT_MODEL = "nmc-2d"
"""The shipped model that is used when nobody chooses another."""
DEFAULT_MODEL_3D = "nmc-3d"
"""The same for whole volumes."""


@dataclass(frozen=True)
class IdentifyParameters:
    """How particles are found.

    Diameters are in µm; where the tomogram's voxel size is not known, they are in voxels.
    """

    method: str = parameter(
        "stardist2d",
        help="stardist2d: a trained network, slice by slice; stardist3d: a trained network on the whole volume; "
        "watershed: grey threshold and distance transform.",
        choices=("stardist2d", "stardist3d", "watershed"),
    )
    model: str = parameter(
        DEFAULT_MODEL,
        help="Name of a shipped or own model, or the path of a StarDist model folder (method stardist2d).",
    )
    model_xz: str = parameter(
        "",
        help="Model for the xz slices of a volume, where another does better there; empty: the same as for xy.",
        label="Model for xz",
        advanced=True,
    )
    model_yz: str = parameter(
        "",
        help="Model for the yz slices of a volume, where another does better there; empty: the same as for xy.",
        label="Model for yz",
        advanced=True,
    )
    model_3d: str = parameter(
        DEFAULT_MODEL_3D,
        help="Name of a shipped or own 3D model, or the path of a StarDist3D model folder (method stardist3d).",
        label="3D model",
    )
    diameter_um: float | None = parameter(
        None,
        help="Typical particle diameter; estimated from the image when left open.",
        label="Particle diameter",
        unit="µm",
        bounds=(1e-6, None),
    )
    prob_threshold: float | None = parameter(
        None,
        help="Object probability from which a particle counts; the model's own when left open.",
        label="Min. probability",
        bounds=(0.01, 0.99),
    )
    nms_threshold: float | None = parameter(
        None,
        help="Overlap (0…1) above which two candidates are one particle; the model's own when left open.",
        label="Max. overlap",
        bounds=(0.0, 1.0),
    )
    percentile_low: float = parameter(
        1.0,
        help="Percentile of the grey values that becomes 0.",
        unit="%",
        bounds=(0.0, 50.0),
        advanced=True,
    )
    percentile_high: float = parameter(
        99.8,
        help="Percentile of the grey values that becomes 1.",
        unit="%",
        bounds=(50.0, 100.0),
        advanced=True,
    )
    seed_depth: float = parameter(
        0.06,
        help="How deep the neck between two particles must be to part them, in particle radii (method watershed).",
        bounds=(0.0, 1.0),
        advanced=True,
    )
    smallest_share: float = parameter(
        0.15,
        help="Objects with less than this share of a typical particle's area are dropped (method watershed).",
        bounds=(0.0, 1.0),
        advanced=True,
    )

    def __post_init__(self) -> None:
        check(self)
        if self.percentile_low >= self.percentile_high:
            raise InputError("The parameter percentile_low must be smaller than percentile_high.")

    def model_of(self, view: str) -> str:
        """Give the model for the slices of a view, "xy", "xz" or "yz" (method stardist2d)."""
        return {"xz": self.model_xz, "yz": self.model_yz}.get(view, "") or self.model

    def for_view(self, view: str) -> IdentifyParameters:
        """Give the parameters for the slices of one view: ``model`` is that view's, the other two are empty."""
        return replace(self, model=self.model_of(view), model_xz="", model_yz="")
