"""Words that messages share."""

from __future__ import annotations


def particles_in_words(count: int) -> str:
    """Write a number of particles: "1 particle", "2 particles"."""
    return "1 particle" if count == 1 else f"{count} particles"
