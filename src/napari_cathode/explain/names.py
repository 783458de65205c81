"""Names of columns as people read them."""

from __future__ import annotations

from typing import Any

SHARE, SHUFFLED = "shap_share", "r2_if_shuffled"
"""What the bars of an importance stand for; they are no columns."""

_UNITS = {"um": "µm", "um2": "µm²", "um3": "µm³", "deg": "°", "px": "px", "nm": "nm"}


def display_name(column: str) -> str:
    """Give the name of a feature without its unit ("Volume"), the published one where the feature has one."""
    feature = _known(column)
    if feature is not None:
        return str(feature.display)
    stem, unit = _split(column)
    words = (stem if unit else column).replace("_", " ")
    return words[:1].upper() + words[1:]


def unit_of(column: str) -> str:
    """Give the unit of a feature ("µm³"), "" when it has none or nobody stated one."""
    feature = _known(column)
    if feature is not None:
        return str(feature.unit)
    return _split(column)[1]


def axis_title(column: str) -> str:
    """Give a feature's name with its unit, as the title of an axis ("Volume (µm³)")."""
    unit = unit_of(column)
    return f"{display_name(column)} ({unit})" if unit else display_name(column)


def drivers_text(drivers: str) -> str:
    """Write the drivers of a group of particles ("+sphericity, −z_um") with names as people read them."""
    parts = []
    for part in drivers.split(", "):
        sign, name = part[:1], part[1:]
        parts.append(f"{'raised' if sign == '+' else 'lowered'} by {display_name(name)}" if sign in "+−" else part)
    return ", ".join(parts)


def shape_text(feature: str, kind: str, turn: float) -> str:
    """Write the shape of a dependence ("rises up to 0.8, then falls")."""
    first, _, then = kind.partition(" then ")
    if not then:
        return kind
    unit = unit_of(feature)
    at = f"{turn:.3g}{f' {unit}' if unit else ''}"
    return f"{first} up to {at}, then {'is level' if then == 'level' else then}"


def _known(column: str) -> Any:
    from napari_cathode.measure import FEATURES

    return FEATURES.get(column)


def _split(column: str) -> tuple[str, str]:
    stem, _, suffix = column.rpartition("_")
    return (stem, _UNITS[suffix]) if stem and suffix in _UNITS else (column, "")
