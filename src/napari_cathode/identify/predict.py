"""The identification step: particles in every slice of every view."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from napari_cathode.errors import InputError
from napari_cathode.progress import Progress, Steps, drain
from napari_cathode.tomogram import Tomogram

from .candidates import FLOOR, Candidates, Keeper, collect
from .diameter import estimate_diameter
from .models import open_model
from .network import kept_network
from .parameters import IdentifyParameters
from .rescale import BoolArray, FloatArray, grey_range, rescale, resize_to
from .stardist2d import draw_polygons, select_polygons
from .unlike import unlike_training
from .views import (
    VIEW_AXIS,
    ViewPrediction,
    check_views,
    informative,
    iter_slices,
    sample_values,
    volume_grey_range,
    whole_views,
)
from .watershed import otsu_threshold, particle_mask, smooth, watershed_slice

SMALLEST_DIAMETER = 2.0
"""Voxels: below, a particle has no shape."""

Found = tuple[npt.NDArray[np.int32], FloatArray]


class Finder(Protocol):
    """A method that finds particles in a slice.

    Attributes
    ----------
    parameters : IdentifyParameters
        With what was left open filled in.
    backend : str
        Where it computes, as people call it.
    keep : callable or None
        Called with the candidates of each slice, by a method that has any.
    """

    parameters: IdentifyParameters
    backend: str
    keep: Callable[[Candidates], None] | None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know before trusting the result."""
        ...

    def iter_find(
        self, image: npt.NDArray[Any], inside: BoolArray | None, diameter_px: tuple[float, float]
    ) -> Iterator[Found | None]:
        """Find particles; yields None while at work, and at last labels and probability, both of shape (y, x)."""
        ...

    def forget(self) -> None:
        """Give back the memory that is kept from one slice to the next."""
        ...


class StarDistFinder:
    """StarDist2D.

    Parameters
    ----------
    tomogram : Tomogram
        All its slices share one normalisation.
    parameters : IdentifyParameters
        Thresholds that are left open become the model's.
    fused : bool
        Whether several views are found, to be fused.
    """

    def __init__(self, tomogram: Tomogram, parameters: IdentifyParameters, fused: bool) -> None:
        self._network = kept_network(open_model(parameters.model))
        self.backend = self._network.backend
        self.keep: Callable[[Candidates], None] | None = None
        info = self._network.info
        self._working = info.diameter_px
        self._grid = (info.grid[0], info.grid[1])
        probability, overlap = parameters.prob_threshold, parameters.nms_threshold
        if probability is None:
            probability = info.fused_probability_threshold if fused else info.probability_threshold
        self._thresholds = (
            probability,
            info.overlap_threshold if overlap is None else overlap,
        )
        self.parameters = replace(parameters, prob_threshold=self._thresholds[0], nms_threshold=self._thresholds[1])
        self._grey = volume_grey_range(tomogram, parameters.percentile_low, parameters.percentile_high)
        self._tomogram = tomogram

    @cached_property
    def notes(self) -> tuple[str, ...]:
        """What a person should know before trusting the result."""
        return unlike_training(
            [(self._grey.normalise(image), inside) for image, inside in sample_values(self._tomogram)],
            diameter_in_view(self._tomogram, self.parameters, "xy"),
            self._network.info,
            self._is_particle,
        )

    def _is_particle(self, image: FloatArray) -> BoolArray:
        """Give the pixels within particles of a normalised piece at working scale, by the model's own thresholds."""
        info = self._network.info
        probability, distance = self._network.predict(image)
        polygons = select_polygons(
            probability, distance, self._grid, info.probability_threshold, info.overlap_threshold
        )
        return draw_polygons(polygons, (image.shape[0], image.shape[1]), (1.0, 1.0)) > 0

    def iter_find(
        self, image: npt.NDArray[Any], inside: BoolArray | None, diameter_px: tuple[float, float]
    ) -> Iterator[Found | None]:
        """Find particles in a slice; see `Finder`."""
        factors = (1.0, 1.0)
        if self._working is not None:
            factors = (self._working / diameter_px[0], self._working / diameter_px[1])
        shape = (image.shape[0], image.shape[1])
        small = rescale(self._grey.normalise(image), factors)
        scale = (small.shape[0] / shape[0], small.shape[1] / shape[1])
        output = None
        for output in self._network.iter_predict(small):  # noqa: B007
            yield None
        assert output is not None
        probability, distance = output
        if self.keep is not None:
            floor = min(FLOOR, self._thresholds[0])
            self.keep(collect(probability, distance, self._grid, shape, scale, inside, floor))
        polygons = select_polygons(probability, distance, self._grid, *self._thresholds)
        yield None
        labels = draw_polygons(polygons, shape, scale, inside)
        fine = resize_to(probability, shape)
        if inside is not None:
            fine = np.where(inside, fine, np.float32(0))
        yield labels, np.clip(fine, 0, 1)

    def forget(self) -> None:
        """Give memory back; see `Finder`."""
        self._network.forget()


