"""Ways of joining the pieces of *hybrid* and *watershed*: average linkage, as shipped, beside multicuts.

``python benchmarks/fuse_joining.py [--size 160] [--seeds 11 12 13] [--choose] [--network CONDITION …]``

The pieces are the same, and so is what the views say of each two neighbours; only what makes particles of them differs.
A multicut parts the graph of pieces so that the sum of the costs of the edges that are cut is the least. A pair that
the views part in a share p of n cases costs n^a · log((1 − p)/p · t/(1 − t)): parting it costs if p < t and pays if
p > t. The multicut is found by greedy additive edge contraction (Keuper et al., ICCV 2015), after which
Kernighan–Lin's moves of single pieces go on while they pay. Exponent a and threshold t were chosen on the seeds 1, 2
and 3 (``--choose``).
Without ``--network`` views have the faults of ``fuse_accuracy.py``; with it they are what the networks see of the
conditions of ``accuracy_3d.py``, on seed 9101. "joined by truth" gives each piece to the true particle that it shares
most with.
"""

from __future__ import annotations

import argparse
import heapq
from dataclasses import replace

import numpy as np
from accuracy_3d import CONDITIONS, electrode
from fuse_network import joined_by_truth
from stardist.matching import matching

from napari_cathode.fuse import FuseParameters, Fuser
from napari_cathode.fuse.cuts import decide
from napari_cathode.fuse.fusion import with_smoothing
from napari_cathode.fuse.methods import _iter_pieces
from napari_cathode.fuse.pieces import Graph
from napari_cathode.fuse.tidy import iter_fill
from napari_cathode.identify import IdentifyParameters, identify
from napari_cathode.progress import drain
from napari_cathode.simulate.faults import FAULTS, faulty_views
from napari_cathode.simulate.packed import packed_particles

CHOSEN = {"hybrid": (1.0, 0.05), "watershed": (1.0, 0.02)}
GRID = [(exponent, threshold) for exponent in (0.0, 1.0) for threshold in (0.02, 0.05, 0.1, 0.2)]
DIAMETER = 31.0


def multicut(graph: Graph, exponent: float, threshold: float) -> np.ndarray:
    """Give the part (0 …) of each piece, the background's first."""
    count = (graph.one + graph.two).astype(float)
    parted = (graph.two + 2.0) / (count + 4.0)
    weight = (count + 1) ** exponent * (np.log((1 - parted) / parted) - np.log((1 - threshold) / threshold))
    near: list[dict[int, float]] = [{} for _ in graph.voxels]
    for (a, b), w in zip(graph.pairs.tolist(), weight.tolist(), strict=True):
        near[a][b] = near[b][a] = w
    first = [dict(one) for one in near]
    owner = np.arange(len(near))
    heap = [(-w, a, b) for a, others in enumerate(near) for b, w in others.items() if a < b and w > 0]
    heapq.heapify(heap)
    while heap:
        w, a, b = heapq.heappop(heap)
        if near[a].get(b) != -w:
            continue
        owner[b] = a
        del near[a][b], near[b][a]
        for other, further in near[b].items():
            del near[other][b]
            near[a][other] = near[other][a] = near[a].get(other, 0.0) + further
            if near[a][other] > 0:
                heapq.heappush(heap, (-near[a][other], min(a, other), max(a, other)))
        near[b] = {}
    while not np.array_equal(owner, owner[owner]):
        owner = owner[owner]
    _move(first, owner)
    return np.unique(owner, return_inverse=True)[1]


def _move(near: list[dict[int, float]], owner: np.ndarray) -> None:
    """Move single pieces to the part that gains most, in place, while that pays."""
    fresh = len(owner)
    for _ in range(20):
        moved = False
        for piece in range(1, len(owner)):
            gain: dict[int, float] = {int(owner[piece]): 0.0}
            for other, w in near[piece].items():
                gain[int(owner[other])] = gain.get(int(owner[other]), 0.0) + w
            best = max(gain, key=gain.__getitem__)
            if max(gain[best], 0.0) > gain[int(owner[piece])] + 1e-9:
                owner[piece], fresh, moved = (best, fresh, True) if gain[best] > 0 else (fresh, fresh + 1, True)
        if not moved:
            return


def condensed(graph: Graph, part: np.ndarray) -> Graph:
    """Give the graph of parts."""
    n = int(part.max()) + 1
    pairs = np.sort(part[graph.pairs], axis=1)
    across = pairs[:, 0] != pairs[:, 1]
    keys, place = np.unique(pairs[across, 0] * n + pairs[across, 1], return_inverse=True)
    one, two = (np.bincount(place, counts[across], keys.size).astype(np.int64) for counts in (graph.one, graph.two))
    faces = np.zeros((n, 6), dtype=np.int64)
    np.add.at(faces, part, graph.faces)
    voxels = np.bincount(part, graph.voxels, n).astype(np.int64)
    return Graph(np.stack([keys // n, keys % n], 1).astype(np.int32), one, two, voxels, faces)


def ways(views, spacing, truth, grid):
    """Give each way of joining with its labels."""
    for method in ("hybrid", "watershed"):
        parameters = FuseParameters(method=method)
        fuser = Fuser(views, spacing, keep=False)
        pieces, _, graph = drain(_iter_pieces(fuser, with_smoothing(parameters, spacing)))
        yield f"{method}, average linkage", drain(iter_fill(decide(graph, parameters, spacing)[0][pieces]))
        for exponent, threshold in grid or [CHOSEN[method]]:
            part = multicut(graph, exponent, threshold)
            table = decide(condensed(graph, part), replace(parameters, split_merge=0.0), spacing)[0]
            yield f"{method}, multicut {exponent:g} {threshold:g}", drain(iter_fill(table[part][pieces]))
        yield f"{method}, joined by truth", joined_by_truth(pieces, truth)


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    reader.add_argument("--size", type=int, default=160)
    reader.add_argument("--seeds", type=int, nargs="+")
    reader.add_argument("--choose", action="store_true", help="all exponents and thresholds, on the seeds 1, 2, 3")
    reader.add_argument("--network", nargs="+", default=[], choices=list(CONDITIONS))
    given = reader.parse_args()
    seeds = given.seeds or ([9101] if given.network else [1, 2, 3] if given.choose else [11, 12, 13])
    print(f"{given.size} voxels, seeds {seeds}\n{'views':<16} {'way':<32}  AP50  AP70")
    for condition in given.network or ["standard", "hard"]:
        rows: dict[str, list[tuple[float, float]]] = {}
        for seed in seeds:
            if given.network:
                tomogram, truth, diameter_um = electrode(CONDITIONS[condition], given.size, seed)
                views, spacing = identify(tomogram, IdentifyParameters(diameter_um=diameter_um)), tomogram.spacing_um
            else:
                spacing = (1.0, 1.0, 1.0)
                truth = packed_particles((given.size,) * 3, seed, diameter=DIAMETER)
                views = faulty_views(truth, spacing, FAULTS[condition], seed)
            for way, labels in ways(views, spacing, truth, GRID if given.choose else []):
                found = np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
                half, most = matching(truth, found, thresh=(0.5, 0.7))
                rows.setdefault(way, []).append((half.accuracy, most.accuracy))
        for way, several in rows.items():
            print(
                f"{condition:<16} {way:<32} " + " ".join(f"{value:5.3f}" for value in np.mean(several, 0)), flush=True
            )


if __name__ == "__main__":
    main()
