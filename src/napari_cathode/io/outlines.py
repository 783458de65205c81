"""An outline that a person drew, and the pixels inside it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError

Pixels = tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]


@dataclass(frozen=True, eq=False)
class Outline:
    """One particle.

    Attributes
    ----------
    name : str
        What people call it in messages ("Region 3").
    parts : tuple of ndarray, each of shape (n, 2)
        Closed polygons (y, x) in the annotation's coordinates, in which pixel i covers i … i + 1.
    mask : ndarray of bool, shape (y, x), optional
        The pixels themselves, where the file holds a mask instead of polygons.
    category : str
        Its class, "" without one.
    """

    name: str
    parts: tuple[npt.NDArray[np.float64], ...] = ()
    mask: npt.NDArray[np.bool_] | None = None
    category: str = ""

    def pixels(self, shape: tuple[int, int]) -> Pixels:
        """Give the pixels of a picture of this shape (y, x) whose centres lie inside, as rows and columns."""
        from skimage.draw import polygon

        if self.mask is not None:
            rows, columns = np.nonzero(self.mask[: shape[0], : shape[1]])
            return rows, columns
        # The library has pixel centres at whole numbers.
        drawn = [polygon(part[:, 0] - 0.5, part[:, 1] - 0.5, shape) for part in self.parts]  # type: ignore[no-untyped-call]
        return np.concatenate([one[0] for one in drawn]), np.concatenate([one[1] for one in drawn])

    def bounds(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Give the smallest and the largest (y, x)."""
        points = np.argwhere(self.mask).astype(float) if self.mask is not None else np.concatenate(self.parts)
        if not len(points):
            return np.zeros(2), np.zeros(2)
        return points.min(axis=0), points.max(axis=0)


@dataclass(frozen=True, eq=False)
class AnnotatedImage:
    """The outlines in one image.

    Attributes
    ----------
    name : str
        The image's file name, as the annotation states it.
    outlines : tuple of Outline
        Its particles.
    shape : tuple of int, optional
        The image's size (y, x), where the annotation states it.
    folders : tuple of str
        Further folders in which the image may lie, from that of the annotation file.
    """

    name: str
    outlines: tuple[Outline, ...]
    shape: tuple[int, int] | None = None
    folders: tuple[str, ...] = ()


def polygon_points(xs: Any, ys: Any, what: str) -> npt.NDArray[np.float64]:
    """Make points (y, x) of two lists.

    Raises
    ------
    InputError
        When they are no numbers, differ in length, or are fewer than three corners.
    """
    try:
        x, y = np.asarray(xs, float), np.asarray(ys, float)
    except (TypeError, ValueError):
        raise InputError(f"{what} has corners that are no numbers; export the annotations again.") from None
    if x.ndim != 1 or x.shape != y.shape or not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise InputError(f"{what} has corners that are no pairs of numbers; export the annotations again.")
    if len(x) < 3:
        raise InputError(f"{what} has {len(x)} corners; an outline needs at least three, so delete it or draw it anew.")
    return np.column_stack([y, x])


def ellipse_points(cx: float, cy: float, rx: float, ry: float, theta: float = 0.0) -> npt.NDArray[np.float64]:
    """Give points (y, x) on an ellipse; ``theta`` (radians) turns it from x towards y, clockwise on the screen."""
    count = max(64, math.ceil(2 * math.pi * max(rx, ry)))
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    along, across = rx * np.cos(angle), ry * np.sin(angle)
    return np.column_stack(
        [
            cy + along * math.sin(theta) + across * math.cos(theta),
            cx + along * math.cos(theta) - across * math.sin(theta),
        ]
    )