class WatershedFinder:
    """Otsu's threshold and a watershed on the distance transform.

    Parameters
    ----------
    tomogram : Tomogram
        All its slices share one threshold.
    parameters : IdentifyParameters
        ``diameter_um`` is known.
    fused : bool
        As for `StarDistFinder`; the threshold is the image's in both cases.
    """

    def __init__(self, tomogram: Tomogram, parameters: IdentifyParameters, fused: bool) -> None:
        self.parameters = parameters
        self.notes: tuple[str, ...] = ()
        self.backend = "processor, 1 core"
        self.keep: Callable[[Candidates], None] | None = None
        diameter_px = diameter_in_view(tomogram, parameters, "xy")
        raw, smoothed = [], []
        for image, inside in sample_values(tomogram):
            where = informative(image, inside)
            raw.append(image[where])
            smoothed.append(smooth(image, diameter_px)[where])
        grey_range(np.concatenate(raw), 0.0, 100.0, tomogram.name)  # says why an image has no threshold
        self._threshold = otsu_threshold(np.concatenate(smoothed))

    def iter_find(
        self, image: npt.NDArray[Any], inside: BoolArray | None, diameter_px: tuple[float, float]
    ) -> Iterator[Found | None]:
        """Find particles in a slice; see `Finder`."""
        bright = smooth(image, diameter_px) > self._threshold
        if inside is not None:
            bright &= inside
        mask = particle_mask(bright, diameter_px)
        if inside is not None:
            mask &= inside
        yield None
        yield watershed_slice(mask, diameter_px, self.parameters.seed_depth, self.parameters.smallest_share)

    def forget(self) -> None:
        """Do nothing: no memory is kept."""


FINDERS: dict[str, Callable[[Tomogram, IdentifyParameters, bool], Finder]] = {
    "stardist2d": StarDistFinder,
    "watershed": WatershedFinder,
}


