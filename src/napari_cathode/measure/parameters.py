"""Parameters of the measuring step."""

from __future__ import annotations

from dataclasses import dataclass

from napari_cathode.errors import InputError
from napari_cathode.parameters import check, parameter
from napari_cathode.tomogram import Spacing

from .features import CHOICES
from .published import CLOSING_VOXELS


@dataclass(frozen=True)
class MeasureParameters:
    """How particles are measured; lengths in µm.

    The defaults suit secondary particles of 2 to 12 µm imaged with voxels of about 0.1 µm.
    """

    closing_radius_um: float = parameter(
        0.6,
        help="Gaps narrower than twice this, between solid parts of one particle, belong to the particle as cracks; "
        "about half the width of the widest crack that reaches the surface.",
        unit="µm",
        bounds=(0.0, 50.0),
    )
    threshold: str = parameter(
        "local",
        help="What tells solid from crack: half way between each particle's own solid grey and the background around "
        "it (local), one such grey for the whole image (global), or only the labels themselves (labels).",
        choices=("local", "global", "labels"),
    )
    labels_cover: str = parameter(
        "auto",
        help="Whether labels cover whole particles with their cracks, or only the solid between the cracks; auto looks "
        "whether wide cracks in the image are labelled.",
        choices=("auto", "particles", "solid"),
    )
    gap_tolerance_um: float = parameter(
        0.2, help="Neighbours count as touching across gaps up to this width.", unit="µm", bounds=(0.0, 20.0)
    )
    cube_edge_um: float = parameter(
        20.0,
        help="Edge of the cube (square in a slice) around a particle in which packing density is taken.",
        unit="µm",
        bounds=(0.01, 1000.0),
    )
    smoothing_um: float = parameter(
        0.3,
        help="Roughness is everything on a surface that a Gaussian of this standard deviation smooths away.",
        unit="µm",
        bounds=(0.01, 50.0),
    )
    groups: tuple[str, ...] = parameter(
        tuple(CHOICES),
        help="Groups of features to measure: any of position, grey, structure, cracks and surroundings; fewer are "
        "faster.",
    )
    definitions: str = parameter(
        "standard",
        help="Definitions of the features: those of the documentation (standard), or those published by Li et al. 2022 "
        "where they differ, for comparison with older tables (li2022).",
        choices=("standard", "li2022"),
        advanced=True,
    )
    thickness_axis: str = parameter(
        "z",
        help="Axis across the electrode, along which the depth below its faces is taken.",
        choices=("z", "y", "x"),
        advanced=True,
    )
    denoising_voxels: float = parameter(
        0.5,
        help="Standard deviation of the Gaussian that quiets noise before the threshold; 0 for none.",
        unit="voxels",
        bounds=(0.0, 3.0),
        advanced=True,
    )

    def __post_init__(self) -> None:
        """Check types and bounds."""
        check(self)
        names = [str(name) for name in self.groups]  # a file may hold anything, lists too
        if not names or not set(names) <= set(CHOICES) or len(set(names)) < len(names):
            raise InputError(
                f"The parameter groups is {', '.join(names) or 'empty'}; name each of {', '.join(CHOICES)} at most "
                "once, and at least one."
            )

    def closing_um(self, spacing_um: Spacing) -> float:
        """Give the closing radius in µm for a voxel size; the published definitions have it in voxels."""
        return CLOSING_VOXELS * min(spacing_um[1:]) if self.definitions == "li2022" else self.closing_radius_um
