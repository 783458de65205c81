"""Keys on the picture, and what napari's brush needs on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .walking import walk

if TYPE_CHECKING:
    from .link import Link

NEXT_KEY, BEFORE_KEY, INSPECT_KEY = ".", ",", "I"
"""The plain arrows step napari's sliders."""

UNDO_KEYS = ("Control-Z", "Control-Shift-Z")


def bind_keys(viewer: Any, link: Link) -> None:
    """Let keys on the picture select, walk, inspect, undo and redo."""
    session = link.session

    def clear(_viewer: Any) -> None:
        """Clear the selection of particles."""
        session.selection = ()

    def go_on(_viewer: Any) -> None:
        """Go to the next particle in the order of the table."""
        walk(session, 1)

    def go_back(_viewer: Any) -> None:
        """Go to the particle before in the order of the table."""
        walk(session, -1)

    acts = {"Escape": clear, NEXT_KEY: go_on, BEFORE_KEY: go_back, INSPECT_KEY: _inspect}
    for key, act in acts.items():
        viewer.bind_key(key, act, overwrite=True)
    bind_undo(viewer, link)


def bind_undo(target: Any, link: Link) -> None:
    """Let the keys that undo and redo go back in the particles' history, with whatever layer and panel one is busy."""

    def undo(_target: Any) -> None:
        """Take the last edit of the particles back."""
        link.undo()

    def redo(_target: Any) -> None:
        """Repeat the edit of the particles that was undone last."""
        link.redo()

    for key, act in zip(UNDO_KEYS, (undo, redo), strict=True):
        target.bind_key(key, act, overwrite=True)


def _inspect(viewer: Any) -> None:
    """Open the Inspector."""
    from napari_cathode.widgets.docks import INSPECTOR, open_dock

    open_dock(viewer, INSPECTOR)


def spare_the_brush(viewer: Any) -> None:
    """Let the circle of the brush have no box behind it.

    napari 0.9 draws the box, which nobody sees, also when the circle and the layers below have gone; with Mesa that
    ends the program, as when a project is opened after labels were painted.
    """
    circle = getattr(viewer.canvas.overlays, "_brush_circle", None) if hasattr(viewer, "canvas") else None
    if circle is not None:
        circle.box = False
