"""The network of a StarDist model: images in, object probabilities and ray distances out.

ONNX Runtime runs it, on a graphics card where there is one. On the processor, 2D networks of StarDist's usual make run
with our own convolutions, which need half the time (`unet`).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from napari_cathode.cores import usable_cores

from .models import OpenModel
from .providers import on_card, open_session, processor
from .rescale import FloatArray
from .unet import Runner, read_unet

TILE = 1024
"""Edge in working pixels that a tile's core has about, or more; smaller ones waste time on their margins."""
MEMORY = 1.2e9
"""Bytes that a piece may take with 32 filters, margins included."""


def cores(shape: tuple[int, ...], margin: int, divisor: int, most: float) -> tuple[int, ...]:
    """Choose the cores of tiles that cost the fewest pixels in all, margins included.

    Parameters
    ----------
    shape : tuple of int
        Shape of the image.
    margin : int
        Pixels around a core that the network is fed as well.
    divisor : int
        Cores are multiples of it.
    most : float
        Pixels that a tile may have.

    Returns
    -------
    tuple of int
        Edges of the core: the whole image, or such that no tile has more than ``most`` pixels.
    """

    def cost(core: tuple[int, ...]) -> tuple[float, int]:
        largest, pixels = fed(shape, core, margin)
        return max(0, largest - most), pixels

    parts = (range(1, -(-size // TILE) + 1) for size in shape)
    edges = (
        {-(-size // (count * divisor)) * divisor for count in counts} for size, counts in zip(shape, parts, strict=True)
    )
    return min(itertools.product(*edges), key=cost)


def fed(shape: tuple[int, ...], core: tuple[int, ...], margin: int) -> tuple[int, int]:
    """Give the pixels of the largest tile and of all tiles, margins included."""
    largest = pixels = 1
    for size, edge in zip(shape, core, strict=True):
        tiles = [min(size, start + edge + margin) - max(0, start - margin) for start in range(0, size, edge)]
        largest, pixels = largest * max(tiles), pixels * sum(tiles)
    return largest, pixels


class Network:
    """A StarDist2D or StarDist3D network, ready to run on a graphics card that can be used, or on the processor.

    Parameters
    ----------
    model : OpenModel
        The model.
    threads : int, optional
        Threads to compute in; the cores that this process may use when left out.

    Attributes
    ----------
    backend : str
        Where it computes, as people call it.
    pixel_bytes : float
        Memory for each working pixel that it is fed at once.
    most : float
        Working pixels that it is fed at once, at most.
    """

    def __init__(self, model: OpenModel, threads: int | None = None) -> None:
        cores = threads or usable_cores()
        self.info = model.info
        self._session: Any = None
        self.backend = processor(cores)
        if model.onnx is not None:
            self._session, self.backend = open_session(str(model.onnx), _options(cores), cores)
            self._input = self._session.get_inputs()[0].name
        self._runner = None if self._session and on_card(self._session) else self._own_runner(cores)
        of_filter = _own_pixel_bytes(self.info.grid) if self._runner else _pixel_bytes(self.info.grid)
        self.pixel_bytes = of_filter * self.info.filters
        self.most = MEMORY / (of_filter * 32)

    def _own_runner(self, cores: int) -> Runner | None:
        """Give what runs the network with our own convolutions, where that gives what ONNX Runtime gives."""
        unet = read_unet(self.info)
        if unet is None:
            return None
        runner = Runner(unet, cores)
        if self._session is None:
            return runner
        image = np.random.default_rng(0).random([2 * edge for edge in self.info.divisor], dtype=np.float32)
        same = all(
            np.allclose(one, other, rtol=1e-3, atol=1e-3)
            for one, other in zip(runner.run(image), self._run_session(image), strict=True)
        )
        return runner if same else None

    @property
    def margin(self) -> int:
        """Pixels around an output that can influence it, rounded up to the divisor."""
        divisor = max(self.info.divisor)
        return -(-self.info.reach // divisor) * divisor

    def iter_predict(self, image: FloatArray) -> Iterator[tuple[FloatArray, FloatArray] | None]:
        """Run the network; yields None after each tile but the last, and at last the result.

        Parameters
        ----------
        image : ndarray of float32, shape (y, x), or (z, y, x) for a 3D network
            Normalised and rescaled image.

        Yields
        ------
        None, or in the end a tuple
            Object probability (0…1), shape (⌈y / grid⌉, ⌈x / grid⌉), and distances in pixels along the rays, shape
            (⌈y / grid⌉, ⌈x / grid⌉, n_rays), both float32; likewise in 3D.
        """
        grid, divisor = self.info.grid, self.info.divisor
        # As StarDist pads: at the end of each axis, mirrored.
        padded = np.pad(image, [(0, -size % step) for size, step in zip(image.shape, divisor, strict=True)], "reflect")
        if padded.size <= self.most:
            probability, distance = self._run(padded)
        else:
            shape = tuple(size // step for size, step in zip(padded.shape, grid, strict=True))
            probability = np.empty(shape, np.float32)
            distance = np.empty((*shape, self.info.n_rays), np.float32)
            core = cores(padded.shape, self.margin, max(divisor), self.most)
            for outer, inner, target in self.tiles(padded.shape, core, self.margin):
                part_probability, part_distance = self._run(padded[outer])
                probability[target] = part_probability[inner]
                distance[target] = part_distance[inner]
                yield None
        kept = tuple(slice(-(-size // step)) for size, step in zip(image.shape, grid, strict=True))
        yield probability[kept], _with_area(distance[kept])

    def predict(self, image: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Run the network on an image; see `iter_predict`."""
        *_, result = self.iter_predict(image)
        assert result is not None
        return result

    def run_block(self, block: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Run the network on a part of an image that `tiles` cut; where its size does not suit, it is mirrored."""
        shape = block.shape
        padding = [(0, -size % step) for size, step in zip(shape, self.info.divisor, strict=True)]
        probability, distance = self._run(np.pad(block, padding, "reflect"))
        kept = tuple(slice(-(-size // step)) for size, step in zip(shape, self.info.grid, strict=True))
        return probability[kept], _with_area(distance[kept])

    def forget(self) -> None:
        """Give back the memory that is kept for the next image of the same size."""
        if self._runner is not None:
            self._runner.forget()

    def _run(self, image: FloatArray) -> tuple[FloatArray, FloatArray]:
        image = np.ascontiguousarray(image, np.float32)
        return self._runner.run(image) if self._runner else self._run_session(image)

    def _run_session(self, image: FloatArray) -> tuple[FloatArray, FloatArray]:
        outputs = self._session.run(None, {self._input: image[None, ..., None]})
        probability, distance = sorted(outputs[:2], key=lambda array: array.shape[-1])
        return probability[0, ..., 0], distance[0]

    def tiles(
        self, shape: tuple[int, ...], core: tuple[int, ...], margin: int
    ) -> Iterator[tuple[tuple[slice, ...], ...]]:
        """Cut an image into overlapping tiles.

        Parameters
        ----------
        shape : tuple of int
            Shape of the image.
        core : tuple of int
            Edges of a tile's core in pixels, multiples of the network's divisor.
        margin : int
            Pixels around the core that the network is fed as well, a multiple of the network's divisor.

        Yields
        ------
        outer, inner, target : tuple of slice
            The pixels that the network is fed, and the core's grid points in the tile's output and in the whole output.
        """
        for starts in itertools.product(*(range(0, size, edge) for size, edge in zip(shape, core, strict=True))):
            outer, inner, target = [], [], []
            for start, size, edge, step in zip(starts, shape, core, self.info.grid, strict=True):
                stop = min(start + edge, size)
                first, last = max(0, start - margin), min(size, stop + margin)
                outer.append(slice(first, last))
                inner.append(slice((start - first) // step, -(-(stop - first) // step)))
                target.append(slice(start // step, -(-stop // step)))
            yield tuple(outer), tuple(inner), tuple(target)


def _pixel_bytes(grid: tuple[int, ...]) -> float:
    """Give what ONNX Runtime holds for each working pixel of a piece, times the filters of the network's first level.

    Measured with grids of 1, 2 and 4, as is `_own_pixel_bytes`: the finer the grid, the more pixels the levels have.
    """
    return 10.0 + 16.0 / math.prod(grid)


def _own_pixel_bytes(grid: tuple[int, ...]) -> float:
    """Give what our own convolutions hold, likewise."""
    return 32.0 / min(math.prod(grid), 8)


def _options(cores: int) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = cores
    options.inter_op_num_threads = 1
    # Threads that wait should sleep: between two slices others need the cores.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return options


def _with_area(distance: FloatArray) -> FloatArray:
    """Raise distances, in place, so that each polygon has an area."""
    return np.maximum(distance, np.float32(1e-3), out=distance)


_kept: list[tuple[OpenModel, tuple[int, int], Network]] = []


def kept_network(model: OpenModel) -> Network:
    """Give the network of a model, the same as last time while nothing of it has changed: opening takes a while."""
    file = model.onnx or model.info.weights
    assert file is not None
    stat = file.stat()
    stamp = (stat.st_mtime_ns, stat.st_size)
    for known, of_file, network in tuple(_kept):
        if (known, of_file) == (model, stamp):
            return network
    network = Network(model)
    _kept[:] = [(model, stamp, network)]
    return network  # not what is kept: another thread may have opened another model meanwhile
