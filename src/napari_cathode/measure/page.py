"""The page of documentation, made from the dictionary: ``python -m napari_cathode.measure`` prints it."""

from __future__ import annotations

from .features import FEATURES, GROUPS


def as_markdown() -> str:
    """Write the dictionary as a page of documentation."""
    return _INTRODUCTION + "\n".join(_section(group, title) for group, title in GROUPS.items())


def _section(group: str, title: str) -> str:
    rows = [
        f"## {group + '. ' if group else ''}{title}",
        "",
        "| column | name | unit | in | definition | what it tells | after |",
        "|---|---|---|---|---|---|---|",
    ]
    for feature in FEATURES.values():
        if feature.group == group:
            where = "/".join(f"{number}D" for number in sorted(feature.dimensions))
            cells = (feature.display, feature.unit, where, feature.formula, feature.meaning, feature.source)
            rows.append(f"| `{feature.column}` | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


_INTRODUCTION = """# Features of a particle

This page is made from the code: `python -m napari_cathode.measure > docs/features.md`.

Labels may cover whole particles or only their solid. Where the image shows that wide cracks are not labelled, or where
*labels cover* says so, particles are completed: closing bridges the cracks that reach the surface, and hollows below
the convex hull that are deeper than 15 % of the particle's radius, or darker than the background, are cracks too wide
for that. Lengths are in µm, voxels may have different edges along z, y and x.

- **M**, the solid: F without its cracks. A crack is found where a voxel is darker than half way between the particle's
  own solid grey and the background around it, after a light Gaussian against noise. The solid grey is the median of
  the label's voxels that lie nearer to it than to the background; the background is the median at least three voxels
  away from all particles (of the whole image where too few such voxels are near). Near the surface a dark voxel may be
  partial volume or a label a little too wide: it is a crack only two layers below the surface of what the solid
  encloses, or three below that of F, or where it continues such a crack.
  How many voxels a crack takes is then weighed: blur smears the grey that a crack takes away but keeps its sum, so each
  voxel in or beside a crack counts by the grey it lacks, as a share of what is lacking in a void, and as many voxels as
  that adds up to, the emptiest ones, are crack. The solid around a crack is the mean within four voxels; the void is
  the median in the middle of wide cracks, of the particle and of the image. Thin cracks that stay 30 % darker
  than the solid around them are counted in this way, fainter ones are missed.
- **F**, the filled particle: its label, and what closing M by a ball and filling its holes (while it is swollen)
  adds, and of labels of solid alone what completes it, less the voxels of other labels.
- **K** = F without M: the particle's cracks and pores.

Without an image M is the label, and grey values are empty. A particle that does not stand out from the background has
no damage. Particles cut by the border of the image or of its field of view are flagged; their size, shape, surface
and damage are empty, and they still serve as neighbours. Particles of fewer than 27 voxels (9 in a slice) have no
shape, and with six particles or fewer nobody has six neighbours: those values are empty, too. Directions are empty
where two axes are within 2 % of each other.

Lehmann & Legland 2012: Efficient N-dimensional surface estimation using Crofton formula and run-length encoding,
Insight Journal. Li et al. 2022: Dynamics of particle network in composite battery cathodes, Science 376, 517 (names
and purpose; the definitions here are those of this table).

"""
