"""Predictions of a view made of labels alone, so that 2D labels of any tool can be fused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps, drain
from napari_cathode.tomogram import Spacing, check_spacing

if TYPE_CHECKING:
    from napari_cathode.identify import ViewPrediction


def iter_prediction_from_labels(view: str, labels: npt.NDArray[Any], spacing_um: Spacing) -> Steps[ViewPrediction]:
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
        filled[index] = _depth(np.asarray(plane, dtype=np.int32), in_plane)
        if index % 8 == 0:
            yield Progress(index, len(planes), f"Measuring depths in {view} slices")
    return ViewPrediction(
        view=view,
        labels=labels.astype(np.int32, copy=False),
        probability=probability,
        spacing_um=spacing_um,
        parameters=None,
    )


def prediction_from_labels(view: str, labels: npt.NDArray[Any], spacing_um: Spacing) -> ViewPrediction:
    """Make the prediction of a view from 2D labels: `iter_prediction_from_labels` run to its end."""
    return drain(iter_prediction_from_labels(view, labels, spacing_um))


def _depth(plane: npt.NDArray[np.int32], in_plane: list[float]) -> npt.NDArray[np.float32]:
    """Give each pixel its distance to its section's outline, as a share of the section's largest one."""
    depth = np.zeros(plane.shape, dtype=np.float32)
    for label, box in enumerate(ndimage.find_objects(plane), start=1):
        if box is None:
            continue
        # One pixel around it, so that the image's border cuts a section without counting as its outline's middle.
        mask = np.pad(plane[box] == label, 1)
        distance = ndimage.distance_transform_edt(mask, sampling=in_plane)[1:-1, 1:-1]
        inside = mask[1:-1, 1:-1]
        depth[box][inside] = distance[inside] / distance.max()
    return depth