def iter_identify(
    tomogram: Tomogram,
    parameters: IdentifyParameters | None = None,
    views: Sequence[str] = ("xy", "xz", "yz"),
    keep: Keeper | None = None,
) -> Steps[dict[str, ViewPrediction]]:
    """Find the particles in every slice of the views.

    Parameters
    ----------
    tomogram : Tomogram
        A volume, or a single slice (then the only view is "xy"). Where the spacing is not known, voxels count as
        cubes with an edge of 1.
    parameters : IdentifyParameters, optional
        How.
    views : sequence of str
        Any of "xy", "xz", "yz"; those whose slices are narrower than a particle are left out (`whole_views`).
    keep : callable, optional
        Called with view, index and `Candidates` of each slice, from which particles can be drawn again with other
        thresholds; never by the watershed, which has none.

    Yields
    ------
    Progress
        In slices of all views.

    Returns
    -------
    dict of str to ViewPrediction
        By view.

    Raises
    ------
    InputError
        When the image is empty, constant or not finite, when the model cannot be used, or when the diameter does not
        suit the image.
    """
    parameters = parameters or IdentifyParameters()
    if parameters.method not in FINDERS:
        raise InputError(
            f"The method {parameters.method} looks at whole volumes, not at slices; choose {' or '.join(FINDERS)} here."
        )
    views = check_views(tomogram, views)
    count = sum(tomogram.shape[VIEW_AXIS[view]] for view in views)
    if parameters.diameter_um is None:
        yield Progress(0, count, "Estimating the particle diameter")
        sample_values(tomogram)
        parameters = replace(parameters, diameter_um=estimate_diameter(tomogram))
    check_diameter(tomogram, parameters)
    assert parameters.diameter_um is not None
    views = whole_views(tomogram, views, parameters.diameter_um)
    count = sum(tomogram.shape[VIEW_AXIS[view]] for view in views)
    yield Progress(0, count, "Loading the model" if parameters.method == "stardist2d" else "Choosing a threshold")
    finders: dict[IdentifyParameters, Finder] = {}
    found: dict[str, ViewPrediction] = {}
    done = 0
    for view in views:
        wanted = parameters.for_view(view)
        if wanted not in finders:
            finders[wanted] = FINDERS[parameters.method](tomogram, wanted, len(views) > 1)
        finder = finders[wanted]
        axis = VIEW_AXIS[view]
        labels = np.zeros(tomogram.shape, np.int32)
        probability = np.zeros(tomogram.shape, np.float16)
        diameter_px = diameter_in_view(tomogram, finder.parameters, view)
        for index, image, inside in iter_slices(tomogram, view):
            if keep is not None:
                finder.keep = partial(keep, view, index)
            where = tuple(index if i == axis else slice(None) for i in range(3))
            for result in finder.iter_find(image, inside, diameter_px):
                yield Progress(done, count, f"Finding particles in {view} slices")
                if result is not None:
                    labels[where], probability[where] = result
            done += 1
        found[view] = ViewPrediction(view, labels, probability, tomogram.spacing_um, finder.parameters, finder.notes)
        finder.forget()  # the next view may have another network, and what is found is fused in the same process
    yield Progress(count, count, "Particles found")
    return found


def identify(
    tomogram: Tomogram,
    parameters: IdentifyParameters | None = None,
    views: Sequence[str] = ("xy", "xz", "yz"),
    on_progress: Callable[[Progress], None] | None = None,
) -> dict[str, ViewPrediction]:
    """Find the particles in every slice of the views; see `iter_identify`."""
    return drain(iter_identify(tomogram, parameters, views), on_progress)


def diameter_in_view(tomogram: Tomogram, parameters: IdentifyParameters, view: str) -> tuple[float, float]:
    """Give the typical particle diameter in pixels along the two axes of a view's slices."""
    assert parameters.diameter_um is not None
    spacing = tomogram.spacing_um or (1.0, 1.0, 1.0)
    first, second = (spacing[i] for i in range(3) if i != VIEW_AXIS[view])
    return parameters.diameter_um / first, parameters.diameter_um / second


def check_diameter(tomogram: Tomogram, parameters: IdentifyParameters) -> None:
    """Raise `InputError` when particles of this diameter cannot be in the image."""
    along_y, along_x = diameter_in_view(tomogram, parameters, "xy")
    unit = "voxels" if tomogram.spacing_um is None else "µm"
    shown = f"The particle diameter of {parameters.diameter_um:g} {unit}"
    if max(along_y, along_x) <= SMALLEST_DIAMETER:
        raise InputError(
            f"{shown} is {max(along_y, along_x):.2g} voxels of {tomogram.name}; it must be more than "
            f"{SMALLEST_DIAMETER:g} voxels: check the diameter and the voxel size."
        )
    if along_y > tomogram.shape[1] and along_x > tomogram.shape[2]:
        raise InputError(f"{shown} is larger than {tomogram.name}; check the diameter and the voxel size.")
