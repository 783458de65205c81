"""Whether an image's grey values belong to the voxels of some labels."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_cathode.errors import InputError
from napari_cathode.plugin.layers import shape_of, spacing_of, tomogram_of, um_factor
from napari_cathode.session import ParticleSet
from napari_cathode.tomogram import Spacing, Tomogram

_SAME_SPACING = 1e-3
"""Relative; files round."""


def grey_values_of(particles: ParticleSet, layer: Any) -> tuple[Tomogram | None, str]:
    """Give the grey values on the grid of the labels, and what is to be said of them.

    Parameters
    ----------
    particles : ParticleSet
        Found in a part of a tomogram, they keep the grey values of that part.
    layer : Image or None
        The image that is chosen; without one there are no grey values.

    Raises
    ------
    InputError
        When the image has another shape or voxel size than the labels.
    """
    if layer is None:
        return None, ""
    shape, own, chosen = tuple(particles.labels.shape), particles.tomogram, tomogram_of(layer)
    if chosen.shape == shape:
        check_same_spacing(particles, chosen)
        return chosen, ""
    if own is None or own.shape != shape:
        raise InputError(
            f"The image {layer.name} has {_times(chosen.shape)} voxels, the labels {particles.name} {_times(shape)}; "
            "choose the image that the labels belong to."
        )
    if own.overlaps(chosen):
        check_same_spacing(particles, chosen)
        return own, ""
    return own, f"{layer.name} has another shape than the labels; measured were the grey values they were found in."


def differ(particles: ParticleSet, layer: Any) -> bool:
    """Whether labels and an image of their shape state voxel sizes that cannot both be right."""
    if layer is None or tomogram_of(layer).shape != tuple(particles.labels.shape):
        return False
    return not _same(particles.spacing_um, spacing_of(layer))


def check_same_spacing(particles: ParticleSet, tomogram: Tomogram) -> None:
    """Raise `InputError` when labels and their image state different voxel sizes."""
    labels, image = particles.spacing_um, tomogram.spacing_um
    if labels is not None and image is not None and not _same(labels, image):
        raise InputError(
            f"The labels {particles.name} state voxels of {_lengths(labels)} µm, the image {tomogram.name} of "
            f"{_lengths(image)} µm (z × y × x). Correct the one that is wrong, the labels' in Particle features, the "
            "image's in Start here; or choose the image that the labels belong to."
        )


def apart(labels: Any, image: Any) -> str:
    """Say that the picture shows an image of the labels' shape elsewhere than the labels, "" where it does not.

    Parameters
    ----------
    labels : Labels
    image : Image or None
    """
    if image is None or shape_of(image) != shape_of(labels):
        return ""
    spacing = spacing_of(labels)
    if spacing is None or spacing_of(image) is None:
        return ""
    size, voxel = np.array(shape_of(labels)), np.array(spacing[-labels.ndim :])
    far = np.abs(_corners(labels, size) - _corners(image, size))
    if np.all(far <= (0.5 + _SAME_SPACING * size) * voxel):
        return ""
    return (
        f"The picture shows {labels.name} and {image.name} {far.max():.3g} µm apart. They were measured voxel by "
        "voxel, as if they lay on each other."
    )


def _corners(layer: Any, size: Any) -> np.ndarray[Any, Any]:
    """Give the places of the first and the last voxel in µm."""
    factors = [um_factor(unit) for unit in layer.units]
    return np.array([layer.data_to_world(corner) for corner in (np.zeros(len(size)), size - 1)]) * factors


def _same(one: Spacing | None, other: Spacing | None) -> bool:
    return one is None or other is None or bool(np.allclose(one, other, rtol=_SAME_SPACING, atol=0))


def _times(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _lengths(spacing: Spacing) -> str:
    return " × ".join(f"{length:.4g}" for length in spacing)
