"""Figures as data URIs that stand inside the page, the same bytes for the same figure."""

from __future__ import annotations

import base64
import io
from typing import Any


def png(figure: Any, dpi: int = 150) -> str:
    """Give a matplotlib figure as a PNG data URI; for pictures with many pixels of their own."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None}, pil_kwargs={"optimize": True})
    return _uri("image/png", buffer.getvalue())


def svg(figure: Any) -> str:
    """Give a matplotlib figure as an SVG data URI, without the date and random names that matplotlib puts in."""
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "napari-cathode", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", dpi=200, metadata={"Date": None, "Creator": None})
    return _uri("image/svg+xml", buffer.getvalue())


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
