"""Draw what the groups of features measure, as SVG files in images/: ``python docs/draw_features.py``."""

from __future__ import annotations

import math
import random
from pathlib import Path

IMAGES = Path(__file__).parent / "images"
WIDTH, HEIGHT = 720, 250
SOLID, EDGE, VOID, PAPER = "#b9c7d6", "#4a6078", "#ffffff", "#ffffff"
INK, FAINT, BLUE, ORANGE, GREEN = "#222222", "#8a8a8a", "#2a6db0", "#c4671b", "#3a8a4d"


class Drawing:
    """Shapes and words on a white sheet, so that they can be read on light and dark pages."""

    def __init__(self, title: str, height: int = HEIGHT) -> None:
        self._parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" '
            f'height="{height}" font-family="Helvetica, Arial, sans-serif" font-size="13" role="img">',
            f"<title>{title}</title>",
            '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
            f'orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" fill="{INK}"/></marker></defs>',
            f'<rect width="{WIDTH}" height="{height}" rx="8" fill="{PAPER}"/>',
        ]

    def text(self, x: float, y: float, words: str, anchor: str = "middle", fill: str = INK, size: int = 13) -> None:
        """Write words."""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{fill}" font-size="{size}">{words}</text>'
        )

    def blob(self, points: list[tuple[float, float]], fill: str = SOLID, stroke: str = EDGE, dash: str = "") -> None:
        """Draw a closed outline."""
        path = "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points) + "Z"
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(f'<path d="{path}" fill="{fill}" stroke="{stroke}" stroke-width="1.5"{dashed}/>')

    def circle(
        self, x: float, y: float, r: float, fill: str = SOLID, stroke: str = EDGE, dash: str = "", width: float = 1.5
    ) -> None:
        """Draw a circle."""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{r:.1f}" fill="{fill}" stroke="{stroke}" '
            f'stroke-width="{width}"{dashed}/>'
        )

    def line(
        self, a: tuple[float, float], b: tuple[float, float], ends: str = "", stroke: str = INK, width: float = 1.5,
        dash: str = "",
    ) -> None:  # fmt: skip
        """Draw a line, with arrow heads at the ends named (< and >)."""
        start = ' marker-start="url(#tip)"' if "<" in ends else ""
        end = ' marker-end="url(#tip)"' if ">" in ends else ""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<line x1="{a[0]:.1f}" y1="{a[1]:.1f}" x2="{b[0]:.1f}" y2="{b[1]:.1f}" stroke="{stroke}" '
            f'stroke-width="{width}"{start}{end}{dashed}/>'
        )

    def box(self, x: float, y: float, width: float, height: float, stroke: str = EDGE, dash: str = "") -> None:
        """Draw a rectangle."""
        dashed = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(
            f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" fill="none" stroke="{stroke}" '
            f'stroke-width="1.5"{dashed}/>'
        )

    def done(self) -> str:
        """Give the file's text."""
        return "\n".join([*self._parts, "</svg>"]) + "\n"


def lumpy(
    x: float, y: float, r: float, seed: int, stretch: float = 1.0, turn: float = 0.0
) -> list[tuple[float, float]]:
    """Give the outline of a lumpy particle."""
    rng = random.Random(seed)
    waves = [(n, rng.uniform(-0.035, 0.035), rng.uniform(0, 6.3)) for n in range(2, 7)]
    points = []
    for step in range(72):
        angle = step * math.pi / 36
        radius = r * (1 + sum(size * math.sin(n * angle + phase) for n, size, phase in waves))
        a, b = radius * stretch * math.cos(angle), radius * math.sin(angle)
        points.append((x + a * math.cos(turn) - b * math.sin(turn), y + a * math.sin(turn) + b * math.cos(turn)))
    return points


def position() -> str:
    """Draw centroid, axes, angles and depth."""
    d = Drawing("Position and orientation")
    d.line((40, 210), (110, 210), ">")
    d.text(120, 214, "x", "start")
    d.line((40, 210), (40, 140), ">")
    d.text(40, 130, "y")
    turn = -math.radians(28)
    d.blob(lumpy(190, 130, 48, 3, 1.6, turn))
    long = (78 * math.cos(turn), 78 * math.sin(turn))
    d.line((190 - long[0], 130 - long[1]), (190 + long[0], 130 + long[1]), "<>", BLUE)
    d.circle(190, 130, 3.5, INK, INK)
    d.line((190, 130), (290, 130), stroke=FAINT, dash="4 3")
    d.text(282, 116, "Yaw")
    d.text(190, 226, "X, Y, Z: centroid of F")
    d.text(236, 68, "long axis (AxisX, Y, Z)", fill=BLUE)
    d.line((420, 45), (680, 45), stroke=EDGE, width=3)
    d.line((420, 215), (680, 215), stroke=EDGE, width=3)
    for number, (x, y, r) in enumerate(((455, 85, 30), (520, 160, 38), (585, 90, 32), (648, 165, 34), (455, 180, 26))):
        d.blob(lumpy(x, y, r, number + 5))
    d.circle(585, 90, 3.5, INK, INK)
    d.line((585, 47), (585, 86), "<>", ORANGE)
    d.line((600, 94), (600, 213), "<>", ORANGE)
    d.text(578, 66, "DepthLow", "end", ORANGE, 12)
    d.text(606, 120, "DepthHigh", "start", ORANGE, 12)
    d.text(550, 34, "face of the electrode", fill=FAINT, size=12)
    d.text(550, 234, "ThicknessPosition: 0 at this face above, 1 below", fill=INK, size=12)
    return d.done()


