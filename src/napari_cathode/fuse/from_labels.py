"""Predictions of a view made of labels alone, so that 2D labels of any tool can be fused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from napari_cathode.compile import jit
from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps, drain
from napari_cathode.tomogram import Spacing, check_spacing

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction


def iter_prediction_from_labels(
    view: str, labels: npt.NDArray[Any], spacing_um: Spacing, distances: bool = False
) -> Steps[ViewPrediction]:
    """Make the prediction of a view from 2D labels (of Cellpose, Fiji or by hand).

    The probability is that which StarDist learns: in each section of each particle the distance to its outline,
    divided by the largest one in that section (Schmidt et al., MICCAI 2018, section 2.1).

    Parameters
    ----------
    view : {"xy", "xz", "yz"}
        The plane in which the labels were made.
    labels : ndarray of integers, shape (z, y, x)
        Labels on the tomogram's grid; they may start anew in each slice of the view.
    spacing_um : tuple of float
        Voxel edge lengths (z, y, x) in µm.
    distances : bool
        Whether mean radial distances are measured, too.

    Yields
    ------
    Progress
        In slices.

    Returns
    -------
    ViewPrediction
        With the labels as they are and the probability as float16.

    Raises
    ------
    InputError
        When the labels are not whole numbers in three dimensions or the view is unknown.
    """
    from napari_cathode.identify import VIEW_AXIS, ViewPrediction

    if view not in VIEW_AXIS:
        raise InputError(f"There is no view {view!r}; choose one of {', '.join(VIEW_AXIS)}.")
    if labels.ndim != 3 or labels.dtype.kind not in "iub":
        raise InputError(
            f"The labels of view {view} are of type {labels.dtype} in {labels.ndim} dimensions; "
            "labels are whole numbers in three dimensions (z, y, x)."
        )
    spacing_um = check_spacing(spacing_um, f"view {view}")
    axis = VIEW_AXIS[view]
    planes = np.moveaxis(labels, axis, 0)
    in_plane = [length for direction, length in enumerate(spacing_um) if direction != axis]
    probability = np.zeros(labels.shape, dtype=np.float16)
    filled = np.moveaxis(probability, axis, 0)
    for index, plane in enumerate(planes):
        filled[index] = _depths(_numbered(plane), in_plane[0], in_plane[1])
        if index % 8 == 0:
            yield Progress(index, len(planes), f"Measuring depths in {view} slices")
    distance = (yield from iter_mean_distance(view, labels, spacing_um)) if distances else None
    return ViewPrediction(
        view=view,
        labels=labels.astype(np.int32, copy=False),
        probability=probability,
        spacing_um=spacing_um,
        parameters=None,
        distance=distance,
    )


def prediction_from_labels(
    view: str, labels: npt.NDArray[Any], spacing_um: Spacing, distances: bool = False
) -> ViewPrediction:
    """Make the prediction of a view from 2D labels: `iter_prediction_from_labels` run to its end."""
    return drain(iter_prediction_from_labels(view, labels, spacing_um, distances))


def _numbered(plane: npt.NDArray[Any]) -> npt.NDArray[np.int32]:
    """Give a slice whose largest label is no larger than it has pixels: the kernels keep a value for each number."""
    plane = np.ascontiguousarray(plane, dtype=np.int64 if plane.dtype.itemsize > 4 else np.int32)
    if plane.size and int(plane.max()) > plane.size:
        ids, place = np.unique(plane, return_inverse=True)
        return np.where(ids > 0, np.arange(1, ids.size + 1), 0)[place].reshape(plane.shape).astype(np.int32)
    return plane.astype(np.int32, copy=False)


def iter_mean_distance(view: str, labels: Any, spacing_um: Spacing) -> Steps[npt.NDArray[np.float16]]:
    """Measure how far each pixel's section reaches, averaged over 32 directions in the slice.

    This is the mean of the radial distances that StarDist learns (Schmidt et al., MICCAI 2018, section 2).

    Returns
    -------
    ndarray of float16, shape (z, y, x)
        In voxels of the finest edge; 0 outside of sections.
    """
    from napari_cathode.identify import VIEW_AXIS

    axis = VIEW_AXIS[view]
    first, second = (length for direction, length in enumerate(spacing_um) if direction != axis)
    mean = np.zeros(labels.shape, dtype=np.float16)
    planes, filled = np.moveaxis(labels, axis, 0), np.moveaxis(mean, axis, 0)
    for index, plane in enumerate(planes):
        filled[index] = _mean_radius(
            np.ascontiguousarray(plane, dtype=np.int32), first / min(spacing_um), second / min(spacing_um)
        )
        if index % 8 == 0:
            yield Progress(index, len(planes), f"Measuring distances in {view} slices")
    return mean


@jit
def _depths(plane, step_y, step_x):  # type: ignore[no-untyped-def]
    """Give each pixel its distance to its section's outline, as a share of the section's largest one.

    The exact distance to the nearest pixel of another label: along rows first, then along columns, where a pixel
    needs to look no farther than the shortest distance found so far. Beyond the image lies another label.
    """
    ny, nx = plane.shape
    row = np.empty((ny, nx), dtype=np.float32)
    for y in range(ny):
        last = -1
        for x in range(nx):
            if x > 0 and plane[y, x] != plane[y, x - 1]:
                last = x - 1
            row[y, x] = x - last
        last = nx
        for x in range(nx - 1, -1, -1):
            if x < nx - 1 and plane[y, x] != plane[y, x + 1]:
                last = x + 1
            row[y, x] = (min(row[y, x], last - x) * step_x) ** 2
    depth = np.zeros((ny, nx), dtype=np.float32)
    largest = np.zeros(plane.max() + 1, dtype=np.float32)
    for y in range(ny):
        for x in range(nx):
            label = plane[y, x]
            if label <= 0:
                continue
            best = row[y, x]
            for way in (-1, 1):
                other = y + way
                while True:
                    down = ((other - y) * step_y) ** 2
                    if down >= best:
                        break
                    if other < 0 or other >= ny or plane[other, x] != label:
                        best = down
                        break
                    best = min(best, down + row[other, x])
                    other += way
            depth[y, x] = np.sqrt(best)
            largest[label] = max(largest[label], depth[y, x])
    for y in range(ny):
        for x in range(nx):
            if plane[y, x] > 0:
                depth[y, x] /= largest[plane[y, x]]
    return depth


@jit
def _mean_radius(plane, step_y, step_x):  # type: ignore[no-untyped-def]
    """Walk from each pixel in 32 directions, in steps of one voxel of the finest edge, to the end of its section."""
    ny, nx = plane.shape
    mean = np.zeros((ny, nx), dtype=np.float32)
    for ray in range(32):
        angle = 2 * np.pi * ray / 32
        dy, dx = np.sin(angle) / step_y, np.cos(angle) / step_x
        for y in range(ny):
            for x in range(nx):
                label = plane[y, x]
                if label <= 0:
                    continue
                length = 0
                while True:
                    length += 1
                    oy, ox = int(np.rint(y + length * dy)), int(np.rint(x + length * dx))
                    if oy < 0 or oy >= ny or ox < 0 or ox >= nx or plane[oy, ox] != label:
                        break
                mean[y, x] += length - 0.5
    return mean / 32
