"""What finding particles in a volume by a 3D network will take, told from a block in its middle."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_cathode.progress import Progress, Steps, drain
from napari_cathode.tomogram import Tomogram

from .models import open_model
from .network import kept_network
from .parameters import IdentifyParameters
from .predict_3d import block_sizes, check_volume, factors_of, iter_candidates, iter_select, with_thresholds
from .working_volume import working_shape

TIMED_EDGE = 56
"""Edge in working voxels of the block that is timed."""
CANDIDATE_BYTES = 2.2
"""Arrays of the candidates are held so many times at the peak: all, the likely ones again, and lists of neighbours."""


@dataclass(frozen=True)
class VolumeCosts:
    """What a 3D network and what follows it take.

    Attributes
    ----------
    fed_s : float
        Seconds for each working voxel that the network is fed, margins included.
    voxel_s : float
        Seconds of all else for each working voxel.
    fed_bytes : float
        Memory for each working voxel that the network is fed at once.
    candidate_bytes : float
        Memory of the candidates for each working voxel.
    divisor : tuple of int
        Sizes that suit the network are multiples of it; blocks are cut by it.
    """

    fed_s: float
    voxel_s: float
    fed_bytes: float
    candidate_bytes: float
    divisor: tuple[int, ...] = (1, 1, 1)


def iter_time_block(
    tomogram: Tomogram, parameters: IdentifyParameters, clock: Callable[[], float]
) -> Steps[tuple[str, float, VolumeCosts]]:
    """Find the particles of a block in the middle of a volume, and time it.

    Returns
    -------
    backend : str
        Where the network computes, as people call it.
    working_px : float
        Particle diameter in working voxels; 0 when volumes keep their size.
    costs : VolumeCosts
    """
    check_volume(tomogram)
    yield Progress(0, 3, "Loading the model")
    network = kept_network(open_model(parameters.model_3d, 3))
    info = network.info
    wanted = with_thresholds(parameters, info)
    yield Progress(1, 3, "Timing a block of the volume")
    factors = factors_of(tomogram, wanted, info)
    middle = []
    for size, factor in zip(tomogram.shape, factors, strict=True):
        edge = min(size, max(1, round(TIMED_EDGE / factor)))
        middle.append(((size - edge) // 2, (size - edge) // 2 + edge))
    part = tomogram.part((middle[0], middle[1], middle[2]))
    working = working_shape(part.shape, factors)
    blocks = block_sizes(working, info.divisor)  # several where voxels are far thicker than particles
    fed = max(blocks, key=math.prod)
    noise = np.random.default_rng(0).random(fed, np.float32)
    network.run_block(noise[: info.divisor[0] * 2, : info.divisor[1] * 2])  # warms up
    started = clock()
    network.run_block(noise)
    fed_s = (clock() - started) / math.prod(fed)
    network_s = fed_s * sum(map(math.prod, blocks))
    yield Progress(2, 3, "Timing a block of the volume")
    drain(iter_candidates(network, part, wanted))  # what is compiled on its first call is not timed
    started = clock()
    candidates, scale = drain(iter_candidates(network, part, wanted))
    drain(iter_select(candidates, wanted, part, scale))
    rest_s = max(clock() - started - network_s, 0.05 * network_s)
    count = math.prod(working)
    costs = VolumeCosts(
        fed_s,
        rest_s / count,
        network.pixel_bytes,
        len(candidates.probability) / count * 4 * (info.n_rays + 4) * CANDIDATE_BYTES,
        info.divisor,
    )
    return network.backend, info.diameter_px or 0.0, costs


def estimate_volume(
    costs: VolumeCosts, tomogram: Tomogram, parameters: IdentifyParameters, working_px: float
) -> tuple[float, float]:
    """Give seconds, and bytes beside the tomogram and the process itself, that finding its particles takes."""
    assert parameters.diameter_um is not None
    spacing = tomogram.spacing_um or (1.0, 1.0, 1.0)
    z, y, x = (edge * working_px / parameters.diameter_um if working_px else 1.0 for edge in spacing)
    working = working_shape(tomogram.shape, (z, y, x))
    blocks = [math.prod(block) for block in block_sizes(working, costs.divisor)]
    voxels = math.prod(working)
    seconds = sum(blocks) * costs.fed_s + voxels * costs.voxel_s
    held = voxels * (2 + costs.candidate_bytes) + 4.0 * math.prod(tomogram.shape)
    return seconds, held + max(blocks) * costs.fed_bytes
