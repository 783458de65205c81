"""A look at a tomogram before particles are looked for: how long it will take, how much memory, and what to watch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_cathode.progress import Progress, Steps
from napari_cathode.tomogram import Tomogram

from .diameter import estimate_diameter
from .models import open_model
from .network import cores, fed, kept_network
from .parameters import IdentifyParameters
from .predict import FINDERS, Finder, check_diameter, diameter_in_view
from .rescale import as_grey
from .survey_3d import VolumeCosts, estimate_volume, iter_time_block
from .views import VIEW_AXIS, check_views, sample_values, whole_views

TIMED_EDGE, SHORT_EDGE = 384, 64
"""Edges in working pixels of the two squares that are timed."""
DEFAULT_WORKING_PX = 24.0
"""Particle diameter in pixels in which the work of methods without a model is counted."""
PROCESS_BYTES = 330e6
"""What the process takes with its libraries and a network (measured, `benchmarks/estimate.py`)."""
VOXEL_BYTES = 12.0
"""Labels (int32) and probability (float16) of each voxel and view: in the process, and once more as they arrive."""
TILE_MARGIN = 160
"""Pixels around a tile's core that a network of the usual depth is fed as well."""

REFERENCE_S = 0.021
"""What `_slowness` timed where the other steps were (`napari_cathode.whole_run`)."""


@dataclass(frozen=True)
class Survey:
    """What is known of a tomogram before its particles are found.

    Attributes
    ----------
    parameters : IdentifyParameters
        What was looked at, with the diameter that was given or estimated.
    notes : tuple of str
        What a person should know before trusting the result.
    backend : str
        Where the network computes, as people call it.
    slice_s : float
        Seconds for each slice, however small.
    pixel_s : float
        Seconds for each working pixel.
    working_px : float
        Particle diameter in working pixels; 0 when images keep their size.
    pixel_bytes : float
        Memory for each working pixel of what the network sees at once.
    fused : tuple of float, optional
        ``slice_s`` and ``pixel_s`` where several views will be fused; the same when left out.
    slowness : float
        Seconds that this computer takes just now for what took one second where other steps were timed.
    margin : int
        Pixels around a tile that are looked at as well; 0 where slices are not tiled.
    most : float
        Working pixels that are looked at at once, at most, where slices are tiled.
    others : tuple of (str, Survey)
        Views that have a model of their own, and what is known of it.
    volume : VolumeCosts, optional
        Of a 3D network; what is said of slices and pixels above then means nothing.
    """

    parameters: IdentifyParameters
    notes: tuple[str, ...]
    backend: str
    slice_s: float
    pixel_s: float
    working_px: float
    pixel_bytes: float
    fused: tuple[float, float] | None = None
    slowness: float = 1.0
    margin: int = TILE_MARGIN
    most: float = 2.5e6
    others: tuple[tuple[str, Survey], ...] = ()
    volume: VolumeCosts | None = None

    def of_view(self, view: str) -> Survey:
        """Give what is known of the model for a view."""
        return dict(self.others).get(view, self)


@dataclass(frozen=True)
class Estimate:
    """What finding the particles will take.

    Attributes
    ----------
    seconds : float
        Time, without the seconds that libraries take to load.
    memory : float
        Bytes at the peak, beside the tomogram itself.
    """

    seconds: float
    memory: float


def iter_survey(
    tomogram: Tomogram, parameters: IdentifyParameters, clock: Callable[[], float] = time.perf_counter
) -> Steps[Survey]:
    """Estimate the particle diameter, compare the image with the training data, and time a piece of it.

    Two squares from the middle of a few xy slices are timed, network, suppression and drawing together: the speed
    depends on the computer, on the model, and on how crowded the image is. Where several views will be fused the
    threshold is lower, and the suppression has several times as much to do; that is timed by itself. So is each model
    where views have models of their own. For a 3D network a block in the middle is timed.

    Parameters
    ----------
    tomogram : Tomogram
        What will be looked at, or a part of it.
    parameters : IdentifyParameters
        How.
    clock : callable
        Gives seconds; those of the processor (`time.process_time`) where another program's load must not count.

    Returns
    -------
    Survey

    Raises
    ------
    InputError
        As `iter_identify`.
    """
    if parameters.diameter_um is None:
        yield Progress(0, 3, "Estimating the particle diameter")
        sample_values(tomogram)
        parameters = replace(parameters, diameter_um=estimate_diameter(tomogram))
    check_diameter(tomogram, parameters)
    if parameters.method == "stardist3d":
        backend, working, costs = yield from iter_time_block(tomogram, parameters, clock)
        slow = _slowness(clock)
        return Survey(parameters, (), backend, 0.0, 0.0, working, 0.0, slowness=slow, volume=costs)
    views = [] if tomogram.is_slice or parameters.method != "stardist2d" else ["xz", "yz"]
    own = [view for view in views if parameters.model_of(view) != parameters.model_of("xy")]
    done, total = 1, 3 + 2 * len(own)
    found: dict[str, Survey] = {}
    for view in ("xy", *own):
        yield Progress(done, total, "Loading the model")
        wanted = parameters.for_view(view)
        finder = FINDERS[parameters.method](tomogram, wanted, False)
        yield Progress(done + 1, total, "Timing a piece of the image")
        found[view] = _survey_finder(tomogram, finder, wanted, clock)
        done += 2
    survey = found.pop("xy")
    notes = tuple(dict.fromkeys(note for one in (survey, *found.values()) for note in one.notes))
    yield Progress(total, total, "Surveyed")
    return replace(survey, parameters=parameters, notes=notes, slowness=_slowness(clock), others=tuple(found.items()))


