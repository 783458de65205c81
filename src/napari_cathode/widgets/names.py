"""Names, units and definitions of columns, as the screen shows them."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from napari_cathode.explain.names import SHARE, SHUFFLED, axis_title, display_name, unit_of
from napari_cathode.measure import FEATURES

__all__ = ["axis_title", "display_name", "shown_order", "tooltip", "unit_of"]

_NOTIONS = {
    SHARE: "The mean of |SHAP| over all particles, how far a feature moves their predictions, as a share of all "
    "features together.",
    SHUFFLED: "How much worse particles that the models never saw are predicted when the values of this feature are "
    "dealt out anew among them; near zero, the models do without it.",
}
"""What stands at axes and is no feature."""
_LETTERS = {"F": "the whole, filled particle", "M": "its solid", "K": "its cracks and pores"}
_FIRST = ("label", "damage", "volume_um3", "area_um2")
_GROUPS = ("C", "K", "D", "B", "A", "V", "")


def shown_order(columns: Iterable[str]) -> list[str]:
    """Order columns as people look for them: what is asked of every particle first, where it lies last."""

    def place(column: str) -> tuple[int, int]:
        if column in _FIRST:
            return 0, _FIRST.index(column)
        return 1 + (_GROUPS.index(FEATURES[column].group) if column in FEATURES else len(_GROUPS)), 0

    return sorted(columns, key=place)


def tooltip(column: str) -> str:
    """Say what a column means and how it is defined, as rich text that wraps."""
    feature = FEATURES.get(column)
    if column in _NOTIONS:
        return f"<p>{_NOTIONS[column]}</p>"
    if feature is None:
        return f"<p>{html.escape(column)}</p>"
    parts = [f"<b>{html.escape(axis_title(column))}</b>", html.escape(feature.meaning), html.escape(feature.formula)]
    letters = [f"{letter}: {meaning}" for letter, meaning in _LETTERS.items() if re.search(rf"\b{letter}\b", parts[2])]
    if letters:
        parts.append(f"({'; '.join(letters)})")
    return "<p>" + "<br>".join(parts) + f"</p><p>Column: {html.escape(column)}</p>"
