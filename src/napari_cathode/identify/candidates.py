"""Candidates: the sparse part of the network's output, from which particles are drawn again with other thresholds.

Suppression goes through the candidates by falling probability, and none is ever suppressed by a less probable one. The
survivors above a probability are therefore those among all survivors that lie above it: another probability threshold
needs no suppression at all, another overlap needs one, and neither needs the network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from napari_cathode.progress import Progress, Steps

from .polygon_kernels import survivors
from .rescale import BoolArray, FloatArray
from .stardist2d import Polygons, candidates, draw_polygons
from .views import VIEW_AXIS

FLOOR = 0.1
"""Object probability below which nothing is kept; thresholds can be lowered to it."""

LARGEST_STORE = 2 << 30
"""Bytes of candidates that a run keeps on disk; with more, only previews can be adjusted."""


@dataclass(frozen=True, eq=False)
class Candidates:
    """What the network proposes in one slice, by falling probability.

    Attributes
    ----------
    centres : ndarray of int32, shape (n, 2)
        (y, x) in working pixels.
    distances : ndarray of float32, shape (n, n_rays)
        From the centre to the outline, in working pixels.
    probability : ndarray of float32, shape (n,)
        Object probability.
    shape : tuple of int
        Size (y, x) of the slice in its own pixels.
    scale : tuple of float
        Working pixels per pixel of the slice (y, x).
    inside : ndarray of bool, shape (y, x), or None
        Field of view; None when that is everywhere.
    """

    centres: npt.NDArray[np.int32]
    distances: FloatArray
    probability: FloatArray
    shape: tuple[int, int]
    scale: tuple[float, float]
    inside: BoolArray | None = None

    def __len__(self) -> int:
        return len(self.probability)

    def above(self, probability: float) -> Candidates:
        """Give those that are more probable."""
        return self._some(slice(0, int(np.count_nonzero(self.probability > probability))))

    def suppressed(self, overlap: float) -> Candidates:
        """Give those that survive StarDist's non-maximum suppression.

        Parameters
        ----------
        overlap : float
            Candidates that overlap a more probable survivor by more than this share of the smaller area go.
        """
        return self._some(survivors(self.centres, self.distances, overlap))

    def draw(self) -> npt.NDArray[np.int32]:
        """Draw all of them as labels, shape (y, x); see `draw_polygons`."""
        polygons = Polygons(self.centres, self.distances, self.probability)
        return draw_polygons(polygons, self.shape, self.scale, self.inside)

    def _some(self, which: Any) -> Candidates:
        return replace(
            self,
            centres=self.centres[which],
            distances=self.distances[which],
            probability=self.probability[which],
        )


def collect(
    probability: FloatArray,
    distance: FloatArray,
    grid: tuple[int, int],
    shape: tuple[int, int],
    scale: tuple[float, float],
    inside: BoolArray | None = None,
    floor: float = FLOOR,
) -> Candidates:
    """Take the candidates out of the network's output.

    Parameters
    ----------
    probability : ndarray of float32, shape (y, x)
        Object probability on the network's grid.
    distance : ndarray of float32, shape (y, x, n_rays)
        Ray distances in working pixels.
    grid : tuple of int
        Working pixels per grid point (y, x).
    shape, scale, inside
        As `Candidates` has them.
    floor : float
        Those of at most this probability are left out.
    """
    centres, values, distances = candidates(probability, distance, grid, floor)
    return Candidates(centres, distances, values, shape, scale, inside)


@dataclass(frozen=True)
class _Place:
    """Where the candidates of a slice lie in the files of its view."""

    index: int
    first: int
    count: int
    shape: tuple[int, int]
    scale: tuple[float, float]


@dataclass(frozen=True, eq=False)
class StoredCandidates:
    """The candidates of all slices of a run, in a folder.

    Attributes
    ----------
    folder : Path
        Where they lie.
    n_rays : int
        Rays of a polygon.
    shape : tuple of int
        Shape (z, y, x) of what was looked at.
    field_of_view : ndarray of bool or None
        As `Tomogram` has it.
    views : mapping of str to list
        The slices of each view.
    """

    folder: Path
    n_rays: int
    shape: tuple[int, int, int]
    field_of_view: BoolArray | None
    views: Mapping[str, list[_Place]]

    def slices(self, view: str) -> list[int]:
        """Give the numbers of the slices of a view."""
        return [place.index for place in self.views[view]]

    def read(self, view: str, number: int) -> Candidates:
        """Read the candidates of the slice that is ``number`` in the list of a view."""
        place = self.views[view][number]
        n, rays = place.count, self.n_rays
        centres = np.fromfile(self.folder / f"{view}.centres", np.int32, 2 * n, offset=8 * place.first)
        distances = np.fromfile(self.folder / f"{view}.distances", np.float32, rays * n, offset=4 * rays * place.first)
        probability = np.fromfile(self.folder / f"{view}.probability", np.float32, n, offset=4 * place.first)
        inside = None
        if self.field_of_view is not None:
            at = tuple(place.index if i == VIEW_AXIS[view] else slice(None) for i in range(3))
            inside = np.asarray(np.broadcast_to(self.field_of_view, self.shape)[at])
        return Candidates(
            centres.reshape(n, 2), distances.reshape(n, rays), probability, place.shape, place.scale, inside
        )


@dataclass
class CandidateWriter:
    """Writes the candidates of a run, slice by slice, into a folder.

    Attributes
    ----------
    folder : Path
        An empty folder.
    """

    folder: Path
    _views: dict[str, list[_Place]] = field(default_factory=dict)
    _files: dict[str, list[IO[bytes]]] = field(default_factory=dict)
    _bytes: int = 0
    _n_rays: int = 0

    def add(self, view: str, index: int, candidates: Candidates) -> None:
        """Write the candidates of a slice."""
        if self._bytes > LARGEST_STORE:
            return
        if view not in self._files:
            names = ("centres", "distances", "probability")
            self._files[view] = [(self.folder / f"{view}.{name}").open("wb") for name in names]
        places = self._views.setdefault(view, [])
        first = places[-1].first + places[-1].count if places else 0
        places.append(_Place(index, first, len(candidates), candidates.shape, candidates.scale))
        self._n_rays = candidates.distances.shape[1]
        for file, array in zip(
            self._files[view], (candidates.centres, candidates.distances, candidates.probability), strict=True
        ):
            file.write(np.ascontiguousarray(array).tobytes())
            self._bytes += array.nbytes

    def close(self, shape: tuple[int, int, int], field_of_view: BoolArray | None) -> StoredCandidates | None:
        """Finish; gives None, and removes the files, where there are no candidates or too many."""
        for files in self._files.values():
            for file in files:
                file.close()
        if self._views and self._bytes <= LARGEST_STORE:
            return StoredCandidates(self.folder, self._n_rays, shape, field_of_view, self._views)
        for files in self._files.values():
            for file in files:
                Path(file.name).unlink(missing_ok=True)
        return None


def iter_redraw(stored: StoredCandidates, probability: float, overlap: float) -> Steps[dict[str, npt.NDArray[Any]]]:
    """Draw the particles of all slices of a run anew, with other thresholds.

    Parameters
    ----------
    stored : StoredCandidates
        What the run kept.
    probability, overlap : float
        The thresholds.

    Yields
    ------
    Progress
        In slices.

    Returns
    -------
    dict of str to ndarray of int32, shape (z, y, x)
        Labels by view, as `iter_identify` would have made them with these thresholds.
    """
    total = sum(len(places) for places in stored.views.values())
    done = 0
    made: dict[str, npt.NDArray[Any]] = {}
    for view in stored.views:
        labels = made[view] = np.zeros(stored.shape, np.int32)
        for number, index in enumerate(stored.slices(view)):
            yield Progress(done, total, f"Drawing {view} slices")
            where = tuple(index if i == VIEW_AXIS[view] else slice(None) for i in range(3))
            labels[where] = stored.read(view, number).above(probability).suppressed(overlap).draw()
            done += 1
    yield Progress(total, total, "Drawn")
    return made


Keeper = Callable[[str, int, Candidates], None]
"""Called with view, index and candidates of each slice that was looked at."""
