"""The colours of a particle set in its layer: by a value, each its own, and those that a filter leaves."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels

from napari_cathode.session import ParticleSet

from .colours import ColourScale, recolour, scale_for, show_only


def scale_of(particles: ParticleSet) -> ColourScale | None:
    """Give the colour scale of a particle set, None while each particle has a colour of its own."""
    colouring = particles.colouring
    if colouring is None:
        return None
    return scale_for(particles.values(colouring)[1], colouring, particles.names_of(colouring))


def show_colours(layer: Labels, particles: ParticleSet, plain: Any) -> bool:
    """Show particles in their colours; ``plain`` is the colour map in which each has its own. See `recolour`."""
    colouring, shown = particles.colouring, particles.shown if particles.filter.hide_others else None
    if colouring is not None:
        ids, values = particles.values(colouring)
        return recolour(layer, ids, values, scale_for(values, colouring, particles.names_of(colouring)), shown)
    if shown is not None:
        return show_only(layer, shown, plain)
    layer.colormap = plain
    return True
