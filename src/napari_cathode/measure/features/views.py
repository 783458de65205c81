"""Columns of fusion and review: not measured on the labels, but joined to the table where they are known."""

from __future__ import annotations

from .feature import FOUND, Feature

OF_VIEWS = (
    Feature(
        "view_agreement",
        "ViewAgreement",
        "",
        "mean over the views of the intersection over union with what each saw of the particle (`view_iou_…`)",
        "How far the particle can be trusted; the lowest are worth a look.",
        "V",
        (3,),
        not_a_property=FOUND,
    ),
    Feature(
        "view_count",
        "ViewCount",
        "",
        "number of views with an intersection over union of at least 0.5",
        "How many views saw the particle as it is.",
        "V",
        (3,),
        not_a_property=FOUND,
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
            not_a_property=FOUND,
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
        not_a_property=FOUND,
    ),
    Feature(
        "review_done",
        "Reviewed",
        "",
        "whether a person accepted or excluded the particle",
        "Who looked.",
        "V",
        not_a_property=FOUND,
    ),
    Feature(
        "review_excluded",
        "Excluded",
        "",
        "whether a person excluded the particle",
        "Left out of statistics, plots and explanations; it stays in the labels, and as a neighbour.",
        "V",
        not_a_property=FOUND,
    ),
    Feature(
        "review_flagged",
        "Flagged",
        "",
        "whether a person flagged the particle",
        "Worth another look; it counts everywhere.",
        "V",
        not_a_property=FOUND,
    ),
    Feature(
        "review_class",
        "Class",
        "",
        "the class that a person gave the particle",
        "What kind of particle it is, in the person's own words.",
        "V",
        not_a_property=FOUND,
    ),
    Feature("review_note", "Note", "", "what a person noted of the particle", "A remark.", "V", not_a_property=FOUND),
)
