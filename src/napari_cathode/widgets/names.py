"""Names, units and definitions of columns, as the screen shows them."""

from __future__ import annotations

import html

from napari_cathode.explain.names import axis_title, display_name, unit_of
from napari_cathode.measure import FEATURES

__all__ = ["axis_title", "display_name", "tooltip", "unit_of"]


def tooltip(column: str) -> str:
    """Say what a column means and how it is defined, as rich text that wraps."""
    feature = FEATURES.get(column)
    if feature is None:
        return f"<p>{html.escape(column)}</p>"
    parts = [f"<b>{html.escape(axis_title(column))}</b>", html.escape(feature.meaning), html.escape(feature.formula)]
    return "<p>" + "<br>".join(parts) + f"</p><p>Column: {html.escape(column)}</p>"
