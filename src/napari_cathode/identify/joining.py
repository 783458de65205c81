"""Parts of one particle that a 3D network proposes as several: found by what it sees where they touch, and by shape."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_cathode.progress import Progress, Steps, stretch

from .polyhedra import Polyhedra

JOINED = 0.3
"""Parts are joined where what is seen through their face, times the power `SHAPE` of how convex they are together, is
more than this. Chosen by ``benchmarks/accuracy_3d.py --joining`` on simulated volumes that nothing else is measured
on."""
SHAPE = 4.0
LEAST_SEEN = 0.25
"""Share of the lower probability of two parts that the network sees at least on the face of one particle's."""
AT_ONCE = 64
"""Bodies or pairs between two chances to cancel."""
WHAT = "Joining parts of particles"
LEAST_FACE = 4
"""Pairs of neighbouring grid points that tell; fewer leave it to chance."""


def iter_join(
    candidates: Polyhedra,
    labels: npt.NDArray[np.int32],
    probability: npt.NDArray[np.float32],
    scale: tuple[float, float, float],
    joined: float = JOINED,
) -> Steps[npt.NDArray[np.intp]]:
    """Join labels that are parts of one particle, in place.

    One star-shaped body cannot reach into all corners of a long plate, so that two or three are found in it. Two things
    tell. The object probability is high inside a particle and low at its surface, where two particles touch. And parts
    of one particle make a body that fills its convex hull about as well as they fill their own, while two particles
    leave a notch where they touch. Parts that are surest to belong together are joined first, and what they make is
    judged as one body from then on.

    Parameters
    ----------
    candidates : Polyhedra
        All candidates of the volume; they lie on a grid of working voxels, and where none lies the probability is 0.
    labels : ndarray of int32, shape (z, y, x)
        Labels 1…n in order of falling probability; those of joined parts become that of the most probable one, and all
        are numbered anew, without gaps.
    probability : ndarray of float32, shape (n,)
        Object probability of each label.
    scale : tuple of float
        Working voxels per voxel (z, y, x).
    joined : float
        See `JOINED`.

    Yields
    ------
    Progress
        In thousandths.

    Returns
    -------
    ndarray of int
        Which of the former labels, counted from 0, gives each new one its number.
    """
    n = len(probability)
    if n < 2:
        return np.arange(n)
    pairs: list[npt.NDArray[Any]] = [np.zeros(0, np.int64)]
    faces: list[npt.NDArray[Any]] = [np.zeros(0)]
    sums: list[npt.NDArray[Any]] = [np.zeros(0)]
    grid = [max(1, int(np.gcd.reduce(axis.astype(np.int64)))) for axis in candidates.centres.T]
    at = (candidates.centres / grid).astype(np.int64)
    by_layer = np.argsort(at[:, 0], kind="stable")
    begins = np.searchsorted(at[by_layer, 0], np.arange(at[:, 0].max() + 2))
    # Where the points of the grid lie in the tomogram.
    places = [
        np.clip(np.round((np.arange(last + 1) * step + 0.5) / factor - 0.5).astype(np.int64), 0, size - 1)
        for last, step, factor, size in zip(at.max(axis=0), grid, scale, labels.shape, strict=True)
    ]
    before: tuple[Any, Any] | None = None
    layers = len(places[0])
    for layer in range(layers):
        if layer % 16 == 0:
            yield Progress(600 * layer // layers, 1000, WHAT)
        here = by_layer[begins[layer] : begins[layer + 1]]
        seen = np.zeros((len(places[1]), len(places[2])), np.float32)
        seen[at[here, 1], at[here, 2]] = candidates.probability[here]
        own = labels[places[0][layer]][np.ix_(places[1], places[2])]
        neighbours = [(own[1:], seen[1:], own[:-1], seen[:-1]), (own[:, 1:], seen[:, 1:], own[:, :-1], seen[:, :-1])]
        if before is not None:
            neighbours.append((own, seen, *before))
        for one, its, other, that in neighbours:
            touch = (one != other) & (one > 0) & (other > 0)
            low, high = np.minimum(one[touch], other[touch]), np.maximum(one[touch], other[touch])
            found, which = np.unique(low.astype(np.int64) * (n + 1) + high, return_inverse=True)
            pairs.append(found)
            faces.append(np.bincount(which, np.ones(len(which)), minlength=len(found)))
            sums.append(np.bincount(which, np.minimum(its, that)[touch], minlength=len(found)))
        before = own, seen
    found, which = np.unique(np.concatenate(pairs), return_inverse=True)
    face = np.bincount(which, np.concatenate(faces), minlength=len(found))
    total = np.bincount(which, np.concatenate(sums), minlength=len(found))
    high = found % (n + 1)  # numbered by falling probability: the lower of the two
    seen_through = total / (face * probability[high - 1])
    doubtful = (face >= LEAST_FACE) & (seen_through > LEAST_SEEN)
    first, second, seen_through = found[doubtful] // (n + 1), high[doubtful], seen_through[doubtful]
    if not len(first):
        return np.arange(n)
    bodies = yield from stretch(_iter_bodies(np.union1d(first, second), labels, places), 600, 800)
    doubts = list(zip(first.tolist(), second.tolist(), seen_through.tolist(), strict=True))
    leader = yield from stretch(_iter_belonging(doubts, bodies, joined, n), 800, 1000)
    return _renumber(labels, leader)


@dataclass(frozen=True, eq=False)
class _Body:
    """Cells of the grid that belong together: the corners of their convex hull, how many, and how full the hull is."""

    corners: npt.NDArray[np.float64]
    cells: int
    fullness: float

    @classmethod
    def within(cls, points: npt.NDArray[Any], cells: int) -> _Body:
        from scipy.spatial import ConvexHull

        hull = ConvexHull(points)
        return cls(points[hull.vertices], cells, cells / hull.volume)

    def joined(self, other: _Body) -> tuple[_Body, float]:
        """Give both as one, and how full its hull is compared with theirs."""
        both = _Body.within(np.concatenate([self.corners, other.corners]), self.cells + other.cells)
        before = (self.fullness * self.cells + other.fullness * other.cells) / both.cells
        return both, both.fullness / before


def _iter_bodies(
    wanted: npt.NDArray[np.intp], labels: npt.NDArray[np.int32], places: list[npt.NDArray[np.int64]]
) -> Steps[dict[int, _Body]]:
    """Collect the cells that some labels have on the grid, layer by layer."""
    asked = np.zeros(int(wanted.max(initial=0)) + 1, bool)
    asked[wanted] = True
    points, owners = [np.zeros((0, 3), np.int64)], [np.zeros(0, np.int32)]
    for z, place in enumerate(places[0]):
        if z % 16 == 0:
            yield Progress(z, 2 * len(places[0]), WHAT)
        own = labels[place][np.ix_(places[1], places[2])]
        y, x = np.nonzero(asked[np.where(own < len(asked), own, 0)])
        points.append(np.column_stack([np.full(len(y), z), y, x]))
        owners.append(own[y, x])
    owner = np.concatenate(owners)
    order = np.argsort(owner, kind="stable")
    cells, owner = np.concatenate(points)[order], owner[order]
    cube = np.array([(z, y, x) for z in (0, 1) for y in (0, 1) for x in (0, 1)])
    bodies = {}
    for number, label in enumerate(wanted.tolist()):
        if number % AT_ONCE == 0:
            yield Progress(len(wanted) + number, 2 * len(wanted), WHAT)
        own = cells[slice(*np.searchsorted(owner, (label, label + 1)))]
        # They lie in rows along x, of which only the ends can be corners of a convex hull.
        turns = (own[1:, :2] != own[:-1, :2]).any(axis=1)
        ends = own[np.append(True, turns) | np.append(turns, True)]
        bodies[label] = _Body.within((ends[:, None] + cube).reshape(-1, 3), len(own))
    return bodies


def _iter_belonging(
    pairs: list[tuple[int, int, float]], bodies: dict[int, _Body], joined: float, n: int
) -> Steps[npt.NDArray[np.intp]]:
    """Tell for each label 0…n of which it is a part, itself or a lower one; bodies become those of what is joined."""

    def sure(seen: float, one: int, other: int) -> float:
        return float(seen * bodies[one].joined(bodies[other])[1] ** SHAPE)

    by_sureness = []
    for number, (one, other, seen) in enumerate(pairs):
        if number % AT_ONCE == 0:
            yield Progress(number, 2 * len(pairs), WHAT)
        by_sureness.append((sure(seen, one, other), one, other, seen))
    leader = np.arange(n + 1)
    for number, (before, one, other, seen) in enumerate(sorted(by_sureness, reverse=True)):
        if number % AT_ONCE == 0:
            yield Progress(len(pairs) + number, 2 * len(pairs), WHAT)
        one, other = sorted((int(leader[one]), int(leader[other])))
        if before > joined and one != other and sure(seen, one, other) > joined:
            bodies[one] = bodies[one].joined(bodies[other])[0]
            leader[leader == other] = one
    return leader


def _renumber(labels: Any, leader: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Give joined parts one number, without gaps, and tell which labels, counted from 0, lead."""
    leaders = np.flatnonzero(leader == np.arange(len(leader)))[1:]
    if len(leaders) < len(leader) - 1:
        rank = np.zeros(len(leader), np.int32)
        rank[leaders] = np.arange(1, len(leaders) + 1)
        numbers = rank[leader]
        for plane in labels:
            plane[:] = numbers[plane]
    return leaders - 1
