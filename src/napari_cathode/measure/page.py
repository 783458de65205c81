"""The page of documentation, made from the dictionary: ``python -m napari_cathode.measure`` prints it."""

from __future__ import annotations

from .features import CHOICES, FEATURES, GROUPS

_DRAWINGS = {"A": "position", "B": "grey", "C": "structure", "K": "cracks", "D": "surroundings", "V": "views"}


def as_markdown() -> str:
    """Write the dictionary as a page of documentation."""
    parts = [_section(group, title) for group, title in GROUPS.items()]
    return _INTRODUCTION + "\n".join([*parts, _CONTACTS, _not_for_damage(), _published()])


def _not_for_damage() -> str:
    """List the columns that must not predict damage, by reason."""
    reasons: dict[str, list[str]] = {}
    for feature in FEATURES.values():
        if feature.not_for_damage:
            reasons.setdefault(feature.not_for_damage, []).append(f"`{feature.column}`")
    rows = [f"- {', '.join(names)}: {reason}." for reason, names in reasons.items()]
    return "\n".join([_LEAKS, *rows]) + "\n"


def _published() -> str:
    """List the definitions that differ from the published ones."""
    rows = ["| column | published definition |", "|---|---|"]
    for feature in FEATURES.values():
        if feature.published:
            unit = f" ({feature.published_unit})" if feature.published_unit else ""
            rows.append(f"| `{feature.column}` | {feature.published}{unit} |")
    return "\n".join([_PUBLISHED, *rows]) + "\n"


def _section(group: str, title: str) -> str:
    chosen = [name for name, letter in CHOICES.items() if letter == group]
    rows = [
        f"## {group + '. ' if group else ''}{title}" + (f" (`{chosen[0]}`)" if chosen else ""),
        "",
        *([f"![{title}](images/features_{_DRAWINGS[group]}.svg)", ""] if group in _DRAWINGS else []),
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

*Groups* in the Features panel, and `--groups` on the command line, choose what is measured by the names in brackets
below; the place of a particle and the columns of no group are always there. *Summary* (`summary.csv`) gives D10, D50
and D90, the solid fraction, and mean and standard deviation of each feature, each with its number of particles.

Labels may cover whole particles or only their solid. Where the image shows that wide cracks are not labelled, or where
*labels cover* says so, particles are completed: closing bridges the cracks that reach the surface, and hollows below
the convex hull that are deeper than 15 % of the particle's radius, or darker than the background, are cracks too wide
for that. Beside deep ones one voxel more belongs to them where it is darker than half way from the background to a
void. What closes around other particles is left to them. Lengths are in µm, voxels may have different edges along z, y
and x.
[How right the values are](validation.md) is measured.

- **M**, the solid: F without its cracks. A crack is found where a voxel is darker than half way between the particle's
  own solid grey and the background around it, after a light Gaussian against noise. The solid grey is the median of
  the label's voxels that lie nearer to it than to the background and have no darker voxel beside them, as blur darkens
  the solid beside cracks; the background is the median at least three voxels away from all particles (of the whole
  image where too few such voxels are near). Near the surface a dark voxel may be partial volume or a label a little
  too wide: it is a crack only two layers below the surface of what the solid encloses, or three below that of F, or
  where it continues such a crack.
  How many voxels a crack takes is then weighed: blur smears the grey that a crack takes away but keeps its sum, so
  each voxel in or beside a crack counts by the grey it lacks, as a share of what is lacking in a void, and as many
  voxels as that adds up to, the emptiest ones, are crack. The solid around a crack is the mean within four voxels;
  the void is the median in the middle of wide cracks, of the particle and of the image. Thin cracks that are darker
  than the solid around them by 31 % of the way to a void are counted in this way, fainter ones are missed.
- **F**, the filled particle: its label, and what closing M by a ball and filling its holes (while it is swollen)
  adds, and of labels of solid alone what completes it, less the voxels of other labels.
- **K** = F without M: the particle's cracks and pores.

Without an image M is the label, and grey values are empty. A particle that does not stand out from the background has
no damage. Particles cut by the border of the image or of its field of view are flagged; their size, shape, surface
and damage are empty, and they still serve as neighbours. Particles of fewer than 27 voxels (9 in a slice) have no
shape, and with six particles or fewer nobody has six neighbours: those values are empty, too. Directions are empty
where two axes are within 2 % of each other.

Shells run from the centroid to the surface in five equal steps, in every direction, whatever the shape of the particle.
Grey in shells leaves two layers beside every surface out, so that the blur there is not taken for a profile; fringes of
phase contrast reach farther, and brighten the solid beside voids. A piece of cracks is what hangs together by voxels
that share a corner. The electrode's faces are where the solid fraction, layer by layer along the *thickness axis*,
passes half of what it is inside; where the image does not show what lies beyond a face, depth is empty. PDensity takes
the particle's own cracks for empty, too: at 20 µm a particle of 10 µm holds a fifteenth of its cube.

The program says so where a length does not suit the data: a closing radius of more than half of the median particle
radius, a smoothing or a gap tolerance of more than a quarter of it, any of them of less than a voxel, and a cube of
less than two particle diameters or far larger than the image.

On one core a million voxels of solid take about a quarter of a second (`python benchmarks/measure_speed.py`: 1,663
particles in 400³ voxels). Files larger than memory are measured block by block: 492 × 1324 × 1985 voxels with 57,766
particles in zarr took five minutes of processor time and 3.8 GB (`python benchmarks/measure_gigavoxel.py`).

Lehmann & Legland 2012: Efficient N-dimensional surface estimation using Crofton formula and run-length encoding,
Insight Journal. Li et al. 2022: Dynamics of particle network in composite battery cathodes, Science 376, 517 (names
and purpose; the definitions here are those of this table). The hull's voxels are counted by Ehrhart's polynomial: Beck
and Robins, Computing the Continuous Discretely, Springer 2015.

"""

_CONTACTS = """## Contacts

`contacts.csv` has one row a pair of particles that touch over at least one face of a voxel: `label_1` and `label_2`,
the area `area_um2` (in a slice `length_um`), its middle `z_um`, `y_um`, `x_um`, and `cut`, whether the border cuts one
of the two. The area is the mean of what the two particles see. Contact adds up the areas that the particle itself sees.
"""

_LEAKS = """## What must not predict damage

These columns contain damage. They are left out where damage is explained, unless they are named.
"""

_PUBLISHED = """## Published definitions

`--definitions li2022` (*Definitions* under *More settings*) gives these columns by the definitions of Li et al. 2022,
as far as those are well defined, so that older tables can be compared. Counts of surface voxels are 18 to 28 % low on
balls, and grey and sphericity then contain damage: do not use them to explain it. Everything else is as above.
"""