def grey() -> str:
    """Draw where grey is taken."""
    d = Drawing("Grey")
    outline = lumpy(150, 118, 82, 2)
    d.blob(outline, VOID, EDGE)
    d.blob([(150 + 0.88 * (x - 150), 118 + 0.88 * (y - 118)) for x, y in outline], SOLID, BLUE, "4 3")
    d.blob([(135, 118), (158, 112), (204, 82), (166, 128), (140, 130)], VOID, BLUE, "4 3")
    d.text(170, 222, "EDensity, Homogeneity:", size=12)
    d.text(170, 239, "grey of M less one layer (blue)", fill=BLUE, size=12)
    centre = (520, 110)
    shades = ("#7f97ae", "#93a9bd", "#a7bacb", "#bccbd8", "#d2dde6")
    for shell in range(5, 0, -1):
        outline = [
            (centre[0] + shell / 5 * (x - 150), centre[1] + shell / 5 * (y - 118)) for x, y in lumpy(150, 118, 88, 4)
        ]
        d.blob(outline, shades[shell - 1], EDGE)
        d.text(centre[0] + 17.6 * (shell - 0.5), centre[1] + 5, str(shell), size=12)
    d.line((430, 60), (512, 112), ">", FAINT)
    d.text(424, 56, "core", "end", FAINT)
    d.line((640, 55), (594, 78), ">", FAINT)
    d.text(646, 52, "rim", "start", FAINT)
    d.text(520, 222, "GreyShell1 … 5: grey of M less two layers", size=12)
    d.text(520, 239, "DamageShell1 … 5: K over F", size=12)
    return d.done()


def structure() -> str:
    """Draw the bodies F, M and K, radii and hull."""
    d = Drawing("Particle structure")
    outline = lumpy(120, 115, 78, 8)
    d.blob(outline, SOLID, ORANGE)
    crack = [(118, 118), (128, 108), (176, 66), (186, 52), (196, 62), (184, 76), (134, 124)]
    d.blob(crack, VOID, GREEN)
    d.circle(95, 140, 13, VOID, GREEN)
    d.text(80, 92, "M")
    d.text(96, 145, "K", fill=GREEN)
    d.text(58, 36, "F", fill=ORANGE)
    d.line((62, 40), (76, 56), stroke=ORANGE)
    d.text(120, 213, "SurfaceOuter: of F", fill=ORANGE, size=12)
    d.text(120, 231, "SurfaceInner: between M and K", fill=GREEN, size=12)
    turn = -0.4
    d.blob(lumpy(360, 115, 56, 11, 1.45, turn))
    for radius, angle, name in ((82, turn, "RadiusLong"), (54, turn + math.pi / 2, "RadiusShort")):
        end = (360 + radius * math.cos(angle), 115 + radius * math.sin(angle))
        d.line((360, 115), end, ">", BLUE)
        d.text(end[0] + (24 if radius > 60 else 6), end[1] + (-6 if radius > 60 else 18), name, "middle", BLUE, 12)
    d.text(360, 213, "Elongation: longest over shortest;", size=12)
    d.text(360, 231, "Sphericity: F against a ball", size=12)
    two = [
        (570 + 44 * math.cos(a), 115 + 52 * math.sin(a)) for a in [math.pi / 2 + n * math.pi / 18 for n in range(19)]
    ]
    two += [(608, 85)]
    two += [
        (646 + 44 * math.cos(a), 115 + 52 * math.sin(a)) for a in [-math.pi / 2 + n * math.pi / 18 for n in range(19)]
    ]
    two += [(608, 145)]
    hull = [point for point in two if point not in ((608, 85), (608, 145))]
    d.blob(hull, "#f3ddc9", ORANGE, "4 3")
    d.blob(two)
    d.text(608, 213, "Convexity: F over its convex hull", size=12)
    d.text(608, 231, "(dashed)", fill=ORANGE, size=12)
    return d.done()


