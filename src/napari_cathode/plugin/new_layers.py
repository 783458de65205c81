"""Labels layers of ours: how they are made, and how they come into the viewer."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels, Layer

from .layers import place_like


def labels_layer(
    labels: Any, name: str, spacing_um: Any, like: Layer | None = None, first: tuple[int, int, int] = (0, 0, 0)
) -> Labels:
    """Make a layer of labels (z, y, x); a slice lies flat unless its image has a third dimension."""
    flat = labels.shape[0] == 1 and (like is None or like.ndim == 2)
    data = labels[0] if flat else labels
    return Labels(data, name=name, **place_like(like, spacing_um, data.ndim, first))


def insert_layer(viewer: Any, layer: Labels) -> None:
    """Add a layer; the viewer stays at its slice."""
    point = viewer.dims.point
    viewer.add_layer(layer)
    if len(point) == viewer.dims.ndim and len(viewer.layers) > 1:
        viewer.dims.point = point
