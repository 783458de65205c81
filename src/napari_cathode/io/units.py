"""Lengths in µm, and the many ways in which files spell their unit."""

from __future__ import annotations

import math

_UM_PER_UNIT = {
    "m": 1e6,
    "metre": 1e6,
    "meter": 1e6,
    "cm": 1e4,
    "mm": 1e3,
    "millimetre": 1e3,
    "millimeter": 1e3,
    "um": 1.0,
    "µm": 1.0,
    "micron": 1.0,
    "micrometre": 1.0,
    "micrometer": 1.0,
    "nm": 1e-3,
    "nanometre": 1e-3,
    "nanometer": 1e-3,
    "å": 1e-4,
    "angstrom": 1e-4,
    "ångström": 1e-4,
    "inch": 25400.0,
    "in": 25400.0,
}


def um_per_unit(unit: str | None) -> float | None:
    r"""Give how many µm a unit is, or None where it is no length (``pixel``) or not known.

    ImageJ writes ``µ`` as such, as the letter mu, or escaped (``\u00B5m``); all are understood, and plurals.
    """
    if not unit:
        return None
    plain = unit.strip().strip('"')
    for escape, character in (("\\u00B5", "µ"), ("\\u00b5", "µ"), ("\\u03BC", "µ"), ("\\u00C5", "Å"), ("μ", "µ")):
        plain = plain.replace(escape, character)
    plain = plain.casefold().replace("μ", "µ")  # casefold turns the micro sign into the letter mu
    if plain in _UM_PER_UNIT:
        return _UM_PER_UNIT[plain]
    return _UM_PER_UNIT.get(plain.removesuffix("es")) or _UM_PER_UNIT.get(plain.removesuffix("s"))


def to_um(length: float, unit: str | None) -> float | None:
    """Give a length in µm; None where its unit is no length or it is no positive number.

    Rounded to nine digits, since TIFF keeps lengths as the inverse of a fraction.
    """
    factor = um_per_unit(unit)
    if factor is None or not math.isfinite(length) or length <= 0:
        return None
    return float(f"{length * factor:.9g}")
