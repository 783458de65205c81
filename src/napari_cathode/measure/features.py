"""The dictionary of features: what each column is, in one place.

Tooltips, CSV sidecars, reports and the documentation (`page`) all come from here, and so does what may explain what.
"""

from __future__ import annotations

from dataclasses import dataclass

GROUPS = {
    "A": "Position and orientation",
    "B": "Chemistry (grey)",
    "C": "Particle structure",
    "D": "Local morphology",
    "V": "Agreement of the views, and review",
    "": "Further columns",
}
"""Groups of features; A to D after Li et al., Science 376, 517 (2022)."""

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


_STUDY = "Li et al. 2022"
_CROFTON = "Lehmann & Legland 2012"

_FOUND = "it says how the particle was found or counted, not what it is"
_IN_PLANE = "the place within the plane of the electrode is arbitrary"
_ANGLE = "angles jump at ±180°; orientation enters by the components of the axis"
_INNER = "the inner surface is that of the cracks which damage counts"
_LESS_CRACKS = "the solid is the particle less the cracks which damage counts"

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
    ),
    Feature(
        "homogeneity",
        "Homogeneity",
        "1/grey",
        "1 / standard deviation of the grey over the same voxels",
        "How even the composition is.",
        "B",
        source=_STUDY,
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
    ),
    Feature(
        "rough_outer",
        "RoughOuter",
        "",
        "outer surface / outer surface after Gaussian smoothing that keeps the volume",
        "1 is smooth.",
        "C",
        source=_STUDY,
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


def columns(dimensions: int) -> list[str]:
    """List the columns of a table for slices (2) or volumes (3), in order."""
    return [feature.column for feature in _ALL if dimensions in feature.dimensions]
