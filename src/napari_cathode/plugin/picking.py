"""Clicks on the canvas: which particle is meant."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any

import numpy as np
from napari.layers import Labels

CLICK_PX = 4.0
"""A press and release further apart than this is a drag."""

LEFT_BUTTON, RIGHT_BUTTON = 1, 2

_BUSY_MODES = frozenset({"paint", "fill", "erase", "polygon", "pick", "add_points", "direct", "transform"})


_claimed: set[int] = set()


def claim_mouse(viewer: Any, claimed: bool) -> None:
    """Keep clicks from selecting particles while something else is done with the mouse, or let them again."""
    (_claimed.add if claimed else _claimed.discard)(id(viewer))


def click_callback(
    on_click: Callable[[Any, bool], None], button: int = LEFT_BUTTON
) -> Callable[[Any, Any], Generator[None, None, None]]:
    """Make a mouse callback for ``viewer.mouse_drag_callbacks`` that tells clicks from drags.

    Parameters
    ----------
    on_click : callable
        Called with the event and whether Shift was held.
    button : int
        `LEFT_BUTTON` or `RIGHT_BUTTON`.
    """

    def watch(viewer: Any, event: Any) -> Generator[None, None, None]:
        if event.button != button or _is_drawing(viewer):
            return
        start = np.asarray(event.pos, float)
        shift = "Shift" in event.modifiers
        yield
        while event.type == "mouse_move":
            if np.abs(np.asarray(event.pos, float) - start).max() > CLICK_PX:
                return
            yield
        on_click(event, shift)

    return watch


def _is_drawing(viewer: Any) -> bool:
    """Whether the mouse belongs to a tool at the moment."""
    if id(viewer) in _claimed:
        return True
    active = viewer.layers.selection.active
    mode = str(getattr(active, "mode", "pan_zoom"))
    return active is not None and (mode in _BUSY_MODES or mode.startswith(("add_", "select", "vertex")))


def label_at(layer: Labels, event: Any) -> int:
    """Give the label under the mouse; 0 for background, hidden layers and labels in a transparent colour.

    In 3D the first visible particle along the line of sight counts.
    """
    value = layer.get_value(
        event.position,
        view_direction=event.view_direction,
        dims_displayed=list(event.dims_displayed),
        world=True,
    )
    if isinstance(value, tuple):  # (level, value) of a multiscale layer
        value = value[1]
    label = int(value or 0)
    if label == 0 or _visible(layer, np.array([label]))[0]:
        return label
    return _first_visible(layer, event) if len(event.dims_displayed) == 3 else 0


def _visible(layer: Labels, labels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(layer.colormap.map(labels))[:, 3] > 0


def _first_visible(layer: Labels, event: Any) -> int:
    """Follow the line of sight through particles in a transparent colour, which napari itself would report."""
    followed = _follow_ray(layer, event)
    if followed is None:
        return 0
    labels = followed[1]
    seen = labels[(labels != 0) & _visible(layer, labels)]
    return int(seen[0]) if seen.size else 0


def middle_along_ray(layer: Labels, event: Any, label: int) -> np.ndarray[Any, Any] | None:
    """Give the voxel half way through a particle where the line of sight meets it first, None where it does not."""
    followed = _follow_ray(layer, event)
    if followed is None:
        return None
    points, labels = followed
    seen = np.flatnonzero(labels == label)
    if not seen.size:
        return None
    gaps = np.flatnonzero(np.diff(seen) > 1)
    last = seen[gaps[0]] if gaps.size else seen[-1]
    return np.asarray(points[(seen[0] + last) // 2], float)


def _follow_ray(layer: Labels, event: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]] | None:
    """Give the voxels along the line of sight, and the labels there."""
    data = layer.data
    start, end = layer.get_ray_intersections(
        event.position, event.view_direction, dims_displayed=list(event.dims_displayed), world=True
    )
    if start is None or end is None or not isinstance(data, np.ndarray):
        return None
    count = int(2 * np.abs(end - start).max()) + 2
    points = np.rint(np.linspace(start, end, count)).astype(np.int64)
    points = np.clip(points, 0, np.array(data.shape) - 1)
    return points, data[tuple(points.T)]
