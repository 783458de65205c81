"""The dictionary of features: what each column is, in one place.

Tooltips, CSV sidecars, reports and the documentation (`page`) all come from here, and so does what may explain what.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

GROUPS = {
    "A": "Position and orientation",
    "B": "Chemistry (grey)",
    "C": "Particle structure",
    "K": "Cracks and pores",
    "D": "Local morphology",
    "V": "Agreement of the views, and review",
    "": "Further columns",
}
"""Groups of features; A to D after Li et al., Science 376, 517 (2022)."""

CHOICES = {"position": "A", "grey": "B", "structure": "C", "cracks": "K", "surroundings": "D"}
"""Names by which groups are chosen to be measured; columns of no group are always there."""

PLACE = ("x_um", "y_um", "z_um")
"""Columns that are always there, like those of no group: without a place nothing can be found again."""

FAMILIES = ("size", "roundness", "elongation")
"""Families of columns that are made of the same sizes of the particle; that of damage is `Feature.not_for_damage`."""


@dataclass(frozen=True)
class Feature:
    """One column of the feature table.

    Attributes
    ----------
    column : str
        Name in tables and files, with the unit as suffix.
    display : str
        Name on the screen; the study's, where it has one.
    unit : str
        "" for none.
    formula : str
        Definition.
    meaning : str
        What it tells about a particle.
    group : str
        Key of `GROUPS`.
    dimensions : tuple of int
        3 for volumes, 2 for slices.
    source : str
        Where the definition comes from.
    not_for_damage : str
        Why it contains damage by construction, and so must not predict it; "" where it does not.
    not_a_property : str
        Why it tells nothing of the particle as such, and so predicts nothing; "" where it does.
    family : str
        Columns of one family (`FAMILIES`) contain each other by construction: none predicts another.
    detail_of : str
        Column that stands for this one where predictors are chosen; "" where it stands for itself.
    published : str
        Definition under ``definitions="li2022"``; "" where it is the same.
    published_unit : str
        Unit under it where that is another.
    """

    column: str
    display: str
    unit: str
    formula: str
    meaning: str
    group: str
    dimensions: tuple[int, ...] = (2, 3)
    source: str = ""
    not_for_damage: str = ""
    not_a_property: str = ""
    family: str = ""
    detail_of: str = ""
    published: str = ""
    published_unit: str = ""


_STUDY = "Li et al. 2022"
_CROFTON = "Lehmann & Legland 2012"

_FOUND = "it says how the particle was found or counted, not what it is"
_IN_PLANE = "the place within the plane of the electrode is arbitrary"
_ANGLE = "angles jump at ±180°; orientation enters by the components of the axis"
_INNER = "the inner surface is that of the cracks which damage counts"
_LESS_CRACKS = "the solid is the particle less the cracks which damage counts"

_PART = "it is part of what damage counts, or made of it"
_FRINGE = "fringes of the imaging brighten solid beside voids, so that it shows where cracks are"
_SHELLS = ("in the core", "outside the core", "half way out", "under the rim", "at the rim")

_ALL = (
    Feature(
        "label",
        "Label",
        "",
        "number in the label image",
        "Which particle.",
        "",
        not_a_property=_FOUND,
    ),
    Feature(
        "x_um",
        "X",
        "µm",
        "centroid of F along x",
        "Where it sits.",
        "A",
        source=_STUDY,
        not_a_property=_IN_PLANE,
    ),
    Feature(
        "y_um",
        "Y",
        "µm",
        "centroid of F along y",
        "Where it sits.",
        "A",
        source=_STUDY,
        not_a_property=_IN_PLANE,
    ),
    Feature(
        "z_um",
        "Z",
        "µm",
        "centroid of F along z",
        "Where it sits; often the depth in the electrode.",
        "A",
        (3,),
        _STUDY,
    ),
    Feature(
        "yaw_deg",
        "Yaw",
        "°",
        "angle of the longest axis about z, in (−90, 90]; Euler angles ZYX",
        "Which way it lies, seen from above.",
        "A",
        source=_STUDY,
        not_a_property=_ANGLE,
    ),
    Feature(
        "pitch_deg",
        "Pitch",
        "°",
        "rotation about y that brings the longest axis out of the xy plane, in [−90, 90]",
        "How steeply it stands.",
        "A",
        (3,),
        _STUDY,
        not_a_property=_ANGLE,
    ),
    Feature(
        "roll_deg",
        "Roll",
        "°",
        "rotation about the longest axis, from the middle axis, in (−90, 90]",
        "How it is turned about its own length.",
        "A",
        (3,),
        _STUDY,
        not_a_property=_ANGLE,
    ),
    Feature(
        "edensity",
        "EDensity",
        "grey",
        "mean grey of the image over M eroded by one voxel",
        "Electron density, hence composition and state of charge; free of cracks and edges.",
        "B",
        source=_STUDY,
        published="mean grey of the image over F",
    ),
    Feature(
        "homogeneity",
        "Homogeneity",
        "1/grey",
        "1 / standard deviation of the grey over the same voxels",
        "How even the composition is.",
        "B",
        source=_STUDY,
        published="standard deviation of the grey over F",
        published_unit="grey",
    ),
    Feature(
        "surface_inner_um2",
        "SurfaceInner",
        "µm²",
        "area between M and K = [S(M) + S(K) − S(F)] / 2, S by Crofton in 13 directions",
        "Fresh surface that cracks and pores opened to the electrolyte.",
        "C",
        (3,),
        _STUDY,
        not_for_damage=_INNER,
        published="voxels of M with a face outside M × area of a voxel's face",
    ),
    Feature(
        "perimeter_inner_um",
        "PerimeterInner",
        "µm",
        "length between M and K, by Crofton in 4 directions",
        "Outline of cracks and pores in the slice.",
        "C",
        (2,),
        not_for_damage=_INNER,
        published="pixels of M with an edge outside M × a pixel's edge",
    ),
    Feature(
        "surface_outer_um2",
        "SurfaceOuter",
        "µm²",
        "area S(F) of F's surface: Crofton estimate in 13 directions, weighted for the voxel's edges",
        "Outer surface of the whole particle.",
        "C",
        (3,),
        _CROFTON,
        family="size",
        published="voxels of F with a face outside F × area of a voxel's face",
    ),
    Feature(
        "perimeter_um",
        "Perimeter",
        "µm",
        "length of F's outline: Crofton estimate in 4 directions",
        "Outline of the particle's section.",
        "C",
        (2,),
        _CROFTON,
        family="size",
        published="pixels of F with an edge outside F × a pixel's edge",
    ),
    Feature(
        "volume_um3",
        "Volume",
        "µm³",
        "voxels of F × voxel volume",
        "Size, cracks and pores included.",
        "C",
        (3,),
        _STUDY,
        family="size",
        published="F from closing by a ball of ten voxels",
    ),
    Feature(
        "area_um2",
        "Area",
        "µm²",
        "pixels of F × pixel area",
        "Size of the section.",
        "C",
        (2,),
        family="size",
        published="F from closing by a disc of ten pixels",
    ),
    Feature(
        "damage",
        "Damage",
        "",
        "size(K) / size(F)",
        "Share of the particle that is crack or pore.",
        "C",
        source=_STUDY,
        not_for_damage="it is damage",
        published="size(K) / size(F), F from closing by a ball of ten voxels",
    ),
    Feature(
        "elongation",
        "Elongation",
        "",
        "√(λ_max / λ_min) of the covariance of F, each voxel a box (+ edge²/12)",
        "1 is round; the ratio of the longest to the shortest axis of an ellipsoid.",
        "C",
        source=_STUDY,
        family="elongation",
    ),
    Feature(
        "sphericity",
        "Sphericity",
        "",
        "36 π V(F)² / S(F)³",
        "1 is a ball; lower is longer, flatter or rougher.",
        "C",
        (3,),
        _STUDY,
        family="roundness",
        published="36 π V(F)² / SurfaceInner³",
    ),
    Feature(
        "circularity",
        "Circularity",
        "",
        "4 π A(F) / P(F)²",
        "1 is a disc; lower is longer or rougher.",
        "C",
        (2,),
        family="roundness",
        published="4 π A(F) / PerimeterInner²",
    ),
    Feature(
        "vs_ratio",
        "VSratio",
        "",
        "V(F)^(1/3) / S(F)^(1/2)",
        "A monotone transform of sphericity: share out their importance as one.",
        "C",
        (3,),
        _STUDY,
        family="roundness",
        published="V(F)^(1/3) / SurfaceInner^(1/2)",
    ),
    Feature(
        "rough_inner",
        "RoughInner",
        "",
        "inner surface / inner surface after Gaussian smoothing that keeps the cracks' volume",
        "1 is smooth; undefined where there is next to no inner surface.",
        "C",
        source=_STUDY,
        not_for_damage=_INNER,
        published="surface voxels of M after Gaussian smoothing / before",
    ),
    Feature(
        "rough_outer",
        "RoughOuter",
        "",
        "outer surface / outer surface after Gaussian smoothing that keeps the volume",
        "1 is smooth.",
        "C",
        source=_STUDY,
        published="surface voxels of F after Gaussian smoothing / before",
    ),
    Feature(
        "contact",
        "Contact",
        "",
        "interface with neighbours within the gap tolerance / outer surface (in a slice, of the outline)",
        "How much of the particle is pressed by others.",
        "D",
        source=_STUDY,
    ),
    Feature(
        "pdensity",
        "PDensity",
        "",
        "solid in a cube (square) around the centroid / the cube's part inside image and field of view",
        "How densely the particles around are packed.",
        "D",
        source=_STUDY,
    ),
    Feature(
        "dist_nearest_um",
        "DistNearest",
        "µm",
        "mean distance to the centres of the six nearest particles",
        "How far the neighbours are.",
        "D",
        source=_STUDY,
    ),
    Feature(
        "elong_std",
        "ElongStd",
        "",
        "standard deviation of elongation over the six nearest, of which three or more are whole",
        "How different in shape the neighbours are.",
        "D",
        source=_STUDY,
    ),
    Feature(
        "volume_std_um3",
        "VolumeStd",
        "µm³",
        "standard deviation of volume over the same",
        "How different in size the neighbours are.",
        "D",
        (3,),
        _STUDY,
    ),
    Feature(
        "area_std_um2",
        "AreaStd",
        "µm²",
        "standard deviation of area over the same",
        "How different in size the neighbours are.",
        "D",
        (2,),
    ),
    Feature(
        "sphericity_std",
        "SphericityStd",
        "",
        "standard deviation of sphericity over the same",
        "How different in roundness the neighbours are.",
        "D",
        (3,),
        _STUDY,
    ),
    Feature(
        "circularity_std",
        "CircularityStd",
        "",
        "standard deviation of circularity over the same",
        "How different in roundness the neighbours are.",
        "D",
        (2,),
    ),
    Feature(
        "orien_iso",
        "OrienIso",
        "",
        "mean of P2(cos θ) over the pairs of long axes of the six nearest (in a slice of cos 2θ)",
        "0: neighbours lie at random; 1: all lie parallel.",
        "D",
        source=_STUDY,
    ),
    Feature(
        "equivalent_diameter_um",
        "Diameter",
        "µm",
        "diameter of the ball (disc) of the same volume (area)",
        "Size as one length.",
        "C",
        family="size",
    ),
    Feature("axis_z", "AxisZ", "", "z of the longest axis's unit vector", "Orientation without angles.", "A", (3,)),
    Feature("axis_y", "AxisY", "", "y of the longest axis's unit vector", "Orientation without angles.", "A"),
    Feature("axis_x", "AxisX", "", "x ≥ 0 of the longest axis's unit vector", "Orientation without angles.", "A"),
    Feature(
        "pdensity_coverage",
        "PDensityCoverage",
        "",
        "share of that cube (square) inside image and field of view",
        "How far PDensity can be trusted.",
        "D",
        not_a_property=_FOUND,
    ),
    Feature(
        "solid_volume_um3",
        "SolidVolume",
        "µm³",
        "voxels of M × voxel volume",
        "Active material inside the image.",
        "C",
        (3,),
        not_for_damage=_LESS_CRACKS,
        family="size",
    ),
    Feature(
        "solid_area_um2",
        "SolidArea",
        "µm²",
        "pixels of M × pixel area",
        "Active material inside the image.",
        "C",
        (2,),
        not_for_damage=_LESS_CRACKS,
        family="size",
    ),
    Feature(
        "radius_long_um",
        "RadiusLong",
        "µm",
        "√(5 λ_max) of the covariance of F: longest radius of the ellipsoid with these moments (ellipse: √(4 λ_max))",
        "Half the length of the particle.",
        "C",
        family="size",
        detail_of="volume_um3",
    ),
    Feature(
        "radius_middle_um",
        "RadiusMiddle",
        "µm",
        "the same of the middle axis",
        "Half the width of the particle.",
        "C",
        (3,),
        family="size",
        detail_of="volume_um3",
    ),
    Feature(
        "radius_short_um",
        "RadiusShort",
        "µm",
        "the same of the shortest axis",
        "Half the thickness of the particle: how far lithium has to diffuse.",
        "C",
        family="size",
        detail_of="volume_um3",
    ),
    Feature(
        "convexity",
        "Convexity",
        "",
        "voxels of F / voxels within the convex hull of F",
        "1 has no hollows in its outline; lumpy, bent and wrongly merged particles are lower.",
        "C",
    ),
    Feature(
        "damage_open",
        "DamageOpen",
        "",
        "voxels of the pieces of K that reach the surface of F / voxels of F",
        "Cracks that the electrolyte can enter.",
        "K",
        (3,),
        not_for_damage=_PART,
    ),
    Feature(
        "damage_closed",
        "DamageClosed",
        "",
        "voxels of the other pieces of K / voxels of F",
        "Pores and cracks shut off from the electrolyte.",
        "K",
        (3,),
        not_for_damage=_PART,
    ),
    Feature(
        "open_crack_volume_um3",
        "OpenCrackVolume",
        "µm³",
        "voxels of the pieces of K that reach the surface × voxel volume",
        "Space that the electrolyte can fill.",
        "K",
        (3,),
        not_for_damage=_PART,
        family="size",
    ),
    Feature(
        "closed_pore_volume_um3",
        "ClosedPoreVolume",
        "µm³",
        "voxels of the other pieces of K × voxel volume",
        "Space that stays empty.",
        "K",
        (3,),
        not_for_damage=_PART,
        family="size",
    ),
    Feature(
        "damage_grey",
        "DamageGrey",
        "",
        "Damage, with Σ (s − g) / (s − v) in place of K within F less two layers; g grey, s the solid's, v a void's",
        "Damage without a threshold: it counts cracks thinner than a voxel, too, but uneven composition shifts it.",
        "K",
        not_for_damage="it is damage, taken from grey",
    ),
    Feature(
        "crack_orientation",
        "CrackOrientation",
        "",
        "mean of P2(cos θ) over the surface between K and M; θ from its normal to the radius (in a slice cos 2θ)",
        "1: cracks run along the surface; 0: anyhow; −0.5 (in a slice −1): they run from the core to the rim.",
        "K",
        not_for_damage=_PART,
    ),
    Feature(
        "hollow_core",
        "HollowCore",
        "",
        "voxels of K in the largest ball (disc) around the centroid of which at least half is K / voxels of F",
        "Share of the particle that is a hollow in its middle.",
        "K",
        not_for_damage=_PART,
    ),
    Feature(
        "largest_crack_volume_um3",
        "LargestCrack",
        "µm³",
        "largest piece of K, whose voxels share at least a corner",
        "Whether damage is one large crack or many small ones.",
        "K",
        (3,),
        not_for_damage=_PART,
        family="size",
    ),
    Feature(
        "largest_crack_area_um2",
        "LargestCrack",
        "µm²",
        "largest piece of K, whose pixels share at least a corner",
        "Whether damage is one large crack or many small ones.",
        "K",
        (2,),
        not_for_damage=_PART,
        family="size",
    ),
    Feature(
        "largest_crack_extent_um",
        "LargestCrackExtent",
        "µm",
        "largest distance between voxels of that piece + one voxel edge; 0 without cracks",
        "How far the longest crack reaches.",
        "K",
        not_for_damage=_PART,
    ),
    *(
        Feature(
            f"damage_shell_{number}",
            f"DamageShell{number}",
            "",
            f"voxels of K / voxels of F in shell {number} of 5, from the core to the rim",
            f"How damaged the particle is {where}.",
            "K",
            not_for_damage=_PART,
        )
        for number, where in enumerate(_SHELLS, 1)
    ),
    *(
        Feature(
            f"grey_shell_{number}",
            f"GreyShell{number}",
            "grey",
            f"mean grey over M less two layers in shell {number} of 5, from the core to the rim",
            f"How dense, and how charged, the solid is {where}.",
            "B",
            not_for_damage=_FRINGE,
            detail_of="edensity",
        )
        for number, where in enumerate(_SHELLS, 1)
    ),
    Feature(
        "grey_gradient",
        "GreyGradient",
        "grey",
        "GreyShell4 − GreyShell2",
        "How much brighter the outer part is than the inner: a gradient of composition or charge.",
        "B",
        not_for_damage=_FRINGE,
    ),
    Feature(
        "coordination",
        "Coordination",
        "",
        "number of particles in contact over at least one face of a voxel, within the gap tolerance",
        "How many neighbours hold the particle; each contact stands in the table of contacts.",
        "D",
    ),
    Feature(
        "depth_low_um",
        "DepthLow",
        "µm",
        "distance of the centroid from the electrode's face at low values of its axis",
        "How deep it lies below that face; empty where the image does not show it.",
        "A",
        (3,),
    ),
    Feature(
        "depth_high_um",
        "DepthHigh",
        "µm",
        "distance of the centroid from the electrode's face at high values of its axis",
        "How deep it lies below that face; empty where the image does not show it.",
        "A",
        (3,),
    ),
    Feature(
        "thickness_position",
        "ThicknessPosition",
        "",
        "DepthLow / (DepthLow + DepthHigh)",
        "Where it lies across the electrode: 0 at the one face, 1 at the other.",
        "A",
        (3,),
    ),
    Feature(
        "voxel_count",
        "Voxels",
        "",
        "voxels of the label",
        "Size of the label as it is.",
        "",
        not_a_property=_FOUND,
    ),
    Feature(
        "touches_border",
        "TouchesBorder",
        "",
        "whether the image or its field of view cuts the particle",
        "Such a particle has no size, shape, surface or damage of its own, but serves as a neighbour.",
        "",
        not_a_property=_FOUND,
    ),
)

_OF_VIEWS = (
    Feature(
        "view_agreement",
        "ViewAgreement",
        "",
        "mean over the views of the intersection over union with what each saw of the particle (`view_iou_…`)",
        "How far the particle can be trusted; the lowest are worth a look.",
        "V",
        (3,),
        not_a_property=_FOUND,
    ),
    Feature(
        "view_count",
        "ViewCount",
        "",
        "number of views with an intersection over union of at least 0.5",
        "How many views saw the particle as it is.",
        "V",
        (3,),
        not_a_property=_FOUND,
    ),
    *(
        Feature(
            f"view_iou_{view}",
            f"ViewIoU{view.upper()}",
            "",
            f"Σ size(A ∩ B) / Σ size(A ∪ B) over {view} slices; A the cross section, B the section that shares most",
            f"How well what was found in {view} slices fits the particle; 0 where nothing was found.",
            "V",
            (3,),
            not_a_property=_FOUND,
        )
        for view in ("xy", "xz", "yz")
    ),
    Feature(
        "view_volume_spread",
        "ViewVolumeSpread",
        "",
        "(largest − smallest volume that the views with an intersection over union of at least 0.5 saw) / volume",
        "How much the views disagree on the size; empty where fewer than two saw the particle.",
        "V",
        (3,),
        not_a_property=_FOUND,
    ),
    Feature(
        "review_done",
        "Reviewed",
        "",
        "whether a person accepted or excluded the particle",
        "Who looked.",
        "V",
        not_a_property=_FOUND,
    ),
    Feature(
        "review_excluded",
        "Excluded",
        "",
        "whether a person excluded the particle",
        "Left out of statistics, plots and explanations; it stays in the labels, and as a neighbour.",
        "V",
        not_a_property=_FOUND,
    ),
    Feature(
        "review_flagged",
        "Flagged",
        "",
        "whether a person flagged the particle",
        "Worth another look; it counts everywhere.",
        "V",
        not_a_property=_FOUND,
    ),
    Feature(
        "review_class",
        "Class",
        "",
        "the class that a person gave the particle",
        "What kind of particle it is, in the person's own words.",
        "V",
        not_a_property=_FOUND,
    ),
    Feature("review_note", "Note", "", "what a person noted of the particle", "A remark.", "V", not_a_property=_FOUND),
)
"""Of fusion and review: not measured on the labels, but joined to the table where they are known."""

FEATURES: dict[str, Feature] = {feature.column: feature for feature in (*_ALL, *_OF_VIEWS)}
"""Column → feature, in the order of the table."""


def columns(dimensions: int, groups: Iterable[str] = tuple(CHOICES)) -> list[str]:
    """List the columns of a table for slices (2) or volumes (3), in order; of some groups (`CHOICES`) only."""
    wanted = {CHOICES[name] for name in groups} | {""}
    return [
        feature.column
        for feature in _ALL
        if dimensions in feature.dimensions and (feature.group in wanted or feature.column in PLACE)
    ]