def cracks() -> str:
    """Draw open and closed, radial and tangential, hollow core and largest piece."""
    d = Drawing("Cracks and pores")

    def particle(x: float, seed: int) -> None:
        d.blob(lumpy(x, 112, 66, seed))

    particle(95, 21)
    d.blob([(92, 110), (102, 100), (150, 52), (160, 64), (108, 116)], VOID, ORANGE)
    d.circle(72, 132, 13, VOID, BLUE)
    d.text(92, 206, "open", "end", ORANGE, 12)
    d.text(96, 206, "and closed:", "start", BLUE, 12)
    particle(270, 22)
    for angle in (0.3, 2.3, 4.4):
        c, s = math.cos(angle), math.sin(angle)
        d.blob(
            [(270 + 18 * c, 112 + 18 * s), (270 + 55 * c - 4 * s, 112 + 55 * s + 4 * c),
             (270 + 55 * c + 4 * s, 112 + 55 * s - 4 * c)], VOID, ORANGE,
        )  # fmt: skip
    d.circle(270, 112, 3, INK, INK)
    d.text(270, 206, "radial:", size=12)
    d.text(270, 224, "CrackOrientation −0.5", size=12)
    particle(450, 23)
    for start in (0.4, 2.6, 4.6):
        arc = [start + n * 0.1 for n in range(12)]
        d.blob(
            [(450 + 46 * math.cos(a), 112 + 46 * math.sin(a)) for a in arc]
            + [(450 + 39 * math.cos(a), 112 + 39 * math.sin(a)) for a in reversed(arc)], VOID, ORANGE,
        )  # fmt: skip
    d.circle(450, 112, 3, INK, INK)
    d.text(450, 206, "tangential:", size=12)
    d.text(450, 224, "CrackOrientation 1", size=12)
    particle(630, 24)
    d.blob(lumpy(630, 112, 28, 25), VOID, ORANGE)
    d.circle(630, 112, 35, "none", BLUE, "4 3")
    d.text(622, 206, "HollowCore: K in the largest", size=12)
    d.text(622, 224, "ball that is half empty", fill=BLUE, size=12)
    d.text(95, 224, "DamageOpen, DamageClosed", size=12)
    return d.done()


def surroundings() -> str:
    """Draw contacts, cube and six nearest."""
    d = Drawing("Local morphology")
    middle = (125, 104)
    around = [(0.2, 66), (1.3, 66), (2.35, 66), (3.4, 66), (4.4, 66), (5.4, 74)]
    for number, (angle, reach) in enumerate(around):
        x, y = middle[0] + reach * math.cos(angle), middle[1] + reach * math.sin(angle)
        d.blob(lumpy(x, y, 28, 30 + number), "#dde5ec" if number != 5 else PAPER)
    d.circle(*middle, 36, SOLID)
    for angle, _ in around[:5]:
        c, s = math.cos(angle), math.sin(angle)
        a = (middle[0] + 37 * c - 10 * s, middle[1] + 37 * s + 10 * c)
        b = (middle[0] + 37 * c + 10 * s, middle[1] + 37 * s - 10 * c)
        d.line(a, b, stroke=ORANGE, width=4)
    d.text(125, 222, "Contact: share of the surface", size=12)
    d.text(125, 239, "Coordination: how many touch, here 5", size=12)
    box = 310
    for number, (x, y, r) in enumerate(
        ((330, 62, 26), (380, 112, 30), (335, 157, 24), (430, 57, 24), (430, 164, 26), (282, 112, 20))
    ):
        d.blob(lumpy(x, y, r, 50 + number))
    d.box(box, 42, 140, 140, BLUE, "5 3")
    d.circle(380, 112, 3.5, INK, INK)
    d.text(380, 222, "PDensity: solid in a cube", size=12)
    d.text(380, 239, "around it, 20 µm by default", fill=BLUE, size=12)
    for number, (x, y) in enumerate(((578, 44), (643, 56), (670, 112), (632, 164), (572, 164), (545, 104))):
        d.blob(lumpy(x, y, 17, 70 + number, 1.35, 0.5 * number))
        d.line((608, 106), (x, y), stroke=FAINT, dash="3 3")
    d.blob(lumpy(608, 106, 19, 80))
    d.text(602, 222, "six nearest: DistNearest, OrienIso,", size=12)
    d.text(602, 239, "ElongStd, VolumeStd, SphericityStd", size=12)
    return d.done()


def views() -> str:
    """Draw what three views saw against the particle."""
    d = Drawing("Agreement of the views")
    for number, (name, seed, shift) in enumerate((("xy", 91, 5), ("xz", 92, -7), ("yz", 93, 16))):
        x = 130 + 230 * number
        d.blob(lumpy(x, 112, 70, 90))
        d.blob(lumpy(x + shift, 112 + shift / 2, 66, seed), "none", ORANGE, "5 3")
        d.text(x, 30, f"{name} slices")
    d.text(360, 212, "ViewIoU: what a view saw (dashed) against the particle, over all its slices", size=12)
    d.text(360, 230, "ViewAgreement: the mean of the three", size=12)
    return d.done()


DRAWINGS = {
    "features_position.svg": position,
    "features_grey.svg": grey,
    "features_structure.svg": structure,
    "features_cracks.svg": cracks,
    "features_surroundings.svg": surroundings,
    "features_views.svg": views,
}


def main() -> None:
    """Write all drawings."""
    IMAGES.mkdir(exist_ok=True)
    for name, draw in DRAWINGS.items():
        (IMAGES / name).write_text(draw(), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    main()