def _survey_finder(
    tomogram: Tomogram, finder: Finder, wanted: IdentifyParameters, clock: Callable[[], float]
) -> Survey:
    """Time one way of finding particles in the xy slices of a tomogram; thresholds that ``wanted`` leaves open vary."""
    parameters = finder.parameters
    network = parameters.method == "stardist2d"
    working, pixel_bytes, most = DEFAULT_WORKING_PX, 40.0, math.inf
    if network:
        runs = kept_network(open_model(parameters.model))
        working, pixel_bytes, most = runs.info.diameter_px or 0.0, runs.pixel_bytes, runs.most
    diameter_px = diameter_in_view(tomogram, parameters, "xy")
    pieces = _pieces(tomogram, _factors(working, diameter_px))
    _seconds(finder, pieces[0][1], diameter_px, clock)  # warms everything up
    slice_s, pixel_s = _costs(finder, pieces, diameter_px, clock)
    fused = None
    if network and not tomogram.is_slice:
        fused = _costs(FINDERS[parameters.method](tomogram, wanted, True), pieces, diameter_px, clock)
    margin = TILE_MARGIN if network else 0
    return Survey(
        parameters,
        finder.notes,
        finder.backend,
        slice_s,
        pixel_s,
        working,
        pixel_bytes,
        fused,
        margin=margin,
        most=most,
    )


Piece = tuple[float, npt.NDArray[Any]]
"""Working pixels of a piece of the image, and the piece."""


def _pieces(tomogram: Tomogram, factors: tuple[float, float]) -> list[Piece]:
    """Give pieces to be timed: a small one and, from up to three slices, large ones."""
    depth = tomogram.shape[0]
    found = []
    for edge, index in (
        (SHORT_EDGE, depth // 2),
        *((TIMED_EDGE, i) for i in sorted({depth // 4, depth // 2, 3 * depth // 4})),
    ):
        image = as_grey(tomogram.data[index])
        window = tuple(
            slice(max(0, (n - round(edge / f)) // 2), (n + round(edge / f)) // 2 + 1)
            for n, f in zip(image.shape, factors, strict=True)
        )
        found.append((_working_pixels(image[window].shape, factors), image[window]))
    return found


def _costs(
    finder: Finder, pieces: list[Piece], diameter_px: tuple[float, float], clock: Callable[[], float]
) -> tuple[float, float]:
    """Give seconds for a slice, however small, and for each working pixel."""
    times = [(pixels, _seconds(finder, piece, diameter_px, clock)) for pixels, piece in pieces]
    (few, short), large = times[0], times[1:]
    many, long = (float(np.mean(values)) for values in zip(*large, strict=True))
    pixel_s = max(long - short, 0.2 * long) / max(many - few, 0.5 * many)
    return max(short - few * pixel_s, 0.002), pixel_s


def _slowness(clock: Callable[[], float]) -> float:
    """Time a computation that stands for those of the other steps."""
    block = np.random.default_rng(0).random((96, 96, 96), np.float32)
    times = []
    for _ in range(5):
        started = clock()
        ndimage.gaussian_filter(block, 2.0)
        times.append(clock() - started)
    return float(np.median(times)) / REFERENCE_S


def estimate(survey: Survey, tomogram: Tomogram, views: Sequence[str]) -> Estimate:
    """Estimate what finding the particles of a tomogram takes.

    Parameters
    ----------
    survey : Survey
        Of this tomogram, or of the one that it is a part of.
    tomogram : Tomogram
        Only its shape and spacing count.
    views : sequence of str
        As `iter_identify` takes them; a 3D network has none.
    """
    assert survey.parameters.diameter_um is not None
    if survey.volume is not None:
        seconds, held = estimate_volume(survey.volume, tomogram, survey.parameters, survey.working_px)
        return Estimate(seconds, PROCESS_BYTES + held)
    chosen = whole_views(tomogram, check_views(tomogram, views), survey.parameters.diameter_um)
    seconds, largest = 0.0, 0.0
    for view in chosen:
        own, axis = survey.of_view(view), VIEW_AXIS[view]
        slice_s, pixel_s = own.fused if own.fused is not None and len(chosen) > 1 else (own.slice_s, own.pixel_s)
        shape = tuple(size for i, size in enumerate(tomogram.shape) if i != axis)
        factors = _factors(own.working_px, diameter_in_view(tomogram, survey.parameters, view))
        working = (math.ceil(shape[0] * factors[0]), math.ceil(shape[1] * factors[1]))
        tile = pixels = math.prod(working)
        if own.margin:
            tile, pixels = fed(working, cores(working, own.margin, own.margin, own.most), own.margin)
        largest = max(largest, tile * own.pixel_bytes)
        seconds += tomogram.shape[axis] * (slice_s + pixel_s * pixels)
    voxels = float(np.prod(tomogram.shape))
    memory = PROCESS_BYTES + len(chosen) * voxels * VOXEL_BYTES + largest
    return Estimate(seconds, memory)


def _factors(working_px: float, diameter_px: tuple[float, float]) -> tuple[float, float]:
    """Give working pixels per pixel along the axes of a slice."""
    if not working_px:
        return 1.0, 1.0
    return working_px / diameter_px[0], working_px / diameter_px[1]


def _working_pixels(shape: Sequence[int], factors: tuple[float, float]) -> float:
    return max(1.0, shape[0] * factors[0]) * max(1.0, shape[1] * factors[1])


def _seconds(finder: Finder, image: Any, diameter_px: tuple[float, float], clock: Callable[[], float]) -> float:
    started = clock()
    for _ in finder.iter_find(image, None, diameter_px):
        pass
    return clock() - started
