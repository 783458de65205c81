"""The keys that work on the picture and in the panels, as the help lists them."""

from __future__ import annotations

from .viewer_keys import BEFORE_KEY, INSPECT_KEY, NEXT_KEY

KEYS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    ("Everywhere", (("Ctrl + Shift + S", "save the project"),)),
    (
        "On the picture",
        (
            ("Click", "select a particle"),
            ("Shift + click", "add it to the selection, or take it out"),
            ("Escape", "select nothing"),
            (NEXT_KEY, "go to the next particle, in the order of the table"),
            (BEFORE_KEY, "go to the particle before"),
            (INSPECT_KEY, "open the Inspector"),
            ("Ctrl + Z", "take the last edit of the labels back"),
            ("Ctrl + Shift + Z", "repeat it"),
        ),
    ),
    (
        "While Edit particles is open",
        (
            ("J", "merge the selected particles"),
            ("Delete", "delete them"),
            ("K", "split the selected particle"),
            ("Enter", "accept the split that is shown"),
        ),
    ),
    (
        "In a review, while Fuse views or Edit particles is open",
        (
            ("N", "go to the next particle to review"),
            ("Shift + N", "go back in the review"),
            ("A", "accept the particle"),
            ("D", "exclude the particle"),
        ),
    ),
    (
        "In the table",
        (
            ("↑ ↓", "go from row to row"),
            ("Ctrl + C", "copy the selected rows"),
            ("Escape", "select nothing"),
        ),
    ),
    (
        "napari's own",
        (
            ("← →", "step through the slices"),
            ("Ctrl + Y", "switch between 2D and 3D"),
            ("Ctrl + E", "look along another axis"),
            ("Ctrl + R", "show everything"),
            ("V", "hide or show the layer"),
        ),
    ),
)
"""Groups of (keys, what they do)."""
